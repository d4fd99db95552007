//! The endpoints of all APIs, as far as they describe themselves alike.

use shared::dialect::openwisp::endpoint as openwisp;
use shared::model::Model;
use shared::web::endpoint as plain;
use shared::web::fields::Field;

/// An endpoint.
pub struct Place {
    pub path: &'static str,
    pub name: &'static str,
    pub allow: &'static str,
    pub access: Access,
    /// The fields that a superuser can send, where the endpoint knows them.
    pub fields: Option<fn(bool) -> Vec<&'static Field>>,
    pub below_user: bool,
}

/// Who may ask.
#[derive(Clone, Copy)]
pub enum Access {
    OpenWisp(openwisp::Access),
    Plain(plain::Access),
}

/// The endpoints of the API of that name.
pub fn places(api: &str) -> Vec<Place> {
    let plain = |endpoints: Vec<&'static plain::Endpoint>| {
        let place = |endpoint: &'static plain::Endpoint| Place {
            path: endpoint.path,
            name: endpoint.name,
            allow: endpoint.allow,
            access: Access::Plain(endpoint.access),
            fields: None,
            below_user: false,
        };
        endpoints.into_iter().map(place).collect()
    };
    match api {
        "OpenWisp" => rollcall::openwisp_endpoints()
            .into_iter()
            .map(|endpoint| Place {
                path: endpoint.path,
                name: endpoint.name,
                allow: endpoint.allow,
                access: Access::OpenWisp(endpoint.access),
                fields: Some(endpoint.fields),
                below_user: endpoint.below_user,
            })
            .collect(),
        "OpenL2m" => plain(rollcall::openl2m_endpoints()),
        "Edge" => plain(rollcall::edge_endpoints()),
        other => panic!("no API {other}"),
    }
}

impl Place {
    /// The path as people read it: a lone number is an id too.
    pub fn shown_path(&self) -> String {
        if self.path.contains("{id}") { self.path.to_owned() } else { self.path.replace("{number}", "{id}") }
    }

    pub fn methods(&self) -> impl Iterator<Item = &'static str> {
        self.allow.split(", ")
    }
}

impl Access {
    /// Whether nobody needs to sign in.
    pub fn is_for_anyone(self) -> bool {
        matches!(self, Self::OpenWisp(openwisp::Access::Anyone) | Self::Plain(plain::Access::Anyone))
    }

    /// Whether somebody who signed in can be refused.
    pub fn is_limited(self) -> bool {
        !self.is_for_anyone() && !matches!(self, Self::OpenWisp(openwisp::Access::User))
    }

    /// Who may make a request of that method.
    pub fn sentence(self, method: &str) -> String {
        match self {
            Self::OpenWisp(openwisp::Access::Anyone) | Self::Plain(plain::Access::Anyone) => "For anyone.".to_owned(),
            Self::OpenWisp(openwisp::Access::User) | Self::Plain(plain::Access::User) => "For any user.".to_owned(),
            Self::Plain(plain::Access::Staff) => "For superusers and staff.".to_owned(),
            Self::Plain(plain::Access::Superuser) => "For superusers.".to_owned(),
            _ if method == "OPTIONS" => "For any user.".to_owned(),
            Self::OpenWisp(openwisp::Access::Oneself) => {
                "For the user themselves, and for users with the permission *Can change user*.".to_owned()
            }
            Self::OpenWisp(openwisp::Access::Model(model)) => {
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
