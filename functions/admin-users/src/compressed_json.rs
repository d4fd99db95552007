//! Large responses: compressed if the client accepts that, refused rather than cut if they do not fit.

use std::io::Write as _;

use axum::response::{IntoResponse as _, Response};
use flate2::Compression;
use flate2::write::GzEncoder;
use http::header::{ACCEPT_ENCODING, CONTENT_ENCODING, CONTENT_TYPE, VARY};
use http::{HeaderMap, HeaderValue};
use serde::Serialize;
use shared::error::{Error, Refusal, Result};
use shared::web::negotiation::{Representation, indented};

/// The minimum size for compression, in bytes.
const WORTH_IT: usize = 2048;

/// `value` as JSON, formatted for `representation`, compressed if `asked` accepts gzip.
///
/// # Errors
/// [`Refusal::TooLargeToAnswer`] if it has more bytes than `limit`, as Lambda counts them: compressed data in base64,
/// other text in a JSON string.
pub fn respond(
    value: &impl Serialize,
    representation: Representation,
    asked: &HeaderMap,
    limit: Option<usize>,
) -> Result<Response> {
    // Formatted here, not by the middleware: compressed data cannot be formatted later, and other data would grow.
    let json = match representation {
        Representation::Json(Some(spaces)) => serde_json::to_value(value).map(|value| indented(&value, spaces).into()),
        Representation::Json(None) | Representation::Html | Representation::Lines => serde_json::to_vec(value),
    };
    let json: Vec<u8> = json.map_err(|error| Error::Internal(error.into()))?;
    let compressed = json.len() >= WORTH_IT && accepts_gzip(asked);
    let (body, carried) = if compressed {
        let body = gzip(&json)?;
        let carried = body.len().div_ceil(3) * 4;
        (body, carried)
    } else {
        let carried = json.len() + json.iter().filter(|b| matches!(b, b'"' | b'\\' | b'\n')).count();
        (json, carried)
    };
    if limit.is_some_and(|limit| carried > limit) {
        return Err(Error::Refused(Refusal::TooLargeToAnswer));
    }
    let mut response = ([(CONTENT_TYPE, "application/json")], body).into_response();
    response.headers_mut().insert(VARY, HeaderValue::from_static("Accept, Accept-Encoding"));
    if compressed {
        response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
    }
    Ok(response)
}

fn gzip(bytes: &[u8]) -> Result<Vec<u8>> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::fast());
    let written = encoder.write_all(bytes).and_then(|()| encoder.finish());
    written.map_err(|error| Error::Internal(error.into()))
}

/// Whether the client accepts gzip (RFC 9110 section 12.5.3).
fn accepts_gzip(headers: &HeaderMap) -> bool {
    let given = headers.get_all(ACCEPT_ENCODING).iter().filter_map(|value| value.to_str().ok());
    let mut accepted = None;
    for entry in given.flat_map(|value| value.split(',')) {
        let mut parts = entry.split(';').map(str::trim);
        let name = parts.next().unwrap_or_default();
        let refused = parts.any(|part| {
            let weight = part.strip_prefix("q=").or_else(|| part.strip_prefix("Q="));
            weight.is_some_and(|weight| weight.parse::<f32>().is_ok_and(|weight| weight <= 0.0))
        });
        match name.to_ascii_lowercase().as_str() {
            "gzip" | "x-gzip" => return !refused,
            "*" => accepted = Some(!refused),
            _ => {}
        }
    }
    accepted.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    fn asked(encoding: &str) -> HeaderMap {
        HeaderMap::from_iter([(ACCEPT_ENCODING, encoding.parse().expect("a header"))])
    }

    #[test]
    fn gzip_is_used_for_who_accepts_it() {
        for (header, accepts) in [
            ("gzip", true),
            ("deflate, gzip;q=0.5", true),
            ("GZIP", true),
            ("*", true),
            ("*;q=0, gzip", true),
            ("gzip;q=0, *", false),
            ("gzip; q=0.0", false),
            ("br", false),
            ("identity", false),
        ] {
            assert_eq!(accepts_gzip(&asked(header)), accepts, "{header}");
        }
        assert!(!accepts_gzip(&HeaderMap::new()));
    }

    #[test]
    fn what_is_compressed_comes_back_whole() {
        let text = vec![b'x'; 100_000];
        let mut back = Vec::new();
        let packed = gzip(&text).expect("compressed");
        flate2::read::GzDecoder::new(&packed[..]).read_to_end(&mut back).expect("unpacked");
        assert!(packed.len() < 2000 && back == text);
    }

    #[test]
    fn what_does_not_fit_is_refused_and_not_cut() {
        let rows = vec!["row"; 1000];
        let exact = serde_json::to_vec(&rows).expect("JSON").len() + 2000;
        let compact = Representation::Json(None);
        let fits = |headers: &HeaderMap, limit| respond(&rows, compact, headers, Some(limit)).is_ok();
        assert!(fits(&HeaderMap::new(), exact));
        assert!(!fits(&HeaderMap::new(), exact - 1));
        assert!(fits(&asked("gzip"), 200), "compressed it is small");
        let spaced = Representation::Json(Some(2));
        // Two spaces and a line end (two bytes in a JSON string) for each row, and one more line end.
        let exact = exact + 1000 * 4 + 2;
        assert!(respond(&rows, spaced, &HeaderMap::new(), Some(exact)).is_ok());
        assert!(respond(&rows, spaced, &HeaderMap::new(), Some(exact - 1)).is_err());
    }
}
