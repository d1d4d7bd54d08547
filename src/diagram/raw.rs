//! The members of a diagram's document as they are written.

use serde::Deserialize;
use serde_json::{Map, Value};

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawDiagram {
    pub(super) nodes: Vec<RawNode>,
    #[serde(default)]
    pub(super) edges: Vec<RawEdge>,
    #[serde(default, rename = "inputParameters")]
    pub(super) input: Option<Value>,
    #[serde(default, rename = "outputParameters")]
    pub(super) output: Option<Value>,
    /// Read by whoever keeps the fields of records.
    #[serde(default, rename = "data_fields")]
    pub(super) _data_fields: Option<Value>,
    #[serde(default)]
    pub(super) schedule: Option<RawSchedule>,
    #[serde(default)]
    pub(super) concurrency: Option<RawConcurrency>,
    #[serde(default)]
    pub(super) retry: Option<RawRetry>,
    #[serde(default)]
    pub(super) on_error: Option<Value>,
    #[serde(default)]
    pub(super) mask: Vec<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawNode {
    pub(super) id: String,
    pub(super) kind: String,
    #[serde(default)]
    pub(super) name: Option<String>,
    #[serde(default)]
    pub(super) fields: Map<String, Value>,
    #[serde(default)]
    pub(super) retry: Option<RawRetry>,
    #[serde(default)]
    pub(super) on_error: Option<Value>,
    #[serde(default)]
    pub(super) timeout: Option<Value>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawEdge {
    pub(super) source: String,
    pub(super) target: String,
    #[serde(default)]
    pub(super) when: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawSchedule {
    pub(super) cron: String,
    #[serde(default)]
    pub(super) time_zone: Option<String>,
    #[serde(default)]
    pub(super) data: Option<Map<String, Value>>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawConcurrency {
    #[serde(default)]
    pub(super) limit: Option<usize>,
    #[serde(default)]
    pub(super) order: Option<String>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RawRetry {
    #[serde(default)]
    pub(super) attempts: Option<i64>,
    #[serde(default)]
    pub(super) initial: Option<Value>,
    #[serde(default)]
    pub(super) factor: Option<f64>,
    #[serde(default)]
    pub(super) max: Option<Value>,
    #[serde(default)]
    pub(super) jitter: Option<f64>,
    #[serde(default, rename = "final")]
    pub(super) final_on: Vec<String>,
    #[serde(default)]
    pub(super) retry_on: Vec<String>,
}
