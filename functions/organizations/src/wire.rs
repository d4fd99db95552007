//! Organizations on the OpenWISP wire.

use serde::Serialize;
use shared::dialect::field_names::by_wire_name;
use shared::directory::Draft;
use shared::error::Rule;
use shared::model::{
    Change, EmailAddress, MembershipId, Organization, OrganizationChanges, OrganizationId, Timestamp, is_slug, is_url,
};
use shared::web::Input;
use shared::web::fields::{Blank, Field, FieldKind, Reader, Sent};

const ID: Field = Field::new("id", "Id", FieldKind::Text(Blank::Refused)).read_only();
const NAME: Field =
    Field::new("name", "Name", FieldKind::Text(Blank::Refused)).required().at_most(Organization::MAX_NAME);
const IS_ACTIVE: Field = Field::new("is_active", "Is active", FieldKind::Boolean);
const SLUG: Field = Field::new("slug", "Slug", FieldKind::Slug).required().at_most(Organization::MAX_SLUG);
const DESCRIPTION: Field = Field::text("description", "Description");
const EMAIL: Field = Field::new("email", "Email", FieldKind::Email(Blank::Allowed)).at_most(EmailAddress::MAX);
const URL: Field = Field::new("url", "URL", FieldKind::Url(Blank::Allowed)).at_most(Organization::MAX_URL);
const ORGANIZATION_USER: Field =
    Field::new("owner.organization_user", "Organization user", FieldKind::Reference).required().nullable();
const OWNER: Field = Field::new("owner", "Owner", FieldKind::Nested(&[ORGANIZATION_USER]));
const CREATED: Field = Field::new("created", "Created", FieldKind::DateTime).read_only();
const MODIFIED: Field = Field::new("modified", "Modified", FieldKind::DateTime).read_only();

/// The fields of a list row and of a new organization, in the order of the wire.
pub fn row_fields(_: bool) -> Vec<&'static Field> {
    vec![&ID, &NAME, &IS_ACTIVE, &SLUG, &DESCRIPTION, &EMAIL, &URL, &CREATED, &MODIFIED]
}

/// The fields of an organization in detail, in the order of the wire.
pub fn detail_fields(_: bool) -> Vec<&'static Field> {
    vec![&ID, &NAME, &IS_ACTIVE, &SLUG, &DESCRIPTION, &EMAIL, &URL, &OWNER, &CREATED, &MODIFIED]
}

/// An organization in a list, and in the response to a creation.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct OrganizationRowResponse {
    id: OrganizationId,
    name: String,
    is_active: bool,
    slug: String,
    description: String,
    email: String,
    url: String,
    created: String,
    modified: String,
}

/// An organization in detail.
#[derive(Debug, Serialize, schemars::JsonSchema)]
pub struct OrganizationDetailResponse {
    id: OrganizationId,
    name: String,
    is_active: bool,
    slug: String,
    description: String,
    email: String,
    url: String,
    owner: Option<OwnerResponse>,
    created: String,
    modified: String,
}

#[derive(Debug, Serialize, schemars::JsonSchema)]
struct OwnerResponse {
    organization_user: MembershipId,
}

impl From<Organization> for OrganizationRowResponse {
    fn from(organization: Organization) -> Self {
        let Organization { id, name, is_active, slug, description, email, url, created, modified, .. } = organization;
        let (created, modified) = (Timestamp::rfc3339(created), Timestamp::rfc3339(modified));
        Self { id, name, is_active, slug, description, email, url, created, modified }
    }
}

impl From<Organization> for OrganizationDetailResponse {
    fn from(organization: Organization) -> Self {
        let owner = organization.owner.map(|(organization_user, _)| OwnerResponse { organization_user });
        let row = OrganizationRowResponse::from(organization);
        let OrganizationRowResponse { id, name, is_active, slug, description, email, url, created, modified } = row;
        Self { id, name, is_active, slug, description, email, url, owner, created, modified }
    }
}

/// The new organization in a body (section 12.2). An owner is ignored.
pub fn new_organization(input: &Input) -> Draft<OrganizationChanges> {
    let mut reader = Reader::new(input, false);
    let content = fields(&mut reader);
    Draft { content, violations: reader.finish() }
}

/// The changes in a body (sections 12.3 and 12.4).
pub fn changes(input: &Input, partial: bool, organization: &Organization) -> Draft<OrganizationChanges> {
    let stored = organization.limited_texts().map(|(field, text, _)| (field, text));
    let mut reader = Reader::new(input, partial).keeping(by_wire_name(stored));
    let mut content = fields(&mut reader);
    content.owner = match reader.nested(&OWNER) {
        Sent::Value(nested) => {
            // A nested object is complete or missing: its required fields are required in a partial change too.
            let mut inner = Reader::new(&nested, false);
            let owner = inner.uuid(&ORGANIZATION_USER).map(|named| named.map(MembershipId));
            inner.finish_into(&mut reader);
            Change::from(owner)
        }
        _ => Change::Keep,
    };
    Draft { content, violations: reader.finish() }
}

fn fields(reader: &mut Reader<'_>) -> OrganizationChanges {
    let text_if = |good: fn(&str) -> bool, rule: Rule| {
        move |text: &str| if text.is_empty() || good(text) { Ok(text.to_owned()) } else { Err(rule) }
    };
    OrganizationChanges {
        name: reader.text(&NAME).value(),
        slug: reader.text_that(&SLUG, text_if(is_slug, Rule::NotSlug)).value(),
        is_active: reader.boolean(&IS_ACTIVE).value(),
        description: reader.text(&DESCRIPTION).value(),
        email: reader.text_that(&EMAIL, text_if(EmailAddress::is_well_formed, Rule::NotEmail)).value(),
        url: reader.text_that(&URL, text_if(is_url, Rule::NotUrl)).value(),
        owner: Change::Keep,
    }
}
