//! The values of fields.

use serde_json::{Map, Value};

use super::{Blank, Field, FieldKind, Sent};
use crate::error::{Rule, Violation};
use crate::model::{Date, EmailAddress, Flags, MAX_TEXT, Timestamp, Username, is_longer, time::parse_date};
use crate::secret::Secret;
use crate::web::Input;
use crate::web::json::{half_character, text_of};

/// From this size in bytes on, only the excessive length of a text is reported.
const FAR_TOO_LONG: usize = 4 * MAX_TEXT;

/// Takes values from an [`Input`] and collects the violations.
#[derive(Debug)]
pub struct Reader<'a> {
    pub(super) input: &'a Input,
    pub(super) partial: bool,
    checkboxes: bool,
    /// The stored texts, by field name.
    stored: Vec<(&'static str, &'a str)>,
    violations: Vec<Violation>,
}

impl<'a> Reader<'a> {
    /// Reads `input`; if `partial`, nothing is required, and fields missing in a form are unchanged.
    pub fn new(input: &'a Input, partial: bool) -> Self {
        Self { input, partial, checkboxes: true, stored: Vec::new(), violations: Vec::new() }
    }

    /// The same, but a boolean missing in a form is absent rather than false.
    #[must_use]
    pub fn without_checkboxes(self) -> Self {
        Self { checkboxes: false, ..self }
    }

    /// The same, but a text equal to the stored one counts as absent, even if newer rules forbid it.
    #[must_use]
    pub fn keeping(self, stored: Vec<(&'static str, &'a str)>) -> Self {
        Self { stored, ..self }
    }

    /// All violations.
    pub fn finish(self) -> Vec<Violation> {
        self.violations
    }

    /// Adds a violation, once. Only a few are kept for each field.
    pub fn refuse(&mut self, field: &Field, rule: Rule) {
        let violation = field.violation(rule);
        if !self.violations.contains(&violation) {
            self.violations.push(violation);
        }
    }

    /// Passes the violations of a nested object to the reader of the whole.
    pub fn finish_into(self, whole: &mut Reader<'_>) {
        whole.violations.extend(self.violations);
    }

    /// A text.
    pub fn text(&mut self, field: &Field) -> Sent<String> {
        self.text_that(field, |text| Ok(text.to_owned()))
    }

    /// A secret text.
    pub fn secret(&mut self, field: &Field) -> Sent<Secret> {
        self.text(field).map(Secret::from)
    }

    /// A text that `parse` accepts; `parse` does not check the length, which is reported before other violations.
    pub fn text_that<T>(&mut self, field: &Field, parse: impl FnOnce(&str) -> Result<T, Rule>) -> Sent<T> {
        let value = match self.sent(field) {
            Sent::Value(value) => value,
            Sent::Null => return Sent::Null,
            Sent::Absent => return Sent::Absent,
        };
        let Some(sent) = text_of(&value) else { return self.absent(field, Rule::NotText) };
        let text = if matches!(field.kind, FieldKind::Secret) { &sent[..] } else { sent.trim() };
        if text.is_empty() {
            return match field.blank() {
                Blank::Allowed => parse(text).map_or(Sent::Absent, Sent::Value),
                Blank::Refused => self.absent(field, Rule::Blank),
            };
        }
        let before = self.violations.len();
        let read = self.checked(field, text, parse);
        let is_stored = |(name, stored): &(&str, &str)| *name == field.name && (*stored == text || **stored == *sent);
        if self.violations.len() > before && self.stored.iter().any(is_stored) {
            self.violations.truncate(before);
        }
        read
    }

