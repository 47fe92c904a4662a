//! Answers about stacks: in which state they are, what they output, which were deleted.

use std::collections::BTreeMap;

use cfn::{App, Stack, StackId};
use indexmap::IndexMap;
use serde_json::{Value as Json, json};

use super::{answer::Answer, text::Text};
use crate::{
    domain::stack::StackStatus,
    plan::{Observed, ObservedStack, delete},
};

const NOT_DEPLOYED: &str = "not deployed";

/// The state of each stack of a stage.
pub(crate) fn status(app: &App, observed: &Observed, stage: &str, region: &str) -> Answer {
    let (rows, stacks): (Vec<_>, Vec<_>) = app.stacks().iter().map(|stack| state(stack, observed)).unzip();
    Answer::table(&rows, json!({ "stage": stage, "region": region, "stacks": stacks }))
}

fn state(stack: &Stack, observed: &Observed) -> ([String; 4], Json) {
    let id = stack.id();
    if let Some(foreign) = observed.foreign.get(&id) {
        let row = [id.to_string(), format!("{} (not this stage's)", foreign.status), foreign.name.clone(), String::new()];
        let json = json!({
            "stack": id, "name": foreign.name, "deployed": false, "status": foreign.status, "reason": null, "changed": null,
            "foreign": foreign.owner.to_string(),
        });
        return (row, json);
    }
    let there = observed.stacks.get(&id).map(|ObservedStack { deployed, .. }| deployed);
    let status = there.map_or(NOT_DEPLOYED, |deployed| deployed.status.as_str());
    let changed = there.and_then(|deployed| deployed.changed.as_deref());
    let row = [id.to_string(), status.to_owned(), stack.name().to_owned(), changed.unwrap_or("").to_owned()];
    let json = json!({
        "stack": id, "name": stack.name(), "deployed": there.is_some(), "status": there.map(|deployed| deployed.status),
        "reason": there.and_then(|deployed| deployed.reason.as_deref()), "changed": changed,
    });
    (row, json)
}

/// The states of these stacks, foreign ones included, after their operations have ended.
pub(crate) fn at_rest(stacks: &[Stack], observed: &Observed) -> Answer {
    let status = |stack: &Stack| {
        let own = observed.stacks.get(&stack.id()).map(|there| there.deployed.status);
        own.or_else(|| observed.foreign.get(&stack.id()).map(|foreign| foreign.status))
    };
    let row = |stack: &Stack| {
        let status = status(stack).map_or(NOT_DEPLOYED, StackStatus::as_str);
        [stack.id().to_string(), status.to_owned(), stack.name().to_owned()]
    };
    let rows: Vec<_> = stacks.iter().map(row).collect();
    let json: Vec<_> =
        stacks.iter().map(|stack| json!({ "stack": stack.id(), "name": stack.name(), "status": status(stack) })).collect();
    Answer::table(&rows, json!({ "stacks": json }))
}

/// The outputs of each stack, by key: a row each, and `json`, which has them as well.
pub(crate) fn outputs(outputs: &IndexMap<StackId, BTreeMap<String, String>>, json: Json) -> Answer {
    let row = |stack: &StackId, (key, value): (&String, &String)| [stack.to_string(), key.clone(), value.clone()];
    let rows: Vec<_> = outputs.iter().flat_map(|(stack, outputs)| outputs.iter().map(move |output| row(stack, output))).collect();
    Answer::table(&rows, json)
}

/// The stacks that were deleted, and what the account keeps of them.
pub(crate) fn deleted(plan: &delete::Plan, stage: &str) -> Answer {
    let mut lines = Text::default();
    let mut kept = Vec::new();
    for step in &plan.steps {
        lines.line(format_args!("deleted  {}", step.name));
        for resource in &step.keeps {
            lines.line(format_args!("kept     {} {} ({})", resource.resource_type, resource.physical_id, resource.logical_id));
            kept.push(json!({ "type": resource.resource_type, "id": resource.physical_id, "logical_id": resource.logical_id }));
        }
    }
    if plan.steps.is_empty() {
        lines.line(format_args!("nothing to delete: the stage `{stage}` is not deployed"));
    }
    let deleted: Vec<_> = plan.steps.iter().map(|step| &step.name).collect();
    Answer::new(lines.into(), json!({ "deleted": deleted, "kept": kept }))
}
