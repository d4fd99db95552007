//! Each format: what it says is here, ids and passwords work, twice is once, and what is wrong is told.

use http::StatusCode;
use rollcall::import::Format;
use serde_json::{Value, json};
use shared::directory::transfer::{ImportCounts, IssueKind, Report};

use super::{EDGE, EDGE_LINES, OPENL2M, OPENWISP, look, new_directory, table, take, take_in, told};
use crate::support::{PASSWORD, TOKEN, TestApp, USERS};

const SECOND: &str = "00000002-0000-4000-8000-000000000000";
const THIRD: &str = "00000003-0000-4000-8000-000000000000";
const DEFAULT: &str = "00000101-0000-4000-8000-000000000000";
const CLOSED: &str = "00000102-0000-4000-8000-000000000000";

/// Looks, takes in, takes in again: a look changes nothing and tells the same, and so does the second time.
async fn thrice(app: &TestApp, format: Format, text: &str) -> Report {
    let before = table(app);
    let looked = look(app, format, text).await;
    assert_eq!(table(app).items, before.items, "a dry run changes nothing");
    let report = take_in(app, format, text).await;
    assert_eq!(looked, report, "a dry run tells what becomes of it");
    let once = table(app);
    for piece in [1000, 1] {
        let again = take(&app.directory, format, text, false, piece).await.expect("the same again");
        assert_eq!(table(app).items, once.items, "the same file again changes nothing");
        for (first, second) in [
            (report.groups, again.groups),
            (report.organizations, again.organizations),
            (report.users, again.users),
            (report.memberships, again.memberships),
            (report.tokens, again.tokens),
        ] {
            assert_eq!(second, ImportCounts { made: 0, here: first.made + first.here, refused: first.refused });
        }
    }
    report
}

fn made(made: u64, refused: u64) -> ImportCounts {
    ImportCounts { made, here: 0, refused }
}

#[tokio::test]
async fn an_openwisp_moves_in() {
    let app = new_directory().await;
    let report = thrice(&app, Format::OpenWisp, OPENWISP).await;
    assert_eq!(report.groups, made(2, 0));
    assert_eq!(report.organizations, made(2, 0));
    assert_eq!(report.users, made(4, 1));
    assert_eq!(report.memberships, made(3, 1));

    let admin = app.signed_in("user1").await;
    let user = admin.get(&format!("{USERS}{SECOND}/")).await.json();
    assert_eq!(user["username"], "user2");
    assert_eq!(user["phone_number"], "+393331234567");
    assert_eq!(user["birth_date"], "1990-02-03");
    assert_eq!(user["date_joined"], "2024-02-02T03:04:05.678000Z");
    assert_eq!(user["notes"], "A note");
    assert_eq!(user["groups"], json!([1, 7]));
    let memberships = user["organization_users"].as_array().expect("memberships");
    assert_eq!(memberships.len(), 2, "{memberships:?}");
    assert_eq!(memberships[0]["organization"], CLOSED);
    assert_eq!(memberships[1]["organization"], DEFAULT);
    let emails = admin.get(&format!("{USERS}{SECOND}/email/")).await.json();
    let emails: Vec<(&Value, &Value)> =
        emails["results"].as_array().expect("addresses").iter().map(|row| (&row["id"], &row["verified"])).collect();
    assert_eq!(emails, [(&json!(32), &json!(true)), (&json!(33), &json!(false))]);
    let default = admin.get(&format!("/api/v1/users/organization/{DEFAULT}/")).await.json();
    assert_eq!(default["owner"]["organization_user"], "00000201-0000-4000-8000-000000000000", "{default}");
    let readers = admin.get("/api/v1/users/group/7/").await.json();
    assert_eq!(readers["permissions"], json!(["16: organization | Can view organization", "28: user | Can view user"]));

    // The manager signs in with the old password, and sees whom they see elsewhere.
    let manager = app.signed_in("user2").await;
    let seen = manager.get(USERS).await.json();
    assert_eq!(seen["count"], 2, "{seen}");
    let answer = app.anonymous().post(TOKEN, &json!({"username": "user3@example.org", "password": PASSWORD})).await;
    assert_eq!(answer.status, 200, "the e-mail is a name to sign in with");

    // The other two APIs show them too.
    let token = app.api_token("user1").await;
    let all = app.keyed(&token).get("/api/admin/users/").await.json();
    assert_eq!(all.as_array().map(Vec::len), Some(4));
    let all = app.basic("user1", PASSWORD).get("/api/users/?username=user3").await.json();
    assert_eq!(all[0]["email"], "User3@example.org", "the search index has them");
}

