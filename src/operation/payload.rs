//! What is posted to webhooks: it becomes a record of the webhook's flow, or the answer that a step of a run waits for.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;
use serde_json::{Map, Value, json};

use crate::app::App;
use crate::auth::Caller;
use crate::error::{Code, Error, Result};
use crate::model::account::CustomerId;
use crate::model::flow::FlowId;
use crate::model::time::Timestamp;
use crate::model::webhook::{CallbackReply, Guard, Webhook, WebhookPayload};
use crate::operation::diagram::{diagram_of, flow_of_record};
use crate::operation::internal::{Content, Destination, MadeRecord};
use crate::operation::json;
use crate::operation::repeat::{Key, Repeatable, Write, commit};
use crate::operation::{Access, Operation};
use crate::store::callback::{self, Awaited};
use crate::store::webhook;

/// Headers that prove who posts, and that nobody is to read again.
const SECRET: [&str; 8] = [
    "authentication",
    "authorization",
    "cookie",
    "proxy-authorization",
    "x-access-token",
    "x-api-key",
    "x-apikey",
    "x-app",
];

/// What was posted, read.
#[derive(Serialize)]
pub struct Message {
    /// The body as JSON text: a value of any kind.
    pub body: String,
    /// The headers, with names in lower case.
    #[serde(skip)]
    pub headers: Vec<(String, String)>,
    /// What stands in the address: each name with its value, or with an array of them.
    pub query: Map<String, Value>,
    /// The method.
    pub method: &'static str,
}

impl Message {
    /// # Errors
    /// A body that is no JSON within the limits, or is larger than any request.
    fn check(&self, app: &App) -> Result<()> {
        // Escaped, a text may be several times as long as it was sent.
        let most = app.config.server.body_limit.max(app.config.soap.max_decoded);
        if self.body.len() > most {
            return Err(Error::new(Code::TooLarge, format!("The payload is larger than {most} bytes as JSON")));
        }
        json::check("The payload", &self.body, json::MOST_VALUES)
    }

    /// The body as an object: as it is if it is one, else as the member `body` of one.
    fn object(body: String) -> String {
        let trimmed = json::trim(&body);
        match trimmed.starts_with('{') {
            // Not copied: it may be large.
            true if trimmed.len() == body.len() => body,
            true => trimmed.to_owned(),
            false => format!(r#"{{"body":{trimmed}}}"#),
        }
    }

    fn headers(&self, guard: &Guard) -> Map<String, Value> {
        let signatures = guard.headers();
        let is_secret =
            |name: &str| SECRET.contains(&name) || signatures.iter().any(|other| other.eq_ignore_ascii_case(name));
        let shown = self.headers.iter().filter(|(name, _)| !is_secret(name));
        shown.map(|(name, value)| (name.clone(), value.as_str().into())).collect()
    }
}

/// The name that whoever posts gives to a message, so that it counts once: the value of the header that the webhook's
/// settings name.
pub fn delivery_key<'k>(caller: &Caller, header: impl Fn(&str) -> Option<&'k str>) -> Option<Key<'k>> {
    let name = caller.settings()?.distinguishing_header()?;
    header(name).filter(|value| !value.is_empty()).map(Key::Delivery)
}

/// Stores a payload for the webhook that the caller posted to, and makes a record of it (document 003, webhook).
#[derive(Serialize)]
pub struct PostWebhook {
    /// What was posted, as it is kept: its text.
    pub payload: String,
    /// The same, read.
    pub message: Message,
}

/// A payload that was stored.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostedPayload {
    /// Its identifier, which is its record's too.
    pub uuid: String,
    /// When it was accepted.
    pub received: Timestamp,
    /// Whether there is a record: a flow that was never published takes none.
    pub has_record: bool,
}

impl Operation for PostWebhook {
    const NAME: &'static str = "webhook";
    const ACCESS: Access = Access::Webhook;
    type Output = PostedPayload;

    async fn run(self, app: &App, caller: &Caller) -> Result<PostedPayload> {
        commit(app, self.prepare(app, caller)?).await
    }
}

