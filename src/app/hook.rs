//! Subscriptions to events as they are needed often: who wants to hear of what, and the keys that messages are signed
//! with, opened for the moment of their use.
//! What the messages say, and how they are sent, is not known here.

use std::sync::Arc;

use crate::app::App;
use crate::app::signature::SigningKey;
use crate::app::vault::Keyring;
use crate::error::{Error, Result};
use crate::model::account::CustomerId;
use crate::model::flow::FlowId;
use crate::model::hook::{Event, Hook};
use crate::model::time::Timestamp;
use crate::store::{hook, secret};

/// What one subscriber wants to hear of.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The subscription's own number.
    pub hook: i64,
    events: Vec<Event>,
    flow: Option<FlowId>,
}

impl Subscription {
    /// What the subscription asks for.
    pub fn of(hook: Hook) -> Subscription {
        Subscription { hook: hook.id, events: hook.events, flow: hook.flow }
    }

    /// Whether it asks for that event of that flow.
    pub fn wants(&self, event: Event, flow: FlowId) -> bool {
        self.events.contains(&event) && self.flow.is_none_or(|wanted| wanted == flow)
    }
}

/// A subscription, and what opens its signing keys.
pub struct Endpoint {
    /// The subscription.
    pub hook: Hook,
    keys: Keyring,
}

impl Endpoint {
    /// The keys that messages are signed with at that time, the newest first.
    /// # Errors
    /// `Unavailable` if one of them cannot be opened.
    pub fn signing_keys(&self, now: Timestamp) -> Result<Vec<SigningKey>> {
        let Hook { customer, secret, old_secret, .. } = &self.hook;
        let old = old_secret.as_ref().filter(|(_, until)| *until > now).map(|(sealed, _)| sealed);
        let name = seal_name(&self.hook.public_id);
        std::iter::once(secret)
            .chain(old)
            .map(|sealed| SigningKey::parse(&self.keys.open(*customer, &name, sealed)?))
            .collect()
    }
}

/// The name under which the signing keys of a subscription are sealed. No secret of a customer can be called so.
pub fn seal_name(public_id: &str) -> String {
    format!("hook:{public_id}")
}

impl App {
    /// The enabled subscriptions of the customer, remembered until something administrative changes.
    /// # Errors
    /// The store cannot be read.
    pub fn subscriptions(&self, customer: CustomerId) -> Result<Arc<[Subscription]>> {
        let generation = self.store.generation();
        if let Some(found) = self.subscribers.get(generation, &customer) {
            return Ok(found);
        }
        let hooks = self.store.peek(|tx| hook::list(tx, customer))?;
        let found: Arc<[_]> = hooks.into_iter().filter(|hook| hook.enabled).map(Subscription::of).collect();
        self.subscribers.put(generation, customer, Arc::clone(&found));
        Ok(found)
    }

    /// A subscription by its own number, remembered until something administrative changes. `None` if it is gone.
    /// # Errors
    /// `Unavailable` if the key file is missing or not in order.
    pub fn endpoint(&self, hook: i64) -> Result<Option<Arc<Endpoint>>> {
        let generation = self.store.generation();
        if let Some(found) = self.endpoints.get(generation, &hook) {
            return Ok(Some(found));
        }
        let Some(hook) = self.store.peek(|tx| hook::find_by_id(tx, hook))? else { return Ok(None) };
        let found = Arc::new(Endpoint { hook, keys: self.vault.require()? });
        // A key file that lacks a key may be put right without anything administrative happening.
        if found.signing_keys(self.clock.now()).is_ok() {
            self.endpoints.put(generation, found.hook.id, Arc::clone(&found));
        }
        Ok(Some(found))
    }

    /// What seals. It is made with the first secret: a new key beside what needs the lost one would hide that it is lost.
    /// # Errors
    /// `Unavailable` if the key file is missing or not in order.
    pub fn sealing_keys(&self) -> Result<Keyring> {
        let is_first = self.store.peek(|tx| Ok(secret::list_all(tx)?.is_empty() && !hook::any(tx)?))?;
        match is_first {
            true => self.vault.find()?.map_or_else(|| self.vault.create(), Ok),
            false => self.vault.require(),
        }
    }

    /// Whether messages may go to that URL, as far as that is known before its name is looked up.
    /// # Errors
    /// `InvalidInput` that says why not.
    pub fn check_target(&self, url: &str) -> Result<()> {
        self.outbound.check(url).map_err(|failure| Error::invalid(format!("url: {}", failure.text)))
    }
}
