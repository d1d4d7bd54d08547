//! The engine's side of records: taking them up under a lease, leaving them where they stand, and what happened to them.
//! Which step follows which, and when to try again, is not known here.
//!
//! A claim is fenced: everything that is written for it names its lease, and changes nothing once the lease is lost.

use crate::error::{Error, Result};
use crate::model::account::CustomerId;
use crate::model::flow::{FlowId, FlowStatus};
use crate::model::record::{Hold, RecordStatus};
use crate::model::run::{Claim, Lane, LogEntry, Note, ShownEntry, Subject};
use crate::model::time::Timestamp;
use crate::store::{Row, Tx};

/// Data of up to this many bytes are read with a claim.
pub const INLINE: i64 = 64 * 1024;

/// The flows of which records wait in the queue and that run, and when the first record of each is due.
///
/// It costs a few look-ups for each flow, however many records wait.
pub fn lanes(tx: &mut dyn Tx) -> Result<Vec<Lane>> {
    let rows = tx.query(
        "WITH RECURSIVE lane (customer_id, flow, due_at) AS ( \
         SELECT * FROM (SELECT customer_id, flow, waits_until FROM record WHERE waits_until IS NOT NULL \
         ORDER BY customer_id, flow, waits_until, id LIMIT 1) AS first \
         UNION ALL \
         SELECT record.customer_id, record.flow, record.waits_until FROM lane JOIN record ON record.id = COALESCE( \
         (SELECT other.id FROM record AS other WHERE other.waits_until IS NOT NULL \
         AND other.customer_id = lane.customer_id AND other.flow > lane.flow \
         ORDER BY other.flow, other.waits_until, other.id LIMIT 1), \
         (SELECT other.id FROM record AS other WHERE other.waits_until IS NOT NULL \
         AND other.customer_id > lane.customer_id \
         ORDER BY other.customer_id, other.flow, other.waits_until, other.id LIMIT 1))) \
         SELECT lane.customer_id, lane.flow, lane.due_at FROM lane \
         JOIN flow ON flow.customer_id = lane.customer_id AND flow.number = lane.flow WHERE flow.status IN ($1, $2)",
        &[FlowStatus::Public.name().into(), FlowStatus::Running.name().into()],
    )?;
    rows.iter()
        .map(|row| {
            Ok(Lane {
                customer: CustomerId(row.integer(0)?),
                flow: FlowId(row.integer(1)?),
                due: Timestamp(row.integer(2)?),
            })
        })
        .collect()
}

/// Who takes records up, and until when they are theirs.
#[derive(Clone, Copy, Debug)]
pub struct Lease<'l> {
    /// What tells this claim from every other.
    pub token: &'l str,
    /// Until when it holds.
    pub until: Timestamp,
}

macro_rules! claim {
    ($which:literal) => {
        concat!(
            "UPDATE record SET status = $1, lease = $2, lease_until = $3, waits_until = NULL, ",
            "num_runs = num_runs + CASE WHEN step IS NULL THEN 1 ELSE 0 END, step = COALESCE(step, ''), ",
            "started_at = COALESCE(started_at, $4), last_run_at = $4 WHERE id IN (",
            $which,
            ") RETURNING id, uuid, flow_version, step, input_step, num_runs, attempt, parent, depth, moves, created_at, ",
            "CASE WHEN octet_length(data) <= $8 THEN data ELSE NULL END"
        )
    };
}

/// Takes up records of a flow that are due, at most that many, the longest due first.
pub fn claim(
    tx: &mut dyn Tx,
    customer: CustomerId,
    flow: FlowId,
    most: i64,
    lease: Lease<'_>,
    now: Timestamp,
) -> Result<Vec<Claim>> {
    let sql = claim!(
        "SELECT id FROM record WHERE customer_id = $5 AND flow = $6 AND waits_until <= $4 \
         ORDER BY waits_until, id LIMIT $7"
    );
    take_up(tx, sql, customer, flow, most, lease, now)
}

