//! Rows of tables: getting, inserting, changing and removing them. What changes rows are functions within a transaction, so
//! that it can be part of one.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::app::App;
use crate::auth::Caller;
use crate::error::{Code, Error, Result};
use crate::model::account::CustomerId;
use crate::model::filter::{Condition, Rule, Scalar, Test};
use crate::model::scope::Scope;
use crate::model::table::{Field, StoredRow, Table};
use crate::model::time::{MILLISECONDS_OF_A_SECOND, Timestamp};
use crate::operation::repeat::{Repeatable, Write, commit};
use crate::operation::revision::{self, Revision};
use crate::operation::table::find;
use crate::operation::table::search::{self, Query};
use crate::operation::table::values::{Content, Values};
use crate::operation::{Access, Operation};
use crate::store::table::row;
use crate::store::{Tx, table};

/// The greatest number that a client may give a row: the greatest that every JSON reader keeps as it is.
pub const GREATEST_ID: i64 = 9_007_199_254_740_991;

/// A row.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct TableRow {
    /// Its number.
    pub id: i64,
    /// When it was inserted, to the second.
    pub created: Timestamp,
    /// When it was last changed, to the second.
    pub updated: Timestamp,
    /// Its values by their columns' names, in the columns' order; null where there is none.
    pub values: Map<String, Value>,
}

/// A row with what tells it from its other states.
#[derive(Clone, Debug)]
pub struct RevisedRow {
    /// The row.
    pub row: TableRow,
    /// Which state of it this is.
    pub revision: Revision,
    /// When what is shown of it last changed, by the row or by the table.
    pub modified: Timestamp,
}

/// Gets a row (document 003, Get Table data).
pub struct GetRow {
    /// The table.
    pub table: String,
    /// The row's number.
    pub id: i64,
}

impl Operation for GetRow {
    const NAME: &'static str = "getTableRow";
    const ACCESS: Access = Access::Scope(Scope::TableRead);
    type Output = RevisedRow;

    async fn run(self, app: &App, caller: &Caller) -> Result<RevisedRow> {
        app.store.peek(|tx| {
            let table = find(tx, caller.customer().id, &self.table)?;
            let stored = find_row(tx, &table, self.id)?;
            let row = Content::of(&stored)?.shown(&table);
            let revision = Revision::of_table_row(&table, &row);
            Ok(RevisedRow { revision, modified: row.updated.max(table.modified), row })
        })
    }
}

/// Inserts a row (document 003, Insert Table data).
#[derive(Serialize)]
pub struct InsertRow {
    /// The table.
    pub table: String,
    /// The number that the row is to have; `None`: the next one.
    pub id: Option<i64>,
    /// Its values by their columns' names.
    pub values: Map<String, Value>,
}

impl Operation for InsertRow {
    const NAME: &'static str = "insertTableRow";
    const ACCESS: Access = Access::Scope(Scope::Table);
    type Output = TableRow;

    async fn run(self, app: &App, caller: &Caller) -> Result<TableRow> {
        commit(app, self.prepare(app, caller)?).await
    }
}

impl Repeatable for InsertRow {
    fn prepare(self, app: &App, caller: &Caller) -> Result<Write<TableRow>> {
        let (customer, now) = (caller.customer().id, app.clock.now());
        Ok(Write::data(move |tx| {
            let mut rows = insert_rows(tx, customer, &self.table, &[(self.id, self.values)], now)?;
            rows.pop().ok_or_else(|| Error::internal("an inserted row is missing"))
        }))
    }
}

/// Changes rows (document 003, Update Table data).
pub struct UpdateRows {
    /// The table.
    pub table: String,
    /// The row's number. With a condition besides, it must satisfy that too (contradiction C22).
    pub id: Option<i64>,
    /// The new values by their columns' names.
    pub values: Map<String, Value>,
    /// Which rows.
    pub query: Query,
    /// The revisions of the row that the client will see replaced; absent for any.
    pub expected: Option<Vec<Revision>>,
}

