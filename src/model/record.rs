//! Data records: what a customer sent, and where it stands in the queue.
//! A record carries its own run state, so that accepting one is one row.

use crate::model::account::CustomerId;
use crate::model::flow::FlowId;
use crate::model::time::Timestamp;

/// A stored record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Record {
    /// Our own number for it, ascending in the order of acceptance.
    pub id: i64,
    /// Whose record it is.
    pub customer: CustomerId,
    /// Its public identifier: the customer's own, kept as given, or a UUIDv7 of ours.
    pub uuid: String,
    /// The flow it belongs to.
    pub flow: FlowId,
    /// The version of the flow that was published when it was accepted.
    pub flow_version: i64,
    /// The JSON text of the record, byte for byte as it was sent.
    pub data: String,
    /// SHA-256 over what the insert asked for; tells a repeat from a conflict.
    pub request_hash: Vec<u8>,
    /// Where it stands.
    pub status: RecordStatus,
    /// Whether something keeps it out of the queue while it waits.
    pub hold: Hold,
    /// When it is to run: its execution time if it has one, else when it was accepted.
    pub due: Timestamp,
    /// When it was accepted.
    pub created: Timestamp,
    /// When its data last changed.
    pub modified: Timestamp,
    /// When it first ran.
    pub started: Option<Timestamp>,
    /// When it last ran.
    pub last_run: Option<Timestamp>,
    /// How often it ran.
    pub num_runs: i64,
    /// How often the step it stands at was tried in vain.
    pub attempt: i64,
    /// The step it stands at, or failed at: `None` while no run is under way, empty at the beginning of one.
    pub step: Option<String>,
}

impl Record {
    /// Where it stands.
    pub fn place(&self) -> Place {
        Place { status: self.status, hold: self.hold }
    }
}

/// A value by which a record can be searched: one of a data field that its flow or its customer's schema declares.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FieldValue {
    /// The data field's name.
    pub name: String,
    /// One of its values in the record.
    pub value: String,
}

/// The documented data-record statuses (document 003, search; contradiction C71).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum RecordStatus {
    /// 0: waits to run.
    Waiting,
    /// 1: is running.
    Processing,
    /// 2: ran to its end.
    Finished,
    /// 3: ended with errors.
    Failed,
    /// 4: waits for its execution time.
    Scheduled,
    /// 5: was looked at by a person.
    Reviewed,
    /// 6: its errors were dealt with.
    Handled,
}

impl RecordStatus {
    /// Every status, in the order of its number.
    pub const ALL: [RecordStatus; 7] = [
        RecordStatus::Waiting,
        RecordStatus::Processing,
        RecordStatus::Finished,
        RecordStatus::Failed,
        RecordStatus::Scheduled,
        RecordStatus::Reviewed,
        RecordStatus::Handled,
    ];

    /// The documented number.
    pub fn number(self) -> i64 {
        self as i64
    }

    /// The status of that number, if there is one.
    pub fn from_number(number: i64) -> Option<RecordStatus> {
        RecordStatus::ALL.into_iter().find(|status| status.number() == number)
    }

    /// The published name, `flow_status_name` (contradiction C71).
    pub fn name(self) -> &'static str {
        match self {
            RecordStatus::Waiting => "Not running",
            RecordStatus::Processing => "Processing",
            RecordStatus::Finished => "Finished",
            RecordStatus::Failed => "Finished with errors",
            RecordStatus::Scheduled => "Scheduled",
            RecordStatus::Reviewed => "Reviewed",
            RecordStatus::Handled => "Errors handled",
        }
    }

    /// Its name where programs read it, such as in metrics and messages to subscribers.
    pub fn label(self) -> &'static str {
        match self {
            RecordStatus::Waiting => "waiting",
            RecordStatus::Processing => "processing",
            RecordStatus::Finished => "finished",
            RecordStatus::Failed => "failed",
            RecordStatus::Scheduled => "scheduled",
            RecordStatus::Reviewed => "reviewed",
            RecordStatus::Handled => "handled",
        }
    }
}

