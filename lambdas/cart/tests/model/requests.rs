//! The functions of the API, from a request to the answer: who the caller is, what is looked up, and what is written if something is wrong.

use std::sync::{
    Arc,
    atomic::{AtomicUsize, Ordering},
};

use cart::{
    handlers::{AddToCart, CheckoutCart, GetCartTotal, ListCart, MigrateCart, UpdateCart, add_to_cart::add},
    identity::{Identity, SignedIn, keys::SigningKeys, token::Pool},
    item::shown,
    products::Products,
};
use cart_contract::CookieScope;
use cart_shared::{Answer, Endpoint, Refusal, Request};
use serde_json::{Value, json};

use crate::{
    dynamodb::Table,
    fixtures::{CART, MUG, NEVER, NOW, PAN, USER, mug},
    network::{Heard, deletions_at, http_at, store_at},
    pool::{self, CLIENT, ISSUER},
    services::{KEYS, PRODUCTS, Services},
};

/// All that the functions of the API need.
pub(crate) struct Backend {
    pub(crate) services: Services,
    pub(crate) cookies: CookieScope,
}

impl Backend {
    pub(crate) fn new(table: Table) -> Self {
        Self { services: Services::new(table), cookies: CookieScope::AnySite }
    }

    fn identity(&self) -> Identity {
        let pool = Pool { issuer: ISSUER.to_owned(), client_id: CLIENT.to_owned() };
        Identity::new(pool, SigningKeys::new(http_at(self.services.clone()), KEYS.to_owned()), self.cookies)
    }

    fn products(&self) -> Products {
        Products::new(http_at(self.services.clone()), PRODUCTS.to_owned())
    }

    /// What a function answers to a request.
    pub(crate) async fn ask(&self, function: &str, request: &Request) -> Result<Answer, Refusal> {
        let (store, identity) = (store_at(self.services.clone()), self.identity());
        let signed_in = signed_in();
        match function {
            "list" => ListCart { identity, store }.answer(request).await,
            "add" => AddToCart { identity, products: self.products(), store }.answer(request).await,
            "update" => UpdateCart { identity, products: self.products(), store }.answer(request).await,
            "migrate" => {
                let deletions = deletions_at(self.services.clone());
                MigrateCart { signed_in, store, deletions, cookies: self.cookies }.answer(request).await
            }
            "checkout" => CheckoutCart { signed_in, store }.answer(request).await,
            "total" => GetCartTotal { store }.answer(request).await,
            function => panic!("no function {function}"),
        }
    }
}

/// The names that [`Backend::ask`] takes.
pub(crate) const FUNCTIONS: [&str; 6] = ["list", "add", "update", "migrate", "checkout", "total"];

/// Accepts the users of the shop's client.
pub(crate) fn signed_in() -> SignedIn {
    SignedIn { client_id: CLIENT.to_owned() }
}

/// The claims of a user as API Gateway's authorizer passes them on.
pub(crate) fn claims_of(user: &str) -> Value {
    json!({ "sub": user, "token_use": "id", "aud": CLIENT })
}

/// The event of a request as API Gateway sends it.
pub(crate) fn event(headers: &[(&str, &str)], product: &str, claims: &Value, body: &str) -> Value {
    let mut lists = serde_json::Map::new();
    for (name, value) in headers {
        lists.entry(*name).or_insert_with(|| json!([])).as_array_mut().unwrap().push(json!(value));
    }
    json!({
        "httpMethod": "POST", "path": "/cart", "resource": "/cart", "headers": {}, "multiValueHeaders": lists,
        "pathParameters": { "product_id": product }, "body": body, "isBase64Encoded": false,
        "requestContext": { "requestId": "1", "httpMethod": "POST", "identity": {}, "authorizer": { "claims": claims } },
    })
}

fn request(event: &Value) -> Request {
    serde_json::from_str(&event.to_string()).unwrap()
}

const ADD: &str = r#"{"productId":"mug","quantity":2}"#;

fn cookie() -> String {
    format!("cartId={}", CART.strip_prefix("cart#").unwrap())
}

fn body_of(answer: &Answer) -> Value {
    serde_json::from_str(&answer.body).unwrap()
}

/// Hashes of all items, to see that none changed.
fn contents(services: &Services) -> Vec<u64> {
    services.table().state().0
}

