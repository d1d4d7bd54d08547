//! Whether something works, told to the log when that changes and not at every failure: a full disk must not be filled
//! with its own report. What fails, and what its caller is answered, is decided elsewhere.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use crate::error::Error;

/// How long a failure that comes and goes is not told again.
const PAUSE: Duration = Duration::from_secs(10);

/// One thing that works or does not.
pub(super) struct Condition {
    /// What can be done with the database when it works: "written", "read".
    ability: &'static str,
    failing: AtomicBool,
    history: Mutex<History>,
}

#[derive(Default)]
struct History {
    /// Why it fails, as the first failure had it.
    reason: Option<Error>,
    /// Whether the log's last word is that it fails.
    told: bool,
    /// When the log was last told so.
    when: Option<Instant>,
}

impl Condition {
    pub(super) fn new(ability: &'static str) -> Condition {
        Condition { ability, failing: AtomicBool::new(false), history: Mutex::default() }
    }

    /// It worked.
    pub(super) fn works(&self) {
        if !self.is_failing() {
            return;
        }
        let mut history = self.history();
        self.failing.store(false, Ordering::Relaxed);
        history.reason = None;
        if std::mem::take(&mut history.told) {
            log::info!("The database can be {} again", self.ability);
        }
    }

    /// It did not.
    #[expect(clippy::disallowed_methods, reason = "how long it was quiet, whatever the clock is set to")]
    pub(super) fn fails(&self, error: &Error) {
        let mut history = self.history();
        self.failing.store(true, Ordering::Relaxed);
        history.reason.get_or_insert_with(|| copy(error));
        if history.told || history.when.is_some_and(|when| when.elapsed() < PAUSE) {
            return;
        }
        history.told = true;
        history.when = Some(Instant::now());
        log::error!("The database cannot be {}: {error:?}", self.ability);
    }

    pub(super) fn is_failing(&self) -> bool {
        self.failing.load(Ordering::Relaxed)
    }

    /// Why it fails, if it does.
    pub(super) fn trouble(&self) -> Option<Error> {
        self.history().reason.as_ref().map(copy)
    }

    fn history(&self) -> MutexGuard<'_, History> {
        self.history.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// One failure told to several.
pub(super) fn copy(error: &Error) -> Error {
    let copy = Error::new(error.code(), error.message().to_owned());
    match error.cause() {
        Some(cause) => copy.because(cause.to_string()),
        None => copy,
    }
}
