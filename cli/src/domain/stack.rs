//! What CloudFormation says about a stack, in our own words. Knows nothing of the SDK.

use std::collections::BTreeMap;

use cfn::{Mark, NotAMark, diff::Replacement};
use serde::Serialize;

use crate::domain::moment::Moment;

/// Every status a stack can have.
///
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/view-stack-events.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
#[expect(missing_docs, reason = "CloudFormation's own names, described on its page")]
pub enum StackStatus {
    CreateInProgress,
    CreateFailed,
    CreateComplete,
    RollbackInProgress,
    RollbackFailed,
    RollbackComplete,
    DeleteInProgress,
    DeleteFailed,
    DeleteComplete,
    UpdateInProgress,
    UpdateCompleteCleanupInProgress,
    UpdateComplete,
    UpdateFailed,
    UpdateRollbackInProgress,
    UpdateRollbackFailed,
    UpdateRollbackCompleteCleanupInProgress,
    UpdateRollbackComplete,
    ReviewInProgress,
    ImportInProgress,
    ImportComplete,
    ImportRollbackInProgress,
    ImportRollbackFailed,
    ImportRollbackComplete,
}

/// What a status means for whoever waits for the stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Phase {
    /// Something is going on; no other operation is accepted.
    Busy,
    /// At rest, and as the last template said.
    Complete,
    /// At rest, and not as the last template said.
    Failed,
}

macro_rules! spelled {
    ($($variant:ident = $text:literal),+ $(,)?) => {
        impl StackStatus {
            /// Every one.
            #[cfg(test)]
            pub(crate) const ALL: [Self; 23] = [$(Self::$variant),+];

            /// CloudFormation's spelling.
            pub(crate) const fn as_str(self) -> &'static str {
                match self { $(Self::$variant => $text),+ }
            }

            /// The status CloudFormation spells like this, if it is one we know.
            pub(crate) fn parse(text: &str) -> Option<Self> {
                match text { $($text => Some(Self::$variant),)+ _ => None }
            }
        }
    };
}

spelled! {
    CreateInProgress = "CREATE_IN_PROGRESS",
    CreateFailed = "CREATE_FAILED",
    CreateComplete = "CREATE_COMPLETE",
    RollbackInProgress = "ROLLBACK_IN_PROGRESS",
    RollbackFailed = "ROLLBACK_FAILED",
    RollbackComplete = "ROLLBACK_COMPLETE",
    DeleteInProgress = "DELETE_IN_PROGRESS",
    DeleteFailed = "DELETE_FAILED",
    DeleteComplete = "DELETE_COMPLETE",
    UpdateInProgress = "UPDATE_IN_PROGRESS",
    UpdateCompleteCleanupInProgress = "UPDATE_COMPLETE_CLEANUP_IN_PROGRESS",
    UpdateComplete = "UPDATE_COMPLETE",
    UpdateFailed = "UPDATE_FAILED",
    UpdateRollbackInProgress = "UPDATE_ROLLBACK_IN_PROGRESS",
    UpdateRollbackFailed = "UPDATE_ROLLBACK_FAILED",
    UpdateRollbackCompleteCleanupInProgress = "UPDATE_ROLLBACK_COMPLETE_CLEANUP_IN_PROGRESS",
    UpdateRollbackComplete = "UPDATE_ROLLBACK_COMPLETE",
    ReviewInProgress = "REVIEW_IN_PROGRESS",
    ImportInProgress = "IMPORT_IN_PROGRESS",
    ImportComplete = "IMPORT_COMPLETE",
    ImportRollbackInProgress = "IMPORT_ROLLBACK_IN_PROGRESS",
    ImportRollbackFailed = "IMPORT_ROLLBACK_FAILED",
    ImportRollbackComplete = "IMPORT_ROLLBACK_COMPLETE",
}

