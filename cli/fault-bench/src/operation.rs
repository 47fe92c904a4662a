//! What goes on in a stack: resources are made, changed and taken away in the order of their needs, side by side where they have
//! none, and undone when one fails. Time is an argument: nothing here waits.

use std::collections::BTreeSet;

use aws_sdk_cloudformation::types::StackStatus;
use cfn::diff;

use crate::{
    inventory::{During, Inventory},
    stack::{Before, Definition, Resource, Stack},
    template::needs,
};

/// Something that was begun on a stack and is not over.
#[derive(Clone, Debug)]
pub struct Operation {
    /// What the request was marked with.
    pub token: Option<String>,
    terms: Terms,
    phase: Phase,
    steps: Vec<Step>,
    failed: Vec<String>,
    /// The phase is not over before.
    until: u64,
}

/// What was asked for beside the change itself.
#[derive(Clone, Copy, Debug, Default)]
pub struct Terms {
    /// Leave what failed as it is.
    pub disable_rollback: bool,
    /// Retain no resource that was only just made.
    pub retain_except_on_create: bool,
    /// Skip what cannot be deleted.
    pub force: bool,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    Create,
    UndoCreate,
    Update,
    CleanUp,
    UndoUpdate,
    CleanUpUndone,
    Delete,
    /// Something of which only the end matters here.
    Other(&'static StackStatus),
}

#[derive(Clone, Debug)]
struct Step {
    logical_id: String,
    act: Act,
    after: BTreeSet<String>,
    state: State,
}

#[derive(Clone, Debug)]
enum Act {
    Create,
    Update,
    Replace,
    Restore,
    Remove(Leaving),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Waiting,
    Running { until: u64 },
    Done,
    Failed,
}

/// A resource that leaves its stack, and perhaps the account.
#[derive(Clone, Debug)]
pub struct Leaving {
    logical_id: String,
    resource: Resource,
    keep: bool,
}

impl Act {
    /// How the statuses of a resource begin meanwhile.
    fn verb(&self) -> &'static str {
        match self {
            Self::Create => "CREATE",
            Self::Update | Self::Replace | Self::Restore => "UPDATE",
            Self::Remove(_) => "DELETE",
        }
    }
}

impl Stack {
    /// Begins to make the stack what is wanted: it is created or updated.
    pub fn carry_out(&mut self, wanted: Definition, terms: Terms, token: Option<String>, inventory: &mut Inventory) {
        let creates = self.status == StackStatus::ReviewInProgress;
        let changes = self.changes(&wanted);
        self.leaving.clear();
        if !creates {
            let (definition, resources) = (self.definition.clone(), self.resources.clone());
            self.before = Some(Box::new(Before { definition, resources, outputs: self.outputs.clone() }));
        }
        let mut steps = Vec::new();
        for change in changes {
            let id = change.logical_id;
            let act = match change.action {
                diff::Action::Add => Act::Create,
                diff::Action::Modify { replacement: diff::Replacement::Always, .. } => Act::Replace,
                diff::Action::Modify { .. } => Act::Update,
                diff::Action::Remove { retained } => {
                    let resource = self.resources[&id].clone();
                    self.leaving.push(Leaving { logical_id: id, resource, keep: retained });
                    continue;
                }
            };
            steps.push(Step { after: needs_of(&wanted, &id), logical_id: id, act, state: State::Waiting });
        }
        self.definition = wanted;
        let (phase, status) =
            if creates { (Phase::Create, StackStatus::CreateInProgress) } else { (Phase::Update, StackStatus::UpdateInProgress) };
        let operation = Operation { token, terms, phase, steps, failed: Vec::new(), until: self.now };
        self.begin(operation, status, Some("User Initiated"), inventory);
    }

