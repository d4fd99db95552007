//! The form that filters a list.

use maud::{Markup, html};
use serde_json::Value;

use super::fields::{Choices, choices_of, errors_of};
use crate::web::fields::{Field, FieldKind};
use crate::web::negotiation::query_value;

/// Parameters that are kept when the filter changes.
const KEPT: [&str; 2] = ["page_size", "format"];

/// The form, filled in from the query; `answer` contains its errors.
pub(super) fn filters(
    fields: &[&'static Field],
    action: &str,
    uri: &http::Uri,
    choices: Option<&Choices>,
    response: &Value,
) -> Markup {
    if fields.is_empty() {
        return html! {};
    }
    html! {
        form.filters method="get" action=(action) role="search" {
            @for name in KEPT {
                @if let Some(value) = query_value(uri, name) { input type="hidden" name=(name) value=(value); }
            }
            @for field in fields {
                @let sent = query_value(uri, field.name).unwrap_or_default();
                @let errors = errors_of(response, field.name);
                @let named = choices.and_then(|choices| choices_of(choices, field.name));
                div.field {
                    label for=(id(field)) { (field.label) }
                    (input(field, &sent, named, errors.is_empty()))
                    @if !errors.is_empty() {
                        ul.errors id={ (id(field)) "-errors" } { @for error in errors { li { (error) } } }
                    }
                }
            }
            p.actions {
                button type="submit" { "Search" }
                @if fields.iter().any(|field| query_value(uri, field.name).is_some_and(|value| !value.is_empty())) {
                    a.button.quiet href=(action) { "Show all" }
                }
            }
        }
    }
}

fn input(field: &Field, sent: &str, named: Option<&[(String, String)]>, is_good: bool) -> Markup {
    let words = [("true".to_owned(), "Yes".to_owned()), ("false".to_owned(), "No".to_owned())];
    let options = if matches!(field.kind, FieldKind::Boolean) { Some(&words[..]) } else { named };
    let invalid = (!is_good).then_some("true");
    let described = (!is_good).then(|| format!("{}-errors", id(field)));
    html! {
        @if let Some(options) = options {
            @let is_known = options.iter().any(|(value, _)| value == sent);
            select id=(id(field)) name=(field.name) aria-invalid=[invalid] aria-describedby=[described] {
                option value="" { "Any" }
                @for (value, label) in options { option value=(value) selected[value == sent] { (label) } }
                @if !is_known && !sent.is_empty() { option value=(sent) selected { (sent) } }
            }
        } @else {
            @let kind = if matches!(field.kind, FieldKind::Text(_)) { "search" } else { "text" };
            input id=(id(field)) type=(kind) name=(field.name) value=(sent) maxlength=[field.max_length]
                placeholder=[Some(field.help_text).filter(|text| !text.is_empty())] autocomplete="off"
                aria-invalid=[invalid] aria-describedby=[described];
        }
    }
}

fn id(field: &Field) -> String {
    format!("filter-{}", field.name)
}
