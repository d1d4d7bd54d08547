//! How many records wait, and how many there are of each status. Counting is spread over short reads, so that it takes
//! the same time with a million records as with few; who asks, and how often, is not known here.

use crate::error::{Error, Result};
use crate::model::record::RecordStatus;
use crate::model::time::Timestamp;
use crate::store::Tx;

/// The records in the queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Waiting {
    /// Those whose time has come.
    pub due: u64,
    /// Those whose time is yet to come.
    pub later: u64,
    /// The time of the one that is due first.
    pub first: Option<Timestamp>,
}

/// Counts the records in the queue. It reads the queue's index and no record.
pub fn count_waiting(tx: &mut dyn Tx, now: Timestamp) -> Result<Waiting> {
    let rows = tx.query(
        "SELECT count(*), COALESCE(sum(CASE WHEN waits_until <= $1 THEN 1 ELSE 0 END), 0), min(waits_until) \
         FROM record WHERE waits_until IS NOT NULL",
        &[now.0.into()],
    )?;
    let Some(row) = rows.first() else { return Ok(Waiting::default()) };
    let (all, due) = (count(row.integer(0)?), count(row.integer(1)?));
    Ok(Waiting { due, later: all.saturating_sub(due), first: row.optional_integer(2)?.map(Timestamp) })
}

/// Some records one after the other in the order of their acceptance, counted.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stretch {
    /// How many there are of each status that any of them has.
    pub counts: Vec<(RecordStatus, u64)>,
    /// The number of the last one; `None` if there were none.
    pub last: Option<i64>,
}

/// Counts at most that many records by their status, from the one that follows that number on.
pub fn count_statuses(tx: &mut dyn Tx, after: i64, most: i64) -> Result<Stretch> {
    let rows = tx.query(
        "SELECT status, count(*), max(id) FROM \
         (SELECT id, status FROM record WHERE id > $1 ORDER BY id LIMIT $2) AS stretch GROUP BY status",
        &[after.into(), most.into()],
    )?;
    let mut stretch = Stretch::default();
    for row in rows {
        let status = RecordStatus::from_number(row.integer(0)?)
            .ok_or_else(|| Error::internal("a stored record status is unknown"))?;
        stretch.counts.push((status, count(row.integer(1)?)));
        stretch.last = stretch.last.max(Some(row.integer(2)?));
    }
    Ok(stretch)
}

/// A number of rows, which is never negative.
fn count(number: i64) -> u64 {
    u64::try_from(number).unwrap_or(0)
}
