//! The list of users as managers see it: everybody in sight once and nobody else, on every page, whatever has happened.

use http::StatusCode;
use serde_json::{Value, json};

use crate::support::{CHEAP, Client, Table, TestApp, USERS};

const ORGANIZATIONS: &str = "/api/v1/users/organization/";
/// How many organizations there are, of which the managers manage the first one, two and three.
const MANY: usize = 4;

struct World {
    app: TestApp,
    admin: Client,
    organizations: Vec<String>,
    /// With how many organizations each manages, from the first on.
    managers: Vec<(usize, Client)>,
    users: Vec<String>,
}

fn id_of(made: &Value) -> String {
    made["id"].as_str().expect("an id").to_owned()
}

impl World {
    async fn open() -> Self {
        let app = TestApp::start().await;
        let admin = app.admin().await;
        let mut organizations = Vec::new();
        for index in 0..MANY {
            let body = json!({"name": format!("o{index}"), "slug": format!("o{index}")});
            organizations.push(id_of(&admin.post(ORGANIZATIONS, &body).await.json()));
        }
        let mut world = Self { app, admin, organizations, managers: Vec::new(), users: Vec::new() };
        for number in 1..MANY {
            let name = format!("manager{number}");
            let user = id_of(&world.admin.create_user(&name, &json!({"groups": [1]})).await);
            for organization in 0..number {
                world.joins(&user, organization, true).await;
            }
            world.managers.push((number, world.app.signed_in(&name).await));
        }
        world
    }

    /// A random number below `end`.
    fn draw(&self, end: usize) -> usize {
        usize::try_from(self.app.environment.draw() % end as u64).expect("small")
    }

    async fn patch(&self, path: &str, body: Value) {
        let answer = self.admin.patch(path, &body).await;
        assert_eq!(answer.status, StatusCode::OK, "{answer:?}");
    }

    async fn joins(&self, user: &str, organization: usize, is_admin: bool) {
        let membership = json!({"organization": self.organizations[organization], "is_admin": is_admin});
        self.patch(&format!("{USERS}{user}/"), json!({"organization_users": membership})).await;
    }

    async fn add_user(&mut self) {
        let name = format!("user{}", self.app.environment.draw());
        self.users.push(id_of(&self.admin.create_user(&name, &json!({})).await));
    }

    /// Something that changes who is in sight.
    async fn change(&mut self) {
        let index = self.draw(self.users.len());
        let user = self.users[index].clone();
        match self.draw(12) {
            0 => self.add_user().await,
            1 => {
                self.users.remove(index);
                assert_eq!(self.admin.delete(&format!("{USERS}{user}/")).await.status, StatusCode::NO_CONTENT);
            }
            2 => {
                let path = format!("{USERS}{user}/");
                let is_superuser = self.admin.get(&path).await.json()["is_superuser"] == true;
                self.patch(&path, json!({"is_superuser": !is_superuser})).await;
            }
            3 => {
                let path = format!("{ORGANIZATIONS}{}/", self.organizations[self.draw(MANY)]);
                let is_active = self.admin.get(&path).await.json()["is_active"] == true;
                self.patch(&path, json!({"is_active": !is_active})).await;
            }
            // Joining, or leaving where it is a member: the API toggles.
            _ => {
                let organization = self.draw(MANY);
                let path = format!("{ORGANIZATIONS}{}/", self.organizations[organization]);
                if self.admin.get(&path).await.json()["is_active"] == true {
                    self.joins(&user, organization, false).await;
                }
            }
        }
        self.app.environment.advance(7);
    }

    /// Who is in sight of a manager of the first so many organizations, by the superuser's list.
    async fn in_sight(&self, number: usize) -> Vec<String> {
        let mut open = Vec::new();
        for id in &self.organizations[..number] {
            if self.admin.get(&format!("{ORGANIZATIONS}{id}/")).await.json()["is_active"] == true {
                open.push(json!(id));
            }
        }
        let mut seen = Vec::new();
        for row in self.rows(&self.admin, 100).await {
            let memberships = row["organization_users"].as_array().expect("memberships");
            if row["is_superuser"] == false && memberships.iter().any(|m| open.contains(&m["organization"])) {
                seen.push(id_of(&row));
            }
        }
        seen
    }

    /// All rows, by following `next`.
    async fn rows(&self, client: &Client, size: usize) -> Vec<Value> {
        let mut rows = Vec::new();
        let mut url = Some(format!("{USERS}?page_size={size}"));
        while let Some(at) = url {
            let page = client.get(&at).await.json();
            rows.extend(page["results"].as_array().unwrap_or_else(|| panic!("{page}")).clone());
            url = page["next"].as_str().map(|next| next.replace("http://rollcall.example", ""));
        }
        rows
    }

    async fn check(&self, managers: &[(usize, Client)]) {
        for (number, client) in managers {
            let expected = self.in_sight(*number).await;
            let size = 1 + self.draw(9);
            let walked: Vec<String> = self.rows(client, size).await.iter().map(id_of).collect();
            assert_eq!(walked, expected, "a manager of {number}, {size} to a page");
            let pages = expected.len().div_ceil(size).max(1);
            for _ in 0..3 {
                let page = 1 + self.draw(pages);
                let answer = client.get(&format!("{USERS}?page={page}&page_size={size}")).await.json();
                let got: Vec<String> = answer["results"].as_array().expect("rows").iter().map(id_of).collect();
                let from = (page - 1) * size;
                assert_eq!(got, expected[from..expected.len().min(from + size)], "page {page} of {size}");
                assert_eq!(answer["count"], expected.len());
            }
            let beyond = client.get(&format!("{USERS}?page={}&page_size={size}", pages + 1)).await;
            assert_eq!(beyond.status, StatusCode::NOT_FOUND);
        }
    }
}

#[tokio::test]
async fn everybody_in_sight_is_listed_once_whatever_happens() {
    let mut world = World::open().await;
    for _ in 0..25 {
        world.add_user().await;
    }
    for _ in 0..15 {
        for _ in 0..3 {
            world.change().await;
        }
        world.check(&world.managers).await;
        // A process that remembers nothing.
        let cold = world.app.restarted(CHEAP);
        let number = 1 + world.draw(MANY - 1);
        world.check(&[(number, cold.signed_in(&format!("manager{number}")).await)]).await;
        Table::read(&world.app.engine).assert_sound();
    }
}
