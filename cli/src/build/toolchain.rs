//! Checks this machine before a build: that the compiler, its target and the cross linker are installed, and
//! which of this machine's folders could leave traces in a binary.
//!
//! Asks the tools themselves, since only they know their search paths. Builds nothing.

use std::{collections::BTreeSet, io};

use camino::{Utf8Path, Utf8PathBuf};
use cart_infra::Architecture;
use serde::Deserialize;
use thiserror::Error;

use super::{
    inherited::Tool,
    narrator::{Narrator, cargo_hint},
    package::Request,
    process::{self, Line},
};
use crate::domain::package::Progress;

/// Rust's name for Linux with this processor and glibc.
pub(super) const fn triple(architecture: Architecture) -> &'static str {
    match architecture {
        Architecture::Arm64 => "aarch64-unknown-linux-gnu",
        Architecture::X86_64 => "x86_64-unknown-linux-gnu",
    }
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Compiler {
    /// None of these files exist if the sources are not installed.
    pub(super) library_sources: Utf8PathBuf,
    /// The commit of the compiler's source.
    pub(super) commit: String,
}

/// The folders whose names could reach a binary.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Folders {
    /// Where cargo puts what it compiles.
    pub(super) target: Utf8PathBuf,
    /// The sources of dependencies, a folder for each.
    pub(super) dependencies: BTreeSet<Utf8PathBuf>,
}

/// Why a build cannot start.
#[derive(Debug, Error)]
pub(crate) enum Error {
    #[error("cannot run {program}")]
    Start {
        program: Utf8PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("{program} failed: {said}")]
    Rustc {
        program: Utf8PathBuf,
        /// The tool's output.
        said: String,
    },
    #[error("Rust's standard library for {triple} is not installed")]
    NoStandardLibrary { triple: &'static str },
    #[error("cargo-zigbuild and ziglang are not installed in {folder}")]
    NoZig {
        /// The searched folder.
        folder: Utf8PathBuf,
    },
    #[error("cargo cannot read the workspace: {said}")]
    Workspace { said: String },
}

impl Error {
    #[must_use]
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Start { .. } => Some("install Rust from https://rustup.rs".to_owned()),
            Self::Rustc { .. } => None,
            Self::NoStandardLibrary { triple } => Some(format!("run `rustup target add {triple}`")),
            Self::NoZig { .. } => Some("run `make setup`".to_owned()),
            Self::Workspace { said } => cargo_hint(said),
        }
    }
}

/// Asks the compiler for its folders, and whether it can compile for an architecture.
pub(super) async fn compiler(request: &Request, architecture: Architecture) -> Result<Compiler, Error> {
    let triple = triple(architecture);
    let program = request.rustc.clone().unwrap_or_else(|| "rustc".into());
    let where_it_is = ["--target", triple, "--print", "sysroot", "--print", "target-libdir"];
    let (version, folders) = tokio::try_join!(ask(&program, &["-vV"], request), ask(&program, &where_it_is, request))?;
    let mut folders = folders.lines();
    let (Some(sysroot), Some(library)) = (folders.next(), folders.next()) else {
        return Err(Error::Rustc { program, said: "it did not name its folders".to_owned() });
    };
    if !Utf8Path::new(library).is_dir() {
        return Err(Error::NoStandardLibrary { triple });
    }
    let commit = version.lines().find_map(|line| line.strip_prefix("commit-hash: ")).unwrap_or("unknown").to_owned();
    Ok(Compiler { library_sources: Utf8Path::new(sysroot).join("lib/rustlib/src/rust"), commit })
}

async fn ask(program: &Utf8Path, arguments: &[&str], request: &Request) -> Result<String, Error> {
    let mut command = request.inherited.command(Tool::Rust, program);
    command.args(arguments).current_dir(&request.workspace);
    let (mut answer, mut complaint) = (String::new(), String::new());
    let status = process::run(command, |line| match line {
        Line::Output(text) => answer = format!("{answer}{text}\n"),
        Line::Error(text) if complaint.is_empty() => complaint = text,
        Line::Error(_) | Line::Transient(_) => (),
    })
    .await
    .map_err(|source| Error::Start { program: program.to_owned(), source })?;
    if status.success() { Ok(answer) } else { Err(Error::Rustc { program: program.to_owned(), said: complaint }) }
}

/// Verifies that the cross linker is installed.
pub(super) async fn zig(request: &Request) -> Result<(), Error> {
    let folder = &request.tools_bin;
    let missing = || Error::NoZig { folder: folder.clone() };
    if !cargo_zigbuild(request).is_file() {
        return Err(missing());
    }
    ask(&python(request), &["-m", "ziglang", "version"], request).await.map(drop).map_err(|_| missing())
}

/// The cross linker's command.
pub(super) fn cargo_zigbuild(request: &Request) -> Utf8PathBuf {
    request.tools_bin.join("cargo-zigbuild")
}

/// The Python with zig.
pub(super) fn python(request: &Request) -> Utf8PathBuf {
    request.tools_bin.join("python3")
}

