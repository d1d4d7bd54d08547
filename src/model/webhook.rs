//! Incoming webhooks: an unguessable URI of a customer's flow, and the payloads that were posted to it.

use serde::{Deserialize, Serialize};

use crate::model::account::{ApplicationId, CustomerId};
use crate::model::flow::FlowId;
use crate::model::time::Timestamp;

/// A webhook of one customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Webhook {
    /// Its number.
    pub id: i64,
    /// Whose webhook it is.
    pub customer: CustomerId,
    /// The flow it feeds.
    pub flow: FlowId,
    /// The application whose compatibility switches its replies follow, if one was named.
    pub application: Option<ApplicationId>,
    /// The last part of its address, unique in the whole gateway; knowing it is the permission to post.
    pub uri: String,
    /// When it was added.
    pub created: Timestamp,
}

/// One payload that was posted to a webhook.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct WebhookPayload {
    /// Its public identifier, a UUIDv7.
    pub uuid: String,
    /// The webhook it came through.
    pub webhook: i64,
    /// Whose payload it is.
    pub customer: CustomerId,
    /// What was posted, as text.
    pub payload: String,
    /// The address it came from.
    pub address: String,
    /// When it was accepted.
    pub received: Timestamp,
}
