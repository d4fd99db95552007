//! A random directory of its own, and the people in it who act.

use std::collections::BTreeMap;

use axum::Router;
use axum::middleware::map_request;
use http::Method;
use serde_json::{Value, json};
use shared::model::UserId;
use shared::model::ambient::Ambient as _;

use super::acts::{Act, Api, PASSWORDS, Route, Scene, routes};
use super::dice::Dice;
use super::model::{Outcome, Rights, Violation, works_on};
use super::state::{Person, State};
use super::writes::Writes;
use crate::support::{Client, Options, PASSWORD, TestApp, USERS, with_links};

/// How many people there are at first.
const PEOPLE: u64 = 14;
/// How many there may be before few more are made.
const MANY_PEOPLE: usize = 18;
/// How many groups or organizations there may be before few more are made.
const MANY_OTHERS: usize = 7;
const DAY: i64 = 24 * 60 * 60;

/// A directory that is random from its seed on.
pub struct World {
    app: TestApp,
    router: Router,
    writes: Writes,
    routes: Vec<Route>,
    dice: Dice,
    state: State,
    rights: Vec<(UserId, Rights)>,
    credentials: BTreeMap<UserId, Credentials>,
    passwords: BTreeMap<UserId, &'static str>,
}

/// What somebody shows.
#[derive(Debug, Clone, Default)]
struct Credentials {
    jwt: Option<String>,
    token: Option<String>,
}

/// What came of an act.
pub struct Done {
    /// Which route it took.
    pub route: usize,
    /// Whether a superuser acted.
    pub by_superuser: bool,
    /// The status of the answer.
    pub status: u16,
    /// What must not have happened.
    pub violations: Vec<Violation>,
    /// Who asked for what.
    pub request: String,
}

impl World {
    /// The directory of that seed.
    pub async fn open(seed: u64) -> Self {
        let writes = Writes::default();
        let hand = writes.clone();
        let connection = Box::new(move |connection| hand.wrap(connection));
        let app = TestApp::with(Options { connection, ..Options::default() }).await;
        // Without the policies of the functions: they are tested elsewhere, and take longer than the acts.
        let router = rollcall::app(app.directory.clone()).layer(map_request(with_links));
        let mut world = Self {
            app,
            router,
            writes,
            routes: routes(),
            dice: Dice::new(seed),
            state: State::default(),
            rights: Vec::new(),
            credentials: BTreeMap::new(),
            passwords: BTreeMap::new(),
        };
        world.follow().await;
        world.people_it().await;
        world
    }

    /// One random act, and what came of it.
    pub async fn step(&mut self) -> Done {
        let (caller, act) = loop {
            let route = self.route();
            let Some(caller) = self.caller(&self.routes[route]) else { continue };
            let app = &self.app;
            let day = |offset| app.day(offset);
            let (state, dice, passwords) = (&self.state, &self.dice, &self.passwords);
            let caller = state.people[&caller].clone();
            let mut scene = Scene { state, dice, caller: &caller, passwords, day: &day };
            if let Some(act) = self.routes[route].act(route, &mut scene) {
                break (caller, act);
            }
        };
        self.perform(&caller, &act).await
    }

    /// Lets two days pass, after which some accounts have expired.
    pub fn pass_two_days(&self) {
        self.app.environment.advance(2 * DAY);
    }

    /// Fails unless what was followed is what the whole table holds.
    pub async fn assert_nothing_missed(&mut self) {
        self.follow().await;
        let read = State::read(&self.app).await;
        assert!(read == self.state, "a change was missed: the table holds {read:#?}, known is {:#?}", self.state);
    }

    /// What a route is called.
    pub fn name_of(&self, route: usize) -> String {
        self.routes[route].name()
    }

