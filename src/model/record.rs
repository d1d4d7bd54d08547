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
}
