//! Customers, applications and their keys. All of it is the operator's business.

use crate::app::App;
use crate::auth::{Caller, key};
use crate::error::{Code, Error, Result};
use crate::model::account::{Application, ApplicationId, Compatibility, Customer, CustomerId};
use crate::model::flow::{Flow, FlowKey};
use crate::model::scope::Scopes;
use crate::model::time::Timestamp;
use crate::operation::flow::find_flow;
use crate::operation::{Access, Operation, check};
use crate::store::account::NewApplication;
use crate::store::audit::Entry;
use crate::store::{Tx, account, audit};

/// Adds a customer.
pub struct AddCustomer {
    /// Its name, unique in the gateway.
    pub name: String,
    /// Its API key; `None` to generate one.
    pub api_key: Option<String>,
}

/// A new customer with its API key, at the only moment the key can be read.
pub struct AddedCustomer {
    /// The customer.
    pub customer: Customer,
    /// Its API key.
    pub api_key: String,
}

impl Operation for AddCustomer {
    const NAME: &'static str = "addCustomer";
    const ACCESS: Access = Access::Operator;
    type Output = AddedCustomer;

    async fn run(self, app: &App, caller: &Caller) -> Result<AddedCustomer> {
        check::name("The customer's name", &self.name)?;
        let api_key = chosen_or_generated("The API key", self.api_key)?;
        let (name, hash) = (self.name, key::hash(&api_key));
        let (now, actor) = (app.clock.now(), caller.actor().to_owned());
        let customer = app
            .store
            .administer(move |tx| {
                let id = account::insert_customer(tx, &name, &hash, now)?;
                record(tx, id, &actor, Self::NAME, &name, now)?;
                Ok(Customer { id, name, created: now })
            })
            .await?;
        Ok(AddedCustomer { customer, api_key })
    }
}

/// Says to which flow the failures of the caller's customer's records are told.
pub struct SetErrorFlow {
    /// The flow's number or its name; `None` for none.
    pub flow: Option<String>,
}

impl Operation for SetErrorFlow {
    const NAME: &'static str = "setErrorFlow";
    const ACCESS: Access = Access::Operator;
    type Output = Option<Flow>;

    async fn run(self, app: &App, caller: &Caller) -> Result<Option<Flow>> {
        let (customer, now, actor) = (caller.customer().id, app.clock.now(), caller.actor().to_owned());
        app.store
            .administer(move |tx| {
                let key = self.flow.map(FlowKey::NumberOrName);
                let flow = key.map(|key| find_flow(tx, customer, &key)).transpose()?;
                account::update_error_flow(tx, customer, flow.as_ref().map(|flow| flow.id), now)?;
                let target = flow.as_ref().map_or("none", |flow| flow.name.as_str());
                record(tx, customer, &actor, Self::NAME, target, now)?;
                Ok(flow)
            })
            .await
    }
}

/// Adds an application to the caller's customer.
pub struct AddApplication {
    /// Its name, unique within the customer.
    pub name: String,
    /// Free text.
    pub description: String,
    /// Networks it may call from, as text; see [`Network::parse`](crate::model::address::Network::parse).
    pub addresses: Vec<String>,
    /// What it may do.
    pub scopes: Scopes,
    /// Whether it gets an OAuth2 client id and secret.
    pub oauth2: bool,
    /// Requests within the window; `None` for the configured number, `Some(0)` for no limit.
    pub rate_limit: Option<u32>,
    /// How closely replies follow the documented oddities.
    pub compatibility: Compatibility,
    /// Its key; `None` to generate one.
    pub app_key: Option<String>,
    /// Its OAuth2 client id and secret; `None` to generate them.
    pub client: Option<(String, String)>,
}

/// A new application with its secrets, at the only moment they can be read.
pub struct AddedApplication {
    /// Its number.
    pub id: ApplicationId,
    /// Its name.
    pub name: String,
    /// Its key.
    pub app_key: String,
    /// Its OAuth2 client id and secret, if it uses OAuth2.
    pub client: Option<(String, String)>,
}

impl Operation for AddApplication {
    const NAME: &'static str = "addApplication";
    const ACCESS: Access = Access::Operator;
    type Output = AddedApplication;

