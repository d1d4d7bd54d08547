//! The port: from an operation's name and its input to the operation, and back to what its reply says.
//! Messages are documented literally, also where the wording is odd, because clients compare them.

use std::borrow::Cow;

use actix_web::http::header::HeaderMap;
use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::app::App;
use crate::auth::Caller;
use crate::error::{Code, Error, Result};
use crate::facade::soap::answer::{Answer, Response};
use crate::facade::soap::free_form::to_json;
use crate::facade::soap::input::{base64_member, optional, required, text_member, verbatim};
use crate::facade::soap::message::OPERATIONS;
use crate::facade::{payload, resource};
use crate::operation::change::{DeleteRecord, RecordUpdate, UpdateRecords};
use crate::operation::diagram::{ChangeFlowStatus, FlowReference, GetFlowDiagram, only_running_flow};
use crate::operation::execute;
use crate::operation::payload::{PostCallback, PostWebhook, delivery_key};
use crate::operation::record::{GetRecord, InsertRecords, Submission};
use crate::operation::repeat::{Key, execute_once};
use crate::operation::schema::{DeleteSchema, GetSchema, InsertSchema, SchemaText, UpdateSchema};
use crate::soap::encoded::Value;
use crate::soap::media::MediaType;

/// The operation of the introduction's example. It is served and not described: its free-form parameters have no type.
const POST_RECORD: &str = "postRecord";
/// The parameters of `postRecord` that are not the record.
const POST_RECORD_PARAMETERS: [&str; 5] = ["AuthenticationObject", "Customer", "FlowDiagramObject", "Header", "input"];

/// The operation that is called by an element or an action of that name.
pub fn find(name: &str) -> Option<&'static str> {
    let described = OPERATIONS.iter().map(|operation| operation.name);
    described.chain([POST_RECORD]).find(|operation| *operation == name)
}

/// Whether the name is that of one of the operation's own parameters.
pub fn is_parameter(operation: &'static str, name: &str) -> bool {
    match OPERATIONS.iter().find(|signature| signature.name == operation) {
        Some(signature) => signature.request.fields.iter().any(|field| field.name == name),
        None => POST_RECORD_PARAMETERS.contains(&name),
    }
}

/// Whether the operation takes no credential, because its URI is one.
pub fn webhook_uri(operation: &'static str, input: Option<Value<'_>>) -> Result<Option<String>> {
    if operation != "webhook" {
        return Ok(None);
    }
    let input = input.ok_or_else(|| Error::invalid("Uri is required"))?;
    text_member(input, "input", "Uri")?.map(Some).ok_or_else(|| Error::invalid("Uri is required"))
}

/// What came with a message.
#[derive(Clone, Copy)]
pub struct Sent<'m> {
    /// The message's identifier.
    pub message_id: Option<&'m str>,
    /// The headers of HTTP.
    pub headers: &'m HeaderMap,
}

/// Runs an operation. A message's identifier makes sending it again harmless.
/// # Errors
/// Input that is missing or malformed, named by its path; and whatever the operation refuses.
pub async fn call(
    operation: &'static str,
    app: &App,
    caller: &Caller,
    sent: Sent<'_>,
    input: Option<Value<'_>>,
) -> Result<Answer> {
    let key = sent.message_id.filter(|id| !id.is_empty()).map(Key::Message);
    let response = match operation {
        "insertSchema" => {
            execute_once(app, caller, key, InsertSchema(schema_text(input)?)).await?;
            Response::of(operation, String::new())
        }
        "updateSchema" => {
            let schema = execute(app, caller, UpdateSchema { text: schema_text(input)?, expected: None }).await?;
            Response::of(operation, STANDARD.encode(schema.document))
        }
        "getSchema" => {
            let stored = execute(app, caller, GetSchema).await?;
            Response::of(
                operation,
                resource::schema(&stored, &caller.customer().name, &app.config.api.time_zone).to_owned(),
            )
        }
        "deleteSchema" => {
            execute(app, caller, DeleteSchema { expected: None }).await?;
            Response::of(operation, String::new())
        }
        "insertRecord" => insert_record(operation, app, caller, key, input).await?,
        "getRecord" => {
            let record = execute(app, caller, GetRecord { uuid: record_uuid(input)? }).await?.record;
            Response::of(operation, STANDARD.encode(record.data)).about([record.uuid])
        }
        "updateRecord" => update_record(operation, app, caller, input).await?,
        "deleteRecord" => {
            execute(app, caller, DeleteRecord { uuid: record_uuid(input)?, expected: None }).await?;
            Response::of(operation, String::new())
        }
        "getFlowDiagram" => {
            let flow = flow_reference(required(input, "FlowDiagramObject")?)?;
            let diagram = execute(app, caller, GetFlowDiagram { flow }).await?;
            Response::of(
                operation,
                STANDARD.encode(resource::flow_diagram(&diagram, &app.config.api.time_zone).to_string()),
            )
        }
        "changeFlowStatus" => change_flow_status(operation, app, caller, input).await?,
        "webhook" => {
            webhook(app, caller, key, sent.headers, verbatim(input, "Payload")?).await?;
            Response::of(operation, String::new())
        }
        POST_RECORD => return post_record(app, caller, key, input).await,
        other => return Err(Error::internal(format!("the operation {other} is described and not served"))),
    };
    Ok(Answer::Response(response))
}

