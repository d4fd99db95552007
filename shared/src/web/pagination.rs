//! Pages of lists: numbered pages in an envelope (`contracts/openwisp.md` section 4, Pagination), and plain arrays with
//! the other pages in the `Link` header (RFC 8288; `contracts/edge.md` section 4.3).

use std::collections::BTreeMap;
use std::num::IntErrorKind;

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::header::LINK;
use http::{HeaderValue, Uri};
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;

use super::Rejection;
use super::negotiation::query_value;
use super::request_context::BaseUrl;
use crate::directory::{Page, PageRange, Total};

/// The default and maximum size of numbered pages.
const NUMBERED: (u64, u64) = (10, 100);
/// The same of linked pages.
const LINKED: (u64, u64) = (100, 100);
/// The link parameter that says where a page begins, in lists that can be continued from there.
const AFTER: &str = "after";
/// Characters that need no encoding in a query.
const PLAIN: &AsciiSet = &NON_ALPHANUMERIC.remove(b'_').remove(b'.').remove(b'-').remove(b'~').remove(b' ');

/// A page that a client requests.
#[derive(Debug, Clone)]
pub struct PageRequest {
    number: PageNumber,
    size: u64,
    path: String,
    parameters: BTreeMap<String, Vec<String>>,
}

#[derive(Debug, Clone, Copy)]
enum PageNumber {
    Number(u64),
    Last,
    Invalid,
}

/// A numbered page in its envelope.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct NumberedPage<T> {
    count: u64,
    next: Option<String>,
    previous: Option<String>,
    results: Vec<T>,
}

/// A page that says where the next one begins, in its envelope.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct ContinuedPage<T> {
    next: Option<String>,
    results: Vec<T>,
}

impl PageRequest {
    /// The requested page of a list with numbered pages; the URL's path and other parameters return in the links.
    pub fn numbered(uri: &Uri) -> Self {
        Self::of_sizes(uri, NUMBERED)
    }

    /// The requested page of a list with linked pages.
    ///
    /// # Errors
    /// [`Rejection::InvalidPage`] if no list can have such a page.
    pub fn linked(uri: &Uri) -> Result<Self, Rejection> {
        let request = Self::of_sizes(uri, LINKED);
        if matches!(request.number, PageNumber::Invalid) { Err(Rejection::InvalidPage) } else { Ok(request) }
    }

