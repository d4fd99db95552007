//! `rollcall export`: one record a line, as JSON. Moments are RFC 3339 with microseconds, days `YYYY-MM-DD`.

use std::collections::BTreeSet;
use std::io::BufRead;

use serde::{Deserialize, Serialize};
use shared::directory::moving::{Entry, KnownIds, Mover, MovingMembership, MovingToken, Record};
use shared::model::{
    AddressId, Date, EdgeId, EmailAddress, Group, GroupId, MailboxEntry, MembershipId, Organization, OrganizationId,
    PermissionId, PhoneNumber, Profile, Sharing, SignInAttempt, Timestamp, TokenId, UserId, UserNumber, Username,
    date_text, parse_date,
};
use shared::store::keys::Sequence;

use super::rows::told;

/// The layout of the lines that are written; others are not read.
const LAYOUT: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case", deny_unknown_fields)]
enum Line {
    /// The first one.
    Rollcall {
        layout: u32,
    },
    Group {
        id: GroupId,
        name: String,
        permissions: BTreeSet<PermissionId>,
    },
    Organization(OrganizationLine),
    Sequence {
        name: SequenceName,
        given: u64,
    },
    User(Box<UserLine>),
    Attempt(AttemptLine),
    /// The last one, without which a file is not whole.
    End {},
}

#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum SequenceName {
    Users,
    Addresses,
    Groups,
}

#[derive(Serialize, Deserialize)]
struct OrganizationLine {
    id: OrganizationId,
    name: String,
    slug: String,
    is_active: bool,
    description: String,
    email: String,
    url: String,
    created: Moment,
    modified: Moment,
}

#[derive(Serialize, Deserialize)]
#[expect(clippy::struct_excessive_bools, reason = "they are the user's")]
struct UserLine {
    id: UserId,
    number: UserNumber,
    edge_id: String,
    username: String,
    email: Option<EmailAddress>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    email_is_shared: bool,
    password: String,
    token_version: u64,
    first_name: String,
    last_name: String,
    bio: String,
    url: String,
    company: String,
    location: String,
    notes: String,
    phone_number: Option<PhoneNumber>,
    birth_date: Option<Day>,
    expiration_date: Option<Day>,
    reminded_of: Option<Day>,
    is_active: bool,
    is_staff: bool,
    is_superuser: bool,
    last_login: Option<Moment>,
    date_joined: Moment,
    has_signed_in: bool,
    groups: BTreeSet<GroupId>,
    permissions: BTreeSet<PermissionId>,
    addresses: Vec<AddressLine>,
    memberships: Vec<MembershipLine>,
    tokens: Vec<TokenLine>,
    profile: Profile,
    sharing: Sharing,
}

#[derive(Serialize, Deserialize)]
struct AddressLine {
    id: AddressId,
    email: EmailAddress,
    verified: bool,
    primary: bool,
}

#[derive(Serialize, Deserialize)]
struct MembershipLine {
    id: MembershipId,
    organization: OrganizationId,
    is_admin: bool,
    is_owner: bool,
}

#[derive(Serialize, Deserialize)]
struct TokenLine {
    id: String,
    sha256: String,
    title: String,
    is_active: bool,
    created: Moment,
    updated: Moment,
    last_used: Option<Moment>,
    good_until: Moment,
}

#[derive(Serialize, Deserialize)]
struct AttemptLine {
    user: UserId,
    name: u64,
    success: bool,
    at: Moment,
    user_agent: Option<String>,
    address: Option<String>,
}

/// A moment as text.
#[derive(Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[derive(Clone, Copy)]
struct Moment(Timestamp);

/// A day as text.
#[derive(Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[derive(Clone, Copy)]
struct Day(Date);

/// The lines of a file, and that it is not whole if its last one is missing.
pub fn read(file: impl BufRead + Send + 'static) -> impl Iterator<Item = Entry> + Send {
    let mut lines = file.split(b'\n').enumerate();
    let (mut ended, mut is_broken) = (false, false);
    std::iter::from_fn(move || {
        while !is_broken {
            let Some((index, line)) = lines.next() else {
                let is_whole = std::mem::replace(&mut ended, true);
                return (!is_whole).then(|| Entry {
                    origin: "the end".to_owned(),
                    record: Err("the last line is missing: the file is not whole".to_owned()),
                    left_out: Vec::new(),
                });
            };
            let record = match line {
                Ok(line) if line.trim_ascii().is_empty() => continue,
                Ok(line) => match serde_json::from_slice::<Line>(&line) {
                    Ok(Line::End {}) => {
                        ended = true;
                        continue;
                    }
                    Ok(line) => line.record(),
                    Err(error) => Err(told(&error)),
                },
                Err(error) => {
                    // It would be so for ever.
                    is_broken = true;
                    Err(format!("it cannot be read: {error}"))
                }
            };
            if let Some(record) = record.transpose() {
                return Some(Entry { origin: format!("line {}", index + 1), record, left_out: Vec::new() });
            }
        }
        None
    })
}

