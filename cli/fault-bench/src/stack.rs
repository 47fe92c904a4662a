//! A stack as CloudFormation remembers it. Knows nothing of calls; what goes on in it is in `operation`.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use aws_sdk_cloudformation::types::{ChangeSetStatus, ExecutionStatus, StackStatus};
use cfn::diff::{self, ResourceChange};
use serde_json::{Value as Json, json};

use crate::{
    operation::{Leaving, Operation},
    template::{Scope, needs},
};

/// The type of a stack in its own events.
pub const STACK: &str = "AWS::CloudFormation::Stack";

/// A stack.
#[derive(Clone, Debug)]
pub struct Stack {
    /// Its ARN.
    pub id: String,
    /// Its name.
    pub name: String,
    /// Its status.
    pub status: StackStatus,
    /// Why.
    pub reason: Option<String>,
    /// What it was last told to be.
    pub definition: Definition,
    /// What it told: key and value.
    pub outputs: BTreeMap<String, String>,
    /// What it consists of, by logical id.
    pub resources: BTreeMap<String, Resource>,
    /// Its history, oldest first.
    pub events: Vec<Arc<Event>>,
    /// Whether it must not be deleted.
    pub protected: bool,
    /// Those that were not deleted.
    pub change_sets: Vec<ChangeSet>,
    /// What goes on.
    pub operation: Option<Operation>,
    /// What it was when it last was at rest, until it is again.
    pub before: Option<Box<Before>>,
    /// What a clean-up will take away.
    pub leaving: Vec<Leaving>,
    /// The stack's own time, in milliseconds since 1970.
    pub now: u64,
    /// What requests were marked with, and what they asked for.
    pub tokens: BTreeMap<String, (String, Json)>,
}

/// What somebody wants a stack to be.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Definition {
    /// The template; nothing for a stack under review.
    pub template: Arc<Json>,
    /// The values of its parameters.
    pub parameters: BTreeMap<String, Parameter>,
    /// The tags.
    pub tags: BTreeMap<String, String>,
}

impl Definition {
    /// The other resources that each resource needs.
    pub fn needs(&self) -> BTreeMap<String, BTreeSet<String>> {
        let scope = Scope {
            template: &self.template,
            stack: "",
            parameters: self.parameters.iter().map(|(name, parameter)| (name.clone(), parameter.effective())).collect(),
            resources: BTreeMap::new(),
        };
        let defined = scope.defined();
        let names = defined.iter().map(|(id, _)| *id).collect();
        defined.iter().map(|(id, resource)| ((*id).clone(), needs(resource, &names))).collect()
    }
}

/// The value of a parameter.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Parameter {
    /// What was passed.
    pub value: String,
    /// What it stands for, if it is of an SSM type.
    pub resolved: Option<String>,
}

impl Parameter {
    /// What `Ref` makes of it.
    fn effective(&self) -> String {
        self.resolved.clone().unwrap_or_else(|| self.value.clone())
    }
}

/// What a failed update goes back to.
#[derive(Clone, Debug)]
pub struct Before {
    pub definition: Definition,
    pub resources: BTreeMap<String, Resource>,
    pub outputs: BTreeMap<String, String>,
}

/// A resource.
#[derive(Clone, Debug)]
pub struct Resource {
    /// Its name in the account, once it has one.
    pub physical_id: Option<String>,
    /// CloudFormation's spelling.
    pub status: String,
    /// Why.
    pub reason: Option<String>,
    /// What it was made from, resolved.
    pub definition: Json,
    /// What has to be there as long as it is.
    pub needs: BTreeSet<String>,
}

impl Resource {
    /// For example `AWS::DynamoDB::Table`.
    pub fn kind(&self) -> &str {
        self.definition["Type"].as_str().unwrap_or_default()
    }

    /// Whether this policy of it says that the thing stays.
    pub fn retains(&self, policy: &str) -> bool {
        matches!(self.definition[policy].as_str(), Some("Retain" | "RetainExceptOnCreate"))
    }

    /// Whether it is in the account.
    pub fn is_there(&self) -> bool {
        self.physical_id.is_some() && !matches!(self.status.as_str(), "DELETE_COMPLETE" | "DELETE_SKIPPED")
    }
}

/// Something that happened.
#[derive(Clone, Debug)]
pub struct Event {
    pub id: String,
    pub at: u64,
    pub logical_id: String,
    pub physical_id: String,
    pub kind: String,
    pub status: String,
    pub reason: Option<String>,
    pub token: Option<String>,
}

/// A change set.
#[derive(Clone, Debug)]
pub struct ChangeSet {
    /// Its ARN.
    pub id: String,
    /// Its name.
    pub name: String,
    /// What the stack is to be.
    pub definition: Definition,
    /// What that changes.
    pub changes: Vec<ResourceChange>,
    /// How far it is.
    pub status: ChangeSetStatus,
    /// Why it failed.
    pub reason: Option<String>,
    /// Whether it can be executed, or was.
    pub execution: ExecutionStatus,
    /// How often it will still be told to be in the making.
    pub pending: usize,
}

