//! One record that cannot be read, written or stored stops nothing else: not the background work, not an export, not an import.

use std::path::Path;
use std::process::Command;

use dynoxide::AttributeValue;
use http::StatusCode;
use serde_json::{Value, json};
use shared::directory::SystemCaller;
use shared::model::ambient::Ambient as _;
use shared::model::{CleanupTask, DeletedUser};
use shared::model::{GroupId, OrganizationId, UserId};
use shared::store::{
    Basis, GroupWriteOutcome, OrganizationWriteOutcome, PendingTask, RetryPolicy, UserWrite, WriteOutcome,
};

use crate::import::{exported, take_text};
use crate::support::{Client, Fault, Faults, Options, PASSWORD, Plan, Table, TestApp, items_in, key};

const GROUPS: &str = "/api/v1/users/group/";
const ORGANIZATIONS: &str = "/api/v1/users/organization/";

fn id(made: &Value) -> &str {
    made["id"].as_str().expect("an id")
}

async fn made(admin: &Client, path: &str, body: Value) -> Value {
    let answer = admin.post(path, &body).await;
    assert_eq!(answer.status, StatusCode::CREATED, "{answer:?}");
    answer.json()
}

/// Alters one attribute of a user's record behind the store's back, and gives what it was.
fn damage(app: &TestApp, user: &str, attribute: &str, value: AttributeValue) -> AttributeValue {
    let record = format!("USER#{user} USER");
    let mut item = app.items().into_iter().find(|item| key(item) == record).expect("the record");
    let old = item.insert(attribute.to_owned(), value).expect("the attribute");
    app.engine.put(vec![item]);
    old
}

/// A directory in which a group, an organization and a user were removed, and nothing of what follows was done.
struct House {
    app: TestApp,
    /// In the group and in the organization.
    first: Value,
    last: Value,
    group: GroupId,
    organization: OrganizationId,
    gone: UserId,
    /// What an export told before.
    before: String,
}

async fn house() -> House {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let group = made(&admin, GROUPS, json!({"name": "gone", "permissions": [28]})).await;
    let organization = made(&admin, ORGANIZATIONS, json!({"name": "gone", "slug": "gone"})).await;
    let fields =
        json!({"groups": [group["id"]], "organization_users": {"organization": organization["id"], "is_admin": true}});
    let first = admin.create_user("first", &fields).await;
    let last = admin.create_user("last", &fields).await;
    let gone = admin.create_user("gone", &fields).await;
    assert_eq!(app.basic("gone", PASSWORD).get("/api/users/").await.status, StatusCode::FORBIDDEN);
    app.api_token("gone").await;
    let before = exported(&app).await;
    // The requests have ended before they did anything of what follows.
    let store = app.directory.store();
    let id_of_group = GroupId(group["id"].as_u64().expect("an id"));
    let found = store.group(id_of_group).await.expect("the store").expect("the group");
    assert_eq!(
        store.group_write(Some(&found), None, &Basis::default(), None).await.expect("a removal"),
        GroupWriteOutcome::Done
    );
    let id_of_organization = OrganizationId::parse(id(&organization)).expect("an id");
    let found = store.organization(id_of_organization).await.expect("the store").expect("the organization");
    let written = store.organization_write(Some(&found), None, &[], &Basis::default(), None).await.expect("a removal");
    assert_eq!(written, OrganizationWriteOutcome::Done);
    let gone = UserId::parse(id(&gone)).expect("an id");
    let user = store.user(gone).await.expect("the store").expect("the user");
    let deleted = DeletedUser::new(&user, &[], app.environment.now(), None);
    let write = UserWrite { before: Some(&user), deleted: Some(&deleted), ..UserWrite::default() };
    assert_eq!(store.user_write(&write).await.expect("a removal"), WriteOutcome::Done);
    House { app, first, last, group: id_of_group, organization: id_of_organization, gone, before }
}

impl House {
    async fn work(&self) -> Vec<PendingTask> {
        self.app.directory.store().cleanup_tasks().await.expect("the work")
    }

    /// Purges the removed user, whom an import otherwise leaves alone.
    async fn purge(&self) {
        self.app.directory.purge_user_as(SystemCaller::Operator, self.gone).await.expect("a purge");
    }

    /// What the removed user has left, but for what waits with its record, and what two poisoned removals may keep.
    fn left_of_gone(&self) -> Vec<String> {
        let id = self.gone.to_string();
        let left = self.app.items();
        let left = left.iter().map(key).filter(|key| key.contains(&id));
        let stays = ["GROUP#", "DELETED", "ACCEPTED#", "EVENTS"];
        left.filter(|key| !stays.iter().any(|kind| key.starts_with(kind))).collect()
    }
}

