//! Reading fields by a table that also describes them (Django REST framework's field rules).
//!
//! The three APIs share these rules; what differs between their resources is in the tables.
//! Every violation is collected before anything is answered.

use serde_json::{Map, Value};
use uuid::Uuid;

use super::body::{Input, half_character};
use crate::error::{Kind, Rule, Violation};
use crate::model::{Date, EmailAddress, Timestamp, Username, time::parse_date};

/// What one field of a resource is.
#[derive(Debug, Clone, Copy)]
pub struct Field {
    /// Its name on the wire; inside a nested object the whole path, with dots.
    pub name: &'static str,
    /// What it holds.
    pub kind: FieldKind,
    /// Whether it must be there.
    pub required: bool,
    /// Whether it may be null.
    pub nullable: bool,
    /// Whether clients cannot set it.
    pub read_only: bool,
    /// What people call it.
    pub label: &'static str,
    /// More about it, or empty.
    pub help_text: &'static str,
    /// The most characters of a text.
    pub max_length: Option<usize>,
}

/// What a field holds.
#[derive(Debug, Clone, Copy)]
pub enum FieldKind {
    /// Text.
    Text(Blank),
    /// A secret: text that keeps the white space around it.
    Secret,
    /// An e-mail address.
    Email(Blank),
    /// A web address.
    Url(Blank),
    /// ASCII letters, digits, `-` and `_`.
    Slug,
    /// True or false; in a form that leaves it out, false.
    Boolean,
    /// A day.
    Date,
    /// A moment.
    DateTime,
    /// A number.
    Integer,
    /// A reference to another object.
    Reference,
    /// Numbers of other objects.
    References,
    /// Some of these words.
    Choices(&'static [&'static str]),
    /// An object of its own.
    Nested(&'static [Field]),
}

/// Whether text may be empty.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Blank {
    /// It may.
    Allowed,
    /// It may not.
    Refused,
}

/// What was sent for a field.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Sent<T> {
    /// Nothing, or something that was refused.
    Absent,
    /// Null.
    Null,
    /// A value.
    Value(T),
}

/// A nested object, taken for itself; its fields are named with the path.
#[derive(Debug, Clone, PartialEq)]
pub enum Nested {
    /// An object, or the first one of a list.
    Object(Input),
    /// An empty list; the input holds nothing.
    EmptyList(Input),
}

/// Takes values out of an [`Input`] and remembers what was wrong.
#[derive(Debug)]
pub struct Reader<'a> {
    input: &'a Input,
    partial: bool,
    checkboxes: bool,
    violations: Vec<Violation>,
}

impl Field {
    /// A text of at most so many characters that may be left out and may be empty.
    pub const fn text(name: &'static str, label: &'static str) -> Self {
        Self::new(name, label, FieldKind::Text(Blank::Allowed))
    }

    /// A field of that kind that may be left out.
    pub const fn new(name: &'static str, label: &'static str, kind: FieldKind) -> Self {
        Self { name, kind, required: false, nullable: false, read_only: false, label, help_text: "", max_length: None }
    }

    /// The same, but it must be there.
    #[must_use]
    pub const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    /// The same, but it may be null.
    #[must_use]
    pub const fn nullable(self) -> Self {
        Self { nullable: true, ..self }
    }

    /// The same, but clients cannot set it.
    #[must_use]
    pub const fn read_only(self) -> Self {
        Self { read_only: true, ..self }
    }

    /// The same, with at most so many characters.
    #[must_use]
    pub const fn at_most(self, characters: usize) -> Self {
        Self { max_length: Some(characters), ..self }
    }

    /// The same, with an explanation.
    #[must_use]
    pub const fn help(self, text: &'static str) -> Self {
        Self { help_text: text, ..self }
    }

    fn blank(&self) -> Blank {
        match self.kind {
            FieldKind::Text(blank) | FieldKind::Email(blank) | FieldKind::Url(blank) => blank,
            _ => Blank::Refused,
        }
    }
}

impl<T> Sent<T> {
    /// The value, if there is one.
    pub fn value(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }

