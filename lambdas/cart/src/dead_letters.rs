//! Where that goes which cannot be done: a queue that people look at. Each message says why it is there
//! (docs/adr/0022-dead-letters-say-why.md). Knows nothing of what the messages are.

use std::error::Error;

use aws_sdk_sqs::{Client, error::BuildError, types::MessageAttributeValue};
use cart_shared::Chain;
use thiserror::Error;

/// The queue.
#[derive(Clone, Debug)]
pub struct DeadLetters {
    client: Client,
    queue_url: String,
}

/// It is not in the queue.
#[derive(Debug, Error)]
#[error("cannot hand on what cannot be done")]
pub struct NotHandedOn(#[source] Box<aws_sdk_sqs::Error>);

/// The longest reason, in characters. It is read by people, and shares the size of a message with the body.
const MAX_REASON: usize = 1000;

impl DeadLetters {
    /// The queue at a URL.
    #[must_use]
    pub const fn new(client: Client, queue_url: String) -> Self {
        Self { client, queue_url }
    }

    /// Puts a message there, with the reason and the request under which the log tells more.
    ///
    /// # Errors
    /// [`NotHandedOn`].
    pub async fn put(&self, body: &str, reason: &(dyn Error + Sync), request_id: &str) -> Result<(), NotHandedOn> {
        let failed = |error: aws_sdk_sqs::Error| NotHandedOn(Box::new(error));
        let message = self.client.send_message().queue_url(&self.queue_url).message_body(body);
        let message = message.message_attributes("reason", text(&readable(reason)).map_err(|error| failed(error.into()))?);
        let message = message.message_attributes("requestId", text(request_id).map_err(|error| failed(error.into()))?);
        message.send().await.map(drop).map_err(|error| failed(error.into()))
    }
}

fn text(value: &str) -> Result<MessageAttributeValue, BuildError> {
    // An empty one is refused.
    let value = if value.is_empty() { "unknown" } else { value };
    MessageAttributeValue::builder().data_type("String").string_value(value).build()
}

/// An error with its causes, without what SQS does not take
/// (<https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessage.html>).
fn readable(reason: &(dyn Error + Sync)) -> String {
    let allowed = |character: &char| !character.is_control() && !matches!(character, '\u{fffe}' | '\u{ffff}');
    Chain(reason).to_string().chars().filter(allowed).take(MAX_REASON).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Debug, Error)]
    #[error("{0}")]
    struct Because(String);

    #[test]
    fn a_reason_can_be_sent_whatever_is_in_it() {
        assert_eq!(readable(&Because("no\0 \u{b}t\u{1b}[1m\nhis\u{ffff}, é".to_owned())), "no t[1mhis, é");
        assert_eq!(readable(&Because("é".repeat(5000))).chars().count(), 1000);
        assert_eq!(text("").unwrap().string_value(), Some("unknown"));
    }
}
