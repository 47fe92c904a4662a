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

    /// How many milliseconds after 1970 began.
    pub(crate) const fn millis(self) -> i64 {
        self.0
    }

    /// How long after `earlier` this is.
    pub(crate) fn since(self, earlier: Self) -> Duration {
        Duration::from_millis(u64::try_from(self.0 - earlier.0).unwrap_or(0))
    }

    /// By this machine's clock.
    #[expect(clippy::disallowed_methods, reason = "what happens is told when it happens; whatever decides gets the time passed in")]
    pub(crate) fn now() -> Self {
        let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
        Self(i64::try_from(since_1970.as_millis()).unwrap_or(i64::MAX))
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
}
