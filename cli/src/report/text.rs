//! Text that is put together piece by piece.

use std::fmt::Display;

#[derive(Debug, Default)]
pub(crate) struct Text(String);

impl Text {
    pub(crate) fn add(&mut self, piece: impl Display) {
        self.0.push_str(&piece.to_string());
    }

    /// Adds a piece and a line break.
    pub(crate) fn line(&mut self, piece: impl Display) {
        self.add(piece);
        self.0.push('\n');
    }
}

impl From<Text> for String {
    fn from(text: Text) -> Self {
        text.0
    }
}