#[tokio::test]
async fn while_the_products_are_down_nothing_is_written_and_the_caller_is_told_to_come_back() {
    let replies: [Heard; 3] = [None, Some((503, json!({}))), Some((200, json!("<html>")))];
    for reply in replies {
        let backend = Backend::new(Table::new());
        backend.services.sell(move |_| reply.clone());
        for function in ["add", "update"] {
            let request = request(&event(&[("cookie", &cookie())], "mug", &json!({}), ADD));
            let refusal = backend.ask(function, &request).await.unwrap_err();
            assert_eq!((refusal.status().as_u16(), refusal.retry_after()), (503, Some(2)), "{function}");
        }
        assert_eq!(contents(&backend.services), Vec::<u64>::new());
    }
}

#[tokio::test]
async fn a_token_of_the_pool_leads_to_the_users_cart_and_any_other_to_none() {
    let mut table = Table::new();
    table.put("user#user-1", MUG, 3, NEVER);
    table.put(CART, MUG, 1, NEVER);
    let backend = Backend::new(table);
    let ask = async |headers: &[(&str, &str)]| {
        let answer = backend.ask("list", &request(&event(headers, "", &json!({}), ""))).await;
        answer.map(|answer| body_of(&answer)["products"][0]["quantity"].as_u64()).map_err(|refusal| refusal.status().as_u16())
    };
    let lasting = |mut claims: Value| {
        claims["exp"] = json!(NEVER);
        pool::signed_by_pool(&claims)
    };
    let cookie = cookie();
    for token in [lasting(pool::id_token()), lasting(pool::access_token())] {
        for value in [format!("Bearer {token}"), token] {
            assert_eq!(ask(&[("authorization", &value), ("cookie", &cookie)]).await, Ok(Some(3)));
        }
    }
    assert_eq!(ask(&[("cookie", &cookie)]).await, Ok(Some(1)), "nobody in particular");
    let good = format!("Bearer {}", lasting(pool::id_token()));
    let mut elsewhere = pool::id_token();
    elsewhere["iss"] = json!("https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_another");
    let mut client = pool::id_token();
    client["aud"] = json!("another");
    let mut expired = pool::id_token();
    expired["exp"] = json!(1_000_000_000);
    let expired = pool::signed_by_pool(&expired);
    let huge = format!("Bearer {}", "a".repeat(9000));
    for bad in
        ["", "Bearer", "Bearer a.b.c", "Basic dTpw", &lasting(elsewhere), &lasting(client), &expired, &huge, &format!("{good}x")]
    {
        assert_eq!(ask(&[("authorization", bad), ("cookie", &cookie)]).await, Err(401), "{bad:.80}");
    }
    assert_eq!(ask(&[("authorization", &good), ("authorization", &good)]).await, Err(401), "which of the two?");
    assert_eq!(ask(&[("authorization", "\u{e9}"), ("cookie", &cookie)]).await, Err(401));
}

#[tokio::test]
async fn while_keys_cannot_be_had_a_token_is_neither_good_nor_bad() {
    let backend = Backend::new(Table::new());
    backend.services.publish((404, json!({})));
    let token = pool::signed_by_pool(&pool::id_token());
    let refusal = backend.ask("add", &request(&event(&[("authorization", &token)], "", &json!({}), ADD))).await.unwrap_err();
    assert_eq!((refusal.status().as_u16(), refusal.retry_after()), (503, Some(2)));
    assert_eq!(contents(&backend.services), Vec::<u64>::new());
}

#[tokio::test]
async fn nobody_is_told_to_try_again_who_may_have_been_heard() {
    for (operation, message, retry_after) in [
        ("GetItem", "The shop is busy. Try again in a few seconds.", Some(2)),
        ("TransactWriteItems", "We could not confirm that your change was saved. Check your cart before you try again.", None),
    ] {
        let backend = Backend::new(Table::new());
        backend.services.refuse(move |call| call.operation == operation);
        let refusal = backend.ask("add", &request(&event(&[], "", &json!({}), ADD))).await.unwrap_err();
        assert_eq!((refusal.status().as_u16(), refusal.retry_after(), refusal.to_string().as_str()), (503, retry_after, message));
    }
}

