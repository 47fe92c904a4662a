//! An alarm tells a topic, and nothing else that has an ARN.

use cfn::{
    resource::{sns::Topic, sqs::Queue},
    value::{Handle, TopicArn, Value},
};

fn actions(topic: &Handle<Topic>, queue: &Handle<Queue>) -> Vec<Value<TopicArn>> {
    vec![topic.arn(), queue.arn()]
}

fn main() {}
