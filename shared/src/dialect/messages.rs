//! The messages for invalid values, which the APIs have in common (`contracts/openwisp.md` section 5).

use serde_json::{Map, Value};

use super::field_names::wire_name;
use crate::error::{JsonKind, Refusal, Rule, Similar, Violation};
use crate::model::Field;

/// The message for a broken rule.
pub fn sentence(violation: &Violation) -> String {
    match &violation.rule {
        Rule::Required => "This field is required.".to_owned(),
        Rule::Null => "This field may not be null.".to_owned(),
        Rule::Blank => "This field may not be blank.".to_owned(),
        Rule::Empty => "This field cannot be blank.".to_owned(),
        Rule::TooLong(most) => format!("Ensure this field has no more than {most} characters."),
        Rule::NotText => "Not a valid string.".to_owned(),
        Rule::NullCharacter => "Null characters are not allowed.".to_owned(),
        Rule::NotBoolean => "Must be a valid boolean.".to_owned(),
        Rule::NotDate => "Date has wrong format. Use one of these formats instead: YYYY-MM-DD.".to_owned(),
        Rule::NotDateTime => "Datetime has wrong format. Use one of these formats instead: \
                              YYYY-MM-DDThh:mm[:ss[.uuuuuu]][+HH:MM|-HH:MM|Z]."
            .to_owned(),
        Rule::Surrogate(half) => format!("Surrogate characters are not allowed: U+{half:04X}."),
        Rule::NotChoice(text) => format!("\"{text}\" is not a valid choice."),
        Rule::NotEmail => "Enter a valid email address.".to_owned(),
        Rule::NotUrl => "Enter a valid URL.".to_owned(),
        Rule::NotUsername => "Enter a valid username. This value may contain only letters, numbers, and \
                              @/./+/-/_ characters."
            .to_owned(),
        Rule::UnsafeUrl => "Webhooks send to public addresses by https, and to others only in the networks that the \
                             operator has named."
            .to_owned(),
        Rule::NotPhone => "The phone number entered is not valid.".to_owned(),
        Rule::NotList(kind) => format!("Expected a list of items but got type \"{}\".", python_name(*kind)),
        Rule::NotObject(kind) => format!("Invalid data. Expected a dictionary, but got {}.", python_name(*kind)),
        Rule::UnknownReference(key) => format!("Invalid pk \"{key}\" - object does not exist."),
        // Quirk: Django looks up even a null key. Where it does not, as for the permissions of a group, null is a kind.
        Rule::WrongReference(JsonKind::Null) if wire_name(violation.field) != "permissions" => {
            "Invalid pk \"None\" - object does not exist.".to_owned()
        }
        Rule::WrongReference(kind) => format!("Incorrect type. Expected pk value, received {}.", python_name(*kind)),
        Rule::NotUuid(text) => format!("“{text}” is not a valid UUID."),
        Rule::Taken => taken(violation.field).to_owned(),
        Rule::TakenInAnotherCase => "User with this Email address already exists.".to_owned(),
        Rule::AddressTaken => "email address with this email address already exists.".to_owned(),
        Rule::AddressTwice => "Email address with this User and Email address already exists.".to_owned(),
        Rule::MembershipTwice => "Organization user with this User and Organization already exists.".to_owned(),
        Rule::SecondPrimary => "Constraint “unique_primary_email” is violated.".to_owned(),
        Rule::TooMany(most) => format!("Ensure this field has no more than {most} elements."),
        Rule::NotSlug => "Enter a valid \"slug\" consisting of letters, numbers, underscores or hyphens.".to_owned(),
        Rule::SlugOwner(id) => id.clone(),
        Rule::NotMember => "The selected user is not member of this organization.".to_owned(),
        Rule::OwnersMembership => OWNERS_MEMBERSHIP.to_owned(),
        Rule::Mismatch => "The two password fields didn’t match.".to_owned(),
        Rule::WrongPassword => "Your old password was entered incorrectly. Please enter it again.".to_owned(),
        Rule::SameAsOld => "New password cannot be the same as your old password.".to_owned(),
        Rule::Reused => "You cannot re-use your current password. Enter a new password.".to_owned(),
        Rule::Similar(attribute) => {
            let name = match attribute {
                Similar::Username => "username",
                Similar::FirstName => "first name",
                Similar::LastName => "last name",
                Similar::Email => "email address",
            };
            format!("The password is too similar to the {name}.")
        }
        Rule::TooShort(fewest) => {
            format!("This password is too short. It must contain at least {fewest} characters.")
        }
        Rule::Common => "This password is too common.".to_owned(),
        Rule::Numeric => "This password is entirely numeric.".to_owned(),
        Rule::InvalidValue => "Invalid value".to_owned(),
        Rule::Past => "Expiration date cannot be in the past.".to_owned(),
        Rule::Expired => "Cannot activate an expired account. Clear or extend the expiration date first.".to_owned(),
        Rule::BeyondOwnRights => "You cannot give permissions that you do not have.".to_owned(),
    }
}

