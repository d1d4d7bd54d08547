//! What a journey has come to, made durable: one transaction holds the steps' results, where the record stands now, and
//! all that the steps wanted written.
//!
//! Everything is fenced by the lease. Whoever lost it finds nothing changed, and forgets what it did.

use std::sync::Arc;
use std::time::Instant;

use serde_json::{Value, json};

use super::failure::StepFailure;
use super::journey::{Child, End, Journey, NewCallback, Ran, STORED, Segment};
use crate::app::App;
use crate::diagram::policy::FlowError;
use crate::error::{Code, Error, Result};
use crate::model::account::CustomerId;
use crate::model::flow::FlowId;
use crate::model::hook::Event;
use crate::model::record::RecordStatus;
use crate::model::run::Claim;
use crate::model::time::Timestamp;
use crate::operation::diagram::flow_of_record;
use crate::operation::errand::Errand;
use crate::operation::event::{Audience, RecordNews};
use crate::operation::internal::{Content, Destination, MadeRecord};
use crate::store::run::{self, Place};
use crate::store::{Tx, account, callback};

/// A segment ready to be committed.
pub(super) struct Settled {
    claim: Arc<Claim>,
    step: String,
    source: Option<String>,
    attempt: i64,
    attempts: String,
    outputs: String,
    callbacks: Vec<NewCallback>,
    content: Option<Content>,
    end: SettledEnd,
    /// What is told to those who subscribed, once the run is over.
    notice: Option<Notice>,
}

/// What is told of a run's end, to whom.
pub(super) struct Notice {
    audience: Audience,
    data: String,
    error: Option<Value>,
}

impl Notice {
    /// What is told of the end of a record's run, if anybody wants to hear of it.
    pub(super) fn of(
        audience: Audience,
        error: Option<Value>,
        data: impl FnOnce() -> Result<String>,
    ) -> Result<Option<Notice>> {
        let event = if error.is_some() { Event::RecordFailed } else { Event::RecordFinished };
        match audience.wants(event) {
            true => Ok(Some(Notice { audience, data: data()?, error })),
            false => Ok(None),
        }
    }

    /// Tells it.
    pub(super) fn tell(&self, tx: &mut dyn Tx, uuid: &str, now: Timestamp) -> Result<()> {
        let (event, status) = match self.error {
            None => (Event::RecordFinished, RecordStatus::Finished),
            Some(_) => (Event::RecordFailed, RecordStatus::Failed),
        };
        let news = RecordNews { event, uuid, status, data: &self.data, error: self.error.as_ref() };
        self.audience.tell(tx, &news, now)
    }
}

enum SettledEnd {
    External,
    Finished,
    Failed { told: Option<MadeRecord> },
    Later { due: Timestamp },
    Posted { due: Timestamp },
    Errand { errand: Errand, at: Timestamp },
    Moved { flow: FlowId, version: i64, content: Option<Content> },
    Child { made: Option<MadeRecord>, resumed: Option<String> },
}

/// What became of a record at its commit.
pub(super) enum Kept {
    /// It is still ours, and stands before a step that talks to the outside world.
    Going,
    /// It is still ours, and has done something to a keystore, which came to this.
    Ran(Box<Ran>),
    /// It is back in the queue, or waits.
    Left,
    /// Its run is over, well or badly, or it went to another flow.
    Over,
    /// It is not ours any more.
    Lost,
}

/// How commits are made at the moment.
#[derive(Clone, Copy, Debug)]
pub(super) struct Conditions {
    pub(super) now: Timestamp,
    /// Until when leases hold that are extended.
    pub(super) lease_until: Timestamp,
    /// Whether nothing new is begun, because the engine stops.
    pub(super) stopping: bool,
}

