//! The local cloud: a MiniStack process on loopback that stands in for AWS. Starts, finds and stops it; knows nothing of what is
//! deployed there.

use std::{
    io::{Read, Seek},
    process::{ExitStatus, Stdio},
    time::Duration,
};

use camino::{Utf8Path, Utf8PathBuf};
use rustix::process::{Pid, Signal, kill_process, kill_process_group, test_kill_process};
use serde::{Deserialize, Serialize};
use tokio::process::{Child, Command};

/// Where it listens unless something else is said.
pub(crate) const DEFAULT_PORT: u16 = 4566;

/// The region it plays.
pub(crate) const REGION: &str = "us-east-1";

/// How long it may take to answer for the first time. It takes about a second.
const START_LIMIT: Duration = Duration::from_mins(1);

/// How long it may take to stop by itself.
const STOP_LIMIT: Duration = Duration::from_secs(5);

/// What says that it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Running {
    pid: i32,
    port: u16,
}

/// Why the local cloud could not be started or stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The set-up was not done.
    #[error("the local cloud is not installed: there is no {program}")]
    NotInstalled {
        /// What is missing.
        program: Utf8PathBuf,
    },
    /// Something else listens there.
    #[error("port {port} on 127.0.0.1 is in use by another program")]
    PortInUse {
        /// The port.
        port: u16,
    },
    /// It ended, or never answered.
    #[error("the local cloud did not start: {reason}\n{log}")]
    DidNotStart {
        /// What was seen.
        reason: String,
        /// The end of its log.
        log: String,
    },
    /// It ended by itself.
    #[error("the local cloud ended: {status}\n{log}")]
    Ended {
        /// How.
        status: ExitStatus,
        /// The end of its log.
        log: String,
    },
    /// The shop was deployed and does not answer.
    #[error("the shop does not answer: {reason}")]
    NoAnswer {
        /// What was seen.
        reason: String,
    },
    /// A file could not be read or written, or a process not be started.
    #[error("{action} failed: {source}")]
    Io {
        /// What was tried.
        action: String,
        /// Why not.
        source: std::io::Error,
    },
}

impl Error {
    /// The next thing to try.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::NotInstalled { .. } => Some("`make setup` installs it into the project's own environment".to_owned()),
            Self::PortInUse { .. } => Some("choose another one with `--port`, or stop what is there".to_owned()),
            Self::DidNotStart { .. } | Self::Ended { .. } | Self::NoAnswer { .. } | Self::Io { .. } => None,
        }
    }
}

fn io(action: impl Into<String>) -> impl FnOnce(std::io::Error) -> Error {
    |source| Error::Io { action: action.into(), source }
}

/// The local cloud, started by this process and stopped with it unless it is let go.
#[derive(Debug)]
pub(crate) struct LocalCloud {
    child: Child,
    running: Running,
    directory: Utf8PathBuf,
}

impl LocalCloud {
    /// Starts it, and returns once it answers.
    ///
    /// # Errors
    /// [`Error::NotInstalled`], [`Error::PortInUse`] and [`Error::DidNotStart`].
    pub(crate) async fn start(tools: &Utf8Path, port: u16, directory: &Utf8Path) -> Result<Self, Error> {
        let program = tools.join("ministack");
        if !program.is_file() {
            return Err(Error::NotInstalled { program });
        }
        // Asked first, because otherwise what answers there would pass for ours.
        drop(std::net::TcpListener::bind(("127.0.0.1", port)).map_err(|_| Error::PortInUse { port })?);
        let temporary = directory.join("tmp");
        std::fs::create_dir_all(&temporary).map_err(io(format!("creating {temporary}")))?;
        let log_path = directory.join("log");
        let log = std::fs::File::create(&log_path).map_err(io(format!("writing {log_path}")))?;
        let errors = log.try_clone().map_err(io(format!("writing {log_path}")))?;
        let mut command = Command::new(&program);
        for name in
            ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"]
        {
            // What runs locally has no business with the user's account.
            command.env_remove(name);
        }
        let child = command
            .envs([
                ("BIND_HOST", "127.0.0.1"),
                ("MINISTACK_HOST", "127.0.0.1"),
                ("MINISTACK_REGION", REGION),
                ("LAMBDA_EXECUTOR", "local"),
                // These would listen on every interface.
                ("IOT_MTLS_ENABLED", "0"),
                ("SFTP_ENABLED", "0"),
                ("NO_PROXY", "127.0.0.1,localhost"),
                ("no_proxy", "127.0.0.1,localhost"),
                ("PYTHONUTF8", "1"),
            ])
            .env("GATEWAY_PORT", port.to_string())
            .env("EDGE_PORT", port.to_string())
            .env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}"))
            .env("TMPDIR", &temporary)
            .current_dir(directory)
            .stdin(Stdio::null())
            .stdout(log)
            .stderr(errors)
            // A Ctrl-C on the terminal is for cartctl, which stops it in order.
            .process_group(0)
            .spawn()
            .map_err(io(format!("starting {program}")))?;
        let pid = child.id().and_then(|pid| i32::try_from(pid).ok()).unwrap_or_default();
        let mut cloud = Self { child, running: Running { pid, port }, directory: directory.to_owned() };
        if let Err(error) = cloud.ready().await {
            cloud.stop().await;
            return Err(error);
        }
        let state = state_file(directory);
        let text = serde_json::to_string(&cloud.running).unwrap_or_default();
        std::fs::write(&state, text).map_err(io(format!("writing {state}")))?;
        Ok(cloud)
    }

    async fn ready(&mut self) -> Result<(), Error> {
        let url = format!("http://127.0.0.1:{}/_ministack/ready", self.running.port);
        let asked = async {
            loop {
                if let Ok(Some(status)) = self.child.try_wait() {
                    return Err(format!("it ended with {status}"));
                }
                if get(&url).await.is_ok() {
                    return Ok(());
                }
                tokio::time::sleep(Duration::from_millis(50)).await;
            }
        };
        let asked = tokio::time::timeout(START_LIMIT, asked).await;
        let asked = asked.unwrap_or_else(|_| Err(format!("no answer for {} s", START_LIMIT.as_secs())));
        asked.map_err(|reason| Error::DidNotStart { reason, log: end_of_log(&self.directory) })
    }

    /// Returns when it ends by itself, which it should not.
    pub(crate) async fn ended(&mut self) -> Error {
        match self.child.wait().await {
            Ok(status) => Error::Ended { status, log: end_of_log(&self.directory) },
            Err(source) => Error::Io { action: "waiting for the local cloud".to_owned(), source },
        }
    }

    /// Stops it and the functions it runs.
    pub(crate) async fn stop(mut self) {
        let pid = Pid::from_raw(self.running.pid);
        if let Some(pid) = pid {
            kill_process(pid, Signal::TERM).ok();
        }
        if tokio::time::timeout(STOP_LIMIT, self.child.wait()).await.is_err() {
            self.child.kill().await.ok();
        }
        // Functions that outlived it are in its process group.
        if let Some(pid) = pid {
            kill_process_group(pid, Signal::KILL).ok();
        }
        forget(&self.directory);
    }

    /// Lets it run on after this process. [`stop_running`] stops it.
    pub(crate) fn detach(self) {
        drop(self.child);
    }
}

