//! What happened to records: the runs, their attempts and the notes, as people may read them.
//! How attempts come to be, and what is hidden of them, is the engine's business.

use std::collections::HashMap;

use serde::Deserialize;
use serde_json::value::RawValue;

use crate::app::App;
use crate::auth::Caller;
use crate::diagram::Diagram;
use crate::error::{Error, Result};
use crate::model::record::{Record, RecordStatus};
use crate::model::run::{Note, ShownEntry};
use crate::model::scope::Scope;
use crate::model::time::Timestamp;
use crate::operation::diagram::flow_of_record;
use crate::operation::record::{not_found, parse_uuid};
use crate::operation::{Access, Operation};
use crate::store::{record, run};

/// An attempt as it is kept.
#[derive(Deserialize)]
struct Kept {
    #[serde(default)]
    step: String,
    #[serde(default)]
    name: String,
    #[serde(default)]
    kind: String,
    #[serde(default)]
    attempt: i64,
    at: Option<i64>,
    #[serde(default)]
    duration_us: i64,
    #[serde(default)]
    outcome: String,
    from: Option<String>,
    input: Option<Box<RawValue>>,
    output: Option<Box<RawValue>>,
    error: Option<Box<RawValue>>,
    next: Option<i64>,
}

/// What a failure says, as it is kept.
#[derive(Deserialize)]
struct Failure {
    message: Option<String>,
}

fn read(entry: &ShownEntry) -> Result<Vec<Kept>> {
    serde_json::from_str(&entry.attempts).map_err(Error::internal)
}

fn message(error: &RawValue) -> String {
    let failure: Option<Failure> = serde_json::from_str(error.get()).ok();
    failure.and_then(|failure| failure.message).unwrap_or_default()
}

impl Kept {
    fn ended(&self) -> Option<Timestamp> {
        Some(Timestamp(self.at?.saturating_add(self.duration_us / 1_000)))
    }

    /// Whether the step will be tried again, or goes on, in the same run.
    fn goes_on(&self) -> bool {
        matches!(self.outcome.as_str(), "waits" | "retried" | "interrupted")
    }
}

/// A step that a run went through.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunStep {
    /// Its id.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What it does.
    pub kind: String,
    /// What became of its last attempt: done, waits, retried, continued, failed, interrupted, stopped, moved.
    pub status: String,
    /// How often it was tried.
    pub attempts: u64,
    /// When it was first tried.
    pub started: Option<Timestamp>,
    /// When its last attempt ended; `None` if it goes on.
    pub ended: Option<Timestamp>,
    /// Why its last attempt was in vain, if it was.
    pub error: Option<String>,
}

/// The steps of a run, in the order in which it came to them.
pub(super) fn steps(entries: &[ShownEntry]) -> Result<Vec<RunStep>> {
    let mut steps: Vec<RunStep> = Vec::new();
    let mut places: HashMap<String, usize> = HashMap::new();
    for entry in entries {
        for kept in read(entry)? {
            let place = *places.entry(kept.step.clone()).or_insert_with(|| {
                steps.push(RunStep {
                    id: kept.step.clone(),
                    name: kept.name.clone(),
                    kind: kept.kind.clone(),
                    status: String::new(),
                    attempts: 0,
                    started: kept.at.map(Timestamp),
                    ended: None,
                    error: None,
                });
                steps.len() - 1
            });
            let Some(step) = steps.get_mut(place) else { continue };
            // Waiting is the beginning of an attempt, whose end is told of its own.
            step.attempts += u64::from(kept.outcome != "waits");
            step.ended = kept.ended().filter(|_| !kept.goes_on());
            step.error = kept.error.as_deref().map(message);
            step.status = kept.outcome;
        }
    }
    Ok(steps)
}

/// An attempt as a line of a step's log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogLine {
    /// When it began.
    pub at: Option<Timestamp>,
    /// The attempt's number.
    pub attempt: i64,
    /// What became of it.
    pub outcome: String,
    /// Microseconds that it took.
    pub duration_us: i64,
    /// Why it was in vain, if it was.
    pub error: Option<String>,
}

