//! `/v1/webhook/{uri}` (document 003, "Webhooks").

use serde::Serialize;
use utoipa::ToSchema;

use crate::error::Result;
use crate::facade::v1::call::Call;
use crate::facade::v1::content;
use crate::facade::v1::reply::Reply;
use crate::operation::payload::PostWebhook;
use crate::operation::repeat::execute_once;

/// A payload that was stored.
#[derive(Serialize, ToSchema)]
pub struct StoredPayload {
    /// Its identifier.
    #[serde(rename = "_id")]
    id: Identifier,
    /// The customer's number.
    customer_id: String,
    /// The webhook's number.
    plugin_id: String,
    /// The number of the application that the webhook belongs to; empty without one.
    application_id: String,
    /// When it was stored, as an ATOM date.
    date_created: String,
    /// What it is for.
    data: FedFlow,
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
    let caller = call.caller()?;
    let operation = PostWebhook { payload: content::any_text(call)? };
    let once = execute_once(call.app, caller, call.idempotency_key()?, operation).await?;
    let (payload, is_repeated) = once.into_parts();
    let flow = caller.webhook().map(|webhook| webhook.flow.0.to_string()).unwrap_or_default();
    let stored = StoredPayload {
        id: Identifier { id: payload.uuid },
        customer_id: payload.customer.0.to_string(),
        plugin_id: payload.webhook.to_string(),
        application_id: caller.application().map(|application| application.id.0.to_string()).unwrap_or_default(),
        date_created: payload.received.to_atom(),
        data: FedFlow { flow_id: flow },
    };
    let mut reply = Reply::of(&stored)?;
    reply.is_repeated = is_repeated;
    Ok(reply)
}
