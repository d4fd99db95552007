//! Random acts: every route of the four APIs that changes something, with bodies that mostly make sense.

#![expect(clippy::unnecessary_wraps, reason = "drafts of all routes are made by functions of one type")]

mod deleted;
mod fields;
mod locks;
mod memberships;
mod scim;

use std::collections::BTreeMap;

use http::Method;
use serde_json::{Map, Value, json};
use shared::model::{Action, GroupId, Model, Permission, PermissionId, UserId, date_text};

use self::deleted::{purge, restore};
use self::fields::{EDGE_FIELDS, NEW_FIELDS, OPENL2M_FIELDS, OPENWISP_FIELDS};
use self::locks::unlock;
use self::memberships::{change_membership, join, leave};
use super::dice::Dice;
use super::model::{Right, Rights, edge_staff};
use super::state::{Person, State};
use crate::support::{NOBODY, PASSWORD};

/// The passwords that people have, one or the other.
pub const PASSWORDS: [&str; 2] = [PASSWORD, "Walnut-harbour-77"];

/// Through which API somebody acts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Api {
    OpenWisp,
    OpenL2m,
    Edge,
    Scim,
}

/// What a route asks of its callers, whatever the request is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Needs {
    /// An account that works.
    Nothing,
    /// A model permission.
    Permission(Action, Model),
    /// To be the person that it is about, or to be permitted to change users.
    OneselfOrChangeUser,
    /// To be permitted to change users or groups.
    ChangeUserOrGroup,
    /// To be a superuser.
    Superuser,
    /// To be Edge's staff, or a superuser.
    EdgeStaff,
    /// To be that, or the person that it is about with access to the Edge API.
    EdgeOneselfOrStaff,
}

/// A route that changes something.
pub struct Route {
    /// Its method.
    pub method: Method,
    /// Its path, as the endpoint spells it.
    pub path: &'static str,
    /// Whose it is.
    pub api: Api,
    /// What it asks for.
    pub needs: Needs,
    /// How often it is taken, compared with the others.
    pub weight: u64,
    make: fn(&mut Scene<'_>) -> Option<Draft>,
}

/// One request.
#[derive(Debug, Clone)]
pub struct Act {
    pub method: Method,
    pub path: String,
    pub body: Option<Value>,
    pub api: Api,
    pub needs: Needs,
    /// Which of the routes it takes, by its place among them.
    pub route: usize,
    /// Whom it is about, if it is about somebody who exists.
    pub target: Option<UserId>,
    /// The password that it sets, if it goes through.
    pub password: Option<&'static str>,
}

/// What makes an act of a route.
struct Draft {
    path: String,
    body: Option<Value>,
    target: Option<UserId>,
    password: Option<&'static str>,
}

/// What is known to whoever makes up an act.
pub struct Scene<'a> {
    pub state: &'a State,
    pub dice: &'a Dice,
    /// Who acts.
    pub caller: &'a Person,
    /// What passwords people have.
    pub passwords: &'a BTreeMap<UserId, &'static str>,
    /// A day, so many days from today.
    pub day: &'a dyn Fn(i64) -> String,
}

const USER: &str = "/api/v1/users/user/";
const GROUP: &str = "/api/v1/users/group/";
const ORGANIZATION: &str = "/api/v1/users/organization/";
const OPENL2M: &str = "/api/admin/users/";
const EDGE: &str = "/api/users/";

