//! Decides what a deployment or a deletion will do. Knows nothing of AWS clients, terminals or clocks: what is there goes in, ordered
//! steps come out, and nothing is left to choose when they are carried out.
//!
//! Here is what plans look at: [`deploy`] and [`delete`] are about stacks, [`site`], [`totals`] and [`logs`] about what is in them.

use std::collections::{BTreeMap, BTreeSet};

use cfn::StackId;
use serde_json::Value as Json;

use crate::domain::stack::{Deployed, Phase, Resource, StackStatus};

pub(crate) mod bootstrap;
pub(crate) mod delete;
pub(crate) mod deploy;
pub(crate) mod logs;
pub(crate) mod site;
pub(crate) mod step;
#[cfg(test)]
pub(crate) mod tests;
pub(crate) mod totals;

/// What is there, as far as a plan depends on it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observed {
    /// The stacks that exist.
    pub stacks: BTreeMap<StackId, ObservedStack>,
    /// What the parameter store holds below the stage's path, by full name.
    pub parameters: BTreeMap<String, String>,
    /// The account's own stack and settings, where a plan depends on them.
    pub account: Option<ObservedAccount>,
}

/// What an account has of its own, whatever the stage.
#[derive(Clone, Debug, Default)]
pub(crate) struct ObservedAccount {
    /// The account's own stack.
    pub bootstrap: Option<ObservedStack>,
    /// The role with which API Gateway writes logs, where one is set.
    pub gateway_role: Option<String>,
}

impl Observed {
    /// Whether a stack that a deployment takes over, and so somebody else's template, has a resource of this type.
    pub(crate) fn predecessor_owns(&self, resource_type: &str) -> bool {
        let foreign = self.stacks.values().filter(|there| !is_ours(there.template.as_ref()));
        foreign.flat_map(|there| &there.resources).any(|resource| resource.resource_type == resource_type)
    }
}

/// A stack that exists.
#[derive(Clone, Debug)]
pub(crate) struct ObservedStack {
    /// What CloudFormation says about it.
    pub deployed: Deployed,
    /// The template it was last deployed with.
    pub template: Option<Json>,
    /// What it consists of. Read only where a plan needs it: to say what a deletion keeps, or would leave behind.
    pub resources: Vec<Resource>,
}

impl ObservedStack {
    /// What of it stays in the account when it is deleted. The deployed template decides, not the one we would deploy today.
    pub(crate) fn retained(&self) -> Vec<Resource> {
        let retained = retained(self.template.as_ref());
        let stays = |resource: &&Resource| {
            retained.contains(resource.logical_id.as_str())
                && resource.status != "DELETE_COMPLETE"
                && !resource.physical_id.is_empty()
        };
        self.resources.iter().filter(stays).cloned().collect()
    }
}

/// The logical ids of what a template says to retain.
fn retained(template: Option<&Json>) -> BTreeSet<&str> {
    let resources = template.and_then(|template| template.get("Resources")).and_then(Json::as_object);
    let retains = |resource: &Json| resource.get("DeletionPolicy").and_then(Json::as_str) == Some("Retain");
    resources.into_iter().flatten().filter(|(_, resource)| retains(resource)).map(|(id, _)| id.as_str()).collect()
}

/// The stacks that are busy with something that has to end before a plan can be made.
pub(crate) fn busy(observed: &Observed) -> Vec<(StackId, &Deployed)> {
    let stacks = observed.stacks.iter();
    stacks.filter(|(_, there)| there.deployed.status.phase() == Phase::Busy).map(|(id, there)| (*id, &there.deployed)).collect()
}

/// Whether a template is one of ours. The original's is YAML, or has SAM's transform.
pub(crate) fn is_ours(template: Option<&Json>) -> bool {
    template.and_then(Json::as_object).is_some_and(|template| !template.contains_key("Transform"))
}

/// Why there is no way from what is there to what is wanted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Blocked {
    /// Only a person can decide how to go on from this state.
    #[error("the {stack} stack ({name}) is {status} and cannot be updated from this state{}", because(reason.as_deref()))]
    Stuck {
        /// Which stack.
        stack: StackId,
        /// Its name.
        name: String,
        /// Its status.
        status: StackStatus,
        /// Why, as CloudFormation tells it.
        reason: Option<String>,
    },
    /// The stack has to be made anew, and what it would leave behind holds people's data.
    #[error(
        "the {stack} stack ({name}) is {status} and has to be recreated, which would leave {} in the account without a stack",
        listed(left)
    )]
    LeavesBehind {
        /// Which stack.
        stack: StackId,
        /// Its name.
        name: String,
        /// Its status.
        status: StackStatus,
        /// What would be left.
        left: Vec<Resource>,
    },
    /// A protected stage would lose something.
    #[error("the stage is protected, and the {stack} stack would lose or replace {}", resources.join(", "))]
    Protected {
        /// Which stack.
        stack: StackId,
        /// What is removed or replaced, by logical id.
        resources: Vec<String>,
    },
    /// A stack reads what nobody has published, and nobody in this plan will.
    #[error("the {stack} stack reads {path}, but the {publisher} stack, which publishes it, is not deployed")]
    MissingInput {
        /// The reader.
        stack: StackId,
        /// The parameter.
        path: String,
        /// Who would publish it.
        publisher: StackId,
    },
    /// A stack is to be deleted while another one that needs it stays.
    #[error("the {stack} stack cannot be deleted while the {user} stack uses it")]
    InUse {
        /// What is to be deleted.
        stack: StackId,
        /// Who uses it.
        user: StackId,
    },
    /// Somebody protected a stack from deletion.
    #[error("the {stack} stack ({name}) has termination protection")]
    TerminationProtected {
        /// Which stack.
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
    /// The next thing to try.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Stuck { name, .. } => format!(
                "inspect it with `aws cloudformation describe-stack-events --stack-name {name}`; an import that did not roll back has \
                 to be repaired by hand, with `aws cloudformation create-change-set --change-set-type IMPORT`"
            ),
            Self::LeavesBehind { .. } => {
                "save their data, then run `cartctl deploy --leave-retained`; delete them yourself once nobody needs them"
                    .to_owned()
            }
            Self::Protected { .. } => {
                "if that is intended, set `protected = false` for this stage in cartctl.toml, deploy, and set it back; retained \
                 data stays in the account, but outside of the stack"
                    .to_owned()
            }
            Self::MissingInput { publisher, stack, .. } => format!("`cartctl deploy {publisher} {stack}` deploys both in order"),
            Self::InUse { stack, user } => format!("`cartctl delete {user} {stack}` deletes both in order"),
            Self::TerminationProtected { stack, .. } => {
                format!("if that is intended, `cartctl delete {stack} --protected-ok` switches the protection off first")
            }
        }
    }
}
