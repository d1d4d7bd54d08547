//! Subscriptions to events: adding, changing and removing them, and giving them other signing keys.
//! A key is given out once, when it is made.

use crate::app::App;
use crate::app::hook::seal_name;
use crate::app::signature::SigningKey;
use crate::auth::{Caller, key};
use crate::error::{Code, Error, Result};
use crate::model::account::CustomerId;
use crate::model::flow::{FlowId, FlowKey};
use crate::model::hook::{Event, Hook};
use crate::model::scope::Scope;
use crate::model::time::Timestamp;
use crate::operation::account::record;
use crate::operation::flow::find_flow;
use crate::operation::{Access, Operation, check, event};
use crate::store::Tx;
use crate::store::hook::{self, NewHook};

/// Subscriptions that a customer may have.
pub const MOST_HOOKS: i64 = 1_000;
/// Bytes of a URL.
const LONGEST_URL: usize = 2_048;
/// For how long messages are signed with the key before the present one too: a day.
const OVERLAP: i64 = 86_400_000;

/// Subscribes to events of the caller's customer.
pub struct AddHook {
    /// Where messages go.
    pub url: String,
    /// The names of the events.
    pub events: Vec<String>,
    /// The number or name of the flow it is about; `None`: all.
    pub flow: Option<String>,
    /// Free text.
    pub description: String,
    /// The signing key, `whsec_` and the base64 of 16 to 64 bytes; `None` to have one generated.
    pub secret: Option<String>,
}

/// A subscription with its signing key, which can be read at this moment alone.
pub struct KeyedHook {
    /// The subscription.
    pub hook: Hook,
    /// The key, as it is written down: `whsec_…`.
    pub secret: String,
}

impl Operation for AddHook {
    const NAME: &'static str = "addHook";
    const ACCESS: Access = Access::Scope(Scope::Hook);
    type Output = KeyedHook;

    async fn run(self, app: &App, caller: &Caller) -> Result<KeyedHook> {
        check_url(app, &self.url)?;
        check::description(&self.description)?;
        let events = parse_events(caller, &self.events)?;
        let (customer, now, actor) = (caller.customer().id, app.clock.now(), caller.actor().to_owned());
        let public_id = key::generate_id()?;
        let secret = match self.secret {
            None => SigningKey::generate()?,
            Some(secret) => SigningKey::chosen(secret)?,
        };
        let sealed = app.sealing_keys()?.seal(customer, &seal_name(&public_id), &secret)?;
        let application = caller.application().map(|application| application.id);
        let hook = app
            .store
            .administer(move |tx| {
                if hook::count(tx, customer)? >= MOST_HOOKS {
                    let message = format!("There are {MOST_HOOKS} subscriptions already, the most that there can be");
                    return Err(Error::new(Code::Conflict, message));
                }
                let flow = self.flow.map(|flow| flow_id(tx, customer, flow)).transpose()?;
                let (url, description, secret) = (self.url, self.description, sealed);
                let new = NewHook { customer, public_id, application, url, description, events, flow, secret };
                hook::insert(tx, &new, now)?;
                record(tx, customer, &actor, Self::NAME, &new.public_id, now)?;
                find(tx, customer, &new.public_id)
            })
            .await?;
        Ok(KeyedHook { hook, secret: secret.to_string() })
    }
}

/// The subscriptions of the caller's customer, oldest first.
pub struct ListHooks;

impl Operation for ListHooks {
    const NAME: &'static str = "listHooks";
    const ACCESS: Access = Access::Scope(Scope::HookRead);
    type Output = Vec<Hook>;

    async fn run(self, app: &App, caller: &Caller) -> Result<Vec<Hook>> {
        let customer = caller.customer().id;
        app.store.read(move |tx| hook::list(tx, customer)).await
    }
}

/// A subscription of the caller's customer.
pub struct GetHook {
    /// What clients call it.
    pub id: String,
}

impl Operation for GetHook {
    const NAME: &'static str = "getHook";
    const ACCESS: Access = Access::Scope(Scope::HookRead);
    type Output = Hook;

    async fn run(self, app: &App, caller: &Caller) -> Result<Hook> {
        app.store.peek(|tx| find(tx, caller.customer().id, &self.id))
    }
}

/// Changes a subscription; what is not said stays as it is.
#[derive(Default)]
pub struct UpdateHook {
    /// What clients call it.
    pub id: String,
    /// Where messages go.
    pub url: Option<String>,
    /// The names of the events.
    pub events: Option<Vec<String>>,
    /// Free text.
    pub description: Option<String>,
    /// Whether messages are sent. One that is enabled again goes on with those that waited.
    pub enabled: Option<bool>,
}

impl Operation for UpdateHook {
    const NAME: &'static str = "updateHook";
    const ACCESS: Access = Access::Scope(Scope::Hook);
    type Output = Hook;

