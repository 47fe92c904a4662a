//! SQS queues and their policies. See [`AWS::SQS::Queue`].
//!
//! [`AWS::SQS::Queue`]: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sqs-queue.html

use serde::Serialize;

use crate::{
    policy::Document,
    scalar::{Seconds, Visibility},
    value::{QueueArn, QueueName, QueueUrl, Value},
};

super::types! {
    Queue = "AWS::SQS::Queue" {
        replacing: { FifoQueue: Always, QueueName: Always },
        /// The URL by which messages are sent.
        url: QueueUrl = Ref,
        /// The name that CloudFormation chose, which metrics carry.
        name: QueueName = GetAtt("QueueName"),
        /// The ARN, for policies and event sources.
        arn: QueueArn = GetAtt("Arn"),
    }
    QueuePolicy = "AWS::SQS::QueuePolicy" { replacing: {} }
}

/// A standard queue of which CloudFormation chooses the name.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Queue {
    /// How long a message is hidden after it was received; 30 seconds without.
    pub visibility_timeout: Option<Visibility>,
    /// How long a message is kept, up to 14 days; 4 days without.
    pub message_retention_period: Option<Seconds>,
    /// The queue for messages that were received too often.
    pub redrive_policy: Option<RedrivePolicy>,
    /// The queues whose messages may end in this one by a redrive policy; all of the account without.
    pub redrive_allow_policy: Option<RedriveAllowPolicy>,
    /// Whether messages are encrypted at rest with keys that SQS manages.
    pub sqs_managed_sse_enabled: bool,
}

/// The queue for messages that were received too often. Its two names are in camel case in CloudFormation too.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RedrivePolicy {
    /// The dead-letter queue, in the same account and region.
    pub dead_letter_target_arn: Value<QueueArn>,
    /// How often a message is received before it is moved.
    pub max_receive_count: u32,
}

/// The queues whose messages may end in a queue by a redrive policy.
///
/// A list of queues is missing on purpose: the queue of work and its dead letters would refer to each other, and CloudFormation creates
/// neither.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(tag = "redrivePermission", rename_all = "camelCase")]
pub enum RedriveAllowPolicy {
    /// None.
    DenyAll,
}

/// A policy of queues. A queue has one.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct QueuePolicy {
    /// The queues, all with this policy.
    pub queues: Vec<Value<QueueUrl>>,
    /// Statements with principals.
    pub policy_document: Document,
}
