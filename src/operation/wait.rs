//! Waiting for the end of a record's run, and what the run came to.
//! Whoever waits is woken by the engine, but believes the store alone.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use serde::Deserialize;
use serde_json::value::RawValue;
use serde_json::{Map, Value};

use crate::app::App;
use crate::auth::Caller;
use crate::error::{Error, Result};
use crate::model::account::CustomerId;
use crate::model::record::{Record, RecordStatus};
use crate::model::scope::Scope;
use crate::operation::history::{self, RunFailure};
use crate::operation::record::{not_found, parse_uuid};
use crate::operation::{Access, Operation};
use crate::store::{Tx, record, run};

/// The member of kept outputs that holds what a caller that waits is told. Steps have no such ids.
pub const REPLY: &str = ":reply";

/// Waits until the run of a record has ended, for as long as the caller wants and the settings allow.
pub struct AwaitRun {
    /// The record's identifier.
    pub uuid: String,
    /// How long.
    pub patience: Duration,
}

/// What became of a run.
#[derive(Debug)]
pub struct Awaited {
    /// The run's number within the record.
    pub run: i64,
    /// How it ended.
    pub end: RunEnd,
}

/// How a run ended.
#[derive(Debug)]
pub enum RunEnd {
    /// Well, and this is what the flow responds with.
    Responded(Response),
    /// Well, without a response; this is its last output as JSON, or else the record's data.
    Finished(String),
    /// In failure.
    Failed(RunFailure),
    /// The record went on to another flow.
    Moved,
    /// It did not end in time.
    UnderWay,
}

/// What a flow responds with.
#[derive(Debug, Deserialize)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// Headers: an object of texts.
    pub headers: Map<String, Value>,
    /// The body.
    pub body: Value,
}

impl Operation for AwaitRun {
    const NAME: &'static str = "awaitRun";
    const ACCESS: Access = Access::Scope(Scope::Record);
    type Output = Awaited;

    async fn run(self, app: &App, caller: &Caller) -> Result<Awaited> {
        wait_for(app, caller, &parse_uuid(&self.uuid)?, self.patience).await
    }
}

/// Waits until the run has ended of the record that was made of what the caller posted to a webhook.
pub struct AwaitWebhookRun(pub AwaitRun);

impl Operation for AwaitWebhookRun {
    const NAME: &'static str = "awaitWebhookRun";
    const ACCESS: Access = Access::Webhook;
    type Output = Awaited;

    async fn run(self, app: &App, caller: &Caller) -> Result<Awaited> {
        wait_for(app, caller, &self.0.uuid, self.0.patience).await
    }
}

async fn wait_for(app: &App, caller: &Caller, uuid: &str, patience: Duration) -> Result<Awaited> {
    let customer = caller.customer().id;
    let patience = patience.min(app.config.engine.longest_wait);
    let mut awaited = 1;
    let end = seen(app, customer, uuid, patience, |tx| {
        let record = record::find(tx, customer, uuid)?.ok_or_else(|| not_found(uuid))?;
        look(tx, &record, &mut awaited)
    });
    let end = end.await?.unwrap_or(RunEnd::UnderWay);
    Ok(Awaited { run: awaited, end })
}

/// Looks for something about a record, again whenever the engine lets go of it, until it is seen; `None` if that takes longer
/// than there is patience.
/// # Errors
/// Those of the look.
pub(super) async fn seen<T>(
    app: &App,
    customer: CustomerId,
    uuid: &str,
    patience: Duration,
    mut look: impl FnMut(&mut dyn Tx) -> Result<Option<T>>,
) -> Result<Option<T>> {
    #[expect(clippy::disallowed_methods, reason = "how long somebody waits, whatever the clock is set to")]
    let started = Instant::now();
    loop {
        // Before the look, so that what comes in between is not missed.
        let waiting = app.waiters.attend(customer, uuid);
        let found = app.store.peek(&mut look)?;
        let left = patience.saturating_sub(started.elapsed());
        if found.is_some() || left.is_zero() {
            return Ok(found);
        }
        waiting.woken(left).await;
    }
}

/// What the awaited run came to, if it is over. A later one that was begun by something else than a move takes its place.
fn look(tx: &mut dyn Tx, record: &Record, awaited: &mut i64) -> Result<Option<RunEnd>> {
    let is_queued = matches!(record.status, RecordStatus::Waiting | RecordStatus::Scheduled);
    let is_behind = record.num_runs > *awaited || (is_queued && record.step.is_none() && record.num_runs == *awaited);
    if is_behind {
        if history::has_moved(&run::shown(tx, record.id, *awaited)?)? {
            return Ok(Some(RunEnd::Moved));
        }
        *awaited = record.num_runs;
    }
    match record.status {
        RecordStatus::Waiting | RecordStatus::Processing | RecordStatus::Scheduled => Ok(None),
        RecordStatus::Failed => {
            let failure = history::failure(&run::shown(tx, record.id, record.num_runs)?)?;
            Ok(Some(RunEnd::Failed(failure.unwrap_or_else(|| RunFailure {
                step: record.step.clone().unwrap_or_default(),
                name: String::new(),
                error: None,
                message: "Why is not known any more".to_owned(),
            }))))
        }
        RecordStatus::Finished | RecordStatus::Reviewed | RecordStatus::Handled => result(tx, record).map(Some),
    }
}

/// What a run that ended well came to, for whoever called.
fn result(tx: &mut dyn Tx, record: &Record) -> Result<RunEnd> {
    let outputs = run::outputs(tx, record.id, record.num_runs)?;
    match latest(&outputs, REPLY)? {
        Some(reply) => serde_json::from_str(reply.get()).map(RunEnd::Responded).map_err(Error::internal),
        None => last_output(tx, record, &outputs).map(RunEnd::Finished),
    }
}

/// The last output of a record's run that ended well, as JSON text, or else the record's data.
/// # Errors
/// What is stored cannot be read.
pub fn outcome(tx: &mut dyn Tx, record: &Record) -> Result<String> {
    let outputs = run::outputs(tx, record.id, record.num_runs)?;
    last_output(tx, record, &outputs)
}

fn last_output(tx: &mut dyn Tx, record: &Record, outputs: &[String]) -> Result<String> {
    let output = match run::last_source(tx, record.id)? {
        Some(source) => latest(outputs, &source)?,
        None => None,
    };
    Ok(output.map_or_else(|| record.data.clone(), |output| output.get().to_owned()))
}

/// What was kept last under that name.
fn latest(outputs: &[String], name: &str) -> Result<Option<Box<RawValue>>> {
    for text in outputs.iter().rev() {
        let mut kept: BTreeMap<String, Box<RawValue>> = serde_json::from_str(text).map_err(Error::internal)?;
        if let Some(value) = kept.remove(name) {
            return Ok(Some(value));
        }
    }
    Ok(None)
}
