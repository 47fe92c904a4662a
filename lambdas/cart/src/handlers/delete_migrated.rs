//! Deletes the anonymous items that a migration has emptied, from the queue.

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

/// Deletes migrated items.
#[derive(Debug)]
pub struct DeleteMigrated {
    /// Where carts are.
    pub store: Store,
    /// Where messages go that cannot be acted on.
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

    /// Does the messages side by side, of which there are at most five (the batch size in `infra/src/stacks/cart.rs`), and names those that are to be delivered again. One that has no name cannot be named: its place is
    /// taken by an empty one, [which stands for the whole
    /// batch](https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-errorhandling.html). To do the others again does no harm.
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
    /// Whether the message need not be delivered again: it is done, or handed on.
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
                info!("the item is gone already, or in use again");
                Ok(())
            }
            Outcome::Busy => Err(DeleteError::Busy),
        }
    }

    /// Hands a message on with the reason. Where that fails, the queue does it later, without one.
    async fn give_up(&self, message: &SqsMessage, reason: &DeleteError, request_id: &str) -> bool {
        let handed_on = self.dead_letters.put(message.body.as_deref().unwrap_or_default(), reason, request_id).await;
        if let Err(error) = &handed_on {
            error!(error = %Chain(error), "not handed on");
        }
        handed_on.is_ok()
    }
}

/// The messages in groups of those that say the same: two migrations may ask for one deletion, and done side by side one would be
/// in the way of the other.
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

/// Whether another delivery would change nothing, or there will be none.
const fn is_final(error: &DeleteError, times_received: u32) -> bool {
    match error {
        DeleteError::Message(_) => true,
        DeleteError::Store(_) | DeleteError::Busy => times_received >= DELETIONS_RECEIVED_AT_MOST,
    }
}

/// How often a message was received, as far as SQS knows; never, if it does not say.
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
