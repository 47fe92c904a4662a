//! How long to wait before trying again what others were changing at the same moment.

use std::time::Duration;

use cart_shared::Refusal;
use thiserror::Error;

/// How often something is tried before it is given up: about two seconds of waiting at most, one on average.
pub const ATTEMPTS: u32 = 10;

/// Every attempt collided with somebody else's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("others kept changing the same item")]
pub struct Contended;

impl From<Contended> for Refusal {
    fn from(error: Contended) -> Self {
        Self::Unavailable(error.into())
    }
}

/// Waits a little, longer with every attempt, and differently for each of those that collided.
pub async fn pause(attempt: u32) {
    let delay = delay(attempt, fastrand::f64());
    // In tests no time passes: whoever is to go first is decided there.
    #[cfg(not(test))]
    tokio::time::sleep(delay).await;
    #[cfg(test)]
    std::future::ready(delay).await;
}

/// `spread` is between 0 and 1.
fn delay(attempt: u32, spread: f64) -> Duration {
    let longest = Duration::from_millis(10 << attempt.min(5));
    longest.mul_f64(spread)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn waiting_grows_and_ends() {
        assert_eq!(delay(0, 1.0), Duration::from_millis(10));
        assert_eq!(delay(2, 0.5), Duration::from_millis(20));
        let worst: Duration = (0..ATTEMPTS).map(|attempt| delay(attempt, 1.0)).sum();
        assert!(worst < Duration::from_secs(2), "{worst:?}");
    }
}
