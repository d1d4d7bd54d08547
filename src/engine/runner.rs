//! Claimed records set going: first together as far as they get by themselves, then each on its own.
//! Which records those are, and how many at once, is the dispatcher's business.

use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::task::spawn_blocking;

use super::commit::{Kept, Settled};
use super::dispatch::{Shared, Slot};
use super::external;
use super::failure::StepFailure;
use super::journey::{self, Journey, Performed, Terms};
use crate::app::App;
use crate::error::{Code, Error, Result};
use crate::model::run::Claim;
use crate::operation::diagram::{diagram_of, flow_of_record};
use crate::store::run;
use crate::telemetry::context::{Context, within};

/// How long records are computed together before what they came to is committed.
const TURN: Duration = Duration::from_millis(50);
/// How many times as much memory data take while they run as their text is long.
const WEIGHT: usize = 8;
/// How many records are computed together at most.
const TOGETHER: usize = 128;
/// How long it is waited before a commit that failed is tried again.
const PAUSE: Duration = Duration::from_millis(500);

/// A record under way, what has to be committed of it, and its place among those that run.
struct Traveller {
    settled: Settled,
    /// Absent if the record does not go on in any case.
    journey: Option<Box<Journey>>,
    slot: Slot,
}

/// Runs claimed records until none of them is ours any more.
pub(super) async fn run(shared: Arc<Shared>, claims: Vec<(Claim, Slot)>) {
    let (mut small, large): (Vec<_>, Vec<_>) = claims.into_iter().partition(|(claim, _)| claim.data.is_some());
    for (claim, slot) in large {
        tokio::spawn(alone(Arc::clone(&shared), claim, slot));
    }
    let together = together(&mut small);
    let mut waiting = small.into_iter();
    while waiting.len() > 0 {
        let (computed, rest) = match compute(&shared, waiting, together).await {
            Ok(computed) => computed,
            // Their leases end, and they are taken back.
            Err(error) => return log::error!("Records could not be run: {error:?}"),
        };
        waiting = rest;
        for going in commit(&shared, computed).await {
            let run = format!("{}.{}", going.journey.claim.uuid, going.journey.claim.run);
            let context = Context::new([("run", run.into())]);
            tokio::spawn(within(context, go_on(Arc::clone(&shared), going)));
        }
    }
}

/// Runs a record with large data, once there is memory for it.
async fn alone(shared: Arc<Shared>, claim: Claim, slot: Slot) {
    let (record, lease) = (claim.record, claim.lease.clone());
    let size = shared.app.store.peek(|tx| run::data_size(tx, record)).unwrap_or_default();
    let size = usize::try_from(size).unwrap_or(usize::MAX).saturating_mul(WEIGHT);
    let mut share = shared.memory.share();
    match keeping(&shared, record, &lease, share.cover(size)).await {
        Some(Ok(())) => {}
        Some(Err(error)) => return log::error!("There is no memory for a record: {error:?}"),
        None => return,
    }
    let app = Arc::clone(&shared.app);
    let Ok(traveller) = spawn_blocking(move || begin(&app, claim, slot)).await else { return };
    for going in commit(&shared, vec![traveller]).await {
        go_on(Arc::clone(&shared), going).await;
    }
}

/// How many of the records are to be committed together.
///
/// If one of them ends the process, the others are interrupted with it, each time. So the more often they were, the fewer go
/// together, in another order each time: those before that one are done with.
fn together(claims: &mut [(Claim, Slot)]) -> usize {
    let tried = claims.iter().map(|(claim, _)| claim.attempt).max().unwrap_or(0);
    if tried > 0 {
        claims.sort_by_cached_key(|(claim, _)| journey::seed(claim, "order", tried));
    }
    TOGETHER.checked_shr(u32::try_from(tried).unwrap_or(u32::MAX)).unwrap_or(0).max(1)
}

/// A record that goes on at once.
struct Going {
    journey: Box<Journey>,
    slot: Slot,
    /// What came of the step it stands at, if that was done in the commit; else that step talks to the outside world.
    performed: Option<Performed>,
}

/// Runs one record, step by step, from a step that needs more than the journey itself.
async fn go_on(shared: Arc<Shared>, mut going: Going) {
    loop {
        let Going { mut journey, slot, performed } = going;
        let performed = match performed {
            Some(performed) => performed,
            None => match perform(&shared, &mut journey).await {
                Some(performed) => performed,
                None => return,
            },
        };
        let app = Arc::clone(&shared.app);
        let computed = spawn_blocking(move || traveller(&app, journey, Some(performed), slot)).await;
        let Ok(traveller) = computed else { return };
        match commit(&shared, vec![traveller]).await.pop() {
            Some(further) => going = further,
            None => return,
        }
    }
}

type Waiting = std::vec::IntoIter<(Claim, Slot)>;

/// Computes claimed records for a turn, at least one; gives what they came to, and those that were not looked at.
async fn compute(shared: &Arc<Shared>, mut waiting: Waiting, most: usize) -> Result<(Vec<Traveller>, Waiting)> {
    let app = Arc::clone(&shared.app);
    let computed = spawn_blocking(move || {
        #[expect(clippy::disallowed_methods, reason = "how long it takes, whatever the clock is set to")]
        let started = Instant::now();
        let mut travellers = Vec::with_capacity(waiting.len());
        for (claim, slot) in waiting.by_ref() {
            travellers.push(begin(&app, claim, slot));
            if started.elapsed() >= TURN || travellers.len() >= most {
                break;
            }
        }
        (travellers, waiting)
    });
    computed.await.map_err(Error::internal)
}

