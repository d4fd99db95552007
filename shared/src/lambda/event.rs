//! Repairs events of API Gateway before `lambda_http` converts them to requests: it panics on those that it cannot
//! convert, which would end the whole function and make the next request wait for a cold start.

use http::header::HOST;
use lambda_http::request::LambdaRequest;
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use url::Url;

/// The header from which `lambda_http` takes the scheme.
const SCHEME: &str = "x-forwarded-proto";
/// Characters not allowed in a query. A `%` is allowed: it begins an escape.
const NOT_IN_QUERIES: &AsciiSet = &CONTROLS.add(b' ').add(b'"').add(b'#').add(b'<').add(b'>');
/// The longest path and query together, in bytes. The gateway accepts 10 KB, and an encoded byte takes three.
const LONGEST: usize = 20_000;

/// The event without anything that prevents a conversion: an invalid host, or a scheme other than http and https.
/// Invalid characters in the URL are encoded; a URL that is too long becomes one that leads nowhere.
pub fn readable(event: LambdaRequest) -> LambdaRequest {
    let LambdaRequest::ApiGatewayV2(mut event) = event else { return event };
    let is_scheme: fn(&str) -> bool = |scheme| ["http", "https"].contains(&scheme);
    for (name, is_good) in [(SCHEME, is_scheme), (HOST.as_str(), is_host)] {
        let value = event.headers.get(name).map(|value| value.to_str().unwrap_or_default());
        if value.is_some_and(|value| !is_good(value)) {
            event.headers.remove(name);
        }
    }
    event.request_context.domain_name = event.request_context.domain_name.filter(|name| is_host(name));
    let path = event.raw_path.unwrap_or_default();
    let query = event.raw_query_string.map(|query| utf8_percent_encode(&query, NOT_IN_QUERIES).to_string());
    let is_short = path.len() + query.as_ref().map_or(0, String::len) <= LONGEST;
    event.raw_path = Some(match path.strip_prefix('/') {
        Some(_) if is_short => path,
        _ => "/-".to_owned(),
    });
    event.raw_query_string = query.filter(|_| is_short);
    LambdaRequest::ApiGatewayV2(event)
}

/// Whether a URL can have this host.
fn is_host(host: &str) -> bool {
    !host.is_empty()
        && host.bytes().all(|b| b.is_ascii_alphanumeric() || b".-:[]_".contains(&b))
        && Url::parse(&format!("https://{host}/")).is_ok_and(|url| url.path() == "/")
}
