//! The queue of deletions: what is sent to it, and what the worker does with its messages.

use std::{
    collections::BTreeMap,
    pin::pin,
    task::{Context, Poll, Waker},
};

use cart::{
    deletions::{Deletion, DeletionsError},
    handlers::DeleteMigrated,
    item::MigrationId,
};
use cart_shared::Consumer as _;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    dynamodb::Table,
    fixtures::CART,
    network::{Network, dead_letters_at, deletions_at, store_at},
    services::Services,
};

fn deletion_of(product: &str) -> Deletion {
    Deletion {
        cart: "4c1fadaa-213a-4ea8-aa32-58c217604e3c".parse().unwrap(),
        product: product.parse().unwrap(),
        migration: MigrationId(Uuid::nil()),
    }
}

/// The deletions that the queue accepted, sorted.
fn sent(services: &Services) -> Vec<Deletion> {
    let sent = services.sent();
    let mut sent: Vec<Deletion> = sent.iter().map(|entry| entry["MessageBody"].as_str().unwrap().parse().unwrap()).collect();
    sent.sort_by_key(|deletion| deletion.product.to_string());
    sent
}

#[tokio::test]
async fn what_a_batch_left_out_is_sent_again_and_nothing_else_is() {
    let services = Services::new(Table::new());
    // More than one batch, of which the queue leaves out some messages, twice.
    let wanted: Vec<_> = (10..35).map(|number| deletion_of(&format!("product-{number}"))).collect();
    let mut tries: BTreeMap<String, u32> = BTreeMap::new();
    services.leave_out(move |entry| {
        let body = entry["MessageBody"].as_str().unwrap().to_owned();
        let even = body.contains("0\"") || body.contains("2\"") || body.contains("4\"");
        let tries = tries.entry(body).or_default();
        *tries += 1;
        even && *tries <= 2
    });
    deletions_at(services.clone()).request(&wanted).await.unwrap();
    assert_eq!(sent(&services), wanted, "each of them once");
}

#[tokio::test]
async fn what_the_queue_never_takes_is_not_taken_for_sent() {
    let services = Services::new(Table::new());
    services.leave_out(|entry| entry["MessageBody"].as_str().unwrap().contains("pan"));
    let wanted = ["jar", "mug", "pan"].map(deletion_of);
    let refused = deletions_at(services.clone()).request(&wanted).await;
    assert!(matches!(refused, Err(DeletionsError::Partial)), "{refused:?}");
    assert_eq!(sent(&services), wanted[..2]);
}

const MIGRATION: &str = "00000000-0000-0000-0000-000000000007";

/// An anonymous cart with these products, all emptied by the migration.
fn emptied(products: &[&str]) -> Services {
    let mut table = Table::new();
    for product in products {
        table.put(CART, &format!("product#{product}"), 0, 1);
        table.mark(CART, &format!("product#{product}"), MIGRATION);
    }
    Services::new(table)
}

fn deletion(product: &str) -> String {
    json!({ "pk": CART, "sk": format!("product#{product}"), "migration": MIGRATION }).to_string()
}

fn message(id: Option<&str>, body: &str, received: &str) -> Value {
    json!({ "messageId": id, "body": body, "attributes": { "ApproximateReceiveCount": received } })
}

/// Lets the worker consume messages: the ids that it reports as failed, and body, reason and request of the dead letters.
async fn handle(services: &Services, messages: &[Value]) -> (Vec<String>, Vec<[String; 3]>) {
    let worker = DeleteMigrated { store: store_at(services.clone()), dead_letters: dead_letters_at(services.clone()) };
    let event = serde_json::from_value(json!({ "Records": messages })).unwrap();
    let Ok(failed) = worker.consume(event, "request-1").await;
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let handed_on = services.sent().into_iter().map(|sent| {
        assert_eq!(sent["QueueUrl"], "http://aws/dead-letters");
        let attributes = &sent["MessageAttributes"];
        [&sent["MessageBody"], &attributes["reason"]["StringValue"], &attributes["requestId"]["StringValue"]].map(text)
    });
    (failed.batch_item_failures.into_iter().map(|failure| failure.item_identifier).collect(), handed_on.collect())
}