impl Settled {
    /// Prepares the commit of what a journey has come to.
    /// # Errors
    /// What has to be made for it cannot be.
    pub(super) fn of(app: &App, journey: &Journey, segment: Segment) -> Result<Settled> {
        let (step, source) = journey.position();
        let claim = &journey.claim;
        let notice = notice(app, journey, &segment.end)?;
        let end = match segment.end {
            End::External => SettledEnd::External,
            End::Finished => SettledEnd::Finished,
            End::Later { due } => SettledEnd::Later { due },
            End::Posted { due } => SettledEnd::Posted { due },
            End::Errand { errand, at } => SettledEnd::Errand { errand, at },
            End::Moved { to, content } => SettledEnd::Moved { flow: to.flow(), version: to.version, content },
            End::Failed { failure, told } => SettledEnd::Failed { told: report(app, journey, &failure, told) },
            End::Child(child) => awaited(journey, child),
        };
        Ok(Settled {
            claim: Arc::clone(claim),
            step: step.to_owned(),
            source: source.map(str::to_owned),
            attempt: journey.attempt(),
            attempts: serde_json::to_string(&segment.attempts).map_err(Error::internal)?,
            outputs: serde_json::to_string(&segment.outputs).map_err(Error::internal)?,
            callbacks: segment.callbacks,
            content: segment.content,
            end,
            notice,
        })
    }

    /// Prepares the failure of a record that cannot go on at all.
    pub(super) fn unfit(app: &App, claim: Arc<Claim>, failure: &StepFailure) -> Settled {
        let notice = unfit_notice(app, &claim, failure);
        Settled { notice, ..Settled::untold(claim, failure) }
    }

    /// The same, of which nobody is told.
    fn untold(claim: Arc<Claim>, failure: &StepFailure) -> Settled {
        let attempts = json!([{
            "step": claim.step, "attempt": claim.attempt + 1, "outcome": "failed", "error": failure.shown(),
        }]);
        Settled {
            step: claim.step.clone(),
            source: claim.input_step.clone(),
            attempt: claim.attempt,
            attempts: attempts.to_string(),
            outputs: "{}".to_owned(),
            callbacks: Vec::new(),
            content: None,
            end: SettledEnd::Failed { told: None },
            notice: None,
            claim,
        }
    }

    /// Whether the record may go on at once, once this is committed.
    pub(super) fn goes_on(&self) -> bool {
        matches!(self.end, SettledEnd::External | SettledEnd::Errand { .. })
    }

    /// Whose record it is.
    pub(super) fn whose(&self) -> (CustomerId, &str) {
        (self.claim.customer, &self.claim.uuid)
    }

