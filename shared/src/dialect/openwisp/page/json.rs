//! JSON for people: indented, coloured, and with links.

use maud::{Markup, html};
use serde_json::Value;

use crate::web::BaseUrl;

const GROUPS: &str = "/api/v1/users/group/";
const ORGANIZATIONS: &str = "/api/v1/users/organization/";

/// The targets of links in a response.
#[derive(Debug, Clone, Copy)]
pub(super) struct Links<'a> {
    pub base: &'a BaseUrl,
    /// The path of the list that the response's objects belong to, if there is one.
    pub list: Option<&'a str>,
    /// The member of an object that its path ends with.
    pub key: &'a str,
}

/// A value of a response, as markup.
pub(super) fn shown(value: &Value, links: Links<'_>) -> Markup {
    within(value, &[], links)
}

/// `path` is the names that lead to the value, without list positions.
fn within(value: &Value, path: &[&str], links: Links<'_>) -> Markup {
    let indent = "    ".repeat(path.len() + 1);
    let back = "    ".repeat(path.len());
    html! {
        @match value {
            Value::Object(values) if !values.is_empty() => {
                "{\n"
                @for (index, (name, value)) in values.iter().enumerate() {
                    @if index > 0 { ",\n" }
                    (indent) span.name { (quoted(name)) } ": " (within(value, &[path, &[name]].concat(), links))
                }
                "\n" (back) "}"
            }
            Value::Array(values) if !values.is_empty() => {
                "[\n"
                @for (index, value) in values.iter().enumerate() {
                    @if index > 0 { ",\n" }
                    (indent) (within(value, &[path, &[""]].concat(), links))
                }
                "\n" (back) "]"
            }
            Value::Object(_) => "{}",
            Value::Array(_) => "[]",
            Value::String(text) => {
                span.text { @match target(value, path, links) {
                    Some(href) => { "\"" a href=(href) { (inner(text)) } "\"" }
                    None => (quoted(text)),
                } }
            }
            Value::Number(_) => {
                span.number { @match target(value, path, links) {
                    Some(href) => { a href=(href) { (value.to_string()) } }
                    None => (value.to_string()),
                } }
            }
            Value::Bool(_) | Value::Null => { span.word { (value.to_string()) } }
        }
    }
}

fn quoted(text: &str) -> String {
    Value::from(text).to_string()
}

fn inner(text: &str) -> String {
    let quoted = quoted(text);
    quoted[1..quoted.len() - 1].to_owned()
}

/// The URL of the object that a value names.
fn target(value: &Value, path: &[&str], links: Links<'_>) -> Option<String> {
    let text = value.as_str().map(str::to_owned).or_else(|| value.as_u64().map(|number| number.to_string()))?;
    let list = match path {
        ["next" | "previous"] => {
            let own = text.strip_prefix(&links.base.0).is_some_and(|rest| rest.starts_with('/'));
            return own.then_some(text);
        }
        [name] | ["results", "", name] if *name == links.key => links.list?,
        [.., "groups", ""] => GROUPS,
        [.., "organization_users", "", "organization"] => ORGANIZATIONS,
        _ => return None,
    };
    let is_id = !text.is_empty() && text.bytes().all(|b| b.is_ascii_alphanumeric() || b == b'-');
    is_id.then(|| format!("{}{list}{text}/", links.base.prefix()))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::web::negotiation::indented;

    fn page_of(value: &Value) -> String {
        let base = BaseUrl("http://h".to_owned());
        shown(value, Links { base: &base, list: Some("/list/"), key: "id" }).into_string()
    }

    /// The text that a browser shows for HTML: without tags, and with references resolved.
    fn read(page: &str) -> String {
        let mut text = String::new();
        let mut rest = page;
        while let Some((before, tag)) = rest.split_once('<') {
            text.push_str(before);
            rest = tag.split_once('>').expect("a tag ends").1;
        }
        text.push_str(rest);
        [("&lt;", "<"), ("&gt;", ">"), ("&quot;", "\""), ("&amp;", "&")]
            .iter()
            .fold(text, |text, (reference, sign)| text.replace(reference, sign))
    }

    fn values() -> impl Strategy<Value = Value> {
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<String>().prop_map(Value::from),
            "[<>\"'&a-z/ ;\\\\\n]{0,20}".prop_map(Value::from),
        ];
        leaf.prop_recursive(4, 32, 4, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..4).prop_map(Value::from),
                prop::collection::hash_map("(id|next|groups|results|[<>\"'&a-z]{0,8})", inner, 0..4)
                    .prop_map(|values| Value::Object(values.into_iter().collect())),
            ]
        })
    }

    proptest! {
        #[test]
        fn a_page_shows_the_answer_and_nothing_else(value in values()) {
            prop_assert_eq!(read(&page_of(&value)), indented(&value, 4));
        }
    }

    #[test]
    fn what_is_named_is_linked() {
        let value = json!({
            "next": "http://h/list/?page=2",
            "previous": "http://hostile/list/",
            "results": [{"id": "a-1", "groups": [7], "organization_users": [{"organization": "b-2"}], "url": "http://h/"}],
        });
        let page = page_of(&value);
        let links: Vec<&str> =
            page.split("href=\"").skip(1).map(|rest| rest.split('"').next().unwrap_or_default()).collect();
        assert_eq!(
            links,
            ["http://h/list/?page=2", "/list/a-1/", "/api/v1/users/group/7/", "/api/v1/users/organization/b-2/"]
        );
    }
}
