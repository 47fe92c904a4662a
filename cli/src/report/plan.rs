//! A plan in words: what will be done to each stack, what is destroyed by it, and who may do more than before.

use std::fmt::Write;

use cart_infra::{
    StackId,
    access::Widening,
    diff::{Action as Change, Replacement, ResourceChange},
};
use serde_json::{Value as Json, json};

use super::style::{BOLD, CHANGED, ERROR, FAINT, GOOD, paint};
use crate::plan::{
    delete,
    deploy::Plan,
    step::{Action, Reach, Recovery, Step, Unknown},
};

/// Prints the plan of a deployment, with `everything` there is to say about it.
pub(crate) fn show_deploy(plan: &Plan, everything: bool) {
    print(&deploy_text(plan, everything));
}

/// Prints the plan of a deletion.
pub(crate) fn show_delete(plan: &delete::Plan) {
    print(&delete_text(plan));
}

fn print(text: &str) {
    anstream::eprint!("{text}");
}

/// The plan of a deployment: a line a stack and below it a line a resource that changes; which stacks the second round updates; then what
/// nobody should overlook.
pub(crate) fn deploy_text(plan: &Plan, everything: bool) -> String {
    let mut text = String::new();
    for step in plan.steps() {
        writeln!(text, "{} {}", name(step.stack()), summary(step)).ok();
        if step.takes_over {
            let warning = "takes over a stack cartctl did not make: resources of the same name are kept, the rest of it is removed";
            writeln!(text, "  {} {warning}", paint(ERROR, "!")).ok();
        }
        if matches!(step.action, Action::Update { .. }) {
            for change in &step.changes.resources {
                writeln!(text, "  {}", line(change)).ok();
            }
        }
        if step.protect {
            writeln!(text, "  {} is protected from deletion", paint(GOOD, "+")).ok();
        }
    }
    for stack in plan.again() {
        writeln!(text, "{} once more, to allow the page of the web stack, whose address is not known yet", name(*stack)).ok();
    }
    let changing = || plan.steps().filter(|step| step.action != Action::Keep);
    let allowed: Vec<_> = changing().filter_map(|step| allowed(step, everything)).collect();
    if !allowed.is_empty() {
        writeln!(text, "{}\n{}", paint(BOLD, "allowed from now on"), allowed.concat().trim_end()).ok();
    }
    let destroyed: Vec<_> = changing().filter(|step| step.reach() == Reach::Destructive).collect();
    if !destroyed.is_empty() {
        writeln!(text, "{}", paint(ERROR, "removed or replaced")).ok();
        for step in destroyed {
            writeln!(text, "  {} {} {}", paint(ERROR, "-"), paint(FAINT, step.stack()), step.destroyed().join(", ")).ok();
        }
    }
    text
}

/// What a step allows that was not allowed before, a line each. What the functions of a new stack may do among themselves is counted,
/// unless `everything` is asked for: who looks for what a stack opens to others should not have to look for long.
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
        lines += &line(format!("what its own functions and roles need, {own} permissions (-v lists them)"));
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
        Action::Create { remains: None } => format!("create {stack} with {} resources", resources.len()),
        Action::Create { remains: Some(remains) } => {
            let why = remains.reason.as_ref().map_or_else(String::new, |reason| format!(" ({reason})"));
            format!(
                "create {stack} with {} resources, after deleting what an earlier attempt left {}{why}",
                resources.len(),
                remains.status
            )
        }
        Action::Update { recovery: None } if step.changes.is_empty() => {
            format!("check {stack}: its template is the same, the values it reads may not be")
        }
        Action::Update { recovery } => {
            let first = match recovery {
                None => "",
                Some(Recovery::RollBack) => ", after undoing an update that failed",
                Some(Recovery::ContinueRollback) => ", after undoing an update that failed, which failed before as well",
            };
            let (add, modify, remove) = (
                count(|action| matches!(action, Change::Add)),
                count(|action| matches!(action, Change::Modify { .. })),
                count(|action| matches!(action, Change::Remove { .. })),
            );
            format!("update {stack}: +{add} ~{modify} -{remove}{first}")
        }
    };
    let basis = if step.exact {
        "exact".to_owned()
    } else {
        let because: Vec<_> = step.unknown.iter().copied().map(unknown).collect();
        let because = if because.is_empty() { String::new() } else { format!(": {}", because.join(", ")) };
        format!("planned from templates{because}")
    };
    format!("{what} {}", paint(FAINT, format!("({basis})")))
}

fn unknown(unknown: Unknown) -> String {
    match unknown {
        Unknown::Inputs(stack) => format!("what it gets from {stack} is not there yet"),
        Unknown::Remains => "what is left has to go first".to_owned(),
        Unknown::Recovery => "what it is changed from is not there yet".to_owned(),
    }
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
            "exact": step.exact, "unknown": step.unknown, "after": step.after,
        })
    };
    plan.steps().map(step).collect()
}

/// The plan of a deletion, a line a stack and below it a line a resource that stays.
pub(crate) fn delete_text(plan: &delete::Plan) -> String {
    let mut text = String::new();
    for step in &plan.steps {
        writeln!(text, "{} delete {} with {} resources", name(step.stack), step.name, step.resources).ok();
        if step.unprotect {
            writeln!(text, "  {} its protection from deletion is switched off", paint(ERROR, "!")).ok();
        }
        for bucket in &step.empties {
            writeln!(text, "  {} what is in {bucket} is deleted first", paint(ERROR, "-")).ok();
        }
        for kept in &step.keeps {
            let what = format!("{} {}", kept.logical_id, paint(FAINT, &kept.resource_type));
            writeln!(text, "  {} {what} {} stays: it holds people's data", paint(GOOD, "="), kept.physical_id).ok();
        }
    }
    text
}
