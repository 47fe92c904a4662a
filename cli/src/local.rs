//! The whole shop on this machine: its programs and their ports, the state kept between runs, and
//! the errors of these. Knows nothing of the deployed stacks.

use std::{
    io::ErrorKind,
    net::{IpAddr, Ipv4Addr, Ipv6Addr, TcpListener},
    process::ExitStatus,
    time::Duration,
};

use camino::{Utf8Path, Utf8PathBuf};
use serde::{Deserialize, Serialize};

use crate::{
    build::node,
    domain::{command::Command, tame::tame, text},
    files,
};

pub(crate) mod cloud;
pub(crate) mod edits;
pub(crate) mod keys;
mod process;
pub(crate) mod server;
pub(crate) mod site;
mod state;

/// The default port of the local cloud.
pub(crate) const DEFAULT_PORT: u16 = 4566;

/// The default port of the shop's site.
pub(crate) const DEFAULT_SITE_PORT: u16 = 8080;

pub(crate) const REGION: &str = "us-east-1";

/// The addresses that `localhost` may resolve to.
pub(crate) const LOOPBACK: [IpAddr; 2] = [IpAddr::V4(Ipv4Addr::LOCALHOST), IpAddr::V6(Ipv6Addr::LOCALHOST)];

/// Identifies the command lines of the local cloud.
const CLOUD: [&str; 1] = ["ministack"];

/// Identifies those of the site's servers: ours, and Vite's.
const SITE: [&str; 2] = [site::SERVE, "node_modules/vite"];

/// What says that it runs.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Running {
    pid: i32,
    port: u16,
    /// What serves the shop's site, unless it was left out.
    #[serde(default, alias = "page")]
    site: Option<RunningSite>,
}

/// What says that the site is served.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct RunningSite {
    pid: i32,
    port: u16,
}

/// The ports of a running local cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Ports {
    pub cloud: u16,
    /// None if no site is served.
    pub site: Option<u16>,
}

/// The program that a port is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Listener {
    Cloud,
    /// The server of the shop's site.
    Site,
}

