//! `/executions`, and the logs of steps: what came of what was sent.

use serde_json::{Map, Value, json};

use crate::error::{Error, Result};
use crate::facade::hub::endpoint::{Call, Reply};
use crate::facade::hub::flow::meta;
use crate::facade::hub::query::invalid;
use crate::model::record::RecordStatus;
use crate::operation::catalogue::MOST_FLOWS;
use crate::operation::execute;
use crate::operation::execution::{Execution, GetExecution, ListExecutions, ListStepLog, MOST_LINES};
use crate::operation::history::{LogLine, RunStep};

/// GET /executions.
pub(super) async fn list(call: &Call<'_>) -> Result<Reply> {
    let (page, number) = call.query.page(MOST_FLOWS, MOST_FLOWS)?;
    let flow = call.query.get("filter[flowId]")?.ok_or_else(|| Error::invalid("The filter[flowId] is required"))?;
    let operation = ListExecutions { flow: flow.to_owned(), page };
    let found = execute(call.app, call.caller()?, operation).await?;
    let data: Vec<Value> = found.executions.iter().map(|execution| shown(execution, &found.tenant)).collect();
    Ok(Reply::of(json!({"data": data, "meta": meta(found.total, number, page.limit)})))
}

/// GET /executions/{id}.
pub(super) async fn get(call: &Call<'_>) -> Result<Reply> {
    let (execution, tenant) = execute(call.app, call.caller()?, GetExecution { id: call.path("id") }).await?;
    Ok(Reply::of(json!({"data": shown(&execution, &tenant), "meta": {}})))
}

/// GET /flows/{id}/steps/{step}/logs.
pub(super) async fn log(call: &Call<'_>) -> Result<Reply> {
    let most = i64::try_from(MOST_LINES).unwrap_or(i64::MAX);
    let limit = usize::try_from(call.query.number("pageSize", most, most)?).unwrap_or(MOST_LINES);
    let after = match call.query.get("pageToken")? {
        None => 0,
        Some(token) => token.parse().map_err(|_| invalid("pageToken"))?,
    };
    let (flow, step) = (call.path("id"), call.path("step"));
    let operation = ListStepLog { flow: flow.clone(), step: step.clone(), limit, after };
    let found = execute(call.app, call.caller()?, operation).await?;
    let data: Vec<Value> = found.lines.iter().map(|(uuid, line)| entry(&flow, &step, uuid, line)).collect();
    let next = found.next.map(|next| next.to_string());
    Ok(Reply::of(json!({"data": data, "meta": {"pageSize": limit, "nextPageToken": next}})))
}

fn entry(flow: &str, step: &str, uuid: &str, line: &LogLine) -> Value {
    json!({
        "flowId": flow,
        "stepId": step,
        "execId": id(uuid),
        "timestamp": line.at.map(|at| at.to_iso()),
        "level": if line.error.is_some() { "error" } else { "info" },
        "status": line.outcome,
        "attempt": line.attempt,
        "duration": line.duration_us / 1_000,
        "message": line.error,
    })
}

/// What an execution is called by: a UUID without its dashes; what a client chose, as it is.
fn id(uuid: &str) -> String {
    let fits = |(place, byte)| match place {
        8 | 13 | 18 | 23 => byte == b'-',
        _ => matches!(byte, b'0'..=b'9' | b'a'..=b'f'),
    };
    let is_uuid = uuid.len() == 36 && uuid.bytes().enumerate().all(fits);
    if is_uuid { uuid.replace('-', "") } else { uuid.to_owned() }
}

fn shown(execution: &Execution, tenant: &str) -> Value {
    let counters: Map<String, Value> = execution.steps.iter().map(|step| (step.id.clone(), counter(step))).collect();
    let errors: u64 = execution.steps.iter().map(errors).sum();
    let (id, status) = (id(&execution.uuid), execution.status);
    json!({
        "id": id,
        "flowExecId": id,
        "flowId": execution.flow,
        "tenant": tenant,
        "created": execution.created.to_iso(),
        "started": execution.started.map(|at| at.to_iso()),
        "finished": execution.finished.map(|at| at.to_iso()),
        "status": status_name(status),
        "succeeded": status == RecordStatus::Finished,
        "errors": errors,
        "stepCounters": counters,
    })
}

fn status_name(status: RecordStatus) -> &'static str {
    match status {
        RecordStatus::Waiting => "waiting",
        RecordStatus::Processing => "running",
        RecordStatus::Scheduled => "scheduled",
        RecordStatus::Finished => "finished",
        RecordStatus::Failed => "failed",
        RecordStatus::Reviewed => "reviewed",
        RecordStatus::Handled => "handled",
    }
}

/// Whether the last attempt of the step gave something.
fn is_done(step: &RunStep) -> bool {
    matches!(step.status.as_str(), "done" | "stopped" | "moved")
}

fn errors(step: &RunStep) -> u64 {
    step.attempts.saturating_sub(u64::from(is_done(step)))
}

fn counter(step: &RunStep) -> Value {
    json!({"in": 1, "out": u64::from(is_done(step)), "errors": errors(step)})
}
