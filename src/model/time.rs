//! Instants in time and their documented spellings.
//! It never asks what time it is: the clock belongs to `app`.

use jiff::fmt::{rfc2822, temporal};
pub use jiff::tz::TimeZone;
use serde::{Deserialize, Serialize};

// The library's own forms are several times as fast as a format that is read for each date.
const DATE_TIME: temporal::DateTimePrinter = temporal::DateTimePrinter::new().separator(b' ').precision(Some(0));
const HTTP_DATE: rfc2822::DateTimePrinter = rfc2822::DateTimePrinter::new();

/// Milliseconds of a second.
pub const MILLISECONDS_OF_A_SECOND: i64 = 1_000;

/// The milliseconds of a duration such as `90s`, `2h 30m`, `1d` or ISO 8601's `PT5M`, where a day has 24 hours; `None` if
/// it is none, or negative.
pub fn parse_duration(text: &str) -> Option<i64> {
    let span: jiff::Span = text.trim().parse().ok()?;
    let duration = span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).ok()?;
    i64::try_from(duration.as_millis()).ok().filter(|milliseconds| *milliseconds >= 0)
}

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Reads an ATOM date as document 003 writes it (`2005-08-15T15:52:01+00:00`), also with `Z`, a fraction,
    /// or an RFC 9557 zone in brackets. A leap second counts as the second before it. `None` if it is not one.
    ///
    /// The last two days of the year 9999, by which clients mean "never", are the last instant there is.
    pub fn parse_atom(text: &str) -> Option<Timestamp> {
        let parse = |text: &str| text.parse::<jiff::Timestamp>().ok();
        let instant = parse(text).or_else(|| {
            let rest = ["9999-12-31", "9999-12-30"].iter().find_map(|day| text.strip_prefix(day))?;
            parse(&format!("9999-12-29{rest}")).map(|_| jiff::Timestamp::MAX)
        })?;
        Some(Timestamp(instant.as_millisecond()))
    }

    /// The ATOM spelling in UTC, without a fraction: `2005-08-15T15:52:01+00:00`.
    pub fn to_atom(self) -> String {
        self.civil(&TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()
    }

    /// The spelling of document 002, in UTC and to the millisecond: `2023-11-09T20:46:58.652Z`.
    pub fn to_iso(self) -> String {
        self.civil(&TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S.%3fZ").to_string()
    }

    /// The spelling of dates in documented replies, in that time zone: `2016-05-03 11:47:38`.
    pub fn to_date_time(self, zone: &TimeZone) -> String {
        DATE_TIME.datetime_to_string(&self.civil(zone))
    }

    /// What clocks in that time zone show then, as the instant at which clocks at UTC show the same.
    pub fn to_wall(self, zone: &TimeZone) -> Timestamp {
        let shown = self.civil(zone).to_zoned(TimeZone::UTC);
        shown.map_or(self, |shown| Timestamp(shown.timestamp().as_millisecond()))
    }

    /// The other way round. Of a time that clocks show twice it is the first; one that they leave out counts from the hour
    /// before, so that it comes as much later.
    pub fn from_wall(self, zone: &TimeZone) -> Timestamp {
        let instant = self.civil(&TimeZone::UTC).to_zoned(zone.clone());
        instant.map_or(self, |instant| Timestamp(instant.timestamp().as_millisecond()))
    }

    /// Reads a bound of a span of time: `31-12-2017` or `2017-12-31`, alone or with `12:00`, `12:00:00` or a fraction
    /// after a space or a `T`, with an RFC 3339 offset if it is not in that time zone. `24:00:00` is the beginning of
    /// the next day (contradiction C10).
    ///
    /// Bounds are inclusive: the end of what is written to the day, the minute or the second is its last millisecond.
    /// `None` if it is not one.
    pub fn parse_bound(text: &str, bound: Bound, zone: &TimeZone) -> Option<Timestamp> {
        let (date, time) = match text.trim().split_once([' ', 'T', 't']) {
            Some((date, time)) => (parse_date(date)?, Some(parse_time(time)?)),
            None => (parse_date(text.trim())?, None),
        };
        let Some(Clock { days, time, length, offset }) = time else {
            return match bound {
                Bound::From => instant(date.at(0, 0, 0, 0), bound, zone),
                Bound::To => Some(Timestamp(instant(date.tomorrow().ok()?.at(0, 0, 0, 0), Bound::From, zone)?.0 - 1)),
            };
        };
        let date = if days == 0 { date } else { date.tomorrow().ok()? };
        let begins = instant(date.to_datetime(time), bound, offset.as_ref().unwrap_or(zone))?;
        match bound {
            Bound::From => Some(begins),
            Bound::To => Some(Timestamp(begins.0 + length - 1)),
        }
    }

    /// Reads the date of an HTTP header in the form that is sent today (RFC 9110 §5.6.7). `None` if it is not one.
    pub fn parse_http(text: &str) -> Option<Timestamp> {
        let zoned = jiff::fmt::rfc2822::parse(text).ok()?;
        Some(Timestamp(zoned.timestamp().as_millisecond()))
    }

    /// The spelling of dates in HTTP headers, to the second: `Mon, 15 Aug 2005 15:52:01 GMT`. It knows no years before
    /// the first, which become empty.
    pub fn to_http(self) -> String {
        HTTP_DATE.timestamp_to_rfc9110_string(&self.instant()).unwrap_or_default()
    }

    fn civil(self, zone: &TimeZone) -> jiff::civil::DateTime {
        zone.to_datetime(self.instant())
    }

    fn instant(self) -> jiff::Timestamp {
        jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH)
    }
}