/// The table refuses every write of the pan.
fn refuse_pans(services: &Services) {
    services.refuse(|call| call.request.to_string().contains("product#pan") && call.operation == "TransactWriteItems");
}

const NO_DELETION: &str = "cannot read a message: the message is not a deletion";

#[tokio::test]
async fn only_what_failed_is_delivered_again_and_only_what_never_can_be_done_is_handed_on() {
    let services = emptied(&["mug", "pan", "jar"]);
    refuse_pans(&services);
    let messages = [
        message(Some("good"), &deletion("mug"), "1"),
        message(Some("malformed"), "{}", "1"),
        message(Some("failing"), &deletion("pan"), "4"),
        message(Some("gone already"), &deletion("lid"), "1"),
        message(Some("also good"), &deletion("jar"), "1"),
    ];
    let (failed, handed_on) = handle(&services, &messages).await;
    assert_eq!(failed, ["failing"]);
    assert_eq!(handed_on, [["{}", NO_DELETION, "request-1"]]);
    assert_eq!(services.table().count(CART), 1, "the pan");
}

#[tokio::test]
async fn what_fails_for_the_last_time_is_handed_on_with_the_reason() {
    let services = emptied(&["pan"]);
    refuse_pans(&services);
    let (failed, handed_on) = handle(&services, &[message(Some("failing"), &deletion("pan"), "5")]).await;
    assert_eq!(failed, Vec::<String>::new());
    let [[body, reason, request]] = &handed_on[..] else { panic!("{handed_on:?}") };
    assert_eq!((body, request.as_str()), (&deletion("pan"), "request-1"));
    assert!(reason.starts_with("cannot delete an item: cannot write to the table: "), "{reason}");
}

#[tokio::test]
async fn what_cannot_be_handed_on_is_left_to_the_queue() {
    let services = emptied(&["pan"]);
    services.refuse(|_| true);
    let messages = [message(Some("malformed"), "{}", "1"), message(Some("failing"), &deletion("pan"), "9")];
    assert_eq!(handle(&services, &messages).await, (vec!["malformed".to_owned(), "failing".to_owned()], Vec::new()));
}

#[tokio::test]
async fn a_message_without_a_name_is_not_dropped() {
    let services = emptied(&["pan"]);
    refuse_pans(&services);
    let (failed, _) = handle(&services, &[message(None, &deletion("pan"), "1")]).await;
    assert_eq!(failed, [""], "which stands for all of them");
    let (failed, handed_on) = handle(&services, &[message(None, "no JSON", "1"), json!({})]).await;
    assert_eq!((failed.len(), handed_on.len()), (0, 2));
}

#[tokio::test]
async fn messages_do_not_wait_for_each_other_unless_they_say_the_same() {
    let network = Network::default();
    let worker = DeleteMigrated { store: store_at(network.clone()), dead_letters: dead_letters_at(network.clone()) };
    let messages = [
        message(Some("a"), &deletion("mug"), "1"),
        message(Some("b"), &deletion("pan"), "1"),
        message(Some("c"), &deletion("mug"), "1"),
    ];
    let event = serde_json::from_value(json!({ "Records": messages })).unwrap();
    let mut consuming = pin!(worker.consume(event, "request-1"));
    let mut turn = || consuming.as_mut().poll(&mut Context::from_waker(Waker::noop()));
    // How many calls wait at a time, while they are answered one by one.
    let mut asked = Vec::new();
    let failed = loop {
        if let Poll::Ready(Ok(failed)) = turn() {
            break failed;
        }
        asked.push(network.waiting());
        network.answer(Some((200, json!({}))));
    };
    assert_eq!(failed.batch_item_failures.len(), 0);
    assert_eq!(asked, [2, 2, 1], "the mug beside the pan, and the mug once more when it is done; not one by one, nor all three");
}
