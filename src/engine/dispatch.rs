//! Who runs when: looks for records that are due, claims them flow by flow, and sees to it that no flow takes the place
//! of the others.
//! What becomes of a claimed record is the runner's business.

use std::collections::HashMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

use tokio::sync::watch;

use super::commit::Conditions;
use super::external::Partners;
use super::{rescue, runner, schedule};
use crate::app::App;
use crate::app::bodies::Bodies;
use crate::error::{Code, Error, Result};
use crate::model::account::CustomerId;
use crate::model::flow::FlowId;
use crate::model::run::{Claim, Lane};
use crate::model::time::Timestamp;
use crate::operation::diagram::diagram_of;
use crate::store::run::{self, Lease};
use crate::telemetry::metrics::InFlight;

/// How many records of a flow are claimed and committed together.
const BATCH: usize = 128;
/// How many such batches of a flow that asks nobody outside are under way at once: while one is computed, others are
/// claimed and committed.
const BATCHES: usize = 4;
/// How often it is looked after what nobody tells: leases that ended, schedules, the history's age.
pub(super) const ROUND: Duration = Duration::from_secs(1);
/// How soon after nothing was due it is looked again: most commits are none of the engine's business.
const REST: Duration = Duration::from_millis(4);
/// How long it is waited after the store failed.
pub(super) const PAUSE: Duration = Duration::from_millis(500);

/// What all journeys of an engine share.
pub(super) struct Shared {
    pub(super) app: Arc<App>,
    /// What large records may take together.
    pub(super) memory: Bodies,
    /// What is known of those that steps talk to.
    pub(super) partners: Partners,
    /// Whether nothing new is begun.
    pub(super) stopping: watch::Receiver<bool>,
    /// Advances whenever a record is left, so that another one may take its place.
    pub(super) room: watch::Sender<u64>,
    /// Records under way, by flow.
    lanes: std::sync::Mutex<HashMap<(CustomerId, FlowId), usize>>,
    running: AtomicUsize,
    leases: AtomicUsize,
    /// What tells the leases of this engine from those of any other.
    name: String,
}

impl Shared {
    pub(super) fn conditions(&self) -> Conditions {
        Conditions { now: self.app.clock.now(), lease_until: self.lease_until(), stopping: *self.stopping.borrow() }
    }

    pub(super) fn lease_until(&self) -> Timestamp {
        let lease = i64::try_from(self.app.config.engine.lease.as_millis()).unwrap_or(i64::MAX);
        Timestamp(self.app.clock.now().0.saturating_add(lease))
    }

    fn lease(&self) -> String {
        format!("{}-{}", self.name, self.leases.fetch_add(1, Ordering::Relaxed))
    }

    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<(CustomerId, FlowId), usize>> {
        self.lanes.lock().unwrap_or_else(std::sync::PoisonError::into_inner)
    }

    fn under_way(&self, lane: &Lane) -> usize {
        self.lock().get(&(lane.customer, lane.flow)).copied().unwrap_or(0)
    }

    fn take(self: &Arc<Self>, lane: &Lane) -> Slot {
        *self.lock().entry((lane.customer, lane.flow)).or_default() += 1;
        self.running.fetch_add(1, Ordering::Relaxed);
        #[expect(clippy::disallowed_methods, reason = "how long it takes, whatever the clock is set to")]
        let since = Instant::now();
        let running = self.app.metrics.run_began();
        let (customer, flow) = (lane.customer, lane.flow);
        Slot(Arc::new(Taken { since, _running: running, shared: Arc::clone(self), customer, flow }))
    }

    /// Waits until no record is under way.
    async fn idle(&self) {
        let mut room = self.room.subscribe();
        while self.running.load(Ordering::Acquire) > 0 && room.changed().await.is_ok() {}
    }
}

/// A record's place among those that run; free again once every copy is dropped.
#[derive(Clone)]
pub(super) struct Slot(Arc<Taken>);

impl Slot {
    /// How long ago the record was taken up.
    pub(super) fn elapsed(&self) -> Duration {
        self.0.since.elapsed()
    }
}

struct Taken {
    since: Instant,
    _running: InFlight,
    shared: Arc<Shared>,
    customer: CustomerId,
    flow: FlowId,
}

