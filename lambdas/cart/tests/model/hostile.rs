//! Any input may arrive from outside. Every parser at the door is given texts that were once dangerous somewhere, as they are and randomly
//! mutilated. Nothing panics, a refused input writes nothing, and an accepted one is what it says.
//!
//! An input that fails a test is written to `tests/proptest-regressions/`, to be committed; from then on it is tried first.

use std::cell::Cell;

use cart::{deletions::Deletion, identity::cookie::CartCookie, ledger, owner::Owner};
use cart_contract::CookieScope;
use cart_shared::{ProductId, Request, request::json_body};
use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderValue, header::COOKIE};
use proptest::{
    prelude::*,
    sample::Index,
    test_runner::{Config, TestRunner},
};
use serde_json::{Map, Value, json};
use uuid::Uuid;

use crate::{
    dynamodb::Table,
    pool,
    requests::{Backend, FUNCTIONS, claims_of, event},
};

/// Whole and nearly whole messages of every kind, and texts that break parsers.
const SEEDS: &[&str] = &[
    "",
    "null",
    "{}",
    "[]",
    "mug",
    "..%2f..%2f",
    "\u{202e}gum\0",
    "\u{feff}{}",
    "cartId=4c1fadaa-213a-4ea8-aa32-58c217604e3c",
    "a=b; cartId=4c1fadaa-213a-4ea8-aa32-58c217604e3c; cartId=5b2fadaa-213a-4ea8-aa32-58c217604e3c",
    "cartId=\"4c1fadaa-213a-4ea8-aa32-58c217604e3c\"",
    "cartId={4c1fadaa-213a-4ea8-aa32-58c217604e3c}",
    "Bearer eyJhbGciOiJub25lIiwia2lkIjoiayJ9.eyJzdWIiOiJhIn0.",
    "Bearer eyJhbGciOiJIUzI1NiIsImtpZCI6ImsxIn0.eyJzdWIiOiJhIn0.c2lnbmF0dXJl",
    "__Host-cartId=4c1fadaa-213a-4ea8-aa32-58c217604e3c; cartId=5b2fadaa-213a-4ea8-aa32-58c217604e3c",
    "cartId=4c1fadaa-213a-4ea8-aa32-58c217604e3c; __Host-cartId=; Domain=example.com",
    r#"{"productId":"mug","quantity":1}"#,
    r#"{"productId":"mug","quantity":-10000}"#,
    r#"{"productId":"mug","quantity":1e400}"#,
    r#"{"productId":"mug","quantity":-9223372036854775808}"#,
    r#"{"productId":"mug","quantity":18446744073709551616}"#,
    r#"{"productId":"mug","quantity":1,"quantity":2}"#,
    r#"{"productId":"../mug","quantity":1}"#,
    r#"{"quantity":0}"#,
    r#"{"pk":"cart#4c1fadaa-213a-4ea8-aa32-58c217604e3c","sk":"product#mug","migration":"00000000-0000-0000-0000-000000000000"}"#,
    r#"{"pk":"user#a","sk":"product#mug","migration":"00000000-0000-0000-0000-000000000000"}"#,
    r#"{"dynamodb":{"Keys":{"pk":{"S":"cart#1"},"sk":{"S":"product#mug"}},"SequenceNumber":"1","NewImage":{"quantity":{"N":"1"}}}}"#,
    r#"{"dynamodb":{"Keys":{"pk":{"S":"user#1"},"sk":{"S":"product#mug"}},"SequenceNumber":"2","NewImage":{"quantity":{"N":"9223372036854775807"}},"OldImage":{"quantity":{"N":"-9223372036854775808"}}}}"#,
    r#"{"dynamodb":{"Keys":{"pk":{"S":"cart#1"},"sk":{"S":"product#mug"}},"SequenceNumber":"00000000000000000000000000000000000000001"}}"#,
    r#"{"httpMethod":"GET","path":"/cart","resource":"/cart","headers":null,"multiValueHeaders":null,"requestContext":{"requestId":"1","identity":{}},"body":null,"isBase64Encoded":false}"#,
    r#"{"httpMethod":"POST","path":"/cart","resource":"/cart","headers":{},"multiValueHeaders":{"cookie":["a\r\nb"]},"requestContext":{"requestId":"1","authorizer":{"claims":{"sub":"a#b"}}},"body":"////","isBase64Encoded":true}"#,
    r#"{"httpMethod":"POST","multiValueHeaders":{"cookie":["a=b"]},"body":"/","isBase64Encoded":true}"#,
    r#"{"httpMethod":"PUT","pathParameters":{"product_id":"%2e%2e%2f"},"body":"{\"quantity\":1}"}"#,
];

