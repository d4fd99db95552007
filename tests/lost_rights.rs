//! A right that was lost a moment before gives nothing: somebody else's change lands after an act was decided and before it
//! is written, and the act is not made. Every act on a person × every way to lose the right to it, a hundred times each.

use std::sync::{Arc, Mutex};

use aws_smithy_runtime_api::client::http::{
    HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector,
};
use aws_smithy_runtime_api::client::orchestrator::HttpRequest;
use aws_smithy_runtime_api::client::runtime_components::RuntimeComponents;
use futures_util::future::BoxFuture;
use http::Method;
use serde_json::{Value, json};
use shared::model::{EmailAddress, Membership, User, UserId};
use shared::store::Connection;

use crate::rights::asked_for;
use crate::support::{Answer, Client, Options, PASSWORD, TestApp, USERS};

const ORGANIZATIONS: &str = "/api/v1/users/organization/";
const GROUPS: &str = "/api/v1/users/group/";
/// How often each way to lose a right is tried at least; `ROLLCALL_ROUNDS` sets another number.
const ROUNDS: u64 = 100;
/// *Can view organization*: nobody here holds it but those to whom it is given.
const FOREIGN: u64 = 16;

/// Does something once, right before the next transaction is written.
#[derive(Clone, Default)]
struct Interloper(Arc<Mutex<Option<BoxFuture<'static, ()>>>>);

struct Watched<T> {
    interloper: Interloper,
    inner: T,
}

impl Interloper {
    fn wrap(&self, connection: Connection) -> Connection {
        let http = SharedHttpClient::new(Watched { interloper: self.clone(), inner: connection.http });
        Connection { http, ..connection }
    }

    fn expect(&self, deed: BoxFuture<'static, ()>) {
        *self.0.lock().expect("the deed") = Some(deed);
    }

    fn take(&self) -> Option<BoxFuture<'static, ()>> {
        self.0.lock().expect("the deed").take()
    }
}

impl<T> std::fmt::Debug for Watched<T> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Watched")
    }
}

impl HttpClient for Watched<SharedHttpClient> {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        let inner = self.inner.http_connector(settings, components);
        SharedHttpConnector::new(Watched { interloper: self.interloper.clone(), inner })
    }
}

impl HttpConnector for Watched<SharedHttpConnector> {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let is_transaction =
            request.headers().get("x-amz-target").is_some_and(|target| target.ends_with("TransactWriteItems"));
        let Some(deed) = is_transaction.then(|| self.interloper.take()).flatten() else {
            return self.inner.call(request);
        };
        let inner = self.inner.clone();
        HttpConnectorFuture::new(async move {
            deed.await;
            inner.call(request).await
        })
    }
}

/// How a right is lost.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Loss {
    /// The target becomes a superuser.
    Superuser,
    /// The target becomes Edge staff. It takes nothing from Edge staff.
    EdgeStaff,
    /// The target gets a permission.
    Permission,
    /// The target joins a group that holds a permission.
    Group,
    /// The target's group gets a permission.
    GroupPermission,
    /// The target manages another organization.
    Manager,
    /// The target owns another organization.
    Owner,
    /// The target is removed.
    Removal,
    /// The actor's permissions or role are taken.
    ActorRights,
    /// The actor's group loses its permissions.
    ActorGroup,
    /// The actor is switched off.
    ActorOff,
    /// The actor is removed.
    ActorRemoval,
    /// The organization by which the actor sees the target is switched off, or the actor does not manage it any more.
    Visibility,
}

/// Who acts.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Actor {
    Manager,
    Staff,
}