    /// Another value in place of the one sent.
    pub fn map<U>(self, change: impl FnOnce(T) -> U) -> Sent<U> {
        match self {
            Self::Absent => Sent::Absent,
            Self::Null => Sent::Null,
            Self::Value(value) => Sent::Value(change(value)),
        }
    }
}

impl<T> From<Sent<T>> for crate::model::Change<T> {
    fn from(sent: Sent<T>) -> Self {
        match sent {
            Sent::Absent => Self::Keep,
            Sent::Null => Self::Clear,
            Sent::Value(value) => Self::Set(value),
        }
    }
}

impl<'a> Reader<'a> {
    /// Reads `input`; if `partial`, nothing is required and a form says nothing about what it leaves out.
    pub fn new(input: &'a Input, partial: bool) -> Self {
        Self { input, partial, checkboxes: true, violations: Vec::new() }
    }

    /// The same, but a boolean that a form leaves out is absent rather than false.
    #[must_use]
    pub fn without_checkboxes(self) -> Self {
        Self { checkboxes: false, ..self }
    }

    /// Everything that was wrong.
    pub fn finish(self) -> Vec<Violation> {
        self.violations
    }

    /// Adds a violation, once.
    pub fn refuse(&mut self, field: &Field, rule: Rule) {
        let violation = Violation { field: field.name, rule };
        if !self.violations.contains(&violation) {
            self.violations.push(violation);
        }
    }

    /// Hands what was wrong in a nested object to the reader of the whole.
    pub fn finish_into(self, whole: &mut Reader<'_>) {
        whole.violations.extend(self.violations);
    }

    /// A nested object. Of a list the first entry is taken.
    pub fn nested(&mut self, field: &Field) -> Sent<Nested> {
        let value = match self.input {
            Input::Json(values) => values.get(field.name).cloned(),
            Input::Form(values) => {
                let within = |name: &String| name.strip_prefix(field.name).is_some_and(|rest| rest.starts_with('.'));
                let inner: Vec<_> = values.iter().filter(|(name, _)| within(name)).cloned().collect();
                return if inner.is_empty() { Sent::Absent } else { Sent::Value(Nested::Object(Input::Form(inner))) };
            }
        };
        let value = match value {
            Some(Value::Array(list)) if list.is_empty() => {
                return Sent::Value(Nested::EmptyList(Input::Json(Map::new())));
            }
            Some(Value::Array(list)) => list.into_iter().next(),
            other => other,
        };
        match value {
            Some(Value::Object(values)) => {
                let values = values.into_iter().map(|(name, value)| (format!("{}.{name}", field.name), value));
                Sent::Value(Nested::Object(Input::Json(values.collect())))
            }
            Some(Value::Null) => self.absent(field, Rule::Null),
            Some(other) => self.absent(field, Rule::NotObject(Kind::of(&other))),
            None if field.required && !self.partial => self.absent(field, Rule::Required),
            None => Sent::Absent,
        }
    }

    /// A UUID that names another object.
    pub fn uuid(&mut self, field: &Field) -> Sent<Uuid> {
        match self.sent(field) {
            Sent::Value(Value::String(text)) => match Uuid::try_parse(&text) {
                Ok(id) => Sent::Value(id),
                Err(_) => self.absent(field, Rule::NotUuid(text)),
            },
            Sent::Value(Value::Number(number)) => self.absent(field, Rule::NotUuid(number.to_string())),
            Sent::Value(other) => self.absent(field, Rule::WrongReference(Kind::of(&other))),
            Sent::Null => Sent::Null,
            Sent::Absent => Sent::Absent,
        }
    }

    /// A text.
    pub fn text(&mut self, field: &Field) -> Sent<String> {
        self.text_that(field, |text| Ok(text.to_owned()))
    }

