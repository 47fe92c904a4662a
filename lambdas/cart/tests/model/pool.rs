//! A user pool: signs tokens, publishes its keys, and finds out what the service takes for a token of it.

use std::sync::LazyLock;

use aws_lc_rs::{
    encoding::AsDer as _,
    hmac,
    rand::SystemRandom,
    rsa::{KeyPair, KeySize},
    signature::{KeyPair as _, RSA_PKCS1_SHA256},
};
use base64::{Engine as _, prelude::BASE64_URL_SAFE_NO_PAD as BASE64URL};
use cart::{
    clock::Timestamp,
    identity::token::{BadToken, Pool, key_id},
};
use jsonwebtoken::DecodingKey;
use proptest::prelude::*;
use serde_json::{Value, json};

/// When tokens are judged.
const NOW: Timestamp = Timestamp(1_800_000_000);

pub(crate) const ISSUER: &str = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_pool";

/// The client id of the shop.
pub(crate) const CLIENT: &str = "shop";

static PAIR: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::generate(KeySize::Rsa2048).unwrap());

fn signed(pair: &KeyPair, header: &Value, claims: &Value) -> String {
    let message = message(header, claims);
    let mut signature = vec![0; pair.public_modulus_len()];
    pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
    format!("{message}.{}", BASE64URL.encode(&signature))
}

/// A token of the pool.
pub(crate) fn signed_by_pool(claims: &Value) -> String {
    signed(&PAIR, &rs256(), claims)
}

/// A token that is signed with the pool's key and has a header that the pool would not write.
pub(crate) fn signed_with(header: &Value, claims: &Value) -> String {
    signed(&PAIR, header, claims)
}

/// The JSON Web Key Set that the pool publishes.
pub(crate) fn key_set() -> Value {
    let [n, e] = public_key();
    json!({ "keys": [{ "kid": "k1", "kty": "RSA", "alg": "RS256", "use": "sig", "n": n, "e": e }] })
}

fn public_key() -> [String; 2] {
    let key = PAIR.public_key();
    [key.modulus(), key.exponent()].map(|part| BASE64URL.encode(part.big_endian_without_leading_zero()))
}

fn message(header: &Value, claims: &Value) -> String {
    format!("{}.{}", BASE64URL.encode(header.to_string()), BASE64URL.encode(claims.to_string()))
}

fn rs256() -> Value {
    json!({ "alg": "RS256", "kid": "k1" })
}

pub(crate) fn id_token() -> Value {
    json!({ "sub": "user-1", "iss": ISSUER, "aud": CLIENT, "token_use": "id", "exp": NOW.0, "email": "a@b.example" })
}

pub(crate) fn access_token() -> Value {
    json!({ "sub": "user-1", "iss": ISSUER, "client_id": CLIENT, "token_use": "access", "exp": NOW.0, "scope": "x" })
}

/// The user whom the service takes the bearer of a token for.
pub(crate) fn judge(token: &str) -> Result<String, BadToken> {
    let [n, e] = public_key();
    let key = DecodingKey::from_rsa_components(&n, &e);
    let pool = Pool { issuer: ISSUER.to_owned(), client_id: CLIENT.to_owned() };
    key_id(token)?;
    pool.user(token, &key.unwrap(), NOW).map(|user| user.to_string())
}

#[test]
fn a_token_of_the_pool_proves_its_user() {
    assert_eq!(judge(&signed(&PAIR, &rs256(), &id_token())).unwrap(), "user-1");
    assert_eq!(judge(&signed(&PAIR, &rs256(), &access_token())).unwrap(), "user-1");
    assert_eq!(key_id(&signed(&PAIR, &rs256(), &id_token())).unwrap(), "k1");
}

