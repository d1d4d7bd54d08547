//! Messages brought to those who subscribed: which are due, how many at once to whom, one attempt each, and what follows
//! from it.
//!
//! A message is claimed under a lease, as records are. Its identifier is the same in every attempt, so that a receiver can
//! tell repeats; nothing else keeps a message from arriving twice.

use std::collections::HashMap;
use std::panic::AssertUnwindSafe;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures_util::FutureExt;
use tokio::sync::watch;

use super::attempt::{self, Verdict};
use super::dispatch::{PAUSE, ROUND, complain};
use crate::app::App;
use crate::app::bodies::Bodies;
use crate::error::{Code, Result};
use crate::model::hook::{DeliveryStatus, Parcel};
use crate::model::time::Timestamp;
use crate::store::delivery::{self, Left};
use crate::store::run::Lease;
use crate::store::{Tx, hook};

/// Messages that are taken back, or removed because of their age, in one transaction.
const BATCH: i64 = 500;
/// How many times as much memory a message takes while it is sent as its text is long.
const WEIGHT: usize = 3;
/// How many entries of what was attempted are kept with a message: the last ones.
const KEPT: usize = 50;

struct Shared {
    app: Arc<App>,
    /// Whether nothing new is begun.
    stopping: watch::Receiver<bool>,
    /// What large messages may take together.
    memory: Bodies,
    /// Advances whenever a message is left, so that another one may take its place.
    room: watch::Sender<u64>,
    /// Messages under way, by subscription.
    under_way: Mutex<HashMap<i64, usize>>,
    running: AtomicUsize,
    leases: AtomicUsize,
    /// What tells the leases of this engine from those of any other.
    name: String,
}

impl Shared {
    fn lock(&self) -> std::sync::MutexGuard<'_, HashMap<i64, usize>> {
        self.under_way.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn take(self: &Arc<Self>, hook: i64) -> Slot {
        *self.lock().entry(hook).or_default() += 1;
        self.running.fetch_add(1, Ordering::Relaxed);
        Slot { shared: Arc::clone(self), hook }
    }

    /// Waits until no message is under way.
    async fn idle(&self) {
        let mut room = self.room.subscribe();
        while self.running.load(Ordering::Acquire) > 0 && room.changed().await.is_ok() {}
    }

    /// Longer than an attempt takes.
    fn lease_until(&self) -> Timestamp {
        let settings = &self.app.config;
        let lease = settings.engine.lease + settings.hooks.timeout * 2;
        Timestamp(self.app.clock.now().0.saturating_add(i64::try_from(lease.as_millis()).unwrap_or(i64::MAX)))
    }
}

/// A message's place among those under way.
struct Slot {
    shared: Arc<Shared>,
    hook: i64,
}

impl Drop for Slot {
    fn drop(&mut self) {
        let mut under_way = self.shared.lock();
        if let Some(count) = under_way.get_mut(&self.hook) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                under_way.remove(&self.hook);
            }
        }
        drop(under_way);
        self.shared.running.fetch_sub(1, Ordering::Release);
        self.shared.room.send_modify(|left| *left = left.wrapping_add(1));
    }
}

/// The task that brings messages.
pub(super) struct Deliverer {
    shared: Arc<Shared>,
    /// When it was last looked after what nobody tells.
    round: Option<Instant>,
    /// How long looking for subscriptions with waiting messages took.
    looked: Duration,
}

/// What looking for messages came to.
struct Found {
    /// How many were taken up.
    claimed: usize,
    /// When the next one is due, if nothing happens before.
    next: Option<Timestamp>,
}

impl Deliverer {
    pub(super) fn new(app: Arc<App>, stopping: watch::Receiver<bool>) -> Deliverer {
        let (room, _) = watch::channel(0);
        let shared = Shared {
            memory: Bodies::new(app.config.engine.memory),
            app,
            stopping,
            room,
            under_way: Mutex::default(),
            running: AtomicUsize::new(0),
            leases: AtomicUsize::new(0),
            name: uuid::Uuid::new_v4().simple().to_string(),
        };
        Deliverer { shared: Arc::new(shared), round: None, looked: Duration::ZERO }
    }