/// The message for a rule of the directory that forbids a request.
pub fn refusal(refusal: Refusal) -> &'static str {
    match refusal {
        Refusal::LastSuperuser => "The last active superuser cannot be deleted, deactivated or stripped of its rights.",
        Refusal::TooManyTokens => "Too many tokens exist!",
        Refusal::TooLargeToAnswer => {
            "The list of users does not fit into one response. Accept gzip, or request parts with ?after=0&limit=1000."
        }
        Refusal::PageTooLarge => "This does not fit into one response. Request fewer items with ?page_size=.",
        Refusal::TooLargeToStore => "The texts are too long in total.",
        Refusal::TooMuchAtOnce => "This changes too much at once. Change fewer things with one request.",
        Refusal::MostTokens => "The user has 100 API tokens, which is the most. Delete one first.",
        Refusal::OwnersMembership => OWNERS_MEMBERSHIP,
        Refusal::MostWebhooks => "There are 20 webhooks, which is the most. Delete one first.",
        Refusal::TooManyToMove => "The user is in too many organizations for date_joined to be changed.",
    }
}

/// Python's name for a kind of value, which clients of the real systems expect.
pub fn python_name(kind: JsonKind) -> &'static str {
    match kind {
        JsonKind::Null => "NoneType",
        JsonKind::Boolean => "bool",
        JsonKind::Integer => "int",
        JsonKind::Float => "float",
        JsonKind::Text => "str",
        JsonKind::List => "list",
        JsonKind::Object => "dict",
    }
}

/// `{"field": ["sentence", …], "nested": {"field": […]}}`
pub fn by_field(violations: &[Violation]) -> Value {
    by_field_in(violations, sentence)
}

/// The same with other messages.
pub(super) fn by_field_in(violations: &[Violation], sentence: impl Fn(&Violation) -> String) -> Value {
    let mut root = Map::new();
    for violation in violations {
        let path = match violation.rule {
            Rule::NotObject(_) => format!("{}.non_field_errors", wire_name(violation.field)),
            _ => wire_name(violation.field).to_owned(),
        };
        insert(&mut root, &path, sentence(violation));
    }
    Value::Object(root)
}

fn insert(object: &mut Map<String, Value>, path: &str, sentence: String) {
    if let Some((first, rest)) = path.split_once('.') {
        let nested = object.entry(first).or_insert_with(|| Value::Object(Map::new()));
        if let Value::Object(nested) = nested {
            insert(nested, rest, sentence);
        }
        return;
    }
    let list = object.entry(path).or_insert_with(|| Value::Array(Vec::new()));
    if let Value::Array(list) = list {
        list.push(Value::String(sentence));
    }
}

/// Only the directory finds out what is taken, so a field as the client named it is never one of these.
fn taken(field: Field) -> &'static str {
    match field {
        Field::GroupName => "group with this name already exists.",
        Field::Slug => "organization with this slug already exists.",
        Field::Username => "A user with that username already exists.",
        Field::Email => "user with this email address already exists.",
        Field::PhoneNumber => "user with this phone number already exists.",
        _ => UNIQUE,
    }
}

const OWNERS_MEMBERSHIP: &str =
    "The membership of the organization's owner cannot be changed; remove the ownership first.";

/// The message for a value that another object has, without further detail.
pub(super) const UNIQUE: &str = "This field must be unique.";

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn violations_are_grouped_by_field_and_nested_by_dots() {
        let violation = |name, rule| Violation { field: Field::Sent(name), rule };
        let told = by_field(&[
            violation("url", Rule::TooLong(200)),
            violation("url", Rule::NotUrl),
            violation("organization_users.organization", Rule::Required),
        ]);
        assert_eq!(
            told,
            json!({
                "url": ["Ensure this field has no more than 200 characters.", "Enter a valid URL."],
                "organization_users": {"organization": ["This field is required."]},
            })
        );
    }
}