/// A seed, cut, doubled, or with something foreign in it; or any text.
fn hostile() -> impl Strategy<Value = String> {
    let seed = prop::sample::select(SEEDS);
    let foreign = prop_oneof![
        Just("\0"),
        Just("\""),
        Just("\\u0000"),
        Just("{"),
        Just("#"),
        Just("/"),
        Just("9"),
        Just("-"),
        Just("é"),
        Just(" ")
    ];
    prop_oneof![
        1 => any::<String>(),
        1 => seed.clone().prop_map(str::to_owned),
        6 => (seed.clone(), any::<Index>(), any::<Index>(), foreign, seed).prop_map(|(seed, from, to, foreign, other)| {
            let places: Vec<_> = seed.char_indices().map(|(place, _)| place).chain([seed.len()]).collect();
            let (from, to) = (*from.get(&places), *to.get(&places));
            match from.cmp(&to) {
                std::cmp::Ordering::Less => format!("{}{foreign}{}", &seed[..from], &seed[to..]),
                std::cmp::Ordering::Equal => format!("{}{other}{}", &seed[..from], &seed[from..]),
                std::cmp::Ordering::Greater => format!("{}{}{foreign}", &seed[..from], &seed[to..]),
            }
        }),
    ]
}

/// Any JSON, of hostile texts.
fn json() -> impl Strategy<Value = Value> {
    let plain = prop_oneof![
        Just(json!(null)),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        hostile().prop_map(Value::from),
    ];
    plain.prop_recursive(3, 12, 3, |inner| {
        let members = prop::collection::vec((hostile(), inner.clone()), 0..3);
        prop_oneof![
            prop::collection::vec(inner, 0..3).prop_map(Value::from),
            members.prop_map(|members| members.into_iter().collect::<Map<_, _>>().into()),
        ]
    })
}

/// Something hostile, or something good that this makes of chance.
fn hostile_or(good: impl Strategy<Value = String>) -> impl Strategy<Value = String> {
    prop_oneof![3 => hostile(), 1 => good]
}

const UUID: &str = "[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}";

fn uuid() -> impl Strategy<Value = String> {
    prop::string::string_regex(UUID).unwrap()
}

const CASES: u32 = 512;

/// Tries inputs. `test` says whether one was accepted: many have to be, and many refused, or the test has tried too little.
fn tried<S: Strategy>(name: &'static str, inputs: &S, test: impl Fn(S::Value) -> Result<bool, TestCaseError>) {
    let (accepted, refused) = (Cell::new(0), Cell::new(0));
    let config = Config { cases: CASES, source_file: Some(file!()), test_name: Some(name), ..Config::default() };
    let outcome = TestRunner::new(config).run(inputs, |input| {
        let outcome = if test(input)? { &accepted } else { &refused };
        outcome.update(|inputs| inputs + 1);
        Ok(())
    });
    if let Err(error) = outcome {
        panic!("{error}");
    }
    println!("{name}: {} accepted, {} refused", accepted.get(), refused.get());
    assert!(accepted.get().min(refused.get()) >= CASES / 32, "too few were accepted, or too few refused");
}

/// The parts of an event that are read.
const MEMBERS: [&str; 12] = [
    "",
    "/httpMethod",
    "/headers",
    "/multiValueHeaders",
    "/multiValueHeaders/authorization",
    "/multiValueHeaders/cookie/0",
    "/pathParameters",
    "/pathParameters/product_id",
    "/requestContext/authorizer",
    "/requestContext/authorizer/claims",
    "/body",
    "/isBase64Encoded",
];

thread_local! {
    /// A test's own, since it asserts that nothing was written: the tests of one program run side by side.
    static BACKEND: Backend = Backend::new(Table::new());
}

/// A function answers an event, or refuses it as the caller's fault and writes nothing. Whether it answers.
fn answers(function: &str, event: &str) -> Result<bool, TestCaseError> {
    // The runtime refuses an event that is no request.
    let Ok(request) = serde_json::from_str::<Request>(event) else { return Ok(false) };
    BACKEND.with(|backend| {
        let before = backend.services.table().state();
        match backend.ask(function, &request).now_or_never().expect("services that answer at once") {
            Ok(_) => Ok(true),
            Err(refusal) => {
                prop_assert!(refusal.status().is_client_error(), "{function}: {refusal:?}");
                prop_assert_eq!(backend.services.table().state(), before);
                Ok(false)
            }
        }
    })
}

