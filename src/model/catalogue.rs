//! Flows as document 002 lists them: with a public identifier, their owners, and in pages.
//! What a flow is, and who may see it, is not known here.

use crate::model::flow::{Flow, FlowStatus};

/// What document 002 takes a flow for. No step reads it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum FlowKind {
    /// What flows are, unless somebody says otherwise.
    #[default]
    Ordinary,
    /// One that answers at once.
    Realtime,
    /// One that takes its time.
    LongRunning,
}

impl FlowKind {
    /// Every kind.
    pub const ALL: [FlowKind; 3] = [FlowKind::Ordinary, FlowKind::Realtime, FlowKind::LongRunning];

    /// The documented name.
    pub fn name(self) -> &'static str {
        match self {
            FlowKind::Ordinary => "ordinary",
            FlowKind::Realtime => "realtime",
            FlowKind::LongRunning => "long_running",
        }
    }

    /// The kind of that name, if there is one.
    pub fn parse(name: &str) -> Option<FlowKind> {
        FlowKind::ALL.into_iter().find(|kind| kind.name() == name)
    }
}

/// A flow of the catalogue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listed {
    /// The flow.
    pub flow: Flow,
    /// What it is called by: 24 hexadecimal digits.
    pub public_id: String,
    /// What it is taken for.
    pub kind: FlowKind,
    /// The public identifiers of the people it belongs to, beside its customer.
    pub owners: Vec<String>,
    /// The JSON text of its graph: of an active flow the one that records run through, else the one that would be
    /// published next.
    pub graph: String,
}

impl Listed {
    /// Whether records that are sent to it run.
    pub fn is_active(&self) -> bool {
        is_active(self.flow.status)
    }
}

/// Whether records that are sent to a flow in this state run.
pub fn is_active(status: FlowStatus) -> bool {
    match status {
        FlowStatus::Public | FlowStatus::Running => true,
        FlowStatus::Draft | FlowStatus::Paused | FlowStatus::Inactive => false,
    }
}

/// What a catalogue is sorted by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SortBy {
    /// When a flow was added.
    Created,
    /// When it last changed.
    Updated,
    /// Its name.
    Name,
}

/// The order of a catalogue.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Order {
    /// By what.
    pub by: SortBy,
    /// Whether the last one comes first.
    pub is_descending: bool,
}

impl Order {
    /// Reads the documented name, with a minus for the other way round.
    pub fn parse(text: &str) -> Option<Order> {
        let (is_descending, name) = match text.strip_prefix('-') {
            Some(name) => (true, name),
            None => (false, text),
        };
        let by = match name {
            "createdAt" => SortBy::Created,
            "updatedAt" => SortBy::Updated,
            "name" => SortBy::Name,
            _ => return None,
        };
        Some(Order { by, is_descending })
    }
}
