//! Flows as callers see them: finding one by number or name, describing it, moving it from state to state.

use std::sync::Arc;

use serde::Serialize;

use crate::app::App;
use crate::app::fields::{Fields, StoredFlow};
use crate::auth::Caller;
use crate::diagram::Diagram;
use crate::error::{Code, Error, Result};
use crate::model::account::CustomerId;
use crate::model::flow::{Flow, FlowId, FlowKey, FlowStatus, FlowVersion};
use crate::model::hook::Event;
use crate::model::scope::Scope;
use crate::operation::account::record;
use crate::operation::event::tell_flow;
use crate::operation::flow::{find_flow, publish};
use crate::operation::{Access, Operation};
use crate::store::flow;

/// How a request names a flow: by its number, or by a text that is its number or its name.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct FlowReference {
    /// `FlowId`; it wins where both are given.
    pub id: Option<String>,
    /// `Flow`: tried as a number first, then as a name (document 003, X-Flow).
    pub name: Option<String>,
}

impl FlowReference {
    fn key(&self) -> Result<FlowKey> {
        match (&self.id, &self.name) {
            (Some(id), _) => {
                let number = id.parse().map_err(|_| Error::invalid("FlowId must be a flow's number"))?;
                Ok(FlowKey::Number(number))
            }
            (None, Some(name)) => Ok(FlowKey::NumberOrName(name.clone())),
            (None, None) => Err(Error::invalid("The flow is not named: Flow or FlowId is required")),
        }
    }
}

/// The customer's flow, remembered until something administrative changes.
pub(super) fn flow_of(app: &App, customer: CustomerId, reference: &FlowReference) -> Result<Arc<StoredFlow>> {
    flow_by_key(app, customer, reference.key()?)
}

/// A version of the customer's flow, ready to be followed: that one, or the current one.
/// # Errors
/// `NotFound` if there is no such version, `InvalidInput` if what was published is no diagram.
pub fn diagram_of(app: &App, customer: CustomerId, flow: FlowId, version: Option<i64>) -> Result<Arc<Diagram>> {
    let version = match version {
        Some(version) => version,
        None => flow_of_record(app, customer, flow)?
            .flow
            .version
            .ok_or_else(|| Error::new(Code::NotFound, "The flow was not published"))?,
    };
    // A version never changes, so that what is remembered of it holds for ever.
    let (key, generation) = ((customer, flow, version), 0);
    if let Some(found) = app.diagrams.get(generation, &key) {
        return Ok(found);
    }
    let stored = app.store.peek(|tx| flow::find_version(tx, customer, flow, version))?;
    let stored = stored.ok_or_else(|| Error::new(Code::NotFound, format!("The flow has no version {version}")))?;
    let diagram = Arc::new(Diagram::parse(&stored.graph)?);
    app.diagrams.put(generation, key, Arc::clone(&diagram));
    Ok(diagram)
}

/// The flow that a record belongs to, by its identifier.
pub fn flow_of_record(app: &App, customer: CustomerId, flow: FlowId) -> Result<Arc<StoredFlow>> {
    flow_by_key(app, customer, FlowKey::Number(flow.0))
}

fn flow_by_key(app: &App, customer: CustomerId, key: FlowKey) -> Result<Arc<StoredFlow>> {
    let key = (customer, key);
    let generation = app.store.generation();
    if let Some(found) = app.flows.get(generation, &key) {
        return Ok(found);
    }
    let (flow, current) = app.store.peek(|tx| {
        let flow = find_flow(tx, customer, &key.1)?;
        let current = match flow.version {
            Some(version) => flow::find_version(tx, customer, flow.id, version)?,
            None => None,
        };
        Ok((flow, current))
    })?;
    // What an older version accepted was not yet read as a declaration, and a wrong one then declares nothing.
    let graph = current.and_then(|current| serde_json::from_str(&current.graph).ok());
    let fields = graph.and_then(|graph| Fields::of_graph(&graph).ok()).unwrap_or_default();
    let found = Arc::new(StoredFlow { flow: Arc::new(flow), fields });
    app.flows.put(generation, key, Arc::clone(&found));
    Ok(found)
}

/// The customer's only flow that runs, for calls that cannot name one.
/// # Errors
/// None runs, or several do.
pub async fn only_running_flow(app: &App, caller: &Caller) -> Result<FlowReference> {
    let flows = app.store.peek(|tx| flow::list(tx, caller.customer().id))?;
    let mut running = flows.into_iter().filter(|flow| matches!(flow.status, FlowStatus::Public | FlowStatus::Running));
    match (running.next(), running.next()) {
        (Some(flow), None) => Ok(FlowReference { id: Some(flow.id.0.to_string()), name: None }),
        _ => Err(Error::invalid(
            "The flow is not named, and there is not exactly one that runs: FlowDiagramObject is required",
        )),
    }
}

