//! Lists that are plain arrays, with the other pages in the `Link` header (RFC 8288; `contracts/edge.md` section 4.3).

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::Uri;
use http::header::LINK;
use serde::Serialize;

use super::Rejection;
use super::pagination::PageRequest;
use super::request_context::BaseUrl;
use crate::directory::{Listed, Stretch};

/// The default and maximum number of items on a page.
const SIZE: u64 = 100;

/// A page of such a list.
#[derive(Debug)]
pub struct Paged(PageRequest);

impl Paged {
    /// The page that the query requests.
    pub fn new(uri: &Uri) -> Self {
        Self(PageRequest::of_sizes(uri, SIZE, SIZE))
    }

    /// Its position in the list.
    ///
    /// # Errors
    /// [`Rejection::InvalidPage`] if there can be no such page.
    pub fn stretch(&self) -> Result<Stretch, Rejection> {
        self.0.stretch()
    }

    /// Where it begins, according to the link to this page.
    pub fn after(&self) -> Option<&str> {
        self.0.after()
    }

    /// The response with the page, each item converted by `show`.
    ///
    /// # Errors
    /// [`Rejection::InvalidPage`] if the list has no such page.
    pub fn respond<T, U: Serialize>(
        &self,
        base: &BaseUrl,
        listed: Listed<T>,
        show: impl FnMut(T) -> U,
    ) -> Result<Response, Rejection> {
        let links = self.0.link_header(base, &listed)?;
        let mut response = Json(listed.items.into_iter().map(show).collect::<Vec<U>>()).into_response();
        if let Some(links) = links {
            response.headers_mut().insert(LINK, links);
        }
        Ok(response)
    }
}
