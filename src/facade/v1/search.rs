//! `/v1/record/search` (document 003, "Search data records by query").

use std::borrow::Cow;

use serde::Serialize;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::error::{Error, Result};
use crate::facade::v1::call::Call;
use crate::facade::v1::endpoint::{Use, optional};
use crate::facade::v1::parameter::{
    DATE_FROM, DATE_TO, DATE_TYPE, EXPAND_RECORD, FIELD_NAME, FIELD_VALUE, LIMIT, OFFSET, Parameter, RECORD_STATUS,
    SEARCHED_FLOW, SEARCHED_UUID,
};
use crate::facade::v1::reply::{Reply, raw};
use crate::model::record::QueueStatus;
use crate::model::search::{self, Content};
use crate::model::time::{TimeZone, Timestamp};
use crate::operation::execute;
use crate::operation::search::{FoundRecords as Found, SearchTexts};

/// What a search takes.
pub const PARAMETERS: &[Use] = &[
    optional(&LIMIT),
    optional(&OFFSET),
    optional(&SEARCHED_UUID),
    optional(&SEARCHED_FLOW),
    optional(&RECORD_STATUS),
    optional(&FIELD_NAME),
    optional(&FIELD_VALUE),
    optional(&DATE_TYPE),
    optional(&DATE_FROM),
    optional(&DATE_TO),
    optional(&EXPAND_RECORD),
];

/// The filters that may be headers, which then make those of the address void (contradiction C9).
const IN_HEADERS: [&Parameter; 7] =
    [&LIMIT, &OFFSET, &SEARCHED_UUID, &SEARCHED_FLOW, &RECORD_STATUS, &FIELD_NAME, &FIELD_VALUE];

/// What a search found.
#[derive(Serialize, ToSchema)]
pub struct FoundRecords<'r> {
    /// The records, newest first.
    records: Vec<FoundRecord<'r>>,
    /// How many records satisfy the filters in all.
    total: i64,
    /// How many were passed over.
    offset: i64,
    /// The most that were wanted.
    limit: i64,
}

/// A record in the result of a search.
#[derive(Serialize, ToSchema)]
pub struct FoundRecord<'r> {
    /// Its number.
    id: String,
    /// Its identifier.
    uuid: Cow<'r, str>,
    /// Its flow's number.
    flow_id: String,
    /// Its flow's name.
    flow_name: Cow<'r, str>,
    /// The version of the flow that it runs through.
    flow_version: String,
    /// When it was accepted.
    date_created: String,
    /// When it first ran; empty if it did not.
    date_started: String,
    /// When it last ran; empty if it did not.
    date_last_run: String,
    /// When it is to run, or to go on after a delay or a failed attempt; empty if it is not scheduled.
    date_next_run: String,
    /// Where it stands in the queue: 0 new, 1 processing, 2 paused, 3 error, 4 scheduled, empty if it is not in it.
    queue_status: Cow<'r, str>,
    /// The value of the data field that was searched by, else of its first one.
    dynamic_value: Cow<'r, str>,
    /// The step it is at.
    current_step: CurrentStep<'r>,
    /// How often it ran.
    num_runs: String,
    /// Its status, 0 to 6.
    flow_status: String,
    /// The name of its status.
    flow_status_name: Cow<'r, str>,
    /// Its content, with `expand=data_record`.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>, nullable = false)]
    data_record: Option<&'r RawValue>,
}

/// A step of a flow.
#[derive(Serialize, ToSchema)]
pub struct CurrentStep<'r> {
    /// Its kind.
    r#type: Cow<'r, str>,
    /// Its name.
    text: Cow<'r, str>,
}

/// GET and PUT.
pub async fn search(call: &Call<'_>) -> Result<Reply> {
    let texts = texts(call)?;
    let content = match call.parameters.get(&EXPAND_RECORD)?.as_deref() {
        None => Content::Omitted,
        Some("data_record") => Content::Included,
        Some(_) => return Err(Error::invalid("expand must be data_record here")),
    };
    let found = execute(call.app, call.caller()?, texts.parse(call.app, content)?).await?;
    let records = found.records.iter().map(|record| shown(&found, record, &call.app.config.api.time_zone));
    let records = records.collect::<Result<Vec<_>>>()?;
    Reply::of(&FoundRecords { records, total: found.total, offset: found.page.offset, limit: found.page.limit })
}

/// The filters: those in headers, or else those of the address; dates are never headers (contradiction C9).
fn texts(call: &Call<'_>) -> Result<SearchTexts> {
    let parameters = &call.parameters;
    let mut has_header = false;
    for parameter in IN_HEADERS {
        has_header |= parameters.in_header(parameter)?.is_some();
    }
    let text = |parameter: &Parameter| -> Result<Option<String>> {
        let value = match has_header {
            true => parameters.in_header(parameter)?,
            false => parameters.in_query(parameter)?,
        };
        Ok(value.map(str::to_owned))
    };
    let date = |parameter: &Parameter| Ok::<_, Error>(parameters.in_query(parameter)?.map(str::to_owned));
    Ok(SearchTexts {
        limit: text(&LIMIT)?,
        offset: text(&OFFSET)?,
        uuid: text(&SEARCHED_UUID)?,
        flow_name: text(&SEARCHED_FLOW)?,
        datarecord_status: text(&RECORD_STATUS)?,
        datafield_name: text(&FIELD_NAME)?,
        datafield_value: text(&FIELD_VALUE)?,
        date_type: date(&DATE_TYPE)?,
        date_from: date(&DATE_FROM)?,
        date_to: date(&DATE_TO)?,
    })
}

fn shown<'r>(found: &'r Found, record: &'r search::FoundRecord, zone: &TimeZone) -> Result<FoundRecord<'r>> {
    let date = |at: Option<Timestamp>| at.map(|at| at.to_date_time(zone)).unwrap_or_default();
    let status = record.place.status;
    let step = found.current_step(record);
    Ok(FoundRecord {
        id: record.id.to_string(),
        uuid: record.uuid.as_str().into(),
        flow_id: record.flow.0.to_string(),
        flow_name: record.flow_name.as_str().into(),
        flow_version: record.flow_version.to_string(),
        date_created: record.created.to_date_time(zone),
        date_started: date(record.started),
        date_last_run: date(record.last_run),
        date_next_run: date(record.next_run),
        queue_status: record.place.queue_status().map_or("", QueueStatus::number).into(),
        dynamic_value: record.dynamic_value.as_str().into(),
        current_step: CurrentStep { r#type: step.kind.into(), text: step.name.into() },
        num_runs: record.num_runs.to_string(),
        flow_status: status.number().to_string(),
        flow_status_name: status.name().into(),
        data_record: record.data.as_deref().map(raw).transpose()?,
    })
}
