//! What can go wrong in a command, what to do about it, and the exit code it ends with. Knows nothing of how it is printed.

use cart_infra::{StackId, stacks};

use crate::{
    aws,
    build::{env_file, package, packaged_site, site},
    config,
    domain::{command::Command, exit::ExitCode},
    execute, files, local,
    plan::{self, deploy::Refused},
    report::{self, Ended},
};

impl From<plan::Blocked> for Error {
    fn from(blocked: plan::Blocked) -> Self {
        Self::Refused(blocked.into())
    }
}

/// Why a command did not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The configuration cannot be used.
    #[error(transparent)]
    Config(#[from] config::Error),
    /// The file for events cannot be created.
    #[error(transparent)]
    Events(#[from] report::events_file::Error),
    /// A call to AWS failed.
    #[error(transparent)]
    Aws(#[from] aws::Error),
    /// A check or a recount of the totals failed.
    #[error(transparent)]
    Totals(#[from] execute::totals::Error),
    /// The functions could not be built or packaged.
    #[error(transparent)]
    Package(#[from] package::Error),
    /// No deployment or deletion is possible from the observed state.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// A plan was carried out only in part, or not at all.
    #[error(transparent)]
    Execute(#[from] execute::Error),
    /// A file could not be written.
    #[error(transparent)]
    Write(#[from] files::Error),
    /// An answer was lost while the command ran.
    #[error(transparent)]
    Unwritten(#[from] report::Unwritten),
    /// The configuration of the frontend cannot be rendered.
    #[error(transparent)]
    EnvFile(#[from] env_file::Error),
    /// The site could not be built.
    #[error(transparent)]
    Site(#[from] site::Error),
    #[error(transparent)]
    PackagedSite(#[from] packaged_site::Error),
    /// The local cloud could not be started, found or stopped.
    #[error(transparent)]
    Local(#[from] local::Error),
    #[error("approval required, but this is not an interactive terminal")]
    ApprovalNeeded,
    #[error(transparent)]
    UnknownFunction(#[from] plan::logs::Unknown),
    #[error("the {stack} stack of the stage `{stage}` is not deployed")]
    NotDeployed { stack: StackId, stage: String },
    /// `--adopt` names a stack that is none of the command's.
    #[error("`--adopt {stack}` names a stack that this command does not touch")]
    AdoptsNothing { stack: StackId },
    /// `--protected-ok` is missing.
    #[error("the stage `{stage}` is protected")]
    Protected { stage: String },
    /// Ctrl-C before anything was changed.
    #[error("interrupted; nothing was changed")]
    Interrupted,
    /// Ctrl-C during a recount.
    #[error("the recount was interrupted; every total is unchanged or correct")]
    RecountInterrupted,
    /// Ctrl-C while the site is published.
    #[error("publishing the site was interrupted; visitors see the former version or the new one")]
    SiteInterrupted,
    /// A second Ctrl-C while change sets are awaited and deleted.
    #[error("quit without waiting; change sets of the plan are left, and have no effect")]
    LeftPlan,
    /// A second Ctrl-C while CloudFormation works.
    #[error("quit without waiting; CloudFormation may still be working")]
    Left,
}

impl Error {
    /// Everything about it that is reported.
    pub(crate) fn ended(&self) -> Ended {
        let failed = match self {
            Self::Execute(execute::Error::Failed { failed, .. }) => failed.clone(),
            _ => Vec::new(),
        };
        Ended { exit: self.exit_code(), message: self.to_string(), causes: self.causes(), hint: self.hint(), failed }
    }

    /// The messages of its sources, without those that its own message has already.
    fn causes(&self) -> Vec<String> {
        let message = self.to_string();
        let sources = std::iter::successors(std::error::Error::source(self), |source| source.source());
        sources.map(ToString::to_string).filter(|source| !message.contains(source)).collect()
    }

    /// The error and its sources on one line.
    pub(crate) fn in_full(&self) -> String {
        [vec![self.to_string()], self.causes()].concat().join(": ")
    }

    /// The next thing to try, if there is an obvious one.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Config(error) => error.hint(),
            Self::Events(error) => Some(error.hint()),
            Self::Aws(error) => error.hint(),
            Self::Package(error) => error.hint(),
            Self::Refused(error) => error.hint(),
            Self::Execute(error) => error.hint(),
            Self::Write(error) => Some(error.hint()),
            Self::Unwritten(error) => Some(error.hint()),
            Self::EnvFile(error) => error.hint(),
            Self::Totals(error) => error.hint(),
            Self::Site(error) => error.hint(),
            Self::PackagedSite(error) => error.hint(),
            Self::Local(error) => error.hint(),
            Self::UnknownFunction(error) => Some(format!("the functions are {}", error.known.join(", "))),
            Self::ApprovalNeeded => Some("check the plan above, then run the same command again with `--yes`".to_owned()),
            Self::AdoptsNothing { stack } => Some(format!("name {stack} among the stacks as well, or omit the option")),
            Self::Protected { .. } => {
                Some("to change it nevertheless, run the same command again with `--protected-ok`".to_owned())
            }
            Self::Left => {
                let attach = Command::cartctl("attach");
                Some(format!("follow the operations with {attach}, then run the same command again for the rest"))
            }
            Self::NotDeployed { stack, .. } => {
                let web = (*stack == stacks::WEB).then_some("--with-web");
                Some(format!("{} deploys it", Command::cartctl("deploy").with_all(web)))
            }
            Self::LeftPlan => Some("run the same command again, which replaces them".to_owned()),
            Self::RecountInterrupted | Self::SiteInterrupted => Some("run the same command again to finish".to_owned()),
            Self::Interrupted => None,
        }
    }

    /// The exit code the process ends with.
    pub(crate) fn exit_code(&self) -> ExitCode {
        match self {
            Self::Config(_) | Self::Events(_) | Self::UnknownFunction(_) | Self::AdoptsNothing { .. } => ExitCode::Usage,
            Self::Aws(error) | Self::Totals(execute::totals::Error::Aws(error)) => aws_exit_code(error),
            Self::Refused(error) => refused_exit_code(error),
            Self::Execute(error) => match error {
                execute::Error::Failed { partial: true, .. } => ExitCode::Partial,
                execute::Error::Failed { partial: false, .. } => ExitCode::Failed,
                execute::Error::Refused(error) => refused_exit_code(error),
                execute::Error::Busy { .. } => ExitCode::Stuck,
                execute::Error::LostSight { cause, .. } if cause.kind() == aws::ErrorKind::Credentials => ExitCode::Credentials,
                execute::Error::LostSight { cause, running, .. } if running.is_empty() => aws_exit_code(cause),
                // Nothing goes on in AWS any more.
                execute::Error::Stopped { running, .. } if running.is_empty() => ExitCode::Interrupted,
                execute::Error::Stopped { .. } | execute::Error::LostSight { .. } => ExitCode::Detached,
                execute::Error::Aws(error) => aws_exit_code(error),
            },
            Self::ApprovalNeeded | Self::Protected { .. } => ExitCode::Declined,
            Self::Interrupted | Self::RecountInterrupted | Self::SiteInterrupted | Self::LeftPlan | Self::Left => {
                ExitCode::Interrupted
            }
            Self::Totals(execute::totals::Error::Stuck { .. })
            | Self::NotDeployed { .. }
            | Self::Package(_)
            | Self::Write(_)
            | Self::Unwritten(_)
            | Self::EnvFile(_)
            | Self::Site(_)
            | Self::PackagedSite(_)
            | Self::Local(_) => ExitCode::Failed,
        }
    }
}

fn refused_exit_code(error: &Refused) -> ExitCode {
    match error {
        Refused::Blocked(_) | Refused::Untold { .. } => ExitCode::Stuck,
        Refused::Origin { .. } | Refused::UnfitOrigin { .. } => ExitCode::Usage,
        Refused::Findings(_) => ExitCode::Failed,
    }
}

fn aws_exit_code(error: &aws::Error) -> ExitCode {
    match error.kind() {
        aws::ErrorKind::Credentials | aws::ErrorKind::WrongOwner | aws::ErrorKind::WrongAccount => ExitCode::Credentials,
        aws::ErrorKind::NoRegion | aws::ErrorKind::Usage => ExitCode::Usage,
        aws::ErrorKind::NoLocalKeys
        | aws::ErrorKind::Unreachable
        | aws::ErrorKind::Throttled
        | aws::ErrorKind::Unavailable
        | aws::ErrorKind::NotAws
        | aws::ErrorKind::Denied
        | aws::ErrorKind::NotFound
        | aws::ErrorKind::NoBucket
        | aws::ErrorKind::Busy
        | aws::ErrorKind::Other => ExitCode::Failed,
    }
}
