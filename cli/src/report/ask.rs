//! The questions that are asked on a terminal. Waiting for an answer blocks no other task, and can be interrupted.

use std::{future::Future, io::IsTerminal, pin::Pin};

use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use super::streams;

/// Something to approve before it is done.
#[derive(Clone, Copy, Debug)]
pub(crate) enum Question<'a> {
    Deploy,
    Recount,
    /// Its name has to be typed.
    DeleteStage(&'a str),
}

/// The answer to a question.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Reply {
    Yes,
    No,
    /// Standard input or standard error is no terminal.
    NobodyThere,
}

/// What to do with running operations after Ctrl-C.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Choice {
    Detach,
    Cancel,
}

/// Asks for the current code of an MFA device. None, if nobody is there.
pub(crate) fn mfa_code(device: String) -> Pin<Box<dyn Future<Output = Option<String>> + Send>> {
    Box::pin(async move {
        if !somebody_there() {
            return None;
        }
        streams::story(&format!("Code of the MFA device {device}: "));
        lines().recv().await
    })
}

fn somebody_there() -> bool {
    std::io::stdin().is_terminal() && std::io::stderr().is_terminal()
}

/// Asks, and waits for a line.
pub(crate) async fn ask(question: Question<'_>) -> Reply {
    if !somebody_there() {
        return Reply::NobodyThere;
    }
    streams::story(&match question {
        Question::Deploy => "Deploy these changes? [y/N] ".to_owned(),
        Question::Recount => "Recount all totals? [y/N] ".to_owned(),
        Question::DeleteStage(stage) => format!("Delete the stage `{stage}`? Type `{stage}` to confirm: "),
    });
    let line = lines().recv().await.unwrap_or_default();
    let yes = match question {
        Question::Deploy | Question::Recount => matches!(line.to_ascii_lowercase().as_str(), "y" | "yes"),
        Question::DeleteStage(stage) => line == stage,
    };
    if yes { Reply::Yes } else { Reply::No }
}

/// The choices somebody types after Ctrl-C: lines that begin with `d` or `c`.
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

/// The lines of standard input, trimmed. A thread of its own reads them and is never joined: reading cannot be cancelled.
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