/// Asks cargo for the folders of the workspace and its dependencies, downloading what is missing.
pub(super) async fn folders(
    request: &Request,
    architecture: Architecture,
    on_progress: &mut impl FnMut(Progress),
) -> Result<Folders, Error> {
    let program = request.cargo.clone().unwrap_or_else(|| "cargo".into());
    let mut command = request.inherited.command(Tool::Rust, &program);
    command.args(["metadata", "--locked", "--format-version=1", "--filter-platform", triple(architecture)]);
    command.current_dir(&request.workspace);
    if let Some(folder) = &request.target_dir {
        command.env("CARGO_TARGET_DIR", folder);
    }
    let mut answer = String::new();
    let mut narrator = Narrator::default();
    let status = process::run(command, |line| match line {
        Line::Output(text) => answer = text,
        other => narrator.hear(other).into_iter().for_each(&mut *on_progress),
    })
    .await
    .map_err(|source| Error::Start { program, source })?;
    if !status.success() {
        return Err(Error::Workspace { said: narrator.first_error() });
    }
    parse_metadata(&answer).map_err(|error| Error::Workspace { said: error.to_string() })
}

fn parse_metadata(json: &str) -> serde_json::Result<Folders> {
    #[derive(Deserialize)]
    struct Metadata {
        packages: Vec<Package>,
        target_directory: Utf8PathBuf,
    }
    #[derive(Deserialize)]
    struct Package {
        /// None for members of the workspace.
        source: Option<String>,
        manifest_path: Utf8PathBuf,
    }

    let metadata: Metadata = serde_json::from_str(json)?;
    let dependencies = metadata
        .packages
        .iter()
        .filter(|package| package.source.is_some())
        .filter_map(|package| package.manifest_path.parent()?.parent())
        .map(Utf8Path::to_owned)
        .collect();
    Ok(Folders { target: metadata.target_directory, dependencies })
}

#[cfg(test)]
mod tests {
    use camino_tempfile::Utf8TempDir;

    use super::*;
    use crate::build::{inherited::tests::of_this_process, package::Target};

    #[test]
    fn folders_of_dependencies_are_named_once_and_members_are_left_out() {
        let json = r#"{
            "packages": [
                {"name": "cart", "source": null, "manifest_path": "/home/me/shop/lambdas/cart/Cargo.toml"},
                {"name": "a", "source": "registry+x", "manifest_path": "/home/me/.cargo/registry/src/index/a-1.0.0/Cargo.toml"},
                {"name": "b", "source": "registry+x", "manifest_path": "/home/me/.cargo/registry/src/index/b-1.0.0/Cargo.toml"}
            ],
            "target_directory": "/home/me/shop/target"
        }"#;
        let folders = parse_metadata(json).unwrap();
        assert_eq!(folders.target, "/home/me/shop/target");
        assert_eq!(folders.dependencies.iter().collect::<Vec<_>>(), ["/home/me/.cargo/registry/src/index"]);
    }

    /// A request in its own folder, with a compiler that runs `folders` when asked for them.
    fn with_fake_rustc(folders: &str) -> (Utf8TempDir, Request) {
        let folder = camino_tempfile::tempdir().unwrap();
        let rustc = folder.path().join("rustc");
        process::make_program(&rustc, &format!("case $1 in -vV) echo 'commit-hash: 5980';; *) {folders};; esac"));
        let request = Request {
            workspace: folder.path().to_owned(),
            target: Target::Lambda(Architecture::Arm64),
            target_dir: None,
            tools_bin: folder.path().join("tools"),
            out_dir: folder.path().join("out"),
            cargo: None,
            rustc: Some(rustc),
            color: false,
            inherited: of_this_process(),
        };
        (folder, request)
    }

    #[tokio::test]
    async fn the_compiler_tells_where_it_is() {
        let (folder, request) = with_fake_rustc("echo /rust; pwd");
        let found = compiler(&request, Architecture::Arm64).await.unwrap();
        assert_eq!(found, Compiler { library_sources: "/rust/lib/rustlib/src/rust".into(), commit: "5980".into() });
        drop(folder);
    }

    #[tokio::test]
    async fn a_missing_target_is_named_with_the_command_that_installs_it() {
        let (_folder, request) = with_fake_rustc("echo /rust; echo /nowhere/lib");
        let error = compiler(&request, Architecture::Arm64).await.unwrap_err();
        assert_eq!(error.to_string(), "Rust's standard library for aarch64-unknown-linux-gnu is not installed");
        assert_eq!(error.hint().as_deref(), Some("run `rustup target add aarch64-unknown-linux-gnu`"));
    }

    #[tokio::test]
    async fn a_compiler_that_refuses_is_quoted() {
        let (_folder, request) = with_fake_rustc("echo 'error: no such target' >&2; exit 1");
        let error = compiler(&request, Architecture::Arm64).await.unwrap_err();
        assert!(error.to_string().ends_with("rustc failed: error: no such target"), "{error}");
    }

    #[tokio::test]
    async fn missing_tools_are_installed_by_make_setup() {
        let (_folder, request) = with_fake_rustc("true");
        let error = zig(&request).await.unwrap_err();
        assert_eq!(error.to_string(), format!("cargo-zigbuild and ziglang are not installed in {}", request.tools_bin));
        assert_eq!(error.hint().as_deref(), Some("run `make setup`"));

        std::fs::create_dir(&request.tools_bin).unwrap();
        process::make_program(&cargo_zigbuild(&request), "true");
        process::make_program(&python(&request), "echo No module named ziglang >&2; exit 1");
        assert!(matches!(zig(&request).await, Err(Error::NoZig { .. })), "a Python without ziglang is not enough");
        process::make_program(&python(&request), "echo 0.17.1");
        assert!(zig(&request).await.is_ok());
    }
}