    /// Begins to delete the stack, except for these resources.
    pub fn delete(&mut self, except: &[String], terms: Terms, token: Option<String>, inventory: &mut Inventory) {
        let operation = Operation { token, terms, phase: Phase::Delete, steps: Vec::new(), failed: Vec::new(), until: self.now };
        // What an update that was not undone left to be cleaned up goes as well.
        let mut leaving = std::mem::take(&mut self.leaving);
        leaving.retain(|it| self.resources.get(&it.logical_id).is_none_or(|there| there.physical_id != it.resource.physical_id));
        let there = self.resources.iter().filter(|(_, resource)| resource.is_there());
        leaving.extend(there.map(|(id, resource)| Leaving {
            logical_id: id.clone(),
            keep: except.contains(id) || resource.retains("DeletionPolicy"),
            resource: resource.clone(),
        }));
        let steps = removals(&leaving);
        self.begin(Operation { steps, ..operation }, StackStatus::DeleteInProgress, Some("User Initiated"), inventory);
    }

    /// Begins to undo the last update, or goes on undoing it, without these resources.
    pub fn undo(&mut self, skip: &[String], terms: Terms, token: Option<String>, inventory: &mut Inventory) {
        if self.status != StackStatus::UpdateRollbackFailed {
            self.leaving.clear();
        }
        let Some(before) = &self.before else { return };
        let differs = |id: &String, old: &Resource| {
            self.resources.get(id).is_none_or(|new| {
                new.physical_id != old.physical_id || new.definition != old.definition || !new.status.ends_with("_COMPLETE")
            })
        };
        let undone = before.resources.iter().filter(|(id, old)| !skip.contains(id) && differs(id, old));
        let step = |id: &String| Step { logical_id: id.clone(), act: Act::Restore, after: BTreeSet::new(), state: State::Waiting };
        let steps = undone.map(|(id, _)| step(id)).collect();
        let reason = self.operation.as_ref().map_or_else(|| "User Initiated".to_owned(), Operation::blame);
        let operation = Operation { token, terms, phase: Phase::UndoUpdate, steps, failed: Vec::new(), until: self.now };
        self.begin(operation, StackStatus::UpdateRollbackInProgress, Some(&reason), inventory);
        for id in skip {
            self.mark(id, "UPDATE_COMPLETE", Some("Skipped"));
        }
    }

    /// Begins something that only passes, and then the stack has this status.
    pub fn pass_through(&mut self, status: StackStatus, end: &'static StackStatus, inventory: &Inventory) {
        let phase = Phase::Other(end);
        let operation =
            Operation { token: None, terms: Terms::default(), phase, steps: Vec::new(), failed: Vec::new(), until: self.now };
        self.begin(operation, status, None, inventory);
    }

    /// Undoes the update that goes on.
    pub fn cancel(&mut self, token: Option<String>, inventory: &mut Inventory) {
        let Some(mut operation) = self.operation.take() else { return };
        self.cancel_running(&mut operation);
        self.undo(&[], operation.terms, token, inventory);
    }

    /// Time goes on until then.
    pub fn advance(&mut self, until: u64, inventory: &mut Inventory) {
        while self.next_at().is_some_and(|at| at <= until) {
            self.tick(inventory);
        }
        self.now = self.now.max(until);
    }

    /// Time goes on until nothing goes on any more, or the stack has this status.
    pub fn settle(&mut self, at: Option<&StackStatus>, inventory: &mut Inventory) {
        while self.operation.is_some() && at != Some(&self.status) {
            self.tick(inventory);
        }
    }

    fn begin(&mut self, operation: Operation, status: StackStatus, reason: Option<&str>, inventory: &Inventory) {
        self.operation = Some(operation);
        self.enter(status, reason);
        self.start_ready(inventory);
    }

    /// When the next thing happens.
    fn next_at(&self) -> Option<u64> {
        let operation = self.operation.as_ref()?;
        let running = operation.steps.iter().filter_map(|step| match step.state {
            State::Running { until } => Some(until),
            State::Waiting | State::Done | State::Failed => None,
        });
        Some(running.min().unwrap_or(operation.until))
    }

    /// The next thing happens.
    fn tick(&mut self, inventory: &mut Inventory) {
        let Some(at) = self.next_at() else { return };
        self.now = self.now.max(at);
        let Some(mut operation) = self.operation.clone() else { return };
        let running = operation.steps.iter().position(|step| matches!(step.state, State::Running { until } if until <= at));
        let Some(place) = running else { return self.next_phase(&operation, inventory) };
        let step = operation.steps[place].clone();
        match self.finish(&step, &operation, inventory) {
            Ok(()) => operation.steps[place].state = State::Done,
            Err(reason) => {
                operation.steps[place].state = State::Failed;
                operation.failed.push(step.logical_id.clone());
                self.mark_leaving(&step, &format!("{}_FAILED", step.act.verb()), Some(&reason));
                if matches!(operation.phase, Phase::Create | Phase::Update) {
                    self.cancel_running(&mut operation);
                }
            }
        }
        self.operation = Some(operation);
        self.start_ready(inventory);
    }

