//! Requests whose senders may repeat them, and what came of them, kept for a while.
//! What makes two requests the same, and what an outcome means, is not known here.

use crate::error::Result;
use crate::model::account::CustomerId;
use crate::model::time::Timestamp;
use crate::store::{Tx, Value};

/// Whose key it is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RepeatKey {
    /// The customer.
    pub customer: CustomerId,
    /// Who acted for the customer. What others call by the same key has nothing to do with it.
    pub actor: String,
    /// The key as the client chose it.
    pub key: String,
}

/// A request that was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Remembered {
    /// SHA-256 over what was asked for.
    pub request_hash: Vec<u8>,
    /// What came of it, as JSON text.
    pub outcome: String,
}

/// The request that was carried out under that key, unless it has been forgotten by then.
pub fn find(tx: &mut dyn Tx, key: &RepeatKey, now: Timestamp) -> Result<Option<Remembered>> {
    let rows = tx.query(
        "SELECT request_hash, outcome FROM repeat \
         WHERE customer_id = $1 AND actor = $2 AND idempotency_key = $3 AND expires_at > $4",
        &[key.customer.0.into(), Value::Text(&key.actor), Value::Text(&key.key), now.0.into()],
    )?;
    let Some(mut row) = rows.into_iter().next() else { return Ok(None) };
    Ok(Some(Remembered { request_hash: row.take_blob(0)?, outcome: row.take_text(1)? }))
}

/// Remembers what came of a request, in place of whatever has been under that key.
pub fn insert(tx: &mut dyn Tx, key: &RepeatKey, remembered: &Remembered, expires: Timestamp) -> Result<()> {
    tx.execute(
        "INSERT INTO repeat (customer_id, actor, idempotency_key, request_hash, outcome, expires_at) \
         VALUES ($1, $2, $3, $4, $5, $6) ON CONFLICT (customer_id, actor, idempotency_key) \
         DO UPDATE SET request_hash = excluded.request_hash, outcome = excluded.outcome, \
         expires_at = excluded.expires_at",
        &[
            key.customer.0.into(),
            Value::Text(&key.actor),
            Value::Text(&key.key),
            remembered.request_hash.as_slice().into(),
            Value::Text(&remembered.outcome),
            expires.0.into(),
        ],
    )?;
    Ok(())
}

/// Forgets requests that have expired, of all customers, at most so many; gives how many they were.
pub fn remove_expired(tx: &mut dyn Tx, now: Timestamp, most: i64) -> Result<u64> {
    tx.execute(
        "DELETE FROM repeat WHERE (customer_id, actor, idempotency_key) IN \
         (SELECT customer_id, actor, idempotency_key FROM repeat WHERE expires_at <= $1 ORDER BY expires_at LIMIT $2)",
        &[now.0.into(), most.into()],
    )
}
