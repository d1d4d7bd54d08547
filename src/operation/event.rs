//! Events: what happened to records and flows becomes messages to those who subscribed, in the transaction of what
//! happened, so that neither is ever there without the other.
//! How a message is brought to its receiver is not known here.

use std::sync::Arc;

use serde::Serialize;
use serde_json::Value;
use serde_json::value::RawValue;

use crate::app::App;
use crate::app::fields::StoredFlow;
use crate::app::hook::Subscription;
use crate::error::{Error, Result};
use crate::model::account::CustomerId;
use crate::model::flow::{Flow, FlowId, FlowStatus};
use crate::model::hook::Event;
use crate::model::record::RecordStatus;
use crate::model::time::Timestamp;
use crate::store::{Tx, delivery, flow, hook};

/// Those who may want to hear of a flow's records.
#[derive(Clone)]
pub struct Audience {
    subscriptions: Arc<[Subscription]>,
    flow: Arc<Flow>,
}

/// What became of a record.
pub struct RecordNews<'n> {
    /// What happened.
    pub event: Event,
    /// The record's identifier.
    pub uuid: &'n str,
    /// Where it stands then.
    pub status: RecordStatus,
    /// What it holds then, as JSON text.
    pub data: &'n str,
    /// Why it failed.
    pub error: Option<&'n Value>,
}

impl Audience {
    /// Those of that flow.
    /// # Errors
    /// The store cannot be read.
    pub fn of(app: &App, flow: &StoredFlow) -> Result<Audience> {
        Ok(Audience { subscriptions: app.subscriptions(flow.flow.customer)?, flow: Arc::clone(&flow.flow) })
    }

    /// The same within a transaction, from what is stored, for what happens seldom. `None` if there is no such flow.
    /// # Errors
    /// The store cannot be read.
    pub fn read(tx: &mut dyn Tx, customer: CustomerId, flow: FlowId) -> Result<Option<Audience>> {
        let Some(flow) = flow::find(tx, customer, flow)? else { return Ok(None) };
        let hooks = hook::list(tx, customer)?;
        let subscriptions = hooks.into_iter().filter(|hook| hook.enabled).map(Subscription::of).collect();
        Ok(Some(Audience { subscriptions, flow: Arc::new(flow) }))
    }

    /// Whether anybody wants to hear of that.
    pub fn wants(&self, event: Event) -> bool {
        self.subscriptions.iter().any(|one| one.wants(event, self.flow.id))
    }

    /// Tells those who want to hear of it.
    pub fn tell(&self, tx: &mut dyn Tx, news: &RecordNews<'_>, now: Timestamp) -> Result<()> {
        if !self.wants(news.event) {
            return Ok(());
        }
        let flow = &self.flow;
        let data = RecordData {
            uuid: news.uuid,
            flow: FlowName { id: flow.id.0, name: &flow.name },
            status: news.status.label(),
            record: serde_json::from_str(news.data).map_err(Error::internal)?,
            error: news.error,
        };
        send(tx, &self.subscriptions, news.event, flow, &data, now)
    }
}

/// Tells those who want to hear of it what became of a flow. It happens seldom, so nothing is remembered for it.
pub(super) fn tell_flow(
    tx: &mut dyn Tx,
    event: Event,
    flow: &Flow,
    (status, version): (FlowStatus, Option<i64>),
    now: Timestamp,
) -> Result<()> {
    let Some(Audience { subscriptions, .. }) = Audience::read(tx, flow.customer, flow.id)? else { return Ok(()) };
    let data = FlowData { flow: FlowName { id: flow.id.0, name: &flow.name }, status: status.name(), version };
    send(tx, &subscriptions, event, flow, &data, now)
}

/// Samples of what is sent for an event, as receivers see them.
/// # Errors
/// Never, but for a defect.
pub(super) fn sample(event: Event, flow: &str, now: Timestamp) -> Result<String> {
    let flow = FlowName { id: 1, name: flow };
    let id = "msg_0198c1a27d4e7c1b9d553b1f3c0f8a11";
    let record = RawValue::from_string(r#"{"client":[{"name":"Jane Doe"}]}"#.to_owned()).map_err(Error::internal)?;
    let error = serde_json::json!({"step": "deliver", "kind": "http.500", "message": "The partner answered 500"});
    let of_record = |status: RecordStatus, error| {
        message(
            id,
            event,
            &RecordData { uuid: "order-4711", flow, status: status.label(), record: &record, error },
            now,
        )
    };
    match event {
        Event::RecordCreated | Event::RecordUpdated => of_record(RecordStatus::Waiting, None),
        Event::RecordFinished => of_record(RecordStatus::Finished, None),
        Event::RecordFailed => of_record(RecordStatus::Failed, Some(&error)),
        Event::FlowPublished | Event::FlowPaused => {
            let status = if event == Event::FlowPaused { FlowStatus::Paused } else { FlowStatus::Public };
            message(id, event, &FlowData { flow, status: status.name(), version: Some(1) }, now)
        }
    }
}

#[derive(Serialize)]
struct Message<'m, D> {
    /// The message's `webhook-id` once more, for receivers that see the body alone.
    id: &'m str,
    r#type: &'static str,
    timestamp: String,
    data: &'m D,
}

#[derive(Serialize)]
struct RecordData<'m> {
    uuid: &'m str,
    flow: FlowName<'m>,
    status: &'static str,
    record: &'m RawValue,
    #[serde(skip_serializing_if = "Option::is_none")]
    error: Option<&'m Value>,
}

#[derive(Serialize)]
struct FlowData<'m> {
    flow: FlowName<'m>,
    status: &'static str,
    version: Option<i64>,
}

#[derive(Clone, Copy, Serialize)]
struct FlowName<'m> {
    id: i64,
    name: &'m str,
}

fn send(
    tx: &mut dyn Tx,
    subscriptions: &[Subscription],
    event: Event,
    flow: &Flow,
    data: &impl Serialize,
    now: Timestamp,
) -> Result<()> {
    let mut wanting = subscriptions.iter().filter(|one| one.wants(event, flow.id)).peekable();
    if wanting.peek().is_none() {
        return Ok(());
    }
    let id = format!("msg_{}", uuid::Uuid::now_v7().simple());
    let body = message(&id, event, data, now)?;
    wanting.try_for_each(|one| delivery::insert(tx, one.hook, &id, event, &body, now))
}

fn message(id: &str, event: Event, data: &impl Serialize, now: Timestamp) -> Result<String> {
    let message = Message { id, r#type: event.name(), timestamp: now.to_iso(), data };
    serde_json::to_string(&message).map_err(Error::internal)
}
