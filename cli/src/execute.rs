//! Carries out a plan, and tells what happens. Decides nothing: a step that fails takes the steps that need it with it, and no others.

use std::{
    collections::BTreeMap,
    time::{Duration, Instant},
};

use cart_infra::{ParameterSource, StackId};
use tokio::{sync::watch, task::JoinSet, time::sleep};

use crate::{
    aws::{
        self, Aws, ErrorKind,
        cloudformation::{ChangeSetRequest, ChangeSetState, TemplateSource},
        object_store::Bucket,
    },
    digest::sha256,
    event::{Event, Events, Operation, Settled},
    plan::{Action, DeletePlan, DeleteStep, DeployPlan, DeployStep},
    stack::{Phase, StackEvent, StackStatus},
};

/// The largest template that goes into a request; a larger one goes through S3.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>
const LARGEST_INLINE_TEMPLATE: usize = 51_200;

/// How many polls in a row may fail before waiting for a stack is given up. Each has been retried by the SDK before it counts.
const POLL_FAILURES: u32 = 10;

/// How often CloudFormation is asked how far it is.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Poll {
    /// The first pause.
    pub shortest: Duration,
    /// The pause that is not exceeded.
    pub longest: Duration,
}

impl Poll {
    /// For AWS, whose quickest operations take seconds and which throttles who asks too often.
    pub(crate) const AWS: Self = Self { shortest: Duration::from_millis(500), longest: Duration::from_secs(3) };
    /// For the local cloud, which is done in milliseconds and throttles nobody.
    pub(crate) const LOCAL: Self = Self { shortest: Duration::from_millis(20), longest: Duration::from_millis(200) };

    async fn pause(self, round: u32) {
        sleep(self.shortest.saturating_mul(1 << round.min(8)).min(self.longest)).await;
    }
}

/// Why a plan was not carried out as a whole.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// No stack is as wanted.
    #[error("{}", sentences(failed))]
    Failed {
        /// Which stacks failed, and why.
        failed: Vec<(StackId, String)>,
    },
    /// Some stacks are as wanted.
    #[error("{}", sentences(failed))]
    Partial {
        /// Which stacks failed, and why.
        failed: Vec<(StackId, String)>,
    },
    /// A call failed that concerns no stack.
    #[error(transparent)]
    Aws(#[from] aws::Error),
}

fn sentences(failed: &[(StackId, String)]) -> String {
    failed.iter().map(|(stack, cause)| format!("the {stack} stack failed: {cause}")).collect::<Vec<_>>().join("\n")
}

impl Error {
    /// The next thing to try.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Failed { .. } | Self::Partial { .. } => {
                Some("CloudFormation rolled back what it had begun; once the cause is gone, run the same command again".to_owned())
            }
            Self::Aws(error) => error.hint(),
        }
    }
}

