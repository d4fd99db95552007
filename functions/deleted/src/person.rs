//! Everything that is stored about a user, as one document: `/api/rollcall/v1/users/{id}/export/`.

use std::sync::Arc;

use axum::Json;
use axum::extract::{Path, State};
use serde::Serialize;
use shared::Directory;
use shared::dialect::event::EventResponse;
use shared::dialect::openwisp::OpenWisp;
use shared::directory::PersonExport;
use shared::model::{
    AddressId, ApiToken, EdgeProfile, Extras, Flags, Group, GroupId, Membership, MembershipId, OpenWispDetails,
    OrganizationId, Permission, PermissionId, Session, SignInAttempt, SwitchProfile, Timestamp, Tlp, User, UserEmail,
    UserId, UserNumber, date_text,
};
use shared::web::{Authenticated, Failure};

/// Everything that is stored about a user, without secrets.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct PersonResponse {
    user: Record,
    deleted: Option<String>,
    organizations: Vec<Joined>,
    user_groups: Vec<NamedGroup>,
    api_tokens: Vec<Token>,
    sessions: Vec<BrowserSession>,
    sign_ins: Vec<SignIn>,
    has_more_sign_ins: bool,
    events: Vec<EventResponse>,
    has_more_events: bool,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
#[expect(clippy::struct_excessive_bools, reason = "the record has these fields")]
struct Record {
    id: UserId,
    openl2m_id: UserNumber,
    edge_id: String,
    username: String,
    email: Option<String>,
    is_email_shared: bool,
    first_name: String,
    last_name: String,
    bio: String,
    url: String,
    company: String,
    location: String,
    notes: String,
    phone_number: Option<String>,
    birth_date: Option<String>,
    expiration_date: Option<String>,
    reminded_of: Option<String>,
    is_active: bool,
    is_staff: bool,
    is_edge_staff: bool,
    is_superuser: bool,
    last_login: Option<String>,
    date_joined: String,
    user_permissions: Vec<String>,
    addresses: Vec<Address>,
    openl2m_profile: Switches,
    edge_profile: Sharing,
    modified: String,
    external_id: Option<String>,
    /// JSON, as the identity provider sent it.
    scim_own: String,
    scim_assigned: String,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
struct Address {
    id: AddressId,
    email: String,
    verified: bool,
    primary: bool,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
#[expect(clippy::struct_excessive_bools, reason = "the profile has these fields")]
struct Switches {
    read_only: bool,
    bulk_edit: bool,
    vlan_edit: bool,
    allow_poe_toggle: bool,
    edit_if_descr: bool,
    are_you_sure: bool,
    last_ldap_dn: String,
    last_ldap_login: Option<String>,
    theme: String,
    menu: bool,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
struct Sharing {
    description: String,
    can_inbox: bool,
    allow_rest_access: bool,
    organization: Option<String>,
    memberships: Vec<&'static str>,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
struct Joined {
    membership: MembershipId,
    organization: OrganizationId,
    name: Option<String>,
    is_admin: bool,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
struct NamedGroup {
    id: GroupId,
    name: String,
    permissions: Vec<String>,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
struct Token {
    id: String,
    title: String,
    active: bool,
    made_by_other: bool,
    created: String,
    updated: String,
    last_used: Option<String>,
    expires: String,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
struct BrowserSession {
    id: String,
    created: String,
    last_used: String,
    expires: String,
    address: Option<String>,
    user_agent: Option<String>,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
struct SignIn {
    at: String,
    success: bool,
    address: Option<String>,
    user_agent: Option<String>,
}

/// `GET /api/rollcall/v1/users/{id}/export/`
pub async fn export(
    State(directory): State<Arc<Directory>>,
    Authenticated { caller, .. }: Authenticated<OpenWisp>,
    Path(id): Path<UserId>,
) -> Result<Json<PersonResponse>, Failure<OpenWisp>> {
    Ok(Json(directory.export_person(&caller, id).await?.into()))
}

impl From<PersonExport> for PersonResponse {
    fn from(person: PersonExport) -> Self {
        let PersonExport {
            user,
            deleted,
            memberships,
            groups,
            tokens,
            sessions,
            attempts,
            has_more_attempts: has_more_sign_ins,
            events,
            has_more_events,
        } = person;
        Self {
            user: user.into(),
            deleted: deleted.map(Timestamp::rfc3339),
            organizations: memberships.into_iter().map(Joined::from).collect(),
            user_groups: groups.into_iter().map(NamedGroup::from).collect(),
            api_tokens: tokens.into_iter().map(Token::from).collect(),
            sessions: sessions.into_iter().map(BrowserSession::from).collect(),
            sign_ins: attempts.into_iter().map(SignIn::from).collect(),
            has_more_sign_ins,
            events: events.into_iter().map(EventResponse::from).collect(),
            has_more_events,
        }
    }
}

impl From<User> for Record {
    fn from(user: User) -> Self {
        let User {
            id,
            number,
            edge_id,
            // They count changes.
            version: _,
            token_version: _,
            api_tokens_ended: _,
            others_api_tokens_ended: _,
            username,
            email,
            email_is_shared,
            // A secret.
            password: _,
            first_name,
            last_name,
            details: OpenWispDetails { bio, url, company, location, notes },
            phone_number,
            birth_date,
            expiration_date,
            flags: Flags { is_active, is_staff, is_edge_staff, is_superuser },
            last_login,
            date_joined,
            // Shown with their names.
            groups: _,
            permissions,
            // They follow from the memberships.
            manages: _,
            holds: _,
            // Shown with the other memberships.
            returning: _,
            addresses,
            reminded_of,
            profile,
            sharing,
            // It follows from the attempts.
            has_signed_in: _,
            // How the name is claimed.
            has_caseless_name: _,
            modified,
            external_id,
            extras: Extras { own, assigned },
        } = user;
        Self {
            id,
            openl2m_id: number,
            edge_id: edge_id.to_string(),
            username: username.to_string(),
            email: email.map(|email| email.to_string()),
            is_email_shared: email_is_shared,
            first_name,
            last_name,
            bio,
            url,
            company,
            location,
            notes,
            phone_number: phone_number.map(|number| number.to_string()),
            birth_date: birth_date.map(date_text),
            expiration_date: expiration_date.map(date_text),
            reminded_of: reminded_of.map(date_text),
            is_active,
            is_staff,
            is_edge_staff,
            is_superuser,
            last_login: last_login.map(Timestamp::rfc3339),
            date_joined: date_joined.rfc3339(),
            user_permissions: permissions.into_iter().map(shown).collect(),
            addresses: addresses.into_iter().map(Address::from).collect(),
            openl2m_profile: profile.into(),
            edge_profile: sharing.into(),
            modified: modified.rfc3339(),
            external_id,
            scim_own: own,
            scim_assigned: assigned,
        }
    }
}

/// A permission with its number and its name.
fn shown(id: PermissionId) -> String {
    Permission::by_id(id).map_or_else(|| id.to_string(), |permission| format!("{id}: {permission}"))
}

impl From<UserEmail> for Address {
    fn from(UserEmail { id, email, verified, primary }: UserEmail) -> Self {
        Self { id, email: email.to_string(), verified, primary }
    }
}

impl From<SwitchProfile> for Switches {
    fn from(profile: SwitchProfile) -> Self {
        let SwitchProfile {
            read_only,
            bulk_edit,
            vlan_edit,
            allow_poe_toggle,
            edit_if_descr,
            are_you_sure,
            last_ldap_dn,
            last_ldap_login,
            theme,
            menu,
        } = profile;
        Self {
            read_only,
            bulk_edit,
            vlan_edit,
            allow_poe_toggle,
            edit_if_descr,
            are_you_sure,
            last_ldap_dn,
            last_ldap_login: last_ldap_login.map(Timestamp::rfc3339),
            theme,
            menu,
        }
    }
}

impl From<EdgeProfile> for Sharing {
    fn from(profile: EdgeProfile) -> Self {
        let EdgeProfile { description, can_inbox, allow_rest_access, organization, memberships } = profile;
        let memberships = memberships.into_iter().map(Tlp::name).collect();
        Self { description, can_inbox, allow_rest_access, organization, memberships }
    }
}

impl From<(Membership, Option<String>)> for Joined {
    fn from((membership, name): (Membership, Option<String>)) -> Self {
        let Membership { id, organization, is_admin } = membership;
        Self { membership: id, organization, name, is_admin }
    }
}

impl From<Group> for NamedGroup {
    fn from(Group { id, name, permissions, .. }: Group) -> Self {
        Self { id, name, permissions: permissions.into_iter().map(shown).collect() }
    }
}

impl From<ApiToken> for Token {
    fn from(token: ApiToken) -> Self {
        let ApiToken {
            id,
            user: _,
            title,
            is_active,
            created,
            updated,
            last_used,
            good_until,
            made_by_other,
            version: _,
        } = token;
        Self {
            id: id.to_string(),
            title,
            active: is_active,
            made_by_other,
            created: created.rfc3339(),
            updated: updated.rfc3339(),
            last_used: last_used.map(Timestamp::rfc3339),
            expires: good_until.rfc3339(),
        }
    }
}

impl From<Session> for BrowserSession {
    fn from(session: Session) -> Self {
        let Session { id, user: _, hash: _, version: _, created, last_used, good_until, address, user_agent } = session;
        Self {
            id: id.to_string(),
            created: created.rfc3339(),
            last_used: last_used.rfc3339(),
            expires: good_until.rfc3339(),
            address,
            user_agent,
        }
    }
}

impl From<SignInAttempt> for SignIn {
    fn from(SignInAttempt { success, at, user_agent, address }: SignInAttempt) -> Self {
        Self { at: at.rfc3339(), success, address, user_agent }
    }
}