/// Everything but what the first user stands in the way of is done in one call; that rests, is tried again, and is done when
/// the trouble is over.
async fn stops_nothing(house: &House, reason: &str, repair: impl FnOnce()) {
    house.app.run_housekeeping().await.expect("a kept house");
    assert_eq!(house.left_of_gone(), [""; 0], "{reason}: what was removed behind it");
    let last = UserId::parse(id(&house.last)).expect("an id");
    let store = house.app.directory.store();
    let (last, memberships) = store.user_with_memberships(last).await.expect("the store").expect("the user");
    assert!(last.groups.is_empty() && memberships.is_empty(), "{reason}: {last:?}");
    let failures =
        |work: &[PendingTask]| work.iter().map(|waiting| (waiting.work, waiting.backoff.failures)).collect::<Vec<_>>();
    let (group, organization) = (CleanupTask::Group(house.group), CleanupTask::Organization(house.organization));
    assert_eq!(failures(&house.work().await), [(group, 1), (organization, 1)], "{reason}");
    house.app.run_housekeeping().await.expect("a kept house");
    assert_eq!(failures(&house.work().await), [(group, 1), (organization, 1)], "{reason}: they rest");
    house.app.environment.advance(61);
    house.app.run_housekeeping().await.expect("a kept house");
    assert_eq!(failures(&house.work().await), [(group, 2), (organization, 2)], "{reason}: they are tried again");
    house.app.environment.advance(61);
    house.app.run_housekeeping().await.expect("a kept house");
    assert_eq!(failures(&house.work().await), [(group, 2), (organization, 2)], "{reason}: they rest longer");
    repair();
    house.app.environment.advance(61);
    house.app.run_housekeeping().await.expect("a kept house");
    assert_eq!(house.work().await, [], "{reason}");
    Table::read(&house.app.engine).assert_sound();
}

#[tokio::test]
async fn work_on_a_record_that_cannot_be_read_stops_no_other() {
    let house = house().await;
    let first = id(&house.first).to_owned();
    let name = damage(&house.app, &first, "username", AttributeValue::BOOL(true));
    stops_nothing(&house, "damaged", || drop(damage(&house.app, &first, "username", name))).await;
}

#[tokio::test]
async fn work_on_a_record_that_is_too_large_stops_no_other() {
    let house = house().await;
    let first = id(&house.first).to_owned();
    // Written before there were limits, and too large for any change.
    let items = house.app.items();
    let mut item = items.into_iter().find(|item| key(item) == format!("USER#{first} USER")).expect("the record");
    item.insert("bio".to_owned(), AttributeValue::S("x".repeat(385_000)));
    house.app.engine.put(vec![item.clone()]);
    stops_nothing(&house, "too large", || {
        item.insert("bio".to_owned(), AttributeValue::S("x".repeat(1000)));
        house.app.engine.put(vec![item]);
    })
    .await;
}

#[tokio::test]
async fn work_that_the_store_refuses_for_one_key_stops_no_other() {
    let house = house().await;
    let faults = Faults::default();
    let hand = faults.clone();
    let hasty =
        RetryPolicy { pause: std::time::Duration::from_millis(1), deadline: std::time::Duration::from_millis(200) };
    let connection = Box::new(move |connection| hand.wrap(connection));
    let app = house.app.another(Options { retry_policy: hasty, connection, ..Options::default() });
    let house = House { app, ..house };
    let first: &'static str = format!("USER#{}", id(&house.first)).leak();
    faults.follow(Plan::About { text: first, fault: Fault::ServerError });
    stops_nothing(&house, "refused", || faults.follow(Plan::Calm)).await;
}

#[tokio::test]
async fn an_expiration_date_that_cannot_be_followed_keeps_no_other() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let date = json!({"expiration_date": app.day(3)});
    let first = admin.create_user("first", &date).await;
    admin.create_user("last", &date).await;
    let name = damage(&app, id(&first), "username", AttributeValue::BOOL(true));
    let mails = async || app.directory.waiting_mails(10).await.expect("the outbox").len();
    app.run_housekeeping().await.expect("a kept house");
    assert_eq!(mails().await, 1, "the other one is reminded");
    let failures = || -> Vec<Value> {
        let table = Table::read(&app.engine);
        let due: Vec<Value> = table.partition("EXPIRY").filter_map(|(_, item)| item.get("failures").cloned()).collect();
        due
    };
    app.run_housekeeping().await.expect("a kept house");
    assert_eq!(failures(), [json!(1)], "it rests");
    app.environment.advance(61);
    app.run_housekeeping().await.expect("a kept house");
    assert_eq!(failures(), [json!(2)], "it is tried again");
    damage(&app, id(&first), "username", name);
    app.environment.advance(121);
    app.run_housekeeping().await.expect("a kept house");
    assert_eq!((mails().await, failures()), (2, Vec::new()));
}

