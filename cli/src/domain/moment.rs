//! Points in time, to the millisecond: AWS's and ours, as they are compared and told. Knows nothing of time zones.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use aws_smithy_types::{DateTime, date_time::Format};
use serde::{Serialize, Serializer};

/// Milliseconds since 1970, UTC.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(i64);

impl Moment {
    /// That many milliseconds after 1970 began.
    pub(crate) const fn from_millis(millis: i64) -> Self {
        Self(millis)
    }

    /// How long after `earlier` this is.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }

    /// So long before this.
    pub(crate) fn before(self, by: Duration) -> Self {
        Self(self.0.saturating_sub(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }

    /// The milliseconds since 1970 began.
    pub(crate) const fn millis(self) -> i64 {
        self.0
    }

    /// RFC 3339, always to the millisecond, so that what stands in columns lines up: `2026-11-22T09:15:00.250Z`.
    pub(crate) fn in_full(self) -> String {
        let second = Self(self.0 - self.0.rem_euclid(1_000)).to_string();
        format!("{}.{:03}Z", second.trim_end_matches('Z'), self.0.rem_euclid(1_000))
    }

    /// By this machine's clock.
    #[expect(clippy::disallowed_methods, reason = "what happens is told when it happens; whatever decides gets the time passed in")]
    pub(crate) fn now() -> Self {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX))
    }
}

/// A duration as people type it: a whole number of seconds, minutes, hours or days, as `90s`, `10m`, `2h` or `7d`.
///
/// # Errors
/// It is something else, or longer than a hundred years.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    const CENTURY: Duration = Duration::from_hours(24 * 365 * 100);
    let unit = match text.bytes().last() {
        Some(b's') => 1,
        Some(b'm') => 60,
        Some(b'h') => 60 * 60,
        Some(b'd') => 24 * 60 * 60,
        _ => 0,
    };
    let number = text.get(..text.len().saturating_sub(1)).filter(|number| number.bytes().all(|byte| byte.is_ascii_digit()));
    let seconds = number.and_then(|number| number.parse::<u64>().ok()).and_then(|number| number.checked_mul(unit));
    match seconds.map(Duration::from_secs) {
        Some(duration) if unit > 0 && duration <= CENTURY => Ok(duration),
        _ => Err("a whole number and a unit are wanted: 90s, 10m, 2h or 7d".to_owned()),
    }
}

/// A duration as programs read it: in milliseconds.
pub(crate) fn millis<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

/// RFC 3339, as `2026-11-22T09:15:00.250Z`.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&DateTime::from_millis(self.0).fmt(Format::DateTime).map_err(|_| fmt::Error)?)
    }
}

impl Serialize for Moment {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_moment_is_told_as_every_program_reads_it() {
        assert_eq!(Moment::from_millis(1_795_338_900_250).to_string(), "2026-11-22T09:15:00.25Z");
    }

    #[test]
    fn moments_line_up() {
        let moments = [1_795_338_900_250, 1_795_338_900_000, 1_795_338_900_007].map(|millis| Moment::from_millis(millis).in_full());
        assert_eq!(moments, ["2026-11-22T09:15:00.250Z", "2026-11-22T09:15:00.000Z", "2026-11-22T09:15:00.007Z"]);
    }

    #[test]
    fn a_duration_is_a_number_and_a_unit() {
        let seconds = |text| duration(text).map(|duration| duration.as_secs());
        assert_eq!(["90s", "10m", "2h", "7d", "0s"].map(seconds), [90, 600, 7_200, 604_800, 0].map(Ok));
        for text in ["", "m", "10", "10 m", "-1m", "+1m", "1.5h", "10min", "1h30m", "10M", "99999999999999999999d", "36501d", "1ü"]
        {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