/// Takes up the next record of a flow that keeps their order: the one that is under way if there is one, and it alone
/// until it has ended; else the longest due. While one waits for another flow's record to end, that is none.
pub fn claim_in_order(
    tx: &mut dyn Tx,
    customer: CustomerId,
    flow: FlowId,
    lease: Lease<'_>,
    now: Timestamp,
) -> Result<Option<Claim>> {
    // Literals, so that the index of just these is used.
    let waiting = tx.query(
        "SELECT 1 FROM record WHERE customer_id = $1 AND flow = $2 AND status = 1 AND lease IS NULL \
         AND waits_until IS NULL LIMIT 1",
        &[customer.0.into(), flow.0.into()],
    )?;
    if !waiting.is_empty() {
        return Ok(None);
    }
    let rows = tx.query(
        "SELECT id, waits_until FROM record WHERE customer_id = $1 AND flow = $2 AND step IS NOT NULL \
         AND waits_until IS NOT NULL ORDER BY id LIMIT 1",
        &[customer.0.into(), flow.0.into()],
    )?;
    let sql = match rows.first() {
        Some(row) if row.integer(1)? > now.0 => return Ok(None),
        Some(_) => claim!(
            "SELECT id FROM record WHERE customer_id = $5 AND flow = $6 AND step IS NOT NULL AND waits_until <= $4 \
             ORDER BY id LIMIT $7"
        ),
        None => claim!(
            "SELECT id FROM record WHERE customer_id = $5 AND flow = $6 AND waits_until <= $4 \
             ORDER BY waits_until, id LIMIT $7"
        ),
    };
    Ok(take_up(tx, sql, customer, flow, 1, lease, now)?.pop())
}

fn take_up(
    tx: &mut dyn Tx,
    sql: &str,
    customer: CustomerId,
    flow: FlowId,
    most: i64,
    lease: Lease<'_>,
    now: Timestamp,
) -> Result<Vec<Claim>> {
    let rows = tx.query(
        sql,
        &[
            RecordStatus::Processing.number().into(),
            lease.token.into(),
            lease.until.0.into(),
            now.0.into(),
            customer.0.into(),
            flow.0.into(),
            most.into(),
            INLINE.into(),
        ],
    )?;
    let mut claims =
        rows.into_iter().map(|row| claimed(row, customer, flow, lease.token)).collect::<Result<Vec<_>>>()?;
    // What an UPDATE returns has no order of its own.
    claims.sort_by_key(|claim| claim.record);
    Ok(claims)
}

fn claimed(mut row: Row, customer: CustomerId, flow: FlowId, lease: &str) -> Result<Claim> {
    Ok(Claim {
        record: row.integer(0)?,
        customer,
        uuid: row.take_text(1)?,
        flow,
        flow_version: row.integer(2)?,
        step: row.take_text(3)?,
        input_step: row.take_optional_text(4)?,
        run: row.integer(5)?,
        attempt: row.integer(6)?,
        parent: row.optional_integer(7)?,
        depth: row.integer(8)?,
        moves: row.integer(9)?,
        created: Timestamp(row.integer(10)?),
        data: row.take_optional_text(11)?,
        lease: lease.to_owned(),
    })
}

/// The data of a record.
pub fn data(tx: &mut dyn Tx, record: i64) -> Result<Option<String>> {
    let rows = tx.query("SELECT data FROM record WHERE id = $1", &[record.into()])?;
    rows.into_iter().next().map(|mut row| row.take_text(0)).transpose()
}

/// How many bytes the data of a record are.
pub fn data_size(tx: &mut dyn Tx, record: i64) -> Result<i64> {
    let rows = tx.query("SELECT octet_length(data) FROM record WHERE id = $1", &[record.into()])?;
    rows.first().map_or(Ok(0), |row| row.integer(0))
}

