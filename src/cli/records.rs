//! `flowgate records`: what became of records, and taking up again what failed.

use anyhow::Context as _;
use clap::{Args, Subcommand};
use indicatif::{ProgressBar, ProgressStyle};
use serde_json::{Value, json};

use super::{Global, output, session};
use crate::app::App;
use crate::auth::Caller;
use crate::error::{Code, Error};
use crate::model::search::Content;
use crate::model::time::{Timestamp, parse_duration};
use crate::operation::bulk::{MatchRecords, Refusal, Selection, TOGETHER, Tally};
use crate::operation::history::{GetHistory, History, RunAttempt};
use crate::operation::queue::{ChangeQueueStatus, QueueAction};
use crate::operation::rerun::{Mode, RerunRecords, Version};
use crate::operation::search::{SearchRecords, SearchTexts};

/// The records that one command may be about.
const MOST: usize = 10_000_000;
/// The statuses by their names.
const STATUSES: [(&str, &str); 7] = [
    ("waiting", "0"),
    ("processing", "1"),
    ("finished", "2"),
    ("failed", "3"),
    ("scheduled", "4"),
    ("reviewed", "5"),
    ("handled", "6"),
];

/// List records, show what happened to them, and run them again
#[derive(Subcommand)]
pub(super) enum Command {
    /// List records, newest first
    #[command(after_help = "Examples:\n  flowgate records list --status failed --since 24h\n  \
        flowgate records list --customer Shop --flow Leads --limit 100 --json")]
    List {
        #[command(flatten)]
        filter: Filter,
        /// How many at most
        #[arg(long, default_value_t = 20)]
        limit: u32,
    },
    /// Show a record with every attempt of its runs, and what people noted
    #[command(after_help = "Example:\n  flowgate records show order-4711 --customer Shop")]
    Show {
        /// The record's identifier
        uuid: String,
        #[command(flatten)]
        customer: Customer,
    },
    /// Take failed records up again, at the step they failed at
    #[command(after_help = "Examples:\n  flowgate records retry order-4711 order-4712\n  \
        flowgate records retry --flow Leads --since 2h\n\n\
        They go on within their run; the steps that were done are not repeated. A running server does it.")]
    Retry {
        #[command(flatten)]
        which: Which,
    },
    /// Run records again, from the beginning or from a step
    #[command(after_help = "Examples:\n  flowgate records replay order-4711 --from charge\n  \
        flowgate records replay --flow Leads --status failed --latest --dry-run")]
    Replay {
        #[command(flatten)]
        which: Which,
        /// The id of the step to begin with, which finds what the steps before it gave in the last run
        #[arg(long, value_name = "STEP")]
        from: Option<String>,
        /// Through the flow's latest version rather than the one they ran through
        #[arg(long)]
        latest: bool,
        /// Tell what would happen, and change nothing
        #[arg(long)]
        dry_run: bool,
    },
}

#[derive(Args)]
pub(super) struct Customer {
    /// The customer's name [default: the only customer]
    #[arg(long, value_name = "NAME")]
    customer: Option<String>,
}

#[derive(Args)]
pub(super) struct Filter {
    #[command(flatten)]
    customer: Customer,
    /// Those of this flow, by its name or number
    #[arg(long)]
    flow: Option<String>,
    /// Those of this status
    #[arg(long, value_parser = STATUSES.map(|(name, _)| name))]
    status: Option<String>,
    /// Those accepted since this date, or within this time: 2026-01-31, 24h
    #[arg(long, value_name = "WHEN")]
    since: Option<String>,
}

#[derive(Args)]
pub(super) struct Which {
    /// The records' identifiers
    #[arg(conflicts_with_all = ["flow", "status", "since"])]
    uuids: Vec<String>,
    #[command(flatten)]
    filter: Filter,
}

impl Filter {
    fn search(&self, app: &App, limit: u32) -> anyhow::Result<SearchRecords> {
        let status = self.status.as_deref().and_then(|name| STATUSES.iter().find(|(known, _)| *known == name));
        let since = self.since.as_deref().map(|since| match parse_duration(since) {
            Some(age) => Timestamp(app.clock.now().0.saturating_sub(age)).to_atom(),
            None => since.to_owned(),
        });
        let texts = SearchTexts {
            limit: Some(limit.to_string()),
            flow_name: self.flow.clone(),
            datarecord_status: status.map(|(_, number)| (*number).to_owned()),
            date_from: since,
            ..SearchTexts::default()
        };
        Ok(texts.parse(app, Content::Omitted)?)
    }
}

