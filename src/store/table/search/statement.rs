//! A statement that grows out of fixed fragments, and the values of its parameters.

use crate::error::Result;
use crate::store::table::key::{Limit, Range};
use crate::store::{Row, Tx, Value};

/// A statement.
pub(in crate::store::table) struct Statement {
    sql: String,
    values: Vec<Parameter>,
}

/// A value of a statement.
pub(in crate::store::table) enum Parameter {
    Number(i64),
    Bytes(Vec<u8>),
}

impl From<i64> for Parameter {
    fn from(number: i64) -> Parameter {
        Parameter::Number(number)
    }
}

impl From<Vec<u8>> for Parameter {
    fn from(bytes: Vec<u8>) -> Parameter {
        Parameter::Bytes(bytes)
    }
}

impl Statement {
    /// One that begins so.
    pub(in crate::store::table) fn of(fragment: &'static str) -> Statement {
        Statement { sql: fragment.to_owned(), values: Vec::new() }
    }

    /// Adds a fragment.
    pub(in crate::store::table) fn push(&mut self, fragment: &'static str) {
        self.sql.push_str(fragment);
    }

    /// Binds a value to the next parameter.
    pub(in crate::store::table) fn bind(&mut self, value: impl Into<Parameter>) {
        self.values.push(value.into());
        self.sql.push('$');
        self.sql.push_str(&self.values.len().to_string());
    }

    /// Adds a fragment that ends with an opened parenthesis, values, and what closes it.
    pub(in crate::store::table) fn list<P: Into<Parameter>>(
        &mut self,
        fragment: &'static str,
        values: impl IntoIterator<Item = P>,
    ) {
        self.push(fragment);
        for (index, value) in values.into_iter().enumerate() {
            self.push(if index == 0 { "" } else { ", " });
            self.bind(value);
        }
        self.push(")");
    }

    /// Adds that what is written so is within the range.
    pub(in crate::store::table) fn range<K: Into<Parameter>>(&mut self, written: &'static str, range: Range<K>) {
        match range {
            Range::OneOf(keys) if keys.is_empty() => self.push("(1 = 0)"),
            Range::OneOf(keys) => {
                self.push("(");
                self.push(written);
                self.list(" IN (", keys);
                self.push(")");
            }
            Range::Within { from: None, to: None } => self.push("(1 = 1)"),
            Range::Within { from, to } => {
                let between = if from.is_some() && to.is_some() { " AND " } else { "" };
                self.push("(");
                self.limit(written, from, [" > ", " >= "]);
                self.push(between);
                self.limit(written, to, [" < ", " <= "]);
                self.push(")");
            }
        }
    }

    fn limit<K: Into<Parameter>>(
        &mut self,
        written: &'static str,
        limit: Option<Limit<K>>,
        [not, too]: [&'static str; 2],
    ) {
        if let Some(Limit { at, is_included }) = limit {
            self.push(written);
            self.push(if is_included { too } else { not });
            self.bind(at);
        }
    }

    /// Runs it and gives its rows.
    pub(in crate::store::table) fn query(&self, tx: &mut dyn Tx) -> Result<Vec<Row>> {
        let value = |parameter| match parameter {
            &Parameter::Number(number) => Value::Integer(number),
            Parameter::Bytes(bytes) => Value::Blob(bytes),
        };
        let values: Vec<Value<'_>> = self.values.iter().map(value).collect();
        tx.query(&self.sql, &values)
    }
}
