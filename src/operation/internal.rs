//! What flows do to records: making them in other flows, and replacing their data. Everything is checked here, and done
//! in the transaction of the step that asked for it.
//! No caller is asked for: it is the customer's own flow that acts, within what its customer has.

use std::sync::Arc;

use serde_json::Value;
use sha2::{Digest, Sha256};

use crate::app::App;
use crate::app::fields::StoredFlow;
use crate::error::{Error, Result};
use crate::model::account::CustomerId;
use crate::model::flow::FlowId;
use crate::model::hook::Event;
use crate::model::record::{FieldValue, RecordStatus};
use crate::model::time::Timestamp;
use crate::operation::content::Demands;
use crate::operation::diagram::{FlowReference, flow_of, flow_of_record};
use crate::operation::event::{Audience, RecordNews};
use crate::operation::record::accepting_version;
use crate::operation::verdict::Verdict;
use crate::store::record::NewRecord;
use crate::store::{Tx, field, record, run};

/// A flow that a record can be put into.
pub struct Destination {
    flow: Arc<StoredFlow>,
    /// The version that records sent to it now run through.
    pub version: i64,
}

impl Destination {
    /// The customer's flow of that number or name.
    /// # Errors
    /// `NotFound` if there is none, `Conflict` if it takes no records in the state it is in.
    pub fn find(app: &App, customer: CustomerId, flow: &str) -> Result<Destination> {
        let flow = flow_of(app, customer, &FlowReference { id: None, name: Some(flow.to_owned()) })?;
        let version = accepting_version(&flow.flow)?;
        Ok(Destination { flow, version })
    }

    /// The same by its number.
    /// # Errors
    /// As for [`Destination::find`].
    pub fn of(app: &App, customer: CustomerId, flow: FlowId) -> Result<Destination> {
        let flow = flow_of_record(app, customer, flow)?;
        let version = accepting_version(&flow.flow)?;
        Ok(Destination { flow, version })
    }

    /// Its number.
    pub fn flow(&self) -> FlowId {
        self.flow.flow.id
    }

    /// Its name.
    pub fn name(&self) -> &str {
        &self.flow.flow.name
    }
}

/// Data of a record as they are to be stored.
pub struct Content {
    /// The JSON text.
    pub data: String,
    fields: Vec<FieldValue>,
    audience: Audience,
}

impl Content {
    /// Checks data that a flow writes into a record of that flow. Data that a flow passes on to another one are its own
    /// business; those of a record that came from outside must go on satisfying the customer's schema.
    /// # Errors
    /// `InvalidInput` if they are no object, or what the schema does not allow.
    pub fn checked(app: &App, customer: CustomerId, flow: FlowId, data: &Value) -> Result<Content> {
        let demands = Demands::of(app, customer, flow_of_record(app, customer, flow)?)?;
        let audience = Audience::of(app, demands.flow())?;
        let data = text(data)?;
        let mut verdict = Verdict::default();
        let fields = demands.check(&mut verdict, "The data", None, &data)?;
        verdict.finish()?;
        Ok(Content { data, fields, audience })
    }

    /// Data for a record of that flow, whatever the customer's schema says.
    /// # Errors
    /// `InvalidInput` if they are no object.
    pub fn of(app: &App, customer: CustomerId, to: &Destination, data: &Value) -> Result<Content> {
        let demands = Demands::of(app, customer, Arc::clone(&to.flow))?;
        let data = text(data)?;
        let fields = demands.fields(&data)?;
        Ok(Content { data, fields, audience: Audience::of(app, &to.flow)? })
    }

    /// The same for JSON text that was checked, kept byte for byte.
    /// # Errors
    /// As for [`Content::of`].
    pub fn of_text(app: &App, customer: CustomerId, to: &Destination, data: String) -> Result<Content> {
        let fields = Demands::of(app, customer, Arc::clone(&to.flow))?.fields(&data)?;
        Ok(Content { data, fields, audience: Audience::of(app, &to.flow)? })
    }

    /// Replaces what a record can be searched by.
    pub fn update_fields(&self, tx: &mut dyn Tx, customer: CustomerId, uuid: &str) -> Result<()> {
        field::update(tx, customer, uuid, &self.fields)
    }
}

fn text(data: &Value) -> Result<String> {
    match data.is_object() {
        true => serde_json::to_string(data).map_err(Error::internal),
        false => Err(Error::invalid("The data of a record must be a JSON object")),
    }
}

/// A record that a flow makes.
pub struct MadeRecord {
    /// Whose it is.
    pub customer: CustomerId,
    /// Its identifier.
    pub uuid: String,
    /// Where it goes.
    pub flow: FlowId,
    /// The version it runs through.
    pub version: i64,
    /// What it holds.
    pub content: Content,
    /// The record whose run waits for its end.
    pub parent: Option<i64>,
    /// How many records deep it was made by flows.
    pub depth: i64,
}

impl MadeRecord {
    /// Puts it into the queue, due now; false if there is a record of that identifier, which is left as it is.
    pub fn insert(&self, tx: &mut dyn Tx, now: Timestamp) -> Result<bool> {
        let new = NewRecord {
            customer: self.customer,
            uuid: &self.uuid,
            flow: self.flow,
            flow_version: self.version,
            data: &self.content.data,
            request_hash: &Sha256::digest(self.content.data.as_bytes()),
            status: RecordStatus::Waiting,
            due: now,
            created: now,
        };
        if !record::insert(tx, &new)? {
            return Ok(false);
        }
        field::insert(tx, self.customer, &self.uuid, &self.content.fields)?;
        if self.depth > 0
            && let Some(stored) = record::find(tx, self.customer, &self.uuid)?
        {
            run::update_parent(tx, stored.id, self.parent, self.depth)?;
        }
        let Content { data, audience, .. } = &self.content;
        let status = RecordStatus::Waiting;
        audience.tell(
            tx,
            &RecordNews { event: Event::RecordCreated, uuid: &self.uuid, status, data, error: None },
            now,
        )?;
        Ok(true)
    }
}
