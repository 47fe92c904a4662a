//! The words for events, the same on a terminal and in a log.

use std::{cmp::Reverse, time::Duration};

use super::{
    here::Here,
    notices,
    style::{BOLD, CHANGED, ERROR, FAINT, GOOD, paint},
    units::{plural, seconds, size},
};
use crate::domain::{
    event::{Event, Link, Operation, Recount, Settled, Spent},
    notice::Severity,
    package::Progress,
};

/// The width of the first column: the longest stack's name.
const COLUMN: usize = 9;

/// The line for an event of a run that works `here`; none for details, unless `verbose`.
pub(super) fn line(event: &Event, verbose: bool, here: &Here) -> Option<String> {
    Some(match event {
        Event::Started { command, stage, account, region, endpoint } => {
            let account = if account.is_empty() { String::new() } else { format!(" · account {account}") };
            let endpoint = endpoint.as_ref().map_or_else(String::new, |url| format!(" · {url}"));
            format!("{} · stage {stage}{account} · {region}{endpoint}", paint(BOLD, format!("cartctl {command}")))
        }
        Event::Waiting { activity } => entry("wait", format!("{} …", notices::activity(activity))),
        Event::Waited { activity, took } => {
            if !verbose {
                return None;
            }
            entry("wait", format!("{}: {}", notices::activity(activity), seconds(*took)))
        }
        Event::Package(Progress::Said { line }) => line.clone(),
        Event::Package(Progress::WaitingForLock) => entry("build", "waiting for another cargo to finish …"),
        Event::TimeSpent(spent) => entry("time", time_spent(spent)),
        // A build's progress has no line of its own, and the answer or the error is printed anyway.
        Event::Package(Progress::Compiling { .. }) | Event::Outputs { .. } | Event::Ended { .. } => return None,
        Event::Package(Progress::Compiled { took }) => entry("build", format!("compiled in {}", seconds(*took))),
        Event::Package(Progress::Packaged { artifact, reused, took }) => {
            let how = if *reused { "already packaged".to_owned() } else { format!("packaged in {}", seconds(*took)) };
            entry("package", format!("{} {how} ({})", artifact.package, size(artifact.zip_bytes)))
        }
        Event::Stored { key, present: true, .. } => {
            if !verbose {
                return None;
            }
            entry("upload", format!("{key} exists already"))
        }
        Event::Stored { key, bytes, present: false } => entry("upload", format!("{key} ({})", size(*bytes))),
        Event::StackStarted { stack, operation, resources, .. } => {
            let verb = match operation {
                Operation::Create => "creating",
                Operation::Update => "updating",
                Operation::Delete => "deleting",
                Operation::RollBack => return Some(entry(stack, "rolling back a failed update")),
                Operation::Wait => return Some(entry(stack, "waiting for a running operation …")),
            };
            entry(stack, format!("{verb} ({})", plural(*resources, "resource")))
        }
        // A beginning is a detail.
        Event::ResourceChanged { status, .. } if status.ends_with("_IN_PROGRESS") && !verbose => return None,
        Event::ResourceChanged { stack, logical_id, resource_type, status, reason, .. } => {
            let reason = reason.as_deref().map_or_else(String::new, |reason| format!(": {reason}"));
            entry(stack, format!("{} {logical_id} {}{reason}", painted_status(status), paint(FAINT, resource_type)))
        }
        Event::StackSettled { stack, outcome, took } => entry(stack, settled(outcome, *took)),
        Event::Interrupted { choice: true } => entry(
            "stop",
            "Stopping: no new stacks will start. Waiting for the running ones.\n          \
             [d, Enter] detach  [c, Enter] cancel updates and roll back  [Ctrl-C] quit now",
        ),
        Event::Interrupted { choice: false } => {
            entry("stop", "Stopping: no new stacks will start. CloudFormation continues with the running ones.")
        }
        Event::Recount(recount) => return recounted(recount).map(|text| entry("totals", text)),
        Event::Notice(notice) => match notice.severity() {
            Severity::Good | Severity::Info => entry("note", notices::text(notice, here)),
            Severity::Warning => format!("{} {}", paint(CHANGED, format!("{:COLUMN$}", "warning")), notices::text(notice, here)),
        },
        Event::Wrote { path } => entry("wrote", path),
    })
}

fn entry(name: impl std::fmt::Display, text: impl std::fmt::Display) -> String {
    format!("{:COLUMN$} {text}", name.to_string())
}

/// How far a build is.
pub(super) fn compiling(progress: &Progress) -> Option<String> {
    match progress {
        Progress::Compiling { done, total, current } => Some(format!("compiling {done}/{total} {current}")),
        Progress::WaitingForLock => Some("waiting for another cargo to finish".to_owned()),
        Progress::Said { .. } | Progress::Compiled { .. } | Progress::Packaged { .. } => None,
    }
}

