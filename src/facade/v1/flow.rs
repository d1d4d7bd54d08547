//! `/v1/flowdiagram`, `/v1/changeflowstatus` (document 003, "Flows") and `/v1/flow.schema.json`.

use actix_web::http::header::{CONTENT_TYPE, HeaderValue};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use serde_json::value::RawValue;
use utoipa::ToSchema;

use crate::error::{Error, Result};
use crate::facade::resource;
use crate::facade::v1::call::Call;
use crate::facade::v1::parameter::{EXPAND_FLOW, FLOW, FLOW_ID, STATUS};
use crate::facade::v1::reply::{Instead, Reply};
use crate::facade::v1::run::TextOrNumber;
use crate::facade::v1::{condition, content};
use crate::model::flow::FlowStatus;
use crate::operation::diagram::{ChangeFlowStatus, FlowReference, GetFlowDiagram};
use crate::operation::execute;
use crate::operation::flow::{self, AddFlow, RevertFlow, UpdateDraft};
use crate::operation::repeat::execute_once;
use crate::operation::revision::Revision;

/// A flow with its published versions.
#[derive(Serialize, ToSchema)]
pub struct ShownFlow {
    /// The customer's name.
    customer: String,
    /// The flow's name.
    flow_name: String,
    /// What it is for.
    description: String,
    /// What records run through now.
    current_flow: CurrentFlow,
    /// The published versions, oldest first.
    versions: Vec<ShownVersion>,
    /// The graph that is not yet published, with `expand=draft`; null if there is none.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Object>)]
    draft: Option<Value>,
}

/// What records run through now.
#[derive(Serialize, ToSchema)]
pub struct CurrentFlow {
    /// The flow's number.
    id: i64,
    /// draft, public, paused, running or inactive.
    status: String,
    /// The version's number; null before the first one.
    #[schema(required)]
    version: Option<i64>,
    /// The graph: of the version or, before the first one, of the draft.
    graph: Value,
}

/// A published version.
#[derive(Serialize, ToSchema)]
pub struct ShownVersion {
    /// Its number.
    version: i64,
    /// When it was published.
    date_published: String,
    /// Its graph.
    graph: Value,
}

/// A flow to be added.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct FlowBody {
    /// Its name, unique within the customer.
    #[schema(
        min_length = 1,
        max_length = 128,
        pattern = r"^[^\x00-\x20\x7f-\xa0]([^\x00-\x1f\x7f-\x9f]*[^\x00-\x20\x7f-\xa0])?$"
    )]
    name: String,
    /// What it is for.
    #[serde(default)]
    #[schema(max_length = 512, pattern = r"^[^\x00]*$")]
    description: String,
    /// Its graph, which may be unfinished; `/v1/flow.schema.json` says what a finished one looks like.
    #[schema(value_type = Object)]
    graph: Box<RawValue>,
}

/// A new draft of a flow.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct DraftBody {
    /// The flow, by its number or its name.
    flow: TextOrNumber,
    /// The graph, which may be unfinished.
    #[schema(value_type = Object)]
    graph: Box<RawValue>,
}

/// A version to go back to.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct RevertBody {
    /// The flow, by its number or its name.
    flow: TextOrNumber,
    /// The version's number.
    #[schema(minimum = 1)]
    #[serde(deserialize_with = "content::integer")]
    version: i64,
}

/// A flow after a change.
#[derive(Serialize, ToSchema)]
pub struct ChangedFlow {
    /// Its number.
    flow_id: i64,
    /// Its name.
    flow_name: String,
    /// draft, public, paused, running or inactive.
    status: &'static str,
    /// The version that records run through; null before the first one.
    #[schema(required)]
    version: Option<i64>,
}

/// What a flow diagram is, as JSON Schema (draft 4).
#[derive(ToSchema)]
#[expect(dead_code, reason = "it only says what the document looks like")]
pub struct DiagramSchema {
    /// The schema's own dialect.
    #[schema(rename = "$schema")]
    schema: String,
}