#[tokio::test]
async fn an_export_does_not_wait_for_open_work_and_tells_nothing_of_what_was_removed() {
    let house = house().await;
    let first = id(&house.first).to_owned();
    damage(&house.app, &first, "username", AttributeValue::BOOL(true));
    house.app.run_housekeeping().await.expect("a kept house");
    assert_eq!(house.work().await.len(), 2, "the damaged one keeps its group and its organization open");
    let text = exported(&house.app).await;
    for removed in
        [house.gone.to_string(), house.organization.to_string(), "\"name\":\"gone\"".to_owned(), first.clone()]
    {
        assert!(!text.contains(&removed), "{removed} in {text}");
    }
    let users: Vec<Value> = text.lines().map(|line| serde_json::from_str(line).expect("JSON")).collect();
    let users: Vec<&Value> = users.iter().filter(|line| line["record"] == "user").collect();
    let names: Vec<&str> = users.iter().map(|user| user["username"].as_str().expect("a name")).collect();
    assert_eq!(names, ["admin", "last"]);
    assert_eq!((&users[1]["groups"], &users[1]["memberships"]), (&json!([]), &json!([])));
    let mut exporter = house.app.directory.exporter(SystemCaller::Operator).expect("an export");
    let mut left_out = Vec::new();
    while exporter.next().await.expect("records").is_some() {
        left_out.extend(exporter.left_out());
    }
    let keys: Vec<&str> = left_out.iter().map(|damaged| damaged.key.as_str()).collect();
    assert_eq!(keys, [format!("USER#{first} USER")]);
}

#[tokio::test]
async fn what_was_removed_comes_again_when_what_it_has_left_is_gone() {
    let house = house().await;
    house.purge().await;
    let report = take_text(&house.app, &house.before).await;
    assert_eq!((report.users.made, report.users.here, report.users.refused), (1, 3, 0), "{report:?}");
    assert_eq!((report.groups.made, report.organizations.made), (1, 1), "{report:?}");
    assert_eq!(house.work().await, []);
    Table::read(&house.app.engine).assert_sound();
}

#[tokio::test]
async fn an_import_beside_open_work_and_a_damaged_record_takes_all_others_in() {
    let house = house().await;
    house.purge().await;
    let first = id(&house.first).to_owned();
    let name = damage(&house.app, &first, "username", AttributeValue::BOOL(true));
    let report = take_text(&house.app, &house.before).await;
    assert_eq!((report.users.made, report.users.here, report.users.refused), (1, 2, 1), "{report:?}");
    assert_eq!((report.groups.refused, report.organizations.refused), (1, 1), "{report:?}");
    let told = |text: &str| report.troubles.iter().filter(|trouble| trouble.reason.contains(text)).count();
    assert_eq!((told("is unreadable"), told("still being deleted")), (1, 2), "{report:?}");
    damage(&house.app, &first, "username", name);
    let report = take_text(&house.app, &house.before).await;
    assert_eq!((report.users.here, report.groups.made, report.organizations.made), (4, 1, 1), "{report:?}");
    Table::read(&house.app.engine).assert_sound();
}

#[tokio::test]
async fn the_command_tells_what_it_has_left_out_and_ends_with_a_status_of_its_own() {
    let source = TestApp::start().await;
    let admin = source.admin().await;
    let first = admin.create_user("first", &json!({})).await;
    admin.create_user("last", &json!({})).await;
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("left-out");
    // It may be left from a run that was interrupted.
    let _ = std::fs::remove_dir_all(&folder);
    std::fs::create_dir_all(&folder).expect("a folder");
    let (from, to) = (folder.join("from.jsonl"), folder.join("to.jsonl"));
    std::fs::write(&from, exported(&source).await).expect("a file");
    let run = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_rollcall"));
        command.args(arguments).env("ROLLCALL_DATA", &folder).env_remove("AWS_ENDPOINT_URL_DYNAMODB");
        command.output().expect("the program")
    };
    let taken = run(&["import", "rollcall", from.to_str().expect("UTF-8")]);
    assert!(taken.status.success(), "{taken:?}");
    let record = format!("USER#{} USER", id(&first));
    {
        let path = folder.join("rollcall.db");
        let database = dynoxide::Database::new(path.to_str().expect("UTF-8")).expect("the store");
        let mut item = items_in(&database).into_iter().find(|item| key(item) == record).expect("the record");
        item.insert("username".to_owned(), AttributeValue::BOOL(true));
        database.import_items("rollcall", vec![item], dynoxide::ImportOptions::default()).expect("an import");
    }
    let written = run(&["export", to.to_str().expect("UTF-8")]);
    let told = String::from_utf8_lossy(&written.stderr).into_owned();
    assert_eq!(written.status.code(), Some(2), "{told}");
    assert!(told.contains(&format!("skipped: {record}: ")), "{told}");
    let text = std::fs::read_to_string(&to).expect("a file");
    assert!(text.contains("\"username\":\"last\"") && !text.contains(id(&first)), "{text}");
    assert!(text.trim_end().ends_with(r#"{"record":"end"}"#), "it is whole: {text}");
    let _ = std::fs::remove_dir_all(&folder);
}
