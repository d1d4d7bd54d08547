//! The customer's schema: inserted once, replaced, read, removed; always checked against draft 4 and its own sample.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;

use crate::app::App;
use crate::app::fields::Fields;
use crate::app::rules::{Rules, StoredSchema};
use crate::auth::Caller;
use crate::error::{Code, Error, Result};
use crate::model::account::CustomerId;
use crate::model::schema::DataSchema;
use crate::model::scope::Scope;
use crate::operation::account::record;
use crate::operation::repeat::{Repeatable, Write, commit};
use crate::operation::revision::{self, Revision};
use crate::operation::verdict::Verdict;
use crate::operation::{Access, Operation, json};
use crate::store::{Tx, schema};

/// JSON values of a schema. It is kept compiled, which takes several hundred bytes for each.
const MOST_VALUES: usize = 20_000;
/// Characters of a schema's URL.
const LONGEST_URL: usize = 2_048;

/// A schema as it was sent.
#[derive(Serialize)]
pub struct SchemaText {
    /// Where it is said to live; not fetched.
    pub url: String,
    /// The JSON text of the schema.
    pub document: String,
    /// The JSON text of a sample record, or of an array of them.
    pub sample: String,
}

/// Inserts the customer's schema (document 003, insertSchema).
#[derive(Serialize)]
pub struct InsertSchema(pub SchemaText);

impl Operation for InsertSchema {
    const NAME: &'static str = "insertSchema";
    const ACCESS: Access = Access::Scope(Scope::Schema);
    type Output = DataSchema;

    async fn run(self, app: &App, caller: &Caller) -> Result<DataSchema> {
        commit(app, self.prepare(app, caller)?).await
    }
}

impl Repeatable for InsertSchema {
    fn prepare(self, app: &App, caller: &Caller) -> Result<Write<DataSchema>> {
        check(&self.0)?;
        let now = app.clock.now();
        let schema = DataSchema {
            url: self.0.url,
            document: self.0.document,
            sample: self.0.sample,
            created: now,
            modified: now,
        };
        let (customer, actor) = (caller.customer().id, caller.actor().to_owned());
        Ok(Write::administration(move |tx| {
            schema::insert(tx, customer, &schema)?;
            record(tx, customer, &actor, InsertSchema::NAME, "schema", now)?;
            Ok(schema)
        }))
    }
}

/// Replaces the customer's schema (document 003, updateSchema).
pub struct UpdateSchema {
    /// The new one.
    pub text: SchemaText,
    /// The revisions that the client will see replaced; absent for any.
    pub expected: Option<Vec<Revision>>,
}

impl Operation for UpdateSchema {
    const NAME: &'static str = "updateSchema";
    const ACCESS: Access = Access::Scope(Scope::Schema);
    type Output = DataSchema;

    async fn run(self, app: &App, caller: &Caller) -> Result<DataSchema> {
        check(&self.text)?;
        let now = app.clock.now();
        let (customer, actor) = (caller.customer().id, caller.actor().to_owned());
        app.store
            .administer(move |tx| {
                let SchemaText { url, document, sample } = self.text;
                require(tx, customer, self.expected.as_deref())?;
                if !schema::update(tx, customer, &url, &document, &sample, now)? {
                    return Err(none());
                }
                record(tx, customer, &actor, UpdateSchema::NAME, "schema", now)?;
                schema::find(tx, customer)?.ok_or_else(none)
            })
            .await
    }
}

/// Gets the customer's schema (document 003, getSchema).
pub struct GetSchema;

impl Operation for GetSchema {
    const NAME: &'static str = "getSchema";
    const ACCESS: Access = Access::Scope(Scope::SchemaRead);
    type Output = Arc<StoredSchema>;

    async fn run(self, app: &App, caller: &Caller) -> Result<Arc<StoredSchema>> {
        stored(app, caller.customer().id)?.ok_or_else(none)
    }
}

/// Removes the customer's schema (document 003, deleteSchema). Records stay, and new ones are no longer checked.
pub struct DeleteSchema {
    /// The revisions that the client will see removed; absent for any.
    pub expected: Option<Vec<Revision>>,
}

impl Operation for DeleteSchema {
    const NAME: &'static str = "deleteSchema";
    const ACCESS: Access = Access::Scope(Scope::Schema);
    type Output = ();

    async fn run(self, app: &App, caller: &Caller) -> Result<()> {
        let now = app.clock.now();
        let (customer, actor) = (caller.customer().id, caller.actor().to_owned());
        app.store
            .administer(move |tx| {
                require(tx, customer, self.expected.as_deref())?;
                if !schema::remove(tx, customer)? {
                    return Err(none());
                }
                record(tx, customer, &actor, DeleteSchema::NAME, "schema", now)
            })
            .await
    }
}

/// Refuses to change another revision than those expected.
fn require(tx: &mut dyn Tx, customer: CustomerId, expected: Option<&[Revision]>) -> Result<()> {
    if expected.is_none() {
        return Ok(());
    }
    let stored = schema::find(tx, customer)?.ok_or_else(none)?;
    revision::require(expected, || Revision::of_schema(&stored))
}

/// The customer's schema ready to be applied, remembered until something administrative changes.
pub(super) fn stored(app: &App, customer: CustomerId) -> Result<Option<Arc<StoredSchema>>> {
    let generation = app.store.generation();
    if let Some(found) = app.schemas.get(generation, &customer) {
        return Ok(found);
    }
    let schema = app.store.peek(|tx| schema::find(tx, customer))?;
    let found = schema.map(|schema| StoredSchema::of(schema).map(Arc::new)).transpose()?;
    app.schemas.put(generation, customer, found.clone());
    Ok(found)
}

fn check(text: &SchemaText) -> Result<()> {
    if text.url.chars().count() > LONGEST_URL || text.url.chars().any(char::is_control) {
        return Err(Error::invalid(format!(
            "Url must be at most {LONGEST_URL} characters long, without control characters"
        )));
    }
    let document = json::parse("Schema", &text.document, MOST_VALUES)?;
    let sample = json::parse("DataRecord", &text.sample, json::MOST_VALUES)?;
    let rules = Rules::compile(&document)?;
    Fields::of_schema(&document)?;
    let records = match &sample {
        Value::Array(records) => records.as_slice(),
        record => std::slice::from_ref(record),
    };
    let mut verdict = Verdict::default();
    for (index, record) in records.iter().enumerate() {
        if !record.is_object() {
            return Err(Error::invalid("DataRecord must be a JSON object, or an array of objects"));
        }
        verdict.add("DataRecord", (records.len() > 1).then_some(index), &rules, record);
    }
    verdict.finish()
}

fn none() -> Error {
    Error::new(Code::NotFound, "There is no schema; insert one first")
}
