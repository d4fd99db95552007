//! The document as one page: no scripts, in reading order, with headings and tables for screen readers.

use maud::{Markup, PreEscaped, html};
use serde_json::{Map, Value};

/// The methods of an operation, in reading order.
const METHODS: [&str; 7] = ["post", "get", "put", "patch", "delete", "head", "options"];

/// The content of the page.
pub fn content(document: &Value, base: &str) -> Markup {
    let operations = operations(document);
    let tags = document["tags"].as_array().map(Vec::as_slice).unwrap_or_default();
    let of_tag = |tag: &Value| {
        operations.iter().filter(|operation| operation.value["tags"][0] == tag["name"]).collect::<Vec<_>>()
    };
    html! {
        div.reference {
            nav aria-label="Operations" {
                p { a href="../docs/" { "Try it out" } " · " a href="../docs.json" { "JSON" } " · " a href="../docs.yaml" { "YAML" } }
                @for tag in tags {
                    p { b { (text(&tag["name"])) } }
                    ul { @for operation in of_tag(tag) { li { a href={ "#" (text(&operation.value["operationId"])) } { (text(&operation.value["summary"])) } } } }
                }
            }
            main {
                h1 { (text(&document["info"]["title"])) }
                p.line { b { "Server" } code { (base) } }
                (markdown(&document["info"]["description"]))
                h2 { "Authentication" }
                @for (name, scheme) in entries(&document["components"]["securitySchemes"]) {
                    h3 { (name) }
                    (markdown(&scheme["description"]))
                }
                @for tag in tags {
                    section {
                        h2 { (text(&tag["name"])) }
                        (markdown(&tag["description"]))
                        @for operation in of_tag(tag) { (operation.show(document)) }
                    }
                }
            }
        }
    }
}

struct Operation<'a> {
    path: &'a str,
    method: &'a str,
    value: &'a Value,
    parameters: Vec<&'a Value>,
}

fn operations(document: &Value) -> Vec<Operation<'_>> {
    let mut all = Vec::new();
    for (path, item) in entries(&document["paths"]) {
        for method in METHODS {
            let Some(value) = item.get(method) else { continue };
            let parameters = list(&item["parameters"]).chain(list(&value["parameters"]));
            let parameters = parameters.map(|parameter| resolved(document, parameter)).collect();
            all.push(Operation { path, method, value, parameters });
        }
    }
    all
}

impl Operation<'_> {
    fn show(&self, document: &Value) -> Markup {
        let body = json_of(&self.value["requestBody"]);
        html! {
            section id=(text(&self.value["operationId"])) {
                h3 { (text(&self.value["summary"])) }
                p.line { b { (self.method.to_uppercase()) } code { (self.path) } }
                (markdown(&self.value["description"]))
                @if !self.parameters.is_empty() { (self.parameters_table()) }
                @if !body.is_null() {
                    (fields(document, resolved(document, &body["schema"]), "Body"))
                    (example(body, "Example request body"))
                }
                @for (status, response) in entries(&self.value["responses"]) {
                    @let response = resolved(document, response);
                    @let content = json_of(response);
                    @if status.starts_with('2') {
                        p { b { (status) } " " (text(&response["description"])) }
                        @if !content.is_null() {
                            (fields(document, resolved(document, &content["schema"]), "Response"))
                            (example(content, "Example response"))
                        }
                    } @else {
                        p.quiet { b { (status) } " " (text(&response["description"])) }
                    }
                }
            }
        }
    }

    fn parameters_table(&self) -> Markup {
        html! {
            div.scroll tabindex="0" {
                table {
                    caption { "Parameters" }
                    thead { tr { th scope="col" { "Name" } th scope="col" { "In" } th scope="col" { "Type" } th scope="col" { "Meaning" } } }
                    tbody {
                        @for parameter in &self.parameters {
                            tr {
                                th scope="row" { code { (text(&parameter["name"])) } }
                                td { (text(&parameter["in"])) }
                                td { (kind(&parameter["schema"])) }
                                td { (markdown(&parameter["description"])) }
                            }
                        }
                    }
                }
            }
        }
    }
}

