//! Incoming webhooks of a customer and the payloads posted to them.
//! How a URI is made unguessable, and what a payload means, is not known here.

use crate::error::{Code, Error, Result};
use crate::model::account::{ApplicationId, CustomerId};
use crate::model::flow::FlowId;
use crate::model::time::Timestamp;
use crate::model::webhook::{Settings, Webhook, WebhookPayload};
use crate::store::{Row, Tx, Value};

/// Inserts a webhook; `Conflict` if the URI is taken anywhere in the gateway.
pub fn insert(
    tx: &mut dyn Tx,
    customer: CustomerId,
    flow: FlowId,
    application: Option<ApplicationId>,
    uri: &str,
    now: Timestamp,
) -> Result<i64> {
    let rows = tx.query(
        "INSERT INTO webhook (customer_id, flow, application_id, uri, created_at) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (uri) DO NOTHING RETURNING id",
        &[customer.0.into(), flow.0.into(), application.map(|id| id.0).into(), uri.into(), now.0.into()],
    )?;
    match rows.first() {
        Some(row) => row.integer(0),
        // The URI is a secret: the sentence does not repeat it.
        None => Err(Error::new(Code::Conflict, "The webhook's URI is in use already")),
    }
}

/// Changes what a webhook asks of whoever posts, and how long that waits; false if the customer has no such webhook.
pub fn update(tx: &mut dyn Tx, customer: CustomerId, webhook: i64, settings: &str, wait: Option<u32>) -> Result<bool> {
    let changed = tx.execute(
        "UPDATE webhook SET settings = $3, wait = $4 WHERE id = $1 AND customer_id = $2",
        &[webhook.into(), customer.0.into(), settings.into(), wait.map(i64::from).into()],
    )?;
    Ok(changed > 0)
}

/// Removes a webhook with its payloads; false if the customer has no such webhook.
pub fn remove(tx: &mut dyn Tx, customer: CustomerId, webhook: i64) -> Result<bool> {
    let removed =
        tx.execute("DELETE FROM webhook WHERE id = $1 AND customer_id = $2", &[webhook.into(), customer.0.into()])?;
    Ok(removed > 0)
}

/// The webhook of that URI, whosever it is: knowing the URI is the permission.
pub fn find_by_uri(tx: &mut dyn Tx, uri: &str) -> Result<Option<Webhook>> {
    let rows = tx.query(
        "SELECT id, customer_id, flow, application_id, uri, created_at, wait, settings FROM webhook WHERE uri = $1",
        &[uri.into()],
    )?;
    rows.into_iter().next().map(webhook).transpose()
}

/// The customer's webhooks, oldest first.
pub fn list(tx: &mut dyn Tx, customer: CustomerId) -> Result<Vec<Webhook>> {
    let rows = tx.query(
        "SELECT id, customer_id, flow, application_id, uri, created_at, wait, settings FROM webhook \
         WHERE customer_id = $1 ORDER BY id",
        &[customer.0.into()],
    )?;
    rows.into_iter().map(webhook).collect()
}

/// Inserts a payload; the uuid must be new within the webhook.
pub fn insert_payload(tx: &mut dyn Tx, payload: &WebhookPayload) -> Result<()> {
    tx.execute(
        "INSERT INTO webhook_payload (webhook_id, uuid, customer_id, address, received_at, payload) \
         VALUES ($1, $2, $3, $4, $5, $6)",
        &[
            payload.webhook.into(),
            Value::Text(&payload.uuid),
            payload.customer.0.into(),
            Value::Text(&payload.address),
            payload.received.0.into(),
            Value::Text(&payload.payload),
        ],
    )?;
    Ok(())
}

/// Removes payloads that were received before that time, at most that many; gives how many they were.
pub fn prune_payloads(tx: &mut dyn Tx, before: Timestamp, most: i64) -> Result<u64> {
    tx.execute(
        "DELETE FROM webhook_payload WHERE (webhook_id, uuid) IN \
         (SELECT webhook_id, uuid FROM webhook_payload WHERE received_at < $1 ORDER BY received_at LIMIT $2)",
        &[before.0.into(), most.into()],
    )
}

/// Whether there are payloads that were received before that time.
pub fn has_payloads_before(tx: &mut dyn Tx, before: Timestamp) -> Result<bool> {
    let rows = tx.query("SELECT 1 FROM webhook_payload WHERE received_at < $1 LIMIT 1", &[before.0.into()])?;
    Ok(!rows.is_empty())
}

/// The newest payloads of the customer's webhook, newest first, by their time-ordered uuids.
pub fn find_payloads(tx: &mut dyn Tx, customer: CustomerId, webhook: i64, limit: u32) -> Result<Vec<WebhookPayload>> {
    let rows = tx.query(
        "SELECT uuid, webhook_id, customer_id, payload, address, received_at FROM webhook_payload \
         WHERE webhook_id = $1 AND customer_id = $2 ORDER BY uuid DESC LIMIT $3",
        &[webhook.into(), customer.0.into(), i64::from(limit).into()],
    )?;
    rows.into_iter().map(webhook_payload).collect()
}

fn webhook(mut row: Row) -> Result<Webhook> {
    Ok(Webhook {
        id: row.integer(0)?,
        customer: CustomerId(row.integer(1)?),
        flow: FlowId(row.integer(2)?),
        application: row.optional_integer(3)?.map(ApplicationId),
        uri: row.take_text(4)?,
        created: Timestamp(row.integer(5)?),
        wait: row.optional_integer(6)?.and_then(|seconds| u32::try_from(seconds).ok()),
        settings: Settings::parse(&row.take_text(7)?)
            .ok_or_else(|| Error::internal("the stored settings of a webhook cannot be read"))?,
    })
}

fn webhook_payload(mut row: Row) -> Result<WebhookPayload> {
    Ok(WebhookPayload {
        uuid: row.take_text(0)?,
        webhook: row.integer(1)?,
        customer: CustomerId(row.integer(2)?),
        payload: row.take_text(3)?,
        address: row.take_text(4)?,
        received: Timestamp(row.integer(5)?),
    })
}
