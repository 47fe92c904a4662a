//! Carries out a plan and reports progress. Decides nothing: a step that fails takes the steps that depend on it with it, and no
//! others.
//!
//! This file has the parts that deploying and deleting share: the order of steps, and the outcome. [`deploy`] and
//! [`delete`] start operations, [`follow`] waits for one of them.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use cfn::StackId;
use futures_util::future::join_all;
use indexmap::IndexMap;
use tokio::sync::watch;

use crate::{
    aws::{self, ErrorKind},
    domain::{
        cause::Cause,
        command::Command,
        event::{Event, Operation, Settled},
        failure::Failure,
    },
    plan::{Blocked, deploy::Refused},
};

pub(crate) mod delete;
pub(crate) mod deploy;
mod explain;
pub(crate) mod follow;
pub(crate) mod logs;
mod observe;
mod session;
pub(crate) mod site;
pub(crate) mod totals;

pub(crate) use session::Intent;
pub use session::Session;

/// The outcome and duration of each stack, in the order of the app.
pub(crate) type Outcomes = IndexMap<StackId, (Settled, Duration)>;

/// Why a plan was not carried out completely.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// Operations failed.
    #[error("{}", sentences(failed))]
    Failed {
        /// The failures with their causes.
        failed: Vec<Failure>,
        /// Whether other stacks reached the requested state.
        partial: bool,
    },
    /// The state of a stack, or a change to it, needs a decision.
    #[error(transparent)]
    Refused(#[from] Refused),
    /// Another process started an operation on a stack.
    #[error("another deployment is changing the {stack} stack")]
    Busy {
        /// The busy stack.
        stack: StackId,
    },
    /// The user ended the command before its end: stopped it, detached from it, or cancelled what it was doing.
    #[error("{}{}", if running.is_empty() { "stopped" } else { "detached" }, left_alone(running, cancelled, pending))]
    Stopped {
        /// The stacks that CloudFormation still works on.
        running: Vec<StackId>,
        /// The stacks whose update was cancelled, and is rolled back.
        cancelled: Vec<StackId>,
        /// The stacks that were not started.
        pending: Vec<StackId>,
    },
    /// Calls failed, so that nothing more could be started or followed.
    #[error("{cause}{}", left_alone(running, &[], pending))]
    LostSight {
        /// The error of the last call.
        cause: Box<aws::Error>,
        /// The stacks that CloudFormation still works on.
        running: Vec<StackId>,
        /// The stacks that were not started.
        pending: Vec<StackId>,
    },
    /// A call failed that concerns no single stack.
    #[error(transparent)]
    Aws(#[from] aws::Error),
}

fn sentences(failed: &[Failure]) -> String {
    let sentence = |failure: &Failure| {
        let mut lines = vec![format!("the {} stack failed: {failure}", failure.stack)];
        let defined_at = failure.resource.as_ref().and_then(|resource| resource.defined_at.as_ref());
        lines.extend(defined_at.map(|place| format!("  defined in {place}")));
        lines.extend(failure.state().map(|state| format!("  {state}")));
        lines.join("\n")
    };
    failed.iter().map(sentence).collect::<Vec<_>>().join("\n")
}

fn left_alone(running: &[StackId], cancelled: &[StackId], pending: &[StackId]) -> String {
    let names = |stacks: &[StackId]| stacks.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ");
    let were = |stacks: &[StackId], what: &str| match stacks {
        [] => String::new(),
        [one] => format!("; {one} was {what}"),
        _ => format!("; {} were {what}", names(stacks)),
    };
    let working = match running {
        [] => String::new(),
        _ => format!("; CloudFormation is still working on {}", names(running)),
    };
    format!("{working}{}{}", were(cancelled, "cancelled and rolled back"), were(pending, "not started"))
}

impl Error {
    pub(crate) fn hint(&self) -> Option<String> {
        let attach = Command::cartctl("attach");
        match self {
            Self::Failed { failed, .. } => Some(
                failed
                    .iter()
                    .find_map(|failure| failure.hint.clone())
                    .unwrap_or_else(|| "once the cause is fixed, run the same command again".to_owned()),
            ),
            Self::Refused(refused) => refused.hint(),
            Self::Busy { .. } => Some(format!("follow it with {attach}, then run the same command again")),
            Self::Stopped { running, .. } if running.is_empty() => Some("run the same command again to continue".to_owned()),
            Self::Stopped { .. } => {
                Some(format!("follow the operations with {attach}, then run the same command again for the rest"))
            }
            Self::LostSight { cause, running, .. } => {
                let first = if cause.kind() == ErrorKind::Credentials { "sign in again, then " } else { "" };
                let follow = if running.is_empty() { String::new() } else { format!("follow the operations with {attach}, then ") };
                Some(format!("{first}{follow}run the same command again for the rest"))
            }
            Self::Aws(error) => error.hint(),
        }
    }
}

/// The failure of one step.
#[derive(Debug, thiserror::Error)]
enum StepError {
    #[error("{0}")]
    Failed(Box<Failure>),
    /// The state of the stack does not allow the change.
    #[error(transparent)]
    Blocked(Blocked),
    /// The change set would destroy these resources, which the approved plan did not mention.
    #[error("it would remove or replace {}", .0.join(", "))]
    Untold(Vec<String>),
    /// Another process works on the stack.
    #[error("another deployment is changing it")]
    Busy,
    /// The user cancelled the update, and it is rolled back.
    #[error("it was cancelled")]
    Cancelled,
    /// The user stopped the command before the step started.
    #[error("it was not started")]
    NotBegun,
    /// The user detached while CloudFormation works on the stack.
    #[error("it is no longer followed")]
    Detached,
    /// Following the operation failed.
    #[error(transparent)]
    LostSight(aws::Error),
    /// A call failed before the operation started.
    #[error(transparent)]
    Aws(aws::Error),
}

impl StepError {
    /// The same error, if CloudFormation had not yet been asked to start anything.
    fn before_it_began(self) -> Self {
        match self {
            Self::LostSight(error) => error.into(),
            Self::Detached => Self::NotBegun,
            other => other,
        }
    }
}

impl From<aws::Error> for StepError {
    fn from(error: aws::Error) -> Self {
        if error.kind() == ErrorKind::Busy { Self::Busy } else { Self::Aws(error) }
    }
}

impl From<Blocked> for StepError {
    fn from(blocked: Blocked) -> Self {
        Self::Blocked(blocked)
    }
}

/// A step of a plan: its stack, the stacks it comes after, and the work.
struct Task<F> {
    stack: StackId,
    after: Vec<StackId>,
    work: F,
}

/// How far a step got, as far as it matters to those that depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Finished {
    Done,
    /// Because this stack failed.
    Failed(StackId),
    /// Nobody knows, or it was not wanted any more.
    Open,
}