    /// What metrics call the end of its run.
    pub(super) fn outcome(&self) -> &'static str {
        match self.end {
            SettledEnd::Finished => "finished",
            SettledEnd::Failed { .. } => "failed",
            SettledEnd::Moved { .. } => "moved",
            SettledEnd::External
            | SettledEnd::Errand { .. }
            | SettledEnd::Later { .. }
            | SettledEnd::Posted { .. }
            | SettledEnd::Child { .. } => "left",
        }
    }

    /// Writes it all.
    pub(super) fn commit(&self, tx: &mut dyn Tx, conditions: Conditions) -> Result<Kept> {
        let kept = self.place(tx, conditions)?;
        if matches!(kept, Kept::Lost) {
            return Ok(kept);
        }
        let is_over = matches!(kept, Kept::Over);
        run::insert_log(tx, self.claim.record, self.claim.run, conditions.now, &self.attempts, &self.outputs)?;
        if let Kept::Ran(ran) = &kept
            && let Ok(output) = &ran.outcome
        {
            let outputs = json!({&self.step: output, STORED: self.step}).to_string();
            run::insert_log(tx, self.claim.record, self.claim.run, conditions.now, "[]", &outputs)?;
        }
        // Nobody can know the addresses of a run that is over before it told anybody.
        for callback in self.callbacks.iter().filter(|_| !is_over) {
            let (record, run) = (self.claim.record, self.claim.run);
            callback::insert(tx, record, run, &callback.step, &callback.uri, &callback.settings, conditions.now)?;
        }
        if let Some(notice) = self.notice.as_ref().filter(|_| is_over) {
            notice.tell(tx, &self.claim.uuid, conditions.now)?;
        }
        if is_over && let Some(parent) = self.claim.parent.filter(|_| !matches!(self.end, SettledEnd::Moved { .. })) {
            run::wake(tx, parent, conditions.now)?;
        }
        Ok(kept)
    }

    fn place(&self, tx: &mut dyn Tx, conditions: Conditions) -> Result<Kept> {
        let now = conditions.now;
        if let Some(content) = &self.content {
            if !run::update_data(tx, self.claim.record, &self.claim.lease, &content.data, now)? {
                return Ok(Kept::Lost);
            }
            content.update_fields(tx, self.claim.customer, &self.claim.uuid)?;
        }
        match &self.end {
            SettledEnd::External | SettledEnd::Errand { .. }
                if conditions.stopping || !run::is_running(tx, self.claim.customer, self.claim.flow)? =>
            {
                self.leave(tx, RecordStatus::Waiting, Some(now), Kept::Left)
            }
            SettledEnd::External => Ok(if self.advance(tx, conditions)? { Kept::Going } else { Kept::Lost }),
            SettledEnd::Errand { errand, at } => match self.advance(tx, conditions)? {
                true => Ok(Kept::Ran(Box::new(self.carry_out(tx, errand, *at, now)?))),
                false => Ok(Kept::Lost),
            },
            SettledEnd::Later { due } => {
                let status = if *due > now { RecordStatus::Scheduled } else { RecordStatus::Waiting };
                self.leave(tx, status, Some(*due), Kept::Left)
            }
            SettledEnd::Posted { due } => {
                // What was posted since the step was looked at found the record taken, and could not wake it.
                let posted = callback::payload(tx, self.claim.record, self.claim.run, &self.step)?;
                let due = if posted.is_some() { now } else { *due };
                let status = if due > now { RecordStatus::Scheduled } else { RecordStatus::Waiting };
                self.leave(tx, status, Some(due), Kept::Left)
            }
            SettledEnd::Finished => self.leave(tx, RecordStatus::Finished, None, Kept::Over),
            SettledEnd::Failed { told } => {
                let kept = self.leave(tx, RecordStatus::Failed, None, Kept::Over)?;
                if let Some(told) = told.as_ref().filter(|_| matches!(kept, Kept::Over)) {
                    told.insert(tx, now)?;
                }
                Ok(kept)
            }
            SettledEnd::Moved { flow, version, content } => self.transfer(tx, *flow, *version, content.as_ref(), now),
            SettledEnd::Child { made, resumed } => {
                let kept = self.leave(tx, RecordStatus::Processing, None, Kept::Left)?;
                if matches!(kept, Kept::Left) {
                    if let Some(made) = made {
                        made.insert(tx, now)?;
                    }
                    if let Some(uuid) = resumed {
                        run::resume(tx, self.claim.customer, uuid, now)?;
                    }
                    // It may have ended since it was looked at, and then nobody would wake this one.
                    if made.is_none() && !self.has_unfinished_child(tx)? {
                        run::wake(tx, self.claim.record, now)?;
                    }
                }
                Ok(kept)
            }
        }
    }

    /// Puts the record before its step; false if the lease was lost.
    fn advance(&self, tx: &mut dyn Tx, conditions: Conditions) -> Result<bool> {
        let (step, source, until) = (self.step.as_str(), self.source.as_deref(), conditions.lease_until);
        run::advance(tx, self.claim.record, &self.claim.lease, step, source, self.attempt, until)
    }

    /// Does what a step wants done to a package. What cannot be is the step's failure, and has changed nothing.
    fn carry_out(&self, tx: &mut dyn Tx, errand: &Errand, at: Timestamp, now: Timestamp) -> Result<Ran> {
        #[expect(clippy::disallowed_methods, reason = "how long it took, whatever the clock is set to")]
        let started = Instant::now();
        let outcome = match errand.run(tx, self.claim.customer, now) {
            Ok(output) => Ok(output),
            Err(error) if matches!(error.code(), Code::Internal | Code::Unavailable) => return Err(error),
            Err(error) => Err(StepFailure::from(error)),
        };
        Ok(Ran { at, duration_us: u64::try_from(started.elapsed().as_micros()).unwrap_or(u64::MAX), outcome })
    }

    fn has_unfinished_child(&self, tx: &mut dyn Tx) -> Result<bool> {
        match &self.end {
            SettledEnd::Child { resumed: Some(_), .. } => Ok(true),
            _ => run::has_unfinished_child(tx, self.claim.customer, self.claim.record),
        }
    }

    fn leave(&self, tx: &mut dyn Tx, status: RecordStatus, due: Option<Timestamp>, kept: Kept) -> Result<Kept> {
        let step = (status != RecordStatus::Finished).then_some(self.step.as_str());
        let place = Place { status, step, input_step: self.source.as_deref(), attempt: self.attempt, due };
        Ok(if run::leave(tx, self.claim.record, &self.claim.lease, place)? { kept } else { Kept::Lost })
    }

    fn transfer(
        &self,
        tx: &mut dyn Tx,
        flow: FlowId,
        version: i64,
        content: Option<&Content>,
        now: Timestamp,
    ) -> Result<Kept> {
        if let Some(content) = content
            && run::update_data(tx, self.claim.record, &self.claim.lease, &content.data, now)?
        {
            content.update_fields(tx, self.claim.customer, &self.claim.uuid)?;
        }
        Ok(if run::transfer(tx, self.claim.record, &self.claim.lease, flow, version, now)? {
            Kept::Over
        } else {
            Kept::Lost
        })
    }
}

