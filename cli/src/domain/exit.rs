//! The exit codes of the process.

/// How the process ends. docs/deploying.md documents the numbers, which never change.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum ExitCode {
    #[default]
    Done = 0,
    /// A build, a deployment, a request.
    Failed = 1,
    /// The command line or `cartctl.toml` cannot be used as it is.
    Usage = 2,
    /// A question was answered with no, or could not be asked.
    Declined = 3,
    /// No usable credentials, the wrong account, or somebody else's bucket.
    Credentials = 4,
    /// A stack is in a state, or would change in a way, that needs a decision first; or it is somebody else's.
    Stuck = 5,
    /// Some stacks were deployed or deleted, others were not.
    Partial = 6,
    /// `diff --fail-on` found such changes, or `totals` found wrong totals.
    Found = 10,
    /// CloudFormation still works, and cartctl no longer waits.
    Detached = 124,
    /// Ctrl-C or SIGTERM.
    Interrupted = 130,
}

impl ExitCode {
    pub(crate) const fn number(self) -> u8 {
        self as u8
    }
}

impl From<ExitCode> for std::process::ExitCode {
    fn from(exit: ExitCode) -> Self {
        Self::from(exit.number())
    }
}
