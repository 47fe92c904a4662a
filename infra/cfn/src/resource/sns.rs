//! SNS topics and who gets their messages. See [`AWS::SNS::Topic`].
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
        /// The ARN to which messages are published: also what an alarm's actions name.
        arn: TopicArn = Ref,
    }
    Subscription = "AWS::SNS::Subscription" {
        replacing: { Endpoint: Always, Protocol: Always, Region: Conditional, TopicArn: Always }
    }
    TopicPolicy = "AWS::SNS::TopicPolicy" { replacing: {} }
}

/// A standard topic. It has no key of its own: CloudWatch
/// [cannot publish](https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html) to a topic that is
/// encrypted with SNS's default key.
#[derive(Clone, Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Topic {
    /// The sender's name in emails, up to 100 characters.
    pub display_name: Option<&'static str>,
}

/// Somebody who gets a topic's messages.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Subscription {
    /// The topic.
    pub topic_arn: Value<TopicArn>,
    /// The receiver.
    #[serde(flatten)]
    pub subscriber: Subscriber,
    /// Whether a queue gets the message as it was published, without SNS's envelope.
    pub raw_message_delivery: Option<bool>,
}

/// The receivers in use.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "Protocol", content = "Endpoint", rename_all = "lowercase")]
pub enum Subscriber {
    /// A queue, whose policy has to let the topic send.
    Sqs(Value<QueueArn>),
    /// An address. Its owner has to confirm the subscription.
    Email(String),
}

/// A policy of topics.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct TopicPolicy {
    /// The topics.
    pub topics: Vec<Value<TopicArn>>,
    /// Who may do what with them.
    pub policy_document: Document,
}
