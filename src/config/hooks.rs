//! `[hooks]`: how messages are brought to those who subscribed to events.

use std::time::Duration;

use serde::Deserialize;

use super::{Problem, durations, seconds};

/// Milliseconds of a day.
const DAY: i64 = 86_400_000;

/// The settings of `[hooks]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Hooks {
    /// Messages under way at once.
    pub concurrency: usize,
    /// The same to one subscriber.
    pub hook_concurrency: usize,
    /// How long one attempt may take.
    #[serde(deserialize_with = "seconds")]
    pub timeout: Duration,
    /// How long it is waited before each further attempt, in milliseconds.
    #[serde(deserialize_with = "durations")]
    pub schedule: Vec<i64>,
    /// Days without a success after which a subscription is disabled.
    pub failing_days: u32,
    /// Days for which messages are kept that are over.
    pub keep_days: u32,
}

impl Hooks {
    pub(super) fn validate(&self) -> Result<(), Problem> {
        let within = |key, holds: bool, text: &str| if holds { Ok(()) } else { Err(Problem::new(key, text)) };
        within("hooks.concurrency", (1..=10_000).contains(&self.concurrency), "must be from 1 to 10000")?;
        within("hooks.hook_concurrency", (1..=1_000).contains(&self.hook_concurrency), "must be from 1 to 1000")?;
        within("hooks.timeout", (1..=60).contains(&self.timeout.as_secs()), "must be from 1 to 60 seconds")?;
        within("hooks.schedule", self.schedule.len() <= 100, "must have at most 100 durations")?;
        within("hooks.schedule", self.schedule.iter().all(|pause| *pause <= 7 * DAY), "must have no pause beyond 7d")?;
        within("hooks.failing_days", (1..=365).contains(&self.failing_days), "must be from 1 to 365 days")?;
        within("hooks.keep_days", (1..=36_500).contains(&self.keep_days), "must be from 1 to 36500 days")
    }

    /// How long a subscription may fail before it is disabled, in milliseconds.
    pub fn failing_milliseconds(&self) -> i64 {
        i64::from(self.failing_days) * DAY
    }

    /// How long messages are kept that are over, in milliseconds.
    pub fn keep_milliseconds(&self) -> i64 {
        i64::from(self.keep_days) * DAY
    }
}