/// Runs steps side by side, each after the steps it names. Steps that depend on a failed one are skipped. `tasks` are in the order
/// in which outcomes are shown.
async fn in_order<F>(tasks: Vec<Task<F>>, session: &Session) -> (Outcomes, IndexMap<StackId, StepError>)
where
    F: Future<Output = Result<Settled, StepError>>,
{
    let ends: BTreeMap<_, _> = tasks.iter().map(|task| (task.stack, watch::Sender::new(None::<Finished>))).collect();
    let ends = &ends;
    let running = tasks.into_iter().map(|Task { stack, after, work }| async move {
        let needs: Vec<_> = after.iter().filter_map(|need| Some(ends.get(need)?.subscribe())).collect();
        let started = Instant::now();
        let (outcome, error) = settle(needs, work, stack, session).await;
        if let Some(end) = ends.get(&stack) {
            end.send_replace(Some(match &outcome {
                Settled::Done { .. } | Settled::Unchanged => Finished::Done,
                Settled::Failed { .. } => Finished::Failed(stack),
                Settled::Skipped { because } => Finished::Failed(*because),
                Settled::AtRest { .. } | Settled::Cancelled | Settled::NotBegun | Settled::LeftAlone => Finished::Open,
            }));
        }
        (stack, outcome, error, started.elapsed())
    });
    let mut outcomes = Outcomes::new();
    let mut errors = IndexMap::new();
    for (stack, outcome, error, took) in join_all(running).await {
        outcomes.insert(stack, (outcome, took));
        errors.extend(error.map(|error| (stack, error)));
    }
    (outcomes, errors)
}