/// Where a claimed record is left.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place<'p> {
    /// Its status.
    pub status: RecordStatus,
    /// The step it stands at; `None` once the run has ended well.
    pub step: Option<&'p str>,
    /// The step whose output that one takes.
    pub input_step: Option<&'p str>,
    /// How often that step was tried in vain.
    pub attempt: i64,
    /// When it is due; `None` if the queue does not hold it.
    pub due: Option<Timestamp>,
}

/// Leaves a claimed record and ends its lease; false if the lease was lost.
pub fn leave(tx: &mut dyn Tx, record: i64, lease: &str, place: Place<'_>) -> Result<bool> {
    let changed = tx.execute(
        "UPDATE record SET status = $3, step = $4, input_step = $5, attempt = $6, waits_until = $7, \
         due_at = COALESCE($7, due_at), lease = NULL, lease_until = NULL WHERE id = $1 AND lease = $2",
        &[
            record.into(),
            lease.into(),
            place.status.number().into(),
            place.step.into(),
            place.input_step.into(),
            place.attempt.into(),
            place.due.map(|due| due.0).into(),
        ],
    )?;
    Ok(changed > 0)
}

/// Moves a claimed record on to another step, and keeps it until then; false if the lease was lost.
pub fn advance(
    tx: &mut dyn Tx,
    record: i64,
    lease: &str,
    step: &str,
    input_step: Option<&str>,
    attempt: i64,
    until: Timestamp,
) -> Result<bool> {
    let changed = tx.execute(
        "UPDATE record SET step = $3, input_step = $4, attempt = $5, lease_until = $6 WHERE id = $1 AND lease = $2",
        &[record.into(), lease.into(), step.into(), input_step.into(), attempt.into(), until.0.into()],
    )?;
    Ok(changed > 0)
}

/// Keeps a claimed record until then; false if the lease was lost.
pub fn extend(tx: &mut dyn Tx, record: i64, lease: &str, until: Timestamp) -> Result<bool> {
    let changed = tx.execute(
        "UPDATE record SET lease_until = $3 WHERE id = $1 AND lease = $2",
        &[record.into(), lease.into(), until.0.into()],
    )?;
    Ok(changed > 0)
}

/// Puts a claimed record at the beginning of another flow, due now; false if the lease was lost.
pub fn transfer(
    tx: &mut dyn Tx,
    record: i64,
    lease: &str,
    flow: FlowId,
    flow_version: i64,
    now: Timestamp,
) -> Result<bool> {
    let changed = tx.execute(
        "UPDATE record SET flow = $3, flow_version = $4, status = $5, step = NULL, input_step = NULL, attempt = $6, moves = moves + 1, \
         due_at = $7, waits_until = $7, lease = NULL, lease_until = NULL WHERE id = $1 AND lease = $2",
        &[
            record.into(),
            lease.into(),
            flow.0.into(),
            flow_version.into(),
            RecordStatus::Waiting.number().into(),
            0.into(),
            now.0.into(),
        ],
    )?;
    Ok(changed > 0)
}

/// Replaces the data of a claimed record; false if the lease was lost.
pub fn update_data(tx: &mut dyn Tx, record: i64, lease: &str, data: &str, now: Timestamp) -> Result<bool> {
    let changed = tx.execute(
        "UPDATE record SET data = $3, modified_at = $4 WHERE id = $1 AND lease = $2",
        &[record.into(), lease.into(), data.into(), now.0.into()],
    )?;
    Ok(changed > 0)
}

/// A record whose lease has ended without its holder having left it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Orphan {
    /// The record's own number.
    pub record: i64,
    /// The lease it still names.
    pub lease: String,
    /// Whose record it is.
    pub customer: CustomerId,
    /// Its public identifier.
    pub uuid: String,
    /// Its flow.
    pub flow: FlowId,
    /// Its run.
    pub run: i64,
    /// The step it stands at; empty at the beginning.
    pub step: String,
    /// The step whose output that one takes.
    pub input_step: Option<String>,
    /// How often the step was tried in vain.
    pub attempt: i64,
    /// The record whose run waits for the end of this one's.
    pub parent: Option<i64>,
}

