//! Flows as document 002 has them: listed in pages, called by public identifiers, owned by people, started and stopped.
//! The flows are the same that other dialects know; a person may do with them what permissions and ownership allow.

use serde_json::{Map, Value};

use crate::app::App;
use crate::auth::{Caller, key};
use crate::error::{Code, Error, Result};
use crate::model::account::CustomerId;
use crate::model::catalogue::{FlowKind, Listed, Order, is_active};
use crate::model::flow::{Flow, FlowStatus};
use crate::model::hook::Event;
use crate::model::person::Permission;
use crate::model::scope::Scope;
use crate::model::search::Page;
use crate::model::time::Timestamp;
use crate::operation::account::record;
use crate::operation::event::tell_flow;
use crate::operation::flow::{publish, publish_again};
use crate::operation::sketch::{Beside, compose};
use crate::operation::{Access, Operation, check};
use crate::store::catalogue::{self, Filter};
use crate::store::{Tx, flow, person};

/// Which permission of a person is which scope of an application.
pub(super) const READ: Access = Access::Member(Permission::FlowsRead, Scope::FlowDiagramRead);
/// The same for what came of runs.
pub(super) const READ_RUNS: Access = Access::Member(Permission::FlowsRead, Scope::RecordRead);
const DELETE: Access = Access::Member(Permission::FlowsDelete, Scope::FlowDiagram);
const CONTROL: Access = Access::Member(Permission::FlowsControl, Scope::FlowDiagram);

/// Flows of a page.
pub const MOST_FLOWS: i64 = 100;

/// The public identifier of a customer, which is given when it is first asked for.
pub(super) async fn tenant(app: &App, customer: CustomerId) -> Result<String> {
    if let Some(found) = app.store.peek(|tx| catalogue::find_tenant(tx, customer))? {
        return Ok(found);
    }
    let fresh = key::generate_public_id()?;
    app.store
        .write(move |tx| {
            catalogue::name_tenant(tx, customer, &fresh)?;
            catalogue::find_tenant(tx, customer)?.ok_or_else(|| Error::internal("a customer vanished"))
        })
        .await
}

/// Sees to it that each of the customer's flows has a public identifier.
pub(super) async fn name_flows(app: &App, customer: CustomerId) -> Result<()> {
    let unnamed = app.store.peek(|tx| catalogue::unnamed(tx, customer))?;
    if unnamed.is_empty() {
        return Ok(());
    }
    let named = unnamed.into_iter().map(|id| Ok((id, key::generate_public_id()?))).collect::<Result<Vec<_>>>()?;
    app.store
        .write(move |tx| named.iter().try_for_each(|(id, public_id)| catalogue::name(tx, customer, *id, public_id)))
        .await
}

/// A flow with the public identifier of its customer.
#[derive(Debug)]
pub struct Catalogued {
    /// The flow.
    pub flow: Listed,
    /// What its customer is called by.
    pub tenant: String,
}

/// Lists flows of the caller's customer. All that is given must hold for a flow.
pub struct ListFlows {
    /// How many at most, and how many are passed over.
    pub page: Page,
    /// In which order.
    pub order: Order,
    /// Those that are active, or those that are not.
    pub is_active: Option<bool>,
    /// Those of the person of that public identifier. If the customer has no such person, there are none.
    pub owner: Option<String>,
    /// Those of that kind.
    pub kind: Option<FlowKind>,
    /// Those whose name or description holds that text.
    pub text: Option<String>,
}

/// A page of flows.
#[derive(Debug)]
pub struct FlowPage {
    /// They.
    pub flows: Vec<Listed>,
    /// What their customer is called by.
    pub tenant: String,
    /// How many there are in all.
    pub total: i64,
}

impl Operation for ListFlows {
    const NAME: &'static str = "listFlows";
    const ACCESS: Access = READ;
    type Output = FlowPage;

