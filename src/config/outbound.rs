//! `[outbound]`: whom the gateway may ask on behalf of flows and webhooks, and how long and how much they may answer.

use std::path::PathBuf;
use std::time::Duration;

use serde::Deserialize;

use super::{Problem, networks, seconds};
use crate::model::address::Network;

/// The settings of `[outbound]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Outbound {
    /// Networks that may be asked although they are not public.
    #[serde(deserialize_with = "networks")]
    pub allow: Vec<Network>,
    /// How long a connection may take to be made, with the look-up of the name and the TLS handshake.
    #[serde(deserialize_with = "seconds")]
    pub connect_timeout: Duration,
    /// How long a whole exchange may take.
    #[serde(deserialize_with = "seconds")]
    pub timeout: Duration,
    /// Bytes that an answer may have after decompression.
    pub answer_limit: usize,
    /// Requests under way to one host at a time.
    pub host_limit: usize,
    /// A file of certificate authorities that are trusted beside the system's; empty for none.
    pub ca_file: PathBuf,
}

impl Outbound {
    pub(super) fn validate(&self) -> Result<(), Problem> {
        for (key, duration) in [("outbound.connect_timeout", self.connect_timeout), ("outbound.timeout", self.timeout)]
        {
            if duration.is_zero() {
                return Err(Problem::new(key, "must be at least 1 second"));
            }
        }
        if self.answer_limit < 1024 {
            return Err(Problem::new("outbound.answer_limit", "must be at least 1024 bytes"));
        }
        if !(1..=10_000).contains(&self.host_limit) {
            return Err(Problem::new("outbound.host_limit", "must be at least 1 and at most 10000"));
        }
        Ok(())
    }
}
