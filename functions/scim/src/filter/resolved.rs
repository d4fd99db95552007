//! Filters and paths with the attributes that they name, and whether a resource meets a filter.

use serde_json::{Map, Value};
use shared::model::{Timestamp, fold};
use shared::web::fields::boolean_word;

use super::{Comparison, Filter, Name, Path};
use crate::schema::{Attribute, Kind, Mutability, Schema};

/// Where a value is in a resource.
#[derive(Debug, Clone, Copy)]
pub struct Place {
    /// The extension that has it.
    pub extension: Option<&'static str>,
    /// The attribute.
    pub attribute: &'static Attribute,
    /// The part of it.
    pub part: Option<&'static Attribute>,
}

/// What a path leads to.
#[derive(Debug)]
pub enum Target {
    /// A whole extension.
    Extension(&'static str, &'static [Attribute]),
    /// An attribute, a part of it, or those of its entries that meet a condition.
    Place(Place, Option<Condition>),
}

/// A filter whose attributes are known.
#[derive(Debug)]
pub enum Condition {
    /// Both.
    And(Box<Self>, Box<Self>),
    /// One or both.
    Or(Box<Self>, Box<Self>),
    /// Not.
    Not(Box<Self>),
    /// There is a value.
    Present(Place),
    /// A comparison.
    Compare(Place, Comparison, Value),
    /// One entry meets the condition.
    Entry(Place, Box<Self>),
    /// The schema does not have the attribute: no resource meets it.
    Never,
}

/// Finds what a name means in a schema.
pub fn place(schema: &Schema, name: &Name) -> Option<Place> {
    match target_of(schema, name)? {
        Target::Place(place, _) => Some(place),
        Target::Extension(..) => None,
    }
}

fn target_of(schema: &Schema, name: &Name) -> Option<Target> {
    let Name { urn, attribute, part } = name;
    let (extension, attribute) = match urn {
        None => (None, schema.attribute(attribute)?),
        Some(urn) if urn.eq_ignore_ascii_case(schema.urn) => (None, schema.attribute(attribute)?),
        Some(urn) => match schema.extension(urn) {
            Some((urn, attributes)) => (Some(urn), crate::schema::find(attributes, attribute)?),
            // The last word of a URN stands where attributes do.
            None if part.is_none() => {
                let (urn, attributes) = schema.extension(&format!("{urn}:{attribute}"))?;
                return Some(Target::Extension(urn, attributes));
            }
            None => return None,
        },
    };
    let part = match part {
        Some(name) => Some(attribute.part(name)?),
        None => None,
    };
    Some(Target::Place(Place { extension, attribute, part }, None))
}

/// Finds what a path leads to; `None` if the schema has no such attribute.
pub fn target(schema: &Schema, path: &Path) -> Option<Target> {
    let found = target_of(schema, &path.name)?;
    match (found, &path.filter) {
        (Target::Place(place, _), Some(filter)) if place.attribute.many => {
            Some(Target::Place(place, Some(within(place.attribute, filter)?)))
        }
        (_, Some(_)) => None,
        (found, None) => Some(found),
    }
}