    async fn run(self, app: &App, caller: &Caller) -> Result<FlowPage> {
        if !(1..=MOST_FLOWS).contains(&self.page.limit) || self.page.offset < 0 {
            return Err(Error::invalid(format!("A page must have from 1 to {MOST_FLOWS} flows")));
        }
        let customer = caller.customer().id;
        let tenant = tenant(app, customer).await?;
        name_flows(app, customer).await?;
        // What comes back together is no more than what may be sent together.
        let most = app.config.server.body_limit;
        let (flows, total) = app.store.read(move |tx| self.find(tx, customer, most)).await?;
        Ok(FlowPage { flows, tenant, total })
    }
}

impl ListFlows {
    fn find(&self, tx: &mut dyn Tx, customer: CustomerId, most: usize) -> Result<(Vec<Listed>, i64)> {
        let owner = match &self.owner {
            None => None,
            Some(owner) => match person::find_by_public_id(tx, customer, owner)? {
                Some(person) => Some(person.id),
                None => return Ok((Vec::new(), 0)),
            },
        };
        let (is_active, kind, text) = (self.is_active, self.kind, self.text.clone());
        let filter = Filter { customer, is_active, owner, kind, text };
        let (numbers, total) = catalogue::list(tx, &filter, self.order, self.page)?;
        let (mut flows, mut bytes) = (Vec::new(), 0_usize);
        for number in numbers {
            let Some(listed) = catalogue::find(tx, customer, number)? else { continue };
            bytes = bytes.saturating_add(listed.graph.len());
            if bytes > most && !flows.is_empty() {
                return Err(Error::invalid(format!(
                    "The graphs of these flows are more than {most} bytes together; ask for smaller pages"
                )));
            }
            flows.push(listed);
        }
        Ok((flows, total))
    }
}

/// Gives one flow of the caller's customer.
pub struct GetFlow {
    /// Its public identifier.
    pub id: String,
}

impl Operation for GetFlow {
    const NAME: &'static str = "getFlow";
    const ACCESS: Access = READ;
    type Output = Catalogued;

    async fn run(self, app: &App, caller: &Caller) -> Result<Catalogued> {
        let customer = caller.customer().id;
        let tenant = tenant(app, customer).await?;
        let flow = app.store.read(move |tx| find(tx, customer, &self.id)).await?;
        Ok(Catalogued { flow, tenant })
    }
}

/// What of a flow can be chosen; `None` leaves it as it is.
#[derive(Debug, Default)]
pub struct FlowTexts {
    /// Its name, unique within the customer.
    pub name: Option<String>,
    /// Free text.
    pub description: Option<String>,
    /// What it is taken for.
    pub kind: Option<FlowKind>,
    /// Its graph.
    pub graph: Option<Map<String, Value>>,
    /// What stands beside the graph.
    pub beside: Beside,
    /// The public identifiers of those it belongs to; that of the customer may be among them.
    pub owners: Option<Vec<String>>,
}

/// Adds a flow, which is not active yet, to the caller's customer. It belongs to whoever adds it.
pub struct CreateFlow {
    /// What it is.
    pub texts: FlowTexts,
}

impl Operation for CreateFlow {
    const NAME: &'static str = "createFlow";
    const ACCESS: Access = Access::Member(Permission::FlowsUpdate, Scope::FlowDiagram);
    type Output = Catalogued;

    async fn run(self, app: &App, caller: &Caller) -> Result<Catalogued> {
        let texts = self.texts;
        let name = texts.name.ok_or_else(|| Error::invalid("Flows require a name."))?;
        let description = texts.description.unwrap_or_default();
        check::name("The flow's name", &name)?;
        check::description(&description)?;
        let graph = compose(Some(texts.graph.unwrap_or_default()), Map::new(), texts.beside)?;
        let (public_id, customer) = (key::generate_public_id()?, caller.customer().id);
        let tenant = tenant(app, customer).await?;
        let owners = texts.owners.unwrap_or_default();
        let (owned, creator) = (tenant.clone(), caller.person().map(|person| person.id));
        let (now, actor, kind) = (app.clock.now(), caller.actor().to_owned(), texts.kind.unwrap_or_default());
        let flow = app
            .store
            .administer(move |tx| {
                let id = flow::insert(tx, customer, &name, &description, &graph, now)?;
                catalogue::name(tx, customer, id, &public_id)?;
                let mut added = find(tx, customer, &public_id)?;
                if kind != added.kind {
                    added.kind = kind;
                    catalogue::update(tx, &added, now)?;
                }
                set_owners(tx, &added.flow, &owners, &owned)?;
                if let Some(creator) = creator {
                    person::insert_ownership(tx, customer, id, creator)?;
                }
                record(tx, customer, &actor, Self::NAME, &name, now)?;
                find(tx, customer, &public_id)
            })
            .await?;
        Ok(Catalogued { flow, tenant })
    }
}

