//! Request bodies: JSON, URL-encoded and multipart forms, all as one [`Input`].
//!
//! A body is read only when its handler asks for it, so a refused request costs no reading.

use std::borrow::Cow;
use std::fmt;
use std::marker::PhantomData;

use axum::body::{Body, Bytes, HttpBody as _};
use axum::extract::{FromRequest, Request};
use futures_util::stream::{self, StreamExt as _};
use http::header::CONTENT_TYPE;
use http_body_util::BodyExt as _;
use serde_json::{Map, Value};

use super::charset::Charset;
use super::form;
use super::input::Input;
use super::json::{self, kind_of};
use super::rejection::{BodyError, Rejection};
use crate::web::Failure;
use crate::web::dialect::Dialect;

/// The largest body of an admitted caller, in bytes.
pub const MOST_BYTES: usize = 1024 * 1024;
/// The largest body that is read before the caller is known and admitted, in bytes.
pub const UNKNOWN_BYTES: usize = 64 * 1024;
/// The most pairs of a form.
pub const MOST_PAIRS: usize = 1000;

/// Marks a request of an admitted caller: its body may have up to [`MOST_BYTES`].
#[derive(Debug, Clone, Copy)]
pub struct Admitted;

/// A body that has not been read yet.
pub struct RawBody {
    content_type: String,
    body: Body,
    most: usize,
    may_be_json: bool,
}

/// Bodies contain passwords, so only the size limit is printed.
impl fmt::Debug for RawBody {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "at most {} bytes", self.most)
    }
}

impl RawBody {
    /// The same body, but a form that begins like a JSON object is read as JSON (`contracts/edge.md` section 11).
    #[must_use]
    pub fn json_for_form(self) -> Self {
        Self { may_be_json: true, ..self }
    }

    /// Reads the body according to its content type. An empty body has no values.
    ///
    /// # Errors
    /// [`Rejection::Body`] with the reason; [`BodyError::TooLarge`] beyond [`UNKNOWN_BYTES`], or [`MOST_BYTES`] for
    /// admitted callers. No more than that is read.
    pub async fn read(self) -> Result<Input, Rejection> {
        let Self { mut content_type, body, most, may_be_json } = self;
        let bytes = all(body, most).await?;
        let begins_as_json = || bytes.iter().find(|b| !b.is_ascii_whitespace()) == Some(&b'{');
        if may_be_json && media_type(&content_type) == FORM && begins_as_json() {
            // Keep the parameters.
            content_type.replace_range(..content_type.find(';').unwrap_or(content_type.len()), JSON);
        }
        input(content_type, bytes).await
    }
}

impl RawBody {
    /// Reads a JSON object of `application/json` or of another media type. An empty body is an empty object.
    ///
    /// # Errors
    /// As [`RawBody::read`].
    pub async fn read_json(self, media: &str) -> Result<Map<String, Value>, Rejection> {
        let Self { content_type, body, most, .. } = self;
        let bytes = all(body, most).await?;
        let kind = media_type(&content_type);
        if kind != JSON && kind != media && !(kind.is_empty() && bytes.is_empty()) {
            return Err(Rejection::Body(BodyError::MediaType(content_type)));
        }
        if bytes.is_empty() {
            return Ok(Map::new());
        }
        match serde_json::from_slice(&bytes) {
            Ok(Value::Object(values)) => Ok(values),
            Ok(other) => Err(Rejection::Body(BodyError::NotAnObject(kind_of(&other)))),
            Err(error) => Err(Rejection::Body(BodyError::Json(error.to_string()))),
        }
    }
}

/// The content of a body of that type.
async fn input(content_type: String, bytes: Bytes) -> Result<Input, Rejection> {
    let unreadable = |why| Err(Rejection::Body(why));
    let charset = || Charset::of(&content_type, Charset::UTF_8);
    match media_type(&content_type).as_str() {
        FORM => Ok(Input::Form(bounded(form::pairs(&bytes, charset()?)?)?)),
        MULTIPART if bytes.is_empty() => Ok(Input::Form(Vec::new())),
        MULTIPART => {
            let mut values = Vec::new();
            multipart(&content_type, bytes, &mut values).await?;
            Ok(Input::Form(values))
        }
        _ if bytes.is_empty() => Ok(Input::Json(Map::new())),
        JSON => match json::read(&json_text(&bytes, charset()?)?) {
            Ok(Value::Object(values)) => Ok(Input::Json(values)),
            Ok(Value::Null) => unreadable(BodyError::Null),
            Ok(other) => unreadable(BodyError::NotAnObject(kind_of(&other))),
            Err(error) => unreadable(BodyError::Json(error.to_string())),
        },
        _ => unreadable(BodyError::MediaType(content_type)),
    }
}