#[tokio::test]
async fn what_is_wrong_in_a_dump_is_told_and_costs_nothing_else() {
    let app = new_directory().await;
    let report = look(&app, Format::OpenWisp, OPENWISP).await;
    let unusable = told(&report, IssueKind::Unusable);
    let expected = [
        "entry 24: not an object of a dump: `model` or `fields` is missing",
        "openwisp_users.user 00000007-0000-4000-8000-000000000000 (entry 17): is_active is not a boolean",
        "openwisp_users.organization 00000103-0000-4000-8000-000000000000 (entry 24): no valid name or slug",
        "openwisp_users.user 00000004-0000-4000-8000-000000000000 (entry 14): no valid user name",
        "openwisp_users.user 00000006-0000-4000-8000-000000000000 (entry 16): date_joined is not a valid timestamp",
        "openwisp_users.user (entry 20): no usable pk; make the dump without --natural-primary",
        "openwisp_users.organizationuser 00000205-0000-4000-8000-000000000000 (entry 29): its user is missing from the file or unusable",
        "account.emailaddress 35 (entry 14): its user is missing from the file or unusable",
    ];
    assert_eq!(sorted(&unusable, "entry"), sorted(&expected.map(str::to_owned), "entry"));
    assert_eq!(report.unusable, 8);
    let conflicts = told(&report, IssueKind::Conflict);
    assert_eq!(conflicts.len(), 1, "{conflicts:?}");
    assert!(conflicts[0].contains("00000005-") && conflicts[0].contains("the e-mail belongs to"), "{conflicts:?}");
    assert!(conflicts[0].ends_with(THIRD), "{conflicts:?}");
    let left_out = told(&report, IssueKind::LeftOut).join("\n");
    for part in [
        "1 permissions",
        "its url",
        "its telephone number",
        "the group 55",
        "its password hash",
        "its membership in 00000103-0000-4000-8000-000000000000",
    ] {
        assert!(left_out.contains(part), "{part} in {left_out}");
    }
}

/// Lines without the numbers of entries, in order.
fn sorted(lines: &[String], word: &str) -> Vec<String> {
    let cut = |line: &String| match (line.find(word), line.find(')')) {
        (Some(from), Some(to)) if from < to => format!("{}{}", &line[..from], &line[to..]),
        _ => line.clone(),
    };
    let mut lines: Vec<String> = lines.iter().map(cut).collect();
    lines.sort();
    lines
}

#[tokio::test]
async fn an_openl2m_moves_in() {
    let app = new_directory().await;
    let report = thrice(&app, Format::OpenL2m, OPENL2M).await;
    assert_eq!((report.groups, report.users, report.tokens), (made(1, 0), made(3, 0), made(3, 0)));
    let unusable = told(&report, IssueKind::Unusable).join("\n");
    for part in [
        "auth.user 0 ",
        "auth.user 44 ",
        "users.profile 7 ",
        "limited to some IP addresses",
        "it is read-only",
        "40 hexadecimal",
    ] {
        assert!(unusable.contains(part), "{part} in {unusable}");
    }
    assert!(!unusable.contains("cccc") && !unusable.contains("short"), "no token is shown: {unusable}");

    let first = app.keyed(&"a".repeat(40));
    let all = first.get("/api/admin/users/").await.json();
    let ids: Vec<&Value> = all.as_array().expect("users").iter().map(|user| &user["id"]).collect();
    assert_eq!(ids, [&json!(2), &json!(41), &json!(43)]);
    let profile = first.get("/api/admin/users/41/").await.json()["profile"].clone();
    assert_eq!((&profile["read_only"], &profile["last_ldap_dn"]), (&json!(true), &json!("cn=user41")));
    assert_eq!(first.get("/api/admin/users/43/").await.json()["email"], "USER2@example.org", "e-mails may be shared");
    // A token that has run out, and one that may do what its user may.
    assert_eq!(app.keyed(&"b".repeat(40)).get("/api/admin/users/").await.json()["detail"], "Token expired");
    assert_eq!(app.keyed(&"e".repeat(40)).get("/api/admin/users/").await.status, 403);
    for user in ["user2", "user41", "user43"] {
        app.token(user).await;
    }
    let new = json!({"username": "new", "password": PASSWORD});
    assert_eq!(first.post("/api/admin/users/", &new).await.json()["id"], 44, "numbers go on above those that came");
}

#[tokio::test]
async fn an_edge_moves_in_without_passwords() {
    let app = new_directory().await;
    let report = thrice(&app, Format::Edge, EDGE).await;
    assert_eq!((report.users, report.unusable), (made(3, 0), 1));
    let left_out = told(&report, IssueKind::LeftOut);
    assert_eq!(left_out, ["user 000000000000000000000004 (entry 4): the unknown colour BLUE in its memberships"]);
    let admin = app.directory.create_superuser(
        shared::directory::SystemCaller::Operator,
        shared::model::Username::parse("admin").expect("a name"),
        None,
        PASSWORD.into(),
    );
    admin.await.expect("a superuser");
    let user = app.basic("admin", PASSWORD).get("/api/users/000000000000000000000002").await.json();
    assert_eq!(user["date_joined"], "2016-02-06T16:12:28.270000");
    assert_eq!((&user["organization"], &user["can_inbox"]), (&json!("Example"), &json!(false)));
    assert_eq!(user["memberships"], json!(["GREEN", "AMBER"]));
    assert_eq!(app.basic("user1", "!").get("/api/users/").await.status, 401);
}

