//! Records of a customer: accepted in one statement, changed only while nobody processes them.
//! What a record means, and how it is run, is not known here.

use crate::error::{Error, Result};
use crate::model::account::CustomerId;
use crate::model::flow::FlowId;
use crate::model::record::{Record, RecordStatus};
use crate::model::time::Timestamp;
use crate::store::{Row, Tx};

/// A record to be inserted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewRecord<'a> {
    /// Whose record it is.
    pub customer: CustomerId,
    /// Its public identifier, unique within the customer.
    pub uuid: &'a str,
    /// The flow it belongs to.
    pub flow: FlowId,
    /// The version of the flow it will run through.
    pub flow_version: i64,
    /// The JSON text, byte for byte as it was sent.
    pub data: &'a str,
    /// SHA-256 over what the insert asked for.
    pub request_hash: &'a [u8],
    /// Where it stands.
    pub status: RecordStatus,
    /// When it is to run.
    pub due: Timestamp,
    /// When it was accepted.
    pub created: Timestamp,
}

/// Inserts a record; false if the customer has one of that uuid already, which is then left as it is.
pub fn insert(tx: &mut dyn Tx, new: &NewRecord<'_>) -> Result<bool> {
    let inserted = tx.execute(
        "INSERT INTO record (customer_id, uuid, flow, flow_version, status, due_at, waits_until, created_at, \
         modified_at, request_hash, data) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $8, $9, $10) \
         ON CONFLICT (customer_id, uuid) DO NOTHING",
        &[
            new.customer.0.into(),
            new.uuid.into(),
            new.flow.0.into(),
            new.flow_version.into(),
            new.status.number().into(),
            new.due.0.into(),
            waits_until(new.status, new.due).into(),
            new.created.0.into(),
            new.request_hash.into(),
            new.data.into(),
        ],
    )?;
    Ok(inserted > 0)
}

/// The customer's record of that uuid.
pub fn find(tx: &mut dyn Tx, customer: CustomerId, uuid: &str) -> Result<Option<Record>> {
    let rows = tx.query(
        "SELECT id, customer_id, uuid, flow, flow_version, data, request_hash, status, due_at, created_at, \
         modified_at, started_at, last_run_at FROM record WHERE customer_id = $1 AND uuid = $2",
        &[customer.0.into(), uuid.into()],
    )?;
    rows.into_iter().next().map(record).transpose()
}

/// Replaces the record's data, status and due time, and begins its attempts anew; false if it is being processed, or
/// the customer has no such record.
pub fn update(
    tx: &mut dyn Tx,
    customer: CustomerId,
    uuid: &str,
    data: &str,
    status: RecordStatus,
    due: Timestamp,
    now: Timestamp,
) -> Result<bool> {
    let changed = tx.execute(
        "UPDATE record SET data = $3, status = $4, due_at = $5, waits_until = $6, modified_at = $7, attempt = $8 \
         WHERE customer_id = $1 AND uuid = $2 AND status <> $9",
        &[
            customer.0.into(),
            uuid.into(),
            data.into(),
            status.number().into(),
            due.0.into(),
            waits_until(status, due).into(),
            now.0.into(),
            0.into(),
            RecordStatus::Processing.number().into(),
        ],
    )?;
    Ok(changed > 0)
}

/// Removes the record; false if it is being processed, or the customer has no such record.
pub fn remove(tx: &mut dyn Tx, customer: CustomerId, uuid: &str) -> Result<bool> {
    let removed = tx.execute(
        "DELETE FROM record WHERE customer_id = $1 AND uuid = $2 AND status <> $3",
        &[customer.0.into(), uuid.into(), RecordStatus::Processing.number().into()],
    )?;
    Ok(removed > 0)
}

/// Changes the status if it is the expected one; false if it is not, or the customer has no such record.
///
/// Becoming [`RecordStatus::Processing`] counts as a run that begins now.
pub fn update_status(
    tx: &mut dyn Tx,
    customer: CustomerId,
    uuid: &str,
    from: RecordStatus,
    to: RecordStatus,
    now: Timestamp,
) -> Result<bool> {
    let runs = to == RecordStatus::Processing;
    let waits = waits_until(to, now).is_some();
    let changed = tx.execute(
        "UPDATE record SET status = $4, waits_until = CASE WHEN CAST($5 AS BIGINT) = 1 THEN due_at ELSE NULL END, \
         started_at = COALESCE(started_at, $6), last_run_at = COALESCE($6, last_run_at), num_runs = num_runs + $7 \
         WHERE customer_id = $1 AND uuid = $2 AND status = $3",
        &[
            customer.0.into(),
            uuid.into(),
            from.number().into(),
            to.number().into(),
            i64::from(waits).into(),
            runs.then_some(now.0).into(),
            i64::from(runs).into(),
        ],
    )?;
    Ok(changed > 0)
}

/// What the engine's index holds for a record: its due time while it waits, else nothing.
fn waits_until(status: RecordStatus, due: Timestamp) -> Option<i64> {
    match status {
        RecordStatus::Waiting | RecordStatus::Scheduled => Some(due.0),
        RecordStatus::Processing
        | RecordStatus::Finished
        | RecordStatus::Failed
        | RecordStatus::Reviewed
        | RecordStatus::Handled => None,
    }
}

fn record(mut row: Row) -> Result<Record> {
    Ok(Record {
        id: row.integer(0)?,
        customer: CustomerId(row.integer(1)?),
        uuid: row.take_text(2)?,
        flow: FlowId(row.integer(3)?),
        flow_version: row.integer(4)?,
        data: row.take_text(5)?,
        request_hash: row.take_blob(6)?,
        status: RecordStatus::from_number(row.integer(7)?)
            .ok_or_else(|| Error::internal("a stored record status is unknown"))?,
        due: Timestamp(row.integer(8)?),
        created: Timestamp(row.integer(9)?),
        modified: Timestamp(row.integer(10)?),
        started: row.optional_integer(11)?.map(Timestamp),
        last_run: row.optional_integer(12)?.map(Timestamp),
    })
}
