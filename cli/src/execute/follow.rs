//! Waits for one operation of CloudFormation and reports its progress. Knows nothing of the operation's purpose.

use std::time::{Duration, Instant};

use cfn::{Stack, StackId};
use tokio::time::sleep;

use super::{Intent, Session, StepError, begin, explain::explain, session::Intents};
use crate::{
    aws::{self, ErrorKind},
    domain::{
        event::{Event, Operation, Settled},
        failure::Failure,
        notice::Notice,
        pace::Pace,
        stack::{Phase, StackEvent, StackStatus, latest_operation},
    },
    plan::{Blocked, Busy, deploy::Refused},
};

/// How long calls may fail before an operation is no longer followed. The operation itself continues, so a shorter loss of the
/// network is no reason to give up.
const PATIENCE: Duration = Duration::from_mins(2);

/// The end of an operation.
#[derive(Debug)]
pub(crate) struct Ended {
    pub status: StackStatus,
    /// All events of the operation, oldest first.
    pub events: Vec<StackEvent>,
    /// Whether the user cancelled it.
    pub cancelled: bool,
}

/// The end of an operation that was not started here.
#[derive(Debug)]
pub(crate) enum Attached {
    Done,
    /// The user cancelled it, and it is rolled back.
    Cancelled,
    Failed(Box<Failure>),
}

impl Ended {
    /// Whether the user wanted it so. A resource that failed before is no reason that counts any more.
    pub(super) fn is_rolled_back_as_asked(&self) -> bool {
        self.cancelled && self.status == StackStatus::UpdateRollbackComplete
    }
}

/// The calls about one operation: the pause between them, and how long failures are tolerated.
struct Questions {
    pace: Pace,
    silent_since: Option<Instant>,
}

impl Questions {
    fn new() -> Self {
        Self { pace: Pace::default(), silent_since: None }
    }

    /// Asks once. A failed call is no failure of the operation, and returns no answer.
    async fn ask<T>(&mut self, question: impl Future<Output = Result<T, aws::Error>>) -> Result<Option<T>, StepError> {
        let asked = Instant::now();
        match question.await {
            Ok(answer) => {
                self.pace.answered(asked.elapsed());
                self.silent_since = None;
                Ok(Some(answer))
            }
            Err(error) => {
                let silent = self.silent_since.get_or_insert(asked).elapsed();
                match error.kind() {
                    ErrorKind::Credentials | ErrorKind::Denied => Err(StepError::LostSight(error)),
                    _ if silent > PATIENCE => Err(StepError::LostSight(error)),
                    _ => {
                        self.pace.unanswered();
                        Ok(None)
                    }
                }
            }
        }
    }

    /// Waits until the next call is due, or the intent changes.
    async fn pause(&self, intents: &mut Intents) {
        tokio::select! {
            () = sleep(self.pace.pause(fastrand::f64())) => {}
            () = intents.changed() => {}
        }
    }
}

impl Session {
    /// Asks until a call succeeds.
    pub(super) async fn patiently<T, F>(&self, question: impl Fn() -> F) -> Result<T, StepError>
    where
        F: Future<Output = Result<T, aws::Error>>,
    {
        let question = || {
            let asked = question();
            async { asked.await.map(Some) }
        };
        self.until(question).await
    }

    /// Asks until the answer is the awaited one.
    pub(super) async fn until<T, F>(&self, question: impl Fn() -> F) -> Result<T, StepError>
    where
        F: Future<Output = Result<Option<T>, aws::Error>>,
    {
        let mut questions = Questions::new();
        let mut intents = self.intents();
        loop {
            if let Some(Some(answer)) = questions.ask(question()).await? {
                return Ok(answer);
            }
            if intents.latest() == Intent::Detach {
                return Err(StepError::Detached);
            }
            questions.pause(&mut intents).await;
        }
    }

