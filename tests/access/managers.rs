//! The same for callers who manage an organization: what is in sight, and what is not.

use shared::directory::SystemCaller;

use super::*;

/// The callers, in the order of the columns. All manage something; but for the first they have a permission besides.
const MANAGERS: [&str; 5] = ["plain", "view", "add", "change", "delete"];

/// What a manager gets of a member, and of the organization itself, in the order of [`METHODS`].
#[rustfmt::skip]
const IN_SIGHT: &[(&str, [[u16; 5]; 7])] = &[
    // plain, view, add, change, delete
    ("/api/v1/users/user/{id}/", [
        [403, 200, 403, 200, 403], [403, 200, 403, 200, 403], [403, 403, 405, 403, 403], [403, 403, 403, 200, 403],
        [403, 403, 403, 200, 403], [403, 403, 403, 403, 204], [200; 5],
    ]),
    ("/api/v1/users/user/{id}/password/", [
        [403, 403, 403, 405, 403], [403, 403, 403, 405, 403], [403, 403, 403, 405, 403], [403, 403, 403, 200, 403],
        [403, 403, 403, 405, 403], [403, 403, 403, 405, 403], [200; 5],
    ]),
    ("/api/v1/users/user/{id}/email/", [
        [403, 200, 403, 200, 403], [403, 200, 403, 200, 403], [403, 403, 201, 403, 403], [403, 403, 403, 405, 403],
        [403, 403, 403, 405, 403], [403, 403, 403, 403, 405], [200; 5],
    ]),
    ("/api/v1/users/user/{id}/email/{number}/", [
        [403, 200, 403, 200, 403], [403, 200, 403, 200, 403], [403, 403, 405, 403, 403], [403, 403, 403, 200, 403],
        [403, 403, 403, 200, 403], [403, 403, 403, 403, 204], [200; 5],
    ]),
    ("/api/v1/users/user/{id}/organization/", [
        [403, 200, 403, 200, 403], [403, 200, 403, 200, 403], [403, 403, 201, 403, 403], [403, 403, 403, 405, 403],
        [403, 403, 403, 405, 403], [403, 403, 403, 403, 405], [200; 5],
    ]),
    ("/api/v1/users/user/{id}/organization/{organization}/", [
        [403, 200, 403, 200, 403], [403, 200, 403, 200, 403], [403, 403, 405, 403, 403], [403, 403, 403, 405, 403],
        [403, 403, 403, 200, 403], [403, 403, 403, 403, 204], [200; 5],
    ]),
    ("/api/v1/users/organization/{id}/", [
        [403, 200, 403, 200, 403], [403, 200, 403, 200, 403], [403, 403, 405, 403, 403], [403, 403, 403, 200, 403],
        [403, 403, 403, 200, 403], [403, 403, 403, 403, 204], [200; 5],
    ]),
];

/// What a manager gets of the own account, a member like others but for the password: that must be known.
#[rustfmt::skip]
const ONESELF: &[(&str, &str, [u16; 5])] = &[
    ("/api/v1/users/user/{id}/", "GET", [403, 200, 403, 200, 403]),
    ("/api/v1/users/user/{id}/", "PATCH", [403, 403, 403, 200, 403]),
    ("/api/v1/users/user/{id}/password/", "PUT", [400; 5]),
    ("/api/v1/users/user/{id}/password/", "PATCH", [405; 5]),
    ("/api/v1/users/user/{id}/email/", "GET", [403, 200, 403, 200, 403]),
    ("/api/v1/users/user/{id}/email/", "POST", [403, 403, 201, 403, 403]),
    ("/api/v1/users/user/{id}/organization/", "GET", [403, 200, 403, 200, 403]),
];

/// How far a target is from the managers' sight.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Hidden {
    /// No organization in common.
    Stranger,
    /// The callers are members of its organization and do not manage it.
    Fellow,
    /// The callers manage its organization, which is not active.
    Closed,
    /// The callers manage its organization, and it is a superuser.
    Superuser,
}

/// What a manager gets of a member who holds a right that the manager lacks, where it is not what others get.
#[rustfmt::skip]
const STRONGER: &[(&str, &str, [u16; 5])] = &[
    // plain, view, add, change, delete
    ("/api/v1/users/user/{id}/", "PUT", [403; 5]),
    ("/api/v1/users/user/{id}/", "PATCH", [403; 5]),
    ("/api/v1/users/user/{id}/", "DELETE", [403; 5]),
    ("/api/v1/users/user/{id}/password/", "PUT", [403; 5]),
    ("/api/v1/users/user/{id}/email/", "POST", [403; 5]),
    ("/api/v1/users/user/{id}/email/{number}/", "PUT", [403; 5]),
    ("/api/v1/users/user/{id}/email/{number}/", "PATCH", [403; 5]),
    ("/api/v1/users/user/{id}/email/{number}/", "DELETE", [403; 5]),
    ("/api/v1/users/user/{id}/organization/", "POST", [403; 5]),
    ("/api/v1/users/user/{id}/organization/{organization}/", "PATCH", [403; 5]),
    ("/api/v1/users/user/{id}/organization/{organization}/", "DELETE", [403; 5]),
];