impl Operation for UpdateRows {
    const NAME: &'static str = "updateTableRows";
    const ACCESS: Access = Access::Scope(Scope::Table);
    type Output = Vec<TableRow>;

    async fn run(self, app: &App, caller: &Caller) -> Result<Vec<TableRow>> {
        if self.expected.is_some() && self.id.is_none() {
            return Err(Error::invalid("If-Match is about one row, whose id must be in the path"));
        }
        let (customer, now) = (caller.customer().id, app.clock.now());
        app.store
            .write(move |tx| {
                if let (Some(id), Some(_)) = (self.id, &self.expected) {
                    let table = find(tx, customer, &self.table)?;
                    require(tx, &table, id, self.expected.as_deref())?;
                }
                update(tx, customer, &self.table, self.id, &self.values, &self.query, now)
            })
            .await
    }
}

/// Removes a row (document 003, Delete Table data).
pub struct DeleteRow {
    /// The table.
    pub table: String,
    /// The row's number.
    pub id: i64,
    /// The revisions that the client will see removed; absent for any.
    pub expected: Option<Vec<Revision>>,
}

impl Operation for DeleteRow {
    const NAME: &'static str = "deleteTableRow";
    const ACCESS: Access = Access::Scope(Scope::Table);
    type Output = ();

    async fn run(self, app: &App, caller: &Caller) -> Result<()> {
        let customer = caller.customer().id;
        app.store
            .write(move |tx| {
                let table = find(tx, customer, &self.table)?;
                require(tx, &table, self.id, self.expected.as_deref())?;
                match delete(tx, customer, &self.table, self.id)? {
                    true => Ok(()),
                    false => Err(no_row(&table, self.id)),
                }
            })
            .await
    }
}

/// Inserts rows into the customer's table, each with the number it is to have or the next one: all or none of them.
///
/// # Errors
///
/// `NotFound` for the table. `InvalidInput` that names the column: there is none of that name, the value is not of its kind
/// or is missing. `Conflict` for a number that is taken, and for a value that must be unique.
pub fn insert_rows(
    tx: &mut dyn Tx,
    customer: CustomerId,
    name: &str,
    rows: &[(Option<i64>, Map<String, Value>)],
    now: Timestamp,
) -> Result<Vec<TableRow>> {
    let mut table = find(tx, customer, name)?;
    let mut inserted = Vec::with_capacity(rows.len());
    for (id, values) in rows {
        let id = match id {
            Some(id @ 1..=GREATEST_ID) => *id,
            Some(id) => return Err(Error::invalid(format!("id is {id}, but must be from 1 to {GREATEST_ID}"))),
            None => table.next_row,
        };
        table.next_row = table.next_row.max(id.saturating_add(1));
        table::lock(tx, &table, table.next_row)?;
        inserted.push(insert(tx, &table, id, values, seconds(now))?);
    }
    Ok(inserted)
}

/// A row as it would be inserted, by itself: whether its number and its unique values are taken is not asked.
pub(super) fn check(table: &Table, id: i64, values: &Map<String, Value>, now: Timestamp) -> Result<TableRow> {
    let content = content(table, id, values, now)?;
    content.stored()?;
    Ok(content.shown(table))
}

fn content(table: &Table, id: i64, values: &Map<String, Value>, now: Timestamp) -> Result<Content> {
    let defaults = table.columns.iter().filter_map(|column| Some((column.number, column.default.as_ref()?.to_json())));
    let mut content = Content { id, created: now, updated: now, values: defaults.collect::<Values>() };
    content.put(table, values)?;
    content.check(table)?;
    Ok(content)
}

/// Inserts a row into a table that is locked. `now` is to the second.
pub(super) fn insert(
    tx: &mut dyn Tx,
    table: &Table,
    id: i64,
    values: &Map<String, Value>,
    now: Timestamp,
) -> Result<TableRow> {
    let content = content(table, id, values, now)?;
    let stored = content.stored()?;
    content.check_unique(tx, table)?;
    match row::insert(tx, table.id, &stored, &content.keys(table))? {
        true => Ok(content.shown(table)),
        false => Err(Error::new(Code::Conflict, format!("{} has a row {id} already", table.name))),
    }
}