    async fn perform(&mut self, caller: &Person, act: &Act) -> Done {
        let client = self.client(caller, act.api).await;
        let before = self.state.clone();
        let answer = client.json(act.method.clone(), &act.path, act.body.as_ref()).await;
        let status = answer.status.as_u16();
        self.follow().await;
        let actor = caller.user.id;
        let today = self.app.environment.now().date();
        let outcome = Outcome { actor, act, status, today, before: &before, after: &self.state };
        let violations = outcome.violations();
        let rights = before.rights(caller);
        let username = &caller.user.username;
        let body = act.body.as_ref().map(Value::to_string).unwrap_or_default();
        let request = format!("{username} asks {} {} {body} -> {status} {}", act.method, act.path, answer.text());
        if let (true, Some(password)) = (status < 400, act.password) {
            let new = self.state.people.keys().copied().find(|id| !before.people.contains_key(id));
            if let Some(id) = act.target.or(new) {
                self.passwords.insert(id, password);
            }
        }
        if status == 401 && caller.user.flags.is_active {
            self.credentials.remove(&actor);
        }
        Done { route: act.route, by_superuser: rights.are_everything(), status, violations, request }
    }

    /// One of the routes, by their weights; fewer creations where there is much already.
    fn route(&self) -> usize {
        let weight = |route: &Route| {
            let is_creation = route.method == Method::POST && !route.path.contains('{');
            let is_crowded = match route.path {
                "/api/v1/users/group/" | "/scim/v2/Groups/" => self.state.groups.len() > MANY_OTHERS,
                "/api/v1/users/organization/" => self.state.organizations.len() > MANY_OTHERS,
                _ => self.state.people.len() > MANY_PEOPLE,
            };
            // In eighths.
            route.weight * if is_creation && is_crowded { 1 } else { 8 }
        };
        let mut left = self.dice.below(self.routes.iter().map(weight).sum());
        for (place, route) in self.routes.iter().enumerate() {
            match left.checked_sub(weight(route)) {
                Some(rest) => left = rest,
                None => return place,
            }
        }
        0
    }

    /// Somebody to take the route: mostly somebody who has what it asks for and an account that works,
    /// and rarely a superuser, who may do everything.
    fn caller(&self, route: &Route) -> Option<UserId> {
        let anybody = self.dice.percent(20);
        let superusers = self.dice.percent(if route.api == Api::OpenL2m { 50 } else { 8 });
        let today = self.app.environment.now().date();
        let suits = |(id, rights): &&(UserId, Rights)| {
            let person = &self.state.people[id];
            let suits = || works_on(person, today) && route.may_suit(&self.state, person, rights);
            (superusers || !rights.are_everything()) && (anybody || suits())
        };
        let suitable: Vec<UserId> = self.rights.iter().filter(suits).map(|(id, _)| *id).collect();
        self.dice.one(&suitable).copied()
    }

    /// Brings what is known up to date.
    async fn follow(&mut self) {
        let written = self.writes.take();
        if !written.is_empty() {
            self.state.follow(&self.app, &written).await;
            let people = self.state.people.iter();
            self.rights = people.map(|(id, person)| (*id, self.state.rights(person))).collect();
        }
    }

    /// Somebody with what that API takes.
    async fn client(&mut self, person: &Person, api: Api) -> Client {
        let id = person.user.id;
        let username = &person.user.username;
        let mut credentials = self.credentials.remove(&id).unwrap_or_default();
        let wants_jwt = matches!(api, Api::OpenWisp | Api::Scim);
        if wants_jwt && credentials.jwt.is_none() {
            credentials.jwt = self.sign_in(person, "/api/v1/users/token/").await;
        }
        if !wants_jwt && credentials.token.is_none() {
            credentials.token = self.sign_in(person, "/api/users/token/").await;
        }
        self.credentials.insert(id, credentials.clone());
        self.follow().await;
        let password = self.passwords.get(&id).copied().unwrap_or(PASSWORD);
        let shown = match (api, credentials) {
            (Api::OpenWisp | Api::Scim, Credentials { jwt, .. }) => jwt.map(|jwt| format!("Bearer {jwt}")),
            (Api::OpenL2m, Credentials { token, .. }) => token.map(|token| format!("Token {token}")),
            (Api::Edge, Credentials { token: Some(token), .. }) => Some(format!("Token {username}:{token}")),
            // Who has as many tokens as there may be still has a password.
            (Api::Edge, _) => return self.app.basic(username.as_str(), password),
        };
        Client::new(self.router.clone(), shown)
    }

