use std::collections::BTreeMap;

use aws_sdk_dynamodb::types::AttributeValue;
use uuid::Uuid;

use super::*;
use crate::model::{NewUser, Tlp, parse_date};
use crate::store::item::{from_item, to_item};
use crate::store::keys::Position;
use crate::store::users::rows::{row_from_item, row_item};
use crate::store::{Item, keys};

fn moment(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a timestamp")
}

/// A user with nothing but what every record has.
fn plain() -> User {
    let username = Username::parse("ada").expect("a name");
    let edge_id = EdgeId::parse("0123456789abcdef01234567").expect("an id");
    let joined = moment("2020-01-02T03:04:05.000006Z");
    let user = User::new(UserId(Uuid::from_u128(1)), edge_id, &username, &NewUser::default(), joined);
    User { number: UserNumber(4), password: "!".into(), ..user }
}

/// A user with a value in every field.
fn full() -> User {
    let mut user = plain();
    let organization = |number| OrganizationId(Uuid::from_u128(number));
    user.token_version = 2;
    user.api_tokens_ended = 3;
    user.others_api_tokens_ended = 4;
    user.email = EmailAddress::parse("ada@mail.example");
    user.email_is_shared = true;
    user.first_name = "Ada".to_owned();
    user.last_name = "Lovelace".to_owned();
    user.details.bio = "A bio".to_owned();
    user.details.url = "https://ada.example".to_owned();
    user.details.company = "Engines".to_owned();
    user.details.location = "London".to_owned();
    user.details.notes = "A note".to_owned();
    user.phone_number = PhoneNumber::parse("+393331234567");
    user.birth_date = parse_date("1815-12-10");
    user.expiration_date = parse_date("2030-01-31");
    user.reminded_of = parse_date("2030-01-30");
    user.flags.is_active = true;
    user.flags.is_staff = true;
    user.flags.is_edge_staff = true;
    user.flags.is_superuser = true;
    user.last_login = Some(moment("2021-01-02T03:04:05Z"));
    user.groups = [GroupId(1), GroupId(2)].into();
    user.permissions = [PermissionId(7)].into();
    user.manages = [organization(8)].into();
    user.holds = Some([organization(9)].into());
    let email = EmailAddress::parse("ada@other.example").expect("an address");
    user.addresses = vec![UserEmail { id: AddressId(5), email, verified: true, primary: true }];
    user.profile = SwitchProfile { read_only: true, ..SwitchProfile::default() };
    user.sharing = EdgeProfile {
        description: "A description".to_owned(),
        organization: Some("A label".to_owned()),
        memberships: [Tlp::Red].into(),
        ..EdgeProfile::default()
    };
    user.has_signed_in = true;
    user
}

fn membership() -> Membership {
    let (id, organization) = (MembershipId(Uuid::from_u128(6)), OrganizationId(Uuid::from_u128(8)));
    Membership { id, organization, is_admin: true }
}

/// The attributes of an item except its key, sorted by name; texts are in quotation marks, numbers are not.
fn attributes(item: &Item) -> String {
    let attributes: BTreeMap<_, _> = item.iter().filter(|(name, _)| *name != keys::PK && *name != keys::SK).collect();
    let lines: Vec<String> = attributes.into_iter().map(|(name, value)| format!("{name}: {}", shown(value))).collect();
    lines.join("\n") + "\n"
}

fn shown(value: &AttributeValue) -> String {
    match value {
        AttributeValue::S(text) => format!("{text:?}"),
        AttributeValue::N(number) => number.clone(),
        AttributeValue::Bool(flag) => flag.to_string(),
        AttributeValue::Null(_) => "null".to_owned(),
        AttributeValue::L(values) => format!("[{}]", values.iter().map(shown).collect::<Vec<_>>().join(", ")),
        AttributeValue::M(map) => {
            let sorted: BTreeMap<_, _> = map.iter().collect();
            let fields = sorted.into_iter().map(|(name, value)| format!("{name}: {}", shown(value)));
            format!("{{{}}}", fields.collect::<Vec<_>>().join(", "))
        }
        other => format!("{other:?}"),
    }
}

fn record(user: &User) -> Item {
    to_item(&keys::user(user.id), &UserItem::new(user, 7)).expect("an item")
}

/// A row as it is written now.
fn row(user: &User, memberships: &[Membership]) -> Item {
    row_item(&Position::of_user(user), user.row(memberships).for_lists()).expect("an item")
}

/// A row with an attribute for each field, as it was written before.
fn older_row(user: &User, memberships: &[Membership]) -> Item {
    let row = RowItem::from(user.row(memberships).for_lists());
    to_item(&Position::of_user(user).row(), &row).expect("an item")
}

