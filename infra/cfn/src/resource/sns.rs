//! SNS topics and the receivers of their messages. See [`AWS::SNS::Topic`].
//!
//! [`AWS::SNS::Topic`]: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-sns-topic.html

use serde::Serialize;

use crate::{
    policy::Document,
    value::{QueueArn, TopicArn, Value},
};

super::types! {
    Topic = "AWS::SNS::Topic" {
        replacing: { FifoTopic: Always, TopicName: Always },
        /// The ARN, by which messages are published: an alarm's action.
        arn: TopicArn = Ref,
    }
    Subscription = "AWS::SNS::Subscription" {
        replacing: { Endpoint: Always, Protocol: Always, Region: Conditional, TopicArn: Always }
    }
    TopicPolicy = "AWS::SNS::TopicPolicy" { replacing: {} }
}

/// A standard topic without encryption at rest: CloudWatch [cannot
/// publish](https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html) to a topic that is
/// encrypted with SNS's default key.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Topic {
    /// The sender's name in emails, up to 100 characters.
    pub display_name: Option<&'static str>,
}

/// Sends a topic's messages to one receiver.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Subscription {
    /// A topic of the same region.
    pub topic_arn: Value<TopicArn>,
    /// The receiver.
    #[serde(flatten)]
    pub subscriber: Subscriber,
    /// Whether a queue gets messages as they were published, without the envelope that SNS puts around them.
    pub raw_message_delivery: Option<bool>,
}

/// The receivers in use.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "Protocol", content = "Endpoint", rename_all = "lowercase")]
pub enum Subscriber {
    /// A queue whose policy lets the topic send.
    Sqs(Value<QueueArn>),
    /// An email address. Its owner has to confirm the subscription.
    Email(String),
}

/// A policy of topics. A topic has one.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct TopicPolicy {
    /// The topics, all with this policy.
    pub topics: Vec<Value<TopicArn>>,
    /// Statements with principals.
    pub policy_document: Document,
}
