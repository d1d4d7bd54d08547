//! `/v1/schema`: the customer's schema (document 003, "Data Schema").

use serde::{Deserialize, Serialize};
use utoipa::ToSchema;

use crate::error::{Error, Result};
use crate::facade::resource;
use crate::facade::v1::call::Call;
use crate::facade::v1::reply::Reply;
use crate::facade::v1::{condition, content};
use crate::model::schema::DataSchema;
use crate::operation::execute;
use crate::operation::repeat::execute_once;
use crate::operation::revision::Revision;
use crate::operation::schema::{DeleteSchema, GetSchema, InsertSchema, SchemaText, UpdateSchema};
use crate::soap::encoded::decode_base64;

/// A schema as it is sent.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SchemaBody {
    /// The JSON Schema (draft 4), in base64.
    #[schema(format = Byte)]
    schema: String,
    /// A sample record that satisfies it, in base64.
    #[schema(format = Byte)]
    data_record: String,
    /// Where the schema is said to live. It is kept and never fetched.
    #[schema(max_length = 2048, pattern = r"^[^\x00-\x1f\x7f-\x9f]*$")]
    url: String,
}

/// When a schema came to be and last changed.
#[derive(Serialize, ToSchema)]
pub struct SchemaDates {
    /// When it was inserted.
    creation_date: String,
    /// When it last changed.
    modified_date: String,
}

/// A schema as it is shown.
#[derive(Serialize, ToSchema)]
pub struct ShownSchema {
    /// Where the schema is said to live.
    url: String,
    /// The JSON Schema (draft 4), in base64.
    #[schema(format = Byte)]
    schema: String,
    /// When it was inserted.
    creation_date: String,
    /// When it last changed.
    modified_date: String,
    /// The customer's name.
    customer: String,
}

/// An object without members.
#[derive(Serialize, ToSchema)]
pub struct Nothing {}

/// POST.
pub async fn insert(call: &Call<'_>) -> Result<Reply> {
    let operation = InsertSchema(read(call)?);
    let once = execute_once(call.app, call.caller()?, call.idempotency_key()?, operation).await?;
    let (schema, is_repeated) = once.into_parts();
    let mut reply = dates(call, &schema)?;
    reply.is_repeated = is_repeated;
    reply.location = Some("/v1/schema".to_owned());
    Ok(reply)
}

/// PUT. Document 003 answers 201 here too (contradiction C50).
pub async fn update(call: &Call<'_>) -> Result<Reply> {
    let operation = UpdateSchema { text: read(call)?, expected: condition::expected(call.headers())? };
    let schema = execute(call.app, call.caller()?, operation).await?;
    dates(call, &schema)
}

/// GET.
pub async fn get(call: &Call<'_>) -> Result<Reply> {
    let caller = call.caller()?;
    let stored = execute(call.app, caller, GetSchema).await?;
    let shown = resource::schema(&stored, &caller.customer().name, &call.app.config.api.time_zone);
    let mut reply = Reply::of_text(shown.to_owned());
    reply.revision = Some(Revision::of_schema(&stored.schema));
    reply.modified = Some(stored.schema.modified);
    Ok(reply)
}

/// DELETE.
pub async fn remove(call: &Call<'_>) -> Result<Reply> {
    let operation = DeleteSchema { expected: condition::expected(call.headers())? };
    execute(call.app, call.caller()?, operation).await?;
    Reply::of(&Nothing {})
}

fn read(call: &Call<'_>) -> Result<SchemaText> {
    let SchemaBody { schema, data_record, url } = content::value(call)?;
    Ok(SchemaText { url, document: text("schema", &schema)?, sample: text("data_record", &data_record)? })
}

/// The text in a base64 member.
fn text(field: &str, encoded: &str) -> Result<String> {
    let bytes = decode_base64(encoded).ok_or_else(|| Error::invalid(format!("{field} must be base64")))?;
    String::from_utf8(bytes).map_err(|_| Error::invalid(format!("{field} must be base64 of UTF-8 text")))
}

fn dates(call: &Call<'_>, schema: &DataSchema) -> Result<Reply> {
    let zone = &call.app.config.api.time_zone;
    let dates = SchemaDates {
        creation_date: schema.created.to_date_time(zone),
        modified_date: schema.modified.to_date_time(zone),
    };
    let mut reply = Reply::of(&dates)?;
    reply.revision = Some(Revision::of_schema(schema));
    Ok(reply)
}
