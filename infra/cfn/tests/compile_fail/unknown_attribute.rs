//! A queue has no stream.

use cfn::{
    resource::sqs::Queue,
    value::{Handle, StreamArn, Value},
};

fn stream(queue: &Handle<Queue>) -> Value<StreamArn> {
    queue.stream_arn()
}

fn main() {}
