//! Decides what a deployment does to one stack, and its reach. Knows nothing of other stacks, except which of them change the
//! values it reads.

use std::collections::BTreeMap;

use cfn::{
    ParameterSource, Stack, StackId,
    access::{self, Widening},
    diff,
};
use serde::Serialize;
use serde_json::Value as Json;

use super::{Blocked, Observed, ObservedStack, ownership::Claim};
use crate::domain::stack::{Deployed, Effect, Resource, ResourceChange, StackStatus};

/// The conditions of a deployment.
#[derive(Clone, Debug, Default)]
pub(crate) struct Terms {
    /// The tags of every stack.
    pub tags: BTreeMap<String, String>,
    /// Whether the stage is protected: no resource is removed from it, and CloudFormation refuses to delete its stacks.
    pub protected: bool,
    pub bucket: Bucket,
    /// Whether recreating a stack may orphan retained resources.
    pub leave_retained: bool,
}

/// The bucket that holds the code.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Bucket {
    /// Not determined yet: every step keeps the bucket of its last deployment.
    #[default]
    Unasked,
    /// The user's, or an existing one.
    Named(String),
    /// The bootstrap stack of this plan creates it.
    ToBeMade,
}

/// The plan for one stack.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// The wanted definition.
    pub wanted: Stack,
    pub action: Action,
    /// The difference from the deployed stack.
    pub changes: diff::Changes,
    /// Permissions that the change adds.
    pub widened: Vec<Widening>,
    /// Why an updated stack is this stage's. None if the stack is not updated.
    pub claim: Option<Claim>,
    /// Whether termination protection has to be switched on.
    pub protect: bool,
    /// The stacks of this plan that have to be done first.
    pub after: Vec<StackId>,
    /// Why CloudFormation cannot make a change set yet; empty if it can.
    pub unknown: Vec<Unknown>,
    /// Whether `changes` come from a change set, and not only from comparing templates.
    pub exact: bool,
}

#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    /// Create the stack, after deleting the remains of an earlier attempt.
    Create {
        /// None if no attempt was made.
        remains: Option<Remains>,
    },
    /// Update the stack, after recovering from an earlier update that failed.
    Update {
        /// None if no recovery is needed.
        recovery: Option<Recovery>,
    },
    /// The stack is up to date.
    Keep,
}

/// A stack that can only be deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Remains {
    /// The ARN.
    pub id: String,
    pub status: StackStatus,
    /// The reason that CloudFormation reports for the status.
    pub reason: Option<String>,
}

/// How to recover from an update that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Recovery {
    /// The update failed and was not rolled back.
    RollBack,
    /// The rollback failed as well.
    ContinueRollback,
}

/// Why a change set has to wait for another step.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "unknown", content = "of", rename_all = "snake_case")]
pub(crate) enum Unknown {
    /// This stack publishes, or creates, an input.
    Inputs(StackId),
    /// The remains of an earlier attempt have to be deleted first.
    Remains,
    /// An earlier update has to be rolled back first.
    Recovery,
}

/// How far-reaching a change is, from the least to the most.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Reach {
    /// Nothing changes.
    #[default]
    None,
    /// Something changes.
    Any,
    /// Permissions are added.
    Broadening,
    /// Resources are removed or replaced.
    Destructive,
}

impl Step {
    pub(crate) fn stack(&self) -> StackId {
        self.wanted.id()
    }

    pub(crate) fn is_nothing(&self) -> bool {
        self.action == Action::Keep && !self.protect
    }

    /// Whether our template replaces another one's, whose additional resources are deleted. Templates alone do not show which these
    /// are.
    pub(crate) fn takes_over(&self) -> bool {
        self.claim.is_some_and(Claim::takes_over)
    }

    /// Whether the stack gets its mark only now.
    pub(crate) fn marks(&self) -> bool {
        self.claim.is_some_and(|claim| claim != Claim::Marked)
    }

    /// Whether a change set can be made now.
    pub(crate) fn can_be_exact(&self) -> bool {
        self.action != Action::Keep && self.unknown.is_empty()
    }

    /// Whether the step needs the functions' code.
    pub(crate) fn uses_code(&self) -> bool {
        uses_code(&self.wanted)
    }

    /// The removed or replaced resources, by logical id.
    pub(crate) fn destroyed(&self) -> Vec<&str> {
        let destroyed = self.changes.resources.iter().filter(|change| self.action != Action::Keep && is_destroyed(change));
        destroyed.map(|change| change.logical_id.as_str()).collect()
    }

    pub(crate) fn reach(&self) -> Reach {
        if !self.destroyed().is_empty() {
            Reach::Destructive
        } else if self.action != Action::Keep && !self.widened.is_empty() {
            Reach::Broadening
        } else if self.is_nothing() {
            Reach::None
        } else {
            Reach::Any
        }
    }

