//! The program under test while it runs: its output is read as it comes, and a program that hangs is ended. Knows nothing of what it does.

use std::{
    io::Read,
    os::unix::process::ExitStatusExt,
    process::{Child, Command, Stdio},
    sync::mpsc::{Receiver, channel},
    thread,
};

use rustix::process::{Pid, Signal, kill_process};

use crate::PATIENCE;

/// The program, running.
pub struct Running {
    child: Child,
}

/// How the program ended.
#[derive(Debug)]
pub struct Ended {
    /// The exit code, unless a signal ended it.
    pub code: Option<i32>,
    /// The signal that ended it.
    pub signal: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Running {
    pub(crate) fn start(command: &mut Command) -> Self {
        Self { child: command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap() }
    }

    pub(crate) fn pid(&self) -> Pid {
        Pid::from_child(&self.child)
    }

    /// Waits for the end. A program that hangs is killed, which fails the test.
    pub fn wait(mut self) -> Ended {
        let stdout = read(self.child.stdout.take().unwrap());
        let stderr = read(self.child.stderr.take().unwrap());
        // Both are closed when the program ends, so that waiting for them is waiting for it.
        let [stdout, stderr] = [stdout, stderr].map(|text| {
            text.recv_timeout(PATIENCE).unwrap_or_else(|_| {
                kill_process(self.pid(), Signal::KILL).unwrap();
                panic!("the program hangs:\n{}", text.recv().unwrap_or_default())
            })
        });
        let status = self.child.wait().unwrap();
        Ended { code: status.code(), signal: status.signal(), stdout, stderr }
    }
}

/// Everything that comes from a stream, once it is closed.
fn read(mut stream: impl Read + Send + 'static) -> Receiver<String> {
    let (sender, text) = channel();
    thread::spawn(move || {
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        sender.send(text)
    });
    text
}
