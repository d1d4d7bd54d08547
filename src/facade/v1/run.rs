//! `/v1/record/history`, `/v1/record/rerun` and `/v1/record/mark`: what happened to records, running them again, and
//! saying that somebody took care of them.

use serde::{Deserialize, Serialize};
use serde_json::Number;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::error::{Error, Result};
use crate::facade::v1::call::Call;
use crate::facade::v1::content;
use crate::facade::v1::reply::Reply;
use crate::model::record::RecordStatus;
use crate::model::search::Content;
use crate::model::time::{TimeZone, Timestamp};
use crate::operation::bulk::{Selection, Tally};
use crate::operation::execute;
use crate::operation::history::{GetHistory, History, Run, RunAttempt};
use crate::operation::mark::{Mark, MarkRecords};
use crate::operation::rerun::{Mode, RerunRecords, Version};
use crate::operation::search::SearchTexts;

/// What happened to a record.
#[derive(Serialize, ToSchema)]
pub struct ShownHistory {
    /// The record's identifier.
    uuid: String,
    /// Its flow's number.
    flow_id: String,
    /// Its flow's name.
    flow_name: String,
    /// Its status, 0 to 6.
    flow_status: String,
    /// The name of its status.
    flow_status_name: &'static str,
    /// Its runs, oldest first.
    runs: Vec<ShownRun>,
    /// Whether these are all the runs that are kept. Of a history that is too long for a reply, the latest part is told.
    complete: bool,
    /// What people noted when they marked the record, oldest first.
    notes: Vec<ShownNote>,
}

/// One run of a record.
#[derive(Serialize, ToSchema)]
pub struct ShownRun {
    /// Its number.
    run: i64,
    /// Whether it began at a step, with what an earlier run had come to before it.
    partial: bool,
    /// What was done, in order.
    attempts: Vec<ShownAttempt>,
}

/// One attempt of a step. Long values are cut (`bytes`, `beginning`), and those that are to be hidden are `***`.
#[derive(Serialize, ToSchema)]
pub struct ShownAttempt {
    /// The step's id.
    step: String,
    /// Its name.
    name: String,
    /// What it does.
    r#type: String,
    /// The attempt's number.
    attempt: i64,
    /// When it began.
    date_started: String,
    /// Microseconds that it took.
    duration_us: i64,
    /// What became of it: done, waits, retried, continued, failed, interrupted, stopped or moved.
    outcome: String,
    /// The step whose output it took; absent for the record's data.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    from: Option<String>,
    /// What it took.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Value, required = false)]
    input: Option<Box<RawValue>>,
    /// What it gave.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Value, required = false)]
    output: Option<Box<RawValue>>,
    /// Why it was in vain: `kind`, `message` and what else there is to know.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Value, required = false)]
    error: Option<Box<RawValue>>,
    /// When it was to go on or to be tried again.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    date_next: Option<String>,
}

/// What somebody noted.
#[derive(Serialize, ToSchema)]
pub struct ShownNote {
    /// When.
    date: String,
    /// Who.
    actor: String,
    /// The status that the record was given, 5 or 6.
    flow_status: String,
    /// The name of that status.
    flow_status_name: &'static str,
    /// The text.
    note: String,
}

/// Which records to run again, and how.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RerunBody {
    /// The records' identifiers; either these or a filter.
    #[serde(default, deserialize_with = "content::given")]
    #[schema(nullable = false, min_items = 1, max_items = 10_000)]
    uuids: Option<Vec<RecordName>>,
    /// Those that a search would find.
    #[serde(default, deserialize_with = "content::given")]
    #[schema(nullable = false)]
    filter: Option<RerunFilter>,
    /// The id of the step to begin with; absent for the beginning.
    #[serde(default, deserialize_with = "content::given")]
    #[schema(nullable = false, min_length = 1, max_length = 64)]
    from: Option<String>,
    /// The version of their flow: `same` as they ran through (so if absent), or the `latest`.
    #[serde(default, deserialize_with = "content::given")]
    #[schema(nullable = false, pattern = "^(same|latest)$")]
    version: Option<String>,
    /// Whether to tell only what would happen.
    #[serde(default)]
    dry_run: bool,
}

