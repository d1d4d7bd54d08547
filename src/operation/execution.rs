//! Executions: what came of data that was sent to a flow, as document 002 counts it. An execution is a record; what
//! happened in its last run is counted step by step.

use crate::app::App;
use crate::auth::Caller;
use crate::error::{Code, Error, Result};
use crate::model::account::CustomerId;
use crate::model::catalogue::Listed;
use crate::model::flow::FlowId;
use crate::model::record::RecordStatus;
use crate::model::search::{Content, DateType, Page};
use crate::model::time::Timestamp;
use crate::operation::catalogue::{MOST_FLOWS, READ_RUNS, find, name_flows, tenant};
use crate::operation::history::{self, LogLine, RunStep};
use crate::operation::{Access, Operation};
use crate::store::search::Filter;
use crate::store::{Tx, catalogue, run, search};

/// Rows of the log that are read at once: one may be large.
const ROWS: i64 = 50;
/// Lines of a log that are given at once (document 002, `pageSize`).
pub const MOST_LINES: usize = 1_000;

/// An execution.
#[derive(Debug)]
pub struct Execution {
    /// The record's identifier.
    pub uuid: String,
    /// The public identifier of its flow.
    pub flow: String,
    /// Where it stands.
    pub status: RecordStatus,
    /// When the record was accepted.
    pub created: Timestamp,
    /// When it first ran.
    pub started: Option<Timestamp>,
    /// When its last run ended; `None` if it goes on.
    pub finished: Option<Timestamp>,
    /// The steps of its last run.
    pub steps: Vec<RunStep>,
}

/// Lists the executions of a flow of the caller's customer, newest first.
pub struct ListExecutions {
    /// The public identifier of the flow. If the customer has no such flow, there are none.
    pub flow: String,
    /// How many at most, and how many are passed over.
    pub page: Page,
}

/// Executions of a page.
#[derive(Debug)]
pub struct ExecutionPage {
    /// They.
    pub executions: Vec<Execution>,
    /// What their customer is called by.
    pub tenant: String,
    /// How many there are in all.
    pub total: i64,
}

impl Operation for ListExecutions {
    const NAME: &'static str = "listExecutions";
    const ACCESS: Access = READ_RUNS;
    type Output = ExecutionPage;

    async fn run(self, app: &App, caller: &Caller) -> Result<ExecutionPage> {
        if !(1..=MOST_FLOWS).contains(&self.page.limit) || self.page.offset < 0 {
            return Err(Error::invalid(format!("A page must have from 1 to {MOST_FLOWS} executions")));
        }
        let (customer, now) = (caller.customer().id, app.clock.now());
        let tenant = tenant(app, customer).await?;
        let (executions, total) = app
            .store
            .read(move |tx| match catalogue::find_number(tx, customer, &self.flow)? {
                None => Ok((Vec::new(), 0)),
                Some(flow) => search_for(tx, &filter(customer, Some(flow), None), self.page, now),
            })
            .await?;
        Ok(ExecutionPage { executions, tenant, total })
    }
}

/// Gives one execution of the caller's customer.
pub struct GetExecution {
    /// The record's identifier, also without the dashes that it has.
    pub id: String,
}

impl Operation for GetExecution {
    const NAME: &'static str = "getExecution";
    const ACCESS: Access = READ_RUNS;
    type Output = (Execution, String);

    async fn run(self, app: &App, caller: &Caller) -> Result<(Execution, String)> {
        let (customer, now) = (caller.customer().id, app.clock.now());
        let tenant = tenant(app, customer).await?;
        name_flows(app, customer).await?;
        let dashed = uuid::Uuid::try_parse(&self.id).ok().map(|uuid| uuid.to_string());
        let page = Page { limit: 1, offset: 0 };
        let found = app
            .store
            .read(move |tx| {
                for id in [Some(self.id), dashed].into_iter().flatten() {
                    let (mut found, _) = search_for(tx, &filter(customer, None, Some(&id)), page, now)?;
                    if let Some(found) = found.pop() {
                        return Ok(Some(found));
                    }
                }
                Ok(None)
            })
            .await?;
        let found = found.ok_or_else(|| Error::new(Code::NotFound, "There is no execution with this id"))?;
        Ok((found, tenant))
    }
}

fn filter(customer: CustomerId, flow: Option<FlowId>, uuid: Option<&str>) -> Filter<'_> {
    Filter { customer, uuid, flow, status: None, field: None, date: DateType::default(), from: None, to: None }
}

fn search_for(tx: &mut dyn Tx, filter: &Filter<'_>, page: Page, now: Timestamp) -> Result<(Vec<Execution>, i64)> {
    let found = search::list(tx, filter, page, Content::Omitted, now)?;
    let mut executions = Vec::with_capacity(found.len());
    for record in found {
        let entries = match record.num_runs {
            0 => Vec::new(),
            last => run::shown(tx, record.id, last)?,
        };
        let steps = history::steps(&entries)?;
        let has_ended =
            !matches!(record.place.status, RecordStatus::Waiting | RecordStatus::Processing | RecordStatus::Scheduled);
        let finished = steps.iter().filter_map(|step| step.ended).max().or(record.last_run);
        executions.push(Execution {
            uuid: record.uuid,
            flow: catalogue::find_public_id(tx, filter.customer, record.flow)?.unwrap_or_default(),
            status: record.place.status,
            created: record.created,
            started: record.started,
            finished: finished.filter(|_| has_ended),
            steps,
        });
    }
    Ok((executions, search::count(tx, filter)?))
}

/// Gives what happened at one step of a flow of the caller's customer, oldest first.
pub struct ListStepLog {
    /// The public identifier of the flow.
    pub flow: String,
    /// The step's id.
    pub step: String,
    /// How many lines at most.
    pub limit: usize,
    /// Where the page before this one ended; 0 for the first one.
    pub after: i64,
}

/// Lines of a log.
#[derive(Debug)]
pub struct StepLog {
    /// The lines, each with the identifier of its record.
    pub lines: Vec<(String, LogLine)>,
    /// Where this page ended, if there may be more.
    pub next: Option<i64>,
}

impl Operation for ListStepLog {
    const NAME: &'static str = "listStepLog";
    const ACCESS: Access = READ_RUNS;
    type Output = StepLog;

    async fn run(self, app: &App, caller: &Caller) -> Result<StepLog> {
        if !(1..=MOST_LINES).contains(&self.limit) {
            return Err(Error::invalid(format!("A page must have from 1 to {MOST_LINES} lines")));
        }
        let customer = caller.customer().id;
        app.store.read(move |tx| self.find(tx, customer)).await
    }
}

impl ListStepLog {
    fn find(&self, tx: &mut dyn Tx, customer: CustomerId) -> Result<StepLog> {
        let flow: Listed = find(tx, customer, &self.flow)?;
        let (mut lines, mut after) = (Vec::new(), self.after);
        loop {
            let rows = catalogue::log(tx, customer, flow.flow.id, after, ROWS)?;
            let is_last = rows.len() < usize::try_from(ROWS).unwrap_or(usize::MAX);
            for row in rows {
                let found = history::log_lines(&row.attempts, &self.step)?;
                // What was committed together stays together, unless that alone is more than a page.
                if !lines.is_empty() && lines.len() + found.len() > self.limit {
                    return Ok(StepLog { lines, next: Some(after) });
                }
                lines.extend(found.into_iter().map(|line| (row.uuid.clone(), line)));
                after = row.id;
            }
            if is_last {
                return Ok(StepLog { lines, next: None });
            }
        }
    }
}
