//! Messages to subscribers: those that wait, are under way, and are over.
//! How one is sent, and when it is attempted again, is not known here.
//!
//! A claim is fenced: everything that is written for it names its lease, and changes nothing once the lease is lost.

use crate::error::{Error, Result};
use crate::model::hook::{Delivery, DeliveryStatus, Event, HookLane, Parcel};
use crate::model::time::Timestamp;
use crate::store::run::Lease;
use crate::store::{Row, Tx, Value};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT message_id, event, status, attempt, due_at, created_at, ended_at, attempts FROM delivery WHERE ",
            $rest
        )
    };
}

/// Adds a message, due now, unless the subscription is gone or disabled.
pub fn insert(tx: &mut dyn Tx, hook: i64, message: &str, event: Event, body: &str, now: Timestamp) -> Result<()> {
    tx.execute(
        "INSERT INTO delivery (hook_id, message_id, event, status, due_at, created_at, body) \
         SELECT id, $2, $3, 0, $4, $4, $5 FROM hook WHERE id = $1 AND enabled = 1",
        &[hook.into(), message.into(), event.name().into(), now.0.into(), body.into()],
    )?;
    Ok(())
}

/// The enabled subscriptions with messages that wait, and when the first of each is due.
///
/// It costs a few look-ups for each of them, however many messages wait.
pub fn lanes(tx: &mut dyn Tx) -> Result<Vec<HookLane>> {
    let rows = tx.query(
        "WITH RECURSIVE lane (hook_id, due_at) AS ( \
         SELECT * FROM (SELECT hook_id, due_at FROM delivery WHERE due_at IS NOT NULL \
         ORDER BY hook_id, due_at, id LIMIT 1) AS first \
         UNION ALL \
         SELECT delivery.hook_id, delivery.due_at FROM lane JOIN delivery ON delivery.id = \
         (SELECT other.id FROM delivery AS other WHERE other.due_at IS NOT NULL AND other.hook_id > lane.hook_id \
         ORDER BY other.hook_id, other.due_at, other.id LIMIT 1)) \
         SELECT lane.hook_id, lane.due_at, hook.failing_since FROM lane JOIN hook ON hook.id = lane.hook_id \
         WHERE hook.enabled = 1",
        &[],
    )?;
    rows.iter()
        .map(|row| {
            let (hook, due) = (row.integer(0)?, Timestamp(row.integer(1)?));
            Ok(HookLane { hook, due, is_failing: row.optional_integer(2)?.is_some() })
        })
        .collect()
}

/// Takes up messages of a subscription that are due, at most that many, the longest due first.
pub fn claim(tx: &mut dyn Tx, hook: i64, most: i64, lease: Lease<'_>, now: Timestamp) -> Result<Vec<Parcel>> {
    let rows = tx.query(
        "UPDATE delivery SET lease = $2, lease_until = $3, due_at = NULL WHERE id IN ( \
         SELECT id FROM delivery WHERE hook_id = $1 AND due_at <= $4 ORDER BY due_at, id LIMIT $5) \
         RETURNING id, hook_id, message_id, attempt, attempts, octet_length(body), lease",
        &[hook.into(), lease.token.into(), lease.until.0.into(), now.0.into(), most.into()],
    )?;
    let mut parcels = rows.into_iter().map(parcel).collect::<Result<Vec<_>>>()?;
    // What an UPDATE returns has no order of its own.
    parcels.sort_by_key(|parcel| parcel.id);
    Ok(parcels)
}

/// What a message says.
pub fn body(tx: &mut dyn Tx, id: i64) -> Result<Option<String>> {
    let rows = tx.query("SELECT body FROM delivery WHERE id = $1", &[id.into()])?;
    rows.into_iter().next().map(|mut row| row.take_text(0)).transpose()
}

/// Where a message that was taken up is left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Left {
    /// Its status.
    pub status: DeliveryStatus,
    /// How often it was attempted in vain.
    pub attempt: i64,
    /// When it is to be attempted; `None` if it is over.
    pub due: Option<Timestamp>,
    /// When it was over.
    pub ended: Option<Timestamp>,
    /// What became of each attempt, as a JSON array.
    pub attempts: String,
}

/// Leaves a message and ends its lease; false if the lease was lost.
pub fn leave(tx: &mut dyn Tx, id: i64, lease: &str, left: &Left) -> Result<bool> {
    let changed = tx.execute(
        "UPDATE delivery SET status = $3, attempt = $4, due_at = $5, ended_at = $6, attempts = $7, \
         lease = NULL, lease_until = NULL WHERE id = $1 AND lease = $2",
        &[
            id.into(),
            lease.into(),
            left.status.number().into(),
            left.attempt.into(),
            left.due.map(|due| due.0).into(),
            left.ended.map(|ended| ended.0).into(),
            Value::Text(&left.attempts),
        ],
    )?;
    Ok(changed > 0)
}

