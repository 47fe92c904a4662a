//! The program under test, run in the workspace with a configuration of its own. Knows nothing of what it is asked to do.

use std::{
    ffi::OsString,
    fs,
    process::{Command, Stdio},
};

use camino::{Utf8Path, Utf8PathBuf};
use camino_tempfile::{Utf8TempDir, tempdir};

/// A folder with a `cartctl.toml`, in which everything stays that a test makes.
pub(crate) struct Project {
    folder: Utf8TempDir,
}

/// How a run ended.
#[derive(Debug)]
pub(crate) struct Run {
    /// The exit code.
    pub code: i32,
    /// The answer.
    pub stdout: String,
    /// The story.
    pub stderr: String,
}

impl Project {
    /// A folder with this configuration. The name has a space, because somebody's home has one.
    pub(crate) fn new(configuration: &str) -> Self {
        let project = Self { folder: tempdir().unwrap() };
        fs::create_dir(project.folder.path().join("a shop")).unwrap();
        project.configure(configuration);
        project
    }

    /// Replaces the configuration.
    pub(crate) fn configure(&self, configuration: &str) {
        fs::write(self.path("cartctl.toml"), configuration).unwrap();
    }

    /// A path in the folder.
    pub(crate) fn path(&self, name: &str) -> Utf8PathBuf {
        self.folder.path().join("a shop").join(name)
    }

    /// A text without the name of this folder, which is another one every time, and with the words for an unknown host that a machine has
    /// whose resolver answers.
    pub(crate) fn anonymous(&self, text: &str) -> String {
        text.replace(self.path("").as_str(), "[folder]/")
            .replace("Temporary failure in name resolution", "Name or service not known")
    }

    /// The program with these arguments, in an environment that says nothing of AWS.
    #[expect(clippy::disallowed_methods, reason = "what is removed has to be found")]
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(program());
        for (name, _) in std::env::vars() {
            let foreign = ["AWS_", "CARTCTL_", "CLICOLOR", "GITHUB_"].iter().any(|prefix| name.starts_with(prefix));
            if foreign || ["S3_BUCKET", "NO_COLOR", "COLUMNS"].contains(&name.as_str()) {
                command.env_remove(name);
            }
        }
        command
            .args(arguments)
            .args(["--config", self.path("cartctl.toml").as_str()])
            .current_dir(workspace())
            .env("CARGO_TARGET_DIR", target_dir())
            .stdin(Stdio::null());
        command
    }
}

/// Runs a command to its end.
pub(crate) fn finish(command: &mut Command) -> Run {
    let output = command.output().unwrap();
    Run {
        code: output.status.code().expect("it was not killed"),
        stdout: String::from_utf8(output.stdout).unwrap(),
        stderr: String::from_utf8(output.stderr).unwrap(),
    }
}

impl Run {
    /// The answer and the story of a run that succeeded.
    #[track_caller]
    pub(crate) fn succeeded(self) -> (String, String) {
        self.answered(0)
    }

    /// The answer and the story of a run that ended with this exit code, and without an error.
    #[track_caller]
    pub(crate) fn answered(self, code: i32) -> (String, String) {
        assert_eq!(self.code, code, "{}", self.stderr);
        assert!(!self.stderr.lines().any(|line| line.starts_with("error: ")), "{}", self.stderr);
        (self.stdout, self.stderr)
    }

    /// The story of a run that failed with this exit code.
    #[track_caller]
    pub(crate) fn failed(self, code: i32) -> String {
        assert_eq!(self.code, code, "{}\n{}", self.stdout, self.stderr);
        let errors = self.stderr.lines().filter(|line| line.starts_with("error: ")).count();
        assert_eq!(errors, 1, "{}", self.stderr);
        self.stderr
    }
}

/// The program under test. Who measures wants to measure what people install.
#[expect(clippy::disallowed_methods, reason = "this is not part of any configuration")]
fn program() -> OsString {
    std::env::var_os("MEASURED_CARTCTL").unwrap_or_else(|| env!("CARGO_BIN_EXE_cartctl").into())
}

fn workspace() -> &'static Utf8Path {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

/// The target folder that holds the program under test, so that it finds compiled what the tests compiled.
fn target_dir() -> &'static Utf8Path {
    Utf8Path::new(env!("CARGO_BIN_EXE_cartctl")).ancestors().nth(2).unwrap()
}