    /// A text that is not empty.
    fn checked<T>(&mut self, field: &Field, text: &str, parse: impl FnOnce(&str) -> Result<T, Rule>) -> Sent<T> {
        let before = self.violations.len();
        if let Some(most) = field.max_length
            && is_longer(text, most)
        {
            self.refuse(field, Rule::TooLong(most));
            if text.len() > FAR_TOO_LONG {
                return Sent::Absent;
            }
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

    /// A user name. If it is too long, only its length is reported.
    pub fn username(&mut self, field: &Field) -> Option<Username> {
        let name = self.text_that(field, |text| {
            if Username::has_valid_characters(text) { Ok(Username::parse(text)) } else { Err(Rule::NotUsername) }
        });
        name.value().flatten()
    }

    /// An e-mail address, or none for an empty text if the field may be empty. If it is too long, only its length is
    /// reported.
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

    /// The flags of a user for which there is a field.
    pub fn flags(&mut self, fields: Flags<Option<&Field>>) -> Flags<Option<bool>> {
        fields.map(|field| self.boolean(field?).value())
    }

    /// A timestamp.
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

    /// The value of a field, after the rules for absence, null and empty form values.
    pub(super) fn sent(&mut self, field: &Field) -> Sent<Value> {
        if let Some(most) = field.max_items
            && self.items(field) > most
        {
            return self.absent(field, Rule::TooMany(most));
        }
        let value = match self.input {
            Input::Json(values) => values.get(field.name).map(|value| of_kind(field, value)),
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

    /// How many entries of a list were sent.
    fn items(&self, field: &Field) -> usize {
        match self.input {
            Input::Json(values) => values.get(field.name).and_then(Value::as_array).map_or(0, Vec::len),
            Input::Form(values) => values.iter().filter(|(name, _)| name == field.name).count(),
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

    pub(super) fn absent<T>(&mut self, field: &Field, rule: Rule) -> Sent<T> {
        self.refuse(field, rule);
        Sent::Absent
    }
}

/// `t y yes true on 1` and `f n no false off 0`, in any case.
pub fn boolean_word(word: &str) -> Option<bool> {
    match word.to_ascii_lowercase().as_str() {
        "t" | "y" | "yes" | "true" | "on" | "1" => Some(true),
        "f" | "n" | "no" | "false" | "off" | "0" => Some(false),
        _ => None,
    }
}

/// The value sent for a field. If the field never takes lists or objects, only their kind is kept.
fn of_kind(field: &Field, value: &Value) -> Value {
    match value {
        Value::Array(_) if field.max_items.is_none() => Value::Array(Vec::new()),
        Value::Object(_) => Value::Object(Map::new()),
        other => other.clone(),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::model::{GroupId, References};

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
        assert_eq!(reader.references(&LIST, GroupId), Sent::Value(References::default()));
        assert_eq!(reader.date(&DAY), Sent::Null);
        assert_eq!(reader.text(&NOTE), Sent::Value(String::new()));
        let mut reader = Reader::new(&empty, true);
        assert_eq!(reader.boolean(&FLAG), Sent::Absent);
        assert_eq!(reader.references(&LIST, GroupId), Sent::Absent);
        let mut reader = Reader::new(&empty, true);
        assert_eq!(reader.text(&NAME), Sent::Absent);
        assert!(reader.finish().is_empty());
    }

    #[test]
    fn a_text_that_is_stored_just_so_counts_as_left_out() {
        for (sent, rules_told) in [("stored", 0), (" stored ", 0), ("stores", 1), ("sto", 0)] {
            let input = input(json!({"name": sent}));
            let mut reader = Reader::new(&input, false).keeping(vec![("other", "stores"), ("name", "stored")]);
            let read = reader.text(&NAME).value();
            assert_eq!(reader.finish().len(), rules_told, "{sent}");
            assert_eq!(read.as_deref(), (sent.len() <= 3).then_some(sent), "{sent}");
        }
    }

    #[test]
    fn what_is_far_too_long_is_not_looked_at() {
        let input = input(json!({"name": "x".repeat(FAR_TOO_LONG + 1)}));
        let mut reader = Reader::new(&input, false);
        let read = reader.text_that::<()>(&NAME, |_| panic!("it was looked at"));
        assert_eq!((read, reader.finish().len()), (Sent::Absent, 1));
    }
}
