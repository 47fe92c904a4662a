//! What is worth knowing and is no error, and the activities that take time: as data. The words for them are in `report`.

use std::time::Duration;

use camino::Utf8PathBuf;
use cfn::StackId;
use serde::Serialize;

use super::{event::Operation, moment::millis};

/// Something worth knowing that stops nothing.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Notice {
    /// The stage's own section names a region, and so does the environment.
    RegionOfStage {
        region: String,
        /// The variable that gives way.
        variable: String,
        value: String,
    },
    /// A stack changed after it was planned.
    Replanning { stack: StackId },
    /// A stack has a name of this stage's and belongs to somebody else.
    ForeignStack {
        stack: StackId,
        /// The name that both would have.
        name: String,
        /// Whose it seems to be.
        owner: String,
    },
    /// Some stacks are updated again, because the site's origin is known only now.
    SecondRound { stacks: Vec<StackId>, origin: String },
    /// Stacks are updated again to switch the deletion protection of new resources on.
    DeletionProtection { stacks: Vec<StackId> },
    /// The APIs do not allow the stage's own site.
    OriginNotAllowed {
        site: String,
        /// The origin that they allow.
        allowed: String,
        /// Whether the configuration says so; otherwise the next deployment changes it.
        configured: bool,
    },
    /// Alarms of a stack change their colour in the console, and notify nobody.
    SilentAlarms {
        stack: StackId,
        /// By logical id.
        alarms: Vec<String>,
    },
    /// The distribution of a stack has no firewall, because its region cannot have one. The APIs have theirs.
    NoEdgeFirewall { stack: StackId, region: String },
    /// Some stacks of the stage are not deployed yet, and their outputs are needed for the frontend's `.env`.
    EnvFileLater,
    /// The frontend's `.env` had the configuration of another stage, account or region, or of an unknown one.
    EnvFileRepurposed { path: Utf8PathBuf, was: String, now: String },
    /// The owner of the frontend's `.env` sets variables in it that the deployment sets as well.
    EnvFileSetsTwice {
        path: Utf8PathBuf,
        variables: Vec<String>,
        /// Whether the deployment's values win, because they come last.
        deployed: bool,
    },
    /// The deployment is done, but the frontend's `.env` is as it was.
    EnvFileNotWritten { path: Utf8PathBuf, reason: String },
    /// The site answers at this address.
    SiteOnline { url: String },
    /// Every file of the site was online already.
    SiteUnchanged { files: usize },
    /// The site's files were brought up to date.
    SitePublished {
        uploaded: usize,
        unchanged: usize,
        removed: usize,
        /// Whether CloudFront was asked to forget former files.
        invalidated: bool,
    },
    /// Termination protection was switched on.
    ProtectionOn { stack: StackId },
    /// Termination protection was switched off.
    ProtectionOff { stack: StackId },
    /// The command was interrupted; the change sets of its plan are awaited and deleted.
    TakingBack,
    /// A change set could not be deleted.
    ChangeSetLeft { stack: StackId, reason: String },
    /// A template could not be deleted from the artifact bucket.
    TemplateLeft { reason: String },
    /// A stack was deleted without these resources, as `--leave-failed` allows.
    ResourcesOrphaned { stack: StackId, resources: Vec<String> },
    /// AWS refused a deletion because of its rate.
    DeletionThrottled {
        stack: StackId,
        #[serde(rename = "again_in_ms", serialize_with = "millis")]
        again_in: Duration,
    },
    /// CloudFormation rolls an update back, as was asked.
    Cancelling { stack: StackId },
    /// CloudFormation did not accept that an update is cancelled.
    CancelFailed { stack: StackId, reason: String },
    /// An operation on a stack of somebody else's is not cancelled.
    CancelRefused { stack: StackId },
    /// CloudFormation can cancel updates only.
    CannotCancel { stack: StackId, operation: Operation },
    /// The local cloud was killed the last time, so that its state is older than that.
    LocalCloudUnclean,
    /// The local cloud failed, and has state of earlier runs.
    LocalStateKept,
    /// A definition was edited while `cartctl local --dev` runs.
    DefinitionsEdited,
    /// The local cloud runs the edited functions.
    FunctionsSwapped {
        services: Vec<String>,
        #[serde(rename = "took_ms", serialize_with = "millis")]
        took: Duration,
    },
    /// Edits left every package as it was.
    FunctionsUnchanged {
        #[serde(rename = "took_ms", serialize_with = "millis")]
        took: Duration,
    },
    /// The local cloud still runs the functions from before the edit.
    SwapFailed {
        reason: String,
        #[serde(rename = "took_ms", serialize_with = "millis")]
        took: Duration,
    },
    /// No log entry matched.
    NoLogEntries {
        #[serde(rename = "within_ms", serialize_with = "millis")]
        within: Duration,
    },
    /// New log entries are printed until Ctrl-C.
    FollowingLogs,
    /// The timeline could not be written, and the command failed for another reason.
    TimelineNotWritten { reason: String },
    /// The same for anything else.
    NotWritten {
        /// For example `the answer`.
        content: String,
        /// A path, or `standard output`.
        place: String,
        reason: String,
    },
    /// A question was answered with no.
    Declined,
    /// `diff --fail-on` found changes of that kind.
    ChangesFound { stacks: Vec<StackId> },
    /// Totals are not what the carts hold.
    TotalsWrong {
        products: usize,
        /// Whether they were recounted just before.
        rebuilt: bool,
    },
}

