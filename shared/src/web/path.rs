//! Paths as requests spell them.

/// The URI with unnecessary escapes in its path decoded: letters, digits, `-`, `.`, `_` and `~`, which mean the
/// same either way (RFC 3986 section 6.2.2.2). Done once, so that an encoded `%` stays encoded.
pub fn decoded_once(uri: http::Uri) -> http::Uri {
    let path = uri.path();
    if !path.contains('%') {
        return uri;
    }
    let mut decoded = String::with_capacity(path.len());
    let mut rest = path;
    while let Some((before, after)) = rest.split_once('%') {
        decoded.push_str(before);
        let byte = after.get(..2).and_then(|digits| u8::from_str_radix(digits, 16).ok()).map(char::from);
        if let Some(sign) = byte.filter(|sign| sign.is_ascii_alphanumeric() || "-._~".contains(*sign)) {
            decoded.push(sign);
            rest = &after[2..];
        } else {
            decoded.push('%');
            rest = after;
        }
    }
    decoded.push_str(rest);
    let query = uri.query().map(|query| format!("?{query}")).unwrap_or_default();
    let mut parts = uri.clone().into_parts();
    match format!("{decoded}{query}").parse() {
        Ok(path_and_query) => {
            parts.path_and_query = Some(path_and_query);
            http::Uri::from_parts(parts).unwrap_or(uri)
        }
        Err(_) => uri,
    }
}
