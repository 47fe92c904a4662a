//! One call of cargo for all services: its arguments and environment, what it says while it works, where the executables are.
//!
//! What leaves this machine must not depend on it. The compilers are told to forget the folders' names, so that a clone elsewhere
//! gives the same bytes. Executables are found in cargo's messages, never by looking into its target folder.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use cart_contract::Service;
use serde::Deserialize;
use thiserror::Error;
use tokio::process::Command;

use cart_infra::Architecture;

use super::{
    Progress, Request, Target, elf,
    process::{self, Line},
    toolchain::{self, Compiler, Folders},
};

/// The profile of `Cargo.toml` for what runs in AWS.
const PROFILE: &str = "lambda";

/// The time C code takes for the present (`__DATE__`), where it asks: 1980-01-01, as in the archives.
const SOURCE_DATE_EPOCH: &str = "315532800";

/// Why there are no executables.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// Cargo is not installed.
    #[error("cannot run {program}")]
    Start {
        /// Its name or path.
        program: Utf8PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The compiler or the linker refused; it said why.
    #[error("the services do not compile")]
    Compile,
    /// Cargo gave up before it compiled anything.
    #[error("cargo cannot build: {said}")]
    Cargo {
        /// Its first error.
        said: String,
    },
    /// The workspace has no binary for a service.
    #[error("cargo built no binary named {service}")]
    NoExecutable {
        /// The service.
        service: Service,
    },
}

impl Error {
    /// What to do about it.
    #[must_use]
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Start { .. } => Some("install Rust from https://rustup.rs".to_owned()),
            Self::Compile => Some("the compiler's messages are above".to_owned()),
            Self::Cargo { said } => cargo_hint(said),
            Self::NoExecutable { service } => Some(format!("lambdas/{service} must have a binary of its package's name")),
        }
    }
}

/// What to do when cargo itself fails.
pub(super) fn cargo_hint(said: &str) -> Option<String> {
    if said.contains("--locked") {
        Some("Cargo.lock does not fit the manifests: run `cargo check`, and commit Cargo.lock".to_owned())
    } else if said.contains("download") || said.contains("registry") || said.contains("fetch") {
        Some("dependencies are downloaded once: connect to the network and run the command again".to_owned())
    } else if said.contains("Cargo.toml") {
        Some("run cartctl in the folder of the workspace".to_owned())
    } else {
        None
    }
}

/// Compiles every service, returning each with its executable.
pub(super) async fn build(
    request: &Request,
    on_progress: &mut impl FnMut(Progress),
) -> Result<Vec<(Service, Utf8PathBuf)>, super::Error> {
    let call = match request.target {
        Target::Host => Call::for_host(request),
        Target::Lambda(architecture) => {
            let (compiler, (), folders) = tokio::try_join!(
                toolchain::compiler(request, architecture),
                toolchain::zig(request),
                toolchain::folders(request, architecture, on_progress)
            )?;
            Call::for_lambda(request, architecture, &compiler, &folders)
        }
    };
    Ok(call.run(&request.workspace, on_progress).await?)
}

/// A call of cargo.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Call {
    program: Utf8PathBuf,
    arguments: Vec<String>,
    environment: Vec<(String, String)>,
}

impl Call {
    /// The whole workspace in the profile everything else uses: cartctl itself, being one of its binaries, is compiled already, and
    /// selecting fewer packages could select other features of what they share.
    fn for_host(request: &Request) -> Self {
        Self {
            program: request.cargo.clone().unwrap_or_else(|| "cargo".into()),
            arguments: strings(&["build", "--workspace", "--bins", "--locked", "--message-format=json-render-diagnostics"]),
            environment: common_environment(request),
        }
    }

