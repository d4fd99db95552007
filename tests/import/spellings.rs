//! Rows in other spellings than dumpdata's: what Django reads is read, what it takes for granted is so, and nobody is less
//! limited than before.

use rollcall::import::Format;
use serde_json::{Map, Value, json};
use shared::directory::transfer::{IssueKind, Report};
use uuid::Uuid;

use super::crash::outcome;
use super::{OPENL2M, OPENWISP, exported, new_directory, table, take_in, told};
use crate::support::{TestApp, USERS};

const USER: &str = "3f6b0c9a-52d1-4e8b-8f0a-2c7d9e1b4a55";
const HARBOUR: &str = "9a4d7e21-0b3c-4f5d-a6e7-8f9012345678";
const MEMBER: &str = "6e5d4c3b-2a19-4087-9f6e-5d4c3b2a1908";

fn row(model: &str, pk: impl Into<Value>, fields: impl Into<Value>) -> Value {
    json!({"model": model, "pk": pk.into(), "fields": fields.into()})
}

fn text(rows: &[Value]) -> String {
    Value::from(rows.to_vec()).to_string()
}

/// Another spelling of a value, given how many were spelled before it.
type Spell = fn(&Value, usize) -> Option<Value>;

/// A dump with every key and every value of its rows spelled by `spell`.
fn respelled(dump: &str, spell: Spell) -> String {
    fn origin(value: &mut Value, count: &mut usize, spell: Spell) {
        match value {
            Value::Array(values) => values.iter_mut().for_each(|value| origin(value, count, spell)),
            Value::Object(fields) => fields.values_mut().for_each(|value| origin(value, count, spell)),
            _ => {
                if let Some(other) = spell(value, *count) {
                    *count += 1;
                    *value = other;
                }
            }
        }
    }
    let mut rows: Value = serde_json::from_str(dump).expect("a dump");
    let mut count = 0;
    origin(&mut rows, &mut count, spell);
    assert!(count > 5, "{count}");
    rows.to_string()
}

fn booleans(value: &Value, count: usize) -> Option<Value> {
    let flag = value.as_bool()?;
    let spellings =
        [json!(u8::from(flag)), json!(f64::from(u8::from(flag))), json!(if flag { "True" } else { "False" })];
    let others = [json!(if flag { "t" } else { "f" }), json!(u8::from(flag).to_string()), json!(flag.to_string())];
    Some(spellings.into_iter().chain(others).nth(count % 6).expect("a spelling"))
}

fn uuids(value: &Value, count: usize) -> Option<Value> {
    let id: Uuid = value.as_str()?.parse().ok()?;
    let spellings =
        [id.to_string().to_uppercase(), id.simple().to_string(), id.urn().to_string(), id.braced().to_string()];
    // Five in turn, so that the ends of a reference differ.
    Some(spellings.get(count % 5).cloned().unwrap_or_else(|| id.to_string()).into())
}

fn numbers(value: &Value, count: usize) -> Option<Value> {
    let number = value.as_u64()?;
    Some(match count % 4 {
        0 => json!(number.to_string()),
        1 => json!(number),
        2 => json!(format!(" 0{number} ")),
        _ => json!(number.to_string().parse::<f64>().expect("a number")),
    })
}

fn models(value: &Value, count: usize) -> Option<Value> {
    let text = value.as_str().filter(|text| text.starts_with("openwisp_users.") || text.starts_with("auth"))?;
    let (application, model) = text.split_once('.')?;
    let class = format!("{}{}", model[..1].to_uppercase(), &model[1..]);
    Some(if count.is_multiple_of(2) { format!("{application}.{class}") } else { text.to_uppercase() }.into())
}

fn moments(value: &Value, count: usize) -> Option<Value> {
    let (date, time) = value.as_str()?.strip_suffix('Z')?.split_once('T')?;
    // Beyond the sixth digit they are cut.
    let digits = if time.contains('.') { "0009" } else { ",0000009" };
    Some(
        match count % 5 {
            0 => format!("{date} {time}+00:00"),
            1 => format!("{date}T{time}"),
            2 => format!("{date} {time}-0000"),
            3 => format!("{}T{time} Z", date.replace("-0", "-")),
            _ => format!("{date}T{time}{digits}Z"),
        }
        .into(),
    )
}

