//! What the functions call, answering at once and always the same: a table in which every cart holds two products, the queue, the
//! user pool's keys, and the products service. Knows nothing of who calls.

use std::{
    io::{self, Write as _},
    sync::atomic::{AtomicUsize, Ordering},
};

use cart_contract::table::{TOTAL, USERS, attribute::QUANTITY};
use serde_json::{Value, json};

use crate::{http, shop::Shop};

/// How often anything here was called.
static CALLS: AtomicUsize = AtomicUsize::new(0);

/// How often anything here was called.
pub(crate) fn calls() -> usize {
    CALLS.load(Ordering::Relaxed)
}

/// Starts the stubs, and says where they are: AWS, the keys, the products service. Each is a host of its own, as in AWS.
pub(crate) fn start(shop: &Shop) -> [String; 3] {
    let item = shop.item(&format!("{USERS}{}", crate::shop::USER), 0);
    let table = Table {
        healthy: http::response("200 OK", "", "healthy"),
        item: answer(&json!({ "Item": item })),
        total: answer(&json!({ "Item": { QUANTITY: { "N": "12" } } })),
        cart: answer(&json!({ "Count": 2, "Items": [item, shop.item(&format!("{USERS}{}", crate::shop::USER), 1)] })),
        books: answer(&json!({ "Responses": { "carts": [] }, "UnprocessedKeys": {} })),
        done: answer(&json!({})),
        sent: answer(&json!({ "Failed": [], "Successful": [
            { "Id": "0", "MessageId": "0", "MD5OfMessageBody": "" }, { "Id": "1", "MessageId": "1", "MD5OfMessageBody": "" },
        ] })),
    };
    let aws = http::serve(move |request, connection| {
        CALLS.fetch_add(1, Ordering::Relaxed);
        connection.write_all(table.answer(request)?)
    });
    let keys = answer(&shop.pool.keys());
    let keys = http::serve(move |_, connection| {
        CALLS.fetch_add(1, Ordering::Relaxed);
        connection.write_all(&keys)
    });
    let (product, allowed) = (answer(&json!({ "product": shop.product(0) })), http::response("200 OK", "", ""));
    let products = http::serve(move |request, connection| {
        CALLS.fetch_add(1, Ordering::Relaxed);
        connection.write_all(if request.line().starts_with("GET /product/") { &product } else { &allowed })
    });
    [aws, format!("{keys}/jwks.json"), products]
}

struct Table {
    healthy: Vec<u8>,
    item: Vec<u8>,
    total: Vec<u8>,
    cart: Vec<u8>,
    books: Vec<u8>,
    done: Vec<u8>,
    sent: Vec<u8>,
}

impl Table {
    fn answer(&self, request: &http::Request) -> io::Result<&[u8]> {
        let operation = request.header("x-amz-target").and_then(|target| target.split_once('.'));
        match operation.map(|(_, operation)| operation) {
            None if request.line() == "GET /ping" => Ok(&self.healthy),
            Some("GetItem") if request.body.windows(TOTAL.len()).any(|part| part == TOTAL.as_bytes()) => Ok(&self.total),
            Some("GetItem") => Ok(&self.item),
            Some("Query") => Ok(&self.cart),
            Some("BatchGetItem") => Ok(&self.books),
            Some("TransactWriteItems") => Ok(&self.done),
            Some("SendMessageBatch") => Ok(&self.sent),
            // The function under measurement fails, and that is seen.
            _ => Err(io::ErrorKind::Unsupported.into()),
        }
    }
}

fn answer(body: &Value) -> Vec<u8> {
    http::response("200 OK", "content-type: application/x-amz-json-1.0\r\n", &body.to_string())
}
