//! What arrives from outside may be anything. Every parser at the door is given texts that were once dangerous somewhere, as they are and
//! mutilated by chance. Nothing panics, nothing is written by what is refused, and what is accepted is what it says it is.
//!
//! An input that fails a test is written to `tests/proptest-regressions/`, to be committed; from then on it is tried first.

use std::sync::LazyLock;

use cart::{deletions::Deletion, identity::cookie::CartCookie, ledger, owner::Owner};
use cart_shared::{ProductId, Request, request::json_body};
use futures_util::FutureExt as _;
use http::{HeaderMap, HeaderValue, header::COOKIE};
use proptest::{prelude::*, sample::Index};
use serde_json::{Map, Value, json};

use crate::{
    dynamodb::Table,
    pool,
    requests::{Backend, FUNCTIONS, claims_of, event},
};

/// The seeds: whole and nearly whole messages of every kind, and what breaks parsers.
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

/// A seed, cut, doubled, or with something foreign in it; or anything at all.
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

fn written_by(body: String) -> Result<Value, u16> {
    json_body::<Value>(&Request { body: body.into(), ..Request::default() }, "anything")
        .map_err(|refusal| refusal.status().as_u16())
}

/// What is read of an event.
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

static BACKEND: LazyLock<Backend> = LazyLock::new(|| Backend::new(Table::new()));

/// A function answers an event with success or with a refusal that is the caller's fault, and writes only if it succeeds.
fn answers(function: &str, event: &str) -> Result<(), TestCaseError> {
    // What is no request never comes this far: the runtime refuses it.
    let Ok(request) = serde_json::from_str::<Request>(event) else { return Ok(()) };
    let before = BACKEND.services.table().state();
    match BACKEND.ask(function, &request).now_or_never().expect("services that answer at once") {
        Ok(_) => {}
        Err(refusal) => {
            prop_assert!(refusal.status().is_client_error(), "{function}: {refusal:?}");
            prop_assert_eq!(BACKEND.services.table().state(), before);
        }
    }
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_product_id_is_what_it_says(text in hostile()) {
        if let Ok(id) = text.parse::<ProductId>() {
            prop_assert_eq!(id.as_str(), &text);
            prop_assert!(text.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-'));
        }
    }

    #[test]
    fn a_cookie_holds_a_cart_or_nothing(text in hostile()) {
        let Ok(value) = HeaderValue::from_bytes(text.as_bytes()) else { return Ok(()) };
        let mut headers = HeaderMap::new();
        headers.append(COOKIE, value);
        if let Some(cookie) = CartCookie::held_in(&headers) {
            prop_assert!(text.to_lowercase().contains(&cookie.cart().to_string()));
        }
    }

    #[test]
    fn an_owner_is_read_as_it_is_written(text in hostile()) {
        if let Ok(owner) = text.parse::<Owner>() {
            prop_assert_eq!(owner.to_string().to_lowercase(), text.to_lowercase());
        }
    }

    #[test]
    fn a_body_is_read_or_refused(text in hostile()) {
        let read = written_by(text.clone());
        prop_assert_eq!(read.is_ok(), text.len() <= 4096 && serde_json::from_str::<Value>(&text).is_ok());
        prop_assert!(matches!(read, Ok(_) | Err(400 | 413)));
    }

    #[test]
    fn a_deletion_is_only_ever_of_an_anonymous_item(text in hostile()) {
        if text.parse::<Deletion>().is_ok() {
            let message: Value = serde_json::from_str(&text).unwrap();
            prop_assert!(message["pk"].as_str().unwrap().starts_with("cart#"));
        }
    }

    #[test]
    fn a_record_is_counted_only_as_the_difference_it_states(text in hostile()) {
        let Ok(record) = serde_json::from_str::<Value>(&text) else { return Ok(()) };
        let _ = ledger::sequence_number(&record);
        if let Ok(Some(entry)) = ledger::entry(&record) {
            let image = |name: &str| record["dynamodb"][name]["quantity"]["N"].as_str().map_or(0, |number| number.parse::<i128>().unwrap());
            prop_assert_eq!([entry.old, entry.new].map(i128::from), [image("OldImage"), image("NewImage")]);
        }
    }

    #[test]
    fn no_event_breaks_a_function(function in prop::sample::select(&FUNCTIONS[..]), text in hostile()) {
        answers(function, &text)?;
    }

    #[test]
    fn no_strange_member_of_an_event_breaks_a_function(
        function in prop::sample::select(&FUNCTIONS[..]),
        member in prop::sample::select(&MEMBERS[..]),
        value in json(),
    ) {
        let headers = [("authorization", "Bearer a.b.c"), ("cookie", "a=b")];
        let mut event = event(&headers, "mug", &claims_of("a"), r#"{"productId":"mug","quantity":1}"#);
        *event.pointer_mut(member).unwrap() = value;
        answers(function, &event.to_string())?;
    }

    #[test]
    fn no_request_breaks_a_function(
        function in prop::sample::select(&FUNCTIONS[..]),
        authorization in prop::option::of(hostile()),
        cookie in prop::option::of(hostile()),
        product in hostile(),
        body in hostile(),
        subject in hostile(),
    ) {
        let headers: Vec<_> = [("authorization", &authorization), ("cookie", &cookie)]
            .iter()
            .filter_map(|(name, value)| Some((*name, value.as_deref()?)))
            .collect();
        answers(function, &event(&headers, &product, &claims_of(&subject), &body).to_string())?;
    }

    #[test]
    fn a_token_with_a_strange_claim_proves_nothing_or_the_same(
        name in prop::sample::select(&["sub", "iss", "aud", "client_id", "token_use", "exp", "nbf", "extra"][..]),
        access: bool,
        value in prop_oneof![
            hostile().prop_map(Value::from),
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            any::<bool>().prop_map(Value::from),
            Just(json!(null)),
            Just(json!(["shop"])),
            Just(json!({ "S": "shop" })),
        ],
    ) {
        let mut claims = if access { pool::access_token() } else { pool::id_token() };
        let honest = claims.clone();
        claims[name] = value;
        if let Ok(user) = pool::judge(&pool::signed_by_pool(&claims)) {
            prop_assert_eq!(Some(user.as_str()), claims["sub"].as_str());
            for kept in ["iss", "aud", "client_id", "token_use"] {
                let irrelevant = if access { "aud" } else { "client_id" };
                prop_assert!(kept == irrelevant || claims[kept] == honest[kept], "{kept}");
            }
        }
    }

    #[test]
    fn a_token_with_a_strange_header_proves_nothing_or_the_same(
        name in prop::sample::select(&["alg", "typ", "kid", "jwk", "jku", "x5u", "x5c", "crit", "b64", "enc", "zip"][..]),
        value in prop_oneof![
            hostile().prop_map(Value::from),
            prop::sample::select(&["none", "HS256", "RS384", "PS256", "ES256", "RS256", "rs256"][..]).prop_map(Value::from),
            Just(json!(null)),
            Just(json!(["exp"])),
            Just(json!(7)),
        ],
    ) {
        let mut header = json!({ "alg": "RS256", "kid": "k1" });
        header[name] = value;
        if pool::judge(&pool::signed_with(&header, &pool::id_token())).is_ok() {
            prop_assert_eq!(&header["alg"], "RS256");
        }
    }
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
    assert!(!BACKEND.services.table().state().0.is_empty(), "also a good addition among them");
}
