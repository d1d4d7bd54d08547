//! Subscriptions of customers, with their signing keys as sealed bytes.
//! What opens the keys, and what is sent to whom, is not known here.

use crate::error::{Error, Result};
use crate::model::account::{ApplicationId, CustomerId};
use crate::model::flow::FlowId;
use crate::model::hook::{Event, Hook};
use crate::model::time::Timestamp;
use crate::store::{Row, Tx, Value};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, customer_id, public_id, application_id, url, description, events, flow, secret, old_secret, ",
            "old_secret_until, enabled, reason, failing_since, created_at, modified_at FROM hook WHERE ",
            $rest
        )
    };
}

/// A subscription before it is stored.
#[derive(Clone, Debug)]
pub struct NewHook {
    /// Whose it is.
    pub customer: CustomerId,
    /// What clients call it.
    pub public_id: String,
    /// The application that subscribes.
    pub application: Option<ApplicationId>,
    /// Where its messages go.
    pub url: String,
    /// Free text.
    pub description: String,
    /// What it wants to hear of.
    pub events: Vec<Event>,
    /// The flow it is about; `None`: all.
    pub flow: Option<FlowId>,
    /// The signing key, sealed.
    pub secret: Vec<u8>,
}

/// Inserts a subscription.
pub fn insert(tx: &mut dyn Tx, new: &NewHook, now: Timestamp) -> Result<()> {
    tx.execute(
        "INSERT INTO hook (customer_id, public_id, application_id, url, description, events, flow, secret, enabled, \
         created_at, modified_at) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, 1, $9, $9)",
        &[
            new.customer.0.into(),
            Value::Text(&new.public_id),
            new.application.map(|application| application.0).into(),
            Value::Text(&new.url),
            Value::Text(&new.description),
            Value::Text(&names(&new.events)),
            new.flow.map(|flow| flow.0).into(),
            Value::Blob(&new.secret),
            now.0.into(),
        ],
    )?;
    Ok(())
}

/// How many subscriptions the customer has.
pub fn count(tx: &mut dyn Tx, customer: CustomerId) -> Result<i64> {
    let rows = tx.query("SELECT COUNT(*) FROM hook WHERE customer_id = $1", &[customer.0.into()])?;
    rows.first().map_or(Ok(0), |row| row.integer(0))
}

/// The customer's subscription that clients call so.
pub fn find(tx: &mut dyn Tx, customer: CustomerId, public_id: &str) -> Result<Option<Hook>> {
    let rows = tx.query(select!("customer_id = $1 AND public_id = $2"), &[customer.0.into(), public_id.into()])?;
    rows.into_iter().next().map(hook).transpose()
}

/// The subscription of that number, whosever it is.
pub fn find_by_id(tx: &mut dyn Tx, id: i64) -> Result<Option<Hook>> {
    let rows = tx.query(select!("id = $1"), &[id.into()])?;
    rows.into_iter().next().map(hook).transpose()
}

/// The customer's subscriptions, oldest first.
pub fn list(tx: &mut dyn Tx, customer: CustomerId) -> Result<Vec<Hook>> {
    let rows = tx.query(select!("customer_id = $1 ORDER BY id"), &[customer.0.into()])?;
    rows.into_iter().map(hook).collect()
}

/// The subscriptions of all customers.
pub fn list_all(tx: &mut dyn Tx) -> Result<Vec<Hook>> {
    let rows = tx.query(select!("id > 0 ORDER BY id"), &[])?;
    rows.into_iter().map(hook).collect()
}

/// Whether there is any subscription.
pub fn any(tx: &mut dyn Tx) -> Result<bool> {
    Ok(!tx.query("SELECT 1 FROM hook LIMIT 1", &[])?.is_empty())
}