/// The managers, and the superuser who makes what they ask for.
struct Office {
    admin: Client,
    managers: Vec<(String, Client)>,
    /// An organization that all manage and that nobody else is in.
    other: String,
}

impl Office {
    async fn open(app: &TestApp) -> Self {
        let admin = app.admin().await;
        let mut managers = Vec::new();
        for who in MANAGERS {
            let client = caller(app, &admin, who).await;
            let found = admin.get(USERS).await.json()["results"][0].clone();
            assert_eq!(found["username"], who);
            managers.push((found["id"].as_str().expect("an id").to_owned(), client));
        }
        let mut office = Self { admin, managers, other: String::new() };
        office.other = office.organization("other", true).await;
        office
    }

    async fn patch(&self, path: &str, body: Value) {
        let answer = self.admin.patch(path, &body).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    }

    async fn join(&self, user: &str, organization: &str, is_admin: bool) {
        let membership = json!({"organization_users": {"organization": organization, "is_admin": is_admin}});
        self.patch(&format!("{USERS}{user}/"), membership).await;
    }

    /// An organization to which all callers belong.
    async fn organization(&self, name: &str, is_admin: bool) -> String {
        let body = json!({"name": name, "slug": name});
        let made = self.admin.post(ORGANIZATIONS, &body).await.json();
        let id = made["id"].as_str().expect("an id").to_owned();
        for (user, _) in &self.managers {
            self.join(user, &id, is_admin).await;
        }
        id
    }

    /// A target of its own, with a member who belongs to that organization, or that organization itself.
    async fn target(&self, template: &str, serial: usize, organization: &str) -> String {
        let path = target(&self.admin, template, serial).await;
        match path.strip_prefix(USERS) {
            Some(rest) => {
                let user = &rest[..36];
                self.join(user, organization, false).await;
                if template.contains("{organization}") {
                    template.replace("{id}", user).replace("{organization}", organization)
                } else {
                    path
                }
            }
            None => template.replace("{id}", organization),
        }
    }
}

#[test]
fn every_address_that_names_a_user_or_an_organization_has_rows() {
    let named =
        TABLE.iter().map(|(path, _)| *path).filter(|path| path.starts_with("/api/v1/") && path.contains("{id}"));
    let listed: BTreeSet<&str> = IN_SIGHT.iter().map(|(path, _)| *path).collect();
    assert_eq!(listed, named.collect());
    assert_eq!(listed.len(), IN_SIGHT.len(), "no address stands twice");
}

