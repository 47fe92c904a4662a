//! The one question there is.

use std::io::{IsTerminal, Write};

use crate::error::Error;

/// Returns if whoever is asked says yes; `yes` answers beforehand.
///
/// # Errors
/// [`Error::Declined`] for any other answer, [`Error::ApprovalNeeded`] where nobody can be asked.
pub(crate) fn approve(question: &str, yes: bool) -> Result<(), Error> {
    if yes {
        return Ok(());
    }
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Err(Error::ApprovalNeeded);
    }
    let mut out = anstream::stderr();
    write!(out, "{question} [y/N] ").and_then(|()| out.flush()).ok();
    let mut answer = String::new();
    match std::io::stdin().read_line(&mut answer) {
        Ok(_) if matches!(answer.trim().to_ascii_lowercase().as_str(), "y" | "yes") => Ok(()),
        _ => Err(Error::Declined),
    }
}
