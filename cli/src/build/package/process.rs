//! Runs a program to its end while its lines are read, and ends it, with all it started, when nobody waits for it any more.
//!
//! Knows nothing of what the program does.

use std::{io, process::ExitStatus};

use rustix::process::{Pid, Signal, kill_process_group};
use tokio::{
    io::{AsyncRead, AsyncReadExt as _},
    process::{Child, Command},
};

/// Something a program wrote.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Line {
    /// A line on standard output.
    Output(String),
    /// A line on standard error.
    Error(String),
    /// A line on standard error that the next one replaces: it ended with a carriage return alone.
    Transient(String),
}

/// Runs `command`, telling every line as soon as it is written.
pub(crate) async fn run(mut command: Command, mut on_line: impl FnMut(Line)) -> io::Result<ExitStatus> {
    // Its own group, because cargo is not alone: killing it would leave the compilers it started, and killing a wrapper would
    // leave cargo.
    command.process_group(0).kill_on_drop(true);
    command.stdin(std::process::Stdio::null()).stdout(std::process::Stdio::piped()).stderr(std::process::Stdio::piped());
    let mut child = command.spawn()?;
    let mut group = Group::of(&child);
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
    group.0 = None;
    Ok(status)
}

/// A process group that is asked to end when this is dropped.
struct Group(Option<Pid>);

impl Group {
    fn of(leader: &Child) -> Self {
        Self(leader.id().and_then(|id| Pid::from_raw(id.cast_signed())))
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        if let Some(group) = self.0 {
            // It may be gone already, which is what is wanted.
            let _ = kill_process_group(group, Signal::TERM);
        }
    }
}

/// What a line ended with.
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
    /// How much of the buffer is known to hold no end of line.
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
                return Ok(Some((String::from_utf8_lossy(&line).into_owned(), end)));
            }
            self.searched = self.buffer.len();
            if self.reader.read_buf(&mut self.buffer).await? == 0 {
                self.searched = 0;
                let line = std::mem::take(&mut self.buffer);
                return Ok((!line.is_empty()).then(|| (String::from_utf8_lossy(&line).into_owned(), End::Newline)));
            }
        }
    }
}

/// Makes a program out of a shell script, for tests. A shell writes it, since this process may be forking elsewhere: a child that
/// still holds the file open for writing would keep it from being run.
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
    use std::time::Duration;

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
    async fn whoever_stops_waiting_stops_the_whole_family() {
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