impl Repeatable for PostWebhook {
    fn prepare(self, app: &App, caller: &Caller) -> Result<Write<PostedPayload>> {
        let webhook = caller.webhook().ok_or_else(|| Error::internal("a webhook's caller without a webhook"))?;
        let uuid = uuid::Uuid::now_v7().to_string();
        let record = record_of(app, webhook, &uuid, self.message)?;
        let payload = WebhookPayload {
            uuid,
            webhook: webhook.id,
            customer: webhook.customer,
            payload: self.payload,
            address: caller.address().to_canonical().to_string(),
            received: app.clock.now(),
        };
        Ok(Write::data(move |tx| {
            webhook::insert_payload(tx, &payload)?;
            // It may be large, and is not needed any more.
            let WebhookPayload { uuid, received, payload, .. } = payload;
            drop(payload);
            if let Some(record) = &record {
                record.insert(tx, received)?;
            }
            Ok(PostedPayload { uuid, received, has_record: record.is_some() })
        }))
    }
}

/// The record that a payload becomes; `None` if the flow was never published, so that nothing can become of it.
fn record_of(app: &App, webhook: &Webhook, uuid: &str, message: Message) -> Result<Option<MadeRecord>> {
    message.check(app)?;
    let (customer, flow) = (webhook.customer, webhook.flow);
    let Some(version) = flow_of_record(app, customer, flow)?.flow.version else { return Ok(None) };
    let to = Destination::of(app, customer, flow)?;
    let headers = message.headers(&webhook.settings.guard);
    let mut data = Message::object(message.body);
    // What an older version declared was not read as a diagram, and then demands nothing.
    if let Ok(diagram) = diagram_of(app, customer, flow, Some(version)) {
        diagram.input.check_text(&data)?;
    }
    if webhook.settings.envelope {
        let headers = Value::Object(headers);
        let query = json!(message.query);
        data = format!(r#"{{"data":{data},"headers":{headers},"query":{query},"method":"{}"}}"#, message.method);
    }
    Ok(Some(MadeRecord {
        customer,
        uuid: uuid.to_owned(),
        flow,
        version: to.version,
        content: Content::of_text(app, customer, &to, data)?,
        parent: None,
        depth: 0,
    }))
}

/// Posts to the address that a step of a run waits at, whether the run has come to the step or not.
#[derive(Serialize)]
pub struct PostCallback {
    /// What was posted.
    pub message: Message,
}

/// What came of posting to such an address.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PostedCallback {
    /// The record's identifier.
    pub uuid: String,
    /// Whose record it is.
    pub customer: CustomerId,
    /// Its flow.
    pub flow: FlowId,
    /// When it was first posted.
    pub received: Timestamp,
    /// What is answered, if the step says it.
    pub reply: Option<CallbackReply>,
    /// Whether the same had been posted before.
    pub is_repeated: bool,
}

impl Operation for PostCallback {
    const NAME: &'static str = "postCallback";
    const ACCESS: Access = Access::Callback;
    type Output = PostedCallback;

    async fn run(self, app: &App, caller: &Caller) -> Result<PostedCallback> {
        let callback = caller.callback().ok_or_else(|| Error::internal("a callback's caller without a callback"))?;
        self.message.check(app)?;
        let Message { body, query, .. } = &self.message;
        let headers = Value::Object(self.message.headers(&callback.settings.guard));
        let payload = format!(r#"{{"body":{body},"headers":{headers},"query":{}}}"#, json!(query));
        let (id, customer, now) = (callback.id, callback.customer, app.clock.now());
        let reply = callback.settings.reply.clone();
        app.store
            .write(move |tx| {
                // The record may have been removed since the address was looked up.
                let awaited = callback::find_awaited(tx, id)?
                    .ok_or_else(|| Error::new(Code::NotFound, "There is no webhook with this Uri"))?;
                let first = first_of(&awaited, &self.message.body)?;
                if first.is_none() {
                    callback::receive(tx, id, &awaited, &payload, now)?;
                }
                Ok(PostedCallback {
                    uuid: awaited.uuid,
                    customer,
                    flow: awaited.flow,
                    received: first.unwrap_or(now),
                    reply,
                    is_repeated: first.is_some(),
                })
            })
            .await
    }
}

/// When the same was posted before; `None` if nothing was.
fn first_of(awaited: &Awaited, body: &str) -> Result<Option<Timestamp>> {
    #[derive(Deserialize)]
    struct Posted {
        body: Box<RawValue>,
    }
    let before = awaited.received.as_ref();
    if let Some((at, payload)) = before {
        let posted: Posted = serde_json::from_str(payload).map_err(Error::internal)?;
        if posted.body.get().trim() == json::trim(body) {
            return Ok(Some(*at));
        }
    }
    match (awaited.is_over, before) {
        (true, _) => Err(Error::new(Code::Gone, "The run that waited at this address is over")),
        (false, Some(_)) => {
            Err(Error::new(Code::Conflict, "Something else was posted to this address before; the first counts"))
        }
        (false, None) => Ok(None),
    }
}