/// Changes rows of the customer's table: that of the number, those that the query finds, or what is both. Gives them in the
/// order of the query; all are changed or none.
///
/// # Errors
///
/// As [`insert_rows`]; `NotFound` too for the number. `InvalidInput` if neither a number nor a condition is given, or nothing
/// to be changed.
pub fn update(
    tx: &mut dyn Tx,
    customer: CustomerId,
    name: &str,
    id: Option<i64>,
    values: &Map<String, Value>,
    query: &Query,
    now: Timestamp,
) -> Result<Vec<TableRow>> {
    let table = find(tx, customer, name)?;
    table::lock(tx, &table, table.next_row)?;
    if values.is_empty() {
        return Err(Error::invalid("columns must name at least one column"));
    }
    let mut search = search::prepare(&table, query)?;
    match id {
        None if search.condition.is_empty() => {
            return Err(Error::invalid("Either the row's id must be in the path, or where must have rules"));
        }
        None => {}
        Some(id) => {
            find_row(tx, &table, id)?;
            let rule = Rule {
                place: "id".to_owned(),
                field: Field::Id,
                test: Test::Equal(Scalar::Integer(id)),
                is_negated: false,
                as_text: false,
            };
            search.condition = Condition::All(vec![Condition::Rule(rule), search.condition]);
        }
    }
    let found = search::run(tx, &table, &search)?;
    found.rows.into_iter().map(|stored| update_one(tx, &table, &stored, values, seconds(now))).collect()
}

fn update_one(
    tx: &mut dyn Tx,
    table: &Table,
    stored: &StoredRow,
    values: &Map<String, Value>,
    now: Timestamp,
) -> Result<TableRow> {
    let mut content = Content::of(stored)?;
    let old_keys = content.keys(table);
    content.put(table, values)?;
    content.check(table)?;
    content.updated = now;
    content.check_unique(tx, table)?;
    row::update(tx, table.id, &content.stored()?, &old_keys, &content.keys(table))?;
    Ok(content.shown(table))
}

/// Removes a row of the customer's table; false if there is none.
///
/// # Errors
///
/// `NotFound` for the table.
pub fn delete(tx: &mut dyn Tx, customer: CustomerId, name: &str, id: i64) -> Result<bool> {
    let table = find(tx, customer, name)?;
    table::lock(tx, &table, table.next_row)?;
    let Some(stored) = row::find(tx, table.id, id)? else { return Ok(false) };
    let keys = Content::of(&stored)?.keys(&table);
    row::remove(tx, table.id, id, &keys)
}

fn find_row(tx: &mut dyn Tx, table: &Table, id: i64) -> Result<StoredRow> {
    row::find(tx, table.id, id)?.ok_or_else(|| no_row(table, id))
}

fn no_row(table: &Table, id: i64) -> Error {
    Error::new(Code::NotFound, format!("There is no row '{id}' in table {}", table.name))
}

/// Refuses to change another state of a row than those expected.
fn require(tx: &mut dyn Tx, table: &Table, id: i64, expected: Option<&[Revision]>) -> Result<()> {
    if expected.is_none() {
        return Ok(());
    }
    let row = Content::of(&find_row(tx, table, id)?)?.shown(table);
    revision::require(expected, || Revision::of_table_row(table, &row))
}

/// The moment as it is shown, so that whoever asks for what is shown finds it.
pub(super) fn seconds(now: Timestamp) -> Timestamp {
    Timestamp(now.0.div_euclid(MILLISECONDS_OF_A_SECOND) * MILLISECONDS_OF_A_SECOND)
}

/// A row's number as it stands in an address.
/// # Errors
/// `InvalidInput` for what is none.
pub fn row_id(text: &str) -> Result<i64> {
    let digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    text.parse().ok().filter(|_| digits).ok_or_else(|| {
        let shown: Cow<'_, str> = super::clip(text).into();
        Error::invalid(format!("The row's id is '{shown}', but must be a whole number"))
    })
}
