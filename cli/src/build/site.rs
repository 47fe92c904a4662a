//! The shop's page as it goes online: builds it with npm, and reads what came out. Knows nothing of where it goes.

use std::{collections::VecDeque, io};

use camino::{Utf8Path, Utf8PathBuf};
use tokio::process::Command;

use crate::{
    build::package::process::{self, Line},
    domain::{
        digest::md5,
        site::{File, INDEX},
    },
    files,
};

/// How much of what a failed build said is told.
const LAST_LINES: usize = 30;

/// The mode in which the page takes what it is built for from the environment alone (frontend/tools/environment.ts).
const MODE: &str = "hosted";

/// Why there is no page to put online. Nothing was uploaded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// There is no Node.
    #[error("building the shop's page takes npm, and that is not on the PATH")]
    NoNode,
    /// What the page is built from and with was not installed.
    #[error("building the shop's page takes packages that are not in {folder}/node_modules")]
    NotInstalled {
        /// The folder of the shop.
        folder: Utf8PathBuf,
    },
    /// The build failed.
    #[error("building the shop's page failed:\n{said}")]
    Failed {
        /// The last lines of what it said.
        said: String,
    },
    /// The build succeeded and there is no page.
    #[error("the build left no {INDEX} in {folder}")]
    NoPage {
        /// Where it should be.
        folder: Utf8PathBuf,
    },
    /// Something cannot be read or run.
    #[error("{action} failed: {source}")]
    Io {
        /// What.
        action: String,
        /// Why.
        source: io::Error,
    },
}

impl Error {
    /// The next thing to try.
    pub(crate) fn hint(&self) -> Option<String> {
        let without = "to deploy without it, name the other stacks: `cartctl deploy auth products cart`";
        match self {
            Self::NoNode => Some(format!("install Node 20.19 or newer; {without}")),
            Self::NotInstalled { folder } => Some(format!("`npm --prefix {folder} ci` installs them; {without}")),
            Self::Failed { .. } => {
                Some("nothing was uploaded; once it builds, `cartctl frontend deploy` puts it online".to_owned())
            }
            Self::NoPage { .. } | Self::Io { .. } => None,
        }
    }
}

/// Makes sure that the shop in this folder can be built here, before anything is begun that would wait for it. Installs nothing.
///
/// # Errors
/// [`Error::NotInstalled`] or [`Error::NoNode`].
pub(crate) async fn check(folder: &Utf8Path) -> Result<(), Error> {
    if !folder.join("node_modules").is_dir() {
        return Err(Error::NotInstalled { folder: folder.to_owned() });
    }
    let mut command = Command::new("npm");
    command.arg("--version");
    run(command).await
}

/// Builds the shop in `folder` for these variables into `out`, of which it replaces what is there.
///
/// # Errors
/// [`Error`].
pub(crate) async fn build(folder: &Utf8Path, out: &Utf8Path, variables: &[(&str, String)]) -> Result<Vec<File>, Error> {
    let mut command = Command::new("npm");
    command.args(["run", "build", "--", "--mode", MODE, "--emptyOutDir", "--outDir", out.as_str()]);
    command.current_dir(folder).env("NO_COLOR", "1").env("npm_config_update_notifier", "false");
    // What somebody has in the environment is not what this is deployed beside.
    command.env_remove("VUE_APP_COGNITO_ENDPOINT").envs(variables.iter().map(|(name, value)| (name, value)));
    run(command).await?;
    let files = read(out)?;
    if files.iter().any(|file| file.path == INDEX) { Ok(files) } else { Err(Error::NoPage { folder: out.to_owned() }) }
}

async fn run(command: Command) -> Result<(), Error> {
    let mut said = VecDeque::new();
    let status = process::run(command, |line| match line {
        Line::Output(text) | Line::Error(text) => {
            said.push_back(text);
            if said.len() > LAST_LINES {
                said.pop_front();
            }
        }
        Line::Transient(_) => {}
    })
    .await
    .map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => Error::NoNode,
        _ => Error::Io { action: "running npm".to_owned(), source },
    })?;
    if status.success() { Ok(()) } else { Err(Error::Failed { said: Vec::from(said).join("\n") }) }
}

/// The files below a folder. What is hidden, such as the build's own list of files, is not for the public.
fn read(folder: &Utf8Path) -> Result<Vec<File>, Error> {
    let failed = |source| Error::Io { action: format!("reading {folder}"), source };
    let is_public = |name: &str| !name.starts_with('.') || name == ".well-known";
    let file = |path: Utf8PathBuf| {
        let content = std::fs::read(&path)?;
        let relative = path.strip_prefix(folder).unwrap_or(&path);
        Ok(File {
            path: relative.components().map(|part| part.as_str()).collect::<Vec<_>>().join("/"),
            bytes: content.len() as u64,
            md5: md5(&content),
        })
    };
    files::below(folder, is_public).and_then(|paths| paths.into_iter().map(file).collect()).map_err(failed)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_hidden_is_not_for_the_public() {
        let folder = camino_tempfile::tempdir().unwrap();
        for (path, content) in [("index.html", "a"), ("assets/a.js", ""), (".vite/manifest.json", "{}"), (".well-known/x", "b")] {
            let path = folder.path().join(path);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, content).unwrap();
        }
        let files: Vec<_> = read(folder.path()).unwrap().into_iter().map(|file| (file.path, file.bytes, file.md5)).collect();
        let empty = "d41d8cd98f00b204e9800998ecf8427e".to_owned();
        assert_eq!(
            files,
            [
                (".well-known/x".to_owned(), 1, "92eb5ffee6ae2fec3ad71c777531578f".to_owned()),
                ("assets/a.js".to_owned(), 0, empty),
                ("index.html".to_owned(), 1, "0cc175b9c0f1b6a831c399e269772661".to_owned()),
            ]
        );
    }

    #[tokio::test]
    async fn what_is_missing_is_named() {
        let folder = camino_tempfile::tempdir().unwrap();
        let error = check(folder.path()).await.unwrap_err();
        assert!(error.to_string().ends_with("/node_modules"), "{error}");
        assert!(error.hint().unwrap().starts_with(&format!("`npm --prefix {} ci`", folder.path())), "{error}");
    }
}
