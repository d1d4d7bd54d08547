//! What a step of a flow does to rows of a table.

use serde_json::{Map, Value, json};

use crate::error::{Error, Result};
use crate::model::account::CustomerId;
use crate::model::time::Timestamp;
use crate::operation::table::row::{self, TableRow};
use crate::operation::table::search::{Query, find_rows};
use crate::store::Tx;

/// Something to be done to rows of a table.
#[derive(Clone, Debug)]
pub struct RowErrand {
    /// The table's name.
    pub table: String,
    /// The row's number, if one is meant.
    pub id: Option<i64>,
    /// Which rows.
    pub query: Query,
    /// What is to be done.
    pub change: RowChange,
}

/// What is to be done to rows.
#[derive(Clone, Debug)]
pub enum RowChange {
    /// Nothing: they are wanted.
    Find,
    /// One is inserted with these values.
    Insert(Map<String, Value>),
    /// They get these values.
    Update(Map<String, Value>),
    /// They are removed.
    Delete,
}

impl RowErrand {
    /// The rows, if they are only wanted.
    /// # Errors
    /// As for [`RowErrand::run`].
    pub fn read(&self, tx: &mut dyn Tx, customer: CustomerId) -> Result<Option<Value>> {
        let RowChange::Find = self.change else { return Ok(None) };
        let found = find_rows(tx, customer, &self.table, self.id, &self.query)?;
        Ok(Some(json!({
            "rows": shown(&found.rows),
            "count": found.rows.len(),
            "max_results": found.total,
        })))
    }

    /// Does it, and tells the rows that it was done to.
    /// # Errors
    /// `InvalidInput`, `NotFound`, `Conflict` or `TooLarge`: nothing was changed. Any other: the store's own.
    pub fn run(&self, tx: &mut dyn Tx, customer: CustomerId, now: Timestamp) -> Result<Value> {
        match &self.change {
            RowChange::Find => self.read(tx, customer).map(Option::unwrap_or_default),
            RowChange::Insert(values) => {
                let inserted = row::insert_rows(tx, customer, &self.table, &[(self.id, values.clone())], now)?;
                let row = inserted.first().ok_or_else(|| Error::internal("an inserted row is missing"))?;
                Ok(json!({"row": row.to_json()}))
            }
            RowChange::Update(values) => {
                let rows = row::update(tx, customer, &self.table, self.id, values, &self.query, now)?;
                Ok(json!({"rows": shown(&rows), "count": rows.len()}))
            }
            RowChange::Delete => {
                let rows = row::delete_found(tx, customer, &self.table, self.id, &self.query)?;
                Ok(json!({"rows": shown(&rows), "count": rows.len()}))
            }
        }
    }
}

fn shown(rows: &[TableRow]) -> Vec<Value> {
    rows.iter().map(TableRow::to_json).collect()
}