/// Decodes JSON text. Invalid bytes are reported like any other invalid JSON.
fn json_text(bytes: &[u8], charset: Charset) -> Result<Cow<'_, str>, Rejection> {
    charset.decode(bytes).map_err(|error| match error {
        Rejection::Body(BodyError::Charset(name)) => {
            Rejection::Body(BodyError::Json(format!("the body is no text in {name}")))
        }
        other => other,
    })
}

const FORM: &str = "application/x-www-form-urlencoded";
const MULTIPART: &str = "multipart/form-data";
const JSON: &str = "application/json";

fn media_type(content_type: &str) -> String {
    content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase()
}

fn content_type(request: &Request) -> String {
    let sent = request.headers().get(CONTENT_TYPE);
    sent.map(|value| String::from_utf8_lossy(value.as_bytes()).into_owned()).unwrap_or_default()
}

/// The size limit of a request's body.
fn most_bytes(request: &Request) -> usize {
    if request.extensions().get::<Admitted>().is_some() { MOST_BYTES } else { UNKNOWN_BYTES }
}

/// Whether a request's content type is a form.
pub fn is_form(request: &Request) -> bool {
    [FORM, MULTIPART].contains(&&*media_type(&content_type(request)))
}

/// The whole body, if it is not larger than `most` bytes.
async fn all(body: Body, most: usize) -> Result<Bytes, Rejection> {
    let too_large = || Rejection::Body(BodyError::TooLarge);
    if body.size_hint().lower() > u64::try_from(most).unwrap_or(u64::MAX) {
        return Err(too_large());
    }
    match beginning(body, most).await? {
        (bytes, None) if bytes.len() <= most => Ok(bytes),
        _ => Err(too_large()),
    }
}

/// The beginning of a body, up to the first chunk beyond `most` bytes, and the rest.
async fn beginning(mut body: Body, most: usize) -> Result<(Bytes, Option<Body>), Rejection> {
    let mut read = Vec::new();
    let mut first = Bytes::new();
    while let Some(frame) = body.frame().await {
        let ended = |_| Rejection::Body(BodyError::Json("the body ended early".to_owned()));
        let Ok(data) = frame.map_err(ended)?.into_data() else { continue };
        if first.is_empty() {
            // Most bodies arrive in one chunk, which need not be copied.
            first = data;
        } else {
            if read.is_empty() {
                read.extend_from_slice(&first);
            }
            read.extend_from_slice(&data);
        }
        if read.len().max(first.len()) > most {
            let bytes = if read.is_empty() { first } else { read.into() };
            return Ok((bytes, Some(body)));
        }
    }
    Ok((if read.is_empty() { first } else { read.into() }, None))
}

/// The content of the first [`UNKNOWN_BYTES`] of a form, as far as they are readable, and the same request, of which no
/// more was read. Errors in the form are left to the code that reads all of it.
///
/// # Errors
/// When the body cannot be read from the network.
pub async fn form_begins(request: Request) -> Result<(Request, Input), Rejection> {
    let kind = content_type(&request);
    let (parts, body) = request.into_parts();
    let (bytes, rest) = beginning(body, UNKNOWN_BYTES).await?;
    let mut head = bytes.slice(..bytes.len().min(UNKNOWN_BYTES));
    if head.len() < bytes.len() || rest.is_some() {
        // The last pair may be cut.
        head.truncate(head.iter().rposition(|b| *b == b'&').unwrap_or_default());
    }
    let mut values = Vec::new();
    if media_type(&kind) == FORM {
        if let Ok(pairs) = Charset::of(&kind, Charset::UTF_8).and_then(|charset| form::pairs(&head, charset)) {
            values.extend(pairs.map_while(Result::ok).take(MOST_PAIRS));
        }
    } else {
        // After an error, such as the end of the data, `values` contains what was read before it.
        let head = bytes.slice(..bytes.len().min(UNKNOWN_BYTES));
        let _ = multipart(&kind, head, &mut values).await;
    }
    let body = match rest {
        None => Body::from(bytes),
        Some(rest) => Body::from_stream(stream::once(async { Ok(bytes) }).chain(rest.into_data_stream())),
    };
    Ok((Request::from_parts(parts, body), Input::Form(values)))
}

