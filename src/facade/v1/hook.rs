//! `/v1/hooks`: subscriptions to events, and what was sent to them.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use utoipa::openapi::schema::{Array, Object, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::error::{Error, Result};
use crate::facade::v1::call::Call;
use crate::facade::v1::content;
use crate::facade::v1::parameter::{Kind, Parameter};
use crate::facade::v1::reply::{Reply, raw};
use crate::facade::v1::run::TextOrNumber;
use crate::model::hook::{Delivery, Event, Hook};
use crate::model::time::Timestamp;
use crate::operation::delivery::{GetDelivery, ListDeliveries, Redeliver};
use crate::operation::execute;
use crate::operation::hook::{
    AddHook, GetHook, KeyedHook, ListHooks, RemoveHook, RotateHookSecret, SampleMessages, UpdateHook,
};

/// The subscription that is to be removed.
pub const HOOK_ID: Parameter = Parameter {
    name: "X-Hook-Id",
    headers: &["x-hook-id"],
    queries: &["id"],
    doc: "The subscription's identifier.",
    kind: Kind::Name(255),
    example: "9f1c2b7de0a4451c8f0d6b1a5c3e7f90",
};
/// The event that a sample is of.
pub const EVENT: Parameter = Parameter {
    name: "X-Event",
    headers: &["x-event"],
    queries: &["event"],
    doc: "The event that the messages tell of.",
    kind: Kind::Choice(&[
        "record.created",
        "record.updated",
        "record.finished",
        "record.failed",
        "flow.published",
        "flow.paused",
    ]),
    example: "record.finished",
};
/// How many messages are answered with.
pub const MOST_MESSAGES: Parameter = Parameter {
    name: "limit",
    headers: &[],
    queries: &["limit"],
    doc: "The most messages to answer with; 10 if absent.",
    kind: Kind::Integer(1, 1_000),
    example: "10",
};
/// How many messages are passed over.
pub const PASSED_MESSAGES: Parameter = Parameter {
    name: "offset",
    headers: &[],
    queries: &["offset"],
    doc: "How many messages to pass over; 0 if absent.",
    kind: Kind::Integer(0, i64::MAX),
    example: "0",
};

/// The names of events, or one name.
#[derive(Deserialize)]
#[serde(untagged)]
pub enum EventNames {
    /// One.
    One(String),
    /// Several.
    Several(Vec<String>),
}

impl EventNames {
    fn into_names(self) -> Vec<String> {
        match self {
            EventNames::One(name) => vec![name],
            EventNames::Several(names) => names,
        }
    }
}

impl PartialSchema for EventNames {
    fn schema() -> RefOr<Schema> {
        let event = Object::builder().schema_type(Type::String).enum_values(Some(Event::ALL.map(Event::name)));
        Array::builder().items(event).min_items(Some(1)).into()
    }
}

impl ToSchema for EventNames {}

/// A subscription to be made.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HookBody {
    /// Where messages go; it may be called `targetUrl` or `target_url` instead.
    #[serde(alias = "targetUrl", alias = "target_url")]
    #[schema(format = "uri", max_length = 2048)]
    url: String,
    /// The events; a single one may be given as `event`.
    #[serde(alias = "event")]
    events: EventNames,
    /// The flow it is about, by its number or its name; absent for all.
    #[serde(default)]
    #[schema(nullable = false)]
    flow: Option<TextOrNumber>,
    /// Free text.
    #[serde(default)]
    #[schema(max_length = 512, pattern = r"^[^\x00]*$")]
    description: String,
    /// The signing key: `whsec_` and the base64 of 16 to 64 bytes. One is generated if it is absent.
    #[serde(default)]
    #[schema(
        nullable = false,
        pattern = r"^whsec_([A-Za-z0-9+/]{4}){5,20}([A-Za-z0-9+/]{4}|[A-Za-z0-9+/]{2}[AEIMQUYcgkosw048]=|[A-Za-z0-9+/][AQgw]==)$"
    )]
    secret: Option<String>,
}

/// What is to change about a subscription; what is absent stays as it is.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct HookChanges {
    /// Where messages go.
    #[serde(default, alias = "targetUrl", alias = "target_url")]
    #[schema(nullable = false, format = "uri", max_length = 2048)]
    url: Option<String>,
    /// The events.
    #[serde(default, alias = "event")]
    #[schema(nullable = false)]
    events: Option<EventNames>,
    /// Free text.
    #[serde(default)]
    #[schema(nullable = false, max_length = 512, pattern = r"^[^\x00]*$")]
    description: Option<String>,
    /// Whether messages are sent. One that is enabled again goes on with those that waited.
    #[serde(default)]
    #[schema(nullable = false)]
    enabled: Option<bool>,
}

