//! Builds the shop's site with npm for publication, and lists its files. Knows nothing of the destination.

use std::io;

use camino::{Utf8Path, Utf8PathBuf};
use tokio::process::Command;

use super::{
    inherited::{Inherited, Tool},
    node, process,
};
use crate::{
    domain::{
        command,
        digest::md5,
        site::{File, INDEX},
        text::shell_word,
    },
    files,
};

/// The mode in which the site takes its variables from the environment alone (frontend/tools/environment.ts).
const MODE: &str = "hosted";

/// Why the site was not built. Nothing was uploaded.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    #[error(transparent)]
    Node(#[from] node::Error),
    #[error("building the shop's site takes npm, and that is not on the PATH")]
    NoNpm,
    #[error("building the shop's site takes packages that are not in {folder}/node_modules")]
    NotInstalled {
        /// The folder of the frontend.
        folder: Utf8PathBuf,
    },
    #[error("building the shop's site failed:\n{said}")]
    Failed {
        /// The last lines of its output.
        said: String,
    },
    /// The build succeeded and left no site.
    #[error("the build left no {INDEX} in {folder}")]
    NoSite { folder: Utf8PathBuf },
    #[error("running npm failed")]
    Run(#[source] io::Error),
    #[error("reading {folder} failed")]
    Read { folder: Utf8PathBuf, source: io::Error },
}

impl Error {
    pub(crate) fn hint(&self) -> Option<String> {
        let without = format!(
            "to deploy without the site, name the stacks that are wanted: {}",
            command::Command::cartctl("deploy auth products cart")
        );
        match self {
            Self::Node(error) => Some(format!("{}; {without}", error.hint())),
            Self::NoNpm => Some(format!("install npm, which comes with Node; {without}")),
            Self::NotInstalled { folder } => {
                Some(format!("`npm --prefix {} ci` installs them; {without}", shell_word(folder.as_str())))
            }
            Self::Failed { .. } => {
                let deploy = command::Command::cartctl("frontend deploy");
                Some(format!("nothing was uploaded; once it builds, {deploy} puts it online"))
            }
            Self::NoSite { .. } | Self::Run(_) | Self::Read { .. } => None,
        }
    }
}

/// Verifies that the site in this folder can be built here, before any work that would wait for it. Installs nothing.
///
/// # Errors
/// [`Error::NotInstalled`], [`Error::Node`] or [`Error::NoNpm`].
pub(crate) async fn check(folder: &Utf8Path, inherited: &Inherited) -> Result<(), Error> {
    if !folder.join("node_modules").is_dir() {
        return Err(Error::NotInstalled { folder: folder.to_owned() });
    }
    node::check(inherited).await?;
    let mut command = inherited.command(Tool::Node, "npm");
    command.arg("--version");
    run(command).await
}

/// Builds the site in `folder` with these variables into `out`, and replaces its content.
pub(crate) async fn build(
    folder: &Utf8Path,
    out: &Utf8Path,
    variables: &[(&str, String)],
    inherited: &Inherited,
) -> Result<Vec<File>, Error> {
    let mut command = inherited.command(Tool::Node, "npm");
    command.args(["run", "build", "--", "--mode", MODE, "--emptyOutDir", "--outDir", out.as_str()]);
    command.current_dir(folder).env("NO_COLOR", "1").env("npm_config_update_notifier", "false");
    command.envs(variables.iter().map(|(name, value)| (name, value)));
    run(command).await?;
    let files = read(out).map_err(|source| Error::Read { folder: out.to_owned(), source })?;
    if files.iter().any(|file| file.path == INDEX) { Ok(files) } else { Err(Error::NoSite { folder: out.to_owned() }) }
}

async fn run(command: Command) -> Result<(), Error> {
    let ended = process::result_of(command).await.map_err(|source| match source.kind() {
        io::ErrorKind::NotFound => Error::NoNpm,
        _ => Error::Run(source),
    })?;
    if ended.status.success() { Ok(()) } else { Err(Error::Failed { said: ended.said }) }
}

/// The files below a folder. Hidden ones, such as the build's own list of files, are not published.
fn read(folder: &Utf8Path) -> io::Result<Vec<File>> {
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
    files::below(folder, is_public)?.into_iter().map(file).collect()
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
        let error = check(folder.path(), &Inherited::default()).await.unwrap_err();
        assert!(error.to_string().ends_with("/node_modules"), "{error}");
        assert!(error.hint().unwrap().starts_with(&format!("`npm --prefix {} ci`", folder.path())), "{error}");
    }
}
