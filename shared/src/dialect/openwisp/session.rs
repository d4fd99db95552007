//! The session cookie of a browser (`contracts/openwisp.md` section 16).

use http::HeaderMap;

use crate::auth::Credential;
use crate::web::cookies::{Cookie, cookie};

/// The name of the cookie.
const SESSION: &str = "sessionid";

/// The session of a browser.
pub fn session(headers: &HeaderMap) -> Option<Credential> {
    let text = cookie(headers, SESSION).filter(|text| !text.is_empty())?;
    Some(Credential::Session(text.to_owned()))
}

/// The cookie that keeps a session for this many seconds; an empty session ends it.
pub fn session_cookie(session: &str, life: i64) -> Cookie<'_> {
    Cookie { name: SESSION, value: session, life: Some(life), readable: false }
}
