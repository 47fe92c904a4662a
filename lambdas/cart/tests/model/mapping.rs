//! Lambda delivers a stream, as its documentation describes, to the function that counts; some records cannot be counted. Where the
//! documentation leaves a question open, this assumes the worse answer, so that nothing depends on it.
//!
//! - [The report of a function](https://docs.aws.amazon.com/lambda/latest/dg/services-ddb-batchfailurereporting.html): the lowest number is
//!   the checkpoint, from which all records are delivered again; an empty one stands for the whole batch. A batch is divided at the
//!   number that is reported. If that is its first record, the batch is assumed to be delivered again as a whole.
//! - [A failed invocation](https://docs.aws.amazon.com/lambda/latest/dg/services-dynamodb-errors.html): the batch is halved, which is not
//!   counted as a retry. After the last retry the whole batch goes to the destination, good records included.

use std::{
    collections::VecDeque,
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
};

use aws_lambda_events::streams::DynamoDbEventResponse;
use cart::handlers::{CountBatches, UpdateTotals, count_batches::NothingCounted};
use cart_contract::table;
use serde_json::{Value, json};

use crate::{
    dynamodb::Table,
    fixtures::{CART, LATER, NOW, USER},
    network::{Call, TABLE, dead_letters_at, store_at},
    services::Services,
};

/// The `MaximumRetryAttempts` of the template.
const RETRIES: usize = 10;

#[derive(Debug, Default)]
pub(crate) struct Delivered {
    /// The numbers of the records of each batch that was given up.
    pub(crate) discarded: Vec<Vec<String>>,
    invocations: usize,
}

fn number(record: &Value) -> &str {
    record["dynamodb"]["SequenceNumber"].as_str().unwrap_or_default()
}