/// The date that is written as for [`Timestamp::parse_bound`], without a time: `2019-04-09`. `None` if it is not one.
pub fn spell_date(text: &str) -> Option<String> {
    Some(parse_date(text.trim())?.to_string()).filter(|spelled| spelled.len() == "2019-04-09".len())
}

/// The moment that is written so, in UTC and to the second: `2019-04-09 15:31:21`. Without a time it is the beginning of the
/// day, without an offset it is in UTC. `None` if it is not one, or not in a year of four digits.
///
/// Unlike an instant, it may be at the very end of the year 9999.
pub fn spell_date_time(text: &str) -> Option<String> {
    let (date, time) = match text.trim().split_once([' ', 'T', 't']) {
        Some((date, time)) => (parse_date(date)?, Some(parse_time(time)?)),
        None => (parse_date(text.trim())?, None),
    };
    let shown = match time {
        None => date.at(0, 0, 0, 0),
        Some(Clock { days, time, offset, .. }) => {
            let date = if days == 0 { date } else { date.tomorrow().ok()? };
            match offset {
                None => date.to_datetime(time),
                Some(zone) => TimeZone::UTC.to_datetime(zone.to_timestamp(date.to_datetime(time)).ok()?),
            }
        }
    };
    Some(DATE_TIME.datetime_to_string(&shown)).filter(|spelled| spelled.len() == "2019-04-09 15:31:21".len())
}

/// Which end of a span of time a date is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// Its beginning.
    From,
    /// Its end, which belongs to it.
    To,
}

/// A time of day as it was written.
struct Clock {
    /// 1 for `24:00:00`, else 0.
    days: u8,
    time: jiff::civil::Time,
    /// How many milliseconds are meant by it: those of the minute, of the second, or one.
    length: i64,
    offset: Option<TimeZone>,
}

fn instant(civil: jiff::civil::DateTime, bound: Bound, zone: &TimeZone) -> Option<Timestamp> {
    // An hour that comes twice lies between its first beginning and its second end.
    let zoned = match bound {
        Bound::From => zone.to_ambiguous_zoned(civil).compatible(),
        Bound::To => zone.to_ambiguous_zoned(civil).later(),
    };
    Some(Timestamp(zoned.ok()?.timestamp().as_millisecond()))
}

