//! Users found by filters of their list (`contracts/openwisp.md` section 15): against a plain look at every row.

use http::StatusCode;
use serde_json::{Value, json};

use crate::support::{Browser, Client, NOBODY, Table, TestApp, USERS, form, is_entry, key};

const ORGANIZATIONS: &str = "/api/v1/users/organization/";
const GROUPS: &str = "/api/v1/users/group/";
const HOST: &str = "http://rollcall.example";

/// What is asked for, and what it means for a row.
struct Filter {
    words: Vec<String>,
    is_active: Option<bool>,
    organization: Option<String>,
    group: Option<u64>,
}

impl Filter {
    fn query(&self) -> String {
        let words = Some(self.words.join(" ")).filter(|words| !words.is_empty());
        let asked = [
            ("search", words),
            ("is_active", self.is_active.map(|flag| flag.to_string())),
            ("organization", self.organization.clone()),
            ("group", self.group.map(|group| group.to_string())),
        ];
        let asked: Vec<(&str, &str)> =
            asked.iter().filter_map(|(name, value)| Some((*name, value.as_deref()?))).collect();
        form(&asked)
    }

    fn fits(&self, row: &Value) -> bool {
        let texts: Vec<String> = ["username", "first_name", "last_name", "email"]
            .iter()
            .map(|name| row[name].as_str().unwrap_or_default().to_lowercase())
            .collect();
        let list = |name: &str| row[name].as_array().cloned().unwrap_or_default();
        self.words.iter().all(|word| texts.iter().any(|text| text.contains(&word.to_lowercase())))
            && self.is_active.is_none_or(|wanted| row["is_active"] == wanted)
            && self.group.is_none_or(|group| list("groups").contains(&json!(group)))
            && self.organization.as_ref().is_none_or(|id| {
                list("organization_users").iter().any(|membership| membership["organization"] == json!(id))
            })
    }
}

struct World {
    app: TestApp,
    admin: Client,
    manager: Client,
    organizations: Vec<String>,
    groups: Vec<u64>,
    users: Vec<String>,
}

fn id_of(value: &Value) -> String {
    value["id"].as_str().expect("an id").to_owned()
}

