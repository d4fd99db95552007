//! Checks the decision against a statement of `contracts/openwisp.md` section 3 (with sections 8, 9.1 and the ✔ rows of
//! section 15). The statement is written from the text only: in its words, from memberships and organizations as they
//! are, without looking at the implementation.

use std::collections::BTreeSet;

use proptest::prelude::*;
use uuid::Uuid;

use super::{Act, Holdings, Rights, UserField};
use crate::directory::Caller;
use crate::model::{
    Action, EdgeId, Model, NewUser, OrganizationId, Permission, PermissionId, Timestamp, User, UserId, Username,
};

/// How many organizations there are.
const ORGANIZATIONS: usize = 4;

/// A person, in the contract's words.
#[derive(Debug, Clone)]
struct Person {
    id: u8,
    is_superuser: bool,
    is_staff: bool,
    /// As groups show them: `36: user | Can view user`.
    permissions: BTreeSet<String>,
    /// By organization: not a member, a member, or a member with `is_admin`.
    memberships: [Option<bool>; ORGANIZATIONS],
}

/// The requester, the other person, and which organizations are active.
#[derive(Debug, Clone)]
struct Scene {
    requester: Person,
    other: Person,
    active: [bool; ORGANIZATIONS],
}

fn user_id(id: u8) -> UserId {
    UserId(Uuid::from_u128(u128::from(id) + 1))
}

fn organization_id(index: usize) -> OrganizationId {
    OrganizationId(Uuid::from_u128(100 + index as u128))
}

fn label(id: PermissionId) -> String {
    format!("{id}: {}", Permission::by_id(id).expect("a permission"))
}

impl Person {
    fn has(&self, verb: &str, model: &str) -> bool {
        let ends = format!(": {model} | Can {verb} ");
        self.is_superuser || self.permissions.iter().any(|label| label.contains(&ends))
    }

    fn organizations(&self) -> Vec<OrganizationId> {
        (0..ORGANIZATIONS).filter(|&index| self.memberships[index].is_some()).map(organization_id).collect()
    }
}

impl Scene {
    /// The requester as the directory represents it.
    fn caller(&self) -> Caller {
        let requester = &self.requester;
        let name = Username::parse("requester").expect("a name");
        let edge_id = EdgeId::parse(&"0".repeat(24)).expect("an id");
        let mut user = User::new(user_id(requester.id), edge_id, &name, &NewUser::default(), Timestamp::from_micros(0));
        user.flags.is_superuser = requester.is_superuser;
        user.flags.is_staff = requester.is_staff;
        user.manages = (0..ORGANIZATIONS).filter(|&index| self.manages(index)).map(organization_id).collect();
        let number = |label: &String| label.split(':').next().and_then(|digits| digits.parse().ok());
        let permissions = requester.permissions.iter().filter_map(number).map(PermissionId).collect();
        let rights = if requester.is_superuser { Rights::Everything } else { Rights::Permissions(permissions) };
        Caller::with_rights(user, rights)
    }

    /// Whether the requester manages that organization, which is active.
    fn manages(&self, index: usize) -> bool {
        self.active[index] && self.requester.memberships[index] == Some(true)
    }

    /// Section 3.1, "For the model of the endpoint".
    fn states_request(&self, action: Action, model: &str) -> bool {
        let needs: &[&str] = match action {
            Action::View => &["view", "change"],
            Action::Add => &["add"],
            Action::Change => &["change"],
            Action::Delete => &["delete"],
        };
        needs.iter().any(|verb| self.requester.has(verb, model))
    }

    /// Section 3.2, users and their addresses: members of an organization that the requester manages, except
    /// superusers. A deactivated requester sees neither: section 15.
    fn states_sight(&self, person: &Person) -> bool {
        let shares = (0..ORGANIZATIONS).any(|index| self.manages(index) && person.memberships[index].is_some());
        self.requester.is_superuser || (shares && !person.is_superuser)
    }

    /// Section 9.1, and section 15 about one's own password.
    fn states_password(&self, of: &Person, proven: bool) -> bool {
        match (self.requester.is_superuser, of.id == self.requester.id) {
            (true, _) => true,
            (false, true) => proven,
            (false, false) => self.requester.has("change", "user"),
        }
    }
}