/// The acts: who, method, address and body.
fn acts(target: &Target, serial: usize) -> Vec<(Actor, Method, String, Value)> {
    let (id, edge) = (&target.id, &target.edge);
    let secret = format!("Quarry-violet-{serial}");
    let set = json!({"current_password": null, "new_password": secret, "confirm_password": secret});
    let path = format!("{USERS}{id}/");
    let email = format!("{path}email/{}/", target.address);
    let token = format!("/api/users/{edge}/tokens/{}/", target.token);
    let patch = |body: Value| (Actor::Manager, Method::PATCH, path.clone(), body);
    let staff = |method: Method, path: String, body: Value| (Actor::Staff, method, path, body);
    vec![
        (Actor::Manager, Method::PUT, format!("{path}password/"), set),
        patch(json!({"username": format!("renamed{serial}")})),
        patch(json!({"email": format!("mine{serial}@mail.example")})),
        patch(json!({"phone_number": format!("+3933312{:05}", serial % 100_000)})),
        patch(json!({"is_active": false})),
        patch(json!({"is_staff": true})),
        patch(json!({"expiration_date": "2099-01-01"})),
        patch(json!({"groups": []})),
        (Actor::Manager, Method::DELETE, path.clone(), Value::Null),
        (Actor::Manager, Method::POST, format!("{path}email/"), json!({"email": format!("add{serial}@mail.example")})),
        (Actor::Manager, Method::PATCH, email.clone(), json!({"email": format!("other{serial}@mail.example")})),
        (Actor::Manager, Method::DELETE, email, Value::Null),
        staff(Method::PATCH, format!("/api/users/{edge}/"), json!({"password": secret})),
        staff(Method::PATCH, format!("/api/users/{edge}/"), json!({"email": format!("edge{serial}@mail.example")})),
        staff(Method::PATCH, format!("/api/users/{edge}/"), json!({"allow_rest_access": true})),
        staff(Method::DELETE, format!("/api/users/{edge}/"), Value::Null),
        staff(Method::POST, format!("/api/users/{edge}/tokens/"), json!({"title": "planted"})),
        staff(Method::PATCH, token.clone(), json!({"active": false})),
        staff(Method::DELETE, token, Value::Null),
    ]
}

/// Somebody to be acted on.
#[derive(Debug, Clone)]
struct Target {
    id: String,
    edge: String,
    address: String,
    token: String,
    /// A group without permissions that the target is in.
    group: u64,
    /// The id of the target's plain membership elsewhere.
    membership: String,
}

/// Somebody who acts.
struct Person {
    id: String,
    client: Client,
    /// The group from which the rights come.
    group: u64,
}

/// The directory, with the process that is interrupted and the one that interrupts it.
struct Stage {
    app: TestApp,
    admin: Client,
    interloper: Interloper,
    crew: String,
    elsewhere: String,
}

fn id_of(answer: &Answer) -> String {
    assert!(answer.status.is_success(), "{answer:?}");
    answer.json()["id"].to_string().replace('"', "")
}