/// POST /v1/flowdiagram.
pub async fn add(call: &Call<'_>) -> Result<Reply> {
    let FlowBody { name, description, graph } = content::value(call)?;
    let operation = AddFlow { name: name.clone(), description, graph: graph.get().to_owned() };
    let once = execute_once(call.app, call.caller()?, call.idempotency_key()?, operation).await?;
    let (id, is_repeated) = once.into_parts();
    let status = FlowStatus::Draft.name();
    let mut reply = Reply::of(&ChangedFlow { flow_id: id.0, flow_name: name, status, version: None })?;
    reply.is_repeated = is_repeated;
    reply.location = Some(format!("/v1/flowdiagram?flow_id={}", id.0));
    Ok(reply)
}

/// PUT /v1/flowdiagram.
pub async fn update_draft(call: &Call<'_>) -> Result<Reply> {
    let DraftBody { flow, graph } = content::value(call)?;
    let expected = condition::expected(call.headers())?;
    let operation = UpdateDraft { flow: flow.into_text(), graph: graph.get().to_owned(), expected };
    let flow = execute(call.app, call.caller()?, operation).await?;
    let (flow_id, status, version) = (flow.id.0, flow.status.name(), flow.version);
    Reply::of(&ChangedFlow { flow_id, flow_name: flow.name, status, version })
}

/// PUT /v1/flowdiagram/revert.
pub async fn revert(call: &Call<'_>) -> Result<Reply> {
    let RevertBody { flow, version } = content::value(call)?;
    let published = execute(call.app, call.caller()?, RevertFlow { flow: flow.into_text(), version }).await?;
    let (flow_id, status, version) = (published.id.0, published.status.name(), Some(published.version));
    Reply::of(&ChangedFlow { flow_id, flow_name: published.name, status, version })
}

/// GET /v1/flow.schema.json: as it is, since it is meant for editors.
pub async fn schema(_call: &Call<'_>) -> Result<Reply> {
    let mut reply = Reply::of_text("{}".to_owned());
    reply.headers.push((CONTENT_TYPE, HeaderValue::from_static("application/schema+json")));
    reply.instead = Some(Instead::Verbatim(flow::DIAGRAM_SCHEMA.to_owned()));
    Ok(reply)
}

/// GET /v1/flowdiagram.
pub async fn get(call: &Call<'_>) -> Result<Reply> {
    let diagram = execute(call.app, call.caller()?, GetFlowDiagram { flow: reference(call)? }).await?;
    let mut shown = resource::flow_diagram(&diagram, &call.app.config.api.time_zone);
    match call.parameters.get(&EXPAND_FLOW)?.as_deref() {
        None => {}
        Some("draft") => {
            let draft = diagram.flow.draft.as_deref().and_then(|draft| serde_json::from_str(draft).ok());
            shown.as_object_mut().map(|members| members.insert("draft".to_owned(), draft.unwrap_or(Value::Null)));
        }
        Some(_) => return Err(Error::invalid("expand must be draft here")),
    }
    let mut reply = Reply::of(&shown)?;
    reply.revision = Some(Revision::of_flow_diagram(&diagram));
    reply.modified = Some(diagram.flow.modified);
    Ok(reply)
}

/// PUT /v1/changeflowstatus.
pub async fn change_status(call: &Call<'_>) -> Result<Reply> {
    let status = call.parameters.require(&STATUS)?.into_owned();
    let flow = execute(call.app, call.caller()?, ChangeFlowStatus { flow: reference(call)?, status }).await?;
    let mut reply = Reply::of(&"")?;
    reply.message = Some(resource::flow_moved(flow.status).to_owned());
    Ok(reply)
}

fn reference(call: &Call<'_>) -> Result<FlowReference> {
    Ok(FlowReference { id: call.parameters.text(&FLOW_ID)?, name: call.parameters.text(&FLOW)? })
}
