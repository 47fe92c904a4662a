//! A queue of messages and records that cannot be processed, for people to look at. Each letter has the reason
//! (docs/adr/0022-dead-letters-say-why.md). Knows nothing of the letters' content.

use std::{collections::BTreeMap, error::Error};

use cart_shared::Chain;
use serde::{Serialize, de::IgnoredAny};
use thiserror::Error;

use crate::aws::{CallError, Service};

/// A queue of dead letters.
#[derive(Clone, Debug)]
pub struct DeadLetters {
    sqs: Service,
    queue_url: String,
}

/// The letter may not be in the queue.
#[derive(Debug, Error)]
#[error("cannot send a dead letter")]
pub struct NotSent(#[source] CallError);

/// The longest reason, in characters. It shares the limit of a message's size with the body.
const MAX_REASON: usize = 1000;

impl DeadLetters {
    /// The queue at a URL.
    #[must_use]
    pub const fn new(sqs: Service, queue_url: String) -> Self {
        Self { sqs, queue_url }
    }

    /// Sends a letter with the reason, and with the id of the request whose log says more.
    ///
    /// # Errors
    /// [`NotSent`].
    pub async fn put(&self, body: &str, reason: &(dyn Error + Sync), request_id: &str) -> Result<(), NotSent> {
        let attributes = BTreeMap::from([("reason", text(readable(reason))), ("requestId", text(request_id.to_owned()))]);
        let document = SendMessage { queue_url: &self.queue_url, message_body: body, message_attributes: attributes };
        let IgnoredAny = self.sqs.call("SendMessage", &document).await.map_err(NotSent)?;
        Ok(())
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SendMessage<'a> {
    queue_url: &'a str,
    message_body: &'a str,
    message_attributes: BTreeMap<&'static str, MessageAttributeValue>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct MessageAttributeValue {
    data_type: &'static str,
    string_value: String,
}

fn text(value: String) -> MessageAttributeValue {
    // SQS refuses an empty value.
    let string_value = if value.is_empty() { "unknown".to_owned() } else { value };
    MessageAttributeValue { data_type: "String", string_value }
}

/// An error with its causes, without the characters that SQS refuses
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
        assert_eq!(text(String::new()).string_value, "unknown");
    }
}
