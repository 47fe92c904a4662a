//! The answer of a command: on standard output, as text or as JSON.

use std::io;

use serde_json::{Value as Json, json};

use super::{Ended, Format, streams};
use crate::domain::{exit::ExitCode, notice::Notice, tame::tame_line, text};

/// What a command answers, in both forms.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    text: String,
    /// Whether programs read the text, too.
    exact: bool,
    json: Json,
    /// What the process ends with.
    pub exit: ExitCode,
    /// What to say about it on standard error.
    pub notice: Option<Notice>,
}

impl Answer {
    /// An answer; the text ends in a line break unless it is empty.
    pub(crate) fn new(text: String, json: Json) -> Self {
        Self { text, exact: false, json, exit: ExitCode::Done, notice: None }
    }

    /// An answer whose text programs read as well, every character of which is meant.
    pub(crate) fn exact(text: String, json: Json) -> Self {
        Self { exact: true, ..Self::new(text, json) }
    }

    /// For a command that printed its answer while it ran.
    pub(crate) fn printed() -> Self {
        Self::new(String::new(), Json::Null)
    }

    /// For a question that was answered with no.
    pub(crate) fn declined() -> Self {
        Self::new(String::new(), json!({ "declined": true })).ending(ExitCode::Declined, Notice::Declined)
    }

    /// With another exit code than 0, and why.
    pub(crate) fn ending(self, exit: ExitCode, notice: Notice) -> Self {
        Self { exit, notice: Some(notice), ..self }
    }

    /// An answer in aligned columns.
    pub(crate) fn table<const COLUMNS: usize>(rows: &[[String; COLUMNS]], json: Json) -> Self {
        Self::new(aligned(rows), json)
    }

    #[cfg(test)]
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    #[cfg(test)]
    pub(super) fn json(&self) -> &Json {
        &self.json
    }

    /// Prints it to standard output.
    ///
    /// # Errors
    /// Some of it is lost.
    pub(super) fn print(&self, format: Format) -> io::Result<()> {
        match format {
            Format::Json if self.json.is_null() => Ok(()),
            Format::Text if self.exact => streams::answer(&self.text),
            Format::Text => streams::readable_answer(&self.text),
            Format::Json => streams::answer(&text::json_pretty(&self.json)),
        }
    }

    /// Prints the answer of a command that failed. Where that is not possible either, the exit code says enough.
    pub(super) fn print_for_programs(&self, format: Format) {
        if format == Format::Json {
            self.print(format).ok();
        }
    }
}

/// A failure, for programs only: people read it on standard error.
pub(super) fn of_failure(Ended { exit, message, hint, failed, .. }: &Ended) -> Answer {
    let json = json!({ "error": { "message": message, "hint": hint, "exit_code": exit.number(), "failed": failed } });
    Answer::new(String::new(), json)
}

/// Rows as lines, every column but the last as wide as its widest cell. Line ends in cells are escaped.
pub(crate) fn aligned<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) -> String {
    let rows: Vec<_> = rows.iter().map(|row| row.each_ref().map(|cell| tame_line(cell))).collect();
    let width = |column: usize| rows.iter().map(|row| row[column].chars().count()).max().unwrap_or(0);
    let widths: Vec<usize> = (0..COLUMNS).map(width).collect();
    let line = |row: &[String; COLUMNS]| {
        let cells: Vec<_> = row.iter().zip(&widths).map(|(cell, width)| format!("{cell:width$}")).collect();
        cells.join("  ").trim_end().to_owned() + "\n"
    };
    rows.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn columns_line_up_and_no_line_ends_in_spaces() {
        let rows = [["auth", "a"], ["products", ""]].map(|row| row.map(str::to_owned));
        assert_eq!(aligned(&rows), "auth      a\nproducts\n");
    }
}
