//! What a record's data must be before it is stored, and what it can be searched by afterwards.
//! Whose it is, and whether there is a record to store it in, is not asked here.

use std::sync::Arc;

use serde::Serialize;

use crate::app::App;
use crate::app::fields::{self, Fields, StoredFlow};
use crate::app::rules::{Rules, StoredSchema};
use crate::error::{Code, Error, Result};
use crate::model::account::CustomerId;
use crate::model::record::FieldValue;
use crate::operation::json;
use crate::operation::schema::stored;
use crate::operation::tree::Tree;
use crate::operation::verdict::Verdict;

/// Records that one request may be about.
pub(super) const MOST_RECORDS: usize = 10_000;

/// The content of records as it was sent.
#[derive(Debug, Serialize)]
pub enum Data {
    /// JSON text, kept byte for byte.
    Json(String),
    /// Values that may lack their types, which the customer's schema then gives them.
    Tree(Tree),
}

impl From<String> for Data {
    fn from(json: String) -> Data {
        Data::Json(json)
    }
}

/// What a customer's schema demands of records, and what it and a flow declare them to be searchable by.
pub(super) struct Demands {
    schema: Option<Arc<StoredSchema>>,
    flow: Arc<StoredFlow>,
}

impl Demands {
    /// Those on records of that flow.
    pub(super) fn of(app: &App, customer: CustomerId, flow: Arc<StoredFlow>) -> Result<Demands> {
        Ok(Demands { schema: stored(app, customer)?, flow })
    }

    /// The flow.
    pub(super) fn flow(&self) -> &StoredFlow {
        &self.flow
    }

    /// The schema, if there is one.
    pub(super) fn rules(&self) -> Option<&Rules> {
        self.schema.as_deref().map(|schema| &schema.rules)
    }

    /// Looks through the text of one record and gives its data fields; the verdict learns what the schema does not
    /// allow. Without a schema and without declared fields, no value is made of the text. `index` is the record's number
    /// among those that came together, if there are several.
    pub(super) fn check(
        &self,
        verdict: &mut Verdict,
        which: &str,
        index: Option<usize>,
        data: &str,
    ) -> Result<Vec<FieldValue>> {
        let value = match self.schema.is_some() || self.declares() {
            false => json::check(which, data, json::MOST_VALUES).map(|()| None)?,
            true => Some(json::parse(which, data, json::MOST_VALUES)?),
        };
        if !data.trim_start().starts_with('{') {
            return Err(Error::invalid(format!("{which} must be a JSON object, or an array of objects")));
        }
        let Some(value) = value else { return Ok(Vec::new()) };
        if let Some(rules) = self.rules() {
            verdict.add(which, index, rules, &value);
        }
        Ok(self.values(&value))
    }

    /// Whether there is anything to search by.
    pub(super) fn declares(&self) -> bool {
        !self.flow.fields.is_empty() || self.schema.as_ref().is_some_and(|schema| !schema.fields.is_empty())
    }

    /// The data fields of a text that was checked when it was stored.
    pub(super) fn fields(&self, data: &str) -> Result<Vec<FieldValue>> {
        match self.declares() {
            true => Ok(self.values(&serde_json::from_str(data).map_err(Error::internal)?)),
            false => Ok(Vec::new()),
        }
    }

    fn values(&self, record: &serde_json::Value) -> Vec<FieldValue> {
        let none = Fields::default();
        fields::values(&self.flow.fields, self.schema.as_ref().map_or(&none, |schema| &schema.fields), record)
    }
}

/// Splits an array of records into their texts, byte for byte; one record stays as it is.
pub(super) fn split(app: &App, data: Data, rules: Option<&Rules>) -> Result<Vec<String>> {
    let data = match data {
        Data::Json(data) => data,
        Data::Tree(tree) => {
            // Escaped, a text may be several times as long as it was sent.
            let most = app.config.server.body_limit.max(app.config.soap.max_decoded);
            return match tree.text_length() <= most {
                true => counted(tree.to_records(rules)),
                false => Err(Error::new(Code::TooLarge, format!("The data are larger than {most} bytes as JSON"))),
            };
        }
    };
    let text = json::trim(&data);
    if !text.starts_with('[') {
        return Ok(vec![if text.len() == data.len() { data } else { text.to_owned() }]);
    }
    counted(json::items("Data", text, MOST_RECORDS)?.into_iter().map(str::to_owned).collect())
}

fn counted(records: Vec<String>) -> Result<Vec<String>> {
    match records.len() {
        0 => Err(Error::invalid("Data is an empty array; it must hold at least one record")),
        1..=MOST_RECORDS => Ok(records),
        _ => Err(too_many()),
    }
}

/// The refusal of more records than one request may hold.
pub(super) fn too_many() -> Error {
    Error::invalid(format!("Data holds more than {MOST_RECORDS} records"))
}