/// Changes a flow that is not active. What it becomes is published when it is started.
pub struct ChangeFlow {
    /// Its public identifier.
    pub id: String,
    /// What is to be otherwise.
    pub texts: FlowTexts,
}

impl Operation for ChangeFlow {
    const NAME: &'static str = "changeFlow";
    const ACCESS: Access = Access::Member(Permission::FlowsUpdate, Scope::FlowDiagram);
    type Output = Catalogued;

    async fn run(self, app: &App, caller: &Caller) -> Result<Catalogued> {
        if let Some(name) = &self.texts.name {
            check::name("The flow's name", name)?;
        }
        check::description(self.texts.description.as_deref().unwrap_or_default())?;
        let tenant = tenant(app, caller.customer().id).await?;
        let (caller, owned, now) = (caller.clone(), tenant.clone(), app.clock.now());
        let flow = app.store.administer(move |tx| self.change(tx, &caller, &owned, now)).await?;
        Ok(Catalogued { flow, tenant })
    }
}

impl ChangeFlow {
    fn change(self, tx: &mut dyn Tx, caller: &Caller, tenant: &str, now: Timestamp) -> Result<Listed> {
        let customer = caller.customer().id;
        let mut found = find(tx, customer, &self.id)?;
        require_own(caller, &found)?;
        require_inactive(&found)?;
        let FlowTexts { name, description, kind, graph, beside, owners } = self.texts;
        found.flow.name = name.unwrap_or(found.flow.name);
        found.flow.description = description.unwrap_or(found.flow.description);
        found.kind = kind.unwrap_or(found.kind);
        if !catalogue::update(tx, &found, now)? {
            return Err(Error::new(Code::Conflict, format!("Flow '{}' already exists", found.flow.name)));
        }
        let is_same = graph.is_none() && beside.cron.is_none() && beside.input.is_none() && beside.output.is_none();
        if !is_same {
            let before = serde_json::from_str(&found.graph).map_err(Error::internal)?;
            flow::update_draft(tx, customer, found.flow.id, &compose(graph, before, beside)?, now)?;
        }
        if let Some(owners) = owners {
            person::remove_ownerships(tx, customer, found.flow.id)?;
            set_owners(tx, &found.flow, &owners, tenant)?;
        }
        record(tx, customer, caller.actor(), Self::NAME, &found.flow.name, now)?;
        find(tx, customer, &self.id)
    }
}

/// Removes a flow that is not active, with its versions and its records. None of the records may wait,
/// run, or have failed without anybody having looked at it.
pub struct DeleteFlow {
    /// Its public identifier.
    pub id: String,
}

impl Operation for DeleteFlow {
    const NAME: &'static str = "deleteFlow";
    const ACCESS: Access = DELETE;
    type Output = ();

    async fn run(self, app: &App, caller: &Caller) -> Result<()> {
        let (caller, now) = (caller.clone(), app.clock.now());
        app.store
            .administer(move |tx| {
                let customer = caller.customer().id;
                let found = find(tx, customer, &self.id)?;
                require_own(&caller, &found)?;
                require_inactive(&found)?;
                if catalogue::has_unfinished(tx, customer, found.flow.id)? {
                    return Err(Error::new(
                        Code::Conflict,
                        format!(
                            "Records of the flow '{}' wait, run or have failed; let them end, mark or remove them",
                            found.flow.name
                        ),
                    ));
                }
                catalogue::remove(tx, customer, found.flow.id)?;
                record(tx, customer, caller.actor(), Self::NAME, &found.flow.name, now)
            })
            .await
    }
}

/// Which way flows go.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// They are published, or resumed.
    Start,
    /// They are paused.
    Stop,
}