    /// Through zig, which links against any glibc on any host. cargo-zigbuild is called directly rather than as `cargo zigbuild`:
    /// there is nothing to find on the path, and no other installation to find by mistake.
    fn for_lambda(request: &Request, architecture: Architecture, compiler: &Compiler, folders: &Folders) -> Self {
        let triple = toolchain::triple(architecture);
        let target = format!("{triple}.{}", elf::AMAZON_LINUX_2023);
        let mut arguments = strings(&["zigbuild", "--profile", PROFILE, "--target", &target]);
        for service in Service::ALL {
            arguments.extend(strings(&["-p", service.bin()]));
        }
        arguments.extend(strings(&["--bins", "--locked", "--message-format=json-render-diagnostics"]));

        let remaps = remaps(compiler, folders);
        let rust_flags = remaps.iter().map(|(from, to)| format!("--remap-path-prefix={from}={to}")).collect::<Vec<_>>();
        let c_flags = remaps.iter().map(|(from, to)| shell_quoted(&format!("-ffile-prefix-map={from}={to}"))).collect::<Vec<_>>();
        let underscored = triple.replace('-', "_");
        let mut environment = common_environment(request);
        environment.extend([
            ("CARGO_ZIGBUILD_PYTHON_PATH".to_owned(), toolchain::python(request).into_string()),
            // Overrides RUSTFLAGS, and may hold spaces.
            ("CARGO_ENCODED_RUSTFLAGS".to_owned(), rust_flags.join("\u{1f}")),
            // Lets the flags for C hold spaces, too.
            ("CC_SHELL_ESCAPED_FLAGS".to_owned(), "1".to_owned()),
            (format!("CFLAGS_{underscored}"), c_flags.join(" ")),
            (format!("CXXFLAGS_{underscored}"), c_flags.join(" ")),
            ("SOURCE_DATE_EPOCH".to_owned(), SOURCE_DATE_EPOCH.to_owned()),
        ]);
        Self { program: toolchain::cargo_zigbuild(request), arguments, environment }
    }

    async fn run(self, workspace: &Utf8Path, on_progress: &mut impl FnMut(Progress)) -> Result<Vec<(Service, Utf8PathBuf)>, Error> {
        let mut command = Command::new(&self.program);
        command.args(&self.arguments).envs(self.environment).current_dir(workspace);
        let mut built = Built::default();
        let mut narrator = Narrator::default();
        let status = process::run(command, |line| match line {
            Line::Output(message) => built.read(&message),
            other => narrator.hear(other).into_iter().for_each(&mut *on_progress),
        })
        .await
        .map_err(|source| Error::Start { program: self.program, source })?;
        if !status.success() {
            return Err(if built.compiled { Error::Compile } else { Error::Cargo { said: narrator.first_error() } });
        }
        built.executables()
    }
}

fn common_environment(request: &Request) -> Vec<(String, String)> {
    let color = if request.color { "always" } else { "never" };
    let mut environment = vec![
        ("CARGO_TERM_COLOR".to_owned(), color.to_owned()),
        // The bar is the only place where cargo tells how much there is to compile.
        ("CARGO_TERM_PROGRESS_WHEN".to_owned(), "always".to_owned()),
        ("CARGO_TERM_PROGRESS_WIDTH".to_owned(), "100".to_owned()),
    ];
    let paths = [("CARGO", &request.cargo), ("RUSTC", &request.rustc), ("CARGO_TARGET_DIR", &request.target_dir)];
    environment.extend(paths.into_iter().filter_map(|(name, path)| Some((name.to_owned(), path.as_ref()?.to_string()))));
    environment
}

/// The folders whose names must not reach a binary, and what they are called there. Of two that fit, compilers take the last.
///
/// The workspace is not among them: cargo compiles its members from its root, so that their paths are relative, and naming the
/// workspace would make cargo compile every dependency again for another clone that shares the target folder.
fn remaps(compiler: &Compiler, folders: &Folders) -> Vec<(Utf8PathBuf, String)> {
    let mut remaps: Vec<_> = folders.dependencies.iter().map(|folder| (folder.clone(), "/dependencies".to_owned())).collect();
    // What the standard library is called where its sources are not installed.
    remaps.push((compiler.library_sources.clone(), format!("/rustc/{}", compiler.commit)));
    // Code that build scripts generated.
    remaps.push((folders.target.clone(), "/target".to_owned()));
    remaps
}

/// An argument as a POSIX shell wants it.
fn shell_quoted(argument: &str) -> String {
    format!("'{}'", argument.replace('\'', r"'\''"))
}

fn strings(slices: &[&str]) -> Vec<String> {
    slices.iter().map(|&slice| slice.to_owned()).collect()
}

