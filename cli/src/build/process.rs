//! Programs in process groups of their own: each ends with every process it started. [`run`] waits for one and reads its lines;
//! others run beside this process ([`Group::spawn`]).
//!
//! Knows nothing of a program's purpose.

use std::{
    collections::VecDeque,
    io,
    process::{ExitStatus, Stdio},
    time::Duration,
};

use anstream::adapter::strip_str;
use rustix::process::{Pid, Signal, kill_process_group, test_kill_process_group};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::{Child, Command},
};

use crate::domain::tame::tame_but_styles;

/// How many lines of a failed program's output are shown.
const LAST_LINES: usize = 30;

/// The time limit for a killed process to disappear.
const KILL_LIMIT: Duration = Duration::from_secs(5);

/// A line of a program's output.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// A line on standard output.
    Output(String),
    /// A line on standard error.
    Error(String),
    /// A line on standard error that the next one replaces: it ended with a carriage return alone.
    Transient(String),
}

/// Runs `command` and passes on every line as soon as it is written. Dropping the future ends the program.
pub(crate) async fn run(mut command: Command, mut on_line: impl FnMut(Line)) -> io::Result<ExitStatus> {
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).kill_on_drop(true);
    let (mut child, group) = Group::spawn(&mut command)?;
    let mut output = child.stdout.take().map(Lines::new);
    let mut errors = child.stderr.take().map(Lines::new);
    while output.is_some() || errors.is_some() {
        tokio::select! {
            line = next(&mut output) => match line? {
                Some((text, _)) => on_line(Line::Output(text)),
                None => output = None,
            },
            line = next(&mut errors) => match line? {
                Some((text, End::Return)) => on_line(Line::Transient(text)),
                Some((text, End::Newline)) => on_line(Line::Error(text)),
                None => errors = None,
            },
        }
    }
    let status = child.wait().await?;
    group.release();
    Ok(status)
}

/// The end of a program.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Ended {
    pub status: ExitStatus,
    /// The last lines of its output.
    pub said: String,
}

/// Runs `command` for its result, and its last output without colours if it fails.
pub(crate) async fn result_of(command: Command) -> io::Result<Ended> {
    let mut said = VecDeque::new();
    let status = run(command, |line| {
        if let Line::Output(text) | Line::Error(text) = line {
            said.push_back(strip_str(&text).to_string());
            if said.len() > LAST_LINES {
                said.pop_front();
            }
        }
    })
    .await?;
    Ok(Ended { status, said: Vec::from(said).join("\n") })
}

/// A process group, which is asked to end on drop. Killing only its first process would leave the others, such as
/// cargo's compilers.
#[derive(Debug)]
pub(crate) struct Group(Option<Pid>);

impl Group {
    /// Starts `command` as the first process of a new group. A Ctrl-C on the terminal does not reach that group.
    pub(crate) fn spawn(command: &mut Command) -> io::Result<(Child, Self)> {
        let child = command.process_group(0).spawn()?;
        let first = child.id().and_then(|id| Pid::from_raw(id.cast_signed()));
        Ok((child, Self(first)))
    }

    /// The id of the first process.
    pub(crate) fn pid(&self) -> Option<Pid> {
        self.0
    }

    /// Lets the group run after this process.
    pub(crate) fn release(mut self) {
        self.0 = None;
    }

    /// Kills the remaining processes of the group, and waits until they have disappeared.
    pub(crate) async fn end(self) {
        if let Some(group) = self.0 {
            end_group(group).await;
        }
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // The group may have ended by itself.
            kill_process_group(group, Signal::TERM).ok();
        }
    }
}

/// Kills a group, and waits until it has disappeared: on a busy machine that may take a while. A process that has ended counts
/// until its parent asks for it, and in some containers nobody does; hence the limit.
pub(crate) async fn end_group(group: Pid) {
    kill_process_group(group, Signal::KILL).ok();
    let gone = async {
        while test_kill_process_group(group).is_ok() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    tokio::time::timeout(KILL_LIMIT, gone).await.ok();
}

/// The end of a line.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum End {
    Newline,
    Return,
}

/// The next line of a stream, `None` at its end; never, for a stream that has ended before.
async fn next<R: AsyncRead + Unpin>(lines: &mut Option<Lines<R>>) -> io::Result<Option<(String, End)>> {
    match lines {
        Some(lines) => lines.next().await,
        None => std::future::pending().await,
    }
}

/// Splits a stream at newlines and at carriage returns. Not [`tokio::io::Lines`], which would hold a progress bar back until its
/// last picture.
struct Lines<R> {
    reader: R,
    buffer: Vec<u8>,
    /// The length of the buffer's part without an end of line.
    searched: usize,
}