async fn made(admin: &Client, path: &str, body: Value) -> Value {
    let answer = admin.post(path, &body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    answer.json()
}

/// All rows of a list, by following `next`; every page tells the same count.
async fn rows(client: &Client, query: &str, size: usize) -> (u64, Vec<Value>) {
    let mut rows = Vec::new();
    let mut url = Some(format!("{USERS}?{query}&page_size={size}"));
    let mut count = None;
    while let Some(at) = url {
        let answer = client.get(&at).await;
        assert_eq!(answer.status, StatusCode::OK, "{at}: {answer:?}");
        let page = answer.json();
        let told = page["count"].as_u64().expect("a count");
        assert_eq!(*count.get_or_insert(told), told, "{at}");
        rows.extend(page["results"].as_array().expect("rows").clone());
        url = page["next"].as_str().map(|next| next.strip_prefix(HOST).expect("our host").to_owned());
    }
    (count.expect("a page"), rows)
}

impl World {
    async fn open() -> Self {
        let app = TestApp::start().await;
        let admin = app.admin().await;
        let mut organizations = Vec::new();
        for name in ["north", "south", "west"] {
            organizations.push(id_of(&made(&admin, ORGANIZATIONS, json!({"name": name, "slug": name})).await));
        }
        let mut groups = vec![1, 2];
        let watch = made(&admin, GROUPS, json!({"name": "Watch", "permissions": []})).await;
        groups.push(watch["id"].as_u64().expect("an id"));
        let user = id_of(&admin.create_user("manager", &json!({"groups": [1]})).await);
        for organization in &organizations[..2] {
            let path = format!("{USERS}{user}/organization/");
            made(&admin, &path, json!({"organization": organization, "is_admin": true})).await;
        }
        let manager = app.signed_in("manager").await;
        Self { app, admin, manager, organizations, groups, users: Vec::new() }
    }

    fn draw(&self, end: usize) -> usize {
        usize::try_from(self.app.environment.draw() % end as u64).expect("small")
    }

    fn one<T: Clone>(&self, of: &[T]) -> T {
        of[self.draw(of.len())].clone()
    }

    fn name(&self) -> String {
        self.one(&["Anna", "Jon", "joanna", "Ann-Marie", "O", "Élodie", "", "Nora Jane"]).to_owned()
    }

    async fn add(&mut self) {
        let username =
            format!("{}{}", self.one(&["anna", "jo", "x.jon", "Kim"]), self.app.environment.draw() % 1_000_000);
        let groups: Vec<u64> = self.groups.iter().copied().filter(|_| self.draw(3) == 0).collect();
        let fields = json!({
            "first_name": self.name(), "last_name": self.name(), "is_active": self.draw(4) > 0, "groups": groups,
            "is_superuser": self.draw(8) == 0,
        });
        let user = id_of(&self.admin.create_user(&username, &fields).await);
        for organization in &self.organizations {
            if self.draw(3) == 0 {
                let path = format!("{USERS}{user}/organization/");
                made(&self.admin, &path, json!({ "organization": organization })).await;
            }
        }
        self.users.push(user);
        self.app.environment.advance(7);
    }

    /// Something that changes by what users are found.
    async fn change(&mut self) {
        let index = self.draw(self.users.len());
        let path = format!("{USERS}{}/", self.users[index]);
        let patch = match self.draw(6) {
            0 => {
                assert_eq!(self.admin.delete(&path).await.status, StatusCode::NO_CONTENT);
                self.users.remove(index);
                return;
            }
            1 => json!({"is_active": self.draw(2) == 0}),
            2 => json!({"first_name": self.name()}),
            3 => json!({ "groups": [self.one(&self.groups)] }),
            4 => json!({"groups": []}),
            _ => json!({"organization_users": {"organization": self.one(&self.organizations), "is_admin": false}}),
        };
        let answer = self.admin.patch(&path, &patch).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    }

    fn filter(&self) -> Filter {
        let words = ["an", "ANN", "jo", "o", "mail.example", "x.j", "é", "nora", "zz", "-", "jane"];
        let words = (0..self.draw(3)).map(|_| self.one(&words).to_owned()).collect();
        Filter {
            words,
            is_active: self.one(&[None, None, Some(true), Some(false)]),
            organization: Some(self.one(&self.organizations)).filter(|_| self.draw(2) == 0),
            group: Some(self.one(&self.groups)).filter(|_| self.draw(3) == 0),
        }
    }

    async fn check(&self) {
        let (_, all) = rows(&self.admin, "", 100).await;
        let (_, seen) = rows(&self.manager, "", 100).await;
        for _ in 0..12 {
            let filter = self.filter();
            let query = filter.query();
            for (client, from) in [(&self.admin, &all), (&self.manager, &seen)] {
                let expected: Vec<Value> = from.iter().filter(|row| filter.fits(row)).cloned().collect();
                let (count, found) = rows(client, &query, 1 + self.draw(12)).await;
                assert_eq!(found, expected, "{query}");
                assert_eq!(count, expected.len() as u64, "{query}");
            }
        }
    }
}

#[tokio::test]
async fn filters_find_what_a_plain_look_finds_whatever_has_happened() {
    let mut world = World::open().await;
    for _ in 0..30 {
        world.add().await;
    }
    for _ in 0..8 {
        for _ in 0..4 {
            world.change().await;
        }
        world.check().await;
        Table::read(&world.app.engine).assert_sound();
    }
}

#[tokio::test]
async fn what_is_unknown_or_out_of_sight_has_no_users_and_does_not_tell_which() {
    let mut world = World::open().await;
    world.add().await;
    let closed =
        made(&world.admin, ORGANIZATIONS, json!({"name": "closed", "slug": "closed", "is_active": false})).await;
    let empty = json!({"count": 0, "next": null, "previous": null, "results": []});
    let unseen = [&world.organizations[2], &id_of(&closed), &NOBODY.to_owned()].map(|id| format!("organization={id}"));
    for query in unseen.iter().map(String::as_str).chain(["group=999999", "search=no-such-word"]) {
        let answer = world.manager.get(&format!("{USERS}?{query}")).await;
        assert_eq!((answer.status, answer.json()), (StatusCode::OK, empty.clone()), "{query}");
        let beyond = world.manager.get(&format!("{USERS}?{query}&page=2")).await;
        assert_eq!(beyond.status, StatusCode::NOT_FOUND);
    }
    let removed = world.groups[2];
    assert_eq!(world.admin.delete(&format!("{GROUPS}{removed}/")).await.status, StatusCode::NO_CONTENT);
    assert_eq!(world.admin.get(&format!("{USERS}?group={removed}")).await.json(), empty);
    assert_eq!(world.admin.get(&format!("{USERS}?organization={NOBODY}")).await.json(), empty);
}

#[tokio::test]
async fn values_that_are_none_are_refused_together_and_empty_ones_ask_for_nothing() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let answer = admin.get(&format!("{USERS}?is_active=maybe&organization=zz&group=x&search=a%00b")).await;
    let told = json!({
        "search": ["Null characters are not allowed."],
        "is_active": ["Must be a valid boolean."],
        "organization": ["“zz” is not a valid UUID."],
        "group": ["Incorrect type. Expected pk value, received str."],
    });
    assert_eq!((answer.status, answer.json()), (StatusCode::BAD_REQUEST, told));
    let long = admin.get(&format!("{USERS}?search={}", "x".repeat(151))).await;
    assert_eq!(long.json(), json!({"search": ["Ensure this field has no more than 150 characters."]}));
    let many = admin.get(&format!("{USERS}?search=1+2+3+4+5+6+7,8+9")).await;
    assert_eq!(many.json(), json!({"search": ["Ensure this field has no more than 8 elements."]}));
    for query in ["search=&is_active=&organization=&group=", "search=+,+", "SEARCH=zz&q=zz&is_staff=maybe"] {
        assert_eq!(admin.get(&format!("{USERS}?{query}")).await.json()["count"], 1, "{query}");
    }
    // Of what is there twice the last one counts.
    assert_eq!(admin.get(&format!("{USERS}?is_active=maybe&is_active=0")).await.json()["count"], 0);
}

