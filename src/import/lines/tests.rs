use std::io::Cursor;

use shared::model::Tlp;
use uuid::Uuid;

use super::*;

fn moment(text: &str) -> Timestamp {
    Timestamp::parse(text).expect("a timestamp")
}

/// A user with nothing but what every record has.
fn plain() -> UserRecord {
    let username = Username::parse("ada").expect("a name");
    let mut record = UserRecord::new(&username, moment("2020-01-02T03:04:05.000006Z"));
    record.set_id(UserId(Uuid::from_u128(1)));
    record.set_number(UserNumber(4));
    record.set_edge_id(EdgeId::parse("0123456789abcdef01234567").expect("an id"));
    record
}

/// A user with a value in every field.
fn full() -> UserRecord {
    let mut record = plain();
    let user = &mut record.user;
    user.token_version = 2;
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
    let (id, organization) = (MembershipId(Uuid::from_u128(6)), OrganizationId(Uuid::from_u128(8)));
    record.memberships = vec![MembershipRecord { id, organization, is_admin: true, is_owner: false }];
    record.tokens = vec![TokenRecord {
        hash: "0".repeat(64).into(),
        id: TokenId::parse("0123456789abcdef01234567"),
        title: "A token".to_owned(),
        is_active: true,
        created: moment("2021-01-02T03:04:05Z"),
        updated: moment("2021-01-02T03:04:06Z"),
        last_used: None,
        good_until: moment("2031-01-02T03:04:05Z"),
        made_by_other: false,
    }];
    record
}

fn line(record: UserRecord) -> String {
    line_of(&Record::User(Box::new(record))).expect("a line")
}

const FULL: &[&str] = &[
    r#"{"record":"user","id":"00000000-0000-0000-0000-000000000001","number":4,"edge_id":"0123456789abcdef01234567","#,
    r#""username":"ada","email":"ada@mail.example","email_is_shared":true,"password":"!","token_version":2,"#,
    r#""first_name":"Ada","last_name":"Lovelace","bio":"A bio","url":"https://ada.example","company":"Engines","#,
    r#""location":"London","notes":"A note","phone_number":"+393331234567","birth_date":"1815-12-10","#,
    r#""expiration_date":"2030-01-31","reminded_of":"2030-01-30","#,
    r#""is_active":true,"is_staff":true,"is_edge_staff":true,"is_superuser":true,"#,
    r#""last_login":"2021-01-02T03:04:05.000000Z","date_joined":"2020-01-02T03:04:05.000006Z","has_signed_in":true,"#,
    r#""groups":[1,2],"permissions":[7],"#,
    r#""addresses":[{"id":5,"email":"ada@other.example","verified":true,"primary":true}],"#,
    r#""memberships":[{"id":"00000000-0000-0000-0000-000000000006","#,
    r#""organization":"00000000-0000-0000-0000-000000000008","is_admin":true,"is_owner":false}],"#,
    r#""tokens":[{"id":"0123456789abcdef01234567","#,
    r#""sha256":"0000000000000000000000000000000000000000000000000000000000000000","title":"A token","is_active":true,"#,
    r#""created":"2021-01-02T03:04:05.000000Z","updated":"2021-01-02T03:04:06.000000Z","last_used":null,"#,
    r#""good_until":"2031-01-02T03:04:05.000000Z","made_by_other":false}],"#,
    r#""profile":{"read_only":true,"bulk_edit":true,"vlan_edit":false,"allow_poe_toggle":false,"edit_if_descr":true,"#,
    r#""are_you_sure":true,"last_ldap_dn":"","last_ldap_login":null,"theme":"light","menu":true},"#,
    r#""sharing":{"description":"A description","can_inbox":true,"allow_rest_access":false,"organization":"A label","#,
    r#""memberships":["RED"]}}"#,
];

const PLAIN: &[&str] = &[
    r#"{"record":"user","id":"00000000-0000-0000-0000-000000000001","number":4,"edge_id":"0123456789abcdef01234567","#,
    r#""username":"ada","email":null,"password":"!","token_version":0,"#,
    r#""first_name":"","last_name":"","bio":"","url":"","company":"","location":"","notes":"","#,
    r#""phone_number":null,"birth_date":null,"expiration_date":null,"reminded_of":null,"#,
    r#""is_active":true,"is_staff":false,"is_superuser":false,"#,
    r#""last_login":null,"date_joined":"2020-01-02T03:04:05.000006Z","has_signed_in":false,"#,
    r#""groups":[],"permissions":[],"addresses":[],"memberships":[],"tokens":[],"#,
    r#""profile":{"read_only":false,"bulk_edit":true,"vlan_edit":false,"allow_poe_toggle":false,"edit_if_descr":true,"#,
    r#""are_you_sure":true,"last_ldap_dn":"","last_ldap_login":null,"theme":"light","menu":true},"#,
    r#""sharing":{"description":"","can_inbox":true,"allow_rest_access":false,"organization":null,"#,
    r#""memberships":["WHITE"]}}"#,
];

#[test]
fn a_user_is_this_line() {
    assert_eq!(line(full()), FULL.concat());
    assert_eq!(line(plain()), PLAIN.concat());
}

#[test]
fn a_line_is_read_as_it_was_written() {
    for record in [full(), plain()] {
        let file = Cursor::new((line(record.clone()) + "\n").into_bytes());
        let entry = read(file).expect("a file").entries.next().expect("an entry");
        assert_eq!(entry.record, Ok(Record::User(Box::new(record))));
    }
}
