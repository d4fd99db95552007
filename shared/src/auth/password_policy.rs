//! Rules for passwords (`contracts/openwisp.md` section 5, "Password rules").

use std::collections::HashMap;
use std::sync::LazyLock;

use crate::error::{Rule, Similar};
use crate::model::User;

/// The minimum number of characters.
const FEWEST: usize = 8;
/// From this similarity on, a password is too similar to data about its user.
const MOST_ALIKE: f64 = 0.7;
/// The most common passwords, in lower case and sorted; all with eight characters or more.
static COMMON: LazyLock<Vec<&str>> = LazyLock::new(|| include_str!("common-passwords.txt").lines().collect());

/// All violations of a password for that user, in the order of their messages.
pub fn password_violations(user: &User, password: &str) -> Vec<Rule> {
    let mut rules = Vec::new();
    rules.extend(similar(user, password).map(Rule::Similar));
    rules.extend(too_short(password));
    if is_common(password) {
        rules.push(Rule::Common);
    }
    rules.extend(numeric(password));
    rules
}

/// Violations of a password by itself, where only length and digits count (`contracts/edge.md` section 5.4).
pub fn violations_without_user(password: &str) -> Vec<Rule> {
    too_short(password).into_iter().chain(numeric(password)).collect()
}

fn too_short(password: &str) -> Option<Rule> {
    (password.chars().count() < FEWEST).then_some(Rule::TooShort(FEWEST))
}

fn numeric(password: &str) -> Option<Rule> {
    (!password.is_empty() && password.chars().all(char::is_numeric)).then_some(Rule::Numeric)
}

/// The first attribute of the user that the password is similar to.
fn similar(user: &User, password: &str) -> Option<Similar> {
    let password = password.to_lowercase();
    let email = user.email.as_ref().map_or("", |email| email.as_str());
    let attributes = [
        (Similar::Username, user.username.as_str()),
        (Similar::FirstName, &user.first_name),
        (Similar::LastName, &user.last_name),
        (Similar::Email, email),
    ];
    attributes.into_iter().find(|(_, value)| is_like(&password, &value.to_lowercase())).map(|(attribute, _)| attribute)
}

/// Whether a value as a whole, or one of its words, is similar to the password.
fn is_like(password: &str, value: &str) -> bool {
    let words = value.split(|c: char| !(c.is_alphanumeric() || c == '_'));
    words.chain([value]).filter(|part| !part.is_empty()).any(|part| {
        let (long, short) = (password.chars().count(), part.chars().count());
        // A password is not similar to a short value of less than a tenth of its length.
        let far_shorter = long >= 10 * short && as_float(short) < MOST_ALIKE / 2.0 * as_float(long);
        !far_shorter && similarity(password, part) >= MOST_ALIKE
    })
}

/// Twice the number of common characters, divided by the number of all characters.
fn similarity(a: &str, b: &str) -> f64 {
    let mut left = HashMap::<char, usize>::new();
    for c in a.chars() {
        *left.entry(c).or_default() += 1;
    }
    let common = b.chars().filter(|c| left.get_mut(c).is_some_and(|n| n.checked_sub(1).inspect(|&m| *n = m).is_some()));
    2.0 * as_float(common.count()) / as_float(a.chars().count() + b.chars().count())
}

#[expect(clippy::cast_precision_loss, reason = "password lengths are small")]
fn as_float(count: usize) -> f64 {
    count as f64
}

fn is_common(password: &str) -> bool {
    COMMON.binary_search(&password.trim().to_lowercase().as_str()).is_ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_common_password_is_found_and_its_neighbours_are_not() {
        assert!(COMMON.len() > 5000 && COMMON.is_sorted());
        for word in COMMON.iter() {
            assert!(is_common(word) && is_common(&word.to_uppercase()), "{word}");
        }
        for word in ["", "password-", "orchid-lantern-42", "zzzzzzzzzzzzzzzzzzzzzzzz", "\0"] {
            assert!(!is_common(word), "{word}");
        }
    }

    #[test]
    fn likeness_counts_characters_in_common() {
        assert!((similarity("abcd", "abcd") - 1.0).abs() < 1e-9);
        assert!((similarity("aabb", "ab") - 2.0 * 2.0 / 6.0).abs() < 1e-9);
        assert!(is_like("zq-123456789", "zq-123456789@mail.example"));
        assert!(!is_like("granite-meadow-58", "jane"));
        assert!(!is_like("aaaaaaaaaaaaaaaaaaaa", "aa"));
    }
}