impl Stage {
    async fn open() -> Self {
        let interloper = Interloper::default();
        let hand = interloper.clone();
        let connection = Box::new(move |connection| hand.wrap(connection));
        let app = TestApp::with(Options { connection, ..Options::default() }).await;
        // What interrupts comes from another process.
        let admin = app.another(Options::default()).admin().await;
        let made = |name: &'static str| {
            let admin = admin.clone();
            async move { id_of(&admin.post(ORGANIZATIONS, &json!({"name": name, "slug": name})).await) }
        };
        let (crew, elsewhere) = (made("crew").await, made("elsewhere").await);
        // The first manager of an organization becomes its owner, and owners cannot leave.
        let membership = json!({"organization": crew, "is_admin": true});
        admin.create_user("owner", &json!({"organization_users": membership})).await;
        Self { app, admin, interloper, crew, elsewhere }
    }

    async fn group(&self, name: &str, permissions: &[u64]) -> u64 {
        let made = self.admin.post(GROUPS, &json!({"name": name, "permissions": permissions})).await;
        made.json()["id"].as_u64().unwrap_or_else(|| panic!("{made:?}"))
    }

    async fn join(&self, user: &str, organization: &str, is_admin: bool) {
        let body = json!({"organization_users": {"organization": organization, "is_admin": is_admin}});
        let answer = self.admin.patch(&format!("{USERS}{user}/"), &body).await;
        assert_eq!(answer.status, 200, "{answer:?}");
    }

    async fn target(&self, serial: usize) -> Target {
        let group = self.group(&format!("crew{serial}"), &[]).await;
        let fields = json!({
            "groups": [group], "organization_users": {"organization": self.crew, "is_admin": false},
        });
        let user = self.admin.create_user(&format!("target{serial}"), &fields).await;
        let id = user["id"].as_str().expect("an id").to_owned();
        self.join(&id, &self.elsewhere, false).await;
        let more = json!({"email": format!("more{serial}@mail.example")});
        let address = id_of(&self.admin.post(&format!("{USERS}{id}/email/"), &more).await);
        let (found, memberships) = self.stored(&id).await.expect("the target");
        let basic = self.app.another(Options::default()).basic("admin", PASSWORD);
        let tokens = format!("/api/users/{}/tokens/", found.edge_id);
        let token = id_of(&basic.post(&tokens, &json!({"title": "own"})).await);
        let elsewhere = memberships
            .iter()
            .find(|membership| membership.organization.to_string() == self.elsewhere)
            .expect("a membership");
        Target { id, edge: found.edge_id.to_string(), address, token, group, membership: elsewhere.id.to_string() }
    }

    /// Somebody who manages the crew, with all permissions about users and their addresses.
    async fn actor(&self, who: Actor, serial: usize) -> Person {
        let name = format!("actor{serial}");
        let group = self.group(&format!("office{serial}"), &[1, 2, 3, 4, 25, 26, 27, 28]).await;
        let fields = match who {
            Actor::Manager => json!({
                "groups": [group], "organization_users": {"organization": self.crew, "is_admin": true},
            }),
            Actor::Staff => json!({}),
        };
        let user = self.admin.create_user(&name, &fields).await;
        let id = user["id"].as_str().expect("an id").to_owned();
        if who == Actor::Staff {
            let basic = self.app.another(Options::default()).basic("admin", PASSWORD);
            let found = self.stored(&id).await.expect("the staff").0;
            let path = format!("/api/users/{}/", found.edge_id);
            assert_eq!(basic.patch(&path, &json!({"is_staff": true})).await.status, 202);
        }
        let client = match who {
            Actor::Manager => self.app.signed_in(&name).await,
            Actor::Staff => self.app.basic(&name, PASSWORD),
        };
        // So that neither the hash nor the note of a first visit is what is interrupted.
        client.get("/api/users/").await;
        Person { id, client, group }
    }

    async fn stored(&self, id: &str) -> Option<(User, Vec<Membership>)> {
        let id = UserId::parse(id).expect("an id");
        self.app.directory.store().user_with_memberships(id).await.expect("the store")
    }

    /// All that an act could change.
    async fn everything(&self, target: &Target) -> (Option<(User, Vec<Membership>)>, Vec<String>) {
        let found = self.stored(&target.id).await;
        let id = UserId::parse(&target.id).expect("an id");
        let tokens = self.app.directory.store().tokens(id).await.expect("the tokens");
        let records = self.app.directory.store().token_records(tokens.entries()).await.expect("the tokens");
        (found, records.iter().map(|token| format!("{token:?}")).collect())
    }

    /// The requests by which a right is lost.
    fn loss(&self, loss: Loss, target: &Target, actor: &Person, who: Actor) -> Vec<(Method, String, Value)> {
        let path = format!("{USERS}{}/", target.id);
        let own = format!("{USERS}{}/", actor.id);
        let patch = |path: String, body: Value| vec![(Method::PATCH, path, body)];
        let member = |organization: &str, is_admin: bool| json!({"organization_users": {"organization": organization, "is_admin": is_admin}});
        match loss {
            Loss::Superuser => patch(path, json!({"is_superuser": true})),
            Loss::EdgeStaff => patch(format!("/api/users/{}/", target.edge), json!({"is_staff": true})),
            Loss::Permission => patch(path, json!({"user_permissions": [FOREIGN]})),
            Loss::Group => patch(path, json!({"groups": [2]})),
            Loss::GroupPermission => patch(format!("{GROUPS}{}/", target.group), json!({"permissions": [FOREIGN]})),
            Loss::Manager => patch(path, member(&self.elsewhere, true)),
            Loss::Owner => patch(
                format!("{ORGANIZATIONS}{}/", self.elsewhere),
                json!({"owner": {"organization_user": target.membership}}),
            ),
            Loss::Removal => vec![(Method::DELETE, path, Value::Null)],
            Loss::ActorRights if who == Actor::Staff => patch(edge_path(actor), json!({"is_staff": false})),
            Loss::ActorRights => patch(own, json!({"groups": []})),
            Loss::ActorGroup => patch(format!("{GROUPS}{}/", actor.group), json!({"permissions": []})),
            Loss::ActorOff => patch(own, json!({"is_active": false})),
            Loss::ActorRemoval => vec![(Method::DELETE, own, Value::Null)],
            // The same again removes it.
            Loss::Visibility => patch(own, member(&self.crew, true)),
        }
    }
}

