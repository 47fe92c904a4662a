//! Carries out a plan, and tells what happens. Decides nothing: a step that fails takes the steps that need it with it, and no others.
//!
//! Here is what deploying and deleting have in common: the order, and how it ends. [`follow`] waits for one operation, [`deploy`] and
//! [`delete`] begin them.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::{Duration, Instant},
};

use cart_infra::{StackId, stacks};
use indexmap::IndexMap;
use tokio::{sync::watch, task::JoinSet};

use crate::{
    aws::{self, Aws, ErrorKind},
    domain::{
        cause::Cause,
        event::{Event, Events, Operation, Settled},
        failure::Failure,
    },
    plan::Blocked,
};

pub(crate) mod delete;
pub(crate) mod deploy;
mod explain;
pub(crate) mod follow;
pub(crate) mod logs;
pub(crate) mod site;
pub(crate) mod totals;

/// What whoever started this wants of it by now.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Wish {
    /// That it goes on.
    #[default]
    GoOn,
    /// That nothing new is begun, while what goes on is followed to its end.
    BeginNothing,
    /// That what goes on is undone, as far as CloudFormation can, and followed to its end.
    Cancel,
    /// That it is left to itself.
    Detach,
}

/// What every step works with.
#[derive(Clone, Debug)]
pub(crate) struct Context {
    /// The account and the region.
    pub aws: Aws,
    /// Who is told.
    pub events: Events,
    /// What is wanted by now.
    pub wish: watch::Receiver<Wish>,
}

impl Context {
    fn wish(&self) -> Wish {
        *self.wish.borrow()
    }
}

/// How each stack ended, and after how long, in the order of the app.
pub(crate) type Outcomes = IndexMap<StackId, (Settled, Duration)>;

/// Why a plan was not carried out as a whole.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// Something failed.
    #[error("{}", sentences(failed))]
    Failed {
        /// What failed, and why.
        failed: Vec<Failure>,
        /// Whether other stacks are as wanted.
        partial: bool,
    },
    /// A stack is in a state, or would change in a way, that needs a decision.
    #[error(transparent)]
    Blocked(#[from] Blocked),
    /// What could not be planned exactly turned out to take something away that nobody was told of.
    #[error("the {stack} stack would lose or replace {}, and the plan did not say so", resources.join(", "))]
    Untold {
        /// Which stack.
        stack: StackId,
        /// What, by logical id.
        resources: Vec<String>,
    },
    /// Somebody else began to work on a stack.
    #[error("somebody else is deploying the {stack} stack")]
    Busy {
        /// Which.
        stack: StackId,
    },
    /// It was left to itself.
    #[error("{}", left_alone(running, pending))]
    Detached {
        /// What CloudFormation goes on with.
        running: Vec<StackId>,
        /// What was not begun.
        pending: Vec<StackId>,
    },
    /// It could not be followed any longer.
    #[error("{cause}; {}", left_alone(running, &[]))]
    LostSight {
        /// Why not.
        cause: aws::Error,
        /// What CloudFormation goes on with.
        running: Vec<StackId>,
    },
    /// A call failed that concerns no stack.
    #[error(transparent)]
    Aws(#[from] aws::Error),
}

fn sentences(failed: &[Failure]) -> String {
    let sentence = |failure: &Failure| {
        let mut lines = vec![format!("the {} stack failed: {failure}", failure.stack)];
        let defined_at = failure.resource.as_ref().and_then(|resource| resource.defined_at.as_ref());
        lines.extend(defined_at.map(|place| format!("  it is defined in {place}")));
        lines.extend(failure.state().map(|state| format!("  {state}")));
        lines.join("\n")
    };
    failed.iter().map(sentence).collect::<Vec<_>>().join("\n")
}

fn left_alone(running: &[StackId], pending: &[StackId]) -> String {
    let names = |stacks: &[StackId]| stacks.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ");
    let going_on = match running {
        [] => "nothing is going on in AWS".to_owned(),
        _ => format!("AWS goes on with {}", names(running)),
    };
    match pending {
        [] => going_on,
        [one] => format!("{going_on}; {one} was not begun"),
        _ => format!("{going_on}; {} were not begun", names(pending)),
    }
}

impl Error {
    /// The next thing to try.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Failed { failed, .. } => Some(
                failed
                    .iter()
                    .find_map(|failure| failure.hint.clone())
                    .unwrap_or_else(|| "once the cause is gone, run the same command again".to_owned()),
            ),
            Self::Blocked(blocked) => Some(blocked.hint()),
            Self::Untold { .. } => {
                Some("run the same command again: what the stack reads is there now, so that the plan can be exact".to_owned())
            }
            Self::Busy { .. } => Some("`cartctl attach` follows it; then run the same command again".to_owned()),
            Self::Detached { running, .. } if running.is_empty() => {
                Some("run the same command again to go on from here".to_owned())
            }
            Self::Detached { .. } => {
                Some("`cartctl attach` follows it to its end; run the same command again for the rest".to_owned())
            }
            Self::LostSight { cause, .. } => {
                let first = if cause.kind() == ErrorKind::Credentials { "sign in again, then " } else { "" };
                Some(format!("{first}`cartctl attach` follows it to its end; run the same command again for the rest"))
            }
            Self::Aws(error) => error.hint(),
        }
    }
}

