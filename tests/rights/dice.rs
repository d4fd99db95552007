//! Chance that is the same whenever the seed is.

use crate::support::FakeEnvironment;

/// Throws of one seed.
pub struct Dice(FakeEnvironment);

impl Dice {
    /// The dice of that seed.
    pub fn new(seed: u64) -> Self {
        // Neighbouring seeds of the script would draw the same numbers, one step apart.
        Self(FakeEnvironment::new(seed.wrapping_mul(0xd1b5_4a32_d192_ed03)))
    }

    /// A number below `end`.
    pub fn below(&self, end: u64) -> u64 {
        self.0.draw() % end
    }

    /// Something that is so in that many cases of a hundred.
    pub fn percent(&self, cases: u64) -> bool {
        self.below(100) < cases
    }

    /// One of several.
    pub fn one<'a, T>(&self, of: &'a [T]) -> Option<&'a T> {
        let count = u64::try_from(of.len()).expect("few");
        (count > 0).then(|| &of[usize::try_from(self.below(count)).expect("few")])
    }

    /// Some of several: each with that many chances in a hundred.
    pub fn some<T: Clone>(&self, of: &[T], cases: u64) -> Vec<T> {
        of.iter().filter(|_| self.percent(cases)).cloned().collect()
    }

    /// Letters and digits that were not used before.
    pub fn fresh(&self) -> String {
        const DIGITS: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz234567";
        let mut drawn = self.0.draw();
        let mut text = String::new();
        for _ in 0..5 {
            let index = usize::try_from(drawn % 32).expect("small");
            text.push(char::from(DIGITS[index]));
            drawn /= 32;
        }
        text
    }
}
