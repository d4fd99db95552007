//! `rollcall export` and the way back.

use std::collections::BTreeSet;
use std::io::Cursor;

use proptest::prelude::*;
use rollcall::import::{Format, first_line, last_line, line_of, read};
use serde_json::json;
use shared::directory::moving::{Mover, MovingMembership, MovingToken, Record, TroubleKind};
use shared::model::{
    AddressId, EdgeId, EmailAddress, Group, GroupId, MailboxEntry, MembershipId, Organization, OrganizationId,
    PermissionId, SignInAttempt, Timestamp, TokenId, UserId, UserNumber, Username,
};
use shared::store::keys::Sequence;
use uuid::Uuid;

use super::{content, exported, new_directory, table, take_in, told};
use crate::support::{PASSWORD, TestApp, USERS};

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
    let shared = json!({"username": "user3", "password": PASSWORD, "email": "USER1@example.org", "profile": "{\"theme\": \"dark\"}"});
    assert_eq!(app.keyed(&token).post("/api/admin/users/", &shared).await.status, 201);
    // Attempts, good and bad.
    assert_eq!(app.basic("admin", PASSWORD).get("/api/users/").await.status, 200);
    assert_eq!(app.basic("user3", "wrong").get("/api/users/").await.status, 401);
    assert_eq!(
        admin
            .delete(&format!("{USERS}{}/", admin.create_user("gone", &json!({})).await["id"].as_str().expect("an id")))
            .await
            .status,
        204
    );
    app.directory.follow_up().await.expect("no work left");
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
    assert_eq!(content(&new), content(&old));
    assert_eq!(exported(&copy).await, text);

    // Everything works there: the password, the API token's owner, the name in another letter case.
    copy.token("user1").await;
    assert_eq!(copy.basic("admin", PASSWORD).get("/api/users/").await.status, 200);
    let before = table(&copy);
    let again = take_in(&copy, Format::Rollcall, &text).await;
    assert_eq!((again.users.here, again.users.made), (4, 0));
    assert_eq!(content(&table(&copy)), content(&before), "the same again changes nothing");
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
    let unusable = told(&report, TroubleKind::Unusable);
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
    assert_eq!(told(&report, TroubleKind::Unusable), ["the end: the last line is missing: the file is not whole"]);
}

#[test]
fn lines_of_another_layout_are_told() {
    let line = first_line().expect("a line").replace(":1}", ":2}");
    let mut entries = read(Format::Rollcall, Cursor::new(line.into_bytes())).expect("a file").entries;
    assert_eq!(entries.next().expect("an entry").record, Err("lines of layout 2, not 1".to_owned()));
}

fn moment() -> impl Strategy<Value = Timestamp> {
    any::<i64>().prop_map(|micros| Timestamp::from_micros(micros / 1000))
}

fn id() -> impl Strategy<Value = Uuid> {
    any::<u128>().prop_map(Uuid::from_u128)
}

fn token() -> impl Strategy<Value = MovingToken> {
    let moments = (moment(), moment(), proptest::option::of(moment()), moment());
    ("[0-9a-f]{64}", "[0-9a-f]{24}", ".{0,20}", any::<bool>(), moments).prop_map(
        |(hash, id, title, is_active, (created, updated, last_used, good_until))| MovingToken {
            hash,
            id: TokenId::parse(&id),
            title,
            is_active,
            created,
            updated,
            last_used,
            good_until,
        },
    )
}

prop_compose! {
    fn mover()(
        id in id(), number: u64, edge in "[0-9a-f]{24}", name in "[a-zA-Z0-9@.+_-]{1,150}", joined in moment(),
        texts in proptest::collection::vec(".{0,30}", 9), flags: [bool; 9], token_version: u64,
        last_login in proptest::option::of(moment()), groups: BTreeSet<u64>, permissions: BTreeSet<u64>,
        ids in proptest::collection::vec((any::<u64>(), any::<u128>(), any::<u128>()), 0..4),
        tokens in proptest::collection::vec(token(), 0..3),
    ) -> Mover {
        let mut mover = Mover::new(&Username::parse(&name).expect("a name"), joined);
        mover.set_id(UserId(id));
        mover.set_number(UserNumber(number));
        mover.set_edge_id(EdgeId::parse(&edge).expect("an id"));
        let user = &mut mover.user;
        for (field, text) in [
            &mut user.password, &mut user.first_name, &mut user.last_name, &mut user.bio, &mut user.url,
            &mut user.company, &mut user.location, &mut user.notes, &mut user.sharing.description,
        ].into_iter().zip(texts) {
            *field = text;
        }
        for (field, flag) in [
            &mut user.is_active, &mut user.is_staff, &mut user.is_superuser, &mut user.has_signed_in,
            &mut user.email_is_shared, &mut user.profile.menu, &mut user.profile.read_only, &mut user.sharing.can_inbox,
            &mut user.sharing.allow_rest_access,
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
        user.addresses = ids.iter().map(|(id, ..)| MailboxEntry {
            id: AddressId(*id),
            email: EmailAddress::parse(&format!("a{id}@example.org")).expect("an address"),
            verified: flags[4],
            primary: flags[5],
        }).collect();
        mover.memberships = ids.iter().map(|(_, id, organization)| MovingMembership {
            id: MembershipId(Uuid::from_u128(*id)),
            organization: OrganizationId(Uuid::from_u128(*organization)),
            is_admin: flags[6],
            is_owner: flags[7],
        }).collect();
        mover.tokens = tokens;
        mover
    }
}

fn record() -> impl Strategy<Value = Record> {
    let group = (any::<u64>(), ".{0,40}", any::<BTreeSet<u64>>()).prop_map(|(id, name, permissions)| {
        let permissions = permissions.into_iter().map(PermissionId).collect();
        Record::Group(Group { id: GroupId(id), version: 1, name, permissions })
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
        (sequence, any::<u64>()).prop_map(|(sequence, given)| Record::Given(sequence, given)),
        mover().prop_map(|mover| Record::User(Box::new(mover))),
    ]
}

proptest! {
    #[test]
    fn a_record_is_the_same_after_its_line(record in record()) {
        let line = line_of(&record).expect("a line");
        prop_assert!(!line.contains('\n'));
        let file = line + "\n" + &last_line().expect("a line");
        let mut entries = read(Format::Rollcall, Cursor::new(file.into_bytes())).expect("a file").entries;
        prop_assert_eq!(entries.next().expect("an entry").record, Ok(record));
        prop_assert!(entries.next().is_none());
    }

    #[test]
    fn no_file_makes_the_readers_panic(text in ".{0,200}") {
        for format in [Format::OpenWisp, Format::OpenL2m, Format::Edge, Format::Rollcall] {
            if let Ok(source) = read(format, Cursor::new(text.clone().into_bytes())) {
                source.entries.for_each(drop);
            }
        }
    }
}
