//! The shop's site beside the local cloud: built by Vite when one of its sources has changed, and served by its own process,
//! either as built or by Vite with live reload. Knows nothing of the shop.

use std::path::PathBuf;

use camino::{Utf8Path, Utf8PathBuf};
use tokio::process::Command;

use super::{
    Error, RunningSite, SITE, io,
    process::{self, Process},
    record, written,
};
use crate::{
    build::{
        self,
        inherited::{Inherited, Tool},
        node,
    },
    domain::digest::sha256,
    files,
};

/// The command of `cartctl` that serves the built site.
pub(crate) const SERVE: &str = "serve-site";

/// The parts of `frontend/` that the build does not use.
const NOT_MADE_OF: [&str; 6] = ["node_modules", "dist", "test-results", "e2e", "README.md", "eslint.config.js"];

/// The folders and programs of the site's build.
#[derive(Clone, Debug)]
pub(crate) struct Workshop {
    frontend: Utf8PathBuf,
    directory: Utf8PathBuf,
    cartctl: PathBuf,
    inherited: Inherited,
}

impl Workshop {
    /// The workshop of a workspace, for a shop with its state in `directory`.
    ///
    /// # Errors
    /// [`Error::NoFrontend`], if a tool is missing.
    pub(crate) async fn of(workspace: &Utf8Path, directory: &Utf8Path, inherited: &Inherited) -> Result<Self, Error> {
        // Resolved now: once cargo has replaced the program, the system calls the path deleted.
        let cartctl = std::env::current_exe().map_err(io("finding cartctl"))?;
        let workshop =
            Self { frontend: workspace.join("frontend"), directory: directory.to_owned(), cartctl, inherited: inherited.clone() };
        if !workshop.vite().is_file() {
            return Err(Error::NoFrontend { reason: format!("there is no {}", workshop.vite()) });
        }
        node::check(inherited).await?;
        Ok(workshop)
    }

    /// Builds the site with these variables, unless this build exists.
    ///
    /// # Errors
    /// [`Error::SiteBuild`]; the former build stays.
    pub(crate) async fn build(&self, variables: &[(&str, String)]) -> Result<(), Error> {
        let stamp = self.stamp(variables)?;
        let (built, stamp_file) = (self.built(), self.directory.join("site/stamp"));
        if std::fs::read_to_string(&stamp_file).is_ok_and(|written| written == stamp) {
            return Ok(());
        }
        let new = self.directory.join("site/new");
        let mut command = self.call(variables);
        command.args(["build", "--logLevel", "warn", "--emptyOutDir", "--outDir", new.as_str()]);
        let done = build::process::result_of(command).await.map_err(io("starting node"))?;
        if !done.status.success() {
            return Err(Error::SiteBuild { said: done.said });
        }
        drop(std::fs::remove_file(&stamp_file));
        drop(std::fs::remove_dir_all(&built));
        std::fs::rename(&new, &built).map_err(io(format!("moving {new}")))?;
        Ok(files::write_whole(&stamp_file, stamp)?)
    }

    /// Copies the build to the served folder, with the variables' values in place of the placeholders. Unchanged files
    /// are skipped.
    ///
    /// # Errors
    /// [`Error::Io`].
    pub(crate) fn place(&self, values: &[(String, String)]) -> Result<(), Error> {
        let (built, made) = (self.built(), self.folder());
        let mut placed = Vec::new();
        for file in files::below(&built, is_shown).map_err(io(format!("reading {built}")))? {
            let target = made.join(file.strip_prefix(&built).unwrap_or(&file));
            let mut content = std::fs::read(&file).map_err(io(format!("reading {file}")))?;
            if matches!(file.extension(), Some("js" | "html"))
                && let Ok(text) = std::str::from_utf8(&content)
            {
                content = values.iter().fold(text.to_owned(), |text, (from, to)| text.replace(from, to)).into_bytes();
            }
            if std::fs::read(&target).is_ok_and(|there| there == content) {
                placed.push(target);
                continue;
            }
            files::write_whole(&target, content)?;
            placed.push(target);
        }
        let there = files::below(&made, is_shown).map_err(io(format!("reading {made}")))?;
        for old in there.into_iter().filter(|file| !placed.contains(file)) {
            std::fs::remove_file(&old).map_err(io(format!("removing {old}")))?;
        }
        Ok(())
    }

    /// Serves the built site on this port of `localhost`, by `cartctl` itself as a separate process.
    ///
    /// # Errors
    /// [`Error::DidNotStart`].
    pub(crate) async fn serve(&self, port: u16) -> Result<Site, Error> {
        let mut command = self.inherited.command(Tool::Local, &self.cartctl);
        command.args([SERVE, self.folder().as_str(), "--port", &port.to_string()]).current_dir(&self.directory);
        self.start(command, port).await
    }

    /// Starts Vite to serve the site, with live reload.
    ///
    /// # Errors
    /// [`Error::DidNotStart`].
    pub(crate) async fn develop(&self, variables: &[(&str, String)], port: u16) -> Result<Site, Error> {
        let mut command = self.call(variables);
        command.args(["--port", &port.to_string(), "--clearScreen", "false"]);
        self.start(command, port).await
    }

