//! An answer or a file that could not be written: a failure of its own, once everything else is done.

use std::{error::Error, fmt, io};

use camino::Utf8Path;

use super::Ended;
use crate::domain::{exit::ExitCode, notice::Notice};

/// What could not be written, and why.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} could not be written to {place}")]
pub(crate) struct Unwritten {
    what: What,
    /// A path, or `standard output`.
    place: String,
    source: Reason,
}

/// What is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum What {
    Answer,
    Events,
    Timeline,
    /// For people who look at a step of GitHub Actions.
    StepSummary,
    /// For later steps.
    StepOutputs,
}

impl fmt::Display for What {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Answer => "the answer",
            Self::Events => "the events",
            Self::Timeline => "the timeline",
            Self::StepSummary => "the step summary",
            Self::StepOutputs => "the outputs",
        })
    }
}

/// The last error of a chain, which says why; the others say what.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
struct Reason(String);

impl Unwritten {
    pub(super) fn answer(error: &io::Error) -> Self {
        Self { what: What::Answer, place: "standard output".to_owned(), source: Reason(error.to_string()) }
    }

    pub(super) fn file(what: What, path: &Utf8Path, error: &(dyn Error + 'static)) -> Self {
        let mut innermost = error;
        while let Some(source) = innermost.source() {
            innermost = source;
        }
        Self { what, place: path.to_string(), source: Reason(innermost.to_string()) }
    }

    /// The next thing to try.
    pub(crate) fn hint(&self) -> String {
        format!("everything else is done; free some space or write {} elsewhere, then run the same command again", self.what)
    }

    /// For a command that failed otherwise, or could not write something else as well.
    pub(super) fn notice(&self) -> Notice {
        let Self { what, place, source: Reason(reason) } = self;
        match what {
            What::Timeline => Notice::TimelineNotWritten { reason: format!("{place}: {reason}") },
            _ => Notice::NotWritten { content: what.to_string(), place: place.clone(), reason: reason.clone() },
        }
    }
}

/// The end of a command that did everything else.
impl From<&Unwritten> for Ended {
    fn from(unwritten: &Unwritten) -> Self {
        Self {
            exit: ExitCode::Failed,
            message: unwritten.to_string(),
            causes: vec![unwritten.source.to_string()],
            hint: Some(unwritten.hint()),
            failed: Vec::new(),
        }
    }
}