impl Drop for Taken {
    fn drop(&mut self) {
        let mut lanes = self.shared.lock();
        if let Some(running) = lanes.get_mut(&(self.customer, self.flow)) {
            *running = running.saturating_sub(1);
            if *running == 0 {
                lanes.remove(&(self.customer, self.flow));
            }
        }
        drop(lanes);
        self.shared.running.fetch_sub(1, Ordering::Release);
        self.shared.room.send_modify(|left| *left = left.wrapping_add(1));
    }
}

/// The engine's own task.
pub(super) struct Dispatcher {
    shared: Arc<Shared>,
    /// When it was last looked after what nobody tells.
    round: Option<Instant>,
    /// How long looking for flows with waiting records took.
    looked: Duration,
    pruned: rescue::Pruning,
}

/// What looking for work came to.
struct Found {
    /// How many records were taken up.
    claimed: usize,
    /// Whether there were records that are due, with or without room for them.
    any_due: bool,
    /// When the next one is due, if nothing happens before.
    next: Option<Timestamp>,
}

impl Dispatcher {
    pub(super) fn new(app: Arc<App>, stopping: watch::Receiver<bool>) -> Dispatcher {
        let (room, _) = watch::channel(0);
        let memory = Bodies::new(app.config.engine.memory);
        let shared = Arc::new(Shared {
            app,
            memory,
            partners: Partners::default(),
            stopping,
            room,
            lanes: std::sync::Mutex::default(),
            running: AtomicUsize::new(0),
            leases: AtomicUsize::new(0),
            name: uuid::Uuid::new_v4().simple().to_string(),
        });
        Dispatcher { shared, round: None, looked: Duration::ZERO, pruned: rescue::Pruning::default() }
    }

    /// Runs until the engine is to stop, and then until the last step under way has ended.
    pub(super) async fn run(mut self) {
        let mut news = self.shared.app.store.news();
        let mut room = self.shared.room.subscribe();
        let mut stopping = self.shared.stopping.clone();
        // The data directory is this process's alone, so whatever is leased is left over from another one.
        while let Err(error) = rescue::rescue(&self.shared.app, Timestamp(i64::MAX)).await {
            complain("Interrupted records cannot be taken back", &error);
            tokio::time::sleep(PAUSE).await;
        }
        while !*stopping.borrow() {
            news.borrow_and_update();
            room.borrow_and_update();
            let looked = tokio::time::Instant::now();
            let (pause, rest) = match self.look().await {
                Ok(found) => (self.until(found.next), if found.any_due { Duration::ZERO } else { REST }),
                Err(error) => {
                    complain("The engine cannot look for records that are due", &error);
                    (PAUSE, Duration::ZERO)
                }
            };
            // Looking again and again must not take more than a tenth of the time, however many flows there are.
            let breath = self.looked.saturating_mul(10).min(PAUSE).max(rest);
            let awaited = async {
                tokio::select! {
                    _ = news.changed() => {}
                    _ = room.changed() => {}
                    () = tokio::time::sleep(pause) => {}
                }
                // Timers know milliseconds.
                if breath > Duration::from_millis(1) {
                    tokio::time::sleep_until(looked + breath).await;
                }
            };
            tokio::select! {
                () = awaited => {}
                _ = stopping.changed() => {}
            }
        }
        self.shared.idle().await;
    }

    /// See [`super::drain`].
    pub(super) async fn drain(mut self) -> Result<()> {
        rescue::rescue(&self.shared.app, self.shared.app.clock.now()).await?;
        loop {
            let scheduled = schedule::start_due(&self.shared.app).await?;
            let found = self.claim_due().await?;
            self.shared.idle().await;
            if found.claimed == 0 && scheduled.started == 0 {
                return Ok(());
            }
        }
    }

    async fn look(&mut self) -> Result<Found> {
        #[expect(clippy::disallowed_methods, reason = "how long ago it was, whatever the clock is set to")]
        let now = Instant::now();
        let mut next = None;
        if self.round.is_none_or(|last| now.duration_since(last) >= ROUND) {
            self.round = Some(now);
            rescue::rescue(&self.shared.app, self.shared.app.clock.now()).await?;
            self.pruned.prune(&self.shared.app).await?;
            next = schedule::start_due(&self.shared.app).await?.next;
        }
        let found = self.claim_due().await?;
        Ok(Found { next: [found.next, next].into_iter().flatten().min(), ..found })
    }

