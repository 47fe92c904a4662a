//! Decides how long to wait before asking again. Knows no clock and no chance: what was measured, and how the dice fell, goes in.

use std::time::Duration;

/// The longest pause while answers come. Half of it, on average, is how late the end of an operation is noticed.
const LONGEST: Duration = Duration::from_secs(2);

/// The longest pause while no answers come.
const LONGEST_UNANSWERED: Duration = Duration::from_secs(5);

/// A cloud that answers at once is on this machine, and is asked as often as makes sense to somebody who watches.
const SHORTEST: Duration = Duration::from_millis(20);

/// A pause is at most so many times as long as the last answer took: in the long run asking takes up a seventh of the time, whoever is
/// asked. An answer that is late because CloudFormation is throttling slows us down by itself.
const ANSWERS_A_PAUSE: u32 = 6;

/// How one operation is asked after.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Pace {
    answer: Duration,
    quiet: u32,
    unanswered: u32,
}

impl Pace {
    /// An answer came, after so long.
    pub(crate) fn answered(&mut self, took: Duration) {
        *self = Self { answer: took, quiet: self.quiet.saturating_add(1), unanswered: 0 };
    }

    /// There was news in the answer.
    pub(crate) fn news(&mut self) {
        self.quiet = 0;
    }

    /// No usable answer came.
    pub(crate) fn unanswered(&mut self) {
        self.unanswered = self.unanswered.saturating_add(1);
    }

    /// The pause before the next question. `chance` is between 0 and 1: several who began together should not ask together.
    pub(crate) fn pause(&self, chance: f64) -> Duration {
        let jitter = 0.75 + chance.clamp(0.0, 1.0) / 2.0;
        let pause = if self.unanswered > 0 {
            SHORTEST.saturating_mul(1 << self.unanswered.min(8)).min(LONGEST_UNANSWERED)
        } else {
            // News come in bursts, and what has been quiet for a while is likely to stay so for another moment.
            self.answer.saturating_mul((1 + self.quiet).min(ANSWERS_A_PAUSE)).clamp(SHORTEST, LONGEST)
        };
        pause.mul_f64(jitter)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIDDLE: f64 = 0.5;

    fn after(answers: &[(u64, bool)]) -> Pace {
        let mut pace = Pace::default();
        for (millis, news) in answers {
            pace.answered(Duration::from_millis(*millis));
            if *news {
                pace.news();
            }
        }
        pace
    }

    #[test]
    fn in_the_long_run_asking_takes_a_seventh_of_the_time() {
        assert_eq!(after(&[(50, false); 20]).pause(MIDDLE), Duration::from_millis(300));
        assert_eq!(after(&[(1, false); 20]).pause(MIDDLE), SHORTEST);
        assert_eq!(after(&[(3_000, false); 20]).pause(MIDDLE), LONGEST);
    }

    #[test]
    fn news_make_curious() {
        let mut pace = after(&[(50, false); 20]);
        pace.answered(Duration::from_millis(50));
        pace.news();
        let mut pause = || {
            let pause = pace.pause(MIDDLE).as_millis();
            pace.answered(Duration::from_millis(50));
            pause
        };
        assert_eq!([pause(), pause(), pause()], [50, 100, 150]);
    }

    #[test]
    fn who_does_not_answer_is_left_alone() {
        let mut pace = after(&[(1, true)]);
        let mut last = pace.pause(MIDDLE);
        for _ in 0..10 {
            pace.unanswered();
            assert!(pace.pause(MIDDLE) >= last);
            last = pace.pause(MIDDLE);
        }
        assert_eq!(last, LONGEST_UNANSWERED);
        pace.answered(Duration::from_millis(1));
        pace.news();
        assert_eq!(pace.pause(MIDDLE), SHORTEST);
    }

    #[test]
    fn no_two_ask_together() {
        let pace = after(&[(100, true)]);
        assert_eq!(pace.pause(0.0), Duration::from_millis(75));
        assert_eq!(pace.pause(1.0), Duration::from_millis(125));
    }
}
