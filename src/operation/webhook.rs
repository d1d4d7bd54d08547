//! Webhooks: adding them to flows, saying what they ask of whoever posts, removing them.

use std::str::FromStr;

use crate::app::App;
use crate::app::signature::SigningKey;
use crate::auth::{Caller, key};
use crate::error::{Code, Error, Result};
use crate::model::account::CustomerId;
use crate::model::flow::FlowKey;
use crate::model::webhook::{Guard, Settings, Webhook, is_header};
use crate::operation::account::{find_application, record};
use crate::operation::flow::find_flow;
use crate::operation::{Access, Operation, check};
use crate::store::{Tx, webhook};

/// Adds a webhook to a flow of the caller's customer.
pub struct AddWebhook {
    /// The flow's number or its name.
    pub flow: String,
    /// The URI; `None` to generate one that cannot be guessed.
    pub uri: Option<String>,
    /// The name of the application whose compatibility switches and allowance it follows.
    pub application: Option<String>,
    /// What it asks for, where that differs from what is usual: nothing.
    pub change: WebhookChange,
}

impl Operation for AddWebhook {
    const NAME: &'static str = "addWebhook";
    const ACCESS: Access = Access::Operator;
    type Output = String;

    async fn run(self, app: &App, caller: &Caller) -> Result<String> {
        let uri = match self.uri {
            Some(uri) => check::uri(&uri).map(|()| uri)?,
            None => key::generate_id()?,
        };
        let (customer, now, actor) = (caller.customer().id, app.clock.now(), caller.actor().to_owned());
        self.change.check(app, customer)?;
        app.store
            .administer(move |tx| {
                let flow = find_flow(tx, customer, &FlowKey::NumberOrName(self.flow))?;
                let application = match &self.application {
                    Some(name) => Some(find_application(tx, customer, name)?.id),
                    None => None,
                };
                let id = webhook::insert(tx, customer, flow.id, application, &uri, now)?;
                let (settings, wait) = self.change.apply(Settings::default(), None);
                webhook::update(tx, customer, id, &settings.to_text(), wait)?;
                record(tx, customer, &actor, Self::NAME, &uri, now)?;
                Ok(uri)
            })
            .await
    }
}

/// What changes of a webhook's settings; `None` leaves as it is.
#[derive(Debug, Default)]
pub struct WebhookChange {
    /// What whoever posts has to prove.
    pub guard: Option<Guard>,
    /// Bytes that a body may have, if limited.
    pub body_limit: Option<Option<u32>>,
    /// Requests within the window, if limited by itself.
    pub rate_limit: Option<Option<u32>>,
    /// The header that tells messages apart, if one does.
    pub deduplicate_by: Option<Option<String>>,
    /// Whether the record holds headers and query too.
    pub envelope: Option<bool>,
    /// Seconds that whoever posts waits, if at all.
    pub wait: Option<Option<u32>>,
}

impl WebhookChange {
    /// Refuses what could never be satisfied: it would show when the first message is refused.
    fn check(&self, app: &App, customer: CustomerId) -> Result<()> {
        if self.deduplicate_by.iter().flatten().any(|name| !is_header(name)) {
            return Err(Error::invalid("The header that tells messages apart must be the name of a header"));
        }
        let Some(guard) = &self.guard else { return Ok(()) };
        if let Some(flaw) = guard.flaw() {
            return Err(Error::invalid(flaw));
        }
        let secrets = app.secrets(customer)?.open(guard.secrets())?;
        for name in guard.secrets() {
            let missing = || {
                Error::new(
                    Code::NotFound,
                    format!(
                        "There is no secret '{name}'; 'flowgate secret set' sets it, and then the guard can be set"
                    ),
                )
            };
            let secret = secrets.get(name).ok_or_else(missing)?;
            if let Guard::Standard { .. } = guard {
                SigningKey::parse(secret)?;
            }
        }
        Ok(())
    }

    fn apply(self, before: Settings, wait: Option<u32>) -> (Settings, Option<u32>) {
        let settings = Settings {
            guard: self.guard.unwrap_or(before.guard),
            body_limit: self.body_limit.unwrap_or(before.body_limit),
            rate_limit: self.rate_limit.unwrap_or(before.rate_limit),
            deduplicate_by: self.deduplicate_by.unwrap_or(before.deduplicate_by),
            envelope: self.envelope.unwrap_or(before.envelope),
        };
        (settings, self.wait.unwrap_or(wait))
    }
}

/// Changes what a webhook of the caller's customer asks for.
pub struct ChangeWebhook {
    /// Its URI or its number.
    pub webhook: String,
    /// What changes.
    pub change: WebhookChange,
}

impl Operation for ChangeWebhook {
    const NAME: &'static str = "changeWebhook";
    const ACCESS: Access = Access::Operator;
    type Output = Webhook;

    async fn run(self, app: &App, caller: &Caller) -> Result<Webhook> {
        let (customer, now, actor) = (caller.customer().id, app.clock.now(), caller.actor().to_owned());
        self.change.check(app, customer)?;
        app.store
            .administer(move |tx| {
                let found = find_webhook(tx, customer, &self.webhook)?;
                let (settings, wait) = self.change.apply(found.settings, found.wait);
                webhook::update(tx, customer, found.id, &settings.to_text(), wait)?;
                record(tx, customer, &actor, Self::NAME, &found.id.to_string(), now)?;
                Ok(Webhook { settings, wait, ..found })
            })
            .await
    }
}

/// Removes a webhook of the caller's customer, with the payloads that were posted to it. Their records stay.
pub struct RemoveWebhook {
    /// Its URI or its number.
    pub webhook: String,
}

impl Operation for RemoveWebhook {
    const NAME: &'static str = "removeWebhook";
    const ACCESS: Access = Access::Operator;
    type Output = i64;

    async fn run(self, app: &App, caller: &Caller) -> Result<i64> {
        let (customer, now, actor) = (caller.customer().id, app.clock.now(), caller.actor().to_owned());
        app.store
            .administer(move |tx| {
                let found = find_webhook(tx, customer, &self.webhook)?;
                webhook::remove(tx, customer, found.id)?;
                record(tx, customer, &actor, Self::NAME, &found.id.to_string(), now)?;
                Ok(found.id)
            })
            .await
    }
}

/// The customer's webhook of that URI or number.
/// # Errors
/// `NotFound` if there is none.
pub fn find_webhook(tx: &mut dyn Tx, customer: CustomerId, name: &str) -> Result<Webhook> {
    let webhooks = webhook::list(tx, customer)?;
    let by_uri = webhooks.iter().position(|webhook| webhook.uri == name);
    let number = i64::from_str(name).ok();
    let place = by_uri.or_else(|| webhooks.iter().position(|webhook| Some(webhook.id) == number));
    // What was named may be the URI of another customer's: the sentence does not repeat it.
    place.and_then(|place| webhooks.into_iter().nth(place)).ok_or_else(|| {
        Error::new(Code::NotFound, "The customer has no such webhook; 'flowgate webhook list' shows all")
    })
}