/// The attempts of one step among those that were committed together.
pub(super) fn log_lines(attempts: &str, step: &str) -> Result<Vec<LogLine>> {
    let kept: Vec<Kept> = serde_json::from_str(attempts).map_err(Error::internal)?;
    let lines = kept.into_iter().filter(|kept| kept.step == step).map(|kept| LogLine {
        at: kept.at.map(Timestamp),
        attempt: kept.attempt,
        error: kept.error.as_deref().map(message),
        outcome: kept.outcome,
        duration_us: kept.duration_us,
    });
    Ok(lines.collect())
}

/// The kind and the name of the step that a record is at (`current_step`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CurrentStep<'s> {
    /// What it does; `start` before a run, `end` after one.
    pub kind: &'s str,
    /// What people call it.
    pub name: &'s str,
}

/// The step that a record of that status stands at, or failed at. Without the diagram it has but its id.
pub(super) fn current_step<'s>(
    status: RecordStatus,
    step: Option<&'s str>,
    diagram: Option<&'s Diagram>,
) -> CurrentStep<'s> {
    let has_ended = matches!(status, RecordStatus::Finished | RecordStatus::Reviewed | RecordStatus::Handled);
    match step.filter(|step| !step.is_empty()) {
        _ if has_ended => CurrentStep { kind: "end", name: "end" },
        None => CurrentStep { kind: "start", name: "start" },
        Some(id) => match diagram.and_then(|diagram| diagram.step(id)) {
            Some(step) => CurrentStep { kind: step.kind.name(), name: &step.name },
            None => CurrentStep { kind: "", name: id },
        },
    }
}

/// What a step took in a run.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Input {
    /// The output of that step, or the record's data; and the steps whose outputs the run built on.
    Taken { from: Option<String>, needed: Vec<String> },
    /// The run did not come to the step, but took over what an earlier one had done.
    TakenOver,
    /// The run did not come to the step, but built on the outputs of those steps.
    NotReached { needed: Vec<String> },
    /// The run is not kept any more.
    Gone,
}

/// What the step took in the run whose attempts these are.
pub(super) fn input_of(entries: &[ShownEntry], step: &str) -> Result<Input> {
    if entries.is_empty() {
        return Ok(Input::Gone);
    }
    let (mut needed, mut is_taken_over, mut taken) = (Vec::new(), false, None);
    for (place, entry) in entries.iter().enumerate() {
        let attempts = read(entry)?;
        is_taken_over |= place == 0 && attempts.is_empty();
        for attempt in attempts {
            if attempt.step == step {
                taken = Some(attempt.from.clone());
            }
            needed.extend(attempt.from);
        }
    }
    Ok(match taken {
        Some(from) => Input::Taken { from, needed },
        None if is_taken_over => Input::TakenOver,
        None => Input::NotReached { needed },
    })
}

/// Why a run failed.
#[derive(Debug)]
pub struct RunFailure {
    /// The step's id.
    pub step: String,
    /// The step's name.
    pub name: String,
    /// What is kept of the failure, as JSON.
    pub error: Option<Box<RawValue>>,
    /// Why, for people.
    pub message: String,
}

/// Why the run failed whose attempts these are.
pub(super) fn failure(entries: &[ShownEntry]) -> Result<Option<RunFailure>> {
    let Some(entry) = entries.last() else { return Ok(None) };
    let Some(last) = read(entry)?.pop() else { return Ok(None) };
    Ok(Some(RunFailure {
        message: last.error.as_deref().map(message).unwrap_or_else(|| "The step stopped the run".to_owned()),
        step: last.step,
        name: last.name,
        error: last.error,
    }))
}

/// Whether the run whose attempts these are ended with a move to another flow.
pub(super) fn has_moved(entries: &[ShownEntry]) -> Result<bool> {
    let Some(entry) = entries.last() else { return Ok(false) };
    Ok(read(entry)?.last().is_some_and(|last| last.outcome == "moved"))
}

/// Gives what happened to a record.
pub struct GetHistory {
    /// Its identifier.
    pub uuid: String,
}

/// What happened to a record.
#[derive(Debug)]
pub struct History {
    /// The record.
    pub record: Record,
    /// Its flow's name.
    pub flow_name: String,
    /// Its runs, oldest first.
    pub runs: Vec<Run>,
    /// Whether these are all the runs that are kept: of a history that is too long, the latest part is given.
    pub is_complete: bool,
    /// What people noted.
    pub notes: Vec<Note>,
}