fn own_permissions(caller: &Caller) -> BTreeSet<PermissionId> {
    match &caller.rights {
        Rights::Permissions(permissions) => permissions.clone(),
        _ => BTreeSet::new(),
    }
}

fn people() -> impl Strategy<Value = Person> {
    let permissions = prop::collection::btree_set((1..=28_u64).prop_map(|id| label(PermissionId(id))), 0..6);
    let memberships = prop::array::uniform4(prop::option::of(any::<bool>()));
    (0..2_u8, prop::bool::weighted(0.2), any::<bool>(), permissions, memberships).prop_map(
        |(id, is_superuser, is_staff, permissions, memberships)| Person {
            id,
            is_superuser,
            is_staff,
            permissions,
            memberships,
        },
    )
}

fn scenes() -> impl Strategy<Value = Scene> {
    (people(), people(), prop::array::uniform4(any::<bool>())).prop_map(|(requester, other, active)| {
        // A requester who asks about themselves asks about the same person.
        let other = if other.id == requester.id { requester.clone() } else { other };
        Scene { requester, other, active }
    })
}

/// The models by the names of the contract's table.
const MODELS: [(&str, Model); 7] = [
    ("emailaddress", Model::EmailAddress),
    ("apikey", Model::ApiKey),
    ("group", Model::Group),
    ("organization", Model::Organization),
    ("organizationowner", Model::OrganizationOwner),
    ("organizationuser", Model::OrganizationUser),
    ("user", Model::User),
];

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    #[test]
    fn requests_are_decided_as_the_contract_states(scene in scenes()) {
        let caller = scene.caller();
        for action in [Action::View, Action::Add, Action::Change, Action::Delete] {
            for (name, model) in MODELS {
                let stated = scene.states_request(action, name);
                prop_assert_eq!(caller.may(Act::Request(action, model)), stated, "{:?} {}", action, name);
            }
        }
    }

    #[test]
    fn sight_is_decided_as_the_contract_states(scene in scenes()) {
        let caller = scene.caller();
        let other = &scene.other;
        let organizations = other.organizations();
        // Organizations that the requester does not manage may be omitted.
        let managed: Vec<_> =
            organizations.iter().copied().filter(|id| caller.user.manages.contains(id)).collect();
        for organizations in [&organizations, &managed] {
            let see = Act::SeeUser { id: user_id(other.id), is_superuser: other.is_superuser, organizations };
            prop_assert_eq!(caller.may(see), scene.states_sight(other));
        }
        for index in 0..ORGANIZATIONS {
            let (id, is_active) = (organization_id(index), scene.active[index]);
            let stated = scene.requester.is_superuser || scene.manages(index);
            prop_assert_eq!(caller.may(Act::SeeOrganization { id, is_active }), stated);
            // Section 8: "unknown organization, or one a manager does not manage"; section 12.4 likewise.
            prop_assert_eq!(caller.may(Act::NameOrganization(id)), stated);
        }
    }

    #[test]
    fn fields_and_passwords_are_decided_as_the_contract_states(scene in scenes()) {
        let caller = scene.caller();
        let superuser = scene.requester.is_superuser;
        let other = Some(user_id(scene.other.id));
        let oneself = scene.other.id == scene.requester.id;
        // Section 3.2, "Fields by requester".
        for whom in [None, other] {
            prop_assert_eq!(caller.may(Act::SetField(UserField::IsSuperuser, whom)), superuser);
            prop_assert_eq!(caller.may(Act::SetField(UserField::Permissions, whom)), superuser);
        }
        prop_assert!(caller.may(Act::SetField(UserField::Membership, None)));
        prop_assert_eq!(caller.may(Act::SetField(UserField::Membership, other)), superuser);
        // Section 15: not about themselves.
        prop_assert!(caller.may(Act::SetField(UserField::IsStaff, None)));
        prop_assert_eq!(caller.may(Act::SetField(UserField::IsStaff, other)), superuser || !oneself);
        prop_assert_eq!(caller.may(Act::VerifyAddress), superuser);
        for proven in [true, false] {
            let of = user_id(scene.other.id);
            let stated = scene.states_password(&scene.other, proven);
            prop_assert_eq!(caller.may(Act::SetPassword { of, proven }), stated);
        }
    }

    #[test]
    fn permissions_are_given_and_taken_by_who_has_them(scene in scenes(), wanted in prop::collection::btree_set(1..=30_u64, 0..4)) {
        let wanted: BTreeSet<PermissionId> = wanted.into_iter().map(PermissionId).collect();
        let caller = scene.caller();
        let actor = Holdings { permissions: own_permissions(&caller), ..Holdings::of_record(&caller.user) };
        let none = BTreeSet::new();
        // There are 28; whoever may change may also view.
        let held = wanted.iter().all(|&id| {
            let has = |label: &str| scene.requester.permissions.iter().any(|own| own.ends_with(label));
            let title = |id| label(id).split_once(": ").expect("a label").1.to_owned();
            id.0 > 28 || has(&title(id)) || has(&title(id).replace("Can view", "Can change"))
        });
        let stated = scene.requester.is_superuser || held;
        // Only those who could grant them may revoke them.
        for (before, after) in [(&none, &wanted), (&wanted, &none)] {
            prop_assert_eq!(caller.may(Act::ChangePermissions { actor: &actor, before, after }), stated);
        }
    }
}