pub(super) fn run(global: &Global, command: Command) -> anyhow::Result<()> {
    let app = session::open(global)?;
    let caller = |customer: &Customer| session::operator_for_any(&app, customer.customer.as_deref());
    match command {
        Command::List { filter, limit } => list(global, &app, &caller(&filter.customer)?, &filter, limit),
        Command::Show { uuid, customer } => show(global, &app, &caller(&customer)?, uuid),
        Command::Retry { mut which } => {
            let caller = caller(&which.filter.customer)?;
            if which.uuids.is_empty() {
                // Nothing else can be continued.
                anyhow::ensure!(
                    which.filter.status.as_deref().is_none_or(|status| status == "failed"),
                    "Only records that failed can be taken up again: leave --status out"
                );
                which.filter.status = Some("failed".to_owned());
            }
            let tally = each(&app, &caller, which, |uuids| retry(&app, &caller, uuids))?;
            told(global, &tally, "taken up again")
        }
        Command::Replay { which, from, latest, dry_run } => {
            let caller = caller(&which.filter.customer)?;
            let version = if latest { Version::Latest } else { Version::Same };
            let mode = if dry_run { Mode::Dry } else { Mode::Real };
            let tally = each(&app, &caller, which, |uuids| {
                let selection = Selection::Uuids(uuids);
                session::perform(&app, &caller, RerunRecords { selection, from: from.clone(), version, mode })
            })?;
            told(global, &tally, if dry_run { "would be run again" } else { "will run again" })
        }
    }
}

fn list(global: &Global, app: &App, caller: &Caller, filter: &Filter, limit: u32) -> anyhow::Result<()> {
    let found = session::perform(app, caller, filter.search(app, limit)?)?;
    let atom = |at: Option<Timestamp>| at.map(Timestamp::to_atom);
    let rows: Vec<_> = found
        .records
        .iter()
        .map(|record| {
            [
                record.uuid.clone(),
                record.flow_name.clone(),
                record.place.status.name().to_owned(),
                found.current_step(record).name.to_owned(),
                record.num_runs.to_string(),
                record.created.to_atom(),
                atom(record.next_run).unwrap_or_default(),
            ]
        })
        .collect();
    let value: Vec<_> = found
        .records
        .iter()
        .map(|record| {
            let step = found.current_step(record);
            json!({
                "uuid": record.uuid,
                "flow": record.flow_name,
                "version": record.flow_version,
                "status": record.place.status.name(),
                "step": {"type": step.kind, "text": step.name},
                "runs": record.num_runs,
                "created": record.created.to_atom(),
                "started": atom(record.started),
                "last_run": atom(record.last_run),
                "next_run": atom(record.next_run),
            })
        })
        .collect();
    let mut text = output::table(["UUID", "FLOW", "STATUS", "STEP", "RUNS", "CREATED", "NEXT RUN"], &rows);
    if rows.is_empty() {
        text = "There are none.\n".to_owned();
    } else if usize::try_from(found.total).is_ok_and(|total| total > rows.len()) {
        text.push_str(&format!("{} of {}; --limit shows more.\n", rows.len(), found.total));
    }
    output::show(global.json, &json!({"records": value, "total": found.total}), &text)
}

fn show(global: &Global, app: &App, caller: &Caller, uuid: String) -> anyhow::Result<()> {
    let history = session::perform(app, caller, GetHistory { uuid })?;
    output::show(global.json, &history_value(&history)?, &history_text(&history))
}

fn history_text(history: &History) -> String {
    let record = &history.record;
    let mut text = format!(
        "{}, flow {} version {}: {}\nAccepted {}\n\n{}\n",
        record.uuid,
        history.flow_name,
        record.flow_version,
        record.status.name(),
        record.created.to_atom(),
        record.data
    );
    if !history.is_complete {
        text.push_str("\nOnly the latest part of what happened is shown.\n");
    }
    for run in &history.runs {
        let rows: Vec<_> = run.attempts.iter().map(attempt_row).collect();
        let begin = if run.is_partial { ", from a step" } else { "" };
        text.push_str(&format!("\nRun {}{begin}\n", run.run));
        text.push_str(&output::table(["STEP", "TYPE", "ATTEMPT", "STARTED", "TOOK", "OUTCOME", "ERROR"], &rows));
    }
    let rows: Vec<_> = history
        .notes
        .iter()
        .map(|note| [note.at.to_atom(), note.actor.clone(), note.status.to_string(), note.note.clone()])
        .collect();
    if !rows.is_empty() {
        text.push('\n');
        text.push_str(&output::table(["NOTED", "BY", "STATUS", "NOTE"], &rows));
    }
    text
}

