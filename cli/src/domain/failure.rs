//! Why an operation on a stack failed: the first real cause, where it is defined, what it left, what to do. Knows nothing of how this
//! was found out.

use cfn::{Stack, StackId};
use serde::Serialize;

use crate::domain::stack::{Phase, StackEvent, StackStatus};

/// A failure, explained.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct Failure {
    /// Which stack.
    pub stack: StackId,
    /// The resource that failed first, if it was one.
    pub resource: Option<FailedResource>,
    /// Why, as AWS tells it.
    pub reason: String,
    /// The next thing to try, where one is known.
    pub hint: Option<String>,
    /// What the stack was left in.
    pub status: Option<StackStatus>,
}

/// The resource that failed.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct FailedResource {
    /// Its name in the template.
    pub logical_id: String,
    /// For example `AWS::DynamoDB::Table`.
    pub resource_type: String,
    /// Its name in AWS, if it got that far.
    pub physical_id: Option<String>,
    /// Where our source defines it, as `infra/src/stacks/cart.rs:97`.
    pub defined_at: Option<String>,
}

impl Failure {
    /// A failure of the stack as a whole, before it was in any other state than before.
    pub(crate) fn of_stack(stack: StackId, reason: impl Into<String>) -> Self {
        Self { stack, resource: None, reason: reason.into(), hint: None, status: None }
    }

    /// What happened to a stack until it came to rest in `status`: the earliest failure that no other one caused.
    pub(crate) fn of_events(stack: StackId, wanted: Option<&Stack>, id: &str, events: &[StackEvent], status: StackStatus) -> Self {
        let of_resources = || events.iter().filter(|event| event.stack_status(id).is_none());
        let cause = of_resources().find(|event| event.is_cause());
        // Where no resource is to blame, the stack says itself why it turned round: that somebody cancelled it, for example.
        let turned = |event: &&StackEvent| {
            event.stack_status(id).is_some_and(|status| {
                status.phase() == Phase::Failed
                    || matches!(status, StackStatus::RollbackInProgress | StackStatus::UpdateRollbackInProgress)
            })
        };
        let told = || events.iter().filter(turned).find_map(|event| event.reason.clone());
        let reason = cause.map_or_else(told, |cause| cause.reason.clone());
        Self {
            stack,
            resource: cause.map(|cause| FailedResource {
                logical_id: cause.logical_id.clone(),
                resource_type: cause.resource_type.clone(),
                physical_id: Some(cause.physical_id.clone()).filter(|id| !id.is_empty()),
                defined_at: wanted
                    .and_then(|stack| stack.template().defined_at(&cause.logical_id))
                    .map(|definition| definition.to_string()),
            }),
            reason: reason.unwrap_or_else(|| "CloudFormation does not say why".to_owned()),
            hint: None,
            status: Some(status),
        }
    }

    /// What failed first in the history of a stack, of itself.
    pub(crate) fn first(history: &[StackEvent], id: &str) -> Option<String> {
        let cause = history.iter().find(|event| event.stack_status(id).is_none() && event.is_cause())?;
        Some(format!("{}: {}", cause.logical_id, cause.reason.as_deref().unwrap_or("CloudFormation does not say why")))
    }

    /// What the stack was left in, as far as it matters for what to do next.
    pub(crate) fn state(&self) -> Option<String> {
        let status = self.status?;
        let meaning = match status {
            StackStatus::RollbackComplete => "none of its resources is left; the next deployment recreates it",
            StackStatus::UpdateRollbackComplete | StackStatus::ImportRollbackComplete => "its former state is restored",
            StackStatus::UpdateRollbackFailed => "the rollback failed as well; the next deployment retries it",
            StackStatus::UpdateFailed => "the update was not rolled back; the next deployment rolls it back first",
            StackStatus::RollbackFailed => {
                "some resources could not be deleted; the next deployment deletes and recreates the stack"
            }
            StackStatus::DeleteFailed => "some resources could not be deleted, all others are gone",
            StackStatus::CreateFailed => "its resources remain; the next deployment deletes and recreates the stack",
            StackStatus::ImportRollbackFailed => "the rollback of the import failed as well, and has to be repaired by hand",
            StackStatus::CreateComplete
            | StackStatus::UpdateComplete
            | StackStatus::ImportComplete
            | StackStatus::DeleteComplete
            | StackStatus::ReviewInProgress
            | StackStatus::CreateInProgress
            | StackStatus::RollbackInProgress
            | StackStatus::DeleteInProgress
            | StackStatus::UpdateInProgress
            | StackStatus::UpdateCompleteCleanupInProgress
            | StackStatus::UpdateRollbackInProgress
            | StackStatus::UpdateRollbackCompleteCleanupInProgress
            | StackStatus::ImportInProgress
            | StackStatus::ImportRollbackInProgress => return None,
        };
        Some(format!("the stack is {status}: {meaning}"))
    }
}

/// The failure in one line.
impl std::fmt::Display for Failure {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        match &self.resource {
            Some(FailedResource { logical_id, resource_type, .. }) => write!(f, "{logical_id} ({resource_type}): {}", self.reason),
            None => f.write_str(&self.reason),
        }
    }
}
