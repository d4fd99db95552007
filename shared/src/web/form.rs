//! Forms: URL-encoded and multipart (RFC 7578), in the charset named by the body or a part of it.

use std::borrow::Cow;

use axum::body::{Body, Bytes};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use http::HeaderMap;
use http::header::{CONTENT_DISPOSITION, CONTENT_TYPE};
use percent_encoding::percent_decode;
use serde_json::{Map, Value};

use super::charset::{Charset, parameter, parameters};
use super::rejection::{BodyError, Rejection};

/// The pairs of a URL-encoded form.
pub(super) fn pairs(
    bytes: &[u8],
    charset: Charset,
) -> Result<impl Iterator<Item = Result<(String, Value), Rejection>>, Rejection> {
    // In UTF-16 the separators are two bytes each; the escapes can only be UTF-8.
    let (bytes, charset) = if charset.is_wide() {
        let text = charset.decode(bytes)?.into_owned();
        (Cow::Owned(text.trim_start_matches('\u{feff}').as_bytes().to_vec()), Charset::UTF_8)
    } else {
        (Cow::Borrowed(bytes), charset)
    };
    let mut at = 0;
    Ok(std::iter::from_fn(move || {
        while at < bytes.len() {
            let length = bytes[at..].iter().position(|b| *b == b'&').unwrap_or(bytes.len() - at);
            let pair = at..at + length;
            at += length + 1;
            if !pair.is_empty() {
                return Some(read_pair(&bytes[pair], charset));
            }
        }
        None
    }))
}

fn read_pair(pair: &[u8], charset: Charset) -> Result<(String, Value), Rejection> {
    let middle = pair.iter().position(|b| *b == b'=');
    let (name, value) = middle.map_or((pair, &b""[..]), |middle| (&pair[..middle], &pair[middle + 1..]));
    let text = |encoded: &[u8]| {
        let spaced: Vec<u8> = encoded.iter().map(|b| if *b == b'+' { b' ' } else { *b }).collect();
        Ok::<_, Rejection>(charset.decode(&Cow::from(percent_decode(&spaced)))?.into_owned())
    };
    Ok((text(name)?, text(value)?.into()))
}

/// A multipart form, whose texts are in `charset` unless they name another.
pub(super) struct Parts {
    form: multer::Multipart<'static>,
    charset: Charset,
}

impl Parts {
    /// The form in a body of that type.
    ///
    /// # Errors
    /// [`BodyError::Multipart`] if the type names no boundary.
    pub fn new(content_type: &str, bytes: Bytes, charset: Charset) -> Result<Self, Rejection> {
        let boundary = parameter(content_type, "boundary").filter(|boundary| !boundary.is_empty());
        let boundary = boundary.ok_or_else(|| unreadable("Invalid boundary in multipart: None"))?;
        Ok(Self { form: multer::Multipart::new(Body::from(bytes).into_data_stream(), boundary), charset })
    }

    /// The next part that has a name. A file is not a text, number or boolean, so it becomes an object, which every
    /// field refuses.
    ///
    /// # Errors
    /// [`Rejection::Body`] with the reason.
    pub async fn next(&mut self) -> Result<Option<(String, Value)>, Rejection> {
        loop {
            let part = self.form.next_field().await.map_err(|error| unreadable(error.to_string()))?;
            let Some(part) = part else { return Ok(None) };
            let Disposition { name, is_file } = Disposition::of(part.headers(), self.charset)?;
            let Some(name) = name else { continue };
            let headers = part.headers().clone();
            let bytes = part.bytes().await.map_err(|error| unreadable(error.to_string()))?;
            let value = if is_file { Value::Object(Map::new()) } else { self.text(&headers, bytes)?.into() };
            return Ok(Some((name, value)));
        }
    }

    fn text(&self, headers: &HeaderMap, bytes: Bytes) -> Result<String, Rejection> {
        let kind = headers.get(CONTENT_TYPE).map(|kind| String::from_utf8_lossy(kind.as_bytes()).into_owned());
        let charset = Charset::of(&kind.unwrap_or_default(), self.charset)?;
        let bytes = decoded(headers, bytes)?;
        Ok(charset.decode(&bytes)?.into_owned())
    }
}

/// Undoes a transfer encoding, which RFC 7578 section 4.7 makes needless but some clients use.
fn decoded(headers: &HeaderMap, bytes: Bytes) -> Result<Bytes, Rejection> {
    let encoding = headers.get("content-transfer-encoding").map_or(&b""[..], http::HeaderValue::as_bytes);
    match encoding.trim_ascii().to_ascii_lowercase().as_slice() {
        b"" | b"7bit" | b"8bit" | b"binary" => Ok(bytes),
        b"base64" => {
            let signs: Vec<u8> = bytes.iter().copied().filter(|b| !b.is_ascii_whitespace()).collect();
            let plain = STANDARD.decode(signs).map_err(|_| unreadable("A part is not correctly base64 encoded."))?;
            Ok(plain.into())
        }
        other => Err(unreadable(format!("Unknown Content-Transfer-Encoding: {}", other.escape_ascii()))),
    }
}

struct Disposition {
    name: Option<String>,
    is_file: bool,
}

impl Disposition {
    fn of(headers: &HeaderMap, charset: Charset) -> Result<Self, Rejection> {
        let mut found = Self { name: None, is_file: false };
        let Some(header) = headers.get(CONTENT_DISPOSITION) else { return Ok(found) };
        let charset = if charset.is_wide() { Charset::UTF_8 } else { charset };
        let header = charset.decode(header.as_bytes())?;
        if !header.split(';').next().unwrap_or_default().trim().eq_ignore_ascii_case("form-data") {
            return Ok(found);
        }
        for (parameter, value) in parameters(&header) {
            match parameter.as_str() {
                "name" => found.name = Some(value),
                "name*" => found.name = Some(extended(&value)?),
                // If a form has a file field and no file was chosen, the file name is empty.
                "filename" | "filename*" => found.is_file |= !value.is_empty(),
                _ => {}
            }
        }
        found.name = found.name.filter(|name| !name.is_empty());
        Ok(found)
    }
}

/// An extended value (RFC 8187) with its charset and percent-encoded bytes: `utf-8''Andr%C3%A9`.
fn extended(value: &str) -> Result<String, Rejection> {
    let malformed = || unreadable("The name of a part is not encoded as RFC 8187 says.");
    let [charset, _, encoded] = value.splitn(3, '\'').collect::<Vec<_>>()[..] else { return Err(malformed()) };
    let charset = Charset::named(charset).ok_or_else(malformed)?;
    Ok(charset.decode(&Cow::from(percent_decode(encoded.as_bytes())))?.into_owned())
}

fn unreadable(why: impl Into<String>) -> Rejection {
    Rejection::Body(BodyError::Multipart(why.into()))
}
