//! Deletes stacks, and retries temporary failures.

use std::time::Duration;

use cfn::StackId;
use tokio::time::sleep;

use super::{Error, Session, StepError, Task, begin, explain::explain, follow::Ended, in_order, site, worst};
use crate::{
    aws::object_store::Bucket,
    domain::{
        cause::Cause,
        command::Command,
        event::{Operation, Settled},
        failure::Failure,
        notice::{Activity, Notice},
        stack::StackStatus,
    },
    plan::delete::{Plan, Step},
};

/// API Gateway allows one deletion of an API in thirty seconds, per account and region.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html>
const BETWEEN_API_DELETIONS: Duration = Duration::from_secs(31);

/// How often a throttled deletion is retried.
const RETRIES: u32 = 3;

/// Carries out a deletion: every stack as soon as the stacks that depend on it are deleted. With `leave_failed`, resources that
/// cannot be deleted stay in the account.
///
/// # Errors
/// [`Error`], the worst of all stacks.
pub(crate) async fn carry_out(plan: &Plan, leave_failed: bool, session: &Session) -> Result<(), Error> {
    // The plan is in order of deletion, which is the reverse of the app's order.
    let tasks = plan.steps.iter().rev().map(|step| Task {
        stack: step.stack,
        after: step.after.clone(),
        work: Box::pin(delete(step, leave_failed, session)),
    });
    let (outcomes, errors) = in_order(tasks.collect(), session).await;
    worst(errors, &outcomes, None)
}

async fn delete(step: &Step, leave_failed: bool, session: &Session) -> Result<Settled, StepError> {
    begin(session, step.stack, Operation::Delete, step.resources, &step.after);
    if step.unprotect {
        session.aws.protect_from_termination(&step.id, false).await?;
        session.events.notice(Notice::ProtectionOff { stack: step.stack });
    }
    empty(&step.empties, session).await?;
    match remove(step.stack, &step.id, &[], session).await {
        Err(StepError::Failed(failure)) if failure.status == Some(StackStatus::DeleteFailed) => {
            let resources = session.patiently(|| session.aws.resources(&step.id)).await?;
            let failed: Vec<String> = resources
                .into_iter()
                .filter(|resource| resource.status == "DELETE_FAILED")
                .map(|resource| resource.logical_id)
                .collect();
            if !leave_failed || failed.is_empty() {
                let hint = format!(
                    "once the cause is fixed, run the same command again; or keep {} in the account with {}",
                    failed.join(", "),
                    Command::cartctl("delete").with(step.stack).with("--leave-failed")
                );
                let hint = failure.hint.as_ref().map_or_else(|| hint.clone(), |known| format!("{known}. {hint}"));
                return Err(StepError::Failed(Box::new(Failure { hint: Some(hint), ..*failure })));
            }
            remove(step.stack, &step.id, &failed, session).await?;
            session.events.notice(Notice::ResourcesOrphaned { stack: step.stack, resources: failed });
        }
        removed => removed?,
    }
    Ok(Settled::Done { operation: Operation::Delete })
}

/// Empties these buckets of the account.
pub(super) async fn empty(buckets: &[String], session: &Session) -> Result<(), StepError> {
    for name in buckets {
        let bucket = Bucket { name: name.clone(), owner: session.account.clone() };
        session.events.during(Activity::EmptyingBucket { bucket: name.clone() }, site::empty(&bucket, &session.aws)).await?;
    }
    Ok(())
}

/// Deletes a stack by its ARN, except for these resources.
pub(super) async fn remove(stack: StackId, id: &str, except: &[String], session: &Session) -> Result<(), StepError> {
    let mut throttled = 0;
    loop {
        let latest = session.patiently(|| session.aws.latest_event(id)).await?;
        // Another process has deleted the stack, and no more events will come.
        if latest.as_ref().and_then(|event| event.stack_status(id)) == Some(StackStatus::DeleteComplete) {
            return Ok(());
        }
        session.aws.delete_stack(id, except).await?;
        let Ended { status, events, .. } = session.follow(stack, id, Operation::Delete, latest.map(|event| event.id)).await?;
        if status == StackStatus::DeleteComplete {
            return Ok(());
        }
        let failure = Failure::of_events(stack, None, id, &events, status);
        if throttled == RETRIES || !matches!(Cause::of(&failure.reason), Some(Cause::Throttled { .. })) {
            return Err(StepError::Failed(Box::new(explain(failure, session).await)));
        }
        throttled += 1;
        session.events.notice(Notice::DeletionThrottled { stack, again_in: BETWEEN_API_DELETIONS });
        tokio::select! {
            () = sleep(BETWEEN_API_DELETIONS) => {}
            // Nothing new is started then.
            () = session.interrupted() => return Err(StepError::Failed(Box::new(explain(failure, session).await))),
        }
    }
}