const FULL_RECORD: &str = r#"addresses: [{email: "ada@other.example", id: 5, primary: true, verified: true}]
api_tokens_ended: 3
bio: "A bio"
birth_date: "1815-12-10"
company: "Engines"
date_joined: 1577934245000006
edge_id: "0123456789abcdef01234567"
email: "ada@mail.example"
email_is_shared: true
expiration_date: "2030-01-31"
first_name: "Ada"
groups: [1, 2]
has_signed_in: true
holds: ["00000000-0000-0000-0000-000000000009"]
id: "00000000-0000-0000-0000-000000000001"
is_active: true
is_edge_staff: true
is_staff: true
is_superuser: true
last_login: 1609556645000000
last_name: "Lovelace"
location: "London"
manages: ["00000000-0000-0000-0000-000000000008"]
modified: 1577934245000006
notes: "A note"
number: 4
others_api_tokens_ended: 4
password: "!"
permissions: [7]
phone_number: "+393331234567"
profile: {allow_poe_toggle: false, are_you_sure: true, bulk_edit: true, edit_if_descr: true, last_ldap_dn: "", last_ldap_login: null, menu: true, read_only: true, theme: "light", vlan_edit: false}
reminded_of: "2030-01-30"
sharing: {allow_rest_access: false, can_inbox: true, description: "A description", memberships: ["RED"], organization: "A label"}
token_version: 2
url: "https://ada.example"
username: "ada"
version: 7
"#;

const FULL_OLDER_ROW: &str = r#"birth_date: "1815-12-10"
date_joined: 1577934245000006
edge_id: "0123456789abcdef01234567"
email: "ada@mail.example"
expiration_date: "2030-01-31"
first_name: "Ada"
groups: [1, 2]
has_signed_in: true
id: "00000000-0000-0000-0000-000000000001"
is_active: true
is_edge_staff: true
is_staff: true
is_superuser: true
lacks_description: true
last_login: 1609556645000000
last_name: "Lovelace"
memberships: [{id: "00000000-0000-0000-0000-000000000006", is_admin: true, organization: "00000000-0000-0000-0000-000000000008"}]
number: 4
permissions: [7]
phone_number: "+393331234567"
sharing: {allow_rest_access: false, can_inbox: true, description: "", memberships: ["RED"], organization: "A label"}
username: "ada"
"#;

const PLAIN_RECORD: &str = r#"date_joined: 1577934245000006
edge_id: "0123456789abcdef01234567"
holds: []
id: "00000000-0000-0000-0000-000000000001"
is_active: true
modified: 1577934245000006
number: 4
password: "!"
username: "ada"
version: 7
"#;

const PLAIN_OLDER_ROW: &str = r#"date_joined: 1577934245000006
edge_id: "0123456789abcdef01234567"
id: "00000000-0000-0000-0000-000000000001"
is_active: true
is_whole: true
number: 4
username: "ada"
"#;

const FULL_ROW: &str = concat!(
    r#"{"n":4,"x":"0123456789abcdef01234567","u":"ada","#,
    r#""e":"ada@mail.example","f":"Ada","l":"Lovelace","p":"+393331234567","b":"1815-12-10","t":"2030-01-31","#,
    r#""s":{"is_active":true,"is_staff":true,"is_edge_staff":true,"is_superuser":true},"a":1609556645000000,"#,
    r#""g":[1,2],"r":[7],"h":{"description":"","can_inbox":true,"allow_rest_access":false,"#,
    r#""organization":"A label","memberships":["RED"]},"v":true,"m":[{"id":"00000000-0000-0000-0000-000000000006","#,
    r#""organization":"00000000-0000-0000-0000-000000000008","is_admin":true}],"ld":true,"lx":true}"#,
);

const PLAIN_ROW: &str = concat!(r#"{"n":4,"x":"0123456789abcdef01234567","u":"ada","#, r#""s":{"is_active":true}}"#,);

#[test]
fn a_malformed_row_is_reported_with_its_key() {
    for text in ["", "{}", "[]", r#"{"n":1,"x":"short","u":"ada"}"#] {
        let mut item = row(&plain(), &[]);
        item.insert("row".to_owned(), AttributeValue::S(text.to_owned()));
        let error = row_from_item(item).expect_err("malformed").to_string();
        assert!(error.contains(&Position::of_user(&plain()).sk), "{error}");
    }
}

#[test]
fn records_and_rows_have_these_attributes() {
    assert_eq!(attributes(&record(&full())), FULL_RECORD);
    assert_eq!(attributes(&older_row(&full(), &[membership()])), FULL_OLDER_ROW);
    assert_eq!(row(&full(), &[membership()])["row"].as_s().expect("text"), FULL_ROW);
}

#[test]
fn attributes_without_a_value_are_not_written() {
    assert_eq!(attributes(&record(&plain())), PLAIN_RECORD);
    assert_eq!(attributes(&older_row(&plain(), &[])), PLAIN_OLDER_ROW);
    assert_eq!(row(&plain(), &[])["row"].as_s().expect("text"), PLAIN_ROW);
}

#[test]
fn items_are_read_as_they_were_written() {
    for user in [plain(), full()] {
        let item: UserItem = from_item(&keys::user(user.id), record(&user)).expect("a record");
        assert_eq!(User::try_from(item).expect("a user"), User { version: 7, ..user.clone() });
        for item in [row(&user, &[membership()]), older_row(&user, &[membership()])] {
            assert_eq!(row_from_item(item).expect("a row"), user.row(&[membership()]).for_lists());
        }
    }
}

#[test]
fn attributes_that_a_record_lacks_have_their_default() {
    let mut item = record(&plain());
    let mandatory = ["id", "number", "edge_id", "username", "date_joined", "version", "password"];
    item.retain(|name, _| mandatory.contains(&name.as_str()));
    let item: UserItem = from_item(&keys::user(plain().id), item).expect("a record");
    let expected = User { version: 7, flags: Flags::default(), holds: None, ..plain() };
    assert_eq!(User::try_from(item).expect("a user"), expected);
}
