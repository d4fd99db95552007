//! The names of fields on the wire, which the APIs have in common.

use crate::model::Field;

/// The name of a field on the wire; a dot leads into a nested object.
pub fn wire_name(field: Field) -> &'static str {
    match field {
        Field::Sent(name) => name,
        Field::WholeObject => "__all__",
        Field::Id => "id",
        Field::Username => "username",
        Field::FirstName => "first_name",
        Field::LastName => "last_name",
        Field::Email => "email",
        Field::PhoneNumber => "phone_number",
        Field::Bio => "bio",
        Field::Url => "url",
        Field::Company => "company",
        Field::Location => "location",
        Field::Notes => "notes",
        Field::Description => "description",
        Field::LdapDn => "profile.last_ldap_dn",
        Field::Theme => "profile.theme",
        Field::IsActive => "is_active",
        Field::ExpirationDate => "expiration_date",
        Field::ExternalId => "external_id",
        Field::Extras => "extras",
        Field::Members => "members",
        Field::Groups => "groups",
        Field::Permissions => "user_permissions",
        Field::GroupPermissions => "permissions",
        Field::Password => "password",
        Field::CurrentPassword => "current_password",
        Field::NewPassword => "new_password",
        Field::PasswordConfirmation => "confirm_password",
        Field::OldPassword => "old_password",
        Field::NewPasswordAgain => "new_password2",
        Field::ResetUser => "uid",
        Field::ResetToken => "token",
        Field::Verified => "verified",
        Field::Title => "title",
        Field::Membership => "organization_users",
        Field::MembershipOrganization => "organization_users.organization",
        Field::MembershipIsAdmin => "organization_users.is_admin",
        Field::EdgeOrganization | Field::Organization | Field::SlugOwner => "organization",
        Field::GroupName | Field::OrganizationName => "name",
        Field::Slug => "slug",
        Field::Owner => "owner.organization_user",
    }
}

/// Stored texts by their names on the wire, for [`crate::web::fields::Reader::keeping`].
pub fn by_wire_name<'a>(texts: impl IntoIterator<Item = (Field, &'a str)>) -> Vec<(&'static str, &'a str)> {
    texts.into_iter().map(|(field, text)| (wire_name(field), text)).collect()
}
