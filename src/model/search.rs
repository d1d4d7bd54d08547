//! Searching records: what is shown of them, and which of those that were found.
//! What they are searched by is the store's and the operations' business.

use crate::model::flow::FlowId;
use crate::model::record::Place;
use crate::model::time::Timestamp;

/// A record as a search shows it (document 003, record/search).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundRecord {
    /// Our own number for it.
    pub id: i64,
    /// Its public identifier.
    pub uuid: String,
    /// The flow it belongs to.
    pub flow: FlowId,
    /// That flow's name.
    pub flow_name: String,
    /// The version of the flow it runs through.
    pub flow_version: i64,
    /// When it was accepted.
    pub created: Timestamp,
    /// When it first ran.
    pub started: Option<Timestamp>,
    /// When it last ran.
    pub last_run: Option<Timestamp>,
    /// When it is to run, if it waits in the queue for a time that is yet to come.
    pub next_run: Option<Timestamp>,
    /// Where it stands.
    pub place: Place,
    /// The step it stands at, or failed at: `None` while no run is under way, empty at the beginning of one.
    pub step: Option<String>,
    /// How often it ran.
    pub num_runs: i64,
    /// The value of the data field that was searched for, else of the record's first one, else empty.
    pub dynamic_value: String,
    /// Its JSON text, if the search asked for it.
    pub data: Option<String>,
}

/// A date of a record.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum DateType {
    /// When it was accepted.
    #[default]
    Created,
    /// When it first ran.
    Started,
    /// When it last ran.
    LastRun,
}

impl DateType {
    /// Every date.
    pub const ALL: [DateType; 3] = [DateType::Created, DateType::Started, DateType::LastRun];

    /// The documented name.
    pub fn name(self) -> &'static str {
        match self {
            DateType::Created => "date_created",
            DateType::Started => "date_started",
            DateType::LastRun => "date_last_run",
        }
    }

    /// The date of that name, if there is one.
    pub fn parse(name: &str) -> Option<DateType> {
        DateType::ALL.into_iter().find(|date| date.name() == name)
    }
}

/// Which of the records that were found are given, newest first.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    /// How many at most.
    pub limit: i64,
    /// How many are passed over.
    pub offset: i64,
}

/// Whether a search gives the records' data too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Content {
    /// It is not read.
    #[default]
    Omitted,
    /// It is.
    Included,
}
