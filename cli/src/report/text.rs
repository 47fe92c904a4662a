//! Text that is put together line by line.

use std::fmt::Display;

/// Lines, each with its line break.
#[derive(Debug, Default)]
pub(crate) struct Text(String);

impl Text {
    pub(crate) fn add(&mut self, line: impl Display) {
        self.0 += &format!("{line}\n");
    }
}

impl From<Text> for String {
    fn from(lines: Text) -> Self {
        lines.0
    }
}
