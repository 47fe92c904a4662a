//! The local cloud: a MiniStack process on loopback that stands in for AWS, behind a gate. Knows nothing of the deployed stacks.

use std::os::unix::fs::DirBuilderExt as _;

use super::{
    Error, REGION, Running, io, is_unclean, keys,
    process::Process,
    record, remove_traces,
    state::{self, Writer},
};
use crate::{
    build::inherited::{Inherited, Tool},
    domain::connection::LocalKeys,
    files,
};
use camino::{Utf8Path, Utf8PathBuf};

/// What a local cloud is started with.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Start<'a> {
    /// The folder with MiniStack's program and its Python.
    pub tools: &'a Utf8Path,
    /// The port on both addresses of this machine. The caller has checked it.
    pub port: u16,
    /// The credentials of this run.
    pub keys: &'a LocalKeys,
    /// The variable in which deployed functions are told the one origin that a browser may call from.
    pub origin_variable: &'a str,
    /// The folder for state and logs.
    pub directory: &'a Utf8Path,
    /// What MiniStack and the functions are told of the environment.
    pub inherited: &'a Inherited,
}

/// The program that starts MiniStack behind the gate.
const GATE: &str = include_str!("gate.py");

/// Its name in the local cloud's folder.
const GATE_FILE: &str = "ministack-gate.py";

/// The local cloud, started by this process.
#[derive(Debug)]
pub(crate) struct LocalCloud {
    process: Process,
    directory: Utf8PathBuf,
}

/// The state at the start.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Beginning {
    /// Whether it resumed from saved state.
    pub kept: bool,
    /// Whether the last run was killed: the saved state is older than that.
    pub unclean: bool,
}

impl LocalCloud {
    /// Starts the local cloud with its saved state, and returns once it answers.
    ///
    /// # Errors
    /// [`Error::NotInstalled`], [`Error::Kept`] and [`Error::DidNotStart`].
    pub(crate) async fn start(start: Start<'_>) -> Result<(Self, Beginning), Error> {
        let Start { tools, port, keys, origin_variable, directory, inherited } = start;
        installed(tools)?;
        let temporary = directory.join("tmp");
        let mut private = std::fs::DirBuilder::new();
        private.recursive(true).mode(0o700).create(&temporary).map_err(io(format!("creating {temporary}")))?;
        let unclean = is_unclean(directory);
        let kept = state::open(directory, &Writer { version: version(tools), port })?;
        files::write_whole(&directory.join(GATE_FILE), GATE)?;
        keys::write(directory, keys)?;
        let mut command = inherited.command(Tool::Local, tools.join("python3"));
        command
            // Isolated: no module comes from the folder or from the user's own packages.
            .args(["-I", "-X", "utf8", GATE_FILE, "--keys", keys::FILE, "--port", &port.to_string()])
            .args(["--origin-variable", origin_variable])
            .envs([
                ("BIND_HOST", "127.0.0.1"),
                ("MINISTACK_HOST", "127.0.0.1"),
                ("MINISTACK_REGION", REGION),
                ("LAMBDA_EXECUTOR", "local"),
                ("PERSIST_STATE", "1"),
                // These services would listen on every interface.
                ("IOT_MTLS_ENABLED", "0"),
                ("SFTP_ENABLED", "0"),
            ])
            .env("GATEWAY_PORT", port.to_string())
            .env("EDGE_PORT", port.to_string())
            .env("AWS_ENDPOINT_URL", format!("http://127.0.0.1:{port}"))
            .env("STATE_DIR", state::folder(directory))
            .env("TMPDIR", &temporary)
            .current_dir(directory);
        let process = Process::start("the local cloud", command, directory.join("log"))?;
        let process = process.answering(&format!("http://127.0.0.1:{port}/_ministack/ready")).await?;
        record(directory, &Running { pid: process.pid(), port, site: None })?;
        Ok((Self { process, directory: directory.to_owned() }, Beginning { kept, unclean: kept && unclean }))
    }

    /// Returns when it ends unexpectedly.
    pub(crate) async fn ended(&mut self) -> Error {
        self.process.ended().await
    }

    /// Stops it, with the functions it runs; it saves its state.
    pub(crate) async fn stop(self) {
        if !self.process.stop().await {
            state::cut_off(&self.directory);
        }
        remove_traces(&self.directory);
    }

    /// Lets it run after this process.
    pub(crate) fn let_go(self) {
        self.process.let_go();
    }
}

/// Verifies that MiniStack is installed.
///
/// # Errors
/// [`Error::NotInstalled`].
pub(crate) fn installed(tools: &Utf8Path) -> Result<(), Error> {
    let program = tools.join("ministack");
    if program.is_file() { Ok(()) } else { Err(Error::NotInstalled { program }) }
}

/// The version, from the files of pip next to the package: asking the program takes longer than starting it.
fn version(tools: &Utf8Path) -> String {
    let library = tools.parent().unwrap_or(tools).join("lib");
    let names = |folder: &Utf8Path| {
        let entries = folder.read_dir_utf8().into_iter().flatten();
        entries.filter_map(|entry| entry.ok().map(|entry| entry.file_name().to_owned())).collect::<Vec<_>>()
    };
    let packages = names(&library).into_iter().flat_map(|python| names(&library.join(python).join("site-packages")));
    let mut versions = packages.filter_map(|name| Some(name.strip_prefix("ministack-")?.strip_suffix(".dist-info")?.to_owned()));
    versions.next().unwrap_or_else(|| "of an unknown version".to_owned())
}
