//! Synchronous calls: a request that waits for the end of the run that it began, and is answered with what that came to.
//! When a run is over is not decided here.

use std::time::Duration;

use actix_web::http::StatusCode;
use actix_web::http::header::{CONTENT_SECURITY_POLICY, CONTENT_TYPE, HeaderName, HeaderValue};
use percent_encoding::utf8_percent_encode;
use serde::Serialize;
use serde_json::value::RawValue;
use serde_json::{Value, json};
use utoipa::ToSchema;

use crate::app::App;
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::facade::v1::call::Call;
use crate::facade::v1::parameter::WAIT;
use crate::facade::v1::record::ESCAPED;
use crate::facade::v1::reply::{Instead, Reply};
use crate::operation::execute;
use crate::operation::wait::{AwaitRun, AwaitWebhookRun, Response, RunEnd};

const PREFER: &str = "prefer";
const PREFERENCE_APPLIED: HeaderName = HeaderName::from_static("preference-applied");
const RUN_ID: HeaderName = HeaderName::from_static("x-run-id");

/// Headers that are the gateway's own, or belong to the connection, and that no flow sets.
const RESERVED: [&str; 25] = [
    "connection",
    "content-encoding",
    "content-length",
    "content-security-policy",
    "date",
    "host",
    "idempotency-replayed",
    "keep-alive",
    "preference-applied",
    "proxy-authenticate",
    "proxy-authorization",
    "proxy-connection",
    "ratelimit",
    "ratelimit-policy",
    "server",
    "set-cookie",
    "set-cookie2",
    "strict-transport-security",
    "te",
    "trailer",
    "transfer-encoding",
    "upgrade",
    "x-content-type-options",
    "x-request-id",
    "x-run-id",
];

/// A wish to wait.
#[derive(Clone, Copy, Debug)]
pub struct Wanted {
    seconds: u64,
    /// Whether it was said with `Prefer`, and is to be told that it was heard.
    is_preference: bool,
}

/// The run that a reply waits for.
#[derive(Debug)]
pub struct Awaited {
    uuid: String,
    wanted: Wanted,
}

/// What came of a run that was waited for.
#[derive(Serialize, ToSchema)]
pub struct AwaitedRun {
    /// Its number within the record.
    run: i64,
    /// `finished`, `moved` (the record is in another flow now) or `running` (it did not end in time).
    status: &'static str,
    /// What the last step gave, or the record's data if none gave anything; of a run that has finished.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Value, nullable = false, required = false)]
    output: Option<Box<RawValue>>,
}

impl Wanted {
    /// The wish of whoever set up what is posted to.
    pub fn by_setting(app: &App, seconds: u32) -> Option<Wanted> {
        let seconds = u64::from(seconds).min(app.config.engine.longest_wait.as_secs());
        (seconds > 0).then_some(Wanted { seconds, is_preference: false })
    }

    /// Waiting for the run of that record.
    pub fn of(self, uuid: &str) -> Awaited {
        Awaited { uuid: uuid.to_owned(), wanted: self }
    }
}

/// Whether the call is to wait, and for how long at most.
/// # Errors
/// Something else than a number of seconds in the address; what is no number in `Prefer` is passed over (RFC 7240 §2).
pub fn wanted(call: &Call<'_>) -> Result<Option<Wanted>> {
    let most = call.app.config.engine.longest_wait.as_secs();
    let (seconds, is_preference) = match call.parameters.get(&WAIT)? {
        Some(text) => {
            let seconds = text.trim().parse::<u64>();
            (seconds.map_err(|_| Error::invalid("wait must be a whole number of seconds from 0"))?, false)
        }
        None => match preferred(call) {
            Some(seconds) => (seconds, true),
            None => return Ok(None),
        },
    };
    Ok(Some(Wanted { seconds: seconds.min(most), is_preference }).filter(|wanted| wanted.seconds > 0))
}

/// The seconds that `Prefer` asks for: of the preferences in all its lines, the first that is called so.
fn preferred(call: &Call<'_>) -> Option<u64> {
    let lines = call.headers().get_all(PREFER).filter_map(|line| line.to_str().ok());
    let preferences = lines.flat_map(|line| line.split(',')).filter_map(|item| item.split(';').next());
    let mut named = preferences.filter_map(|preference| preference.split_once('='));
    let (_, seconds) = named.find(|(name, _)| name.trim().eq_ignore_ascii_case("wait"))?;
    seconds.trim().trim_matches('"').parse().ok()
}