/// How one step failed.
#[derive(Debug, thiserror::Error)]
enum StepError {
    #[error(transparent)]
    Aws(#[from] aws::Error),
    #[error("{0}")]
    ChangeSet(String),
    #[error("{cause} (the stack is {status})")]
    Stack { status: StackStatus, cause: String },
}

/// Carries out a deployment: every stack as soon as those it needs are done.
pub(crate) async fn deploy(plan: DeployPlan, aws: &Aws, bucket: Option<&Bucket>, poll: Poll, events: &Events) -> Result<(), Error> {
    let steps = plan.steps.into_iter().map(|step| {
        let (aws, bucket, events) = (aws.clone(), bucket.cloned(), events.clone());
        let (stack, after) = (step.stack, step.after.clone());
        (stack, after, async move { deploy_stack(&step, &aws, bucket.as_ref(), poll, &events).await })
    });
    in_order(steps.collect(), events).await
}

/// Carries out a deletion: every stack as soon as those that need it are gone.
pub(crate) async fn delete(plan: DeletePlan, aws: &Aws, poll: Poll, events: &Events) -> Result<(), Error> {
    let steps = plan.steps.into_iter().map(|step| {
        let (aws, events) = (aws.clone(), events.clone());
        let (stack, after) = (step.stack, step.after.clone());
        (stack, after, async move { delete_stack(&step, &aws, poll, &events).await })
    });
    in_order(steps.collect(), events).await
}

/// Waits until a stack is at rest that somebody else is working on.
pub(crate) async fn wait(stack: StackId, id: &str, aws: &Aws, poll: Poll, events: &Events) -> Result<(), Error> {
    let started = Instant::now();
    events.send(Event::StackStarted { stack, operation: Operation::Wait, resources: 0, after: Vec::new() });
    let after = aws.latest_event(id).await?;
    let mut round = 0;
    // The last event may already be the final one, so the status is what is waited for here.
    while aws.stack(id).await?.is_some_and(|there| there.status.phase() == Phase::Busy) {
        poll.pause(round).await;
        round += 1;
    }
    for event in aws.events_after(id, after.as_deref()).await? {
        report(stack, id, event, events);
    }
    events.send(Event::StackSettled { stack, outcome: Settled::Done { operation: Operation::Wait }, took: started.elapsed() });
    Ok(())
}

/// Runs steps side by side, each after those it names, and skips those that name a failed one.
async fn in_order<F>(steps: Vec<(StackId, Vec<StackId>, F)>, events: &Events) -> Result<(), Error>
where
    F: Future<Output = Result<Settled, StepError>> + Send + 'static,
{
    let (mut done, doneness): (BTreeMap<_, _>, BTreeMap<_, _>) = steps
        .iter()
        .map(|(stack, ..)| {
            let (sender, receiver) = watch::channel(None::<bool>);
            ((*stack, sender), (*stack, receiver))
        })
        .unzip();
    let mut tasks = JoinSet::new();
    for (stack, after, step) in steps {
        let needs: Vec<_> = after.iter().filter_map(|need| doneness.get(need).map(|receiver| (*need, receiver.clone()))).collect();
        let (finished, events) = (done.remove(&stack), events.clone());
        tasks.spawn(async move {
            let outcome = run_after(needs, step, stack, &events).await;
            if let Some(finished) = finished {
                finished.send_replace(Some(matches!(outcome, Settled::Done { .. } | Settled::Unchanged)));
            }
            (stack, outcome)
        });
    }
    let mut failed = Vec::new();
    let mut succeeded = 0_usize;
    while let Some(task) = tasks.join_next().await {
        match task {
            Ok((_, Settled::Done { .. } | Settled::Unchanged)) => succeeded += 1,
            Ok((stack, Settled::Failed { cause })) => failed.push((stack, cause)),
            Ok((_, Settled::Skipped { .. })) => {}
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }
    failed.sort();
    match (failed.is_empty(), succeeded) {
        (true, _) => Ok(()),
        (false, 0) => Err(Error::Failed { failed }),
        (false, _) => Err(Error::Partial { failed }),
    }
}

async fn run_after(
    needs: Vec<(StackId, watch::Receiver<Option<bool>>)>,
    step: impl Future<Output = Result<Settled, StepError>>,
    stack: StackId,
    events: &Events,
) -> Settled {
    for (need, mut doneness) in needs {
        let ready = doneness.wait_for(Option::is_some).await.is_ok_and(|done| *done == Some(true));
        if !ready {
            let outcome = Settled::Skipped { because: need };
            events.send(Event::StackSettled { stack, outcome: outcome.clone(), took: Duration::ZERO });
            return outcome;
        }
    }
    let started = Instant::now();
    let outcome = step.await.unwrap_or_else(|error| Settled::Failed { cause: error.to_string() });
    events.send(Event::StackSettled { stack, outcome: outcome.clone(), took: started.elapsed() });
    outcome
}

async fn deploy_stack(
    step: &DeployStep,
    aws: &Aws,
    bucket: Option<&Bucket>,
    poll: Poll,
    events: &Events,
) -> Result<Settled, StepError> {
    let operation = match &step.action {
        Action::Keep => return Ok(Settled::Unchanged),
        Action::Create { .. } => Operation::Create,
        Action::Update => Operation::Update,
    };
    events.send(Event::StackStarted {
        stack: step.stack,
        operation,
        resources: step.changes.resources.len(),
        after: step.after.clone(),
    });
    if let Action::Create { remove_first: Some(id) } = &step.action {
        remove(step.stack, id, aws, poll, events).await?;
    }
    let request = change_set_request(step, operation, aws, bucket).await?;
    // The name follows from the content. One that is there already was left by a run that ended between creating and executing it.
    aws.delete_change_set(Some(&request.stack), &request.name).await?;
    let change_set = aws.create_change_set(&request).await?;
    let mut round = 0;
    let state = loop {
        match aws.change_set_state(&change_set).await? {
            ChangeSetState::Pending => poll.pause(round).await,
            settled => break settled,
        }
        round += 1;
    };
    if state != ChangeSetState::Ready {
        aws.delete_change_set(None, &change_set.id).await?;
        if operation == Operation::Create {
            // The change set brought an empty stack with it.
            remove(step.stack, &change_set.stack_id, aws, poll, events).await?;
        }
    }
    match state {
        ChangeSetState::NoChanges => return Ok(Settled::Unchanged),
        ChangeSetState::Failed(reason) => return Err(StepError::ChangeSet(reason)),
        ChangeSetState::Ready | ChangeSetState::Pending => {}
    }
    let before = aws.latest_event(&change_set.stack_id).await?;
    aws.execute_change_set(&change_set, &request.name).await?;
    let (status, cause) = follow(step.stack, &change_set.stack_id, before, aws, poll, events).await?;
    match status {
        StackStatus::CreateComplete | StackStatus::UpdateComplete => Ok(Settled::Done { operation }),
        _ => Err(StepError::Stack { status, cause }),
    }
}

/// The change set that brings a step about, its template uploaded where it is too large for a request.
async fn change_set_request(
    step: &DeployStep,
    operation: Operation,
    aws: &Aws,
    bucket: Option<&Bucket>,
) -> Result<ChangeSetRequest, StepError> {
    let parameters = step.parameters.iter().filter_map(|(name, source)| {
        let value = match source {
            ParameterSource::Shared(value) | ParameterSource::Value(value) => Some(value.clone()),
            ParameterSource::ArtifactBucket => bucket.map(|bucket| bucket.name.clone()),
        };
        value.map(|value| (name.clone(), value))
    });
    let parameters: BTreeMap<String, String> = parameters.collect();
    let digest = sha256(&[format!("{}\n{parameters:?}", step.template).as_bytes()]);
    let template = match bucket {
        Some(bucket) if step.template.len() > LARGEST_INLINE_TEMPLATE => {
            let key = format!("templates/{}-{}.json", step.name, &digest[..16]);
            TemplateSource::Url(aws.put_text(bucket, &key, step.template.clone()).await?)
        }
        _ => TemplateSource::Inline(step.template.clone()),
    };
    Ok(ChangeSetRequest {
        stack: step.name.clone(),
        name: format!("cartctl-{}", &digest[..16]),
        create: operation == Operation::Create,
        template,
        parameters,
    })
}

async fn delete_stack(step: &DeleteStep, aws: &Aws, poll: Poll, events: &Events) -> Result<Settled, StepError> {
    events.send(Event::StackStarted {
        stack: step.stack,
        operation: Operation::Delete,
        resources: step.resources,
        after: step.after.clone(),
    });
    remove(step.stack, &step.id, aws, poll, events).await?;
    Ok(Settled::Done { operation: Operation::Delete })
}

async fn remove(stack: StackId, id: &str, aws: &Aws, poll: Poll, events: &Events) -> Result<(), StepError> {
    let before = aws.latest_event(id).await?;
    // Deleting is idempotent as long as the token is the same; the last event makes it this deletion's own.
    let digest = sha256(&[format!("{id} {before:?}").as_bytes()]);
    let token = format!("cartctl-delete-{}", &digest[..16]);
    aws.delete_stack(id, &token).await?;
    match follow(stack, id, before, aws, poll, events).await? {
        (StackStatus::DeleteComplete, _) => Ok(()),
        (status, cause) => Err(StepError::Stack { status, cause }),
    }
}

/// Reports what happens to a stack until it is at rest; its status then, and the first thing that failed.
///
/// The end is an event that came after `last`, never the stack's status alone: a status read right after an operation began may
/// still be the one from before.
async fn follow(
    stack: StackId,
    id: &str,
    mut last: Option<String>,
    aws: &Aws,
    poll: Poll,
    events: &Events,
) -> Result<(StackStatus, String), StepError> {
    let mut cause = None;
    let (mut round, mut failures) = (0, 0);
    loop {
        let new = match aws.events_after(id, last.as_deref()).await {
            Ok(new) => new,
            Err(error) if error.kind() == ErrorKind::Credentials || failures == POLL_FAILURES => return Err(error.into()),
            Err(_) => {
                failures += 1;
                poll.pause(failures).await;
                continue;
            }
        };
        failures = 0;
        round = if new.is_empty() { round + 1 } else { 0 };
        let mut at_rest = None;
        for event in new {
            last = Some(event.id.clone());
            if cause.is_none() && event.is_cause() && event.stack_status(id).is_none() {
                cause = Some(describe(&event));
            }
            at_rest = event.stack_status(id).filter(|status| status.phase() != Phase::Busy).or(at_rest);
            report(stack, id, event, events);
        }
        if let Some(status) = at_rest {
            return Ok((status, cause.unwrap_or_else(|| "CloudFormation does not say why".to_owned())));
        }
        poll.pause(round).await;
    }
}

fn describe(event: &StackEvent) -> String {
    let reason = event.reason.as_deref().unwrap_or("no reason is given");
    format!("{} ({}): {reason}", event.logical_id, event.resource_type)
}

fn report(stack: StackId, id: &str, event: StackEvent, events: &Events) {
    // The stack's own events are what `StackStarted` and `StackSettled` tell.
    if event.stack_status(id).is_none() {
        let StackEvent { logical_id, resource_type, status, at, reason, .. } = event;
        events.send(Event::ResourceChanged { stack, logical_id, resource_type, status, at, reason });
    }
}
