//! The table of carts, for checking and recounting totals. All reads are consistent. The callers decide when to write, and
//! [`cart_contract::table`] decides the content.

use std::{
    collections::{BTreeMap, BTreeSet, HashMap},
    str::FromStr,
    time::Duration,
};

use aws_config::retry::RetryConfig;
use aws_sdk_dynamodb::{
    Client,
    types::{AttributeValue, KeysAndAttributes, ReturnValue},
};
use cart_contract::table::{
    self, Control, Generations, Kept, Key, Noted, Update,
    attribute::{COUNTED, FINISHED, GENERATION, PK, QUANTITY, REBUILDING, REBUILT, SK},
};
use tokio::time::sleep;

use super::{Aws, Error, ErrorKind};
use crate::domain::{
    pace::Pace,
    totals::{Corrected, ItemKey, Row},
};

/// How often a call is retried that conflicts with another writer, or that DynamoDB left unprocessed:
/// about half a minute.
const ATTEMPTS: u32 = 12;

/// The most items of one read, by
/// <https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>.
const TOGETHER: usize = 100;

/// The attributes read of an item: none of the catalogue's.
const READ: [&str; 6] = [PK, SK, QUANTITY, COUNTED, GENERATION, REBUILDING];

type Attributes = HashMap<String, AttributeValue>;

#[derive(Clone, Debug)]
pub(crate) struct Carts {
    client: Client,
    table: String,
}

/// One answer to a scan of the table.
pub(crate) struct Batch {
    pub rows: Vec<Row>,
    /// The start of the next batch.
    pub next: Option<Position>,
}

/// A place in the table.
pub(crate) struct Position(Attributes);

impl Aws {
    pub(crate) fn carts(&self, table: String) -> Carts {
        let config = aws_sdk_dynamodb::config::Builder::from(&self.sdk).retry_config(
            // A recount takes hours, and must not fail because the table is throttled for half a minute.
            RetryConfig::standard()
                .with_max_attempts(10)
                .with_initial_backoff(Duration::from_millis(100))
                .with_max_backoff(Duration::from_secs(10)),
        );
        Carts { client: Client::from_conf(config.build()), table }
    }
}

impl Carts {
    /// A batch of at most `limit` items.
    pub(crate) async fn batch(&self, limit: u32, after: Option<Position>) -> Result<Batch, Error> {
        let call = self.client.scan().table_name(&self.table).consistent_read(true).projection_expression(READ.join(", "));
        let call = call.limit(i32::try_from(limit).unwrap_or(i32::MAX)).set_exclusive_start_key(after.map(|position| position.0));
        let answer = call.send().await.map_err(|error| Error::sdk("reading the table of carts", error))?;
        let rows = answer.items.unwrap_or_default().iter().filter_map(row).collect();
        Ok(Batch { rows, next: answer.last_evaluated_key.filter(|key| !key.is_empty()).map(Position) })
    }

    /// The records of counting for these items.
    pub(crate) async fn noted(&self, items: &[&ItemKey]) -> Result<BTreeMap<ItemKey, Noted>, Error> {
        let keys = items.iter().map(|item| key(Key::note(&item.owner, &item.product)));
        let found = self.all(keys.collect()).await?;
        let notes = found.iter().filter_map(row).filter_map(|row| match row {
            Row::Note { key, noted } => Some((key, noted)),
            _ => None,
        });
        Ok(notes.collect())
    }

    /// The items that exist, of these.
    pub(crate) async fn present(&self, items: &[&ItemKey]) -> Result<BTreeSet<ItemKey>, Error> {
        let found = self.all(items.iter().map(|item| key(item_key(item))).collect()).await?;
        let items = found.iter().filter_map(row).filter_map(|row| match row {
            Row::Item { key, .. } => Some(key),
            _ => None,
        });
        Ok(items.collect())
    }

    /// Makes the stream emit a record of an item. False if the item is deleted.
    pub(crate) async fn touch(&self, item: &ItemKey, mark: &str) -> Result<bool, Error> {
        let values = [(":mark", AttributeValue::S(mark.to_owned()))];
        let done = self.update("touching an item", item_key(item), table::TOUCH, &values).await?;
        Ok(done.is_some())
    }

    /// The generation of totals.
    pub(crate) async fn control(&self) -> Result<Control, Error> {
        let read = self.get(Key::control()).await?.unwrap_or_default();
        let at = |name| number(&read, name).unwrap_or(0);
        Ok(Control { generation: at(GENERATION), finished: at(FINISHED) })
    }

    /// Starts this generation. False if another process was first.
    pub(crate) async fn begin(&self, read: Control, generation: u64) -> Result<bool, Error> {
        let values = [(":generation", to_number(generation)), (":read", to_number(read.generation))];
        Ok(self.update("beginning to count anew", Key::control(), table::BEGIN, &values).await?.is_some())
    }

    /// Records that all totals have reached this generation. No effect if another process has started the next one.
    pub(crate) async fn finish(&self, generation: u64) -> Result<(), Error> {
        let values = [(":generation", to_number(generation))];
        self.update("finishing to count anew", Key::control(), table::FINISH, &values).await.map(drop)
    }

    /// The total of a product, if stored.
    pub(crate) async fn total(&self, product: &str) -> Result<Option<Generations>, Error> {
        let read = self.get(Key::total(product)).await?;
        Ok(read.map(|read| generations(&read)))
    }

