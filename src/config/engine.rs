//! `[engine]`: how records are run.

use std::time::Duration;

use serde::Deserialize;

use super::{Problem, seconds};

/// The settings of `[engine]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Engine {
    /// Records that run at once.
    pub concurrency: usize,
    /// Records of one flow that run at once, unless the flow says otherwise.
    pub flow_concurrency: usize,
    /// How long one attempt of a step may take, unless the step says otherwise.
    #[serde(deserialize_with = "seconds")]
    pub step_timeout: Duration,
    /// How often a step may be interrupted or fail before the record ends with errors, whatever its policy says.
    pub most_attempts: i64,
    /// How long a record that was taken up belongs to whoever took it.
    #[serde(deserialize_with = "seconds")]
    pub lease: Duration,
    /// The most steps of evaluation that one expression may take.
    pub expression_steps: u64,
    /// The most bytes that the output of a step may be.
    pub output_limit: usize,
    /// Bytes of records' data that are held at once beyond small ones.
    pub memory: usize,
    /// The most bytes of an input or output that the history shows.
    pub history_limit: usize,
    /// Days for which the history is kept; 0 for ever.
    pub history_days: u32,
    /// Names of members whose values the history does not show.
    pub masked: Vec<String>,
    /// The most seconds that a synchronous call may wait.
    #[serde(deserialize_with = "seconds")]
    pub longest_wait: Duration,
}

impl Engine {
    pub(super) fn validate(&self) -> Result<(), Problem> {
        let within = |key, holds: bool, text: &str| if holds { Ok(()) } else { Err(Problem::new(key, text)) };
        within("engine.concurrency", (1..=100_000).contains(&self.concurrency), "must be from 1 to 100000")?;
        within("engine.flow_concurrency", (1..=100_000).contains(&self.flow_concurrency), "must be from 1 to 100000")?;
        let timeout = self.step_timeout.as_secs();
        within("engine.step_timeout", (1..=3_600).contains(&timeout), "must be from 1 to 3600 seconds")?;
        within("engine.most_attempts", (1..=1_000).contains(&self.most_attempts), "must be from 1 to 1000")?;
        within("engine.lease", (3..=3_600).contains(&self.lease.as_secs()), "must be from 3 to 3600 seconds")?;
        within("engine.expression_steps", self.expression_steps >= 1_000, "must be at least 1000")?;
        within("engine.output_limit", self.output_limit >= 1_024, "must be at least 1024 bytes")?;
        within("engine.history_limit", self.history_limit >= 64, "must be at least 64 bytes")?;
        within("engine.history_days", self.history_days <= 36_500, "must be at most 36500 days")?;
        within("engine.longest_wait", self.longest_wait.as_secs() <= 3_600, "must be at most 3600 seconds")
    }

    /// How long the history is kept, in milliseconds; `None`: for ever.
    pub fn history_milliseconds(&self) -> Option<i64> {
        (self.history_days > 0).then(|| i64::from(self.history_days) * 86_400_000)
    }
}
