//! Decides how to delete stacks: in which order, and which resources stay.

use cfn::{App, Presence, Stack, StackId};

use super::{Blocked, Observed, ObservedStack};
use crate::domain::stack::{Resource, StackStatus};

/// A deletion: its steps, in an order in which they could run one by one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Plan {
    /// One for each existing stack.
    pub steps: Vec<Step>,
}

/// The deletion of one stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Step {
    pub stack: StackId,
    pub name: String,
    /// The ARN.
    pub id: String,
    pub resources: usize,
    /// The retained resources.
    pub keeps: Vec<Resource>,
    /// The buckets to empty first, because CloudFormation deletes only empty ones.
    pub empties: Vec<String>,
    /// Whether termination protection has to be switched off first.
    pub unprotect: bool,
    /// The stacks of this plan that have to be deleted first.
    pub after: Vec<StackId>,
}

/// The stacks to delete: the named ones, or all. A stack of somebody else's is left alone if this stage need not have one of its name.
pub(crate) fn wanted(app: &App, named: &[StackId], observed: &Observed) -> Vec<StackId> {
    let is_left = |stack: &Stack| stack.presence() == Presence::OnRequest && observed.foreign.contains_key(&stack.id());
    let is_wanted = |stack: &&Stack| if named.is_empty() { !is_left(stack) } else { named.contains(&stack.id()) };
    app.stacks().iter().filter(is_wanted).map(Stack::id).collect()
}

/// Plans the deletion of the `wanted` stacks that exist; with `protected_ok` also of those with termination protection. Every stack
/// has to be at rest; every status at rest allows deletion.
///
/// # Errors
/// [`Blocked::InUse`], if a stack that stays reads what a deleted one publishes, [`Blocked::TerminationProtected`], and
/// [`Blocked::Foreign`].
pub(crate) fn plan(app: &App, wanted: &[StackId], observed: &Observed, protected_ok: bool) -> Result<Plan, Blocked> {
    let exists = |id: &StackId| observed.stacks.get(id).is_some_and(|there| there.deployed.status != StackStatus::DeleteComplete);
    let users = |of: StackId| app.stacks().iter().map(Stack::id).filter(move |id| app.depends_on(*id).contains(&of));
    observed.refuse_foreign(wanted.iter().copied())?;
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

/// The buckets that are deleted with the stack. Retained ones keep their content.
fn empties(stack: &Stack, there: &ObservedStack) -> Vec<String> {
    let retained = there.retained();
    let is_deleted = |bucket: &&Resource| {
        let declared = stack.emptied_first().iter().any(|id| id.as_str() == bucket.logical_id);
        declared && bucket.is_bucket() && !retained.contains(bucket)
    };
    there.resources.iter().filter(is_deleted).map(|bucket| bucket.physical_id.clone()).collect()
}
