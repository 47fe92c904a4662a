//! One call of cargo for all services: its arguments, environment and messages, and the paths of the executables.
//!
//! The build must not depend on this machine. Compilers replace the folders' names, so that a clone elsewhere
//! gives the same bytes. Paths of executables come from cargo's messages, never from searching its target folder.

use std::io;

use camino::Utf8PathBuf;
use cart_contract::Service;
use cart_infra::Architecture;
use serde::Deserialize;
use thiserror::Error;

use super::{
    elf,
    inherited::Tool,
    narrator::{Narrator, cargo_hint},
    package::{self, Request, Target},
    process::{self, Line},
    toolchain::{self, Compiler, Folders},
};
use crate::domain::{package::Progress, text::shell_quoted};

/// The profile in `Cargo.toml` for AWS.
const PROFILE: &str = "lambda";

/// The value of `__DATE__` and the like in C code: 1980-01-01, as in the archives.
const SOURCE_DATE_EPOCH: &str = "315532800";

/// Why compiling failed.
#[derive(Debug, Error)]
pub(crate) enum Error {
    #[error("cannot run {program}")]
    Start {
        program: Utf8PathBuf,
        #[source]
        source: io::Error,
    },
    #[error("the services do not compile")]
    Compile,
    #[error("cargo cannot build: {said}")]
    Cargo {
        /// Its first error.
        said: String,
    },
    #[error("cargo built no binary named {service}")]
    NoExecutable { service: Service },
}

impl Error {
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

/// Compiles every service, returning each with its executable.
pub(super) async fn compile(
    request: &Request,
    on_progress: &mut impl FnMut(Progress),
) -> Result<Vec<(Service, Utf8PathBuf)>, package::Error> {
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
    Ok(call.run(request, on_progress).await?)
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

    async fn run(self, request: &Request, on_progress: &mut impl FnMut(Progress)) -> Result<Vec<(Service, Utf8PathBuf)>, Error> {
        let mut command = request.inherited.command(Tool::Rust, &self.program);
        command.args(&self.arguments).envs(self.environment).current_dir(&request.workspace);
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
        // Only the progress bar shows how many units cargo has to compile.
        ("CARGO_TERM_PROGRESS_WHEN".to_owned(), "always".to_owned()),
        ("CARGO_TERM_PROGRESS_WIDTH".to_owned(), "100".to_owned()),
    ];
    let paths = [("CARGO", &request.cargo), ("RUSTC", &request.rustc), ("CARGO_TARGET_DIR", &request.target_dir)];
    environment.extend(paths.into_iter().filter_map(|(name, path)| Some((name.to_owned(), path.as_ref()?.to_string()))));
    environment
}

/// The folders whose names must not reach a binary, with their replacements. If two match, compilers use the last.
///
/// The workspace is not among them: cargo compiles its members from its root, so that their paths are relative, and naming the
/// workspace would make cargo compile every dependency again for another clone that shares the target folder.
fn remaps(compiler: &Compiler, folders: &Folders) -> Vec<(Utf8PathBuf, String)> {
    let mut remaps: Vec<_> = folders.dependencies.iter().map(|folder| (folder.clone(), "/dependencies".to_owned())).collect();
    // The standard library's name where its sources are not installed.
    remaps.push((compiler.library_sources.clone(), format!("/rustc/{}", compiler.commit)));
    // Code that build scripts generated.
    remaps.push((folders.target.clone(), "/target".to_owned()));
    remaps
}

fn strings(slices: &[&str]) -> Vec<String> {
    slices.iter().map(|&slice| slice.to_owned()).collect()
}

/// A message of cargo. See <https://doc.rust-lang.org/cargo/reference/external-tools.html#json-messages>.
#[derive(Debug, Default)]
struct Built {
    found: Vec<(Service, Utf8PathBuf)>,
    /// Whether any unit was compiled, successfully or not.
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
            // Newer cargos may add messages, and build scripts may print anything.
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

#[cfg(test)]
mod tests {
    use camino_tempfile::Utf8TempDir;

    use super::*;

    fn request(target: Target) -> Request {
        Request {
            workspace: "/home/me/my shop".into(),
            target,
            target_dir: None,
            tools_bin: "/home/me/my shop/.venv/bin".into(),
            out_dir: "/home/me/my shop/.cartctl/artifacts".into(),
            cargo: None,
            rustc: None,
            color: false,
            inherited: crate::build::inherited::tests::of_this_process(),
        }
    }

    fn compiler() -> Compiler {
        Compiler { library_sources: "/home/me/.rustup/lib/rustlib/src/rust".into(), commit: "5980".into() }
    }

    fn folders() -> Folders {
        Folders {
            target: "/home/me/my shop/target".into(),
            dependencies: ["/home/me/.cargo/registry/src/index".into()].into_iter().collect(),
        }
    }

    #[test]
    fn the_host_is_built_with_the_selection_that_everything_else_uses() {
        let call = Call::for_host(&request(Target::Host));
        assert_eq!(call.program, "cargo");
        assert_eq!(call.arguments.join(" "), "build --workspace --bins --locked --message-format=json-render-diagnostics");
    }

    #[test]
    fn lambda_is_built_against_the_glibc_of_amazon_linux() {
        let call = Call::for_lambda(&request(Target::Host), Architecture::Arm64, &compiler(), &folders());
        assert_eq!(call.program, "/home/me/my shop/.venv/bin/cargo-zigbuild");
        assert_eq!(
            call.arguments.join(" "),
            "zigbuild --profile lambda --target aarch64-unknown-linux-gnu.2.34 -p products -p cart --bins --locked \
             --message-format=json-render-diagnostics"
        );
    }

