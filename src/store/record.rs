//! Records of a customer: accepted in one statement, changed only while nobody processes them.
//! What a record means, and how it is run, is not known here.

use crate::error::{Error, Result};
use crate::model::account::CustomerId;
use crate::model::flow::FlowId;
use crate::model::record::{Hold, Place, Record, RecordStatus};
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
            waits_until(Place { status: new.status, hold: Hold::None }, new.due).into(),
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
         modified_at, started_at, last_run_at, hold, num_runs, attempt, step FROM record \
         WHERE customer_id = $1 AND uuid = $2",
        &[customer.0.into(), uuid.into()],
    )?;
    rows.into_iter().next().map(record).transpose()
}

/// Replaces the record's data, status and due time, and begins its attempts anew; false if it is being processed, or
/// the customer has no such record. A record that is held stays so.
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
        "UPDATE record SET data = $3, status = $4, due_at = $5, \
         waits_until = CASE WHEN hold = $10 THEN CAST($6 AS BIGINT) ELSE NULL END, modified_at = $7, attempt = $8 \
         WHERE customer_id = $1 AND uuid = $2 AND status <> $9",
        &[
            customer.0.into(),
            uuid.into(),
            data.into(),
            status.number().into(),
            due.0.into(),
            waits_until(Place { status, hold: Hold::None }, due).into(),
            now.0.into(),
            0.into(),
            RecordStatus::Processing.number().into(),
            Hold::None.number().into(),
        ],
    )?;
    Ok(changed > 0)
}

/// Removes the record; false if it is being processed, or the customer has no such record. A run that waits for its end
/// goes on.
pub fn remove(tx: &mut dyn Tx, customer: CustomerId, uuid: &str) -> Result<bool> {
    let removed = tx.query(
        "DELETE FROM record WHERE customer_id = $1 AND uuid = $2 AND status <> $3 RETURNING parent",
        &[customer.0.into(), uuid.into(), RecordStatus::Processing.number().into()],
    )?;
    let Some(row) = removed.first() else { return Ok(false) };
    if let Some(parent) = row.optional_integer(0)? {
        tx.execute(
            "UPDATE record SET waits_until = due_at WHERE id = $1 AND status = $2 AND lease IS NULL",
            &[parent.into(), RecordStatus::Processing.number().into()],
        )?;
    }
    Ok(true)
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
    let waits = Place { status: to, hold: Hold::None }.is_queued();
    let changed = tx.execute(
        "UPDATE record SET status = $4, \
         waits_until = CASE WHEN CAST($5 AS BIGINT) = 1 AND hold = $8 THEN due_at ELSE NULL END, \
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
            Hold::None.number().into(),
        ],
    )?;
    Ok(changed > 0)
}

/// The flow that the customer's record of that uuid belongs to.
pub fn find_flow(tx: &mut dyn Tx, customer: CustomerId, uuid: &str) -> Result<Option<FlowId>> {
    let rows =
        tx.query("SELECT flow FROM record WHERE customer_id = $1 AND uuid = $2", &[customer.0.into(), uuid.into()])?;
    rows.first().map(|row| row.integer(0).map(FlowId)).transpose()
}

/// Where a record stands, and when it is to run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Standing {
    /// Where it stands.
    pub place: Place,
    /// When it is to run.
    pub due: Timestamp,
}

/// Where the customer's record of that uuid stands. Its data is not read.
pub fn find_standing(tx: &mut dyn Tx, customer: CustomerId, uuid: &str) -> Result<Option<Standing>> {
    let rows = tx.query(
        "SELECT status, hold, due_at FROM record WHERE customer_id = $1 AND uuid = $2",
        &[customer.0.into(), uuid.into()],
    )?;
    let Some(row) = rows.first() else { return Ok(None) };
    Ok(Some(Standing { place: place(row, 0, 1)?, due: Timestamp(row.integer(2)?) }))
}

/// Where a record that is put back into the queue begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Begin {
    /// At the step it stands at.
    There,
    /// At the beginning of its flow, as a run of its own.
    Anew,
}