#[tokio::test]
async fn an_edge_moves_in_from_its_database() {
    let app = new_directory().await;
    let report = thrice(&app, Format::Edge, EDGE_LINES).await;
    assert_eq!((report.users, report.unusable), (made(3, 0), 1));
    assert!(told(&report, IssueKind::Unusable)[0].starts_with("line 3: "), "{report:?}");
    let list = app.basic("user1", PASSWORD).get("/api/users/").await;
    assert_eq!(list.status, 200);
    assert_eq!(list.json().as_array().map(Vec::len), Some(3));
    let own = app.basic("user2", PASSWORD).get("/api/users/000000000000000000000002").await.json();
    assert_eq!(own["date_joined"], "2016-01-06T16:12:28.270000");
    assert_eq!(own["memberships"], json!(["WHITE", "RED"]));
}

#[tokio::test]
async fn what_contradicts_the_directory_is_told_and_left_out() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    admin.create_user("user3", &json!({"email": "other@example.org", "email_verified": true})).await;
    let fields = json!({"email": "user2@example.org", "email_verified": true, "phone_number": "+393331234567"});
    admin.create_user("somebody", &fields).await;
    let before = table(&app);
    let looked = look(&app, Format::OpenWisp, OPENWISP).await;
    let conflicts = told(&looked, IssueKind::Conflict);
    let of =
        |id: &str| conflicts.iter().find(|line| line.contains(id)).unwrap_or_else(|| panic!("{id} in {conflicts:?}"));
    assert!(of(DEFAULT).contains("the slug \"default\""), "{conflicts:?}");
    assert!(of(THIRD).contains("the user name belongs to"), "{conflicts:?}");
    for part in ["the e-mail belongs", "the telephone number belongs", "a verified address belongs"] {
        assert!(of(SECOND).contains(part), "{part} in {conflicts:?}");
    }
    // Here, the group of that name has another number, and the same permissions.
    assert!(told(&looked, IssueKind::Differs)[0].contains("\"Operator\" has the id 2 here"), "{looked:?}");
    assert_eq!(table(&app).items, before.items);

    let report = take_in(&app, Format::OpenWisp, OPENWISP).await;
    assert_eq!(report, looked);
    assert_eq!(report.users, made(3, 2), "{report:?}");
    let after = table(&app);
    for (key, item) in &before.items {
        // The last one notes how long the hashes take that came.
        let counts = ["COUNT", "SEQUENCE", "THROTTLE#COMMON"].contains(&&key.0[..]);
        assert!(counts || after.items.get(key) == Some(item), "{key:?} was changed");
    }
}

#[tokio::test]
async fn who_has_a_number_of_openl2m_by_chance_gets_nothing_of_its_owner() {
    let app = TestApp::start().await;
    // Numbers are given in order, `admin` has the first.
    let somebody = app.admin().await.create_user("somebody", &json!({})).await;
    let before = table(&app);
    let looked = look(&app, Format::OpenL2m, OPENL2M).await;
    let report = take_in(&app, Format::OpenL2m, OPENL2M).await;
    assert_eq!(report, looked);
    let id = somebody["id"].as_str().expect("an id");
    let conflict = format!("the OpenL2M id 2 belongs to the user {id} here");
    let conflicts = told(&report, IssueKind::Conflict);
    assert!(conflicts.iter().any(|line| line.ends_with(&conflict)), "{conflicts:?}");
    assert_eq!(app.keyed(&"a".repeat(40)).get("/api/admin/users/").await.status, StatusCode::UNAUTHORIZED);
    assert_eq!(table(&app).user(id), before.user(id));
    // The others have moved in, with their tokens.
    assert_eq!(report.users.made, 2, "{report:?}");
    assert_eq!(app.keyed(&"e".repeat(40)).get("/api/admin/users/").await.status, StatusCode::FORBIDDEN);
}

