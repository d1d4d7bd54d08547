//! Flows: named graphs of steps with immutable published versions beside one draft, and the states they pass through.
//! What a graph does when it runs is not known here.

use serde::{Deserialize, Serialize};

use crate::model::account::CustomerId;
use crate::model::time::Timestamp;

/// A flow's number, counted from 1 within its customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
pub struct FlowId(pub i64);

/// What a flow is looked up by.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum FlowKey {
    /// Its number.
    Number(i64),
    /// Its number if the text is one and there is such a flow, else its name.
    NumberOrName(String),
}

/// A flow of one customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Flow {
    /// Whose flow it is.
    pub customer: CustomerId,
    /// Its number within the customer.
    pub id: FlowId,
    /// Its name, unique within the customer.
    pub name: String,
    /// Free text.
    pub description: String,
    /// Where it stands.
    pub status: FlowStatus,
    /// The JSON text of the graph that is not yet published, if there is one.
    pub draft: Option<String>,
    /// The number of the version that records run through, if any was published.
    pub version: Option<i64>,
    /// When it was added.
    pub created: Timestamp,
    /// When it last changed.
    pub modified: Timestamp,
}

/// A published graph; it never changes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FlowVersion {
    /// Its number, counted from 1 within the flow.
    pub version: i64,
    /// The JSON text of the graph.
    pub graph: String,
    /// When it was published.
    pub published: Timestamp,
}

/// The states of a flow, named as document 003 names them (`X-Status`).
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum FlowStatus {
    /// Never published.
    Draft,
    /// Published; records run.
    Public,
    /// Records are accepted and wait.
    Paused,
    /// Resumed after a pause; records run.
    Running,
    /// Deactivated; records are refused.
    Inactive,
}

impl FlowStatus {
    /// Every state.
    pub const ALL: [FlowStatus; 5] =
        [FlowStatus::Draft, FlowStatus::Public, FlowStatus::Paused, FlowStatus::Running, FlowStatus::Inactive];

    /// The state's documented name.
    pub fn name(self) -> &'static str {
        match self {
            FlowStatus::Draft => "draft",
            FlowStatus::Public => "public",
            FlowStatus::Paused => "paused",
            FlowStatus::Running => "running",
            FlowStatus::Inactive => "inactive",
        }
    }

    /// The state of that name, if there is one.
    pub fn parse(name: &str) -> Option<FlowStatus> {
        FlowStatus::ALL.into_iter().find(|status| status.name() == name)
    }

    /// Whether records may be sent to a flow in this state.
    pub fn accepts_records(self) -> bool {
        match self {
            FlowStatus::Public | FlowStatus::Paused | FlowStatus::Running => true,
            FlowStatus::Draft | FlowStatus::Inactive => false,
        }
    }
}
