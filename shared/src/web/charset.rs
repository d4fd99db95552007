//! How the bytes of a body become characters (RFC 9110 section 8.3.2): in the charset of its type, or else UTF-8.
//!
//! Invalid bytes are never replaced: a password with U+FFFD in it would match many others.

use std::borrow::Cow;

use encoding_rs::{Encoding, UTF_8};

use super::rejection::{BodyError, Rejection};

/// The labels of ASCII, without hyphens and underscores.
const ASCII: [&str; 13] = [
    "ascii",
    "usascii",
    "us",
    "646",
    "ansix3.41968",
    "ansix341968",
    "ansix3.41986",
    "cp367",
    "csascii",
    "ibm367",
    "iso646us",
    "iso646.irv1991",
    "isoir6",
];

/// A supported charset.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Charset {
    encoding: &'static Encoding,
    /// Whether it is limited to ASCII, for which `encoding_rs` uses windows-1252.
    is_ascii: bool,
}

impl Charset {
    /// The charset of bodies that name none.
    pub const UTF_8: Self = Self { encoding: UTF_8, is_ascii: false };

    /// The charset that a content type names, or `otherwise` if it names none.
    ///
    /// # Errors
    /// [`BodyError::MediaType`] for an unknown charset.
    pub fn of(content_type: &str, otherwise: Self) -> Result<Self, Rejection> {
        let Some(label) = parameter(content_type, "charset").filter(|label| !label.is_empty()) else {
            return Ok(otherwise);
        };
        Self::named(&label).ok_or_else(|| Rejection::Body(BodyError::MediaType(content_type.to_owned())))
    }

    /// The charset with that label, in any case: one of RFC 1345 and of browsers, or one of Python's.
    pub fn named(label: &str) -> Option<Self> {
        let label = label.trim().to_ascii_lowercase();
        let plain = label.replace(['-', '_'], "");
        if ASCII.contains(&plain.as_str()) {
            return Some(Self { encoding: encoding_rs::WINDOWS_1252, is_ascii: true });
        }
        let spellings = [python_name(&plain).unwrap_or(&label), &label.replace('_', "-"), &plain];
        let known = spellings.iter().find_map(|label| Encoding::for_label_no_replacement(label.as_bytes()));
        let known = known.filter(|encoding| *encoding != encoding_rs::X_USER_DEFINED)?;
        Some(Self { encoding: known, is_ascii: false })
    }

    /// Whether letters, digits and characters such as `&` have other bytes than in ASCII.
    pub fn is_wide(self) -> bool {
        self.encoding == encoding_rs::UTF_16LE || self.encoding == encoding_rs::UTF_16BE
    }

    /// Decodes the bytes.
    ///
    /// # Errors
    /// [`BodyError::Charset`] for invalid bytes.
    pub fn decode(self, bytes: &[u8]) -> Result<Cow<'_, str>, Rejection> {
        let text = if self.is_ascii && !bytes.is_ascii() {
            None
        } else if self.is_wide() {
            // The mark at the beginning says which of both it is.
            let (text, encoding, has_errors) = self.encoding.decode(bytes);
            (!has_errors && encoding != UTF_8).then_some(text)
        } else {
            self.encoding.decode_without_bom_handling_and_without_replacement(bytes)
        };
        text.ok_or(Rejection::Body(BodyError::Charset(self.name())))
    }

    fn name(self) -> &'static str {
        if self.is_ascii { "US-ASCII" } else { self.encoding.name() }
    }
}

