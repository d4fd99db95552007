//! `rollcall export` and the way back.

use std::collections::BTreeSet;
use std::io::Cursor;

use proptest::prelude::*;
use rollcall::import::{Format, first_line, last_line, line_of, read};
use serde_json::json;
use shared::directory::transfer::{IssueKind, MembershipRecord, Record, TokenRecord, UserRecord};
use shared::model::Sequence;
use shared::model::{
    AddressId, EdgeId, EmailAddress, Group, GroupId, MembershipId, Organization, OrganizationId, PermissionId,
    SignInAttempt, Timestamp, TokenId, UserEmail, UserId, UserNumber, Username,
};
use uuid::Uuid;

use super::{content, exported, new_directory, now, table, take_in, told};
use crate::support::{PASSWORD, TestApp, USERS};

/// The line of the user of that name, altered, and the other lines.
fn altered(file: &str, username: &str, alter: impl Fn(&mut serde_json::Value)) -> String {
    let lines = file.lines().map(|line| {
        let mut record: serde_json::Value = serde_json::from_str(line).expect("JSON");
        if record["username"] == username {
            alter(&mut record);
        }
        record.to_string()
    });
    lines.collect::<Vec<_>>().join("\n") + "\n"
}

#[tokio::test]
async fn a_user_brings_as_many_tokens_as_one_may_have_those_that_are_good_longest() {
    let file = exported(&furnished().await).await;
    let token = |number: u32| {
        let id = TokenId::generate(Timestamp::from_micros(i64::from(number)), &shared::model::ambient::System);
        json!({
            "id": id.to_string(), "sha256": format!("{number:064x}"), "title": "T", "is_active": true,
            "created": "2026-01-01T00:00:00.000000Z", "updated": "2026-01-01T00:00:00.000000Z", "last_used": null,
            "good_until": format!("20{:02}-01-01T00:00:00.000000Z", 30 + number % 60),
        })
    };
    let file = altered(&file, "user1", |user| user["tokens"] = (0..103).map(token).collect());
    let app = new_directory().await;
    let report = take_in(&app, Format::Rollcall, &file).await;
    let beyond = told(&report, IssueKind::LeftOut);
    let beyond = beyond.iter().filter(|line| line.ends_with("an API token (a user may have at most 100)")).count();
    assert_eq!((beyond, report.tokens.refused), (3, 3));
    let items = table(&app);
    let kept = items.items.iter().filter(|((pk, _), item)| pk.starts_with("TOKEN#") && item["title"] == "T");
    assert_eq!(kept.count(), 100);
    // The same again makes none.
    let again = take_in(&app, Format::Rollcall, &file).await;
    assert_eq!((again.tokens.made, again.tokens.refused), (0, 3));
}

#[tokio::test]
async fn a_name_with_a_letter_that_nobody_sees_comes_back_from_an_export_and_from_nowhere_else() {
    let file = exported(&furnished().await).await;
    let app = new_directory().await;
    let file = altered(&file, "user1", |user| user["username"] = json!("us\u{3164}er1"));
    let report = take_in(&app, Format::Rollcall, &file).await;
    assert_eq!(report.unusable, 0, "{report:?}");
    assert!(exported(&app).await.contains("us\u{3164}er1"));
    let dump = super::OPENWISP.replacen("\"username\": \"", "\"username\": \"\u{3164}", 1);
    assert_ne!(dump, super::OPENWISP);
    let report = take_in(&new_directory().await, Format::OpenWisp, &dump).await;
    let unusable = told(&report, IssueKind::Unusable);
    assert!(unusable.iter().any(|line| line.ends_with("no valid user name")), "{unusable:?}");
}

