//! Values that clients send by name: in a body of any format, or in a query.

use std::fmt;

use http::Uri;
use serde_json::{Map, Value};

/// The named values of a body or a query.
#[derive(Clone, PartialEq)]
pub enum Input {
    /// A JSON object.
    Json(Map<String, Value>),
    /// A form: pairs in order, names may repeat.
    Form(Vec<(String, Value)>),
}

impl Input {
    /// The parameters of a query, as a form.
    pub fn of_query(uri: &Uri) -> Self {
        let pairs = form_urlencoded::parse(uri.query().unwrap_or_default().as_bytes());
        Self::Form(pairs.map(|(name, value)| (name.into_owned(), Value::String(value.into_owned()))).collect())
    }
}

/// The values contain passwords, so only their number is printed.
impl fmt::Debug for Input {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values = match self {
            Self::Json(map) => map.len(),
            Self::Form(pairs) => pairs.len(),
        };
        write!(f, "{values} values")
    }
}