/// Records whose lease has ended by that time, at most that many.
pub fn orphans(tx: &mut dyn Tx, until: Timestamp, most: i64) -> Result<Vec<Orphan>> {
    let rows = tx.query(
        "SELECT id, lease, customer_id, uuid, flow, num_runs, step, input_step, attempt, parent FROM record \
         WHERE lease_until <= $1 ORDER BY lease_until LIMIT $2",
        &[until.0.into(), most.into()],
    )?;
    rows.into_iter().map(orphan).collect()
}

fn orphan(mut row: Row) -> Result<Orphan> {
    Ok(Orphan {
        record: row.integer(0)?,
        lease: row.take_text(1)?,
        customer: CustomerId(row.integer(2)?),
        uuid: row.take_text(3)?,
        flow: FlowId(row.integer(4)?),
        run: row.integer(5)?,
        step: row.take_optional_text(6)?.unwrap_or_default(),
        input_step: row.take_optional_text(7)?,
        attempt: row.integer(8)?,
        parent: row.optional_integer(9)?,
    })
}

/// Puts a record that waits for another one's end back into the queue; false if it does not wait for one.
pub fn wake(tx: &mut dyn Tx, record: i64, now: Timestamp) -> Result<bool> {
    let changed = tx.execute(
        "UPDATE record SET waits_until = $2, due_at = $2 WHERE id = $1 AND status = $3 AND lease IS NULL",
        &[record.into(), now.0.into(), RecordStatus::Processing.number().into()],
    )?;
    Ok(changed > 0)
}

/// Says whose end a record's run is awaited by, and how deep it was made by flows.
pub fn update_parent(tx: &mut dyn Tx, record: i64, parent: Option<i64>, depth: i64) -> Result<bool> {
    let changed = tx.execute(
        "UPDATE record SET parent = $2, depth = $3 WHERE id = $1",
        &[record.into(), parent.into(), depth.into()],
    )?;
    Ok(changed > 0)
}

/// The step of which a record that has ended last had an output; `None` if it still has nothing but its data.
pub fn last_source(tx: &mut dyn Tx, record: i64) -> Result<Option<String>> {
    let rows = tx.query("SELECT input_step FROM record WHERE id = $1", &[record.into()])?;
    rows.into_iter().next().map_or(Ok(None), |mut row| row.take_optional_text(0))
}

/// Puts a record that has failed back into the queue, at the step it failed at; false if it has not failed.
pub fn resume(tx: &mut dyn Tx, customer: CustomerId, uuid: &str, now: Timestamp) -> Result<bool> {
    let changed = tx.execute(
        "UPDATE record SET status = $3, attempt = $4, waits_until = $5, due_at = $5 \
         WHERE customer_id = $1 AND uuid = $2 AND status = $6",
        &[
            customer.0.into(),
            uuid.into(),
            RecordStatus::Waiting.number().into(),
            0.into(),
            now.0.into(),
            RecordStatus::Failed.number().into(),
        ],
    )?;
    Ok(changed > 0)
}

/// Whether a record that was made for that one's run has not ended yet.
pub fn has_unfinished_child(tx: &mut dyn Tx, customer: CustomerId, parent: i64) -> Result<bool> {
    let rows = tx.query(
        "SELECT 1 FROM record WHERE customer_id = $1 AND parent = $2 AND status IN ($3, $4, $5) LIMIT 1",
        &[
            customer.0.into(),
            parent.into(),
            RecordStatus::Waiting.number().into(),
            RecordStatus::Processing.number().into(),
            RecordStatus::Scheduled.number().into(),
        ],
    )?;
    Ok(!rows.is_empty())
}

/// Whether records of the flow may begin or go on.
pub fn is_running(tx: &mut dyn Tx, customer: CustomerId, flow: FlowId) -> Result<bool> {
    let rows = tx.query(
        "SELECT 1 FROM flow WHERE customer_id = $1 AND number = $2 AND status IN ($3, $4)",
        &[customer.0.into(), flow.0.into(), FlowStatus::Public.name().into(), FlowStatus::Running.name().into()],
    )?;
    Ok(!rows.is_empty())
}