fn attempt_row(attempt: &RunAttempt) -> [String; 7] {
    let error: Option<Value> = attempt.error.as_ref().and_then(|error| serde_json::from_str(error.get()).ok());
    let message = error.as_ref().and_then(|error| error.get("message")).and_then(Value::as_str).unwrap_or_default();
    [
        attempt.step.clone(),
        attempt.kind.clone(),
        attempt.attempt.to_string(),
        attempt.started.map(Timestamp::to_atom).unwrap_or_default(),
        format!("{} ms", attempt.duration_us / 1_000),
        attempt.outcome.clone(),
        message.chars().map(|c| if c.is_control() { ' ' } else { c }).collect(),
    ]
}

fn history_value(history: &History) -> anyhow::Result<Value> {
    let record = &history.record;
    let attempt = |attempt: &RunAttempt| {
        json!({
            "step": attempt.step,
            "name": attempt.name,
            "type": attempt.kind,
            "attempt": attempt.attempt,
            "started": attempt.started.map(Timestamp::to_atom),
            "duration_us": attempt.duration_us,
            "outcome": attempt.outcome,
            "from": attempt.from,
            "input": attempt.input,
            "output": attempt.output,
            "error": attempt.error,
            "next": attempt.next.map(Timestamp::to_atom),
        })
    };
    let runs: Vec<_> = history
        .runs
        .iter()
        .map(|run| {
            let attempts: Vec<_> = run.attempts.iter().map(attempt).collect();
            json!({"run": run.run, "partial": run.is_partial, "attempts": attempts})
        })
        .collect();
    let notes: Vec<_> = history
        .notes
        .iter()
        .map(|note| json!({"at": note.at.to_atom(), "actor": note.actor, "status": note.status, "note": note.note}))
        .collect();
    Ok(json!({
        "uuid": record.uuid,
        "flow": history.flow_name,
        "version": record.flow_version,
        "status": record.status.name(),
        "created": record.created.to_atom(),
        "data": serde_json::from_str::<Value>(&record.data).context("The record's data cannot be read")?,
        "runs": runs,
        "complete": history.is_complete,
        "notes": notes,
    }))
}

/// Does something to the records that are meant, some at a time, and shows how far that is.
fn each(
    app: &App,
    caller: &Caller,
    which: Which,
    mut work: impl FnMut(Vec<String>) -> anyhow::Result<Tally>,
) -> anyhow::Result<Tally> {
    let uuids = match which.uuids.is_empty() {
        false => return work(which.uuids),
        true => {
            let filter = which.filter.search(app, 1)?;
            session::perform(app, caller, MatchRecords { filter, most: MOST })?
        }
    };
    // Draws on standard error, and only if that is a terminal.
    let bar = ProgressBar::new(u64::try_from(uuids.len()).unwrap_or(u64::MAX))
        .with_style(ProgressStyle::with_template("{bar:40} {pos} of {len} records")?);
    let mut tally = Tally::default();
    for chunk in uuids.chunks(TOGETHER) {
        match work(chunk.to_vec()) {
            Ok(part) => tally.add(part),
            Err(error) => {
                bar.finish_and_clear();
                return Err(error.context(format!("It was done to {} of {} records", tally.changed, uuids.len())));
            }
        }
        bar.inc(u64::try_from(chunk.len()).unwrap_or_default());
    }
    bar.finish_and_clear();
    Ok(tally)
}

fn retry(app: &App, caller: &Caller, uuids: Vec<String>) -> anyhow::Result<Tally> {
    let matched = uuids.len();
    let only = uuids.first().cloned().unwrap_or_default();
    let change = ChangeQueueStatus { uuids, action: QueueAction::Continue };
    match session::perform(app, caller, change) {
        Ok(changes) => {
            let refused = changes.records.into_iter().filter_map(|change| {
                let uuid = change.uuid;
                change.outcome.err().map(|reason| Refusal { uuid, reason })
            });
            Ok(Tally { matched, changed: changes.changed, refused: refused.collect() })
        }
        // Of records that were found, none could be continued any more.
        Err(error) => match error.downcast_ref::<Error>().map(Error::code) {
            Some(Code::Refused) => {
                let refused = vec![Refusal { uuid: only, reason: error.to_string() }];
                Ok(Tally { matched, changed: 0, refused })
            }
            _ => Err(error),
        },
    }
}

fn told(global: &Global, tally: &Tally, done: &str) -> anyhow::Result<()> {
    let mut text = format!("{} of {} records {done}.\n", tally.changed, tally.matched);
    for refusal in &tally.refused {
        text.push_str(&format!("  {}\n", refusal.reason));
    }
    let refused: Vec<_> =
        tally.refused.iter().map(|refusal| json!({"uuid": refusal.uuid, "reason": refusal.reason})).collect();
    let value = json!({"matched": tally.matched, "changed": tally.changed, "refused": refused});
    output::show(global.json, &value, &text)
}