/// Waits, and makes the reply that the run came to.
pub async fn finish(app: &App, caller: Option<&Caller>, mut reply: Reply) -> Result<Reply> {
    let Some(Awaited { uuid, wanted }) = reply.awaited.take() else { return Ok(reply) };
    let caller = caller.ok_or_else(|| Error::internal("an endpoint without access has no caller"))?;
    let patience = Duration::from_secs(wanted.seconds);
    let operation = AwaitRun { uuid: uuid.clone(), patience };
    let awaited = match caller.webhook() {
        None => execute(app, caller, operation).await?,
        Some(_) => execute(app, caller, AwaitWebhookRun(operation)).await?,
    };
    let id = format!("{}.{}", utf8_percent_encode(&uuid, ESCAPED), awaited.run);
    let told = |status, output| AwaitedRun { run: awaited.run, status, output };
    match awaited.end {
        RunEnd::Responded(response) => respond(&mut reply, response)?,
        RunEnd::Finished(output) => {
            let output = RawValue::from_string(output).map_err(Error::internal)?;
            add(&mut reply, &told("finished", Some(output)))?;
        }
        RunEnd::Moved => add(&mut reply, &told("moved", None))?,
        RunEnd::UnderWay => {
            add(&mut reply, &told("running", None))?;
            reply.status = Some(StatusCode::ACCEPTED);
            reply.message = Some("Data Record is created successfully, and its run has not ended yet".to_owned());
        }
        RunEnd::Failed(failure) => {
            let name = if failure.name.is_empty() { &failure.step } else { &failure.name };
            let message = format!("The run failed at the step '{name}': {}", failure.message);
            let error = failure.error.unwrap_or_default();
            let step = json!({"id": failure.step, "name": failure.name});
            let run = json!({"uuid": uuid, "run": awaited.run, "step": step, "error": error});
            reply.status = Some(StatusCode::INTERNAL_SERVER_ERROR);
            reply.instead = Some(Instead::Failure(message, run.to_string()));
        }
    }
    reply.headers.extend(HeaderValue::from_str(&id).ok().map(|id| (RUN_ID, id)));
    if wanted.is_preference {
        let applied = HeaderValue::from_str(&format!("wait={}", wanted.seconds)).map_err(Error::internal)?;
        reply.headers.push((PREFERENCE_APPLIED, applied));
    }
    Ok(reply)
}

/// Adds what came of the run to the resource, of which nothing else is changed.
fn add(reply: &mut Reply, run: &AwaitedRun) -> Result<()> {
    let run = serde_json::to_string(run).map_err(Error::internal)?;
    let members = reply.resource.strip_suffix('}').ok_or_else(|| Error::internal("a record that is no object"))?;
    let comma = if members == "{" { "" } else { "," };
    reply.resource = format!(r#"{members}{comma}"run":{run}}}"#);
    Ok(())
}

/// What the flow responds with, as it says, but for headers that are not its own.
pub fn respond(reply: &mut Reply, response: Response) -> Result<()> {
    let Response { status, headers, body } = response;
    reply.status = Some(StatusCode::from_u16(status).map_err(Error::internal)?);
    reply.location = None;
    let mut media_type = HeaderValue::from_static("application/json");
    let mut is_its_own = false;
    for (name, value) in headers {
        // A name or a value that would not fit into a line is none.
        let (Ok(name), Some(Ok(value))) =
            (HeaderName::from_bytes(name.as_bytes()), value.as_str().map(HeaderValue::from_str))
        else {
            continue;
        };
        match name {
            CONTENT_TYPE => (media_type, is_its_own) = (value, true),
            name if is_reserved(name.as_str()) => {}
            name => reply.headers.push((name, value)),
        }
    }
    let text = match body {
        Value::String(text) if is_its_own => text,
        body => serde_json::to_string(&body).map_err(Error::internal)?,
    };
    reply.headers.push((CONTENT_TYPE, media_type));
    // It must not become a page of the gateway's own.
    reply.headers.push((CONTENT_SECURITY_POLICY, HeaderValue::from_static("default-src 'none'; sandbox")));
    reply.instead = Some(Instead::Verbatim(text));
    Ok(())
}

fn is_reserved(name: &str) -> bool {
    RESERVED.contains(&name) || name.starts_with("x-ratelimit-") || name.starts_with("access-control-")
}