/// How far a recount is.
pub(super) fn recounting(recount: &Recount) -> Option<String> {
    match recount {
        Recount::Touching { items, touched } => Some(format!("{} read, {touched} touched", plural(*items, "item"))),
        Recount::Waiting { counted, left } => Some(format!("{} counted, waiting for {left} more", plural(*counted, "item"))),
        Recount::Begun { .. } | Recount::Touched { .. } | Recount::Counted { .. } => None,
    }
}

/// A step of a recount that is done.
fn recounted(recount: &Recount) -> Option<String> {
    match recount {
        Recount::Begun { generation, resumed: false } => Some(format!("recounting (generation {generation})")),
        Recount::Begun { generation, resumed: true } => Some(format!("continuing the recount (generation {generation})")),
        Recount::Touched { items, touched, took } => {
            Some(format!("{} read, {touched} touched in {}", plural(*items, "item"), seconds(*took)))
        }
        Recount::Counted { items, took } => Some(format!("{} counted in {}", plural(*items, "item"), seconds(*took))),
        Recount::Touching { .. } | Recount::Waiting { .. } => None,
    }
}

/// How a stack ended.
pub(super) fn settled(outcome: &Settled, took: Duration) -> String {
    match outcome {
        Settled::Done { operation } => format!("{} {} in {}", paint(GOOD, "✔"), done(*operation), seconds(took)),
        Settled::Unchanged => format!("{} no changes", paint(GOOD, "✔")),
        Settled::AtRest { status } => format!("{} now {status}", paint(FAINT, "·")),
        Settled::Failed { failure } => format!("{} failed after {}: {failure}", paint(ERROR, "✘"), seconds(took)),
        Settled::Skipped { because } => format!("{} skipped, because {because} failed", paint(CHANGED, "–")),
        Settled::Cancelled => format!("{} cancelled and rolled back after {}", paint(CHANGED, "–"), seconds(took)),
        Settled::NotBegun => format!("{} not started", paint(CHANGED, "–")),
        Settled::LeftAlone => format!("{} detached: CloudFormation is still working", paint(CHANGED, "→")),
    }
}

/// The most parts of the critical path that are named.
const LINKS: usize = 5;

/// The shortest part that is named.
const SHORTEST_LINK: Duration = Duration::from_millis(100);

/// Where the time went.
pub(super) fn time_spent(Spent { stacks, took, sum, critical_path }: &Spent) -> String {
    let total = match stacks {
        1 => format!("{} in {}", plural(*stacks, "stack"), seconds(*took)),
        _ => format!("{} in {} (sum {})", plural(*stacks, "stack"), seconds(*took), seconds(*sum)),
    };
    // The longest ones, in the order of time. On the local cloud hardly any is long enough.
    let mut longest: Vec<_> = critical_path.iter().enumerate().collect();
    longest.sort_by_key(|(_, link)| Reverse(link.took));
    let long = longest.iter().take_while(|(_, link)| link.took >= SHORTEST_LINK).count();
    let shorter = longest.split_off(long.min(LINKS));
    longest.sort_by_key(|(position, _)| *position);
    if longest.is_empty() {
        return total;
    }
    let name = |link: &Link| link.logical_id.as_ref().map_or_else(|| link.stack.to_string(), |id| format!("{}.{id}", link.stack));
    let links: Vec<_> = longest.iter().map(|(_, link)| format!("{} {}", name(link), seconds(link.took))).collect();
    let rest = match shorter.len() {
        0 => String::new(),
        number => format!(" (and {number} shorter, {})", seconds(shorter.iter().map(|(_, link)| link.took).sum())),
    };
    format!("{total}; critical path {}{rest}", links.join(" → "))
}

/// How a stack ended, without how long it took and why.
pub(super) fn outcome(outcome: &Settled) -> String {
    match outcome {
        Settled::Done { operation } => format!("✔ {}", done(*operation)),
        Settled::Unchanged => "✔ no changes".to_owned(),
        Settled::AtRest { status } => format!("· {status}"),
        Settled::Failed { .. } => "✘ failed".to_owned(),
        Settled::Skipped { because } => format!("– skipped, because {because} failed"),
        Settled::Cancelled => "– cancelled and rolled back".to_owned(),
        Settled::NotBegun => "– not started".to_owned(),
        Settled::LeftAlone => "→ detached".to_owned(),
    }
}

fn done(operation: Operation) -> &'static str {
    match operation {
        Operation::Create => "created",
        Operation::Update => "updated",
        Operation::Delete => "deleted",
        Operation::RollBack => "rolled back",
        Operation::Wait => "finished",
    }
}

fn painted_status(status: &str) -> String {
    let style = match status {
        status if status.ends_with("_FAILED") => ERROR,
        status if status.ends_with("_COMPLETE") => GOOD,
        _ => FAINT,
    };
    paint(style, status)
}
