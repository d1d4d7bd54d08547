//! Records whose lease has ended: their steps were interrupted and are tried again. And what the history is too old for.

use std::sync::Arc;

use super::commit::{Notice, stored_data};
use super::failure::StepFailure;
use super::history::Outcome;
use crate::app::App;
use crate::error::Result;
use crate::model::record::RecordStatus;
use crate::model::time::Timestamp;
use crate::operation::event::Audience;
use crate::store::run::{self, Orphan, Place};
use crate::store::{Tx, callback, webhook};

/// How many records are taken back in one transaction.
const BATCH: i64 = 500;
/// How many rows of the history are looked at in one transaction.
const ROWS: i64 = 1_000;

/// Takes back the records whose lease has ended by that time, and gives how many.
pub(super) async fn rescue(app: &Arc<App>, until: Timestamp) -> Result<usize> {
    let mut rescued = 0;
    loop {
        if app.store.peek(|tx| run::orphans(tx, until, 1))?.is_empty() {
            return Ok(rescued);
        }
        let (now, most) = (app.clock.now(), app.config.engine.most_attempts);
        let taken = app
            .store
            .write(move |tx| {
                let orphans = run::orphans(tx, until, BATCH)?;
                for orphan in &orphans {
                    if take_back(tx, orphan, most, now)? && gives_up(orphan, most) {
                        tell(tx, orphan, now)?;
                    }
                }
                Ok(orphans)
            })
            .await?;
        for orphan in &taken {
            log::warn!(customer = orphan.customer.0, record = orphan.uuid, run = orphan.run, step = orphan.step; "A step was interrupted");
            app.waiters.wake(orphan.customer, &orphan.uuid);
        }
        rescued += taken.len();
        app.metrics.leases_rescued(taken.len() as u64);
    }
}

/// Tells those who subscribed that the record has failed.
fn tell(tx: &mut dyn Tx, orphan: &Orphan, now: Timestamp) -> Result<()> {
    let Some(audience) = Audience::read(tx, orphan.customer, orphan.flow)? else { return Ok(()) };
    let error = StepFailure::interrupted().summary(&orphan.step);
    match Notice::of(audience, Some(error), || stored_data(tx, orphan.record))? {
        Some(notice) => notice.tell(tx, &orphan.uuid, now),
        None => Ok(()),
    }
}

/// An interruption counts as an attempt: a record that ends the process each time must not do so for ever. After the last
/// one it is taken up once more, for what its step says of failures; if not even that can be, it ends here. False if the
/// lease was lost.
fn take_back(tx: &mut dyn Tx, orphan: &Orphan, most: i64, now: Timestamp) -> Result<bool> {
    let attempt = orphan.attempt + 1;
    let gives_up = gives_up(orphan, most);
    let place = Place {
        status: if gives_up { RecordStatus::Failed } else { RecordStatus::Waiting },
        step: Some(&orphan.step),
        input_step: orphan.input_step.as_deref(),
        attempt,
        due: (!gives_up).then_some(now),
    };
    if !run::leave(tx, orphan.record, &orphan.lease, place)? {
        return Ok(false);
    }
    if gives_up && let Some(parent) = orphan.parent {
        run::wake(tx, parent, now)?;
    }
    // Of the last one it is told when it is known what follows.
    if attempt == most {
        return Ok(true);
    }
    let outcome = if gives_up { Outcome::Failed } else { Outcome::Interrupted };
    let attempts = serde_json::json!([{
        "step": orphan.step, "attempt": attempt, "at": now.0, "outcome": outcome,
        "error": StepFailure::interrupted().shown(),
    }]);
    run::insert_log(tx, orphan.record, orphan.run, now, &attempts.to_string(), "{}").map(|()| true)
}

fn gives_up(orphan: &Orphan, most: i64) -> bool {
    orphan.attempt >= most
}

/// Payloads of webhooks and addresses of runs that are removed in one transaction.
const REMOVED: i64 = 500;

/// Where the history was last looked through for what is too old.
#[derive(Debug, Default)]
pub(super) struct Pruning {
    after: i64,
}

impl Pruning {
    /// Removes some of what is too old.
    pub(super) async fn prune(&mut self, app: &Arc<App>) -> Result<()> {
        let Some(age) = app.config.engine.history_milliseconds() else { return Ok(()) };
        let (before, after) = (Timestamp(app.clock.now().0.saturating_sub(age)), self.after);
        if app
            .store
            .peek(|tx| Ok(webhook::has_payloads_before(tx, before)? || callback::has_any_before(tx, before)?))?
        {
            let remove = move |tx: &mut dyn Tx| {
                webhook::prune_payloads(tx, before, REMOVED)?;
                callback::prune(tx, before, REMOVED)
            };
            app.store.write(remove).await?;
        }
        if !app.store.peek(|tx| run::has_log_before(tx, before, after))? {
            self.after = 0;
            return Ok(());
        }
        self.after = app.store.write(move |tx| run::prune_log(tx, before, after, ROWS)).await?;
        Ok(())
    }
}
