//! Events: who did what to whom, when and through what (`docs/events.md`).

use std::collections::BTreeMap;
use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

use super::{EventId, Timestamp, TokenId, UserId};

/// Something that happened. Its serialized form is what the table holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Event {
    /// Its id; later ones sort later, to the millisecond.
    pub id: EventId,
    /// When it happened, by the clock of the process that caused it.
    pub at: Timestamp,
    /// What happened.
    pub action: EventAction,
    /// Who caused it.
    pub actor: Actor,
    /// What it happened to.
    pub target: EventTarget,
    /// The version of the target's record afterwards, if it has versions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub version: Option<u64>,
    /// The changed fields, by their names in exports.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub changes: BTreeMap<String, FieldChange>,
    /// Whether personal values were removed from it, because a person was erased.
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    pub erased: bool,
}

/// A value of a field.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(untagged)]
pub enum FieldValue {
    /// A flag.
    Flag(bool),
    /// A number.
    Number(i64),
    /// A text.
    Text(String),
    /// A list.
    List(Vec<Self>),
    /// An object.
    Object(BTreeMap<String, Self>),
}

/// Any JSON.
impl schemars::JsonSchema for FieldValue {
    fn inline_schema() -> bool {
        true
    }

    fn schema_name() -> std::borrow::Cow<'static, str> {
        "FieldValue".into()
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
        schemars::Schema::default()
    }
}

/// A changed field. Neither value is known if the field is a secret, or if the values are too long for an event.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, schemars::JsonSchema)]
pub struct FieldChange {
    /// The value before, unless there was none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub old: Option<FieldValue>,
    /// The value after, unless there is none.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new: Option<FieldValue>,
}

/// Who caused an event, and through what.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Actor {
    /// What kind of actor it is.
    pub kind: ActorKind,
    /// The user, for [`ActorKind::User`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub id: Option<UserId>,
    /// The user's name at that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub username: Option<String>,
    /// How the user was authenticated.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<CredentialKind>,
    /// Which API token it was, for [`CredentialKind::ApiToken`].
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub token: Option<String>,
    /// The method and the route of the request, or the command or job.
    pub via: String,
    /// The client's network: an IPv4 address, or the first 64 bits of an IPv6 address.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub network: Option<String>,
    /// The id of the request, which its log line has too.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub request: Option<String>,
}

/// The kinds of actors.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ActorKind {
    /// An authenticated user.
    User,
    /// A client that proved nothing, such as one with a wrong password.
    Anonymous,
    /// Whoever runs commands on the server.
    Operator,
    /// A background job.
    System,
}

/// How a user was authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum CredentialKind {
    /// A signed token (JWT).
    SignedToken,
    /// An API token.
    ApiToken,
    /// A password.
    Password,
    /// A browser session.
    Session,
    /// A mailed link.
    MailedLink,
}

/// What an event happened to.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventTarget {
    /// What kind of record it is.
    pub kind: TargetKind,
    /// Its id: a UUID, for a group a number.
    pub id: String,
    /// Its name at that time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
}

/// The kinds of targets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, schemars::JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum TargetKind {
    /// A user.
    User,
    /// A group.
    Group,
    /// An organization.
    Organization,
    /// A subscription of a webhook.
    Webhook,
    /// The directory as a whole.
    Directory,
}

