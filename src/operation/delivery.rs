//! What was sent to a subscriber: listing it, looking at one message, and sending it again.

use crate::app::App;
use crate::auth::Caller;
use crate::error::{Code, Error, Result};
use crate::model::hook::Delivery;
use crate::model::scope::Scope;
use crate::operation::hook::find;
use crate::operation::{Access, Operation};
use crate::store::delivery;

/// The most messages of one page.
pub const MOST_LISTED: i64 = 1_000;

/// The messages of a subscription, newest first.
pub struct ListDeliveries {
    /// What clients call the subscription.
    pub hook: String,
    /// How many at most.
    pub limit: i64,
    /// How many to pass over.
    pub offset: i64,
}

impl Operation for ListDeliveries {
    const NAME: &'static str = "listDeliveries";
    const ACCESS: Access = Access::Scope(Scope::HookRead);
    type Output = Vec<Delivery>;

    async fn run(self, app: &App, caller: &Caller) -> Result<Vec<Delivery>> {
        if !(1..=MOST_LISTED).contains(&self.limit) || self.offset < 0 {
            return Err(Error::invalid(format!("limit must be from 1 to {MOST_LISTED}, and offset at least 0")));
        }
        let customer = caller.customer().id;
        app.store
            .read(move |tx| {
                let hook = find(tx, customer, &self.hook)?;
                delivery::list(tx, hook.id, self.limit, self.offset)
            })
            .await
    }
}

/// One message of a subscription.
pub struct GetDelivery {
    /// What clients call the subscription.
    pub hook: String,
    /// The message's `webhook-id`.
    pub message: String,
}

/// A message with what it says.
pub struct WholeDelivery {
    /// The message.
    pub delivery: Delivery,
    /// What it says, as JSON text.
    pub body: String,
}

impl Operation for GetDelivery {
    const NAME: &'static str = "getDelivery";
    const ACCESS: Access = Access::Scope(Scope::HookRead);
    type Output = WholeDelivery;

    async fn run(self, app: &App, caller: &Caller) -> Result<WholeDelivery> {
        let (delivery, body) = app.store.peek(|tx| {
            let hook = find(tx, caller.customer().id, &self.hook)?;
            delivery::find(tx, hook.id, &self.message)?.ok_or_else(|| not_found(&self.message))
        })?;
        caller.require(delivery.event.scope())?;
        Ok(WholeDelivery { delivery, body })
    }
}

/// Sends a message once more, under the same `webhook-id`, as often as a new one would be.
pub struct Redeliver {
    /// What clients call the subscription.
    pub hook: String,
    /// The message's `webhook-id`.
    pub message: String,
}

impl Operation for Redeliver {
    const NAME: &'static str = "redeliver";
    const ACCESS: Access = Access::Scope(Scope::Hook);
    type Output = Delivery;

    async fn run(self, app: &App, caller: &Caller) -> Result<Delivery> {
        let (customer, now) = (caller.customer().id, app.clock.now());
        app.store
            .write(move |tx| {
                let hook = find(tx, customer, &self.hook)?;
                if delivery::find(tx, hook.id, &self.message)?.is_none() {
                    return Err(not_found(&self.message));
                }
                if !hook.enabled {
                    return Err(Error::new(Code::Conflict, "The subscription is disabled; enable it first"));
                }
                if !delivery::redeliver(tx, hook.id, &self.message, now)? {
                    return Err(Error::new(Code::Conflict, "The message is under way just now"));
                }
                let found = delivery::find(tx, hook.id, &self.message)?;
                found.map(|(delivery, _)| delivery).ok_or_else(|| not_found(&self.message))
            })
            .await
    }
}

fn not_found(message: &str) -> Error {
    let shown: String = message.chars().take(128).collect();
    Error::new(Code::NotFound, format!("There is no message '{shown}' of the subscription"))
}