fn functions() -> impl Strategy<Value = &'static str> {
    prop::sample::select(&FUNCTIONS[..])
}

#[test]
fn a_product_id_is_what_it_says() {
    let plain = |text: &str| text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    tried("product id", &hostile_or("[A-Za-z0-9-]{1,64}".boxed()), |text| {
        let id = text.parse::<ProductId>().ok();
        prop_assert_eq!(id.is_some(), plain(&text) && (1..=64).contains(&text.len()));
        prop_assert!(id.as_ref().is_none_or(|id| id.as_str() == text));
        Ok(id.is_some())
    });
}

#[test]
fn a_cookie_holds_a_cart_or_nothing() {
    let good = (uuid(), prop_oneof!["cartId", "__Host-cartId"]).prop_map(|(cart, name)| format!("a=b;{name}={cart}"));
    tried("cookie", &hostile_or(good), |text| {
        let Ok(value) = HeaderValue::from_bytes(text.as_bytes()) else { return Ok(false) };
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, value);
        let found = [CookieScope::AnySite, CookieScope::OwnHost].map(|scope| CartCookie::of(&headers, scope, Uuid::nil()));
        for cookie in &found {
            prop_assert!(cookie.held().is_none_or(|cart| text.to_lowercase().contains(&cart.to_string())));
            prop_assert!(cookie.held().is_some() || cookie.cart().0.is_nil());
            for set in cookie.set_cookies() {
                let value = set.split(['=', ';']).nth(1).unwrap();
                prop_assert!(value.is_empty() || value == cookie.cart().to_string(), "nothing of the request but a cart: {}", set);
            }
        }
        Ok(found.iter().any(|cookie| cookie.held().is_some()))
    });
}

#[test]
fn an_owner_is_read_as_it_is_written() {
    let good = prop_oneof![uuid().prop_map(|cart| format!("cart#{cart}")), "user#[A-Za-z0-9-]{1,128}"];
    tried("owner", &hostile_or(good), |text| {
        let owner = text.parse::<Owner>().ok();
        prop_assert!(owner.as_ref().is_none_or(|owner| owner.to_string().eq_ignore_ascii_case(&text)));
        Ok(owner.is_some())
    });
}

#[test]
fn a_body_is_read_or_refused() {
    let good = prop_oneof![4 => json().prop_map(|value| value.to_string()), 1 => " {4000,4200}1"];
    tried("body", &hostile_or(good), |text| {
        let request = Request { body: text.clone().into(), ..Request::default() };
        let read = json_body::<Value>(&request, "anything").map_err(|refusal| refusal.status().as_u16());
        prop_assert_eq!(read.is_ok(), text.len() <= 4096 && serde_json::from_str::<Value>(&text).is_ok());
        prop_assert!(matches!(read, Ok(_) | Err(400 | 413)));
        Ok(read.is_ok())
    });
}

#[test]
fn a_deletion_is_only_ever_of_an_anonymous_item() {
    let good = (uuid(), "(cart|user)", "[A-Za-z0-9-]{1,64}", uuid()).prop_map(|(cart, kind, product, migration)| {
        json!({ "pk": format!("{kind}#{cart}"), "sk": format!("product#{product}"), "migration": migration }).to_string()
    });
    tried("deletion", &hostile_or(good), |text| {
        let is_deletion = text.parse::<Deletion>().is_ok();
        if is_deletion {
            let message: Value = serde_json::from_str(&text).unwrap();
            prop_assert!(message["pk"].as_str().unwrap().starts_with("cart#"));
        }
        Ok(is_deletion)
    });
}

#[test]
fn a_record_is_counted_only_as_the_difference_it_states() {
    let image =
        || prop::option::of(any::<i16>()).prop_map(|held| held.map(|held| json!({ "quantity": { "N": held.to_string() } })));
    let good = ("(cart|user|counted|product)#[a-z]{1,3}", "[0-9]{1,40}", image(), image()).prop_map(|(owner, number, old, new)| {
        let keys = json!({ "pk": { "S": owner }, "sk": { "S": "product#mug" } });
        json!({ "dynamodb": { "Keys": keys, "SequenceNumber": number, "OldImage": old, "NewImage": new } }).to_string()
    });
    tried("record", &hostile_or(good), |text| {
        let Ok(record) = serde_json::from_str::<Value>(&text) else { return Ok(false) };
        let _ = ledger::sequence_number(&record);
        let Ok(Some(entry)) = ledger::entry(&record) else { return Ok(false) };
        let image =
            |name: &str| record["dynamodb"][name]["quantity"]["N"].as_str().map_or(0, |number| number.parse::<i128>().unwrap());
        prop_assert_eq!([entry.old, entry.new].map(i128::from), [image("OldImage"), image("NewImage")]);
        Ok(true)
    });
}