/// Moves the record from one place to another, where one that had failed begins its attempts anew; false if it is not in
/// the expected place, or the customer has no such record.
pub fn update_place(
    tx: &mut dyn Tx,
    customer: CustomerId,
    uuid: &str,
    from: Place,
    to: Place,
    due: Timestamp,
    begin: Begin,
) -> Result<bool> {
    let changed = tx.execute(
        "UPDATE record SET status = $5, hold = $6, due_at = $7, waits_until = $8, \
         attempt = CASE WHEN status = $9 THEN CAST($10 AS BIGINT) ELSE attempt END, \
         step = CASE WHEN CAST($11 AS BIGINT) = 1 THEN NULL ELSE step END, \
         input_step = CASE WHEN CAST($11 AS BIGINT) = 1 THEN NULL ELSE input_step END, \
         moves = CASE WHEN CAST($11 AS BIGINT) = 1 THEN CAST($10 AS BIGINT) ELSE moves END \
         WHERE customer_id = $1 AND uuid = $2 AND status = $3 AND hold = $4",
        &[
            customer.0.into(),
            uuid.into(),
            from.status.number().into(),
            from.hold.number().into(),
            to.status.number().into(),
            to.hold.number().into(),
            due.0.into(),
            waits_until(to, due).into(),
            RecordStatus::Failed.number().into(),
            0.into(),
            i64::from(begin == Begin::Anew).into(),
        ],
    )?;
    Ok(changed > 0)
}

/// Puts the record at the beginning of another flow, in the queue and due at that time; false if it is being processed,
/// or the customer has no such record.
pub fn update_flow(
    tx: &mut dyn Tx,
    customer: CustomerId,
    uuid: &str,
    flow: FlowId,
    flow_version: i64,
    due: Timestamp,
) -> Result<bool> {
    let changed = tx.execute(
        "UPDATE record SET flow = $3, flow_version = $4, status = $5, hold = $6, due_at = $7, waits_until = $7, \
         attempt = $8, moves = $8, step = NULL, input_step = NULL WHERE customer_id = $1 AND uuid = $2 AND status <> $9",
        &[
            customer.0.into(),
            uuid.into(),
            flow.0.into(),
            flow_version.into(),
            RecordStatus::Waiting.number().into(),
            Hold::None.number().into(),
            due.0.into(),
            0.into(),
            RecordStatus::Processing.number().into(),
        ],
    )?;
    Ok(changed > 0)
}

/// What the engine's index holds for a record: its due time while it waits in the queue, else nothing.
fn waits_until(place: Place, due: Timestamp) -> Option<i64> {
    place.is_queued().then_some(due.0)
}

/// The place in those two columns: the status and the hold.
pub(super) fn place(row: &Row, status: usize, hold: usize) -> Result<Place> {
    Ok(Place {
        status: RecordStatus::from_number(row.integer(status)?)
            .ok_or_else(|| Error::internal("a stored record status is unknown"))?,
        hold: Hold::from_number(row.integer(hold)?).ok_or_else(|| Error::internal("a stored hold is unknown"))?,
    })
}

fn record(mut row: Row) -> Result<Record> {
    let Place { status, hold } = place(&row, 7, 13)?;
    Ok(Record {
        id: row.integer(0)?,
        customer: CustomerId(row.integer(1)?),
        uuid: row.take_text(2)?,
        flow: FlowId(row.integer(3)?),
        flow_version: row.integer(4)?,
        data: row.take_text(5)?,
        request_hash: row.take_blob(6)?,
        status,
        hold,
        due: Timestamp(row.integer(8)?),
        created: Timestamp(row.integer(9)?),
        modified: Timestamp(row.integer(10)?),
        started: row.optional_integer(11)?.map(Timestamp),
        last_run: row.optional_integer(12)?.map(Timestamp),
        num_runs: row.integer(14)?,
        attempt: row.integer(15)?,
        step: row.take_optional_text(16)?,
    })
}