/// The first line of an export.
///
/// # Errors
/// Never, but that it is JSON is not known here.
pub fn first_line() -> serde_json::Result<String> {
    serde_json::to_string(&Line::Rollcall { layout: LAYOUT })
}

/// The last line of an export.
///
/// # Errors
/// Never, but that it is JSON is not known here.
pub fn last_line() -> serde_json::Result<String> {
    serde_json::to_string(&Line::End {})
}

/// A record as a line, without the end of the line. Hashes stand in it: it is a secret.
///
/// # Errors
/// Never, but that it is JSON is not known here.
pub fn line_of(record: &Record) -> serde_json::Result<String> {
    serde_json::to_string(&Line::from(record.clone()))
}

impl Line {
    /// What the line tells; nothing if it is the first one, and why not if it cannot be used.
    fn record(self) -> Result<Option<Record>, String> {
        Ok(Some(match self {
            Self::Rollcall { layout: LAYOUT } | Self::End {} => return Ok(None),
            Self::Rollcall { layout } => return Err(format!("lines of layout {layout}, not {LAYOUT}")),
            Self::Group { id, name, permissions } => Record::Group(Group { id, version: 1, name, permissions }),
            Self::Organization(line) => Record::Organization(line.into()),
            Self::Sequence { name, given } => {
                let sequence = match name {
                    SequenceName::Users => Sequence::Users,
                    SequenceName::Addresses => Sequence::Addresses,
                    SequenceName::Groups => Sequence::Groups,
                };
                Record::Given(sequence, given)
            }
            Self::User(line) => Record::User(Box::new(line.mover()?)),
            Self::Attempt(AttemptLine { user, name, success, at, user_agent, address }) => {
                Record::Attempt(user, name, SignInAttempt { success, at: at.0, user_agent, address })
            }
        }))
    }
}

impl From<Record> for Line {
    fn from(record: Record) -> Self {
        match record {
            Record::Group(Group { id, version: _, name, permissions }) => Self::Group { id, name, permissions },
            Record::Organization(organization) => Self::Organization(organization.into()),
            Record::Given(sequence, given) => {
                let name = match sequence {
                    Sequence::Users => SequenceName::Users,
                    Sequence::Addresses => SequenceName::Addresses,
                    Sequence::Groups => SequenceName::Groups,
                };
                Self::Sequence { name, given }
            }
            Record::User(mover) => Self::User(Box::new((*mover).into())),
            Record::Attempt(user, name, attempt) => {
                let SignInAttempt { success, at, user_agent, address } = attempt;
                Self::Attempt(AttemptLine { user, name, success, at: Moment(at), user_agent, address })
            }
        }
    }
}

impl From<OrganizationLine> for Organization {
    fn from(line: OrganizationLine) -> Self {
        let OrganizationLine { id, name, slug, is_active, description, email, url, created, modified } = line;
        let (created, modified) = (created.0, modified.0);
        Self { id, version: 1, name, slug, is_active, description, email, url, owner: None, created, modified }
    }
}

impl From<Organization> for OrganizationLine {
    fn from(organization: Organization) -> Self {
        let Organization {
            id,
            version: _,
            name,
            slug,
            is_active,
            description,
            email,
            url,
            owner: _,
            created,
            modified,
        } = organization;
        let (created, modified) = (Moment(created), Moment(modified));
        Self { id, name, slug, is_active, description, email, url, created, modified }
    }
}

impl UserLine {
    fn mover(self) -> Result<Mover, String> {
        let username = Username::parse(&self.username).ok_or("it has no user name that can be used")?;
        let mut mover = Mover::new(&username, self.date_joined.0);
        mover.set_id(self.id);
        mover.set_number(self.number);
        mover.set_edge_id(EdgeId::parse(&self.edge_id).ok_or("its edge_id should have 24 hexadecimal digits")?);
        let is_address = |email: &EmailAddress| EmailAddress::parse(email.as_str()).is_some();
        let mut emails = self.email.iter().chain(self.addresses.iter().map(|line| &line.email));
        if !emails.all(is_address) {
            return Err("one of its e-mail addresses is none".to_owned());
        }
        if self.phone_number.as_ref().is_some_and(|number| PhoneNumber::parse(number.as_str()).as_ref() != Some(number))
        {
            return Err("its telephone number is none".to_owned());
        }
        let user = &mut mover.user;
        user.email = self.email;
        user.email_is_shared = self.email_is_shared;
        user.password = self.password;
        user.token_version = self.token_version;
        user.first_name = self.first_name;
        user.last_name = self.last_name;
        user.bio = self.bio;
        user.url = self.url;
        user.company = self.company;
        user.location = self.location;
        user.notes = self.notes;
        user.phone_number = self.phone_number;
        user.birth_date = self.birth_date.map(|day| day.0);
        user.expiration_date = self.expiration_date.map(|day| day.0);
        user.reminded_of = self.reminded_of.map(|day| day.0);
        user.is_active = self.is_active;
        user.is_staff = self.is_staff;
        user.is_superuser = self.is_superuser;
        user.last_login = self.last_login.map(|moment| moment.0);
        user.has_signed_in = self.has_signed_in;
        user.groups = self.groups;
        user.permissions = self.permissions;
        user.addresses = self.addresses.into_iter().map(MailboxEntry::from).collect();
        user.profile = self.profile;
        user.sharing = self.sharing;
        mover.memberships = self.memberships.into_iter().map(MovingMembership::from).collect();
        mover.tokens = self.tokens.into_iter().map(TokenLine::moving).collect::<Result<_, _>>()?;
        Ok(mover)
    }
}