    fn cancel_running(&mut self, operation: &mut Operation) {
        for step in operation.steps.iter_mut().filter(|step| matches!(step.state, State::Running { .. })) {
            step.state = State::Failed;
            let verb = step.act.verb();
            let reason = if verb == "CREATE" { "Resource creation cancelled" } else { "Resource update cancelled" };
            self.mark(&step.logical_id, &format!("{verb}_FAILED"), Some(reason));
        }
    }

    /// Starts the steps whose needs are met.
    fn start_ready(&mut self, inventory: &Inventory) {
        let Some(mut operation) = self.operation.clone() else { return };
        let stopped = !operation.failed.is_empty() && matches!(operation.phase, Phase::Create | Phase::Update);
        let pending: BTreeSet<_> =
            operation.steps.iter().filter(|step| step.state != State::Done).map(|step| step.logical_id.clone()).collect();
        let ready = |step: &&mut Step| !stopped && step.state == State::Waiting && step.after.is_disjoint(&pending);
        for step in operation.steps.iter_mut().filter(ready) {
            let id = step.logical_id.clone();
            if let Act::Create = step.act {
                let definition = self.resolved(&id);
                let resource =
                    Resource { physical_id: None, status: String::new(), reason: None, definition, needs: step.after.clone() };
                self.resources.insert(id.clone(), resource);
            }
            let (mut takes, mut reason) = (inventory.latencies.of(self.resources.get(&id).map_or("", Resource::kind), &id), None);
            match &step.act {
                Act::Remove(Leaving { keep: true, .. }) => takes = 0,
                Act::Replace => {
                    reason = Some("Requested update requires the creation of a new physical resource; hence creating one.");
                }
                Act::Create | Act::Update | Act::Restore | Act::Remove(_) => {}
            }
            if takes > 0 || !matches!(step.act, Act::Remove(_)) {
                self.mark_leaving(step, &format!("{}_IN_PROGRESS", step.act.verb()), reason);
            }
            step.state = State::Running { until: self.now + takes };
        }
        self.operation = Some(operation);
    }

    /// Does what a step is about.
    fn finish(&mut self, step: &Step, operation: &Operation, inventory: &mut Inventory) -> Result<(), String> {
        let (id, name) = (&step.logical_id, self.name.clone());
        let kind = self.resources.get(id).map_or("", Resource::kind).to_owned();
        let mut fails = |during| inventory.trouble(&name, &kind, id, during).map_or(Ok(()), Err);
        match &step.act {
            Act::Create | Act::Replace => {
                fails(During::Create)?;
                let definition = self.resolved(id);
                let made = inventory.make((&self.id, &name), id, &definition)?;
                let resource = self.resources.get_mut(id).expect("it was started");
                let old = resource.clone();
                (resource.definition, resource.physical_id, resource.needs) = (definition, Some(made), step.after.clone());
                if let Act::Replace = step.act {
                    let keep = old.retains("UpdateReplacePolicy");
                    self.leaving.push(Leaving { logical_id: id.clone(), resource: old, keep });
                } else {
                    self.mark(id, "CREATE_IN_PROGRESS", Some("Resource creation Initiated"));
                }
            }
            Act::Update => {
                fails(During::Update)?;
                let definition = self.resolved(id);
                let resource = self.resources.get_mut(id).expect("it is there");
                inventory.put(&kind, resource.physical_id.as_deref().unwrap_or_default(), &definition["Properties"])?;
                (resource.definition, resource.needs) = (definition, step.after.clone());
            }
            Act::Restore => {
                fails(During::Rollback)?;
                let Some(old) = self.before.as_ref().and_then(|before| before.resources.get(id)).cloned() else { return Ok(()) };
                inventory.put(old.kind(), old.physical_id.as_deref().unwrap_or_default(), &old.definition["Properties"])?;
                let new = self.resources.insert(id.clone(), old.clone());
                let replaced = new.filter(|new| new.physical_id != old.physical_id);
                self.leaving.extend(replaced.map(|resource| Leaving { logical_id: id.clone(), resource, keep: false }));
            }
            Act::Remove(Leaving { resource, keep, .. }) => {
                let mut status = "DELETE_SKIPPED";
                if !keep {
                    let deleted = match inventory.trouble(&name, resource.kind(), id, During::Delete) {
                        Some(reason) => Err(reason),
                        None => inventory.delete(resource),
                    };
                    match deleted {
                        Ok(()) => status = "DELETE_COMPLETE",
                        Err(_) if operation.terms.force => {}
                        Err(reason) => return Err(reason),
                    }
                }
                self.mark_leaving(step, status, None);
                return Ok(());
            }
        }
        self.mark(id, &format!("{}_COMPLETE", step.act.verb()), None);
        Ok(())
    }

