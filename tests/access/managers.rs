//! The same for callers who manage an organization: what is in sight, and what is not.

use super::*;

/// The callers, in the order of the columns. All manage something; but for the first they have a permission besides.
const MANAGERS: [&str; 5] = ["plain", "view", "add", "change", "delete"];

/// What a manager gets of a member, and of the organization itself.
#[rustfmt::skip]
const IN_SIGHT: [(&str, &str, [u16; 5]); 35] = [
    // plain, view, add, change, delete
    ("/api/v1/users/user/{id}/", "GET", [403, 200, 403, 200, 403]),
    ("/api/v1/users/user/{id}/", "HEAD", [403, 200, 403, 200, 403]),
    ("/api/v1/users/user/{id}/", "POST", [403, 403, 405, 403, 403]),
    ("/api/v1/users/user/{id}/", "PUT", [403, 403, 403, 200, 403]),
    ("/api/v1/users/user/{id}/", "PATCH", [403, 403, 403, 200, 403]),
    ("/api/v1/users/user/{id}/", "DELETE", [403, 403, 403, 403, 204]),
    ("/api/v1/users/user/{id}/", "OPTIONS", [200; 5]),
    ("/api/v1/users/user/{id}/password/", "GET", [403, 403, 403, 405, 403]),
    ("/api/v1/users/user/{id}/password/", "HEAD", [403, 403, 403, 405, 403]),
    ("/api/v1/users/user/{id}/password/", "POST", [403, 403, 403, 405, 403]),
    ("/api/v1/users/user/{id}/password/", "PUT", [403, 403, 403, 200, 403]),
    ("/api/v1/users/user/{id}/password/", "PATCH", [403, 403, 403, 405, 403]),
    ("/api/v1/users/user/{id}/password/", "DELETE", [403, 403, 403, 405, 403]),
    ("/api/v1/users/user/{id}/password/", "OPTIONS", [200; 5]),
    ("/api/v1/users/user/{id}/email/", "GET", [403, 200, 403, 200, 403]),
    ("/api/v1/users/user/{id}/email/", "HEAD", [403, 200, 403, 200, 403]),
    ("/api/v1/users/user/{id}/email/", "POST", [403, 403, 201, 403, 403]),
    ("/api/v1/users/user/{id}/email/", "PUT", [403, 403, 403, 405, 403]),
    ("/api/v1/users/user/{id}/email/", "PATCH", [403, 403, 403, 405, 403]),
    ("/api/v1/users/user/{id}/email/", "DELETE", [403, 403, 403, 403, 405]),
    ("/api/v1/users/user/{id}/email/", "OPTIONS", [200; 5]),
    ("/api/v1/users/user/{id}/email/{number}/", "GET", [403, 200, 403, 200, 403]),
    ("/api/v1/users/user/{id}/email/{number}/", "HEAD", [403, 200, 403, 200, 403]),
    ("/api/v1/users/user/{id}/email/{number}/", "POST", [403, 403, 405, 403, 403]),
    ("/api/v1/users/user/{id}/email/{number}/", "PUT", [403, 403, 403, 200, 403]),
    ("/api/v1/users/user/{id}/email/{number}/", "PATCH", [403, 403, 403, 200, 403]),
    ("/api/v1/users/user/{id}/email/{number}/", "DELETE", [403, 403, 403, 403, 204]),
    ("/api/v1/users/user/{id}/email/{number}/", "OPTIONS", [200; 5]),
    ("/api/v1/users/organization/{id}/", "GET", [403, 200, 403, 200, 403]),
    ("/api/v1/users/organization/{id}/", "HEAD", [403, 200, 403, 200, 403]),
    ("/api/v1/users/organization/{id}/", "POST", [403, 403, 405, 403, 403]),
    ("/api/v1/users/organization/{id}/", "PUT", [403, 403, 403, 200, 403]),
    ("/api/v1/users/organization/{id}/", "PATCH", [403, 403, 403, 200, 403]),
    ("/api/v1/users/organization/{id}/", "DELETE", [403, 403, 403, 403, 204]),
    ("/api/v1/users/organization/{id}/", "OPTIONS", [200; 5]),
];

/// What a manager gets of the own account, a member like others but for the password: that must be known.
#[rustfmt::skip]
const ONESELF: [(&str, &str, [u16; 5]); 6] = [
    ("/api/v1/users/user/{id}/", "GET", [403, 200, 403, 200, 403]),
    ("/api/v1/users/user/{id}/", "PATCH", [403, 403, 403, 200, 403]),
    ("/api/v1/users/user/{id}/password/", "PUT", [400; 5]),
    ("/api/v1/users/user/{id}/password/", "PATCH", [405; 5]),
    ("/api/v1/users/user/{id}/email/", "GET", [403, 200, 403, 200, 403]),
    ("/api/v1/users/user/{id}/email/", "POST", [403, 403, 201, 403, 403]),
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

/// The managers, and the superuser who makes what they ask for.
struct Office {
    admin: Client,
    managers: Vec<(String, Client)>,
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
        Self { admin, managers }
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
        let made = self.admin.post("/api/v1/users/organization/", &body).await.json();
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
                self.join(&rest[..36], organization, false).await;
                path
            }
            None => template.replace("{id}", organization),
        }
    }
}

#[test]
fn every_address_that_names_a_user_or_an_organization_has_rows() {
    let named = |(path, _, _): &&(&'static str, &'static str, [u16; 9])| path.contains("{id}");
    let wanted: BTreeSet<_> = TABLE.iter().filter(named).map(|(path, method, _)| (*path, *method)).collect();
    let wanted: BTreeSet<_> = wanted.into_iter().filter(|(path, _)| path.starts_with("/api/v1/")).collect();
    let rows: BTreeSet<_> = IN_SIGHT.iter().map(|(path, method, _)| (*path, *method)).collect();
    assert_eq!(rows, wanted);
    assert_eq!(rows.len(), IN_SIGHT.len(), "no row stands twice");
}

#[tokio::test]
async fn managers_get_what_the_table_says_of_what_is_in_sight() {
    let app = TestApp::start().await;
    let office = Office::open(&app).await;
    let crew = office.organization("crew", true).await;
    let mut wrong = Vec::new();
    let mut serial = 0;
    for (template, method, expected) in IN_SIGHT {
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
            *status = client.json(method, &path, Some(&body(template, serial))).await.status.as_u16();
        }
        if got != expected {
            wrong.push(format!("{method} {template}: {got:?}, not {expected:?}"));
        }
    }
    for (template, method, expected) in ONESELF {
        let mut got = [0; 5];
        for ((id, client), status) in office.managers.iter().zip(&mut got) {
            serial += 1;
            let body = match (template.contains("/email/"), template.contains("/password/")) {
                (false, false) => json!({"first_name": "Jane"}),
                _ => body(template, serial),
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
        for (template, ..) in IN_SIGHT {
            let of_users = template.starts_with(USERS);
            if targets.contains_key(template) || (hidden == Hidden::Superuser && !of_users) {
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
        for (template, method, expected) in TABLE {
            let Some(path) = targets.get(template) else { continue };
            for (who, (_, client)) in MANAGERS.iter().zip(&office.managers) {
                let column = CALLERS.iter().position(|caller| caller == who).expect("a column");
                serial += 1;
                let method: Method = method.parse().expect("a method");
                let got = client.json(method, path, Some(&body(template, serial))).await.status.as_u16();
                if got != expected[column] {
                    wrong.push(format!("{hidden:?}: {who} gets {got} from {template}, not {}", expected[column]));
                }
            }
        }
    }
    assert_eq!(wrong, Vec::<String>::new());
}
