//! A plan in words: the changes of each stack, what they destroy, and who may do more than before.

use cfn::{
    StackId,
    access::Widening,
    diff::{Action as Change, Replacement, ResourceChange},
};
use serde_json::{Value as Json, json};

use super::{
    streams,
    style::{BOLD, CHANGED, ERROR, FAINT, GOOD, paint},
    text::Text,
    units::{list, plural},
};
use crate::plan::{
    delete,
    deploy::{Plan, Second},
    step::{Action, Reach, Recovery, Step, Unknown},
};

/// Prints the plan of a deployment. `everything` lists the permissions that are only counted otherwise.
pub(crate) fn show_deploy(plan: &Plan, everything: bool) {
    streams::story(&deploy_text(plan, everything));
}

/// Prints the plan of a deletion.
pub(crate) fn show_delete(plan: &delete::Plan) {
    streams::story(&delete_text(plan));
}

/// The plan of a deployment: a line a stack and below it a line a resource that changes; which stacks the second round updates; then what
/// must not be overlooked.
pub(crate) fn deploy_text(plan: &Plan, everything: bool) -> String {
    let mut text = Text::default();
    for step in plan.steps() {
        text.line(format_args!("{} {}", name(step.stack()), summary(step)));
        if step.takes_over() {
            let warning = "adopts a stack that cartctl did not create: resources of the same name are kept, all others are deleted";
            text.line(format_args!("  {} {warning}", paint(ERROR, "!")));
        }
        if step.marks() {
            text.line(format_args!("  {} the mark of this stage", paint(GOOD, "+")));
        }
        if matches!(step.action, Action::Update { .. }) {
            for change in &step.changes.resources {
                text.line(format_args!("  {}", line(change)));
            }
        }
        if step.protect {
            text.line(format_args!("  {} termination protection", paint(GOOD, "+")));
        }
    }
    if let Some(Second { allowing, protecting }) = &plan.second {
        for stack in plan.again(true) {
            let reasons = [
                allowing.contains(&stack).then_some("to allow requests from the site, whose origin is not known yet"),
                protecting.contains(&stack).then_some("to switch deletion protection on"),
            ];
            let reasons: Vec<_> = reasons.into_iter().flatten().collect();
            text.line(format_args!("{} update again, {}", name(stack), reasons.join(", and ")));
        }
    }
    let changing = || plan.steps().filter(|step| step.action != Action::Keep);
    let allowed: Vec<_> = changing().filter_map(|step| allowed(step, everything)).collect();
    if !allowed.is_empty() {
        text.line(format_args!("{}\n{}", paint(BOLD, "newly allowed"), allowed.concat().trim_end()));
    }
    let destroyed: Vec<_> = changing().filter(|step| step.reach() == Reach::Destructive).collect();
    if !destroyed.is_empty() {
        text.line(paint(ERROR, "removed or replaced"));
        for step in destroyed {
            text.line(format_args!("  {} {} {}", paint(ERROR, "-"), paint(FAINT, step.stack()), step.destroyed().join(", ")));
        }
    }
    text.into()
}

/// The new permissions of a step, a line each. Those of a new stack's own functions and roles are only counted unless `everything` is
/// listed: what a stack opens to others must be easy to find.
fn allowed(step: &Step, everything: bool) -> Option<String> {
    let stack = step.stack();
    let is_new = matches!(step.action, Action::Create { .. });
    let is_own = |widening: &&Widening| {
        is_new && !everything && matches!(widening.resource_type.as_str(), "AWS::IAM::Role" | "AWS::Lambda::Permission")
    };
    let line = |text: String| format!("  {} {} {text}\n", paint(CHANGED, "+"), paint(FAINT, stack));
    let mut lines: String = step
        .widened
        .iter()
        .filter(|widening| !is_own(widening))
        .map(|widening| line(format!("{}: {}", widening.logical_id, widening.allows)))
        .collect();
    let own = step.widened.iter().filter(is_own).count();
    if own > 0 {
        lines += &line(format!("{} of its own functions and roles (-v lists them)", plural(own, "permission")));
    }
    Some(lines).filter(|lines| !lines.is_empty())
}

fn name(stack: StackId) -> String {
    paint(BOLD, format!("{:9}", stack.to_string()))
}

