//! Decides what a deployment or a deletion will do. Knows nothing of AWS clients, terminals or clocks: an observation goes in,
//! ordered steps come out, and carrying them out needs no further decision.
//!
//! [`deploy`] and [`delete`] plan stacks; [`site`], [`totals`] and [`logs`] plan work on their content. This file defines what
//! plans observe.

use std::collections::{BTreeMap, BTreeSet};

use cfn::StackId;
use serde_json::Value as Json;

use self::ownership::{Claim, Foreign, Owner};
use crate::domain::{
    command::Command,
    stack::{Deployed, Phase, Resource, StackStatus},
};

pub(crate) mod bootstrap;
pub(crate) mod delete;
pub(crate) mod deploy;
pub(crate) mod logs;
pub(crate) mod ownership;
pub(crate) mod site;
pub(crate) mod step;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod totals;

/// The existing state, as far as a plan depends on it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observed {
    /// The existing stacks of this stage.
    pub stacks: BTreeMap<StackId, ObservedStack>,
    /// Existing stacks of somebody else's, under names of this stage's. To a plan they do not exist, unless it has to change one.
    pub foreign: BTreeMap<StackId, Foreign>,
    /// Values in Parameter Store below the stage's path, by full name.
    pub parameters: BTreeMap<String, String>,
    /// None where no plan depends on it.
    pub account: Option<ObservedAccount>,
}

/// The resources of an account that no stage owns.
#[derive(Clone, Debug, Default)]
pub(crate) struct ObservedAccount {
    pub bootstrap: Option<ObservedStack>,
    /// A stack of somebody else's under the name of the account's own.
    pub foreign: Option<Foreign>,
    /// The role with which API Gateway writes logs, if one is set.
    pub gateway_role: Option<String>,
}

impl Observed {
    /// Whether a stack that a deployment takes over has a resource of this type.
    pub(crate) fn predecessor_owns(&self, resource_type: &str) -> bool {
        let taken_over = self.stacks.values().filter(|there| there.claim.takes_over());
        taken_over.flat_map(|there| &there.resources).any(|resource| resource.resource_type == resource_type)
    }

    /// The running operations, also those on stacks of somebody else's.
    pub(crate) fn busy(&self) -> Vec<Busy<'_>> {
        let own = self.stacks.iter().map(|(stack, ObservedStack { deployed: Deployed { id, status, .. }, .. })| Busy {
            stack: *stack,
            id,
            status: *status,
            foreign: None,
        });
        let foreign = self.foreign.iter().map(|(stack, foreign)| Busy {
            stack: *stack,
            id: &foreign.id,
            status: foreign.status,
            foreign: Some(foreign),
        });
        own.chain(foreign).filter(|there| there.status.phase() == Phase::Busy).collect()
    }

    /// Fails if one of these stacks is somebody else's.
    ///
    /// # Errors
    /// [`Blocked::Foreign`], for the first of them.
    pub(crate) fn refuse_foreign(&self, stacks: impl IntoIterator<Item = StackId>) -> Result<(), Blocked> {
        let found = stacks.into_iter().find_map(|stack| Some((stack, self.foreign.get(&stack)?)));
        found.map_or(Ok(()), |(stack, foreign)| Err(Blocked::foreign(stack, foreign)))
    }
}

/// An existing stack of this stage.
#[derive(Clone, Debug)]
pub(crate) struct ObservedStack {
    pub deployed: Deployed,
    /// Why it is this stage's.
    pub claim: Claim,
    /// The template of the last deployment.
    pub template: Option<Json>,
    /// Read only where a plan needs them: to list what a deletion keeps or orphans.
    pub resources: Vec<Resource>,
}

impl ObservedStack {
    /// The resources that stay in the account when the stack is deleted. The deployed template decides, not the one of today's
    /// definition.
    pub(crate) fn retained(&self) -> Vec<Resource> {
        self.with_policy(&["Retain", "RetainExceptOnCreate"])
    }

    /// Those of them that hold people's data, rather than records of what happened.
    pub(crate) fn retained_data(&self) -> Vec<Resource> {
        self.with_policy(&["Retain"])
    }

    fn with_policy(&self, policies: &[&str]) -> Vec<Resource> {
        let retained = retained(self.template.as_ref(), policies);
        let stays = |resource: &&Resource| {
            retained.contains(resource.logical_id.as_str())
                && resource.status != "DELETE_COMPLETE"
                && !resource.physical_id.is_empty()
        };
        self.resources.iter().filter(stays).cloned().collect()
    }
}

/// The logical ids of the resources for which a template has one of these deletion policies.
fn retained<'a>(template: Option<&'a Json>, policies: &[&str]) -> BTreeSet<&'a str> {
    let resources = template.and_then(|template| template.get("Resources")).and_then(Json::as_object);
    let retains = |resource: &Json| resource["DeletionPolicy"].as_str().is_some_and(|policy| policies.contains(&policy));
    resources.into_iter().flatten().filter(|(_, resource)| retains(resource)).map(|(id, _)| id.as_str()).collect()
}