#[tokio::test]
async fn a_customer_reads_what_became_of_the_cart_or_what_to_do() {
    let backend = Backend::new(Table::new());
    let cookie = cookie();
    let read = async |function: &str, product: &str, quantity: i64| {
        let body = json!({ "productId": product, "quantity": quantity }).to_string();
        let answer = backend.ask(function, &request(&event(&[("cookie", &cookie)], product, &json!({}), &body))).await;
        answer.map_or_else(|refusal| refusal.to_string(), |answer| body_of(&answer)["message"].as_str().unwrap().to_owned())
    };
    let impossible = "This quantity is not possible: a cart holds 0 to 10000 pieces of one product. Choose another quantity.";
    for (function, product, quantity, message) in [
        ("add", "mug", 3, "The product was added to your cart."),
        ("add", "mug", -1, "Your cart now holds 2 of this product."),
        ("add", "mug", -9, "The product was removed from your cart."),
        ("add", "mug", 10_001, impossible),
        ("update", "mug", 4, "Your cart now holds 4 of this product."),
        ("update", "mug", 0, "The product was removed from your cart."),
        ("update", "mug", -1, impossible),
        ("add", "pan", 1, "The shop does not sell this product. Choose another one."),
        ("update", "a b", 1, "The product id is not valid: a product id has 1 to 64 letters, digits and hyphens."),
    ] {
        assert_eq!(read(function, product, quantity).await, message, "{function} {product} {quantity}");
    }
}

#[tokio::test]
async fn what_a_migration_could_not_ask_to_be_deleted_the_next_one_asks_for() {
    let mut table = Table::new();
    for product in ["product#mug", PAN] {
        table.put(CART, product, 2, NEVER);
    }
    let backend = Backend::new(table);
    backend.services.leave_out(|entry| entry["MessageBody"].as_str().unwrap().contains(PAN));
    let cookie = cookie();
    let migrate = request(&event(&[("cookie", &cookie)], "", &claims_of("a"), ""));
    let asked_for = || {
        let message = |entry: &Value| serde_json::from_str::<Value>(entry["MessageBody"].as_str().unwrap()).unwrap();
        backend.services.sent().iter().map(message).collect::<Vec<_>>()
    };

    let refusal = backend.ask("migrate", &migrate).await.unwrap_err();
    assert_eq!((refusal.status().as_u16(), refusal.retry_after()), (503, Some(2)));
    let quantities = |backend: &Backend| {
        let table = backend.services.table();
        [(USER, MUG), (USER, PAN), (CART, MUG), (CART, PAN)].map(|(owner, product)| table.quantity(owner, product))
    };
    let moved = [Some(2), Some(2), Some(0), Some(0)];
    assert_eq!(quantities(&backend), moved, "everything is moved, and nothing twice");
    assert_eq!(asked_for().iter().map(|message| &message["sk"]).collect::<Vec<_>>(), ["product#mug"]);

    backend.services.leave_out(|_| false);
    backend.ask("migrate", &migrate).await.unwrap();
    assert_eq!(quantities(&backend), moved);
    let [first, again @ ..] = &asked_for()[..] else { panic!("some") };
    assert_eq!(again.iter().map(|message| &message["sk"]).collect::<Vec<_>>(), ["product#mug", PAN]);
    assert!(
        again.iter().all(|message| message["migration"] == first["migration"]),
        "of the migration that emptied them: {again:?}"
    );
}

#[tokio::test]
async fn a_user_of_another_client_neither_migrates_nor_checks_out() {
    let mut table = Table::new();
    table.put(CART, MUG, 2, NEVER);
    table.put(USER, MUG, 3, NEVER);
    let backend = Backend::new(table);
    let before = contents(&backend.services);
    let cookie = cookie();
    let mut claims = claims_of("a");
    claims["aud"] = json!("another");
    for function in ["migrate", "checkout"] {
        let refusal = backend.ask(function, &request(&event(&[("cookie", &cookie)], "", &claims, ""))).await.unwrap_err();
        assert_eq!(refusal.status().as_u16(), 401, "{function}");
    }
    assert_eq!(contents(&backend.services), before);
}

#[tokio::test]
async fn of_several_cookies_the_first_that_is_a_cart_counts() {
    let backend = Backend::new(Table::new());
    let cookies = format!("cartId=; cartId=../../user#a; {}; cartId=5b2fadaa-213a-4ea8-aa32-58c217604e3c", cookie());
    let answer = backend.ask("add", &request(&event(&[("cookie", &cookies)], "", &json!({}), ADD))).await.unwrap();
    assert_eq!((answer.set_cookies, backend.services.table().quantity(CART, MUG)), (vec![], Some(2)));
}

