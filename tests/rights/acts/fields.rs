//! Which fields random acts send.

/// Fields of OpenWISP's users; those that matter for rights more than once.
pub const OPENWISP_FIELDS: &[&str] = &[
    "username",
    "email",
    "phone_number",
    "is_active",
    "is_staff",
    "is_superuser",
    "groups",
    "groups",
    "expiration_date",
    "organization_users",
    "organization_users",
    "user_permissions",
    "first_name",
    "last_name",
    "bio",
    "company",
    "location",
    "notes",
    "url",
    "birth_date",
    "password",
];

/// Fields of a new user of OpenWISP, beside those that it must have.
pub const NEW_FIELDS: &[&str] = &[
    "is_active",
    "is_staff",
    "is_superuser",
    "groups",
    "groups",
    "organization_users",
    "organization_users",
    "expiration_date",
    "phone_number",
    "user_permissions",
];

/// Fields of OpenL2M's users.
pub const OPENL2M_FIELDS: &[&str] = &[
    "username",
    "first_name",
    "email",
    "is_active",
    "is_staff",
    "is_superuser",
    "groups",
    "user_permissions",
    "last_login",
    "date_joined",
    "profile",
    "password",
];

/// Fields of Edge's users.
pub const EDGE_FIELDS: &[&str] = &[
    "username",
    "first_name",
    "last_name",
    "email",
    "description",
    "is_active",
    "is_superuser",
    "is_staff",
    "is_staff",
    "can_inbox",
    "allow_rest_access",
    "organization",
    "memberships",
];
