//! Addresses that steps of runs wait at, and what was posted there.
//! How an address is made unguessable, and what a step makes of what was posted, is not known here.

use crate::error::{Error, Result};
use crate::model::account::CustomerId;
use crate::model::flow::FlowId;
use crate::model::record::{Hold, RecordStatus};
use crate::model::time::Timestamp;
use crate::model::webhook::{Callback, CallbackSettings};
use crate::store::{Row, Tx};

/// Inserts the address of a step in a run.
pub fn insert(
    tx: &mut dyn Tx,
    record: i64,
    run: i64,
    step: &str,
    uri: &str,
    settings: &str,
    now: Timestamp,
) -> Result<()> {
    tx.execute(
        "INSERT INTO callback (uri, record_id, run, step, settings, created_at) VALUES ($1, $2, $3, $4, $5, $6)",
        &[uri.into(), record.into(), run.into(), step.into(), settings.into(), now.0.into()],
    )?;
    Ok(())
}

/// The steps of a run that have addresses, each with its own.
pub fn list(tx: &mut dyn Tx, record: i64, run: i64) -> Result<Vec<(String, String)>> {
    let rows =
        tx.query("SELECT step, uri FROM callback WHERE record_id = $1 AND run = $2", &[record.into(), run.into()])?;
    rows.into_iter().map(|mut row| Ok((row.take_text(0)?, row.take_text(1)?))).collect()
}

/// The callback of that URI, whosever it is: knowing the URI is the permission.
pub fn find_by_uri(tx: &mut dyn Tx, uri: &str) -> Result<Option<Callback>> {
    let rows = tx.query(
        "SELECT callback.id, record.customer_id, callback.settings FROM callback \
         JOIN record ON record.id = callback.record_id WHERE callback.uri = $1",
        &[uri.into()],
    )?;
    rows.into_iter().next().map(callback).transpose()
}

fn callback(mut row: Row) -> Result<Callback> {
    let settings = CallbackSettings::parse(&row.take_text(2)?);
    Ok(Callback {
        id: row.integer(0)?,
        customer: CustomerId(row.integer(1)?),
        settings: settings.ok_or_else(|| Error::internal("the stored settings of a callback cannot be read"))?,
    })
}

/// Where the run stands that a callback is of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Awaited {
    /// The record's own number.
    pub record: i64,
    /// The record's public identifier.
    pub uuid: String,
    /// Its flow.
    pub flow: FlowId,
    /// The step that waits.
    pub step: String,
    /// Whether the run is over.
    pub is_over: bool,
    /// When something was posted, and what, as a JSON document.
    pub received: Option<(Timestamp, String)>,
}

/// Where the run stands; `None` if its record was removed.
pub fn find_awaited(tx: &mut dyn Tx, callback: i64) -> Result<Option<Awaited>> {
    let rows = tx.query(
        "SELECT record.id, record.uuid, record.flow, callback.step, \
         CASE WHEN record.num_runs = callback.run AND record.step IS NOT NULL AND record.status IN ($2, $3, $4) \
         THEN 0 ELSE 1 END, callback.received_at, callback.payload \
         FROM callback JOIN record ON record.id = callback.record_id WHERE callback.id = $1",
        &[
            callback.into(),
            RecordStatus::Waiting.number().into(),
            RecordStatus::Processing.number().into(),
            RecordStatus::Scheduled.number().into(),
        ],
    )?;
    let Some(mut row) = rows.into_iter().next() else { return Ok(None) };
    let received = row.optional_integer(5)?.map(Timestamp).zip(row.take_optional_text(6)?);
    Ok(Some(Awaited {
        record: row.integer(0)?,
        uuid: row.take_text(1)?,
        flow: FlowId(row.integer(2)?),
        step: row.take_text(3)?,
        is_over: row.integer(4)? == 1,
        received,
    }))
}

/// Keeps what was posted, and puts the record into the queue if it stands at the step and nobody holds it.
pub fn receive(tx: &mut dyn Tx, callback: i64, awaited: &Awaited, payload: &str, now: Timestamp) -> Result<()> {
    tx.execute(
        "UPDATE callback SET received_at = $2, payload = $3 WHERE id = $1",
        &[callback.into(), now.0.into(), payload.into()],
    )?;
    tx.execute(
        "UPDATE record SET status = $3, due_at = $4, \
         waits_until = CASE WHEN hold = $5 THEN CAST($4 AS BIGINT) ELSE NULL END \
         WHERE id = $1 AND step = $2 AND lease IS NULL AND status IN ($3, $6)",
        &[
            awaited.record.into(),
            awaited.step.as_str().into(),
            RecordStatus::Waiting.number().into(),
            now.0.into(),
            Hold::None.number().into(),
            RecordStatus::Scheduled.number().into(),
        ],
    )?;
    Ok(())
}

/// What was posted to the address of a step in a run, as a JSON document.
pub fn payload(tx: &mut dyn Tx, record: i64, run: i64, step: &str) -> Result<Option<String>> {
    let rows = tx.query(
        "SELECT payload FROM callback WHERE record_id = $1 AND run = $2 AND step = $3",
        &[record.into(), run.into(), step.into()],
    )?;
    rows.into_iter().next().map_or(Ok(None), |mut row| row.take_optional_text(0))
}

/// Whether there are addresses made before that time of runs that are over.
pub fn has_any_before(tx: &mut dyn Tx, before: Timestamp) -> Result<bool> {
    let rows = tx.query(
        "SELECT 1 FROM callback JOIN record ON record.id = callback.record_id \
         WHERE callback.created_at < $1 AND (record.step IS NULL OR record.num_runs <> callback.run) LIMIT 1",
        &[before.0.into()],
    )?;
    Ok(!rows.is_empty())
}

/// Removes addresses made before that time of runs that are over, at most that many; gives how many they were.
pub fn prune(tx: &mut dyn Tx, before: Timestamp, most: i64) -> Result<u64> {
    tx.execute(
        "DELETE FROM callback WHERE id IN (SELECT callback.id FROM callback JOIN record ON record.id = callback.record_id \
         WHERE callback.created_at < $1 AND (record.step IS NULL OR record.num_runs <> callback.run) \
         ORDER BY callback.created_at LIMIT $2)",
        &[before.0.into(), most.into()],
    )
}