#[tokio::test]
async fn a_cart_under_the_cookies_former_name_is_listed_changed_and_migrated_and_its_cookie_is_renamed() {
    let former = cookie();
    let own = format!("__Host-{former}");
    let renamed = [
        format!("{own}; Max-Age=86400; Secure; HttpOnly; SameSite=Lax; Path=/"),
        "cartId=; Max-Age=0; Secure; HttpOnly; SameSite=None; Path=/".to_owned(),
    ];
    for function in ["list", "add", "update", "migrate"] {
        let mut table = Table::new();
        table.put(CART, MUG, 2, NEVER);
        let backend = Backend { cookies: CookieScope::OwnHost, ..Backend::new(table) };
        let claims = if function == "migrate" { claims_of("user-1") } else { json!({}) };
        let ask = async |cookie: &str| {
            let request = request(&event(&[("cookie", cookie)], "mug", &claims, ADD));
            backend.ask(function, &request).await.unwrap()
        };
        assert_eq!(ask(&former).await.set_cookies, renamed, "{function}");
        assert_eq!(ask(&own).await.set_cookies, [""; 0], "{function}");
        let [mine, users] = [CART, "user#user-1"].map(|pk| backend.services.table().quantity(pk, MUG));
        let expected = match function {
            "list" | "update" => (Some(2), None),
            "add" => (Some(6), None),
            _ => (Some(0), Some(2)),
        };
        assert_eq!((mine, users), expected, "{function}");
    }
}

#[tokio::test]
async fn the_cookie_of_the_host_wins_and_the_other_one_is_forgotten() {
    const OTHER: &str = "cart#5b2fadaa-213a-4ea8-aa32-58c217604e3c";
    let mut table = Table::new();
    table.put(CART, MUG, 2, NEVER);
    table.put(OTHER, MUG, 7, NEVER);
    let backend = Backend { cookies: CookieScope::OwnHost, ..Backend::new(table) };
    let cookies = format!("{}; __Host-{}", OTHER.replace("cart#", "cartId="), cookie());
    for function in ["list", "migrate"] {
        let answer = backend.ask(function, &request(&event(&[("cookie", &cookies)], "", &claims_of("user-1"), ""))).await.unwrap();
        assert_eq!(body_of(&answer)["products"][0]["quantity"], 2, "{function}");
        assert_eq!(answer.set_cookies, ["cartId=; Max-Age=0; Secure; HttpOnly; SameSite=None; Path=/"], "{function}");
    }
    assert_eq!(backend.services.table().quantity(OTHER, MUG), Some(7));
}