/// The Edge address of an actor, whose Edge id stands in place of the own id.
fn edge_path(actor: &Person) -> String {
    format!("/api/users/{}/", actor.id)
}

/// Makes acts while rights are lost, and counts them.
async fn none_lands(loss: Loss) {
    let stage = Stage::open().await;
    let mut serial = 0;
    let mut tried = 0;
    let rounds = asked_for("ROLLCALL_ROUNDS").unwrap_or(ROUNDS);
    while tried < rounds {
        serial += 1;
        let count = acts(&stage.target(serial).await, serial).len();
        for index in 0..count {
            serial += 1;
            let target = stage.target(serial).await;
            let (who, method, path, body) = acts(&target, serial).swap_remove(index);
            // What takes nothing from Edge staff, who see everybody and hold their rights by the role alone.
            let is_none = matches!(loss, Loss::EdgeStaff | Loss::ActorGroup | Loss::Visibility);
            if who == Actor::Staff && is_none {
                continue;
            }
            serial += 1;
            let mut actor = stage.actor(who, serial).await;
            if who == Actor::Staff && loss == Loss::ActorRights {
                actor.id = stage.stored(&actor.id).await.expect("the actor").0.edge_id.to_string();
            }
            let requests = stage.loss(loss, &target, &actor, who);
            let other = stage.app.another(Options::default());
            let (bearer, basic) = (stage.admin.clone(), other.basic("admin", PASSWORD));
            let struck = Arc::new(Mutex::new(false));
            let noted = struck.clone();
            stage.interloper.expect(Box::pin(async move {
                for (method, path, body) in requests {
                    let client = if path.starts_with("/api/users/") { &basic } else { &bearer };
                    let answer = client.json(method, &path, Some(&body)).await;
                    assert!(answer.status.is_success(), "{path}: {answer:?}");
                }
                *noted.lock().expect("a note") = true;
            }));
            let sent = (body != Value::Null).then_some(&body);
            let answer = actor.client.json(method.clone(), &path, sent).await;
            let what = format!("{loss:?}: {method} {path} {body}");
            assert!(*struck.lock().expect("a note"), "{what} wrote nothing: {answer:?}");
            assert!([401, 403, 404].contains(&answer.status.as_u16()), "{what} landed: {answer:?}");
            // Sequentially it is refused as well, and nothing has changed since.
            let after = stage.everything(&target).await;
            actor.client.json(method, &path, sent).await;
            assert_eq!(stage.everything(&target).await, after, "{what}");
            check_untouched(loss, &after, &target, serial - 1);
            tried += 1;
        }
    }
    println!("{loss:?}: {tried} acts, none landed");
}

/// Nothing of what an act would have changed has changed.
fn check_untouched(
    loss: Loss,
    (found, tokens): &(Option<(User, Vec<Membership>)>, Vec<String>),
    target: &Target,
    serial: usize,
) {
    if loss == Loss::Removal {
        assert_eq!(*found, None);
        return;
    }
    let (user, _) = found.as_ref().expect("the target");
    assert_eq!(user.username.as_str(), format!("target{serial}"));
    assert_eq!(user.email.as_ref().map(EmailAddress::as_str), Some(&*format!("target{serial}@mail.example")));
    assert_eq!((&user.phone_number, user.flags.is_staff, user.expiration_date), (&None, false, None));
    assert!(user.flags.is_active && !user.sharing.allow_rest_access);
    assert_eq!(user.token_version, 0, "no password was set");
    assert_eq!(user.addresses.len(), 2);
    assert_eq!(user.addresses[1].email.as_str(), format!("more{serial}@mail.example"));
    // A promotion ends the tokens that others have made.
    let ended = matches!(loss, Loss::Superuser | Loss::EdgeStaff);
    assert_eq!(tokens.len(), usize::from(!ended), "{tokens:?}");
    assert!(tokens.iter().all(|token| token.contains(&target.token) || token.contains("is_active: true")));
}