#[test]
fn every_claim_counts() {
    let with = |mut claims: Value, name: &str, value: Value| {
        claims[name] = value;
        judge(&signed(&PAIR, &rs256(), &claims))
    };
    let without = |mut claims: Value, name: &str| {
        claims.as_object_mut().unwrap().remove(name);
        judge(&signed(&PAIR, &rs256(), &claims))
    };
    assert!(matches!(with(id_token(), "exp", json!(NOW.0 - 5)), Err(BadToken::Expired)));
    assert!(with(id_token(), "exp", json!(NOW.0 - 4)).is_ok(), "clocks differ");
    assert!(matches!(with(id_token(), "nbf", json!(NOW.0 + 6)), Err(BadToken::TooEarly)));
    assert!(with(id_token(), "nbf", json!(NOW.0 + 5)).is_ok());
    assert!(with(id_token(), "iat", json!(NOW.0 + 1000)).is_ok(), "it says nothing of when it is valid");
    assert!(with(id_token(), "exp", json!(u64::MAX)).is_ok(), "no arithmetic overflows");
    assert!(matches!(with(id_token(), "aud", json!("another")), Err(BadToken::OtherClient)));
    assert!(matches!(with(access_token(), "client_id", json!("another")), Err(BadToken::OtherClient)));
    assert!(matches!(with(id_token(), "sub", json!("a#b")), Err(BadToken::Subject)));
    assert!(matches!(with(id_token(), "sub", json!("")), Err(BadToken::Subject)));
    for (name, value) in [
        ("iss", json!("https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_another")),
        ("iss", json!(null)),
        ("token_use", json!("refresh")),
        ("token_use", json!("access")),
        ("exp", json!("never")),
        ("exp", json!(-1)),
        ("nbf", json!("now")),
        ("sub", json!(null)),
    ] {
        assert!(matches!(with(id_token(), name, value.clone()), Err(BadToken::Claims(_))), "{name}: {value}");
    }
    for name in ["iss", "exp", "sub", "aud", "token_use"] {
        assert!(matches!(without(id_token(), name), Err(BadToken::Claims(_))), "{name}");
    }
}

#[test]
fn only_the_pools_own_signature_counts() {
    let other = KeyPair::generate(KeySize::Rsa2048).unwrap();
    assert!(matches!(judge(&signed(&other, &rs256(), &id_token())), Err(BadToken::Claims(_))), "another key");

    let honest = signed(&PAIR, &rs256(), &id_token());
    let (_, signature) = honest.rsplit_once('.').unwrap();
    let mut claims = id_token();
    claims["sub"] = json!("user-2");
    let forged = format!("{}.{signature}", message(&rs256(), &claims));
    assert!(matches!(judge(&forged), Err(BadToken::Claims(_))), "a signature of something else");
    assert!(matches!(judge(&format!("{}.", message(&rs256(), &claims))), Err(BadToken::Claims(_))), "no signature");
}

#[test]
fn the_header_cannot_choose_how_it_is_verified() {
    let unsigned = |algorithm: &str| format!("{}.", message(&json!({ "alg": algorithm, "kid": "k1" }), &id_token()));
    for algorithm in ["none", "None", ""] {
        assert!(matches!(judge(&unsigned(algorithm)), Err(BadToken::Header(_))), "{algorithm}");
    }
    // The public key is public, so anybody can use it as the secret of a symmetric signature.
    let message = message(&json!({ "alg": "HS256", "kid": "k1" }), &id_token());
    let public = PAIR.public_key().as_der().unwrap();
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, public.as_ref()), message.as_bytes());
    assert!(matches!(judge(&format!("{message}.{}", BASE64URL.encode(signature))), Err(BadToken::Algorithm)));
    assert!(matches!(judge(&signed(&PAIR, &json!({ "alg": "RS512", "kid": "k1" }), &id_token())), Err(BadToken::Algorithm)));
    assert!(matches!(judge(&signed(&PAIR, &json!({ "alg": "RS256" }), &id_token())), Err(BadToken::NoKey)));
}

#[test]
fn what_is_no_token_is_refused_quickly() {
    assert!(matches!(judge(&"a".repeat(8 * 1024 + 1)), Err(BadToken::TooLong)));
    for text in ["", ".", "..", "a.b.c", "Basic dTpw", "null", "undefined"] {
        assert!(matches!(judge(text), Err(BadToken::Header(_))), "{text}");
    }
}

proptest! {
    #[test]
    fn no_other_text_is_a_token(text in "\\PC{0,200}") {
        prop_assert!(judge(&text).is_err());
    }

    #[test]
    fn a_token_with_any_byte_changed_is_no_token(position: prop::sample::Index, replacement in "[A-Za-z0-9_-]") {
        let honest = signed(&PAIR, &rs256(), &id_token());
        let at = position.index(honest.len() - 1);
        let mut changed = honest.clone();
        changed.replace_range(at..=at, &replacement);
        prop_assume!(changed != honest);
        prop_assert!(judge(&changed).is_err());
    }
}
