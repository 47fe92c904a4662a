//! Keeps the totals, from the table's stream: each change counts once, however often it is delivered
//! (docs/adr/0011-exactly-once-totals.md), and while all of them are counted anew (docs/adr/0020-totals-have-generations.md).

use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use cart_shared::Chain;
use serde_json::Value;
use thiserror::Error;
use tracing::{debug, error};

use crate::{
    backoff::{self, Contended},
    clock::Timestamp,
    ledger::{self, Entry, Malformed},
    owner::Owner,
    store::{Outcome, Store, StoreError, books::Books},
};

/// Keeps the totals.
#[derive(Debug)]
pub struct UpdateTotals {
    /// Where totals are.
    pub store: Store,
}

#[derive(Debug, Error)]
enum CountError {
    #[error("cannot read a record")]
    Record(#[from] Malformed),
    #[error("cannot count a change")]
    Store(#[from] StoreError),
    #[error("cannot count a change yet")]
    Contended(#[from] Contended),
}

impl UpdateTotals {
    /// Counts records in their order, up to the first that cannot be counted: from there Lambda delivers again. One that has no
    /// number is reported without one, which stands for the whole batch
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html>).
    pub(crate) async fn count_all(&self, records: &[Value], now: Timestamp) -> DynamoDbEventResponse {
        let mut failed = DynamoDbEventResponse::default();
        let changes: Vec<_> = records.iter().map(ledger::entry).collect();
        if let Err((place, error)) = self.count_in_order(&changes, now).await {
            let number = records.get(place).and_then(ledger::sequence_number).unwrap_or_default();
            // The batch has many owners; this one's change is what is missing.
            let entry = changes.get(place).and_then(|change| change.as_ref().ok()?.as_ref());
            let owner = entry.and_then(|entry| entry.owner.parse().ok()).map(|owner: Owner| owner.fingerprint());
            error!(sequence_number = number, owner, error = %Chain(&error), "not counted");
            let mut from_here = DynamoDbBatchItemFailure::default();
            from_here.item_identifier = Some(number.to_owned());
            failed.batch_item_failures.push(from_here);
        }
        failed
    }

    /// Fails with the place of the first that cannot be counted.
    async fn count_in_order(
        &self,
        changes: &[Result<Option<Entry>, Malformed>],
        now: Timestamp,
    ) -> Result<(), (usize, CountError)> {
        // After the batch has arrived: who begins to count anew later finds in the table what these records tell.
        let books = self.store.books(changes.iter().flatten().flatten()).await;
        let mut books = books.map_err(|error| (0, error.into()))?;
        for (place, change) in changes.iter().enumerate() {
            match change {
                Ok(Some(entry)) => self.count(entry, &mut books, now).await.map_err(|error| (place, error))?,
                Ok(None) => {}
                Err(malformed) => return Err((place, (*malformed).into())),
            }
        }
        Ok(())
    }

    async fn count(&self, entry: &Entry, books: &mut Books, now: Timestamp) -> Result<(), CountError> {
        for attempt in 0..backoff::ATTEMPTS {
            let Some(count) = books.count(entry) else {
                debug!(sequence_number = %entry.sequence, "counted already");
                return Ok(());
            };
            match self.store.apply_together(books.writes(entry, &count, now)).await? {
                Outcome::Done => {
                    books.written(entry, count);
                    return Ok(());
                }
                Outcome::Stale => books.refresh(entry, self.store.books([entry]).await?),
                Outcome::Busy => backoff::pause(attempt).await,
            }
        }
        Err(Contended.into())
    }
}
