//! How a process waits: between two tries, and for an answer at most. By the clock where it runs; a test hands in sleeps that take no time.
//! Knows nothing of what is waited for.

use std::time::Duration;

use aws_smithy_async::{
    future::timeout::Timeout,
    rt::sleep::{AsyncSleep as _, SharedAsyncSleep, TokioSleep},
};

/// How a process waits. Clones wait alike.
#[derive(Clone, Debug)]
pub struct Waiting {
    /// Between a try that failed and the next one.
    pub pauses: SharedAsyncSleep,
    /// Until an answer is given up.
    pub limits: SharedAsyncSleep,
}

impl Waiting {
    /// Waits by Tokio's clock.
    #[must_use]
    pub fn by_the_clock() -> Self {
        let clock = SharedAsyncSleep::new(TokioSleep::new());
        Self { pauses: clock.clone(), limits: clock }
    }

    /// Waits between two tries.
    pub async fn pause(&self, duration: Duration) {
        self.pauses.sleep(duration).await;
    }

    /// Waits for what a future results in, but no longer than a limit. None, if that was too short.
    pub async fn at_most<F: Future>(&self, limit: Duration, future: F) -> Option<F::Output> {
        Timeout::new(future, self.limits.sleep(limit)).await.ok()
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::future::{pending, ready};

    use aws_smithy_async::rt::sleep::{AsyncSleep, Sleep};

    use super::*;

    #[derive(Debug)]
    enum NoTime {
        IsOver,
        Passes,
    }

    impl AsyncSleep for NoTime {
        fn sleep(&self, _: Duration) -> Sleep {
            match self {
                Self::IsOver => Sleep::new(ready(())),
                Self::Passes => Sleep::new(pending()),
            }
        }
    }

    /// Every pause is over at once, and no answer is given up.
    pub(crate) fn patient() -> Waiting {
        Waiting { pauses: SharedAsyncSleep::new(NoTime::IsOver), limits: SharedAsyncSleep::new(NoTime::Passes) }
    }

    /// Every pause is over at once, and so is the patience for an answer.
    pub(crate) fn impatient() -> Waiting {
        Waiting { limits: SharedAsyncSleep::new(NoTime::IsOver), ..patient() }
    }

    #[tokio::test]
    async fn an_answer_is_waited_for_until_the_limit() {
        let limit = Duration::from_secs(1);
        assert_eq!(impatient().at_most(limit, pending::<()>()).await, None);
        assert_eq!(impatient().at_most(limit, ready("there already")).await, Some("there already"));
        assert_eq!(patient().at_most(limit, async { patient().pause(limit).await }).await, Some(()));
        let brief = Duration::from_nanos(1);
        assert_eq!(Waiting::by_the_clock().at_most(brief, pending::<()>()).await, None);
    }
}
