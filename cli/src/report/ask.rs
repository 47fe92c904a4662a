//! The few questions there are. Whoever is asked may take their time, and may press Ctrl-C: nothing here holds up anything else.

use std::io::{IsTerminal, Write};

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::error::Error;

/// What may become of what AWS goes on with.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    /// It is left to itself.
    Detach,
    /// It is undone.
    Cancel,
}

/// Returns if whoever is asked says yes.
///
/// # Errors
/// [`Error::Declined`] for any other answer, [`Error::ApprovalNeeded`] where nobody can be asked.
pub(crate) async fn approve(question: &str) -> Result<(), Error> {
    let answer = answer(&format!("{question} [y/N] ")).await?;
    if matches!(answer.to_ascii_lowercase().as_str(), "y" | "yes") { Ok(()) } else { Err(Error::Declined) }
}

/// Returns if whoever is asked types `name`.
///
/// # Errors
/// As [`approve`].
pub(crate) async fn confirm(question: &str, name: &str) -> Result<(), Error> {
    let answer = answer(&format!("{question} Type `{name}` to go on: ")).await?;
    if answer == name { Ok(()) } else { Err(Error::Declined) }
}

/// The choices somebody makes while AWS works: lines that begin with `d` or `c`.
pub(crate) fn choices() -> UnboundedReceiver<Choice> {
    let mut lines = lines();
    let (sender, choices) = unbounded_channel();
    tokio::spawn(async move {
        while let Some(line) = lines.recv().await {
            let choice = match line.chars().next() {
                Some('d' | 'D') => Choice::Detach,
                Some('c' | 'C') => Choice::Cancel,
                _ => continue,
            };
            if sender.send(choice).is_err() {
                return;
            }
        }
    });
    choices
}

async fn answer(question: &str) -> Result<String, Error> {
    if !std::io::stdin().is_terminal() || !std::io::stderr().is_terminal() {
        return Err(Error::ApprovalNeeded);
    }
    let mut out = anstream::stderr();
    write!(out, "{question}").and_then(|()| out.flush()).ok();
    Ok(lines().recv().await.unwrap_or_default())
}

/// What is typed, line by line. Read by a thread of its own, which no one waits for: reading cannot be called off.
fn lines() -> UnboundedReceiver<String> {
    let (sender, lines) = unbounded_channel();
    std::thread::spawn(move || {
        for line in std::io::stdin().lines().map_while(Result::ok) {
            if sender.send(line.trim().to_owned()).is_err() {
                return;
            }
        }
    });
    lines
}
