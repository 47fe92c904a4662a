//! Keeps the totals, from the table's stream: each change counts once, however often it is delivered
//! (docs/adr/0011-exactly-once-totals.md).

use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use cart_shared::Chain;
use serde_json::Value;
use thiserror::Error;
use tracing::{debug, error};

use crate::{
    backoff::{self, Contended},
    clock::Timestamp,
    ledger::{self, Malformed},
    store::{Outcome, Store, StoreError, write::Write},
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
        for record in records {
            if let Err(error) = self.count(record, now).await {
                let number = ledger::sequence_number(record).unwrap_or_default();
                error!(sequence_number = number, error = %Chain(&error), "not counted");
                let mut from_here = DynamoDbBatchItemFailure::default();
                from_here.item_identifier = Some(number.to_owned());
                failed.batch_item_failures.push(from_here);
                break;
            }
        }
        failed
    }

    async fn count(&self, record: &Value, now: Timestamp) -> Result<(), CountError> {
        let Some(entry) = ledger::entry(record)? else { return Ok(()) };
        for attempt in 0..backoff::ATTEMPTS {
            match self.store.apply_together(vec![Write::remember(&entry, now), Write::count(&entry)]).await? {
                Outcome::Done => return Ok(()),
                Outcome::Stale => {
                    debug!(sequence_number = %entry.sequence, "counted already");
                    return Ok(());
                }
                Outcome::Busy => backoff::pause(attempt).await,
            }
        }
        Err(Contended.into())
    }
}
