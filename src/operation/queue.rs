//! The queue: pausing, resuming, starting and taking out records that wait, and moving records to other flows.
//! How a record is run once its time has come is not known here.

use std::collections::HashSet;

use crate::app::App;
use crate::auth::Caller;
use crate::error::{Code, Error, Result};
use crate::model::account::CustomerId;
use crate::model::flow::FlowId;
use crate::model::record::{Hold, Place, RecordStatus};
use crate::model::scope::Scope;
use crate::model::time::Timestamp;
use crate::operation::content::{Demands, MOST_RECORDS};
use crate::operation::diagram::{FlowReference, flow_of};
use crate::operation::record::{accepting_version, not_found, parse_uuid};
use crate::operation::{Access, Operation};
use crate::store::record::{self, Begin, Standing};
use crate::store::{Tx, field};

/// What can be done to a record in the queue, named as document 003 names it (`X-Queue-Status`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum QueueAction {
    /// Keeps a record that waits in the queue from running.
    Pause,
    /// Puts a record that was paused or taken out back into the queue, for the time at which it was due.
    Resume,
    /// Makes a record due now, whether it waits, is held or has failed; one that has failed runs from the beginning.
    Execute,
    /// Takes a record out of the queue; the record itself stays.
    Remove,
    /// Makes a record that has failed due now, at the step it failed at; the steps before that are not repeated.
    Continue,
}

impl QueueAction {
    /// Every action.
    pub const ALL: [QueueAction; 5] =
        [QueueAction::Pause, QueueAction::Resume, QueueAction::Execute, QueueAction::Remove, QueueAction::Continue];

    /// The documented name.
    pub fn name(self) -> &'static str {
        match self {
            QueueAction::Pause => "pause-queue",
            QueueAction::Resume => "resume-queue",
            QueueAction::Execute => "execute-queue",
            QueueAction::Remove => "delete-from-queue",
            QueueAction::Continue => "resume-and-continue",
        }
    }

    /// Reads the documented name, in any case.
    /// # Errors
    /// There is no such action.
    pub fn parse(text: &str) -> Result<QueueAction> {
        let named = QueueAction::ALL.into_iter().find(|action| action.name().eq_ignore_ascii_case(text));
        named.ok_or_else(|| {
            let names = QueueAction::ALL.map(QueueAction::name).join(", ");
            Error::invalid(format!("The queue status must be one of {names}"))
        })
    }

    /// What has been done, as the documented sentence of [`QueueAction::Continue`] says it.
    fn done(self) -> &'static str {
        match self {
            QueueAction::Pause => "paused",
            QueueAction::Resume => "resumed",
            QueueAction::Execute => "executed",
            QueueAction::Remove => "deleted from the queue",
            QueueAction::Continue => "resumed from error status",
        }
    }

    /// Where the action takes a record; `None` if it cannot be taken from where it stands.
    fn target(self, standing: Standing, now: Timestamp) -> Option<Standing> {
        let Standing { place, due } = standing;
        let waits = matches!(place.status, RecordStatus::Waiting | RecordStatus::Scheduled);
        let held = |hold| Some(Standing { place: Place { status: RecordStatus::Waiting, hold }, due });
        match self {
            QueueAction::Pause if place.is_queued() => held(Hold::Paused),
            QueueAction::Remove if waits && place.hold != Hold::Removed => held(Hold::Removed),
            QueueAction::Resume if waits && place.hold != Hold::None => Some(queued(due, now)),
            QueueAction::Execute if waits => Some(queued(now, now)),
            QueueAction::Execute | QueueAction::Continue if place.status == RecordStatus::Failed => {
                Some(queued(now, now))
            }
            _ => None,
        }
    }
}

/// In the queue for that time.
fn queued(due: Timestamp, now: Timestamp) -> Standing {
    let status = if due > now { RecordStatus::Scheduled } else { RecordStatus::Waiting };
    Standing { place: Place { status, hold: Hold::None }, due }
}