fn awaited(journey: &Journey, child: Child) -> SettledEnd {
    let claim = &journey.claim;
    let Child { uuid, made, resumed } = child;
    let made = made.map(|(to, content)| MadeRecord {
        customer: claim.customer,
        uuid: uuid.clone(),
        flow: to.flow(),
        version: to.version,
        content,
        parent: Some(claim.record),
        depth: claim.depth + 1,
    });
    SettledEnd::Child { made, resumed: resumed.then_some(uuid) }
}

/// What is told of the end that a journey has come to.
fn notice(app: &App, journey: &Journey, end: &End) -> Result<Option<Notice>> {
    let error = match end {
        End::Finished => None,
        End::Failed { failure, .. } => Some(failure.summary(journey.position().0)),
        _ => return Ok(None),
    };
    Notice::of(Audience::of(app, &journey.flow)?, error, || journey.data_text())
}

/// The same of a record that cannot go on at all. If it cannot be told, the log says so: the failure is kept anyway.
fn unfit_notice(app: &App, claim: &Claim, failure: &StepFailure) -> Option<Notice> {
    let noticed = flow_of_record(app, claim.customer, claim.flow).and_then(|flow| {
        let data = || app.store.peek(|tx| stored_data(tx, claim.record));
        Notice::of(Audience::of(app, &flow)?, Some(failure.summary(&claim.step)), data)
    });
    noticed.unwrap_or_else(|error| {
        log::warn!(customer = claim.customer.0, record:% = claim.uuid; "A failure could not be told to its subscribers: {error}");
        None
    })
}

/// What a record holds, as JSON text.
pub(super) fn stored_data(tx: &mut dyn Tx, record: i64) -> Result<String> {
    Ok(run::data(tx, record)?.unwrap_or_else(|| "null".to_owned()))
}

/// The record that tells a flow of a failure. If it cannot be made, the log says so: the failure itself is kept whatever
/// becomes of the report.
fn report(app: &App, journey: &Journey, failure: &StepFailure, told: Option<String>) -> Option<MadeRecord> {
    match prepare_report(app, journey, failure, told) {
        Ok(report) => report,
        Err(error) => {
            let claim = &journey.claim;
            log::warn!(customer = claim.customer.0, record:% = claim.uuid; "A failure could not be told to its error flow: {error}");
            None
        }
    }
}

