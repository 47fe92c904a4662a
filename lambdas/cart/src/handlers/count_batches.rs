//! Receives the table's stream in batches, and has each counted. A record that cannot be counted holds up no others for long
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

/// The function of the table's stream.
#[derive(Debug)]
pub struct CountBatches {
    /// Counts records.
    pub totals: UpdateTotals,
    /// Takes malformed records.
    pub dead_letters: DeadLetters,
}

/// A batch of a stream. Each record is parsed for itself.
#[derive(Debug, Deserialize)]
pub struct StreamEvent {
    #[serde(rename = "Records")]
    records: Vec<Value>,
}

/// The first of several records could not be counted, so none was.
///
/// A report of the first record would make Lambda deliver the whole batch again until it gives up the whole batch. After a failed invocation
/// Lambda halves the batch, so that the record is soon alone, and is given up alone.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("the first record of the batch cannot be counted")]
pub struct NothingCounted;

impl Consumer for CountBatches {
    type Event = StreamEvent;
    type Outcome = DynamoDbEventResponse;
    type Failure = NothingCounted;

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
                if !self.give_up(record, request_id).await {
                    return report(records, from(record));
                }
                rest = after;
            }
        }
        Ok(DynamoDbEventResponse::default())
    }

    /// Sends a malformed record to the dead letters. Another delivery would not make it well-formed.
    async fn give_up(&self, record: &Value, request_id: &str) -> bool {
        let number = ledger::sequence_number(record).unwrap_or_default();
        let Err(reason) = ledger::entry(record) else { return true };
        error!(sequence_number = number, error = %Chain(&reason), "not counted");
        let sent = self.dead_letters.put(&record.to_string(), &reason, request_id).await;
        if let Err(error) = &sent {
            error!(sequence_number = number, error = %Chain(error), "no dead letter sent");
        }
        sent.is_ok()
    }
}

/// Reports that all records from this one on are to be delivered again.
fn from(record: &Value) -> DynamoDbEventResponse {
    let mut failure = DynamoDbBatchItemFailure::default();
    failure.item_identifier = Some(ledger::sequence_number(record).unwrap_or_default().to_owned());
    let mut failed = DynamoDbEventResponse::default();
    failed.batch_item_failures.push(failure);
    failed
}

/// The report to Lambda: from which record on to deliver again, or that the batch is to be halved.
fn report(records: &[Value], failed: DynamoDbEventResponse) -> Result<DynamoDbEventResponse, NothingCounted> {
    let number = |failure: &DynamoDbBatchItemFailure| failure.item_identifier.clone().unwrap_or_default();
    let first = records.first().and_then(ledger::sequence_number).unwrap_or_default();
    let stands_for_all = |number: String| number.is_empty() || number == first;
    let nothing = failed.batch_item_failures.iter().map(number).any(stands_for_all);
    if nothing && records.len() > 1 { Err(NothingCounted) } else { Ok(failed) }
}