/// The same request with its body in memory, and its form; `None` if the form is malformed.
///
/// # Errors
/// As [`RawBody::read`], if the body cannot be read from the network.
pub async fn with_form(request: Request) -> Result<(Request, Option<Input>), Rejection> {
    let (kind, most) = (content_type(&request), most_bytes(&request));
    let (parts, body) = request.into_parts();
    let bytes = all(body, most).await?;
    let form = input(kind, bytes.clone()).await.ok();
    Ok((Request::from_parts(parts, Body::from(bytes)), form))
}

/// Pairs up to the limit; beyond it, nothing more is read.
fn bounded<T>(mut pairs: impl Iterator<Item = Result<T, Rejection>>) -> Result<Vec<T>, Rejection> {
    let known: Vec<T> = pairs.by_ref().take(MOST_PAIRS).collect::<Result<_, Rejection>>()?;
    if pairs.next().is_some() { Err(Rejection::Body(BodyError::TooManyPairs(MOST_PAIRS))) } else { Ok(known) }
}

/// Reads the parts of a form into `values`, up to the first error.
async fn multipart(content_type: &str, bytes: Bytes, values: &mut Vec<(String, Value)>) -> Result<(), Rejection> {
    let mut parts = form::Parts::new(content_type, bytes, Charset::of(content_type, Charset::UTF_8)?)?;
    while let Some(value) = parts.next().await? {
        if values.len() == MOST_PAIRS {
            return Err(Rejection::Body(BodyError::TooManyPairs(MOST_PAIRS)));
        }
        values.push(value);
    }
    Ok(())
}

impl<D: Dialect, S: Send + Sync> FromRequest<S> for UnparsedBody<D> {
    type Rejection = Failure<D>;

    async fn from_request(request: Request, _: &S) -> Result<Self, Failure<D>> {
        let content_type = content_type(&request);
        let most = most_bytes(&request);
        let body = RawBody { content_type, body: request.into_body(), most, may_be_json: false };
        Ok(Self { body, dialect: PhantomData })
    }
}

/// Extracts the [`RawBody`]; its errors are rendered in dialect `D`, after the object was found.
#[derive(Debug)]
pub struct UnparsedBody<D> {
    /// The body.
    pub body: RawBody,
    dialect: PhantomData<D>,
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;
    use crate::error::JsonKind;