    /// Brings the total of a product into this generation. None if the total has changed since it was read.
    pub(crate) async fn reach(&self, product: &str, update: Update, generation: u64) -> Result<Option<Corrected>, Error> {
        let mut values = vec![(":generation", to_number(generation))];
        if update == table::START_FROM_NOTHING {
            values.push((":none", to_number(0)));
        }
        let before = self.update("replacing a total", Key::total(product), update, &values).await?;
        Ok(before.map(|before| Corrected {
            product: product.to_owned(),
            was: number(&before, QUANTITY),
            is: if update == table::TAKE_OVER { number(&before, REBUILT).unwrap_or(0) } else { 0 },
        }))
    }

    async fn get(&self, wanted: Key) -> Result<Option<Attributes>, Error> {
        let call = self.client.get_item().table_name(&self.table).set_key(Some(key(wanted))).consistent_read(true);
        call.send().await.map(|answer| answer.item).map_err(|error| Error::sdk("reading the table of carts", error))
    }

    /// All existing items with these keys.
    async fn all(&self, keys: Vec<Attributes>) -> Result<Vec<Attributes>, Error> {
        let operation = "reading the table of carts";
        let mut found = Vec::new();
        for keys in keys.chunks(TOGETHER) {
            let mut keys = keys.to_vec();
            let mut retries = Retries::default();
            while !keys.is_empty() {
                let wanted =
                    KeysAndAttributes::builder().set_keys(Some(keys)).consistent_read(true).projection_expression(READ.join(", "));
                let wanted = wanted.build().map_err(|error| Error::new(operation, ErrorKind::Other, error.to_string()))?;
                let call = self.client.batch_get_item().request_items(&self.table, wanted).send().await;
                let answer = call.map_err(|error| Error::sdk(operation, error))?;
                found.extend(answer.responses.unwrap_or_default().remove(&self.table).unwrap_or_default());
                let unread = answer.unprocessed_keys.unwrap_or_default().remove(&self.table);
                keys = unread.map(|unread| unread.keys).unwrap_or_default();
                if !keys.is_empty() {
                    retries.pause(operation).await?;
                }
            }
        }
        Ok(found)
    }

    /// Updates an item and returns its former attributes, or None if the condition fails. Each update may run twice.
    async fn update(
        &self,
        operation: &str,
        wanted: Key,
        update: Update,
        values: &[(&str, AttributeValue)],
    ) -> Result<Option<Attributes>, Error> {
        let key = key(wanted);
        let values: Attributes = values.iter().map(|(name, value)| ((*name).to_owned(), value.clone())).collect();
        let mut retries = Retries::default();
        loop {
            let call = self.client.update_item().table_name(&self.table).set_key(Some(key.clone()));
            let call = call.update_expression(update.expression).condition_expression(update.condition);
            let call = call.set_expression_attribute_values(Some(values.clone())).return_values(ReturnValue::AllOld);
            let error = match call.send().await {
                Ok(answer) => return Ok(Some(answer.attributes.unwrap_or_default())),
                Err(error) => error,
            };
            match error.as_service_error() {
                Some(error) if error.is_conditional_check_failed_exception() => return Ok(None),
                // A function is counting a change of the same product.
                Some(error) if error.is_transaction_conflict_exception() => retries.pause(operation).await?,
                _ => return Err(Error::sdk(operation, error)),
            }
        }
    }
}

/// The attempts at one call.
#[derive(Default)]
struct Retries {
    failed: u32,
    pace: Pace,
}

impl Retries {
    /// Waits before the next attempt, longer each time.
    async fn pause(&mut self, operation: &str) -> Result<(), Error> {
        if self.failed == ATTEMPTS {
            return Err(Error::new(operation, ErrorKind::Busy, "others kept the table busy"));
        }
        self.failed += 1;
        self.pace.unanswered();
        sleep(self.pace.pause(fastrand::f64())).await;
        Ok(())
    }
}

/// The meaning of an item. None if it has no part in counting.
fn row(item: &Attributes) -> Option<Row> {
    let part = |name| item.get(name)?.as_s().ok().map(String::as_str);
    let item_key = |owner: &str, product: &str| ItemKey { owner: owner.to_owned(), product: product.to_owned() };
    match Kept::under(part(PK)?, part(SK)?) {
        Kept::Item { owner, product } => {
            let stored = item.get(QUANTITY).and_then(|quantity| quantity.as_n().ok());
            let quantity = stored.and_then(|quantity| table::quantity(quantity));
            Some(Row::Item { key: item_key(owner, product), quantity })
        }
        Kept::Note { owner, product } => {
            let noted = Noted { generation: number(item, GENERATION).unwrap_or(0), counted: number(item, COUNTED) };
            Some(Row::Note { key: item_key(owner, product), noted })
        }
        Kept::Total { product } => {
            let (quantity, generations) = (number(item, QUANTITY), generations(item));
            Some(Row::Total { product: product.to_owned(), quantity, generations })
        }
        Kept::Else => None,
    }
}

fn generations(total: &Attributes) -> Generations {
    Generations { of: number(total, GENERATION).unwrap_or(0), rebuilding: number(total, REBUILDING) }
}

fn number<T: FromStr>(item: &Attributes, name: &str) -> Option<T> {
    item.get(name)?.as_n().ok()?.parse().ok()
}

fn to_number(number: u64) -> AttributeValue {
    AttributeValue::N(number.to_string())
}

fn item_key(item: &ItemKey) -> Key {
    Key::item(&item.owner, &item.product)
}

fn key(Key { pk, sk }: Key) -> Attributes {
    Attributes::from([(PK, pk), (SK, sk)].map(|(name, value)| (name.to_owned(), AttributeValue::S(value))))
}