    /// The resources that `real` destroys and this step, as shown, does not.
    pub(crate) fn untold(&self, real: &Self) -> Vec<String> {
        let told = self.destroyed();
        real.destroyed().into_iter().filter(|id| !told.contains(id)).map(str::to_owned).collect()
    }

    /// The same step with the effects of a change set. Changes within a resource still come from the templates, which show more.
    pub(crate) fn with_change_set(mut self, found: &[ResourceChange]) -> Self {
        let from_templates = std::mem::take(&mut self.changes.resources);
        let properties = |id: &str| {
            from_templates.iter().find(|change| change.logical_id == id).and_then(|change| match &change.action {
                diff::Action::Modify { properties, .. } => Some(properties.clone()),
                diff::Action::Add | diff::Action::Remove { .. } => None,
            })
        };
        let change = |change: &ResourceChange| diff::ResourceChange {
            logical_id: change.logical_id.clone(),
            resource_type: change.resource_type.clone(),
            action: match change.effect {
                Effect::Add => diff::Action::Add,
                Effect::Remove { retained } => diff::Action::Remove { retained },
                Effect::Modify { replacement } => {
                    diff::Action::Modify { properties: properties(&change.logical_id).unwrap_or_default(), replacement }
                }
            },
        };
        self.changes.resources = found.iter().map(change).collect();
        self.exact = true;
        self
    }

    /// The same step, for a change set without changes.
    pub(crate) fn without_changes(mut self) -> Self {
        self.action = Action::Keep;
        self.claim = None;
        self.changes = diff::Changes::default();
        self.widened.clear();
        self.exact = true;
        self
    }
}

/// Whether a change removes or replaces a resource. Versions of functions and deployments of APIs are snapshots, and a new one
/// replaces them at every change. A role that is replaced holds nothing, and whatever acts as it acts as the new one before it is deleted.
fn is_destroyed(change: &diff::ResourceChange) -> bool {
    if matches!(change.resource_type.as_str(), "AWS::Lambda::Version" | "AWS::ApiGateway::Deployment") {
        return false;
    }
    match change.action {
        diff::Action::Modify { .. } if change.resource_type == "AWS::IAM::Role" => false,
        diff::Action::Add => false,
        diff::Action::Remove { retained } => !retained,
        diff::Action::Modify { replacement, .. } => replacement == diff::Replacement::Always,
    }
}

/// Plans one stack. `inputs` are the stacks whose steps may change the values it reads.
///
/// # Errors
/// [`Blocked`], if the state of the stack does not allow the change.
pub(crate) fn step(
    stack: &Stack,
    observed: &Observed,
    terms: &Terms,
    after: Vec<StackId>,
    inputs: &[StackId],
) -> Result<Step, Blocked> {
    let template = stack.template().as_json();
    observed.refuse_foreign([stack.id()])?;
    let there = observed.stacks.get(&stack.id()).filter(|there| there.deployed.status != StackStatus::DeleteComplete);
    let action = match there {
        None => Action::Create { remains: None },
        Some(there) => {
            let is_current = || {
                let same = inputs.is_empty() && there.template.as_ref() == Some(&template) && there.deployed.tags == terms.tags;
                same && same_parameters(stack, &there.deployed, observed, terms)
            };
            action(stack, there, terms.leave_retained, is_current)?
        }
    };
    let before = match action {
        Action::Create { .. } => None,
        Action::Update { .. } | Action::Keep => there.and_then(|there| there.template.as_ref()),
    };
    let unknown = match &action {
        Action::Create { remains: Some(_) } => Some(Unknown::Remains),
        Action::Update { recovery: Some(_) } => Some(Unknown::Recovery),
        Action::Create { remains: None } | Action::Update { recovery: None } | Action::Keep => None,
    };
    let claim = there.filter(|_| matches!(action, Action::Update { .. })).map(|there| there.claim);
    let changes = match there {
        Some(there) if claim.is_some_and(Claim::takes_over) => taking_over(&there.resources, &template),
        _ => stack.template().changes_from(before),
    };
    Ok(Step {
        changes,
        widened: access::widened(before, Some(&template)),
        claim,
        protect: terms.protected && !there.is_some_and(|there| there.deployed.termination_protection),
        unknown: inputs.iter().map(|stack| Unknown::Inputs(*stack)).chain(unknown).collect(),
        wanted: stack.clone(),
        action,
        after,
        exact: false,
    })
}

