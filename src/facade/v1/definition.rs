//! `/v1/tables` and `/v1/tables/{table_name}`: the tables that a customer has, and their columns.

use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::error::Result;
use crate::facade::v1::call::Call;
use crate::facade::v1::reply::Reply;
use crate::facade::v1::rows::Plain;
use crate::facade::v1::{condition, content};
use crate::model::table::Table;
use crate::model::time::Timestamp;
use crate::operation::execute;
use crate::operation::repeat::execute_once;
use crate::operation::revision::Revision;
use crate::operation::table::{AddTable, ChangeTable, ColumnChange, GetTable, ListTables, NewColumn, RemoveTable};

/// A boolean, or `true` or `false` as a text, as plain XML has it.
#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(untagged, expecting = "true or false was expected")]
pub enum Truth {
    /// A boolean.
    Boolean(bool),
    /// A text.
    Text(Word),
}

/// The texts of booleans.
#[derive(Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Word {
    /// Yes.
    True,
    /// No.
    False,
}

impl Truth {
    fn is_true(self) -> bool {
        matches!(self, Truth::Boolean(true) | Truth::Text(Word::True))
    }
}

/// A table to be added.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TableBody {
    /// Its name, as it stands in addresses.
    #[schema(pattern = "^[A-Za-z0-9_-]{1,64}$")]
    name: String,
    /// Free text.
    #[serde(default)]
    #[schema(max_length = 512, pattern = r"^[^\x00]*$")]
    description: String,
    /// Its columns, in their order.
    #[serde(default)]
    #[schema(max_items = 100)]
    columns: Vec<ColumnBody>,
}

/// A column to be added.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ColumnBody {
    /// Its name; not `id`, `date_created` or `date_updated`, which every table has.
    #[schema(pattern = "^[A-Za-z_][A-Za-z0-9_]{0,63}$")]
    name: String,
    /// What its values are: `text`, `integer`, `number`, `boolean`, `date` or `datetime`.
    #[serde(rename = "type")]
    #[schema(pattern = "^(text|integer|number|boolean|date|datetime)$")]
    kind: String,
    /// Whether every row must have a value; false if absent.
    #[serde(default, deserialize_with = "content::given")]
    #[schema(nullable = false)]
    required: Option<Truth>,
    /// Whether no two rows may have the same value; false if absent.
    #[serde(default, deserialize_with = "content::given")]
    #[schema(nullable = false)]
    unique: Option<Truth>,
    /// Whether searching and ordering by it must be fast; false if absent.
    #[serde(default, deserialize_with = "content::given")]
    #[schema(nullable = false)]
    indexed: Option<Truth>,
    /// What a row gets that says nothing.
    #[serde(default)]
    #[schema(value_type = Plain)]
    default: Option<Value>,
}

/// What is to change about a table; what is absent stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TableChanges {
    /// Free text.
    #[serde(default, deserialize_with = "content::given")]
    #[schema(nullable = false, max_length = 512, pattern = r"^[^\x00]*$")]
    description: Option<String>,
    /// Names of columns that are removed, with what is in them.
    #[serde(default)]
    drop: Vec<String>,
    /// Columns that are changed.
    #[serde(default)]
    change: Vec<ColumnChanges>,
    /// Columns that are added behind the others. Rows that are there get the default value.
    #[serde(default)]
    add: Vec<ColumnBody>,
}

/// What is to change about a column; what is absent stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ColumnChanges {
    /// Its name.
    name: String,
    /// Its new name.
    #[serde(default, deserialize_with = "content::given")]
    #[schema(nullable = false)]
    rename: Option<String>,
    /// Whether every row must have a value.
    #[serde(default, deserialize_with = "content::given")]
    #[schema(nullable = false)]
    required: Option<Truth>,
    /// Whether no two rows may have the same value.
    #[serde(default, deserialize_with = "content::given")]
    #[schema(nullable = false)]
    unique: Option<Truth>,
    /// Whether searching and ordering by it must be fast.
    #[serde(default, deserialize_with = "content::given")]
    #[schema(nullable = false)]
    indexed: Option<Truth>,
    /// What a row gets that says nothing; null for nothing.
    #[serde(default, deserialize_with = "content::given")]
    #[schema(value_type = Plain)]
    default: Option<Value>,
}

/// A table.
#[derive(Serialize, ToSchema)]
pub struct ShownTable {
    /// Its name.
    name: String,
    /// Free text.
    description: String,
    /// Its columns, in their order; `id`, `date_created` and `date_updated` are not among them.
    columns: Vec<ShownColumn>,
    /// When it was added, as an ATOM date.
    date_created: String,
    /// When its definition was last changed, as an ATOM date.
    date_modified: String,
}

