//! A queue's trigger does not take a table's stream.

use cfn::{
    resource::{dynamodb::Table, lambda::EventSource},
    value::Handle,
};

fn trigger(table: &Handle<Table>) -> EventSource {
    EventSource::Queue { event_source_arn: table.stream_arn(), scaling_config: None }
}

fn main() {}
