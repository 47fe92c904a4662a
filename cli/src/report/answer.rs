//! The answer of a command: on standard output, as text or as JSON.

use std::io::Write;

use serde_json::{Value as Json, json};

use crate::{args::Output, error::Error, execute};

/// What a command answers, in both forms.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Answer {
    text: String,
    json: Json,
}

impl Answer {
    /// An answer; the text ends in a line break unless it is empty.
    pub(crate) fn new(text: String, json: Json) -> Self {
        Self { text, json }
    }

    /// Nothing more: it has been told already.
    pub(crate) fn told() -> Self {
        Self::new(String::new(), Json::Null)
    }

    /// An answer in aligned columns.
    pub(crate) fn table<const COLUMNS: usize>(rows: &[[String; COLUMNS]], json: Json) -> Self {
        Self::new(aligned(rows), json)
    }

    /// It for people.
    #[cfg(test)]
    pub(super) fn text(&self) -> &str {
        &self.text
    }

    /// It for programs.
    #[cfg(test)]
    pub(super) fn json(&self) -> &Json {
        &self.json
    }

    /// Prints it.
    pub(crate) fn print(&self, output: Output) {
        let mut out = anstream::stdout();
        // Whoever stopped reading has what they wanted.
        match output {
            Output::Json if self.json.is_null() => Ok(()),
            Output::Text => write!(out, "{}", self.text),
            Output::Json => writeln!(out, "{:#}", self.json),
        }
        .ok();
        out.flush().ok();
    }
}

/// What programs are told of a failure.
pub(crate) fn of_failure(error: &Error) -> Answer {
    let failed = match error {
        Error::Execute(execute::Error::Failed { failed, .. }) => failed.as_slice(),
        _ => &[],
    };
    let json = json!({
        "error": { "message": error.to_string(), "hint": error.hint(), "exit_code": error.exit_code() as u8, "failed": failed },
    });
    Answer::new(String::new(), json)
}

/// Rows as lines, every column but the last as wide as its widest cell.
pub(crate) fn aligned<const COLUMNS: usize>(rows: &[[String; COLUMNS]]) -> String {
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
