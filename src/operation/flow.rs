//! Flows: adding them, and publishing the versions that records run through.

use std::sync::Arc;

use serde::Serialize;

use crate::app::App;
use crate::auth::Caller;
use crate::diagram::Diagram;
use crate::error::{Code, Error, Result};
use crate::model::account::CustomerId;
use crate::model::flow::{Flow, FlowId, FlowKey, FlowStatus};
use crate::model::hook::Event;
use crate::model::scope::Scope;
use crate::model::time::Timestamp;
use crate::operation::account::record;
use crate::operation::diagram::FlowDiagram;
use crate::operation::event::tell_flow;
use crate::operation::repeat::{Repeatable, Write, commit};
use crate::operation::revision::{self, Revision};
use crate::operation::{Access, Operation, check};
use crate::store::{Tx, flow, partner, run};

/// The JSON Schema (draft 4) of a flow's graph.
pub const DIAGRAM_SCHEMA: &str = crate::diagram::SCHEMA;

/// Adds a flow as a draft to the caller's customer.
#[derive(Serialize)]
pub struct AddFlow {
    /// Its name, unique within the customer.
    pub name: String,
    /// Free text.
    pub description: String,
    /// The JSON text of its graph.
    pub graph: String,
}

impl Operation for AddFlow {
    const NAME: &'static str = "addFlow";
    const ACCESS: Access = Access::Scope(Scope::FlowDiagram);
    type Output = FlowId;

    async fn run(self, app: &App, caller: &Caller) -> Result<FlowId> {
        commit(app, self.prepare(app, caller)?).await
    }
}

impl Repeatable for AddFlow {
    fn prepare(self, app: &App, caller: &Caller) -> Result<Write<FlowId>> {
        check::name("The flow's name", &self.name)?;
        check::description(&self.description)?;
        check::draft(&self.graph)?;
        let (customer, now, actor) = (caller.customer().id, app.clock.now(), caller.actor().to_owned());
        Ok(Write::administration(move |tx| {
            let id = flow::insert(tx, customer, &self.name, &self.description, &self.graph, now)?;
            record(tx, customer, &actor, Self::NAME, &self.name, now)?;
            Ok(id)
        }))
    }
}

/// Replaces the draft of a flow. What is published stays as it is.
pub struct UpdateDraft {
    /// The flow's number or its name.
    pub flow: String,
    /// The JSON text of the new graph.
    pub graph: String,
    /// What the caller has seen of the flow, if it must not have changed since.
    pub expected: Option<Vec<Revision>>,
}

impl Operation for UpdateDraft {
    const NAME: &'static str = "updateDraft";
    const ACCESS: Access = Access::Scope(Scope::FlowDiagram);
    type Output = Flow;

    async fn run(self, app: &App, caller: &Caller) -> Result<Flow> {
        check::draft(&self.graph)?;
        let owner = caller.customer().name.clone();
        let (customer, now, actor) = (caller.customer().id, app.clock.now(), caller.actor().to_owned());
        app.store
            .administer(move |tx| {
                let found = find_flow(tx, customer, &FlowKey::NumberOrName(self.flow))?;
                if let Some(expected) = &self.expected {
                    let versions = flow::versions(tx, customer, found.id)?;
                    let seen = FlowDiagram { customer: owner, flow: Arc::new(found.clone()), versions };
                    revision::require(Some(expected), || Revision::of_flow_diagram(&seen))?;
                }
                flow::update_draft(tx, customer, found.id, &self.graph, now)?;
                record(tx, customer, &actor, Self::NAME, &found.name, now)?;
                Ok(Flow { draft: Some(self.graph), modified: now, ..found })
            })
            .await
    }
}

/// Publishes the draft of a flow as its next version. The first one makes the flow public; a later one leaves its
/// status as it is, so that publishing does not resume a paused flow.
pub struct PublishFlow {
    /// The flow's number or its name.
    pub flow: String,
}

/// A version that was published.
pub struct PublishedFlow {
    /// The flow's number.
    pub id: FlowId,
    /// The flow's name.
    pub name: String,
    /// The version's number.
    pub version: i64,
    /// Where the flow now stands.
    pub status: FlowStatus,
}

impl Operation for PublishFlow {
    const NAME: &'static str = "publishFlow";
    const ACCESS: Access = Access::Scope(Scope::FlowDiagram);
    type Output = PublishedFlow;

    async fn run(self, app: &App, caller: &Caller) -> Result<PublishedFlow> {
        let (customer, now, actor) = (caller.customer().id, app.clock.now(), caller.actor().to_owned());
        app.store
            .administer(move |tx| {
                let found = find_flow(tx, customer, &FlowKey::NumberOrName(self.flow))?;
                let status = match found.status {
                    FlowStatus::Draft => FlowStatus::Public,
                    other => other,
                };
                let version = publish(tx, &found, status, now)?;
                record(tx, customer, &actor, Self::NAME, &format!("{} version {version}", found.name), now)?;
                Ok(PublishedFlow { id: found.id, name: found.name, version, status })
            })
            .await
    }
}