/// A subscription.
#[derive(Serialize, ToSchema)]
pub struct ShownHook {
    /// Its identifier.
    id: String,
    /// Where messages go.
    url: String,
    /// The events.
    events: Vec<&'static str>,
    /// The number of the flow it is about; null: all.
    #[schema(required)]
    flow_id: Option<i64>,
    /// Free text.
    description: String,
    /// Whether messages are sent.
    enabled: bool,
    /// Why they are not.
    #[schema(required)]
    reason: Option<String>,
    /// Since when nothing could be delivered, as an ATOM date; null: the last message arrived, or there was none.
    #[schema(required)]
    failing_since: Option<String>,
    /// When it was added, as an ATOM date.
    date_created: String,
    /// When it was last changed by somebody, as an ATOM date.
    date_modified: String,
    /// The key that messages are signed with; it is told here and never again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    secret: Option<String>,
}

/// Subscriptions.
#[derive(Serialize, ToSchema)]
pub struct ShownHooks {
    /// They, oldest first.
    hooks: Vec<ShownHook>,
    /// Their number.
    total: usize,
}

/// A subscription that was removed.
#[derive(Serialize, ToSchema)]
pub struct RemovedHook {
    /// Its identifier.
    id: String,
}

/// A message to a subscriber.
#[derive(Serialize, ToSchema)]
pub struct ShownDelivery {
    /// Its `webhook-id`.
    id: String,
    /// The event.
    event: &'static str,
    /// `waiting`, `delivered` or `given_up`.
    status: &'static str,
    /// How often it was attempted in vain since it was last begun.
    failures: i64,
    /// When it is attempted next, as an ATOM date; null: it is under way or over.
    #[schema(required)]
    date_next: Option<String>,
    /// When what it tells of happened, as an ATOM date.
    date_created: String,
    /// When it was over, as an ATOM date.
    #[schema(required)]
    date_ended: Option<String>,
}

/// Messages to a subscriber.
#[derive(Serialize, ToSchema)]
pub struct ShownDeliveries {
    /// They, newest first.
    deliveries: Vec<ShownDelivery>,
    /// How many were passed over.
    offset: i64,
    /// The most that were wanted.
    limit: i64,
}

/// A message to a subscriber with what it says and what became of it.
#[derive(Serialize, ToSchema)]
pub struct WholeMessage<'m> {
    /// The message.
    delivery: ShownDelivery,
    /// What became of each attempt, oldest first; of many, the last 50.
    #[schema(value_type = Vec<Object>)]
    attempts: &'m RawValue,
    /// What is sent.
    #[schema(value_type = Object)]
    body: &'m RawValue,
}

/// A message as subscribers get it.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it only says what the document looks like")]
pub struct SampleMessage {
    /// Its `webhook-id`.
    id: String,
    /// The event.
    r#type: String,
    /// When it happened.
    timestamp: String,
    /// What happened.
    #[schema(value_type = Object)]
    data: String,
}

/// POST /v1/hooks.
pub async fn add(call: &Call<'_>) -> Result<Reply> {
    let HookBody { url, events, flow, description, secret } = content::value(call)?;
    let (events, flow) = (events.into_names(), flow.map(TextOrNumber::into_text));
    let added = execute(call.app, call.caller()?, AddHook { url, events, flow, description, secret }).await?;
    let location = format!("/v1/hooks/{}", added.hook.public_id);
    let mut reply = keyed(added)?;
    reply.location = Some(location);
    Ok(reply)
}

/// GET /v1/hooks.
pub async fn list(call: &Call<'_>) -> Result<Reply> {
    let hooks = execute(call.app, call.caller()?, ListHooks).await?;
    let total = hooks.len();
    Reply::of(&ShownHooks { hooks: hooks.into_iter().map(shown).collect(), total })
}

/// GET /v1/hooks/{id}.
pub async fn get(call: &Call<'_>) -> Result<Reply> {
    Reply::of(&shown(execute(call.app, call.caller()?, GetHook { id: named(call, "id")? }).await?))
}

