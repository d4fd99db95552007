//! How often requests wait for the store (`docs/design.md` section 4, *Waits*).

use super::*;
use crate::scim::{Provider, USERS as PROVIDED};

/// Requests that wait too often.
#[derive(Default)]
struct Excesses(Vec<String>);

impl Excesses {
    fn note(&mut self, what: &str, most: f64, answer: &Answer) {
        assert!(answer.status.is_success(), "{what}: {answer:?}");
        let waits = answer.waits();
        println!("{what}: waits {waits} times, at most {most}");
        assert!(waits > 0.0, "{what} was not measured");
        if waits > most {
            self.0.push(format!("{what}: {waits}"));
        }
    }
}

#[tokio::test]
async fn requests_wait_no_more_often_than_allowed() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let known = app.keyed(&app.api_token("admin").await);
    let basic = app.basic("admin", PASSWORD);
    let provider = Provider::of(&app, "admin").await;
    let mut excesses = Excesses::default();
    // The first requests of a process also read what it then remembers.
    for round in ["first", "second"] {
        excesses.0.clear();
        let name = |api: &str| format!("{api}-{round}");
        let body = |api: &str| {
            json!({"username": name(api), "email": format!("{}@mail.example", name(api)), "password": PASSWORD,
                "first_name": "Ada", "last_name": "Lovelace"})
        };
        let login = json!({"username": "admin", "password": PASSWORD});
        excesses.note("login", 3.0, &app.anonymous().post(TOKEN, &login).await);

        let created = admin.post(USERS, &body("openwisp")).await;
        excesses.note("OpenWISP, creation", 3.0, &created);
        let path = format!("{USERS}{}/", created.json()["id"].as_str().expect("an id"));
        excesses.note("OpenWISP, detail", 1.0, &admin.get(&path).await);
        excesses.note("OpenWISP, page", 2.0, &admin.get(USERS).await);
        excesses.note("OpenWISP, search", 3.0, &admin.get(&format!("{USERS}?search=ada")).await);
        excesses.note("OpenWISP, change", 2.0, &admin.patch(&path, &json!({"bio": name("bio")})).await);

        excesses.note("OpenL2M, creation", 3.0, &known.post("/api/admin/users/", &body("openl2m")).await);
        excesses.note("OpenL2M, list", 2.0, &known.get("/api/admin/users/").await);

        excesses.note("Edge, creation", 3.0, &basic.post("/api/users/", &body("edge")).await);
        excesses.note("Edge, list", 3.0, &basic.get("/api/users/").await);
        excesses.note("Edge, filter", 3.0, &basic.get("/api/users/?first_name=ada").await);

        let emails = json!([{"value": format!("{}@mail.example", name("scim")), "primary": true}]);
        let created = provider.post(PROVIDED, &json!({"userName": name("scim"), "emails": emails})).await;
        excesses.note("SCIM, creation", 3.0, &created);
        let path = format!("{PROVIDED}/{}", created.json()["id"].as_str().expect("an id"));
        excesses.note("SCIM, detail", 1.0, &provider.get(&path).await);
        excesses.note("SCIM, page", 2.0, &provider.get(PROVIDED).await);
    }
    // So many that numbers are reserved again.
    for number in 0..25 {
        let body = |api: &str| {
            let name = format!("{api}{number}");
            json!({"username": name, "email": format!("{name}@mail.example"), "password": PASSWORD, "first_name": "Ada",
                "last_name": "Lovelace"})
        };
        excesses.note("OpenWISP, creation", 2.0, &admin.post(USERS, &body("o")).await);
        excesses.note("OpenL2M, creation", 2.0, &known.post("/api/admin/users/", &body("l")).await);
        excesses.note("Edge, creation", 3.0, &basic.post("/api/users/", &body("e")).await);
        if number % 3 == 0 {
            // So that the last number is not always used by the same API.
            continue;
        }
        let emails = json!([{"value": format!("s{number}@mail.example"), "primary": true}]);
        let user = json!({"userName": format!("s{number}"), "emails": emails});
        excesses.note("SCIM, creation", 3.0, &provider.post(PROVIDED, &user).await);
    }
    assert!(excesses.0.is_empty(), "waits more often than allowed: {:?}", excesses.0);
}
