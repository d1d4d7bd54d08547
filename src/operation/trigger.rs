//! Data that is sent to a flow by its public identifier (document 002, webhooks): each becomes a record of the flow.
//! What was sent in which form is the façade's business; here it is an object already.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use crate::app::App;
use crate::auth::Caller;
use crate::error::{Code, Error, Result};
use crate::operation::content::Demands;
use crate::operation::diagram::{diagram_of, flow_of_record};
use crate::operation::event::Audience;
use crate::operation::record::{self, Prepared, accepting_version};
use crate::operation::repeat::{Repeatable, Write, commit};
use crate::operation::{Access, Operation, json};
use crate::store::flow;

/// Sends data to the flow that the caller named.
#[derive(Serialize)]
pub struct TriggerFlow {
    /// What was sent.
    pub data: Sent,
    /// The sender's name for this request. One that is a UUID, with or without dashes, is the record's too: the same once
    /// more, with the same data, has no effect.
    #[serde(skip)]
    pub request: Option<String>,
}

/// What was sent to a flow.
#[derive(Debug, Serialize)]
pub enum Sent {
    /// A JSON object, kept as it was written.
    Object(String),
    /// Members that are texts, as forms, addresses and XML have them. The flow's declaration says what the texts stand for.
    Fields(Map<String, Value>),
}

/// A record that was accepted.
#[derive(Debug, Serialize, Deserialize)]
pub struct Triggered {
    /// Its identifier.
    pub uuid: String,
}

impl Operation for TriggerFlow {
    const NAME: &'static str = "triggerFlow";
    const ACCESS: Access = Access::Flow;
    type Output = Triggered;

    async fn run(self, app: &App, caller: &Caller) -> Result<Triggered> {
        commit(app, self.prepare(app, caller)?).await
    }
}

impl Repeatable for TriggerFlow {
    fn prepare(self, app: &App, caller: &Caller) -> Result<Write<Triggered>> {
        let id = caller.flow().ok_or_else(|| Error::internal("a flow's caller without a flow"))?;
        let (customer, now) = (caller.customer().id, app.clock.now());
        let demands = Demands::of(app, customer, flow_of_record(app, customer, id)?)?;
        let audience = Audience::of(app, demands.flow())?;
        let version = accepting_version(&demands.flow().flow)?;
        let input = &diagram_of(app, customer, id, Some(version))?.input;
        let (data, text) = match self.data {
            Sent::Object(text) => (object(&text)?, Some(text)),
            Sent::Fields(fields) => (input.typed(fields), None),
        };
        input.check(&data)?;
        let data = text.unwrap_or_else(|| Value::Object(data).to_string());
        let fields = demands.fields(&data)?;
        let given = self.request.and_then(|request| uuid::Uuid::try_parse(&request).ok());
        let uuid = given.unwrap_or_else(uuid::Uuid::now_v7).to_string();
        let prepared = Prepared::now(id, uuid, data, fields, now);
        Ok(Write::data(move |tx| {
            // The flow may have gone since it was looked up.
            let is_there = flow::find_version(tx, customer, id, version)?.is_some();
            if !is_there {
                return Err(Error::new(Code::NotFound, "The flow was removed"));
            }
            if record::insert(tx, customer, id, version, &prepared, now)? {
                audience.tell(tx, &prepared.news(), now)?;
            }
            Ok(Triggered { uuid: prepared.uuid().to_owned() })
        }))
    }
}

fn object(text: &str) -> Result<Map<String, Value>> {
    match json::parse("The data", text, json::MOST_VALUES)? {
        Value::Object(data) => Ok(data),
        _ => Err(Error::invalid("The data must be a JSON object")),
    }
}