/// Starts or stops flows, all of them or none.
pub struct ControlFlows {
    /// Their public identifiers.
    pub ids: Vec<String>,
    /// Which way.
    pub turn: Turn,
}

impl Operation for ControlFlows {
    const NAME: &'static str = "controlFlows";
    const ACCESS: Access = CONTROL;
    type Output = Vec<String>;

    async fn run(self, app: &App, caller: &Caller) -> Result<Vec<String>> {
        if !(1..=MOST_FLOWS).contains(&i64::try_from(self.ids.len()).unwrap_or(i64::MAX)) {
            return Err(Error::invalid(format!("From 1 to {MOST_FLOWS} flows can be named at once")));
        }
        let (caller, now) = (caller.clone(), app.clock.now());
        app.store
            .administer(move |tx| {
                let customer = caller.customer().id;
                for id in &self.ids {
                    let found = find(tx, customer, id)?;
                    require_own(&caller, &found)?;
                    let verb = match self.turn {
                        Turn::Start => start(tx, &found.flow, now).map(|()| "startFlow")?,
                        Turn::Stop => stop(tx, &found.flow, now).map(|()| "stopFlow")?,
                    };
                    record(tx, customer, caller.actor(), verb, &found.flow.name, now)?;
                }
                Ok(self.ids)
            })
            .await
    }
}

fn start(tx: &mut dyn Tx, found: &Flow, now: Timestamp) -> Result<()> {
    let customer = found.customer;
    match (found.status, found.version) {
        _ if found.draft.is_some() => {
            let status = if found.status == FlowStatus::Running { FlowStatus::Running } else { FlowStatus::Public };
            publish(tx, found, status, now).map(drop)
        }
        (FlowStatus::Paused, _) => {
            flow::update_status(tx, customer, found.id, found.status, FlowStatus::Running, now).map(drop)
        }
        (FlowStatus::Inactive, Some(version)) => publish_again(tx, found, version, FlowStatus::Public, now).map(drop),
        _ => Err(Error::new(Code::Conflict, format!("The flow '{}' is active already", found.name))),
    }
}

fn stop(tx: &mut dyn Tx, found: &Flow, now: Timestamp) -> Result<()> {
    match is_active(found.status) {
        true => {
            flow::update_status(tx, found.customer, found.id, found.status, FlowStatus::Paused, now)?;
            tell_flow(tx, Event::FlowPaused, found, (FlowStatus::Paused, found.version), now)
        }
        false => Err(Error::new(Code::Conflict, format!("The flow '{}' is not active", found.name))),
    }
}

/// The customer's flow of that public identifier.
pub(super) fn find(tx: &mut dyn Tx, customer: CustomerId, id: &str) -> Result<Listed> {
    let found = match catalogue::find_number(tx, customer, id)? {
        Some(number) => catalogue::find(tx, customer, number)?,
        None => None,
    };
    found.ok_or_else(|| Error::new(Code::NotFound, "There is no flow with this id"))
}

/// Refuses a person whose flow it is not, unless the person may change those of others too.
fn require_own(caller: &Caller, listed: &Listed) -> Result<()> {
    match caller.person() {
        Some(person) if !person.may(Permission::TenantFlowsUpdate) && !listed.owners.contains(&person.public_id) => {
            let name = Permission::TenantFlowsUpdate.name();
            let message = format!("The permissions are not correct: the flow is not yours, and '{name}' is needed");
            Err(Error::new(Code::Forbidden, message))
        }
        Some(_) | None => Ok(()),
    }
}

fn require_inactive(listed: &Listed) -> Result<()> {
    match listed.is_active() {
        false => Ok(()),
        true => Err(Error::new(Code::Conflict, format!("The flow '{}' is active; stop it first", listed.flow.name))),
    }
}

fn set_owners(tx: &mut dyn Tx, flow: &Flow, owners: &[String], tenant: &str) -> Result<()> {
    for owner in owners.iter().filter(|owner| *owner != tenant) {
        let found = person::find_by_public_id(tx, flow.customer, owner)?;
        let found = found.ok_or_else(|| Error::invalid("The owners must be users of this tenant, or the tenant"))?;
        person::insert_ownership(tx, flow.customer, flow.id, found.id)?;
    }
    Ok(())
}
