//! Users put straight into the store, for what the API cannot say: when they joined, how their password is hashed.

use std::collections::BTreeSet;

use shared::model::Sequence;
use shared::model::ambient::Ambient as _;
use shared::model::{
    EdgeId, EdgeProfile, EmailAddress, Extras, Flags, OpenWispDetails, SwitchProfile, User, UserId, UserNumber,
    Username,
};
use shared::store::{UserWrite, WriteOutcome};

use super::TestApp;

/// An active user of that name who joined just now, with an address and no usable password.
pub async fn plain_user(app: &TestApp, username: &str) -> User {
    let number = app.directory.store().sequence_next(Sequence::Users).await.expect("a number");
    User {
        id: UserId::generate(&*app.environment),
        number: UserNumber(number),
        edge_id: EdgeId::generate(&*app.environment),
        version: 1,
        token_version: 0,
        api_tokens_ended: 0,
        others_api_tokens_ended: 0,
        username: Username::parse(username).expect("a name"),
        has_caseless_name: false,
        email: EmailAddress::parse(&format!("{username}@mail.example")),
        email_is_shared: false,
        password: "!".into(),
        first_name: "Ada".to_owned(),
        last_name: "Lovelace".to_owned(),
        details: OpenWispDetails::default(),
        phone_number: None,
        birth_date: None,
        expiration_date: None,
        flags: Flags::active(),
        last_login: None,
        date_joined: app.environment.now(),
        modified: app.environment.now(),
        external_id: None,
        extras: Extras::default(),
        groups: BTreeSet::new(),
        permissions: BTreeSet::new(),
        manages: BTreeSet::new(),
        holds: Some(BTreeSet::new()),
        returning: Vec::new(),
        addresses: Vec::new(),
        reminded_of: None,
        profile: SwitchProfile::default(),
        sharing: EdgeProfile::default(),
        has_signed_in: false,
    }
}

/// Writes a new user.
pub async fn insert(app: &TestApp, user: &User) {
    let write = UserWrite { after: Some(user), ..UserWrite::default() };
    assert_eq!(app.directory.store().user_write(&write).await.expect("a write"), WriteOutcome::Done);
}