/// Messages whose lease has ended by that time, at most that many.
pub fn orphans(tx: &mut dyn Tx, until: Timestamp, most: i64) -> Result<Vec<Parcel>> {
    let rows = tx.query(
        "SELECT id, hook_id, message_id, attempt, attempts, octet_length(body), lease FROM delivery \
         WHERE lease_until <= $1 ORDER BY lease_until LIMIT $2",
        &[until.0.into(), most.into()],
    )?;
    rows.into_iter().map(parcel).collect()
}

/// Begins a message anew, due now, under the same identifier; false if it is under way, or there is no such.
pub fn redeliver(tx: &mut dyn Tx, hook: i64, message: &str, now: Timestamp) -> Result<bool> {
    let changed = tx.execute(
        "UPDATE delivery SET status = 0, attempt = 0, due_at = $3, ended_at = NULL \
         WHERE hook_id = $1 AND message_id = $2 AND lease IS NULL",
        &[hook.into(), message.into(), now.0.into()],
    )?;
    Ok(changed > 0)
}

/// The messages of a subscription, newest first.
pub fn list(tx: &mut dyn Tx, hook: i64, limit: i64, offset: i64) -> Result<Vec<Delivery>> {
    let rows = tx.query(
        select!("hook_id = $1 ORDER BY id DESC LIMIT $2 OFFSET $3"),
        &[hook.into(), limit.into(), offset.into()],
    )?;
    rows.into_iter().map(delivery).collect()
}

/// A message of a subscription.
pub fn find(tx: &mut dyn Tx, hook: i64, message: &str) -> Result<Option<(Delivery, String)>> {
    let rows = tx.query(select!("hook_id = $1 AND message_id = $2"), &[hook.into(), message.into()])?;
    let Some(row) = rows.into_iter().next() else { return Ok(None) };
    let bodies =
        tx.query("SELECT body FROM delivery WHERE hook_id = $1 AND message_id = $2", &[hook.into(), message.into()])?;
    let body = bodies.into_iter().next().map_or(Ok(String::new()), |mut row| row.take_text(0))?;
    Ok(Some((delivery(row)?, body)))
}

/// How many messages wait, those of disabled subscriptions too.
pub fn count_waiting(tx: &mut dyn Tx) -> Result<u64> {
    let rows = tx.query("SELECT COUNT(*) FROM delivery WHERE due_at IS NOT NULL", &[])?;
    rows.first().map_or(Ok(0), |row| row.integer(0)).map(i64::unsigned_abs)
}

/// Whether a message was over before that time.
pub fn has_ended_before(tx: &mut dyn Tx, before: Timestamp) -> Result<bool> {
    let rows = tx.query("SELECT 1 FROM delivery WHERE ended_at < $1 LIMIT 1", &[before.0.into()])?;
    Ok(!rows.is_empty())
}

/// Removes messages that were over before that time, at most that many.
pub fn prune(tx: &mut dyn Tx, before: Timestamp, most: i64) -> Result<u64> {
    tx.execute(
        "DELETE FROM delivery WHERE id IN (SELECT id FROM delivery WHERE ended_at < $1 ORDER BY ended_at LIMIT $2)",
        &[before.0.into(), most.into()],
    )
}

fn parcel(mut row: Row) -> Result<Parcel> {
    Ok(Parcel {
        id: row.integer(0)?,
        hook: row.integer(1)?,
        message: row.take_text(2)?,
        attempt: row.integer(3)?,
        attempts: row.take_text(4)?,
        size: row.integer(5)?,
        lease: row.take_text(6)?,
    })
}

fn delivery(mut row: Row) -> Result<Delivery> {
    Ok(Delivery {
        message: row.take_text(0)?,
        event: Event::parse(row.text(1)?).ok_or_else(|| Error::internal("a stored event is unknown"))?,
        status: DeliveryStatus::from_number(row.integer(2)?)
            .ok_or_else(|| Error::internal("a stored status of a message is unknown"))?,
        attempt: row.integer(3)?,
        due: row.optional_integer(4)?.map(Timestamp),
        created: Timestamp(row.integer(5)?),
        ended: row.optional_integer(6)?.map(Timestamp),
        attempts: row.take_text(7)?,
    })
}
