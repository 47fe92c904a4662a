//! How long to wait before trying again: what others were changing at the same moment, or what did not answer.

use std::time::{Duration, Instant};

use cart_shared::Refusal;
use thiserror::Error;

use crate::waiting::Waiting;

/// How often something is tried before it is given up: about five seconds of waiting at most, half of that on average. As many as
/// 64 writers need who meet at one item, and still within the ten seconds that a function has.
pub const ATTEMPTS: u32 = 20;

/// The longest pause after the first attempt. Doubled after each further one, up to [`LONGEST`]: about as long as 32 writers need to
/// get past each other.
const FIRST: Duration = Duration::from_millis(10);
const LONGEST: Duration = Duration::from_millis(320);

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
pub async fn pause(waiting: &Waiting, attempt: u32) {
    waiting.pause(delay(attempt, FIRST, LONGEST, fastrand::f64())).await;
}

/// How often a service is asked that does not answer.
const TRIES: u32 = 3;

/// Asks a service, and again where another answer may come of it, as long as there is time. Whoever asks is told how much is left.
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
        // Longer than for a collision, which is over in a moment.
        waiting.pause(delay(attempt, Duration::from_millis(100), Duration::from_millis(400), fastrand::f64())).await;
        attempt += 1;
        if left().is_zero() {
            return answer;
        }
    }
}

/// Anything up to `first`, doubled with each attempt, and never more than `longest`. `spread` is between 0 and 1: who waits for any
/// part of it meets the others again least often.
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

    /// What a writer has just done.
    #[derive(Clone, Copy, Eq, Ord, PartialEq, PartialOrd)]
    enum Step {
        Read,
        Written { upon: u32 },
        Collided,
    }

    /// So many writers of one item begin at once, with the latencies of a table that is near: how many give up, and when the last of the
    /// others is done. Times are microseconds of no real clock.
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