    /// A token from the route that gives it for a password, if it does.
    async fn sign_in(&self, person: &Person, path: &str) -> Option<String> {
        let password = self.passwords.get(&person.user.id).copied().unwrap_or(PASSWORD);
        let body = json!({"username": person.user.username, "password": password});
        let answer = Client::new(self.router.clone(), None).post(path, &body).await;
        answer.status.is_success().then(|| answer.json()["token"].as_str().expect("a token").to_owned())
    }

    /// Makes the people, groups and organizations, as a superuser.
    async fn people_it(&mut self) {
        let root = self.state.named("admin").expect("a superuser").clone();
        let openwisp = self.client(&root, Api::OpenWisp).await;
        let edge = self.client(&root, Api::Edge).await;
        let made = |answer: crate::support::Answer| {
            assert!(answer.status.is_success(), "{answer:?}");
            answer
        };
        let mut organizations = Vec::new();
        for place in 0..3 + self.dice.below(2) {
            let body = json!({"name": format!("o{place}"), "slug": format!("o{place}")});
            let answer = made(openwisp.post("/api/v1/users/organization/", &body).await).json();
            organizations.push(answer["id"].as_str().expect("an id").to_owned());
        }
        for place in 0..2 + self.dice.below(3) {
            let body = json!({"name": format!("g{place}"), "permissions": Scene::permissions(&self.dice)});
            made(openwisp.post("/api/v1/users/group/", &body).await);
        }
        self.follow().await;
        let groups: Vec<u64> = self.state.groups.keys().map(|id| id.0).collect();
        for place in 0..PEOPLE {
            let dice = &self.dice;
            let username = format!("u{place}");
            let mut body = json!({
                "username": username, "email": format!("{username}@m.io"), "password": PASSWORDS[0],
                "email_verified": dice.percent(80), "is_superuser": dice.percent(7), "is_staff": dice.percent(20),
                "groups": dice.some(&groups, 25),
            });
            if dice.percent(85) {
                let organization = dice.one(&organizations);
                body["organization_users"] = json!({"organization": organization, "is_admin": dice.percent(55)});
            }
            if dice.percent(10) {
                body["expiration_date"] = json!(self.app.day(1));
            }
            made(openwisp.post(USERS, &body).await);
            self.follow().await;
            let person = self.state.named(&username).expect("who was just made").clone();
            let path = format!("{USERS}{}/", person.user.id);
            if self.dice.percent(40) {
                let permissions = Scene::permissions(&self.dice);
                made(openwisp.patch(&path, &json!({ "user_permissions": permissions })).await);
            }
            for organization in self.dice.some(&organizations, 30) {
                if person.memberships.iter().all(|one| one.organization.to_string() != organization) {
                    let membership = json!({"organization": organization, "is_admin": self.dice.percent(50)});
                    made(openwisp.patch(&path, &json!({ "organization_users": membership })).await);
                }
            }
            let office = match self.dice.below(100) {
                0..16 => json!({"is_staff": true}),
                16..60 => json!({"allow_rest_access": true}),
                _ => continue,
            };
            made(edge.patch(&format!("/api/users/{}/", person.user.edge_id), &office).await);
        }
        self.follow().await;
        // Now that everybody can still sign in.
        for person in self.state.people.clone().into_values() {
            for api in [Api::OpenWisp, Api::OpenL2m] {
                self.client(&person, api).await;
            }
        }
        for person in self.state.people.clone().into_values() {
            if person.user.username != root.user.username && self.dice.percent(10) {
                let path = format!("{USERS}{}/", person.user.id);
                made(openwisp.patch(&path, &json!({"is_active": false})).await);
            }
        }
        let closed = format!("/api/v1/users/organization/{}/", organizations[0]);
        made(openwisp.patch(&closed, &json!({"is_active": false})).await);
        self.follow().await;
    }
}
