//! How long to wait before trying again: a write that collided with another, or a service that did not answer.

use std::time::{Duration, Instant};

use cart_shared::Refusal;
use thiserror::Error;

use crate::waiting::Waiting;

/// The number of tries of a write that collides: about five seconds of pauses at most, half of that on average. Enough for 64 writers of one
/// item, and still within the ten seconds that a function has.
pub const ATTEMPTS: u32 = 20;

/// The longest pause after the first try. It is doubled after each further try, up to [`LONGEST`], in which about 32 writers get past each
/// other.
const FIRST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_millis(320);

/// Every try collided with another writer's.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("others kept changing the same item")]
pub struct Contended;

impl From<Contended> for Refusal {
    fn from(error: Contended) -> Self {
        Self::Unavailable(error.into())
    }
}

/// Waits before the next try: longer after every try, and for a random part of that, so that writers that collided do not meet again.
pub async fn pause(waiting: &Waiting, attempt: u32) {
    waiting.pause(delay(attempt, FIRST, LONGEST, fastrand::f64())).await;
}

/// The number of tries of a call without an answer.
const TRIES: u32 = 3;

/// Calls `ask` until its answer cannot get better, there is no time left, or it was tried three times. `ask` gets the time that is left.
pub async fn ask_again<T, F>(
    waiting: &Waiting,
    patience: Duration,
    ask: impl Fn(Duration) -> F,
    may_be_better: impl Fn(&T) -> bool,
) -> T
where
    F: Future<Output = T>,
{
    let begun = Instant::now();
    let left = || patience.saturating_sub(begun.elapsed());
    let mut attempt = 0;
    loop {
        let answer = ask(left()).await;
        if attempt + 1 == TRIES || !may_be_better(&answer) {
            return answer;
        }
        // Longer than after a collision: a service needs more time to recover than a writer to end.
        waiting.pause(delay(attempt, Duration::from_millis(100), Duration::from_millis(400), fastrand::f64())).await;
        attempt += 1;
        if left().is_zero() {
            return answer;
        }
    }
}

/// `first`, doubled with each attempt up to `longest`, times `spread`, which is between 0 and 1: random parts of the whole pause avoid
/// collisions best (<https://aws.amazon.com/blogs/architecture/exponential-backoff-and-jitter/>).
fn delay(attempt: u32, first: Duration, longest: Duration, spread: f64) -> Duration {
    first.saturating_mul(1 << attempt.min(16)).min(longest).mul_f64(spread)
}

#[cfg(test)]
mod tests {
    use std::{cell::Cell, cmp::Reverse, collections::BinaryHeap};

    use super::*;
    use crate::waiting::tests::patient;

    #[test]
    fn waiting_grows_and_ends() {
        let delay = |attempt, spread| delay(attempt, FIRST, LONGEST, spread);
        assert_eq!(delay(0, 1.0), Duration::from_millis(10));
        assert_eq!(delay(2, 0.5), Duration::from_millis(20));
        assert_eq!(delay(u32::MAX, 1.0), LONGEST);
        let worst: Duration = (0..ATTEMPTS).map(|attempt| delay(attempt, 1.0)).sum();
        assert!(worst < Duration::from_secs(6), "{worst:?}");
    }

    #[tokio::test]
    async fn asking_again_ends_with_an_answer_or_the_tries_or_the_time() {
        for (patience, good, asked) in [(Duration::MAX, 1, 1), (Duration::MAX, 2, 2), (Duration::MAX, 9, 3), (Duration::ZERO, 9, 1)]
        {
            let tries = Cell::new(0);
            let ask = async |left| {
                assert!(left <= patience);
                tries.set(tries.get() + 1);
                tries.get()
            };
            let answer = ask_again(&patient(), patience, ask, |answer| *answer < good).await;
            assert_eq!((answer, tries.get()), (asked, asked), "{good} in {patience:?}");
        }
    }

    #[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
    enum Step {
        Read,
        Written { upon: u32 },
        Collided,
    }

    /// So many writers of one item begin at once, with the latencies of a table nearby: how many give up, and when the last of the others is
    /// done, in simulated microseconds.
    fn race(writers: usize, attempts: u32, random: &mut fastrand::Rng) -> (usize, u64) {
        let mut taking = |least: u64| random.u64(least..=2 * least);
        let mut steps: BinaryHeap<_> = (0..writers).map(|writer| Reverse((taking(5_000), writer, 0, Step::Read))).collect();
        let (mut version, mut writing, mut given_up, mut last) = (0_u32, false, 0, 0);
        while let Some(Reverse((now, writer, attempt, step))) = steps.pop() {
            match step {
                Step::Read if writing => steps.push(Reverse((now + taking(5_000), writer, attempt, Step::Collided))),
                Step::Read => {
                    writing = true;
                    steps.push(Reverse((now + taking(10_000), writer, attempt, Step::Written { upon: version })));
                }
                Step::Written { upon } => {
                    writing = false;
                    if upon == version {
                        (version, last) = (version + 1, now);
                    } else {
                        steps.push(Reverse((now, writer, attempt, Step::Collided)));
                    }
                }
                Step::Collided if attempt + 1 == attempts => given_up += 1,
                Step::Collided => {
                    let spread = taking(1_000_000) - 1_000_000;
                    let pause = u64::try_from(delay(attempt, FIRST, LONGEST, 1.0).as_micros()).unwrap() * spread / 1_000_000;
                    steps.push(Reverse((now + pause + taking(5_000), writer, attempt + 1, Step::Read)));
                }
            }
        }
        (given_up, last)
    }

    #[test]
    fn sixty_four_writers_of_one_item_get_past_each_other() {
        let mut random = fastrand::Rng::with_seed(64);
        let races: Vec<_> = (0..200).map(|_| race(64, ATTEMPTS, &mut random)).collect();
        let (given_up, last) = races.iter().fold((0, 0), |sum, race| (sum.0 + race.0, sum.1.max(race.1)));
        println!("{given_up} of {} gave up, the last was done after {last} µs", 64 * races.len());
        assert!(given_up <= 2, "{given_up} of {}", 64 * races.len());
        assert!(last < 5_000_000, "{last} µs");
        let with_fewer: usize = (0..20).map(|_| race(64, ATTEMPTS / 2, &mut random).0).sum();
        assert!(with_fewer >= 20, "half as many attempts are too few, or this proves nothing: {with_fewer}");
    }
}