/// Why the local shop could not be started or stopped.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// `make setup` has not run.
    #[error("the local cloud is not installed: {program} does not exist")]
    NotInstalled {
        /// The missing file.
        program: Utf8PathBuf,
    },
    #[error(transparent)]
    Node(#[from] node::Error),
    /// The site's build tools are not installed.
    #[error("the site cannot be built: {reason}")]
    NoFrontend {
        /// The missing file.
        reason: String,
    },
    /// The site does not compile.
    #[error("the site does not build:\n{said}")]
    SiteBuild {
        /// Vite's output.
        said: String,
    },
    /// Another program listens on the port.
    #[error("port {port} on {address} is in use by another program, but {} needs it", match listener { Listener::Cloud => "the local cloud", Listener::Site => "the site" })]
    PortInUse {
        port: u16,
        address: IpAddr,
        /// The program that the port is for.
        listener: Listener,
    },
    /// A part of the local shop runs, and prevents the requested action.
    #[error("the local cloud is running already")]
    Runs,
    /// It was started by a version that accepted any credentials.
    #[error("the local cloud that is running has no credentials: an earlier version of cartctl started it")]
    NoKeys,
    /// The saved state cannot be used.
    #[error("the saved state of the local cloud cannot be used: {reason}")]
    Kept { reason: String },
    /// The program ended, or never answered.
    #[error("{what} did not start: {reason}\n{log}")]
    DidNotStart { what: &'static str, reason: String, log: String },
    #[error("{what} ended: {status}\n{log}")]
    Ended { what: &'static str, status: ExitStatus, log: String },
    #[error("the shop does not answer: {reason}")]
    NoAnswer { reason: String },
    #[error("cannot watch {folder}: {reason}")]
    Watch { folder: Utf8PathBuf, reason: String },
    #[error(transparent)]
    Write(#[from] files::Error),
    #[error("{action} failed: {source}")]
    Io { action: String, source: std::io::Error },
}

impl Error {
    pub(crate) fn hint(&self) -> Option<String> {
        let (start, stop) = (Command::cartctl("local"), Command::cartctl("local --stop"));
        let hint = match self {
            Self::NotInstalled { .. } => "`make setup` installs it into the project's own environment",
            Self::NoFrontend { .. } | Self::Node(_) => {
                "`make local` sets it up, given Node from https://nodejs.org; `--no-shop` runs the backend alone"
            }
            Self::PortInUse { listener: Listener::Cloud, .. } => {
                "stop that program, or choose another port with `--port` or `local.port` in cartctl.toml"
            }
            Self::PortInUse { listener: Listener::Site, .. } => {
                "stop that program, or choose another port with `local.site-port` in cartctl.toml; `--no-shop` runs the backend alone"
            }
            Self::Runs => return Some(format!("{stop} stops it")),
            Self::NoKeys => {
                return Some(format!("stop it with {stop}, then start it again with {start}: accounts and carts are kept"));
            }
            Self::Kept { .. } => return Some(format!("{} starts without it", start.with("--fresh"))),
            Self::Write(error) => return Some(error.hint()),
            Self::SiteBuild { .. }
            | Self::DidNotStart { .. }
            | Self::Ended { .. }
            | Self::NoAnswer { .. }
            | Self::Watch { .. }
            | Self::Io { .. } => return None,
        };
        Some(hint.to_owned())
    }
}

fn io(action: impl Into<String>) -> impl FnOnce(std::io::Error) -> Error {
    |source| Error::Io { action: action.into(), source }
}

/// Verifies that nobody listens on a port, on either of the addresses that `localhost` may mean: another listener would be mistaken
/// for ours.
///
/// # Errors
/// [`Error::PortInUse`].
pub(crate) fn free(port: u16, listener: Listener) -> Result<(), Error> {
    for address in LOOPBACK {
        match TcpListener::bind((address, port)) {
            // Without IPv6 nobody listens there.
            Err(error) if !matches!(error.kind(), ErrorKind::AddrNotAvailable | ErrorKind::Unsupported) => {
                return Err(Error::PortInUse { port, address, listener });
            }
            _ => {}
        }
    }
    Ok(())
}

/// The ports of the local cloud in this folder, if it runs.
pub(crate) fn running_ports(directory: &Utf8Path) -> Option<Ports> {
    let running = running(directory)?;
    let site = running.site.filter(|site| process::runs(site.pid, &SITE));
    Some(Ports { cloud: running.port, site: site.map(|site| site.port) })
}

fn running(directory: &Utf8Path) -> Option<Running> {
    written(directory).filter(|running| process::runs(running.pid, &CLOUD))
}

fn written(directory: &Utf8Path) -> Option<Running> {
    serde_json::from_str(&std::fs::read_to_string(running_file(directory)).ok()?).ok()
}

/// Whether a program of this folder ended without being stopped.
fn is_unclean(directory: &Utf8Path) -> bool {
    written(directory).is_some() && running(directory).is_none()
}

fn record(directory: &Utf8Path, running: &Running) -> Result<(), Error> {
    let path = running_file(directory);
    Ok(files::write_whole(&path, text::json(running))?)
}

/// Stops all programs of this folder; returns whether any ran.
pub(crate) async fn stop_running(directory: &Utf8Path) -> bool {
    let written = written(directory);
    let site = written.and_then(|running| running.site).filter(|site| process::runs(site.pid, &SITE));
    if let Some(site) = site {
        process::stop(site.pid, &SITE).await;
    }
    let cloud = running(directory);
    if let Some(cloud) = cloud
        && !process::stop(cloud.pid, &CLOUD).await
    {
        state::cut_off(directory);
    }
    remove_traces(directory);
    site.is_some() || cloud.is_some()
}

/// Deletes the state of earlier runs.
///
/// # Errors
/// [`Error::Runs`]: a running program would save the state again.
pub(crate) fn forget(directory: &Utf8Path) -> Result<(), Error> {
    if running(directory).is_some() { Err(Error::Runs) } else { state::forget(directory) }
}

fn remove_traces(directory: &Utf8Path) {
    // A missing folder needs no deletion.
    drop(std::fs::remove_file(running_file(directory)));
    keys::remove(directory);
    drop(std::fs::remove_dir_all(directory.join("tmp")));
}

fn running_file(directory: &Utf8Path) -> Utf8PathBuf {
    directory.join("running.json")
}

/// The body of the answer of `url`, on loopback.
pub(crate) async fn get(url: &str) -> Result<String, Error> {
    let failed = |reason: String| Error::NoAnswer { reason };
    let client = reqwest::Client::builder().no_proxy().timeout(Duration::from_secs(30)).build();
    let answer =
        client.map_err(|error| failed(error.to_string()))?.get(url).send().await.map_err(|error| failed(error.to_string()))?;
    let status = answer.status();
    let body = answer.text().await.map_err(|error| failed(error.to_string()))?;
    if status.is_success() { Ok(body) } else { Err(failed(tame(&format!("{url} answers {status}: {body}")))) }
}