/// Every route that changes something, but those that prove a password or a mailed link.
#[rustfmt::skip]
pub fn routes() -> Vec<Route> {
    use Action::{Add, Change, Delete};
    use Api::{Edge, OpenL2m, OpenWisp, Scim};
    use Needs::{
        ChangeUserOrGroup, EdgeOneselfOrStaff, EdgeStaff, Nothing, OneselfOrChangeUser, Permission as Has, Superuser,
    };
    let route = |method, path, api, needs, weight, make| Route { method, path, api, needs, weight, make };
    vec![
        route(Method::POST, "/api/v1/users/user/", OpenWisp, Has(Add, Model::User), 3, create_user),
        route(Method::PATCH, "/api/v1/users/user/{id}/", OpenWisp, Has(Change, Model::User), 12, change_user),
        route(Method::PUT, "/api/v1/users/user/{id}/", OpenWisp, Has(Change, Model::User), 3, replace_user),
        route(Method::DELETE, "/api/v1/users/user/{id}/", OpenWisp, Has(Delete, Model::User), 2, delete_user),
        route(Method::PUT, "/api/v1/users/user/{id}/password/", OpenWisp, OneselfOrChangeUser, 5, set_password),
        route(Method::POST, "/api/v1/users/user/password/change/", OpenWisp, Nothing, 1, change_password),
        route(Method::POST, "/api/v1/users/user/{id}/email/", OpenWisp, Has(Add, Model::EmailAddress), 3, add_address),
        route(Method::PUT, "/api/v1/users/user/{id}/email/{number}/", OpenWisp, Has(Change, Model::EmailAddress), 2, change_address),
        route(Method::PATCH, "/api/v1/users/user/{id}/email/{number}/", OpenWisp, Has(Change, Model::EmailAddress), 4, change_address),
        route(Method::DELETE, "/api/v1/users/user/{id}/email/{number}/", OpenWisp, Has(Delete, Model::EmailAddress), 3, delete_address),
        route(Method::POST, "/api/v1/users/user/{id}/organization/", OpenWisp, Has(Add, Model::OrganizationUser), 4, join),
        route(Method::PATCH, "/api/v1/users/user/{id}/organization/{organization}/", OpenWisp, Has(Change, Model::OrganizationUser), 4, change_membership),
        route(Method::DELETE, "/api/v1/users/user/{id}/organization/{organization}/", OpenWisp, Has(Delete, Model::OrganizationUser), 3, leave),
        route(Method::POST, "/api/v1/users/group/", OpenWisp, Has(Add, Model::Group), 2, create_group),
        route(Method::PUT, "/api/v1/users/group/{number}/", OpenWisp, Has(Change, Model::Group), 2, change_group),
        route(Method::PATCH, "/api/v1/users/group/{number}/", OpenWisp, Has(Change, Model::Group), 4, change_group),
        route(Method::DELETE, "/api/v1/users/group/{number}/", OpenWisp, Has(Delete, Model::Group), 2, delete_group),
        route(Method::POST, "/api/v1/users/organization/", OpenWisp, Has(Add, Model::Organization), 1, create_organization),
        route(Method::PUT, "/api/v1/users/organization/{id}/", OpenWisp, Has(Change, Model::Organization), 2, change_organization),
        route(Method::PATCH, "/api/v1/users/organization/{id}/", OpenWisp, Has(Change, Model::Organization), 4, change_organization),
        route(Method::DELETE, "/api/v1/users/organization/{id}/", OpenWisp, Has(Delete, Model::Organization), 1, delete_organization),
        route(Method::POST, "/api/rollcall/v1/users/{id}/unlock/", OpenWisp, Superuser, 1, unlock),
        route(Method::DELETE, "/api/rollcall/v1/deleted/{id}/", OpenWisp, Has(Delete, Model::User), 5, purge),
        route(Method::POST, "/api/rollcall/v1/deleted/{id}/restore/", OpenWisp, Has(Add, Model::User), 12, restore),
        route(Method::POST, "/api/admin/users/", OpenL2m, Superuser, 1, create_openl2m),
        route(Method::POST, "/api/admin/users/{number}/", OpenL2m, Superuser, 2, change_openl2m),
        route(Method::PATCH, "/api/admin/users/{number}/", OpenL2m, Superuser, 2, change_openl2m),
        route(Method::POST, "/api/users/", Edge, EdgeStaff, 2, create_edge),
        route(Method::PATCH, "/api/users/{id}/", Edge, EdgeOneselfOrStaff, 10, change_edge),
        route(Method::DELETE, "/api/users/{id}/", Edge, EdgeStaff, 2, delete_edge),
        route(Method::POST, "/api/users/{id}/tokens/", Edge, EdgeOneselfOrStaff, 3, create_token),
        route(Method::PATCH, "/api/users/{id}/tokens/{token}/", Edge, EdgeOneselfOrStaff, 3, switch_token),
        route(Method::DELETE, "/api/users/{id}/tokens/{token}/", Edge, EdgeOneselfOrStaff, 3, delete_token),
        route(Method::POST, "/scim/v2/Users/", Scim, Has(Add, Model::User), 2, scim::create_user),
        route(Method::PUT, "/scim/v2/Users/{id}/", Scim, Has(Change, Model::User), 3, scim::replace_user),
        route(Method::PATCH, "/scim/v2/Users/{id}/", Scim, Has(Change, Model::User), 6, scim::change_user),
        route(Method::DELETE, "/scim/v2/Users/{id}/", Scim, Has(Delete, Model::User), 1, scim::delete_user),
        route(Method::POST, "/scim/v2/Groups/", Scim, Has(Add, Model::Group), 2, scim::create_group),
        route(Method::PUT, "/scim/v2/Groups/{id}/", Scim, ChangeUserOrGroup, 3, scim::replace_group),
        route(Method::PATCH, "/scim/v2/Groups/{id}/", Scim, ChangeUserOrGroup, 6, scim::change_group),
        route(Method::DELETE, "/scim/v2/Groups/{id}/", Scim, Has(Delete, Model::Group), 1, scim::delete_group),
        route(Method::PUT, "/scim/v2/Me/", Scim, Nothing, 2, scim::replace_oneself),
        route(Method::PATCH, "/scim/v2/Me/", Scim, Nothing, 3, scim::change_oneself),
        route(Method::POST, "/scim/v2/Bulk/", Scim, Nothing, 3, scim::bulk),
    ]
}