    /// A text that `parse` takes; `parse` does not look at the length, which is told before its own complaint.
    pub fn text_that<T>(&mut self, field: &Field, parse: impl FnOnce(&str) -> Result<T, Rule>) -> Sent<T> {
        let value = match self.sent(field) {
            Sent::Value(value) => value,
            Sent::Null => return Sent::Null,
            Sent::Absent => return Sent::Absent,
        };
        let text = match value {
            Value::String(text) => text,
            Value::Number(number) => number.to_string(),
            _ => return self.absent(field, Rule::NotText),
        };
        let text = if matches!(field.kind, FieldKind::Secret) { &text[..] } else { text.trim() };
        if text.is_empty() {
            return match field.blank() {
                Blank::Allowed => parse(text).map_or(Sent::Absent, Sent::Value),
                Blank::Refused => self.absent(field, Rule::Blank),
            };
        }
        let before = self.violations.len();
        if let Some(most) = field.max_length
            && text.chars().count() > most
        {
            self.refuse(field, Rule::TooLong(most));
        }
        if text.contains('\0') {
            self.refuse(field, Rule::NullCharacter);
        }
        if let Some(half) = half_character(text) {
            return self.absent(field, Rule::Surrogate(half));
        }
        match parse(text) {
            Ok(value) if self.violations.len() == before => Sent::Value(value),
            Ok(_) => Sent::Absent,
            Err(rule) => self.absent(field, rule),
        }
    }

    /// A user name. Of one that is too long its length is told.
    pub fn username(&mut self, field: &Field) -> Option<Username> {
        let name = self.text_that(field, |text| {
            if Username::has_valid_characters(text) { Ok(Username::parse(text)) } else { Err(Rule::NotUsername) }
        });
        name.value().flatten()
    }

    /// An e-mail address, or none for an empty text where the field may be empty. Of one that is too long its length is told.
    pub fn email(&mut self, field: &Field) -> Sent<Option<EmailAddress>> {
        self.text_that(field, |text| match text {
            "" => Ok(None),
            _ if EmailAddress::is_well_formed(text) => Ok(EmailAddress::parse(text)),
            _ => Err(Rule::NotEmail),
        })
    }

    /// True or false.
    pub fn boolean(&mut self, field: &Field) -> Sent<bool> {
        let value = match self.sent(field) {
            Sent::Value(value) => value,
            Sent::Null => return Sent::Null,
            Sent::Absent => return Sent::Absent,
        };
        let known = match &value {
            Value::Bool(flag) => Some(*flag),
            Value::Number(number) if number.as_f64() == Some(1.0) => Some(true),
            Value::Number(number) if number.as_f64() == Some(0.0) => Some(false),
            Value::String(word) => boolean_word(word),
            _ => None,
        };
        match known {
            Some(flag) => Sent::Value(flag),
            None => self.absent(field, Rule::NotBoolean),
        }
    }

    /// A moment.
    pub fn moment(&mut self, field: &Field) -> Sent<Timestamp> {
        match self.sent(field) {
            Sent::Value(Value::String(text)) => match Timestamp::parse(text.trim()) {
                Some(moment) => Sent::Value(moment),
                None => self.absent(field, Rule::NotDateTime),
            },
            Sent::Value(_) => self.absent(field, Rule::NotDateTime),
            Sent::Null => Sent::Null,
            Sent::Absent => Sent::Absent,
        }
    }

    /// A day.
    pub fn date(&mut self, field: &Field) -> Sent<Date> {
        match self.sent(field) {
            Sent::Value(Value::String(text)) => match parse_date(&text) {
                Some(date) => Sent::Value(date),
                None => self.absent(field, Rule::NotDate),
            },
            Sent::Value(_) => self.absent(field, Rule::NotDate),
            Sent::Null => Sent::Null,
            Sent::Absent => Sent::Absent,
        }
    }

    /// Numbers of other objects; the first that is none is told.
    pub fn references(&mut self, field: &Field) -> Sent<Vec<u64>> {
        self.references_that(field, Value::clone)
    }

    /// Numbers of other objects, each first read by `prepare`.
    pub fn references_that(&mut self, field: &Field, prepare: impl Fn(&Value) -> Value) -> Sent<Vec<u64>> {
        let values = match self.sent(field) {
            Sent::Value(Value::Array(values)) => values,
            Sent::Value(other) => return self.absent(field, Rule::NotList(Kind::of(&other))),
            Sent::Null => return Sent::Null,
            Sent::Absent => return Sent::Absent,
        };
        match values.iter().map(|value| reference(&prepare(value), value)).collect() {
            Ok(numbers) => Sent::Value(numbers),
            Err(rule) => self.absent(field, rule),
        }
    }