    /// Runs until the engine is to stop, and then until the last attempt under way has ended.
    pub(super) async fn run(mut self) {
        let mut news = self.shared.app.store.news();
        let mut room = self.shared.room.subscribe();
        let mut stopping = self.shared.stopping.clone();
        // The data directory is this process's alone, so whatever is leased is left over from another one.
        while let Err(error) = self.rescue(Timestamp(i64::MAX)).await {
            complain("Interrupted messages cannot be taken back", &error);
            tokio::time::sleep(PAUSE).await;
        }
        while !*stopping.borrow() {
            news.borrow_and_update();
            room.borrow_and_update();
            let pause = match self.look().await {
                Ok(next) => self.until(next),
                Err(error) => {
                    complain("The engine cannot look for messages that are due", &error);
                    PAUSE
                }
            };
            // Looking must not take more than a tenth of the time, however many subscriptions there are.
            let breath = self.looked.saturating_mul(9).min(PAUSE);
            let awaited = async {
                tokio::select! {
                    _ = news.changed() => {}
                    _ = room.changed() => {}
                    () = tokio::time::sleep(pause) => {}
                }
                if breath > Duration::from_millis(1) {
                    tokio::time::sleep(breath).await;
                }
            };
            tokio::select! {
                () = awaited => {}
                _ = stopping.changed() => {}
            }
        }
        self.shared.idle().await;
    }

    /// Brings everything that is due, and gives how many attempts that took.
    pub(super) async fn drain(mut self) -> Result<usize> {
        self.rescue(self.shared.app.clock.now()).await?;
        self.prune().await?;
        let mut attempts = 0;
        loop {
            let claimed = self.claim_due().await?.claimed;
            self.shared.idle().await;
            attempts += claimed;
            if claimed == 0 {
                return Ok(attempts);
            }
        }
    }

    async fn look(&mut self) -> Result<Option<Timestamp>> {
        #[expect(clippy::disallowed_methods, reason = "how long ago it was, whatever the clock is set to")]
        let now = Instant::now();
        if self.round.is_none_or(|last| now.duration_since(last) >= ROUND) {
            self.round = Some(now);
            self.rescue(self.shared.app.clock.now()).await?;
            self.prune().await?;
        }
        Ok(self.claim_due().await?.next)
    }

    fn until(&self, next: Option<Timestamp>) -> Duration {
        let now = self.shared.app.clock.now().0;
        let wait = next.map_or(i64::MAX, |next| next.0.saturating_sub(now).max(1));
        Duration::from_millis(u64::try_from(wait).unwrap_or(1)).min(ROUND)
    }

    /// Claims what is due and what there is room for, and sends it.
    async fn claim_due(&mut self) -> Result<Found> {
        let (shared, now) = (&self.shared, self.shared.app.clock.now());
        #[expect(clippy::disallowed_methods, reason = "how long looking takes, whatever the clock is set to")]
        let started = Instant::now();
        let mut lanes = shared.app.store.peek(delivery::lanes)?;
        self.looked = started.elapsed();
        // Where there is no room for all, those come first that have waited longest.
        lanes.sort_by_key(|lane| lane.due);
        let settings = &shared.app.config.hooks;
        let mut room = settings.concurrency.saturating_sub(shared.running.load(Ordering::Relaxed));
        let (mut next, mut wanted) = (None, Vec::new());
        for lane in lanes {
            if lane.due > now {
                next = next.or(Some(lane.due));
                continue;
            }
            let most = if lane.is_failing { 1 } else { settings.hook_concurrency };
            let most = most.saturating_sub(shared.lock().get(&lane.hook).copied().unwrap_or(0)).min(room);
            room -= most;
            if most > 0 {
                let lease = format!("{}-{}", shared.name, shared.leases.fetch_add(1, Ordering::Relaxed));
                wanted.push((lane.hook, i64::try_from(most).unwrap_or(i64::MAX), lease));
            }
        }
        if wanted.is_empty() {
            return Ok(Found { claimed: 0, next });
        }
        let until = shared.lease_until();
        let claim = move |tx: &mut dyn Tx| {
            let mut parcels = Vec::new();
            for (hook, most, lease) in wanted {
                parcels.extend(delivery::claim(tx, hook, most, Lease { token: &lease, until }, now)?);
            }
            Ok(parcels)
        };
        let parcels = shared.app.store.write(claim).await?;
        let claimed = parcels.len();
        for parcel in parcels {
            let slot = shared.take(parcel.hook);
            tokio::spawn(bring(Arc::clone(shared), parcel, slot));
        }
        Ok(Found { claimed, next })
    }

