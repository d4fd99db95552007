//! The assets of the pages. `assets/` contains Swagger UI as published, compressed with `gzip -9n`; every browser
//! unpacks that.

use axum::response::{IntoResponse, Response};
use http::HeaderValue;
use http::header::{CACHE_CONTROL, CONTENT_ENCODING, CONTENT_TYPE};

/// A file.
#[derive(Debug)]
pub struct Asset {
    /// Its path.
    pub path: &'static str,
    kind: &'static str,
    bytes: &'static [u8],
    compressed: bool,
}

/// All of them.
pub static ALL: [Asset; 4] = [
    Asset {
        path: "/api/v1/docs/swagger-ui-bundle.js",
        kind: "text/javascript; charset=utf-8",
        bytes: include_bytes!("../assets/swagger-ui-bundle.js.gz"),
        compressed: true,
    },
    Asset {
        path: "/api/v1/docs/swagger-ui.css",
        kind: "text/css; charset=utf-8",
        bytes: include_bytes!("../assets/swagger-ui.css.gz"),
        compressed: true,
    },
    Asset {
        path: "/api/v1/docs/start.js",
        kind: "text/javascript; charset=utf-8",
        bytes: include_bytes!("../assets/start.js"),
        compressed: false,
    },
    Asset {
        path: "/api/v1/docs/docs.css",
        kind: "text/css; charset=utf-8",
        bytes: include_bytes!("../assets/docs.css"),
        compressed: false,
    },
];

impl IntoResponse for &'static Asset {
    fn into_response(self) -> Response {
        let headers = [(CONTENT_TYPE, self.kind), (CACHE_CONTROL, "public, max-age=3600")];
        let mut response = (headers, self.bytes).into_response();
        if self.compressed {
            response.headers_mut().insert(CONTENT_ENCODING, HeaderValue::from_static("gzip"));
        }
        response
    }
}