#[tokio::test]
async fn a_dump_is_the_same_in_every_spelling_that_django_reads() {
    let all: [Spell; 5] = [booleans, numbers, models, moments, uuids];
    // An OpenL2M has no UUIDs.
    for (format, dump, spells) in [(Format::OpenWisp, OPENWISP, &all[..]), (Format::OpenL2m, OPENL2M, &all[..4])] {
        let app = new_directory().await;
        let report = take_in(&app, format, dump).await;
        let expected = outcome(&app).await;
        for spell in spells {
            let other = new_directory().await;
            let spelled = respelled(dump, *spell);
            let told = take_in(&other, format, &spelled).await;
            assert_eq!(outcome(&other).await, expected, "{spelled}\n{told:?}");
            assert_eq!((told.unusable, told.left_out), (report.unusable, report.left_out), "{told:?}");
        }
    }
}

#[tokio::test]
async fn what_rows_of_an_openwisp_lack_is_what_the_models_take_for_granted() {
    let app = new_directory().await;
    let rows = [
        row("auth.group", 40, json!({"name": "Harbour masters"})),
        row("openwisp_users.organization", HARBOUR, json!({"name": "Harbour", "slug": "harbour"})),
        row("openwisp_users.user", USER, json!({"username": "lena"})),
        row("openwisp_users.organizationuser", MEMBER, json!({"user": USER, "organization": HARBOUR})),
        row("account.emailaddress", 12, json!({"user": USER, "email": "lena@mail.example"})),
    ];
    let report = take_in(&app, Format::OpenWisp, &text(&rows)).await;
    assert_eq!(report.troubles, []);
    let before = table(&app);
    let again = take_in(&app, Format::OpenWisp, &text(&rows)).await;
    assert_eq!((again.troubles, again.users.here, again.organizations.here), (vec![], 1, 1));
    assert_eq!(table(&app).items, before.items);

    let admin = superuser(&app).await;
    let user = admin.get(&format!("{USERS}{USER}/")).await.json();
    assert_eq!(
        (&user["is_active"], &user["is_superuser"], &user["is_staff"]),
        (&json!(true), &json!(false), &json!(false))
    );
    assert_eq!(user["date_joined"], super::now().rfc3339());
    assert_eq!(user["organization_users"][0]["is_admin"], false);
    let organization = admin.get(&format!("/api/v1/users/organization/{HARBOUR}/")).await.json();
    // It used to be inactive.
    assert_eq!((&organization["is_active"], &organization["created"]), (&json!(true), &json!(super::now().rfc3339())));
    assert_eq!(admin.get(&format!("{USERS}{USER}/email/12/")).await.json()["verified"], false);
}

async fn superuser(app: &TestApp) -> crate::support::Client {
    let name = shared::model::Username::parse("admin").expect("a name");
    let operator = shared::directory::SystemCaller::Operator;
    app.directory.create_superuser(operator, name, None, crate::support::PASSWORD.into()).await.expect("a superuser");
    app.signed_in("admin").await
}

fn openl2m_user(pk: u64, username: &str) -> Value {
    row("auth.user", pk, json!({"username": username, "is_superuser": pk == 21}))
}

#[tokio::test]
async fn what_rows_of_an_openl2m_lack_is_what_the_models_take_for_granted() {
    let app = new_directory().await;
    let key = "a".repeat(40);
    let rows = [
        openl2m_user(21, "lena"),
        row("users.profile", 31, json!({"user": 21})),
        row("users.token", 1, json!({"user": 21, "key": key})),
    ];
    let report = take_in(&app, Format::OpenL2m, &text(&rows)).await;
    assert_eq!((&report.troubles[..], report.tokens.made), (&[][..], 1));
    assert_eq!(take_in(&app, Format::OpenL2m, &text(&rows)).await.troubles, []);
    let profile = app.keyed(&key).get("/api/admin/users/21/").await.json()["profile"].clone();
    for (name, value) in [("read_only", false), ("bulk_edit", true), ("vlan_edit", false), ("edit_if_descr", true)] {
        assert_eq!(profile[name], value, "{name}");
    }
    assert_eq!(profile["theme"], "light");
}

/// The names of the users of a directory.
fn users(app: &TestApp) -> Vec<String> {
    let table = table(app);
    let mut names: Vec<String> =
        table.users().map(|user| user["username"].as_str().expect("a name").to_owned()).collect();
    names.sort();
    names
}

/// What no boolean is.
fn no_booleans() -> [Value; 7] {
    [json!("yes"), json!("sometimes"), json!(""), json!(2), json!(null), json!([]), json!({})]
}