impl Condition {
    /// Looks up the attributes of a filter.
    ///
    /// # Errors
    /// Why it has no meaning. With `lenient`, attributes of other schemas have no value instead.
    pub fn of(schema: &Schema, filter: &Filter, lenient: bool) -> Result<Self, String> {
        let known =
            |name: &Name| place(schema, name).filter(|place| place.attribute.mutability != Mutability::WriteOnly);
        let unknown = |name: &Name| {
            if lenient { Ok(Self::Never) } else { Err(format!("there is no attribute `{}`", spelled(name))) }
        };
        let both = |left: &Filter, right: &Filter| -> Result<_, String> {
            Ok((Box::new(Self::of(schema, left, lenient)?), Box::new(Self::of(schema, right, lenient)?)))
        };
        Ok(match filter {
            Filter::And(left, right) => both(left, right).map(|(left, right)| Self::And(left, right))?,
            Filter::Or(left, right) => both(left, right).map(|(left, right)| Self::Or(left, right))?,
            Filter::Not(inner) => Self::Not(Box::new(Self::of(schema, inner, lenient)?)),
            Filter::Present(name) => known(name).map_or_else(|| unknown(name), |place| Ok(Self::Present(place)))?,
            Filter::Compare(name, comparison, value) => match known(name) {
                Some(place) => compared(place, *comparison, value)?,
                None => unknown(name)?,
            },
            Filter::Entry(name, inner) => match known(name).filter(|place| place.attribute.many) {
                Some(place) => {
                    let inner = within(place.attribute, inner);
                    Self::Entry(place, Box::new(inner.ok_or_else(|| format!("`{}` has other parts", spelled(name)))?))
                }
                None => unknown(name)?,
            },
        })
    }

    /// Whether a resource meets it.
    pub fn holds(&self, resource: &Map<String, Value>) -> bool {
        match self {
            Self::And(left, right) => left.holds(resource) && right.holds(resource),
            Self::Or(left, right) => left.holds(resource) || right.holds(resource),
            Self::Not(inner) => !inner.holds(resource),
            Self::Never => false,
            Self::Present(place) => place.values(resource).iter().any(|value| is_present(value)),
            Self::Compare(place, comparison, wanted) => {
                let part = place.part.or_else(|| place.attribute.part("value")).unwrap_or(place.attribute);
                let values = place.values(resource);
                match (comparison, wanted) {
                    (Comparison::Eq, Value::Null) => !values.iter().any(|value| is_present(value)),
                    (Comparison::Ne, Value::Null) => values.iter().any(|value| is_present(value)),
                    (Comparison::Ne, _) => !values.iter().any(|value| meets(part, value, Comparison::Eq, wanted)),
                    _ => values.iter().any(|value| meets(part, value, *comparison, wanted)),
                }
            }
            Self::Entry(place, inner) => place.entries(resource).iter().any(|entry| inner.holds(entry)),
        }
    }

    /// The part and the value, if it is nothing but that the part has the value.
    pub fn only_equal(&self) -> Option<(&'static Attribute, &Value)> {
        match self {
            Self::Compare(place, Comparison::Eq, value) if !value.is_null() => Some((place.attribute, value)),
            _ => None,
        }
    }
}

impl Place {
    /// The values there; of a list of parts without a named one, those of `value`.
    pub fn values<'a>(&self, resource: &'a Map<String, Value>) -> Vec<&'a Value> {
        let root = match self.extension {
            Some(urn) => resource.get(urn).and_then(Value::as_object),
            None => Some(resource),
        };
        let Some(value) = root.and_then(|root| root.get(self.attribute.name)) else { return Vec::new() };
        let part = self.part.map(|part| part.name);
        match value {
            Value::Array(entries) if self.attribute.kind == Kind::Complex => {
                entries.iter().filter_map(|entry| entry.get(part.unwrap_or("value"))).collect()
            }
            Value::Array(values) => values.iter().collect(),
            Value::Object(parts) => match part {
                Some(part) => parts.get(part).into_iter().collect(),
                // What has no parts at all is not there.
                None => parts.get("value").or_else(|| parts.values().next()).into_iter().collect(),
            },
            value => vec![value],
        }
    }

    fn entries<'a>(&self, resource: &'a Map<String, Value>) -> Vec<&'a Map<String, Value>> {
        let list = resource.get(self.attribute.name).and_then(Value::as_array);
        list.into_iter().flatten().filter_map(Value::as_object).collect()
    }
}

