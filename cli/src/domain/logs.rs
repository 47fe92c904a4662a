//! Logs as CloudWatch has them: entries, and how they are asked for, batch by batch. Knows nothing of which batch is asked for next.

use crate::domain::moment::Moment;

/// An entry of a log group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Entry {
    /// When it was printed.
    pub at: Moment,
    /// When CloudWatch received it.
    pub ingested: Option<Moment>,
    /// The local cloud gives none.
    pub id: Option<String>,
    /// Each environment of a function has its own.
    pub stream: String,
    pub message: String,
}

/// The answer to one question.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Batch {
    /// Sorted by time.
    pub entries: Vec<Entry>,
    /// The token for the next batch, if there is one.
    pub next: Option<String>,
}

/// A request for entries of one log group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Question {
    /// The index of the group among those that are read.
    pub tail: usize,
    pub group: String,
    /// No earlier entries are wanted.
    pub from: Moment,
    pub at: Position,
}

/// Which batch of a log group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Position {
    First,
    /// By a token of CloudWatch.
    After(String),
    /// By the time of its first entry.
    From(Moment),
}