/// A stack with a running operation.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Busy<'a> {
    pub stack: StackId,
    /// The ARN.
    pub id: &'a str,
    pub status: StackStatus,
    /// Whether the stack is somebody else's, and whose.
    pub foreign: Option<&'a Foreign>,
}

/// Why no operations lead from the existing stacks to the requested ones.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Blocked {
    /// Only a person can decide how to continue from this state.
    #[error("the {stack} stack ({name}) is {status} and cannot be updated from this state{}", because(reason.as_deref()))]
    Stuck {
        /// The stack that is stuck.
        stack: StackId,
        /// Its name.
        name: String,
        /// Its status.
        status: StackStatus,
        /// The reason that CloudFormation reports.
        reason: Option<String>,
    },
    /// The stack has to be recreated, which would orphan resources with people's data.
    #[error(
        "the {stack} stack ({name}) is {status} and has to be recreated, which would leave {} in the account without a stack",
        listed(left)
    )]
    LeavesBehind {
        /// The stack that has to be recreated.
        stack: StackId,
        /// Its name.
        name: String,
        /// Its status.
        status: StackStatus,
        /// The resources that would be orphaned.
        left: Vec<Resource>,
    },
    /// A protected stage would lose resources.
    #[error("the stage is protected, and the {stack} stack would lose or replace {}", resources.join(", "))]
    Protected {
        /// The stack that would lose them.
        stack: StackId,
        /// The removed or replaced resources, by logical id.
        resources: Vec<String>,
    },
    /// A stack reads a value that is not published, and this plan does not publish it.
    #[error("the {stack} stack reads {path}, but the {publisher} stack, which publishes it, is not deployed")]
    MissingInput {
        /// The stack that reads.
        stack: StackId,
        /// The parameter's path.
        path: String,
        /// The stack that publishes the value.
        publisher: StackId,
    },
    /// A stack would be deleted although a stack that stays depends on it.
    #[error("the {stack} stack cannot be deleted while the {user} stack uses it")]
    InUse {
        /// The stack to be deleted.
        stack: StackId,
        /// The stack that depends on it.
        user: StackId,
    },
    /// The stack is somebody else's.
    #[error("the {stack} stack ({}, {}) is not this stage's: {}", foreign.name, foreign.status, foreign.owner)]
    Foreign {
        /// The stack that was to be changed.
        stack: StackId,
        /// The existing stack.
        foreign: Box<Foreign>,
    },
    /// Termination protection is on.
    #[error("the {stack} stack ({name}) has termination protection")]
    TerminationProtected {
        /// The protected stack.
        stack: StackId,
        /// Its name.
        name: String,
    },
}

fn because(reason: Option<&str>) -> String {
    reason.map_or_else(String::new, |reason| format!(": {reason}"))
}

fn listed(resources: &[Resource]) -> String {
    let names: Vec<_> = resources.iter().map(|resource| format!("{} ({})", resource.logical_id, resource.physical_id)).collect();
    names.join(", ")
}

impl Blocked {
    pub(crate) fn foreign(stack: StackId, foreign: &Foreign) -> Self {
        Self::Foreign { stack, foreign: Box::new(foreign.clone()) }
    }

    /// The next thing to try.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Stuck { name, .. } => format!(
                "inspect it with {}; an import that did not roll back has to be repaired by hand, with a change set of the type IMPORT",
                Command::aws("cloudformation describe-stack-events --stack-name").with(name)
            ),
            Self::LeavesBehind { .. } => format!(
                "save their data, then run {}; delete them yourself once nobody needs them",
                Command::cartctl("deploy --leave-retained")
            ),
            Self::Protected { .. } => {
                "if that is intended, set `protected = false` for this stage in cartctl.toml, deploy, and set it back; retained \
                 data stays in the account, but outside of the stack"
                    .to_owned()
            }
            Self::MissingInput { publisher, stack, .. } => {
                format!("{} deploys both in order", Command::cartctl("deploy").with_all([publisher, stack]))
            }
            Self::Foreign { stack, foreign } => {
                let first = match &foreign.owner {
                    Owner::Later(_) => "use the version of cartctl that deployed it",
                    Owner::Marked(_) => "work on it with the `prefix` and the `--stage` of its mark, or choose another `prefix`",
                    Owner::Unreadable(_) | Owner::Unmarked(_) => {
                        "leave it to its owner, and choose another `prefix` in cartctl.toml"
                    }
                };
                format!(
                    "{first}. If you know that it is this stage's, run the same command again with `--adopt {stack}`: its resources \
                     that this stage does not define are deleted then"
                )
            }
            Self::InUse { stack, user } => {
                format!("{} deletes both in order", Command::cartctl("delete").with_all([user, stack]))
            }
            Self::TerminationProtected { stack, .. } => {
                let delete = Command::cartctl("delete").with(stack).with("--protected-ok");
                format!("if that is intended, {delete} switches the protection off first")
            }
        }
    }
}
