//! The attributes of users and groups: one table for discovery, bodies, paths and filters (`contracts/scim.md` section 3).

use serde_json::{Map, Value, json};

/// The schema of users.
pub const USER_URN: &str = "urn:ietf:params:scim:schemas:core:2.0:User";
/// The schema of groups.
pub const GROUP_URN: &str = "urn:ietf:params:scim:schemas:core:2.0:Group";
/// The extension of RFC 7643 section 4.3.
pub const ENTERPRISE_URN: &str = "urn:ietf:params:scim:schemas:extension:enterprise:2.0:User";
/// Our own extension.
pub const ROLLCALL_URN: &str = "urn:rollcall:scim:schemas:1.0:User";

/// What kind of value an attribute has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A text.
    Text,
    /// True or false.
    Boolean,
    /// A timestamp.
    Moment,
    /// A URI, of these kinds of resources.
    Reference(&'static [&'static str]),
    /// Parts.
    Complex,
}

/// Who sets an attribute.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mutability {
    ReadWrite,
    ReadOnly,
    WriteOnly,
    Immutable,
}

/// An attribute, or a part of one.
#[derive(Debug)]
#[expect(clippy::struct_excessive_bools, reason = "RFC 7643 section 7 has these characteristics")]
pub struct Attribute {
    /// Its name.
    pub name: &'static str,
    /// What it is.
    pub about: &'static str,
    /// Its kind of value.
    pub kind: Kind,
    /// Whether it is a list of these.
    pub many: bool,
    /// Whether each resource has it.
    pub required: bool,
    /// Whether letter case matters.
    pub case_exact: bool,
    /// Who sets it.
    pub mutability: Mutability,
    /// Whether no two resources have the same.
    pub unique: bool,
    /// Whether it is shown to those alone who ask for it.
    pub on_request: bool,
    /// Values that clients choose from, if they are known.
    pub values: &'static [&'static str],
    /// Its parts.
    pub parts: &'static [Self],
}

/// A kind of resource.
#[derive(Debug)]
pub struct Schema {
    /// The URN of its own attributes.
    pub urn: &'static str,
    /// Its name.
    pub name: &'static str,
    /// The end of its path.
    pub path: &'static str,
    /// What it is.
    pub about: &'static str,
    /// Its attributes.
    pub attributes: &'static [Attribute],
    /// Extensions: URN, name and attributes of each.
    pub extensions: &'static [(&'static str, &'static str, &'static [Attribute])],
}

impl Attribute {
    const fn text(name: &'static str, about: &'static str) -> Self {
        Self {
            name,
            about,
            kind: Kind::Text,
            many: false,
            required: false,
            case_exact: false,
            mutability: Mutability::ReadWrite,
            unique: false,
            on_request: false,
            values: &[],
            parts: &[],
        }
    }

    const fn of(self, kind: Kind) -> Self {
        Self { kind, ..self }
    }

    const fn exact(self) -> Self {
        Self { case_exact: true, ..self }
    }

    const fn required(self) -> Self {
        Self { required: true, ..self }
    }

    const fn unique(self) -> Self {
        Self { unique: true, ..self }
    }

    const fn set_by(self, mutability: Mutability) -> Self {
        Self { mutability, ..self }
    }

    const fn on_request(self) -> Self {
        Self { on_request: true, ..self }
    }

    const fn read_only(self) -> Self {
        self.set_by(Mutability::ReadOnly)
    }

    const fn with(self, parts: &'static [Self]) -> Self {
        Self { kind: Kind::Complex, parts, ..self }
    }