/// A condition on the entries of an attribute.
fn within(attribute: &'static Attribute, filter: &Filter) -> Option<Condition> {
    let part = |name: &Name| {
        let is_bare = name.urn.is_none() && name.part.is_none();
        let part = attribute.part(&name.attribute).filter(|_| is_bare)?;
        Some(Place { extension: None, attribute: part, part: None })
    };
    Some(match filter {
        Filter::And(left, right) => Condition::And(within(attribute, left)?.into(), within(attribute, right)?.into()),
        Filter::Or(left, right) => Condition::Or(within(attribute, left)?.into(), within(attribute, right)?.into()),
        Filter::Not(inner) => Condition::Not(within(attribute, inner)?.into()),
        Filter::Present(name) => Condition::Present(part(name)?),
        Filter::Compare(name, comparison, value) => compared(part(name)?, *comparison, value).ok()?,
        Filter::Entry(..) => return None,
    })
}

/// A comparison, if the attribute has such values.
fn compared(place: Place, comparison: Comparison, value: &Value) -> Result<Condition, String> {
    let attribute = place.part.unwrap_or(place.attribute);
    let is_ordered = matches!(comparison, Comparison::Gt | Comparison::Ge | Comparison::Lt | Comparison::Le);
    let is_partial = matches!(comparison, Comparison::Co | Comparison::Sw | Comparison::Ew);
    let name = attribute.name;
    match attribute.kind {
        Kind::Complex if place.part.is_none() && attribute.part("value").is_none() => {
            return Err(format!("`{name}` has parts: name one of them"));
        }
        Kind::Boolean if is_ordered || is_partial => return Err(format!("`{name}` is true or false")),
        Kind::Moment if !value.is_null() && value.as_str().and_then(Timestamp::parse).is_none() => {
            return Err(format!("`{name}` is a timestamp"));
        }
        _ => {}
    }
    Ok(Condition::Compare(place, comparison, value.clone()))
}

/// Whether a value meets a comparison.
fn meets(attribute: &Attribute, value: &Value, comparison: Comparison, wanted: &Value) -> bool {
    if attribute.kind == Kind::Boolean {
        let wanted = wanted.as_bool().or_else(|| wanted.as_str().and_then(boolean_word));
        return comparison == Comparison::Eq && value.as_bool() == wanted;
    }
    if attribute.kind == Kind::Moment {
        let moment = |value: &Value| value.as_str().and_then(Timestamp::parse);
        return match (moment(value), moment(wanted)) {
            (Some(value), Some(wanted)) => ordered(value.cmp(&wanted), comparison),
            _ => false,
        };
    }
    let text = |value: &Value| {
        let text = value.as_str().map_or_else(|| value.to_string(), ToOwned::to_owned);
        if attribute.case_exact { text } else { fold(&text) }
    };
    let (value, wanted) = (text(value), text(wanted));
    match comparison {
        Comparison::Co => value.contains(&wanted),
        Comparison::Sw => value.starts_with(&wanted),
        Comparison::Ew => value.ends_with(&wanted),
        _ => ordered(value.cmp(&wanted), comparison),
    }
}

fn ordered(order: std::cmp::Ordering, comparison: Comparison) -> bool {
    match comparison {
        Comparison::Eq => order.is_eq(),
        Comparison::Ne => order.is_ne(),
        Comparison::Gt => order.is_gt(),
        Comparison::Ge => order.is_ge(),
        Comparison::Lt => order.is_lt(),
        Comparison::Le => order.is_le(),
        Comparison::Co | Comparison::Sw | Comparison::Ew => false,
    }
}

fn is_present(value: &Value) -> bool {
    match value {
        Value::Null => false,
        Value::String(text) => !text.is_empty(),
        Value::Array(list) => !list.is_empty(),
        Value::Object(parts) => !parts.is_empty(),
        Value::Bool(_) | Value::Number(_) => true,
    }
}

fn spelled(name: &Name) -> String {
    let Name { urn, attribute, part } = name;
    let urn = urn.as_ref().map(|urn| format!("{urn}:")).unwrap_or_default();
    let part = part.as_ref().map(|part| format!(".{part}")).unwrap_or_default();
    format!("{urn}{attribute}{part}")
}
