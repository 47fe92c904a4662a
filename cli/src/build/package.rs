//! Turns the workspace into archives that Lambda runs: compile every service once, check what came out, zip it, name each archive
//! by the hash of its content.
//!
//! Knows nothing of AWS, of terminals or of the environment: what it needs is in [`Request`], what happens is told as [`Progress`].
//! How cargo is called is in [`build`], what it says is understood in [`narrator`], what a toolchain is asked in [`toolchain`], the check of a binary in [`elf`], the archive in
//! [`archive`].

mod archive;
mod build;
mod elf;
pub(crate) mod manifest;
mod narrator;
pub(crate) mod process;
mod toolchain;

use std::{
    io,
    time::{Duration, Instant},
};

use camino::{Utf8Path, Utf8PathBuf};
use cart_contract::Service;
use cart_infra::{Architecture, CodeKey, Package};
use serde::{Serialize, Serializer};
use thiserror::Error;

use self::archive::Compression;
use crate::domain::moment::millis;

/// What to compile, for whom, and where everything is. Relative paths start at the current folder.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// The folder with the workspace's `Cargo.toml`.
    pub(crate) workspace: Utf8PathBuf,
    /// The machines that will run the services.
    pub(crate) target: Target,
    /// Where cargo keeps what it compiled, if not where it would by itself.
    pub(crate) target_dir: Option<Utf8PathBuf>,
    /// The folder of `cargo-zigbuild` and of the `python3` that has `ziglang`. Only needed for [`Target::Lambda`].
    pub(crate) tools_bin: Utf8PathBuf,
    /// Where the archives are put, and looked for.
    pub(crate) out_dir: Utf8PathBuf,
    /// The cargo to call, if not the first on the path.
    pub(crate) cargo: Option<Utf8PathBuf>,
    /// The compiler cargo is to use, if not the one it would by itself.
    pub(crate) rustc: Option<Utf8PathBuf>,
    /// Whether the compiler's messages are to be coloured.
    pub(crate) color: bool,
}

/// Whom the services are compiled for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// This machine, for the local cloud: the profile that everything else here is compiled with, so that nothing is compiled twice.
    Host,
    /// Lambda's `provided.al2023`.
    Lambda(Architecture),
}

/// A service, ready to upload.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Artifact {
    /// Whose code it is.
    #[serde(serialize_with = "service_name")]
    pub(crate) service: Service,
    /// The archive.
    pub(crate) path: Utf8PathBuf,
    /// What to call it in a bucket: `<service>/<hash>.zip`. Equal names, equal code. It is the binary that is hashed and not the
    /// archive, so that a new way to compress does not deploy everything again.
    pub(crate) key: CodeKey,
    /// The size of the archive.
    pub(crate) zip_bytes: u64,
    /// The size of the binary in it.
    pub(crate) binary_bytes: u64,
}

impl Artifact {
    /// The package whose code it is.
    pub(crate) fn package(&self) -> Package {
        cart_infra::packages::of(self.service)
    }
}

/// What happens while packaging, in order.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "progress", rename_all = "snake_case")]
pub(crate) enum Progress {
    /// Another cargo uses the same target folder, and this one waits until it is done.
    WaitingForLock,
    /// Some units are compiled, others are being compiled.
    Compiling {
        /// How many are compiled, or were before.
        done: u32,
        /// How many there are.
        total: u32,
        /// Those being compiled, as cargo lists them.
        current: String,
    },
    /// A line the compiler or cargo wrote: a warning, an error, a download.
    Said {
        /// The line, without its end.
        line: String,
    },
    /// Every service is compiled.
    Compiled {
        /// How long it took.
        #[serde(rename = "took_ms", serialize_with = "millis")]
        took: Duration,
    },
    /// A service is ready to upload.
    Packaged {
        /// The result.
        artifact: Artifact,
        /// Whether the archive was there already.
        reused: bool,
        /// How long hashing and compressing took.
        #[serde(rename = "took_ms", serialize_with = "millis")]
        took: Duration,
    },
}

