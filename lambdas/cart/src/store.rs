//! The table of carts and totals, in DynamoDB. Carries out [`Write`]s, which say everything about themselves, and reports whether
//! they were done. Knows nothing of why something is written, and never starts a write again by itself.
//! What is where is told in [`cart_contract::table`].

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
    documents::{BatchGetItem, BatchGotItem, GetItem, GotItem, Keys, Page, Query, TransactWriteItem, TransactWriteItems},
    write::Write,
};
use crate::{
    aws::{CallError, Fault, Service},
    backoff::{self, Contended},
    item::Item,
    owner::Owner,
};

/// The table.
#[derive(Clone, Debug)]
pub struct Store {
    dynamodb: Service,
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
    Read(#[source] CallError),
    /// Writing failed. Whether it was written is not known: also where the last answer is a refusal, an earlier one may have been lost.
    #[error("cannot write to the table")]
    Write(#[source] CallError),
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
    pub const fn new(dynamodb: Service, table: String) -> Self {
        Self { dynamodb, table }
    }

    /// Opens a connection to DynamoDB, if it can be reached.
    pub async fn connect(&self) {
        self.dynamodb.connect().await;
    }

    /// Waits before a write is tried again that collided with another, longer with every attempt.
    pub(crate) async fn pause(&self, attempt: u32) {
        self.dynamodb.pause(attempt).await;
    }

    /// Everything stored of a cart, what is emptied or expired included, as it is at this moment.
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
            let page: Page = self.dynamodb.call("Query", &query).await.map_err(StoreError::Read)?;
            for attributes in page.items {
                items.push(attributes::item(attributes)?);
            }
            query.exclusive_start_key = page.last_evaluated_key;
            if query.exclusive_start_key.is_none() {
                return Ok(items);
            }
        }
    }

    /// What is stored of one product in a cart, as it is at this moment.
    ///
    /// # Errors
    /// [`StoreError::Read`] and [`StoreError::Damaged`].
    pub async fn item(&self, owner: &Owner, product: &ProductId) -> Result<Option<Item>, StoreError> {
        let item = self.get(attributes::item_key(owner, product), true).await?;
        Ok(item.map(attributes::item).transpose()?)
    }

    /// What all carts hold of a product, as far as it is counted: none, if nothing ever was.
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

    /// All of these that there are, as they are at this moment, in any order.
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

    /// Does one write, as safely as several: a plain update that is repeated for want of an answer would be done twice
    /// (docs/adr/0019-every-write-is-a-transaction.md).
    ///
    /// # Errors
    /// [`StoreError::Write`].
    pub async fn apply(&self, write: Write) -> Result<Outcome, StoreError> {
        self.apply_together(vec![write]).await
    }

    /// Does all of the writes, of which there are at most [`Store::TOGETHER`], or none. Safe against a lost answer: it is tried
    /// again under the same token, and DynamoDB does it once.
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

/// Why a transaction was not done, if it was for a reason that its writes provide for. A failed condition weighs more than a collision:
/// trying again would not help. A transaction that is still in progress is neither: it may yet be done, so that starting another
/// would do it twice.
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
