//! The documented JSON of what operations give, shared by the dialects that show it.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;
use serde_json::value::RawValue;
use serde_json::{Value, json};

use crate::app::rules::StoredSchema;
use crate::model::flow::{Flow, FlowStatus, FlowVersion};
use crate::model::time::TimeZone;
use crate::operation::diagram::FlowDiagram;

/// A schema as document 003's getSchema shows it, as JSON text. It is asked for far more often than it changes.
pub fn schema<'s>(stored: &'s StoredSchema, customer: &str, zone: &TimeZone) -> &'s str {
    let schema = &stored.schema;
    stored.shown.get_or_init(|| {
        let json = json!({
            "url": schema.url,
            "schema": STANDARD.encode(&schema.document),
            "creation_date": schema.created.to_date_time(zone),
            "modified_date": schema.modified.to_date_time(zone),
            "customer": customer,
        });
        json.to_string()
    })
}

/// A flow as document 003's flowdiagram shows it. What `current_flow` and `versions` hold is ours: nothing public says.
pub fn flow_diagram(diagram: &FlowDiagram, zone: &TimeZone) -> Value {
    let flow = &diagram.flow;
    let current = diagram.versions.iter().find(|version| Some(version.version) == flow.version);
    let shown = current.map(|version| version.graph.as_str()).or(flow.draft.as_deref());
    json!({
        "customer": diagram.customer,
        "flow_name": flow.name,
        "description": flow.description,
        "current_flow": {
            "id": flow.id.0,
            "status": flow.status.name(),
            "version": flow.version,
            "graph": graph(shown),
        },
        "versions": diagram.versions.iter().map(|published| version(published, zone)).collect::<Vec<_>>(),
    })
}

/// The documented sentence for a flow that was moved to that state (contradiction C54).
pub fn flow_moved(to: FlowStatus) -> &'static str {
    match to {
        FlowStatus::Draft | FlowStatus::Public => "Flow diagram has been published successfully",
        FlowStatus::Paused => "Flow diagram has been paused successfully",
        FlowStatus::Running => "Flow diagram has been resumed successfully",
        FlowStatus::Inactive => "Flow diagram has been stopped successfully",
    }
}

/// A flow after a change of its status.
pub fn flow(flow: &Flow) -> Value {
    json!({
        "flow_id": flow.id.0,
        "flow_name": flow.name,
        "status": flow.status.name(),
        "version": flow.version,
    })
}

fn version(version: &FlowVersion, zone: &TimeZone) -> Value {
    json!({
        "version": version.version,
        "date_published": version.published.to_date_time(zone),
        "graph": graph(Some(&version.graph)),
    })
}

fn graph(text: Option<&str>) -> Value {
    text.and_then(|text| serde_json::from_str(text).ok()).unwrap_or(Value::Null)
}

/// Several JSON texts as one array, byte for byte.
pub fn array<'t>(texts: impl Iterator<Item = &'t str>) -> String {
    let items: Vec<&RawValue> = texts.filter_map(|text| serde_json::from_str(text).ok()).collect();
    serde_json::to_string(&items).unwrap_or_default()
}