/// Why there are no artifacts.
#[derive(Debug, Error)]
pub(crate) enum Error {
    /// A relative path has no meaning here.
    #[error("cannot tell where {path} is")]
    Locate {
        /// The path.
        path: Utf8PathBuf,
        /// Why not.
        #[source]
        source: io::Error,
    },
    /// The tools are missing or do not answer.
    #[error(transparent)]
    Toolchain(#[from] toolchain::Error),
    /// Cargo did not build.
    #[error(transparent)]
    Build(#[from] build::Error),
    /// The list of packages cannot be used, or not be written.
    #[error(transparent)]
    Manifest(#[from] manifest::Error),
    /// What was built would not run in Lambda.
    #[error("the binary of {service} would not run in Lambda")]
    Check {
        /// Whose binary it is.
        service: Service,
        /// What is wrong with it.
        #[source]
        source: elf::Error,
    },
    /// An archive could not be made.
    #[error("cannot package {service}")]
    Archive {
        /// Whose archive it is.
        service: Service,
        /// What went wrong.
        #[source]
        source: archive::Error,
    },
}

impl Error {
    /// What to do about it.
    #[must_use]
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Locate { .. } => Some("run cartctl in a folder that exists".to_owned()),
            Self::Toolchain(error) => error.hint(),
            Self::Build(error) => error.hint(),
            Self::Manifest(error) => Some(error.hint()),
            Self::Check { source, .. } => Some(source.hint()),
            Self::Archive { source, .. } => Some(source.hint()),
        }
    }
}

/// Compiles all services with one call of cargo and packages them, each as an archive in the request's folder.
///
/// Dropping the future stops the compiler.
pub(crate) async fn package(request: &Request, mut on_progress: impl FnMut(Progress)) -> Result<Vec<Artifact>, Error> {
    let started = Instant::now();
    let request = &absolute(request)?;
    let executables = build::build(request, &mut on_progress).await?;
    on_progress(Progress::Compiled { took: started.elapsed() });

    let mut jobs = Vec::new();
    for (service, executable) in executables {
        let (target, out_dir) = (request.target, request.out_dir.clone());
        let job = tokio::task::spawn_blocking(move || check_and_zip(service, &executable, target, &out_dir));
        jobs.push((service, job));
    }
    let mut artifacts = Vec::new();
    for (service, job) in jobs {
        let packed = job.await.map_err(|source| Error::Archive { service, source: archive::Error::Stopped(source) })??;
        let artifact = Artifact {
            service,
            path: packed.path,
            key: packed.key,
            zip_bytes: packed.zip_bytes,
            binary_bytes: packed.binary_bytes,
        };
        on_progress(Progress::Packaged { artifact: artifact.clone(), reused: packed.reused, took: packed.took });
        artifacts.push(artifact);
    }
    Ok(artifacts)
}

/// The same request wherever it is read: compilers and linkers work in folders of their own.
fn absolute(request: &Request) -> Result<Request, Error> {
    let absolute = |path: &Utf8PathBuf| camino::absolute_utf8(path).map_err(|source| Error::Locate { path: path.clone(), source });
    // A bare name is looked up on the path.
    let program = |path: &Utf8PathBuf| if path.components().count() > 1 { absolute(path) } else { Ok(path.clone()) };
    Ok(Request {
        workspace: absolute(&request.workspace)?,
        target: request.target,
        target_dir: request.target_dir.as_ref().map(absolute).transpose()?,
        tools_bin: absolute(&request.tools_bin)?,
        out_dir: absolute(&request.out_dir)?,
        cargo: request.cargo.as_ref().map(program).transpose()?,
        rustc: request.rustc.as_ref().map(program).transpose()?,
        color: request.color,
    })
}

fn check_and_zip(service: Service, executable: &Utf8Path, target: Target, out_dir: &Utf8Path) -> Result<archive::Packed, Error> {
    let binary = archive::read(executable).map_err(|source| Error::Archive { service, source })?;
    let compression = match target {
        Target::Host => Compression::ForLoopback,
        Target::Lambda(architecture) => {
            elf::check(&binary, architecture).map_err(|source| Error::Check { service, source })?;
            Compression::ForUpload
        }
    };
    archive::pack(service, &binary, compression, out_dir).map_err(|source| Error::Archive { service, source })
}

#[expect(clippy::trivially_copy_pass_by_ref, reason = "serde calls it with a reference")]
fn service_name<S: Serializer>(service: &Service, serializer: S) -> Result<S::Ok, S::Error> {
    serializer.serialize_str(service.bin())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_have_the_same_meaning_in_every_folder() {
        let here = Utf8PathBuf::try_from(std::env::current_dir().unwrap()).unwrap();
        let request = Request {
            workspace: ".".into(),
            target: Target::Host,
            target_dir: Some("target".into()),
            tools_bin: ".venv/bin".into(),
            out_dir: "/tmp/out".into(),
            cargo: Some("cargo".into()),
            rustc: Some("toolchain/rustc".into()),
            color: false,
        };
        let absolute = absolute(&request).unwrap();
        assert_eq!(absolute.workspace, here);
        assert_eq!(absolute.target_dir, Some(here.join("target")));
        assert_eq!(absolute.tools_bin, here.join(".venv/bin"));
        assert_eq!(absolute.out_dir, "/tmp/out");
        assert_eq!(absolute.cargo, Some("cargo".into()));
        assert_eq!(absolute.rustc, Some(here.join("toolchain/rustc")));
    }

    #[test]
    fn what_happens_is_data() {
        let artifact = Artifact {
            service: Service::Cart,
            path: "/out/cart/5980.zip".into(),
            key: "cart/5980.zip".parse().unwrap(),
            zip_bytes: 3,
            binary_bytes: 8,
        };
        let progress = Progress::Packaged { artifact, reused: true, took: Duration::from_millis(1) };
        assert_eq!(
            serde_json::to_string(&progress).unwrap(),
            r#"{"progress":"packaged","artifact":{"service":"cart","path":"/out/cart/5980.zip","key":"cart/5980.zip","#.to_owned()
                + r#""zip_bytes":3,"binary_bytes":8},"reused":true,"took_ms":1}"#
        );
    }
}
