//! How Lambda delivers a stream, as its documentation tells it, and what becomes of records that cannot be counted. Where the documentation
//! leaves something open, the worse is taken: then nothing depends on it.
//!
//! - [What a function reports](https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html): the lowest number is
//!   the checkpoint, from which everything is delivered again; an empty one stands for the whole batch. A batch is divided at the number
//!   that is reported. Where that is its first record, there is nothing to divide: it is taken to be delivered again as it is.
//! - [When an invocation fails](https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html), the batch is halved, which is
//!   no retry. What was retried in vain goes to the destination as it is, with what is beside it.

use std::collections::VecDeque;

use aws_lambda_events::streams::DynamoDbEventResponse;
use serde_json::{Value, json};

use super::{
    direct::Services,
    dynamodb::Table,
    network::{dead_letters_at, store_at},
    scenarios::{CART, NOW, USER},
};
use crate::handlers::{CountBatches, UpdateTotals, count_batches::NothingCounted};

/// As often as the template says.
const RETRIES: usize = 10;

/// What was done with the records.
#[derive(Debug, Default)]
struct Delivered {
    /// Batches that were given up, each as the numbers of its records.
    discarded: Vec<Vec<String>>,
    invocations: usize,
}

fn number(record: &Value) -> &str {
    record["dynamodb"]["SequenceNumber"].as_str().unwrap_or_default()
}

/// Delivers the records of a shard, in batches of at most so many.
async fn deliver(
    records: &[Value],
    batch: usize,
    function: impl AsyncFn(&[Value]) -> Result<DynamoDbEventResponse, NothingCounted>,
) -> Delivered {
    let mut waiting: VecDeque<(&[Value], usize)> = records.chunks(batch).map(|batch| (batch, RETRIES)).collect();
    let mut delivered = Delivered::default();
    while let Some((batch, retries)) = waiting.pop_front() {
        delivered.invocations += 1;
        let again = match function(batch).await {
            Ok(response) => {
                let mut reported =
                    response.batch_item_failures.into_iter().map(|failure| failure.item_identifier.unwrap_or_default());
                let Some(first) = reported.next() else { continue };
                let from = batch.iter().position(|record| number(record) == first).unwrap_or(0);
                if from > 0 {
                    waiting.push_front((&batch[from..], retries));
                    continue;
                }
                batch
            }
            Err(NothingCounted) if batch.len() > 1 => {
                let (left, right) = batch.split_at(batch.len() / 2);
                waiting.push_front((right, retries));
                waiting.push_front((left, retries));
                continue;
            }
            Err(NothingCounted) => batch,
        };
        if retries == 0 {
            delivered.discarded.push(again.iter().map(|record| number(record).to_owned()).collect());
        } else {
            waiting.push_front((again, retries - 1));
        }
    }
    delivered
}

/// What was put into carts, one after the other: the records, and the carts.
fn history(count: i64) -> (Vec<Value>, Table) {
    let mut table = Table::new();
    for index in 0..count {
        let owner = if index % 3 == 0 { CART } else { USER };
        table.put(owner, &format!("product#p{}", index % 7), index + 1, 1);
    }
    (table.records(0, ""), table)
}

fn function(services: &Services) -> CountBatches {
    let totals = UpdateTotals { store: store_at(services.clone()) };
    CountBatches { totals, dead_letters: dead_letters_at(services.clone()) }
}

async fn deliver_to(services: &Services, records: &[Value], batch: usize) -> Delivered {
    let function = function(services);
    deliver(records, batch, async |batch: &[Value]| function.count(batch, NOW, "request-1").await).await
}

/// What the totals say beyond what the carts hold, where they differ.
fn wrong(services: &Services) -> Vec<(String, i64)> {
    let table = services.table();
    let totals = table.held_and_counted();
    totals
        .iter()
        .filter(|(_, held, counted)| held != counted)
        .map(|(product, held, counted)| ((*product).to_owned(), counted - held))
        .collect()
}

