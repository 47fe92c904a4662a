//! Numbers of things, durations and sizes in words.

use std::time::Duration;

use indicatif::DecimalBytes;

/// A number of things whose plural ends in `s`: `1 file`, `2 files`.
pub(crate) fn plural(number: usize, noun: &str) -> String {
    if number == 1 { format!("1 {noun}") } else { format!("{number} {noun}s") }
}

/// `a`, `a and b`, `a, b and c`.
pub(super) fn list(names: &[impl ToString]) -> String {
    let mut names: Vec<_> = names.iter().map(ToString::to_string).collect();
    match names.pop() {
        Some(last) if names.is_empty() => last,
        Some(last) => format!("{} and {last}", names.join(", ")),
        None => String::new(),
    }
}

/// A duration to a tenth of a second: `21.5 s`.
pub(super) fn seconds(duration: Duration) -> String {
    let tenths = (duration.as_millis() + 50) / 100;
    format!("{}.{} s", tenths / 10, tenths % 10)
}

/// A duration that may be far below a second: `85 ms`, `21.5 s`.
pub(super) fn brief(duration: Duration) -> String {
    if duration < Duration::from_secs(1) { format!("{} ms", duration.as_millis()) } else { seconds(duration) }
}

/// A duration as somebody typed it, in the largest unit that divides it: `10 minutes`.
pub(super) fn period(duration: Duration) -> String {
    let seconds = duration.as_secs();
    let (unit, noun) = [(24 * 60 * 60, "day"), (60 * 60, "hour"), (60, "minute")]
        .into_iter()
        .find(|(unit, _)| seconds >= *unit && seconds.is_multiple_of(*unit))
        .unwrap_or((1, "second"));
    plural(usize::try_from(seconds / unit).unwrap_or(usize::MAX), noun)
}

/// A size in bytes: `4.49 MB`.
pub(crate) fn size(bytes: u64) -> String {
    DecimalBytes(bytes).to_string()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_is_no_plural() {
        assert_eq!([0, 1, 2].map(|number| plural(number, "file")), ["0 files", "1 file", "2 files"]);
    }

    #[test]
    fn names_are_listed_as_they_are_spoken() {
        let names = ["auth", "products", "cart"];
        assert_eq!([0, 1, 2, 3].map(|number| list(&names[..number])), ["", "auth", "auth and products", "auth, products and cart"]);
    }

    #[test]
    fn a_period_is_what_was_typed() {
        let periods = [0, 1, 59, 60, 90, 600, 3_600, 5_400, 86_400, 604_800].map(|seconds| period(Duration::from_secs(seconds)));
        let expected = [
            "0 seconds",
            "1 second",
            "59 seconds",
            "1 minute",
            "90 seconds",
            "10 minutes",
            "1 hour",
            "90 minutes",
            "1 day",
            "7 days",
        ];
        assert_eq!(periods, expected);
    }

    #[test]
    fn durations_are_rounded_to_what_matters() {
        assert_eq!(
            [0, 49, 50, 999, 1_000, 21_460].map(|ms| seconds(Duration::from_millis(ms))),
            ["0.0 s", "0.0 s", "0.1 s", "1.0 s", "1.0 s", "21.5 s"]
        );
        assert_eq!([0, 999, 1_000].map(|ms| brief(Duration::from_millis(ms))), ["0 ms", "999 ms", "1.0 s"]);
    }

    #[test]
    fn sizes_are_in_decimal_units() {
        assert_eq!([0, 999, 1_000, 4_490_000].map(size), ["0 B", "999 B", "1.00 kB", "4.49 MB"]);
    }
}