#[tokio::test]
async fn no_path_leads_out_of_the_shop() {
    let backend = Backend::new(Table::new());
    backend.services.sell(|path| panic!("the products service was asked for {path}"));
    let long = "a".repeat(300);
    for id in [
        "",
        ".",
        "..",
        "../admin",
        "..%2fadmin",
        "%2e%2e",
        "a/b",
        "a\\b",
        "mug?x=1",
        "mug#x",
        "mug\0",
        "mug\r\nx: y",
        "müg",
        "＂mug",
        &long,
    ] {
        for function in ["update", "total"] {
            let refusal =
                backend.ask(function, &request(&event(&[("cookie", &cookie())], id, &json!({}), r#"{"quantity":1}"#))).await;
            assert_eq!(refusal.unwrap_err().status().as_u16(), 400, "{function} {id:?}");
        }
        let body = json!({ "productId": id, "quantity": 1 }).to_string();
        let refusal = backend.ask("add", &request(&event(&[("cookie", &cookie())], "", &json!({}), &body))).await;
        assert_eq!(refusal.unwrap_err().status().as_u16(), 400, "{id:?}");
    }
    assert_eq!(contents(&backend.services), Vec::<u64>::new());
}

#[tokio::test]
async fn what_has_expired_is_in_no_cart_though_it_is_still_stored() {
    let expired = || {
        let mut table = Table::new();
        table.put(CART, MUG, 5, 1);
        table.put(USER, MUG, 7, 1);
        table.put(USER, PAN, 1, NEVER);
        table
    };
    let claims = claims_of("a");
    let cookie = cookie();
    let headers = [("cookie", cookie.as_str())];
    let lines =
        |answer: Answer| body_of(&answer)["products"].as_array().unwrap().iter().map(|line| line["sk"].clone()).collect::<Vec<_>>();
    let none: Vec<Value> = Vec::new();

    let backend = Backend::new(expired());
    assert_eq!(lines(backend.ask("list", &request(&event(&headers, "", &json!({}), ""))).await.unwrap()), none);
    assert!(backend.ask("add", &request(&event(&headers, "", &json!({}), ADD))).await.is_ok());
    assert_eq!(backend.services.table().quantity(CART, MUG), Some(2), "and not seven");
    assert!(backend.ask("add", &request(&event(&headers, "", &json!({}), r#"{"productId":"mug","quantity":-5}"#))).await.is_ok());
    assert_eq!(backend.services.table().quantity(CART, MUG), Some(0));

    let backend = Backend::new(expired());
    assert_eq!(lines(backend.ask("migrate", &request(&event(&headers, "", &claims, ""))).await.unwrap()), [json!("pan")]);
    assert_eq!(backend.services.table().quantity(USER, MUG), Some(7), "not touched");
    assert_eq!(lines(backend.ask("checkout", &request(&event(&[], "", &claims, ""))).await.unwrap()), [json!("pan")]);
    assert_eq!(backend.services.table().count(USER), 0, "and gone with the rest");

    // A removal from an expired item has nothing to remove, and writes nothing.
    let backend = Backend::new(expired());
    let (owner, change) = (USER.parse().unwrap(), (-1).try_into().unwrap());
    let before = contents(&backend.services);
    assert!(add(&store_at(backend.services.clone()), &owner, &mug(), change, async { Ok(json!({})) }, NOW).await.is_ok());
    assert_eq!(contents(&backend.services), before);
}

#[tokio::test]
async fn a_migration_answers_what_the_cart_then_holds_without_reading_it_again() {
    let many: Vec<_> = (10..80).map(|number| format!("product#p{number}")).collect();
    let many: Vec<_> = many.iter().map(|product| (CART, product.as_str(), 1, NEVER)).collect();
    for (stored, reads) in [
        (vec![(CART, MUG, 2, NEVER)], 2),
        (vec![(CART, MUG, 2, NEVER), (USER, MUG, 3, NEVER)], 2),
        (vec![(CART, MUG, 2, NEVER), (USER, MUG, 3, 1)], 2),
        (vec![(CART, MUG, 9_999, NEVER), (USER, MUG, 9_999, NEVER)], 2),
        (
            vec![
                (CART, MUG, 2, NEVER),
                (CART, "product#a", 1, NEVER),
                (USER, "product#b", 3, NEVER),
                (USER, "product#z", 1, NEVER),
            ],
            2,
        ),
        ([many.clone(), vec![(USER, MUG, 3, NEVER), (USER, "product#p33", 3, NEVER)]].concat(), 4),
        // It is not known since when these hold nothing.
        (vec![(CART, MUG, 2, NEVER), (CART, "product#a", 0, NEVER), (USER, "product#a", 3, NEVER)], 3),
        (vec![(CART, MUG, 2, 1), (USER, MUG, 3, NEVER)], 3),
    ] {
        let mut table = Table::new();
        for (owner, product, quantity, expires) in &stored {
            table.put(owner, product, *quantity, *expires);
        }
        let backend = Backend::new(table);
        let queries = Arc::new(AtomicUsize::new(0));
        let counted = Arc::clone(&queries);
        backend.services.refuse(move |call| {
            counted.fetch_add(usize::from(call.operation == "Query"), Ordering::Relaxed);
            false
        });
        let cookie = cookie();
        let asked = request(&event(&[("cookie", &cookie)], "", &claims_of("a"), ""));
        let answered = body_of(&backend.ask("migrate", &asked).await.unwrap());
        assert_eq!(queries.load(Ordering::Relaxed), reads, "{stored:?}");
        let held = store_at(backend.services.clone()).cart(&USER.parse().unwrap()).await.unwrap();
        assert_eq!(answered, json!(shown(&held, NOW)), "{stored:?}");
    }
}

#[tokio::test]
async fn who_has_nothing_to_move_is_shown_a_cart_that_was_read_once() {
    let mut table = Table::new();
    table.put(USER, MUG, 3, NEVER);
    let backend = Backend::new(table);
    let reads = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&reads);
    backend.services.refuse(move |call| {
        counted.fetch_add(1, Ordering::Relaxed);
        call.operation != "Query"
    });
    let cookie = cookie();
    let asked = request(&event(&[("cookie", &cookie)], "", &claims_of("a"), ""));
    assert_eq!(body_of(&backend.ask("migrate", &asked).await.unwrap())["products"][0]["quantity"], 3);
    assert_eq!(reads.load(Ordering::Relaxed), 2, "both carts");
}
