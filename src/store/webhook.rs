//! Incoming webhooks of a customer and the payloads posted to them.
//! How a URI is made unguessable, and what a payload means, is not known here.

use crate::error::{Code, Error, Result};
use crate::model::account::{ApplicationId, CustomerId};
use crate::model::flow::FlowId;
use crate::model::time::Timestamp;
use crate::model::webhook::{Webhook, WebhookPayload};
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

/// The webhook of that URI, whosever it is: knowing the URI is the permission.
pub fn find_by_uri(tx: &mut dyn Tx, uri: &str) -> Result<Option<Webhook>> {
    let rows = tx.query(
        "SELECT id, customer_id, flow, application_id, uri, created_at FROM webhook WHERE uri = $1",
        &[uri.into()],
    )?;
    rows.into_iter().next().map(webhook).transpose()
}

/// The customer's webhooks, oldest first.
pub fn list(tx: &mut dyn Tx, customer: CustomerId) -> Result<Vec<Webhook>> {
    let rows = tx.query(
        "SELECT id, customer_id, flow, application_id, uri, created_at FROM webhook WHERE customer_id = $1 \
         ORDER BY id",
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
