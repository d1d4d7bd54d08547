//! When a flow starts a record by itself: a cron line in a time zone.
//! It computes times and waits for none.

use cronexpr::{Crontab, MakeTimestamp};
use serde_json::{Map, Value};

use super::raw::RawSchedule;
use crate::error::{Error, Result};
use crate::model::time::{TimeZone, Timestamp};

/// A schedule that can be computed.
#[derive(Clone, Debug)]
pub struct Schedule {
    /// In the time zone if any hour will do, else as if clocks there were never changed.
    crontab: Crontab,
    any_hour: bool,
    zone: TimeZone,
    /// The data of the records it starts.
    pub data: Map<String, Value>,
}

impl Schedule {
    pub(super) fn of(raw: RawSchedule) -> Result<Schedule> {
        let zone = raw.time_zone.unwrap_or_else(|| "UTC".to_owned());
        if raw.cron.len() > 200 || zone.len() > 100 || zone.contains(char::is_whitespace) {
            return Err(refused("they are too long, or the time zone has spaces"));
        }
        let any_hour = raw.cron.split_whitespace().nth(1).is_some_and(|hour| hour.starts_with('*'));
        let crontab = format!("{} {}", raw.cron.trim(), if any_hour { &zone } else { "UTC" }).parse();
        let crontab = crontab.map_err(|error: cronexpr::Error| refused(&error.to_string()))?;
        let zone = TimeZone::get(&zone).map_err(|error| refused(&error.to_string()))?;
        Ok(Schedule { crontab, any_hour, zone, data: raw.data.unwrap_or_default() })
    }

    /// The first time after that one; `None` if there is none any more.
    ///
    /// Where clocks are changed, a line whose hour is a star follows the hours as they pass; one that names hours has each of
    /// its times once: the first of two, and one that is left out as much later as clocks went forward.
    pub fn next(&self, after: Timestamp) -> Option<Timestamp> {
        if self.any_hour {
            return find_next(&self.crontab, after);
        }
        let mut shown = after.to_wall(&self.zone);
        loop {
            shown = find_next(&self.crontab, shown)?;
            let next = shown.from_wall(&self.zone);
            if next > after {
                return Some(next);
            }
        }
    }
}

fn find_next(crontab: &Crontab, after: Timestamp) -> Option<Timestamp> {
    let after = MakeTimestamp::from_millisecond(after.0).ok()?;
    let next = crontab.find_next(after).ok()?;
    Some(Timestamp(next.timestamp().as_millisecond()))
}

fn refused(why: &str) -> Error {
    Error::invalid(format!(
        "schedule: cron must be five fields such as '*/5 * * * *', and time_zone a zone such as Europe/Amsterdam: {why}"
    ))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn times(cron: &str, zone: &str, after: &str, count: usize) -> Vec<String> {
        let raw = RawSchedule { cron: cron.to_owned(), time_zone: Some(zone.to_owned()), data: None };
        let schedule = Schedule::of(raw).expect("a schedule");
        let mut last = Timestamp::parse_atom(after).expect("a time");
        let next = || {
            last = schedule.next(last)?;
            Some(last.to_atom())
        };
        std::iter::from_fn(next).take(count).collect()
    }

    #[test]
    fn lines_that_name_hours_have_each_time_once_when_clocks_are_changed() {
        assert_eq!(
            times("30 2 * * *", "Europe/Amsterdam", "2026-03-27T12:00:00+00:00", 3),
            ["2026-03-28T01:30:00+00:00", "2026-03-29T01:30:00+00:00", "2026-03-30T00:30:00+00:00"],
            "there is no half past two on the 29th"
        );
        assert_eq!(
            times("30 2 * * *", "Europe/Amsterdam", "2026-10-24T12:00:00+00:00", 3),
            ["2026-10-25T00:30:00+00:00", "2026-10-26T01:30:00+00:00", "2026-10-27T01:30:00+00:00"],
            "there are two of them on the 25th"
        );
        assert_eq!(
            times("30 2 * * *", "Europe/Amsterdam", "2026-10-25T01:10:00+00:00", 1),
            ["2026-10-26T01:30:00+00:00"],
            "it was had before the clocks were set back"
        );
    }

    #[test]
    fn lines_for_any_hour_follow_the_hours_as_they_pass() {
        for (after, expected) in [
            (
                "2026-10-24T23:30:00+00:00",
                ["2026-10-25T00:00:00+00:00", "2026-10-25T01:00:00+00:00", "2026-10-25T02:00:00+00:00"],
            ),
            (
                "2026-03-28T23:30:00+00:00",
                ["2026-03-29T00:00:00+00:00", "2026-03-29T01:00:00+00:00", "2026-03-29T02:00:00+00:00"],
            ),
        ] {
            assert_eq!(times("0 * * * *", "Europe/Amsterdam", after, 3), expected);
        }
    }

    #[test]
    fn a_day_that_never_comes_has_no_time() {
        assert_eq!(times("0 0 30 2 *", "UTC", "2026-01-01T00:00:00+00:00", 1), Vec::<String>::new());
    }
}