impl Act {
    /// Whether it is about the account of who acts and needs no permission: its password in OpenWISP, its profile in SCIM.
    pub fn is_about_oneself(&self) -> bool {
        match self.api {
            Api::Scim => self.path == "/scim/v2/Me",
            _ => self.needs == Needs::Nothing || self.needs == Needs::OneselfOrChangeUser,
        }
    }
}

impl Route {
    /// What it is called.
    pub fn name(&self) -> String {
        format!("{} {}", self.method, self.path)
    }

    /// An act of this route; `None` where there is nothing that it could be about.
    pub fn act(&self, place: usize, scene: &mut Scene<'_>) -> Option<Act> {
        let Draft { path, body, target, password } = (self.make)(scene)?;
        let (api, needs) = (self.api, self.needs);
        Some(Act { method: self.method.clone(), path, body, api, needs, route: place, target, password })
    }

    /// Whether somebody has what it asks for, as far as can be said before it is known what it is about.
    pub fn may_suit(&self, state: &State, person: &Person, rights: &Rights) -> bool {
        let is_seen_by_managers = self.api == Api::OpenWisp || self.path.starts_with("/scim/v2/Users/");
        let needs_sight = is_seen_by_managers && self.path.contains("{id}") && !rights.are_everything();
        if needs_sight && state.managed_by(person.user.id).is_empty() {
            return false;
        }
        match self.needs {
            Needs::Nothing | Needs::OneselfOrChangeUser => true,
            Needs::Permission(action, model) => rights.hold(Right::Permitted(Permission { action, model })),
            Needs::ChangeUserOrGroup => may_change_users_or_groups(rights),
            Needs::Superuser => rights.are_everything(),
            Needs::EdgeStaff => rights.are_everything() || edge_staff(&person.user),
            Needs::EdgeOneselfOrStaff => {
                rights.are_everything() || edge_staff(&person.user) || person.user.sharing.allow_rest_access
            }
        }
    }
}

