//! The fields of a form, generated from the table that also reads them.

use maud::{Markup, html};
use serde_json::Value;

use crate::model::MAX_TEXT;
use crate::web::Input;
use crate::web::fields::{Blank, Field, FieldKind};

/// The values of a form's fields, and their errors.
#[derive(Debug, Clone, Copy)]
pub(super) struct Content<'a> {
    pub values: &'a Input,
    /// The response to a refused request, or any other.
    pub errors: &'a Value,
    pub choices: &'a Choices,
}

/// The choices of reference fields: the field's name, and value and label of each choice. A field that is missing has
/// too many choices to list.
pub(in super::super) type Choices = Vec<(&'static str, Vec<(String, String)>)>;

/// The choices of a field, if they are listed.
pub(super) fn choices_of<'a>(choices: &'a Choices, name: &str) -> Option<&'a [(String, String)]> {
    choices.iter().find(|(field, _)| *field == name).map(|(_, choices)| &choices[..])
}

/// All inputs of a form.
pub(super) fn fields(fields: &[&'static Field], content: Content<'_>) -> Markup {
    html! { @for field in fields { @if !field.read_only { (one(field, content)) } } }
}

/// The messages about a field, or about a nested object as a whole.
pub(super) fn errors_of<'a>(errors: &'a Value, name: &str) -> Vec<&'a str> {
    let found = name.split('.').try_fold(errors, |errors, name| errors.get(name));
    let found = found.map(|errors| errors.get("non_field_errors").unwrap_or(errors));
    found.and_then(Value::as_array).into_iter().flatten().filter_map(Value::as_str).collect()
}

fn one(field: &Field, content: Content<'_>) -> Markup {
    match field.kind {
        FieldKind::Nested(children) => html! {
            fieldset {
                legend { (field.label) }
                (told(field, content))
                @for child in children { (one(child, content)) }
            }
        },
        FieldKind::Boolean => checkbox(field, content),
        FieldKind::References => references(field, content),
        FieldKind::Choices(choices) => html! {
            (labelled(field, content, &html! {
                select id=(id(field)) name=(field.name) aria-describedby=[described(field, content)] {
                    @for choice in choices {
                        option value=(choice) selected[texts(content.values, field.name).iter().any(|text| text == choice)] {
                            (choice)
                        }
                    }
                }
            }))
        },
        FieldKind::Reference => match choices_of(content.choices, field.name) {
            Some(choices) => labelled(field, content, &reference(field, choices, content)),
            None => labelled(field, content, &input(field, content)),
        },
        _ => labelled(field, content, &input(field, content)),
    }
}

/// A select with an empty choice. The current value stays available even if it is not listed.
fn reference(field: &Field, choices: &[(String, String)], content: Content<'_>) -> Markup {
    let chosen = texts(content.values, field.name).pop().unwrap_or_default();
    let is_listed = choices.iter().any(|(value, _)| *value == chosen);
    let invalid = (!errors_of(content.errors, field.name).is_empty()).then_some("true");
    html! {
        select id=(id(field)) name=(field.name) aria-invalid=[invalid] aria-describedby=[described(field, content)] {
            option value="" { "—" }
            @for (value, label) in choices { option value=(value) selected[*value == chosen] { (label) } }
            @if !is_listed && !chosen.is_empty() { option value=(chosen) selected { (chosen) } }
        }
    }
}

fn labelled(field: &Field, content: Content<'_>, input: &Markup) -> Markup {
    html! {
        div.field {
            label for=(id(field)) {
                (field.label)
                @if field.required { " " span.needed { "required" } }
            }
            (input)
            (told(field, content))
        }
    }
}

