//! Attributes that only this API has, as the directory keeps them.

use serde_json::{Map, Value};
use shared::model::Extras;

use crate::schema::ENTERPRISE_URN;

/// Those that users cannot change about themselves (`contracts/scim.md` section 10.12).
const ASSIGNED: [&str; 2] = ["roles", ENTERPRISE_URN];

/// The attributes by name.
pub fn read(extras: &Extras) -> Map<String, Value> {
    let object = |text: &str| serde_json::from_str::<Map<String, Value>>(text).unwrap_or_default();
    let mut attributes = object(&extras.own);
    attributes.extend(object(&extras.assigned));
    attributes
}

/// The attributes as they are kept.
pub fn keep(attributes: Map<String, Value>) -> Extras {
    let (assigned, own): (Map<_, _>, Map<_, _>) =
        attributes.into_iter().partition(|(name, _)| ASSIGNED.contains(&name.as_str()));
    let text = |attributes: Map<String, Value>| {
        if attributes.is_empty() { String::new() } else { Value::Object(attributes).to_string() }
    };
    Extras { own: text(own), assigned: text(assigned) }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn what_was_kept_is_read_again() {
        for attributes in [json!({}), json!({"title": "Dr\u{0}"}), json!({"title": "x", "roles": [{"value": "a"}]})] {
            let Value::Object(attributes) = attributes else { panic!("an object") };
            let kept = keep(attributes.clone());
            assert_eq!((kept.is_empty(), read(&kept)), (attributes.is_empty(), attributes));
        }
    }
}
