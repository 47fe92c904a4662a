//! What each function does to the table, against what its role allows it there ([`CartFunction::uses`]): all that it does is allowed, and
//! nothing is allowed that it does not do.

use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
};

use cart::{
    clock::Timestamp,
    handlers::{DeleteMigrated, UpdateTotals},
};
use cart_contract::{CartFunction, table::Partitions};
use cart_shared::Consumer as _;
use serde_json::{Value, json};

use crate::{
    dynamodb::Table,
    fixtures::{CART, MUG, NEVER, NOW},
    network::{Call, dead_letters_at, store_at},
    pool,
    requests::{Backend, claims_of, event},
    services::Services,
};

const USER: &str = "user#user-1";
const MIGRATION: &str = "00000000-0000-0000-0000-000000000007";

/// Actions, each with the part of the table in which it is taken.
type Taken = BTreeSet<(String, Partitions)>;

/// The part of the table that has this partition key, by the patterns of the roles.
fn part_of(pk: &str) -> Partitions {
    use Partitions::{AnonymousCarts, Control, Notes, Totals, UsersCarts};
    let is_like = |pattern: &String| pattern.strip_suffix('*').map_or_else(|| pattern == pk, |start| pk.starts_with(start));
    let parts = [AnonymousCarts, UsersCarts, Totals, Notes, Control].into_iter();
    let mut found = parts.filter(|part| part.patterns().iter().any(is_like));
    let part = found.next().unwrap_or_else(|| panic!("no function may touch {pk}"));
    assert_eq!(found.next(), None, "{pk}");
    part
}

/// What DynamoDB asks the role for when it gets this call.
fn taken_by(call: &Call) -> Taken {
    let request = &call.request;
    let key = |key: &Value| part_of(key["pk"]["S"].as_str().expect("a text"));
    match call.operation.as_str() {
        "GetItem" => [("dynamodb:GetItem".to_owned(), key(&request["Key"]))].into(),
        "Query" => {
            let pk = request["ExpressionAttributeValues"][":pk"]["S"].as_str().expect("a text");
            [("dynamodb:Query".to_owned(), part_of(pk))].into()
        }
        "BatchGetItem" => {
            let tables = request["RequestItems"].as_object().expect("tables").values();
            let keys = tables.flat_map(|table| table["Keys"].as_array().expect("keys"));
            keys.map(|it| ("dynamodb:BatchGetItem".to_owned(), key(it))).collect()
        }
        "TransactWriteItems" => {
            let parts =
                request["TransactItems"].as_array().expect("parts").iter().flat_map(|part| part.as_object().expect("an action"));
            parts.map(|(action, part)| (format!("dynamodb:{action}Item"), key(&part["Key"]))).collect()
        }
        "SendMessage" | "SendMessageBatch" => Taken::new(),
        operation => panic!("nobody may call {operation}"),
    }
}

/// Records what is done to the table from now on.
fn watch(services: &Services) -> Arc<Mutex<Taken>> {
    let taken = Arc::new(Mutex::new(Taken::new()));
    let recorded = Arc::clone(&taken);
    services.refuse(move |call| {
        recorded.lock().unwrap().extend(taken_by(call));
        false
    });
    taken
}

/// A table with a mug in an anonymous cart, in a user's, and one that a migration emptied.
fn table() -> Table {
    let mut table = Table::new();
    table.put(CART, MUG, 2, NEVER);
    table.put(USER, MUG, 3, NEVER);
    table.put(CART, "product#pan", 0, NEVER);
    table.mark(CART, "product#pan", MIGRATION);
    table
}

/// Has a function do whatever it does, for visitors and for users.
async fn done_by(function: CartFunction) -> Taken {
    let backend = Backend::new(table());
    let services = &backend.services;
    let recorded = watch(services);
    let api = |name: &'static str| {
        let backend = &backend;
        async move {
            let cookie = format!("cartId={}", CART.strip_prefix("cart#").unwrap());
            let mut lasting = pool::id_token();
            lasting["exp"] = json!(NEVER);
            let token = pool::signed_by_pool(&lasting);
            for headers in [&[("cookie", cookie.as_str())][..], &[("cookie", &cookie), ("authorization", &token)]] {
                let event = event(headers, "mug", &claims_of("user-1"), r#"{"productId":"mug","quantity":1}"#);
                backend.ask(name, &serde_json::from_str(&event.to_string()).unwrap()).await.unwrap();
            }
        }
    };
    match function {
        CartFunction::ListCart => api("list").await,
        CartFunction::AddToCart => api("add").await,
        CartFunction::UpdateCart => api("update").await,
        CartFunction::MigrateCart => api("migrate").await,
        CartFunction::CheckoutCart => api("checkout").await,
        CartFunction::GetCartTotal => api("total").await,
        CartFunction::DeleteMigrated => {
            let worker = DeleteMigrated { store: store_at(services.clone()), dead_letters: dead_letters_at(services.clone()) };
            let body = json!({ "pk": CART, "sk": "product#pan", "migration": MIGRATION }).to_string();
            let message = json!({ "messageId": "1", "body": body, "attributes": { "ApproximateReceiveCount": "1" } });
            let event = serde_json::from_value(json!({ "Records": [message] })).unwrap();
            let Ok(failed) = worker.consume(event, "request-1").await;
            assert_eq!(failed.batch_item_failures.len(), 0);
        }
        CartFunction::UpdateTotals => {
            let records = services.table().records(0, "");
            let counting = UpdateTotals { store: store_at(services.clone()) };
            let failed = counting.count_all(&records, Timestamp(NOW.0)).await;
            assert_eq!(failed.batch_item_failures.len(), 0);
        }
    }
    recorded.lock().unwrap().clone()
}

#[tokio::test]
async fn a_role_allows_what_its_function_does_and_nothing_more() {
    for function in CartFunction::ALL {
        let uses = function.uses().iter();
        let allowed: Taken = uses
            .flat_map(|it| it.actions.iter().flat_map(|action| it.partitions.iter().map(|part| ((*action).to_owned(), *part))))
            .collect();
        assert_eq!(done_by(*function).await, allowed, "{function:?}");
    }
}