/// Whether somebody may change users or groups.
pub fn may_change_users_or_groups(rights: &Rights) -> bool {
    let may = |model| rights.hold(Right::Permitted(Permission { action: Action::Change, model }));
    may(Model::User) || may(Model::Group)
}

/// The permissions about what endpoints serve, which are worth more here than the others.
fn served(dice: &Dice) -> Vec<u64> {
    let models = [Model::User, Model::EmailAddress, Model::Group, Model::Organization, Model::OrganizationUser];
    let all: Vec<u64> = Permission::all().filter(|one| models.contains(&one.model)).map(|one| one.id().0).collect();
    let chances = [15, 30, 60][usize::try_from(dice.below(3)).expect("small")];
    dice.some(&all, chances)
}

impl Scene<'_> {
    /// Some permissions, as numbers.
    pub fn permissions(dice: &Dice) -> Vec<u64> {
        let mut chosen = served(dice);
        if dice.percent(20) {
            chosen.push(1 + dice.below(28));
        }
        chosen
    }

    /// Somebody whom the act is about; rather somebody in sight, and sometimes the caller.
    fn target(&self, api: Api) -> Option<&Person> {
        if self.dice.percent(12) {
            return Some(self.caller);
        }
        let all: Vec<&Person> = self.state.people.values().map(|person| &**person).collect();
        let caller = self.caller.user.id;
        let seen: Vec<&Person> = all.iter().copied().filter(|one| self.state.sees(caller, api, one)).collect();
        let from = if seen.is_empty() || self.dice.percent(15) { all } else { seen };
        self.dice.one(&from).copied()
    }

    fn organization(&self) -> Option<String> {
        let managed: Vec<_> = self.state.managed_by(self.caller.user.id).into_iter().collect();
        let all: Vec<_> = self.state.organizations.keys().copied().collect();
        let from = if managed.is_empty() || self.dice.percent(20) { all } else { managed };
        self.dice.one(&from).map(ToString::to_string)
    }

    /// Some groups; rather such as give nothing that the caller lacks.
    fn groups(&self) -> Vec<u64> {
        let rights = self.state.rights(self.caller);
        let fits = |permissions: &std::collections::BTreeSet<PermissionId>| {
            let held = |id: &PermissionId| Permission::by_id(*id).is_some_and(|one| rights.hold(Right::Permitted(one)));
            permissions.iter().all(held)
        };
        let all: Vec<u64> = self.state.groups.keys().map(|GroupId(id)| *id).collect();
        let given = self.state.groups.values().filter(|group| fits(&group.permissions)).map(|group| group.id.0);
        let from = if self.dice.percent(30) { all } else { given.collect() };
        self.dice.some(&from, 30)
    }

    fn address(&self) -> String {
        format!("{}@m.io", self.dice.fresh())
    }

    fn phone(&self) -> Value {
        if self.dice.percent(30) {
            return Value::Null;
        }
        json!(format!("+4915112{:06}", self.dice.below(1_000_000)))
    }

    fn last_day(&self) -> Value {
        if self.dice.percent(50) {
            Value::Null
        } else {
            json!((self.day)(1 + self.dice.one(&[0, 5, 40]).unwrap_or(&0)))
        }
    }

    fn membership(&self) -> Value {
        json!({"organization": self.organization(), "is_admin": self.dice.percent(50)})
    }

    /// A value for a field of OpenWISP's users.
    fn field(&self, name: &str) -> Value {
        match name {
            "username" => json!(format!("u{}", self.dice.fresh())),
            "email" => json!(self.address()),
            "phone_number" => self.phone(),
            "birth_date" => json!(format!("19{}-01-01", 50 + self.dice.below(50))),
            "expiration_date" => self.last_day(),
            "groups" => json!(self.groups()),
            "user_permissions" => json!(Self::permissions(self.dice)),
            "organization_users" => self.membership(),
            "url" => json!("https://m.io/"),
            "memberships" => json!(self.dice.some(&["WHITE", "GREEN", "AMBER", "RED"], 50)),
            "password" => json!(self.dice.one(&PASSWORDS)),
            "date_joined" | "last_login" => json!("2020-01-02T03:04:05Z"),
            "profile" => json!({"theme": "dark", "read_only": self.dice.percent(50)}),
            "is_active" => json!(self.dice.percent(70)),
            "is_superuser" => json!(self.dice.percent(30)),
            _ if name.starts_with("is_") || name.starts_with("allow_") || name.starts_with("can_") => {
                json!(self.dice.percent(60))
            }
            _ => json!(self.dice.fresh()),
        }
    }

    /// One field, or a few.
    fn fields(&self, names: &[&str]) -> Map<String, Value> {
        let mut fields = Map::new();
        for _ in 0..=self.dice.below(2) {
            if let Some(&name) = self.dice.one(names) {
                fields.insert(name.to_owned(), self.field(name));
            }
        }
        fields
    }
}