/// Why a record that waits is not in the queue.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Hold {
    /// 0: nothing keeps it out.
    #[default]
    None,
    /// 1: it was paused.
    Paused,
    /// 2: it was taken out of the queue; the record itself stays.
    Removed,
}

impl Hold {
    /// Every hold, in the order of its number.
    pub const ALL: [Hold; 3] = [Hold::None, Hold::Paused, Hold::Removed];

    /// The number it is stored as.
    pub fn number(self) -> i64 {
        self as i64
    }

    /// The hold of that number, if there is one.
    pub fn from_number(number: i64) -> Option<Hold> {
        Hold::ALL.into_iter().find(|hold| hold.number() == number)
    }
}

/// Where a record stands: its status, and whether it is held back while it waits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Place {
    /// Its status.
    pub status: RecordStatus,
    /// Whether something keeps it out of the queue.
    pub hold: Hold,
}

impl Place {
    /// How the queue shows it; `None` if it is not in the queue (contradiction C71).
    pub fn queue_status(self) -> Option<QueueStatus> {
        match (self.status, self.hold) {
            (RecordStatus::Processing, _) => Some(QueueStatus::Processing),
            (RecordStatus::Failed, _) => Some(QueueStatus::Error),
            (RecordStatus::Waiting, Hold::None) => Some(QueueStatus::New),
            (RecordStatus::Scheduled, Hold::None) => Some(QueueStatus::Scheduled),
            (RecordStatus::Waiting | RecordStatus::Scheduled, Hold::Paused) => Some(QueueStatus::Paused),
            (RecordStatus::Waiting | RecordStatus::Scheduled, Hold::Removed)
            | (RecordStatus::Finished | RecordStatus::Reviewed | RecordStatus::Handled, _) => None,
        }
    }

    /// Whether the engine is to run it once it is due.
    pub fn is_queued(self) -> bool {
        matches!(self.queue_status(), Some(QueueStatus::New | QueueStatus::Scheduled))
    }
}

/// The published statuses of the queue (contradiction C71; nothing public says more than that 0 is "New").
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum QueueStatus {
    /// "0": waits to run.
    New,
    /// "1": is running.
    Processing,
    /// "2": was paused.
    Paused,
    /// "3": ended with errors.
    Error,
    /// "4": waits for its execution time.
    Scheduled,
}

impl QueueStatus {
    /// The published number, as the text that replies hold (`queue_status`).
    pub fn number(self) -> &'static str {
        match self {
            QueueStatus::New => "0",
            QueueStatus::Processing => "1",
            QueueStatus::Paused => "2",
            QueueStatus::Error => "3",
            QueueStatus::Scheduled => "4",
        }
    }

    /// The published name (`queue_status_key`).
    pub fn key(self) -> &'static str {
        match self {
            QueueStatus::New => "New",
            QueueStatus::Processing => "Processing",
            QueueStatus::Paused => "Paused",
            QueueStatus::Error => "Error",
            QueueStatus::Scheduled => "Scheduled",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_published_table_of_statuses() {
        let shown = |status: RecordStatus| {
            let queue = Hold::ALL.map(|hold| {
                let status = Place { status, hold }.queue_status();
                status.map(|status| format!("{} {}", status.number(), status.key())).unwrap_or_default()
            });
            format!("{} {}: {}", status.number(), status.name(), queue.join(", "))
        };
        let table = [
            "0 Not running: 0 New, 2 Paused, ",
            "1 Processing: 1 Processing, 1 Processing, 1 Processing",
            "2 Finished: , , ",
            "3 Finished with errors: 3 Error, 3 Error, 3 Error",
            "4 Scheduled: 4 Scheduled, 2 Paused, ",
            "5 Reviewed: , , ",
            "6 Errors handled: , , ",
        ];
        assert_eq!(RecordStatus::ALL.map(shown), table);
    }
}