    /// Takes back messages whose lease has ended by that time. The receiver may have got them, and knows them by their
    /// identifiers; an interruption is not the receiver's and does not count as an attempt.
    async fn rescue(&self, until: Timestamp) -> Result<()> {
        let app = &self.shared.app;
        while !app.store.peek(|tx| delivery::orphans(tx, until, 1))?.is_empty() {
            let now = app.clock.now();
            let take_back = move |tx: &mut dyn Tx| {
                let orphans = delivery::orphans(tx, until, BATCH)?;
                for orphan in &orphans {
                    let entry = serde_json::json!({"at": now.to_iso(), "outcome": "interrupted"});
                    let attempts = noted(&orphan.attempts, entry);
                    delivery::leave(tx, orphan.id, &orphan.lease, &waiting(orphan.attempt, now, attempts))?;
                }
                Ok(orphans.len())
            };
            let taken = app.store.write(take_back).await?;
            log::warn!(messages = taken; "The sending of messages was interrupted; they are sent again");
        }
        Ok(())
    }

    /// Removes some of what is too old.
    async fn prune(&self) -> Result<()> {
        let app = &self.shared.app;
        let before = Timestamp(app.clock.now().0.saturating_sub(app.config.hooks.keep_milliseconds()));
        if app.store.peek(|tx| delivery::has_ended_before(tx, before))? {
            app.store.write(move |tx| delivery::prune(tx, before, BATCH)).await?;
        }
        Ok(())
    }
}

/// Makes one attempt, and leaves the message as that came out.
async fn bring(shared: Arc<Shared>, parcel: Parcel, slot: Slot) {
    let size = usize::try_from(parcel.size).unwrap_or(usize::MAX).saturating_mul(WEIGHT);
    let mut share = shared.memory.share();
    if share.cover(size).await.is_err() {
        return;
    }
    let attempted = AssertUnwindSafe(attempt::make(&shared.app, &parcel)).catch_unwind().await;
    drop(share);
    // After a panic, the lease ends by itself.
    let Ok(Some(verdict)) = attempted else { return };
    settle(&shared, parcel, verdict).await;
    drop(slot);
}

/// Makes durable what an attempt came to.
async fn settle(shared: &Shared, parcel: Parcel, verdict: Verdict) {
    let app = &shared.app;
    let now = app.clock.now();
    let pause = app.config.hooks.schedule.get(usize::try_from(parcel.attempt).unwrap_or(usize::MAX)).copied();
    let plan = Plan::of(app, &parcel, &verdict, pause, now);
    let outcome = plan.outcome;
    loop {
        let (plan, parcel) = (plan.clone(), parcel.clone());
        let disables = plan.disables.is_some();
        let work = move |tx: &mut dyn Tx| plan.commit(tx, &parcel, now);
        let done = if disables { app.store.administer(work).await } else { app.store.write(work).await };
        match done {
            Ok(change) => {
                app.metrics.delivered(outcome, verdict.took);
                return change.tell(app);
            }
            Err(error) if error.code() == Code::Unavailable && !*shared.stopping.borrow() => {
                log::debug!("What became of a message cannot be stored at the moment: {error}");
                tokio::time::sleep(PAUSE).await;
            }
            // Its lease ends, and it is sent again.
            Err(error) => return complain("What became of a message cannot be stored", &error),
        }
    }
}

/// What follows from an attempt.
#[derive(Clone)]
struct Plan {
    outcome: &'static str,
    left: Left,
    arrived: bool,
    /// Why the subscription is disabled, if it is.
    disables: Option<String>,
}

