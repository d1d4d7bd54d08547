//! When a flow starts a record by itself: a cron line in a time zone.
//! It computes times and waits for none.

use cronexpr::{Crontab, MakeTimestamp};
use serde_json::{Map, Value};

use super::raw::RawSchedule;
use crate::error::{Error, Result};
use crate::model::time::Timestamp;

/// A schedule that can be computed.
#[derive(Clone, Debug)]
pub struct Schedule {
    crontab: Crontab,
    /// The data of the records it starts.
    pub data: Map<String, Value>,
}

impl Schedule {
    pub(super) fn of(raw: RawSchedule) -> Result<Schedule> {
        let zone = raw.time_zone.unwrap_or_else(|| "UTC".to_owned());
        if raw.cron.len() > 200 || zone.len() > 100 || zone.contains(char::is_whitespace) {
            return Err(refused("they are too long, or the time zone has spaces"));
        }
        let crontab: Crontab = format!("{} {zone}", raw.cron.trim())
            .parse()
            .map_err(|error: cronexpr::Error| refused(&error.to_string()))?;
        Ok(Schedule { crontab, data: raw.data.unwrap_or_default() })
    }

    /// The first time after that one; `None` if there is none any more.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        let after = MakeTimestamp::from_millisecond(after.0).ok()?;
        let next = self.crontab.find_next(after).ok()?;
        Some(Timestamp(next.timestamp().as_millisecond()))
    }
}

fn refused(why: &str) -> Error {
    Error::invalid(format!(
        "schedule: cron must be five fields such as '*/5 * * * *', and time_zone a zone such as Europe/Amsterdam: {why}"
    ))
}