    fn until(&self, next: Option<Timestamp>) -> Duration {
        let now = self.shared.app.clock.now().0;
        let wait = next.map_or(i64::MAX, |next| next.0.saturating_sub(now).max(1));
        Duration::from_millis(u64::try_from(wait).unwrap_or(1)).min(ROUND)
    }

    /// Claims what is due and what there is room for, and sets it going.
    async fn claim_due(&mut self) -> Result<Found> {
        let shared = &self.shared;
        let now = shared.app.clock.now();
        let mut next: Option<Timestamp> = None;
        let (mut wanted, mut any_due) = (Vec::new(), false);
        #[expect(clippy::disallowed_methods, reason = "how long looking takes, whatever the clock is set to")]
        let started = Instant::now();
        let lanes = shared.app.store.peek(run::lanes)?;
        self.looked = started.elapsed();
        for lane in lanes {
            if lane.due > now {
                next = Some(next.map_or(lane.due, |next| next.min(lane.due)));
                continue;
            }
            any_due = true;
            let room = shared.app.config.engine.concurrency.saturating_sub(shared.running.load(Ordering::Relaxed));
            if let Some(wish) = wish(shared, lane, room) {
                wanted.push(wish);
            }
        }
        if wanted.is_empty() {
            return Ok(Found { claimed: 0, any_due, next });
        }
        let until = shared.lease_until();
        let taken = shared
            .app
            .store
            .write(move |tx| {
                let mut taken = Vec::with_capacity(wanted.len());
                for wish in wanted {
                    let lease = Lease { token: &wish.lease, until };
                    let Lane { customer, flow, .. } = wish.lane;
                    let claims = match wish.in_order {
                        true => run::claim_in_order(tx, customer, flow, lease, now)?.into_iter().collect(),
                        false => run::claim(tx, customer, flow, wish.most, lease, now)?,
                    };
                    taken.push((wish.lane, claims));
                }
                Ok(taken)
            })
            .await?;
        let mut claimed = 0;
        for (lane, claims) in taken {
            claimed += claims.len();
            self.set_going(lane, claims);
        }
        Ok(Found { claimed, any_due, next })
    }

    fn set_going(&self, lane: Lane, claims: Vec<Claim>) {
        let claims: Vec<_> = claims.into_iter().map(|claim| (claim, self.shared.take(&lane))).collect();
        if !claims.is_empty() {
            tokio::spawn(runner::run(Arc::clone(&self.shared), claims));
        }
    }
}

/// Logs what keeps the engine from its work. Of a disk that is full or failing the store tells, and once.
pub(super) fn complain(what: &str, error: &Error) {
    match error.code() {
        Code::Unavailable => log::debug!("{what}: {error}"),
        _ => log::error!("{what}: {error:?}"),
    }
}

/// Records of a flow that are to be claimed.
struct Wish {
    lane: Lane,
    most: i64,
    in_order: bool,
    lease: String,
}

fn wish(shared: &Shared, lane: Lane, room: usize) -> Option<Wish> {
    let (limit, in_order) = concurrency(shared, &lane);
    let most = limit.saturating_sub(shared.under_way(&lane)).min(room).min(BATCH);
    (most > 0).then(|| Wish { lane, most: i64::try_from(most).unwrap_or(1), in_order, lease: shared.lease() })
}

/// How many records of the flow may run at once, and whether one after another, as its current version says.
fn concurrency(shared: &Shared, lane: &Lane) -> (usize, bool) {
    let usual = shared.app.config.engine.flow_concurrency;
    let Ok(current) = diagram_of(&shared.app, lane.customer, lane.flow, None) else {
        // Whoever runs a record of a version that is no diagram finds out.
        return (usual, false);
    };
    let usual = if current.asks_others { usual } else { usual.max(BATCHES * BATCH) };
    (current.concurrency.limit.unwrap_or(usual), current.concurrency.in_order)
}