/// A record that no table writes, in the place of one that changes nothing.
fn poison(number: &str) -> Value {
    json!({ "dynamodb": { "Keys": { "pk": { "S": CART }, "sk": { "S": "product#pan" } }, "SequenceNumber": number, "NewImage": {} } })
}

#[tokio::test]
async fn a_record_that_makes_no_sense_is_handed_on_alone_and_everything_else_is_counted_once() {
    for (batch, place) in [(100, 25), (100, 0), (100, 49), (10, 25), (1, 7)] {
        let (mut records, table) = history(50);
        records.insert(place, poison("7"));
        let services = Services::new(table);
        let delivered = deliver_to(&services, &records, batch).await;
        assert_eq!((delivered.discarded.len(), delivered.invocations), (0, records.len().div_ceil(batch)), "{delivered:?}");
        assert_eq!(wrong(&services), [], "in place {place} of batches of {batch}");
        let [letter] = &services.sent()[..] else { panic!("{:?}", services.sent()) };
        assert_eq!(letter["MessageBody"].as_str().unwrap().parse::<Value>().unwrap(), poison("7"));
        assert_eq!(letter["MessageAttributes"]["reason"]["StringValue"], "the stream record is malformed");
        assert_eq!(letter["MessageAttributes"]["requestId"]["StringValue"], "request-1");
    }
}

#[tokio::test]
async fn a_record_that_cannot_be_handed_on_either_is_given_up_by_lambda_alone() {
    for place in [0, 25, 49] {
        let (mut records, table) = history(50);
        records.insert(place, poison("7"));
        let services = Services::new(table);
        services.refuse(|call| call.operation == "SendMessage");
        let delivered = deliver_to(&services, &records, 100).await;
        assert_eq!(delivered.discarded, [["7"]]);
        assert_eq!(wrong(&services), []);
    }
}

#[tokio::test]
async fn a_record_without_a_number_is_handed_on_too() {
    let (mut records, table) = history(5);
    records.insert(2, json!({}));
    let services = Services::new(table);
    assert_eq!(deliver_to(&services, &records, 100).await.discarded.len(), 0);
    assert_eq!((wrong(&services), services.sent().len()), (Vec::new(), 1));
}

#[tokio::test]
async fn a_change_that_the_table_refuses_is_given_up_by_lambda_alone() {
    // Nothing is noted of an item before its first change, and nothing follows its last. What is between heals with the next.
    for (place, left_wrong) in [(0, 1), (25, 0), (49, 1)] {
        let (records, table) = history(50);
        let services = Services::new(table);
        // The change itself, which is never written, and what is counted after it.
        let refused = format!("{:0>40}", number(&records[place]));
        services.refuse(move |call| call.request.to_string().contains(&refused));
        let delivered = deliver_to(&services, &records, 100).await;
        assert_eq!(delivered.discarded, [[number(&records[place])]]);
        assert_eq!(wrong(&services).len(), left_wrong, "the product of that record, and no other");
        // Halving costs a few invocations, each of which counts nothing twice.
        assert!(delivered.invocations < RETRIES + 20, "{}", delivered.invocations);
    }
}

#[tokio::test]
async fn what_fails_for_a_while_is_counted_all_the_same() {
    let (records, table) = history(50);
    let services = Services::new(table);
    let mut calls = 0;
    services.refuse(move |_| {
        calls += 1;
        calls % 5 == 0
    });
    assert_eq!(deliver_to(&services, &records, 20).await.discarded, Vec::<Vec<String>>::new());
    assert_eq!(wrong(&services), []);
}

#[tokio::test]
async fn to_report_the_first_record_would_cost_those_after_it() {
    let (mut records, table) = history(5);
    records.insert(2, poison("7"));
    let services = Services::new(table);
    let totals = UpdateTotals { store: store_at(services.clone()) };
    let delivered = deliver(&records, 100, async |batch: &[Value]| Ok(totals.count_all(batch, NOW).await)).await;
    assert_eq!(delivered.discarded[0].len(), 4, "or the tests above prove nothing");
}
