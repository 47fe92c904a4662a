//! Receives the table's stream, batch by batch, and has each counted. What cannot be counted stops nothing else for long
//! (docs/adr/0022-dead-letters-say-why.md). Knows nothing of how a change is counted.

use aws_lambda_events::streams::{DynamoDbBatchItemFailure, DynamoDbEventResponse};
use cart_shared::{Chain, Consumer};
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;
use tracing::error;

use super::UpdateTotals;
use crate::{
    clock::{self, Timestamp},
    dead_letters::DeadLetters,
    ledger,
};

/// Has batches counted.
#[derive(Debug)]
pub struct CountBatches {
    /// Who counts.
    pub totals: UpdateTotals,
    /// Where records go that make no sense.
    pub dead_letters: DeadLetters,
}

/// A batch of a stream. Its records are read one by one.
#[derive(Debug, Deserialize)]
pub struct StreamEvent {
    #[serde(rename = "Records")]
    records: Vec<Value>,
}

/// Not even the first record of several is counted.
///
/// To report the first record would say "all of it again", until Lambda gives up all of it. A failed invocation says "in halves": what
/// cannot be counted is soon alone, and given up alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the first record of the batch cannot be counted")]
pub struct NothingCounted;

impl Consumer for CountBatches {
    type Event = StreamEvent;
    type Outcome = DynamoDbEventResponse;
    type Failure = NothingCounted;

    /// Counts the records of an event.
    async fn consume(&self, event: StreamEvent, request_id: &str) -> Result<DynamoDbEventResponse, NothingCounted> {
        self.count(&event.records, clock::now(), request_id).await
    }
}

impl CountBatches {
    /// Counts the records of a batch, given the time.
    ///
    /// # Errors
    /// [`NothingCounted`], if the first record of several cannot be counted.
    pub async fn count(
        &self,
        records: &[Value],
        now: Timestamp,
        request_id: &str,
    ) -> Result<DynamoDbEventResponse, NothingCounted> {
        let mut rest = records;
        while !rest.is_empty() {
            let readable = rest.iter().take_while(|record| ledger::entry(record).is_ok()).count();
            let failed = self.totals.count_all(&rest[..readable], now).await;
            if !failed.batch_item_failures.is_empty() {
                return report(records, failed);
            }
            rest = &rest[readable..];
            if let Some((record, after)) = rest.split_first() {
                if !self.hand_on(record, request_id).await {
                    return report(records, from(record));
                }
                rest = after;
            }
        }
        Ok(DynamoDbEventResponse::default())
    }

    /// A record that makes no sense will make none the tenth time. It is handed on at once, so that it holds nothing up.
    async fn hand_on(&self, record: &Value, request_id: &str) -> bool {
        let number = ledger::sequence_number(record).unwrap_or_default();
        let Err(reason) = ledger::entry(record) else { return true };
        error!(sequence_number = number, error = %Chain(&reason), "not counted");
        let handed_on = self.dead_letters.put(&record.to_string(), &reason, request_id).await;
        if let Err(error) = &handed_on {
            error!(sequence_number = number, error = %Chain(error), "not handed on");
        }
        handed_on.is_ok()
    }
}

/// From this record on.
fn from(record: &Value) -> DynamoDbEventResponse {
    let mut failure = DynamoDbBatchItemFailure::default();
    failure.item_identifier = Some(ledger::sequence_number(record).unwrap_or_default().to_owned());
    let mut failed = DynamoDbEventResponse::default();
    failed.batch_item_failures.push(failure);
    failed
}

/// What Lambda is told: from where it is to deliver again, or that it is to divide the batch.
fn report(records: &[Value], failed: DynamoDbEventResponse) -> Result<DynamoDbEventResponse, NothingCounted> {
    let number = |failure: &DynamoDbBatchItemFailure| failure.item_identifier.clone().unwrap_or_default();
    let first = records.first().and_then(ledger::sequence_number).unwrap_or_default();
    let stands_for_all = |number: String| number.is_empty() || number == first;
    let nothing = failed.batch_item_failures.iter().map(number).any(stands_for_all);
    if nothing && records.len() > 1 { Err(NothingCounted) } else { Ok(failed) }
}
