//! Brings a stack into any of the statuses there are, by what leads to it: everything about it is then as it would be.

use std::sync::Arc;

use aws_sdk_cloudformation::types::StackStatus;
use cart_infra::{StackId, stacks};
use serde_json::json;

use super::{
    Bench,
    account::Account,
    inventory::{During, Trouble},
    operation::Terms,
    stack::{Definition, Stack},
};

/// Every status.
pub(crate) const ALL: [StackStatus; 23] = [
    StackStatus::CreateInProgress,
    StackStatus::CreateFailed,
    StackStatus::CreateComplete,
    StackStatus::RollbackInProgress,
    StackStatus::RollbackFailed,
    StackStatus::RollbackComplete,
    StackStatus::DeleteInProgress,
    StackStatus::DeleteFailed,
    StackStatus::DeleteComplete,
    StackStatus::UpdateInProgress,
    StackStatus::UpdateCompleteCleanupInProgress,
    StackStatus::UpdateComplete,
    StackStatus::UpdateFailed,
    StackStatus::UpdateRollbackInProgress,
    StackStatus::UpdateRollbackFailed,
    StackStatus::UpdateRollbackCompleteCleanupInProgress,
    StackStatus::UpdateRollbackComplete,
    StackStatus::ReviewInProgress,
    StackStatus::ImportInProgress,
    StackStatus::ImportComplete,
    StackStatus::ImportRollbackInProgress,
    StackStatus::ImportRollbackFailed,
    StackStatus::ImportRollbackComplete,
];

/// What every stack of ours has at its end, and so what fails late.
const LATE: &str = "AWS::SSM::Parameter";

impl Bench {
    /// Brings a stack that does not exist into this status.
    pub(crate) fn bring(&self, stack: StackId, status: &StackStatus) {
        let (name, first) = (self.name(stack), self.wanted(stack));
        let early = match (stack, status) {
            // The pool of a protected stage is not even tried to be deleted.
            (stacks::AUTH, StackStatus::DeleteFailed) => "AWS::Cognito::UserPoolClient",
            (stacks::AUTH, _) => "AWS::Cognito::UserPool",
            _ => "AWS::Logs::LogGroup",
        };
        let mut state = self.state();
        let account = &mut state.account;
        let text = status.as_str();
        if *status == StackStatus::ReviewInProgress {
            return account.leave_change_set(&name, "left-by-somebody", first);
        }
        let mut fails = |resource: &str, during| {
            let (stack, resource, reason) = (name.clone(), resource.to_owned(), format!("Something is wrong with {resource}"));
            account.inventory.troubles.push(Trouble { stack, resource, during, reason, always: false });
        };
        let kept = matches!(status, StackStatus::CreateFailed | StackStatus::UpdateFailed);
        let terms = Terms { disable_rollback: kept, retain_except_on_create: true, force: false };
        let created = text.starts_with("CREATE") || text.starts_with("ROLLBACK");
        if created && !matches!(status, StackStatus::CreateInProgress | StackStatus::CreateComplete) {
            fails(LATE, During::Create);
        }
        if matches!(status, StackStatus::RollbackFailed | StackStatus::DeleteFailed) {
            fails(early, During::Delete);
        }
        if matches!(status, StackStatus::UpdateFailed) || text.starts_with("UPDATE_ROLLBACK") {
            fails(LATE, During::Update);
        }
        if matches!(status, StackStatus::UpdateRollbackFailed) {
            fails(LATE, During::Rollback);
        }
        account.carry_out(&name, first.clone(), terms);
        if !created {
            account.settle_at(&name, &StackStatus::CreateComplete);
        }
        if text.starts_with("UPDATE") {
            account.carry_out(&name, another(&first), terms);
        } else if text.starts_with("DELETE") {
            let place = account.find(&name).unwrap();
            let Account { stacks, inventory, .. } = account;
            stacks[place].delete(&[], Terms::default(), None, inventory);
        } else if text.starts_with("IMPORT") {
            import(account, &name, status);
        }
        account.settle_at(&name, status);
    }
}

fn import(account: &mut Account, name: &str, status: &StackStatus) {
    let place = account.find(name).unwrap();
    let Account { stacks, inventory, .. } = account;
    let (begins, ends) = match status {
        StackStatus::ImportInProgress | StackStatus::ImportComplete => {
            (StackStatus::ImportInProgress, &StackStatus::ImportComplete)
        }
        StackStatus::ImportRollbackFailed => (StackStatus::ImportRollbackInProgress, &StackStatus::ImportRollbackFailed),
        _ => (StackStatus::ImportRollbackInProgress, &StackStatus::ImportRollbackComplete),
    };
    stacks[place].pass_through(begins, ends, inventory);
}

/// What somebody might have made of a stack: with one resource more, and another one changed.
pub(crate) fn another(definition: &Definition) -> Definition {
    let mut template = (*definition.template).clone();
    let resources = template["Resources"].as_object_mut().unwrap();
    let changed = resources.values_mut().find(|resource| resource["Type"] == LATE).unwrap();
    changed["Properties"]["Description"] = json!("changed by somebody");
    resources.insert("AddedBySomebody".to_owned(), json!({ "Type": "AWS::SQS::Queue" }));
    Definition { template: Arc::new(template), ..definition.clone() }
}

/// Somebody updates the first stack of the stage that can be updated.
pub(crate) fn somebody_updates(account: &mut Account) {
    let is_ready = |stack: &Stack| matches!(stack.status, StackStatus::CreateComplete | StackStatus::UpdateComplete);
    // Not the bootstrap stack, which no stage owns.
    let is_it = |stack: &&Stack| is_ready(stack) && stack.resources.len() > 4;
    let Some(stack) = account.stacks.iter().find(is_it) else { return };
    let (name, mut wanted) = (stack.name.clone(), another(&stack.definition));
    wanted.tags.insert("by".to_owned(), format!("somebody, after {} events", stack.events.len()));
    account.carry_out(&name, wanted, Terms::default());
}
