//! A queue that is encrypted at rest and refuses requests without TLS. Knows nothing of who uses it.

use cfn::{
    Seconds, Stack, Visibility,
    policy::Statement,
    resource::sqs::{Queue, QueuePolicy, RedriveAllowPolicy, RedrivePolicy},
    template::Attributes,
    value::Handle,
};

use crate::settings::Settings;

/// The longest time for which SQS keeps a message: failed messages wait for people, who have weekends.
const TWO_WEEKS: Seconds = Seconds::days(14);

/// A queue of work. A message that was received `max_receive_count` times in vain goes to `dead_letters`.
///
/// The worker's function has to have the time-out `worker_timeout`: messages stay hidden for six times as long.
#[track_caller]
pub(crate) fn work(
    stack: &mut Stack,
    id: &'static str,
    worker_timeout: Seconds,
    max_receive_count: u32,
    dead_letters: &Handle<Queue>,
) -> Handle<Queue> {
    let redrive = RedrivePolicy { dead_letter_target_arn: dead_letters.arn(), max_receive_count };
    let queue = Queue {
        visibility_timeout: Some(Visibility::of_worker(worker_timeout)),
        redrive_policy: Some(redrive),
        ..Queue::default()
    };
    add(stack, id, Attributes::default(), queue)
}

/// A queue of failed messages, which a protected stage keeps. It takes those that SQS gives up, of any queue of the account: naming the
/// queue of [`work`] would be a circle.
#[track_caller]
pub(crate) fn dead_letters(stack: &mut Stack, settings: &Settings, id: &'static str) -> Handle<Queue> {
    add(stack, id, settings.records(), Queue { message_retention_period: Some(TWO_WEEKS), ..Queue::default() })
}

/// The same for what functions and Lambda give up. SQS moves no message of another queue into it.
#[track_caller]
pub(crate) fn failures(stack: &mut Stack, settings: &Settings, id: &'static str) -> Handle<Queue> {
    let queue = Queue {
        message_retention_period: Some(TWO_WEEKS),
        redrive_allow_policy: Some(RedriveAllowPolicy::DenyAll),
        ..Queue::default()
    };
    add(stack, id, settings.records(), queue)
}

#[track_caller]
fn add(stack: &mut Stack, id: &'static str, attributes: Attributes, queue: Queue) -> Handle<Queue> {
    let handle = stack.add_with(id, attributes, &Queue { sqs_managed_sse_enabled: true, ..queue });
    let policy = vec![Statement::tls_only("sqs:*", vec![handle.arn().text()])];
    stack.add(format!("{id}Policy"), &QueuePolicy { queues: vec![handle.url()], policy_document: policy.into() });
    handle
}