    /// Every step is over.
    fn next_phase(&mut self, operation: &Operation, inventory: &mut Inventory) {
        let (ok, terms, token) = (operation.failed.is_empty(), operation.terms, operation.token.clone());
        let next = |phase, steps, until| Operation { token: token.clone(), terms, phase, steps, failed: Vec::new(), until };
        let cleaned = self.now + inventory.latencies.clean_up;
        let blame = operation.blame();
        match (operation.phase, ok) {
            (Phase::Create, true) => self.finished(StackStatus::CreateComplete, None, inventory),
            (Phase::Create, false) if terms.disable_rollback => self.finished(StackStatus::CreateFailed, Some(&blame), inventory),
            (Phase::Create, false) => {
                let leaving = self.resources.iter().map(|(id, resource)| Leaving {
                    logical_id: id.clone(),
                    keep: keeps_new(resource, terms),
                    resource: resource.clone(),
                });
                let steps = removals(&leaving.collect::<Vec<_>>());
                let reason = format!("{blame}Rollback requested by user.");
                self.begin(next(Phase::UndoCreate, steps, self.now), StackStatus::RollbackInProgress, Some(&reason), inventory);
            }
            (Phase::UndoCreate, true) => self.finished(StackStatus::RollbackComplete, None, inventory),
            (Phase::UndoCreate, false) => self.finished(StackStatus::RollbackFailed, Some(&blame), inventory),
            (Phase::Update, true) => {
                let steps = removals(&std::mem::take(&mut self.leaving));
                let status = StackStatus::UpdateCompleteCleanupInProgress;
                self.begin(next(Phase::CleanUp, steps, cleaned), status, None, inventory);
            }
            (Phase::CleanUp, _) => self.finished(StackStatus::UpdateComplete, None, inventory),
            (Phase::Update, false) if terms.disable_rollback => {
                self.finished(StackStatus::UpdateFailed, Some(&blame), inventory);
            }
            (Phase::Update, false) => self.undo(&[], terms, token, inventory),
            (Phase::UndoUpdate, true) => {
                let before = self.before.clone().expect("there was something before");
                let new = self.resources.iter().filter(|(id, _)| !before.resources.contains_key(*id));
                let new = new.map(|(id, resource)| Leaving {
                    logical_id: id.clone(),
                    keep: keeps_new(resource, terms),
                    resource: resource.clone(),
                });
                let new: Vec<_> = new.collect();
                self.leaving.extend(new);
                (self.definition, self.outputs) = (before.definition, before.outputs);
                let steps = removals(&std::mem::take(&mut self.leaving));
                let status = StackStatus::UpdateRollbackCompleteCleanupInProgress;
                self.begin(next(Phase::CleanUpUndone, steps, cleaned), status, None, inventory);
            }
            (Phase::UndoUpdate, false) => self.finished(StackStatus::UpdateRollbackFailed, Some(&blame), inventory),
            (Phase::CleanUpUndone, _) => self.finished(StackStatus::UpdateRollbackComplete, None, inventory),
            (Phase::Delete, true) => self.finished(StackStatus::DeleteComplete, None, inventory),
            (Phase::Other(end), _) => self.finished(end.clone(), None, inventory),
            (Phase::Delete, false) => self.finished(StackStatus::DeleteFailed, Some(&blame), inventory),
        }
    }

