//! Values that clients send, in the form in which they are kept: names as in the schema, and what is unknown left out.

use serde_json::{Map, Value};
use shared::dialect::scim::{Problem, Reason};
use shared::web::fields::boolean_word;

use crate::schema::{Attribute, Kind, Mutability, Schema, find};

/// The writable attributes of a resource in a body (`contracts/scim.md` section 10.6).
///
/// # Errors
/// [`Reason::InvalidSyntax`] for other schemas, [`Reason::InvalidValue`] for a value of another kind.
pub fn resource(schema: &Schema, body: Map<String, Value>) -> Result<Map<String, Value>, Problem> {
    let mut kept = Map::new();
    for (name, value) in body {
        if name.eq_ignore_ascii_case("schemas") {
            check_schemas(&value, schema.urn)?;
        } else if let Some((urn, attributes)) = schema.extension(&name) {
            if let Some(Value::Object(parts)) = extension(attributes, value)? {
                kept.insert(urn.to_owned(), Value::Object(parts));
            }
        } else if let Some(attribute) = schema.attribute(&name)
            && let Some(value) = sent(attribute, value)?
        {
            kept.insert(attribute.name.to_owned(), value);
        }
    }
    Ok(kept)
}

/// Fails unless a list of schemas has that one. No list at all is accepted.
///
/// # Errors
/// [`Reason::InvalidSyntax`].
pub fn check_schemas(schemas: &Value, wanted: &str) -> Result<(), Problem> {
    let is_wanted = |urn: &Value| urn.as_str().is_some_and(|urn| urn.eq_ignore_ascii_case(wanted));
    match schemas {
        Value::Null => Ok(()),
        Value::Array(list) if list.iter().any(is_wanted) => Ok(()),
        _ => Err(Reason::InvalidSyntax.because(format!("`schemas` must contain {wanted}."))),
    }
}

/// The value of a name in an object, in any letter case.
pub fn member<'a>(object: &'a Map<String, Value>, name: &str) -> Option<&'a Value> {
    object.iter().find(|(key, _)| key.eq_ignore_ascii_case(name)).map(|(_, value)| value)
}

/// The attributes of an extension.
///
/// # Errors
/// [`Reason::InvalidValue`].
pub fn extension(attributes: &'static [Attribute], value: Value) -> Result<Option<Value>, Problem> {
    match value {
        Value::Null => Ok(None),
        Value::Object(parts) => object(attributes, parts),
        _ => Err(Reason::InvalidValue.because("An extension is an object.")),
    }
}

/// The value of an attribute; `None` if it is null, empty or nothing that clients set.
///
/// # Errors
/// [`Reason::InvalidValue`].
pub fn sent(attribute: &Attribute, value: Value) -> Result<Option<Value>, Problem> {
    if attribute.mutability == Mutability::ReadOnly {
        return Ok(None);
    }
    if !attribute.many {
        return one(attribute, value);
    }
    let list = match value {
        Value::Null => return Ok(None),
        Value::Array(list) => list,
        one => vec![one],
    };
    let mut kept = Vec::new();
    for value in list {
        match one(attribute, value)? {
            // An entry that names nobody stays, so that it is refused.
            None if attribute.name == "members" => kept.push(Value::Object(Map::new())),
            entry => kept.extend(entry),
        }
    }
    check_primary(attribute, &kept)?;
    Ok((!kept.is_empty()).then_some(Value::Array(kept)))
}

/// Fails if more than one entry is the primary one.
///
/// # Errors
/// [`Reason::InvalidValue`].
pub fn check_primary(attribute: &Attribute, entries: &[Value]) -> Result<(), Problem> {
    if entries.iter().filter(|entry| entry["primary"] == true).count() > 1 {
        return Err(Reason::InvalidValue.because(format!("{}: Only one entry is primary.", attribute.name)));
    }
    Ok(())
}

fn one(attribute: &Attribute, value: Value) -> Result<Option<Value>, Problem> {
    let wrong = |wanted: &str| Reason::InvalidValue.because(format!("{}: It is {wanted}.", attribute.name));
    Ok(Some(match (attribute.kind, value) {
        (_, Value::Null) => return Ok(None),
        (Kind::Boolean, Value::Bool(flag)) => Value::Bool(flag),
        (Kind::Boolean, Value::String(word)) => Value::Bool(boolean_word(&word).ok_or_else(|| wrong("true or false"))?),
        (Kind::Boolean, _) => return Err(wrong("true or false")),
        (Kind::Complex, Value::Object(parts)) => return object(attribute.parts, parts),
        // Some clients send the value alone.
        (Kind::Complex, Value::String(text)) if attribute.part("value").is_some() => {
            let value = one(attribute, serde_json::json!({ "value": text }))?;
            return Ok(value);
        }
        (Kind::Complex, _) => return Err(wrong("an object")),
        (Kind::Text | Kind::Moment | Kind::Reference(_), Value::String(text)) => {
            if text.contains('\0') {
                return Err(wrong("a text without U+0000"));
            }
            Value::String(text)
        }
        (Kind::Text | Kind::Moment | Kind::Reference(_), value @ (Value::Number(_) | Value::Bool(_))) => {
            Value::String(value.to_string())
        }
        (Kind::Text | Kind::Moment | Kind::Reference(_), _) => return Err(wrong("a text")),
    }))
}

fn object(attributes: &'static [Attribute], parts: Map<String, Value>) -> Result<Option<Value>, Problem> {
    let mut kept = Map::new();
    for (name, value) in parts {
        if let Some(attribute) = find(attributes, &name)
            && let Some(value) = sent(attribute, value)?
        {
            kept.insert(attribute.name.to_owned(), value);
        }
    }
    Ok((!kept.is_empty()).then_some(Value::Object(kept)))
}
