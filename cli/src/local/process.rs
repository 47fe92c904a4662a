//! A program that runs beside cartctl: in a process group of its own, with what it says in a file. Knows nothing of what it does.

use std::{
    io::{Read, Seek},
    process::Stdio,
    time::Duration,
};

use camino::{Utf8Path, Utf8PathBuf};
use rustix::process::{Pid, Signal, kill_process, test_kill_process};
use tokio::process::{Child, Command};

use super::{Error, get, io};
use crate::build::process::{Group, end_group};

/// How long a program may take to answer for the first time. It takes about a second.
const START_LIMIT: Duration = Duration::from_mins(1);

/// How long it may take to end by itself: the local cloud writes down what it holds.
const STOP_LIMIT: Duration = Duration::from_secs(30);

/// What runs locally has no business with the user's account.
const FOREIGN: [&str; 6] =
    ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"];

/// A program that was started here. It is asked to end when this is dropped, unless it was let go.
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
        let output = std::fs::File::create(&log).map_err(io(format!("writing {log}")))?;
        let errors = output.try_clone().map_err(io(format!("writing {log}")))?;
        for variable in FOREIGN {
            command.env_remove(variable);
        }
        let program = Utf8PathBuf::from(command.as_std().get_program().to_string_lossy().into_owned());
        // A Ctrl-C on the terminal is for cartctl, which stops it in order.
        command.stdin(Stdio::null()).stdout(output).stderr(errors);
        let (child, group) = Group::spawn(&mut command).map_err(io(format!("starting {program}")))?;
        Ok(Self { name, child, group, log })
    }

    /// Its number.
    pub(super) fn pid(&self) -> i32 {
        self.group.pid().map_or(0, Pid::as_raw_pid)
    }

    /// It, once it answers at this URL.
    ///
    /// # Errors
    /// [`Error::DidNotStart`]; it is stopped then.
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

    /// Returns when it ends by itself, which it should not.
    pub(super) async fn ended(&mut self) -> Error {
        match self.child.wait().await {
            Ok(status) => Error::Ended { what: self.name, status, log: end_of(&self.log) },
            Err(source) => Error::Io { action: format!("waiting for {}", self.name), source },
        }
    }

    /// Ends it and everything in its group; whether it ended in order.
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

    /// Lets it run on after this process. [`stop`] ends it.
    pub(super) fn let_go(self) {
        self.group.release();
    }
}

/// Whether the process of this number runs, and is one of these programs and not one that got the number after it. Where there is no
/// `/proc` to look into, the number has to do.
pub(super) fn runs(pid: i32, programs: &[&str]) -> bool {
    let is_one = |line: &[u8]| {
        let line = String::from_utf8_lossy(line);
        programs.iter().any(|program| line.contains(program))
    };
    Pid::from_raw(pid).is_some_and(|id| test_kill_process(id).is_ok())
        && std::fs::read(format!("/proc/{pid}/cmdline")).map_or(!Utf8Path::new("/proc/self").exists(), |line| is_one(&line))
}

/// Ends what was let go, and everything in its group; whether it ended in order.
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

/// The end of what a program said, as far as it fits a screen.
fn end_of(log: &Utf8Path) -> String {
    const LENGTH: u64 = 2_000;
    let read = || -> std::io::Result<String> {
        let mut file = std::fs::File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(std::io::SeekFrom::Start(length.saturating_sub(LENGTH)))?;
        let mut end = Vec::new();
        file.read_to_end(&mut end)?;
        Ok(String::from_utf8_lossy(&end).into_owned())
    };
    read().unwrap_or_default()
}
