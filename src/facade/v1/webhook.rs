//! `/v1/webhook/{uri}` (document 003, "Webhooks"): the addresses of webhooks, and those that runs wait at.

use serde::Serialize;
use serde_json::Map;
use utoipa::ToSchema;

use crate::error::Result;
use crate::facade::payload;
use crate::facade::v1::call::Call;
use crate::facade::v1::reply::Reply;
use crate::facade::v1::wait::{self, AwaitedRun, Wanted};
use crate::operation::execute;
use crate::operation::payload::{Message, PostCallback, PostWebhook, delivery_key};
use crate::operation::repeat::execute_once;
use crate::operation::wait::Response;

/// A payload that was stored.
#[derive(Serialize, ToSchema)]
pub struct StoredPayload {
    /// Its identifier, which is its record's too; at an address that a run waits at, that of the record that waits.
    #[serde(rename = "_id")]
    id: Identifier,
    /// The customer's number.
    customer_id: String,
    /// The webhook's number; empty at an address that a run waits at.
    plugin_id: String,
    /// The number of the application that the webhook belongs to; empty without one.
    application_id: String,
    /// When it was stored, as an ATOM date.
    date_created: String,
    /// What it is for.
    data: FedFlow,
    /// What came of its run, if the webhook is set to wait for that.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    run: Option<AwaitedRun>,
}

/// An identifier in the documented form.
#[derive(Serialize, ToSchema)]
pub struct Identifier {
    /// The identifier.
    #[serde(rename = "$id")]
    id: String,
}

/// The flow that a webhook feeds.
#[derive(Serialize, ToSchema)]
pub struct FedFlow {
    /// The flow's number.
    flow_id: String,
}

/// POST.
pub async fn post(call: &Call<'_>) -> Result<Reply> {
    let media_type = payload::content_type(call.headers());
    let longest = call.app.config.soap.max_decoded.max(call.app.config.server.body_limit);
    let body = payload::read(&media_type, call.body, longest)?;
    let message = payload::message(body, call.headers(), call.request.query_string())?;
    match call.caller()?.callback() {
        Some(_) => post_callback(call, message).await,
        None => post_webhook(call, payload::kept(&media_type, call.body), message).await,
    }
}

async fn post_webhook(call: &Call<'_>, payload: String, message: Message) -> Result<Reply> {
    let caller = call.caller()?;
    let key = delivery_key(caller, |name| payload::header(call.headers(), name))
        .map_or_else(|| call.idempotency_key(), |key| Ok(Some(key)))?;
    let once = execute_once(call.app, caller, key, PostWebhook { payload, message }).await?;
    let (posted, is_repeated) = once.into_parts();
    let webhook = caller.webhook();
    let stored = StoredPayload {
        id: Identifier { id: posted.uuid.clone() },
        customer_id: caller.customer().id.0.to_string(),
        plugin_id: webhook.map(|webhook| webhook.id.to_string()).unwrap_or_default(),
        application_id: caller.application().map(|application| application.id.0.to_string()).unwrap_or_default(),
        date_created: posted.received.to_atom(),
        data: FedFlow { flow_id: webhook.map(|webhook| webhook.flow.0.to_string()).unwrap_or_default() },
        run: None,
    };
    let mut reply = Reply::of(&stored)?;
    reply.is_repeated = is_repeated;
    let wait = webhook.and_then(|webhook| webhook.wait).filter(|_| posted.has_record);
    let wanted = wait.and_then(|seconds| Wanted::by_setting(call.app, seconds));
    reply.awaited = wanted.map(|wanted| wanted.of(&posted.uuid));
    Ok(reply)
}

async fn post_callback(call: &Call<'_>, message: Message) -> Result<Reply> {
    let posted = execute(call.app, call.caller()?, PostCallback { message }).await?;
    let stored = StoredPayload {
        id: Identifier { id: posted.uuid },
        customer_id: posted.customer.0.to_string(),
        plugin_id: String::new(),
        application_id: String::new(),
        date_created: posted.received.to_atom(),
        data: FedFlow { flow_id: posted.flow.0.to_string() },
        run: None,
    };
    let mut reply = Reply::of(&stored)?;
    reply.is_repeated = posted.is_repeated;
    if let Some(told) = posted.reply {
        wait::respond(&mut reply, Response { status: told.status, headers: Map::new(), body: told.body })?;
    }
    Ok(reply)
}
