//! The queue of migrated items that are still to be deleted: the form of its messages, and sending them.

use std::str::FromStr;

use cart_contract::table::{
    Kept, Key,
    attribute::{MIGRATION, PK, SK},
};
use cart_shared::ProductId;
use futures_util::future::try_join_all;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use thiserror::Error;
use uuid::Uuid;

use crate::{
    aws::{CallError, Service},
    backoff,
    item::MigrationId,
    owner::{CartId, Owner},
};

/// A request to delete one item, if it is still as the migration left it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Deletion {
    /// The item's cart.
    pub cart: CartId,
    /// The item's product.
    pub product: ProductId,
    /// The migration that emptied the item.
    pub migration: MigrationId,
}

/// The text is not the message of a deletion.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the message is not a deletion")]
pub struct NotADeletion;

impl Deletion {
    /// The message: the item's keys and the migration, as JSON.
    fn message(&self) -> String {
        let Key { pk, sk } = Key::item(&Owner::Anonymous(self.cart).to_string(), self.product.as_str());
        json!({ PK: pk, SK: sk, MIGRATION: self.migration.0.to_string() }).to_string()
    }
}

impl FromStr for Deletion {
    type Err = NotADeletion;

    fn from_str(message: &str) -> Result<Self, NotADeletion> {
        let message: Value = serde_json::from_str(message).map_err(|_| NotADeletion)?;
        let text = |name| message.get(name).and_then(Value::as_str).ok_or(NotADeletion);
        let Kept::Item { owner, product } = Kept::under(text(PK)?, text(SK)?) else { return Err(NotADeletion) };
        let Ok(Owner::Anonymous(cart)) = owner.parse() else { return Err(NotADeletion) };
        let product = product.parse().map_err(|_| NotADeletion)?;
        let migration = Uuid::try_parse(text(MIGRATION)?).map(MigrationId).map_err(|_| NotADeletion)?;
        Ok(Self { cart, product, migration })
    }
}

/// The queue of deletions.
#[derive(Clone, Debug)]
pub struct Deletions {
    sqs: Service,
    queue_url: String,
}

/// Some messages may not be in the queue.
#[derive(Debug, Error)]
pub enum DeletionsError {
    /// A call failed.
    #[error("cannot send deletions to the queue")]
    Send(#[source] CallError),
    /// The queue refused some messages again and again.
    #[error("the queue took only some of the deletions")]
    Partial,
}

/// The most messages of one batch, by
/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/APIReference/API_SendMessageBatch.html>.
const BATCH: usize = 10;

impl Deletions {
    /// The queue at a URL.
    #[must_use]
    pub const fn new(sqs: Service, queue_url: String) -> Self {
        Self { sqs, queue_url }
    }

    /// Opens a connection to SQS, if it can be reached.
    pub async fn connect(&self) {
        self.sqs.connect().await;
    }

    /// Sends deletions. Sending one twice does no harm.
    ///
    /// # Errors
    /// If some messages may not be in the queue. All of them may be sent again.
    pub async fn request(&self, deletions: &[Deletion]) -> Result<(), DeletionsError> {
        try_join_all(deletions.chunks(BATCH).map(|batch| self.request_batch(batch))).await.map(drop)
    }

    async fn request_batch(&self, batch: &[Deletion]) -> Result<(), DeletionsError> {
        let entry = |(index, deletion): (usize, &Deletion)| Entry { id: index.to_string(), message_body: deletion.message() };
        let entries = batch.iter().enumerate().map(entry).collect();
        let mut document = SendMessageBatch { queue_url: &self.queue_url, entries };
        for attempt in 0..backoff::ATTEMPTS {
            let Sent { failed } = self.sqs.call("SendMessageBatch", &document).await.map_err(DeletionsError::Send)?;
            document.entries.retain(|entry| failed.iter().any(|failed| failed.id == entry.id));
            if document.entries.is_empty() {
                return Ok(());
            }
            self.sqs.pause(attempt).await;
        }
        Err(DeletionsError::Partial)
    }
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct SendMessageBatch<'a> {
    queue_url: &'a str,
    entries: Vec<Entry>,
}

#[derive(Serialize)]
#[serde(rename_all = "PascalCase")]
struct Entry {
    /// Identifies the message in the answer.
    id: String,
    message_body: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Sent {
    /// Missing, if every message was accepted.
    #[serde(default)]
    failed: Vec<Failed>,
}

#[derive(Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Failed {
    id: String,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn deletion() -> Deletion {
        Deletion {
            cart: "4c1fadaa-213a-4ea8-aa32-58c217604e3c".parse().unwrap(),
            product: "mug".parse().unwrap(),
            migration: MigrationId(Uuid::nil()),
        }
    }

    #[test]
    fn a_message_says_what_to_delete() {
        assert_eq!(deletion().message().parse(), Ok(deletion()));
    }

    #[test]
    fn a_message_can_delete_nothing_but_anonymous_items() {
        let whole = deletion().message();
        for (part, instead) in [
            ("cart#", "user#"),
            ("product#", "total"),
            ("mug", "../mug"),
            ("-000000000000", ""),
            ("migration", "Migration"),
            ("{", "["),
        ] {
            let message = whole.replace(part, instead);
            assert_ne!(message, whole);
            assert_eq!(message.parse::<Deletion>(), Err(NotADeletion), "{message}");
        }
    }
}
