//! `rollcall export`: one JSON record per line. Timestamps are RFC 3339 with microseconds, days `YYYY-MM-DD`.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, BTreeSet};
use std::io::BufRead;

use serde::{Deserialize, Serialize};
use shared::directory::transfer::{
    DayRecord, ImportEntry, Known, MembershipRecord, Record, SegmentRecord, TokenRecord, UserRecord,
};
use shared::error::Cause;
use shared::model::Sequence;
use shared::model::{
    AddressId, Date, EdgeId, EdgeProfile, EmailAddress, Extras, Flags, Group, GroupId, MembershipId, OpenWispDetails,
    Organization, OrganizationId, PermissionId, PhoneNumber, SignInAttempt, SwitchProfile, Timestamp, TokenId,
    UserEmail, UserId, UserNumber, Username, date_text, parse_date,
};
use shared::secret::Secret;

use super::Source;
use super::kinds::{Kind, Kinds};
use super::rows::{Row, Rows};

/// The layout of the lines that are written; no other layout can be read.
const LAYOUT: u32 = 1;

#[derive(Serialize, Deserialize)]
#[serde(tag = "record", rename_all = "snake_case", deny_unknown_fields)]
enum Line {
    /// The first line.
    Rollcall {
        layout: u32,
    },
    Group {
        id: GroupId,
        name: String,
        permissions: BTreeSet<PermissionId>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        external_id: Option<String>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        created: Option<Moment>,
        #[serde(default, skip_serializing_if = "Option::is_none")]
        modified: Option<Moment>,
    },
    Organization(OrganizationLine),
    Sequence {
        name: SequenceName,
        given: u64,
    },
    User(Box<UserLine>),
    Attempt(AttemptLine),
    /// A segment of the event log.
    Events(SegmentRecord),
    /// A closed day of the event log.
    EventDay(DayRecord),
    /// The last line, without which a file is incomplete.
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
struct UserLine {
    id: UserId,
    number: UserNumber,
    edge_id: String,
    username: String,
    email: Option<EmailAddress>,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    email_is_shared: bool,
    password: Secret,
    token_version: u64,
    first_name: String,
    last_name: String,
    #[serde(flatten)]
    details: OpenWispDetails<Option<String>>,
    phone_number: Option<PhoneNumber>,
    birth_date: Option<Day>,
    expiration_date: Option<Day>,
    reminded_of: Option<Day>,
    #[serde(flatten)]
    flags: Flags<Option<bool>>,
    last_login: Option<Moment>,
    date_joined: Moment,
    has_signed_in: bool,
    groups: BTreeSet<GroupId>,
    permissions: BTreeSet<PermissionId>,
    addresses: Vec<AddressLine>,
    memberships: Vec<MembershipLine>,
    tokens: Vec<TokenLine>,
    profile: SwitchProfile,
    sharing: EdgeProfile,
    #[serde(default, skip_serializing_if = "std::ops::Not::not")]
    has_caseless_name: bool,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    external_id: Option<String>,
    #[serde(default, skip_serializing_if = "Extras::is_empty")]
    extras: Extras,
    /// Lines from before this attribute existed lack it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    modified: Option<Moment>,
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
    sha256: Secret,
    title: String,
    is_active: bool,
    created: Moment,
    updated: Moment,
    last_used: Option<Moment>,
    good_until: Moment,
    /// Unknown for tokens in lines written before this attribute existed.
    #[serde(default = "yes", skip_serializing_if = "Clone::clone")]
    made_by_other: bool,
}

fn yes() -> bool {
    true
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

/// A timestamp as text.
#[derive(Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[derive(Clone, Copy)]
struct Moment(Timestamp);

/// A day as text.
#[derive(Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
#[derive(Clone, Copy)]
struct Day(Date);

/// If this many lines at the beginning are unusable, the whole file is.
const LOOK: usize = 1000;

/// Reads a file, line by line.
pub fn read(file: impl BufRead + Send + 'static) -> Result<Source, Cause> {
    let mut rows = Rows::of(file)?;
    let mut kinds = Kinds::default();
    let mut first = Vec::new();
    let mut is_usable = false;
    while !is_usable && first.len() < LOOK {
        let Some(row) = rows.next().transpose()? else { break };
        if let Ok(text) = &row.text {
            is_usable = serde_json::from_slice::<Line>(text).is_ok();
            if let Ok(value) = serde_json::from_slice(text) {
                kinds.add(&value);
            }
        }
        first.push(row);
    }
    match kinds.refusal(&[Kind::Export]) {
        Some(refusal) => return Err(refusal.into()),
        None if first.is_empty() => return Err("the file contains no records".into()),
        None => {}
    }
    let rows = first.into_iter().map(Ok).chain(rows.take(if is_usable { usize::MAX } else { 0 }));
    Ok(Source {
        entries: Box::new(entries(rows, !is_usable)),
        is_usable,
        total: None,
        brings_groups: true,
        brings_organizations: true,
        passed_over: BTreeMap::new(),
    })
}

/// The lines as entries, and an error at the end if the last line is missing, unless it `has_ended`.
fn entries(
    mut rows: impl Iterator<Item = Result<Row, Cause>> + Send,
    mut has_ended: bool,
) -> impl Iterator<Item = ImportEntry> + Send {
    std::iter::from_fn(move || {
        let told = |place: String, record| Some(ImportEntry { origin: place, record, left_out: Vec::new() });
        loop {
            let Some(row) = rows.next() else {
                let is_whole = std::mem::replace(&mut has_ended, true);
                let reason = "the last line is missing: the file is incomplete".to_owned();
                return (!is_whole).then(|| told("end of file".to_owned(), Err(reason))).flatten();
            };
            let Row { place, text } = match row {
                Ok(row) => row,
                // Nothing follows it.
                Err(error) => return told("the file".to_owned(), Err(error.to_string())),
            };
            let line =
                text.and_then(|text| serde_json::from_slice::<Line>(&text).map_err(|error| super::rows::told(&error)));
            if matches!(line, Ok(Line::End {})) {
                has_ended = true;
            } else if let Some(record) = line.and_then(Line::record).transpose() {
                return told(place, record);
            }
        }
    })
}

/// The first line of an export.
///
/// # Errors
/// Never, but the type of the error does not say so.
pub fn first_line() -> serde_json::Result<String> {
    serde_json::to_string(&Line::Rollcall { layout: LAYOUT })
}

/// The last line of an export.
///
/// # Errors
/// Never, but the type of the error does not say so.
pub fn last_line() -> serde_json::Result<String> {
    serde_json::to_string(&Line::End {})
}

/// A record as a line, without the line end. It contains hashes: it is a secret.
///
/// # Errors
/// Never, but the type of the error does not say so.
pub fn line_of(record: &Record) -> serde_json::Result<String> {
    serde_json::to_string(&Line::from(record.clone()))
}

impl Line {
    /// The record of a line; `None` for the first and last line; the error is the reason why it is unusable.
    fn record(self) -> Result<Option<Record>, String> {
        Ok(Some(match self {
            Self::Rollcall { layout: LAYOUT } | Self::End {} => return Ok(None),
            Self::Rollcall { layout } => {
                return Err(format!("the file has layout {layout}; this release reads layout {LAYOUT}"));
            }
            Self::Group { id, name, permissions, external_id, created, modified } => {
                let [created, modified] = [created, modified].map(|moment| moment.map(|moment| moment.0));
                Record::Group(Group { id, version: 1, name, permissions, external_id, created, modified })
            }
            Self::Organization(line) => Record::Organization(line.into()),
            Self::Sequence { name, given } => {
                let sequence = match name {
                    SequenceName::Users => Sequence::Users,
                    SequenceName::Addresses => Sequence::Addresses,
                    SequenceName::Groups => Sequence::Groups,
                };
                Record::SequenceFloor(sequence, given)
            }
            Self::User(line) => Record::User(Box::new(line.user_record()?)),
            Self::Events(segment) => Record::Segment(segment),
            Self::EventDay(day) => Record::EventDay(day),
            Self::Attempt(AttemptLine { user, name, success, at, user_agent, address }) => {
                Record::Attempt(user, name, SignInAttempt { success, at: at.0, user_agent, address })
            }
        }))
    }
}

impl From<Record> for Line {
    fn from(record: Record) -> Self {
        match record {
            Record::Group(Group { id, version: _, name, permissions, external_id, created, modified }) => {
                let [created, modified] = [created, modified].map(|moment| moment.map(Moment));
                Self::Group { id, name, permissions, external_id, created, modified }
            }
            Record::Organization(organization) => Self::Organization(organization.into()),
            Record::SequenceFloor(sequence, given) => {
                let name = match sequence {
                    Sequence::Users => SequenceName::Users,
                    Sequence::Addresses => SequenceName::Addresses,
                    Sequence::Groups => SequenceName::Groups,
                };
                Self::Sequence { name, given }
            }
            Record::Segment(segment) => Self::Events(segment),
            Record::EventDay(day) => Self::EventDay(day),
            Record::User(user_record) => Self::User(Box::new((*user_record).into())),
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

/// The value of a field that every line has.
fn present<T>(name: &str, value: Option<T>) -> Result<T, String> {
    value.ok_or_else(|| format!("missing field `{name}`"))
}

impl UserLine {
    fn user_record(self) -> Result<UserRecord, String> {
        let username = Username::of_existing(&self.username).ok_or("no valid user name")?;
        let mut user_record = UserRecord::new(&username, self.date_joined.0);
        user_record.set_id(self.id);
        user_record.set_number(self.number);
        user_record.set_edge_id(EdgeId::parse(&self.edge_id).ok_or("its edge_id is not 24 hexadecimal digits")?);
        // An earlier release may have accepted what is invalid today.
        let is_address = |email: &EmailAddress| EmailAddress::of_store(email.as_str()).is_some();
        let mut emails = self.email.iter().chain(self.addresses.iter().map(|line| &line.email));
        if !emails.all(is_address) {
            return Err("an e-mail address is invalid".to_owned());
        }
        if self.phone_number.as_ref().is_some_and(|number| PhoneNumber::parse(number.as_str()).as_ref() != Some(number))
        {
            return Err("its telephone number is invalid".to_owned());
        }
        let user = &mut user_record.user;
        user.email = self.email;
        user.email_is_shared = self.email_is_shared;
        user.password = self.password;
        user.token_version = self.token_version;
        user.first_name = self.first_name;
        user.last_name = self.last_name;
        user.details = OpenWispDetails {
            bio: present("bio", self.details.bio)?,
            url: present("url", self.details.url)?,
            company: present("company", self.details.company)?,
            location: present("location", self.details.location)?,
            notes: present("notes", self.details.notes)?,
        };
        user.phone_number = self.phone_number;
        user.birth_date = self.birth_date.map(|day| day.0);
        user.expiration_date = self.expiration_date.map(|day| day.0);
        user.reminded_of = self.reminded_of.map(|day| day.0);
        user.flags = Flags {
            is_active: present("is_active", self.flags.is_active)?,
            is_staff: present("is_staff", self.flags.is_staff)?,
            // Lines from before this flag existed lack it.
            is_edge_staff: self.flags.is_edge_staff.unwrap_or_default(),
            is_superuser: present("is_superuser", self.flags.is_superuser)?,
        };
        user.last_login = self.last_login.map(|moment| moment.0);
        user.has_signed_in = self.has_signed_in;
        user.groups = self.groups;
        user.permissions = self.permissions;
        user.addresses = self.addresses.into_iter().map(UserEmail::from).collect();
        user.profile = self.profile;
        user.sharing = self.sharing;
        user.has_caseless_name = self.has_caseless_name;
        user.external_id = self.external_id;
        user.extras = self.extras;
        user.modified = self.modified.map_or(self.date_joined.0, |moment| moment.0);
        user_record.memberships = self.memberships.into_iter().map(MembershipRecord::from).collect();
        user_record.tokens = self.tokens.into_iter().map(TokenLine::transfer).collect::<Result<_, _>>()?;
        Ok(user_record)
    }
}

impl From<UserRecord> for UserLine {
    fn from(user_record: UserRecord) -> Self {
        let UserRecord { user, has: Known { .. }, may_share_email: _, memberships, tokens } = user_record;
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
            details: user.details.map(Some),
            phone_number: user.phone_number,
            birth_date: user.birth_date.map(Day),
            expiration_date: user.expiration_date.map(Day),
            reminded_of: user.reminded_of.map(Day),
            flags: Flags { is_edge_staff: user.flags.is_edge_staff.then_some(true), ..user.flags.map(Some) },
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
            has_caseless_name: user.has_caseless_name,
            external_id: user.external_id,
            extras: user.extras,
            modified: (user.modified != user.date_joined).then_some(Moment(user.modified)),
        }
    }
}

impl From<AddressLine> for UserEmail {
    fn from(line: AddressLine) -> Self {
        let AddressLine { id, email, verified, primary } = line;
        Self { id, email, verified, primary }
    }
}

impl From<UserEmail> for AddressLine {
    fn from(entry: UserEmail) -> Self {
        let UserEmail { id, email, verified, primary } = entry;
        Self { id, email, verified, primary }
    }
}

impl From<MembershipLine> for MembershipRecord {
    fn from(line: MembershipLine) -> Self {
        let MembershipLine { id, organization, is_admin, is_owner } = line;
        Self { id, organization, is_admin, is_owner }
    }
}

impl From<MembershipRecord> for MembershipLine {
    fn from(membership: MembershipRecord) -> Self {
        let MembershipRecord { id, organization, is_admin, is_owner } = membership;
        Self { id, organization, is_admin, is_owner }
    }
}

impl TokenLine {
    fn transfer(self) -> Result<TokenRecord, String> {
        let Self { id, sha256, title, is_active, created, updated, last_used, good_until, made_by_other } = self;
        let id = TokenId::parse(&id).ok_or("the id of a token is not 24 hexadecimal digits")?;
        let is_digit = |b: u8| b.is_ascii_digit() || (b'a'..=b'f').contains(&b);
        if sha256.len() != 64 || !sha256.bytes().all(is_digit) {
            return Err("the sha256 of a token is not 64 lowercase hexadecimal digits".to_owned());
        }
        Ok(TokenRecord {
            hash: sha256,
            id: Some(id),
            title,
            is_active,
            created: created.0,
            updated: updated.0,
            last_used: last_used.map(|moment| moment.0),
            good_until: good_until.0,
            made_by_other,
        })
    }
}

impl From<TokenRecord> for TokenLine {
    fn from(token: TokenRecord) -> Self {
        let TokenRecord { hash, id, title, is_active, created, updated, last_used, good_until, made_by_other } = token;
        Self {
            id: id.map(|id| id.to_string()).unwrap_or_default(),
            sha256: hash,
            title,
            is_active,
            created: Moment(created),
            updated: Moment(updated),
            last_used: last_used.map(Moment),
            good_until: Moment(good_until),
            made_by_other,
        }
    }
}

impl TryFrom<String> for Moment {
    type Error = &'static str;

    fn try_from(text: String) -> Result<Self, &'static str> {
        Timestamp::parse(&text).map(Self).ok_or("not a valid timestamp")
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
        parse_date(&text).map(Self).ok_or("not a valid date")
    }
}

impl From<Day> for String {
    fn from(day: Day) -> Self {
        date_text(day.0)
    }
}