    fn finished(&mut self, status: StackStatus, reason: Option<&str>, inventory: &mut Inventory) {
        if matches!(status, StackStatus::CreateComplete | StackStatus::UpdateComplete) {
            let scope = self.scope(&self.definition);
            let outputs = self.definition.template["Outputs"].as_object().into_iter().flatten();
            self.outputs = outputs.map(|(key, output)| (key.clone(), scope.text(&output["Value"]))).collect();
            for resource in self.resources.values().filter(|resource| resource.is_there()) {
                let key = (resource.kind().to_owned(), resource.physical_id.clone().unwrap_or_default());
                if resource.retains("DeletionPolicy") {
                    inventory.treasures.insert(key);
                } else {
                    inventory.treasures.remove(&key);
                }
            }
        }
        if !matches!(status, StackStatus::UpdateFailed | StackStatus::UpdateRollbackFailed) {
            self.before = None;
        }
        self.enter(status, reason);
        self.operation = None;
    }

    /// The definition of a resource, as everything it mentions is now.
    fn resolved(&self, id: &str) -> serde_json::Value {
        self.scope(&self.definition).resolve(&self.definition.template["Resources"][id])
    }

    /// Gives a resource a status, which is an event.
    fn mark(&mut self, id: &str, status: &str, reason: Option<&str>) {
        let Some(resource) = self.resources.get_mut(id) else { return };
        (resource.status, resource.reason) = (status.to_owned(), reason.map(str::to_owned));
        let (physical_id, kind) = (resource.physical_id.clone().unwrap_or_default(), resource.kind().to_owned());
        self.tell(id, &physical_id, &kind, status, reason);
    }

    /// The same, for a step that may be about a thing that is no longer the stack's: one that was replaced or taken out.
    fn mark_leaving(&mut self, step: &Step, status: &str, reason: Option<&str>) {
        let Act::Remove(Leaving { logical_id: id, resource, .. }) = &step.act else {
            return self.mark(&step.logical_id, status, reason);
        };
        let cleaning = self.operation.as_ref().is_some_and(|operation| operation.phase.cleans_up());
        let current = self.resources.get(id).is_some_and(|current| current.physical_id == resource.physical_id);
        if current && !cleaning {
            return self.mark(id, status, reason);
        }
        self.tell(id, resource.physical_id.as_deref().unwrap_or_default(), resource.kind(), status, reason);
        if current && !status.ends_with("_IN_PROGRESS") {
            self.resources.remove(id);
        }
    }
}

impl Phase {
    fn cleans_up(self) -> bool {
        matches!(self, Self::CleanUp | Self::CleanUpUndone)
    }
}

impl Operation {
    /// What CloudFormation says about a stack when resources of it failed.
    fn blame(&self) -> String {
        let mut verbs = self.steps.iter().filter(|step| self.failed.contains(&step.logical_id)).map(|step| step.act.verb());
        match verbs.next() {
            Some(verb) => {
                format!("The following resource(s) failed to {}: [{}]. ", verb.to_lowercase(), self.failed.join(", "))
            }
            None => "User Initiated".to_owned(),
        }
    }
}

/// Whether a thing that was only just made stays when its making is undone.
fn keeps_new(resource: &Resource, terms: Terms) -> bool {
    resource.definition["DeletionPolicy"] == "Retain" && !terms.retain_except_on_create
}

/// The steps that take resources away: each after those that need it.
fn removals(leaving: &[Leaving]) -> Vec<Step> {
    let users =
        |id: &String| leaving.iter().filter(|user| user.resource.needs.contains(id)).map(|user| user.logical_id.clone()).collect();
    let steps = leaving.iter().map(|leaving| Step {
        logical_id: leaving.logical_id.clone(),
        after: users(&leaving.logical_id),
        act: Act::Remove(leaving.clone()),
        state: State::Waiting,
    });
    steps.collect()
}

/// What a resource of a template needs.
fn needs_of(definition: &Definition, id: &str) -> BTreeSet<String> {
    let resources = &definition.template["Resources"];
    needs(&resources[id], &resources.as_object().into_iter().flatten().map(|(id, _)| id).collect())
}
