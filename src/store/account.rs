//! Customers and their applications, found by name, by the hashes of their keys, or by their OAuth2 client.
//! Keys and secrets exist here as hashes only; making and comparing those is not known here.

use crate::error::{Code, Error, Result};
use crate::model::account::{Application, ApplicationId, Compatibility, Customer, CustomerId, FaultDialect};
use crate::model::address::Network;
use crate::model::flow::FlowId;
use crate::model::scope::Scopes;
use crate::model::time::Timestamp;
use crate::store::{Row, Tx, Value};

/// An application to be inserted.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NewApplication {
    /// Whose application it is.
    pub customer: CustomerId,
    /// A name unique within the customer.
    pub name: String,
    /// Free text.
    pub description: String,
    /// The hash of its application key, unique within the customer.
    pub app_key_hash: Vec<u8>,
    /// Its OAuth2 client, unique in the whole gateway.
    pub client_id: Option<String>,
    /// The hash of that client's secret.
    pub client_secret_hash: Option<Vec<u8>>,
    /// Where it may call from.
    pub addresses: Vec<Network>,
    /// What it may do.
    pub scopes: Scopes,
    /// Whether OAuth2 access tokens may be issued for it.
    pub oauth2: bool,
    /// Requests it may make within the configured window; `None` means the configured default.
    pub rate_limit: Option<u32>,
    /// How closely replies follow the documented oddities.
    pub compatibility: Compatibility,
}

/// The columns of a customer and an application, in the order [`customer`] and [`application`] read them.
macro_rules! both {
    ($rest:literal) => {
        concat!(
            "SELECT c.id, c.name, c.created_at, a.id, a.customer_id, a.name, a.description, a.addresses, a.scopes, ",
            "a.oauth2, a.rate_limit, a.fault_dialect, a.webhook_success_as_fault, a.php_cache_headers, a.created_at, ",
            "a.client_secret_hash FROM application a JOIN customer c ON c.id = a.customer_id WHERE ",
            $rest
        )
    };
}

/// Inserts a customer; `Conflict` if the name is taken.
pub fn insert_customer(tx: &mut dyn Tx, name: &str, api_key_hash: &[u8], now: Timestamp) -> Result<CustomerId> {
    let rows = tx.query(
        "INSERT INTO customer (name, api_key_hash, created_at, modified_at) VALUES ($1, $2, $3, $3) \
         ON CONFLICT (name) DO NOTHING RETURNING id",
        &[name.into(), api_key_hash.into(), now.0.into()],
    )?;
    match rows.first() {
        Some(row) => Ok(CustomerId(row.integer(0)?)),
        None => Err(Error::new(Code::Conflict, format!("Customer '{name}' already exists"))),
    }
}

/// The customer of that name.
pub fn find_customer(tx: &mut dyn Tx, name: &str) -> Result<Option<Customer>> {
    let rows = tx.query("SELECT id, name, created_at FROM customer WHERE name = $1", &[name.into()])?;
    rows.into_iter().next().map(customer).transpose()
}

/// The customer of that number.
pub fn find_customer_by_id(tx: &mut dyn Tx, id: CustomerId) -> Result<Option<Customer>> {
    let rows = tx.query("SELECT id, name, created_at FROM customer WHERE id = $1", &[id.0.into()])?;
    rows.into_iter().next().map(customer).transpose()
}

/// Every customer, by name.
pub fn list_customers(tx: &mut dyn Tx) -> Result<Vec<Customer>> {
    let rows = tx.query("SELECT id, name, created_at FROM customer ORDER BY name", &[])?;
    rows.into_iter().map(customer).collect()
}

/// Replaces the hash of a customer's API key; `NotFound` if there is no such customer.
pub fn update_api_key(tx: &mut dyn Tx, customer: CustomerId, api_key_hash: &[u8], now: Timestamp) -> Result<()> {
    let changed = tx.execute(
        "UPDATE customer SET api_key_hash = $2, modified_at = $3 WHERE id = $1",
        &[customer.0.into(), api_key_hash.into(), now.0.into()],
    )?;
    found(changed, "The customer does not exist")
}

