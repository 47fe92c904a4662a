//! Turns the workspace into archives that Lambda runs: compiles every service once, checks the binaries, zips them, and names each
//! archive by its hash.
//!
//! Knows nothing of AWS, of terminals or of the environment: [`Request`] is the input, [`Progress`] reports the steps.
//!
//! [`compile`] calls cargo, and [`narrator`](super::narrator) interprets its output. [`toolchain`] checks the installation. [`elf`]
//! checks a binary, and [`archive`] zips it.

use std::{io, time::Instant};

use camino::{Utf8Path, Utf8PathBuf};
use cart_contract::Service;
use cart_infra::{Architecture, packages};
use thiserror::Error;

use super::{
    archive::{self, Compression},
    compile, elf,
    inherited::Inherited,
    manifest, toolchain,
};
use crate::domain::package::{Artifact, Progress};

/// The source, the target and all folders. Relative paths start at the current folder.
#[derive(Clone, Debug)]
pub(crate) struct Request {
    /// The folder with the workspace's `Cargo.toml`.
    pub(crate) workspace: Utf8PathBuf,
    /// The machines that will run the services.
    pub(crate) target: Target,
    /// None for cargo's default.
    pub(crate) target_dir: Option<Utf8PathBuf>,
    /// The folder of `cargo-zigbuild` and of the `python3` that has `ziglang`. Only needed for [`Target::Lambda`].
    pub(crate) tools_bin: Utf8PathBuf,
    /// The folder of the archives.
    pub(crate) out_dir: Utf8PathBuf,
    /// None for the first cargo on the path.
    pub(crate) cargo: Option<Utf8PathBuf>,
    /// None for cargo's default.
    pub(crate) rustc: Option<Utf8PathBuf>,
    /// Whether the compiler's messages are coloured.
    pub(crate) color: bool,
    /// What cargo, its compilers and build scripts are told of the environment.
    pub(crate) inherited: Inherited,
}

/// The platform of the services.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Target {
    /// This machine, for the local cloud: in the profile of everything else here, so that nothing is compiled twice.
    Host,
    /// Lambda's `provided.al2023`.
    Lambda(Architecture),
}

/// Why packaging failed.
#[derive(Debug, Error)]
pub(crate) enum Error {
    #[error("cannot tell where {path} is")]
    Locate {
        path: Utf8PathBuf,
        #[source]
        source: io::Error,
    },
    #[error(transparent)]
    Toolchain(#[from] toolchain::Error),
    #[error(transparent)]
    Build(#[from] compile::Error),
    #[error(transparent)]
    Manifest(#[from] manifest::Error),
    #[error("the binary of {service} would not run in Lambda")]
    Check {
        service: Service,
        #[source]
        source: elf::Error,
    },
    #[error("cannot package {service}")]
    Archive {
        service: Service,
        #[source]
        source: archive::Error,
    },
}

impl Error {
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
    let executables = compile::compile(request, &mut on_progress).await?;
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
            binary_bytes: packed.binary_bytes,
            ..Artifact::new(packages::of(service), packed.hash, packed.path, packed.zip_bytes)
        };
        on_progress(Progress::Packaged { artifact: artifact.clone(), reused: packed.reused, took: packed.took });
        artifacts.push(artifact);
    }
    Ok(artifacts)
}

/// The same request with absolute paths: compilers and linkers work in folders of their own.
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
        inherited: request.inherited.clone(),
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
            inherited: Inherited::default(),
        };
        let absolute = absolute(&request).unwrap();
        assert_eq!(absolute.workspace, here);
        assert_eq!(absolute.target_dir, Some(here.join("target")));
        assert_eq!(absolute.tools_bin, here.join(".venv/bin"));
        assert_eq!(absolute.out_dir, "/tmp/out");
        assert_eq!(absolute.cargo, Some("cargo".into()));
        assert_eq!(absolute.rustc, Some(here.join("toolchain/rustc")));
    }
}
