//! Where everything is kept: a transaction seam of two methods, and the functions that speak SQL through it.
//! It knows nouns and durability, not who may ask or why.
//!
//! An answer from [`Store::write`] means that the commit's fsync is done. The SQL of the noun files runs on SQLite and
//! PostgreSQL alike: columns are TEXT, BIGINT or BLOB, time is BIGINT milliseconds UTC, parameters are `$1`, `$2`, … in
//! the order of their first appearance, and no statement uses JSON operators.

use crate::error::Result;

/// A value bound to a statement's parameter.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Value<'a> {
    /// SQL NULL.
    Null,
    /// A BIGINT: numbers, booleans as 0 and 1, times in milliseconds.
    Integer(i64),
    /// A TEXT.
    Text(&'a str),
    /// A BLOB.
    Blob(&'a [u8]),
}

impl From<i64> for Value<'_> {
    fn from(number: i64) -> Self {
        Value::Integer(number)
    }
}

impl<'a> From<&'a str> for Value<'a> {
    fn from(text: &'a str) -> Self {
        Value::Text(text)
    }
}

impl<'a> From<&'a String> for Value<'a> {
    fn from(text: &'a String) -> Self {
        Value::Text(text)
    }
}

impl<'a> From<&'a [u8]> for Value<'a> {
    fn from(bytes: &'a [u8]) -> Self {
        Value::Blob(bytes)
    }
}

impl<'a, T: Into<Value<'a>>> From<Option<T>> for Value<'a> {
    fn from(value: Option<T>) -> Self {
        value.map_or(Value::Null, Into::into)
    }
}

/// A transaction, whatever the engine.
pub trait Tx {
    /// Runs a statement that returns no rows; gives the number of rows it changed.
    fn execute(&mut self, sql: &str, params: &[Value<'_>]) -> Result<u64>;
    /// Runs a statement and gives all its rows.
    fn query(&mut self, sql: &str, params: &[Value<'_>]) -> Result<Vec<Row>>;
}

/// A value read from a row.
#[derive(Clone, Debug, PartialEq)]
pub enum Cell {
    /// SQL NULL.
    Null,
    /// A BIGINT.
    Integer(i64),
    /// A TEXT.
    Text(String),
    /// A BLOB.
    Blob(Vec<u8>),
}

/// One row of a query's answer; columns are taken by position, once each.
#[derive(Clone, Debug, PartialEq)]
pub struct Row(pub Vec<Cell>);
