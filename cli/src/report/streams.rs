//! Standard output, which has the answer, and standard error, which has the story. Colours are left out where nobody can see them.

use std::io::{self, ErrorKind, Write};

use anstream::{AutoStream, ColorChoice, adapter::strip_str};

use crate::domain::tame::{tame, tame_but_styles};

/// Prints an answer. A reader that closed the pipe has read enough.
///
/// # Errors
/// Some of it is lost, on a full disk for example.
pub(super) fn answer(text: &str) -> io::Result<()> {
    match try_answer(text) {
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}

/// Prints an answer for people, which may hold anybody's text.
///
/// # Errors
/// The same.
pub(super) fn readable_answer(text: &str) -> io::Result<()> {
    answer(&readable(text, AutoStream::choice(&io::stdout()) != ColorChoice::Never))
}

/// The same as [`answer`] for one of many answers, none of which a closed pipe can take any more.
pub(super) fn try_answer(text: &str) -> io::Result<()> {
    let mut out = anstream::stdout();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Prints a part of the story. A story that nobody can read is no reason to stop: what is worked on in AWS goes on, and has to come to an end.
pub(super) fn story(text: &str) {
    let mut out = anstream::stderr();
    out.write_all(readable(text, super::coloured()).as_bytes()).and_then(|()| out.flush()).ok();
}

/// The same text as it may be shown: with no control but line ends and, if it is `coloured`, styles, and with no command to the runner of a
/// pipeline. GitHub Actions takes every line that begins with two colons for one, whoever wrote it.
pub(super) fn readable(text: &str, coloured: bool) -> String {
    let tame = if coloured { tame_but_styles(text) } else { tame(&strip_str(text).to_string()) };
    let line = |line: &str| if line.trim_start().starts_with("::") { format!(". {line}") } else { line.to_owned() };
    tame.split('\n').map(line).collect::<Vec<_>>().join("\n")
}

/// Standard error for diagnostics, which quote requests and answers.
pub(super) struct Diagnostics;

impl Write for Diagnostics {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let text = readable(&String::from_utf8_lossy(bytes), super::coloured());
        io::stderr().write_all(text.as_bytes())?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        io::stderr().flush()
    }
}