/// Describes a flow (document 003, getFlowDiagram).
pub struct GetFlowDiagram {
    /// The flow.
    pub flow: FlowReference,
}

/// A flow with every version that was published.
#[derive(Debug)]
pub struct FlowDiagram {
    /// The name of the customer that owns it.
    pub customer: String,
    /// The flow.
    pub flow: Arc<Flow>,
    /// Its published versions, oldest first.
    pub versions: Vec<FlowVersion>,
}

impl Operation for GetFlowDiagram {
    const NAME: &'static str = "getFlowDiagram";
    const ACCESS: Access = Access::Scope(Scope::FlowDiagramRead);
    type Output = FlowDiagram;

    async fn run(self, app: &App, caller: &Caller) -> Result<FlowDiagram> {
        let customer = caller.customer();
        let flow = Arc::clone(&flow_of(app, customer.id, &self.flow)?.flow);
        let versions = app.store.peek(|tx| flow::versions(tx, customer.id, flow.id))?;
        Ok(FlowDiagram { customer: customer.name.clone(), flow, versions })
    }
}

/// Moves a flow to another state (document 003, changeFlowStatus).
pub struct ChangeFlowStatus {
    /// The flow.
    pub flow: FlowReference,
    /// The wanted state's documented name.
    pub status: String,
}

impl Operation for ChangeFlowStatus {
    const NAME: &'static str = "changeFlowStatus";
    const ACCESS: Access = Access::Scope(Scope::FlowDiagram);
    type Output = Flow;

    async fn run(self, app: &App, caller: &Caller) -> Result<Flow> {
        let to = parse_target(&self.status)?;
        let key = self.flow.key()?;
        let (customer, now, actor) = (caller.customer().id, app.clock.now(), caller.actor().to_owned());
        app.store
            .administer(move |tx| {
                let found = find_flow(tx, customer, &key)?;
                if !is_legal(found.status, found.draft.is_some(), to) {
                    return Err(illegal(&found, to));
                }
                match to {
                    FlowStatus::Public => drop(publish(tx, &found, to, now)?),
                    _ => drop(flow::update_status(tx, customer, found.id, found.status, to, now)?),
                }
                if to == FlowStatus::Paused {
                    tell_flow(tx, Event::FlowPaused, &found, (to, found.version), now)?;
                }
                let target = format!("{} {}", found.name, to.name());
                record(tx, customer, &actor, Self::NAME, &target, now)?;
                flow::find(tx, customer, found.id)?
                    .ok_or_else(|| Error::internal("a flow vanished within its own transaction"))
            })
            .await
    }
}

fn parse_target(text: &str) -> Result<FlowStatus> {
    let status = FlowStatus::parse(&text.to_ascii_lowercase()).filter(|status| *status != FlowStatus::Draft);
    status.ok_or_else(|| Error::invalid("Status must be public, paused, running or inactive"))
}

/// The legal moves: a draft is published, which also brings a changed or deactivated flow back; a flow that runs is
/// paused and resumed; what was published is deactivated.
fn is_legal(from: FlowStatus, has_draft: bool, to: FlowStatus) -> bool {
    use FlowStatus::{Draft, Inactive, Paused, Public, Running};
    match (from, to) {
        (_, Public) => has_draft,
        (Public | Running, Paused) | (Paused, Running) | (Public | Running | Paused, Inactive) => true,
        (_, Draft | Paused | Running | Inactive) => false,
    }
}

fn illegal(flow: &Flow, to: FlowStatus) -> Error {
    let reason = match to {
        FlowStatus::Public => "has no draft to publish".to_owned(),
        _ => format!("is {} and cannot become {}", flow.status.name(), to.name()),
    };
    Error::new(Code::Conflict, format!("The flow '{}' {reason}", flow.name))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_documented_moves_are_legal() {
        let legal: Vec<String> = FlowStatus::ALL
            .into_iter()
            .flat_map(|from| FlowStatus::ALL.into_iter().map(move |to| (from, to)))
            .filter(|(from, to)| is_legal(*from, *from == FlowStatus::Draft, *to))
            .map(|(from, to)| format!("{} -> {}", from.name(), to.name()))
            .collect();
        let documented = [
            "draft -> public",
            "public -> paused",
            "public -> inactive",
            "paused -> running",
            "paused -> inactive",
            "running -> paused",
            "running -> inactive",
        ];
        assert_eq!(legal, documented);
    }
}
