//! Decides how to delete stacks: in which order, and what stays.

use cfn::{App, Stack, StackId};

use super::{Blocked, Observed, ObservedStack};
use crate::domain::stack::{Resource, StackStatus};

/// A deletion: its steps, in an order in which they could be carried out one by one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// A step a stack that exists.
    pub steps: Vec<Step>,
}

/// The deletion of one stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    /// Which stack.
    pub stack: StackId,
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub id: String,
    /// How many resources it has.
    pub resources: usize,
    /// What stays when it is gone.
    pub keeps: Vec<Resource>,
    /// The buckets that have to be emptied first: CloudFormation deletes none with something in it.
    pub empties: Vec<String>,
    /// Whether termination protection has to be switched off first.
    pub unprotect: bool,
    /// The stacks of this plan that have to be gone first.
    pub after: Vec<StackId>,
}

/// Decides how to delete the `wanted` stacks that exist; `protected_ok` also those that are protected from it. All of them have to be
/// at rest. Every status at rest can be deleted from.
///
/// # Errors
/// [`Blocked::InUse`], where another stack that stays reads what a deleted one published, and [`Blocked::TerminationProtected`].
pub(crate) fn plan(app: &App, wanted: &[StackId], observed: &Observed, protected_ok: bool) -> Result<Plan, Blocked> {
    let exists = |id: &StackId| observed.stacks.get(id).is_some_and(|there| there.deployed.status != StackStatus::DeleteComplete);
    let users = |of: StackId| app.stacks().iter().map(Stack::id).filter(move |id| app.depends_on(*id).contains(&of));
    let mut steps = Vec::new();
    for stack in app.stacks().iter().rev().filter(|stack| wanted.contains(&stack.id())) {
        let Some(there) = observed.stacks.get(&stack.id()).filter(|_| exists(&stack.id())) else { continue };
        if let Some(user) = users(stack.id()).find(|user| exists(user) && !wanted.contains(user)) {
            return Err(Blocked::InUse { stack: stack.id(), user });
        }
        let unprotect = there.deployed.termination_protection;
        if unprotect && !protected_ok {
            return Err(Blocked::TerminationProtected { stack: stack.id(), name: stack.name().to_owned() });
        }
        steps.push(Step {
            stack: stack.id(),
            name: stack.name().to_owned(),
            id: there.deployed.id.clone(),
            resources: there.resources.len(),
            keeps: there.retained(),
            empties: empties(stack, there),
            unprotect,
            after: users(stack.id()).filter(exists).collect(),
        });
    }
    Ok(Plan { steps })
}

/// The buckets of a stack that are deleted with their content. A retained one stays as it is.
fn empties(stack: &Stack, there: &ObservedStack) -> Vec<String> {
    let retained = there.retained();
    let is_deleted = |bucket: &&Resource| {
        let declared = stack.emptied_first().iter().any(|id| id.as_str() == bucket.logical_id);
        declared && bucket.is_bucket() && !retained.contains(bucket)
    };
    there.resources.iter().filter(is_deleted).map(|bucket| bucket.physical_id.clone()).collect()
}