impl From<Mover> for UserLine {
    fn from(mover: Mover) -> Self {
        let Mover { user, has: KnownIds { .. }, may_share_email: _, memberships, tokens } = mover;
        Self {
            id: user.id,
            number: user.number,
            edge_id: user.edge_id.to_string(),
            username: user.username.to_string(),
            email: user.email,
            email_is_shared: user.email_is_shared,
            password: user.password,
            token_version: user.token_version,
            first_name: user.first_name,
            last_name: user.last_name,
            bio: user.bio,
            url: user.url,
            company: user.company,
            location: user.location,
            notes: user.notes,
            phone_number: user.phone_number,
            birth_date: user.birth_date.map(Day),
            expiration_date: user.expiration_date.map(Day),
            reminded_of: user.reminded_of.map(Day),
            is_active: user.is_active,
            is_staff: user.is_staff,
            is_superuser: user.is_superuser,
            last_login: user.last_login.map(Moment),
            date_joined: Moment(user.date_joined),
            has_signed_in: user.has_signed_in,
            groups: user.groups,
            permissions: user.permissions,
            addresses: user.addresses.into_iter().map(AddressLine::from).collect(),
            memberships: memberships.into_iter().map(MembershipLine::from).collect(),
            tokens: tokens.into_iter().map(TokenLine::from).collect(),
            profile: user.profile,
            sharing: user.sharing,
        }
    }
}

impl From<AddressLine> for MailboxEntry {
    fn from(line: AddressLine) -> Self {
        let AddressLine { id, email, verified, primary } = line;
        Self { id, email, verified, primary }
    }
}

impl From<MailboxEntry> for AddressLine {
    fn from(entry: MailboxEntry) -> Self {
        let MailboxEntry { id, email, verified, primary } = entry;
        Self { id, email, verified, primary }
    }
}

impl From<MembershipLine> for MovingMembership {
    fn from(line: MembershipLine) -> Self {
        let MembershipLine { id, organization, is_admin, is_owner } = line;
        Self { id, organization, is_admin, is_owner }
    }
}

impl From<MovingMembership> for MembershipLine {
    fn from(membership: MovingMembership) -> Self {
        let MovingMembership { id, organization, is_admin, is_owner } = membership;
        Self { id, organization, is_admin, is_owner }
    }
}

impl TokenLine {
    fn moving(self) -> Result<MovingToken, String> {
        let Self { id, sha256, title, is_active, created, updated, last_used, good_until } = self;
        let id = TokenId::parse(&id).ok_or("the id of a token should have 24 hexadecimal digits")?;
        let is_digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if sha256.len() != 64 || !sha256.bytes().all(is_digit) {
            return Err("the sha256 of a token should have 64 hexadecimal digits".to_owned());
        }
        Ok(MovingToken {
            hash: sha256,
            id: Some(id),
            title,
            is_active,
            created: created.0,
            updated: updated.0,
            last_used: last_used.map(|moment| moment.0),
            good_until: good_until.0,
        })
    }
}

impl From<MovingToken> for TokenLine {
    fn from(token: MovingToken) -> Self {
        let MovingToken { hash, id, title, is_active, created, updated, last_used, good_until } = token;
        Self {
            id: id.map(|id| id.to_string()).unwrap_or_default(),
            sha256: hash,
            title,
            is_active,
            created: Moment(created),
            updated: Moment(updated),
            last_used: last_used.map(Moment),
            good_until: Moment(good_until),
        }
    }
}

impl TryFrom<String> for Moment {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        Timestamp::parse(&text).map(Self).ok_or("no moment")
    }
}

impl From<Moment> for String {
    fn from(moment: Moment) -> Self {
        moment.0.rfc3339()
    }
}

impl TryFrom<String> for Day {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        parse_date(&text).map(Self).ok_or("no date")
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        date_text(day.0)
    }
}