    const fn one_of(self, values: &'static [&'static str]) -> Self {
        Self { values, ..self }
    }

    const fn list(self) -> Self {
        Self { many: true, ..self }
    }

    /// The part of that name, in any letter case.
    pub fn part(&self, name: &str) -> Option<&'static Self> {
        find(self.parts, name)
    }

    /// Its description for clients (RFC 7643 section 7).
    pub fn described(&self) -> Value {
        let kind = match self.kind {
            Kind::Text => "string",
            Kind::Boolean => "boolean",
            Kind::Moment => "dateTime",
            Kind::Reference(_) => "reference",
            Kind::Complex => "complex",
        };
        let mutability = match self.mutability {
            Mutability::ReadWrite => "readWrite",
            Mutability::ReadOnly => "readOnly",
            Mutability::WriteOnly => "writeOnly",
            Mutability::Immutable => "immutable",
        };
        let returned = match self.mutability {
            Mutability::WriteOnly => "never",
            _ if self.on_request => "request",
            _ => "default",
        };
        let mut described = Map::from_iter([
            ("name".to_owned(), json!(self.name)),
            ("type".to_owned(), json!(kind)),
            ("multiValued".to_owned(), json!(self.many)),
            ("description".to_owned(), json!(self.about)),
            ("required".to_owned(), json!(self.required)),
            ("caseExact".to_owned(), json!(self.case_exact)),
            ("mutability".to_owned(), json!(mutability)),
            ("returned".to_owned(), json!(returned)),
            ("uniqueness".to_owned(), json!(if self.unique { "server" } else { "none" })),
        ]);
        if !self.values.is_empty() {
            described.insert("canonicalValues".to_owned(), json!(self.values));
        }
        if let Kind::Reference(kinds) = self.kind {
            described.insert("referenceTypes".to_owned(), json!(kinds));
        }
        if self.kind == Kind::Complex {
            let parts: Vec<Value> = self.parts.iter().map(Self::described).collect();
            described.insert("subAttributes".to_owned(), Value::Array(parts));
        }
        Value::Object(described)
    }
}

