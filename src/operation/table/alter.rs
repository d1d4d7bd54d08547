//! What becomes of a table's columns when its definition changes, and of the rows that are there.

use crate::error::{Code, Error, Result};
use crate::model::table::{Column, Table};
use crate::model::time::Timestamp;
use crate::operation::table::values::Content;
use crate::operation::table::{ChangeTable, ColumnChange, clip, shape};
use crate::store::table::row;
use crate::store::{Tx, table};

/// Rows that are read together.
const CHUNK: i64 = 500;

/// Changes a table: columns are dropped, then changed, then added.
///
/// # Errors
///
/// `InvalidInput` that names the column, also where a row that is there does not allow the change. `Conflict` where rows have
/// the same value in a column that is to be unique.
pub fn alter(tx: &mut dyn Tx, old: &Table, change: &ChangeTable, now: Timestamp) -> Result<()> {
    table::lock(tx, old, old.next_row)?;
    let mut new = old.clone();
    new.description = change.description.clone().unwrap_or(new.description);
    for name in &change.drop {
        let at = place(&new, name)?;
        new.columns.remove(at);
    }
    for change in &change.change {
        change_column(&mut new, change)?;
    }
    for column in &change.add {
        shape::add_column(&mut new, column)?;
    }
    table::put_columns(tx, &new)?;
    table::update(tx, &new, now)?;
    rework(tx, old, &new)
}

fn place(table: &Table, name: &str) -> Result<usize> {
    let found = table.columns.iter().position(|column| column.name == name);
    found.ok_or_else(|| Error::invalid(format!("{} has no column '{}'", table.name, clip(name))))
}

fn change_column(table: &mut Table, change: &ColumnChange) -> Result<()> {
    let at = place(table, &change.name)?;
    let mut column = table.columns.remove(at);
    if let Some(name) = &change.rename {
        shape::column_name(table, name)?;
        column.name.clone_from(name);
    }
    column.is_required = change.required.unwrap_or(column.is_required);
    column.is_unique = change.unique.unwrap_or(column.is_unique);
    column.is_indexed = change.indexed.unwrap_or(column.is_indexed);
    if let Some(value) = &change.default {
        column.default = shape::default(&column, value)?;
    }
    shape::check_column(&column)?;
    table.columns.insert(at, column);
    Ok(())
}

/// What is to be done with each row.
struct Work<'t> {
    /// The numbers of columns whose values go.
    dropped: Vec<i64>,
    /// Columns that are new: each row gets their default value.
    added: Vec<&'t Column>,
    /// Columns that ask more of rows than before.
    checked: Vec<&'t Column>,
    /// Columns that have keys now and had none.
    keyed: Vec<&'t Column>,
    /// Columns that are unique now and were not.
    unique: Vec<&'t Column>,
}

impl<'t> Work<'t> {
    fn of(old: &Table, new: &'t Table) -> Work<'t> {
        let before = |column: &Column| old.columns.iter().find(|old| old.number == column.number);
        let is_kept = |column: &&Column| new.columns.iter().any(|kept| kept.number == column.number);
        let now = |is: fn(&Column) -> bool| -> Vec<&'t Column> {
            new.columns.iter().filter(|column| is(column) && !before(column).is_some_and(is)).collect()
        };
        let mut checked = now(|column| column.is_required);
        checked.extend(now(Column::has_keys));
        Work {
            dropped: old.columns.iter().filter(|column| !is_kept(column)).map(|column| column.number).collect(),
            added: new.columns.iter().filter(|column| before(column).is_none()).collect(),
            checked,
            keyed: now(Column::has_keys),
            unique: now(|column| column.is_unique),
        }
    }

    fn is_nothing(&self) -> bool {
        self.dropped.is_empty() && self.added.is_empty() && self.checked.is_empty() && self.unique.is_empty()
    }

    fn row(&self, tx: &mut dyn Tx, table: &Table, content: &mut Content) -> Result<()> {
        let before = content.values.clone();
        for number in &self.dropped {
            content.values.remove(number);
        }
        for column in &self.added {
            if let Some(value) = &column.default {
                content.values.insert(column.number, value.to_json());
            }
        }
        for column in &self.checked {
            content
                .check_column(column)
                .map_err(|error| Error::invalid(format!("Row {} does not allow the change: {error}", content.id)))?;
        }
        if content.values != before {
            row::rewrite(tx, table.id, content.id, &content.stored()?.data)?;
        }
        let keys: Vec<_> = self.keyed.iter().map(|column| content.key(column)).collect();
        row::insert_keys(tx, table.id, content.id, &keys)
    }

    /// Whether rows have the same value in a column that is unique now.
    fn check_unique(&self, tx: &mut dyn Tx, table: &Table) -> Result<()> {
        for column in &self.unique {
            if let Some((one, other)) = row::find_twice(tx, table.id, column.number)? {
                let message = format!("{} cannot be unique: rows {one} and {other} have the same value", column.name);
                return Err(Error::new(Code::Conflict, message));
            }
        }
        Ok(())
    }
}

/// Goes through the rows once, if there is anything to be done with them.
fn rework(tx: &mut dyn Tx, old: &Table, new: &Table) -> Result<()> {
    for column in old.columns.iter().filter(|column| column.has_keys()) {
        let still = new.columns.iter().any(|kept| kept.number == column.number && kept.has_keys());
        if !still {
            row::remove_column_keys(tx, old.id, column.number)?;
        }
    }
    let work = Work::of(old, new);
    if work.is_nothing() {
        return Ok(());
    }
    let mut last = i64::MIN;
    loop {
        let rows = row::list_after(tx, new.id, last, CHUNK)?;
        let Some(row) = rows.last() else { break };
        last = row.id;
        for row in &rows {
            work.row(tx, new, &mut Content::of(row)?)?;
        }
    }
    work.check_unique(tx, new)
}