/// Publishes what an earlier version of a flow was as its next version. A draft stays as it is, and so does the flow's
/// status.
pub struct RevertFlow {
    /// The flow's number or its name.
    pub flow: String,
    /// The version.
    pub version: i64,
}

impl Operation for RevertFlow {
    const NAME: &'static str = "revertFlow";
    const ACCESS: Access = Access::Scope(Scope::FlowDiagram);
    type Output = PublishedFlow;

    async fn run(self, app: &App, caller: &Caller) -> Result<PublishedFlow> {
        let (customer, now, actor) = (caller.customer().id, app.clock.now(), caller.actor().to_owned());
        app.store
            .administer(move |tx| {
                let found = find_flow(tx, customer, &FlowKey::NumberOrName(self.flow))?;
                let version = publish_again(tx, &found, self.version, found.status, now)?;
                let target = format!("{} version {version} as version {}", found.name, self.version);
                record(tx, customer, &actor, Self::NAME, &target, now)?;
                Ok(PublishedFlow { id: found.id, name: found.name, version, status: found.status })
            })
            .await
    }
}

/// Makes the draft of a flow its next version, which from then on records run through, and gives its number.
/// # Errors
/// `Conflict` if there is no draft, `InvalidInput` if it is no diagram.
pub(super) fn publish(tx: &mut dyn Tx, found: &Flow, status: FlowStatus, now: Timestamp) -> Result<i64> {
    let none = || Error::new(Code::Conflict, format!("The flow '{}' has no draft to publish", found.name));
    let diagram = check::diagram(found.draft.as_deref().ok_or_else(none)?)?;
    let version = flow::publish(tx, found.customer, found.id, status, now)?.ok_or_else(none)?;
    take_up(tx, found, diagram, (status, version), now)?;
    Ok(version)
}

/// Makes an earlier version of a flow its next one, whatever its draft is, and gives the number.
/// # Errors
/// `NotFound` if there is no such version, `InvalidInput` if it is no diagram by the rules of today.
pub(super) fn publish_again(
    tx: &mut dyn Tx,
    found: &Flow,
    version: i64,
    status: FlowStatus,
    now: Timestamp,
) -> Result<i64> {
    let earlier = flow::find_version(tx, found.customer, found.id, version)?
        .ok_or_else(|| Error::new(Code::NotFound, format!("The flow '{}' has no version {version}", found.name)))?;
    let diagram = check::diagram(&earlier.graph)?;
    let version = flow::insert_version(tx, found.customer, found.id, &earlier.graph, status, now)?
        .ok_or_else(|| Error::internal("a flow vanished within its own transaction"))?;
    take_up(tx, found, diagram, (status, version), now)?;
    Ok(version)
}

/// What follows from another diagram being the flow's current one.
fn take_up(
    tx: &mut dyn Tx,
    found: &Flow,
    diagram: Diagram,
    (status, version): (FlowStatus, i64),
    now: Timestamp,
) -> Result<()> {
    // What partners describe is read again, so that a changed description can be taken up.
    partner::remove_all(tx, found.customer)?;
    let next = diagram.schedule.and_then(|schedule| schedule.next(now));
    run::update_schedule(tx, found.customer, found.id, next)?;
    tell_flow(tx, Event::FlowPublished, found, (status, Some(version)), now)
}

/// The customer's flow that is meant.
/// # Errors
/// There is none.
pub(super) fn find_flow(tx: &mut dyn Tx, customer: CustomerId, key: &FlowKey) -> Result<Flow> {
    look_up(tx, customer, key)?.ok_or_else(|| {
        let shown = match key {
            FlowKey::Number(number) => number.to_string(),
            FlowKey::NumberOrName(text) => text.chars().take(128).collect(),
        };
        Error::new(Code::NotFound, format!("There is no flow '{shown}'"))
    })
}

/// The customer's flow that is meant, if there is one.
pub(super) fn look_up(tx: &mut dyn Tx, customer: CustomerId, key: &FlowKey) -> Result<Option<Flow>> {
    let (number, name) = match key {
        FlowKey::Number(number) => (Some(*number), None),
        FlowKey::NumberOrName(text) => (text.parse().ok(), Some(text)),
    };
    let by_number = number.map_or(Ok(None), |number| flow::find(tx, customer, FlowId(number)))?;
    match (by_number, name) {
        (None, Some(name)) => flow::find_by_name(tx, customer, name),
        (found, _) => Ok(found),
    }
}
