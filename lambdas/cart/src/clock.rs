//! Time as the rules know it: a number that is passed in. [`now`] is the one place that reads the clock.

use std::{
    ops::Add,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// Seconds since 1970, the unit of DynamoDB's expiry attribute and of token claims.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Timestamp(pub u64);

impl Add<Duration> for Timestamp {
    type Output = Self;

    fn add(self, duration: Duration) -> Self {
        Self(self.0.saturating_add(duration.as_secs()))
    }
}

/// Reads the clock.
#[must_use]
pub fn now() -> Timestamp {
    #[expect(clippy::disallowed_methods, reason = "the one place that reads the clock")]
    let since_1970 = SystemTime::now().duration_since(UNIX_EPOCH);
    Timestamp(since_1970.unwrap_or_default().as_secs())
}