#[tokio::test]
async fn a_date_of_an_end_that_cannot_be_read_makes_nothing_endless() {
    let app = new_directory().await;
    let dump = OPENL2M.replace("\"expires\": \"2025-03-02T03:04:05Z\"", "\"expires\": \"2 March 2025\"");
    let report = take_in(&app, Format::OpenL2m, &dump).await;
    let unusable = told(&report, IssueKind::Unusable);
    assert!(unusable.iter().any(|line| line.ends_with("expires is not a valid timestamp")), "{unusable:?}");
    assert_eq!(app.keyed(&"b".repeat(40)).get("/api/admin/users/").await.status, StatusCode::UNAUTHORIZED);

    let app = new_directory().await;
    let dump = OPENWISP.replacen("\"expiration_date\": null", "\"expiration_date\": \"soon\"", 1);
    assert_ne!(dump, OPENWISP);
    let report = take_in(&app, Format::OpenWisp, &dump).await;
    let unusable = told(&report, IssueKind::Unusable);
    assert!(unusable.iter().any(|line| line.ends_with("expiration_date is not a valid date")), "{unusable:?}");
}

#[tokio::test]
async fn what_is_too_long_is_cut_and_told() {
    let app = new_directory().await;
    let large = format!("\"description\": \"{}\"", "x".repeat(390_000));
    let dump = OPENWISP.replacen("\"description\": \"\"", &large, 1);
    assert_ne!(dump, OPENWISP);
    let dump = dump.replacen("\"bio\": \"\"", &format!("\"bio\": \"{}\"", "ü".repeat(4097)), 1);
    let whole = take_in(&new_directory().await, Format::OpenWisp, OPENWISP).await;
    let report = take_in(&app, Format::OpenWisp, &dump).await;
    let left_out = told(&report, IssueKind::LeftOut);
    for name in ["description", "bio"] {
        let reason = format!("the end of its {name} (longer than 4096 characters)");
        assert!(left_out.iter().any(|line| line.ends_with(&reason)), "{left_out:?}");
    }
    assert_eq!((report.users.made, report.organizations.made), (whole.users.made, whole.organizations.made));
    table(&app);
    // What was cut is not told to be something else when it comes again.
    let again = take_in(&app, Format::OpenWisp, &dump).await;
    assert_eq!(told(&again, IssueKind::Differs), [""; 0]);
}

#[tokio::test]
async fn a_group_that_may_do_something_else_here_is_joined_by_nobody() {
    let app = TestApp::start().await;
    let dump = OPENWISP.replace("\"name\": \"Operator\"", "\"name\": \"Administrator\"");
    let report = take_in(&app, Format::OpenWisp, &dump).await;
    assert_eq!(report.groups, made(1, 1));
    assert!(told(&report, IssueKind::Conflict)[0].contains("\"Administrator\" exists here with other permissions"));
    let groups = table(&app).user(SECOND).expect("the user")["groups"].clone();
    assert_eq!(groups, json!([7]));
}

#[tokio::test]
async fn who_has_changed_since_stays_as_changed() {
    let app = new_directory().await;
    take_in(&app, Format::OpenWisp, OPENWISP).await;
    let admin = app.signed_in("user1").await;
    admin.patch(&format!("{USERS}{THIRD}/"), &json!({"first_name": "Changed"})).await;
    let before = table(&app);
    let report = take_in(&app, Format::OpenWisp, OPENWISP).await;
    assert_eq!(table(&app).items, before.items);
    let differs = told(&report, IssueKind::Differs);
    assert!(
        differs.iter().any(|line| line.contains(THIRD) && line.ends_with("with another first name")),
        "{differs:?}"
    );
}

#[tokio::test]
async fn who_was_removed_may_come_again_once_purged() {
    let app = new_directory().await;
    take_in(&app, Format::OpenWisp, OPENWISP).await;
    let admin = app.signed_in("user1").await;
    assert_eq!(admin.delete(&format!("{USERS}{THIRD}/")).await.status, 204);
    let conflicts = told(&look(&app, Format::OpenWisp, OPENWISP).await, IssueKind::Conflict);
    assert!(
        conflicts.iter().any(|line| line.ends_with(&format!("restore or purge the user {THIRD} first"))),
        "{conflicts:?}"
    );
    assert_eq!(admin.delete(&format!("/api/rollcall/v1/deleted/{THIRD}/")).await.status, 204);
    let report = take_in(&app, Format::OpenWisp, OPENWISP).await;
    assert_eq!(report.users, ImportCounts { made: 1, here: 3, refused: 1 });
    assert_eq!(admin.get(&format!("{USERS}{THIRD}/")).await.status, 200);
    table(&app);
}

#[tokio::test]
async fn a_dump_that_is_not_whole_is_refused() {
    use std::io::Cursor;
    let cut = OPENWISP.as_bytes()[..OPENWISP.len() - 5].to_vec();
    let Err(error) = rollcall::import::read(Format::OpenWisp, Cursor::new(cut), super::now()) else {
        panic!("it is incomplete")
    };
    assert!(error.to_string().starts_with("the file is not valid JSON"), "{error}");
}
