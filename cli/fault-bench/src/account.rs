//! The account: its stacks and everything else in it. Tests look into it, and bring it into the state they start from.

use std::{collections::BTreeMap, sync::Arc};

use aws_sdk_cloudformation::types::{ChangeSetStatus, ExecutionStatus, StackStatus};

use crate::{
    ACCOUNT, OURS, REGION,
    inventory::{Clock, Inventory},
    operation::Terms,
    stack::{ChangeSet, Definition, Parameter, Resource, Stack},
};

/// When time begins.
const BEGINNING: u64 = 1_790_000_000_000;

/// An account in one region.
#[derive(Clone, Debug, Default)]
pub struct Account {
    /// Its stacks, also the deleted ones.
    pub stacks: Vec<Stack>,
    /// What else there is.
    pub inventory: Inventory,
    identities: usize,
}

impl Account {
    /// The stack of this ARN, or the one of this name that is not deleted.
    pub fn find(&self, name_or_id: &str) -> Option<usize> {
        let is_it =
            |stack: &Stack| stack.id == name_or_id || stack.name == name_or_id && stack.status != StackStatus::DeleteComplete;
        self.stacks.iter().position(is_it)
    }

    /// The same, where it is known to be there.
    #[track_caller]
    pub fn stack(&self, name_or_id: &str) -> &Stack {
        &self.stacks[self.find(name_or_id).unwrap_or_else(|| panic!("there is no {name_or_id}"))]
    }

    /// The change set of this ARN or, in a stack, of this name: which stack, which change set.
    pub fn change_set(&self, stack: Option<&str>, name_or_id: &str) -> Option<(usize, usize)> {
        let named = stack.and_then(|stack| self.find(stack));
        self.stacks.iter().enumerate().find_map(|(place, stack)| {
            let is_it = |set: &ChangeSet| set.id == name_or_id || named == Some(place) && set.name == name_or_id && set.is_left();
            stack.change_sets.iter().position(is_it).map(|set| (place, set))
        })
    }

    /// A new identity, which ends ARNs.
    pub fn identity(&mut self) -> String {
        self.identities += 1;
        format!("00000000-0000-4000-8000-{:012}", self.identities)
    }

    /// Makes a stack under review.
    pub fn review(&mut self, name: &str) -> usize {
        let id = format!("arn:aws:cloudformation:{REGION}:{ACCOUNT}:stack/{name}/{}", self.identity());
        self.stacks.push(Stack::new(id, name, BEGINNING));
        self.stacks.len() - 1
    }

    /// Begins to make a stack what somebody wants it to be. What others wanted of it is out of date.
    pub fn carry_out(&mut self, name: &str, wanted: Definition, terms: Terms) -> &mut Stack {
        let place = self.find(name).unwrap_or_else(|| self.review(name));
        let stack = &mut self.stacks[place];
        for set in stack.change_sets.iter_mut().filter(|set| set.is_left()) {
            set.execution = ExecutionStatus::Obsolete;
        }
        stack.carry_out(wanted, terms, Some("somebody-else".to_owned()), &mut self.inventory);
        stack
    }

    /// Leaves a change set that somebody made and did not execute.
    pub fn leave_change_set(&mut self, stack: &str, name: &str, definition: Definition) {
        let place = self.find(stack).unwrap_or_else(|| self.review(stack));
        let id = format!("arn:aws:cloudformation:{REGION}:{ACCOUNT}:changeSet/{name}/{}", self.identity());
        let changes = self.stacks[place].changes(&definition);
        self.stacks[place].change_sets.push(ChangeSet {
            id,
            name: name.to_owned(),
            changes,
            definition,
            status: ChangeSetStatus::CreateComplete,
            reason: None,
            execution: ExecutionStatus::Available,
            pending: 0,
        });
    }

    /// Time passes for a stack, as it does at a call about it.
    pub fn pass_a_call(&mut self, place: usize, since_start: u64) {
        let stack = &mut self.stacks[place];
        let until = match self.inventory.latencies.clock {
            Clock::Calls(step) => stack.now + step,
            Clock::Wall => BEGINNING + since_start,
        };
        stack.advance(until, &mut self.inventory);
    }

    /// So much time passes that nothing goes on any more.
    pub fn settle(&mut self) {
        for stack in &mut self.stacks {
            stack.settle(None, &mut self.inventory);
        }
    }

    /// Time passes for one stack until it has this status.
    #[track_caller]
    pub fn settle_at(&mut self, name: &str, status: &StackStatus) {
        let place = self.stacks.iter().rposition(|stack| stack.name == name).unwrap_or_else(|| panic!("there is no {name}"));
        let stack = &mut self.stacks[place];
        stack.settle(Some(status), &mut self.inventory);
        assert_eq!(stack.status, *status, "{name}: {:?}", stack.reason);
    }

    /// What a template and the values of its parameters make together.
    ///
    /// # Errors
    /// As CloudFormation tells it.
    pub fn define(
        &self,
        template: &serde_json::Value,
        parameters: &BTreeMap<String, String>,
        tags: BTreeMap<String, String>,
    ) -> Result<Definition, String> {
        let declared = template["Parameters"].as_object();
        let is_declared = |name: &&String| declared.is_some_and(|declared| declared.contains_key(*name));
        if let Some(unknown) = parameters.keys().find(|name| !is_declared(name)) {
            return Err(format!("Parameters: [{unknown}] do not exist in the template"));
        }
        let mut found = BTreeMap::new();
        for (name, parameter) in declared.into_iter().flatten() {
            let value = parameters.get(name).cloned().or_else(|| parameter["Default"].as_str().map(str::to_owned));
            let value = value.ok_or_else(|| format!("Parameters: [{name}] must have values"))?;
            let is_path = parameter["Type"].as_str().is_some_and(|kind| kind.starts_with("AWS::SSM::Parameter::Value<"));
            let resolve = |path: &String| {
                let missing = || format!("Unable to fetch parameters [{path}] from parameter store for this account.");
                self.inventory.parameters.get(path).cloned().ok_or_else(missing)
            };
            let resolved = if is_path { Some(resolve(&value)?) } else { None };
            found.insert(name.clone(), Parameter { value, resolved });
        }
        Ok(Definition { template: Arc::new(template.clone()), parameters: found, tags })
    }

    /// The change sets of ours that lie around.
    pub fn left_change_sets(&self) -> Vec<&str> {
        let left = self.stacks.iter().filter(|stack| stack.status != StackStatus::DeleteComplete);
        let sets = left.flat_map(|stack| stack.change_sets.iter().filter(|set| set.is_left()).map(|set| set.name.as_str()));
        sets.filter(|name| name.starts_with(OURS)).collect()
    }

    /// What is there, and belongs to no stack.
    pub fn orphans(&self) -> Vec<&str> {
        let owns = |kind: &str, name: &str, stack: &Stack| {
            let resource = |resource: &Resource| {
                resource.is_there() && resource.kind() == kind && resource.physical_id.as_deref() == Some(name)
            };
            stack.status != StackStatus::DeleteComplete && stack.resources.values().any(resource)
        };
        let things = self.inventory.things.keys();
        let orphans = things.filter(|(kind, name)| !self.stacks.iter().any(|stack| owns(kind, name, stack)));
        orphans.map(|(_, name)| name.as_str()).collect()
    }

    /// What was to be retained and is gone.
    pub fn lost(&self) -> Vec<&(String, String)> {
        self.inventory.treasures.iter().filter(|key| !self.inventory.things.contains_key(*key)).collect()
    }
}