/// The rows of the contract's tables, one by one.
#[test]
fn the_decision_has_these_cases() {
    const MEMBER: Option<bool> = Some(false);
    const MANAGER: Option<bool> = Some(true);
    let person = |id, permission: Option<u64>, memberships| Person {
        id,
        is_superuser: false,
        is_staff: false,
        permissions: permission.into_iter().map(|id| label(PermissionId(id))).collect(),
        memberships,
    };
    let member = person(2, None, [MEMBER, None, None, None]);
    let superuser = Person { is_superuser: true, ..member.clone() };
    let manager = |permission| person(1, permission, [MANAGER, None, None, None]);
    let closed = [false, true, true, true];
    let open = [true; 4];
    // The requester, the organizations, the other; then: who is seen, whether requests to view and to change users are allowed, and
    // whether the other's password may be set.
    let (change, view) = (Some(26), Some(28));
    assert_eq!(
        (label(PermissionId(26)).as_str(), label(PermissionId(28)).as_str()),
        ("26: user | Can change user", "28: user | Can view user",)
    );
    let cases = [
        ("a manager without permission", manager(None), open, &member, [true, false, false, false]),
        ("a manager with view", manager(view), open, &member, [true, true, false, false]),
        ("a manager with change", manager(change), open, &member, [true, true, true, true]),
        ("a manager of a closed organization", manager(change), closed, &member, [false, true, true, true]),
        ("a superuser as the other", manager(change), open, &superuser, [false, true, true, true]),
        ("a member only", person(1, view, [MEMBER, None, None, None]), open, &member, [false, true, false, false]),
        ("elsewhere", person(1, change, [None, MANAGER, None, None]), open, &member, [false, true, true, true]),
        ("nobody", person(1, None, [None; 4]), open, &member, [false; 4]),
        ("a superuser", Person { is_superuser: true, ..person(1, None, [None; 4]) }, closed, &superuser, [true; 4]),
    ];
    for (what, requester, active, other, expected) in cases {
        let scene = Scene { requester, other: other.clone(), active };
        let caller = scene.caller();
        let (id, organizations) = (user_id(other.id), other.organizations());
        let got = [
            caller.may(Act::SeeUser { id, is_superuser: other.is_superuser, organizations: &organizations }),
            caller.may(Act::Request(Action::View, Model::User)),
            caller.may(Act::Request(Action::Change, Model::User)),
            caller.may(Act::SetPassword { of: id, proven: false }),
        ];
        assert_eq!(got, expected, "{what}");
    }
    // A manager's record is updated shortly after its organization was closed.
    let mut late = Scene { requester: manager(view), other: member, active: open }.caller();
    late.user.manages = BTreeSet::from([organization_id(0)]);
    assert!(!late.may(Act::SeeOrganization { id: organization_id(0), is_active: false }));
}
