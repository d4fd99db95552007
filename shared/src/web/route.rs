//! What an API serves: endpoints, who may use them, and their methods.

use std::sync::Arc;

use axum::handler::Handler;
use axum::routing::{MethodFilter, MethodRouter};
use http::Method;

use super::fields::Field;
use crate::directory::Directory;
use crate::model::Model;

/// The methods of the `Allow` header, in its order.
static METHODS: [Method; 7] =
    [Method::GET, Method::POST, Method::PUT, Method::PATCH, Method::DELETE, Method::HEAD, Method::OPTIONS];

/// An endpoint, and what its methods have in common.
#[derive(Debug)]
pub struct Endpoint {
    /// The path, with its final slash; `{number}` is a decimal number, the other variable parts are as in the dialect.
    pub path: &'static str,
    /// Its display name.
    pub name: &'static str,
    /// Its purpose, in a sentence; for pages.
    pub about: &'static str,
    /// Who may use it.
    pub access: Access,
    /// What its handlers read in any case.
    pub reads: Reads,
    /// Whether the path lies below a user, `{id}`, whom the caller must be able to see.
    pub below_user: bool,
    /// Whether it has a list that is also available as `application/x-ndjson`.
    pub has_lines: bool,
    /// The query parameters that filter a list; for pages.
    pub filters: &'static [&'static Field],
    /// The fields that the caller can send with the method that takes all of them; for pages and OPTIONS.
    pub fields: fn(is_superuser: bool) -> Vec<&'static Field>,
}

/// What the handlers of an endpoint read in any case, so that it can be read together with the caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reads {
    /// Nothing that all of them read.
    Nothing,
    /// The user whom the path names, `{id}`.
    User,
    /// The number of all users, for a list without other query parameters than these.
    UserCount(&'static [&'static str]),
}

/// Who may use an endpoint.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Access {
    /// Anyone.
    Anyone,
    /// Any user whom the API admits.
    User,
    /// Staff and superusers.
    Staff,
    /// Superusers.
    Superuser,
    /// Users with the model's permission for the method.
    Model(Model),
    /// The user named by `{id}`, and users who may change users.
    Oneself,
}

/// An endpoint with the handlers of its methods.
#[derive(Debug)]
pub struct Route {
    /// The endpoint.
    pub endpoint: &'static Endpoint,
    methods: Vec<Method>,
    pub(super) handlers: MethodRouter<Arc<Directory>>,
}

impl Endpoint {
    /// The values of what an endpoint does not mention. It has neither fields nor filters, and is for superusers.
    pub const PLAIN: Self = Self {
        path: "",
        name: "",
        about: "",
        access: Access::Superuser,
        reads: Reads::Nothing,
        below_user: false,
        has_lines: false,
        filters: &[],
        fields: |_| Vec::new(),
    };
}

impl Route {
    /// An endpoint, so far without methods.
    pub fn new(endpoint: &'static Endpoint) -> Self {
        Self { endpoint, methods: Vec::new(), handlers: MethodRouter::new() }
    }

    /// Adds the handler of GET, which also serves HEAD.
    #[must_use]
    pub fn get<H: Handler<T, Arc<Directory>>, T: 'static>(self, handler: H) -> Self {
        self.on(Method::GET, MethodFilter::GET, handler)
    }

    /// Adds the handler of POST.
    #[must_use]
    pub fn post<H: Handler<T, Arc<Directory>>, T: 'static>(self, handler: H) -> Self {
        self.on(Method::POST, MethodFilter::POST, handler)
    }

    /// Adds the handler of PUT.
    #[must_use]
    pub fn put<H: Handler<T, Arc<Directory>>, T: 'static>(self, handler: H) -> Self {
        self.on(Method::PUT, MethodFilter::PUT, handler)
    }

    /// Adds the handler of PATCH.
    #[must_use]
    pub fn patch<H: Handler<T, Arc<Directory>>, T: 'static>(self, handler: H) -> Self {
        self.on(Method::PATCH, MethodFilter::PATCH, handler)
    }

    /// Adds the handler of DELETE.
    #[must_use]
    pub fn delete<H: Handler<T, Arc<Directory>>, T: 'static>(self, handler: H) -> Self {
        self.on(Method::DELETE, MethodFilter::DELETE, handler)
    }

    fn on<H: Handler<T, Arc<Directory>>, T: 'static>(
        mut self,
        method: Method,
        filter: MethodFilter,
        handler: H,
    ) -> Self {
        self.methods.push(method);
        Self { handlers: self.handlers.on(filter, handler), ..self }
    }

    /// Whether the endpoint supports the method: its own ones, HEAD with GET, and always OPTIONS.
    pub fn allows(&self, method: &Method) -> bool {
        match *method {
            Method::OPTIONS => true,
            Method::HEAD => self.methods.contains(&Method::GET),
            _ => self.methods.contains(method),
        }
    }

    /// The names of its methods, in the order of the `Allow` header.
    pub fn methods(&self) -> Vec<&'static str> {
        METHODS.iter().filter(|method| self.allows(method)).map(Method::as_str).collect()
    }

    /// The `Allow` header.
    pub fn allow(&self) -> String {
        self.methods().join(", ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_header_names_methods_in_one_order() {
        const ENDPOINT: Endpoint = Endpoint { path: "/", ..Endpoint::PLAIN };
        let route = || Route::new(&ENDPOINT);
        let handler = async || ();
        assert_eq!(route().allow(), "OPTIONS");
        assert_eq!(route().post(handler).allow(), "POST, OPTIONS");
        assert_eq!(route().delete(handler).get(handler).allow(), "GET, DELETE, HEAD, OPTIONS");
        let all = route().patch(handler).put(handler).get(handler).delete(handler).post(handler);
        assert_eq!(all.allow(), "GET, POST, PUT, PATCH, DELETE, HEAD, OPTIONS");
        assert!(all.allows(&Method::HEAD) && !all.allows(&Method::TRACE) && !route().allows(&Method::HEAD));
    }
}