/// What browsers call the charset of which only Python has that name, given without hyphens and underscores.
fn python_name(plain: &str) -> Option<&'static str> {
    Some(match plain {
        "u8" | "utf" | "utf8sig" | "utf8ucs2" | "utf8ucs4" | "cp65001" => "utf-8",
        "u16" | "utf16" => "utf-16",
        "utf16le" | "unicodelittleunmarked" => "utf-16le",
        "utf16be" | "unicodebigunmarked" => "utf-16be",
        "latin" | "8859" | "iso8859" | "iso885911987" => "iso-8859-1",
        "iso885921987" => "iso-8859-2",
        "iso885931988" => "iso-8859-3",
        "iso885941988" => "iso-8859-4",
        "iso885951988" => "iso-8859-5",
        "iso885961987" => "iso-8859-6",
        "iso885971987" | "elot928" => "iso-8859-7",
        "iso885981988" => "iso-8859-8",
        "iso885991989" => "iso-8859-9",
        "iso8859101992" => "iso-8859-10",
        "thai" | "iso8859112001" => "iso-8859-11",
        "latin7" | "l7" => "iso-8859-13",
        "latin8" | "l8" | "isoceltic" | "isoir199" | "iso8859141998" => "iso-8859-14",
        "latin9" => "iso-8859-15",
        "latin10" | "l10" | "isoir226" | "iso885916" | "iso8859162001" => "iso-8859-16",
        "1250" => "windows-1250",
        "1251" => "windows-1251",
        "1252" => "windows-1252",
        "1253" => "windows-1253",
        "1254" => "windows-1254",
        "1255" => "windows-1255",
        "1256" => "windows-1256",
        "1257" => "windows-1257",
        "1258" => "windows-1258",
        "cp874" | "tis620" | "tis6200" | "tis62025290" | "tis62025291" | "isoir166" => "windows-874",
        "macroman" => "macintosh",
        "eucjp" | "ujis" => "euc-jp",
        "iso2022jp" => "iso-2022-jp",
        "shiftjis" | "xmacjapanese" | "cp932" | "932" | "mskanji" => "shift_jis",
        "euckr" | "ksx1001" | "ksc56011987" | "xmackorean" | "cp949" | "949" | "ms949" | "uhc" => "euc-kr",
        "big5hkscs" | "hkscs" | "big5tw" | "xmactradchinese" => "big5",
        "euccn" | "eucgb2312cn" | "gb231280" | "gb23121980" | "xmacsimpchinese" => "gb2312",
        "cp936" | "936" | "ms936" => "gbk",
        "gb180302000" => "gb18030",
        _ => return None,
    })
}

/// A parameter of a header's value, such as `charset` of `text/plain; charset="utf-8"`; its name in any letter case.
pub(super) fn parameter(value: &str, name: &str) -> Option<String> {
    parameters(value).find(|(known, _)| known == name).map(|(_, value)| value)
}

/// The parameters after a header's value (RFC 9110 section 5.6.6): their names in lower case, quoted values as they are meant.
pub(super) fn parameters(value: &str) -> impl Iterator<Item = (String, String)> {
    let mut rest = value.split_once(';').map_or("", |(_, rest)| rest);
    std::iter::from_fn(move || {
        loop {
            rest = rest.trim_start_matches(|c: char| c == ';' || c.is_ascii_whitespace());
            if rest.is_empty() {
                return None;
            }
            let end = rest.find(['=', ';']).unwrap_or(rest.len());
            let name = rest[..end].trim().to_ascii_lowercase();
            let Some(after) = rest[end..].strip_prefix('=') else {
                rest = &rest[end..];
                continue;
            };
            let after = after.trim_start();
            let value = if let Some(quoted) = after.strip_prefix('"') {
                let (value, after) = unquoted(quoted);
                rest = after;
                value
            } else {
                let end = after.find(';').unwrap_or(after.len());
                rest = &after[end..];
                after[..end].trim_end().to_owned()
            };
            return Some((name, value));
        }
    })
}