    #[test]
    fn both_compilers_forget_the_folders() {
        let call = Call::for_lambda(&request(Target::Host), Architecture::Arm64, &compiler(), &folders());
        let value = |name: &str| call.environment.iter().find(|(found, _)| found == name).map(|(_, value)| value.as_str());
        assert_eq!(
            value("CARGO_ENCODED_RUSTFLAGS").unwrap().split('\u{1f}').collect::<Vec<_>>(),
            [
                "--remap-path-prefix=/home/me/.cargo/registry/src/index=/dependencies",
                "--remap-path-prefix=/home/me/.rustup/lib/rustlib/src/rust=/rustc/5980",
                "--remap-path-prefix=/home/me/my shop/target=/target",
            ]
        );
        assert_eq!(
            value("CFLAGS_aarch64_unknown_linux_gnu"),
            Some(
                "'-ffile-prefix-map=/home/me/.cargo/registry/src/index=/dependencies' \
                 '-ffile-prefix-map=/home/me/.rustup/lib/rustlib/src/rust=/rustc/5980' \
                 '-ffile-prefix-map=/home/me/my shop/target=/target'"
            )
        );
        assert_eq!(value("SOURCE_DATE_EPOCH"), Some("315532800"));
    }

    #[test]
    fn chosen_programs_and_folders_are_passed_on() {
        let request = Request {
            cargo: Some("/opt/cargo".into()),
            rustc: Some("/opt/rustc".into()),
            target_dir: Some("/big/target".into()),
            ..request(Target::Host)
        };
        let call = Call::for_host(&request);
        assert_eq!(call.program, "/opt/cargo");
        for expected in [("RUSTC", "/opt/rustc"), ("CARGO", "/opt/cargo"), ("CARGO_TARGET_DIR", "/big/target")] {
            assert!(call.environment.iter().any(|(name, value)| (name.as_str(), value.as_str()) == expected), "{expected:?}");
        }
    }

    #[test]
    fn executables_are_found_in_the_messages() {
        let mut built = Built::default();
        for message in [
            r#"{"reason":"compiler-artifact","target":{"name":"serde","kind":["lib"]},"executable":null}"#,
            r#"{"reason":"compiler-artifact","target":{"name":"cart","kind":["bin"]},"executable":"/t/cart"}"#,
            r#"{"reason":"compiler-artifact","target":{"name":"cart","kind":["test"]},"executable":"/t/deps/cart-1"}"#,
            r#"{"reason":"compiler-artifact","target":{"name":"products","kind":["bin"]},"executable":"/t/products"}"#,
            r#"{"reason":"something-new","of":["the future"]}"#,
            "a build script's chatter",
            r#"{"reason":"build-finished","success":true}"#,
        ] {
            built.read(message);
        }
        assert!(built.compiled);
        let executables = built.executables().unwrap();
        assert_eq!(executables, [(Service::Products, "/t/products".into()), (Service::Cart, "/t/cart".into())]);
    }

    #[test]
    fn a_service_without_a_binary_is_named() {
        let error = Built { found: vec![(Service::Cart, "/t/cart".into())], compiled: true }.executables().unwrap_err();
        assert_eq!(error.to_string(), "cargo built no binary named products");
    }

    /// A workspace whose cargo is a script.
    fn with_fake_cargo(script: &str) -> (Utf8TempDir, Request) {
        let folder = camino_tempfile::tempdir().unwrap();
        let cargo = folder.path().join("cargo");
        process::make_program(&cargo, script);
        let request = Request { workspace: folder.path().to_owned(), cargo: Some(cargo), ..request(Target::Host) };
        (folder, request)
    }

    async fn failure(script: &str) -> (package::Error, Vec<Progress>) {
        let (_folder, request) = with_fake_cargo(script);
        let mut said = Vec::new();
        let error = compile(&request, &mut |progress| said.push(progress)).await.unwrap_err();
        (error, said)
    }

    #[tokio::test]
    async fn code_that_does_not_compile_is_one_line_below_the_compilers_own() {
        let (error, said) = failure(
            "echo 'error[E0308]: mismatched types' >&2\n\
             echo 'error: could not compile `cart`' >&2\n\
             echo '{\"reason\":\"build-finished\",\"success\":false}'\n\
             exit 101",
        )
        .await;
        assert_eq!(error.to_string(), "the services do not compile");
        assert_eq!(error.hint().as_deref(), Some("the compiler's messages are above"));
        assert_eq!(said[0], Progress::Said { line: "error[E0308]: mismatched types".into() });
    }

    #[tokio::test]
    async fn a_stale_lock_file_has_its_own_hint() {
        let (error, _) =
            failure("echo 'error: cannot update the lock file /w/Cargo.lock because --locked was passed' >&2; exit 101").await;
        assert_eq!(error.to_string(), "cargo cannot build: cannot update the lock file /w/Cargo.lock because --locked was passed");
        assert!(error.hint().unwrap().contains("commit Cargo.lock"));
    }

    #[tokio::test]
    async fn a_machine_without_cargo_is_told_where_to_get_it() {
        let request = Request { workspace: "/".into(), cargo: Some("/nowhere/cargo".into()), ..request(Target::Host) };
        let error = compile(&request, &mut |_| ()).await.unwrap_err();
        assert_eq!(error.to_string(), "cannot run /nowhere/cargo");
        assert_eq!(error.hint().as_deref(), Some("install Rust from https://rustup.rs"));
    }
}
