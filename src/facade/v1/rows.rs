//! The rows of tables (document 003, Tables). Their replies have an envelope of their own.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use utoipa::openapi::schema::{AdditionalProperties, Array, Object, SchemaType, Type};
use utoipa::openapi::{Ref, RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::error::{Error, Result};
use crate::facade::v1::call::Call;
use crate::facade::v1::definition::name;
use crate::facade::v1::reply::{Instead, Reply};
use crate::facade::v1::run::TextOrNumber;
use crate::facade::v1::{condition, content};
use crate::operation::execute;
use crate::operation::repeat::execute_once;
use crate::operation::table::row::{DeleteRow, GetRow, InsertRow, TableRow, UpdateRows, row_id};
use crate::operation::table::search::{FoundRows, MOST_ROWS, Query, SearchRows};

/// The member in which columns are told one by one.
const COLUMNS: &str = "columns";
/// The members that say which rows are meant.
const SEARCH: [&str; 5] = ["where", "limit", "offset", "order_field", "order_type"];

/// A row to be inserted: values by the names of their columns, or a list of columns.
pub struct RowBody;

impl PartialSchema for RowBody {
    fn schema() -> RefOr<Schema> {
        let any = AdditionalProperties::FreeForm(true);
        let doc = "Values by the names of their columns, which are text, numbers, booleans or null; or the same as `columns`.";
        let columns = Array::builder().items(Ref::from_schema_name(ColumnValue::name()));
        Object::builder()
            .schema_type(Type::Object)
            .description(Some(doc))
            .property(COLUMNS, columns)
            .additional_properties(Some(any))
            .into()
    }
}

impl ToSchema for RowBody {
    fn schemas(schemas: &mut Vec<(String, RefOr<Schema>)>) {
        schemas.push((ColumnValue::name().into_owned(), ColumnValue::schema()));
        ColumnValue::schemas(schemas);
    }
}

/// A value of a column: a text, a number, a boolean or null.
pub struct Plain;

impl PartialSchema for Plain {
    fn schema() -> RefOr<Schema> {
        let types = [Type::String, Type::Number, Type::Boolean, Type::Null];
        Object::builder().schema_type(types.into_iter().collect::<SchemaType>()).into()
    }
}

impl ToSchema for Plain {}

/// A value of a column.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ColumnValue {
    /// The column's name.
    column_name: String,
    /// The value.
    #[schema(value_type = Plain)]
    column_value: Value,
}

/// Which rows to find.
#[derive(Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SearchBody {
    /// What they must satisfy: `{"condition", "rules": [{"field", "operator", "value"}]}`; absent for all.
    #[serde(default, rename = "where")]
    #[schema(nullable = false, value_type = Option<Object>)]
    filter: Option<Value>,
    /// How many at most; 100 if absent.
    #[serde(default)]
    #[schema(nullable = false, value_type = Option<i64>, minimum = 0, maximum = 100)]
    limit: Option<TextOrNumber>,
    /// How many to pass over; 0 if absent.
    #[serde(default)]
    #[schema(nullable = false, value_type = Option<i64>, minimum = 0)]
    offset: Option<TextOrNumber>,
    /// The column to order by; `id` if absent.
    #[serde(default)]
    #[schema(nullable = false)]
    order_field: Option<String>,
    /// `ASC` or `DESC`; `ASC` if absent.
    #[serde(default)]
    #[schema(nullable = false)]
    order_type: Option<String>,
}

/// What to change, and in which rows.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it only says what the document looks like; it is read member by member")]
pub struct UpdateBody {
    /// The columns that are to be changed, with their new values.
    #[schema(min_items = 1)]
    columns: Vec<ColumnValue>,
    /// What the rows must satisfy, as in a search.
    #[serde(rename = "where")]
    #[schema(nullable = false, value_type = Option<Object>)]
    filter: Option<Value>,
    /// How many rows at most; 100 if absent.
    #[schema(nullable = false, minimum = 0, maximum = 100)]
    limit: Option<i64>,
    /// How many to pass over; 0 if absent.
    #[schema(nullable = false, minimum = 0)]
    offset: Option<i64>,
    /// The column to order by; `id` if absent.
    #[schema(nullable = false)]
    order_field: Option<String>,
    /// `ASC` or `DESC`; `ASC` if absent.
    #[schema(nullable = false)]
    order_type: Option<String>,
}