/// A directory with something of everything.
pub async fn furnished() -> TestApp {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    let group = admin.post("/api/v1/users/group/", &json!({"name": "Readers", "permissions": [28]})).await.json();
    let organizations = ["one", "two", "three"].map(|slug| json!({"name": slug, "slug": slug}));
    let mut ids = Vec::new();
    for organization in &organizations {
        let made = admin.post("/api/v1/users/organization/", organization).await.json();
        ids.push(made["id"].as_str().expect("an id").to_owned());
    }
    let fields = json!({
        "email": "user1@example.org", "email_verified": true, "groups": [2, group["id"]], "first_name": "User",
        "phone_number": "+393331234567", "expiration_date": app.day(30), "user_permissions": [1, 2],
        "organization_users": {"organization": ids[0], "is_admin": true},
    });
    let user = admin.create_user("user1", &fields).await;
    let id = user["id"].as_str().expect("an id");
    for organization in &ids[1..] {
        let joined = json!({"organization_users": {"organization": organization, "is_admin": false}});
        assert_eq!(admin.patch(&format!("{USERS}{id}/"), &joined).await.status, 200);
    }
    let closed = admin.patch(&format!("/api/v1/users/organization/{}/", ids[2]), &json!({"is_active": false})).await;
    assert_eq!(closed.status, 200);
    admin.create_user("user2", &json!({"is_active": false, "bio": "A text\n\"with\" signs \u{2028}"})).await;
    // One whose e-mail is somebody else's, with a profile and a token.
    let token = app.api_token("admin").await;
    let shared = json!({"username": "user3", "password": PASSWORD, "email": "USER1@example.org", "profile": r#"{"theme": "dark"}"#});
    assert_eq!(app.keyed(&token).post("/api/admin/users/", &shared).await.status, 201);
    // Attempts, good and bad.
    assert_eq!(app.basic("admin", PASSWORD).get("/api/users/").await.status, 200);
    assert_eq!(app.basic("user3", "wrong").get("/api/users/").await.status, 401);
    let gone = admin.create_user("gone", &json!({})).await["id"].as_str().expect("an id").to_owned();
    for path in [format!("{USERS}{gone}/"), format!("/api/rollcall/v1/deleted/{gone}/")] {
        assert_eq!(admin.delete(&path).await.status, 204);
    }
    app.directory.cleanup(shared::directory::SystemCaller::Housekeeping).await.expect("no work left");
    app
}

#[tokio::test]
async fn what_moves_out_moves_in_as_it_was() {
    let app = furnished().await;
    let text = exported(&app).await;
    let copy = new_directory().await;
    let report = take_in(&copy, Format::Rollcall, &text).await;
    assert_eq!(report.troubles, []);
    assert_eq!(report.users.made, 4);
    assert_eq!(report.memberships.made, 3);
    assert!(report.attempts.made >= 2 && report.tokens.made == 1, "{report:?}");
    let (old, new) = (table(&app), table(&copy));
    let (old, new) = (content(&old), content(&new));
    let differing: Vec<_> = old.keys().chain(new.keys()).filter(|key| old.get(*key) != new.get(*key)).collect();
    assert!(differing.is_empty(), "{differing:?}");
    assert_eq!(exported(&copy).await, text);

    // Everything works there: the password, the API token's owner, the name in another letter case.
    copy.token("user1").await;
    assert_eq!(copy.basic("admin", PASSWORD).get("/api/users/").await.status, 200);
    let before = table(&copy);
    let again = take_in(&copy, Format::Rollcall, &text).await;
    assert_eq!((again.users.here, again.users.made), (4, 0));
    assert_eq!(content(&table(&copy)), content(&before), "the same again changes nothing");
}

/// Addresses that an API had let in used to cost their user.
#[tokio::test]
async fn users_keep_odd_addresses_on_the_way_out_and_in() {
    let app = TestApp::start().await;
    let admin = app.admin().await;
    for (number, email) in
        ["te@తెలుగు.భారత్", "x@İst.example", "x@[::1]", "\"x@b\"@mail.example", "x@Bücher.example", "old@mail.example"]
            .into_iter()
            .enumerate()
    {
        let user = admin.create_user(&format!("user{number}"), &json!({"email": email})).await;
        // What the API has answered it takes again.
        let addresses = format!("{USERS}{}/email/", user["id"].as_str().expect("an id"));
        let address = admin.get(&addresses).await.json()["results"][0].clone();
        let again = admin.put(&format!("{addresses}{}/", address["id"]), &address).await;
        assert_eq!((again.status, again.json()), (http::StatusCode::OK, address));
    }
    // One that only an earlier release has let in.
    let text = exported(&app).await.replace("old@mail.example", "old@[ipv6:::1]");
    assert!(text.contains("old@[ipv6:::1]"));
    let copy = new_directory().await;
    let report = take_in(&copy, Format::Rollcall, &text).await;
    assert_eq!((report.troubles, report.users.made), (Vec::new(), 7));
    assert_eq!(exported(&copy).await, text);
}

#[tokio::test]
async fn a_line_that_cannot_be_read_costs_itself_alone() {
    let app = furnished().await;
    let text = exported(&app).await;
    let lines: Vec<&str> = text.lines().collect();
    let at = lines.iter().position(|line| line.contains("\"username\":\"user2\"")).expect("a user");
    let mut broken = lines.clone();
    let cut = &lines[at][..lines[at].len() / 2];
    broken[at] = cut;
    let copy = new_directory().await;
    let report = take_in(&copy, Format::Rollcall, &broken.join("\n")).await;
    let unusable = told(&report, IssueKind::Unusable);
    assert_eq!(unusable.len(), 1, "{unusable:?}");
    assert!(unusable[0].starts_with(&format!("line {}: ", at + 1)), "{unusable:?}");
    assert!(!unusable[0].contains("argon2"), "no hash is shown: {unusable:?}");
    assert_eq!(report.users.made, 3);
    table(&copy);
}

#[tokio::test]
async fn a_file_that_was_cut_is_told_after_all_that_is_there() {
    let text = exported(&furnished().await).await;
    let whole = text.strip_suffix(&(last_line().expect("a line") + "\n")).expect("a last line");
    let copy = new_directory().await;
    let report = take_in(&copy, Format::Rollcall, whole).await;
    assert_eq!(report.users.made, 4);
    assert_eq!(told(&report, IssueKind::Unusable), ["end of file: the last line is missing: the file is incomplete"]);
}

#[test]
fn lines_of_another_layout_are_told() {
    let line = first_line().expect("a line").replace(":1}", ":2}");
    let mut entries = read(Format::Rollcall, Cursor::new(line.into_bytes()), now()).expect("a file").entries;
    assert_eq!(
        entries.next().expect("an entry").record,
        Err("the file has layout 2; this release reads layout 1".to_owned())
    );
}

fn moment() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(|micros| Timestamp::from_micros(micros / 1000))
}

fn id() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

fn token() -> impl Strategy<Value = TokenRecord> {
    let moments = (moment(), moment(), proptest::option::of(moment()), moment());
    ("[0-9a-f]{64}", "[0-9a-f]{24}", ".{0,20}", any::<bool>(), moments).prop_map(
        |(hash, id, title, is_active, (created, updated, last_used, good_until))| TokenRecord {
            hash: hash.into(),
            id: TokenId::parse(&id),
            title,
            is_active,
            created,
            updated,
            last_used,
            good_until,
            made_by_other: is_active,
        },
    )
}

prop_compose! {
    fn user_record()(
        id in id(), number: u64, edge in "[0-9a-f]{24}", name in "[a-zA-Z0-9@.+_-]{1,150}", joined in moment(),
        texts in proptest::collection::vec(".{0,30}", 9), flags: [bool; 10], token_version: u64,
        last_login in proptest::option::of(moment()), groups: BTreeSet<u64>, permissions: BTreeSet<u64>,
        ids in proptest::collection::vec((any::<u64>(), any::<u128>(), any::<u128>()), 0..4),
        tokens in proptest::collection::vec(token(), 0..3),
    ) -> UserRecord {
        let mut user_record = UserRecord::new(&Username::parse(&name).expect("a name"), joined);
        user_record.set_id(UserId(id));
        user_record.set_number(UserNumber(number));
        user_record.set_edge_id(EdgeId::parse(&edge).expect("an id"));
        let user = &mut user_record.user;
        user.password = texts[0].as_str().into();
        for (field, text) in [
            &mut user.first_name, &mut user.last_name, &mut user.details.bio, &mut user.details.url,
            &mut user.details.company, &mut user.details.location, &mut user.details.notes, &mut user.sharing.description,
        ].into_iter().zip(texts.into_iter().skip(1)) {
            *field = text;
        }
        for (field, flag) in [
            &mut user.flags.is_active, &mut user.flags.is_staff, &mut user.flags.is_superuser, &mut user.has_signed_in,
            &mut user.email_is_shared, &mut user.profile.menu, &mut user.profile.read_only, &mut user.sharing.can_inbox,
            &mut user.sharing.allow_rest_access, &mut user.flags.is_edge_staff,
        ].into_iter().zip(flags) {
            *field = flag;
        }
        user.email = EmailAddress::parse(&format!("user{number}@example.org")).filter(|_| flags[0]);
        user.birth_date = flags[1].then(|| joined.date());
        user.expiration_date = flags[2].then(|| joined.date());
        user.reminded_of = flags[3].then(|| joined.date());
        user.token_version = token_version;
        user.last_login = last_login;
        user.profile.last_ldap_login = last_login;
        user.groups = groups.into_iter().map(GroupId).collect();
        user.permissions = permissions.into_iter().map(PermissionId).collect();
        user.addresses = ids.iter().map(|(id, ..)| UserEmail {
            id: AddressId(*id),
            email: EmailAddress::parse(&format!("a{id}@example.org")).expect("an address"),
            verified: flags[4],
            primary: flags[5],
        }).collect();
        user_record.memberships = ids.iter().map(|(_, id, organization)| MembershipRecord {
            id: MembershipId(Uuid::from_u128(*id)),
            organization: OrganizationId(Uuid::from_u128(*organization)),
            is_admin: flags[6],
            is_owner: flags[7],
        }).collect();
        user_record.tokens = tokens;
        user_record
    }
}

fn record() -> impl Strategy<Value = Record> {
    let group = (any::<u64>(), ".{0,40}", any::<BTreeSet<u64>>()).prop_map(|(id, name, permissions)| {
        let permissions = permissions.into_iter().map(PermissionId).collect();
        Record::Group(Group {
            id: GroupId(id),
            version: 1,
            name,
            permissions,
            external_id: None,
            created: None,
            modified: None,
        })
    });
    let texts = proptest::collection::vec(".{0,40}", 5);
    let organization = (id(), texts, any::<bool>(), moment(), moment()).prop_map(|(id, texts, is_active, a, b)| {
        let text = |index: usize| texts[index].clone();
        Record::Organization(Organization {
            id: OrganizationId(id),
            version: 1,
            name: text(0),
            slug: text(1),
            is_active,
            description: text(2),
            email: text(3),
            url: text(4),
            owner: None,
            created: a,
            modified: b,
        })
    });
    let text = || proptest::option::of(".{0,40}");
    let attempt = (id(), any::<u64>(), any::<bool>(), moment(), text(), text());
    let attempt = attempt.prop_map(|(user, name, success, at, user_agent, address)| {
        Record::Attempt(UserId(user), name, SignInAttempt { success, at, user_agent, address })
    });
    let sequence = prop_oneof![Just(Sequence::Users), Just(Sequence::Addresses), Just(Sequence::Groups)];
    prop_oneof![
        group,
        organization,
        attempt,
        (sequence, any::<u64>()).prop_map(|(sequence, given)| Record::SequenceFloor(sequence, given)),
        user_record().prop_map(|user_record| Record::User(Box::new(user_record))),
    ]
}

proptest! {
    #[test]
    fn a_record_is_the_same_after_its_line(record in record()) {
        let line = line_of(&record).expect("a line");
        prop_assert!(!line.contains('\n'));
        let file = line + "\n" + &last_line().expect("a line");
        let mut entries = read(Format::Rollcall, Cursor::new(file.into_bytes()), now()).expect("a file").entries;
        prop_assert_eq!(entries.next().expect("an entry").record, Ok(record));
        prop_assert!(entries.next().is_none());
    }

    #[test]
    fn no_file_makes_the_readers_panic(text in ".{0,200}") {
        for format in [Format::OpenWisp, Format::OpenL2m, Format::Edge, Format::Rollcall] {
            if let Ok(source) = read(format, Cursor::new(text.clone().into_bytes()), now()) {
                source.entries.for_each(drop);
            }
        }
    }
}