/// The password that a body sets, if it does.
fn password_in(body: &Value) -> Option<&'static str> {
    let sent = body["password"].as_str()?;
    PASSWORDS.into_iter().find(|password| *password == sent)
}

fn new_body(scene: &Scene<'_>, names: &[&str]) -> Value {
    let mut body = scene.fields(names);
    for name in ["username", "email", "password"] {
        body.insert(name.to_owned(), scene.field(name));
    }
    Value::Object(body)
}

fn made(path: &str, body: Value) -> Draft {
    let password = password_in(&body);
    Draft { path: path.to_owned(), body: Some(body), target: None, password }
}

fn create_user(scene: &mut Scene<'_>) -> Option<Draft> {
    let mut body = new_body(scene, NEW_FIELDS);
    // Mails are left out of most, since nobody reads them here.
    body["email_verified"] = json!(scene.dice.percent(80));
    Some(made(USER, body))
}

fn create_openl2m(scene: &mut Scene<'_>) -> Option<Draft> {
    Some(made(OPENL2M, new_body(scene, OPENL2M_FIELDS)))
}

fn create_edge(scene: &mut Scene<'_>) -> Option<Draft> {
    let mut body = new_body(scene, EDGE_FIELDS);
    for name in ["first_name", "last_name"] {
        body[name] = scene.field(name);
    }
    Some(made(EDGE, body))
}

fn of_user(person: &Person, path: String, body: Option<Value>) -> Draft {
    Draft { path, body, target: Some(person.user.id), password: None }
}

fn change_user(scene: &mut Scene<'_>) -> Option<Draft> {
    let body = Value::Object(scene.fields(OPENWISP_FIELDS));
    let person = scene.target(Api::OpenWisp)?;
    Some(of_user(person, format!("{USER}{}/", person.user.id), Some(body)))
}

/// As a client does that sends back what it read, with a change.
fn replace_user(scene: &mut Scene<'_>) -> Option<Draft> {
    let changes = scene.fields(OPENWISP_FIELDS);
    let person = scene.target(Api::OpenWisp)?;
    let user = &person.user;
    let details = &user.details;
    let mut body = json!({
        "username": user.username, "email": user.email, "first_name": user.first_name, "last_name": user.last_name,
        "bio": details.bio, "url": details.url, "company": details.company, "location": details.location, "notes": details.notes,
        "phone_number": user.phone_number, "birth_date": user.birth_date.map(date_text), "is_active": user.flags.is_active,
        "expiration_date": user.expiration_date.map(date_text), "is_staff": user.flags.is_staff, "groups": user.groups,
    });
    for (name, value) in changes {
        body[name] = value;
    }
    Some(of_user(person, format!("{USER}{}/", user.id), Some(body)))
}

fn delete_user(scene: &mut Scene<'_>) -> Option<Draft> {
    let person = scene.target(Api::OpenWisp)?;
    Some(of_user(person, format!("{USER}{}/", person.user.id), None))
}