/// A row.
#[derive(Serialize)]
pub struct ShownRow(Value);

impl PartialSchema for ShownRow {
    fn schema() -> RefOr<Schema> {
        let text = |doc: &str| Object::builder().schema_type(Type::String).description(Some(doc));
        Object::builder()
            .schema_type(Type::Object)
            .description(Some("A row: what every row has, and the columns of the table; null where there is no value."))
            .property("id", text("Its number."))
            .property("date_created", text("When it was inserted, in UTC."))
            .property("date_updated", text("When it was last changed, in UTC."))
            .required("id")
            .required("date_created")
            .required("date_updated")
            .additional_properties(Some(AdditionalProperties::FreeForm(true)))
            .into()
    }
}

impl ToSchema for ShownRow {}

/// Rows.
#[derive(Serialize, ToSchema)]
pub struct ShownRows {
    /// They, in the order that was asked for.
    data: Vec<ShownRow>,
    /// Their number.
    total: usize,
    /// The position of the first of them.
    start_at: i64,
    /// The position of the next one, which is the `offset` of the next search.
    next_element: i64,
    /// How many were wanted at most.
    limit: i64,
    /// How many were passed over.
    offset: i64,
    /// How many there are in all.
    max_results: i64,
}

/// GET `/v1/tables/{table_name}/{id}`.
pub async fn get(call: &Call<'_>) -> Result<Reply> {
    let found = execute(call.app, call.caller()?, GetRow { table: name(call)?, id: id(call)? }).await?;
    let data = vec![ShownRow(found.row.to_json())];
    let rows = ShownRows { data, total: 1, start_at: 0, next_element: 1, limit: MOST_ROWS, offset: 0, max_results: 1 };
    let mut reply = bare(&rows)?;
    reply.revision = Some(found.revision);
    reply.modified = Some(found.modified);
    Ok(reply)
}

/// POST `/v1/tables/{table_name}/search`.
pub async fn search(call: &Call<'_>) -> Result<Reply> {
    let body: SearchBody = if is_blank(call) { SearchBody::default() } else { content::value(call)? };
    let operation = SearchRows { table: name(call)?, query: query(body)? };
    let FoundRows { rows, total, limit, offset } = execute(call.app, call.caller()?, operation).await?;
    let next_element = offset.saturating_add(i64::try_from(rows.len()).unwrap_or(i64::MAX));
    let data: Vec<_> = rows.iter().map(|row| ShownRow(row.to_json())).collect();
    bare(&ShownRows { total: data.len(), data, start_at: offset, next_element, limit, offset, max_results: total })
}

/// POST `/v1/tables/{table_name}`, and with the number that the row is to have behind it (contradiction C14).
pub async fn insert(call: &Call<'_>) -> Result<Reply> {
    let body: Map<String, Value> = content::value(call)?;
    let id = call.path("id")?.map(|text| row_id(&text)).transpose()?;
    let operation = InsertRow { table: name(call)?, id, values: values(body)? };
    let once = execute_once(call.app, call.caller()?, call.idempotency_key()?, operation).await?;
    let (row, is_repeated) = once.into_parts();
    let mut reply = written(vec![row], MOST_ROWS, 0)?;
    reply.is_repeated = is_repeated;
    Ok(reply)
}