/// One run.
#[derive(Debug)]
pub struct Run {
    /// Its number.
    pub run: i64,
    /// Whether it began at a step, with the outputs of an earlier run.
    pub is_partial: bool,
    /// What was done.
    pub attempts: Vec<RunAttempt>,
}

/// One attempt of a step.
#[derive(Debug)]
pub struct RunAttempt {
    /// The step.
    pub step: String,
    /// Its name.
    pub name: String,
    /// What it does.
    pub kind: String,
    /// The attempt's number.
    pub attempt: i64,
    /// When it began.
    pub started: Option<Timestamp>,
    /// Microseconds that it took.
    pub duration_us: i64,
    /// What became of it.
    pub outcome: String,
    /// The step whose output it took; `None` for the record's data.
    pub from: Option<String>,
    /// What it took, as JSON; `None` if that is not kept any more.
    pub input: Option<Box<RawValue>>,
    /// What it gave.
    pub output: Option<Box<RawValue>>,
    /// Why it was in vain.
    pub error: Option<Box<RawValue>>,
    /// When it was to go on.
    pub next: Option<Timestamp>,
}

impl Operation for GetHistory {
    const NAME: &'static str = "getHistory";
    const ACCESS: Access = Access::Scope(Scope::RecordRead);
    type Output = History;

    async fn run(self, app: &App, caller: &Caller) -> Result<History> {
        let uuid = parse_uuid(&self.uuid)?;
        let customer = caller.customer().id;
        // What comes back is no more than what may be sent.
        let most = app.config.server.body_limit;
        let bytes = i64::try_from(most).unwrap_or(i64::MAX);
        let (record, (entries, is_complete), notes) = app
            .store
            .read(move |tx| {
                let record = record::find(tx, customer, &uuid)?.ok_or_else(|| not_found(&uuid))?;
                let entries = run::shown_history(tx, record.id, bytes)?;
                let notes = run::notes(tx, record.id)?;
                Ok((record, entries, notes))
            })
            .await?;
        let flow_name = flow_of_record(app, customer, record.flow)?.flow.name.clone();
        Ok(History { record, flow_name, runs: runs(&entries, most)?, is_complete, notes })
    }
}

/// Puts attempts together again with what they took, which is kept where it was given. That is repeated up to so many
/// bytes.
fn runs(entries: &[ShownEntry], most: usize) -> Result<Vec<Run>> {
    let mut runs: Vec<Run> = Vec::new();
    let mut given: HashMap<String, Box<RawValue>> = HashMap::new();
    let mut left = most;
    for entry in entries {
        let attempts = read(entry)?;
        if runs.last().is_none_or(|run| run.run != entry.run) {
            let is_partial = attempts.is_empty();
            if !is_partial {
                given.clear();
            }
            runs.push(Run { run: entry.run, is_partial, attempts: Vec::new() });
        }
        let Some(run) = runs.last_mut() else { continue };
        for kept in attempts {
            let taken = kept.from.as_ref().and_then(|from| given.get(from));
            let repeated = taken.filter(|taken| taken.get().len() <= left).cloned();
            left = left.saturating_sub(repeated.as_ref().map_or(0, |repeated| repeated.get().len()));
            let input = kept.input.or(repeated);
            let passed_on = match kept.outcome.as_str() {
                "continued" => Some(told(kept.error.as_deref(), input.as_deref())?),
                _ => kept.output.clone(),
            };
            if let Some(output) = passed_on {
                given.insert(kept.step.clone(), output);
            }
            run.attempts.push(RunAttempt {
                step: kept.step,
                name: kept.name,
                kind: kept.kind,
                attempt: kept.attempt,
                started: kept.at.map(Timestamp),
                duration_us: kept.duration_us,
                outcome: kept.outcome,
                from: kept.from,
                input,
                output: kept.output,
                error: kept.error,
                next: kept.next.map(Timestamp),
            });
        }
    }
    Ok(runs)
}

/// What the step after a failure is told that the run goes on from.
fn told(error: Option<&RawValue>, input: Option<&RawValue>) -> Result<Box<RawValue>> {
    let part = |value: Option<&RawValue>| value.map_or("null", RawValue::get).to_owned();
    RawValue::from_string(format!(r#"{{"error":{},"input":{}}}"#, part(error), part(input))).map_err(Error::internal)
}
