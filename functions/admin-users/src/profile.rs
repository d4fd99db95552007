//! Profiles as clients send them (section 6): a JSON object, or text that contains one. Errors in a profile never fail
//! a request.

use serde_json::{Map, Value};
use shared::model::{Change, SwitchProfile, SwitchProfileChanges, Timestamp, User, UserNumber};
use shared::web::Input;
use shared::web::json::{self, LONE_SURROGATE};

/// The changes of the profile in a body; `None` without a usable profile.
///
/// `user` is the existing user, if any: a profile that names another one is discarded.
pub fn read(input: &Input, user: Option<&User>) -> Option<SwitchProfileChanges> {
    let sent = match input {
        Input::Json(values) => values.get("profile"),
        Input::Form(values) => values.iter().rev().find(|(name, _)| name == "profile").map(|(_, value)| value),
    };
    match sent? {
        Value::Object(values) if matches!(input, Input::Json(_)) => changes(values, user),
        Value::String(text) => match json::read(text) {
            Ok(Value::Object(values)) => changes(&values, user),
            _ => None,
        },
        _ => None,
    }
}

fn changes(values: &Map<String, Value>, user: Option<&User>) -> Option<SwitchProfileChanges> {
    let mut changes = SwitchProfileChanges::default();
    let stored = user.map(|user| &user.profile);
    for (name, value) in values {
        match name.as_str() {
            "read_only" => changes.read_only = Some(flag(value)?),
            "bulk_edit" => changes.bulk_edit = Some(flag(value)?),
            "vlan_edit" => changes.vlan_edit = Some(flag(value)?),
            "allow_poe_toggle" => changes.allow_poe_toggle = Some(flag(value)?),
            "edit_if_descr" => changes.edit_if_descr = Some(flag(value)?),
            "are_you_sure" => changes.are_you_sure = Some(flag(value)?),
            "menu" => changes.menu = Some(flag(value)?),
            "theme" => changes.theme = Some(text(value, SwitchProfile::MAX_THEME, stored.map(|stored| &stored.theme))?),
            "last_ldap_dn" => {
                changes.last_ldap_dn =
                    Some(text(value, SwitchProfile::MAX_LDAP_DN, stored.map(|stored| &stored.last_ldap_dn))?);
            }
            "last_ldap_login" => changes.last_ldap_login = moment(value)?,
            "id" | "pk" | "user" | "user_id" if !is_number(value, user?.number) => return None,
            _ => {}
        }
    }
    Some(changes)
}

/// Django's words, and those of JSON (section 10.3).
fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::Number(number) if number.as_f64() == Some(1.0) => Some(true),
        Value::Number(number) if number.as_f64() == Some(0.0) => Some(false),
        Value::String(word) => match word.as_str() {
            "1" | "t" | "True" | "true" => Some(true),
            "0" | "f" | "False" | "false" => Some(false),
            _ => None,
        },
        _ => None,
    }
}

/// A text that is not too long, or equals the stored one.
fn text(value: &Value, most: usize, stored: Option<&String>) -> Option<String> {
    let text = json::text_of(value)?.into_owned();
    let is_short = text.chars().nth(most).is_none() || stored == Some(&text);
    (is_short && !text.contains(['\0', LONE_SURROGATE])).then_some(text)
}

fn moment(value: &Value) -> Option<Change<Timestamp>> {
    match value {
        Value::Null => Some(Change::Clear),
        Value::String(text) => Timestamp::parse(text).map(Change::Set),
        _ => None,
    }
}

fn is_number(value: &Value, number: UserNumber) -> bool {
    match value {
        Value::Number(sent) => sent.as_u64() == Some(number.0),
        Value::String(text) => text.parse() == Ok(number.0),
        _ => false,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;
    use shared::model::{EdgeId, NewUser, UserId, Username};

    use super::*;

    fn user() -> User {
        let name = Username::parse("jane").expect("a name");
        let edge_id = EdgeId::parse(&"0".repeat(24)).expect("an id");
        let id = UserId::parse("00000000-0000-4000-8000-000000000000").expect("an id");
        let new = User::new(id, edge_id, &name, &NewUser::default(), Timestamp::from_micros(0));
        User { number: UserNumber(7), ..new }
    }

    fn of(profile: &Value) -> Option<SwitchProfileChanges> {
        let Value::Object(values) = json!({ "profile": profile }) else { panic!("an object") };
        read(&Input::Json(values), Some(&user()))
    }

    #[test]
    fn an_object_and_a_text_that_holds_one_mean_the_same() {
        let expected = SwitchProfileChanges {
            theme: Some("dark".to_owned()),
            vlan_edit: Some(true),
            ..SwitchProfileChanges::default()
        };
        assert_eq!(of(&json!({"theme": "dark", "vlan_edit": true, "unknown": []})), Some(expected.clone()));
        assert_eq!(
            of(&json!(" {\"theme\": \"light\", \"theme\": \"dark\", \"vlan_edit\": 1} ")),
            Some(expected.clone())
        );
        let form = Input::Form(vec![
            ("profile".to_owned(), json!("[]")),
            ("profile".to_owned(), json!("{\"theme\": \"dark\", \"vlan_edit\": \"True\"}")),
        ]);
        assert_eq!(read(&form, None), Some(expected));
        assert_eq!(of(&json!({})), Some(SwitchProfileChanges::default()));
    }

    #[test]
    fn one_value_that_cannot_be_stored_discards_all() {
        for bad in [
            json!({"read_only": null}),
            json!({"read_only": 2}),
            json!({"read_only": "yes"}),
            json!({"read_only": "banana"}),
            json!({"read_only": []}),
            json!({"theme": null}),
            json!({"theme": "x".repeat(41)}),
            json!({"theme": "\u{0}"}),
            json!({"theme": true}),
            json!({"last_ldap_dn": "x".repeat(1025)}),
            json!({"last_ldap_dn": null}),
            json!({"last_ldap_login": "yesterday"}),
            json!({"last_ldap_login": ""}),
            json!({"id": 8}),
            json!({"user": "8"}),
            json!({"user_id": null}),
            json!({"pk": 7.5}),
        ] {
            let mut with_good = bad.clone();
            with_good["bulk_edit"] = json!(false);
            assert_eq!(of(&with_good), None, "{bad}");
        }
        for no_object in
            [json!(""), json!("{"), json!("{'theme': 'dark'}"), json!("[]"), json!("null"), json!(5), json!([])]
        {
            assert_eq!(of(&no_object), None, "{no_object}");
        }
    }

    #[test]
    fn harmless_values_are_let_through() {
        for good in [
            json!({"id": 7, "user": "7", "pk": 7, "user_id": 7}),
            json!({"theme": ""}),
            json!({"theme": "x".repeat(40)}),
        ] {
            assert!(of(&good).is_some(), "{good}");
        }
        assert_eq!(of(&json!({"theme": 1.5})).expect("changes").theme.as_deref(), Some("1.5"));
        assert_eq!(of(&json!({"last_ldap_login": null})).expect("changes").last_ldap_login, Change::Clear);
        let set = of(&json!({"last_ldap_login": "2020-01-02"})).expect("changes").last_ldap_login;
        assert_eq!(set, Change::Set(Timestamp::parse("2020-01-02T00:00:00Z").expect("a moment")));
    }

    proptest! {
        #[test]
        fn no_text_makes_the_reader_panic(text in any::<String>()) {
            let _ = of(&json!(text));
        }
    }
}
