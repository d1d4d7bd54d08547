//! One attempt to bring a message to a subscriber: the signed request, and what its answer means.
//! What follows from it is `delivery`'s business.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use super::external;
use crate::app::App;
use crate::app::signature::{seconds, sign};
use crate::error::{Error, Result};
use crate::model::hook::Parcel;
use crate::model::http::Method;
use crate::model::time::Timestamp;
use crate::outbound::Request;
use crate::store::delivery;

/// Bytes of an answer that are kept.
const KEPT: usize = 512;
/// How long it is waited, in milliseconds, before a message is tried again that could not be signed.
const UNSIGNED: i64 = 60_000;

/// What an attempt came to.
pub(super) struct Verdict {
    at: Timestamp,
    /// How long it took.
    pub(super) took: Duration,
    /// Whether the receiver has it.
    pub(super) arrived: bool,
    /// Whether the receiver wants no more of them.
    pub(super) is_unwanted: bool,
    /// How many milliseconds the receiver asked to be left alone for.
    pub(super) wish: Option<i64>,
    status: Option<u16>,
    answer: Option<String>,
    problem: Option<String>,
}

impl Verdict {
    /// Why it is no success.
    pub(super) fn problem(&self) -> &str {
        self.problem.as_deref().unwrap_or_default()
    }

    /// What is kept of it.
    pub(super) fn entry(&self, number: i64) -> Value {
        let mut entry = json!({
            "at": self.at.to_iso(),
            "attempt": number,
            "outcome": if self.arrived { "delivered" } else { "failed" },
            "duration_ms": u64::try_from(self.took.as_millis()).unwrap_or(u64::MAX),
        });
        if let Some(members) = entry.as_object_mut() {
            let told = [
                ("status", self.status.map(Value::from)),
                ("error", self.problem.clone().map(Value::from)),
                ("answer", self.answer.clone().map(Value::from)),
            ];
            members.extend(told.into_iter().filter_map(|(name, value)| Some((name.to_owned(), value?))));
        }
        entry
    }
}

/// Sends a message once. `None` if it is not there any more.
pub(super) async fn make(app: &App, parcel: &Parcel) -> Option<Verdict> {
    let at = app.clock.now();
    let request = match request(app, parcel, at) {
        Ok(request) => request?,
        Err(error) => return Some(unsigned(at, &error)),
    };
    #[expect(clippy::disallowed_methods, reason = "how long it took, whatever the clock is set to")]
    let started = Instant::now();
    let outcome = external::send(app, request).await;
    let took = started.elapsed();
    Some(match outcome {
        Ok(answer) => {
            let status = answer.status;
            let arrived = (200..300).contains(&status);
            let wish = answer.header("retry-after").and_then(|wish| external::retry_after(wish, app.clock.now()));
            let mut text = String::from_utf8_lossy(&answer.body).into_owned();
            text.truncate(text.floor_char_boundary(KEPT));
            let problem = (!arrived).then(|| format!("The receiver answered {status}; 2xx was expected"));
            let (answer, is_unwanted) = (Some(text).filter(|text| !text.is_empty()), status == 410);
            Verdict { at, took, arrived, is_unwanted, wish, status: Some(status), answer, problem }
        }
        Err(failure) => failed(at, took, failure.text, None),
    })
}

fn failed(at: Timestamp, took: Duration, problem: String, wish: Option<i64>) -> Verdict {
    let problem = Some(problem);
    Verdict { at, took, arrived: false, is_unwanted: false, wish, status: None, answer: None, problem }
}

/// Not the receiver's fault, and over when the operator has put it right.
fn unsigned(at: Timestamp, error: &Error) -> Verdict {
    log::error!("A message cannot be signed: {error:?}");
    failed(at, Duration::ZERO, error.message().to_owned(), Some(UNSIGNED))
}

fn request(app: &App, parcel: &Parcel, at: Timestamp) -> Result<Option<Request>> {
    let Some(endpoint) = app.endpoint(parcel.hook)? else { return Ok(None) };
    let Some(body) = app.store.peek(|tx| delivery::body(tx, parcel.id))? else { return Ok(None) };
    let body = body.into_bytes();
    let signature = sign(&endpoint.signing_keys(at)?, &parcel.message, at, &body);
    let headers = [
        ("Content-Type", "application/json".to_owned()),
        ("webhook-id", parcel.message.clone()),
        ("webhook-timestamp", seconds(at)),
        ("webhook-signature", signature),
    ];
    Ok(Some(Request {
        method: Method::Post,
        url: endpoint.hook.url.clone(),
        headers: headers.map(|(name, value)| (name.to_owned(), value)).to_vec(),
        body,
        timeout: Some(app.config.hooks.timeout),
        answer_limit: None,
    }))
}
