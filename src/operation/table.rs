//! Tables: adding, showing, changing and removing them. Their rows are in [`row`], searching them in [`search`], files of them in
//! [`import`] and [`export`]; what a
//! definition may say is in [`shape`], what becomes of the rows when it changes in [`alter`].

pub mod alter;
pub mod errand;
pub mod export;
pub mod import;
pub mod row;
pub mod search;
pub mod shape;
mod values;

use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::app::App;
use crate::auth::Caller;
use crate::error::{Code, Error, Result};
use crate::model::account::CustomerId;
use crate::model::scope::Scope;
use crate::model::table::Table;
use crate::model::time::Timestamp;
use crate::operation::account::record;
use crate::operation::repeat::{Repeatable, Write, commit};
use crate::operation::revision::{self, Revision};
use crate::operation::{Access, Operation, check};
use crate::store::{Tx, table};

/// Tables that a customer may have.
pub const MOST_TABLES: i64 = 1_000;
/// Characters of a name that a message repeats.
const SHOWN: usize = 64;

/// A column as it is defined.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct NewColumn {
    /// Its name.
    pub name: String,
    /// What its values are: `text`, `integer`, `number`, `boolean`, `date` or `datetime`.
    pub kind: String,
    /// Whether every row must have a value.
    pub required: bool,
    /// Whether no two rows may have the same value.
    pub unique: bool,
    /// Whether searching and ordering by it must be fast.
    pub indexed: bool,
    /// What a row gets that says nothing.
    pub default: Option<Value>,
}

/// Adds a table.
#[derive(Clone, Debug, Serialize)]
pub struct AddTable {
    /// What clients call it.
    pub name: String,
    /// Free text.
    pub description: String,
    /// Its columns, in their order.
    pub columns: Vec<NewColumn>,
}

impl Operation for AddTable {
    const NAME: &'static str = "addTable";
    const ACCESS: Access = Access::Scope(Scope::TableDefinition);
    type Output = Table;

    async fn run(self, app: &App, caller: &Caller) -> Result<Table> {
        commit(app, self.prepare(app, caller)?).await
    }
}

impl Repeatable for AddTable {
    fn prepare(self, app: &App, caller: &Caller) -> Result<Write<Table>> {
        let (customer, now, actor) = (caller.customer().id, app.clock.now(), caller.actor().to_owned());
        Ok(Write::administration(move |tx| {
            let table = add(tx, customer, &self, now)?;
            record(tx, customer, &actor, Self::NAME, &table.name, now)?;
            Ok(table)
        }))
    }
}

/// Adds a table within a transaction.
/// # Errors
/// What [`AddTable`] refuses.
pub fn add(tx: &mut dyn Tx, customer: CustomerId, new: &AddTable, now: Timestamp) -> Result<Table> {
    shape::table_name(&new.name)?;
    check::description(&new.description)?;
    if table::count(tx, customer)? >= MOST_TABLES {
        let message = format!("There are {MOST_TABLES} tables already, the most that there can be");
        return Err(Error::new(Code::Conflict, message));
    }
    let Some(_) = table::insert(tx, customer, &new.name, &new.description, now)? else {
        return Err(Error::new(Code::Conflict, format!("There is a table '{}' already", new.name)));
    };
    let mut table = find(tx, customer, &new.name)?;
    for column in &new.columns {
        shape::add_column(&mut table, column)?;
    }
    table::put_columns(tx, &table)?;
    table::update(tx, &table, now)?;
    Ok(table)
}

/// The tables of the caller's customer, by name.
pub struct ListTables;

impl Operation for ListTables {
    const NAME: &'static str = "listTables";
    const ACCESS: Access = Access::Scope(Scope::TableDefinition);
    type Output = Vec<Table>;

    async fn run(self, app: &App, caller: &Caller) -> Result<Vec<Table>> {
        let customer = caller.customer().id;
        app.store.read(move |tx| table::list(tx, customer)).await
    }
}

/// A table of the caller's customer.
pub struct GetTable {
    /// What clients call it.
    pub name: String,
}

