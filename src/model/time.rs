//! Instants in time and their documented spellings.
//! It never asks what time it is: the clock belongs to `app`.

pub use jiff::tz::TimeZone;

/// Milliseconds since 1970-01-01T00:00:00Z.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(pub i64);

impl Timestamp {
    /// Reads an ATOM date as document 003 writes it (`2005-08-15T15:52:01+00:00`), also with `Z`, a fraction,
    /// or an RFC 9557 zone in brackets. A leap second counts as the second before it. `None` if it is not one.
    pub fn parse_atom(text: &str) -> Option<Timestamp> {
        let instant: jiff::Timestamp = text.parse().ok()?;
        Some(Timestamp(instant.as_millisecond()))
    }

    /// The ATOM spelling in UTC, without a fraction: `2005-08-15T15:52:01+00:00`.
    pub fn to_atom(self) -> String {
        self.civil(&TimeZone::UTC).strftime("%Y-%m-%dT%H:%M:%S+00:00").to_string()
    }

    /// The spelling of dates in documented replies, in that time zone: `2016-05-03 11:47:38`.
    pub fn to_date_time(self, zone: &TimeZone) -> String {
        self.civil(zone).strftime("%Y-%m-%d %H:%M:%S").to_string()
    }

    fn civil(self, zone: &TimeZone) -> jiff::civil::DateTime {
        let instant = jiff::Timestamp::from_millisecond(self.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
        zone.to_datetime(instant)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn atom_dates_are_read_in_all_documented_spellings() {
        for (text, milliseconds) in [
            ("2005-08-15T15:52:01+00:00", Some(1_124_121_121_000)),
            ("2005-08-15T17:52:01+02:00", Some(1_124_121_121_000)),
            ("2009-11-04T19:55:41Z", Some(1_257_364_541_000)),
            ("2009-11-04T19:55:41.250Z", Some(1_257_364_541_250)),
            ("2016-12-31T23:59:60Z", Some(1_483_228_799_000)),
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
        assert_eq!(instant.to_date_time(&TimeZone::UTC), "2005-08-15 15:52:01");
        let zone = TimeZone::get("Europe/Amsterdam").expect("a time zone");
        assert_eq!(instant.to_date_time(&zone), "2005-08-15 17:52:01");
    }
}