/// Inserts an application; `Conflict` if its name or its application key is taken within the customer.
pub fn insert_application(tx: &mut dyn Tx, new: &NewApplication, now: Timestamp) -> Result<ApplicationId> {
    let (addresses, scopes) = (addresses_text(&new.addresses), new.scopes.names().join(" "));
    let rows = tx.query(
        "INSERT INTO application (customer_id, name, description, app_key_hash, client_id, client_secret_hash, \
         addresses, scopes, oauth2, rate_limit, fault_dialect, webhook_success_as_fault, php_cache_headers, \
         created_at, modified_at) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $14) \
         ON CONFLICT DO NOTHING RETURNING id",
        &[
            new.customer.0.into(),
            Value::Text(&new.name),
            Value::Text(&new.description),
            Value::Blob(&new.app_key_hash),
            new.client_id.as_deref().into(),
            new.client_secret_hash.as_deref().into(),
            Value::Text(&addresses),
            Value::Text(&scopes),
            i64::from(new.oauth2).into(),
            new.rate_limit.map(i64::from).into(),
            new.compatibility.fault_dialect.name().into(),
            i64::from(new.compatibility.webhook_success_as_fault).into(),
            i64::from(new.compatibility.php_cache_headers).into(),
            now.0.into(),
        ],
    )?;
    match rows.first() {
        Some(row) => Ok(ApplicationId(row.integer(0)?)),
        None if find_application(tx, new.customer, &new.name)?.is_some() => Err(name_taken(&new.name)),
        None if app_key_is_taken(tx, new.customer, &new.app_key_hash, None)? => Err(app_key_taken()),
        None => Err(client_taken()),
    }
}

/// The customer's application of that name.
pub fn find_application(tx: &mut dyn Tx, customer: CustomerId, name: &str) -> Result<Option<Application>> {
    let rows = tx.query(both!("a.customer_id = $1 AND a.name = $2"), &[customer.0.into(), name.into()])?;
    rows.into_iter().next().map(application).transpose()
}

/// The customer's applications, by name.
pub fn list_applications(tx: &mut dyn Tx, customer: CustomerId) -> Result<Vec<Application>> {
    let rows = tx.query(both!("a.customer_id = $1 ORDER BY a.name"), &[customer.0.into()])?;
    rows.into_iter().map(application).collect()
}

/// Stores everything about an application but its keys and when it was added; `Conflict` if the name is taken within
/// the customer, `NotFound` if the customer has no such application.
pub fn update_application(tx: &mut dyn Tx, changed: &Application) -> Result<()> {
    let taken = tx.query(
        "SELECT id FROM application WHERE customer_id = $1 AND name = $2 AND id <> $3",
        &[changed.customer.0.into(), Value::Text(&changed.name), changed.id.0.into()],
    )?;
    if !taken.is_empty() {
        return Err(name_taken(&changed.name));
    }
    let (addresses, scopes) = (addresses_text(&changed.addresses), changed.scopes.names().join(" "));
    let rows = tx.execute(
        "UPDATE application SET name = $3, description = $4, addresses = $5, scopes = $6, oauth2 = $7, \
         rate_limit = $8, fault_dialect = $9, webhook_success_as_fault = $10, php_cache_headers = $11 \
         WHERE customer_id = $1 AND id = $2",
        &[
            changed.customer.0.into(),
            changed.id.0.into(),
            Value::Text(&changed.name),
            Value::Text(&changed.description),
            Value::Text(&addresses),
            Value::Text(&scopes),
            i64::from(changed.oauth2).into(),
            changed.rate_limit.map(i64::from).into(),
            changed.compatibility.fault_dialect.name().into(),
            i64::from(changed.compatibility.webhook_success_as_fault).into(),
            i64::from(changed.compatibility.php_cache_headers).into(),
        ],
    )?;
    found(rows, "The application does not exist")
}

