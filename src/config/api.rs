//! `[api]`: how the REST dialect reads and answers.

use serde::{Deserialize, Deserializer};

use super::Problem;
use crate::model::time::TimeZone;

/// The settings of `[api]`.
#[derive(Clone, Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Api {
    /// The time zone of dates that are written without one.
    #[serde(deserialize_with = "time_zone")]
    pub time_zone: TimeZone,
    /// Hours for which the reply to a request with an `Idempotency-Key` is kept.
    pub idempotency_lifetime: u32,
    /// Records that one search may return.
    pub search_limit: u32,
    /// Whether DELETE takes `client_id` and `client_secret` as headers (contradiction C3).
    pub delete_client_secret: bool,
}

impl Api {
    /// How long a reply is kept to be given again, in milliseconds.
    pub fn idempotency_milliseconds(&self) -> i64 {
        i64::from(self.idempotency_lifetime) * 3_600_000
    }

    pub(super) fn validate(&self) -> Result<(), Problem> {
        if !(1..=8_760).contains(&self.idempotency_lifetime) {
            return Err(Problem::new("api.idempotency_lifetime", "must be from 1 to 8760 hours"));
        }
        if !(10..=100_000).contains(&self.search_limit) {
            return Err(Problem::new("api.search_limit", "must be from 10 to 100000"));
        }
        Ok(())
    }
}

fn time_zone<'de, D: Deserializer<'de>>(deserializer: D) -> Result<TimeZone, D::Error> {
    let name = String::deserialize(deserializer)?;
    TimeZone::get(&name).map_err(|_| serde::de::Error::custom(format!("'{name}' is not the name of a time zone")))
}
