//! What the definition of a table may say.

use serde_json::Value;

use crate::error::{Error, Result};
use crate::model::filter::Scalar;
use crate::model::table::{Column, DATE_CREATED, DATE_UPDATED, ID, Kind, Table};
use crate::operation::table::{NewColumn, clip, shown};
use crate::store::table::key::LONGEST_TEXT;

/// Columns that a table may have.
pub const MOST_COLUMNS: usize = 100;
/// Characters of a name.
const LONGEST_NAME: usize = 64;
/// What stands in the place of a row's number in the address of searches.
const RESERVED: &str = "search";

/// A table's name, as it stands in addresses.
/// # Errors
/// Another one.
pub fn table_name(name: &str) -> Result<()> {
    let fits = |c: char| c.is_ascii_alphanumeric() || matches!(c, '_' | '-');
    if !(1..=LONGEST_NAME).contains(&name.len()) || !name.chars().all(fits) {
        return Err(Error::invalid(format!(
            "The table's name is '{}', but must have from 1 to {LONGEST_NAME} letters, digits, '_' or '-'",
            clip(name)
        )));
    }
    match name == RESERVED {
        true => Err(Error::invalid(format!("A table must not be called '{RESERVED}'"))),
        false => Ok(()),
    }
}

/// A column's name that the table has not yet.
/// # Errors
/// Another one.
pub fn column_name(table: &Table, name: &str) -> Result<()> {
    let fits = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let begins = name.starts_with(|c: char| c.is_ascii_alphabetic() || c == '_');
    if !begins || name.len() > LONGEST_NAME || !name.chars().all(fits) {
        return Err(Error::invalid(format!(
            "The column's name is '{}', but must have from 1 to {LONGEST_NAME} letters, digits or '_', and begin with a \
             letter or '_'",
            clip(name)
        )));
    }
    if [ID, DATE_CREATED, DATE_UPDATED].contains(&name) {
        return Err(Error::invalid(format!("Every table has the column '{name}' already")));
    }
    match table.column(name) {
        Some(_) => Err(Error::invalid(format!("The column '{name}' is there twice"))),
        None => Ok(()),
    }
}

/// Adds a column behind the others.
/// # Errors
/// One that cannot be.
pub fn add_column(table: &mut Table, new: &NewColumn) -> Result<()> {
    if table.columns.len() >= MOST_COLUMNS {
        return Err(Error::invalid(format!("A table may have at most {MOST_COLUMNS} columns")));
    }
    column_name(table, &new.name)?;
    let kind = Kind::parse(&new.kind).ok_or_else(|| {
        let kinds = Kind::ALL.map(Kind::name).join(", ");
        Error::invalid(format!(
            "The kind of the column '{}' is '{}', but must be one of {kinds}",
            new.name,
            clip(&new.kind)
        ))
    })?;
    let mut column = Column {
        number: table.next_column,
        name: new.name.clone(),
        kind,
        is_required: new.required,
        is_unique: new.unique,
        is_indexed: new.indexed,
        default: None,
    };
    if let Some(value) = &new.default {
        column.default = default(&column, value)?;
    }
    check_column(&column)?;
    table.next_column += 1;
    table.columns.push(column);
    Ok(())
}

/// The default value that is given as JSON; none for null.
/// # Errors
/// A value that is not of the column's kind.
pub fn default(column: &Column, value: &Value) -> Result<Option<Scalar<'static>>> {
    let kept = Scalar::of_json(value).and_then(|value| column.kind.keep(&value)).ok_or_else(|| {
        let (name, expected) = (&column.name, column.kind.describe());
        Error::invalid(format!("The default of the column '{name}' is {}, but must be {expected}", shown(value)))
    })?;
    Ok(Some(kept).filter(|kept| *kept != Scalar::Null))
}

/// What must fit together in a column.
/// # Errors
/// What does not.
pub fn check_column(column: &Column) -> Result<()> {
    let name = &column.name;
    match &column.default {
        Some(_) if column.is_unique => {
            Err(Error::invalid(format!("The column '{name}' is unique, so it cannot have a default")))
        }
        Some(value) if column.has_keys() && value.to_text().len() > LONGEST_TEXT => Err(Error::invalid(format!(
            "The default of the indexed column '{name}' must have at most {LONGEST_TEXT} bytes"
        ))),
        _ => Ok(()),
    }
}
