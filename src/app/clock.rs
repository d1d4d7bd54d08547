//! The time. Everything that needs to know it asks here, so that tests can set it.

use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};
use std::time::{SystemTime, UNIX_EPOCH};

use crate::model::time::Timestamp;

/// A clock: the system's, or one that stands still until it is moved. Copies show the same time.
#[derive(Clone, Debug)]
pub struct Clock(Source);

#[derive(Clone, Debug)]
enum Source {
    System,
    Fixed(Arc<AtomicI64>),
}

impl Clock {
    /// The system's clock.
    pub fn system() -> Clock {
        Clock(Source::System)
    }

    /// A clock that stands still.
    pub fn fixed(now: Timestamp) -> Clock {
        Clock(Source::Fixed(Arc::new(AtomicI64::new(now.0))))
    }

    /// Moves a clock that stands still. The system's clock cannot be moved and is left alone.
    pub fn advance(&self, milliseconds: i64) {
        match &self.0 {
            Source::System => {}
            Source::Fixed(now) => {
                now.fetch_add(milliseconds, Ordering::Relaxed);
            }
        }
    }

    /// The time.
    pub fn now(&self) -> Timestamp {
        match &self.0 {
            Source::Fixed(now) => Timestamp(now.load(Ordering::Relaxed)),
            Source::System => {
                // A clock set before 1970 is as good as none: time then starts there.
                #[expect(clippy::disallowed_methods, reason = "the one place that asks the system for the time")]
                let elapsed = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
                Timestamp(i64::try_from(elapsed.as_millis()).unwrap_or(i64::MAX))
            }
        }
    }
}