    /// Reports the events of a stack after the event `last` until the stack is at rest.
    ///
    /// The end is an event after `last`, never the stack's status alone: a status read right after the start of an operation may
    /// still be the former one.
    pub(super) async fn follow(
        &self,
        stack: StackId,
        id: &str,
        operation: Operation,
        mut last: Option<String>,
    ) -> Result<Ended, StepError> {
        let mut questions = Questions::new();
        let mut intents = self.intents();
        let mut events = Vec::new();
        let mut cancelled = None;
        loop {
            let wanted = intents.latest();
            match wanted {
                Intent::Detach => return Err(StepError::Detached),
                Intent::Cancel if cancelled.is_none() => cancelled = Some(self.cancel(stack, id, operation).await),
                Intent::Continue | Intent::Stop | Intent::Cancel => {}
            }
            if let Some(new) = questions.ask(self.aws.events_after(id, last.as_deref())).await? {
                if !new.is_empty() {
                    questions.pace.news();
                }
                let mut status = None;
                for event in new {
                    last = Some(event.id.clone());
                    status = event.stack_status(id).filter(|status| is_end(*status)).or(status);
                    report(self, stack, id, &event);
                    events.push(event);
                }
                if let Some(status) = status {
                    return Ok(Ended { status, events, cancelled: cancelled == Some(true) });
                }
            }
            questions.pause(&mut intents).await;
        }
    }

    /// Cancels the operation if CloudFormation can; otherwise reports that it cannot. Returns whether CloudFormation cancels it.
    async fn cancel(&self, stack: StackId, id: &str, operation: Operation) -> bool {
        let notice = match operation {
            Operation::Update => match self.aws.cancel_update(id).await {
                Ok(()) => Notice::Cancelling { stack },
                Err(error) => Notice::CancelFailed { stack, reason: error.to_string() },
            },
            Operation::Create | Operation::Delete | Operation::RollBack | Operation::Wait => {
                Notice::CannotCancel { stack, operation }
            }
        };
        let is_cancelled = matches!(notice, Notice::Cancelling { .. });
        self.events.notice(notice);
        is_cancelled
    }

    /// Follows an operation that another process, or an earlier run, started, from its start. An operation on a stack of
    /// somebody else's is not cancelled.
    pub(crate) async fn attach(&self, wanted: Option<&Stack>, busy: Busy<'_>) -> Result<Attached, super::Error> {
        let started = Instant::now();
        let Busy { stack, id, status, foreign } = busy;
        begin(self, stack, Operation::Wait, 0, &[]);
        let operation = if status == StackStatus::UpdateInProgress { Operation::Update } else { Operation::Wait };
        let followed = async {
            let history = self.patiently(|| self.aws.events_after(id, None)).await?;
            self.follow(stack, id, operation, latest_operation(&history, id)).await
        };
        let followed = tokio::select! {
            biased;
            () = self.intended(Intent::Cancel), if foreign.is_some() => None,
            followed = followed => Some(followed),
        };
        let outcome = match &followed {
            Some(Ok(ended)) if ended.is_rolled_back_as_asked() => Settled::Cancelled,
            Some(Ok(ended)) => Settled::AtRest { status: ended.status },
            Some(Err(_)) | None => Settled::LeftAlone,
        };
        self.events.send(Event::StackSettled { stack, outcome, took: started.elapsed() });
        match (followed, foreign) {
            (None, Some(foreign)) => {
                self.events.notice(Notice::CancelRefused { stack });
                Err(Refused::from(Blocked::foreign(stack, foreign)).into())
            }
            (Some(Ok(ended)), _) if ended.is_rolled_back_as_asked() => Ok(Attached::Cancelled),
            (Some(Ok(Ended { status, .. })), _) if status.phase() == Phase::Complete => Ok(Attached::Done),
            (Some(Ok(Ended { status, events, .. })), _) => {
                let failure = explain(Failure::of_events(stack, wanted, id, &events, status), self).await;
                Ok(Attached::Failed(Box::new(failure)))
            }
            (Some(Err(StepError::LostSight(cause))), _) => {
                Err(super::Error::LostSight { cause: Box::new(cause), running: vec![stack], pending: Vec::new() })
            }
            (Some(Err(StepError::Aws(error))), _) => Err(super::Error::Aws(error)),
            (Some(Err(_)) | None, _) => {
                Err(super::Error::Stopped { running: vec![stack], cancelled: Vec::new(), pending: Vec::new() })
            }
        }
    }
}

/// Whether a stack with this status has completed an operation. A stack under review has not started one.
fn is_end(status: StackStatus) -> bool {
    status.phase() != Phase::Busy && status != StackStatus::ReviewInProgress
}

fn report(session: &Session, stack: StackId, id: &str, event: &StackEvent) {
    // `StackStarted` and `StackSettled` report the stack's own events. Resources that were only cancelled distract from the cause.
    if event.stack_status(id).is_none() && !event.is_noise() {
        let StackEvent { logical_id, resource_type, status, at, reason, .. } = event.clone();
        session.events.send(Event::ResourceChanged { stack, logical_id, resource_type, status, at, reason });
    }
}