    /// The log file of the site's server.
    pub(crate) fn log(&self) -> Utf8PathBuf {
        self.directory.join("site.log")
    }

    async fn start(&self, command: Command, port: u16) -> Result<Site, Error> {
        let process = Process::start("the shop's site", command, self.log())?;
        let process = process.answering(&format!("http://localhost:{port}/")).await?;
        if let Some(running) = written(&self.directory) {
            let site = RunningSite { pid: process.pid(), port };
            record(&self.directory, &super::Running { site: Some(site), ..running })?;
        }
        Ok(Site { process })
    }

    /// Vite, for the local cloud. The variables come from its environment rather than from a file, which may be another shop's.
    fn call(&self, variables: &[(&str, String)]) -> Command {
        let mut command = self.inherited.command(Tool::Node, "node");
        command.arg(self.vite()).envs(variables.iter().map(|(name, value)| (name, value))).current_dir(&self.frontend);
        command.args(["--mode", "local-cloud"]);
        command
    }

    fn vite(&self) -> Utf8PathBuf {
        self.frontend.join("node_modules/vite/bin/vite.js")
    }

    fn built(&self) -> Utf8PathBuf {
        self.directory.join("site/built")
    }

    fn folder(&self) -> Utf8PathBuf {
        self.directory.join("site/made")
    }

    /// The hash of everything the build depends on. The lock file stands for the installed packages.
    fn stamp(&self, variables: &[(&str, String)]) -> Result<String, Error> {
        let is_source = |name: &str| is_shown(name) && !NOT_MADE_OF.contains(&name);
        let mut parts = Vec::new();
        for file in files::below(&self.frontend, is_source).map_err(io(format!("reading {}", self.frontend)))? {
            let content = std::fs::read(&file).map_err(io(format!("reading {file}")))?;
            parts.push(sha256(&[file.as_str().as_bytes(), &content]));
        }
        parts.extend(variables.iter().map(|(name, value)| format!("{name}={value}\n")));
        Ok(sha256(&parts.iter().map(String::as_bytes).collect::<Vec<_>>()))
    }
}

fn is_shown(name: &str) -> bool {
    !name.starts_with('.')
}

/// The site's server, started by this process.
#[derive(Debug)]
pub(crate) struct Site {
    process: Process,
}

impl Site {
    /// Returns when it ends unexpectedly.
    pub(crate) async fn ended(&mut self) -> Error {
        self.process.ended().await
    }

    pub(crate) async fn stop(self) {
        self.process.stop().await;
    }

    /// Lets it run after this process.
    pub(crate) fn let_go(self) {
        self.process.let_go();
    }
}

/// Stops the released server of a site, if one runs.
pub(crate) async fn stop(directory: &Utf8Path) {
    if let Some(site) = written(directory).and_then(|running| running.site) {
        process::stop(site.pid, &SITE).await;
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_site_is_made_of_its_sources_and_of_its_variables() {
        let folder = camino_tempfile::tempdir().unwrap();
        let (frontend, directory) = (folder.path().join("frontend"), folder.path().join("local"));
        let workshop = Workshop { frontend, directory, cartctl: PathBuf::new(), inherited: Inherited::default() };
        let put = |name: &str, text: &str| {
            let path = workshop.frontend.join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        };
        let stamp = |value: &str| workshop.stamp(&[("VUE_APP_CART_API_URL", value.to_owned())]).unwrap();
        put("src/main.ts", "1");
        let before = stamp("a");
        put("node_modules/vite/bin/vite.js", "");
        put(".env.local", "VUE_APP_CART_API_URL=other");
        put("dist/index.html", "");
        assert_eq!(stamp("a"), before, "nothing it is made of has changed");
        assert_ne!(stamp("b"), before);
        put("src/main.ts", "2");
        assert_ne!(stamp("a"), before);
    }

    #[test]
    fn what_is_placed_has_the_values_and_nothing_old() {
        let folder = camino_tempfile::tempdir().unwrap();
        let local = folder.path();
        let workshop = Workshop {
            frontend: local.join("frontend"),
            directory: local.to_owned(),
            cartctl: PathBuf::new(),
            inherited: Inherited::default(),
        };
        for (name, text) in [
            ("built/assets/index-1.js", "fetch('http://localhost/stand-in')"),
            ("built/picture.svg", "stand-in"),
            ("made/assets/index-0.js", "old"),
        ] {
            let path = local.join("site").join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(path, text).unwrap();
        }
        let read = |name: &str| std::fs::read_to_string(local.join("site/made").join(name)).ok();
        for value in ["a", "b"] {
            workshop.place(&[("http://localhost/stand-in".to_owned(), value.to_owned())]).unwrap();
            assert_eq!(read("assets/index-1.js").unwrap(), format!("fetch('{value}')"));
            assert_eq!((read("picture.svg").as_deref(), read("assets/index-0.js")), (Some("stand-in"), None));
        }
    }
}
