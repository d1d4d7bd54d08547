//! `/v1/record` (document 003, "Data Record"): inserting one or an array, reading, replacing, removing.

use std::borrow::Cow;

use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, utf8_percent_encode};
use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::openapi::schema::{Array, Object, OneOf, Type};
use utoipa::openapi::{RefOr, Schema};
use utoipa::{PartialSchema, ToSchema};

use crate::error::{Error, Result};
use crate::facade::v1::call::Call;
use crate::facade::v1::parameter::{EXECUTION_TIME, FLOW, UUID};
use crate::facade::v1::reply::{Reply, raw};
use crate::facade::v1::table::ENDPOINTS;
use crate::facade::v1::{condition, content, wait};
use crate::model::time::{TimeZone, Timestamp};
use crate::operation::change::{DeleteRecord, RecordUpdate, UpdateRecords, UpdatedRecord};
use crate::operation::content::Data;
use crate::operation::diagram::FlowReference;
use crate::operation::execute;
use crate::operation::record::{GetRecord, InsertRecords, InsertedRecords, NamedRecord, Submission};
use crate::operation::repeat::execute_once;
use crate::operation::revision::Revision;

/// What an identifier's characters are escaped from in a path: all but the unreserved ones (RFC 3986 §2.3).
pub const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'.').remove(b'_').remove(b'~');

/// A record that was accepted.
#[derive(Serialize, ToSchema)]
pub struct AcceptedRecord<'r> {
    /// The flow's number.
    flow_id: Cow<'r, str>,
    /// The flow's name.
    flow_name: Cow<'r, str>,
    /// The record's identifier.
    data_record_id: Cow<'r, str>,
    /// The record as it was sent.
    #[schema(value_type = Object)]
    data_record: &'r RawValue,
    /// What came of its run, if that was waited for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    run: Option<wait::AwaitedRun>,
}

/// Records that were accepted together.
#[derive(Serialize, ToSchema)]
pub struct AcceptedRecords<'r> {
    /// The records, in the order in which they were sent.
    records: Vec<AcceptedRecord<'r>>,
    /// Their number.
    total: usize,
}

/// What was accepted: a record for a record, a list for an array.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum Inserted<'r> {
    /// A record.
    One(AcceptedRecord<'r>),
    /// A list.
    Several(AcceptedRecords<'r>),
}

/// A record as it is sent, or an array of them.
pub struct RecordBody;

impl PartialSchema for RecordBody {
    fn schema() -> RefOr<Schema> {
        let several = Array::builder().items(OneRecord::schema()).min_items(Some(1));
        OneOf::builder().item(OneRecord::schema()).item(several).into()
    }
}

impl ToSchema for RecordBody {}

/// A record as it is sent.
pub struct OneRecord;

impl PartialSchema for OneRecord {
    fn schema() -> RefOr<Schema> {
        Object::builder().schema_type(Type::Object).into()
    }
}

impl ToSchema for OneRecord {}

/// A record with where it stands.
#[derive(Serialize, ToSchema)]
pub struct ShownRecord<'r> {
    /// What it is.
    info: RecordInfo<'r>,
    /// Its content, as it was sent.
    #[schema(value_type = Object)]
    data_record: &'r RawValue,
    /// When it ran.
    flow_process: FlowProcess,
    /// The steps that its last run went through, in order.
    flow_objects_info: Vec<ShownStep>,
}

/// A step that the last run of a record went through.
#[derive(Serialize, ToSchema)]
pub struct ShownStep {
    /// Its id in the flow's diagram.
    id: String,
    /// Its name.
    name: String,
    /// What it does.
    r#type: String,
    /// What became of it: done, waits, retried (it will be tried again), continued (it failed, and the run went on), failed,
    /// interrupted, stopped or moved.
    status: String,
    /// How often it was tried.
    attempts: u64,
    /// When it was first tried.
    date_started: String,
    /// When it ended; empty if it did not yet.
    date_ended: String,
    /// Why its last attempt was in vain.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(nullable = false)]
    error: Option<String>,
}

/// What a record is.
#[derive(Serialize, ToSchema)]
pub struct RecordInfo<'r> {
    /// Its identifier.
    uuid: Cow<'r, str>,
    /// The customer's number.
    customer_id: String,
    /// The flow's number.
    flow_id: String,
    /// When it was accepted.
    date_created: String,
    /// Where it stands: Not running, Processing, Finished, Finished with errors, Scheduled, Reviewed, Errors handled.
    status: Cow<'static, str>,
}