impl<R: AsyncRead + Unpin> Lines<R> {
    fn new(reader: R) -> Self {
        Self { reader, buffer: Vec::with_capacity(8192), searched: 0 }
    }

    /// Loses nothing when dropped half-way, since all state is in `self`.
    async fn next(&mut self) -> io::Result<Option<(String, End)>> {
        loop {
            if let Some(found) = self.buffer[self.searched..].iter().position(|&byte| byte == b'\n' || byte == b'\r') {
                let rest = self.buffer.split_off(self.searched + found + 1);
                let mut line = std::mem::replace(&mut self.buffer, rest);
                self.searched = 0;
                let end = if line.pop() == Some(b'\r') { End::Return } else { End::Newline };
                return Ok(Some((text_of(&line), end)));
            }
            self.searched = self.buffer.len();
            if self.reader.read_buf(&mut self.buffer).await? == 0 {
                self.searched = 0;
                let line = std::mem::take(&mut self.buffer);
                return Ok((!line.is_empty()).then(|| (text_of(&line), End::Newline)));
            }
        }
    }
}

/// What a program wrote, tamed. Compilers colour their messages.
fn text_of(line: &[u8]) -> String {
    tame_but_styles(&String::from_utf8_lossy(line))
}

/// Creates a program from a shell script, for tests. A shell writes it, because this process may be forking elsewhere: a child that
/// still holds the file open for writing would prevent running it.
#[cfg(test)]
pub(super) fn make_program(path: &camino::Utf8Path, script: &str) {
    let status = std::process::Command::new("sh")
        .args(["-c", r#"printf '#!/bin/sh\n%s\n' "$2" > "$1" && chmod +x "$1""#, "sh", path.as_str(), script])
        .status()
        .unwrap();
    assert!(status.success());
}

#[cfg(test)]
mod tests {
    use super::*;

    fn shell(script: &str) -> Command {
        let mut command = Command::new("sh");
        command.args(["-c", script]);
        command
    }

    #[tokio::test]
    async fn lines_are_told_apart_by_stream_and_end() {
        let mut lines = Vec::new();
        let status =
            run(shell(r"printf 'one\ntwo'; printf 'bar 1\rbar 2\rdone\n' >&2; exit 3"), |line| lines.push(line)).await.unwrap();
        assert_eq!(status.code(), Some(3));
        let (output, errors): (Vec<_>, Vec<_>) = lines.into_iter().partition(|line| matches!(line, Line::Output(_)));
        assert_eq!(output, [Line::Output("one".into()), Line::Output("two".into())]);
        assert_eq!(errors, [Line::Transient("bar 1".into()), Line::Transient("bar 2".into()), Line::Error("done".into())]);
    }

    #[tokio::test]
    async fn only_the_end_of_what_is_said_is_kept() {
        let ended = result_of(shell("seq 100; exit 3")).await.unwrap();
        let last: Vec<_> = (101 - LAST_LINES..=100).map(|line| line.to_string()).collect();
        assert_eq!((ended.status.code(), ended.said), (Some(3), last.join("\n")));
        let ended = result_of(shell(r"printf '\033[31mred\033[0m \033[2J\n'")).await.unwrap();
        assert_eq!(ended.said, r"red \u{1b}[2J");
        let ended = result_of(shell("echo said >&2")).await.unwrap();
        assert_eq!((ended.status.code(), ended.said.as_str()), (Some(0), "said"));
    }

    #[tokio::test]
    async fn dropping_a_run_ends_the_whole_family() {
        let folder = camino_tempfile::tempdir().unwrap();
        let alive = folder.path().join("alive");
        let made = std::process::Command::new("mkfifo").arg(&alive).status().unwrap();
        assert!(made.success());
        let mut sign_of_life = tokio::net::unix::pipe::OpenOptions::new().open_receiver(&alive).unwrap();
        // The grandchild holds the pipe open for as long as it lives, which is longer than any test.
        let script = format!("sh -c 'exec 3>\"{alive}\" && echo >&3 && exec sleep 3600' & wait");
        let running = run(shell(&script), |_| ());
        tokio::select! {
            _ = running => panic!("it ended by itself"),
            begun = sign_of_life.readable() => begun.unwrap(),
        }
        let mut rest = Vec::new();
        let ended = tokio::time::timeout(Duration::from_secs(30), sign_of_life.read_to_end(&mut rest)).await;
        assert!(ended.is_ok(), "the grandchild went on");
        assert_eq!(rest, b"\n");
    }
}