/// Replaces what somebody can say of a subscription. One that is enabled thereby begins with a clean slate.
pub fn update(tx: &mut dyn Tx, changed: &Hook, now: Timestamp) -> Result<()> {
    tx.execute(
        "UPDATE hook SET url = $2, description = $3, events = $4, flow = $5, \
         failing_since = CASE WHEN enabled = 0 AND $6 = 1 THEN NULL ELSE failing_since END, \
         enabled = $6, reason = $7, modified_at = $8 WHERE id = $1",
        &[
            changed.id.into(),
            Value::Text(&changed.url),
            Value::Text(&changed.description),
            Value::Text(&names(&changed.events)),
            changed.flow.map(|flow| flow.0).into(),
            i64::from(changed.enabled).into(),
            changed.reason.as_deref().into(),
            now.0.into(),
        ],
    )?;
    Ok(())
}

/// Gives a subscription another signing key; the one before it signs too until then.
pub fn rotate(tx: &mut dyn Tx, id: i64, secret: &[u8], until: Timestamp, now: Timestamp) -> Result<()> {
    tx.execute(
        "UPDATE hook SET old_secret = secret, old_secret_until = $3, secret = $2, modified_at = $4 WHERE id = $1",
        &[id.into(), secret.into(), until.0.into(), now.0.into()],
    )?;
    Ok(())
}

/// Replaces the sealed form of signing keys that stay the same.
pub fn update_sealed(tx: &mut dyn Tx, id: i64, secret: &[u8], old_secret: Option<&[u8]>) -> Result<()> {
    tx.execute(
        "UPDATE hook SET secret = $2, old_secret = $3 WHERE id = $1",
        &[id.into(), secret.into(), old_secret.into()],
    )?;
    Ok(())
}

/// Removes a subscription and its messages; false if the customer has no such.
pub fn remove(tx: &mut dyn Tx, customer: CustomerId, public_id: &str) -> Result<bool> {
    let removed = tx.execute(
        "DELETE FROM hook WHERE customer_id = $1 AND public_id = $2",
        &[customer.0.into(), public_id.into()],
    )?;
    Ok(removed > 0)
}

/// Notes that an attempt failed. Since when nothing arrives stays as it is, if that is known.
pub fn failed(tx: &mut dyn Tx, id: i64, now: Timestamp) -> Result<()> {
    tx.execute(
        "UPDATE hook SET failing_since = $2 WHERE id = $1 AND failing_since IS NULL",
        &[id.into(), now.0.into()],
    )?;
    Ok(())
}

/// Notes that a message arrived; true if the last attempt before it had failed.
pub fn recovered(tx: &mut dyn Tx, id: i64) -> Result<bool> {
    let changed =
        tx.execute("UPDATE hook SET failing_since = NULL WHERE id = $1 AND failing_since IS NOT NULL", &[id.into()])?;
    Ok(changed > 0)
}

/// Disables a subscription; false if it is already.
pub fn disable(tx: &mut dyn Tx, id: i64, reason: &str) -> Result<bool> {
    let changed = tx.execute(
        "UPDATE hook SET enabled = 0, reason = $2 WHERE id = $1 AND enabled = 1",
        &[id.into(), reason.into()],
    )?;
    Ok(changed > 0)
}

fn names(events: &[Event]) -> String {
    events.iter().map(|event| event.name()).collect::<Vec<_>>().join(" ")
}

fn hook(mut row: Row) -> Result<Hook> {
    let old_secret = match row.optional_blob(9)? {
        Some(sealed) => Some((sealed.to_vec(), Timestamp(row.integer(10)?))),
        None => None,
    };
    let events = row
        .text(6)?
        .split(' ')
        .map(|name| Event::parse(name).ok_or_else(|| Error::internal("a stored event is unknown")));
    let events = events.collect::<Result<_>>()?;
    Ok(Hook {
        id: row.integer(0)?,
        customer: CustomerId(row.integer(1)?),
        public_id: row.take_text(2)?,
        application: row.optional_integer(3)?.map(ApplicationId),
        url: row.take_text(4)?,
        description: row.take_text(5)?,
        events,
        flow: row.optional_integer(7)?.map(FlowId),
        secret: row.take_blob(8)?,
        old_secret,
        enabled: row.integer(11)? != 0,
        reason: row.take_optional_text(12)?,
        failing_since: row.optional_integer(13)?.map(Timestamp),
        created: Timestamp(row.integer(14)?),
        modified: Timestamp(row.integer(15)?),
    })
}
