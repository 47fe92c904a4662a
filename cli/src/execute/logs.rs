//! Reads logs, batch by batch, and again and again where they are followed. Which batch, and what of it is told, is decided in
//! [`plan::logs`](crate::plan::logs).

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use tokio::time::sleep;

use crate::{
    aws::{self, ErrorKind, logs::Logs},
    domain::pace::Pace,
    plan::logs::{Tails, Told},
};

/// For how long questions may stay unanswered before nothing more is expected.
const PATIENCE: Duration = Duration::from_mins(2);

/// How many questions are asked at once. Where the quota of an account is smallest it is five in a second, by
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html>.
const TOGETHER: usize = 5;

/// Logs that are being read.
pub(crate) struct Reading {
    logs: Logs,
    tails: Tails,
    /// How long a reading of everything takes at least.
    least: Duration,
    pace: Pace,
    silent_since: Option<Instant>,
}

impl Reading {
    /// Begins. `each` is the share of a function in the time in which all are read: the pause between two readings is at least the
    /// sum of these.
    pub(crate) fn new(logs: Logs, tails: Tails, each: Duration) -> Self {
        let least = each.saturating_mul(u32::try_from(tails.len()).unwrap_or(u32::MAX));
        Self { logs, tails, least, pace: Pace::default(), silent_since: None }
    }

    /// What comes next, in order of time. None, where everything is told that is there.
    ///
    /// # Errors
    /// AWS refuses, or does not answer for [`PATIENCE`].
    pub(crate) async fn next(&mut self) -> Result<Option<Vec<Told>>, aws::Error> {
        loop {
            let told = self.tails.told();
            if !told.is_empty() {
                self.pace.news();
                return Ok(Some(told));
            }
            let questions = self.tails.questions();
            if questions.is_empty() {
                return Ok(None);
            }
            let asked = Instant::now();
            let asking = questions.into_iter().take(TOGETHER).map(|question| {
                let logs = self.logs.clone();
                async move { Ok::<_, aws::Error>((logs.batch(&question).await, question)) }
            });
            let mut passing = None;
            for (answer, question) in try_join_all(asking).await? {
                match answer {
                    Ok(batch) => self.tails.answered(&question, batch),
                    Err(error) if passes(&error) => passing = Some(error),
                    Err(error) => return Err(error),
                }
            }
            let Some(error) = passing else {
                self.pace.answered(asked.elapsed());
                self.silent_since = None;
                continue;
            };
            if self.silent_since.get_or_insert(asked).elapsed() > PATIENCE {
                return Err(error);
            }
            self.pace.unanswered();
            sleep(self.pace.pause(fastrand::f64())).await;
        }
    }

    /// Waits a little, and begins to read what may have come since.
    pub(crate) async fn again(&mut self) {
        sleep(self.pace.pause(fastrand::f64()).max(self.least)).await;
        self.tails.again();
    }
}

/// Whether the same question may be answered another time.
fn passes(error: &aws::Error) -> bool {
    matches!(error.kind(), ErrorKind::Throttled | ErrorKind::Unreachable)
}