    async fn run(self, app: &App, caller: &Caller) -> Result<Hook> {
        if let Some(url) = &self.url {
            check_url(app, url)?;
        }
        self.description.as_deref().map_or(Ok(()), check::description)?;
        let events = self.events.map(|events| parse_events(caller, &events)).transpose()?;
        let (customer, now, actor) = (caller.customer().id, app.clock.now(), caller.actor().to_owned());
        app.store
            .administer(move |tx| {
                let mut hook = find(tx, customer, &self.id)?;
                hook.url = self.url.unwrap_or(hook.url);
                hook.events = events.unwrap_or(hook.events);
                hook.description = self.description.unwrap_or(hook.description);
                hook.reason = match self.enabled {
                    Some(true) => None,
                    Some(false) if hook.enabled => Some("It was disabled by request".to_owned()),
                    _ => hook.reason,
                };
                hook.enabled = self.enabled.unwrap_or(hook.enabled);
                hook::update(tx, &hook, now)?;
                record(tx, customer, &actor, Self::NAME, &self.id, now)?;
                find(tx, customer, &self.id)
            })
            .await
    }
}

/// Removes a subscription, and what was to be sent to it.
pub struct RemoveHook {
    /// What clients call it.
    pub id: String,
}

impl Operation for RemoveHook {
    const NAME: &'static str = "removeHook";
    const ACCESS: Access = Access::Scope(Scope::Hook);
    type Output = ();

    async fn run(self, app: &App, caller: &Caller) -> Result<()> {
        let (customer, now, actor) = (caller.customer().id, app.clock.now(), caller.actor().to_owned());
        app.store
            .administer(move |tx| match hook::remove(tx, customer, &self.id)? {
                true => record(tx, customer, &actor, Self::NAME, &self.id, now),
                false => Err(not_found(&self.id)),
            })
            .await
    }
}

/// Gives a subscription another signing key. For a day, messages are signed with the one before it too.
pub struct RotateHookSecret {
    /// What clients call it.
    pub id: String,
}

impl Operation for RotateHookSecret {
    const NAME: &'static str = "rotateHookSecret";
    const ACCESS: Access = Access::Scope(Scope::Hook);
    type Output = KeyedHook;

    async fn run(self, app: &App, caller: &Caller) -> Result<KeyedHook> {
        let (customer, now, actor) = (caller.customer().id, app.clock.now(), caller.actor().to_owned());
        app.store.peek(|tx| find(tx, customer, &self.id))?;
        let secret = SigningKey::generate()?;
        let sealed = app.sealing_keys()?.seal(customer, &seal_name(&self.id), &secret)?;
        let hook = app
            .store
            .administer(move |tx| {
                let hook = find(tx, customer, &self.id)?;
                hook::rotate(tx, hook.id, &sealed, Timestamp(now.0.saturating_add(OVERLAP)), now)?;
                record(tx, customer, &actor, Self::NAME, &self.id, now)?;
                find(tx, customer, &self.id)
            })
            .await?;
        Ok(KeyedHook { hook, secret: secret.to_string() })
    }
}

/// Samples of the messages that tell of an event, as receivers get them.
pub struct SampleMessages {
    /// The event's name.
    pub event: String,
}

impl Operation for SampleMessages {
    const NAME: &'static str = "sampleMessages";
    const ACCESS: Access = Access::Scope(Scope::HookRead);
    type Output = Vec<String>;

    async fn run(self, app: &App, _: &Caller) -> Result<Vec<String>> {
        let event = Event::parse(&self.event).ok_or_else(|| no_event("event", &self.event))?;
        Ok(vec![event::sample(event, "Leads", app.clock.now())?])
    }
}

/// The customer's subscription.
/// # Errors
/// `NotFound` if there is none.
pub(super) fn find(tx: &mut dyn Tx, customer: CustomerId, id: &str) -> Result<Hook> {
    hook::find(tx, customer, id)?.ok_or_else(|| not_found(id))
}

pub(super) fn not_found(id: &str) -> Error {
    let shown: String = id.chars().take(128).collect();
    Error::new(Code::NotFound, format!("There is no subscription '{shown}'"))
}

fn check_url(app: &App, url: &str) -> Result<()> {
    match url.len() {
        0 => Err(Error::invalid("url is required")),
        1..=LONGEST_URL => app.check_target(url),
        _ => Err(Error::invalid(format!("url must have at most {LONGEST_URL} bytes"))),
    }
}

/// What is told of an event is told to those alone who may read it.
fn parse_events(caller: &Caller, names: &[String]) -> Result<Vec<Event>> {
    let mut events = Vec::new();
    for name in names {
        let event = Event::parse(name).ok_or_else(|| no_event("events", name))?;
        caller.require(event.scope())?;
        if !events.contains(&event) {
            events.push(event);
        }
    }
    match events.is_empty() {
        true => Err(Error::invalid("events must name at least one event")),
        false => Ok(events),
    }
}

fn no_event(field: &str, name: &str) -> Error {
    let (names, shown) = (Event::ALL.map(Event::name).join(", "), name.chars().take(64).collect::<String>());
    Error::invalid(format!("{field}: '{shown}' is none of {names}"))
}

fn flow_id(tx: &mut dyn Tx, customer: CustomerId, flow: String) -> Result<FlowId> {
    Ok(find_flow(tx, customer, &FlowKey::NumberOrName(flow))?.id)
}