/// The password that somebody has, and another one.
fn passwords_of(scene: &Scene<'_>, person: &Person) -> (&'static str, &'static str) {
    let current = scene.passwords.get(&person.user.id).copied().unwrap_or(PASSWORD);
    let other = PASSWORDS.into_iter().find(|other| *other != current);
    let given = if scene.dice.percent(15) { "not-the-password" } else { current };
    (given, other.unwrap_or(PASSWORD))
}

fn set_password(scene: &mut Scene<'_>) -> Option<Draft> {
    let person = scene.target(Api::OpenWisp)?;
    let (current, new) = passwords_of(scene, person);
    let body = json!({"current_password": current, "new_password": new, "confirm_password": new});
    let draft = of_user(person, format!("{USER}{}/password/", person.user.id), Some(body));
    Some(Draft { password: Some(new), ..draft })
}

fn change_password(scene: &mut Scene<'_>) -> Option<Draft> {
    let (old, new) = passwords_of(scene, scene.caller);
    let body = json!({"old_password": old, "new_password1": new, "new_password2": new});
    let draft = of_user(scene.caller, format!("{USER}password/change/"), Some(body));
    Some(Draft { password: Some(new), ..draft })
}

fn add_address(scene: &mut Scene<'_>) -> Option<Draft> {
    let person = scene.target(Api::OpenWisp)?;
    let body = json!({"email": scene.address(), "primary": scene.dice.percent(20)});
    Some(of_user(person, format!("{USER}{}/email/", person.user.id), Some(body)))
}

/// The path of one of somebody's addresses; of one that there is not, where there is none.
fn address_of(scene: &Scene<'_>, person: &Person) -> String {
    let entry = scene.dice.one(&person.user.addresses);
    let number = entry.map_or_else(|| "999999".to_owned(), |entry| entry.id.to_string());
    format!("{USER}{}/email/{number}/", person.user.id)
}

fn change_address(scene: &mut Scene<'_>) -> Option<Draft> {
    let person = scene.target(Api::OpenWisp)?;
    let flags = json!({"primary": scene.dice.percent(30), "verified": scene.dice.percent(50)});
    let mut body = json!({"email": scene.address()});
    for (name, value) in flags.as_object()? {
        if scene.dice.percent(40) {
            body[name] = value.clone();
        }
    }
    Some(of_user(person, address_of(scene, person), Some(body)))
}

fn delete_address(scene: &mut Scene<'_>) -> Option<Draft> {
    let person = scene.target(Api::OpenWisp)?;
    Some(of_user(person, address_of(scene, person), None))
}

fn create_group(scene: &mut Scene<'_>) -> Option<Draft> {
    Some(made(GROUP, json!({"name": scene.dice.fresh(), "permissions": permissions_to_give(scene)})))
}

/// Permissions for a group; rather such as the caller holds.
fn permissions_to_give(scene: &Scene<'_>) -> Vec<u64> {
    let chosen = Scene::permissions(scene.dice);
    if scene.dice.percent(40) {
        return chosen;
    }
    let rights = scene.state.rights(scene.caller);
    let held = |id: &u64| {
        let permission = Permission::by_id(PermissionId(*id));
        permission.is_some_and(|one| rights.hold(Right::Permitted(one)))
    };
    chosen.into_iter().filter(held).collect()
}

fn change_group(scene: &mut Scene<'_>) -> Option<Draft> {
    let groups: Vec<_> = scene.state.groups.values().collect();
    let group = scene.dice.one(&groups)?;
    let mut body = json!({"name": group.name});
    if scene.dice.percent(30) {
        body["name"] = json!(scene.dice.fresh());
    }
    if scene.dice.percent(80) {
        let mut permissions: Vec<u64> = group.permissions.iter().map(|PermissionId(id)| *id).collect();
        match scene.dice.below(3) {
            0 => permissions = permissions_to_give(scene),
            1 => permissions.extend(permissions_to_give(scene)),
            _ => drop(permissions.pop()),
        }
        body["permissions"] = json!(permissions);
    }
    Some(made(&format!("{GROUP}{}/", group.id), body))
}