#[tokio::test]
async fn managers_get_what_the_table_says_of_what_is_in_sight() {
    let app = TestApp::start().await;
    let office = Office::open(&app).await;
    let crew = office.organization("crew", true).await;
    let mut wrong = Vec::new();
    let mut serial = 0;
    for (template, method, expected) in rows(IN_SIGHT) {
        let mut got = [0; 5];
        for ((_, client), status) in office.managers.iter().zip(&mut got) {
            serial += 1;
            let organization = if template.starts_with(USERS) {
                crew.clone()
            } else {
                office.organization(&format!("managed{serial}"), true).await
            };
            let path = office.target(template, serial, &organization).await;
            let method: Method = method.parse().expect("a method");
            *status = client.json(method, &path, Some(&body(template, serial, &office.other))).await.status.as_u16();
        }
        if got != expected {
            wrong.push(format!("{method} {template}: {got:?}, not {expected:?}"));
        }
    }
    for &(template, method, expected) in ONESELF {
        let mut got = [0; 5];
        for ((id, client), status) in office.managers.iter().zip(&mut got) {
            serial += 1;
            let body = match (template.contains("/email/"), template.contains("/password/")) {
                (false, false) => json!({"first_name": "Jane"}),
                _ => body(template, serial, &office.other),
            };
            let method: Method = method.parse().expect("a method");
            *status = client.json(method, &template.replace("{id}", id), Some(&body)).await.status.as_u16();
        }
        if got != expected {
            wrong.push(format!("{method} {template} about oneself: {got:?}, not {expected:?}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// They get what those get who have the same permissions and manage nothing.
#[tokio::test]
async fn managers_do_not_see_what_is_out_of_sight() {
    let app = TestApp::start().await;
    let office = Office::open(&app).await;
    let (crew, closed) = (office.organization("crew", true).await, office.organization("closed", true).await);
    let fellows = office.organization("fellows", false).await;
    let mut wrong = Vec::new();
    let mut serial = 1000;
    for hidden in [Hidden::Stranger, Hidden::Fellow, Hidden::Closed, Hidden::Superuser] {
        let mut targets = BTreeMap::<&str, String>::new();
        for &(template, _) in IN_SIGHT {
            if hidden == Hidden::Superuser && !template.starts_with(USERS) {
                continue;
            }
            serial += 1;
            let path = match hidden {
                Hidden::Stranger => target(&office.admin, template, serial).await,
                Hidden::Fellow => office.target(template, serial, &fellows).await,
                Hidden::Closed => office.target(template, serial, &closed).await,
                Hidden::Superuser => office.target(template, serial, &crew).await,
            };
            if hidden == Hidden::Superuser {
                let user = &path[..USERS.len() + 37];
                office.patch(user, json!({"is_superuser": true})).await;
            }
            targets.insert(template, path);
        }
        let active = json!({"is_active": hidden != Hidden::Closed});
        office.patch(&format!("/api/v1/users/organization/{closed}/"), active).await;
        for (template, method, expected) in rows(TABLE) {
            let Some(path) = targets.get(template) else { continue };
            for (who, (_, client)) in MANAGERS.iter().zip(&office.managers) {
                let column = CALLERS.iter().position(|caller| caller == who).expect("a column");
                serial += 1;
                let method: Method = method.parse().expect("a method");
                let got = client.json(method, path, Some(&body(template, serial, &office.other))).await.status.as_u16();
                if got != expected[column] {
                    wrong.push(format!("{hidden:?}: {who} gets {got} from {template}, not {}", expected[column]));
                }
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// A member who holds a permission that no manager here does is shown, and what is guarded of it stays as it is.
#[tokio::test]
async fn managers_change_nothing_that_is_guarded_of_who_holds_more() {
    let app = TestApp::start().await;
    let office = Office::open(&app).await;
    let crew = office.organization("crew", true).await;
    let mut wrong = Vec::new();
    let mut serial = 2000;
    for (template, method, expected) in rows(IN_SIGHT).filter(|(template, ..)| template.starts_with(USERS)) {
        let special = STRONGER.iter().find(|row| (row.0, row.1) == (template, method));
        let expected = special.map_or(expected, |row| row.2);
        let mut got = [0; 5];
        for ((_, client), status) in office.managers.iter().zip(&mut got) {
            serial += 1;
            let path = office.target(template, serial, &crew).await;
            office.patch(&path[..USERS.len() + 37], json!({"user_permissions": [17]})).await;
            let method: Method = method.parse().expect("a method");
            *status = client.json(method, &path, Some(&body(template, serial, &office.other))).await.status.as_u16();
        }
        if got != expected {
            wrong.push(format!("{method} {template}: {got:?}, not {expected:?}"));
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}

/// Roles that mean nothing to this API add nothing to what a manager without permissions gets: `is_staff`, and Edge staff.
#[tokio::test]
async fn managers_get_no_more_for_being_staff() {
    let app = TestApp::start().await;
    let office = Office::open(&app).await;
    let mut more = Vec::new();
    for who in ["flagged", "edge"] {
        let user = office.admin.create_user(who, &json!({})).await;
        let id = user["id"].as_str().expect("an id").to_owned();
        if who == "flagged" {
            office.patch(&format!("{USERS}{id}/"), json!({"is_staff": true})).await;
        } else {
            let name = shared::model::Username::parse(who).expect("a name");
            app.directory.set_edge_staff(SystemCaller::Operator, &name, true).await.expect("a role");
        }
        more.push((id, app.bearer(&app.api_token(who).await)));
    }
    let office = Office { managers: more, ..office };
    let crew = office.organization("crew", true).await;
    let mut wrong = Vec::new();
    let mut serial = 3000;
    for (template, method, expected) in rows(IN_SIGHT) {
        for (_, client) in &office.managers {
            serial += 1;
            let path = office.target(template, serial, &crew).await;
            let sent: Method = method.parse().expect("a method");
            let got = client.json(sent, &path, Some(&body(template, serial, &office.other))).await.status.as_u16();
            if got != expected[0] {
                wrong.push(format!("{method} {template}: {got}, not {}", expected[0]));
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}