/// How much attention a notice deserves.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Severity {
    /// A result.
    Good,
    /// Neither good nor bad.
    Info,
    /// Somebody should look at it, or decide something.
    Warning,
}

impl Notice {
    pub(crate) fn severity(&self) -> Severity {
        match self {
            Self::SiteOnline { .. }
            | Self::SiteUnchanged { .. }
            | Self::SitePublished { .. }
            | Self::ProtectionOn { .. }
            | Self::FunctionsSwapped { .. } => Severity::Good,
            Self::RegionOfStage { .. }
            | Self::Replanning { .. }
            | Self::SecondRound { .. }
            | Self::DeletionProtection { .. }
            | Self::EnvFileLater
            | Self::EnvFileSetsTwice { deployed: true, .. }
            | Self::ProtectionOff { .. }
            | Self::TakingBack
            | Self::DeletionThrottled { .. }
            | Self::Cancelling { .. }
            | Self::FunctionsUnchanged { .. }
            | Self::NoLogEntries { .. }
            | Self::FollowingLogs
            | Self::Declined => Severity::Info,
            Self::OriginNotAllowed { .. }
            | Self::EnvFileRepurposed { .. }
            | Self::EnvFileSetsTwice { deployed: false, .. }
            | Self::EnvFileNotWritten { .. }
            | Self::SilentAlarms { .. }
            | Self::NoEdgeFirewall { .. }
            | Self::ChangeSetLeft { .. }
            | Self::TemplateLeft { .. }
            | Self::ResourcesOrphaned { .. }
            | Self::ForeignStack { .. }
            | Self::CancelFailed { .. }
            | Self::CancelRefused { .. }
            | Self::CannotCancel { .. }
            | Self::LocalCloudUnclean
            | Self::LocalStateKept
            | Self::DefinitionsEdited
            | Self::SwapFailed { .. }
            | Self::TimelineNotWritten { .. }
            | Self::NotWritten { .. }
            | Self::ChangesFound { .. }
            | Self::TotalsWrong { .. } => Severity::Warning,
        }
    }
}

/// Something that may take longer than a second.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(crate) enum Activity {
    StartingLocalCloud,
    StartingVite,
    BuildingSite,
    WaitingForSite,
    UploadingPackage { service: String },
    UploadingSite { files: usize },
    EmptyingBucket { bucket: String },
    ReadingCarts,
    WaitingForCounts,
    ReadingLogs { functions: usize },
}