macro_rules! actions {
    ($($(#[$doc:meta])* $name:ident = $text:literal,)*) => {
        /// What can happen.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[derive(Serialize, Deserialize, schemars::JsonSchema)]
        pub enum EventAction {
            $($(#[$doc])* #[serde(rename = $text)] $name,)*
        }

        impl EventAction {
            /// All of them.
            pub const ALL: &[Self] = &[$(Self::$name,)*];
            /// Their names, in the same order.
            pub const NAMES: &[&str] = &[$($text,)*];

            /// Its name, as in `user.created`.
            pub fn name(self) -> &'static str {
                match self { $(Self::$name => $text,)* }
            }
        }
    };
}

actions! {
    /// A user was created.
    UserCreated = "user.created",
    /// Fields of a user changed.
    UserUpdated = "user.updated",
    /// A user was deleted.
    UserDeleted = "user.deleted",
    /// A deleted user was restored.
    UserRestored = "user.restored",
    /// Everything about a deleted user was erased.
    UserPurged = "user.purged",
    /// Too many consecutive failures: only known networks may sign in to the account.
    UserLocked = "user.locked",
    /// The account was opened to all networks again.
    UserUnlocked = "user.unlocked",
    /// A password was set.
    PasswordSet = "password.set",
    /// A password was set with a mailed link.
    PasswordReset = "password.reset",
    /// A mail with a link to set a new password was sent.
    PasswordResetMailed = "password.reset_mailed",
    /// A user joined an organization.
    MembershipCreated = "membership.created",
    /// A user's role in an organization changed.
    MembershipUpdated = "membership.updated",
    /// A user left an organization.
    MembershipDeleted = "membership.deleted",
    /// An API token was created.
    TokenCreated = "token.created",
    /// An API token was switched on or off.
    TokenUpdated = "token.updated",
    /// An API token was deleted.
    TokenDeleted = "token.deleted",
    /// A user signed in with a password, and got a token or a session.
    SignedIn = "signin.accepted",
    /// Wrong credentials for a user, or for a name that nobody has.
    SignInRefused = "signin.refused",
    /// A browser session ended.
    SessionEnded = "session.ended",
    /// All sessions and signed tokens of a user ended.
    SignedOutEverywhere = "session.all_ended",
    /// A group was created.
    GroupCreated = "group.created",
    /// A group's name or permissions changed.
    GroupUpdated = "group.updated",
    /// A group was deleted.
    GroupDeleted = "group.deleted",
    /// An organization was created.
    OrganizationCreated = "organization.created",
    /// Fields of an organization changed.
    OrganizationUpdated = "organization.updated",
    /// An organization was deleted.
    OrganizationDeleted = "organization.deleted",
    /// A webhook was created.
    WebhookCreated = "webhook.created",
    /// The URL or the actions of a webhook changed.
    WebhookUpdated = "webhook.updated",
    /// A webhook was paused, by a request or because it does not work.
    WebhookPaused = "webhook.paused",
    /// A paused webhook was resumed.
    WebhookResumed = "webhook.resumed",
    /// A webhook got a new secret.
    WebhookSecretRotated = "webhook.secret_rotated",
    /// A webhook was deleted.
    WebhookDeleted = "webhook.deleted",
    /// An import ended.
    Imported = "import.completed",
    /// An export ended.
    Exported = "export.completed",
}

impl FromStr for EventAction {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        Self::ALL.iter().copied().find(|action| action.name() == text).ok_or(())
    }
}

impl fmt::Display for EventAction {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// The place of an event in the log: the number of its segment, and its index there.
///
/// Its text is the cursor of feeds: `<segment>.<index>`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct LogPosition {
    /// The number of the segment, from 1.
    pub segment: u64,
    /// The index in the segment, from 0.
    pub index: u32,
}

impl fmt::Display for LogPosition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.segment, self.index)
    }
}

impl FromStr for LogPosition {
    type Err = ();

    fn from_str(text: &str) -> Result<Self, ()> {
        let number = |text: &str| {
            let is_plain = !text.is_empty() && text.len() <= 12 && text.bytes().all(|b| b.is_ascii_digit());
            is_plain.then(|| text.parse::<u64>().ok()).flatten().ok_or(())
        };
        let (segment, index) = text.split_once('.').ok_or(())?;
        Ok(Self { segment: number(segment)?, index: u32::try_from(number(index)?).map_err(|_| ())? })
    }
}

impl Actor {
    /// A command or a job.
    pub fn system(kind: ActorKind, via: &str) -> Self {
        Self {
            kind,
            id: None,
            username: None,
            credential: None,
            token: None,
            via: via.to_owned(),
            network: None,
            request: None,
        }
    }