impl Plan {
    fn of(app: &App, parcel: &Parcel, verdict: &Verdict, pause: Option<i64>, now: Timestamp) -> Plan {
        let attempts = noted(&parcel.attempts, verdict.entry(parcel.attempt + 1));
        let over = |status| Left {
            status,
            attempt: parcel.attempt + i64::from(status == DeliveryStatus::GivenUp),
            due: None,
            ended: Some(now),
            attempts: attempts.clone(),
        };
        if verdict.arrived {
            return Plan { outcome: "delivered", left: over(DeliveryStatus::Delivered), arrived: true, disables: None };
        }
        if verdict.is_unwanted {
            let disables = Some("The receiver answered 410: it wants no more messages".to_owned());
            return Plan { outcome: "gone", left: over(DeliveryStatus::GivenUp), arrived: false, disables };
        }
        let (outcome, left) = match pause {
            None => ("given_up", over(DeliveryStatus::GivenUp)),
            Some(pause) => {
                let wait = later(pause).max(verdict.wish.unwrap_or(0));
                let due = Timestamp(now.0.saturating_add(wait));
                ("failed", waiting(parcel.attempt + 1, due, attempts))
            }
        };
        let settings = &app.config.hooks;
        let since = app.store.peek(|tx| hook::find_by_id(tx, parcel.hook)).ok().flatten();
        let since = since.and_then(|hook| hook.failing_since);
        let is_dead = since.is_some_and(|since| now.0.saturating_sub(since.0) >= settings.failing_milliseconds());
        let disables = is_dead.then(|| {
            format!("Nothing could be delivered for {} days; last: {}", settings.failing_days, verdict.problem())
        });
        Plan { outcome, left, arrived: false, disables }
    }

    fn commit(&self, tx: &mut dyn Tx, parcel: &Parcel, now: Timestamp) -> Result<Change> {
        let mut change = Change { hook: parcel.hook, recovered: false, disabled: None };
        if !delivery::leave(tx, parcel.id, &parcel.lease, &self.left)? {
            return Ok(change);
        }
        match self.arrived {
            true => change.recovered = hook::recovered(tx, parcel.hook)?,
            false => hook::failed(tx, parcel.hook, now)?,
        }
        if let Some(reason) = &self.disables
            && hook::disable(tx, parcel.hook, reason)?
        {
            change.disabled = Some(reason.clone());
        }
        Ok(change)
    }
}

/// What an attempt changed for its subscription.
struct Change {
    hook: i64,
    recovered: bool,
    disabled: Option<String>,
}

impl Change {
    fn tell(&self, app: &App) {
        if !self.recovered && self.disabled.is_none() {
            return;
        }
        let Ok(Some(hook)) = app.store.peek(|tx| hook::find_by_id(tx, self.hook)) else { return };
        let (customer, id) = (hook.customer.0, hook.public_id);
        match &self.disabled {
            Some(reason) => log::warn!(customer, hook:% = id; "A subscription was disabled: {reason}"),
            None => log::info!(customer, hook:% = id; "A subscriber takes messages again"),
        }
    }
}

fn waiting(attempt: i64, due: Timestamp, attempts: String) -> Left {
    Left { status: DeliveryStatus::Waiting, attempt, due: Some(due), ended: None, attempts }
}

/// The attempts with another one.
fn noted(attempts: &str, entry: serde_json::Value) -> String {
    let mut entries: Vec<serde_json::Value> = serde_json::from_str(attempts).unwrap_or_default();
    entries.push(entry);
    let excess = entries.len().saturating_sub(KEPT);
    entries.drain(..excess);
    serde_json::Value::Array(entries).to_string()
}

/// The pause, up to a fifth longer, so that messages that failed together do not come back together.
fn later(pause: i64) -> i64 {
    let share = i64::try_from(uuid::Uuid::new_v4().as_u128() % 1_000).unwrap_or(0);
    pause.saturating_add(pause / 5 * share / 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_grows_by_up_to_a_fifth() {
        let pauses: Vec<i64> = (0..1_000).map(|_| later(5_000)).collect();
        assert!(pauses.iter().all(|pause| (5_000..=6_000).contains(pause)), "{pauses:?}");
        assert!(pauses.iter().any(|pause| *pause > 5_000));
        assert_eq!(later(0), 0);
    }

    #[test]
    fn the_last_attempts_are_kept() {
        let attempts = (0..60).fold("[]".to_owned(), |attempts, number| noted(&attempts, number.into()));
        let kept: Vec<i64> = serde_json::from_str(&attempts).expect("numbers");
        assert_eq!(kept, (10..60).collect::<Vec<i64>>());
    }
}
