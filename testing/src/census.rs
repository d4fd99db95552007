//! A directory of many users with different names, and searches whose matches are known.

use shared::directory::{Caller, PageRange, Rights, Total, UserFilter};
use shared::model::ambient::Ambient as _;
use shared::model::{Flags, Timestamp, User};
use shared::store::{Cost, measured};

use super::{TestApp, insert, insert_named, plain_user};

/// Beginnings and ends of names; none has `j`, `q`, `x` or `z`.
const BEGINNINGS: &[&str] = &[
    "Ab", "Ar", "Be", "Cla", "Da", "El", "Fi", "Ga", "He", "Ir", "Ka", "Lu", "Ma", "Ni", "Os", "Pe", "Ra", "So", "Ta",
    "Vi",
];
const ENDS: &[&str] =
    &["na", "ric", "lan", "bert", "dia", "ton", "gor", "mir", "sa", "win", "leo", "nor", "tha", "rus", "vey"];

/// How many users a page of the measurements has.
pub const PAGE: usize = 20;

/// The users who joined over three years before this one.
pub struct Census {
    /// Where they are.
    pub app: TestApp,
    caller: Caller,
    users: usize,
}

/// What one search found and cost.
#[derive(Debug)]
pub struct Measured {
    /// How many rows the first page has.
    pub rows: usize,
    /// How many users match, if that was counted.
    pub total: Option<u64>,
    /// What it cost.
    pub cost: Cost,
}

impl Census {
    /// Of every 1000 users one is a Jon, and one has a `q` in its name; every second has a last name with `mid`.
    pub async fn of(users: usize) -> Self {
        let app = TestApp::start().await;
        let pattern = plain_user(&app, "user000000").await;
        let newest = app.environment.now().plus_seconds(-366 * 24 * 60 * 60);
        let count = i64::try_from(users).expect("small");
        let moments: Vec<Timestamp> =
            (0..count).map(|index| newest.plus_seconds(-3 * 365 * 24 * 60 * 60 * index / count)).collect();
        insert_named(&app, &pattern, &moments, names).await;
        app.environment.advance(60);
        let caller = Caller::with_rights(
            User { flags: Flags { is_superuser: true, ..pattern.flags }, ..pattern },
            Rights::Everything,
        );
        Self { app, caller, users }
    }

    /// The searches that are measured, and what they are called.
    pub fn searches() -> [(&'static str, UserFilter); 9] {
        let first = |part: &str| UserFilter { first_name: Some(part.to_owned()), ..UserFilter::default() };
        let last = |part: &str| Some(part.to_owned());
        [
            ("0.1 % match", first("jon")),
            ("50 % match", UserFilter { last_name: last("midd"), ..UserFilter::default() }),
            ("no match", first("jonz")),
            ("no match, its trigrams are common", first("bertdia")),
            ("two filters, 0.1 % and 50 %", UserFilter { last_name: last("middle"), ..first("jon") }),
            ("two filters, 50 % and 33 %", UserFilter { last_name: last("middle"), ..first("an") }),
            ("one letter, 0.1 %", first("q")),
            ("one letter, 70 %", first("a")),
            ("two letters, 0.1 %", first("jo")),
        ]
    }

    /// How many users a search should find.
    pub fn matches(&self, filter: &UserFilter) -> usize {
        let contains = |part: &Option<String>, value: &str| {
            part.as_ref().is_none_or(|part| value.to_lowercase().contains(&part.to_lowercase()))
        };
        let fits = |index: &usize| {
            let (first, last) = names(*index);
            contains(&filter.first_name, &first) && contains(&filter.last_name, &last)
        };
        (0..self.users).filter(fits).count()
    }

    /// One more user.
    pub async fn add(&self, username: &str, first_name: &str) {
        let user = plain_user(&self.app, username).await;
        insert(&self.app, &User { first_name: first_name.to_owned(), ..user }).await;
    }

    /// The first page of a search.
    pub async fn first_page(&self, filter: &UserFilter) -> Measured {
        let range = PageRange::From { skip: 0, limit: PAGE };
        let searched = self.app.directory.find_users(&self.caller, filter, range);
        let (page, cost) = measured(searched).await;
        let page = page.expect("a page");
        let total = match page.total {
            Total::Exact(total) => Some(total),
            Total::AtLeast(_) => None,
        };
        Measured { rows: page.items.len(), total, cost }
    }
}

fn names(index: usize) -> (String, String) {
    let beginning = BEGINNINGS[index % BEGINNINGS.len()];
    let end = ENDS[index / BEGINNINGS.len() % ENDS.len()];
    let first = match index % 1000 {
        0 => format!("Jon{end}"),
        500 => "Enrique".to_owned(),
        _ => format!("{beginning}{end}"),
    };
    let last = if index.is_multiple_of(2) { format!("{beginning}middle{end}") } else { format!("{beginning}{end}son") };
    (first, last)
}