const ADD: &str = r#"{"productId":"mug","quantity":1}"#;

#[test]
fn no_event_breaks_a_function() {
    let good = "[a-z]{1,3}".prop_map(|user| event(&[("cookie", "a=b")], "mug", &claims_of(&user), ADD).to_string());
    tried("event", &(functions(), hostile_or(good)), |(function, text)| answers(function, &text));
}

#[test]
fn no_strange_member_of_an_event_breaks_a_function() {
    let members = prop::sample::select(&MEMBERS[..]);
    tried("member", &(functions(), members, json()), |(function, member, value)| {
        let headers = [("authorization", "Bearer a.b.c"), ("cookie", "a=b")];
        let mut event = event(&headers, "mug", &claims_of("a"), ADD);
        *event.pointer_mut(member).unwrap() = value;
        answers(function, &event.to_string())
    });
}

#[test]
fn no_request_breaks_a_function() {
    let good = |text: &'static str| Just(text.to_owned());
    let headers = (prop::option::of(hostile()), prop::option::of(hostile()));
    let inputs = (functions(), headers, hostile_or(good("mug")), hostile_or(good(ADD)), hostile_or(good("a")));
    tried("request", &inputs, |(function, (authorization, cookie), product, body, subject)| {
        let headers: Vec<_> = [("authorization", &authorization), ("cookie", &cookie)]
            .iter()
            .filter_map(|(name, value)| Some((*name, value.as_deref()?)))
            .collect();
        answers(function, &event(&headers, &product, &claims_of(&subject), &body).to_string())
    });
}

#[test]
fn a_token_with_a_strange_claim_proves_nothing_or_the_same() {
    let names = prop::sample::select(&["sub", "iss", "aud", "client_id", "token_use", "exp", "nbf", "extra"][..]);
    let values = prop_oneof![
        hostile().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        any::<bool>().prop_map(Value::from),
        Just(json!(null)),
        Just(json!(["shop"])),
        Just(json!({ "S": "shop" })),
    ];
    tried("claim", &(names, any::<bool>(), values), |(name, access, value)| {
        let mut claims = if access { pool::access_token() } else { pool::id_token() };
        let honest = claims.clone();
        claims[name] = value;
        let Ok(user) = pool::judge(&pool::signed_by_pool(&claims)) else { return Ok(false) };
        prop_assert_eq!(Some(user.as_str()), claims["sub"].as_str());
        for kept in ["iss", "aud", "client_id", "token_use"] {
            let irrelevant = if access { "aud" } else { "client_id" };
            prop_assert!(kept == irrelevant || claims[kept] == honest[kept], "{kept}");
        }
        Ok(true)
    });
}

#[test]
fn a_token_with_a_strange_header_proves_nothing_or_the_same() {
    let names = ["alg", "typ", "kid", "jwk", "jku", "x5u", "x5c", "crit", "b64", "enc", "zip"];
    let values = prop_oneof![
        hostile().prop_map(Value::from),
        prop::sample::select(&["none", "HS256", "RS384", "PS256", "ES256", "RS256", "rs256"][..]).prop_map(Value::from),
        Just(json!(null)),
        Just(json!(["exp"])),
        Just(json!(7)),
    ];
    tried("header", &(prop::sample::select(names.to_vec()), values), |(name, value)| {
        let mut header = json!({ "alg": "RS256", "kid": "k1" });
        header[name] = value;
        let is_good = pool::judge(&pool::signed_with(&header, &pool::id_token())).is_ok();
        prop_assert!(!is_good || header["alg"] == "RS256");
        Ok(is_good)
    });
}

#[test]
fn the_seeds_are_tried_as_they_are() {
    for seed in SEEDS {
        for function in FUNCTIONS {
            answers(function, seed).unwrap();
            let headers = [("authorization", *seed), ("cookie", *seed)];
            answers(function, &event(&headers[1..], seed, &claims_of(seed), seed).to_string()).unwrap();
            answers(function, &event(&headers, seed, &claims_of("a"), seed).to_string()).unwrap();
        }
    }
    let accepted: Vec<_> = SEEDS.iter().filter(|seed| seed.parse::<Deletion>().is_ok()).collect();
    assert_eq!(accepted.len(), 1, "some of them are good, or nothing would ever get past the door");
    assert!(BACKEND.with(|backend| !backend.services.table().state().0.is_empty()), "also a good addition among them");
}