/// Delivers the records of a shard in batches of at most `batch`.
pub(crate) async fn deliver(
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

/// So many items are put into carts, one after the other: the records, and the carts.
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

/// The products whose totals are wrong, and by how much.
fn wrong(services: &Services) -> Vec<(String, i64)> {
    let table = services.table();
    let totals = table.held_and_counted();
    totals
        .iter()
        .filter(|(_, held, counted)| held != counted)
        .map(|(product, held, counted)| ((*product).to_owned(), counted - held))
        .collect()
}

/// A record that no table writes.
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

/// Whether a transaction counts a change, which is known by the key of its note and its number.
fn takes_in(call: &Call, (note, product, number): &(String, Value, String)) -> bool {
    call.request["TransactItems"].as_array().into_iter().flatten().map(|part| &part["Update"]).any(|part| {
        let value = |name| part["ExpressionAttributeValues"][name]["S"].as_str().unwrap_or_default();
        let moves_past_it = value(":read") < number.as_str() && number.as_str() <= value(":sequence");
        part["Key"]["pk"]["S"] == *note && part["Key"]["sk"] == *product && moves_past_it
    })
}

/// By what [`takes_in`] recognizes a record.
fn recognized(record: &Value) -> (String, Value, String) {
    let keys = &record["dynamodb"]["Keys"];
    (format!("{}{}", table::NOTES, keys["pk"]["S"].as_str().unwrap()), keys["sk"].clone(), format!("{:0>40}", number(record)))
}

#[tokio::test]
async fn a_change_that_the_table_refuses_is_given_up_by_lambda_alone() {
    // The first change of an item has no note before it, and the last change has none after it. A change between heals with the next one.
    for (place, left_wrong) in [(0, 1), (25, 0), (49, 1)] {
        let (records, table) = history(50);
        let services = Services::new(table);
        // The change is never written, neither alone nor with others. Later changes are.
        let (refused, in_this_batch) = (recognized(&records[place]), Arc::new(AtomicBool::new(false)));
        let is_due = Arc::clone(&in_this_batch);
        services.refuse(move |call| is_due.load(Ordering::Relaxed) && takes_in(call, &refused));
        let function = function(&services);
        let delivered = deliver(&records, 100, async |batch: &[Value]| {
            in_this_batch.store(batch.contains(&records[place]), Ordering::Relaxed);
            function.count(batch, NOW, "request-1").await
        })
        .await;
        assert_eq!(delivered.discarded, [[number(&records[place])]]);
        assert_eq!(wrong(&services).len(), left_wrong, "the product of that record, and no other");
        // Halving costs a few invocations. None of them counts anything twice.
        assert!(delivered.invocations < RETRIES + 20, "{}", delivered.invocations);
    }
}

/// Whether a transaction changes a total.
fn changes_total_of(call: &Call, product: &str) -> bool {
    let key = json!({ "pk": { "S": product }, "sk": { "S": table::TOTAL } });
    call.request["TransactItems"].as_array().into_iter().flatten().any(|part| part["Update"]["Key"] == key)
}

#[tokio::test]
async fn all_changes_of_a_total_that_cannot_be_changed_are_given_up_one_by_one_and_no_others() {
    for batch in [100, 10, 2] {
        let (records, table) = history(50);
        let services = Services::new(table);
        services.refuse(|call| changes_total_of(call, "product#p3"));
        let delivered = deliver_to(&services, &records, batch).await;
        let of_it = records.iter().filter(|record| record["dynamodb"]["Keys"]["sk"]["S"] == "product#p3");
        assert_eq!(delivered.discarded, of_it.map(|record| [number(record)]).collect::<Vec<_>>());
        let wrong = wrong(&services);
        assert_eq!(wrong.iter().map(|(product, _)| product.as_str()).collect::<Vec<_>>(), ["product#p3"]);
    }
}

#[tokio::test]
async fn what_the_table_refuses_is_reported_itself_and_not_those_before_it() {
    for place in 0..6 {
        let (records, table) = history(6);
        let services = Services::new(table);
        services.refuse(move |call| changes_total_of(call, &format!("product#p{place}")));
        let totals = UpdateTotals { store: store_at(services.clone()) };
        let reported = totals.count_all(&records, NOW).await.batch_item_failures;
        let [failure] = &reported[..] else { panic!("{reported:?}") };
        assert_eq!(failure.item_identifier.as_deref(), Some(number(&records[place])));
        let counted: Vec<_> = services.table().held_and_counted().iter().map(|(_, _, counted)| *counted > 0).collect();
        assert_eq!(counted, (0..6).map(|product| product < place).collect::<Vec<_>>(), "what is before it, and nothing after it");
    }
}

/// Records the operation of each call from now on, and of how many items it is. Refuses some.
fn calls(services: &Services, refused: impl Fn(&Call) -> bool + Send + 'static) -> Arc<Mutex<Vec<(String, usize)>>> {
    let calls = Arc::new(Mutex::new(Vec::new()));
    let made = Arc::clone(&calls);
    services.refuse(move |call| {
        let parts = [&call.request["TransactItems"], &call.request["RequestItems"][TABLE]["Keys"]];
        let about = parts.into_iter().filter_map(Value::as_array).map(Vec::len).sum();
        made.lock().unwrap().push((call.operation.clone(), about));
        refused(call)
    });
    calls
}

#[tokio::test]
async fn a_batch_takes_as_few_calls_as_its_items_can_be_counted_with() {
    // Numbers of changes, owners and products; the sizes of the reads and writes that they take.
    for (changes, owners, products, reads, writes) in [
        (1, 1, 1, vec![3], vec![2]),
        (2, 1, 2, vec![5], vec![4]),
        (100, 1, 3, vec![7], vec![6]),
        (100, 100, 3, vec![100, 4], vec![100, 6]),
        (100, 100, 100, vec![100, 100, 1], vec![100, 100]),
    ] {
        let mut table = Table::new();
        for change in 0..changes {
            table.put(&format!("user#{}", change % owners), &format!("product#p{}", change % products), change + 1, LATER);
        }
        let (records, services) = (table.records(0, ""), Services::new(table));
        let calls = calls(&services, |_| false);
        let made = |operation: &str, about: &[usize]| about.iter().map(|items| (operation.to_owned(), *items)).collect::<Vec<_>>();
        deliver_to(&services, &records, 100).await;
        let read = made("BatchGetItem", &reads);
        assert_eq!(*calls.lock().unwrap(), [read.clone(), made("TransactWriteItems", &writes)].concat());
        calls.lock().unwrap().clear();
        deliver_to(&services, &records, 100).await;
        assert_eq!(*calls.lock().unwrap(), read, "a batch that is counted is only read");
        assert_eq!(wrong(&services), []);
    }
}

#[tokio::test]
async fn to_find_out_what_the_table_refuses_takes_each_alone_once() {
    let (records, table) = history(6);
    let services = Services::new(table);
    let calls = calls(&services, |call| changes_total_of(call, "product#p3"));
    UpdateTotals { store: store_at(services.clone()) }.count_all(&records, NOW).await;
    let (read, write) = (|items| ("BatchGetItem".to_owned(), items), |items| ("TransactWriteItems".to_owned(), items));
    let expected = [read(13), write(12), read(13), write(2), write(2), write(2), write(2)];
    assert_eq!(*calls.lock().unwrap(), expected, "it may have been done: so it is read again");
}

#[tokio::test]
async fn a_batch_leaves_what_its_records_leave_one_by_one() {
    for seed in 0..8 {
        let mut random = fastrand::Rng::with_seed(seed);
        let (mut carts, mut told) = (Table::new(), 0);
        let mut nothing = Table::new();
        nothing.put(table::CONTROL.0, table::CONTROL.1, 0, LATER);
        let mut kept = [nothing.clone(), nothing];
        for _ in 0..4 {
            for _ in 0..random.usize(1..40) {
                let (owner, product) = (format!("user#{}", random.u8(0..4)), format!("product#p{}", random.u8(0..4)));
                match random.u8(0..8) {
                    0 => carts.expire(&owner, &product),
                    _ => carts.put(&owner, &product, random.i64(0..9), LATER),
                }
            }
            let records = carts.records(told, "");
            told += records.len();
            // Others may have begun newer generations, and a total may have been deleted.
            let (begun, noted) = (random.i64(0..3), random.i64(0..4));
            let (note, deleted) = (format!("{}user#{}", table::NOTES, random.u8(0..4)), format!("product#p{}", random.u8(0..4)));
            for (table, batch) in kept.iter_mut().zip([1, 100]) {
                table.set(table::CONTROL.0, table::CONTROL.1, "generation", begun);
                for product in ["product#p0", "product#p1", "product#p2", "product#p3"] {
                    if table.has(&note, product, "counted") {
                        table.set(&note, product, "generation", noted);
                    }
                }
                table.expire(&deleted, table::TOTAL);
                let services = Services::new(table.clone());
                assert_eq!(deliver_to(&services, &records, batch).await.invocations, records.len().div_ceil(batch));
                *table = services.table();
            }
        }
        assert_eq!(kept[0].state(), kept[1].state(), "from seed {seed}");
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
