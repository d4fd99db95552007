//! The page at `/`: what this server is, and its APIs.

use maud::{Markup, html};

use super::{ACCOUNT_PATH, DOCUMENTATION, LISTS, LOGIN_PATH, Viewer, html_document};
use crate::web::BaseUrl;

const TITLE: &str = "Rollcall";

/// The APIs: name, path of the base URL, and credentials.
const APIS: [(&str, &str, &str); 3] = [
    ("OpenWISP Users", "/api/v1/users/", "Authorization: Bearer TOKEN"),
    ("OpenL2M Users Admin", "/api/", "Authorization: Token TOKEN"),
    ("Soltra Edge Users", "/api/", "Basic user name and password, or Authorization: Token NAME:TOKEN"),
];

/// The page for this viewer.
pub(in super::super) fn home(base: &BaseUrl, viewer: Viewer<'_>) -> Markup {
    let prefix = base.prefix();
    let content = html! {
        h1 { (TITLE) }
        p.about {
            "One user directory that speaks three HTTP APIs. All of them see the same users, groups and organizations."
        }
        p.actions {
            @match viewer {
                Viewer::SignedIn(..) | Viewer::Known(_) => {
                    a.button href={ (prefix) (LISTS[0].0) } { "Users" }
                    a.button.quiet href={ (prefix) (ACCOUNT_PATH) } { "Your account" }
                }
                Viewer::Anybody | Viewer::Stranger(_) => { a.button href={ (prefix) (LOGIN_PATH) } { "Sign in" } }
            }
            a.button.quiet href={ (prefix) (DOCUMENTATION) } { "Documentation" }
        }
        section aria-labelledby="apis" {
            h2 id="apis" { "The APIs" }
            div.scroll tabindex="0" role="region" aria-labelledby="apis" {
                table {
                    thead { tr { th scope="col" { "API" } th scope="col" { "Base URL" } th scope="col" { "Credentials" } } }
                    tbody {
                        @for (name, path, credentials) in APIS {
                            tr { th scope="row" { (name) } td { code { (base.0) (path) } } td { (credentials) } }
                        }
                    }
                }
            }
        }
    };
    html_document(TITLE, base, viewer, &content)
}
