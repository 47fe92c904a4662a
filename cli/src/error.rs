//! What can go wrong in a command, what to do about it, and the exit code it ends with. Knows nothing of how it is printed.

use crate::{aws, config, env_file, execute, local, package, plan, report};

/// How the process ends when not with 0. These numbers are documented in the README and stay as they are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub(crate) enum ExitCode {
    /// Something failed: a build, a deployment, a request.
    Failed = 1,
    /// The command line or `cartctl.toml` cannot be used as it is.
    Usage = 2,
    /// The question was answered with no, or nobody was there to answer it.
    Declined = 3,
    /// No usable credentials, the wrong account, or somebody else's bucket.
    Credentials = 4,
    /// A stack is in a state that needs a decision first.
    Stuck = 5,
    /// Some stacks were deployed or deleted, others were not.
    Partial = 6,
    /// `diff --fail-on` found what it was told to look for.
    Changes = 10,
    /// Interrupted by Ctrl-C.
    Interrupted = 130,
}

/// Why a command did not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// What happens cannot be told as it was asked for.
    #[error(transparent)]
    Events(#[from] report::events_file::Error),
    /// A call to AWS failed.
    #[error(transparent)]
    Aws(#[from] aws::Error),
    /// The functions could not be built or packaged.
    #[error(transparent)]
    Package(#[from] package::Error),
    /// There is no way from what is there to what is wanted.
    #[error(transparent)]
    Blocked(#[from] plan::Blocked),
    /// A plan was carried out only in part, or not at all.
    #[error(transparent)]
    Execute(#[from] execute::Error),
    /// The frontend's configuration could not be written.
    #[error(transparent)]
    EnvFile(#[from] env_file::Error),
    /// The local cloud could not be started, found or stopped.
    #[error(transparent)]
    Local(#[from] local::Error),
    /// The definitions break a rule that no deployment should break.
    #[error("the templates cannot be deployed as they are:\n{}", .0.iter().map(|finding| format!("  {finding}")).collect::<Vec<_>>().join("\n"))]
    Findings(Vec<cart_infra::check::Finding>),
    /// The question was answered with no.
    #[error("declined, nothing was changed")]
    Declined,
    /// Nobody can be asked, and `--yes` was not given.
    #[error("there are changes to approve, and nobody to ask: this is not a terminal")]
    ApprovalNeeded,
    /// `diff --fail-on any` found a difference.
    #[error("there are changes")]
    ChangesFound,
    /// Ctrl-C.
    #[error("interrupted")]
    Interrupted,
}

impl Error {
    /// The next thing to try, if there is an obvious one.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Config(error) => error.hint(),
            Self::Events(error) => Some(error.hint()),
            Self::Aws(error) => error.hint(),
            Self::Package(error) => error.hint(),
            Self::Blocked(error) => Some(error.hint()),
            Self::Execute(error) => error.hint(),
            Self::EnvFile(error) => error.hint(),
            Self::Local(error) => error.hint(),
            Self::Findings(_) => Some("the definitions are in infra/src/stacks".to_owned()),
            Self::ApprovalNeeded => Some("look at the plan above, then run the command again with `--yes`".to_owned()),
            Self::Interrupted => {
                Some("what CloudFormation was doing goes on without cartctl; run the command again to pick it up".to_owned())
            }
            Self::Declined | Self::ChangesFound => None,
        }
    }

    /// The exit code the process ends with.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Config(_) | Self::Events(_) => ExitCode::Usage,
            Self::Aws(error) => aws_exit_code(error),
            Self::Blocked(_) => ExitCode::Stuck,
            Self::Execute(error) => match error {
                execute::Error::Partial { .. } => ExitCode::Partial,
                execute::Error::Failed { .. } => ExitCode::Failed,
                execute::Error::Aws(error) => aws_exit_code(error),
            },
            Self::Declined | Self::ApprovalNeeded => ExitCode::Declined,
            Self::ChangesFound => ExitCode::Changes,
            Self::Interrupted => ExitCode::Interrupted,
            Self::Findings(_) | Self::Package(_) | Self::EnvFile(_) | Self::Local(_) => ExitCode::Failed,
        }
    }
}

fn aws_exit_code(error: &aws::Error) -> ExitCode {
    match error.kind() {
        aws::ErrorKind::Credentials | aws::ErrorKind::WrongOwner => ExitCode::Credentials,
        aws::ErrorKind::NoRegion => ExitCode::Usage,
        aws::ErrorKind::Unreachable
        | aws::ErrorKind::Denied
        | aws::ErrorKind::NotFound
        | aws::ErrorKind::NoBucket
        | aws::ErrorKind::Other => ExitCode::Failed,
    }
}
