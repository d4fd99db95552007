//! Names for the values that can be invalid.

/// A value that can be invalid.
///
/// The directory names its own values. What was found while a body was read has the client's name instead, so one value
/// can have two of these: wherever violations of both origins meet, compare their names on the wire (`wire_name` of the
/// dialects).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Field {
    /// What a client sent under this name; a dot leads into a nested object.
    Sent(&'static str),
    /// The object as a whole.
    WholeObject,
    /// An id in one of the APIs.
    Id,
    /// The name of a user.
    Username,
    /// The first name of a user.
    FirstName,
    /// The last name of a user.
    LastName,
    /// The e-mail of a user or an organization, or an address of a user.
    Email,
    /// The telephone number of a user.
    PhoneNumber,
    /// A user's text about themselves.
    Bio,
    /// The URL of a user or an organization.
    Url,
    /// The company of a user.
    Company,
    /// The location of a user.
    Location,
    /// Notes about a user.
    Notes,
    /// The description of a user or an organization.
    Description,
    /// The organization that a user has in Edge: a text.
    EdgeOrganization,
    /// The LDAP name in a user's profile for switches.
    LdapDn,
    /// The theme in a user's profile for switches.
    Theme,
    /// Whether an account is active.
    IsActive,
    /// The last day of an account.
    ExpirationDate,
    /// The id of a user or a group at an identity provider.
    ExternalId,
    /// What an identity provider says about a user beyond that.
    Extras,
    /// The groups of a user.
    Groups,
    /// The permissions of a user.
    Permissions,
    /// The password of a new user.
    Password,
    /// The current password, when any password is set.
    CurrentPassword,
    /// The new password, when any password is set.
    NewPassword,
    /// The new password again, when any password is set.
    PasswordConfirmation,
    /// The current password, when users change their own.
    OldPassword,
    /// The new password again, when users change their own or reset it.
    NewPasswordAgain,
    /// The user whom a mailed link names.
    ResetUser,
    /// The secret of a mailed link.
    ResetToken,
    /// Whether an address is verified.
    Verified,
    /// The title of an API token.
    Title,
    /// The membership requested with a user.
    Membership,
    /// The organization of that membership.
    MembershipOrganization,
    /// Whether that membership is a manager's.
    MembershipIsAdmin,
    /// The organization of a membership that is added to a user.
    Organization,
    /// The name of a group.
    GroupName,
    /// The permissions of a group.
    GroupPermissions,
    /// The members of a group.
    Members,
    /// The name of an organization.
    OrganizationName,
    /// The slug of an organization.
    Slug,
    /// The organization that has the slug.
    SlugOwner,
    /// The owner of an organization.
    Owner,
}
