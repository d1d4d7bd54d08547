//! Runs: a record on its way through a flow, as the engine takes it up, leaves it, and tells what happened.
//! What the steps do is not known here.

use crate::model::account::CustomerId;
use crate::model::flow::FlowId;
use crate::model::record::RecordStatus;
use crate::model::time::Timestamp;

/// A record that the engine has taken up, and where it stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claim {
    /// The record's own number.
    pub record: i64,
    /// Whose record it is.
    pub customer: CustomerId,
    /// Its public identifier.
    pub uuid: String,
    /// The flow it runs through.
    pub flow: FlowId,
    /// That flow's version.
    pub flow_version: i64,
    /// The step it stands at; empty at the beginning of a run.
    pub step: String,
    /// The step whose output that one takes; `None`: it takes the record's data.
    pub input_step: Option<String>,
    /// The run's number within the record, from 1.
    pub run: i64,
    /// How often the step was tried in vain.
    pub attempt: i64,
    /// The record whose run waits for the end of this one's.
    pub parent: Option<i64>,
    /// How many records deep it was made by flows.
    pub depth: i64,
    /// How often flows have moved it on since somebody else put it where it was.
    pub moves: i64,
    /// When it was accepted.
    pub created: Timestamp,
    /// Its data, unless they are too large to be read for many records at once.
    pub data: Option<String>,
    /// What tells this claim from every other: a write that does not name it changes nothing.
    pub lease: String,
}

/// A flow with records that wait in the queue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lane {
    /// Whose flow it is.
    pub customer: CustomerId,
    /// The flow.
    pub flow: FlowId,
    /// When the first of them is due.
    pub due: Timestamp,
}

/// One row of what happened: the attempts that were committed together.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogEntry {
    /// The run.
    pub run: i64,
    /// When it was committed.
    pub at: Timestamp,
    /// The attempts, as a JSON array; capped and masked.
    pub attempts: String,
    /// The outputs of the steps done, as a JSON object; whole.
    pub outputs: String,
}

/// The same as people may see it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShownEntry {
    /// The run.
    pub run: i64,
    /// The attempts, as a JSON array; empty where the outputs of an earlier run were taken over.
    pub attempts: String,
}

/// A record that may be run again.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// The record's own number.
    pub record: i64,
    /// Its flow.
    pub flow: FlowId,
    /// The flow's version that it runs through.
    pub flow_version: i64,
    /// Where it stands.
    pub status: RecordStatus,
    /// How often it ran.
    pub num_runs: i64,
}

/// What a person noted when marking a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Note {
    /// When.
    pub at: Timestamp,
    /// Who.
    pub actor: String,
    /// The status that the record was given.
    pub status: i64,
    /// The text.
    pub note: String,
}
