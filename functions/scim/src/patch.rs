//! PATCH: operations on a resource (RFC 7644 section 3.5.2, `contracts/scim.md` sections 6 and 10).

use serde_json::{Map, Value, json};
use shared::dialect::scim::{Problem, Reason};

use crate::body::{check_primary, check_schemas, extension, member, sent};
use crate::filter::{self, Condition, Place, Target};
use crate::schema::{Attribute, Kind, Mutability, Schema};

/// The schema of requests.
const PATCH_URN: &str = "urn:ietf:params:scim:api:messages:2.0:PatchOp";
/// How many operations a request may have.
const MOST_OPERATIONS: usize = 100;

/// What an operation does.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verb {
    Add,
    Replace,
    Remove,
}

/// An operation on one place.
#[derive(Debug)]
pub struct Step {
    /// What it does.
    pub verb: Verb,
    /// Where.
    pub target: Target,
    /// With what.
    pub value: Value,
}

/// The steps of a request, in order.
///
/// # Errors
/// [`Reason::InvalidSyntax`], [`Reason::InvalidPath`], [`Reason::Mutability`], [`Reason::NoTarget`],
/// [`Reason::InvalidValue`].
pub fn steps(schema: &Schema, body: &Map<String, Value>) -> Result<Vec<Step>, Problem> {
    check_schemas(member(body, "schemas").unwrap_or(&Value::Null), PATCH_URN)?;
    let Some(Value::Array(operations)) = member(body, "Operations") else {
        return Err(Reason::InvalidSyntax.because("`Operations` is missing."));
    };
    if operations.is_empty() {
        return Err(Reason::InvalidValue.because("There are no operations."));
    }
    if operations.len() > MOST_OPERATIONS {
        return Err(Reason::InvalidValue.because(format!("There are more than {MOST_OPERATIONS} operations.")));
    }
    let mut steps = Vec::new();
    for operation in operations {
        let Value::Object(operation) = operation else {
            return Err(Reason::InvalidSyntax.because("An operation is an object."));
        };
        add_steps(schema, operation, &mut steps)?;
    }
    Ok(steps)
}

fn add_steps(schema: &Schema, operation: &Map<String, Value>, steps: &mut Vec<Step>) -> Result<(), Problem> {
    let word = member(operation, "op").and_then(Value::as_str).unwrap_or_default();
    let verb = match word.to_ascii_lowercase().as_str() {
        "add" => Verb::Add,
        "replace" => Verb::Replace,
        "remove" => Verb::Remove,
        _ => return Err(Reason::InvalidSyntax.because("`op` is add, replace or remove.")),
    };
    let value = member(operation, "value").cloned().unwrap_or_default();
    match member(operation, "path") {
        None | Some(Value::Null) => {}
        Some(Value::String(path)) => {
            let invalid = |why: &str| Reason::InvalidPath.because(format!("`{path}`: {why}."));
            let parsed = filter::path(path).map_err(|why| invalid(&why.0))?;
            let target = filter::target(schema, &parsed).ok_or_else(|| invalid("there is no such attribute"))?;
            if target.is_read_only() {
                return Err(Reason::Mutability.because(format!("`{path}` is read-only.")));
            }
            steps.push(Step { verb, target, value });
            return Ok(());
        }
        Some(_) => return Err(Reason::InvalidPath.because("`path` is a text.")),
    }
    if verb == Verb::Remove {
        return Err(Reason::NoTarget.because("A removal needs a path."));
    }
    let Value::Object(values) = value else {
        return Err(Reason::InvalidValue.because("Without a path, the value is an object."));
    };
    for (name, value) in values {
        // Some clients send paths as names. What is unknown or read-only is ignored, as in other bodies.
        let target = filter::path(&name).ok().and_then(|path| filter::target(schema, &path));
        if let Some(target) = target.filter(|target| !target.is_read_only()) {
            steps.push(Step { verb, target, value });
        }
    }
    Ok(())
}

impl Target {
    fn is_read_only(&self) -> bool {
        match self {
            Self::Extension(..) => false,
            Self::Place(place, _) => {
                let is_read_only = |attribute: &Attribute| attribute.mutability == Mutability::ReadOnly;
                is_read_only(place.attribute) || place.part.is_some_and(is_read_only)
            }
        }
    }
}

impl Step {
    /// Does it to a resource.
    ///
    /// # Errors
    /// [`Reason::InvalidValue`], [`Reason::NoTarget`].
    pub fn apply(&self, resource: &mut Map<String, Value>) -> Result<(), Problem> {
        let value = self.value.clone();
        match &self.target {
            Target::Extension(urn, attributes) => {
                if self.verb == Verb::Remove {
                    resource.remove(*urn);
                    return Ok(());
                }
                if let Some(Value::Object(parts)) = extension(attributes, value)? {
                    merge(resource, urn, parts);
                }
                Ok(())
            }
            Target::Place(place, condition) => {
                let Some(urn) = place.extension else {
                    return self.change(resource, *place, condition.as_ref(), value);
                };
                let mut parts = resource.get(urn).and_then(Value::as_object).cloned().unwrap_or_default();
                self.change(&mut parts, *place, condition.as_ref(), value)?;
                put_or_remove(resource, urn, (!parts.is_empty()).then_some(Value::Object(parts)));
                Ok(())
            }
        }
    }