fn parse_date(text: &str) -> Option<jiff::civil::Date> {
    let mut parts = text.split('-');
    let (first, month, last) = (parts.next()?, parts.next()?, parts.next()?);
    let (year, day) = if first.len() == 4 { (first, last) } else { (last, first) };
    let fits = year.len() == 4 && (1..=2).contains(&month.len()) && (1..=2).contains(&day.len());
    match parts.next() {
        None if fits => jiff::civil::Date::new(digits(year)?, digits(month)?, digits(day)?).ok(),
        _ => None,
    }
}

fn parse_time(text: &str) -> Option<Clock> {
    let at = text.find(['Z', 'z', '+', '-']).unwrap_or(text.len());
    let (time, offset) = text.split_at_checked(at)?;
    let (time, fraction) = match time.split_once('.') {
        Some((time, fraction)) => (time, Some(fraction)),
        None => (time, None),
    };
    let mut parts = time.trim_end().split(':');
    let (hour, minute) = (two_digits(parts.next()?)?, two_digits(parts.next()?)?);
    let second = parts.next().map(two_digits).map_or(Some(None), |second| second.map(Some))?;
    if parts.next().is_some() || (fraction.is_some() && second.is_none()) {
        return None;
    }
    let length = match (second, fraction) {
        (None, _) => 60_000,
        (Some(_), None) => 1_000,
        (Some(_), Some(_)) => 1,
    };
    let milliseconds = fraction.map_or(Some(0), milliseconds)?;
    // A leap second counts as the second before it, as in ATOM dates.
    let second = second.unwrap_or(0).min(if second == Some(60) { 59 } else { i8::MAX });
    let ends_day = (hour, minute, second, milliseconds) == (24, 0, 0, 0);
    let hour = if ends_day { 0 } else { hour };
    let time = jiff::civil::Time::new(hour, minute, second, i32::from(milliseconds) * 1_000_000).ok()?;
    Some(Clock { days: u8::from(ends_day), time, length, offset: parse_offset(offset.trim())? })
}

/// The first three digits of a fraction of a second; the store knows no finer time.
fn milliseconds(fraction: &str) -> Option<i16> {
    if fraction.is_empty() || !fraction.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    let padded: String = fraction.chars().chain("00".chars()).take(3).collect();
    digits(&padded)
}

/// The time zone that an RFC 3339 offset stands for; `None` inside if there is no offset.
fn parse_offset(text: &str) -> Option<Option<TimeZone>> {
    let (sign, rest) = match text.split_at_checked(1) {
        None => return Some(None),
        Some(("Z" | "z", "")) => return Some(Some(TimeZone::UTC)),
        Some(("+", rest)) => (1, rest),
        Some(("-", rest)) => (-1, rest),
        Some(_) => return None,
    };
    let (hours, minutes) = rest.split_once(':')?;
    let (hours, minutes) = (i32::from(two_digits(hours)?), i32::from(two_digits(minutes)?));
    if hours > 23 || minutes > 59 {
        return None;
    }
    let offset = jiff::tz::Offset::from_seconds(sign * (hours * 3_600 + minutes * 60)).ok()?;
    Some(Some(offset.to_time_zone()))
}

fn two_digits(text: &str) -> Option<i8> {
    digits(text).filter(|_| text.len() == 2)
}

