//! The endpoints of all APIs, as far as they describe themselves alike.

use shared::dialect::scim::SEARCH;
use shared::model::Model;
use shared::web::endpoint::{Access, Route};
use shared::web::fields::Field;

/// An endpoint.
pub struct Place {
    pub path: &'static str,
    pub name: &'static str,
    pub methods: Vec<&'static str>,
    pub access: Access,
    /// The fields that a caller can send, where the endpoint knows them.
    pub fields: fn(bool) -> Vec<&'static Field>,
    pub below_user: bool,
}

impl From<Route> for Place {
    fn from(route: Route) -> Self {
        let (methods, endpoint) = (route.methods(), route.endpoint);
        Self {
            path: endpoint.path,
            name: endpoint.name,
            methods,
            access: endpoint.access,
            fields: endpoint.fields,
            below_user: endpoint.below_user,
        }
    }
}

/// The endpoints of the API of that name.
pub fn places(api: &str) -> Vec<Place> {
    let routes = match api {
        "OpenWisp" => rollcall::openwisp_routes(),
        "OpenL2m" => rollcall::openl2m_routes(),
        "Edge" => rollcall::edge_routes(),
        "Scim" => rollcall::scim_routes(),
        other => panic!("no API {other}"),
    };
    routes.into_iter().map(Place::from).collect()
}

impl Place {
    /// The path as people read it: a lone number is an id too, and SCIM has no final slashes.
    pub fn shown_path(&self) -> String {
        if self.path.starts_with("/scim/") {
            return self.path.trim_end_matches('/').to_owned();
        }
        if self.path.contains("{id}") { self.path.to_owned() } else { self.path.replace("{number}", "{id}") }
    }

    /// Who may make a request of that method.
    pub fn who(&self, method: &str) -> String {
        let method = if self.path.ends_with(SEARCH) && method == "POST" { "GET" } else { method };
        match self.access {
            Access::User if self.path.ends_with(SEARCH) && method != "OPTIONS" => {
                "For superusers, and for users with the permissions *Can view user* and *Can view group*.".to_owned()
            }
            Access::Anyone => "For anyone.".to_owned(),
            Access::User => "For any user.".to_owned(),
            Access::Staff => "For superusers and staff.".to_owned(),
            Access::Superuser => "For superusers.".to_owned(),
            _ if method == "OPTIONS" => "For any user.".to_owned(),
            Access::Oneself => {
                "For the user themselves, and for users with the permission *Can change user*.".to_owned()
            }
            Access::Model(model) => {
                let title = title(model);
                let verbs: &[&str] = match method {
                    "GET" | "HEAD" => &["view", "change"],
                    "POST" => &["add"],
                    "DELETE" => &["delete"],
                    _ => &["change"],
                };
                let named: Vec<String> = verbs.iter().map(|verb| format!("*Can {verb} {title}*")).collect();
                format!("For superusers, and for users with the permission {}.", named.join(" or "))
            }
        }
    }
}

fn title(model: Model) -> &'static str {
    match model {
        Model::EmailAddress => "email address",
        Model::Group => "group",
        Model::Organization => "organization",
        Model::OrganizationUser => "organization user",
        Model::User => "user",
        other => panic!("no endpoint is about {other:?}"),
    }
}