/// When a record ran; empty if it did not.
#[derive(Serialize, ToSchema)]
pub struct FlowProcess {
    /// First.
    date_started: String,
    /// Last.
    date_last_run: String,
}

/// A record that was replaced.
#[derive(Serialize, ToSchema)]
pub struct ReplacedRecord<'r> {
    /// The flow's name.
    flow_name: Cow<'r, str>,
    /// The customer's number.
    customer_id: Cow<'r, str>,
    /// The record's identifier.
    uuid: Cow<'r, str>,
    /// Its new content.
    #[schema(value_type = Object)]
    data_record: &'r RawValue,
}

/// Records that were replaced together.
#[derive(Serialize, ToSchema)]
pub struct ReplacedRecords<'r> {
    /// The records, in the order in which they were sent.
    records: Vec<ReplacedRecord<'r>>,
    /// Their number.
    total: usize,
}

/// What was replaced: a record for a record, a list for an array.
#[derive(Serialize, ToSchema)]
#[serde(untagged)]
pub enum Replaced<'r> {
    /// A record.
    One(ReplacedRecord<'r>),
    /// A list.
    Several(ReplacedRecords<'r>),
}

/// A record that was removed.
#[derive(Serialize, ToSchema)]
pub struct RemovedRecord {
    /// The flow's name.
    flow_name: String,
    /// The record's identifier.
    uuid: String,
}

/// POST.
pub async fn insert(call: &Call<'_>) -> Result<Reply> {
    let data = content::record(call)?;
    let is_array = content::is_array(&data);
    let wanted = wait::wanted(call)?;
    if is_array && wanted.is_some() {
        return Err(Error::invalid("wait is for one data record; the body must not be an array of them"));
    }
    let flow = FlowReference { id: None, name: Some(call.parameters.require(&FLOW)?.into_owned()) };
    let submission = Submission { uuid: call.parameters.text(&UUID)?, execution_time: execution_time(call)?, data };
    let operation = InsertRecords { flow, submissions: vec![submission] };
    let once = execute_once(call.app, call.caller()?, call.idempotency_key()?, operation).await?;
    let (inserted, is_repeated) = once.into_parts();
    let mut reply = accepted(&inserted, is_array)?;
    reply.is_repeated = is_repeated;
    if let (Some(wanted), [record]) = (wanted, inserted.records.as_slice()) {
        reply.awaited = Some(wanted.of(&record.uuid));
    }
    Ok(reply)
}

fn accepted(inserted: &InsertedRecords, is_array: bool) -> Result<Reply> {
    let flow_id = inserted.flow.0.to_string();
    let records = inserted.records.iter().map(|record| {
        Ok(AcceptedRecord {
            flow_id: flow_id.as_str().into(),
            flow_name: inserted.flow_name.as_str().into(),
            data_record_id: record.uuid.as_str().into(),
            data_record: raw(&record.data)?,
            run: None,
        })
    });
    let mut records = records.collect::<Result<Vec<_>>>()?;
    if is_array {
        let total = records.len();
        return Reply::of(&Inserted::Several(AcceptedRecords { records, total }));
    }
    let record = records.pop().ok_or_else(|| Error::internal("an insertion without a record"))?;
    let location = location(&record.data_record_id);
    let mut reply = Reply::with_room(record.data_record.get().len() + 256, &Inserted::One(record))?;
    reply.location = Some(location);
    Ok(reply)
}

/// Where a record is found again: behind its path, unless that is another endpoint's or a step towards another path.
fn location(uuid: &str) -> String {
    let escaped = utf8_percent_encode(uuid, ESCAPED);
    let path = format!("/v1/record/{escaped}");
    match matches!(uuid, "." | "..") || ENDPOINTS.iter().any(|endpoint| endpoint.path == path) {
        true => format!("/v1/record?uuid={escaped}"),
        false => path,
    }
}

/// GET.
pub async fn get(call: &Call<'_>) -> Result<Reply> {
    let found = execute(call.app, call.caller()?, GetRecord { uuid: call.uuid()? }).await?;
    shown(found, &call.app.config.api.time_zone)
}

fn shown(found: NamedRecord, zone: &TimeZone) -> Result<Reply> {
    let NamedRecord { record, steps, .. } = found;
    let date = |at: Option<Timestamp>| at.map(|at| at.to_date_time(zone)).unwrap_or_default();
    let ended = steps.iter().filter_map(|step| step.ended.max(step.started)).max();
    let shown = ShownRecord {
        info: RecordInfo {
            uuid: record.uuid.as_str().into(),
            customer_id: record.customer.0.to_string(),
            flow_id: record.flow.0.to_string(),
            date_created: record.created.to_date_time(zone),
            status: record.status.name().into(),
        },
        data_record: raw(&record.data)?,
        flow_process: FlowProcess { date_started: date(record.started), date_last_run: date(record.last_run) },
        flow_objects_info: steps
            .into_iter()
            .map(|step| ShownStep {
                id: step.id,
                name: step.name,
                r#type: step.kind,
                status: step.status,
                attempts: step.attempts,
                date_started: date(step.started),
                date_ended: date(step.ended),
                error: step.error,
            })
            .collect(),
    };
    let mut reply = Reply::with_room(record.data.len() + 512, &shown)?;
    reply.revision = Some(Revision::of_record(&record));
    reply.modified = [Some(record.modified), record.last_run, ended].into_iter().flatten().max();
    Ok(reply)
}

/// PUT: one record, or an array of them with their identifiers in the same order.
pub async fn update(call: &Call<'_>) -> Result<Reply> {
    let uuid = call.uuid()?;
    let data = content::record(call)?;
    let is_array = content::is_array(&data);
    if is_array && call.path("uuid")?.is_some() {
        return Err(Error::invalid("The path names one data record, so the body must hold one and no array"));
    }
    let operation = UpdateRecords {
        updates: updates(uuid, data, is_array)?,
        execution_time: execution_time(call)?,
        flow: call.parameters.text(&FLOW)?.map(|name| FlowReference { id: None, name: Some(name) }),
        expected: condition::expected(call.headers())?,
    };
    let caller = call.caller()?;
    let updated = execute(call.app, caller, operation).await?;
    replaced(&caller.customer().id.0.to_string(), &updated.records, is_array)
}

fn updates(uuid: String, data: Data, is_array: bool) -> Result<Vec<RecordUpdate>> {
    if !is_array {
        return Ok(vec![RecordUpdate { uuid, data }]);
    }
    let items = content::items(data)?;
    let uuids: Vec<&str> = match items.len() {
        1 => vec![&uuid],
        _ => uuid.split(',').map(str::trim).collect(),
    };
    if uuids.len() != items.len() {
        return Err(Error::invalid(format!(
            "X-Uuid names {} data records, but the body holds {}; they must be as many, in the same order",
            uuids.len(),
            items.len()
        )));
    }
    let update = |(uuid, data): (&str, Data)| RecordUpdate { uuid: uuid.to_owned(), data };
    Ok(uuids.into_iter().zip(items).map(update).collect())
}

fn replaced(customer: &str, updated: &[UpdatedRecord], is_array: bool) -> Result<Reply> {
    let records = updated.iter().map(|record| {
        Ok(ReplacedRecord {
            flow_name: record.flow_name.as_str().into(),
            customer_id: customer.into(),
            uuid: record.uuid.as_str().into(),
            data_record: raw(&record.data)?,
        })
    });
    let mut records = records.collect::<Result<Vec<_>>>()?;
    match records.pop() {
        Some(record) if !is_array => Reply::of(&Replaced::One(record)),
        last => {
            records.extend(last);
            let total = records.len();
            Reply::of(&Replaced::Several(ReplacedRecords { records, total }))
        }
    }
}

/// DELETE.
pub async fn remove(call: &Call<'_>) -> Result<Reply> {
    let operation = DeleteRecord { uuid: call.uuid()?, expected: condition::expected(call.headers())? };
    let removed = execute(call.app, call.caller()?, operation).await?;
    let removed = RemovedRecord { flow_name: removed.flow_name, uuid: removed.uuid };
    Reply::of(&removed)
}

/// When to run. Document 003 shows the date in addresses as it is, where its plus sign is read as a space.
fn execution_time(call: &Call<'_>) -> Result<Option<String>> {
    match call.parameters.in_header(&EXECUTION_TIME)? {
        Some(time) => Ok(Some(time.to_owned())),
        None => Ok(call.parameters.in_query(&EXECUTION_TIME)?.map(|time| time.replace(' ', "+"))),
    }
}