/// The text up to the closing quotation mark, and the rest.
fn unquoted(text: &str) -> (String, &str) {
    let mut value = String::new();
    let mut signs = text.char_indices();
    while let Some((at, sign)) = signs.next() {
        match sign {
            '"' => return (value, &text[at + 1..]),
            // A backslash escapes a quotation mark or itself; before anything else it is literal, as in a path.
            '\\' if text[at + 1..].starts_with(['"', '\\']) => value.extend(signs.next().map(|(_, sign)| sign)),
            _ => value.push(sign),
        }
    }
    (value, "")
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn read(content_type: &str, bytes: &[u8]) -> Option<String> {
        let charset = Charset::of(content_type, Charset::UTF_8).ok()?;
        charset.decode(bytes).ok().map(Cow::into_owned)
    }

    #[test]
    fn charsets_are_known_by_their_usual_labels() {
        for (content_type, bytes, expected) in [
            ("text/plain", &b"Andr\xc3\xa9"[..], Some("André")),
            ("text/plain; charset=", b"Andr\xc3\xa9", Some("André")),
            ("text/plain; charset=UTF8", b"Andr\xc3\xa9", Some("André")),
            ("text/plain; charset=ISO-8859-1", b"Andr\xe9", Some("André")),
            ("text/plain;CHARSET=\"iso-8859-1\"", b"Andr\xe9", Some("André")),
            ("text/plain; x=\";charset=utf-8\"; charset=latin1", b"Andr\xe9", Some("André")),
            ("text/plain; charset=iso_8859-15", b"\xa4uro", Some("€uro")),
            ("text/plain; charset=windows-1252; boundary=x", b"\x80uro", Some("€uro")),
            ("text/plain; charset=cp1252", b"\x80uro", Some("€uro")),
            ("text/plain; charset=koi8-r", b"\xe4\xc1", Some("Да")),
            ("text/plain; charset=EUC-JP", b"\xb2\xd6\xbb\xd2", Some("花子")),
            ("text/plain; charset=Shift_JIS", b"\x89\xd4\x8eq", Some("花子")),
            ("text/plain; charset=gb2312", b"\xbb\xa8", Some("花")),
            ("text/plain; charset=utf-16", b"\xff\xfeA\0", Some("A")),
            ("text/plain; charset=UTF-16", b"\xfe\xff\0A", Some("A")),
            ("text/plain; charset=utf-16be", b"\0A", Some("A")),
            ("text/plain; charset=us-ascii", b"Ann", Some("Ann")),
            // Unknown charsets, or invalid bytes.
            ("text/plain; charset=klingon", b"x", None),
            ("text/plain; charset=x-user-defined", b"x", None),
            ("text/plain; charset=us-ascii", b"Andr\xe9", None),
            ("text/plain", b"Andr\xe9", None),
            ("text/plain; charset=utf-8", b"\xed\xa0\x80", None),
            ("text/plain; charset=EUC-JP", b"\xb2", None),
            ("text/plain; charset=utf-16", b"A", None),
            ("text/plain; charset=utf-16le", b"\x00\xd8", None),
        ] {
            assert_eq!(read(content_type, bytes).as_deref(), expected, "{content_type}");
        }
    }

    #[test]
    fn pythons_names_are_known_however_they_are_joined() {
        for (labels, expected) in [
            (
                &["latin-1", "latin_1", "Latin1", "iso8859_1", "8859", "L1", "cp819", "iso_8859_1_1987"][..],
                "windows-1252",
            ),
            (&["UTF_8", "U8", "utf", "utf8", "utf_8_sig", "cp65001"], "UTF-8"),
            (&["utf16", "UTF_16_LE", "utf-16le", "utf_16le"], "UTF-16LE"),
            (&["utf_16_be"], "UTF-16BE"),
            (&["iso8859_15", "latin9", "latin-9", "l9"], "ISO-8859-15"),
            (&["iso8859_16", "iso_8859_16", "latin10"], "ISO-8859-16"),
            (&["1251", "cp1251", "windows_1251"], "windows-1251"),
            (&["tis_620", "cp874"], "windows-874"),
            (&["mac_roman", "macintosh"], "macintosh"),
            (&["euc_jp", "eucjp", "u_jis"], "EUC-JP"),
            (&["iso2022_jp", "iso2022jp"], "ISO-2022-JP"),
            (&["shift_jis", "shift-jis", "ShiftJIS", "s_jis", "ms932", "cp932"], "Shift_JIS"),
            (&["euc_kr", "ks_c_5601", "cp949"], "EUC-KR"),
            (&["big5_tw", "big5hkscs"], "Big5"),
            (&["gb2312_80", "euc_cn", "cp936"], "GBK"),
            (&["ascii", "US_ASCII", "646", "ansi_x3.4_1968"], "US-ASCII"),
        ] {
            for label in labels {
                assert_eq!(Charset::named(label).map(Charset::name), Some(expected), "{label}");
            }
        }
        for label in ["latin_11", "cp437", "utf_7", "", "-", "rot13"] {
            assert_eq!(Charset::named(label), None, "{label}");
        }
    }

    #[test]
    fn parameters_are_read_in_every_spelling() {
        for (header, name, expected) in [
            ("form-data; name=\"a\"", "name", Some("a")),
            ("form-data; NAME = a ; x=y", "name", Some("a")),
            ("form-data;name=\"a;b\\\"c\\\\d\\e\"; filename=f", "name", Some("a;b\"c\\d\\e")),
            ("form-data;name=\"a;b\"; filename=\"\"", "filename", Some("")),
            ("form-data; name; filename=f", "filename", Some("f")),
            ("form-data; filename=name=x", "name", None),
            ("form-data; name=\"open", "name", Some("open")),
            ("form-data", "name", None),
        ] {
            assert_eq!(parameter(header, name).as_deref(), expected, "{header}");
        }
    }

    proptest! {
        #[test]
        fn no_header_and_no_bytes_make_the_reader_panic(header in "[a-z;=\"\\\\ é/-]{0,40}", bytes: Vec<u8>) {
            let _ = parameters(&header).count();
            let _ = read(&format!("text/plain; charset={header}"), &bytes);
            for label in ["utf-16", "iso-2022-jp", "big5", "gbk", "latin1"] {
                let text = read(&format!("x/y; charset={label}"), &bytes);
                let can_hold_it = label == "utf-16" || label == "gbk";
                let is_replaced = text.is_some_and(|text| text.contains('\u{fffd}'));
                prop_assert!(!is_replaced || can_hold_it);
            }
        }
    }
}