    async fn run(self, app: &App, caller: &Caller) -> Result<AddedApplication> {
        check::name("The application's name", &self.name)?;
        check::description(&self.description)?;
        let addresses = check::networks(&self.addresses)?;
        if self.scopes.names().is_empty() {
            return Err(Error::invalid("At least one scope is needed"));
        }
        let app_key = chosen_or_generated("The application's key", self.app_key)?;
        let client = match (self.oauth2, self.client) {
            (false, _) => None,
            (true, None) => Some((key::generate_id()?, key::generate_secret()?)),
            (true, Some((id, secret))) => {
                check::key("The client id", &id)?;
                check::key("The client secret", &secret)?;
                Some((id, secret))
            }
        };
        let new = NewApplication {
            customer: caller.customer().id,
            name: self.name.clone(),
            description: self.description,
            app_key_hash: key::hash(&app_key).to_vec(),
            client_id: client.as_ref().map(|(id, _)| id.clone()),
            client_secret_hash: client.as_ref().map(|(_, secret)| key::hash(secret).to_vec()),
            addresses,
            scopes: self.scopes,
            oauth2: self.oauth2,
            rate_limit: self.rate_limit,
            compatibility: self.compatibility,
        };
        let (now, actor) = (app.clock.now(), caller.actor().to_owned());
        let id = app
            .store
            .administer(move |tx| {
                let id = account::insert_application(tx, &new, now)?;
                record(tx, new.customer, &actor, Self::NAME, &new.name, now)?;
                Ok(id)
            })
            .await?;
        Ok(AddedApplication { id, name: self.name, app_key, client })
    }
}

/// Removes an application of the caller's customer, with its tokens. What it stored stays.
pub struct RemoveApplication {
    /// Its name.
    pub name: String,
}

impl Operation for RemoveApplication {
    const NAME: &'static str = "removeApplication";
    const ACCESS: Access = Access::Operator;
    type Output = ();

    async fn run(self, app: &App, caller: &Caller) -> Result<()> {
        let (customer, now, actor) = (caller.customer().id, app.clock.now(), caller.actor().to_owned());
        app.store
            .administer(move |tx| {
                let application = find_application(tx, customer, &self.name)?;
                account::remove_application(tx, application.id)?;
                record(tx, customer, &actor, Self::NAME, &self.name, now)
            })
            .await
    }
}

/// Replaces a secret of the caller's customer. The old one stops working at once.
pub struct RotateKey {
    /// Which secret.
    pub secret: Rotated,
}

/// A secret that can be replaced.
pub enum Rotated {
    /// The customer's API key.
    ApiKey,
    /// The key of the application of that name.
    AppKey(String),
    /// The OAuth2 client secret of the application of that name; its client id stays.
    ClientSecret(String),
}

/// A new secret, at the only moment it can be read.
pub struct RotatedKey {
    /// The secret.
    pub secret: String,
    /// The client id it belongs to, if it is a client secret.
    pub client_id: Option<String>,
}

impl Operation for RotateKey {
    const NAME: &'static str = "rotateKey";
    const ACCESS: Access = Access::Operator;
    type Output = RotatedKey;

    async fn run(self, app: &App, caller: &Caller) -> Result<RotatedKey> {
        let (secret, fresh_id) = (key::generate_secret()?, key::generate_id()?);
        let hash = key::hash(&secret);
        let (customer, now, actor) = (caller.customer().id, app.clock.now(), caller.actor().to_owned());
        let client_id = app
            .store
            .administer(move |tx| {
                let (target, client_id) = match self.secret {
                    Rotated::ApiKey => {
                        account::update_api_key(tx, customer, &hash, now)?;
                        ("API key".to_owned(), None)
                    }
                    Rotated::AppKey(name) => {
                        let application = find_application(tx, customer, &name)?;
                        account::update_app_key(tx, application.id, &hash, now)?;
                        (format!("key of {name}"), None)
                    }
                    Rotated::ClientSecret(name) => {
                        let application = find_application(tx, customer, &name)?;
                        if !application.oauth2 {
                            return Err(Error::invalid("The application does not use OAuth2, so it has no secret"));
                        }
                        let client_id = account::find_client_id(tx, application.id)?.unwrap_or(fresh_id);
                        account::update_client_secret(tx, application.id, &client_id, &hash, now)?;
                        (format!("client secret of {name}"), Some(client_id))
                    }
                };
                record(tx, customer, &actor, Self::NAME, &target, now)?;
                Ok(client_id)
            })
            .await?;
        Ok(RotatedKey { secret, client_id })
    }
}

fn chosen_or_generated(field: &str, chosen: Option<String>) -> Result<String> {
    match chosen {
        None => key::generate_secret(),
        Some(chosen) => check::key(field, &chosen).map(|()| chosen),
    }
}

/// The customer's application of that name.
pub(super) fn find_application(tx: &mut dyn Tx, customer: CustomerId, name: &str) -> Result<Application> {
    account::find_application(tx, customer, name)?
        .ok_or_else(|| Error::new(Code::NotFound, format!("There is no application '{name}'")))
}

/// Notes an administrative change in the transaction that makes it.
pub(super) fn record(
    tx: &mut dyn Tx,
    customer: CustomerId,
    actor: &str,
    verb: &str,
    target: &str,
    now: Timestamp,
) -> Result<()> {
    audit::insert(tx, &Entry { at: now, customer: Some(customer), actor, verb, target })
}
