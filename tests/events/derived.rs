//! Events that differ from one with a file by their method, or by the final slash.

use serde_json::{Value, json};

/// The same request by a method that sends nothing.
pub(super) fn by_method(event: &Value, method: &str) -> Value {
    let mut event = event.clone();
    event["requestContext"]["http"]["method"] = json!(method);
    remove(&mut event, "body");
    remove(&mut event["headers"], "content-type");
    remove(&mut event["headers"], "content-length");
    event["isBase64Encoded"] = json!(false);
    event
}

/// The same request without the final slash, by the route that the gateway has for that.
pub(super) fn without_slash(event: &Value) -> Value {
    let mut event = event.clone();
    let path = json!(trimmed(&event["rawPath"]));
    event["requestContext"]["http"]["path"] = path.clone();
    event["rawPath"] = path;
    if event["pathParameters"]["proxy"] == "" {
        let key = event["routeKey"].as_str().and_then(|key| key.strip_suffix("/{proxy+}")).expect("a greedy route");
        let key = json!(key);
        event["requestContext"]["routeKey"] = key.clone();
        event["routeKey"] = key;
        remove(&mut event["pathParameters"], "proxy");
        if event["pathParameters"] == json!({}) {
            remove(&mut event, "pathParameters");
        }
    } else {
        event["pathParameters"]["proxy"] = json!(trimmed(&event["pathParameters"]["proxy"]));
    }
    event
}

fn trimmed(text: &Value) -> &str {
    text.as_str().expect("a text").trim_end_matches('/')
}

fn remove(object: &mut Value, name: &str) {
    object.as_object_mut().expect("an object").shift_remove(name);
}