fn summary(step: &Step) -> String {
    let resources = &step.changes.resources;
    let count = |wanted: fn(&Change) -> bool| resources.iter().filter(|change| wanted(&change.action)).count();
    let stack = step.wanted.name();
    let what = match &step.action {
        Action::Keep => return "no changes".to_owned(),
        Action::Create { remains: None } => format!("create {stack} with {}", plural(resources.len(), "resource")),
        Action::Create { remains: Some(remains) } => {
            let why = remains.reason.as_ref().map_or_else(String::new, |reason| format!(": {reason}"));
            let resources = plural(resources.len(), "resource");
            format!("recreate {stack} with {resources}, after deleting the failed stack ({}{why})", remains.status)
        }
        Action::Update { recovery: None } if step.changes.is_empty() => {
            format!("update {stack}: same template, but parameters or tags may change")
        }
        Action::Update { recovery } => {
            let first = match recovery {
                None => "",
                Some(Recovery::RollBack) => ", after rolling back a failed update",
                Some(Recovery::ContinueRollback) => ", after retrying a rollback that failed",
            };
            let (add, modify, remove) = (
                count(|action| matches!(action, Change::Add)),
                count(|action| matches!(action, Change::Modify { .. })),
                count(|action| matches!(action, Change::Remove { .. })),
            );
            format!("update {stack}: +{add} ~{modify} -{remove}{first}")
        }
    };
    let basis = if step.exact { "exact".to_owned() } else { estimate(&step.unknown) };
    format!("{what} {}", paint(FAINT, format!("({basis})")))
}

/// Why a step is planned from templates only.
fn estimate(unknown: &[Unknown]) -> String {
    let mut inputs = Vec::new();
    let mut because = Vec::new();
    for unknown in unknown {
        match unknown {
            Unknown::Inputs(stack) => inputs.push(stack),
            Unknown::Remains => because.push("the failed stack has to be deleted first".to_owned()),
            Unknown::Recovery => because.push("the stack has to be rolled back first".to_owned()),
        }
    }
    if !inputs.is_empty() {
        because.insert(0, format!("depends on outputs of {}", list(&inputs)));
    }
    if because.is_empty() { "estimate from templates".to_owned() } else { format!("estimate: {}", because.join("; ")) }
}

fn line(change: &ResourceChange) -> String {
    let what = format!("{} {}", change.logical_id, paint(FAINT, &change.resource_type));
    match &change.action {
        Change::Add => format!("{} {what}", paint(GOOD, "+")),
        Change::Remove { retained: true } => format!("{} {what} (retained in the account, without a stack)", paint(CHANGED, "-")),
        Change::Remove { retained: false } => format!("{} {what}", paint(ERROR, "-")),
        Change::Modify { properties, replacement } => {
            let paths: Vec<_> = properties.iter().map(|property| property.path.as_str()).collect();
            let replaced = match replacement {
                Replacement::Never => String::new(),
                Replacement::Conditional => format!(" {}", paint(CHANGED, "may be replaced")),
                Replacement::Always => format!(" {}", paint(ERROR, "is replaced")),
            };
            let paths = if paths.is_empty() { String::new() } else { format!(": {}", paths.join(", ")) };
            format!("{} {what}{replaced}{paths}", paint(CHANGED, "~"))
        }
    }
}

/// The plan of a deployment, for programs.
pub(crate) fn deploy_json(plan: &Plan) -> Json {
    let step = |step: &Step| {
        json!({
            "stack": step.stack(), "name": step.wanted.name(), "action": step.action, "changes": step.changes,
            "allows": step.widened, "destroys": step.destroyed(), "reach": step.reach(),
            "marks": step.marks(), "exact": step.exact, "unknown": step.unknown, "after": step.after,
        })
    };
    plan.steps().map(step).collect()
}

/// The plan of a deletion: a line a stack and below it a line a resource that is retained.
pub(crate) fn delete_text(plan: &delete::Plan) -> String {
    let mut text = Text::default();
    for step in &plan.steps {
        text.line(format_args!("{} delete {} with {}", name(step.stack), step.name, plural(step.resources, "resource")));
        if step.unprotect {
            text.line(format_args!("  {} termination protection is switched off", paint(ERROR, "!")));
        }
        for bucket in &step.empties {
            text.line(format_args!("  {} all objects in {bucket} are deleted first", paint(ERROR, "-")));
        }
        for kept in &step.keeps {
            let what = format!("{} {}", kept.logical_id, paint(FAINT, &kept.resource_type));
            text.line(format_args!("  {} {what} {} is retained", paint(GOOD, "="), kept.physical_id));
        }
    }
    text.into()
}
