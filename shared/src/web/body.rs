//! Request bodies: JSON, urlencoded and multipart forms, all to one [`Input`].

use std::marker::PhantomData;

use axum::body::{Body, Bytes};
use axum::extract::{FromRequest, Request};
use http::header::CONTENT_TYPE;
use http_body_util::{BodyExt as _, LengthLimitError, Limited};
use serde_json::{Map, Value};

use crate::dialect::Dialect;
use crate::error::{Error, Kind, Result, Unreadable};
use crate::web::Failure;

/// The largest body that is read, in bytes: what a Lambda function can be handed.
pub const MOST_BYTES: usize = 6 * 1024 * 1024;

/// A body as it came, not looked at yet.
#[derive(Debug)]
pub struct RawBody {
    content_type: String,
    bytes: Bytes,
}

/// The named values of a body.
#[derive(Debug, Clone, PartialEq)]
pub enum Input {
    /// Of a JSON object.
    Json(Map<String, Value>),
    /// Of a form, in order, names repeated.
    Form(Vec<(String, Value)>),
}

impl RawBody {
    /// The body itself.
    pub fn bytes(&self) -> Bytes {
        self.bytes.clone()
    }

    /// The same body, marked as JSON if it is marked as a form and begins like a JSON object
    /// (`contracts/edge.md` section 11).
    #[must_use]
    pub fn json_for_form(self) -> Self {
        let first = self.bytes.iter().find(|b| !b.is_ascii_whitespace());
        if first == Some(&b'{') && self.media_type() == "application/x-www-form-urlencoded" {
            Self { content_type: "application/json".to_owned(), ..self }
        } else {
            self
        }
    }

    fn media_type(&self) -> String {
        self.content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
    }

    /// Reads the body by its content type. An empty one has no values.
    ///
    /// # Errors
    /// [`Error::Unreadable`] with the reason.
    pub async fn read(self) -> Result<Input> {
        let unreadable = |why| Err(Error::Unreadable(why));
        match self.media_type().as_str() {
            "application/x-www-form-urlencoded" => {
                let pairs = form_urlencoded::parse(&self.bytes);
                Ok(Input::Form(pairs.map(|(name, value)| (name.into_owned(), Value::from(value))).collect()))
            }
            "multipart/form-data" if self.bytes.is_empty() => Ok(Input::Form(Vec::new())),
            "multipart/form-data" => self.multipart().await,
            _ if self.bytes.is_empty() => Ok(Input::Json(Map::new())),
            "application/json" => match serde_json::from_slice(&with_marked_halves(&self.bytes)) {
                Ok(Value::Object(values)) => Ok(Input::Json(values)),
                Ok(Value::Null) => unreadable(Unreadable::Null),
                Ok(other) => unreadable(Unreadable::NotAnObject(Kind::of(&other))),
                Err(error) => unreadable(Unreadable::Json(error.to_string())),
            },
            _ => unreadable(Unreadable::MediaType(self.content_type)),
        }
    }

    async fn multipart(self) -> Result<Input> {
        let unreadable = |why: String| Error::Unreadable(Unreadable::Multipart(why));
        let boundary = multer::parse_boundary(&self.content_type)
            .map_err(|_| unreadable("Invalid boundary in multipart: None".to_owned()))?;
        let mut form = multer::Multipart::new(Body::from(self.bytes).into_data_stream(), boundary);
        let mut values = Vec::new();
        while let Some(field) = form.next_field().await.map_err(|error| unreadable(error.to_string()))? {
            let Some(name) = field.name().map(str::to_owned) else { continue };
            let is_file = field.file_name().is_some();
            let bytes = field.bytes().await.map_err(|error| unreadable(error.to_string()))?;
            // A file is no text, number or boolean: an object says so to every field.
            let value = if is_file { Value::Object(Map::new()) } else { String::from_utf8_lossy(&bytes).into() };
            values.push((name, value));
        }
        Ok(Input::Form(values))
    }
}

/// Stands before the four digits of half a character; Unicode keeps it free for such use.
pub const HALF: char = '\u{10fffe}';

/// JSON can name half of a character, such as `\ud800`, which no text can hold. It is marked, so that the field with it
/// can be told, and not the whole body be refused.
fn with_marked_halves(json: &[u8]) -> std::borrow::Cow<'_, [u8]> {
    let is_escape = |at: usize, kinds: &[u8]| {
        let digits = json.get(at + 2..at + 6).filter(|_| json.get(at..at + 2) == Some(b"\\u"))?;
        let half = digits.iter().all(u8::is_ascii_hexdigit) && digits[0].eq_ignore_ascii_case(&b'd');
        (half && kinds.contains(&digits[1].to_ascii_lowercase())).then_some(digits)
    };
    let (high, low) = (b"89ab", b"cdef");
    let mut marked: Option<Vec<u8>> = None;
    let mut at = 0;
    while at < json.len() {
        let length = if is_escape(at, high).is_some() && is_escape(at + 6, low).is_some() {
            12
        } else if let Some(digits) = is_escape(at, high).or_else(|| is_escape(at, low)) {
            let marked = marked.get_or_insert_with(|| json[..at].to_vec());
            marked.extend(HALF.to_string().into_bytes());
            marked.extend(digits.to_ascii_uppercase());
            at += 6;
            continue;
        } else if json[at] == b'\\' {
            2
        } else {
            1
        };
        if let Some(marked) = &mut marked {
            marked.extend(&json[at..json.len().min(at + length)]);
        }
        at += length;
    }
    marked.map_or(json.into(), Into::into)
}

