//! `/v1/record/changestatus` and `/v1/record/movetoflow` (document 003, "Execute queue actions", "Move to flow").

use serde::Serialize;
use utoipa::openapi::schema::{Array, Object, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::error::{Error, Result};
use crate::facade::v1::call::Call;
use crate::facade::v1::content;
use crate::facade::v1::parameter::{ACTION, NAME, TARGET_FLOW, UUIDS};
use crate::facade::v1::reply::Reply;
use crate::model::record::{Place, QueueStatus};
use crate::operation::diagram::FlowReference;
use crate::operation::execute;
use crate::operation::queue::{ChangeQueueStatus, MoveToFlow, QueueAction};

/// The documented sentence for a record that was moved.
const MOVED: &str = "Data Record is moved to a new flow successfully and it is included in the queue.";

/// The identifiers of the data records that a request is about.
pub struct NamedRecords;

impl PartialSchema for NamedRecords {
    fn schema() -> RefOr<Schema> {
        let uuid = Object::builder().schema_type(Type::String).pattern(Some(NAME)).max_length(Some(255));
        Array::builder().items(uuid).min_items(Some(1)).max_items(Some(content::MOST_UUIDS)).into()
    }
}

impl ToSchema for NamedRecords {}

/// Records whose place in the queue changed.
#[derive(Serialize, ToSchema)]
pub struct ChangedRecords {
    /// The records, in the order in which they were named.
    records: Vec<ChangedRecord>,
    /// Their number.
    total: usize,
}

/// A record whose place in the queue changed, or why it did not.
#[derive(Serialize, ToSchema)]
pub struct ChangedRecord {
    /// Its identifier.
    uuid: String,
    /// Where it now stands in the queue: 0 new, 2 paused, 4 scheduled, empty if it is not in it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    queue_status: Option<&'static str>,
    /// The name of that.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    queue_status_key: Option<&'static str>,
    /// Why it did not change.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error: Option<String>,
}

/// Records that were moved.
#[derive(Serialize, ToSchema)]
pub struct MovedRecords {
    /// The records, in the order in which they were named.
    records: Vec<MovedRecord>,
    /// Their number.
    total: usize,
}

/// A record that was moved, or why it was not.
#[derive(Serialize, ToSchema)]
pub struct MovedRecord {
    /// Its identifier.
    uuid: String,
    /// What became of it.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    message: Option<&'static str>,
    /// The flow it is in now.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    movetoflow: Option<String>,
    /// Why it was not moved.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error: Option<String>,
}

/// PUT /v1/record/changestatus.
pub async fn change_status(call: &Call<'_>) -> Result<Reply> {
    let action = QueueAction::parse(&call.parameters.require(&ACTION)?)?;
    let changes = execute(call.app, call.caller()?, ChangeQueueStatus { uuids: named(call)?, action }).await?;
    let total = changes.records.len();
    let records = changes.records.into_iter().map(|change| {
        let (place, error) = split(change.outcome);
        let status = place.map(Place::queue_status);
        ChangedRecord {
            uuid: change.uuid,
            queue_status: status.map(|status| status.map_or("", QueueStatus::number)),
            queue_status_key: status.map(|status| status.map_or("", QueueStatus::key)),
            error,
        }
    });
    let mut reply = Reply::of(&ChangedRecords { records: records.collect(), total })?;
    reply.message = Some(changes.message);
    Ok(reply)
}

/// PUT /v1/record/movetoflow. The total is the number of records (contradiction C13).
pub async fn move_to_flow(call: &Call<'_>) -> Result<Reply> {
    let target = call.parameters.require(&TARGET_FLOW)?.into_owned();
    let flow = FlowReference { id: None, name: Some(target) };
    let moved = execute(call.app, call.caller()?, MoveToFlow { uuids: named(call)?, flow }).await?;
    let total = moved.changes.records.len();
    let records = moved.changes.records.into_iter().map(|change| {
        let (place, error) = split(change.outcome);
        MovedRecord {
            uuid: change.uuid,
            message: place.map(|_| MOVED),
            movetoflow: place.map(|_| moved.flow_name.clone()),
            error,
        }
    });
    let mut reply = Reply::of(&MovedRecords { records: records.collect(), total })?;
    reply.message = Some(moved.changes.message);
    Ok(reply)
}

fn split(outcome: std::result::Result<Place, String>) -> (Option<Place>, Option<String>) {
    match outcome {
        Ok(place) => (Some(place), None),
        Err(error) => (None, Some(error)),
    }
}

/// The identifiers in the header and in the body, in this order, each once (contradiction C72).
fn named(call: &Call<'_>) -> Result<Vec<String>> {
    let header = call.parameters.get(&UUIDS)?.unwrap_or_default();
    let listed = header.split(|c: char| c == ',' || c.is_whitespace()).filter(|uuid| !uuid.is_empty());
    let mut uuids: Vec<String> = listed.map(str::to_owned).collect();
    uuids.extend(content::uuids(call)?);
    match uuids.is_empty() {
        true => {
            Err(Error::invalid("The data records are not named: X-Queue-Uuids or an array in the body is required"))
        }
        false => Ok(uuids),
    }
}
