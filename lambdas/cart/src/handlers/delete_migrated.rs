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
    use std::{
        pin::pin,
        task::{Context, Poll, Waker},
    };

    use serde_json::{Value, json};

    use super::*;
    use crate::model::{
        direct::Services,
        dynamodb::Table,
        network::{Network, dead_letters_at, store_at},
    };

    const CART: &str = "cart#4c1fadaa-213a-4ea8-aa32-58c217604e3c";
    const MIGRATION: &str = "00000000-0000-0000-0000-000000000007";

    /// Some products, emptied by the migration.
    fn emptied(products: &[&str]) -> Services {
        let mut table = Table::new();
        for product in products {
            table.put(CART, &format!("product#{product}"), 0, 1);
            table.mark(CART, &format!("product#{product}"), MIGRATION);
        }
        Services::new(table)
    }

    fn deletion(product: &str) -> String {
        json!({ "pk": CART, "sk": format!("product#{product}"), "migration": MIGRATION }).to_string()
    }

    fn message(id: Option<&str>, body: &str, received: &str) -> Value {
        json!({ "messageId": id, "body": body, "attributes": { "ApproximateReceiveCount": received } })
    }

    /// The names that are reported, and what was handed on: bodies, reasons and requests.
    async fn handle(services: &Services, messages: &[Value]) -> (Vec<String>, Vec<[String; 3]>) {
        let worker = DeleteMigrated { store: store_at(services.clone()), dead_letters: dead_letters_at(services.clone()) };
        let event = serde_json::from_value(json!({ "Records": messages })).unwrap();
        let Ok(failed) = worker.consume(event, "request-1").await;
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let handed_on = services.sent().into_iter().map(|sent| {
            assert_eq!(sent["QueueUrl"], "http://aws/dead-letters");
            let attributes = &sent["MessageAttributes"];
            [&sent["MessageBody"], &attributes["reason"]["StringValue"], &attributes["requestId"]["StringValue"]].map(text)
        });
        (failed.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect(), handed_on.collect())
    }

    /// The table refuses whatever is about the pan.
    fn refuse_pans(services: &Services) {
        services.refuse(|call| call.request.to_string().contains("product#pan") && call.operation == "TransactWriteItems");
    }

    const NO_DELETION: &str = "cannot read a message: the message is not a deletion";

    #[tokio::test]
    async fn only_what_failed_is_delivered_again_and_only_what_never_can_be_done_is_handed_on() {
        let services = emptied(&["mug", "pan", "jar"]);
        refuse_pans(&services);
        let messages = [
            message(Some("good"), &deletion("mug"), "1"),
            message(Some("malformed"), "{}", "1"),
            message(Some("failing"), &deletion("pan"), "4"),
            message(Some("gone already"), &deletion("lid"), "1"),
            message(Some("also good"), &deletion("jar"), "1"),
        ];
        let (failed, handed_on) = handle(&services, &messages).await;
        assert_eq!(failed, ["failing"]);
        assert_eq!(handed_on, [["{}", NO_DELETION, "request-1"]]);
        assert_eq!(services.table().count(CART), 1, "the pan");
    }

    #[tokio::test]
    async fn what_fails_for_the_last_time_is_handed_on_with_the_reason() {
        let services = emptied(&["pan"]);
        refuse_pans(&services);
        let (failed, handed_on) = handle(&services, &[message(Some("failing"), &deletion("pan"), "5")]).await;
        assert_eq!(failed, Vec::<String>::new());
        let [[body, reason, request]] = &handed_on[..] else { panic!("{handed_on:?}") };
        assert_eq!((body, request.as_str()), (&deletion("pan"), "request-1"));
        assert!(reason.starts_with("cannot delete an item: cannot write to the table: "), "{reason}");
    }

    #[tokio::test]
    async fn what_cannot_be_handed_on_is_left_to_the_queue() {
        let services = emptied(&["pan"]);
        services.refuse(|_| true);
        let messages = [message(Some("malformed"), "{}", "1"), message(Some("failing"), &deletion("pan"), "9")];
        assert_eq!(handle(&services, &messages).await, (vec!["malformed".to_owned(), "failing".to_owned()], Vec::new()));
    }

    #[tokio::test]
    async fn a_message_without_a_name_is_not_dropped() {
        let services = emptied(&["pan"]);
        refuse_pans(&services);
        let (failed, _) = handle(&services, &[message(None, &deletion("pan"), "1")]).await;
        assert_eq!(failed, [""], "which stands for all of them");
        let (failed, handed_on) = handle(&services, &[message(None, "no JSON", "1"), json!({})]).await;
        assert_eq!((failed.len(), handed_on.len()), (0, 2));
    }

    #[tokio::test]
    async fn messages_do_not_wait_for_each_other_unless_they_say_the_same() {
        let network = Network::default();
        let worker = DeleteMigrated { store: store_at(network.clone()), dead_letters: dead_letters_at(network.clone()) };
        let messages = [
            message(Some("a"), &deletion("mug"), "1"),
            message(Some("b"), &deletion("pan"), "1"),
            message(Some("c"), &deletion("mug"), "1"),
        ];
        let event = serde_json::from_value(json!({ "Records": messages })).unwrap();
        let mut consuming = pin!(worker.consume(event, "request-1"));
        let mut turn = || consuming.as_mut().poll(&mut Context::from_waker(Waker::noop()));
        // What is asked for at a time, one after the other as it is answered.
        let mut asked = Vec::new();
        let failed = loop {
            if let Poll::Ready(Ok(failed)) = turn() {
                break failed;
            }
            asked.push(network.waiting());
            network.answer(Some((200, json!({}))));
        };
        assert_eq!(failed.batch_item_failures.len(), 0);
        assert_eq!(
            asked,
            [2, 2, 1],
            "the mug beside the pan, and the mug once more when it is done; not one by one, nor all three"
        );
    }

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