/// How one step failed.
#[derive(Debug, thiserror::Error)]
enum StepError {
    /// It failed.
    #[error("{0}")]
    Failed(Box<Failure>),
    /// There is no way from the state it is in.
    #[error(transparent)]
    Blocked(Blocked),
    /// It would destroy what nobody was told of.
    #[error("it would remove or replace {}", .0.join(", "))]
    Untold(Vec<String>),
    /// Somebody else works on it.
    #[error("somebody else works on it")]
    Busy,
    /// It was asked to stop before anything began.
    #[error("it was not begun")]
    NotBegun,
    /// It was left to itself while CloudFormation works on it.
    #[error("it was left to itself")]
    Detached,
    /// It could not be followed any longer.
    #[error(transparent)]
    LostSight(aws::Error),
    /// A call failed before anything began.
    #[error(transparent)]
    Aws(aws::Error),
}

impl StepError {
    /// The same, known to have happened before CloudFormation was asked to begin anything.
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

/// A step of a plan: which stack, after which others, and what to do.
struct Task<F> {
    stack: StackId,
    after: Vec<StackId>,
    work: F,
}

/// Runs steps, given in the order of the app, side by side, each after those it names. Those that name a failed one are skipped.
async fn in_order<F>(tasks: Vec<Task<F>>, context: &Context) -> (Outcomes, Result<(), Error>)
where
    F: Future<Output = Result<Settled, StepError>> + Send + 'static,
{
    let (mut done, doneness): (BTreeMap<_, _>, BTreeMap<_, _>) = tasks
        .iter()
        .map(|task| {
            let (sender, receiver) = watch::channel(None::<bool>);
            ((task.stack, sender), (task.stack, receiver))
        })
        .unzip();
    let order: Vec<StackId> = tasks.iter().map(|task| task.stack).collect();
    let mut running = JoinSet::new();
    for Task { stack, after, work } in tasks {
        let needs: Vec<_> = after.iter().filter_map(|need| doneness.get(need).map(|receiver| (*need, receiver.clone()))).collect();
        let (finished, context) = (done.remove(&stack), context.clone());
        running.spawn(async move {
            let started = Instant::now();
            let (outcome, error) = settle(needs, work, stack, &context).await;
            let took = started.elapsed();
            if let Some(finished) = finished {
                finished.send_replace(Some(matches!(outcome, Settled::Done { .. } | Settled::Unchanged)));
            }
            (stack, outcome, error, took)
        });
    }
    let mut outcomes = Outcomes::new();
    let mut errors = IndexMap::new();
    while let Some(task) = running.join_next().await {
        match task {
            Ok((stack, outcome, error, took)) => {
                outcomes.insert(stack, (outcome, took));
                errors.extend(error.map(|error| (stack, error)));
            }
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }
    // They come in as they end, and are told of in the order of the tasks.
    let place = |stack: &StackId| order.iter().position(|other| other == stack);
    outcomes.sort_by_cached_key(|stack, _| place(stack));
    errors.sort_by_cached_key(|stack, _| place(stack));
    let result = worst(errors, &outcomes);
    (outcomes, result)
}

async fn settle(
    needs: Vec<(StackId, watch::Receiver<Option<bool>>)>,
    work: impl Future<Output = Result<Settled, StepError>>,
    stack: StackId,
    context: &Context,
) -> (Settled, Option<StepError>) {
    let tell = |outcome: Settled, took| {
        context.events.send(Event::StackSettled { stack, outcome: outcome.clone(), took });
        outcome
    };
    for (need, mut doneness) in needs {
        let ready = doneness.wait_for(Option::is_some).await.is_ok_and(|done| *done == Some(true));
        if !ready {
            // What it needs was only left alone or undone because that was wanted.
            let outcome = if context.wish() == Wish::GoOn { Settled::Skipped { because: need } } else { Settled::NotBegun };
            return (tell(outcome, Duration::ZERO), None);
        }
    }
    if context.wish() != Wish::GoOn {
        return (tell(Settled::NotBegun, Duration::ZERO), None);
    }
    let started = Instant::now();
    match work.await {
        Ok(outcome) => (tell(outcome, started.elapsed()), None),
        Err(error) => {
            let outcome = match &error {
                StepError::Failed(failure) => Settled::Failed { failure: failure.clone() },
                StepError::NotBegun => Settled::NotBegun,
                StepError::Detached | StepError::LostSight(_) => Settled::LeftAlone,
                StepError::Blocked(blocked) => failed(stack, blocked),
                StepError::Untold(resources) => failed(stack, &Error::Untold { stack, resources: resources.clone() }),
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

/// The one error to end with, from what went wrong with each stack: what failed for good comes before what may be tried again.
fn worst(errors: IndexMap<StackId, StepError>, outcomes: &Outcomes) -> Result<(), Error> {
    let having = |wanted: fn(&Settled) -> bool| -> Vec<StackId> {
        outcomes.iter().filter(|(_, (outcome, _))| wanted(outcome)).map(|(stack, _)| *stack).collect()
    };
    let running = having(|outcome| matches!(outcome, Settled::LeftAlone));
    let pending = having(|outcome| matches!(outcome, Settled::NotBegun));
    let settled = having(|outcome| matches!(outcome, Settled::Done { .. } | Settled::Unchanged));
    let (mut failed, mut lost, mut blocked, mut busy, mut detached) = (Vec::new(), None, None, None, !pending.is_empty());
    for (stack, error) in errors {
        match error {
            StepError::Failed(failure) => failed.push(*failure),
            StepError::Aws(error) if error.kind() == ErrorKind::Credentials => lost = Some(error),
            StepError::Aws(error) => {
                let failure = Failure::of_stack(stack, error.to_string());
                let hint = Cause::of(&failure.reason).map(|cause| cause.hint(stack)).or_else(|| error.hint());
                failed.push(Failure { hint, ..failure });
            }
            StepError::Blocked(why) => blocked = Some(Error::Blocked(why)),
            StepError::Untold(resources) => blocked = Some(Error::Untold { stack, resources }),
            StepError::Busy => busy = Some(stack),
            StepError::Detached | StepError::NotBegun => detached = true,
            StepError::LostSight(cause) => lost = Some(cause),
        }
    }
    if !failed.is_empty() {
        let done: BTreeSet<_> = settled.into_iter().filter(|stack| *stack != stacks::BOOTSTRAP).collect();
        return Err(Error::Failed { failed, partial: !done.is_empty() });
    }
    if let Some(blocked) = blocked {
        return Err(blocked);
    }
    if let Some(cause) = lost {
        return Err(Error::LostSight { cause, running });
    }
    if detached {
        return Err(Error::Detached { running, pending });
    }
    match busy {
        Some(stack) => Err(Error::Busy { stack }),
        None => Ok(()),
    }
}

/// Works on all at once; the first failure ends the others.
pub(crate) async fn all<T: Send + 'static, E: Send + 'static>(
    work: impl IntoIterator<Item = impl Future<Output = Result<T, E>> + Send + 'static>,
) -> Result<Vec<T>, E> {
    let mut running: JoinSet<_> = work.into_iter().collect();
    let mut done = Vec::new();
    while let Some(one) = running.join_next().await {
        match one {
            Ok(one) => done.push(one?),
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }
    Ok(done)
}

/// Tells that an operation on a stack begins.
fn begin(context: &Context, stack: StackId, operation: Operation, resources: usize, after: &[StackId]) {
    context.events.send(Event::StackStarted { stack, operation, resources, after: after.to_vec() });
}
