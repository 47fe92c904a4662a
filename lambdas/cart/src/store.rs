//! The table of carts and totals, in DynamoDB. Reads items, and carries out [`Write`]s, each complete with its condition. Knows nothing of why
//! something is written, and never repeats a write with a new token. [`cart_contract::table`] describes the table.

pub mod attributes;
pub mod books;
mod documents;
pub mod write;

use std::collections::BTreeMap;

use cart_contract::table::{self, attribute::QUANTITY};
use cart_shared::{ProductId, Refusal};
use futures_util::future::try_join_all;
use serde::de::IgnoredAny;
use thiserror::Error;
use uuid::Uuid;

use self::{
    attributes::{AttributeValue, Attributes, Damaged, number},
    documents::{BatchGetItem, BatchGotItem, GetItem, GotItem, Keys, Queried, Query, TransactWriteItem, TransactWriteItems},
    write::Write,
};
use crate::{
    aws::{CallError, Fault, Service},
    backoff::{self, Contended},
    item::Item,
    owner::Owner,
};

/// The table of carts and totals.
#[derive(Clone, Debug)]
pub struct Store {
    dynamodb: Service,
    table: String,
}

/// The outcome of a write. Only [`Outcome::Done`] changed anything.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use = "only a write that is done changes anything"]
pub enum Outcome {
    /// The write is done.
    Done,
    /// The condition does not hold.
    Stale,
    /// The write collided with another one of the same item.
    Busy,
}