impl ChangeSet {
    /// Whether it lies around: it was neither executed nor deleted.
    pub fn is_left(&self) -> bool {
        self.execution != ExecutionStatus::ExecuteComplete
    }
}

impl Stack {
    /// A stack under review, as a first change set makes it.
    pub fn new(id: String, name: &str, now: u64) -> Self {
        let mut stack = Self {
            id,
            name: name.to_owned(),
            status: StackStatus::ReviewInProgress,
            reason: None,
            definition: Definition::default(),
            outputs: BTreeMap::new(),
            resources: BTreeMap::new(),
            events: Vec::new(),
            protected: false,
            change_sets: Vec::new(),
            operation: None,
            before: None,
            leaving: Vec::new(),
            now,
            tokens: BTreeMap::new(),
        };
        stack.enter(StackStatus::ReviewInProgress, Some("User Initiated"));
        stack
    }

    /// Whether nothing goes on.
    pub fn is_at_rest(&self) -> bool {
        self.operation.is_none()
            && (self.status == StackStatus::ReviewInProgress || !self.status.as_str().ends_with("_IN_PROGRESS"))
    }

    /// Takes a status, which is an event.
    pub fn enter(&mut self, status: StackStatus, reason: Option<&str>) {
        self.reason = reason.map(str::to_owned);
        self.tell(&self.name.clone(), &self.id.clone(), STACK, status.as_str(), reason);
        self.status = status;
    }

    /// Adds to the history.
    pub fn tell(&mut self, logical_id: &str, physical_id: &str, kind: &str, status: &str, reason: Option<&str>) {
        self.events.push(Arc::new(Event {
            id: format!("{logical_id}-{status}-{:06}", self.events.len()),
            at: self.now,
            logical_id: logical_id.to_owned(),
            physical_id: physical_id.to_owned(),
            kind: kind.to_owned(),
            status: status.to_owned(),
            reason: reason.map(str::to_owned),
            token: self.operation.as_ref().and_then(|operation| operation.token.clone()),
        }));
    }

    /// What the functions of a template stand for, as this stack is now.
    pub(crate) fn scope<'a>(&'a self, definition: &'a Definition) -> Scope<'a> {
        let there = |(id, resource): (&String, &Resource)| {
            let physical_id = resource.physical_id.clone().filter(|_| resource.is_there())?;
            Some((id.clone(), (resource.kind().to_owned(), physical_id)))
        };
        Scope {
            template: &definition.template,
            stack: &self.name,
            parameters: definition.parameters.iter().map(|(name, parameter)| (name.clone(), parameter.effective())).collect(),
            resources: self.resources.iter().filter_map(there).collect(),
        }
    }

    /// What would change if the stack were this: with resolved values, so that a changed parameter shows where it is used.
    pub fn changes(&self, wanted: &Definition) -> Vec<ResourceChange> {
        let there = |resource: &&Resource| resource.is_there();
        let mut scope = self.scope(wanted);
        let before: BTreeMap<_, _> = self.resources.iter().filter(|(_, resource)| there(resource)).collect();
        let defined: BTreeMap<_, _> = scope.defined().into_iter().collect();
        let names: BTreeSet<_> = defined.keys().copied().collect();
        let mut changes: Vec<ResourceChange> = Vec::new();
        let mut rest: Vec<_> = defined.iter().map(|(id, resource)| (*id, *resource, needs(resource, &names))).collect();
        while !rest.is_empty() {
            // One that needs nothing that is still to come. What is new or replaced has another name then, which changes its users.
            let pending: BTreeSet<_> = rest.iter().map(|(id, ..)| (*id).clone()).collect();
            let next = rest.iter().position(|(_, _, needs)| needs.is_disjoint(&pending)).expect("no circle of resources");
            let (id, resource, _) = rest.remove(next);
            let after = scope.resolve(resource);
            let old = before.get(id).map(|old| &old.definition);
            let [old, new] = [old, Some(&after)].map(|it| it.map(|it| json!({ "Resources": { id: it } })));
            let change = diff::diff(old.as_ref(), new.as_ref()).resources.pop();
            if change.as_ref().is_some_and(is_new) {
                scope.resources.remove(id);
            }
            changes.extend(change);
        }
        let gone = before.iter().filter(|(id, _)| !defined.contains_key(**id));
        changes.extend(gone.map(|(id, resource)| ResourceChange {
            logical_id: (*id).clone(),
            resource_type: resource.kind().to_owned(),
            action: diff::Action::Remove { retained: resource.retains("DeletionPolicy") },
        }));
        changes
    }
}

/// Whether a change takes a new thing.
fn is_new(change: &ResourceChange) -> bool {
    matches!(change.action, diff::Action::Add | diff::Action::Modify { replacement: diff::Replacement::Always, .. })
}
