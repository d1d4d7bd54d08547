//! The rows of tables, and the keys of their columns. Whoever writes rows has the table locked.

use crate::error::Result;
use crate::model::filter::Scalar;
use crate::model::table::{Kind, StoredRow, TableId};
use crate::model::time::Timestamp;
use crate::store::table::key;
use crate::store::table::search::Statement;
use crate::store::{Row, Tx, Value};

/// A key of a row: the number of the column, and the bytes.
pub type RowKey = (i64, Vec<u8>);

/// Inserts a row; false if the table has one of that number.
pub fn insert(tx: &mut dyn Tx, table: TableId, row: &StoredRow, keys: &[RowKey]) -> Result<bool> {
    let inserted = tx.execute(
        "INSERT INTO table_row (table_id, id, created_at, updated_at, data) VALUES ($1, $2, $3, $4, $5) \
         ON CONFLICT (table_id, id) DO NOTHING",
        &[table.0.into(), row.id.into(), row.created.0.into(), row.updated.0.into(), Value::Text(&row.data)],
    )?;
    if inserted > 0 {
        insert_keys(tx, table, row.id, keys)?;
    }
    Ok(inserted > 0)
}

/// Replaces a row's values, and those of its keys that are another now.
pub fn update(
    tx: &mut dyn Tx,
    table: TableId,
    row: &StoredRow,
    old_keys: &[RowKey],
    new_keys: &[RowKey],
) -> Result<()> {
    tx.execute(
        "UPDATE table_row SET updated_at = $3, data = $4 WHERE table_id = $1 AND id = $2",
        &[table.0.into(), row.id.into(), row.updated.0.into(), Value::Text(&row.data)],
    )?;
    for key in old_keys.iter().filter(|key| !new_keys.contains(key)) {
        remove_key(tx, table, row.id, key)?;
    }
    let added: Vec<RowKey> = new_keys.iter().filter(|key| !old_keys.contains(key)).cloned().collect();
    insert_keys(tx, table, row.id, &added)
}

/// Replaces a row's values alone, where its columns are changed and not its content.
pub fn rewrite(tx: &mut dyn Tx, table: TableId, id: i64, data: &str) -> Result<()> {
    tx.execute(
        "UPDATE table_row SET data = $3 WHERE table_id = $1 AND id = $2",
        &[table.0.into(), id.into(), data.into()],
    )?;
    Ok(())
}

/// Removes a row with its keys; false if there is none.
pub fn remove(tx: &mut dyn Tx, table: TableId, id: i64, keys: &[RowKey]) -> Result<bool> {
    for key in keys {
        remove_key(tx, table, id, key)?;
    }
    let removed = tx.execute("DELETE FROM table_row WHERE table_id = $1 AND id = $2", &[table.0.into(), id.into()])?;
    Ok(removed > 0)
}

/// Adds keys of a row.
pub fn insert_keys(tx: &mut dyn Tx, table: TableId, id: i64, keys: &[RowKey]) -> Result<()> {
    for (number, value) in keys {
        tx.execute(
            "INSERT INTO table_key (table_id, number, value, row_id) VALUES ($1, $2, $3, $4)",
            &[table.0.into(), (*number).into(), Value::Blob(value), id.into()],
        )?;
    }
    Ok(())
}

fn remove_key(tx: &mut dyn Tx, table: TableId, id: i64, (number, value): &RowKey) -> Result<()> {
    tx.execute(
        "DELETE FROM table_key WHERE table_id = $1 AND number = $2 AND value = $3 AND row_id = $4",
        &[table.0.into(), (*number).into(), Value::Blob(value), id.into()],
    )?;
    Ok(())
}

/// Removes all keys of a column.
pub fn remove_column_keys(tx: &mut dyn Tx, table: TableId, number: i64) -> Result<()> {
    tx.execute("DELETE FROM table_key WHERE table_id = $1 AND number = $2", &[table.0.into(), number.into()])?;
    Ok(())
}

/// Another row than that which has the same key in a column.
pub fn find_other(tx: &mut dyn Tx, table: TableId, id: i64, (number, value): &RowKey) -> Result<Option<i64>> {
    let rows = tx.query(
        "SELECT row_id FROM table_key WHERE table_id = $1 AND number = $2 AND value = $3 AND row_id <> $4 LIMIT 1",
        &[table.0.into(), (*number).into(), Value::Blob(value), id.into()],
    )?;
    rows.first().map(|row| row.integer(0)).transpose()
}

/// Two rows that have the same key in a column, which is not that of null.
pub fn find_twice(tx: &mut dyn Tx, table: TableId, number: i64) -> Result<Option<(i64, i64)>> {
    let rows = tx.query(
        "SELECT MIN(row_id), MAX(row_id) FROM table_key WHERE table_id = $1 AND number = $2 AND value > $3 \
         GROUP BY value HAVING COUNT(*) > 1 LIMIT 1",
        &[table.0.into(), number.into(), Value::Blob(&key::encode(Kind::Text, &Scalar::Null))],
    )?;
    rows.first().map(|row| Ok((row.integer(0)?, row.integer(1)?))).transpose()
}

/// A row.
pub fn find(tx: &mut dyn Tx, table: TableId, id: i64) -> Result<Option<StoredRow>> {
    let rows = tx.query(
        "SELECT id, created_at, updated_at, data FROM table_row WHERE table_id = $1 AND id = $2",
        &[table.0.into(), id.into()],
    )?;
    rows.into_iter().next().map(stored).transpose()
}

/// Those of the rows that there are, by number.
pub fn find_each(tx: &mut dyn Tx, table: TableId, ids: &[i64]) -> Result<Vec<StoredRow>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    let mut statement = Statement::of("SELECT id, created_at, updated_at, data FROM table_row WHERE table_id = ");
    statement.bind(table.0);
    statement.list(" AND id IN (", ids.iter().copied());
    statement.push(" ORDER BY id");
    statement.query(tx)?.into_iter().map(stored).collect()
}

/// So many rows after that number, by number.
pub fn list_after(tx: &mut dyn Tx, table: TableId, after: i64, most: i64) -> Result<Vec<StoredRow>> {
    let rows = tx.query(
        "SELECT id, created_at, updated_at, data FROM table_row WHERE table_id = $1 AND id > $2 ORDER BY id LIMIT $3",
        &[table.0.into(), after.into(), most.into()],
    )?;
    rows.into_iter().map(stored).collect()
}

/// How many rows a table has.
pub fn count(tx: &mut dyn Tx, table: TableId) -> Result<i64> {
    let rows = tx.query("SELECT COUNT(*) FROM table_row WHERE table_id = $1", &[table.0.into()])?;
    rows.first().map_or(Ok(0), |row| row.integer(0))
}

pub(super) fn stored(mut row: Row) -> Result<StoredRow> {
    Ok(StoredRow {
        id: row.integer(0)?,
        created: Timestamp(row.integer(1)?),
        updated: Timestamp(row.integer(2)?),
        data: row.take_text(3)?,
    })
}
