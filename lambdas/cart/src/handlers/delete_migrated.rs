//! Deletes anonymous items that a migration emptied, one for each message of the queue.

use std::convert::Infallible;

use aws_lambda_events::sqs::{SqsBatchResponse, SqsEvent, SqsMessage};
use cart_contract::DELETIONS_RECEIVED_AT_MOST;
use cart_shared::{Chain, Consumer, log};
use futures_util::future::join_all;
use thiserror::Error;
use tracing::{Instrument as _, error, field::Empty, info, info_span};

use crate::{
    dead_letters::DeadLetters,
    deletions::{Deletion, NotADeletion},
    owner::Owner,
    store::{Outcome, Store, StoreError, write::Write},
};

/// The worker of the queue of deletions.
#[derive(Debug)]
pub struct DeleteMigrated {
    /// The table of carts.
    pub store: Store,
    /// Takes messages that cannot be processed.
    pub dead_letters: DeadLetters,
}

#[derive(Debug, Error)]
enum DeleteError {
    #[error("cannot read a message")]
    Message(#[from] NotADeletion),
    #[error("cannot delete an item")]
    Store(#[from] StoreError),
    #[error("the item is being written at this moment")]
    Busy,
}

impl Consumer for DeleteMigrated {
    type Event = SqsEvent;
    type Outcome = SqsBatchResponse;
    type Failure = Infallible;

    /// Processes the messages concurrently, at most five (the batch size in `infra/src/stacks/cart.rs`), and reports the ids of those
    /// that are to be delivered again. A message without an id is reported with an empty one, [which stands for the whole
    /// batch](https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html). Processing a message twice does no harm.
    async fn consume(&self, event: SqsEvent, request_id: &str) -> Result<SqsBatchResponse, Infallible> {
        let settling = alike(event.records).into_iter().map(|messages| async move {
            let mut failed = Vec::new();
            for message in messages {
                let span = info_span!("message", owner = Empty);
                if !self.settle(&message, request_id).instrument(span).await {
                    failed.push(message.message_id.unwrap_or_default());
                }
            }
            failed
        });
        let mut failed = SqsBatchResponse::default();
        for name in join_all(settling).await.into_iter().flatten() {
            failed.add_failure(name);
        }
        Ok(failed)
    }
}

impl DeleteMigrated {
    /// Whether the message need not be delivered again, because it is done or a dead letter.
    async fn settle(&self, message: &SqsMessage, request_id: &str) -> bool {
        let Err(error) = self.delete(message).await else { return true };
        error!(message_id = message.message_id, error = %Chain(&error), "not deleted");
        is_final(&error, times_received(message)) && self.give_up(message, &error, request_id).await
    }

    async fn delete(&self, message: &SqsMessage) -> Result<(), DeleteError> {
        let deletion: Deletion = message.body.as_deref().unwrap_or_default().parse()?;
        log::owner_is(Owner::Anonymous(deletion.cart).fingerprint());
        match self.store.apply(Write::bury(&deletion)).await? {
            Outcome::Done => Ok(()),
            Outcome::Stale => {
                info!("the item is deleted already, or in use again");
                Ok(())
            }
            Outcome::Busy => Err(DeleteError::Busy),
        }
    }

    /// Sends a message to the dead letters with the reason. If that fails, the queue moves it there later, without one.
    async fn give_up(&self, message: &SqsMessage, reason: &DeleteError, request_id: &str) -> bool {
        let sent = self.dead_letters.put(message.body.as_deref().unwrap_or_default(), reason, request_id).await;
        if let Err(error) = &sent {
            error!(error = %Chain(error), "no dead letter sent");
        }
        sent.is_ok()
    }
}

/// Groups messages with the same body. Two migrations may ask for one deletion; processed concurrently, their transactions would collide.
fn alike(messages: Vec<SqsMessage>) -> Vec<Vec<SqsMessage>> {
    let mut groups: Vec<Vec<SqsMessage>> = Vec::new();
    for message in messages {
        match groups.iter_mut().find(|group| group.first().is_some_and(|first| first.body == message.body)) {
            Some(group) => group.push(message),
            None => groups.push(vec![message]),
        }
    }
    groups
}

/// Whether another delivery would not help, or this one is the last.
const fn is_final(error: &DeleteError, times_received: u32) -> bool {
    match error {
        DeleteError::Message(_) => true,
        DeleteError::Store(_) | DeleteError::Busy => times_received >= DELETIONS_RECEIVED_AT_MOST,
    }
}

/// How often a message was received, as SQS counts. 0, if it does not say.
fn times_received(message: &SqsMessage) -> u32 {
    message.attributes.get("ApproximateReceiveCount").and_then(|count| count.parse().ok()).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn it_is_the_last_time_when_the_queue_says_so() {
        let received = |attributes: Value| times_received(&serde_json::from_value(json!({ "attributes": attributes })).unwrap());
        for (attributes, times) in [
            (json!({ "ApproximateReceiveCount": "5" }), 5),
            (json!({ "ApproximateReceiveCount": "often" }), 0),
            (json!({ "ApproximateReceiveCount": "-1" }), 0),
            (json!({}), 0),
            (json!(null), 0),
        ] {
            assert_eq!(received(attributes.clone()), times, "{attributes}");
        }
        assert!(!is_final(&DeleteError::Busy, 4) && is_final(&DeleteError::Busy, 5) && is_final(&DeleteError::Busy, 6));
        assert!(is_final(&DeleteError::Message(NotADeletion), 0));
    }
}
