//! A program that runs beside cartctl: in its own process group, with its output in a file. Knows nothing of its purpose.

use std::{
    io::{Read, Seek},
    process::Stdio,
    time::Duration,
};

use anstream::adapter::strip_str;
use camino::{Utf8Path, Utf8PathBuf};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tokio::process::{Child, Command};

use super::{Error, get, io};
use crate::{
    build::process::{Group, end_group},
    domain::tame::tame,
    files,
};

/// The time limit for the first answer, which usually takes about a second.
const START_LIMIT: Duration = Duration::from_mins(1);

/// The time limit for a regular end: the local cloud saves its state.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// A program started by this process. It is asked to end on drop, unless it was released.
#[derive(Debug)]
pub(super) struct Process {
    name: &'static str,
    child: Child,
    group: Group,
    log: Utf8PathBuf,
}

impl Process {
    /// Starts `command`, called `name` in messages.
    pub(super) fn start(name: &'static str, mut command: Command, log: Utf8PathBuf) -> Result<Self, Error> {
        // For its owner only: requests are logged.
        let output = files::create_private(&log).map_err(io(format!("writing {log}")))?;
        let errors = output.try_clone().map_err(io(format!("writing {log}")))?;
        let program = Utf8PathBuf::from(command.as_std().get_program().to_string_lossy().into_owned());
        // Ctrl-C at the terminal reaches cartctl, which stops the program in order.
        command.stdin(Stdio::null()).stdout(output).stderr(errors);
        let (child, group) = Group::spawn(&mut command).map_err(io(format!("starting {program}")))?;
        Ok(Self { name, child, group, log })
    }

    /// The process id.
    pub(super) fn pid(&self) -> i32 {
        self.group.pid().map_or(0, Pid::as_raw_pid)
    }

    /// Returns the program once it answers at this URL.
    ///
    /// # Errors
    /// [`Error::DidNotStart`]; then the program is stopped.
    pub(super) async fn answering(mut self, url: &str) -> Result<Self, Error> {
        let asked = async {
            loop {
                if let Ok(Some(status)) = self.child.try_wait() {
                    return Err(format!("it ended with {status}"));
                }
                if get(url).await.is_ok() {
                    return Ok(());
                }
                tokio::time::sleep(Duration::from_millis(20)).await;
            }
        };
        let asked = tokio::time::timeout(START_LIMIT, asked).await;
        let Err(reason) = asked.unwrap_or_else(|_| Err(format!("no answer for {} s", START_LIMIT.as_secs()))) else {
            return Ok(self);
        };
        let error = Error::DidNotStart { what: self.name, reason, log: end_of(&self.log) };
        self.stop().await;
        Err(error)
    }

    /// Returns when it ends unexpectedly.
    pub(super) async fn ended(&mut self) -> Error {
        match self.child.wait().await {
            Ok(status) => Error::Ended { what: self.name, status, log: end_of(&self.log) },
            Err(source) => Error::Io { action: format!("waiting for {}", self.name), source },
        }
    }

    /// Ends the process group; returns whether it ended in order.
    pub(super) async fn stop(mut self) -> bool {
        let Some(pid) = self.group.pid() else { return true };
        kill_process(pid, Signal::TERM).ok();
        let in_order = tokio::time::timeout(STOP_LIMIT, self.child.wait()).await.is_ok();
        if !in_order {
            self.child.kill().await.ok();
        }
        self.group.end().await;
        in_order
    }

    /// Lets it run after this process. [`stop`] ends it.
    pub(super) fn let_go(self) {
        self.group.release();
    }
}

/// Whether the process with this id runs, and is one of these programs rather than a later process with the same id. Without
/// `/proc`, the id alone decides.
pub(super) fn runs(pid: i32, programs: &[&str]) -> bool {
    let is_one = |line: &[u8]| {
        let line = String::from_utf8_lossy(line);
        programs.iter().any(|program| line.contains(program))
    };
    Pid::from_raw(pid).is_some_and(|id| test_kill_process(id).is_ok())
        && std::fs::read(format!("/proc/{pid}/cmdline")).map_or(!Utf8Path::new("/proc/self").exists(), |line| is_one(&line))
}

/// Ends a released program with its process group; returns whether it ended in order.
pub(super) async fn stop(pid: i32, programs: &[&str]) -> bool {
    let Some(id) = Pid::from_raw(pid).filter(|_| runs(pid, programs)) else { return true };
    kill_process(id, Signal::TERM).ok();
    let gone = async {
        while runs(pid, programs) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    let in_order = tokio::time::timeout(STOP_LIMIT, gone).await.is_ok();
    end_group(id).await;
    in_order
}

/// The last lines of a program's output, as many as fit a screen.
fn end_of(log: &Utf8Path) -> String {
    const LENGTH: u64 = 2_000;
    let read = || -> std::io::Result<String> {
        let mut file = std::fs::File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(std::io::SeekFrom::Start(length.saturating_sub(LENGTH)))?;
        let mut end = Vec::new();
        file.read_to_end(&mut end)?;
        Ok(tame(&strip_str(&String::from_utf8_lossy(&end)).to_string()))
    };
    read().unwrap_or_default()
}
