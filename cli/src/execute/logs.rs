//! Reads logs batch by batch, and repeatedly with `--follow`. The order of batches and entries is decided in
//! [`plan::logs`](crate::plan::logs).

use std::time::{Duration, Instant};

use futures_util::future::try_join_all;
use tokio::time::sleep;

use crate::{
    aws::{self, ErrorKind, logs::Logs},
    domain::pace::Pace,
    plan::logs::{Tails, Told},
};

/// How long calls may fail before reading ends.
const PATIENCE: Duration = Duration::from_mins(2);

/// The number of calls at once. The smallest quota of an account is five per second, by
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html>.
const TOGETHER: usize = 5;

/// Logs being read.
pub(crate) struct Reading {
    logs: Logs,
    tails: Tails,
    /// The minimum time between two readings of all logs.
    least: Duration,
    pace: Pace,
    silent_since: Option<Instant>,
}

impl Reading {
    /// `each` is one function's share of the pause between two readings of all logs: the pause is at least the
    /// sum of the shares.
    pub(crate) fn new(logs: Logs, tails: Tails, each: Duration) -> Self {
        let least = each.saturating_mul(u32::try_from(tails.len()).unwrap_or(u32::MAX));
        Self { logs, tails, least, pace: Pace::default(), silent_since: None }
    }

    /// The next entries, in order of time. None once all existing entries are returned.
    ///
    /// # Errors
    /// A refusal of AWS, or failed calls for [`PATIENCE`].
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

    /// Pauses, and starts the next reading.
    pub(crate) async fn again(&mut self) {
        sleep(self.pace.pause(fastrand::f64()).max(self.least)).await;
        self.tails.again();
    }
}

/// Whether the same call may succeed later.
fn passes(error: &aws::Error) -> bool {
    matches!(error.kind(), ErrorKind::Throttled | ErrorKind::Unavailable | ErrorKind::Unreachable)
}