impl StackStatus {
    /// Whether something is going on. The clean-up phases are not the end: CloudFormation refuses new operations until they are over.
    pub(crate) const fn phase(self) -> Phase {
        match self {
            Self::CreateInProgress
            | Self::RollbackInProgress
            | Self::DeleteInProgress
            | Self::UpdateInProgress
            | Self::UpdateCompleteCleanupInProgress
            | Self::UpdateRollbackInProgress
            | Self::UpdateRollbackCompleteCleanupInProgress
            | Self::ImportInProgress
            | Self::ImportRollbackInProgress => Phase::Busy,
            // An empty stack that waits for its first change set to be executed: nothing goes on, and nothing is there.
            Self::ReviewInProgress | Self::CreateComplete | Self::DeleteComplete | Self::UpdateComplete | Self::ImportComplete => {
                Phase::Complete
            }
            Self::CreateFailed
            | Self::RollbackFailed
            | Self::RollbackComplete
            | Self::DeleteFailed
            | Self::UpdateFailed
            | Self::UpdateRollbackFailed
            | Self::UpdateRollbackComplete
            | Self::ImportRollbackFailed
            | Self::ImportRollbackComplete => Phase::Failed,
        }
    }
}

impl std::fmt::Display for StackStatus {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.as_str())
    }
}

/// A stack as it is deployed.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Deployed {
    /// The stack's ARN; the only name by which a deleted stack can still be asked for.
    pub id: String,
    /// Its status.
    pub status: StackStatus,
    /// Why it has that status, where CloudFormation says so.
    pub reason: Option<String>,
    /// Its parameters, by name.
    pub parameters: BTreeMap<String, DeployedParameter>,
    /// Its outputs, by key, without the mark.
    pub outputs: BTreeMap<String, String>,
    /// Who owns it, as its outputs say. None if they do not, or if the stack has no outputs because it was not completed.
    pub mark: Option<Result<Mark, NotAMark>>,
    /// The description in its template.
    pub description: Option<String>,
    /// The tags it was given.
    pub tags: BTreeMap<String, String>,
    /// Whether CloudFormation refuses to delete it.
    pub termination_protection: bool,
    /// When it was created or last updated, in RFC 3339.
    pub changed: Option<String>,
}

impl Deployed {
    /// The account that the stack is in, by its ARN.
    pub(crate) fn account(&self) -> Option<&str> {
        let account = self.id.strip_prefix("arn:")?.split(':').nth(3)?;
        cfn::is_account_id(account).then_some(account)
    }

    /// For tests: a stack of which only this is known.
    #[cfg(test)]
    pub(crate) fn only(id: impl Into<String>, status: StackStatus) -> Self {
        Self {
            id: id.into(),
            status,
            reason: None,
            parameters: BTreeMap::new(),
            outputs: BTreeMap::new(),
            mark: None,
            description: None,
            tags: BTreeMap::new(),
            termination_protection: false,
            changed: None,
        }
    }
}

/// A parameter of a deployed stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeployedParameter {
    /// What was passed: for an SSM-typed parameter the path.
    pub value: String,
    /// What an SSM-typed parameter stood for when it was last resolved.
    pub resolved: Option<String>,
}

/// A resource of a deployed stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Resource {
    /// Its name within the template.
    pub logical_id: String,
    /// Its name in AWS.
    pub physical_id: String,
    /// For example `AWS::DynamoDB::Table`.
    pub resource_type: String,
    /// CloudFormation's spelling of its status.
    pub status: String,
}

impl Resource {
    /// Whether it is a bucket, and is there.
    pub(crate) fn is_bucket(&self) -> bool {
        self.resource_type == "AWS::S3::Bucket" && self.status != "DELETE_COMPLETE" && !self.physical_id.is_empty()
    }
}

/// What a change set does to a resource.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct ResourceChange {
    /// Its name within the template.
    pub logical_id: String,
    /// For example `AWS::DynamoDB::Table`.
    pub resource_type: String,
    /// What becomes of it.
    pub effect: Effect,
}

/// What becomes of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Effect {
    /// It comes.
    Add,
    /// It goes.
    Remove {
        /// Only from the stack: the thing itself stays in the account.
        retained: bool,
    },
    /// It changes.
    Modify {
        /// Whether that takes a new one.
        replacement: Replacement,
    },
}

/// One entry of a stack's history.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct StackEvent {
    /// Unique within the stack.
    pub id: String,
    /// When, by AWS's clock.
    pub at: Moment,
    /// The resource; the stack itself appears under its own name.
    pub logical_id: String,
    /// The resource's name in AWS; for the stack itself its ARN.
    pub physical_id: String,
    /// For example `AWS::DynamoDB::Table`.
    pub resource_type: String,
    /// CloudFormation's spelling of the resource's status.
    pub status: String,
    /// Why.
    pub reason: Option<String>,
}