/// A column.
#[derive(Serialize, ToSchema)]
pub struct ShownColumn {
    /// Its name.
    name: String,
    /// What its values are.
    r#type: &'static str,
    /// Whether every row must have a value.
    required: bool,
    /// Whether no two rows may have the same value.
    unique: bool,
    /// Whether searching and ordering by it is fast.
    indexed: bool,
    /// What a row gets that says nothing.
    #[schema(required, value_type = Plain)]
    default: Option<Value>,
}

/// Tables.
#[derive(Serialize, ToSchema)]
pub struct ShownTables {
    /// They, by name.
    tables: Vec<ShownTable>,
    /// Their number.
    total: usize,
}

/// A table that was removed.
#[derive(Serialize, ToSchema)]
pub struct RemovedTable {
    /// Its name.
    name: String,
}

/// POST `/v1/tables`.
pub async fn add(call: &Call<'_>) -> Result<Reply> {
    let TableBody { name, description, columns } = content::value(call)?;
    let columns = columns.into_iter().map(new_column).collect();
    let operation = AddTable { name, description, columns };
    let once = execute_once(call.app, call.caller()?, call.idempotency_key()?, operation).await?;
    let (table, is_repeated) = once.into_parts();
    let location = format!("/v1/tables/{}", table.name);
    let mut reply = revised(table)?;
    reply.is_repeated = is_repeated;
    reply.location = Some(location);
    Ok(reply)
}

/// GET `/v1/tables`.
pub async fn list(call: &Call<'_>) -> Result<Reply> {
    let tables = execute(call.app, call.caller()?, ListTables).await?;
    let total = tables.len();
    Reply::of(&ShownTables { tables: tables.into_iter().map(shown).collect(), total })
}

/// GET `/v1/tables/{table_name}`.
pub async fn get(call: &Call<'_>) -> Result<Reply> {
    revised(execute(call.app, call.caller()?, GetTable { name: name(call)? }).await?)
}

/// PATCH `/v1/tables/{table_name}`.
pub async fn change(call: &Call<'_>) -> Result<Reply> {
    let TableChanges { description, drop, change, add } = content::value(call)?;
    let expected = condition::expected(call.headers())?;
    let (change, add) = (change.into_iter().map(column_change).collect(), add.into_iter().map(new_column).collect());
    let operation = ChangeTable { name: name(call)?, description, drop, change, add, expected };
    revised(execute(call.app, call.caller()?, operation).await?)
}

/// DELETE `/v1/tables/{table_name}`.
pub async fn remove(call: &Call<'_>) -> Result<Reply> {
    let (name, expected) = (name(call)?, condition::expected(call.headers())?);
    execute(call.app, call.caller()?, RemoveTable { name: name.clone(), expected }).await?;
    Reply::of(&RemovedTable { name })
}

/// The table's name, which is always in the path.
pub(super) fn name(call: &Call<'_>) -> Result<String> {
    Ok(call.path("table_name")?.unwrap_or_default().into_owned())
}

fn is_true(truth: Option<Truth>) -> bool {
    truth.is_some_and(Truth::is_true)
}

fn new_column(body: ColumnBody) -> NewColumn {
    let ColumnBody { name, kind, required, unique, indexed, default } = body;
    let [required, unique, indexed] = [required, unique, indexed].map(is_true);
    NewColumn { name, kind, required, unique, indexed, default }
}

fn column_change(body: ColumnChanges) -> ColumnChange {
    let ColumnChanges { name, rename, required, unique, indexed, default } = body;
    let [required, unique, indexed] = [required, unique, indexed].map(|truth| truth.map(Truth::is_true));
    ColumnChange { name, rename, required, unique, indexed, default }
}

fn revised(table: Table) -> Result<Reply> {
    let (revision, modified) = (Revision::of_table(&table), table.modified);
    let mut reply = Reply::of(&shown(table))?;
    reply.revision = Some(revision);
    reply.modified = Some(modified);
    Ok(reply)
}

fn shown(table: Table) -> ShownTable {
    let columns = table.columns.into_iter().map(|column| ShownColumn {
        name: column.name,
        r#type: column.kind.name(),
        required: column.is_required,
        unique: column.is_unique,
        indexed: column.is_indexed,
        default: column.default.map(|value| value.to_json()),
    });
    ShownTable {
        name: table.name,
        description: table.description,
        columns: columns.collect(),
        date_created: Timestamp::to_atom(table.created),
        date_modified: table.modified.to_atom(),
    }
}