/// The filters of a search; at least one.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RerunFilter {
    /// The record of this identifier alone.
    #[serde(default, deserialize_with = "content::given")]
    #[schema(nullable = false)]
    uuid: Option<String>,
    /// Those of this flow alone, by its number or its name.
    #[serde(default, deserialize_with = "content::given")]
    #[schema(nullable = false)]
    flow_name: Option<String>,
    /// Those of this status alone, 0 to 6.
    #[serde(default, deserialize_with = "content::given")]
    #[schema(nullable = false)]
    datarecord_status: Option<TextOrNumber>,
    /// Those that have this data field.
    #[serde(default, deserialize_with = "content::given")]
    #[schema(nullable = false)]
    datafield_name: Option<String>,
    /// The value that the data field must have.
    #[serde(default, deserialize_with = "content::given")]
    #[schema(nullable = false)]
    datafield_value: Option<String>,
    /// Which date the two bounds are about: `date_created`, `date_started` or `date_last_run`.
    #[serde(default, deserialize_with = "content::given")]
    #[schema(nullable = false)]
    date_type: Option<String>,
    /// The earliest date.
    #[serde(default, deserialize_with = "content::given")]
    #[schema(nullable = false)]
    date_from: Option<String>,
    /// The latest date; it is included.
    #[serde(default, deserialize_with = "content::given")]
    #[schema(nullable = false)]
    date_to: Option<String>,
}

/// The identifier of a data record.
#[derive(Deserialize, ToSchema)]
#[schema(min_length = 1, max_length = 255, pattern = r"^[^\x00-\x1f\x7f-\x9f]+$")]
pub struct RecordName(String);

/// A number, or its digits as a text.
#[derive(Deserialize, ToSchema)]
#[serde(untagged, expecting = "a text or an integer was expected")]
pub enum TextOrNumber {
    /// A text.
    Text(String),
    /// A number.
    #[schema(value_type = i64)]
    Number(Number),
}

impl TextOrNumber {
    /// The text, or the number's digits.
    pub fn into_text(self) -> String {
        match self {
            TextOrNumber::Text(text) => text,
            TextOrNumber::Number(number) => content::digits(&number),
        }
    }
}

/// Which records to mark, and how.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct MarkBody {
    /// The records' identifiers.
    #[schema(min_items = 1, max_items = 10_000)]
    uuids: Vec<RecordName>,
    /// `reviewed`: somebody looked at it; `handled`: its errors were dealt with.
    #[schema(pattern = "^(reviewed|handled)$")]
    status: String,
    /// Why, for people.
    #[serde(default)]
    #[schema(max_length = 2_000)]
    note: String,
}

/// How many records it was done to.
#[derive(Serialize, ToSchema)]
pub struct ShownTally {
    /// Records that were meant.
    matched: usize,
    /// Those it was done to, or would be done to.
    changed: usize,
    /// Those it could not be done to, the first 100 of them.
    refused: Vec<RefusedRecord>,
}

/// A record to which it could not be done.
#[derive(Serialize, ToSchema)]
pub struct RefusedRecord {
    /// Its identifier.
    uuid: String,
    /// Why.
    reason: String,
}