fn prepare_report(
    app: &App,
    journey: &Journey,
    failure: &StepFailure,
    told: Option<String>,
) -> Result<Option<MadeRecord>> {
    let claim = &journey.claim;
    // A report that fails is not reported: that could go on for ever.
    if claim.depth > 0 && claim.parent.is_none() {
        return Ok(None);
    }
    let to = match told {
        Some(flow) => Destination::find(app, claim.customer, &flow)?,
        None if journey.diagram.on_error != FlowError::Usual => return Ok(None),
        None => match app.store.peek(|tx| account::find_error_flow(tx, claim.customer))? {
            Some(flow) => Destination::of(app, claim.customer, flow)?,
            None => return Ok(None),
        },
    };
    Ok(Some(MadeRecord {
        customer: claim.customer,
        uuid: uuid::Uuid::now_v7().to_string(),
        flow: to.flow(),
        version: to.version,
        content: Content::of(app, claim.customer, &to, &journey.report(failure))?,
        parent: None,
        depth: claim.depth + 1,
    }))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::record::{self, NewRecord};
    use crate::store::run::Lease;
    use crate::store::{Options, Store, flow};

    const NOW: Timestamp = Timestamp(1_000);
    const LATER: Timestamp = Timestamp(9_000);

    /// A record that is taken up, and stands at a step that waits at an address.
    fn waiting(tx: &mut dyn Tx) -> Result<Claim> {
        let customer = account::insert_customer(tx, "Shop", &[0; 32], NOW)?;
        let flow = flow::insert(tx, customer, "Leads", "", "{}", NOW)?;
        flow::publish(tx, customer, flow, crate::model::flow::FlowStatus::Public, NOW)?;
        let new = NewRecord {
            customer,
            uuid: "r",
            flow,
            flow_version: 1,
            data: "{}",
            request_hash: &[],
            status: RecordStatus::Waiting,
            due: NOW,
            created: NOW,
        };
        record::insert(tx, &new)?;
        let lease = Lease { token: "l", until: LATER };
        let claim = run::claim(tx, customer, flow, 1, lease, NOW)?.pop();
        let claim = claim.ok_or_else(|| Error::internal("no claim"))?;
        run::advance(tx, claim.record, "l", "wait", None, 0, LATER)?;
        callback::insert(tx, claim.record, claim.run, "wait", "uri", "{}", NOW)?;
        Ok(claim)
    }

    #[tokio::test]
    async fn what_is_posted_while_the_step_is_looked_at_is_not_slept_through() {
        for posts in [true, false] {
            let directory = tempfile::tempdir().expect("a directory");
            let store = Store::open(directory.path(), &Options::default()).expect("a store");
            let due = store.write(move |tx| {
                let claim = Arc::new(waiting(tx)?);
                // Found nothing, and is about to say so.
                let settled = Settled {
                    step: "wait".to_owned(),
                    end: SettledEnd::Posted { due: LATER },
                    ..Settled::untold(Arc::clone(&claim), &StepFailure::panicked())
                };
                if posts {
                    let found = callback::find_by_uri(tx, "uri")?.ok_or_else(|| Error::internal("no address"))?;
                    let awaited = callback::find_awaited(tx, found.id)?.ok_or_else(|| Error::internal("no run"))?;
                    callback::receive(tx, found.id, &awaited, "{}", NOW)?;
                }
                let conditions = Conditions { now: NOW, lease_until: LATER, stopping: false };
                assert!(matches!(settled.commit(tx, conditions)?, Kept::Left));
                Ok(record::find(tx, claim.customer, "r")?.map(|record| record.due))
            });
            assert_eq!(due.await.expect("a commit"), Some(if posts { NOW } else { LATER }), "{posts}");
        }
    }
}
