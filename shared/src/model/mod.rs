//! What a user, an address, a group and an organization are.
//!
//! Knows nobody: no HTTP, no store, no dialect.
//! A value of one of these types has been checked; it is parsed once at the edge and trusted after.

mod address;
mod attempt;
mod change;
mod fold;
mod group;
mod id;
mod mail;
mod organization;
mod phone;
mod profile;
mod sharing;
pub(crate) mod time;
mod token;
mod url;
mod user;
mod username;

pub use address::{EmailAddress, MailboxEntry};
pub use attempt::SignInAttempt;
pub use change::Change;
use change::replace;
pub use fold::fold;
pub use group::{Action, Group, GroupChanges, Model, Permission, default_groups};
pub use id::{AddressId, EdgeId, GroupId, MembershipId, OrganizationId, PermissionId, TokenId, UserId, UserNumber};
pub use mail::{Mail, MailKind};
pub use organization::{Membership, MembershipRequest, Organization, OrganizationChanges, WhenSame, is_slug};
pub use phone::PhoneNumber;
pub use profile::{Profile, ProfileChanges};
pub use sharing::{Sharing, SharingChanges, Tlp};
pub use time::{Date, Timestamp, date_text, parse_date};
pub use token::ApiToken;
pub use url::is_url;
pub use user::{Expiry, NewUser, User, UserChanges, UserRow};
pub use username::Username;