/// Removes an application; its tokens go with it, and its webhooks then belong to none. False if there is none.
pub fn remove_application(tx: &mut dyn Tx, application: ApplicationId) -> Result<bool> {
    Ok(tx.execute("DELETE FROM application WHERE id = $1", &[application.0.into()])? > 0)
}

/// Replaces the hash of an application's key; `Conflict` if another application of the customer has it.
pub fn update_app_key(tx: &mut dyn Tx, application: ApplicationId, app_key_hash: &[u8], now: Timestamp) -> Result<()> {
    let Some((customer, _)) = find_by_id(tx, application)? else { return found(0, "The application does not exist") };
    if app_key_is_taken(tx, customer.id, app_key_hash, Some(application))? {
        return Err(app_key_taken());
    }
    let changed = tx.execute(
        "UPDATE application SET app_key_hash = $2, modified_at = $3 WHERE id = $1",
        &[application.0.into(), app_key_hash.into(), now.0.into()],
    )?;
    found(changed, "The application does not exist")
}

/// Replaces an application's OAuth2 client; `Conflict` if another application has that client.
pub fn update_client_secret(
    tx: &mut dyn Tx,
    application: ApplicationId,
    client_id: &str,
    client_secret_hash: &[u8],
    now: Timestamp,
) -> Result<()> {
    let taken = tx.query(
        "SELECT id FROM application WHERE client_id = $1 AND id <> $2",
        &[client_id.into(), application.0.into()],
    )?;
    if !taken.is_empty() {
        return Err(client_taken());
    }
    let changed = tx.execute(
        "UPDATE application SET client_id = $2, client_secret_hash = $3, modified_at = $4 WHERE id = $1",
        &[application.0.into(), client_id.into(), client_secret_hash.into(), now.0.into()],
    )?;
    found(changed, "The application does not exist")
}

/// Whom an API key and an application key name together, by their hashes.
pub fn find_by_keys(
    tx: &mut dyn Tx,
    api_key_hash: &[u8],
    app_key_hash: &[u8],
) -> Result<Option<(Customer, Application)>> {
    let rows =
        tx.query(both!("c.api_key_hash = $1 AND a.app_key_hash = $2"), &[api_key_hash.into(), app_key_hash.into()])?;
    rows.into_iter().next().map(customer_and_application).transpose()
}

/// The customer with that API key and its applications, by name.
pub fn find_by_api_key(tx: &mut dyn Tx, api_key_hash: &[u8]) -> Result<Option<(Customer, Vec<Application>)>> {
    let rows = tx.query("SELECT id, name, created_at FROM customer WHERE api_key_hash = $1", &[api_key_hash.into()])?;
    let Some(row) = rows.into_iter().next() else { return Ok(None) };
    let customer = customer(row)?;
    let applications = list_applications(tx, customer.id)?;
    Ok(Some((customer, applications)))
}

/// The OAuth2 client id of an application, if it has one.
pub fn find_client_id(tx: &mut dyn Tx, application: ApplicationId) -> Result<Option<String>> {
    let rows = tx.query("SELECT client_id FROM application WHERE id = $1", &[application.0.into()])?;
    match rows.into_iter().next() {
        Some(mut row) => row.take_optional_text(0),
        None => Ok(None),
    }
}

/// Whom an OAuth2 client names, and the hash of its secret. A client without a secret is none.
pub fn find_by_client(tx: &mut dyn Tx, client_id: &str) -> Result<Option<(Customer, Application, Vec<u8>)>> {
    let rows = tx.query(both!("a.client_id = $1 AND a.client_secret_hash IS NOT NULL"), &[client_id.into()])?;
    let Some(mut row) = rows.into_iter().next() else { return Ok(None) };
    let secret_hash = row.take_blob(15)?;
    let (customer, application) = customer_and_application(row)?;
    Ok(Some((customer, application, secret_hash)))
}

/// An application and its customer.
pub fn find_by_id(tx: &mut dyn Tx, application: ApplicationId) -> Result<Option<(Customer, Application)>> {
    let rows = tx.query(both!("a.id = $1"), &[application.0.into()])?;
    rows.into_iter().next().map(customer_and_application).transpose()
}