    fn change(
        &self,
        root: &mut Map<String, Value>,
        place: Place,
        condition: Option<&Condition>,
        value: Value,
    ) -> Result<(), Problem> {
        let Place { attribute, part, .. } = place;
        if attribute.many {
            let mut entries = root.get(attribute.name).and_then(Value::as_array).cloned().unwrap_or_default();
            match (condition, part) {
                (None, None) => self.change_list(attribute, &mut entries, value)?,
                (condition, part) => self.change_entries(attribute, &mut entries, condition, part, value)?,
            }
            entries.retain(|entry| entry.as_object().is_none_or(|parts| !parts.is_empty()));
            check_primary(attribute, &entries)?;
            put_or_remove(root, attribute.name, (!entries.is_empty()).then_some(Value::Array(entries)));
            return Ok(());
        }
        match part {
            Some(part) => {
                let mut parts = root.get(attribute.name).and_then(Value::as_object).cloned().unwrap_or_default();
                put_or_remove(&mut parts, part.name, self.new_value(part, value)?);
                put_or_remove(root, attribute.name, (!parts.is_empty()).then_some(Value::Object(parts)));
            }
            None => match self.new_value(attribute, value)? {
                Some(Value::Object(new)) if attribute.kind == Kind::Complex => merge(root, attribute.name, new),
                new => put_or_remove(root, attribute.name, new),
            },
        }
        Ok(())
    }

    /// The value of an attribute afterwards.
    fn new_value(&self, attribute: &Attribute, value: Value) -> Result<Option<Value>, Problem> {
        if self.verb == Verb::Remove { Ok(None) } else { sent(attribute, value) }
    }

    /// A list as a whole.
    fn change_list(&self, attribute: &Attribute, entries: &mut Vec<Value>, value: Value) -> Result<(), Problem> {
        let has_value = !value.is_null();
        let sent = match sent(attribute, value)? {
            Some(Value::Array(sent)) => sent,
            _ => Vec::new(),
        };
        match self.verb {
            Verb::Replace => *entries = sent,
            // With values, these entries alone.
            Verb::Remove if has_value => {
                entries.retain(|entry| !sent.iter().any(|sent| sent["value"] == entry["value"] || sent == entry));
            }
            Verb::Remove => entries.clear(),
            Verb::Add => {
                for new in sent {
                    if new["primary"] == true {
                        entries.iter_mut().for_each(no_longer_primary);
                    }
                    if !entries.contains(&new) {
                        entries.push(new);
                    }
                }
            }
        }
        Ok(())
    }

    /// Those entries that meet a condition.
    fn change_entries(
        &self,
        attribute: &'static Attribute,
        entries: &mut Vec<Value>,
        condition: Option<&Condition>,
        part: Option<&'static Attribute>,
        value: Value,
    ) -> Result<(), Problem> {
        let holds = |entry: &Value| entry.as_object().is_some_and(|entry| condition.is_none_or(|c| c.holds(entry)));
        let mut chosen: Vec<usize> = (0..entries.len()).filter(|&index| holds(&entries[index])).collect();
        if self.verb == Verb::Remove {
            match part {
                Some(part) => {
                    for index in chosen {
                        if let Some(entry) = entries[index].as_object_mut() {
                            entry.remove(part.name);
                        }
                    }
                }
                None => entries.retain(|entry| !holds(entry)),
            }
            return Ok(());
        }
        if chosen.is_empty() {
            // An entry is made where one value says what it is (section 10.5).
            let new = match condition {
                None => json!({}),
                Some(condition) => {
                    let Some((part, value)) = condition.only_equal() else {
                        return Err(Reason::NoTarget.because(format!("{}: No entry is meant.", attribute.name)));
                    };
                    let value = sent(part, value.clone())?.unwrap_or_default();
                    Value::Object(Map::from_iter([(part.name.to_owned(), value)]))
                }
            };
            entries.push(new);
            chosen.push(entries.len() - 1);
        }
        let new = match part {
            Some(part) => sent(part, value)?.map(|value| (Some(part.name), value)),
            None => match sent(attribute, value)? {
                Some(Value::Array(mut list)) if list.len() == 1 => list.pop().map(|value| (None, value)),
                _ => return Err(Reason::InvalidValue.because(format!("{}: One entry is expected.", attribute.name))),
            },
        };
        let is_primary = match &new {
            Some((Some(name), value)) => *name == "primary" && *value == true,
            Some((None, value)) => value["primary"] == true,
            None => false,
        };
        if is_primary {
            entries.iter_mut().for_each(no_longer_primary);
        }
        for index in chosen {
            let Some(entry) = entries[index].as_object_mut() else { continue };
            match (&new, part) {
                (Some((Some(name), value)), _) => drop(entry.insert((*name).to_owned(), value.clone())),
                (Some((None, Value::Object(parts))), _) => entry.extend(parts.clone()),
                (_, Some(part)) => drop(entry.remove(part.name)),
                (_, None) => {}
            }
        }
        Ok(())
    }
}

fn no_longer_primary(entry: &mut Value) {
    if entry["primary"] == true {
        entry["primary"] = json!(false);
    }
}

fn put_or_remove(object: &mut Map<String, Value>, name: &str, value: Option<Value>) {
    match value {
        Some(value) => object.insert(name.to_owned(), value),
        None => object.remove(name),
    };
}

/// Adds parts to the object of that name.
fn merge(object: &mut Map<String, Value>, name: &str, parts: Map<String, Value>) {
    match object.get_mut(name) {
        Some(Value::Object(known)) => known.extend(parts),
        _ => drop(object.insert(name.to_owned(), Value::Object(parts))),
    }
}

#[cfg(test)]
mod tests;
