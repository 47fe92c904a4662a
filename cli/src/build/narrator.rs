//! Interprets cargo's messages for people: progress, messages of the compiler, and hints for errors of cargo itself.
//!
//! Knows nothing of how cargo is called. Passes on unknown messages unchanged.

use anstream::adapter::strip_str;

use super::process::Line;
use crate::domain::package::Progress;

#[derive(Debug, Default)]
pub(super) struct Narrator {
    first_error: Option<String>,
}

impl Narrator {
    /// The meaning of a line, if it has one.
    pub(super) fn hear(&mut self, line: Line) -> Option<Progress> {
        match line {
            Line::Output(_) => None,
            Line::Transient(text) => compiling(&text),
            Line::Error(text) => {
                let plain = strip_str(&text).to_string();
                if self.first_error.is_none() {
                    self.first_error = plain.strip_prefix("error: ").map(str::to_owned);
                }
                match status(&plain) {
                    Some("Blocking") => Some(Progress::WaitingForLock),
                    // The progress bar shows this better.
                    Some("Compiling" | "Building" | "Downloaded" | "Finished" | "Fresh") => None,
                    _ => Some(Progress::Said { line: text }),
                }
            }
        }
    }

    /// The first error, without the word.
    pub(super) fn first_error(self) -> String {
        self.first_error.unwrap_or_else(|| "it did not say why".to_owned())
    }
}

/// The verb of a line that cargo writes about its own work: right-aligned, in a column of twelve.
fn status(line: &str) -> Option<&str> {
    let verb = line.get(..12)?.trim_start();
    let right_aligned = !verb.is_empty() && verb.bytes().all(|byte| byte.is_ascii_alphabetic()) && line[12..].starts_with(' ');
    right_aligned.then_some(verb)
}

/// Reads the bar: `Building [==>    ] 12/81: serde, syn(build)`.
fn compiling(bar: &str) -> Option<Progress> {
    let (_, after_verb) = bar.split_once("Building")?;
    let (_, after_bar) = after_verb.split_once("] ")?;
    let (counts, current) = after_bar.split_once(": ").unwrap_or((after_bar, ""));
    let (done, total) = counts.trim().split_once('/')?;
    Some(Progress::Compiling { done: done.parse().ok()?, total: total.parse().ok()?, current: current.trim().to_owned() })
}

/// The hint for an error of cargo itself.
pub(super) fn cargo_hint(said: &str) -> Option<String> {
    if said.contains("--locked") {
        Some("Cargo.lock does not fit the manifests: run `cargo check`, and commit Cargo.lock".to_owned())
    } else if said.contains("download") || said.contains("registry") || said.contains("fetch") {
        Some("dependencies are downloaded once: connect to the network and run the command again".to_owned())
    } else if said.contains("Cargo.toml") {
        Some("run cartctl in the folder of the workspace".to_owned())
    } else {
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cargo_writes_is_understood() {
        let mut narrator = Narrator::default();
        let mut hear = |line| narrator.hear(line);
        assert_eq!(
            hear(Line::Transient("\u{1b}[1m\u{1b}[96m    Building\u{1b}[0m [==>     ] 12/81: serde, syn(build)    ".into())),
            Some(Progress::Compiling { done: 12, total: 81, current: "serde, syn(build)".into() })
        );
        assert_eq!(hear(Line::Error("\u{1b}[1m\u{1b}[92m   Compiling\u{1b}[0m serde v1.0.229".into())), None);
        assert_eq!(
            hear(Line::Error("    Blocking waiting for file lock on build directory".into())),
            Some(Progress::WaitingForLock)
        );
        let warning = "\u{1b}[33mwarning\u{1b}[0m: unused variable: `x`";
        assert_eq!(hear(Line::Error(warning.into())), Some(Progress::Said { line: warning.into() }));
        hear(Line::Error("\u{1b}[1m\u{1b}[91merror\u{1b}[0m: the first".into()));
        hear(Line::Error("error: the second".into()));
        assert_eq!(narrator.first_error(), "the first");
    }
}