/// What cargo's messages tell. See <https://doc.rust-lang.org/cargo/reference/external-tools.html#json-messages>.
#[derive(Debug, Default)]
struct Built {
    found: Vec<(Service, Utf8PathBuf)>,
    /// Whether anything was compiled, successfully or not.
    compiled: bool,
}

impl Built {
    fn read(&mut self, message: &str) {
        #[derive(Deserialize)]
        #[serde(tag = "reason", rename_all = "kebab-case")]
        enum Message {
            CompilerArtifact {
                target: Artifact,
                executable: Option<Utf8PathBuf>,
            },
            BuildFinished,
            #[serde(other)]
            Other,
        }
        #[derive(Deserialize)]
        struct Artifact {
            name: String,
            kind: Vec<String>,
        }

        match serde_json::from_str(message) {
            Ok(Message::CompilerArtifact { target, executable: Some(path) }) if target.kind == ["bin"] => {
                let service = Service::ALL.into_iter().find(|service| service.bin() == target.name);
                self.found.extend(service.map(|service| (service, path)));
            }
            Ok(Message::BuildFinished) => self.compiled = true,
            // Newer cargos may say more, and a build script may print what it likes.
            Ok(Message::CompilerArtifact { .. } | Message::Other) | Err(_) => (),
        }
    }

    /// Every service with its executable, in the contract's order.
    fn executables(mut self) -> Result<Vec<(Service, Utf8PathBuf)>, Error> {
        self.found.sort();
        self.found.dedup_by_key(|(service, _)| *service);
        match Service::ALL.into_iter().find(|&service| self.found.iter().all(|(found, _)| *found != service)) {
            Some(service) => Err(Error::NoExecutable { service }),
            None => Ok(self.found),
        }
    }
}

/// Listens to what cargo writes for people.
#[derive(Debug, Default)]
pub(super) struct Narrator {
    first_error: Option<String>,
}

impl Narrator {
    /// What a line means, if it means something.
    pub(super) fn hear(&mut self, line: Line) -> Option<Progress> {
        match line {
            Line::Output(_) => None,
            Line::Transient(text) => compiling(&text),
            Line::Error(text) => {
                let plain = without_colors(&text);
                if self.first_error.is_none() {
                    self.first_error = plain.strip_prefix("error: ").map(str::to_owned);
                }
                match status(&plain) {
                    Some("Blocking") => Some(Progress::WaitingForLock),
                    // What the bar tells better.
                    Some("Compiling" | "Building" | "Downloaded" | "Finished" | "Fresh") => None,
                    _ => Some(Progress::Said { line: text }),
                }
            }
        }
    }

    /// The first error, without the word.
    pub(super) fn first_error(self) -> String {
        self.first_error.unwrap_or_else(|| "it did not say why".to_owned())
    }
}

/// The verb of a line that cargo writes about its own work: right-aligned, in a column of twelve.
fn status(line: &str) -> Option<&str> {
    let verb = line.get(..12)?.trim_start();
    let right_aligned = !verb.is_empty() && verb.bytes().all(|byte| byte.is_ascii_alphabetic()) && line[12..].starts_with(' ');
    right_aligned.then_some(verb)
}

/// Reads the bar: `Building [==>    ] 12/81: serde, syn(build)`.
fn compiling(bar: &str) -> Option<Progress> {
    let (_, after_verb) = bar.split_once("Building")?;
    let (_, after_bar) = after_verb.split_once("] ")?;
    let (counts, current) = after_bar.split_once(": ").unwrap_or((after_bar, ""));
    let (done, total) = counts.trim().split_once('/')?;
    Some(Progress::Compiling { done: done.parse().ok()?, total: total.parse().ok()?, current: current.trim().to_owned() })
}

/// A line without the escape sequences that colour it.
fn without_colors(line: &str) -> String {
    let mut parts = line.split('\u{1b}');
    let mut plain = parts.next().unwrap_or_default().to_owned();
    for part in parts {
        let end = part.find(|character: char| character.is_ascii_alphabetic()).map_or(part.len(), |end| end + 1);
        plain.push_str(&part[end..]);
    }
    plain
}