#[tokio::test]
async fn who_may_be_limited_by_a_profile_that_cannot_be_read_stays_away() {
    for flag in ["read_only", "bulk_edit", "vlan_edit", "allow_poe_toggle", "edit_if_descr", "are_you_sure", "menu"] {
        for value in no_booleans() {
            let app = new_directory().await;
            let mut fields = Map::from_iter([("user".to_owned(), json!(22)), ("read_only".to_owned(), json!(true))]);
            fields.insert(flag.to_owned(), value.clone());
            let rows = [openl2m_user(21, "lena"), openl2m_user(22, "omar"), row("users.profile", 31, fields)];
            let report = take_in(&app, Format::OpenL2m, &text(&rows)).await;
            assert_eq!(users(&app), ["lena"], "{flag}: {value}");
            let reason = format!("its profile cannot be used: users.profile 31 (entry 3): {flag} is not a boolean");
            assert!(told(&report, IssueKind::Unusable)[0].ends_with(&reason), "{report:?}");
        }
    }
}

#[tokio::test]
async fn no_limit_of_a_profile_gets_lost_on_the_way() {
    let lena = openl2m_user(21, "lena");
    let profile = |pk: u64, user: Value| row("users.profile", pk, json!({"user": user, "read_only": true}));
    let none = profile(30, json!(20));
    for (rows, expected) in [
        // Two profiles, in either order.
        (vec![lena.clone(), profile(31, json!(21)), row("users.profile", 32, json!({"user": 21}))], vec![]),
        (vec![lena.clone(), row("users.profile", 32, json!({"user": 21})), profile(31, json!(["lena"]))], vec![]),
        // Nobody knows whose it is.
        (vec![lena.clone(), profile(31, json!({"id": 21})), none.clone()], vec![]),
        (vec![lena.clone(), json!({"model": "users.profile", "pk": 31, "fields": [21]}), none.clone()], vec![]),
        (vec![lena.clone(), json!(["users.profile"]), none], vec![]),
        // Two users of one key, or of one name.
        (vec![lena.clone(), row("auth.user", "21", json!({"username": "omar"})), profile(31, json!(21))], vec![]),
        (vec![lena.clone(), row("auth.user", 22, json!({"username": "lena"})), profile(31, json!(["lena"]))], vec![]),
        // The same in other spellings, and a profile of somebody who is not there.
        (vec![lena.clone(), profile(31, json!("21"))], vec!["lena"]),
        (vec![lena, profile(31, json!(21)), profile(32, json!(99))], vec!["lena"]),
    ] {
        let app = new_directory().await;
        let report = take_in(&app, Format::OpenL2m, &text(&rows)).await;
        assert_eq!(users(&app), expected, "{rows:?}\n{report:?}");
        for user in table(&app).users() {
            assert_eq!(user["profile"]["read_only"], true, "{rows:?}");
        }
        assert!(report.left_out > 0 || rows.len() == 2, "{report:?}");
    }
}

#[tokio::test]
async fn texts_of_a_profile_that_cannot_be_kept_are_told_and_limits_stay() {
    let app = new_directory().await;
    let fields =
        json!({"user": 21, "read_only": 1, "theme": "x".repeat(41), "last_ldap_dn": [], "last_ldap_login": "never"});
    let report =
        take_in(&app, Format::OpenL2m, &text(&[openl2m_user(21, "lena"), row("users.profile", 31, fields)])).await;
    let left_out = told(&report, IssueKind::LeftOut).join("\n");
    for part in ["theme of its profile", "last_ldap_dn of its profile", "last_ldap_login of its profile"] {
        assert!(left_out.contains(part), "{part} in {left_out}");
    }
    assert_eq!(table(&app).users().next().expect("the user")["profile"]["read_only"], true);
}

async fn tokens_made(fields: Value) -> Report {
    let app = new_directory().await;
    let mut all = json!({"user": 21, "key": "a".repeat(40)});
    all.as_object_mut().expect("fields").extend(fields.as_object().expect("fields").clone());
    take_in(&app, Format::OpenL2m, &text(&[openl2m_user(21, "lena"), row("users.token", 1, all)])).await
}