/// Half of a character that a text was sent with.
pub(super) fn half_character(text: &str) -> Option<u16> {
    let (_, rest) = text.split_once(HALF)?;
    u16::from_str_radix(rest.get(..4)?, 16).ok()
}

impl<D: Dialect, S: Send + Sync> FromRequest<S> for Unread<D> {
    type Rejection = Failure<D>;

    async fn from_request(request: Request, _: &S) -> std::result::Result<Self, Failure<D>> {
        let content_type = request
            .headers()
            .get(CONTENT_TYPE)
            .map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned())
            .unwrap_or_default();
        let bytes = Limited::new(request.into_body(), MOST_BYTES).collect().await;
        let bytes = bytes.map(http_body_util::Collected::to_bytes).map_err(|error| {
            Error::Unreadable(if error.is::<LengthLimitError>() {
                Unreadable::TooLarge
            } else {
                Unreadable::Json("the body ended early".to_owned())
            })
        })?;
        Ok(Self { body: RawBody { content_type, bytes }, dialect: PhantomData })
    }
}

/// Extracts the [`RawBody`]; what is wrong with it is told in dialect `D`, after the object was found.
#[derive(Debug)]
pub struct Unread<D> {
    /// The body.
    pub body: RawBody,
    dialect: PhantomData<D>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    fn read(content_type: &str, bytes: impl Into<Bytes>) -> Result<Input> {
        let body = RawBody { content_type: content_type.to_owned(), bytes: bytes.into() };
        tokio::runtime::Builder::new_current_thread().build().expect("a runtime").block_on(body.read())
    }

    #[test]
    fn the_last_of_equal_keys_counts() {
        let input = read("application/json; charset=utf-8", r#"{"a": 1, "b": 2, "a": 3}"#).expect("values");
        let Input::Json(values) = input else { panic!("JSON") };
        assert_eq!(Value::Object(values), json!({"a": 3, "b": 2}));
    }

    #[test]
    fn a_form_keeps_repeated_names_in_order() {
        let expected = vec![("a".to_owned(), json!("1")), ("a".to_owned(), json!("2 3"))];
        assert_eq!(
            read("Application/X-WWW-Form-Urlencoded", "a=1&a=2+3").expect("values"),
            Input::Form(expected.clone())
        );
        let body = "--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n1\r\n--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n2 3\r\n--x--\r\n";
        assert_eq!(read("multipart/form-data; boundary=x", body).expect("values"), Input::Form(expected));
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let why = |content_type, bytes: &'static [u8]| match read(content_type, bytes) {
            Err(Error::Unreadable(why)) => why,
            other => panic!("{other:?}"),
        };
        assert_eq!(why("text/plain; x", b"x"), Unreadable::MediaType("text/plain; x".to_owned()));
        assert_eq!(why("", b"x"), Unreadable::MediaType(String::new()));
        assert_eq!(why("application/json", b"null"), Unreadable::Null);
        assert_eq!(why("application/json", b"1.5"), Unreadable::NotAnObject(Kind::Float));
        for text in [&b"{"[..], b"{\"a\": NaN}", b"{\"a\": \"\xff\"}", b"\xef\xbb\xbf{}"] {
            assert!(matches!(why("application/json", text), Unreadable::Json(_)));
        }
        assert_eq!(
            why("multipart/form-data", b"x"),
            Unreadable::Multipart("Invalid boundary in multipart: None".to_owned())
        );
    }

    #[test]
    fn half_a_character_is_told_by_its_field() {
        for (json, half) in [
            (r#"{"a": "x\ud800"}"#, Some(0xd800)),
            (r#"{"a": "\uDFFFx"}"#, Some(0xdfff)),
            (r#"{"a": "\ud800\ud800"}"#, Some(0xd800)),
            (r#"{"a": "\ud83d\ude00"}"#, None),
            (r#"{"a": "\\ud800"}"#, None),
        ] {
            let Input::Json(values) = read("application/json", json).expect("values") else { panic!("JSON") };
            assert_eq!(half_character(values["a"].as_str().expect("a text")), half, "{json}");
        }
    }

    proptest! {
        #[test]
        fn no_body_makes_the_reader_panic(
            content_type in "(application/json|application/x-www-form-urlencoded|multipart/form-data; boundary=x|[a-z/;= ]{0,20})",
            bytes: Vec<u8>,
        ) {
            let _ = read(&content_type, bytes);
        }
    }
}
