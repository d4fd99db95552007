//! Filters and paths of RFC 7644, of clients, and of whatever `scim_v2` accepts.

use proptest::prelude::*;
use scim_v2::filter as other;
use serde_json::json;

use super::*;

fn name(text: &str) -> Name {
    let path = path(text).unwrap_or_else(|why| panic!("{text}: {why:?}"));
    path.name
}

fn compare(attribute: &str, comparison: Comparison, value: Value) -> Filter {
    Filter::Compare(name(attribute), comparison, value)
}

fn and(left: Filter, right: Filter) -> Filter {
    Filter::And(Box::new(left), Box::new(right))
}

fn or(left: Filter, right: Filter) -> Filter {
    Filter::Or(Box::new(left), Box::new(right))
}

/// The examples of RFC 7644 section 3.4.2.2.
const OF_THE_RFC: &[&str] = &[
    "userName eq \"bjensen\"",
    "name.familyName co \"O'Malley\"",
    "userName sw \"J\"",
    "urn:ietf:params:scim:schemas:core:2.0:User:userName sw \"J\"",
    "title pr",
    "meta.lastModified gt \"2011-05-13T04:42:34Z\"",
    "meta.lastModified ge \"2011-05-13T04:42:34Z\"",
    "meta.lastModified lt \"2011-05-13T04:42:34Z\"",
    "meta.lastModified le \"2011-05-13T04:42:34Z\"",
    "title pr and userType eq \"Employee\"",
    "title pr or userType eq \"Intern\"",
    "schemas eq \"urn:ietf:params:scim:schemas:extension:enterprise:2.0:User\"",
    "userType eq \"Employee\" and (emails co \"example.com\" or emails.value co \"example.org\")",
    "userType ne \"Employee\" and not (emails co \"example.com\" or emails.value co \"example.org\")",
    "userType eq \"Employee\" and (emails.type eq \"work\")",
    "userType eq \"Employee\" and emails[type eq \"work\" and value co \"@example.com\"]",
    "emails[type eq \"work\" and value co \"@example.com\"] or ims[type eq \"xmpp\" and value co \"@foo.com\"]",
];

#[test]
fn what_clients_write_has_a_meaning() {
    use Comparison::{Eq, Gt};
    let jane = || compare("userName", Eq, json!("jane"));
    for (text, expected) in [
        ("userName eq \"jane\"", jane()),
        ("  userName EQ jane  ", jane()),
        ("active eq True", compare("active", Eq, json!(true))),
        ("externalId eq 0123", compare("externalId", Eq, json!("0123"))),
        ("x gt -1.5", compare("x", Gt, json!(-1.5))),
        ("x eq null", compare("x", Eq, Value::Null)),
        ("x eq \"a \\\"b\\\" \\u00e4\"", compare("x", Eq, json!("a \"b\" ä"))),
        ("userName eq jane or title pr and title pr", {
            let pr = || Filter::Present(name("title"));
            or(jane(), and(pr(), pr()))
        }),
        ("(userName eq jane)", jane()),
        ("NOT(userName eq jane)", Filter::Not(Box::new(jane()))),
        ("notes eq not", compare("notes", Eq, json!("not"))),
        ("emails[type eq \"work\"].value eq \"x\"", {
            let entry = and(compare("type", Eq, json!("work")), compare("value", Eq, json!("x")));
            Filter::Entry(name("emails"), Box::new(entry))
        }),
    ] {
        assert_eq!(filter(text).as_ref(), Ok(&expected), "{text}");
    }
    let urn = name("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value");
    assert_eq!(urn.urn.as_deref(), Some("urn:ietf:params:scim:schemas:extension:enterprise:2.0:User"));
    assert_eq!((urn.attribute.as_str(), urn.part.as_deref()), ("manager", Some("value")));
    for text in OF_THE_RFC {
        assert!(filter(text).is_ok(), "{text}");
    }
}

