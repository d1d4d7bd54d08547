//! The caller: proof that a credential was checked. Its fields are private to this file, so that having one means
//! that [`authenticate`](super::authenticate) made it, or that the operator sits at the machine.

use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;

use crate::app::bucket::Allowance;
use crate::app::principal::{Principal, Role};
use crate::error::{Code, Error, Result};
use crate::model::account::{Application, Compatibility, Customer, CustomerId};
use crate::model::flow::FlowId;
use crate::model::person::{Permission, Person};
use crate::model::scope::{Scope, Scopes};
use crate::model::time::Timestamp;
use crate::model::webhook::{Callback, Webhook};

/// Who asks for an operation, from where.
#[derive(Clone, Debug)]
pub struct Caller {
    principal: Arc<Principal>,
    scopes: Scopes,
    address: IpAddr,
    allowance: Option<Allowance>,
}

/// The operator at the command line, who may do everything, on behalf of one customer.
///
/// Without a customer it can only run what needs none: a placeholder that owns nothing then stands in its place.
pub fn operator(customer: Option<Customer>) -> Caller {
    let nobody = || Customer { id: CustomerId(0), name: String::new(), created: Timestamp(0) };
    let customer = customer.unwrap_or_else(nobody);
    let principal = Principal { customer, role: Role::Operator, actor: "operator".to_owned() };
    Caller::new(Arc::new(principal), Scopes::all(), IpAddr::V4(Ipv4Addr::LOCALHOST), None)
}

impl Caller {
    pub(super) fn new(
        principal: Arc<Principal>,
        scopes: Scopes,
        address: IpAddr,
        allowance: Option<Allowance>,
    ) -> Caller {
        Caller { principal, scopes, address, allowance }
    }

    /// The same caller with these scopes and no others, as a request asks for with `X-Scopes` (contradiction C46).
    /// # Errors
    /// `Forbidden` if one of them is not granted.
    pub fn narrowed(self, scopes: Scopes) -> Result<Caller> {
        match self.scopes.lacks(scopes) {
            None => Ok(Caller { scopes, ..self }),
            Some(scope) => Err(Error::new(
                Code::Forbidden,
                format!("The permissions are not correct: scope '{}' is not granted", scope.name()),
            )),
        }
    }

    /// Whose data the caller sees.
    pub fn customer(&self) -> &Customer {
        &self.principal.customer
    }

    /// The application that calls, or that a webhook belongs to.
    pub fn application(&self) -> Option<&Application> {
        match &self.principal.role {
            Role::Application(application) | Role::Client { application, .. } => Some(application),
            Role::Webhook { application, .. } => application.as_ref(),
            Role::Customer { .. } | Role::Callback(_) | Role::Person(_) | Role::Flow(_) | Role::Operator => None,
        }
    }

    /// The OAuth2 client id, if the caller proved itself with it and its secret.
    pub fn client_id(&self) -> Option<&str> {
        match &self.principal.role {
            Role::Client { client_id, .. } => Some(client_id),
            Role::Application(_)
            | Role::Customer { .. }
            | Role::Webhook { .. }
            | Role::Callback(_)
            | Role::Person(_)
            | Role::Flow(_)
            | Role::Operator => None,
        }
    }

    /// The webhook that was posted to.
    pub fn webhook(&self) -> Option<&Webhook> {
        match &self.principal.role {
            Role::Webhook { webhook, .. } => Some(webhook),
            Role::Application(_)
            | Role::Customer { .. }
            | Role::Client { .. }
            | Role::Callback(_)
            | Role::Person(_)
            | Role::Flow(_)
            | Role::Operator => None,
        }
    }

    /// The person who calls.
    pub fn person(&self) -> Option<&Person> {
        match &self.principal.role {
            Role::Person(person) => Some(person),
            Role::Application(_)
            | Role::Customer { .. }
            | Role::Client { .. }
            | Role::Webhook { .. }
            | Role::Callback(_)
            | Role::Flow(_)
            | Role::Operator => None,
        }
    }

    /// The flow whose public identifier was all that was needed.
    pub fn flow(&self) -> Option<FlowId> {
        match &self.principal.role {
            Role::Flow(flow) => Some(*flow),
            Role::Application(_)
            | Role::Customer { .. }
            | Role::Client { .. }
            | Role::Webhook { .. }
            | Role::Callback(_)
            | Role::Person(_)
            | Role::Operator => None,
        }
    }

    /// The address of a waiting run that was posted to.
    pub fn callback(&self) -> Option<&Callback> {
        match &self.principal.role {
            Role::Callback(callback) => Some(callback),
            Role::Application(_)
            | Role::Customer { .. }
            | Role::Client { .. }
            | Role::Webhook { .. }
            | Role::Person(_)
            | Role::Flow(_)
            | Role::Operator => None,
        }
    }

    /// Whether the operator calls.
    pub fn is_operator(&self) -> bool {
        matches!(self.principal.role, Role::Operator)
    }

    /// The caller's name for the audit log.
    pub fn actor(&self) -> &str {
        &self.principal.actor
    }

    /// Where the request came from.
    pub fn address(&self) -> IpAddr {
        self.address
    }

    /// How closely replies follow the documented oddities.
    pub fn compatibility(&self) -> Compatibility {
        self.application().map(|application| application.compatibility).unwrap_or_default()
    }

    /// What is left of the caller's allowance; `None` if it has no limit.
    pub fn allowance(&self) -> Option<Allowance> {
        self.allowance
    }

    /// What the caller may do: what its application was granted, within its token and its request. A webhook has no
    /// scopes, the operator all.
    pub fn scopes(&self) -> Scopes {
        self.scopes
    }

    /// Whether the caller may do this.
    pub fn grants(&self, scope: Scope) -> bool {
        self.scopes.grants(scope)
    }

    /// Refuses unless the caller may do this.
    pub fn require(&self, scope: Scope) -> Result<()> {
        match self.grants(scope) {
            true => Ok(()),
            false => Err(Error::new(
                Code::Forbidden,
                format!("The permissions are not correct: scope '{}' is needed", scope.name()),
            )),
        }
    }

    /// Refuses unless the caller may do this: a person by permission, an application by scope.
    pub fn require_either(&self, permission: Permission, scope: Scope) -> Result<()> {
        match self.person() {
            None => self.require(scope),
            Some(person) if person.may(permission) => Ok(()),
            Some(_) => Err(Error::new(
                Code::Forbidden,
                format!("The permissions are not correct: permission '{}' is needed", permission.name()),
            )),
        }
    }

    /// Refuses a person who is no admin. Applications have no part in this.
    pub fn require_admin(&self) -> Result<()> {
        match self.person() {
            Some(person) if !person.is_admin() => {
                Err(Error::new(Code::Forbidden, "The permissions are not correct: role 'admin' is needed"))
            }
            Some(_) | None => Ok(()),
        }
    }
}