async fn settle(
    needs: Vec<watch::Receiver<Option<Finished>>>,
    work: impl Future<Output = Result<Settled, StepError>>,
    stack: StackId,
    session: &Session,
) -> (Settled, Option<StepError>) {
    let tell = |outcome: Settled, took| {
        session.events.send(Event::StackSettled { stack, outcome: outcome.clone(), took });
        outcome
    };
    for mut end in needs {
        let end = end.wait_for(Option::is_some).await.map_or(None, |end| *end);
        match end.unwrap_or(Finished::Open) {
            Finished::Done => {}
            Finished::Failed(because) => return (tell(Settled::Skipped { because }, Duration::ZERO), None),
            Finished::Open => return (tell(Settled::NotBegun, Duration::ZERO), None),
        }
    }
    if session.intent() != Intent::Continue {
        return (tell(Settled::NotBegun, Duration::ZERO), None);
    }
    let started = Instant::now();
    match work.await {
        Ok(outcome) => (tell(outcome, started.elapsed()), None),
        Err(error) => {
            let outcome = match &error {
                StepError::Failed(failure) => Settled::Failed { failure: failure.clone() },
                StepError::NotBegun => Settled::NotBegun,
                // Nothing is wrong with the stack.
                StepError::Aws(error) if error.kind() == ErrorKind::Credentials => Settled::NotBegun,
                StepError::Cancelled => Settled::Cancelled,
                StepError::Detached | StepError::LostSight(_) => Settled::LeftAlone,
                StepError::Blocked(blocked) => failed(stack, blocked),
                StepError::Untold(resources) => failed(stack, &Refused::Untold { stack, resources: resources.clone() }),
                StepError::Busy => failed(stack, &Error::Busy { stack }),
                StepError::Aws(error) => failed(stack, error),
            };
            (tell(outcome, started.elapsed()), Some(error))
        }
    }
}

fn failed(stack: StackId, why: &impl ToString) -> Settled {
    Settled::Failed { failure: Box::new(Failure::of_stack(stack, why.to_string())) }
}

/// The one error of the run, from the errors of all stacks: a permanent failure wins over a temporary one. The account's own
/// stack is no part of the app, so its success alone does not make the outcome partial.
fn worst(errors: IndexMap<StackId, StepError>, outcomes: &Outcomes, account_stack: Option<StackId>) -> Result<(), Error> {
    let having = |wanted: fn(&Settled) -> bool| -> Vec<StackId> {
        outcomes.iter().filter(|(_, (outcome, _))| wanted(outcome)).map(|(stack, _)| *stack).collect()
    };
    let running = having(|outcome| matches!(outcome, Settled::LeftAlone));
    let cancelled = having(|outcome| matches!(outcome, Settled::Cancelled));
    let pending = having(|outcome| matches!(outcome, Settled::NotBegun));
    let settled = having(|outcome| matches!(outcome, Settled::Done { .. } | Settled::Unchanged));
    let (mut failed, mut lost, mut blocked, mut busy, mut stopped) = (Vec::new(), None, None, None, !pending.is_empty());
    for (stack, error) in errors {
        match error {
            StepError::Failed(failure) => failed.push(*failure),
            StepError::Aws(error) if error.kind() == ErrorKind::Credentials => lost = Some(error),
            StepError::Aws(error) => {
                let failure = Failure::of_stack(stack, error.to_string());
                let cause = || Cause::of(&failure.reason).map(|cause| cause.hint(stack, None));
                let hint = error.own_hint().or_else(cause).or_else(|| error.hint());
                failed.push(Failure { hint, ..failure });
            }
            StepError::Blocked(why) => blocked = Some(Refused::Blocked(why)),
            StepError::Untold(resources) => blocked = Some(Refused::Untold { stack, resources }),
            StepError::Busy => busy = Some(stack),
            StepError::Detached | StepError::NotBegun | StepError::Cancelled => stopped = true,
            StepError::LostSight(cause) => lost = Some(cause),
        }
    }
    if !failed.is_empty() {
        let partial = settled.into_iter().any(|stack| Some(stack) != account_stack);
        return Err(Error::Failed { failed, partial });
    }
    if let Some(blocked) = blocked {
        return Err(blocked.into());
    }
    if let Some(cause) = lost {
        return Err(Error::LostSight { cause: Box::new(cause), running, pending });
    }
    if stopped {
        return Err(Error::Stopped { running, cancelled, pending });
    }
    match busy {
        Some(stack) => Err(Error::Busy { stack }),
        None => Ok(()),
    }
}

/// Reports the start of an operation on a stack.
fn begin(session: &Session, stack: StackId, operation: Operation, resources: usize, after: &[StackId]) {
    session.events.send(Event::StackStarted { stack, operation, resources, after: after.to_vec() });
}
