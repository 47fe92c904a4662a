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

/// A queue, encrypted with SQS's own keys.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Queue {
    /// How long a message is hidden after it was received; 30 seconds without.
    pub visibility_timeout: Option<Visibility>,
    /// How long a message is kept, up to 14 days; 4 days without.
    pub message_retention_period: Option<Seconds>,
    /// Where a message goes that was received too often.
    pub redrive_policy: Option<RedrivePolicy>,
    /// Encryption with SQS's own keys.
    pub sqs_managed_sse_enabled: bool,
}

/// Where a message goes that was received too often. (These two names are camel case in CloudFormation too.)
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct RedrivePolicy {
    /// The dead-letter queue.
    pub dead_letter_target_arn: Value<QueueArn>,
    /// How often is too often.
    pub max_receive_count: u32,
}

/// Who may do what with queues.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct QueuePolicy {
    /// The queues.
    pub queues: Vec<Value<QueueUrl>>,
    /// The policy.
    pub policy_document: Document,
}
