//! Tables: rows of declared columns that a customer keeps (document 003, Tables). What a column's values may be is decided
//! here; how they are kept, and who may see them, is not known.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};

use crate::model::account::CustomerId;
use crate::model::filter::Scalar;
use crate::model::time::{Timestamp, spell_date, spell_date_time};

/// A table's own number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub struct TableId(pub i64);

/// A table of one customer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Table {
    /// Its own number.
    pub id: TableId,
    /// Whose it is.
    pub customer: CustomerId,
    /// What clients call it; unique within the customer.
    pub name: String,
    /// Free text.
    pub description: String,
    /// Its columns, in their order.
    pub columns: Vec<Column>,
    /// The number that the next row gets. No number is given twice.
    pub next_row: i64,
    /// The number that the next column gets.
    pub next_column: i64,
    /// When it was added.
    pub created: Timestamp,
    /// When its definition was last changed.
    pub modified: Timestamp,
}

impl Table {
    /// The column of that name.
    pub fn column(&self, name: &str) -> Option<&Column> {
        self.columns.iter().find(|column| column.name == name)
    }
}

/// A column.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Column {
    /// Its number within the table, under which its values are kept. It stays the same when the column is renamed.
    pub number: i64,
    /// Its name; unique within the table.
    pub name: String,
    /// What its values are.
    pub kind: Kind,
    /// Whether every row must have a value in it.
    pub is_required: bool,
    /// Whether no two rows may have the same value in it.
    pub is_unique: bool,
    /// Whether searching and ordering by it must be fast.
    pub is_indexed: bool,
    /// What a row gets that says nothing.
    pub default: Option<Scalar<'static>>,
}

impl Column {
    /// Whether its values have keys that are searched by.
    pub fn has_keys(&self) -> bool {
        self.is_unique || self.is_indexed
    }
}

/// What the values of a column are.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
pub enum Kind {
    /// Text.
    Text,
    /// A whole number of 64 bits.
    Integer,
    /// A number: a double.
    Number,
    /// `true` or `false`.
    Boolean,
    /// A day: `2019-04-09`.
    Date,
    /// A moment to the second, in UTC: `2019-04-09 15:31:21`.
    DateTime,
}