/// Changes where records stand in the queue (document 003, record/changestatus). Those that can be changed are, whatever
/// becomes of the others.
pub struct ChangeQueueStatus {
    /// The records' identifiers. One that is named twice counts once.
    pub uuids: Vec<String>,
    /// What to do to them.
    pub action: QueueAction,
}

/// What became of the records that a request named.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueChanges {
    /// They, in the order in which they were first named.
    pub records: Vec<QueueChange>,
    /// How many of them were changed; at least one.
    pub changed: usize,
    /// The documented sentence.
    pub message: String,
}

/// What became of one record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QueueChange {
    /// Its identifier.
    pub uuid: String,
    /// Where it stands now, or a sentence that says why it was not changed.
    pub outcome: std::result::Result<Place, String>,
}

impl Operation for ChangeQueueStatus {
    const NAME: &'static str = "changeQueueStatus";
    const ACCESS: Access = Access::Scope(Scope::Record);
    type Output = QueueChanges;

    async fn run(self, app: &App, caller: &Caller) -> Result<QueueChanges> {
        let (customer, now, action) = (caller.customer().id, app.clock.now(), self.action);
        let uuids = distinct(self.uuids)?;
        app.store
            .write(move |tx| {
                let records = change_each(uuids, |uuid| change_place(tx, customer, uuid, action, now))?;
                let changed = changed(&records);
                Ok(QueueChanges { records, changed, message: format!("{changed} datarecords {}", action.done()) })
            })
            .await
    }
}

fn change_place(
    tx: &mut dyn Tx,
    customer: CustomerId,
    uuid: &str,
    action: QueueAction,
    now: Timestamp,
) -> Result<Attempt> {
    let Some(found) = record::find_standing(tx, customer, uuid)? else { return Ok(Attempt::Unknown) };
    let refused = || Attempt::Refused(refusal(uuid, found.place, action.done()));
    let Some(target) = action.target(found, now) else { return Ok(refused()) };
    // What has failed is executed as a whole, and continued where it failed.
    let anew = action == QueueAction::Execute && found.place.status == RecordStatus::Failed;
    let begin = if anew { Begin::Anew } else { Begin::There };
    match record::update_place(tx, customer, uuid, found.place, target.place, target.due, begin)? {
        true => Ok(Attempt::Done(target.place)),
        false => Ok(refused()),
    }
}

/// Moves records to another flow, at whose beginning they wait in the queue (document 003, record/movetoflow). Those
/// that can be moved are, whatever becomes of the others.
pub struct MoveToFlow {
    /// The records' identifiers. One that is named twice counts once.
    pub uuids: Vec<String>,
    /// The flow they are moved to.
    pub flow: FlowReference,
}

/// Records that were moved.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MovedRecords {
    /// The flow they were moved to.
    pub flow: FlowId,
    /// That flow's name.
    pub flow_name: String,
    /// What became of each.
    pub changes: QueueChanges,
}

impl Operation for MoveToFlow {
    const NAME: &'static str = "moveToFlow";
    const ACCESS: Access = Access::Scope(Scope::Record);
    type Output = MovedRecords;

    async fn run(self, app: &App, caller: &Caller) -> Result<MovedRecords> {
        let (customer, now) = (caller.customer().id, app.clock.now());
        let uuids = distinct(self.uuids)?;
        let demands = Demands::of(app, customer, flow_of(app, customer, &self.flow)?)?;
        let (flow, flow_name) = (demands.flow().flow.id, demands.flow().flow.name.clone());
        let version = accepting_version(&demands.flow().flow)?;
        app.store
            .write(move |tx| {
                let records = change_each(uuids, |uuid| move_one(tx, customer, uuid, &demands, version, now))?;
                let changed = changed(&records);
                let changes =
                    QueueChanges { records, changed, message: format!("{changed} flows moved to the new one") };
                Ok(MovedRecords { flow, flow_name, changes })
            })
            .await
    }
}