#[tokio::test]
async fn links_keep_the_filters() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for index in 0..4 {
        admin.create_user(&format!("jon{index}"), &json!({})).await;
    }
    let answer = admin.get(&format!("{USERS}?search=jon+mail&page=2&page_size=1&is_active=true")).await.json();
    assert_eq!(answer["count"], 4);
    assert_eq!(answer["next"], format!("{HOST}{USERS}?is_active=true&page=3&page_size=1&search=jon+mail"));
    assert_eq!(answer["previous"], format!("{HOST}{USERS}?is_active=true&page_size=1&search=jon+mail"));
}

#[tokio::test]
async fn who_may_not_see_users_does_not_search_them() {
    let app = TestApp::start().await;
    app.admin().await.create_user("plain", &json!({})).await;
    let answer = app.signed_in("plain").await.get(&format!("{USERS}?search=a&is_active=maybe")).await;
    assert_eq!(answer.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn entries_that_a_crash_has_left_add_no_row_and_none_to_the_count() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let user = id_of(&admin.create_user("jon", &json!({"groups": [2]})).await);
    let entries = app.items().into_iter().filter(|item| is_entry(&key(item)));
    let stale: Vec<_> = entries.collect();
    admin.patch(&format!("{USERS}{user}/"), &json!({"username": "kim", "groups": [], "is_active": false})).await;
    app.engine.put(stale);
    for query in ["search=jon&group=2", "group=2", "search=jon", "search=kim&is_active=true", "group=2&is_active=true"]
    {
        let found = admin.get(&format!("{USERS}?{query}")).await.json();
        let names: Vec<&str> =
            found["results"].as_array().expect("rows").iter().filter_map(|row| row["username"].as_str()).collect();
        // The e-mail still has the old name.
        let expected: &[&str] = if query == "search=jon" { &["kim"] } else { &[] };
        assert_eq!((names, &found["count"]), (expected.to_vec(), &json!(expected.len())), "{query}");
    }
    let active = admin.get(&format!("{USERS}?is_active=true")).await.json();
    assert_eq!((active["count"].as_u64(), active["results"].as_array().map(Vec::len)), (Some(1), Some(1)));
}

#[tokio::test]
async fn a_table_from_before_the_counting_is_gone_through() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    admin.create_user("off", &json!({"is_active": false})).await;
    let mut older: Vec<_> = app.items().into_iter().filter(|item| key(item).starts_with("COUNT ")).collect();
    for item in &mut older {
        item.remove("off");
    }
    let mark = json!({"pk": {"S": "INSTALLATION"}, "sk": {"S": "INSTALLATION"}, "layout": {"N": "1"}});
    older.push(serde_json::from_value(mark).expect("an item"));
    app.engine.put(older);
    for (flag, name) in [("true", "admin"), ("false", "off")] {
        let found = admin.get(&format!("{USERS}?is_active={flag}")).await.json();
        assert_eq!((&found["count"], &found["results"][0]["username"]), (&json!(1), &json!(name)));
    }
}

#[tokio::test]
async fn a_browser_gets_a_form_that_is_filled_in_as_the_query_is() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let crew = made(&admin, ORGANIZATIONS, json!({"name": "Crew <b>", "slug": "crew"})).await;
    admin.create_user("jane", &json!({})).await;
    let mut browser = Browser::signed_in(&app, "admin").await;
    let path = format!("{USERS}?search=%22%3Cja&is_active=true&organization={}&page_size=5", id_of(&crew));
    let page = browser.get(&path).await.text();
    let (_, form) = page.split_once("<form class=\"filters\"").expect("a form");
    let (form, _) = form.split_once("</form>").expect("its end");
    for part in [
        " method=\"get\"".to_owned(),
        "name=\"page_size\" value=\"5\"".to_owned(),
        "name=\"search\" value=\"&quot;&lt;ja\"".to_owned(),
        "<option value=\"true\" selected>Yes</option>".to_owned(),
        format!("<option value=\"{}\" selected>Crew &lt;b&gt;</option>", id_of(&crew)),
        "<option value=\"2\">Operator</option>".to_owned(),
    ] {
        assert!(form.contains(&part), "{part} is missing in {form}");
    }
    let refused = browser.get(&format!("{USERS}?is_active=maybe")).await;
    assert_eq!(refused.status, StatusCode::BAD_REQUEST);
    let page = refused.text();
    assert!(page.contains("<li>Must be a valid boolean.</li>"), "{page}");
    assert!(page.contains("<option value=\"maybe\" selected>maybe</option>"), "{page}");
    // Lists without filters have no such form.
    assert!(!browser.get(GROUPS).await.text().contains("class=\"filters\""));
}
