//! Who stands behind a credential, as the store knows it and the caches keep it.
//! Having one is no permission: only `auth` turns it into a caller.

use std::sync::Arc;

use crate::model::account::{Application, Customer};
use crate::model::flow::FlowId;
use crate::model::person::Person;
use crate::model::scope::Scopes;
use crate::model::time::Timestamp;
use crate::model::webhook::{Callback, Webhook};

/// A customer, and in which role someone acts for it.
#[derive(Debug)]
pub struct Principal {
    /// Whose data it is about.
    pub customer: Customer,
    /// In which role.
    pub role: Role,
    /// The name for the audit log, for instance `application:shop`.
    pub actor: String,
}

/// In which role someone acts for a customer.
#[derive(Debug)]
pub enum Role {
    /// A client program with its keys or its token.
    Application(Application),
    /// A client program with its OAuth2 client id and secret, which may have tokens besides.
    Client {
        /// The application.
        application: Application,
        /// Its client id.
        client_id: String,
    },
    /// A client program with its customer's API key alone, which some endpoints make do with.
    Customer {
        /// The customer's applications: it may do what one of them may.
        applications: Vec<Application>,
    },
    /// Someone who knows the URI of a webhook.
    Webhook {
        /// The webhook.
        webhook: Webhook,
        /// The application whose compatibility switches and allowance it follows, if one was named.
        application: Option<Application>,
    },
    /// A person with a token.
    Person(Person),
    /// Someone who knows the public identifier of a flow.
    Flow(FlowId),
    /// Someone who knows an address that a run waits at.
    Callback(Callback),
    /// The operator at the command line.
    Operator,
}

/// What an access token gives.
#[derive(Clone, Debug)]
pub struct Pass {
    /// Who holds it.
    pub principal: Arc<Principal>,
    /// What it grants, within what its application was granted.
    pub scopes: Scopes,
    /// When it ends; `None` for never.
    pub expires: Option<Timestamp>,
}

/// What a principal is found by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum PrincipalKey {
    /// The hashes of an API key and an application key.
    Keys([u8; 32], [u8; 32]),
    /// The hash of an API key.
    ApiKey([u8; 32]),
    /// The hashes of an OAuth2 client's id and secret.
    Client([u8; 32], [u8; 32]),
    /// The URI of a webhook.
    Webhook(String),
    /// The public identifier of a flow.
    Flow(String),
}
