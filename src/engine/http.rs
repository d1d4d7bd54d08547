//! The HTTP step: its request made of templates, and its answer made into a message.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::curtain::Curtain;
use super::external::{self, Visit, plain};
use super::failure::StepFailure;
use crate::app::signature::{SigningKey, seconds, sign};
use crate::diagram::step::{BodyType, Http, Webhook};
use crate::expression::Expression;
use crate::expression::template::Template;
use crate::model::http::{Method, StatusRange};
use crate::outbound::Answer;

/// Bytes of an unexpected answer that are kept.
const KEPT: usize = 2_048;

/// Makes the request and gives what is made of its answer.
pub(super) async fn call(visit: &mut Visit<'_>, step: &Http) -> Result<Value, StepFailure> {
    let mut url = visit.text("url", &step.url)?;
    if let Some(query) = &step.query {
        let Value::Object(query) = visit.render("query", query)? else { return Err(no_object("query")) };
        append(&mut url, &query)?;
    }
    let mut headers = headers(visit, step.headers.as_ref())?;
    let body = body(visit, step)?;
    let default = match step.body_type {
        BodyType::Json => "application/json",
        BodyType::Form => "application/x-www-form-urlencoded",
        BodyType::Text => "text/plain; charset=utf-8",
        BodyType::Xml => "application/xml; charset=utf-8",
    };
    if body.is_some() && !external::has(&headers, "Content-Type") {
        headers.push(("Content-Type".to_owned(), default.to_owned()));
    }
    if !external::has(&headers, "Accept") {
        headers.push(("Accept".to_owned(), "application/json, */*;q=0.5".to_owned()));
    }
    let answer = visit.ask(step.method, url, headers, body.unwrap_or_default(), step.auth.as_ref()).await?;
    made_of(visit, &answer, &step.expect, step.output.as_ref())
}

/// Sends a signed message, known by the token of the step, and gives what is made of the answer.
pub(super) async fn send_signed(visit: &mut Visit<'_>, step: &Webhook) -> Result<Value, StepFailure> {
    let url = visit.text("url", &step.url)?;
    let event = visit.text("type", &step.event)?;
    let data = match &step.data {
        Some(data) => visit.render("data", data)?,
        None => Value::clone(&visit.journey.input()),
    };
    let key = SigningKey::parse(&visit.text("secret", &step.secret)?)
        .map_err(|error| StepFailure::lasting("secret", format!("secret: {error}")))?;
    let (id, now) = (visit.journey.token(), visit.now);
    let body = json!({"id": id, "type": event, "timestamp": now.to_iso(), "data": data}).to_string().into_bytes();
    let mut headers = headers(visit, step.headers.as_ref())?;
    let ours = [
        ("Content-Type", "application/json".to_owned()),
        ("webhook-id", id.clone()),
        ("webhook-timestamp", seconds(now)),
        ("webhook-signature", sign(&[key], &id, now, &body)),
    ];
    headers.retain(|(given, _)| !ours.iter().any(|(name, _)| given.eq_ignore_ascii_case(name)));
    headers.extend(ours.map(|(name, value)| (name.to_owned(), value)));
    let answer = visit.ask(Method::Post, url, headers, body, None).await?;
    made_of(visit, &answer, &step.expect, step.output.as_ref())
}

/// What an answer comes to.
fn made_of(
    visit: &mut Visit<'_>,
    answer: &Answer,
    expect: &[StatusRange],
    output: Option<&Expression>,
) -> Result<Value, StepFailure> {
    if !expect.iter().any(|range| range.contains(answer.status)) {
        let expected = expect.iter().map(ToString::to_string).collect::<Vec<_>>().join(", ");
        let failure = external::status(answer, &expected, visit.now);
        return Err(StepFailure { detail: Some(Box::new(unexpected(answer, &visit.curtain()))), ..failure });
    }
    let content = content(answer, &visit.curtain())?;
    match output {
        None => Ok(content),
        Some(expression) => visit.output(expression, shown(answer, content)),
    }
}