    fn of_sizes(uri: &Uri, (default, most): (u64, u64)) -> Self {
        let mut parameters = BTreeMap::<String, Vec<String>>::new();
        for (name, value) in form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes()) {
            parameters.entry(name.into_owned()).or_default().push(value.into_owned());
        }
        let number = match query_value(uri, "page").as_deref() {
            None | Some("") => PageNumber::Number(1),
            Some("last") => PageNumber::Last,
            Some(text) => {
                text.trim().parse().ok().filter(|&number| number > 0).map_or(PageNumber::Invalid, PageNumber::Number)
            }
        };
        let size = query_value(uri, "page_size").and_then(|text| whole_number(&text)).filter(|&size| size > 0);
        Self { number, size: size.unwrap_or(default).min(most), path: uri.path().to_owned(), parameters }
    }

    /// The part of the list that the page shows; nothing of it if no list can have such a page.
    pub fn range(&self) -> PageRange {
        let limit = self.size();
        match self.number {
            PageNumber::Number(number) => PageRange::From { skip: (number - 1).saturating_mul(self.size), limit },
            PageNumber::Last => PageRange::Last(limit),
            PageNumber::Invalid => PageRange::NOTHING,
        }
    }

    /// The most items of the page.
    pub fn size(&self) -> usize {
        usize::try_from(self.size).unwrap_or(usize::MAX)
    }

    /// Where the page begins, according to the link to it.
    pub fn after(&self) -> Option<&str> {
        self.parameters.get(AFTER)?.last().map(String::as_str)
    }

    /// The numbered page, each item converted by `show`.
    ///
    /// # Errors
    /// [`Rejection::InvalidPage`] if the list has no such page. The first page of an empty list exists.
    pub fn envelope<T, U>(
        &self,
        base: &BaseUrl,
        page: Page<T>,
        show: impl FnMut(T) -> U,
    ) -> Result<NumberedPage<U>, Rejection> {
        let count = page.total.number();
        let number = self.number(count)?;
        let next = (number < self.last(count)).then(|| self.link(base, number + 1));
        let previous = (number > 1).then(|| self.link(base, number - 1));
        Ok(NumberedPage { count, next, previous, results: page.items.into_iter().map(show).collect() })
    }

    /// The page of a list that continues from marks and has no page numbers, each item converted by `show`.
    pub fn continued<T, U>(&self, base: &BaseUrl, page: Page<T>, show: impl FnMut(T) -> U) -> ContinuedPage<U> {
        let next = page.next.map(|after| self.link_to(base, None, Some(&after)));
        ContinuedPage { next, results: page.items.into_iter().map(show).collect() }
    }

    /// The response with a linked page, each item converted by `show`.
    ///
    /// # Errors
    /// As [`PageRequest::envelope`].
    pub fn respond<T, U: Serialize>(
        &self,
        base: &BaseUrl,
        page: Page<T>,
        show: impl FnMut(T) -> U,
    ) -> Result<Response, Rejection> {
        let links = self.link_header(base, &page)?;
        let mut response = Json(page.items.into_iter().map(show).collect::<Vec<U>>()).into_response();
        if let Some(links) = links {
            response.headers_mut().insert(LINK, links);
        }
        Ok(response)
    }

    /// `first` and `prev` if there is an earlier page, `next` and `last` if there is a later one; `None` if there is
    /// only one page. `last` has no number where the list continues from marks, and is omitted where finding it would
    /// read the whole list.
    fn link_header<T>(&self, base: &BaseUrl, page: &Page<T>) -> Result<Option<HeaderValue>, Rejection> {
        let number = page.skipped / self.size + 1;
        if page.items.is_empty() && number > 1 {
            return Err(Rejection::InvalidPage);
        }
        let is_followed = page.skipped.saturating_add(self.size) < page.total.number();
        let mark = page.next.as_deref();
        let last = match page.total {
            Total::Exact(total) => Some(self.link(base, self.last(total))),
            Total::AtLeast(_) => mark.map(|_| self.link_to(base, Some("last"), None)),
        };
        let next = || self.link_to(base, Some(&(number + 1).to_string()), mark);
        let links = [
            ("first", (number > 1).then(|| self.link(base, 1))),
            ("prev", (number > 1).then(|| self.link(base, number - 1))),
            ("next", is_followed.then(next)),
            ("last", last.filter(|_| is_followed)),
        ];
        let links = links.into_iter().filter_map(|(name, target)| Some(format!("<{}>; rel=\"{name}\"", target?)));
        let links: Vec<String> = links.collect();
        Ok(HeaderValue::from_str(&links.join(", ")).ok().filter(|_| !links.is_empty()))
    }

    /// The number of the page, and of the last one, for `total` rows; `None` if there is no such page.
    pub fn place(&self, total: u64) -> Option<(u64, u64)> {
        Some((self.number(total).ok()?, self.last(total)))
    }

    fn last(&self, total: u64) -> u64 {
        total.div_ceil(self.size).max(1)
    }

    fn number(&self, total: u64) -> Result<u64, Rejection> {
        let last = self.last(total);
        match self.number {
            PageNumber::Number(number) if number <= last => Ok(number),
            PageNumber::Last => Ok(last),
            _ => Err(Rejection::InvalidPage),
        }
    }

    fn link(&self, base: &BaseUrl, number: u64) -> String {
        self.link_to(base, (number > 1).then(|| number.to_string()).as_deref(), None)
    }

    fn link_to(&self, base: &BaseUrl, page: Option<&str>, after: Option<&str>) -> String {
        let mut parameters = self.parameters.clone();
        for (name, value) in [("page", page), (AFTER, after)] {
            parameters.remove(name);
            parameters.extend(value.map(|value| (name.to_owned(), vec![value.to_owned()])));
        }
        let encoded = |text: &str| utf8_percent_encode(text, PLAIN).to_string().replace(' ', "+");
        let pairs: Vec<String> = parameters
            .iter()
            .flat_map(|(name, values)| values.iter().map(move |value| (name, value)))
            .map(|(name, value)| format!("{}={}", encoded(name), encoded(value)))
            .collect();
        let query = if pairs.is_empty() { String::new() } else { format!("?{}", pairs.join("&")) };
        format!("{}{}{query}", base.0, self.path)
    }
}

