//! `/v1/keystore`: keystores, and the search in one (document 003, "Keystore"). What is in them is `package`'s business.

use actix_web::http::header::{HeaderName, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::openapi::schema::{Array, Object, SchemaType, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::error::{Error, Result};
use crate::facade::v1::call::Call;
use crate::facade::v1::reply::{Instead, Reply, raw};
use crate::facade::v1::run::TextOrNumber;
use crate::facade::v1::{condition, content, format, package};
use crate::model::keystore::{Keystore, KeystoreKind};
use crate::operation::execute;
use crate::operation::keystore::search::SearchPackages;
use crate::operation::keystore::{AddKeystore, GetKeystore, ListKeystores, RemoveKeystore, UpdateKeystore};
use crate::operation::repeat::execute_once;
use crate::operation::revision::Revision;

/// How many packages satisfy a search, whatever part of them is answered.
const TOTAL: HeaderName = HeaderName::from_static("x-total-count");

/// A keystore to be added.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeystoreBody {
    /// What it is to be called by.
    #[schema(pattern = r"^[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}$")]
    id: String,
    /// Free text.
    #[serde(default)]
    #[schema(max_length = 512, pattern = r"^[^\x00]*$")]
    description: String,
    /// What its packages are: `json` values, or `raw` texts. Absent: `json`.
    #[serde(default)]
    #[schema(pattern = "^(json|raw)$")]
    kind: Option<String>,
    /// What a new package holds; absent for an empty object. A keystore of texts has none.
    #[serde(default)]
    #[schema(value_type = Option<Object>, required = false)]
    structure: Option<Box<RawValue>>,
}

/// What is to change about a keystore; what is absent stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct KeystoreChanges {
    /// Free text.
    #[serde(default)]
    #[schema(nullable = false, max_length = 512, pattern = r"^[^\x00]*$")]
    description: Option<String>,
    /// What packages hold that come to be from now on.
    #[serde(default)]
    #[schema(value_type = Option<Object>, required = false)]
    structure: Option<Box<RawValue>>,
}

/// A keystore.
#[derive(Serialize, ToSchema)]
pub struct ShownKeystore<'k> {
    /// What it is called by.
    id: &'k str,
    /// Free text.
    description: &'k str,
    /// `json` or `raw`.
    kind: &'static str,
    /// What a new package holds; null where packages are texts.
    #[schema(value_type = Option<Object>, required)]
    structure: Option<&'k RawValue>,
    /// The structure's version, counted from 1.
    version: i64,
    /// When it was added, as an ATOM date.
    date_created: String,
    /// When it was last changed, as an ATOM date.
    date_modified: String,
}

/// Keystores.
#[derive(Serialize, ToSchema)]
pub struct ShownKeystores<'k> {
    /// They, by identifier.
    keystores: Vec<ShownKeystore<'k>>,
    /// Their number.
    total: usize,
}

/// A keystore that was removed.
#[derive(Serialize, ToSchema)]
pub struct RemovedKeystore {
    /// What it was called by.
    id: String,
}

/// A search.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PackageSearch {
    /// What is wanted of each package.
    #[schema(value_type = Vec<SelectedField>, min_items = 1, max_items = 100)]
    select: Value,
    /// Which packages are wanted; absent for all: `condition` (`and` or `or`) and `rules`, each with `field`, `operator` and
    /// `value`.
    #[serde(default, rename = "where")]
    #[schema(value_type = Object, nullable = false, required = false)]
    condition: Value,
    /// The most rows, up to 1000; absent for 1000.
    #[serde(default)]
    #[schema(value_type = i64, nullable = false, required = false, minimum = 1, maximum = 1000)]
    limit: Option<TextOrNumber>,
    /// How many are passed over; absent for none.
    #[serde(default)]
    #[schema(value_type = i64, nullable = false, required = false, minimum = 0, maximum = 2_147_483_647)]
    offset: Option<TextOrNumber>,
}

/// What is wanted of a package.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SelectedField {
    /// `key` or `keystore.key`, `*` for all that it holds, or a way into it such as `temp.max`.
    field: String,
    /// Its name in the answer; absent for the field as it is written.
    #[serde(default)]
    #[schema(nullable = false)]
    alias: Option<String>,
}

/// What was found: of each package texts by name, and null for what is not there.
pub struct FoundRows;

impl PartialSchema for FoundRows {
    fn schema() -> RefOr<Schema> {
        let value = Object::builder().schema_type(SchemaType::from_iter([Type::String, Type::Null]));
        Array::new(Object::builder().additional_properties(Some(value))).into()
    }
}

impl ToSchema for FoundRows {}

