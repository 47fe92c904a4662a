//! Standard output, which has the answer, and standard error, which has the story. Colours are left out where nobody can see them.

use std::io::{self, ErrorKind, Write};

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

/// The same for one of many answers, none of which a closed pipe can take any more.
pub(super) fn try_answer(text: &str) -> io::Result<()> {
    let mut out = anstream::stdout();
    out.write_all(text.as_bytes())?;
    out.flush()
}

/// Prints a part of the story. A story that nobody can read is no reason to stop: what is worked on in AWS goes on, and has to come to an end.
pub(super) fn story(text: &str) {
    let mut out = anstream::stderr();
    out.write_all(text.as_bytes()).and_then(|()| out.flush()).ok();
}
