//! `/v1/flowdiagram` and `/v1/changeflowstatus` (document 003, "Flows").

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::error::{Error, Result};
use crate::facade::resource;
use crate::facade::v1::call::Call;
use crate::facade::v1::parameter::{EXPAND_FLOW, FLOW, FLOW_ID, STATUS};
use crate::facade::v1::reply::Reply;
use crate::operation::diagram::{ChangeFlowStatus, FlowReference, GetFlowDiagram};
use crate::operation::execute;
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
