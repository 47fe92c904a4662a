//! Counts changes of items into totals, from the table's stream: each change once, however often it is delivered
//! (docs/adr/0011-exactly-once-totals.md), also during a recount (docs/adr/0020-totals-have-generations.md). [`Books`] decide which changes
//! are counted together.

use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use cart_shared::Chain;
use serde_json::Value;
use thiserror::Error;
use tracing::{debug, error, warn};

use crate::{
    backoff::{self, Contended},
    clock::Timestamp,
    ledger::{self, Entry, Malformed},
    owner::Owner,
    store::{Outcome, Store, StoreError, books::Books},
};

/// Counts changes into totals.
#[derive(Debug)]
pub struct UpdateTotals {
    /// The table with the totals.
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

/// The result of counting changes together.
#[derive(Clone, Copy, Debug)]
enum Tried {
    /// So many changes are counted.
    Counted(usize),
    /// The table refused a transaction of so many changes. Each is tried alone now: the one that it refuses must neither take others with it
    /// nor be mistaken for another.
    NotTogether(usize),
}

impl UpdateTotals {
    /// Counts records in their order, up to the first that cannot be counted. Lambda delivers again from there. A record without a number is
    /// reported with an empty one, which stands for the whole batch
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html>).
    pub async fn count_all(&self, records: &[Value], now: Timestamp) -> DynamoDbEventResponse {
        let mut failed = DynamoDbEventResponse::default();
        let changes: Vec<_> = records.iter().map(ledger::entry).collect();
        if let Err((place, error)) = self.count_in_order(&changes, now).await {
            let number = records.get(place).and_then(ledger::sequence_number).unwrap_or_default();
            // The batch has many owners. The log names the one whose change is missing.
            let entry = changes.get(place).and_then(|change| change.as_ref().ok()?.as_ref());
            let owner = entry.and_then(|entry| entry.owner.parse().ok()).map(|owner: Owner| owner.fingerprint());
            error!(sequence_number = number, owner, error = %Chain(&error), "not counted");
            let mut from_here = DynamoDbBatchItemFailure::default();
            from_here.item_identifier = Some(number.to_owned());
            failed.batch_item_failures.push(from_here);
        }
        failed
    }

    /// Fails with the place of the first record that cannot be counted.
    async fn count_in_order(
        &self,
        changes: &[Result<Option<Entry>, Malformed>],
        now: Timestamp,
    ) -> Result<(), (usize, CountError)> {
        // Read after the batch arrived: a recount that begins later finds these changes in the table.
        let books = self.store.books(changes.iter().flatten().flatten()).await;
        let mut books = books.map_err(|error| (0, error.into()))?;
        let readable = changes.iter().map_while(|change| change.as_ref().ok());
        let entries: Vec<_> = readable.enumerate().filter_map(|(place, entry)| Some((place, entry.as_ref()?))).collect();
        // The changes that are due, and how many of them are to be tried alone.
        let (mut due, mut alone) = (&entries[..], 0_usize);
        while let Some((place, _)) = due.first() {
            let tried = if alone > 0 { &due[..1] } else { due };
            match self.count(tried, &mut books, now).await.map_err(|error| (*place, error))? {
                Tried::Counted(changes) => {
                    due = &due[changes..];
                    alone = alone.saturating_sub(changes);
                }
                Tried::NotTogether(changes) => alone = changes,
            }
        }
        match changes.iter().enumerate().find_map(|(place, change)| Some((place, *change.as_ref().err()?))) {
            Some((place, malformed)) => Err((place, malformed.into())),
            None => Ok(()),
        }
    }

    /// Counts the first of these changes, together with as many of the following ones as one transaction holds.
    async fn count(&self, due: &[(usize, &Entry)], books: &mut Books, now: Timestamp) -> Result<Tried, CountError> {
        let entries = |changes: usize| due[..changes].iter().map(|(_, entry)| *entry);
        for attempt in 0..backoff::ATTEMPTS {
            let together = books.count(entries(due.len()));
            let (changes, writes) = (together.changes, books.writes(&together, now));
            if writes.is_empty() {
                debug!(changes, "counted already");
                return Ok(Tried::Counted(changes));
            }
            match self.store.apply_together(writes).await {
                Ok(Outcome::Done) => {
                    books.written(together);
                    return Ok(Tried::Counted(changes));
                }
                Ok(Outcome::Stale) => books.refresh(entries(changes), self.store.books(entries(changes)).await?),
                Ok(Outcome::Busy) => self.store.pause(attempt).await,
                Err(error) if changes > 1 => {
                    warn!(changes, error = %Chain(&error), "not counted together");
                    // The transaction may be done all the same, or later. Then the notes will differ from those that are read now.
                    books.refresh(entries(changes), self.store.books(entries(changes)).await?);
                    return Ok(Tried::NotTogether(changes));
                }
                Err(error) => return Err(error.into()),
            }
        }
        Err(Contended.into())
    }
}