fn app_key_is_taken(
    tx: &mut dyn Tx,
    customer: CustomerId,
    app_key_hash: &[u8],
    but_by: Option<ApplicationId>,
) -> Result<bool> {
    let rows = tx.query(
        "SELECT id FROM application WHERE customer_id = $1 AND app_key_hash = $2",
        &[customer.0.into(), app_key_hash.into()],
    )?;
    match rows.first() {
        Some(row) => Ok(Some(ApplicationId(row.integer(0)?)) != but_by),
        None => Ok(false),
    }
}

fn found(rows: u64, otherwise: &'static str) -> Result<()> {
    if rows > 0 { Ok(()) } else { Err(Error::new(Code::NotFound, otherwise)) }
}

fn name_taken(name: &str) -> Error {
    Error::new(Code::Conflict, format!("Application '{name}' already exists"))
}

fn app_key_taken() -> Error {
    Error::new(Code::Conflict, "The application key is in use by another application of the customer")
}

fn client_taken() -> Error {
    Error::new(Code::Conflict, "The client id is in use by another application")
}

fn customer(mut row: Row) -> Result<Customer> {
    Ok(Customer { id: CustomerId(row.integer(0)?), name: row.take_text(1)?, created: Timestamp(row.integer(2)?) })
}

fn customer_and_application(mut row: Row) -> Result<(Customer, Application)> {
    let name = row.take_text(1)?;
    let customer = Customer { id: CustomerId(row.integer(0)?), name, created: Timestamp(row.integer(2)?) };
    Ok((customer, application(row)?))
}

fn application(mut row: Row) -> Result<Application> {
    Ok(Application {
        id: ApplicationId(row.integer(3)?),
        customer: CustomerId(row.integer(4)?),
        name: row.take_text(5)?,
        description: row.take_text(6)?,
        addresses: addresses(row.text(7)?)?,
        scopes: Scopes::parse(row.text(8)?).map_err(|_| Error::internal("a stored scope is unknown"))?,
        oauth2: row.integer(9)? != 0,
        rate_limit: row.optional_integer(10)?.map(u32::try_from).transpose().map_err(Error::internal)?,
        compatibility: Compatibility {
            fault_dialect: FaultDialect::parse(row.text(11)?)
                .ok_or_else(|| Error::internal("a stored fault dialect is unknown"))?,
            webhook_success_as_fault: row.integer(12)? != 0,
            php_cache_headers: row.integer(13)? != 0,
        },
        created: Timestamp(row.integer(14)?),
    })
}

fn addresses(text: &str) -> Result<Vec<Network>> {
    let mut networks = Vec::new();
    for network in text.split_ascii_whitespace() {
        networks.extend(Network::parse(network).ok_or_else(|| Error::internal("a stored network is malformed"))?);
    }
    Ok(networks)
}

fn addresses_text(networks: &[Network]) -> String {
    networks.iter().map(Network::to_string).collect::<Vec<_>>().join(" ")
}

/// The flow to which failures of the customer's records are told, unless their own flow says otherwise.
pub fn find_error_flow(tx: &mut dyn Tx, customer: CustomerId) -> Result<Option<FlowId>> {
    let rows = tx.query("SELECT error_flow FROM customer WHERE id = $1", &[customer.0.into()])?;
    Ok(rows.first().map_or(Ok(None), |row| row.optional_integer(0))?.map(FlowId))
}

/// Says to which flow failures of the customer's records are told; false if there is no such customer.
pub fn update_error_flow(tx: &mut dyn Tx, customer: CustomerId, flow: Option<FlowId>, now: Timestamp) -> Result<bool> {
    let changed = tx.execute(
        "UPDATE customer SET error_flow = $2, modified_at = $3 WHERE id = $1",
        &[customer.0.into(), flow.map(|flow| flow.0).into(), now.0.into()],
    )?;
    Ok(changed > 0)
}
