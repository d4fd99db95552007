//! Pages of lists.

/// The requested part of a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PageRange {
    /// At most `limit` items after the first `skip`.
    From {
        /// How many to skip.
        skip: u64,
        /// How many to return at most.
        limit: usize,
    },
    /// The last page, for pages of this size.
    Last(usize),
}

/// A part of a list.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Page<T> {
    /// The requested items; none beyond the end of the list.
    pub items: Vec<T>,
    /// How many come before.
    pub skipped: u64,
    /// The number of items in the list.
    pub total: Total,
    /// Where the next page begins, for lists that can be continued there.
    pub next: Option<String>,
}

/// The number of items in a list.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Total {
    /// Exactly this many.
    Exact(u64),
    /// This many are known; counting the others would cost too much.
    AtLeast(u64),
}

impl PageRange {
    /// The whole list.
    pub const ALL: Self = Self::From { skip: 0, limit: usize::MAX };
    /// The total without any items.
    pub const NOTHING: Self = Self::From { skip: 0, limit: 0 };

    /// How many to skip and how many to return at most, of `total`.
    pub(super) fn of(self, total: u64) -> (u64, usize) {
        match self {
            Self::From { skip, limit } => (skip, limit),
            Self::Last(size) => {
                let size = size.max(1);
                let pages = total.div_ceil(count(size)).max(1);
                ((pages - 1).saturating_mul(count(size)), size)
            }
        }
    }

    /// Cuts this part out of a complete list.
    pub fn cut<T>(self, all: Vec<T>) -> Page<T> {
        let total = count(all.len());
        let (skipped, limit) = self.of(total);
        let skip = usize::try_from(skipped).unwrap_or(usize::MAX);
        Page::new(all.into_iter().skip(skip).take(limit).collect(), skipped, total)
    }
}

impl<T> Page<T> {
    /// A page of a list whose total is known.
    pub fn new(items: Vec<T>, skipped: u64, total: u64) -> Self {
        Self { items, skipped, total: Total::Exact(total), next: None }
    }

    /// The same page with other items in place of its own.
    pub fn with_items<U>(self, items: Vec<U>) -> Page<U> {
        let Self { items: _, skipped, total, next } = self;
        Page { items, skipped, total, next }
    }
}

impl Total {
    /// As far as it is known.
    pub fn number(self) -> u64 {
        match self {
            Self::Exact(number) | Self::AtLeast(number) => number,
        }
    }
}

/// A number of items as a rank in a list.
pub(super) fn count(number: usize) -> u64 {
    u64::try_from(number).unwrap_or(u64::MAX)
}