/// Keeps what happened.
pub fn insert_log(tx: &mut dyn Tx, record: i64, run: i64, at: Timestamp, attempts: &str, outputs: &str) -> Result<()> {
    tx.execute(
        "INSERT INTO run_log (record_id, run, at, attempts, outputs) VALUES ($1, $2, $3, $4, $5)",
        &[record.into(), run.into(), at.0.into(), attempts.into(), outputs.into()],
    )?;
    Ok(())
}

/// What happened in one run of a record, in order.
pub fn log(tx: &mut dyn Tx, record: i64, run: i64) -> Result<Vec<LogEntry>> {
    let rows = tx.query(
        "SELECT run, at, attempts, outputs FROM run_log WHERE record_id = $1 AND run = $2 ORDER BY id",
        &[record.into(), run.into()],
    )?;
    rows.into_iter().map(log_entry).collect()
}

/// What happened in all runs of a record, in order.
pub fn history(tx: &mut dyn Tx, record: i64) -> Result<Vec<LogEntry>> {
    let rows = tx.query(
        "SELECT run, at, attempts, outputs FROM run_log WHERE record_id = $1 ORDER BY run, id",
        &[record.into()],
    )?;
    rows.into_iter().map(log_entry).collect()
}

/// What people may see of one run of a record, in order.
pub fn shown(tx: &mut dyn Tx, record: i64, run: i64) -> Result<Vec<ShownEntry>> {
    let rows = tx.query(
        "SELECT run, attempts FROM run_log WHERE record_id = $1 AND run = $2 ORDER BY id",
        &[record.into(), run.into()],
    )?;
    rows.into_iter().map(shown_entry).collect()
}

/// What people may see of all runs of a record, in order: the latest of it, up to so many bytes, and whether that is all
/// there is.
pub fn shown_history(tx: &mut dyn Tx, record: i64, most: i64) -> Result<(Vec<ShownEntry>, bool)> {
    let sizes = tx.query(
        "SELECT run, id, octet_length(attempts) FROM run_log WHERE record_id = $1 ORDER BY run DESC, id DESC",
        &[record.into()],
    )?;
    let (mut bytes, mut since, mut is_all) = (0_i64, None, true);
    for row in &sizes {
        bytes = bytes.saturating_add(row.integer(2)?);
        if bytes > most && since.is_some() {
            is_all = false;
            break;
        }
        since = Some((row.integer(0)?, row.integer(1)?));
    }
    let Some((run, id)) = since else { return Ok((Vec::new(), true)) };
    let rows = tx.query(
        "SELECT run, attempts FROM run_log WHERE record_id = $1 AND (run, id) >= ($2, $3) ORDER BY run, id",
        &[record.into(), run.into(), id.into()],
    )?;
    Ok((rows.into_iter().map(shown_entry).collect::<Result<_>>()?, is_all))
}

fn shown_entry(mut row: Row) -> Result<ShownEntry> {
    Ok(ShownEntry { run: row.integer(0)?, attempts: row.take_text(1)? })
}

/// What is to be known of a record before it is run again. Its data are not read.
pub fn find_subject(tx: &mut dyn Tx, customer: CustomerId, uuid: &str) -> Result<Option<Subject>> {
    let rows = tx.query(
        "SELECT id, flow, flow_version, status, num_runs FROM record WHERE customer_id = $1 AND uuid = $2",
        &[customer.0.into(), uuid.into()],
    )?;
    let Some(row) = rows.first() else { return Ok(None) };
    Ok(Some(Subject {
        record: row.integer(0)?,
        flow: FlowId(row.integer(1)?),
        flow_version: row.integer(2)?,
        status: RecordStatus::from_number(row.integer(3)?)
            .ok_or_else(|| Error::internal("a stored record status is unknown"))?,
        num_runs: row.integer(4)?,
    }))
}