/// The attribute of that name, in any letter case.
pub fn find(attributes: &'static [Attribute], name: &str) -> Option<&'static Attribute> {
    attributes.iter().find(|attribute| attribute.name.eq_ignore_ascii_case(name))
}

const EXTERNAL: Kind = Kind::Reference(&["external"]);
const VALUE: Attribute = Attribute::text("value", "The value.");
const DISPLAY: Attribute = Attribute::text("display", "A name for people.");
const TYPE: Attribute = Attribute::text("type", "What it is for, such as work or home.");
const PRIMARY: Attribute = Attribute::text("primary", "Whether it is the preferred one.").of(Kind::Boolean);

const NAME: &[Attribute] = &[
    Attribute::text("formatted", "The whole name.").read_only().on_request(),
    Attribute::text("familyName", "The last name."),
    Attribute::text("givenName", "The first name."),
    Attribute::text("middleName", "Middle names."),
    Attribute::text("honorificPrefix", "What comes before the name, such as a title."),
    Attribute::text("honorificSuffix", "What comes after the name."),
];
const ENTRY: &[Attribute] = &[VALUE, DISPLAY, TYPE, PRIMARY];
const ADDRESS: &[Attribute] = &[
    Attribute::text("formatted", "The whole address."),
    Attribute::text("streetAddress", "Street and number."),
    Attribute::text("locality", "City."),
    Attribute::text("region", "State or region."),
    Attribute::text("postalCode", "Postal code."),
    Attribute::text("country", "Country, in two letters."),
    TYPE,
    PRIMARY,
];
const USER_GROUP: &[Attribute] = &[
    Attribute::text("value", "The id of the group.").exact().read_only(),
    Attribute::text("$ref", "The address of the group.").of(Kind::Reference(&["Group"])).exact().read_only(),
    Attribute::text("display", "The name of the group.").read_only(),
    Attribute::text("type", "Always direct.").read_only(),
];

/// Users.
pub static USER: Schema = Schema {
    urn: USER_URN,
    name: "User",
    path: "/Users",
    about: "User Account",
    attributes: &[
        Attribute::text("userName", "The name to sign in with.").required().unique(),
        Attribute::text("name", "The parts of the name.").with(NAME),
        Attribute::text("displayName", "The name to show."),
        Attribute::text("nickName", "The casual name."),
        Attribute::text("profileUrl", "A page about the user.").of(EXTERNAL),
        Attribute::text("title", "The position, such as Vice President."),
        Attribute::text("userType", "What the user is to the organization, such as Contractor."),
        Attribute::text("preferredLanguage", "The preferred language, such as en."),
        Attribute::text("locale", "The preferred format of dates and numbers, such as en-US."),
        Attribute::text("timezone", "The time zone, such as America/Los_Angeles."),
        Attribute::text("active", "Whether the account is active.").of(Kind::Boolean).required(),
        Attribute::text("password", "A new password.").set_by(Mutability::WriteOnly).exact(),
        Attribute::text("emails", "E-mail addresses.").with(ENTRY).list(),
        Attribute::text("phoneNumbers", "Telephone numbers.").with(ENTRY).list(),
        Attribute::text("addresses", "Postal addresses.").with(ADDRESS).list(),
        Attribute::text("groups", "The groups of the user.").with(USER_GROUP).list().read_only(),
        Attribute::text("roles", "Roles in other systems.").with(ENTRY).list(),
    ],
    extensions: &[
        (
            ENTERPRISE_URN,
            "EnterpriseUser",
            &[
                Attribute::text("employeeNumber", "The number of the employee."),
                Attribute::text("costCenter", "The cost center."),
                Attribute::text("organization", "The organization."),
                Attribute::text("division", "The division."),
                Attribute::text("department", "The department."),
                Attribute::text("manager", "The manager.").with(&[
                    Attribute::text("value", "The id of the manager.").exact(),
                    Attribute::text("$ref", "The address of the manager.").of(Kind::Reference(&["User"])).exact(),
                    Attribute::text("displayName", "The name of the manager."),
                ]),
            ],
        ),
        (
            ROLLCALL_URN,
            "RollcallUser",
            &[
                Attribute::text("organizations", "The organizations of the user.")
                    .with(&[
                        Attribute::text("value", "The id of the organization.").exact().read_only(),
                        Attribute::text("display", "The name of the organization.").read_only(),
                        Attribute::text("isManager", "Whether the user manages it.").of(Kind::Boolean).read_only(),
                    ])
                    .list()
                    .read_only(),
                Attribute::text("expirationDate", "The last day of the account, YYYY-MM-DD.")
                    .exact()
                    .one_of(&["2999-12-31"]),
            ],
        ),
    ],
};

/// Groups.
pub static GROUP: Schema = Schema {
    urn: GROUP_URN,
    name: "Group",
    path: "/Groups",
    about: "Group",
    attributes: &[
        Attribute::text("displayName", "The name of the group.").required().exact().unique(),
        Attribute::text("members", "The users of the group.")
            .with(&[
                Attribute::text("value", "The id of the user.").exact().set_by(Mutability::Immutable),
                Attribute::text("$ref", "The address of the user.")
                    .of(Kind::Reference(&["User"]))
                    .exact()
                    .set_by(Mutability::Immutable),
                Attribute::text("type", "Always User.").set_by(Mutability::Immutable).one_of(&["User"]),
            ])
            .list(),
    ],
    extensions: &[],
};

/// The attributes of all resources, which no schema describes (RFC 7643 section 3.1).
pub static COMMON: &[Attribute] = &[
    Attribute::text("schemas", "The schemas of the resource.").exact().list(),
    Attribute::text("id", "The id.").exact().read_only(),
    Attribute::text("externalId", "The id at the identity provider.").exact(),
    Attribute::text("meta", "About the resource.")
        .with(&[
            Attribute::text("resourceType", "The kind of resource.").exact().read_only(),
            Attribute::text("created", "When it was made.").of(Kind::Moment).read_only(),
            Attribute::text("lastModified", "When it was changed.").of(Kind::Moment).read_only(),
            Attribute::text("location", "Its address.").of(EXTERNAL).exact().read_only(),
            Attribute::text("version", "Its version.").exact().read_only(),
        ])
        .read_only(),
];

impl Schema {
    /// The attribute of its own or of all resources, in any letter case.
    pub fn attribute(&self, name: &str) -> Option<&'static Attribute> {
        find(self.attributes, name).or_else(|| find(COMMON, name))
    }

    /// The extension with that URN, in any letter case.
    pub fn extension(&self, urn: &str) -> Option<(&'static str, &'static [Attribute])> {
        let found = self.extensions.iter().find(|(own, ..)| own.eq_ignore_ascii_case(urn));
        found.map(|(urn, _, attributes)| (*urn, *attributes))
    }
}
