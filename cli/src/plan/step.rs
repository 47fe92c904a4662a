//! Decides what a deployment does to one stack, and how far-reaching that is. Knows nothing of the stacks beside it, except which of them
//! change what it reads.

use std::collections::BTreeMap;

use cfn::{
    ParameterSource, Stack, StackId,
    access::{self, Widening},
    diff,
};
use serde::Serialize;
use serde_json::Value as Json;

use super::{Blocked, Observed, ObservedStack, is_ours};
use crate::domain::stack::{Deployed, Effect, Resource, ResourceChange, StackStatus};

/// What a deployment is held to.
#[derive(Clone, Debug, Default)]
pub(crate) struct Terms {
    /// The tags every stack has.
    pub tags: BTreeMap<String, String>,
    /// Whether the stage is protected: nothing is taken away from it, and CloudFormation refuses to delete its stacks.
    pub protected: bool,
    /// Where the code is.
    pub bucket: Bucket,
    /// Whether a stack that has to be made anew may leave retained resources behind.
    pub leave_retained: bool,
}

/// The bucket the code is in.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Bucket {
    /// Nobody has asked yet: the one a stack was deployed with is as good as any.
    #[default]
    Unasked,
    /// This one.
    Named(String),
    /// The bootstrap stack of this plan makes it.
    ToBeMade,
}

/// What happens to one stack.
#[derive(Clone, Debug)]
pub(crate) struct Step {
    /// The stack as it is wanted.
    pub wanted: Stack,
    /// What to do.
    pub action: Action,
    /// How it differs from what is deployed.
    pub changes: diff::Changes,
    /// What the change allows that was not allowed before.
    pub widened: Vec<Widening>,
    /// Whether somebody else's template is replaced by ours: templates alone cannot tell what it has beyond ours, and that goes.
    pub takes_over: bool,
    /// Whether it has to be protected from deletion, and is not.
    pub protect: bool,
    /// The stacks of this plan that have to be done first.
    pub after: Vec<StackId>,
    /// Why CloudFormation cannot be asked yet what it would do; nothing if it can.
    pub unknown: Vec<Unknown>,
    /// Whether `changes` are CloudFormation's own, and not only what the templates say.
    pub exact: bool,
}

/// What to do with a stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    /// Make it, once what an earlier attempt left behind is gone.
    Create {
        /// That attempt, if there was one.
        remains: Option<Remains>,
    },
    /// Change it, once an earlier change that failed is undone.
    Update {
        /// How to undo it, if there was one.
        recovery: Option<Recovery>,
    },
    /// Nothing: it is as wanted.
    Keep,
}

/// A stack that can only be deleted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Remains {
    /// Its ARN.
    pub id: String,
    /// Its status.
    pub status: StackStatus,
    /// Why it has that status, where CloudFormation says so.
    pub reason: Option<String>,
}

/// How to undo a change that failed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Recovery {
    /// It was left as it failed, to be looked at.
    RollBack,
    /// Undoing it failed as well.
    ContinueRollback,
}

/// Why a change set cannot be made before another step is done.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "unknown", content = "of", rename_all = "snake_case")]
pub(crate) enum Unknown {
    /// This stack publishes, or makes, what it is given.
    Inputs(StackId),
    /// What an earlier attempt left has to go first.
    Remains,
    /// An earlier change has to be undone first.
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
    /// Somebody may do what they could not do before.
    Broadening,
    /// Something is taken away or replaced.
    Destructive,
}

impl Step {
    /// Which stack.
    pub(crate) fn stack(&self) -> StackId {
        self.wanted.id()
    }

    /// Whether there is nothing to do.
    pub(crate) fn is_nothing(&self) -> bool {
        self.action == Action::Keep && !self.protect
    }

    /// Whether a change set can be made for it now.
    pub(crate) fn can_be_exact(&self) -> bool {
        self.action != Action::Keep && self.unknown.is_empty()
    }

    /// Whether it needs the functions' code.
    pub(crate) fn uses_code(&self) -> bool {
        uses_code(&self.wanted)
    }

    /// What is taken away or replaced, by logical id.
    pub(crate) fn destroyed(&self) -> Vec<&str> {
        let destroyed = self.changes.resources.iter().filter(|change| self.action != Action::Keep && is_destroyed(change));
        destroyed.map(|change| change.logical_id.as_str()).collect()
    }

    /// How far-reaching it is.
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

    /// What of `real` is destroyed that this step, as it was shown, did not tell.
    pub(crate) fn untold(&self, real: &Self) -> Vec<String> {
        let told = self.destroyed();
        real.destroyed().into_iter().filter(|id| !told.contains(id)).map(str::to_owned).collect()
    }

    /// The same step, now that a change set says what it does to each resource. What changes within one, the templates tell better.
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