fn move_one(
    tx: &mut dyn Tx,
    customer: CustomerId,
    uuid: &str,
    demands: &Demands,
    version: i64,
    now: Timestamp,
) -> Result<Attempt> {
    let Some(found) = record::find_standing(tx, customer, uuid)? else { return Ok(Attempt::Unknown) };
    if !record::update_flow(tx, customer, uuid, demands.flow().flow.id, version, now)? {
        return Ok(Attempt::Refused(refusal(uuid, found.place, "moved")));
    }
    let fields = match demands.declares() {
        false => Vec::new(),
        true => {
            let stored = record::find(tx, customer, uuid)?;
            stored.map_or(Ok(Vec::new()), |stored| demands.fields(&stored.data))?
        }
    };
    field::update(tx, customer, uuid, &fields)?;
    Ok(Attempt::Done(queued(now, now).place))
}

/// What became of the attempt to change one record.
enum Attempt {
    Unknown,
    Refused(String),
    Done(Place),
}

/// Checks identifiers, and leaves out those that were named before.
pub(super) fn distinct(uuids: Vec<String>) -> Result<Vec<String>> {
    let mut seen = HashSet::new();
    let mut distinct = Vec::new();
    for uuid in uuids {
        let uuid = parse_uuid(&uuid)?;
        if seen.insert(uuid.clone()) {
            distinct.push(uuid);
        }
    }
    match distinct.len() {
        0 => Err(Error::invalid("At least one Uuid is required")),
        1..=MOST_RECORDS => Ok(distinct),
        _ => Err(Error::invalid(format!("At most {MOST_RECORDS} records can be changed together"))),
    }
}

/// Tries every record.
/// # Errors
/// `NotFound` if there is none of them, `Refused` with the first reason if none of those there are could be changed.
fn change_each(uuids: Vec<String>, mut change: impl FnMut(&str) -> Result<Attempt>) -> Result<Vec<QueueChange>> {
    let mut records = Vec::with_capacity(uuids.len());
    let (mut reason, mut none_done) = (None, true);
    for uuid in uuids {
        let outcome = match change(&uuid)? {
            Attempt::Unknown => Err(not_found(&uuid).message().to_owned()),
            Attempt::Refused(why) => {
                reason.get_or_insert_with(|| why.clone());
                Err(why)
            }
            Attempt::Done(place) => {
                none_done = false;
                Ok(place)
            }
        };
        records.push(QueueChange { uuid, outcome });
    }
    match (none_done, reason, records.as_slice()) {
        (false, ..) => Ok(records),
        (true, Some(reason), _) => Err(Error::new(Code::Refused, reason)),
        (true, None, [one]) => Err(not_found(&one.uuid)),
        (true, None, _) => Err(Error::new(Code::NotFound, "There is no data record with any of the Uuids")),
    }
}

fn changed(records: &[QueueChange]) -> usize {
    records.iter().filter(|record| record.outcome.is_ok()).count()
}

fn refusal(uuid: &str, place: Place, done: &str) -> String {
    let stands = match (place.status, place.hold) {
        (RecordStatus::Waiting | RecordStatus::Scheduled, Hold::Paused) => "is paused",
        (RecordStatus::Waiting | RecordStatus::Scheduled, Hold::Removed) => "is not in the queue",
        (RecordStatus::Waiting, Hold::None) => "waits to run",
        (RecordStatus::Scheduled, Hold::None) => "is scheduled",
        (RecordStatus::Processing, _) => "is being used",
        (RecordStatus::Finished, _) => "is finished",
        (RecordStatus::Failed, _) => "is finished with errors",
        (RecordStatus::Reviewed, _) => "is reviewed",
        (RecordStatus::Handled, _) => "has its errors handled",
    };
    format!("The data record '{uuid}' {stands} and cannot be {done}")
}
