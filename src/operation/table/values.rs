//! What is in a row: read from what was sent, checked by the columns, kept as JSON by their numbers.

use std::borrow::Cow;
use std::collections::BTreeMap;

use serde_json::{Map, Value};

use crate::error::{Code, Error, Result};
use crate::model::filter::Scalar;
use crate::model::table::{Column, DATE_CREATED, DATE_UPDATED, Field, ID, StoredRow, Table};
use crate::model::time::{TimeZone, Timestamp};
use crate::operation::table::row::TableRow;
use crate::operation::table::{clip, shown};
use crate::store::Tx;
use crate::store::table::key::{self, LONGEST_TEXT};
use crate::store::table::row::{self, RowKey};

/// Bytes of a row's values as they are kept.
const LARGEST: usize = 256 << 10;
/// Names of columns that a message tells.
const TOLD: usize = 10;

/// The values of a row by their columns' numbers, without those that are null.
pub(super) type Values = BTreeMap<i64, Value>;

/// A row with its values.
pub(super) struct Content {
    pub(super) id: i64,
    pub(super) created: Timestamp,
    pub(super) updated: Timestamp,
    pub(super) values: Values,
}

impl Content {
    pub(super) fn of(row: &StoredRow) -> Result<Content> {
        let values = serde_json::from_str(&row.data).map_err(Error::internal)?;
        Ok(Content { id: row.id, created: row.created, updated: row.updated, values })
    }

    pub(super) fn stored(&self) -> Result<StoredRow> {
        let data = serde_json::to_string(&self.values).map_err(Error::internal)?;
        if data.len() > LARGEST {
            let message = format!("The row takes {} bytes, but may take at most {LARGEST}", data.len());
            return Err(Error::new(Code::TooLarge, message));
        }
        Ok(StoredRow { id: self.id, created: self.created, updated: self.updated, data })
    }

    /// The value of a field.
    pub(super) fn value(&self, field: &Field) -> Scalar<'_> {
        let moment = |at: Timestamp| Scalar::Text(Cow::Owned(at.to_date_time(&TimeZone::UTC)));
        match field {
            Field::Id => Scalar::Integer(self.id),
            Field::Created => moment(self.created),
            Field::Updated => moment(self.updated),
            Field::Column { number, .. } => self.values.get(number).and_then(Scalar::of_json).unwrap_or(Scalar::Null),
        }
    }

    /// The row with its columns' names.
    pub(super) fn shown(mut self, table: &Table) -> TableRow {
        let mut values = Map::new();
        for column in &table.columns {
            values.insert(column.name.clone(), self.values.remove(&column.number).unwrap_or(Value::Null));
        }
        TableRow { id: self.id, created: self.created, updated: self.updated, values }
    }

    /// The key of a column.
    pub(super) fn key(&self, column: &Column) -> RowKey {
        (column.number, key::encode(column.kind, &self.value(&Field::of_column(column))))
    }

    /// The keys of all columns that have some.
    pub(super) fn keys(&self, table: &Table) -> Vec<RowKey> {
        table.columns.iter().filter(|column| column.has_keys()).map(|column| self.key(column)).collect()
    }

    /// Puts values in the place of those that there are.
    /// # Errors
    /// A name that is no column's, and a value that its column does not take.
    pub(super) fn put(&mut self, table: &Table, given: &Map<String, Value>) -> Result<()> {
        for (name, value) in given {
            let column = table.column(name).ok_or_else(|| no_column(table, name))?;
            let kept = Scalar::of_json(value).and_then(|value| column.kind.keep(&value)).ok_or_else(|| {
                Error::invalid(format!("{name} is {}, but must be {}", shown(value), column.kind.describe()))
            })?;
            match kept {
                Scalar::Null => drop(self.values.remove(&column.number)),
                kept => drop(self.values.insert(column.number, kept.to_json())),
            }
        }
        Ok(())
    }

    /// What must hold of every row by itself.
    /// # Errors
    /// A column that must have a value and has none, or has one that is too long to be searched by.
    pub(super) fn check(&self, table: &Table) -> Result<()> {
        table.columns.iter().try_for_each(|column| self.check_column(column))
    }

    /// The same of one column.
    pub(super) fn check_column(&self, column: &Column) -> Result<()> {
        let name = &column.name;
        match self.value(&Field::of_column(column)) {
            Scalar::Null if column.is_required => Err(Error::invalid(format!("{name} is required"))),
            Scalar::Text(text) if column.has_keys() && text.len() > LONGEST_TEXT => Err(Error::invalid(format!(
                "{name} has {} bytes, but a text in an indexed column may have at most {LONGEST_TEXT}",
                text.len()
            ))),
            _ => Ok(()),
        }
    }

    /// That other rows may get these values too.
    /// # Errors
    /// `Conflict` that names a unique column among them.
    pub(super) fn check_repeatable(&self, table: &Table, given: &Map<String, Value>) -> Result<()> {
        let is_taken = |column: &&Column| {
            column.is_unique && given.contains_key(&column.name) && self.values.contains_key(&column.number)
        };
        match table.columns.iter().find(is_taken) {
            None => Ok(()),
            Some(column) => {
                let message = format!("{} must be unique, but several rows would get the same", column.name);
                Err(Error::new(Code::Conflict, message))
            }
        }
    }

    /// That no other row has the same in a unique column. Null is not the same as null.
    /// # Errors
    /// `Conflict` that names the column.
    pub(super) fn check_unique(&self, tx: &mut dyn Tx, table: &Table) -> Result<()> {
        for column in table.columns.iter().filter(|column| column.is_unique) {
            let value = self.value(&Field::of_column(column));
            if value == Scalar::Null {
                continue;
            }
            if row::find_other(tx, table.id, self.id, &self.key(column))?.is_some() {
                let message =
                    format!("{} must be unique, but another row has '{}'", column.name, clip(&value.to_text()));
                return Err(Error::new(Code::Conflict, message));
            }
        }
        Ok(())
    }
}

/// What is said where a table has no column of that name, or has one that nobody writes to.
pub(super) fn no_column(table: &Table, name: &str) -> Error {
    if [ID, DATE_CREATED, DATE_UPDATED].contains(&name) {
        return Error::invalid(format!("{name} is not given with the values; the table gives it itself"));
    }
    Error::invalid(format!("{} has no column '{}'{}", table.name, clip(name), columns(table)))
}

/// The columns that a table has, as a message tells them.
pub(super) fn columns(table: &Table) -> String {
    let names: Vec<&str> = table.columns.iter().take(TOLD).map(|column| column.name.as_str()).collect();
    let more = if table.columns.len() > TOLD { ", …" } else { "" };
    if names.is_empty() { String::new() } else { format!("; it has {}{more}", names.join(", ")) }
}
