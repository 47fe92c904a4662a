//! A plan in words: what will be done to each stack, and what is destroyed by it.

use std::fmt::Write;

use cart_infra::diff::{Action as Change, Replacement, ResourceChange};
use serde_json::{Value as Json, json};

use super::style::{BOLD, CHANGED, ERROR, FAINT, GOOD, paint};
use crate::plan::{Action, DeletePlan, DeployStep};

/// Prints the plan of a deployment.
pub(crate) fn show_deploy<'a>(steps: impl Iterator<Item = &'a DeployStep>) {
    print(&deploy_text(steps));
}

/// Prints the plan of a deletion.
pub(crate) fn show_delete(plan: &DeletePlan) {
    print(&delete_text(plan));
}

fn print(text: &str) {
    anstream::eprint!("{text}");
}

/// The plan of a deployment, a line a stack and below it a line a resource that changes.
pub(crate) fn deploy_text<'a>(steps: impl Iterator<Item = &'a DeployStep>) -> String {
    let mut text = String::new();
    for step in steps {
        let name = paint(BOLD, format!("{:9}", step.stack.to_string()));
        let resources = &step.changes.resources;
        let count = |wanted: fn(&Change) -> bool| resources.iter().filter(|change| wanted(&change.action)).count();
        let summary = match step.action {
            Action::Keep => "no changes".to_owned(),
            Action::Create { remove_first: None } => format!("create {} with {} resources", step.name, resources.len()),
            Action::Create { remove_first: Some(_) } => {
                format!("create {} with {} resources, after removing what a failed attempt left", step.name, resources.len())
            }
            Action::Update if step.changes.is_empty() => {
                format!("check {}: its template is the same, the values it reads may not be", step.name)
            }
            Action::Update => format!(
                "update {}: +{} ~{} -{}",
                step.name,
                count(|action| matches!(action, Change::Add)),
                count(|action| matches!(action, Change::Modify { .. })),
                count(|action| matches!(action, Change::Remove { .. })),
            ),
        };
        writeln!(text, "{name} {summary}").ok();
        if step.takes_over {
            let warning = "takes over a stack cartctl did not make: resources of the same name are kept, the rest of it is deleted";
            writeln!(text, "  {} {warning}", paint(ERROR, "!")).ok();
        }
        if step.action == Action::Update {
            for change in resources {
                writeln!(text, "  {}", line(change)).ok();
            }
        }
    }
    text
}

fn line(change: &ResourceChange) -> String {
    let what = format!("{} {}", change.logical_id, paint(FAINT, &change.resource_type));
    match &change.action {
        Change::Add => format!("{} {what}", paint(GOOD, "+")),
        Change::Remove { retained: true } => format!("{} {what} (kept, but no longer managed)", paint(CHANGED, "-")),
        Change::Remove { retained: false } => format!("{} {what}", paint(ERROR, "-")),
        Change::Modify { properties, replacement } => {
            let paths: Vec<_> = properties.iter().map(|property| property.path.as_str()).collect();
            let replaced = match replacement {
                Replacement::Never => String::new(),
                Replacement::Conditional => format!(" {}", paint(CHANGED, "may be replaced")),
                Replacement::Always => format!(" {}", paint(ERROR, "is replaced")),
            };
            format!("{} {what}{replaced}: {}", paint(CHANGED, "~"), paths.join(", "))
        }
    }
}

/// The plan of a deployment, for programs.
pub(crate) fn deploy_json<'a>(steps: impl Iterator<Item = &'a DeployStep>) -> Json {
    let step =
        |step: &DeployStep| json!({ "stack": step.stack, "name": step.name, "action": step.action, "changes": step.changes });
    steps.map(step).collect()
}

/// The plan of a deletion, a line a stack and below it a line a resource that stays.
pub(crate) fn delete_text(plan: &DeletePlan) -> String {
    let mut text = String::new();
    for step in &plan.steps {
        let name = paint(BOLD, format!("{:9}", step.stack.to_string()));
        writeln!(text, "{name} delete {} with {} resources", step.name, step.resources).ok();
        for kept in &step.keeps {
            let what = format!("{} {}", kept.logical_id, paint(FAINT, &kept.resource_type));
            writeln!(text, "  {} {what} {} stays: it holds people's data", paint(GOOD, "="), kept.physical_id).ok();
        }
    }
    text
}