/// Where a record that is run again begins.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Start<'s> {
    /// At the beginning of its flow.
    Beginning,
    /// At a step.
    Step {
        /// The step.
        step: &'s str,
        /// The step whose output it takes; `None`: it takes the record's data.
        input_step: Option<&'s str>,
        /// The outputs of the steps before it, as a JSON object.
        outputs: &'s str,
    },
}

/// Puts a record into the queue for a run of its own through that version of its flow, due now; false if it is being
/// processed, or is not any more as it was found.
pub fn rerun(tx: &mut dyn Tx, subject: &Subject, start: Start<'_>, version: i64, now: Timestamp) -> Result<bool> {
    let (step, input_step) = match start {
        Start::Beginning => (None, None),
        Start::Step { step, input_step, .. } => (Some(step), input_step),
    };
    // A run that begins at its flow's beginning is counted when it is taken up.
    let runs = subject.num_runs + i64::from(step.is_some());
    let changed = tx.execute(
        "UPDATE record SET flow_version = $2, status = $3, hold = $4, due_at = $5, waits_until = $5, attempt = $6, \
         step = $7, input_step = $8, num_runs = $9 \
         WHERE id = $1 AND status = $10 AND status <> $11 AND num_runs = $12 AND flow = $13",
        &[
            subject.record.into(),
            version.into(),
            RecordStatus::Waiting.number().into(),
            Hold::None.number().into(),
            now.0.into(),
            0.into(),
            step.into(),
            input_step.into(),
            runs.into(),
            subject.status.number().into(),
            RecordStatus::Processing.number().into(),
            subject.num_runs.into(),
            subject.flow.0.into(),
        ],
    )?;
    if let Start::Step { outputs, .. } = start
        && changed > 0
    {
        insert_log(tx, subject.record, runs, now, "[]", outputs)?;
    }
    Ok(changed > 0)
}

/// Gives a record that has ended another status that says so; false if it is not any more as it was found. It can then
/// not be continued any more, and stands at no step.
pub fn mark(tx: &mut dyn Tx, subject: &Subject, status: RecordStatus) -> Result<bool> {
    let changed = tx.execute(
        "UPDATE record SET status = $3, step = NULL WHERE id = $1 AND status = $2",
        &[subject.record.into(), subject.status.number().into(), status.number().into()],
    )?;
    Ok(changed > 0)
}

/// The outputs of the steps done in one run of a record, a JSON object for each commit, in order.
pub fn outputs(tx: &mut dyn Tx, record: i64, run: i64) -> Result<Vec<String>> {
    let rows = tx.query(
        "SELECT outputs FROM run_log WHERE record_id = $1 AND run = $2 ORDER BY id",
        &[record.into(), run.into()],
    )?;
    rows.into_iter().map(|mut row| row.take_text(0)).collect()
}

fn log_entry(mut row: Row) -> Result<LogEntry> {
    Ok(LogEntry {
        run: row.integer(0)?,
        at: Timestamp(row.integer(1)?),
        attempts: row.take_text(2)?,
        outputs: row.take_text(3)?,
    })
}

/// Whether something happened before that time, of what comes after that row of the history.
pub fn has_log_before(tx: &mut dyn Tx, before: Timestamp, after: i64) -> Result<bool> {
    let rows = tx.query("SELECT at FROM run_log WHERE id > $1 ORDER BY id LIMIT 1", &[after.into()])?;
    rows.first().map_or(Ok(false), |row| Ok(row.integer(0)? < before.0))
}

/// Removes what happened before that time, looking at so many rows after that one, and gives the last that was looked
/// at. What a record that is under way or has failed has done stays: its further steps may read it.
pub fn prune_log(tx: &mut dyn Tx, before: Timestamp, after: i64, rows: i64) -> Result<i64> {
    let last = tx.query(
        "SELECT MAX(id) FROM (SELECT id, at FROM run_log WHERE id > $1 ORDER BY id LIMIT $2) AS oldest WHERE at < $3",
        &[after.into(), rows.into(), before.0.into()],
    )?;
    let last = last.first().map_or(Ok(None), |row| row.optional_integer(0))?.unwrap_or(after);
    tx.execute(
        "DELETE FROM run_log WHERE id > $1 AND id <= $2 AND at < $3 \
         AND record_id IN (SELECT id FROM record WHERE record.id = run_log.record_id AND step IS NULL)",
        &[after.into(), last.into(), before.0.into()],
    )?;
    Ok(last)
}