impl StackEvent {
    /// The stack's own status, when the event is about the stack `id` itself.
    pub(crate) fn stack_status(&self, id: &str) -> Option<StackStatus> {
        if self.physical_id == id && self.resource_type == "AWS::CloudFormation::Stack" {
            StackStatus::parse(&self.status)
        } else {
            None
        }
    }

    /// Whether it only says that something was called off because something else failed.
    pub(crate) fn is_noise(&self) -> bool {
        self.status.ends_with("_FAILED") && !self.is_cause()
    }

    /// Whether a resource failed of itself, and not because another one did.
    pub(crate) fn is_cause(&self) -> bool {
        self.status.ends_with("_FAILED") && !self.reason.as_deref().is_some_and(follows_from_another)
    }
}

/// The event before the latest operation on the stack `id`, in its history from the oldest on: what came after it belongs to that
/// operation. None if it was the first one.
pub(crate) fn latest_operation(history: &[StackEvent], id: &str) -> Option<String> {
    let busy = |event: &StackEvent| event.stack_status(id).is_some_and(|status| status.phase() == Phase::Busy);
    let latest = history.iter().rposition(busy)?;
    let at_rest = |event: &&StackEvent| event.stack_status(id).is_some_and(|status| status.phase() != Phase::Busy);
    history[..latest].iter().rev().find(at_rest).map(|event| event.id.clone())
}

/// Whether something only failed since something else did: it was stopped for that, or merely lists what failed in it.
fn follows_from_another(reason: &str) -> bool {
    let texts = [
        "Resource creation cancelled",
        "Resource update cancelled",
        "Resource deletion cancelled",
        // And `to update`, `to delete`; then the names of the resources in brackets.
        "The following resource(s) failed to ",
    ];
    texts.iter().any(|text| reason.trim_start().starts_with(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_arn_names_the_account() {
        let account = |id: &str| Deployed::only(id, StackStatus::CreateComplete).account().map(str::to_owned);
        assert_eq!(
            account("arn:aws-cn:cloudformation:cn-north-1:123456789012:stack/shop-auth/0a1b").as_deref(),
            Some("123456789012")
        );
        for id in [
            "shop-auth",
            "arn:aws:cloudformation:eu-west-1::stack/shop-auth",
            "arn:aws:cloudformation:eu-west-1:1234:stack",
            "arn:",
        ] {
            assert_eq!(account(id), None, "{id}");
        }
    }

    #[test]
    fn cleaning_up_is_not_the_end() {
        assert_eq!(StackStatus::UpdateCompleteCleanupInProgress.phase(), Phase::Busy);
        assert_eq!(StackStatus::UpdateRollbackCompleteCleanupInProgress.phase(), Phase::Busy);
        assert_eq!(StackStatus::UpdateRollbackComplete.phase(), Phase::Failed);
    }

    #[test]
    fn a_cancelled_resource_is_not_the_cause() {
        let event = |status: &str, reason: &str| StackEvent {
            id: "1".to_owned(),
            at: Moment::default(),
            logical_id: "Table".to_owned(),
            physical_id: String::new(),
            resource_type: "AWS::DynamoDB::Table".to_owned(),
            status: status.to_owned(),
            reason: Some(reason.to_owned()),
        };
        assert!(event("CREATE_FAILED", "quota exceeded").is_cause());
        assert!(!event("CREATE_COMPLETE", "quota exceeded").is_cause());
        for (status, reason) in [
            ("CREATE_FAILED", "Resource creation cancelled"),
            ("UPDATE_FAILED", "Resource update cancelled"),
            ("DELETE_FAILED", "Resource deletion cancelled"),
            ("CREATE_FAILED", "The following resource(s) failed to create: [Table, Queue]. Rollback requested by user."),
            ("UPDATE_FAILED", "The following resource(s) failed to update: [Table]. "),
            ("DELETE_FAILED", "The following resource(s) failed to delete: [Bucket]. "),
        ] {
            assert!(!event(status, reason).is_cause(), "{reason}");
        }
        assert!(event("CREATE_FAILED", "The subscription was cancelled").is_cause(), "by somebody else, and of itself");
    }
}
