//! One line per change, for logs and pipes.

use std::io::Write;

use super::{Report, here::Here, streams, words};
use crate::domain::{event::Event, moment::Moment};

/// Writes lines to `out`.
pub(super) struct Plain<W> {
    out: W,
    verbose: bool,
}

impl<W: Write> Plain<W> {
    pub(super) fn new(out: W, verbose: bool) -> Self {
        Self { out, verbose }
    }
}

impl<W: Write + Send> Report for Plain<W> {
    fn event(&mut self, _: Moment, event: &Event, here: &Here) {
        if let Some(line) = words::line(event, self.verbose, here) {
            // A log that nobody reads is no reason to stop deploying.
            writeln!(self.out, "{}", streams::readable(&line, super::coloured())).ok();
        }
    }
}