/// GET /v1/record/history and /v1/record/{uuid}/history.
pub async fn history(call: &Call<'_>) -> Result<Reply> {
    let history = execute(call.app, call.caller()?, GetHistory { uuid: call.uuid()? }).await?;
    let zone = &call.app.config.api.time_zone;
    let History { record, flow_name, runs, is_complete, notes } = history;
    Reply::of(&ShownHistory {
        uuid: record.uuid,
        flow_id: record.flow.0.to_string(),
        flow_name,
        flow_status: record.status.number().to_string(),
        flow_status_name: record.status.name(),
        runs: runs.into_iter().map(|run| shown_run(run, zone)).collect(),
        complete: is_complete,
        notes: notes
            .into_iter()
            .map(|note| ShownNote {
                date: note.at.to_date_time(zone),
                actor: note.actor,
                flow_status: note.status.to_string(),
                flow_status_name: RecordStatus::from_number(note.status).map_or("", RecordStatus::name),
                note: note.note,
            })
            .collect(),
    })
}

fn shown_run(run: Run, zone: &TimeZone) -> ShownRun {
    let attempts = run.attempts.into_iter().map(|attempt| shown_attempt(attempt, zone)).collect();
    ShownRun { run: run.run, partial: run.is_partial, attempts }
}

fn shown_attempt(attempt: RunAttempt, zone: &TimeZone) -> ShownAttempt {
    let date = |at: Option<Timestamp>| at.map(|at| at.to_date_time(zone));
    ShownAttempt {
        step: attempt.step,
        name: attempt.name,
        r#type: attempt.kind,
        attempt: attempt.attempt,
        date_started: date(attempt.started).unwrap_or_default(),
        duration_us: attempt.duration_us,
        outcome: attempt.outcome,
        from: attempt.from,
        input: attempt.input,
        output: attempt.output,
        error: attempt.error,
        date_next: date(attempt.next),
    }
}

/// POST /v1/record/rerun.
pub async fn rerun(call: &Call<'_>) -> Result<Reply> {
    let RerunBody { uuids, filter, from, version, dry_run } = content::value(call)?;
    let selection = match (uuids, filter) {
        (Some(uuids), None) => Selection::Uuids(names(uuids)),
        (None, Some(filter)) => Selection::Filter(filter.texts().parse(call.app, Content::Omitted)?),
        _ => return Err(Error::invalid("The body must have either uuids or a filter")),
    };
    let version = version.as_deref().map(Version::parse).transpose()?.unwrap_or_default();
    let mode = if dry_run { Mode::Dry } else { Mode::Real };
    let tally = execute(call.app, call.caller()?, RerunRecords { selection, from, version, mode }).await?;
    let message = match mode {
        Mode::Real => format!("{} datarecords will run again", tally.changed),
        Mode::Dry => format!("{} datarecords would run again", tally.changed),
    };
    told(tally, message)
}

fn names(uuids: Vec<RecordName>) -> Vec<String> {
    uuids.into_iter().map(|RecordName(uuid)| uuid).collect()
}

/// PUT /v1/record/mark.
pub async fn mark(call: &Call<'_>) -> Result<Reply> {
    let MarkBody { uuids, status, note } = content::value(call)?;
    let operation = MarkRecords { uuids: names(uuids), mark: Mark::parse(&status)?, note };
    let tally = execute(call.app, call.caller()?, operation).await?;
    let message = format!("{} datarecords marked", tally.changed);
    told(tally, message)
}

fn told(tally: Tally, message: String) -> Result<Reply> {
    let refused = tally.refused.into_iter().map(|refusal| RefusedRecord { uuid: refusal.uuid, reason: refusal.reason });
    let shown = ShownTally { matched: tally.matched, changed: tally.changed, refused: refused.collect() };
    let mut reply = Reply::of(&shown)?;
    reply.message = Some(message);
    Ok(reply)
}

impl RerunFilter {
    fn texts(self) -> SearchTexts {
        SearchTexts {
            limit: None,
            offset: None,
            uuid: self.uuid,
            flow_name: self.flow_name,
            datarecord_status: self.datarecord_status.map(TextOrNumber::into_text),
            datafield_name: self.datafield_name,
            datafield_value: self.datafield_value,
            date_type: self.date_type,
            date_from: self.date_from,
            date_to: self.date_to,
        }
    }
}
