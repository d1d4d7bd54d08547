//! Subscriptions: who wants to hear what happened to a customer's records and flows, and the messages that tell it.
//! How a message is signed and sent is not known here.

use crate::model::account::{ApplicationId, CustomerId};
use crate::model::flow::FlowId;
use crate::model::scope::Scope;
use crate::model::time::Timestamp;

/// What can be subscribed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Event {
    /// A record was accepted.
    RecordCreated,
    /// A request replaced what a record holds.
    RecordUpdated,
    /// A record's run ended well.
    RecordFinished,
    /// A record's run ended with errors.
    RecordFailed,
    /// A version of a flow was published.
    FlowPublished,
    /// A flow was paused.
    FlowPaused,
}

impl Event {
    /// Every event.
    pub const ALL: [Event; 6] = [
        Event::RecordCreated,
        Event::RecordUpdated,
        Event::RecordFinished,
        Event::RecordFailed,
        Event::FlowPublished,
        Event::FlowPaused,
    ];

    /// Its name, which messages carry as `type`.
    pub fn name(self) -> &'static str {
        match self {
            Event::RecordCreated => "record.created",
            Event::RecordUpdated => "record.updated",
            Event::RecordFinished => "record.finished",
            Event::RecordFailed => "record.failed",
            Event::FlowPublished => "flow.published",
            Event::FlowPaused => "flow.paused",
        }
    }

    /// The event of that name, if there is one.
    pub fn parse(name: &str) -> Option<Event> {
        Event::ALL.into_iter().find(|event| event.name() == name)
    }

    /// What whoever reads its messages must be allowed to read.
    pub fn scope(self) -> Scope {
        match self {
            Event::RecordCreated | Event::RecordUpdated | Event::RecordFinished | Event::RecordFailed => {
                Scope::RecordRead
            }
            Event::FlowPublished | Event::FlowPaused => Scope::FlowDiagramRead,
        }
    }
}

/// A subscription of one customer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hook {
    /// Its own number.
    pub id: i64,
    /// Whose it is.
    pub customer: CustomerId,
    /// What clients call it.
    pub public_id: String,
    /// The application that subscribed; its end is the subscription's.
    pub application: Option<ApplicationId>,
    /// Where its messages go.
    pub url: String,
    /// Free text.
    pub description: String,
    /// What it wants to hear of.
    pub events: Vec<Event>,
    /// The flow it is about; `None`: all.
    pub flow: Option<FlowId>,
    /// The signing key, sealed.
    pub secret: Vec<u8>,
    /// The key before that one, sealed, and until when it signs too.
    pub old_secret: Option<(Vec<u8>, Timestamp)>,
    /// Whether its messages are sent.
    pub enabled: bool,
    /// Why it is not.
    pub reason: Option<String>,
    /// Since when nothing could be delivered; `None`: the last message arrived, or there was none.
    pub failing_since: Option<Timestamp>,
    /// When it was added.
    pub created: Timestamp,
    /// When it was last changed by somebody.
    pub modified: Timestamp,
}

/// A subscription with messages that wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct HookLane {
    /// The subscription's own number.
    pub hook: i64,
    /// When the first of them is due.
    pub due: Timestamp,
    /// Whether the last attempt at any of its messages failed.
    pub is_failing: bool,
}

/// Where a message stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum DeliveryStatus {
    /// 0: it is to be attempted, now or later.
    Waiting,
    /// 1: the receiver has it.
    Delivered,
    /// 2: it is not attempted any more.
    GivenUp,
}

impl DeliveryStatus {
    /// Every status, in the order of its number.
    pub const ALL: [DeliveryStatus; 3] = [DeliveryStatus::Waiting, DeliveryStatus::Delivered, DeliveryStatus::GivenUp];

    /// The number that is stored.
    pub fn number(self) -> i64 {
        self as i64
    }

    /// The status of that number, if there is one.
    pub fn from_number(number: i64) -> Option<DeliveryStatus> {
        DeliveryStatus::ALL.into_iter().find(|status| status.number() == number)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        match self {
            DeliveryStatus::Waiting => "waiting",
            DeliveryStatus::Delivered => "delivered",
            DeliveryStatus::GivenUp => "given_up",
        }
    }
}

/// A message to one subscriber, without what it says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Delivery {
    /// Its `webhook-id`.
    pub message: String,
    /// What it tells of.
    pub event: Event,
    /// Where it stands.
    pub status: DeliveryStatus,
    /// How often it was attempted in vain since it was last begun.
    pub attempt: i64,
    /// When it is to be attempted; `None`: it is under way or over.
    pub due: Option<Timestamp>,
    /// When what it tells of happened.
    pub created: Timestamp,
    /// When it was over.
    pub ended: Option<Timestamp>,
    /// What became of each attempt, as a JSON array.
    pub attempts: String,
}

/// A message that was taken up to be sent.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Parcel {
    /// Its own number.
    pub id: i64,
    /// The subscription's own number.
    pub hook: i64,
    /// Its `webhook-id`.
    pub message: String,
    /// How often it was attempted in vain since it was last begun.
    pub attempt: i64,
    /// What became of each attempt, as a JSON array.
    pub attempts: String,
    /// The bytes of what it says.
    pub size: i64,
    /// What tells this claim from every other: a write that does not name it changes nothing.
    pub lease: String,
}