macro_rules! losses {
    ($($name:ident: $loss:ident,)*) => {
        $(#[tokio::test]
        async fn $name() {
            Box::pin(none_lands(Loss::$loss)).await;
        })*
    };
}

losses! {
    nothing_lands_on_who_has_become_a_superuser: Superuser,
    nothing_lands_on_who_has_become_edge_staff: EdgeStaff,
    nothing_lands_on_who_has_got_a_permission: Permission,
    nothing_lands_on_who_has_joined_a_group: Group,
    nothing_lands_on_whose_group_has_got_a_permission: GroupPermission,
    nothing_lands_on_who_has_become_a_manager: Manager,
    nothing_lands_on_who_has_become_an_owner: Owner,
    nothing_lands_on_who_was_removed: Removal,
    nothing_lands_from_whose_rights_were_taken: ActorRights,
    nothing_lands_from_whose_group_has_lost_its_permissions: ActorGroup,
    nothing_lands_from_who_was_switched_off: ActorOff,
    nothing_lands_from_who_was_removed: ActorRemoval,
    nothing_lands_out_of_sight: Visibility,
}

/// What only superusers may set is not set by somebody who is none any more, though the rest of the act may be allowed.
#[tokio::test]
async fn nothing_that_takes_a_superuser_lands_after_a_demotion() {
    let stage = Stage::open().await;
    for serial in 0..4 {
        let target = stage.target(serial).await;
        let actor = stage.actor(Actor::Manager, 10 + serial).await;
        let own = format!("{USERS}{}/", actor.id);
        let path = format!("{USERS}{}/", target.id);
        let flag = |is_superuser: bool| json!({"is_superuser": is_superuser});
        assert_eq!(stage.admin.patch(&own, &flag(true)).await.status, 200);
        // The promotion is no change of what the actor signed in with.
        let before = stage.stored(&actor.id).await.expect("the actor").0;
        let name = format!("made{serial}");
        let secret = "Quarry-violet-1";
        let (method, at, body) = match serial {
            0 => (Method::PATCH, format!("{path}email/{}/", target.address), json!({"verified": true})),
            1 => (Method::PATCH, path, json!({"first_name": "J", "user_permissions": [28]})),
            2 => (
                Method::PUT,
                format!("{own}password/"),
                json!({"current_password": null, "new_password": secret, "confirm_password": secret}),
            ),
            _ => (
                Method::POST,
                USERS.to_owned(),
                json!({
                    "username": name, "password": PASSWORD, "email": format!("{name}@mail.example"),
                    "user_permissions": [28], "organization_users": {"organization": stage.crew, "is_admin": false},
                }),
            ),
        };
        let admin = stage.admin.clone();
        let deed = own.clone();
        stage.interloper.expect(Box::pin(async move {
            assert_eq!(admin.patch(&deed, &flag(false)).await.status, 200);
        }));
        let answer = actor.client.json(method, &at, Some(&body)).await;
        assert!(stage.interloper.take().is_none(), "{at} wrote nothing: {answer:?}");
        let (user, _) = stage.stored(&target.id).await.expect("the target");
        assert_eq!(user.addresses.iter().filter(|entry| entry.verified).count(), 1, "{answer:?}");
        assert!(user.permissions.is_empty(), "{answer:?}");
        let after = stage.stored(&actor.id).await.expect("the actor").0;
        assert_eq!(after.password, before.password, "{answer:?}");
        if serial == 3 {
            let made = stage.stored(answer.json()["id"].as_str().expect("an id")).await.expect("the user").0;
            assert!(made.permissions.is_empty(), "{answer:?}");
        }
    }
}