#[tokio::test]
async fn a_token_that_may_be_limited_does_not_move_in() {
    let mut limited: Vec<Value> = no_booleans().map(|value| json!({"write_enabled": value})).into();
    limited.extend([json!({"write_enabled": 0}), json!({"write_enabled": "False"})]);
    limited.extend([json!(""), json!("never"), json!(0), json!([])].map(|value| json!({"expires": value})));
    limited.extend(
        [json!(["192.0.2.0/24"]), json!("192.0.2.0/24"), json!(1), json!({})]
            .map(|value| json!({"allowed_ips": value})),
    );
    for fields in limited {
        let report = tokens_made(fields.clone()).await;
        assert_eq!((report.tokens.made, report.unusable, report.users.made), (0, 1, 1), "{fields}: {report:?}");
        assert!(!format!("{report:?}").contains("aaaa"), "no token is shown");
    }
    for fields in [json!({"allowed_ips": []}), json!({"allowed_ips": null, "expires": null, "write_enabled": "t"})] {
        assert_eq!(tokens_made(fields.clone()).await.tokens.made, 1, "{fields}");
    }
    // Where the key is the token, no message shows it.
    let app = new_directory().await;
    let rows =
        [openl2m_user(21, "lena"), row("authtoken.Token", "b".repeat(40), json!({"user": 21, "created": "never"}))];
    let report = take_in(&app, Format::OpenL2m, &text(&rows)).await;
    assert_eq!((report.unusable, format!("{report:?}").contains("bbbb")), (1, false), "{report:?}");
}

#[tokio::test]
async fn nobody_gains_by_a_row_of_an_openwisp_that_cannot_be_read() {
    let user = |fields: Value| {
        let mut all = json!({"username": "lena"});
        all.as_object_mut().expect("fields").extend(fields.as_object().expect("fields").clone());
        row("openwisp_users.user", USER, all)
    };
    let harbour = |pk: &str, is_active: Value| {
        row("openwisp_users.organization", pk, json!({"name": "Harbour", "slug": "harbour", "is_active": is_active}))
    };
    let member = |is_admin: Value| {
        row(
            "openwisp_users.organizationuser",
            MEMBER,
            json!({"user": USER, "organization": HARBOUR, "is_admin": is_admin}),
        )
    };
    let mut away: Vec<Vec<Value>> = Vec::new();
    for value in no_booleans() {
        for flag in ["is_active", "is_superuser", "is_staff"] {
            away.push(vec![user(json!({flag: value}))]);
        }
    }
    away.extend([json!(""), json!("soon"), json!([])].map(|value| vec![user(json!({"expiration_date": value}))]));
    // One that ends access, and one that does not; nobody knows which one is meant.
    away.push(vec![user(json!({"is_active": false})), user(json!({}))]);
    away.push(vec![
        user(json!({})),
        row("openwisp_users.user", USER.to_uppercase(), json!({"username": "lena", "is_active": 0})),
    ]);
    for rows in away {
        let app = new_directory().await;
        let report =
            take_in(&app, Format::OpenWisp, &text(&[vec![harbour(HARBOUR, json!(true))], rows.clone()].concat())).await;
        assert_eq!(users(&app), Vec::<String>::new(), "{rows:?}");
        assert!(report.unusable > 0, "{report:?}");
    }
    let mut apart: Vec<Vec<Value>> = Vec::new();
    for value in no_booleans() {
        apart.push(vec![harbour(HARBOUR, value.clone()), member(json!(true))]);
        apart.push(vec![harbour(HARBOUR, json!(true)), member(value)]);
    }
    apart.push(vec![harbour(HARBOUR, json!(true)), member(json!(true)), member(json!(false))]);
    apart.push(vec![
        harbour(HARBOUR, json!(true)),
        harbour(&HARBOUR.replace('-', ""), json!(false)),
        member(json!(true)),
    ]);
    for rows in apart {
        let app = new_directory().await;
        let report = take_in(&app, Format::OpenWisp, &text(&[vec![user(json!({}))], rows.clone()].concat())).await;
        assert_eq!((users(&app), report.memberships.made), (vec!["lena".to_owned()], 0), "{rows:?}\n{report:?}");
        assert!(report.left_out > 0, "{report:?}");
    }
}

/// The one user of a directory, as an export tells it.
async fn exported_user(app: &TestApp) -> Value {
    let text = exported(app).await;
    let mut lines = text.lines().map(|line| serde_json::from_str::<Value>(line).expect("a line"));
    lines.find(|line| line["record"] == "user").expect("a user")
}