    /// Some of the field's words, as `parse` knows them.
    pub fn choices<T>(&mut self, field: &Field, parse: impl Fn(&str) -> Option<T>) -> Sent<Vec<T>> {
        let values = match self.sent(field) {
            Sent::Value(Value::Array(values)) => values,
            Sent::Value(other) => return self.absent(field, Rule::NotList(Kind::of(&other))),
            Sent::Null => return Sent::Null,
            Sent::Absent => return Sent::Absent,
        };
        let before = self.violations.len();
        let mut chosen = Vec::new();
        for value in values {
            if let Some(choice) = value.as_str().and_then(&parse) {
                chosen.push(choice);
            } else {
                let text = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
                self.refuse(field, Rule::NotChoice(text));
            }
        }
        if self.violations.len() == before { Sent::Value(chosen) } else { Sent::Absent }
    }

    /// The value of a field, after the rules about absence, null and the empty values of forms.
    fn sent(&mut self, field: &Field) -> Sent<Value> {
        let value = match self.input {
            Input::Json(values) => values.get(field.name).cloned(),
            Input::Form(values) => self.form_value(field, values),
        };
        match value {
            Some(Value::Null) if field.nullable => Sent::Null,
            Some(Value::Null) => self.absent(field, Rule::Null),
            Some(value) => Sent::Value(value),
            None if field.required && !self.partial => self.absent(field, Rule::Required),
            None => Sent::Absent,
        }
    }

    /// HTML semantics: an absent checkbox is false, an absent list empty, an empty value nothing.
    fn form_value(&self, field: &Field, values: &[(String, Value)]) -> Option<Value> {
        let mut sent = values.iter().filter(|(name, _)| name == field.name).map(|(_, value)| value.clone());
        if matches!(field.kind, FieldKind::References) {
            let list: Vec<Value> = sent.collect();
            return (!list.is_empty() || !self.partial).then_some(Value::Array(list));
        }
        if matches!(field.kind, FieldKind::Choices(_)) {
            let list: Vec<Value> = sent.collect();
            return (!list.is_empty()).then_some(Value::Array(list));
        }
        let Some(value) = sent.next_back() else {
            let unchecked = matches!(field.kind, FieldKind::Boolean) && !self.partial && self.checkboxes;
            return unchecked.then_some(Value::Bool(false));
        };
        if value != "" || field.blank() == Blank::Allowed {
            return Some(value);
        }
        if field.nullable {
            return Some(Value::Null);
        }
        field.required.then_some(value)
    }

    fn absent<T>(&mut self, field: &Field, rule: Rule) -> Sent<T> {
        self.refuse(field, rule);
        Sent::Absent
    }
}

/// `t y yes true on 1` and `f n no false off 0`, in any letter case.
pub fn boolean_word(word: &str) -> Option<bool> {
    match word.to_ascii_lowercase().as_str() {
        "t" | "y" | "yes" | "true" | "on" | "1" => Some(true),
        "f" | "n" | "no" | "false" | "off" | "0" => Some(false),
        _ => None,
    }
}