/// POST /v1/keystore.
pub async fn add(call: &Call<'_>) -> Result<Reply> {
    let KeystoreBody { id, description, kind, structure } = content::value(call)?;
    let structure = structure.map(|structure| structure.get().to_owned());
    let add = AddKeystore { id, description, kind, structure };
    let once = execute_once(call.app, call.caller()?, call.idempotency_key()?, add).await?;
    let (keystore, is_repeated) = once.into_parts();
    let mut reply = told(&keystore)?;
    reply.is_repeated = is_repeated;
    reply.location = Some(format!("/v1/keystore/{}", keystore.name));
    Ok(reply)
}

/// GET /v1/keystore.
pub async fn list(call: &Call<'_>) -> Result<Reply> {
    let found = execute(call.app, call.caller()?, ListKeystores).await?;
    let keystores = found.iter().map(shown).collect::<Result<Vec<_>>>()?;
    Reply::of(&ShownKeystores { total: keystores.len(), keystores })
}

/// GET /v1/keystore/{keystore}.
pub async fn get(call: &Call<'_>) -> Result<Reply> {
    let keystore = execute(call.app, call.caller()?, GetKeystore { id: identifier(call)? }).await?;
    let mut reply = told(&keystore)?;
    reply.modified = Some(keystore.modified);
    Ok(reply)
}

/// PATCH /v1/keystore/{keystore}.
pub async fn update(call: &Call<'_>) -> Result<Reply> {
    let KeystoreChanges { description, structure } = content::value(call)?;
    let structure = structure.map(|structure| structure.get().to_owned());
    let expected = condition::expected(call.headers())?;
    let update = UpdateKeystore { id: identifier(call)?, description, structure, expected };
    told(&execute(call.app, call.caller()?, update).await?)
}

/// DELETE /v1/keystore/{keystore}.
pub async fn remove(call: &Call<'_>) -> Result<Reply> {
    let id = identifier(call)?;
    let remove = RemoveKeystore { id: id.clone(), expected: condition::expected(call.headers())? };
    execute(call.app, call.caller()?, remove).await?;
    Reply::of(&RemovedKeystore { id })
}

/// POST /v1/keystore/{keystore}.
pub async fn search(call: &Call<'_>) -> Result<Reply> {
    let PackageSearch { select, condition, limit, offset } = content::value_or_text(call)?;
    let search = SearchPackages {
        keystore: identifier(call)?,
        select: selected(select)?,
        condition,
        limit: number("limit", limit)?,
        offset: number("offset", offset)?,
    };
    let found = execute(call.app, call.caller()?, search).await?;
    let mut reply = Reply::of_text(found.rows);
    match format::wants_text(call.headers()) {
        true => package::as_text(&mut reply),
        false => reply.instead = Some(Instead::Resource),
    }
    reply.headers.push((TOTAL, HeaderValue::from(found.total)));
    Ok(reply)
}

/// The keystore that the path names.
pub fn identifier(call: &Call<'_>) -> Result<String> {
    Ok(call.path("keystore")?.unwrap_or_default().into_owned())
}

/// The fields of a search. One may stand without a list around it, as it does when it comes from XML.
fn selected(select: Value) -> Result<Vec<(String, Option<String>)>> {
    let fields = match select {
        Value::Array(fields) => fields,
        one @ Value::Object(_) => vec![one],
        _ => return Err(Error::invalid("select must be a list of fields")),
    };
    let fields = fields.into_iter().enumerate().map(|(index, field)| {
        let field: SelectedField = serde_json::from_value(field)
            .map_err(|error| Error::invalid(format!("select[{index}] is not as expected: {error}")))?;
        // How one that is left out is written in XML.
        Ok((field.field, field.alias.filter(|alias| !alias.is_empty())))
    });
    fields.collect()
}

fn number(name: &str, given: Option<TextOrNumber>) -> Result<Option<i64>> {
    let Some(given) = given else { return Ok(None) };
    let text = given.into_text();
    text.trim().parse().map(Some).map_err(|_| {
        let shown: String = text.chars().take(40).collect();
        Error::invalid(format!("{name} must be a whole number, not '{shown}'"))
    })
}

fn told(keystore: &Keystore) -> Result<Reply> {
    let mut reply = Reply::of(&shown(keystore)?)?;
    reply.revision = Some(Revision::of_keystore(keystore));
    Ok(reply)
}

fn shown(keystore: &Keystore) -> Result<ShownKeystore<'_>> {
    let structure = match keystore.kind {
        KeystoreKind::Json => Some(raw(&keystore.structure)?),
        KeystoreKind::Raw => None,
    };
    Ok(ShownKeystore {
        id: &keystore.name,
        description: &keystore.description,
        kind: keystore.kind.name(),
        structure,
        version: keystore.version,
        date_created: keystore.created.to_atom(),
        date_modified: keystore.modified.to_atom(),
    })
}
