//! The table of carts and totals, in DynamoDB. Carries out [`Write`]s, which say everything about themselves, and reports whether
//! they were done. Knows nothing of why something is written, and never starts a write again by itself.
//! What is where is told in [`cart_contract::table`].

pub mod attributes;
pub mod books;
pub mod write;

use aws_sdk_dynamodb::{
    Client, Config,
    config::retry::RetryConfig,
    error::BuildError,
    operation::transact_write_items::TransactWriteItemsError,
    types::{AttributeValue, Delete, KeysAndAttributes, TransactWriteItem, Update},
};
use cart_shared::{ProductId, Refusal};
use thiserror::Error;

use self::{
    attributes::{Attributes, Damaged, number},
    write::{Action, Write},
};
use crate::{
    backoff::{self, Contended},
    item::Item,
    owner::Owner,
    warm_up::Ping,
};

/// The table.
#[derive(Clone, Debug)]
pub struct Store {
    client: Client,
    table: String,
}

/// What became of something written. Nothing but [`Outcome::Done`] changes anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "only a write that is done changes anything"]
pub enum Outcome {
    /// It is written.
    Done,
    /// The table is not as the write says it must be.
    Stale,
    /// Somebody else is writing the same item at this moment.
    Busy,
}

/// The table does not do as asked.
#[derive(Debug, Error)]
pub enum StoreError {
    /// Reading failed.
    #[error("cannot read the table")]
    Read(#[source] Box<aws_sdk_dynamodb::Error>),
    /// Writing failed. Whether it was written is not known: also where the last answer is a refusal, an earlier one may have been lost.
    #[error("cannot write to the table")]
    Write(#[source] Box<aws_sdk_dynamodb::Error>),
    /// Not everything was read, however often it was asked for.
    #[error("cannot read all of it yet")]
    Unread(#[source] Contended),
    /// What is stored cannot be understood.
    #[error("an item is damaged")]
    Damaged(#[from] Damaged),
}

impl From<StoreError> for Refusal {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::Read(_) | StoreError::Unread(_) => Self::Unavailable(error.into()),
            StoreError::Write(_) => Self::Unclear(error.into()),
            StoreError::Damaged(_) => Self::Internal(error.into()),
        }
    }
}

impl Store {
    /// The most writes that can be done together, and the most items that can be read together, by
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html> and
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>.
    pub const TOGETHER: usize = 100;

    /// The table of that name.
    #[must_use]
    pub const fn new(client: Client, table: String) -> Self {
        Self { client, table }
    }

    /// Opens a connection to DynamoDB, if it can be reached.
    pub async fn connect(&self) {
        let once = Config::builder().retry_config(RetryConfig::disabled());
        let request = self.client.get_item().table_name(&self.table).customize().interceptor(Ping).config_override(once);
        // Good health is not an item, so that there is always an error.
        drop(request.send().await);
    }

    /// Everything stored of a cart, what is emptied or expired included, as it is at this moment.
    ///
    /// # Errors
    /// [`StoreError::Read`] and [`StoreError::Damaged`].
    pub async fn cart(&self, owner: &Owner) -> Result<Vec<Item>, StoreError> {
        let mut pages = self
            .client
            .query()
            .table_name(&self.table)
            .key_condition_expression("pk = :pk AND begins_with(sk, :product)")
            .expression_attribute_values(":pk", AttributeValue::S(owner.to_string()))
            .expression_attribute_values(":product", AttributeValue::S("product#".to_owned()))
            .consistent_read(true)
            .into_paginator()
            .items()
            .send();
        let mut items = Vec::new();
        while let Some(attributes) = pages.next().await {
            let attributes = attributes.map_err(read_failed)?;
            items.push(attributes::item(&attributes)?);
        }
        Ok(items)
    }

    /// What is stored of one product in a cart, as it is at this moment.
    ///
    /// # Errors
    /// [`StoreError::Read`] and [`StoreError::Damaged`].
    pub async fn item(&self, owner: &Owner, product: &ProductId) -> Result<Option<Item>, StoreError> {
        let read = self.client.get_item().table_name(&self.table).set_key(Some(attributes::item_key(owner, product)));
        let answer = read.consistent_read(true).send().await.map_err(read_failed)?;
        Ok(answer.item().map(attributes::item).transpose()?)
    }

    /// What all carts hold of a product, as far as it is counted: none, if nothing ever was.
    ///
    /// # Errors
    /// [`StoreError::Read`] and [`StoreError::Damaged`].
    pub async fn total(&self, product: &ProductId) -> Result<i64, StoreError> {
        let read = self.client.get_item().table_name(&self.table).set_key(Some(attributes::total_key(product)));
        let answer = read.send().await.map_err(read_failed)?;
        Ok(answer.item().map_or(Ok(0), |item| number(item, "quantity"))?)
    }

    /// All of these that there are, as they are at this moment, in any order.
    ///
    /// # Errors
    /// [`StoreError::Read`] and [`StoreError::Unread`].
    pub async fn all(&self, keys: &[Attributes]) -> Result<Vec<Attributes>, StoreError> {
        let mut found = Vec::with_capacity(keys.len());
        for keys in keys.chunks(Self::TOGETHER) {
            let mut keys = keys.to_vec();
            for attempt in 0..=backoff::ATTEMPTS {
                let wanted =
                    KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).build().map_err(read_failed)?;
                let answer = self.client.batch_get_item().request_items(&self.table, wanted).send().await.map_err(read_failed)?;
                found.extend(answer.responses.unwrap_or_default().remove(&self.table).unwrap_or_default());
                let unread = answer.unprocessed_keys.unwrap_or_default().remove(&self.table);
                keys = unread.map(|unread| unread.keys).unwrap_or_default();
                if keys.is_empty() {
                    break;
                }
                backoff::pause(attempt).await;
            }
            if !keys.is_empty() {
                return Err(StoreError::Unread(Contended));
            }
        }
        Ok(found)
    }

    /// Does one write, as safely as several: a plain update that the SDK repeats for want of an answer would be done twice
    /// (docs/adr/0019-every-write-is-a-transaction.md).
    ///
    /// # Errors
    /// [`StoreError::Write`].
    pub async fn apply(&self, write: Write) -> Result<Outcome, StoreError> {
        self.apply_together(vec![write]).await
    }

    /// Does all of the writes, of which there are at most [`Store::TOGETHER`], or none. Safe against a lost answer: the SDK tries
    /// again under the same token, and DynamoDB does it once.
    ///
    /// # Errors
    /// [`StoreError::Write`].
    pub async fn apply_together(&self, writes: Vec<Write>) -> Result<Outcome, StoreError> {
        let items = writes.into_iter().map(|write| self.part(write)).collect::<Result<Vec<_>, _>>().map_err(write_failed)?;
        match self.client.transact_write_items().set_transact_items(Some(items)).send().await {
            Ok(_) => Ok(Outcome::Done),
            Err(error) => match error.as_service_error().and_then(why_cancelled) {
                Some(outcome) => Ok(outcome),
                None => Err(write_failed(error)),
            },
        }
    }

    fn part(&self, write: Write) -> Result<TransactWriteItem, BuildError> {
        let Write { key, action, condition, values } = write;
        let item = TransactWriteItem::builder();
        let item = match action {
            Action::Update(expression) => {
                let update = Update::builder().table_name(&self.table).set_key(Some(key)).update_expression(expression);
                item.update(update.set_condition_expression(condition).set_expression_attribute_values(Some(values)).build()?)
            }
            Action::Delete => {
                let delete = Delete::builder().table_name(&self.table).set_key(Some(key));
                item.delete(delete.set_condition_expression(condition).set_expression_attribute_values(Some(values)).build()?)
            }
        };
        Ok(item.build())
    }
}

fn read_failed(error: impl Into<aws_sdk_dynamodb::Error>) -> StoreError {
    StoreError::Read(Box::new(error.into()))
}

fn write_failed(error: impl Into<aws_sdk_dynamodb::Error>) -> StoreError {
    StoreError::Write(Box::new(error.into()))
}

/// Why a transaction was not done, if it was for a reason that its writes provide for. A failed condition weighs more than a collision:
/// trying again would not help. A transaction that is still in progress is neither: it may yet be done, so that starting another
/// would do it twice.
fn why_cancelled(error: &TransactWriteItemsError) -> Option<Outcome> {
    let TransactWriteItemsError::TransactionCanceledException(cancelled) = error else { return None };
    let because = |code| cancelled.cancellation_reasons().iter().any(|reason| reason.code() == Some(code));
    if because("ConditionalCheckFailed") {
        Some(Outcome::Stale)
    } else if because("TransactionConflict") {
        Some(Outcome::Busy)
    } else {
        None
    }
}
