//! Tables and their columns. Their rows are in [`row`], what is searched by in [`key`], searching in [`search`].
//! What a row may hold is not known here.

pub mod key;
pub mod row;
pub mod search;

use crate::error::{Error, Result};
use crate::model::account::CustomerId;
use crate::model::filter::Scalar;
use crate::model::table::{Column, Kind, Table, TableId};
use crate::model::time::Timestamp;
use crate::store::{Row, Tx, Value};

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, customer_id, name, description, next_row, next_column, created_at, modified_at ",
            "FROM data_table WHERE ",
            $rest
        )
    };
}

/// Inserts a table without columns; `None` if the customer has one of that name.
pub fn insert(
    tx: &mut dyn Tx,
    customer: CustomerId,
    name: &str,
    description: &str,
    now: Timestamp,
) -> Result<Option<TableId>> {
    let rows = tx.query(
        "INSERT INTO data_table (customer_id, name, description, next_row, next_column, created_at, modified_at) \
         VALUES ($1, $2, $3, 1, 1, $4, $4) ON CONFLICT (customer_id, name) DO NOTHING RETURNING id",
        &[customer.0.into(), name.into(), description.into(), now.0.into()],
    )?;
    rows.first().map(|row| Ok(TableId(row.integer(0)?))).transpose()
}

/// The customer's table of that name, with its columns.
pub fn find(tx: &mut dyn Tx, customer: CustomerId, name: &str) -> Result<Option<Table>> {
    let rows = tx.query(select!("customer_id = $1 AND name = $2"), &[customer.0.into(), name.into()])?;
    let Some(row) = rows.into_iter().next() else { return Ok(None) };
    let mut table = table(row)?;
    table.columns = columns(tx, table.id)?;
    Ok(Some(table))
}

/// The customer's tables with their columns, by name.
pub fn list(tx: &mut dyn Tx, customer: CustomerId) -> Result<Vec<Table>> {
    let rows = tx.query(select!("customer_id = $1 ORDER BY name"), &[customer.0.into()])?;
    let mut tables = rows.into_iter().map(table).collect::<Result<Vec<_>>>()?;
    for table in &mut tables {
        table.columns = columns(tx, table.id)?;
    }
    Ok(tables)
}

/// How many tables the customer has.
pub fn count(tx: &mut dyn Tx, customer: CustomerId) -> Result<i64> {
    let rows = tx.query("SELECT COUNT(*) FROM data_table WHERE customer_id = $1", &[customer.0.into()])?;
    rows.first().map_or(Ok(0), |row| row.integer(0))
}

/// Replaces a table's description and the number that its next column gets.
pub fn update(tx: &mut dyn Tx, table: &Table, now: Timestamp) -> Result<()> {
    tx.execute(
        "UPDATE data_table SET description = $3, next_column = $4, modified_at = $5 WHERE customer_id = $1 AND id = $2",
        &[
            table.customer.0.into(),
            table.id.0.into(),
            Value::Text(&table.description),
            table.next_column.into(),
            now.0.into(),
        ],
    )?;
    Ok(())
}

/// Takes the table for this transaction, so that no other one changes its rows meanwhile, and says which number the next
/// row gets.
pub fn lock(tx: &mut dyn Tx, table: &Table, next_row: i64) -> Result<()> {
    tx.execute(
        "UPDATE data_table SET next_row = $3 WHERE customer_id = $1 AND id = $2",
        &[table.customer.0.into(), table.id.0.into(), next_row.into()],
    )?;
    Ok(())
}

/// Removes a table with all that is in it; false if the customer has no such.
pub fn remove(tx: &mut dyn Tx, customer: CustomerId, name: &str) -> Result<bool> {
    let removed =
        tx.execute("DELETE FROM data_table WHERE customer_id = $1 AND name = $2", &[customer.0.into(), name.into()])?;
    Ok(removed > 0)
}

/// Replaces a table's columns, in the order in which they are given. Rows and keys stay as they are.
pub fn put_columns(tx: &mut dyn Tx, table: &Table) -> Result<()> {
    tx.execute("DELETE FROM table_column WHERE table_id = $1", &[table.id.0.into()])?;
    for (position, column) in table.columns.iter().enumerate() {
        let default = column.default.as_ref().map(|value| value.to_json().to_string());
        tx.execute(
            "INSERT INTO table_column (table_id, number, position, name, kind, is_required, is_unique, is_indexed, \
             default_value) VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)",
            &[
                table.id.0.into(),
                column.number.into(),
                i64::try_from(position).unwrap_or(i64::MAX).into(),
                Value::Text(&column.name),
                column.kind.name().into(),
                i64::from(column.is_required).into(),
                i64::from(column.is_unique).into(),
                i64::from(column.is_indexed).into(),
                default.as_deref().into(),
            ],
        )?;
    }
    Ok(())
}

fn columns(tx: &mut dyn Tx, table: TableId) -> Result<Vec<Column>> {
    let rows = tx.query(
        "SELECT number, name, kind, is_required, is_unique, is_indexed, default_value FROM table_column \
         WHERE table_id = $1 ORDER BY position",
        &[table.0.into()],
    )?;
    rows.into_iter().map(column).collect()
}

fn column(mut row: Row) -> Result<Column> {
    let default = row.optional_text(6)?.map(|text| Scalar::parse(text).ok_or_else(|| unknown("default value")));
    Ok(Column {
        number: row.integer(0)?,
        name: row.take_text(1)?,
        kind: Kind::parse(row.text(2)?).ok_or_else(|| unknown("kind of a column"))?,
        is_required: row.integer(3)? != 0,
        is_unique: row.integer(4)? != 0,
        is_indexed: row.integer(5)? != 0,
        default: default.transpose()?,
    })
}

fn table(mut row: Row) -> Result<Table> {
    Ok(Table {
        id: TableId(row.integer(0)?),
        customer: CustomerId(row.integer(1)?),
        name: row.take_text(2)?,
        description: row.take_text(3)?,
        columns: Vec::new(),
        next_row: row.integer(4)?,
        next_column: row.integer(5)?,
        created: Timestamp(row.integer(6)?),
        modified: Timestamp(row.integer(7)?),
    })
}

fn unknown(what: &str) -> Error {
    Error::internal(format!("a stored {what} is unknown"))
}
