//! Pages for browsers. Every text that came from somebody is escaped by the template library.

use http::response::Parts;
use maud::{DOCTYPE, Markup, html};
use serde_json::Value;

use crate::web::negotiation::indented;

/// An answer of the API as a page.
pub(super) fn answer(title: &str, line: &str, parts: &Parts, body: &Value) -> String {
    let headers = parts.headers.iter().filter(|(name, _)| *name != http::header::CONTENT_LENGTH);
    let content = html! {
        h1 { (title) }
        pre { b { (line) } }
        pre {
            b { "HTTP " (parts.status.as_u16()) " " (parts.status.canonical_reason().unwrap_or_default()) } "\n"
            @for (name, value) in headers { (name) ": " (String::from_utf8_lossy(value.as_bytes())) "\n" }
            "\n" (indented(body, 4))
        }
    };
    whole(title, &content).into_string()
}

/// A page of its own with a title and some content.
pub fn whole(title: &str, content: &Markup) -> Markup {
    html! {
        (DOCTYPE)
        html lang="en" {
            head {
                meta charset="utf-8";
                meta name="viewport" content="width=device-width, initial-scale=1";
                title { (title) }
            }
            body { main { (content) } }
        }
    }
}