fn begin(app: &App, mut claim: Claim, slot: Slot) -> Traveller {
    let data = claim.data.take();
    let claim = Arc::new(claim);
    let unfit = |failure, slot| {
        let settled = Settled::unfit(app, Arc::clone(&claim), &failure);
        Traveller { settled, journey: None, slot }
    };
    let found = diagram_of(app, claim.customer, claim.flow, Some(claim.flow_version))
        .and_then(|diagram| Ok((diagram, flow_of_record(app, claim.customer, claim.flow)?)));
    let (diagram, flow) = match found {
        Ok(found) => found,
        Err(error) => {
            let text = format!("Version {} of the flow cannot be run: {error}", claim.flow_version);
            return unfit(StepFailure::lasting("diagram", text), slot);
        }
    };
    match Journey::resume(app, Arc::clone(&claim), data, diagram, flow) {
        Ok(journey) => {
            let mut journey = Box::new(journey);
            let spent = claim.attempt >= app.config.engine.most_attempts;
            let performed = spent.then(|| journey.give_up(app.clock.now()));
            traveller(app, journey, performed, slot)
        }
        Err(error) => unfit(error.into(), slot),
    }
}

/// Goes on with a journey as far as it gets.
fn traveller(app: &App, mut journey: Box<Journey>, performed: Option<Performed>, slot: Slot) -> Traveller {
    let segment = journey.advance(&Terms::of(app), performed);
    match Settled::of(app, &journey, segment) {
        Ok(settled) => {
            // What is not needed any more is best let go of by the thread that made it.
            let journey = settled.goes_on().then_some(journey);
            Traveller { settled, journey, slot }
        }
        Err(error) => {
            let settled = Settled::unfit(app, Arc::clone(&journey.claim), &error.into());
            Traveller { settled, journey: None, slot }
        }
    }
}

/// Makes durable what records came to; gives those that go on.
async fn commit(shared: &Shared, travellers: Vec<Traveller>) -> Vec<Going> {
    let (mut settled, mut companions) = (Vec::new(), Vec::new());
    for traveller in travellers {
        settled.push(traveller.settled);
        companions.push((traveller.journey, traveller.slot));
    }
    let settled = Arc::new(settled);
    let Some(kept) = keep(shared, &settled).await else { return Vec::new() };
    let mut going = Vec::new();
    for ((kept, settled), (journey, slot)) in kept.into_iter().zip(settled.iter()).zip(companions) {
        match (kept, journey) {
            (Kept::Going, Some(journey)) => going.push(Going { journey, slot, performed: None }),
            (Kept::Ran(ran), Some(mut journey)) => {
                let performed = Some(journey.take_in(*ran));
                going.push(Going { journey, slot, performed });
            }
            (Kept::Lost, _) => {
                let (customer, uuid) = settled.whose();
                log::warn!(customer = customer.0, record = uuid; "The lease of a record was lost; what was done is forgotten");
            }
            (let_go @ (Kept::Over | Kept::Left), _) => {
                let (customer, uuid) = settled.whose();
                if matches!(let_go, Kept::Over) {
                    shared.app.metrics.run_ended(settled.outcome(), slot.elapsed());
                }
                shared.app.waiters.wake(customer, uuid);
            }
            (Kept::Going | Kept::Ran(_), _) => {}
        }
    }
    going
}

/// Commits until it succeeds: what was done outside must not be done again because the disk is full for a while. `None`
/// if it cannot be.
async fn keep(shared: &Shared, settled: &Arc<Vec<Settled>>) -> Option<Vec<Kept>> {
    loop {
        let (work, conditions) = (Arc::clone(settled), shared.conditions());
        fail::fail_point!("engine::before_commit", |_| std::process::abort());
        let outcome = shared
            .app
            .store
            .write(move |tx| work.iter().map(|settled| settled.commit(tx, conditions)).collect::<Result<Vec<_>>>())
            .await;
        fail::fail_point!("engine::after_commit", |_| std::process::abort());
        match outcome {
            Ok(kept) => return Some(kept),
            Err(error) if error.code() == Code::Unavailable && !conditions.stopping => {
                // The store says once that it cannot be written, and once that it can be again.
                log::debug!("What steps came to cannot be stored at the moment: {error}");
                tokio::time::sleep(PAUSE).await;
            }
            Err(error) => {
                log::error!("What steps came to cannot be stored: {error:?}");
                return None;
            }
        }
    }
}

/// Makes an attempt of the step that the journey stands at. `None` if the lease was lost meanwhile.
async fn perform(shared: &Arc<Shared>, journey: &mut Journey) -> Option<Performed> {
    let (record, lease) = (journey.claim.record, journey.claim.lease.clone());
    keeping(shared, record, &lease, external::perform(&shared.app, &shared.partners, journey)).await
}

/// Waits for something and keeps the lease meanwhile. `None` if the lease was lost.
async fn keeping<T>(shared: &Arc<Shared>, record: i64, lease: &str, awaited: impl Future<Output = T>) -> Option<T> {
    tokio::pin!(awaited);
    let beat = shared.app.config.engine.lease / 3;
    loop {
        tokio::select! {
            done = &mut awaited => return Some(done),
            () = tokio::time::sleep(beat) => {}
        }
        let (lease, until) = (lease.to_owned(), shared.lease_until());
        match shared.app.store.write(move |tx| run::extend(tx, record, &lease, until)).await {
            Ok(true) => {}
            Ok(false) => {
                log::warn!(record; "The lease of a record was lost while it was under way");
                return None;
            }
            // The lease may still hold when the store works again.
            Err(error) => log::debug!(record; "The lease of a record cannot be extended: {error}"),
        }
    }
}