/// The number that a text is, with white space around it; one beyond 64 bits is the largest of them.
pub fn whole_number(text: &str) -> Option<u64> {
    // Quirk: of more digits Python makes no number.
    const MOST_DIGITS: usize = 4300;
    let text = text.trim();
    match text.parse() {
        Ok(number) => Some(number),
        Err(error) if *error.kind() == IntErrorKind::PosOverflow && text.len() <= MOST_DIGITS => Some(u64::MAX),
        Err(_) => None,
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn request(query: &str) -> PageRequest {
        PageRequest::numbered(&format!("/list/{query}").parse().expect("a URI"))
    }

    /// The page of a list of that length.
    fn envelope(request: &PageRequest, total: usize) -> Result<NumberedPage<usize>, Rejection> {
        let page = request.range().cut((0..total).collect());
        request.envelope(&BaseUrl("http://h".to_owned()), page, |item| item)
    }

    fn links(query: &str, total: usize) -> (Option<String>, Option<String>) {
        let page = envelope(&request(query), total).expect("a page");
        (page.next, page.previous)
    }

    #[test]
    fn links_keep_the_other_parameters_in_order_of_name() {
        let (next, previous) = links("?page_size=1&color=dark+red&page=2", 3);
        assert_eq!(next.as_deref(), Some("http://h/list/?color=dark+red&page=3&page_size=1"));
        assert_eq!(previous.as_deref(), Some("http://h/list/?color=dark+red&page_size=1"));
        assert_eq!(links("", 11), (Some("http://h/list/?page=2".to_owned()), None));
        assert_eq!(links("?page=2", 11), (None, Some("http://h/list/".to_owned())));
    }

    #[test]
    fn unusable_sizes_mean_the_default_and_large_ones_the_most() {
        let first = |limit| PageRange::From { skip: 0, limit };
        for query in ["", "?page_size=", "?page_size=0", "?page_size=-1", "?page_size=x"] {
            assert_eq!(request(query).range(), first(10), "{query}");
        }
        for size in ["101", "18446744073709551615", "+18446744073709551616", "%20100000000000000000000000000000"] {
            assert_eq!(request(&format!("?page_size={size}")).range(), first(100), "{size}");
        }
        for size in ["-18446744073709551616", &"9".repeat(5000)] {
            assert_eq!(request(&format!("?page_size={size}")).range(), first(10), "{size}");
        }
        assert_eq!(envelope(&request("?page=last&page_size=3"), 10).expect("a page").results, [9]);
    }

    #[test]
    fn pages_that_do_not_exist_are_refused() {
        for query in ["?page=0", "?page=-1", "?page=abc", "?page=+", "?page=3", "?page=99999999999999999999999"] {
            assert!(matches!(envelope(&request(query), 11), Err(Rejection::InvalidPage)), "{query}");
        }
        assert!(envelope(&request(""), 0).is_ok());
        for query in ["?page=", "?page", "?page=2&page="] {
            assert_eq!(envelope(&request(query), 11).expect("a page").results.len(), 10, "{query}");
        }
    }

    proptest! {
        #[test]
        fn following_next_meets_every_row_once(total in 0usize..500, size in 1usize..20) {
            let mut seen = Vec::new();
            for page in 1.. {
                let request = request(&format!("?page={page}&page_size={size}"));
                let envelope = envelope(&request, total).expect("a page");
                seen.extend(envelope.results);
                if envelope.next.is_none() { break }
            }
            prop_assert_eq!(seen, (0..total).collect::<Vec<_>>());
        }
    }
}