fn delete_group(scene: &mut Scene<'_>) -> Option<Draft> {
    let groups: Vec<_> = scene.state.groups.keys().collect();
    let group = scene.dice.one(&groups)?;
    Some(Draft { path: format!("{GROUP}{group}/"), body: None, target: None, password: None })
}

fn create_organization(scene: &mut Scene<'_>) -> Option<Draft> {
    let name = scene.dice.fresh();
    Some(made(ORGANIZATION, json!({"name": name, "slug": name, "is_active": scene.dice.percent(70)})))
}

fn change_organization(scene: &mut Scene<'_>) -> Option<Draft> {
    let id = scene.organization()?;
    let organization = scene.state.organizations.values().find(|one| one.id.to_string() == id)?;
    let mut body = json!({"name": organization.name, "slug": organization.slug});
    match scene.dice.below(4) {
        0 => body["is_active"] = json!(scene.dice.percent(60)),
        1 => body["name"] = json!(scene.dice.fresh()),
        2 => body["owner"] = json!({ "organization_user": null }),
        _ => {
            let memberships = scene.state.people.values().flat_map(|person| &person.memberships);
            let here: Vec<_> = memberships.filter(|one| one.organization == organization.id).collect();
            let owner = scene.dice.one(&here).map_or_else(|| NOBODY.to_owned(), |one| one.id.to_string());
            body["owner"] = json!({ "organization_user": owner });
        }
    }
    Some(made(&format!("{ORGANIZATION}{id}/"), body))
}

fn delete_organization(scene: &mut Scene<'_>) -> Option<Draft> {
    let id = scene.organization()?;
    Some(Draft { path: format!("{ORGANIZATION}{id}/"), body: None, target: None, password: None })
}

fn change_openl2m(scene: &mut Scene<'_>) -> Option<Draft> {
    let body = Value::Object(scene.fields(OPENL2M_FIELDS));
    let person = scene.target(Api::OpenL2m)?;
    let password = password_in(&body);
    let draft = of_user(person, format!("{OPENL2M}{}/", person.user.number), Some(body));
    Some(Draft { password, ..draft })
}

fn change_edge(scene: &mut Scene<'_>) -> Option<Draft> {
    let mut body = Value::Object(scene.fields(EDGE_FIELDS));
    if scene.dice.percent(15) {
        body["password"] = scene.field("password");
    }
    let person = scene.target(Api::Edge)?;
    let password = password_in(&body);
    let draft = of_user(person, format!("{EDGE}{}/", person.user.edge_id), Some(body));
    Some(Draft { password, ..draft })
}

fn delete_edge(scene: &mut Scene<'_>) -> Option<Draft> {
    let person = scene.target(Api::Edge)?;
    Some(of_user(person, format!("{EDGE}{}/", person.user.edge_id), None))
}

fn create_token(scene: &mut Scene<'_>) -> Option<Draft> {
    let person = scene.target(Api::Edge)?;
    let body = json!({"title": scene.dice.fresh()});
    Some(of_user(person, format!("{EDGE}{}/tokens/", person.user.edge_id), Some(body)))
}

/// The path of one of somebody's tokens; of one that there is not, where there is none.
fn token_of(scene: &Scene<'_>, person: &Person) -> String {
    let token = scene.dice.one(&person.tokens);
    let id = token.map_or_else(|| "0".repeat(24), |token| token.id.to_string());
    format!("{EDGE}{}/tokens/{id}/", person.user.edge_id)
}

fn switch_token(scene: &mut Scene<'_>) -> Option<Draft> {
    let person = scene.target(Api::Edge)?;
    Some(of_user(person, token_of(scene, person), Some(json!({"active": scene.dice.percent(60)}))))
}

fn delete_token(scene: &mut Scene<'_>) -> Option<Draft> {
    let person = scene.target(Api::Edge)?;
    Some(of_user(person, token_of(scene, person), None))
}