/// Why a read failed, or why the outcome of a write is not known.
#[derive(Debug, Error)]
pub enum StoreError {
    /// A read failed.
    #[error("cannot read the table")]
    Read(#[source] CallError),
    /// A write failed. It may be done all the same: even if the last try was refused, the answer to an earlier one may have been lost.
    #[error("cannot write to the table")]
    Write(#[source] CallError),
    /// A read stayed incomplete, however often it was repeated.
    #[error("cannot read all of it yet")]
    Unread(#[source] Contended),
    /// A stored item cannot be understood.
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
    /// The most writes of one transaction, and the most items of one batch that is read, by
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_TransactWriteItems.html> and
    /// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>.
    pub const TOGETHER: usize = 100;

    /// The table of that name.
    #[must_use]
    pub const fn new(dynamodb: Service, table: String) -> Self {
        Self { dynamodb, table }
    }

    /// Opens a connection to DynamoDB, if it can be reached.
    pub async fn connect(&self) {
        self.dynamodb.connect().await;
    }

    /// Waits before the next try of a write that collided, longer after every try.
    pub(crate) async fn pause(&self, attempt: u32) {
        self.dynamodb.pause(attempt).await;
    }

    /// All items of a cart, including emptied and expired ones, read consistently.
    ///
    /// # Errors
    /// [`StoreError::Read`] and [`StoreError::Damaged`].
    pub async fn cart(&self, owner: &Owner) -> Result<Vec<Item>, StoreError> {
        let text = |text: &str| AttributeValue::S(text.to_owned());
        let values = [(":pk".to_owned(), text(&owner.to_string())), (":product".to_owned(), text(table::PRODUCT))];
        let mut query = Query {
            table_name: &self.table,
            key_condition_expression: table::ITEMS_OF_CART,
            expression_attribute_values: values.into(),
            consistent_read: true,
            exclusive_start_key: None,
        };
        let mut items = Vec::new();
        loop {
            let batch: Queried = self.dynamodb.call("Query", &query).await.map_err(StoreError::Read)?;
            for attributes in batch.items {
                items.push(attributes::item(attributes)?);
            }
            query.exclusive_start_key = batch.last_evaluated_key;
            if query.exclusive_start_key.is_none() {
                return Ok(items);
            }
        }
    }

    /// One item of a cart, read consistently.
    ///
    /// # Errors
    /// [`StoreError::Read`] and [`StoreError::Damaged`].
    pub async fn item(&self, owner: &Owner, product: &ProductId) -> Result<Option<Item>, StoreError> {
        let item = self.get(attributes::item_key(owner, product), true).await?;
        Ok(item.map(attributes::item).transpose()?)
    }

    /// How many of a product all carts hold, as far as changes are counted. Read eventually consistently. 0, if there is no total.
    ///
    /// # Errors
    /// [`StoreError::Read`] and [`StoreError::Damaged`].
    pub async fn total(&self, product: &ProductId) -> Result<i64, StoreError> {
        let item = self.get(attributes::total_key(product), false).await?;
        Ok(item.map_or(Ok(0), |item| number(&item, QUANTITY))?)
    }

    async fn get(&self, key: Attributes, consistent_read: bool) -> Result<Option<Attributes>, StoreError> {
        let document = GetItem { table_name: &self.table, key, consistent_read };
        let answer: GotItem = self.dynamodb.call("GetItem", &document).await.map_err(StoreError::Read)?;
        Ok(answer.item)
    }

    /// The items under these keys that exist, read consistently, in any order.
    ///
    /// # Errors
    /// [`StoreError::Read`] and [`StoreError::Unread`].
    pub async fn all(&self, keys: &[Attributes]) -> Result<Vec<Attributes>, StoreError> {
        let found = try_join_all(keys.chunks(Self::TOGETHER).map(|keys| self.all_at_once(keys.to_vec()))).await?;
        Ok(found.concat())
    }

    async fn all_at_once(&self, mut keys: Vec<Attributes>) -> Result<Vec<Attributes>, StoreError> {
        let mut found = Vec::with_capacity(keys.len());
        for attempt in 0..=backoff::ATTEMPTS {
            let wanted = Keys { keys, consistent_read: true };
            let document = BatchGetItem { request_items: BTreeMap::from([(self.table.as_str(), wanted)]) };
            let answer = self.dynamodb.call("BatchGetItem", &document).await.map_err(StoreError::Read)?;
            let BatchGotItem { mut responses, mut unprocessed_keys } = answer;
            found.extend(responses.remove(&self.table).unwrap_or_default());
            keys = unprocessed_keys.remove(&self.table).map(|unprocessed| unprocessed.keys).unwrap_or_default();
            if keys.is_empty() {
                return Ok(found);
            }
            self.pause(attempt).await;
        }
        Err(StoreError::Unread(Contended))
    }

    /// Carries out one write, as a transaction: a plain update that is repeated because its answer was lost would be done twice
    /// (docs/adr/0019-every-write-is-a-transaction.md).
    ///
    /// # Errors
    /// [`StoreError::Write`].
    pub async fn apply(&self, write: Write) -> Result<Outcome, StoreError> {
        self.apply_together(vec![write]).await
    }

    /// Carries out all of the writes, at most [`Store::TOGETHER`], or none. A try without an answer is repeated under the same token, and
    /// DynamoDB carries it out once.
    ///
    /// # Errors
    /// [`StoreError::Write`].
    pub async fn apply_together(&self, writes: Vec<Write>) -> Result<Outcome, StoreError> {
        let document = TransactWriteItems {
            client_request_token: Uuid::new_v4().to_string(),
            transact_items: writes.into_iter().map(|write| TransactWriteItem::new(&self.table, write)).collect(),
        };
        match self.dynamodb.call("TransactWriteItems", &document).await {
            Ok(IgnoredAny) => Ok(Outcome::Done),
            Err(CallError::Fault(fault)) if let Some(outcome) = why_cancelled(&fault) => Ok(outcome),
            Err(error) => Err(StoreError::Write(error)),
        }
    }
}

/// The outcome of a cancelled transaction. None, if it was cancelled for a reason that no write provides for. A failed condition outweighs a
/// collision, because the same write would fail again. A transaction in progress is neither: it may still be done, and another one would
/// do it twice.
fn why_cancelled(fault: &Fault) -> Option<Outcome> {
    let because = |code: &str| fault.reasons.iter().any(|reason| reason == code);
    if fault.code != "TransactionCanceledException" {
        None
    } else if because("ConditionalCheckFailed") {
        Some(Outcome::Stale)
    } else if because("TransactionConflict") {
        Some(Outcome::Busy)
    } else {
        None
    }
}