fn digits<T: std::str::FromStr>(text: &str) -> Option<T> {
    text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn bounds_are_read_in_both_orders_and_are_inclusive() {
        let zone = TimeZone::get("Europe/Amsterdam").expect("a time zone");
        let shown = |text: &str, bound| {
            let instant = Timestamp::parse_bound(text, bound, &zone)?;
            Some(format!("{}.{:03}", instant.to_date_time(&zone), instant.0.rem_euclid(1_000)))
        };
        for (text, from, to) in [
            ("31-12-2017 12:00:00", "2017-12-31 12:00:00.000", "2017-12-31 12:00:00.999"),
            ("2017-12-31 24:00:00", "2018-01-01 00:00:00.000", "2018-01-01 00:00:00.999"),
            ("2017-12-31", "2017-12-31 00:00:00.000", "2017-12-31 23:59:59.999"),
            ("1-2-2017", "2017-02-01 00:00:00.000", "2017-02-01 23:59:59.999"),
            ("2017-12-31T12:30", "2017-12-31 12:30:00.000", "2017-12-31 12:30:59.999"),
            ("2017-12-31T12:30:10.25Z", "2017-12-31 13:30:10.250", "2017-12-31 13:30:10.250"),
            ("2017-12-31T24:00:00+00:00", "2018-01-01 01:00:00.000", "2018-01-01 01:00:00.999"),
            // The day on which clocks go back has 25 hours, and the hour that comes twice is meant as a whole.
            ("2017-10-29", "2017-10-29 00:00:00.000", "2017-10-29 23:59:59.999"),
        ] {
            assert_eq!(shown(text, Bound::From).as_deref(), Some(from), "{text}");
            assert_eq!(shown(text, Bound::To).as_deref(), Some(to), "{text}");
        }
        let twice = |bound| Timestamp::parse_bound("2017-10-29 02:30:00", bound, &zone).expect("a date").0;
        assert_eq!(twice(Bound::To) - twice(Bound::From), 3_600_999);
    }

    #[test]
    fn what_is_no_date_is_no_bound() {
        for text in [
            "",
            "yesterday",
            "2017-13-01",
            "2017-02-29",
            "31-12-17",
            "2017-12",
            "2017-12-31-1",
            "2017-12-31 25:00:00",
            "2017-12-31 24:00:01",
            "2017-12-31 1:00",
            "2017-12-31 12",
            "2017-12-31 12:00:00+2",
            "2017-12-31 12:00:00 Amsterdam",
            "2017-12-31 +1:00:00",
            "+017-12-31",
            "2017-12-31 12:00.5",
            "2017-12-31 12:00:00.",
            "2017-12-31 12:00:00.ä",
            "9999-12-31 24:00:00",
        ] {
            assert_eq!(Timestamp::parse_bound(text, Bound::To, &TimeZone::UTC), None, "{text}");
        }
    }

    #[test]
    fn atom_dates_are_read_in_all_documented_spellings() {
        for (text, milliseconds) in [
            ("2005-08-15T15:52:01+00:00", Some(1_124_121_121_000)),
            ("2005-08-15T17:52:01+02:00", Some(1_124_121_121_000)),
            ("2009-11-04T19:55:41Z", Some(1_257_364_541_000)),
            ("2009-11-04T19:55:41.250Z", Some(1_257_364_541_250)),
            ("2016-12-31T23:59:60Z", Some(1_483_228_799_000)),
            ("9999-12-31T23:59:59Z", Some(253_402_207_200_999)),
            ("9999-12-31T25:00:00Z", None),
            ("2009-11-04", None),
            ("2009-11-04T19:55:41", None),
            ("2009-13-04T19:55:41Z", None),
            ("now", None),
            ("", None),
        ] {
            assert_eq!(Timestamp::parse_atom(text), milliseconds.map(Timestamp), "{text}");
        }
    }

    #[test]
    fn dates_are_written_as_documented() {
        let instant = Timestamp(1_124_121_121_250);
        assert_eq!(instant.to_atom(), "2005-08-15T15:52:01+00:00");
        assert_eq!(instant.to_iso(), "2005-08-15T15:52:01.250Z");
        assert_eq!(instant.to_date_time(&TimeZone::UTC), "2005-08-15 15:52:01");
        let zone = TimeZone::get("Europe/Amsterdam").expect("a time zone");
        assert_eq!(instant.to_date_time(&zone), "2005-08-15 17:52:01");
    }
}
