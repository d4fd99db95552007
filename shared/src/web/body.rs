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
    /// Reads the body by its content type. An empty one has no values.
    ///
    /// # Errors
    /// [`Error::Unreadable`] with the reason.
    pub async fn read(self) -> Result<Input> {
        let unreadable = |why| Err(Error::Unreadable(why));
        let media_type = self.content_type.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
        match media_type.as_str() {
            "application/x-www-form-urlencoded" => {
                let pairs = form_urlencoded::parse(&self.bytes);
                Ok(Input::Form(pairs.map(|(name, value)| (name.into_owned(), Value::from(value))).collect()))
            }
            "multipart/form-data" if self.bytes.is_empty() => Ok(Input::Form(Vec::new())),
            "multipart/form-data" => self.multipart().await,
            _ if self.bytes.is_empty() => Ok(Input::Json(Map::new())),
            "application/json" => match serde_json::from_slice(&self.bytes) {
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
