//! Points in time, to the millisecond: AWS's and ours, as they are compared and shown. Knows nothing of time zones.

use std::{
    fmt,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

use humantime::format_rfc3339_millis;
use serde::{Serialize, Serializer};

/// Milliseconds since 1970, UTC. Neither before that year nor after 9999.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Moment(i64);

/// The last millisecond of the year 9999, after which RFC 3339 has no text.
const LAST: i64 = 253_402_300_799_999;

impl Moment {
    /// From milliseconds since 1970.
    pub(crate) fn from_millis(millis: i64) -> Self {
        Self(millis.clamp(0, LAST))
    }

    /// How long after `earlier` this is.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }

    /// So long before this.
    pub(crate) fn before(self, by: Duration) -> Self {
        Self::from_millis(self.0.saturating_sub(i64::try_from(by.as_millis()).unwrap_or(i64::MAX)))
    }

    /// The milliseconds since 1970 began.
    pub(crate) const fn millis(self) -> i64 {
        self.0
    }

    /// RFC 3339, always to the millisecond, so that what stands in columns lines up: `2026-11-22T09:15:00.250Z`.
    pub(crate) fn in_full(self) -> String {
        format_rfc3339_millis(UNIX_EPOCH + Duration::from_millis(self.0.unsigned_abs())).to_string()
    }

    /// By this machine's clock.
    #[expect(clippy::disallowed_methods, reason = "what happens is told when it happens; whatever decides gets the time passed in")]
    pub(crate) fn now() -> Self {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self::from_millis(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX))
    }
}

/// A duration as people type it, such as `90s`, `10m`, `2h`, `7d` or `1h30m`.
///
/// # Errors
/// It is something else.
pub(crate) fn duration(text: &str) -> Result<Duration, String> {
    // The library's month is too easily typed for a minute.
    let parsed = humantime::parse_duration(text).ok().filter(|_| !text.contains('M'));
    parsed.ok_or_else(|| "a number and a unit are wanted: 90s, 10m, 2h or 7d".to_owned())
}

/// A duration as programs read it: in milliseconds.
pub(crate) fn millis<S: Serializer>(duration: &Duration, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_u64(u64::try_from(duration.as_millis()).unwrap_or(u64::MAX))
}

/// RFC 3339 without zeros at the end, as `2026-11-22T09:15:00.25Z`.
impl fmt::Display for Moment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.in_full();
        f.write_str(text.trim_end_matches('Z').trim_end_matches('0').trim_end_matches('.'))?;
        f.write_str("Z")
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
        let moments = [1_795_338_900_250, 1_795_338_900_000, 0, -1, i64::MAX].map(|millis| Moment::from_millis(millis).to_string());
        let first = "1970-01-01T00:00:00Z";
        assert_eq!(moments, ["2026-11-22T09:15:00.25Z", "2026-11-22T09:15:00Z", first, first, "9999-12-31T23:59:59.999Z"]);
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
        assert_eq!(["1h30m", "10min"].map(seconds), [5_400, 600].map(Ok));
        for text in ["", "m", "10", "-1m", "+1m", "10M", "1h10M", "99999999999999999999d", "1ü", "ten minutes"] {
            assert!(seconds(text).is_err(), "{text}");
        }
    }
}
