//! Users, e-mail addresses, groups and organizations.
//!
//! Depends on no other module: no HTTP, no store, no dialect. A value of one of these types is valid; it is parsed once
//! at the edge and trusted afterwards.
//!
//! Values that records, rows, items and export lines contain as they are derive serde here: ids, [`Flags`],
//! [`OpenWispDetails`], [`EdgeProfile`], [`SwitchProfile`], [`Extras`]. Their field names are those of the table and of exports. Whole
//! records, such as [`User`], do not: the store and the import decide what an item and a line contain.

mod address;
pub mod ambient;
mod attempt;
mod backoff;
mod change;
mod cleanup_task;
mod delivery;
mod domain;
mod edge_profile;
mod event;
mod extras;
mod field;
mod flags;
mod fold;
mod group;
mod id;
mod limits;
mod mail;
mod network;
mod openwisp_details;
mod organization;
mod phone;
mod proxies;
mod references;
mod sequence;
mod session;
mod switch_profile;
pub(crate) mod time;
mod token;
mod url;
mod user;
mod username;
mod webhook;

pub use address::{AsciiAddress, EmailAddress, UserEmail};
pub use attempt::{AttemptPlace, HistoryMark, SignInAttempt};
pub use backoff::Backoff;
pub(crate) use backoff::doubled;
pub use change::Change;
use change::replace;
pub(crate) use change::shorten;
pub use cleanup_task::CleanupTask;
pub use delivery::{AttemptOutcome, Delivery, DeliveryFailure, DeliveryState};
pub use edge_profile::{EdgeProfile, EdgeProfileChanges, Tlp};
pub use event::{
    Actor, ActorKind, CredentialKind, Event, EventAction, EventTarget, FieldChange, FieldValue, LogPosition, TargetKind,
};
pub use extras::Extras;
pub use field::Field;
pub use flags::Flags;
pub use fold::fold;
pub use group::{Action, Group, GroupChanges, Model, Permission, default_groups};
pub use id::{
    AddressId, EdgeId, EventId, GroupId, MembershipId, OrganizationId, PermissionId, SessionId, TokenId, UserId,
    UserNumber, WebhookId,
};
pub(crate) use limits::is_longer;
pub use limits::{LimitedText, MAX_LIST, MAX_PASSWORD, MAX_REFERENCE, MAX_TEXT};
pub use mail::{Mail, MailKind};
pub use network::{Networks, is_public, network_of};
pub use openwisp_details::OpenWispDetails;
pub use organization::{Membership, MembershipRequest, Organization, OrganizationChanges, WhenSame, is_slug};
pub use phone::PhoneNumber;
pub use proxies::TrustedProxies;
pub use references::{Named, References};
pub use sequence::Sequence;
pub use session::Session;
pub use switch_profile::{SwitchProfile, SwitchProfileChanges};
pub use time::{Date, Timestamp, date_text, parse_date};
pub use token::ApiToken;
pub use url::is_url;
pub use user::{DeletedRow, DeletedUser, Expiry, Lacks, NewUser, User, UserChanges, UserRow};
pub use username::Username;
pub use webhook::{OldSecret, PauseReason, Webhook, WebhookUrl};
