//! Lists that are plain arrays, with their pages in the `Link` header (RFC 8288; `contracts/edge.md` section 4.3).

use axum::Json;
use axum::response::{IntoResponse as _, Response};
use http::Uri;
use http::header::LINK;
use serde::Serialize;

use super::pagination::PageRequest;
use super::surroundings::Base;
use crate::directory::{Listed, Stretch};
use crate::error::Result;

/// How many items a page has, by default and at most.
const SIZE: u64 = 100;

/// A page of such a list.
#[derive(Debug)]
pub struct Paged(PageRequest);

impl Paged {
    /// The page that the query asks for.
    pub fn new(uri: &Uri) -> Self {
        Self(PageRequest::of_sizes(uri, SIZE, SIZE))
    }

    /// Where it is in the list.
    ///
    /// # Errors
    /// [`crate::Error::InvalidPage`] when there can be no such page.
    pub fn stretch(&self) -> Result<Stretch> {
        self.0.stretch()
    }

    /// The page, each item shown so.
    ///
    /// # Errors
    /// [`crate::Error::InvalidPage`] when the list has no such page.
    pub fn answer<T, U: Serialize>(
        &self,
        base: &Base,
        listed: Listed<T>,
        show: impl FnMut(T) -> U,
    ) -> Result<Response> {
        let links = self.0.link_header(base, &listed)?;
        let mut response = Json(listed.items.into_iter().map(show).collect::<Vec<U>>()).into_response();
        if let Some(links) = links {
            response.headers_mut().insert(LINK, links);
        }
        Ok(response)
    }
}