fn edge_user(fields: impl Into<Value>) -> String {
    let mut all = json!({
        "_id": {"$oid": "5b0000000000000000000001"}, "username": "lena", "is_active": true,
        "date_joined": {"$date": "2016-02-03T04:05:06.789Z"}, "memberships": ["WHITE"],
    });
    all.as_object_mut().expect("fields").extend(fields.into().as_object().expect("fields").clone());
    all.to_string()
}

#[tokio::test]
async fn a_user_of_an_edge_moves_in_without_what_cannot_be_kept() {
    for (fields, without, expected) in [
        (json!({"is_active": 1, "is_superuser": 0, "can_inbox": {"$numberInt": "0"}}), "", json!({"can_inbox": false})),
        (
            json!({"organization": {"$ref": "organization", "$id": {"$oid": "5b00"}}}),
            "its organization (not a valid text)",
            json!({"organization": null}),
        ),
        (json!({"memberships": ["WHITE", "amber"]}), "the unknown colour amber", json!({"memberships": ["WHITE"]})),
        (json!({"memberships": ["Red", 4, null]}), "the unknown colour Red", json!({"memberships": []})),
        (json!({"memberships": "WHITE"}), "its memberships (not a valid list)", json!({"memberships": []})),
        (json!({"memberships": null}), "", json!({"memberships": ["WHITE"]})),
        (
            json!({"is_superuser": "yes", "is_staff": "yes"}),
            "its is_superuser (not a valid boolean)",
            json!({"is_superuser": false}),
        ),
        (
            json!({"allow_rest_access": 2}),
            "its allow_rest_access (not a valid boolean)",
            json!({"allow_rest_access": false}),
        ),
        (
            json!({"first_name": ["Lena"], "last_name": 7}),
            "its first_name (not a valid text)",
            json!({"first_name": "", "last_name": "7"}),
        ),
        (json!({"last_login": "never"}), "its last_login (not a valid timestamp)", json!({})),
        (json!({"date_joined": {"$date": "never"}}), "its date_joined (not a valid timestamp)", json!({})),
        (json!({"email": {"address": 1}}), "its email (not a valid text)", json!({})),
        (json!({"_id": {"$oid": "5B0000000000000000000001"}}), "", json!({})),
    ] {
        let app = new_directory().await;
        let report = take_in(&app, Format::Edge, &edge_user(fields.clone())).await;
        let left_out = told(&report, IssueKind::LeftOut).join("\n");
        assert!(report.users.made == 1 && left_out.contains(without), "{fields}: {report:?}");
        assert_eq!(left_out.is_empty(), without.is_empty(), "{fields}: {left_out}");
        let user = exported_user(&app).await;
        for (name, value) in expected.as_object().expect("fields") {
            let kept = user["sharing"].get(name).unwrap_or(&user[name]);
            assert_eq!(kept, value, "{fields}: {user:?}");
        }
    }
    for fields in no_booleans().map(|value| json!({"is_active": value})).into_iter().chain([json!({"username": {}})]) {
        let app = new_directory().await;
        let report = take_in(&app, Format::Edge, &edge_user(fields.clone())).await;
        assert_eq!((report.users.made, report.unusable), (0, 1), "{fields}");
    }
    let app = new_directory().await;
    let twice = format!("{}\n{}", edge_user(json!({"is_active": false})), edge_user(json!({})));
    assert_eq!(take_in(&app, Format::Edge, &twice).await.unusable, 2);
}

#[tokio::test]
async fn a_page_of_the_list_gives_users_without_passwords() {
    let app = new_directory().await;
    let user = json!({"id": USER, "username": "lena", "email": "lena@mail.example", "is_active": false, "groups": [1],
        "organization_users": [{"is_admin": true, "organization": HARBOUR}], "expiration_date": "2031-02-03"});
    let page = json!({"count": 2, "next": "https://…", "previous": null, "results": [user]});
    let report = take_in(&app, Format::OpenWisp, &page.to_string()).await;
    assert_eq!(report.users.made, 1);
    let told = report.troubles.iter().map(|trouble| trouble.reason.clone()).collect::<Vec<_>>().join("\n");
    for part in ["1 memberships", "the group 1", "the file contains 1 of 2 rows"] {
        assert!(told.contains(part), "{part} in {told}");
    }
    let user = exported_user(&app).await;
    assert_eq!((&user["id"], &user["addresses"][0]["verified"]), (&json!(USER), &json!(false)));
    assert_eq!(
        (&user["is_active"], &user["password"], &user["expiration_date"]),
        (&json!(false), &json!("!"), &json!("2031-02-03"))
    );
}
