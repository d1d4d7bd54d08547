//! Rows of tables: getting, inserting, changing and removing them. What changes rows are functions within a transaction, so
//! that it can be part of one.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::app::App;
use crate::auth::Caller;
use crate::error::{Code, Error, Result};
use crate::model::account::CustomerId;
use crate::model::scope::Scope;
use crate::model::table::{DATE_CREATED, DATE_UPDATED, ID, StoredRow, Table};
use crate::model::time::{MILLISECONDS_OF_A_SECOND, TimeZone, Timestamp};
use crate::operation::repeat::{Repeatable, Write, commit};
use crate::operation::revision::{self, Revision};
use crate::operation::table::find;
use crate::operation::table::search::{self, Query, Search};
use crate::operation::table::values::{Content, Values};
use crate::operation::{Access, Operation};
use crate::store::table::row::{self, RowKey};
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

impl TableRow {
    /// The row as clients and flows see it: `id` as a text, the dates in UTC, and the columns.
    pub fn to_json(&self) -> Value {
        let mut members = Map::with_capacity(self.values.len() + 3);
        members.insert(ID.to_owned(), self.id.to_string().into());
        for (name, at) in [(DATE_CREATED, self.created), (DATE_UPDATED, self.updated)] {
            members.insert(name.to_owned(), at.to_date_time(&TimeZone::UTC).into());
        }
        members.extend(self.values.iter().map(|(name, value)| (name.clone(), value.clone())));
        Value::Object(members)
    }
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
    meant(tx, &table, id, &mut search)?;
    let found = search::run(tx, &table, &search)?.rows;
    // Everything is checked before anything is written, since a step of a flow goes on after a refusal.
    let changes = found.iter().map(|stored| changed(tx, &table, stored, values, seconds(now)));
    let changes = changes.collect::<Result<Vec<_>>>()?;
    if let [_, second, ..] = &changes[..] {
        second.content.check_repeatable(&table, values)?;
    }
    let mut rows = Vec::with_capacity(changes.len());
    for Changed { old_keys, content, stored } in changes {
        row::update(tx, table.id, &stored, &old_keys, &content.keys(&table))?;
        rows.push(content.shown(&table));
    }
    Ok(rows)
}

/// Narrows a search to the row that is meant; refuses to mean all rows.
fn meant(tx: &mut dyn Tx, table: &Table, id: Option<i64>, search: &mut Search) -> Result<()> {
    match id {
        None if search.condition.is_empty() => {
            Err(Error::invalid("Either the row's id must be given, or where must have rules"))
        }
        None => Ok(()),
        Some(id) => {
            find_row(tx, table, id)?;
            search.narrow(id);
            Ok(())
        }
    }
}

/// A row with other values, and the keys that it had.
struct Changed {
    old_keys: Vec<RowKey>,
    content: Content,
    stored: StoredRow,
}

/// A row with other values, which it may have.
fn changed(
    tx: &mut dyn Tx,
    table: &Table,
    before: &StoredRow,
    values: &Map<String, Value>,
    now: Timestamp,
) -> Result<Changed> {
    let mut content = Content::of(before)?;
    let old_keys = content.keys(table);
    content.put(table, values)?;
    content.check(table)?;
    content.updated = now;
    content.check_unique(tx, table)?;
    Ok(Changed { old_keys, stored: content.stored()?, content })
}

/// Removes the row of that number, those that the query finds, or what is both; gives them as they were.
///
/// # Errors
///
/// `NotFound` for the table and the number. `InvalidInput` if neither a number nor a condition is given.
pub fn delete_found(
    tx: &mut dyn Tx,
    customer: CustomerId,
    name: &str,
    id: Option<i64>,
    query: &Query,
) -> Result<Vec<TableRow>> {
    let table = find(tx, customer, name)?;
    table::lock(tx, &table, table.next_row)?;
    let mut search = search::prepare(&table, query)?;
    meant(tx, &table, id, &mut search)?;
    let mut rows = Vec::new();
    for stored in search::run(tx, &table, &search)?.rows {
        let content = Content::of(&stored)?;
        row::remove(tx, table.id, stored.id, &content.keys(&table))?;
        rows.push(content.shown(&table));
    }
    Ok(rows)
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