fn no_object(place: &str) -> StepFailure {
    StepFailure::lasting("expression", format!("{place}: it must come to an object"))
}

/// Adds parameters to an address; an array has several of the same name.
fn append(url: &mut String, query: &Map<String, Value>) -> Result<(), StepFailure> {
    let fragment = url.find('#').map(|at| url.split_off(at));
    let mut pairs = form_urlencoded::Serializer::new(String::new());
    for (name, value) in query {
        let values = match value {
            Value::Null => continue,
            Value::Array(values) => values.as_slice(),
            value => std::slice::from_ref(value),
        };
        for value in values {
            let value = plain(value).ok_or_else(|| {
                StepFailure::lasting("expression", format!("query.{name}: it must come to a text, a number or a truth"))
            })?;
            pairs.append_pair(name, &value);
        }
    }
    let pairs = pairs.finish();
    if !pairs.is_empty() {
        url.push(if url.contains('?') { '&' } else { '?' });
        url.push_str(&pairs);
    }
    url.push_str(&fragment.unwrap_or_default());
    Ok(())
}

/// Headers of a template; null leaves one out.
pub(super) fn headers(
    visit: &mut Visit<'_>,
    template: Option<&Template>,
) -> Result<Vec<(String, String)>, StepFailure> {
    let Some(template) = template else { return Ok(Vec::new()) };
    let Value::Object(members) = visit.render("headers", template)? else { return Err(no_object("headers")) };
    let mut headers = Vec::with_capacity(members.len());
    for (name, value) in members {
        if value.is_null() {
            continue;
        }
        let value = plain(&value).ok_or_else(|| {
            StepFailure::lasting("expression", format!("headers.{name}: it must come to a text, a number or a truth"))
        })?;
        headers.push((name, value));
    }
    Ok(headers)
}

fn body(visit: &mut Visit<'_>, step: &Http) -> Result<Option<Vec<u8>>, StepFailure> {
    let Some(template) = &step.body else { return Ok(None) };
    let value = visit.render("body", template)?;
    let text = match (step.body_type, value) {
        (BodyType::Json, value) => value.to_string(),
        (BodyType::Form, Value::Object(members)) => {
            let mut url = String::new();
            append(&mut url, &members)?;
            url.trim_start_matches('?').to_owned()
        }
        (BodyType::Form, _) => return Err(no_object("body")),
        (BodyType::Text | BodyType::Xml, value) => {
            plain(&value).ok_or_else(|| StepFailure::lasting("expression", "body: it must come to a text"))?
        }
    };
    Ok(Some(text.into_bytes()))
}

/// The body of an answer as a value: JSON as what it is, other text as text, anything else in base64.
fn content(answer: &Answer, curtain: &Curtain) -> Result<Value, StepFailure> {
    if answer.body.is_empty() {
        return Ok(Value::Null);
    }
    let kind = answer.header("content-type").unwrap_or_default();
    let kind = kind.split(';').next().unwrap_or_default().trim().to_ascii_lowercase();
    if kind == "application/json" || kind.ends_with("+json") {
        return serde_json::from_slice(&answer.body)
            .map_err(|_| StepFailure::passing("broken", "The partner's answer is called JSON and is none"));
    }
    Ok(Value::String(match std::str::from_utf8(&answer.body) {
        Ok(text) => text.to_owned(),
        Err(_) => STANDARD.encode(curtain.hidden_bytes(&answer.body)),
    }))
}

fn shown(answer: &Answer, content: Value) -> Value {
    let headers: Map<String, Value> =
        answer.headers.iter().map(|(name, value)| (name.clone(), Value::String(value.clone()))).collect();
    json!({"status": answer.status, "headers": headers, "body": content})
}

/// What is kept of an answer that was not expected.
fn unexpected(answer: &Answer, curtain: &Curtain) -> Value {
    // Half of a secret at the end would not be found.
    let mut body = curtain.hidden(&String::from_utf8_lossy(&answer.body));
    body.truncate(body.floor_char_boundary(KEPT));
    json!({"status": answer.status, "body": body})
}
