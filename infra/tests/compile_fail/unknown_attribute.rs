//! A queue has no stream.

use cart_infra::cfn::{
    resource::sqs::Queue,
    value::{Handle, StreamArn, Value},
};

fn stream(queue: &Handle<Queue>) -> Value<StreamArn> {
    queue.stream_arn()
}

fn main() {}
