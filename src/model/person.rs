//! People of a customer (document 002, users): who they are, and what they may do.
//! What they prove themselves with is not part of these types.

use crate::model::account::CustomerId;
use crate::model::time::Timestamp;

/// A person's number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct PersonId(pub i64);

/// A person of one customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Person {
    /// The number.
    pub id: PersonId,
    /// Whose person it is.
    pub customer: CustomerId,
    /// What the person is called by in addresses and replies: 24 hexadecimal digits.
    pub public_id: String,
    /// The identifier in the customer's own system, in lower case, unique within the customer.
    pub username: String,
    /// The first name; may be empty.
    pub first_name: String,
    /// The last name; may be empty.
    pub last_name: String,
    /// Whether the person may call.
    pub status: PersonStatus,
    /// What the person is.
    pub roles: Vec<PersonRole>,
    /// What the person may do.
    pub permissions: Vec<Permission>,
    /// When a token was last issued.
    pub last_login: Option<Timestamp>,
    /// Whether there is a token.
    pub has_token: bool,
    /// When the person was added.
    pub created: Timestamp,
    /// When that was last changed.
    pub modified: Timestamp,
}

impl Person {
    /// Whether the person may do everything within the customer.
    pub fn is_admin(&self) -> bool {
        self.roles.contains(&PersonRole::Admin)
    }

    /// Whether the person was given the permission, or needs none.
    pub fn may(&self, permission: Permission) -> bool {
        self.is_admin() || self.permissions.contains(&permission)
    }
}

/// Whether a person may call.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PersonStatus {
    /// The person may.
    Active,
    /// The person may not any more.
    Disabled,
    /// The person may not yet.
    Pending,
}

impl PersonStatus {
    /// Every status.
    pub const ALL: [PersonStatus; 3] = [PersonStatus::Active, PersonStatus::Disabled, PersonStatus::Pending];

    /// The documented name.
    pub fn name(self) -> &'static str {
        match self {
            PersonStatus::Active => "ACTIVE",
            PersonStatus::Disabled => "DISABLED",
            PersonStatus::Pending => "PENDING",
        }
    }

    /// The status of that name, if there is one.
    pub fn parse(name: &str) -> Option<PersonStatus> {
        PersonStatus::ALL.into_iter().find(|status| status.name() == name)
    }
}

/// What a person is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PersonRole {
    /// May do everything within the customer, and see its people.
    Admin,
}

impl PersonRole {
    /// Every role.
    pub const ALL: [PersonRole; 1] = [PersonRole::Admin];

    /// The role's name.
    pub fn name(self) -> &'static str {
        match self {
            PersonRole::Admin => "admin",
        }
    }

    /// The role of that name, if there is one.
    pub fn parse(name: &str) -> Option<PersonRole> {
        PersonRole::ALL.into_iter().find(|role| role.name() == name)
    }
}

/// What a person may do, named as document 002 names it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Permission {
    /// Read the flows of the customer, and what came of their runs.
    FlowsRead,
    /// Change, remove, start and stop also flows that are not the person's own.
    TenantFlowsUpdate,
    /// Add flows, and change one's own.
    FlowsUpdate,
    /// Remove one's own flows.
    FlowsDelete,
    /// Start and stop one's own flows.
    FlowsControl,
    /// Kept for the customer's own programs.
    IcenterRead,
    /// Kept for the customer's own programs.
    IcenterWrite,
    /// Kept for the customer's own programs.
    SecretsCreate,
    /// Kept for the customer's own programs.
    SecretsRead,
    /// Kept for the customer's own programs.
    SecretsDelete,
    /// Kept for the customer's own programs.
    TemplatesRead,
    /// Kept for the customer's own programs.
    ComponentsRead,
    /// Kept for the customer's own programs.
    ComponentsWrite,
}

impl Permission {
    /// Every permission, in the order of the document.
    pub const ALL: [Permission; 13] = [
        Permission::FlowsRead,
        Permission::TenantFlowsUpdate,
        Permission::FlowsUpdate,
        Permission::FlowsDelete,
        Permission::FlowsControl,
        Permission::IcenterRead,
        Permission::IcenterWrite,
        Permission::SecretsCreate,
        Permission::SecretsRead,
        Permission::SecretsDelete,
        Permission::TemplatesRead,
        Permission::ComponentsRead,
        Permission::ComponentsWrite,
    ];

    /// The documented name.
    pub fn name(self) -> &'static str {
        match self {
            Permission::FlowsRead => "flows.read",
            Permission::TenantFlowsUpdate => "tenant.flows.update",
            Permission::FlowsUpdate => "flows.update",
            Permission::FlowsDelete => "flows.delete",
            Permission::FlowsControl => "flows.control",
            Permission::IcenterRead => "icenter.read",
            Permission::IcenterWrite => "icenter.write",
            Permission::SecretsCreate => "secrets.create",
            Permission::SecretsRead => "secrets.read",
            Permission::SecretsDelete => "secrets.delete",
            Permission::TemplatesRead => "templates.read",
            Permission::ComponentsRead => "components.read",
            Permission::ComponentsWrite => "components.write",
        }
    }

    /// The permission of that name, if there is one.
    pub fn parse(name: &str) -> Option<Permission> {
        Permission::ALL.into_iter().find(|permission| permission.name() == name)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_read_back_and_an_admin_needs_no_permission() {
        for permission in Permission::ALL {
            assert_eq!(Permission::parse(permission.name()), Some(permission));
        }
        assert_eq!((Permission::parse("flows.write"), PersonRole::parse("Admin")), (None, None));
        let person = |roles: Vec<PersonRole>| Person {
            id: PersonId(1),
            customer: CustomerId(1),
            public_id: String::new(),
            username: String::new(),
            first_name: String::new(),
            last_name: String::new(),
            status: PersonStatus::Active,
            roles,
            permissions: vec![Permission::FlowsRead],
            last_login: None,
            has_token: false,
            created: Timestamp(0),
            modified: Timestamp(0),
        };
        let (plain, admin) = (person(Vec::new()), person(vec![PersonRole::Admin]));
        assert!(plain.may(Permission::FlowsRead) && !plain.may(Permission::FlowsUpdate));
        assert!(admin.may(Permission::FlowsUpdate));
    }
}