#[test]
fn paths_lead_to_attributes_parts_and_entries() {
    for (text, attribute, part, has_filter) in [
        ("members", "members", None, false),
        ("name.familyName", "name", Some("familyName"), false),
        ("addresses[type eq \"work\"]", "addresses", None, true),
        ("members[value eq \"2819c223-7f76-453a-919d-413861904646\"]", "members", None, true),
        ("emails[type eq \"work\"].value", "emails", Some("value"), true),
        ("$ref", "$ref", None, false),
    ] {
        let path = path(text).unwrap_or_else(|why| panic!("{text}: {why:?}"));
        let found = (path.name.attribute.as_str(), path.name.part.as_deref(), path.filter.is_some());
        assert_eq!(found, (attribute, part, has_filter), "{text}");
    }
}

#[test]
fn what_has_no_meaning_is_refused() {
    for text in [
        "",
        "userName",
        "userName eq",
        "userName is \"x\"",
        "eq \"x\"",
        "(userName pr",
        "userName pr)",
        "not userName pr x",
        "userName eq \"x",
        "userName eq \"\\x\"",
        "userName pr and",
        "or userName pr",
        "emails[type pr",
        "emails[]",
        "emails[type pr].",
        "a..b pr",
        "urn:a:2.0 pr",
        "userName eq (x)",
        "a b c d",
        "\u{0}",
        "ä pr",
    ] {
        assert!(filter(text).is_err(), "{text}");
    }
    for text in ["", "a b", "emails[type eq \"work\"", "emails[type pr]value", "a.b.c", "[type pr]", "."] {
        assert!(path(text).is_err(), "{text}");
    }
}

#[test]
fn everything_has_a_limit() {
    let nested = |depth: usize| format!("{}title pr{}", "(".repeat(depth), ")".repeat(depth));
    assert!(filter(&nested(MOST_DEPTH)).is_ok());
    assert!(filter(&nested(MOST_DEPTH + 1)).is_err());
    assert!(filter(&"not (".repeat(100_000)).is_err());
    let terms = |terms: usize| vec!["title pr"; terms].join(" and ");
    assert!(filter(&terms(MOST_TERMS)).is_ok());
    assert!(filter(&terms(MOST_TERMS + 1)).is_err());
    assert!(filter(&format!("title eq \"{}\"", "x".repeat(MOST_BYTES))).is_err());
}

/// The same tree as `scim_v2` has it.
fn same(filter: &other::Filter) -> Filter {
    match filter {
        other::Filter::Attr(term) => term_of(term),
        other::Filter::ValuePath(entry) => Filter::Entry(name_of(&entry.attr), Box::new(within(&entry.filter))),
        other::Filter::Not(inner) => Filter::Not(Box::new(same(inner))),
        other::Filter::And(all) => folded(all.iter().map(same), and),
        other::Filter::Or(all) => folded(all.iter().map(same), or),
    }
}

fn within(filter: &other::ValFilter) -> Filter {
    match filter {
        other::ValFilter::Attr(term) => term_of(term),
        other::ValFilter::Not(inner) => Filter::Not(Box::new(within(inner))),
        other::ValFilter::And(all) => folded(all.iter().map(within), and),
        other::ValFilter::Or(all) => folded(all.iter().map(within), or),
    }
}

fn folded(all: impl Iterator<Item = Filter>, join: fn(Filter, Filter) -> Filter) -> Filter {
    all.reduce(join).expect("two operands")
}

fn term_of(term: &other::AttrExp) -> Filter {
    match term {
        other::AttrExp::Present(path) => Filter::Present(name_of(path)),
        other::AttrExp::Comparison(path, comparison, value) => {
            let comparison = match comparison {
                other::CompareOp::Eq => Comparison::Eq,
                other::CompareOp::Ne => Comparison::Ne,
                other::CompareOp::Co => Comparison::Co,
                other::CompareOp::Sw => Comparison::Sw,
                other::CompareOp::Ew => Comparison::Ew,
                other::CompareOp::Gt => Comparison::Gt,
                other::CompareOp::Lt => Comparison::Lt,
                other::CompareOp::Ge => Comparison::Ge,
                other::CompareOp::Le => Comparison::Le,
            };
            let value = match value {
                other::CompValue::False => json!(false),
                other::CompValue::True => json!(true),
                other::CompValue::Null => Value::Null,
                other::CompValue::Number(number) => json!(number),
                other::CompValue::Str(text) => json!(text),
            };
            Filter::Compare(name_of(path), comparison, value)
        }
    }
}

