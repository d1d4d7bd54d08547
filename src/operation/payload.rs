//! Incoming webhooks: keeping what was posted.

use serde::Serialize;

use crate::app::App;
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::model::webhook::WebhookPayload;
use crate::operation::repeat::{Repeatable, Write, commit};
use crate::operation::{Access, Operation};
use crate::store::webhook;

/// Stores a payload for the webhook that the caller posted to (document 003, webhook).
#[derive(Serialize)]
pub struct PostWebhook {
    /// What was posted, as text.
    pub payload: String,
}

impl Operation for PostWebhook {
    const NAME: &'static str = "webhook";
    const ACCESS: Access = Access::Webhook;
    type Output = WebhookPayload;

    async fn run(self, app: &App, caller: &Caller) -> Result<WebhookPayload> {
        commit(app, self.prepare(app, caller)?).await
    }
}

impl Repeatable for PostWebhook {
    fn prepare(self, app: &App, caller: &Caller) -> Result<Write<WebhookPayload>> {
        let webhook = caller.webhook().ok_or_else(|| Error::internal("a webhook's caller without a webhook"))?;
        let payload = WebhookPayload {
            uuid: uuid::Uuid::now_v7().to_string(),
            webhook: webhook.id,
            customer: webhook.customer,
            payload: self.payload,
            address: caller.address().to_canonical().to_string(),
            received: app.clock.now(),
        };
        Ok(Write::data(move |tx| {
            webhook::insert_payload(tx, &payload)?;
            Ok(payload)
        }))
    }
}