impl Kind {
    /// Every kind.
    pub const ALL: [Kind; 6] = [Kind::Text, Kind::Integer, Kind::Number, Kind::Boolean, Kind::Date, Kind::DateTime];

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            Kind::Text => "text",
            Kind::Integer => "integer",
            Kind::Number => "number",
            Kind::Boolean => "boolean",
            Kind::Date => "date",
            Kind::DateTime => "datetime",
        }
    }

    /// The kind of that name, if there is one.
    pub fn parse(name: &str) -> Option<Kind> {
        Kind::ALL.into_iter().find(|kind| kind.name() == name)
    }

    /// What a value of it must be, in words.
    pub fn describe(self) -> &'static str {
        match self {
            Kind::Text => "a text",
            Kind::Integer => "a whole number of 64 bits",
            Kind::Number => "a number",
            Kind::Boolean => "true or false",
            Kind::Date => "a date such as 2019-04-09",
            Kind::DateTime => "a moment such as 2019-04-09 15:31:21",
        }
    }

    /// Whether its values are compared as texts. Dates are, since the order of their spelling is that of time.
    pub fn is_text(self) -> bool {
        matches!(self, Kind::Text | Kind::Date | Kind::DateTime)
    }

    /// The value as it is kept; `None` if it cannot be one of this kind.
    ///
    /// Texts are read as values of the kind: `"18"` is a whole number. An empty text is null but in a column of texts. A
    /// moment without an offset is in UTC, and loses what is less than a second.
    pub fn keep(self, value: &Scalar<'_>) -> Option<Scalar<'static>> {
        if *value == Scalar::Null || (value.is_empty() && self != Kind::Text) {
            return Some(Scalar::Null);
        }
        match (self, self.compared(value)?) {
            #[expect(clippy::cast_precision_loss, reason = "a number in this column is a double")]
            (Kind::Number, Scalar::Integer(number)) => Some(Scalar::Float(number as f64)),
            (Kind::Integer, Scalar::Float(number)) => whole(number).map(Scalar::Integer),
            (_, kept) => Some(kept),
        }
    }

    /// The value as values of this kind are compared with it; `None` if they cannot be. Numbers stay as exact as they are.
    pub fn compared(self, value: &Scalar<'_>) -> Option<Scalar<'static>> {
        let text = value.to_text();
        let trimmed = text.trim();
        match self {
            Kind::Text => Some(Scalar::Text(Cow::Owned(text.into_owned()))),
            Kind::Integer | Kind::Number => match value {
                Scalar::Text(_) => Scalar::from(trimmed).to_number(),
                other => other.to_number(),
            },
            Kind::Boolean => match trimmed {
                "1" => Some(Scalar::Boolean(true)),
                "0" => Some(Scalar::Boolean(false)),
                word if word.eq_ignore_ascii_case("true") => Some(Scalar::Boolean(true)),
                word if word.eq_ignore_ascii_case("false") => Some(Scalar::Boolean(false)),
                _ => None,
            },
            Kind::Date | Kind::DateTime if !matches!(value, Scalar::Text(_)) => None,
            Kind::Date => spell_date(trimmed).map(|text| Scalar::Text(Cow::Owned(text))),
            Kind::DateTime => spell_date_time(trimmed).map(|text| Scalar::Text(Cow::Owned(text))),
        }
    }
}

/// The integer that a double is, if it is one.
fn whole(number: f64) -> Option<i64> {
    const BEYOND: f64 = 9_223_372_036_854_775_808.0;
    #[expect(clippy::cast_possible_truncation, reason = "it is within the bounds and has nothing behind the point")]
    let whole = (number.fract() == 0.0 && (-BEYOND..BEYOND).contains(&number)).then_some(number as i64);
    whole
}

/// What comes of the columns that every row has.
pub const ID: &str = "id";
/// When a row was inserted.
pub const DATE_CREATED: &str = "date_created";
/// When a row was last changed.
pub const DATE_UPDATED: &str = "date_updated";

/// What a rule or an order is about.
#[derive(Clone, Debug, PartialEq)]
pub enum Field {
    /// The row's number.
    Id,
    /// When it was inserted.
    Created,
    /// When it was last changed.
    Updated,
    /// A column.
    Column {
        /// Its number.
        number: i64,
        /// What its values are.
        kind: Kind,
        /// Whether its values have keys.
        has_keys: bool,
    },
}

impl Field {
    /// What the table calls so; `None` if there is no such column.
    pub fn of(table: &Table, name: &str) -> Option<Field> {
        match name {
            ID => Some(Field::Id),
            DATE_CREATED => Some(Field::Created),
            DATE_UPDATED => Some(Field::Updated),
            name => table.column(name).map(Field::of_column),
        }
    }

    /// That column.
    pub fn of_column(column: &Column) -> Field {
        Field::Column { number: column.number, kind: column.kind, has_keys: column.has_keys() }
    }

    /// What its values are.
    pub fn kind(&self) -> Kind {
        match self {
            Field::Id => Kind::Integer,
            Field::Created | Field::Updated => Kind::DateTime,
            Field::Column { kind, .. } => *kind,
        }
    }
}

/// In which order rows are wanted; those that are alike are in the order of their numbers, forwards or backwards.
#[derive(Clone, Debug, PartialEq)]
pub struct Order {
    /// What they are ordered by.
    pub field: Field,
    /// Whether the last comes first.
    pub is_descending: bool,
}

/// A row as it is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StoredRow {
    /// Its number.
    pub id: i64,
    /// When it was inserted.
    pub created: Timestamp,
    /// When it was last changed.
    pub updated: Timestamp,
    /// Its values by their columns' numbers, as a JSON object without those that are null.
    pub data: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_kept_as_their_column_has_them() {
        let text = |text: &str| Some(Scalar::from(text));
        for (kind, value, kept) in [
            (Kind::Text, Scalar::from(" a\0"), text(" a\0")),
            (Kind::Text, Scalar::from(""), text("")),
            (Kind::Text, Scalar::Float(1.5), text("1.5")),
            (Kind::Integer, Scalar::from(" 18 "), Some(Scalar::Integer(18))),
            (Kind::Integer, Scalar::Float(18.0), Some(Scalar::Integer(18))),
            (Kind::Integer, Scalar::from("1.5"), None),
            (Kind::Integer, Scalar::Float(9.3e18), None),
            (Kind::Integer, Scalar::from("9223372036854775807"), Some(Scalar::Integer(i64::MAX))),
            (Kind::Integer, Scalar::from("9223372036854775808"), None),
            (Kind::Integer, Scalar::from("x"), None),
            (Kind::Integer, Scalar::Boolean(true), None),
            (Kind::Integer, Scalar::from(""), Some(Scalar::Null)),
            (Kind::Number, Scalar::Integer(2), Some(Scalar::Float(2.0))),
            (Kind::Number, Scalar::from("1e400"), None),
            (Kind::Boolean, Scalar::from("TRUE"), Some(Scalar::Boolean(true))),
            (Kind::Boolean, Scalar::Integer(0), Some(Scalar::Boolean(false))),
            (Kind::Boolean, Scalar::from("yes"), None),
            (Kind::Date, Scalar::from("09-04-2019"), text("2019-04-09")),
            (Kind::Date, Scalar::from("2019-04-31"), None),
            (Kind::Date, Scalar::from("2019-04-09 12:00:00"), None),
            (Kind::Date, Scalar::Integer(20_190_409), None),
            (Kind::DateTime, Scalar::from("2019-04-09T15:31:21.9+02:00"), text("2019-04-09 13:31:21")),
            (Kind::DateTime, Scalar::from("2019-04-09"), text("2019-04-09 00:00:00")),
            (Kind::DateTime, Scalar::from("0000-01-01T00:00:00+02:00"), None),
            (Kind::DateTime, Scalar::from("9999-12-31 24:00:00"), None),
            (Kind::DateTime, Scalar::from("31-12-9999 23:59:59"), text("9999-12-31 23:59:59")),
            (Kind::Date, Scalar::from("9999-12-31"), text("9999-12-31")),
            (Kind::Date, Scalar::Null, Some(Scalar::Null)),
        ] {
            assert_eq!(kind.keep(&value), kept, "{kind:?} {value:?}");
        }
    }
}