fn name_of(path: &other::AttrPath) -> Name {
    Name { urn: path.uri.clone(), attribute: path.name.clone(), part: path.sub_attr.clone() }
}

/// Chains are joined to the left there, whatever their parentheses.
fn flat(filter: Filter) -> Filter {
    fn operands(filter: Filter, is_and: bool, all: &mut Vec<Filter>) {
        match (filter, is_and) {
            (Filter::And(left, right), true) | (Filter::Or(left, right), false) => {
                operands(*left, is_and, all);
                operands(*right, is_and, all);
            }
            (other, _) => all.push(flat(other)),
        }
    }
    let mut all = Vec::new();
    match filter {
        Filter::And(..) => {
            operands(filter, true, &mut all);
            folded(all.into_iter(), and)
        }
        Filter::Or(..) => {
            operands(filter, false, &mut all);
            folded(all.into_iter(), or)
        }
        Filter::Not(inner) => Filter::Not(Box::new(flat(*inner))),
        Filter::Entry(name, inner) => Filter::Entry(name, Box::new(flat(*inner))),
        term => term,
    }
}

fn agree(text: &str) -> bool {
    match text.parse::<other::Filter>() {
        Ok(theirs) => {
            assert_eq!(filter(text).map(flat), Ok(same(&theirs)), "{text}");
            true
        }
        Err(_) => false,
    }
}

#[test]
fn examples_of_the_rfc_have_the_same_trees() {
    for text in OF_THE_RFC {
        assert!(agree(text), "{text}");
    }
}

fn terms() -> impl Strategy<Value = String> {
    let attribute = prop::sample::select(vec![
        "userName",
        "name.familyName",
        "emails",
        "emails.value",
        "title",
        "a-b_c",
        "urn:ietf:params:scim:schemas:core:2.0:User:userName",
        "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User:manager.value",
    ]);
    let comparison = prop::sample::select(vec!["eq", "Ne", "co", "SW", "ew", "gt", "ge", "lt", "le"]);
    let text = any::<String>().prop_map(|text| Value::from(text).to_string());
    let value = prop_oneof![
        text,
        any::<i64>().prop_map(|number| number.to_string()),
        prop::sample::select(vec!["true".to_owned(), "false".to_owned(), "null".to_owned(), "1.5".to_owned()]),
    ];
    (attribute, prop::option::of((comparison, value))).prop_map(|(attribute, rest)| match rest {
        Some((comparison, value)) => format!("{attribute} {comparison} {value}"),
        None => format!("{attribute} pr"),
    })
}

fn filters() -> impl Strategy<Value = String> {
    let entry = prop::sample::select(vec!["type eq \"work\"", "value pr", "type eq \"a\" or not (value pr)"]);
    let term = prop_oneof![4 => terms(), 1 => entry.prop_map(|inner| format!("emails[{inner}]"))];
    term.prop_recursive(4, 24, 3, |inner| {
        prop_oneof![
            inner.clone().prop_map(|inner| format!("({inner})")),
            inner.clone().prop_map(|inner| format!("not ({inner})")),
            (inner.clone(), inner.clone()).prop_map(|(left, right)| format!("{left} and {right}")),
            (inner.clone(), inner).prop_map(|(left, right)| format!("{left} or {right}")),
        ]
    })
}

proptest! {
    #[test]
    fn what_scim_v2_accepts_has_the_same_tree(text in filters()) {
        prop_assert!(agree(&text), "{text}");
    }

    #[test]
    fn no_text_makes_the_parser_panic(text in any::<String>(), near in "[a-z \\[\\]().\"\\\\:0-9]{0,60}") {
        let _ = (filter(&text), path(&text), filter(&near), path(&near));
        agree(&near);
    }
}