    /// The same step, now that a change set says that there is nothing to do.
    pub(crate) fn without_changes(mut self) -> Self {
        self.action = Action::Keep;
        self.changes = diff::Changes::default();
        self.widened.clear();
        self.exact = true;
        self
    }
}

/// Whether a change takes a resource away, or puts a new one in its place. A function's version and an API's deployment are pictures of
/// what was, and taken anew whenever that changes.
fn is_destroyed(change: &diff::ResourceChange) -> bool {
    if matches!(change.resource_type.as_str(), "AWS::Lambda::Version" | "AWS::ApiGateway::Deployment") {
        return false;
    }
    match change.action {
        diff::Action::Add => false,
        diff::Action::Remove { retained } => !retained,
        diff::Action::Modify { replacement, .. } => replacement == diff::Replacement::Always,
    }
}

/// Decides what to do with one stack, `inputs` being the stacks whose doing may change what it reads.
///
/// # Errors
/// [`Blocked`], if there is no way.
pub(crate) fn step(
    stack: &Stack,
    observed: &Observed,
    terms: &Terms,
    after: Vec<StackId>,
    inputs: &[StackId],
) -> Result<Step, Blocked> {
    let template = stack.template().as_json();
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
    let takes_over = matches!(action, Action::Update { .. }) && !is_ours(before);
    let changes = match there {
        Some(there) if takes_over => taking_over(&there.resources, &template),
        _ => stack.template().changes_from(before),
    };
    Ok(Step {
        changes,
        widened: access::widened(before, Some(&template)),
        takes_over,
        protect: terms.protected && !there.is_some_and(|there| there.deployed.termination_protection),
        unknown: inputs.iter().map(|stack| Unknown::Inputs(*stack)).chain(unknown).collect(),
        wanted: stack.clone(),
        action,
        after,
        exact: false,
    })
}

/// Decides what to do with a stack from the state it is in, given whether it is as requested.
fn action(
    stack: &Stack,
    there: &ObservedStack,
    leave_retained: bool,
    is_current: impl FnOnce() -> bool,
) -> Result<Action, Blocked> {
    Ok(match there.deployed.status {
        // It has no resources, and its creation can be planned again.
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
        // From these there is no way but deletion.
        status @ (StackStatus::RollbackComplete
        | StackStatus::RollbackFailed
        | StackStatus::CreateFailed
        | StackStatus::DeleteFailed) => {
            let left = there.retained();
            if !left.is_empty() && !leave_retained {
                return Err(Blocked::LeavesBehind { stack: stack.id(), name: stack.name().to_owned(), status, left });
            }
            let Deployed { id, reason, .. } = &there.deployed;
            Action::Create { remains: Some(Remains { id: id.clone(), status, reason: reason.clone() }) }
        }
        // Only a person knows what should have been imported. And what is busy has to be waited for before planning.
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

/// Whether there is no way from this status but deletion. Who plans that should know what the stack still has, and why.
pub(crate) const fn has_to_go(status: StackStatus) -> bool {
    matches!(
        status,
        StackStatus::RollbackComplete | StackStatus::RollbackFailed | StackStatus::CreateFailed | StackStatus::DeleteFailed
    )
}

/// Whether a plan has to know what a stack consists of: it has to go, and may leave something behind; or it is not ours, and its
/// template does not tell.
pub(crate) fn needs_resources(status: StackStatus, template: Option<&Json>) -> bool {
    has_to_go(status) || status != StackStatus::ReviewInProgress && !is_ours(template)
}

/// How a stack that is not ours becomes ours, as far as that can be told without its template: by the names of its resources.
fn taking_over(there: &[Resource], template: &Json) -> diff::Changes {
    let is_ours = |change: &diff::ResourceChange| there.iter().any(|resource| resource.logical_id == change.logical_id);
    let mut changes = diff::diff(None, Some(template));
    for change in changes.resources.iter_mut().filter(|change| is_ours(change)) {
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

/// Whether a redeployment would pass the values the stack already has: what an SSM path stands for counts, and not the path alone.
fn same_parameters(stack: &Stack, deployed: &Deployed, observed: &Observed, terms: &Terms) -> bool {
    stack.parameters().len() == deployed.parameters.len()
        && stack.parameters().iter().all(|(name, source)| {
            let Some(there) = deployed.parameters.get(name) else { return false };
            match (source, &terms.bucket) {
                (ParameterSource::Value(value), _) => there.value == *value,
                (ParameterSource::ArtifactBucket, Bucket::Unasked) => true,
                (ParameterSource::ArtifactBucket, Bucket::Named(bucket)) => there.value == *bucket,
                (ParameterSource::ArtifactBucket, Bucket::ToBeMade) => false,
                // The local cloud tells the value a path stood for instead of the path; AWS tells both.
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