/// The port of the local cloud that runs in this folder, if one does.
pub(crate) fn running_port(directory: &Utf8Path) -> Option<u16> {
    running(directory).map(|running| running.port)
}

fn running(directory: &Utf8Path) -> Option<Running> {
    let running: Running = serde_json::from_str(&std::fs::read_to_string(state_file(directory)).ok()?).ok()?;
    let pid = Pid::from_raw(running.pid)?;
    (test_kill_process(pid).is_ok() && is_ministack(running.pid)).then_some(running)
}

/// Whether the process of this number is the local cloud, and not one that got the number after it. Where there is no `/proc` to
/// look into, the number has to do.
fn is_ministack(pid: i32) -> bool {
    std::fs::read(format!("/proc/{pid}/cmdline"))
        .map_or(!Utf8Path::new("/proc/self").exists(), |line| String::from_utf8_lossy(&line).contains("ministack"))
}

/// Stops what was let go; whether there was anything to stop.
pub(crate) async fn stop_running(directory: &Utf8Path) -> bool {
    let Some(Running { pid, .. }) = running(directory) else {
        forget(directory);
        return false;
    };
    let Some(id) = Pid::from_raw(pid) else { return false };
    kill_process(id, Signal::TERM).ok();
    let gone = async {
        while test_kill_process(id).is_ok() && is_ministack(pid) {
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(STOP_LIMIT, gone).await.ok();
    kill_process_group(id, Signal::KILL).ok();
    forget(directory);
    true
}

fn forget(directory: &Utf8Path) {
    // What is not there needs no removing.
    drop(std::fs::remove_file(state_file(directory)));
    drop(std::fs::remove_dir_all(directory.join("tmp")));
}

fn state_file(directory: &Utf8Path) -> Utf8PathBuf {
    directory.join("running.json")
}

fn end_of_log(directory: &Utf8Path) -> String {
    const LENGTH: u64 = 2_000;
    let read = || -> std::io::Result<String> {
        let mut file = std::fs::File::open(directory.join("log"))?;
        let length = file.metadata()?.len();
        file.seek(std::io::SeekFrom::Start(length.saturating_sub(LENGTH)))?;
        let mut end = Vec::new();
        file.read_to_end(&mut end)?;
        Ok(String::from_utf8_lossy(&end).into_owned())
    };
    read().unwrap_or_default()
}

/// The body of what answers at `url`, on loopback.
pub(crate) async fn get(url: &str) -> Result<String, Error> {
    let failed = |reason: String| Error::NoAnswer { reason };
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build();
    let answer =
        client.map_err(|error| failed(error.to_string()))?.get(url).send().await.map_err(|error| failed(error.to_string()))?;
    let status = answer.status();
    let body = answer.text().await.map_err(|error| failed(error.to_string()))?;
    if status.is_success() { Ok(body) } else { Err(failed(format!("{url} answers {status}: {body}"))) }
}