    /// This user, authenticated that way, in the request of this actor.
    #[must_use]
    pub fn signed_in(&self, id: UserId, username: &str, credential: CredentialKind, token: Option<TokenId>) -> Self {
        Self {
            kind: ActorKind::User,
            id: Some(id),
            username: Some(username.to_owned()),
            credential: Some(credential),
            token: token.map(|token| token.to_string()),
            ..self.clone()
        }
    }
}

impl EventTarget {
    /// A user.
    pub fn user(id: UserId, name: Option<&str>) -> Self {
        Self { kind: TargetKind::User, id: id.to_string(), name: name.map(ToOwned::to_owned) }
    }

    /// The directory as a whole.
    pub fn directory() -> Self {
        Self { kind: TargetKind::Directory, id: String::new(), name: None }
    }

    /// The target as a filter names it: `user:<id>`.
    pub fn text(&self) -> String {
        let kind = match self.kind {
            TargetKind::User => "user",
            TargetKind::Group => "group",
            TargetKind::Organization => "organization",
            TargetKind::Webhook => "webhook",
            TargetKind::Directory => "directory",
        };
        format!("{kind}:{}", self.id)
    }
}

impl Event {
    /// The event without what it says about a person: the values of changed fields, and where the person was.
    #[must_use]
    pub fn without(mut self, person: UserId) -> Self {
        if self.actor.id == Some(person) {
            self.actor.username = None;
            self.actor.network = None;
            self.erased = true;
        }
        if self.target == EventTarget::user(person, self.target.name.as_deref()) {
            self.target.name = None;
            self.actor.network = None;
            self.changes.values_mut().for_each(|change| *change = FieldChange::default());
            self.erased = true;
        }
        self
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;
    use uuid::Uuid;

    use super::*;

    proptest! {
        #[test]
        fn a_position_returns_from_its_text(segment in 0..1_000_000_000_000_u64, index in 0..1000_u32) {
            let position = LogPosition { segment, index };
            prop_assert_eq!(position.to_string().parse(), Ok(position));
        }

        #[test]
        fn a_text_that_is_no_position_is_refused(text in "\\PC*") {
            prop_assert_eq!(text.parse::<LogPosition>().is_ok(), {
                let parts: Vec<_> = text.split('.').collect();
                let is_number = |part: &&str| (1..=12).contains(&part.len()) && part.bytes().all(|b| b.is_ascii_digit());
                parts.len() == 2 && parts.iter().all(is_number) && parts[1].parse::<u32>().is_ok()
            });
        }
    }

    #[test]
    fn erasing_removes_values_and_keeps_ids() {
        let [ada, grace] = [1, 2].map(|number| UserId(Uuid::from_u128(number)));
        let text = |text: &str| Some(FieldValue::Text(text.to_owned()));
        let request = Actor {
            network: Some("192.0.2.1".to_owned()),
            ..Actor::system(ActorKind::Anonymous, "PATCH /api/v1/users/user/{id}/")
        };
        let event = Event {
            id: EventId(Uuid::nil()),
            at: Timestamp::from_micros(0),
            action: EventAction::UserUpdated,
            actor: request.signed_in(grace, "grace", CredentialKind::Password, None),
            target: EventTarget::user(ada, Some("ada")),
            version: Some(2),
            changes: [("first_name".to_owned(), FieldChange { old: text("Ada"), new: text("Augusta") })].into(),
            erased: false,
        };
        let about = event.clone().without(ada);
        assert_eq!(about.target, EventTarget::user(ada, None));
        assert_eq!(about.changes["first_name"], FieldChange::default());
        assert_eq!((about.actor.username.as_deref(), about.erased), (Some("grace"), true));
        let by = event.clone().without(grace);
        assert_eq!((by.actor.id, by.actor.username, by.actor.network), (Some(grace), None, None));
        assert_eq!((&by.changes, &by.target), (&event.changes, &event.target));
        assert_eq!(event.clone().without(UserId(Uuid::nil())), event);
    }

    #[test]
    fn actions_have_distinct_names_that_are_read_back() {
        for action in EventAction::ALL {
            assert_eq!(action.name().parse(), Ok(*action));
        }
    }
}