    fn read(content_type: &str, bytes: impl Into<Bytes>) -> Result<Input, Rejection> {
        let body = Body::from(bytes.into());
        let body = RawBody { content_type: content_type.to_owned(), body, most: MOST_BYTES, may_be_json: false };
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

    fn pairs(content_type: &str, bytes: impl Into<Bytes>) -> Vec<(String, Value)> {
        match read(content_type, bytes) {
            Ok(Input::Form(pairs)) => pairs,
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn every_format_is_read_in_its_charset() {
        for (charset, bytes) in [
            ("utf-8", "André".as_bytes()),
            ("ISO-8859-1", b"Andr\xe9"),
            ("\"windows-1252\"", b"Andr\xe9"),
            ("utf-16", b"\xff\xfeA\0n\0d\0r\0\xe9\0"),
        ] {
            let is_wide = charset == "utf-16";
            let wide = |text: &str| -> Vec<u8> {
                if is_wide {
                    text.encode_utf16().flat_map(u16::to_le_bytes).collect()
                } else {
                    text.as_bytes().to_vec()
                }
            };
            let plain = bytes.strip_prefix(b"\xff\xfe").unwrap_or(bytes);
            let mark = if is_wide { &b"\xff\xfe"[..] } else { b"" };
            let json = [mark, &wide("{\"a\": \""), plain, &wide("\"}")].concat();
            let Ok(Input::Json(values)) = read(&format!("application/json; charset={charset}"), json) else {
                panic!("{charset}")
            };
            assert_eq!(values["a"], "André", "{charset}");
            let form = [mark, &wide("a="), plain, &wide("&b=x+y")].concat();
            let expected = vec![("a".to_owned(), json!("André")), ("b".to_owned(), json!("x y"))];
            assert_eq!(pairs(&format!("application/x-www-form-urlencoded; charset={charset}"), form), expected);
            let head = b"--x\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n";
            let parts = [&head[..], bytes, b"\r\n--x--\r\n"].concat();
            let kind = format!("multipart/form-data; charset={charset}; boundary=x");
            if !is_wide {
                assert_eq!(pairs(&kind, parts), expected[..1], "{charset}");
            }
        }
        let encoded = pairs("application/x-www-form-urlencoded;charset=iso-8859-1", "n%E9=%DF+%2B&&c");
        assert_eq!(encoded, [("né".to_owned(), json!("ß +")), ("c".to_owned(), json!(""))]);
        let japanese = pairs("application/x-www-form-urlencoded; charset=EUC-JP", &b"a=\xb2\xd6%BB%D2"[..]);
        assert_eq!(japanese, [("a".to_owned(), json!("花子"))]);
    }

    #[test]
    fn parts_are_read_whatever_their_headers_look_like() {
        for (head, body, expected) in [
            ("Content-Disposition: form-data; name=\"a\"", "x", Some(json!("x"))),
            ("content-disposition: FORM-DATA; NAME=a", "x", Some(json!("x"))),
            ("Content-Disposition: form-data; name*=utf-8''%61", "x", Some(json!("x"))),
            ("Content-Disposition: form-data; name*=ISO-8859-1'en'%61", "x", Some(json!("x"))),
            ("Content-Disposition: form-data; filename=\"\"; name=\"a\"", "", Some(json!(""))),
            ("Content-Disposition: form-data; name=\"a\"; FILENAME=\"f;name=b\"", "x", Some(json!({}))),
            ("Content-Disposition: form-data; name=\"a\"; filename*=utf-8''f", "x", Some(json!({}))),
            (
                "Content-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: BASE64",
                "QW5\r\nu",
                Some(json!("Ann")),
            ),
            ("Content-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: 8bit", "QW5u", Some(json!("QW5u"))),
            ("Content-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: base64", "?", None),
            ("Content-Disposition: form-data; name=a\r\nContent-Transfer-Encoding: quoted-printable", "=41", None),
            (
                "Content-Disposition: form-data; name=a\r\nContent-Type: text/plain; charset=utf-16be",
                "\0A",
                Some(json!("A")),
            ),
            ("Content-Disposition: form-data; name=a\r\nContent-Type: text/plain; charset=klingon", "x", None),
            ("Content-Disposition: form-data; name*=nothing", "x", None),
        ] {
            let body = format!("--x\r\n{head}\r\n\r\n{body}\r\n--x--\r\n");
            match (read("multipart/form-data; Boundary=\"x\"", body), expected) {
                (Ok(Input::Form(pairs)), Some(value)) => assert_eq!(pairs, [("a".to_owned(), value)], "{head}"),
                (Err(Rejection::Body(_)), None) => {}
                other => panic!("{head}: {other:?}"),
            }
        }
    }

    #[test]
    fn what_cannot_be_read_says_why() {
        let why = |content_type, bytes: &'static [u8]| match read(content_type, bytes) {
            Err(Rejection::Body(why)) => why,
            other => panic!("{other:?}"),
        };
        assert_eq!(why("text/plain; x", b"x"), BodyError::MediaType("text/plain; x".to_owned()));
        assert_eq!(why("", b"x"), BodyError::MediaType(String::new()));
        assert_eq!(why("application/json", b"null"), BodyError::Null);
        assert_eq!(why("application/json", b"1.5"), BodyError::NotAnObject(JsonKind::Float));
        assert_eq!(why("application/json", b" 123456789012345678901 "), BodyError::NotAnObject(JsonKind::Integer));
        let klingon = "application/json; charset=klingon";
        assert_eq!(why(klingon, b"{}"), BodyError::MediaType(klingon.to_owned()));
        for content_type in ["application/x-www-form-urlencoded", "application/x-www-form-urlencoded; charset=EUC-JP"] {
            for bytes in [&b"a=%FF"[..], b"a=\xff", b"%FF=a"] {
                assert!(matches!(why(content_type, bytes), BodyError::Charset(_)));
            }
        }
        for text in [&b"{"[..], b"{\"a\": NaN}", b"{\"a\": \"\xff\"}", b"\xef\xbb\xbf{}"] {
            assert!(matches!(why("application/json", text), BodyError::Json(_)));
        }
        assert_eq!(
            why("multipart/form-data", b"x"),
            BodyError::Multipart("Invalid boundary in multipart: None".to_owned())
        );
    }

    #[test]
    fn of_too_many_pairs_only_as_many_are_read_as_it_takes() {
        let mut read = 0;
        let pair = || {
            read += 1;
            Ok(())
        };
        let pairs = std::iter::repeat_with(pair).take(1_000_000);
        let refused = bounded(pairs);
        assert!(matches!(refused, Err(Rejection::Body(BodyError::TooManyPairs(MOST_PAIRS)))));
        assert_eq!(read, MOST_PAIRS + 1);
        assert_eq!(bounded((0..MOST_PAIRS).map(Ok)).expect("pairs").len(), MOST_PAIRS);
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
