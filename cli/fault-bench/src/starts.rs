//! Brings a stack into any of the statuses there are, by the operations that lead to it: its resources, events and change sets are then as
//! they would be in AWS. Knows of a stack what its template says.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use aws_sdk_cloudformation::types::StackStatus;
use cfn::StackId;
use serde_json::json;

use crate::{
    Bench,
    account::Account,
    inventory::{During, Trouble},
    operation::Terms,
    stack::Definition,
};

/// Every status.
pub const ALL: [StackStatus; 23] = [
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

/// Where a stack fails.
struct Weak {
    /// A resource that starts when many others are complete.
    late: String,
    /// One of those others, which is deleted with the stack.
    early: Option<String>,
}

impl Weak {
    fn of(definition: &Definition) -> Self {
        let needs = definition.needs();
        let needs: BTreeMap<_, _> = needs.keys().map(|id| (id, closure(id, &needs))).collect();
        let (late, needed) = needs.iter().max_by_key(|(_, needed)| needed.len()).expect("a stack has a resource");
        let policy = |id: &String| definition.template["Resources"][id]["DeletionPolicy"].as_str();
        let is_deleted = |id: &&&String| !matches!(policy(id), Some("Retain" | "RetainExceptOnCreate"));
        // One that needs little itself, so that nothing else stays because of it.
        let early = needed.iter().filter(is_deleted).min_by_key(|id| needs[**id].len());
        Self { late: (*late).clone(), early: early.map(|id| (*id).clone()) }
    }
}

/// The resources that this one needs, and those that they need.
fn closure<'a>(id: &'a String, needs: &'a BTreeMap<String, BTreeSet<String>>) -> BTreeSet<&'a String> {
    let (mut found, mut rest) = (BTreeSet::new(), vec![id]);
    while let Some(id) = rest.pop() {
        rest.extend(needs[id].iter().filter(|id| found.insert(*id)));
    }
    found
}

impl Bench {
    /// Brings a stack that does not exist into this status.
    pub fn bring(&self, stack: StackId, status: &StackStatus) {
        let is_undone = matches!(status.as_str(), text if text.starts_with("ROLLBACK") || text == "CREATE_FAILED");
        let (name, first) = (self.name(stack), if is_undone { self.created(stack) } else { self.wanted(stack) });
        let Weak { late, early } = Weak::of(&first);
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
            fails(&late, During::Create);
        }
        if matches!(status, StackStatus::RollbackFailed | StackStatus::DeleteFailed) {
            fails(early.as_deref().expect("a resource that needs another one can fail"), During::Delete);
        }
        if matches!(status, StackStatus::UpdateFailed) || text.starts_with("UPDATE_ROLLBACK") {
            fails(&late, During::Update);
        }
        if matches!(status, StackStatus::UpdateRollbackFailed) {
            fails(&late, During::Rollback);
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

/// What somebody might have made of a stack: with one resource more, and another one changed in place.
pub fn another(definition: &Definition) -> Definition {
    let mut template = (*definition.template).clone();
    template["Resources"][&Weak::of(definition).late]["Metadata"]["ChangedBy"] = json!("somebody");
    template["Resources"]["AddedBySomebody"] = json!({ "Type": "AWS::SQS::Queue" });
    Definition { template: Arc::new(template), ..definition.clone() }
}