impl Operation for GetTable {
    const NAME: &'static str = "getTable";
    const ACCESS: Access = Access::Scope(Scope::TableDefinition);
    type Output = Table;

    async fn run(self, app: &App, caller: &Caller) -> Result<Table> {
        app.store.peek(|tx| find(tx, caller.customer().id, &self.name))
    }
}

/// Changes a table; what is not said stays as it is. Rows that are there are checked and changed in the same transaction.
#[derive(Clone, Debug, Default)]
pub struct ChangeTable {
    /// What clients call it.
    pub name: String,
    /// Free text.
    pub description: Option<String>,
    /// Columns that are removed, with what is in them.
    pub drop: Vec<String>,
    /// Columns that are changed.
    pub change: Vec<ColumnChange>,
    /// Columns that are added behind the others.
    pub add: Vec<NewColumn>,
    /// The revisions that the client will see replaced; absent for any.
    pub expected: Option<Vec<Revision>>,
}

/// What is to change about a column; what is not said stays as it is.
#[derive(Clone, Debug, Default)]
pub struct ColumnChange {
    /// Its name.
    pub name: String,
    /// Its new name.
    pub rename: Option<String>,
    /// Whether every row must have a value.
    pub required: Option<bool>,
    /// Whether no two rows may have the same value.
    pub unique: Option<bool>,
    /// Whether searching and ordering by it must be fast.
    pub indexed: Option<bool>,
    /// What a row gets that says nothing; null for nothing.
    pub default: Option<Value>,
}

impl Operation for ChangeTable {
    const NAME: &'static str = "changeTable";
    const ACCESS: Access = Access::Scope(Scope::TableDefinition);
    type Output = Table;

    async fn run(self, app: &App, caller: &Caller) -> Result<Table> {
        self.description.as_deref().map_or(Ok(()), check::description)?;
        let (customer, now, actor) = (caller.customer().id, app.clock.now(), caller.actor().to_owned());
        app.store
            .administer(move |tx| {
                let table = find(tx, customer, &self.name)?;
                revision::require(self.expected.as_deref(), || Revision::of_table(&table))?;
                alter::alter(tx, &table, &self, now)?;
                record(tx, customer, &actor, Self::NAME, &self.name, now)?;
                find(tx, customer, &self.name)
            })
            .await
    }
}

/// Removes a table with all its rows.
pub struct RemoveTable {
    /// What clients call it.
    pub name: String,
    /// The revisions that the client will see removed; absent for any.
    pub expected: Option<Vec<Revision>>,
}

impl Operation for RemoveTable {
    const NAME: &'static str = "removeTable";
    const ACCESS: Access = Access::Scope(Scope::TableDefinition);
    type Output = ();

    async fn run(self, app: &App, caller: &Caller) -> Result<()> {
        let (customer, now, actor) = (caller.customer().id, app.clock.now(), caller.actor().to_owned());
        app.store
            .administer(move |tx| {
                let found = find(tx, customer, &self.name)?;
                revision::require(self.expected.as_deref(), || Revision::of_table(&found))?;
                table::remove(tx, customer, &self.name)?;
                record(tx, customer, &actor, Self::NAME, &self.name, now)
            })
            .await
    }
}

/// The customer's table.
/// # Errors
/// `NotFound` if there is none.
pub fn find(tx: &mut dyn Tx, customer: CustomerId, name: &str) -> Result<Table> {
    table::find(tx, customer, name)?
        .ok_or_else(|| Error::new(Code::NotFound, format!("There is no table '{}'", clip(name))))
}

/// So much of a text as a message repeats.
fn clip(text: &str) -> String {
    text.chars().take(SHOWN).map(|c| if c.is_control() { '\u{FFFD}' } else { c }).collect()
}

/// A value as a message shows it.
fn shown(value: &Value) -> String {
    match value {
        Value::Array(_) => "a list".to_owned(),
        Value::Object(_) => "an object".to_owned(),
        Value::String(text) => format!("'{}'", clip(text)),
        other => other.to_string(),
    }
}