/// PUT `/v1/tables/{table_name}` and `/v1/tables/{table_name}/{id}`.
pub async fn update(call: &Call<'_>) -> Result<Reply> {
    let mut body: Map<String, Value> = content::value(call)?;
    let id = call.path("id")?.map(|text| row_id(&text)).transpose()?;
    let mut search = Map::new();
    // Without a list of columns, every member of what is sent to a row is one.
    if body.contains_key(COLUMNS) || id.is_none() {
        for name in SEARCH {
            search.extend(body.remove(name).map(|value| (name.to_owned(), value)));
        }
    }
    let search: SearchBody = serde_json::from_value(Value::Object(search)).map_err(|error| not_expected(&error))?;
    let query = query(search)?;
    let (limit, offset) = (query.limit.unwrap_or(MOST_ROWS), query.offset.unwrap_or_default());
    let expected = condition::expected(call.headers())?;
    let operation = UpdateRows { table: name(call)?, id, values: values(body)?, query, expected };
    written(execute(call.app, call.caller()?, operation).await?, limit, offset)
}

/// DELETE `/v1/tables/{table_name}/{id}`.
pub async fn remove(call: &Call<'_>) -> Result<Reply> {
    let (table, id, expected) = (name(call)?, id(call)?, condition::expected(call.headers())?);
    execute(call.app, call.caller()?, DeleteRow { table: table.clone(), id, expected }).await?;
    let mut reply = Reply::of(&1)?;
    reply.message = Some(format!("Successfully deleted row {id} in table {table}"));
    Ok(reply)
}

fn id(call: &Call<'_>) -> Result<i64> {
    row_id(&call.path("id")?.unwrap_or_default())
}

fn is_blank(call: &Call<'_>) -> bool {
    call.body.iter().all(u8::is_ascii_whitespace)
}

fn not_expected(error: &serde_json::Error) -> Error {
    Error::invalid(format!("The body is not as expected: {error}"))
}

/// The values by their columns' names, which are the members themselves or told one by one.
fn values(mut body: Map<String, Value>) -> Result<Map<String, Value>> {
    let list = match body.get_mut(COLUMNS) {
        Some(Value::Array(list)) => std::mem::take(list),
        // As XML has a single one.
        Some(one @ Value::Object(_)) => vec![one.take()],
        _ => return Ok(body),
    };
    body.remove(COLUMNS);
    if let Some(name) = body.keys().next() {
        let shown: String = name.chars().take(64).collect();
        return Err(Error::invalid(format!("The body has columns and '{shown}' beside it")));
    }
    let mut values = Map::new();
    for (index, column) in list.into_iter().enumerate() {
        let ColumnValue { column_name, column_value } = serde_json::from_value(column)
            .map_err(|error| Error::invalid(format!("columns[{index}] is not as expected: {error}")))?;
        if values.insert(column_name.clone(), column_value).is_some() {
            let shown: String = column_name.chars().take(64).collect();
            return Err(Error::invalid(format!("columns[{index}]: '{shown}' is named twice")));
        }
    }
    Ok(values)
}

fn query(body: SearchBody) -> Result<Query> {
    let SearchBody { filter, limit, offset, order_field, order_type } = body;
    Ok(Query { filter, limit: number("limit", limit)?, offset: number("offset", offset)?, order_field, order_type })
}

fn number(name: &str, given: Option<TextOrNumber>) -> Result<Option<i64>> {
    let Some(text) = given.map(TextOrNumber::into_text).filter(|text| !text.is_empty()) else { return Ok(None) };
    text.trim().parse().map(Some).map_err(|_| {
        let shown: String = text.chars().take(64).collect();
        Error::invalid(format!("{name} is '{shown}', but must be a whole number"))
    })
}

/// What is answered with rows that were written, of which it is not said how many there are.
fn written(rows: Vec<TableRow>, limit: i64, offset: i64) -> Result<Reply> {
    let data: Vec<_> = rows.iter().map(|row| ShownRow(row.to_json())).collect();
    bare(&ShownRows { total: data.len(), data, start_at: offset, next_element: 0, limit, offset, max_results: 0 })
}

fn bare(rows: &ShownRows) -> Result<Reply> {
    let mut reply = Reply::of(rows)?;
    reply.instead = Some(Instead::Resource);
    Ok(reply)
}