/// Posts to a webhook, or to an address that a run waits at. What the payload is can only be told by its looks.
async fn webhook(app: &App, caller: &Caller, key: Option<Key<'_>>, headers: &HeaderMap, payload: String) -> Result<()> {
    let longest = app.config.soap.max_decoded.max(app.config.server.body_limit);
    let body = payload::read(&MediaType::default(), payload.as_bytes(), longest)?;
    let message = payload::message(body, headers, "")?;
    if caller.callback().is_some() {
        return execute(app, caller, PostCallback { message }).await.map(drop);
    }
    let key = delivery_key(caller, |name| payload::header(headers, name)).or(key);
    execute_once(app, caller, key, PostWebhook { payload, message }).await.map(drop)
}

fn schema_text(input: Option<Value<'_>>) -> Result<SchemaText> {
    const OBJECT: &str = "SchemaObject";
    let object = required(input, OBJECT)?;
    let decoded = |name: &str| {
        base64_member(object, OBJECT, name)?.ok_or_else(|| Error::invalid(format!("{OBJECT}/{name} is required")))
    };
    Ok(SchemaText {
        url: text_member(object, OBJECT, "Url")?.unwrap_or_default(),
        document: decoded("Schema")?,
        sample: decoded("DataRecord")?,
    })
}

const RECORD: &str = "DataRecordObject";

fn submission(object: Value<'_>) -> Result<Submission> {
    Ok(Submission {
        uuid: text_member(object, RECORD, "Uuid")?,
        execution_time: text_member(object, RECORD, "ExecutionTime")?,
        data: base64_member(object, RECORD, "Data")?
            .ok_or_else(|| Error::invalid(format!("{RECORD}/Data is required")))?
            .into(),
    })
}

async fn insert_record(
    operation: &str,
    app: &App,
    caller: &Caller,
    key: Option<Key<'_>>,
    input: Option<Value<'_>>,
) -> Result<Response> {
    let object = required(input, RECORD)?;
    let submissions = match object.items()? {
        Some(items) => items.into_iter().map(submission).collect::<Result<_>>()?,
        None => vec![submission(object)?],
    };
    let flow = flow_reference(required(input, "FlowDiagramObject")?)?;
    let (inserted, _) = execute_once(app, caller, key, InsertRecords { flow, submissions }).await?.into_parts();
    let data = match inserted.records.as_slice() {
        [one] => Cow::Borrowed(one.data.as_str()),
        several => Cow::Owned(resource::array(several.iter().map(|record| record.data.as_str()))),
    };
    let resource = STANDARD.encode(&*data);
    Ok(Response::of(operation, resource).about(inserted.records.into_iter().map(|record| record.uuid)))
}

async fn update_record(operation: &str, app: &App, caller: &Caller, input: Option<Value<'_>>) -> Result<Response> {
    let Submission { uuid, execution_time, data } = submission(required(input, RECORD)?)?;
    let flow = optional(input, "FlowDiagramObject")?
        .map(flow_reference)
        .transpose()?
        .filter(|flow| *flow != FlowReference::default());
    let updates = vec![RecordUpdate { uuid: uuid.unwrap_or_default(), data }];
    let update = UpdateRecords { updates, execution_time, flow, expected: None };
    let mut updated = execute(app, caller, update).await?;
    let record = updated.records.pop().ok_or_else(|| Error::new(Code::Internal, "No record was updated"))?;
    Ok(Response::of(operation, STANDARD.encode(record.data)).about([record.uuid]))
}

fn record_uuid(input: Option<Value<'_>>) -> Result<String> {
    let object = required(input, RECORD)?;
    text_member(object, RECORD, "Uuid")?.ok_or_else(|| Error::invalid(format!("{RECORD}/Uuid is required")))
}

fn flow_reference(object: Value<'_>) -> Result<FlowReference> {
    const OBJECT: &str = "FlowDiagramObject";
    Ok(FlowReference { id: text_member(object, OBJECT, "FlowId")?, name: text_member(object, OBJECT, "Flow")? })
}

async fn change_flow_status(operation: &str, app: &App, caller: &Caller, input: Option<Value<'_>>) -> Result<Response> {
    let object = required(input, "FlowDiagramObject")?;
    let flow = flow_reference(object)?;
    let status = text_member(object, "FlowDiagramObject", "Status")?;
    let status = status.ok_or_else(|| Error::invalid("FlowDiagramObject/Status is required"))?;
    let flow = execute(app, caller, ChangeFlowStatus { flow, status }).await?;
    let response = Response::of(operation, STANDARD.encode(resource::flow(&flow).to_string()));
    Ok(Response { message: resource::flow_moved(flow.status).into(), ..response })
}

async fn post_record(app: &App, caller: &Caller, key: Option<Key<'_>>, input: Option<Value<'_>>) -> Result<Answer> {
    let record = to_json(required(input, "Customer")?)?;
    let named = optional(input, "FlowDiagramObject")?.map(flow_reference).transpose()?;
    let flow = match named {
        Some(flow) => flow,
        None => only_running_flow(app, caller).await?,
    };
    let submissions = vec![Submission { uuid: None, execution_time: None, data: record.into() }];
    let (mut inserted, _) = execute_once(app, caller, key, InsertRecords { flow, submissions }).await?.into_parts();
    let record = inserted.records.pop().ok_or_else(|| Error::new(Code::Internal, "No record was stored"))?;
    Ok(Answer::Posted(record.uuid))
}
