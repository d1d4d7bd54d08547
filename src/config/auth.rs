//! `[auth]`: how much an application may ask for, and how long its tokens live.

use std::time::Duration;

use serde::Deserialize;

use super::{Problem, seconds};

/// The settings of `[auth]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Auth {
    /// Requests within the window for an application without a number of its own; 0 for no limit.
    pub rate_limit: u32,
    /// The window in which the allowance comes back; zero for no limits at all.
    #[serde(deserialize_with = "seconds")]
    pub rate_window: Duration,
    /// Days an access token is valid.
    pub token_lifetime: u32,
    /// Whether refreshing an access token replaces the refresh token as well.
    pub rotate_refresh_tokens: bool,
    /// Failed attempts to authenticate that an address may make within a minute before further ones are slowed.
    pub failure_limit: u32,
    /// How long the answer to a failed attempt beyond that is held back.
    #[serde(deserialize_with = "seconds")]
    pub failure_delay: Duration,
}

impl Auth {
    /// How long an access token is valid, in milliseconds.
    pub fn token_milliseconds(&self) -> i64 {
        i64::from(self.token_lifetime) * 86_400_000
    }

    pub(super) fn validate(&self) -> Result<(), Problem> {
        if !(1..=36_500).contains(&self.token_lifetime) {
            return Err(Problem::new("auth.token_lifetime", "must be from 1 to 36500 days"));
        }
        if self.rate_window > Duration::from_secs(86_400) {
            return Err(Problem::new("auth.rate_window", "must be at most 86400 seconds"));
        }
        if self.failure_limit == 0 {
            return Err(Problem::new("auth.failure_limit", "must be at least 1"));
        }
        if self.failure_delay > Duration::from_secs(30) {
            return Err(Problem::new("auth.failure_delay", "must be at most 30 seconds"));
        }
        Ok(())
    }
}
