//! The SOAP step: a partner's service described once, called by an operation's name, its answer made into a message.

use std::collections::{HashSet, VecDeque};
use std::sync::Arc;

use serde::{Deserialize, Serialize};
use serde_json::{Value, json};

use super::external::{self, Visit};
use super::failure::StepFailure;
use crate::app::App;
use crate::app::cache::Cache;
use crate::diagram::step::Soap;
use crate::error::Error;
use crate::model::account::CustomerId;
use crate::model::http::Method;
use crate::outbound::Request;
use crate::soap::partner::{Document, OutgoingCall, Partner, Reply};
use crate::store::partner;
use crate::xml;

/// Services that are remembered ready to be called.
const SERVICES: usize = 200;
/// Documents that one description may consist of.
const MOST_DOCUMENTS: usize = 100;
/// Bytes that they may be together.
const MOST_BYTES: usize = 16 << 20;

/// Services that were described, by whose they are and where their description is.
pub(super) struct Services(Cache<(CustomerId, String), Arc<Partner>>);

impl Default for Services {
    fn default() -> Services {
        Services(Cache::new(SERVICES))
    }
}

#[derive(Serialize, Deserialize)]
struct Kept {
    location: String,
    text: String,
}

/// Calls the operation and gives what is made of its result.
pub(super) async fn call(visit: &mut Visit<'_>, step: &Soap) -> Result<Value, StepFailure> {
    let location = visit.text("wsdl", &step.wsdl)?;
    let partner = service(visit.app, &visit.partners.services, visit.journey.claim.customer, &location).await?;
    let operation =
        partner.operation(&step.operation, step.port.as_deref()).map_err(|error| unfit("operation", &error))?;
    let arguments = visit.render("arguments", &step.arguments)?;
    let blocks = step.headers.as_ref().map(|blocks| visit.render("headers", blocks)).transpose()?;
    let call = operation.request(&arguments, blocks.as_ref()).map_err(|error| unfit("arguments", &error))?;
    let OutgoingCall { url, headers, body } = call;
    let url = step.url.as_ref().map(|url| visit.text("url", url)).transpose()?.unwrap_or(url);
    let headers = headers.into_iter().map(|(name, value)| (name.to_owned(), value)).collect();
    let answer = visit.ask(Method::Post, url, headers, body, step.auth.as_ref()).await?;
    // A fault has the status 500, in some implementations 400; any other one is HTTP's own.
    if !matches!(answer.status, 200 | 202 | 204 | 400 | 500) {
        return Err(external::status(&answer, "200 or 202", visit.now));
    }
    let content_type = answer.header("content-type").unwrap_or_default();
    let reply = operation.reply(answer.status, content_type, &answer.body);
    let result = match reply {
        Ok(Reply::Done(result)) => result,
        Ok(Reply::Fault { code, text, actor, detail, is_sender }) => {
            let detail = json!({"code": code, "text": text, "actor": actor, "detail": detail});
            let kind = if is_sender { "soap.sender" } else { "soap.receiver" };
            return Err(StepFailure {
                kind: kind.into(),
                text: format!("The partner answered with the fault {code}: {text}"),
                is_final: is_sender,
                wish: None,
                detail: Some(Box::new(detail)),
            });
        }
        Err(_) if !matches!(answer.status, 200 | 202) => {
            return Err(external::status(&answer, "a SOAP envelope", visit.now));
        }
        Err(error) => {
            return Err(StepFailure::passing("broken", format!("The partner's answer cannot be read: {error}")));
        }
    };
    match &step.output {
        None => Ok(result),
        Some(expression) => visit.output(expression, result),
    }
}

fn unfit(place: &str, error: &Error) -> StepFailure {
    StepFailure::lasting("soap.call", format!("{place}: {error}"))
}

/// The service that is described there. Its description is read once, and kept until a flow of the customer is published
/// again.
async fn service(
    app: &App,
    services: &Services,
    customer: CustomerId,
    location: &str,
) -> Result<Arc<Partner>, StepFailure> {
    let (generation, key) = (app.store.generation(), (customer, location.to_owned()));
    if let Some(found) = services.0.get(generation, &key) {
        return Ok(found);
    }
    let kept = app.store.peek(|tx| partner::find(tx, customer, location))?;
    let is_new = kept.is_none();
    let documents = match kept {
        Some(text) => text,
        None => serde_json::to_string(&fetch(app, location).await?).map_err(Error::internal)?,
    };
    // What cannot be read is not kept: the partner may mend it.
    let partner = Arc::new(read(&documents)?);
    if is_new {
        let (location, now) = (location.to_owned(), app.clock.now());
        app.store.write(move |tx| partner::insert(tx, customer, &location, &documents, now)).await?;
    }
    services.0.put(generation, key, Arc::clone(&partner));
    Ok(partner)
}

fn read(documents: &str) -> Result<Partner, StepFailure> {
    let documents: Vec<Kept> = serde_json::from_str(documents).map_err(Error::internal)?;
    let documents: Vec<_> = documents.into_iter().map(|Kept { location, text }| Document { location, text }).collect();
    Partner::read(&documents).map_err(|error| unfit("wsdl", &error))
}

/// Fetches a description with all that it imports.
async fn fetch(app: &App, location: &str) -> Result<Vec<Kept>, StepFailure> {
    let (mut documents, mut bytes) = (Vec::new(), 0);
    let (mut open, mut seen) = (VecDeque::from([location.to_owned()]), HashSet::from([location.to_owned()]));
    while let Some(location) = open.pop_front() {
        let text = document(app, &location).await?;
        bytes += text.len();
        if documents.len() >= MOST_DOCUMENTS || bytes > MOST_BYTES {
            return Err(StepFailure::lasting(
                "limit",
                format!("wsdl: the description has more than {MOST_DOCUMENTS} documents or {MOST_BYTES} bytes"),
            ));
        }
        for import in Partner::imports(&text, &location).map_err(|error| unfit("wsdl", &error))? {
            if seen.insert(import.clone()) {
                open.push_back(import);
            }
        }
        documents.push(Kept { location, text });
    }
    Ok(documents)
}

async fn document(app: &App, location: &str) -> Result<String, StepFailure> {
    let answer = external::send(app, Request::new(Method::Get, location)).await.map_err(|failure| {
        let text = format!("The description of the service cannot be read: {}", failure.text);
        if failure.is_final() { StepFailure::lasting("wsdl", text) } else { StepFailure::passing("wsdl", text) }
    })?;
    if answer.status != 200 {
        let failure = external::status(&answer, "200", app.clock.now());
        let text = format!("The description of the service cannot be read: {}", failure.text);
        return Err(StepFailure { kind: "wsdl".into(), text, ..failure });
    }
    let charset = answer
        .header("content-type")
        .and_then(|kind| kind.split_once("charset="))
        .map(|(_, charset)| charset.split(';').next().unwrap_or_default().trim().trim_matches('"'));
    match xml::text::decode(&answer.body, charset) {
        Ok(text) => Ok(text.into_owned()),
        Err(_) => Err(StepFailure::lasting("wsdl", "The description of the service is in no known encoding")),
    }
}
