//! Rows of a file: the elements of one JSON array, or one JSON value in each line.

use std::fmt;
use std::io::BufRead;

use serde::de::{DeserializeOwned, DeserializeSeed, Deserializer, SeqAccess, Visitor};
use serde_json::Value;
use shared::error::Cause;

/// Gives every row with its place in words to `each`, or why it is no JSON. One row is held at a time.
///
/// # Errors
/// When the file cannot be read, or its one array is not whole: then it may lack anything.
pub fn each_row(mut file: impl BufRead, mut each: impl FnMut(String, Result<Value, String>)) -> Result<(), Cause> {
    if first_sign(&mut file)? == Some(b'[') {
        let mut reader = serde_json::Deserializer::from_reader(file);
        let whole = Rows(&mut each).deserialize(&mut reader).and_then(|()| reader.end());
        return whole.map_err(|error| format!("the file is no whole JSON: {error}").into());
    }
    for (index, line) in file.split(b'\n').enumerate() {
        let line = line?;
        if !line.trim_ascii().is_empty() {
            each(format!("line {}", index + 1), serde_json::from_slice(&line).map_err(|error| told(&error)));
        }
    }
    Ok(())
}

/// Reads what a row holds; otherwise what is wrong with it.
pub fn parse<T: DeserializeOwned>(row: Value) -> Result<T, String> {
    serde_json::from_value(row).map_err(|error| told(&error))
}

/// What is wrong with JSON, without what it holds: that may be a secret.
pub fn told(error: &serde_json::Error) -> String {
    let text = error.to_string();
    match (text.find('"'), text.rfind('"')) {
        (Some(first), Some(last)) if first < last => format!("{}\"…\"{}", &text[..first], &text[last + 1..]),
        _ => text,
    }
}

/// The first sign that is not white space, which stays in the file.
fn first_sign(file: &mut impl BufRead) -> std::io::Result<Option<u8>> {
    loop {
        let piece = file.fill_buf()?;
        let Some(length) = Some(piece.len()).filter(|length| *length > 0) else { return Ok(None) };
        match piece.iter().position(|sign| !sign.is_ascii_whitespace()) {
            // Lines before the first row count.
            Some(at) => return Ok(Some(piece[at])),
            None => file.consume(length),
        }
    }
}

/// The elements of an array, one by one.
struct Rows<'a, F>(&'a mut F);

impl<'de, F: FnMut(String, Result<Value, String>)> DeserializeSeed<'de> for Rows<'_, F> {
    type Value = ();

    fn deserialize<D: Deserializer<'de>>(self, deserializer: D) -> Result<(), D::Error> {
        deserializer.deserialize_seq(self)
    }
}

impl<'de, F: FnMut(String, Result<Value, String>)> Visitor<'de> for Rows<'_, F> {
    type Value = ();

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("an array")
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut rows: A) -> Result<(), A::Error> {
        let mut index = 0_u64;
        while let Some(row) = rows.next_element()? {
            index += 1;
            (self.0)(format!("entry {index}"), Ok(row));
        }
        Ok(())
    }
}