/// A number, or digits in a text; `sent` is what it was made from.
fn reference(value: &Value, sent: &Value) -> Result<u64, Rule> {
    let number = match value {
        Value::Number(number) if number.is_f64() => return Err(Rule::WrongReference(Kind::Float)),
        Value::Number(number) => number.as_u64().ok_or_else(|| number.to_string()),
        Value::String(text) if !text.is_empty() && text.bytes().all(|b| b.is_ascii_digit()) => {
            text.parse().map_err(|_| text.clone())
        }
        _ => return Err(Rule::WrongReference(Kind::of(sent))),
    };
    number.map_err(Rule::UnknownReference)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    const NAME: Field = Field::new("name", "Name", FieldKind::Text(Blank::Refused)).required().at_most(3);
    const NOTE: Field = Field::text("note", "Note");
    const FLAG: Field = Field::new("flag", "Flag", FieldKind::Boolean);
    const DAY: Field = Field::new("day", "Day", FieldKind::Date).nullable();
    const LIST: Field = Field::new("list", "List", FieldKind::References);

    fn input(value: Value) -> Input {
        let Value::Object(values) = value else { panic!("an object") };
        Input::Json(values)
    }

    fn form(text: &str) -> Input {
        Input::Form(form_urlencoded::parse(text.as_bytes()).map(|(n, v)| (n.into_owned(), Value::from(v))).collect())
    }

    fn rules(input: &Input, partial: bool, read: impl FnOnce(&mut Reader<'_>)) -> Vec<Rule> {
        let mut reader = Reader::new(input, partial);
        read(&mut reader);
        reader.finish().into_iter().map(|violation| violation.rule).collect()
    }

    #[test]
    fn text_is_trimmed_and_checked() {
        for (value, expected) in [
            (json!({}), vec![Rule::Required]),
            (json!({"name": null}), vec![Rule::Null]),
            (json!({"name": "  "}), vec![Rule::Blank]),
            (json!({"name": true}), vec![Rule::NotText]),
            (json!({"name": [1]}), vec![Rule::NotText]),
            (json!({"name": "abcd"}), vec![Rule::TooLong(3)]),
            (json!({"name": "a\u{0}bc"}), vec![Rule::TooLong(3), Rule::NullCharacter]),
            (json!({"name": " abc "}), vec![]),
            (json!({"name": 1.5}), vec![]),
        ] {
            assert_eq!(rules(&input(value), false, |r| drop(r.text(&NAME))), expected);
        }
    }

    #[test]
    fn length_is_told_before_form() {
        let input = input(json!({"name": "abcd"}));
        let told = rules(&input, false, |r| {
            let refused = r.text_that::<()>(&NAME, |_| Err(Rule::NotUrl));
            assert_eq!(refused, Sent::Absent);
        });
        assert_eq!(told, [Rule::TooLong(3), Rule::NotUrl]);
    }

    #[test]
    fn booleans_know_many_words() {
        for (value, expected) in [
            (json!(true), Some(true)),
            (json!(0), Some(false)),
            (json!(1.0), Some(true)),
            (json!("YES"), Some(true)),
            (json!("off"), Some(false)),
            (json!("maybe"), None),
            (json!(2), None),
            (json!([]), None),
        ] {
            let input = input(json!({"flag": value}));
            let mut reader = Reader::new(&input, false);
            assert_eq!(reader.boolean(&FLAG).value(), expected);
            assert_eq!(reader.finish().is_empty(), expected.is_some());
        }
    }

    #[test]
    fn forms_have_html_semantics_unless_partial() {
        let empty = form("day=&note=");
        let mut reader = Reader::new(&empty, false);
        assert_eq!(reader.boolean(&FLAG), Sent::Value(false));
        assert_eq!(reader.references(&LIST), Sent::Value(vec![]));
        assert_eq!(reader.date(&DAY), Sent::Null);
        assert_eq!(reader.text(&NOTE), Sent::Value(String::new()));
        let mut reader = Reader::new(&empty, true);
        assert_eq!(reader.boolean(&FLAG), Sent::Absent);
        assert_eq!(reader.references(&LIST), Sent::Absent);
        let mut reader = Reader::new(&empty, true);
        assert_eq!(reader.text(&NAME), Sent::Absent);
        assert!(reader.finish().is_empty());
    }

    #[test]
    fn references_are_numbers_or_digits() {
        for (value, expected) in [
            (json!([1, "2"]), Ok(vec![1, 2])),
            (json!("x"), Err(Rule::NotList(Kind::Text))),
            (json!(["x"]), Err(Rule::WrongReference(Kind::Text))),
            (json!([true]), Err(Rule::WrongReference(Kind::Boolean))),
            (json!([-1]), Err(Rule::UnknownReference("-1".to_owned()))),
            (json!(["99999999999999999999999"]), Err(Rule::UnknownReference("99999999999999999999999".to_owned()))),
        ] {
            let input = input(json!({"list": value}));
            let mut reader = Reader::new(&input, false);
            let read = reader.references(&LIST).value();
            let told = reader.finish().pop().map(|violation| violation.rule);
            assert_eq!(read.ok_or_else(|| told.expect("a rule")), expected);
        }
    }
}
