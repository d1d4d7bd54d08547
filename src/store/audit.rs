//! Who administered what, and when.
//! What customers send is not written here: a record carries its own history.

use crate::error::Result;
use crate::model::account::CustomerId;
use crate::model::time::Timestamp;
use crate::store::{Row, Tx};

/// An entry to be inserted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Entry<'a> {
    /// When it was done.
    pub at: Timestamp,
    /// Whom it concerns; `None` for the gateway as a whole.
    pub customer: Option<CustomerId>,
    /// Who did it.
    pub actor: &'a str,
    /// What was done: the operation's name.
    pub verb: &'a str,
    /// To what it was done.
    pub target: &'a str,
}

/// An entry as it is stored.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredEntry {
    /// Its number, ascending in the order of insertion.
    pub id: i64,
    /// When it was done.
    pub at: Timestamp,
    /// Whom it concerns; `None` for the gateway as a whole.
    pub customer: Option<CustomerId>,
    /// Who did it.
    pub actor: String,
    /// What was done: the operation's name.
    pub verb: String,
    /// To what it was done.
    pub target: String,
}

/// Inserts an entry.
pub fn insert(tx: &mut dyn Tx, entry: &Entry<'_>) -> Result<()> {
    tx.execute(
        "INSERT INTO audit (at, customer_id, actor, verb, target) VALUES ($1, $2, $3, $4, $5)",
        &[
            entry.at.0.into(),
            entry.customer.map(|id| id.0).into(),
            entry.actor.into(),
            entry.verb.into(),
            entry.target.into(),
        ],
    )?;
    Ok(())
}

/// The newest entries that concern the customer, or all entries for `None`; newest first.
pub fn list(tx: &mut dyn Tx, customer: Option<CustomerId>, limit: u32) -> Result<Vec<StoredEntry>> {
    let limit = i64::from(limit);
    let rows = match customer {
        Some(customer) => tx.query(
            "SELECT id, at, customer_id, actor, verb, target FROM audit WHERE customer_id = $1 \
             ORDER BY id DESC LIMIT $2",
            &[customer.0.into(), limit.into()],
        ),
        None => tx.query(
            "SELECT id, at, customer_id, actor, verb, target FROM audit ORDER BY id DESC LIMIT $1",
            &[limit.into()],
        ),
    }?;
    rows.into_iter().map(entry).collect()
}

fn entry(mut row: Row) -> Result<StoredEntry> {
    Ok(StoredEntry {
        id: row.integer(0)?,
        at: Timestamp(row.integer(1)?),
        customer: row.optional_integer(2)?.map(CustomerId),
        actor: row.take_text(3)?,
        verb: row.take_text(4)?,
        target: row.take_text(5)?,
    })
}