/// The members of an object, or of the objects in an array.
fn fields(document: &Value, schema: &Value, caption: &str) -> Markup {
    let object = if schema["items"].is_object() { resolved(document, &schema["items"]) } else { schema };
    let required: Vec<&str> = list(&object["required"]).filter_map(Value::as_str).collect();
    let caption =
        if schema["items"].is_object() { format!("{caption}: a list of objects with") } else { caption.to_owned() };
    html! {
        @if object["properties"].is_object() {
            div.scroll tabindex="0" {
                table {
                    caption { (caption) }
                    thead { tr { th scope="col" { "Field" } th scope="col" { "Type" } th scope="col" { "Meaning" } } }
                    tbody { (rows(document, object, &required, "")) }
                }
            }
        }
    }
}

fn rows(document: &Value, object: &Value, required: &[&str], before: &str) -> Markup {
    html! {
        @for (name, schema) in entries(&object["properties"]) {
            @let schema = resolved(document, schema);
            @let inner = if schema["items"].is_object() { resolved(document, &schema["items"]) } else { schema };
            tr {
                th scope="row" { code { (before) (name) } }
                td { (kind(schema)) @if required.contains(&name.as_str()) { ", always" } }
                td { (markdown(&schema["description"])) }
            }
            @if inner["properties"].is_object() {
                (rows(document, inner, &[], &format!("{before}{name}.")))
            }
        }
    }
}

fn example(content: &Value, caption: &str) -> Markup {
    let example =
        content.get("example").or_else(|| entries(&content["examples"]).next().map(|(_, example)| &example["value"]));
    html! {
        @if let Some(example) = example {
            p.quiet { (caption) }
            pre tabindex="0" { code { (serde_json::to_string_pretty(example).unwrap_or_default()) } }
        }
    }
}

/// What a body or a response holds as JSON: the first of its media types.
fn json_of(message: &Value) -> &Value {
    entries(&message["content"]).next().map_or(&Value::Null, |(_, content)| content)
}

/// The type of a value, in a few words.
fn kind(schema: &Value) -> String {
    let names: Vec<String> = match &schema["type"] {
        Value::Array(names) => names.iter().map(text).collect(),
        Value::String(name) => vec![name.clone()],
        _ => list(&schema["anyOf"]).map(kind).collect(),
    };
    let mut said = names.join(" or ");
    if schema["items"].is_object() && !schema["items"]["properties"].is_object() {
        said = said.replacen("array", &format!("array of {}", kind(&schema["items"])), 1);
    }
    let limits = [("format", ""), ("minimum", "at least "), ("maximum", "at most "), ("maxLength", "length at most ")];
    for (name, words) in limits {
        if let Some(limit) = schema.get(name) {
            said = format!("{said}, {words}{}", text(limit));
        }
    }
    if let Some(values) = schema["enum"].as_array() {
        said = format!("{said}: {}", values.iter().map(text).collect::<Vec<_>>().join(", "));
    }
    said
}

fn resolved<'a>(document: &'a Value, value: &'a Value) -> &'a Value {
    let pointer = value["$ref"].as_str().and_then(|reference| reference.strip_prefix('#'));
    pointer.and_then(|pointer| document.pointer(pointer)).unwrap_or(value)
}

fn markdown(value: &Value) -> Markup {
    let mut page = String::new();
    let options = pulldown_cmark::Options::ENABLE_TABLES;
    pulldown_cmark::html::push_html(
        &mut page,
        pulldown_cmark::Parser::new_ext(value.as_str().unwrap_or_default(), options),
    );
    PreEscaped(page)
}

fn text(value: &Value) -> String {
    value.as_str().map_or_else(|| value.to_string(), str::to_owned)
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flat_map(Map::iter)
}

fn list(value: &Value) -> impl Iterator<Item = &Value> {
    value.as_array().into_iter().flatten()
}