/// PUT /v1/hooks/{id}.
pub async fn update(call: &Call<'_>) -> Result<Reply> {
    let HookChanges { url, events, description, enabled } = content::value(call)?;
    let events = events.map(EventNames::into_names);
    let update = UpdateHook { id: named(call, "id")?, url, events, description, enabled };
    Reply::of(&shown(execute(call.app, call.caller()?, update).await?))
}

/// DELETE /v1/hooks/{id}, and DELETE /v1/hooks with the identifier as a parameter.
pub async fn remove(call: &Call<'_>) -> Result<Reply> {
    let id = match call.path("id")? {
        Some(id) => id.into_owned(),
        None => call.parameters.require(&HOOK_ID)?.into_owned(),
    };
    execute(call.app, call.caller()?, RemoveHook { id: id.clone() }).await?;
    Reply::of(&RemovedHook { id })
}

/// POST /v1/hooks/{id}/rotate.
pub async fn rotate(call: &Call<'_>) -> Result<Reply> {
    keyed(execute(call.app, call.caller()?, RotateHookSecret { id: named(call, "id")? }).await?)
}

/// GET /v1/hooks/{id}/deliveries.
pub async fn deliveries(call: &Call<'_>) -> Result<Reply> {
    let (limit, offset) = (number(call, &MOST_MESSAGES, 10)?, number(call, &PASSED_MESSAGES, 0)?);
    let list = ListDeliveries { hook: named(call, "id")?, limit, offset };
    let deliveries = execute(call.app, call.caller()?, list).await?;
    Reply::of(&ShownDeliveries { deliveries: deliveries.iter().map(shown_delivery).collect(), offset, limit })
}

/// GET /v1/hooks/{id}/deliveries/{message}.
pub async fn delivery(call: &Call<'_>) -> Result<Reply> {
    let get = GetDelivery { hook: named(call, "id")?, message: named(call, "message")? };
    let whole = execute(call.app, call.caller()?, get).await?;
    let (attempts, body) = (raw(&whole.delivery.attempts)?, raw(&whole.body)?);
    Reply::of(&WholeMessage { delivery: shown_delivery(&whole.delivery), attempts, body })
}

/// POST /v1/hooks/{id}/deliveries/{message}/redeliver.
pub async fn redeliver(call: &Call<'_>) -> Result<Reply> {
    let redeliver = Redeliver { hook: named(call, "id")?, message: named(call, "message")? };
    Reply::of(&shown_delivery(&execute(call.app, call.caller()?, redeliver).await?))
}

/// GET /v1/hooks/sample.
pub async fn sample(call: &Call<'_>) -> Result<Reply> {
    let event = call.parameters.require(&EVENT)?.into_owned();
    let messages = execute(call.app, call.caller()?, SampleMessages { event }).await?;
    Reply::of(&messages.iter().map(|message| raw(message)).collect::<Result<Vec<_>>>()?)
}

/// A part of the path that is always there.
fn named(call: &Call<'_>, name: &str) -> Result<String> {
    Ok(call.path(name)?.unwrap_or_default().into_owned())
}

fn number(call: &Call<'_>, parameter: &Parameter, usual: i64) -> Result<i64> {
    let Some(text) = call.parameters.get(parameter)? else { return Ok(usual) };
    text.parse().map_err(|_| Error::invalid(format!("{} must be a whole number", parameter.name)))
}

fn keyed(added: KeyedHook) -> Result<Reply> {
    let mut reply = Reply::of(&ShownHook { secret: Some(added.secret), ..shown(added.hook) })?;
    reply.is_secret = true;
    Ok(reply)
}

fn shown(hook: Hook) -> ShownHook {
    ShownHook {
        id: hook.public_id,
        url: hook.url,
        events: hook.events.into_iter().map(Event::name).collect(),
        flow_id: hook.flow.map(|flow| flow.0),
        description: hook.description,
        enabled: hook.enabled,
        reason: hook.reason,
        failing_since: hook.failing_since.map(Timestamp::to_atom),
        date_created: hook.created.to_atom(),
        date_modified: hook.modified.to_atom(),
        secret: None,
    }
}

fn shown_delivery(delivery: &Delivery) -> ShownDelivery {
    ShownDelivery {
        id: delivery.message.clone(),
        event: delivery.event.name(),
        status: delivery.status.name(),
        failures: delivery.attempt,
        date_next: delivery.due.map(Timestamp::to_atom),
        date_created: delivery.created.to_atom(),
        date_ended: delivery.ended.map(Timestamp::to_atom),
    }
}