fn input(field: &Field, content: Content<'_>) -> Markup {
    let text = texts(content.values, field.name).pop().unwrap_or_default();
    let invalid = (!errors_of(content.errors, field.name).is_empty()).then_some("true");
    let described = described(field, content);
    if matches!(field.kind, FieldKind::Text(Blank::Allowed)) && field.max_length == Some(MAX_TEXT) {
        return html! {
            textarea id=(id(field)) name=(field.name) rows="3" maxlength=[field.max_length] aria-invalid=[invalid] aria-describedby=[described] {
                // The first line break is not part of the text.
                "\n" (text)
            }
        };
    }
    let is_secret = matches!(field.kind, FieldKind::Secret);
    let kind = match field.kind {
        FieldKind::Secret => "password",
        FieldKind::Email(_) => "email",
        FieldKind::Url(_) => "url",
        FieldKind::Date => "date",
        _ => "text",
    };
    let hint = match field.name {
        "current_password" | "old_password" => "current-password",
        _ if is_secret => "new-password",
        _ => "off",
    };
    html! {
        input id=(id(field)) type=(kind) name=(field.name) value=[(!is_secret).then_some(text)] autocomplete=(hint)
            maxlength=[field.max_length] required[field.required && !field.nullable] aria-invalid=[invalid] aria-describedby=[described];
    }
}

/// A checkbox. It also sends a value if unchecked, because omitting it may mean something else.
fn checkbox(field: &Field, content: Content<'_>) -> Markup {
    let checked = texts(content.values, field.name).pop().is_some_and(|text| text == "true");
    html! {
        div.field.check {
            input type="hidden" name=(field.name) value="false";
            input id=(id(field)) type="checkbox" name=(field.name) value="true" checked[checked]
                aria-describedby=[described(field, content)];
            label for=(id(field)) { (field.label) }
            (told(field, content))
        }
    }
}

fn references(field: &Field, content: Content<'_>) -> Markup {
    let chosen = texts(content.values, field.name);
    // Permissions of groups look like `36: user | Can view user`.
    let is_chosen = |number: &String| chosen.iter().any(|text| text.split(':').next() == Some(number));
    let choices = choices_of(content.choices, field.name);
    html! {
        fieldset aria-describedby=[described(field, content)] {
            legend { (field.label) }
            (told(field, content))
            div.choices {
                @for (number, label) in choices.into_iter().flatten() {
                    label {
                        input type="checkbox" name=(field.name) value=(number) checked[is_chosen(number)];
                        span { (label) }
                    }
                }
            }
        }
    }
}

/// The help text and the errors of a field.
fn told(field: &Field, content: Content<'_>) -> Markup {
    let errors = errors_of(content.errors, field.name);
    html! {
        @if !errors.is_empty() {
            ul.errors id=(error_id(field)) { @for error in errors { li { (error) } } }
        }
        @if let Some(help) = help(field) { p.help id=(help_id(field)) { (help) } }
    }
}

fn help(field: &Field) -> Option<String> {
    match field.max_length {
        _ if !field.help_text.is_empty() => Some(field.help_text.to_owned()),
        Some(most) if most < 100 || matches!(field.kind, FieldKind::Text(_)) && most == MAX_TEXT => {
            Some(format!("At most {most} characters."))
        }
        _ => None,
    }
}

fn described(field: &Field, content: Content<'_>) -> Option<String> {
    let error = (!errors_of(content.errors, field.name).is_empty()).then(|| error_id(field));
    let help = help(field).map(|_| help_id(field));
    let ids: Vec<String> = error.into_iter().chain(help).collect();
    (!ids.is_empty()).then(|| ids.join(" "))
}

/// The id of a field's input.
pub(super) fn id(field: &Field) -> String {
    format!("field-{}", field.name.replace('.', "-"))
}

fn error_id(field: &Field) -> String {
    format!("{}-errors", id(field))
}

fn help_id(field: &Field) -> String {
    format!("{}-help", id(field))
}

/// The values of a field as a form sends them.
fn texts(values: &Input, name: &str) -> Vec<String> {
    let text = |value: &Value| match value {
        Value::String(text) => Some(text.clone()),
        Value::Number(_) | Value::Bool(_) => Some(value.to_string()),
        _ => None,
    };
    match values {
        Input::Form(values) => {
            values.iter().filter(|(sent, _)| sent == name).filter_map(|(_, value)| text(value)).collect()
        }
        Input::Json(values) => {
            let mut names = name.split('.');
            let first = names.next().and_then(|name| values.get(name));
            match names.fold(first, |value, name| value?.get(name)) {
                Some(Value::Array(list)) => list.iter().filter_map(text).collect(),
                Some(value) => text(value).into_iter().collect(),
                None => Vec::new(),
            }
        }
    }
}