/// Keeps a note.
pub fn insert_note(tx: &mut dyn Tx, record: i64, note: &Note) -> Result<()> {
    tx.execute(
        "INSERT INTO record_note (record_id, at, actor, status, note) VALUES ($1, $2, $3, $4, $5)",
        &[record.into(), note.at.0.into(), (&note.actor).into(), note.status.into(), (&note.note).into()],
    )?;
    Ok(())
}

/// The notes of a record, oldest first.
pub fn notes(tx: &mut dyn Tx, record: i64) -> Result<Vec<Note>> {
    let rows =
        tx.query("SELECT at, actor, status, note FROM record_note WHERE record_id = $1 ORDER BY id", &[record.into()])?;
    rows.into_iter()
        .map(|mut row| {
            Ok(Note {
                at: Timestamp(row.integer(0)?),
                actor: row.take_text(1)?,
                status: row.integer(2)?,
                note: row.take_text(3)?,
            })
        })
        .collect()
}

/// Sets when a flow starts a record by itself next; `None`: no more.
pub fn update_schedule(tx: &mut dyn Tx, customer: CustomerId, flow: FlowId, due: Option<Timestamp>) -> Result<()> {
    match due {
        None => tx.execute(
            "DELETE FROM flow_schedule WHERE customer_id = $1 AND flow = $2",
            &[customer.0.into(), flow.0.into()],
        ),
        Some(due) => tx.execute(
            "INSERT INTO flow_schedule (customer_id, flow, due_at) VALUES ($1, $2, $3) \
             ON CONFLICT (customer_id, flow) DO UPDATE SET due_at = excluded.due_at",
            &[customer.0.into(), flow.0.into(), due.0.into()],
        ),
    }
    .map(drop)
}

/// Moves on when a flow starts a record next, if it still was that time; false if not.
pub fn move_schedule(
    tx: &mut dyn Tx,
    customer: CustomerId,
    flow: FlowId,
    from: Timestamp,
    to: Option<Timestamp>,
) -> Result<bool> {
    let changed = match to {
        None => tx.execute(
            "DELETE FROM flow_schedule WHERE customer_id = $1 AND flow = $2 AND due_at = $3",
            &[customer.0.into(), flow.0.into(), from.0.into()],
        ),
        Some(to) => tx.execute(
            "UPDATE flow_schedule SET due_at = $4 WHERE customer_id = $1 AND flow = $2 AND due_at = $3",
            &[customer.0.into(), flow.0.into(), from.0.into(), to.0.into()],
        ),
    }?;
    Ok(changed > 0)
}

/// The schedules that are due by that time, the longest due first; and when the next one is due after it.
pub fn due_schedules(tx: &mut dyn Tx, now: Timestamp) -> Result<(Vec<Lane>, Option<Timestamp>)> {
    let rows = tx.query(
        "SELECT customer_id, flow, due_at FROM flow_schedule WHERE due_at <= $1 ORDER BY due_at, customer_id, flow",
        &[now.0.into()],
    )?;
    let due = rows
        .iter()
        .map(|row| {
            Ok(Lane {
                customer: CustomerId(row.integer(0)?),
                flow: FlowId(row.integer(1)?),
                due: Timestamp(row.integer(2)?),
            })
        })
        .collect::<Result<_>>()?;
    let rows = tx.query("SELECT MIN(due_at) FROM flow_schedule WHERE due_at > $1", &[now.0.into()])?;
    let next = rows.first().map_or(Ok(None), |row| row.optional_integer(0))?;
    Ok((due, next.map(Timestamp)))
}