/// Decides the action by the state of the stack, given whether its definition is up to date.
fn action(
    stack: &Stack,
    there: &ObservedStack,
    leave_retained: bool,
    is_current: impl FnOnce() -> bool,
) -> Result<Action, Blocked> {
    Ok(match there.deployed.status {
        // The stack has no resources, and its creation can be planned again.
        StackStatus::DeleteComplete | StackStatus::ReviewInProgress => Action::Create { remains: None },
        StackStatus::CreateComplete
        | StackStatus::UpdateComplete
        | StackStatus::UpdateRollbackComplete
        | StackStatus::ImportComplete
        | StackStatus::ImportRollbackComplete => {
            if is_current() {
                Action::Keep
            } else {
                Action::Update { recovery: None }
            }
        }
        StackStatus::UpdateFailed => Action::Update { recovery: Some(Recovery::RollBack) },
        StackStatus::UpdateRollbackFailed => Action::Update { recovery: Some(Recovery::ContinueRollback) },
        // These statuses allow only deletion.
        status @ (StackStatus::RollbackComplete
        | StackStatus::RollbackFailed
        | StackStatus::CreateFailed
        | StackStatus::DeleteFailed) => {
            let left = there.retained_data();
            if !left.is_empty() && !leave_retained {
                return Err(Blocked::LeavesBehind { stack: stack.id(), name: stack.name().to_owned(), status, left });
            }
            let Deployed { id, reason, .. } = &there.deployed;
            Action::Create { remains: Some(Remains { id: id.clone(), status, reason: reason.clone() }) }
        }
        // Only a person knows what was to be imported. A busy stack has to be waited for before planning.
        status @ (StackStatus::ImportRollbackFailed
        | StackStatus::CreateInProgress
        | StackStatus::RollbackInProgress
        | StackStatus::DeleteInProgress
        | StackStatus::UpdateInProgress
        | StackStatus::UpdateCompleteCleanupInProgress
        | StackStatus::UpdateRollbackInProgress
        | StackStatus::UpdateRollbackCompleteCleanupInProgress
        | StackStatus::ImportInProgress
        | StackStatus::ImportRollbackInProgress) => {
            let reason = there.deployed.reason.clone();
            return Err(Blocked::Stuck { stack: stack.id(), name: stack.name().to_owned(), status, reason });
        }
    })
}

/// Whether this status allows only deletion. A plan then needs the stack's resources and the reason.
pub(crate) const fn has_to_go(status: StackStatus) -> bool {
    matches!(
        status,
        StackStatus::RollbackComplete | StackStatus::RollbackFailed | StackStatus::CreateFailed | StackStatus::DeleteFailed
    )
}

/// Whether a plan needs the resources of a stack: because it has to be deleted and may orphan some, or because it is taken over, and a
/// macro may have added some to those of its template.
pub(crate) fn needs_resources(status: StackStatus, claim: Claim) -> bool {
    has_to_go(status) || status != StackStatus::ReviewInProgress && claim.takes_over()
}

/// The changes of taking a stack over, as far as the names of its resources show them.
fn taking_over(there: &[Resource], template: &Json) -> diff::Changes {
    let is_there = |change: &diff::ResourceChange| there.iter().any(|resource| resource.logical_id == change.logical_id);
    let mut changes = diff::diff(None, Some(template));
    for change in changes.resources.iter_mut().filter(|change| is_there(change)) {
        change.action = diff::Action::Modify { properties: Vec::new(), replacement: diff::Replacement::Conditional };
    }
    let is_wanted = |resource: &&Resource| template["Resources"].get(&resource.logical_id).is_some();
    let removed = there.iter().filter(|resource| !is_wanted(resource)).map(|resource| diff::ResourceChange {
        logical_id: resource.logical_id.clone(),
        resource_type: resource.resource_type.clone(),
        action: diff::Action::Remove { retained: false },
    });
    changes.resources.extend(removed);
    changes
}

/// Whether a deployment would pass the values that the stack already has. For an SSM path its resolved value counts too.
fn same_parameters(stack: &Stack, deployed: &Deployed, observed: &Observed, terms: &Terms) -> bool {
    stack.parameters().len() == deployed.parameters.len()
        && stack.parameters().iter().all(|(name, source)| {
            let Some(there) = deployed.parameters.get(name) else { return false };
            match (source, &terms.bucket) {
                (ParameterSource::Value(value), _) => there.value == *value,
                (ParameterSource::ArtifactBucket, Bucket::Unasked) => true,
                (ParameterSource::ArtifactBucket, Bucket::Named(bucket)) => there.value == *bucket,
                (ParameterSource::ArtifactBucket, Bucket::ToBeMade) => false,
                // The local cloud reports the resolved value instead of the path; AWS reports both.
                (ParameterSource::Shared(path), _) => match &there.resolved {
                    Some(resolved) => there.value == *path && observed.parameters.get(path) == Some(resolved),
                    None => observed.parameters.get(path) == Some(&there.value),
                },
            }
        })
}

pub(super) fn uses_code(stack: &Stack) -> bool {
    stack.parameters().values().any(|source| *source == ParameterSource::ArtifactBucket)
}
