//! The form of web URLs (`contracts/openwisp.md` section 5).

use super::domain::ascii_domain;

/// Whether `text` is an http, https, ftp or ftps URL; user information, port and path are optional.
pub fn is_url(text: &str) -> bool {
    if text.chars().any(|c| "\t\r\n".contains(c)) {
        return false;
    }
    let Some((scheme, rest)) = text.split_once("://") else {
        return false;
    };
    if !["http", "https", "ftp", "ftps"].contains(&scheme.to_lowercase().as_str()) {
        return false;
    }
    let end = rest.find(['/', '?', '#']).unwrap_or(rest.len());
    let (authority, tail) = rest.split_at(end);
    if tail.chars().any(char::is_whitespace) {
        return false;
    }
    let host = match authority.rsplit_once('@') {
        Some((user, host)) if is_user_information(user) => host,
        Some(_) => return false,
        None => authority,
    };
    is_host_with_port(host)
}

fn is_user_information(text: &str) -> bool {
    let part = |part: &str| !part.contains([':', '@', '/']) && !part.contains(char::is_whitespace);
    match text.split_once(':') {
        Some((user, password)) => !user.is_empty() && part(user) && part(password),
        None => !text.is_empty() && part(text),
    }
}

fn is_host_with_port(text: &str) -> bool {
    let (host, port) = match text.rfind(':') {
        Some(colon) if !text.ends_with(']') => (&text[..colon], Some(&text[colon + 1..])),
        _ => (text, None),
    };
    let port_is_good =
        port.is_none_or(|port| (1..=5).contains(&port.len()) && port.bytes().all(|b| b.is_ascii_digit()));
    port_is_good && is_host(host)
}

fn is_host(host: &str) -> bool {
    if let Some(literal) = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')) {
        return literal.parse::<std::net::Ipv6Addr>().is_ok();
    }
    host.eq_ignore_ascii_case("localhost")
        || host.parse::<std::net::Ipv4Addr>().is_ok()
        || ascii_domain(host.strip_suffix('.').unwrap_or(host)).is_some()
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn web_addresses_are_told_from_other_text() {
        for good in [
            "https://site.example/me",
            "HTTP://SITE.example",
            "ftp://a:b@site.example:21/x?y#z",
            "http://localhost:8000",
            "http://127.0.0.1/",
            "http://[::1]:80/",
            "https://домен.рф/ü",
            "http://परीक्षा.भारत/",
            "http://site.example./",
            "https://user@site.example/@x",
        ] {
            assert!(is_url(good), "{good}");
        }
        for bad in [
            "",
            "not a url",
            "site.example",
            "//site.example",
            "javascript://site.example",
            "http://",
            "http://nodots",
            "http://-a.example",
            "http://a b.example",
            "http://a_b.example",
            "http://site.example/a b",
            "http://site.example:port",
            "http://a@b@site.example",
            "http://site.example\n",
            "http://[zz]/",
            "mailto:a@site.example",
        ] {
            assert!(!is_url(bad), "{bad}");
        }
    }

    proptest! {
        #[test]
        fn no_text_makes_the_parser_panic(text: String) {
            is_url(&text);
            is_url(&format!("http://{text}"));
        }
    }
}
