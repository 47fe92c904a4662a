//! Decides whether a token proves who somebody is. Pure: the key and the time are passed in.
//!
//! What is checked, by
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-verifying-a-jwt.html>: the signature
//! (RS256 and nothing else), the issuer, for whom it was issued, what it is used for, and when it expires; also since when it is valid,
//! if it says so. When it was issued (`iat`) means nothing by itself
//! ([RFC 7519, 4.1.6](https://www.rfc-editor.org/rfc/rfc7519#section-4.1.6)).

use std::{collections::HashSet, time::Duration};

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use crate::{clock::Timestamp, owner::UserId};

/// The longest token looked at, in bytes. Cognito's have one to two thousand.
const MAX_TOKEN: usize = 8 * 1024;

/// By how much our clock and the pool's may differ. Both are AWS's and differ by milliseconds; a claim has whole seconds.
const LEEWAY: Duration = Duration::from_secs(5);

/// The user pool whose tokens are good.
#[derive(Clone, Debug)]
pub struct Pool {
    /// Who signs: the `iss` of its tokens.
    pub issuer: String,
    /// For whom: the `aud` of id tokens, the `client_id` of access tokens.
    pub client_id: String,
}

/// Why a token proves nothing. For the log; the caller is told nothing of it.
#[derive(Debug, Error)]
pub enum BadToken {
    /// Not worth reading.
    #[error("the token is longer than {MAX_TOKEN} bytes")]
    TooLong,
    /// Not a token at all.
    #[error("the header cannot be read")]
    Header(#[source] jsonwebtoken::errors::Error),
    /// It wants to be verified by other means than the pool's.
    #[error("the algorithm is not RS256")]
    Algorithm,
    /// It does not say which key signed it.
    #[error("no key is named")]
    NoKey,
    /// The pool has no such key.
    #[error("the key is unknown")]
    UnknownKey,
    /// It is forged, of another issuer, or without a claim that every token has.
    #[error("the signature or a claim is wrong")]
    Claims(#[source] jsonwebtoken::errors::Error),
    /// It was issued for another application.
    #[error("it was issued for another client")]
    OtherClient,
    /// It was good once.
    #[error("it has expired")]
    Expired,
    /// It will be good some day.
    #[error("it is not valid yet")]
    TooEarly,
    /// Its subject is no user.
    #[error("the subject is not a user")]
    Subject,
}

#[derive(Deserialize)]
struct Claims {
    sub: String,
    exp: u64,
    nbf: Option<u64>,
    #[serde(flatten)]
    usage: Usage,
}

/// What a token is used for, and with it where the client stands that it was issued for.
#[derive(Deserialize)]
#[serde(tag = "token_use", rename_all = "lowercase")]
enum Usage {
    Id { aud: String },
    Access { client_id: String },
}

/// The name of the key that is said to have signed the token.
///
/// # Errors
/// A [`BadToken`] that no key could make good.
pub fn key_id(token: &str) -> Result<String, BadToken> {
    if token.len() > MAX_TOKEN {
        return Err(BadToken::TooLong);
    }
    let header = jsonwebtoken::decode_header(token).map_err(BadToken::Header)?;
    if header.alg != Algorithm::RS256 {
        return Err(BadToken::Algorithm);
    }
    header.kid.ok_or(BadToken::NoKey)
}

impl Usage {
    /// Whom the token was issued for.
    fn client(&self) -> &str {
        let (Self::Id { aud: client } | Self::Access { client_id: client }) = self;
        client
    }
}

/// What matters of a token that somebody else has verified.
#[derive(Deserialize)]
struct Verified {
    sub: String,
    #[serde(flatten)]
    usage: Usage,
}

/// The user whom these claims name, of a token whose signature, issuer and times were verified.
///
/// # Errors
/// [`BadToken::OtherClient`], and [`BadToken::Subject`] where no user is named.
pub fn verified_user(claims: &Value, client_id: &str) -> Result<UserId, BadToken> {
    let Verified { sub, usage } = Verified::deserialize(claims).map_err(|_| BadToken::Subject)?;
    if usage.client() != client_id {
        return Err(BadToken::OtherClient);
    }
    sub.parse().map_err(|_| BadToken::Subject)
}

impl Pool {
    /// The user whom a token proves its bearer to be.
    ///
    /// # Errors
    /// [`BadToken`], when it proves nothing.
    pub fn user(&self, token: &str, key: &DecodingKey, now: Timestamp) -> Result<UserId, BadToken> {
        let claims = jsonwebtoken::decode::<Claims>(token, key, &self.validation()).map_err(BadToken::Claims)?.claims;
        if claims.usage.client() != self.client_id {
            return Err(BadToken::OtherClient);
        }
        if Timestamp(claims.exp) + LEEWAY <= now {
            return Err(BadToken::Expired);
        }
        if claims.nbf.is_some_and(|from| Timestamp(from) > now + LEEWAY) {
            return Err(BadToken::TooEarly);
        }
        claims.sub.parse().map_err(|_| BadToken::Subject)
    }

    /// What the library checks. The client and the times are checked above: the first has two names, the others need the time,
    /// which the library would take from the clock.
    fn validation(&self) -> Validation {
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_issuer(&[&self.issuer]);
        validation.required_spec_claims = HashSet::from(["iss", "exp", "sub"].map(str::to_owned));
        validation.validate_aud = false;
        validation.validate_exp = false;
        validation
    }
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::LazyLock;

    use aws_lc_rs::{
        encoding::AsDer as _,
        hmac,
        rand::SystemRandom,
        rsa::{KeyPair, KeySize},
        signature::{KeyPair as _, RSA_PKCS1_SHA256},
    };
    use jsonwebtoken::DecodingKey;
    use proptest::prelude::*;
    use serde_json::json;

    use super::*;

    const NOW: Timestamp = Timestamp(1_800_000_000);
    pub(crate) const ISSUER: &str = "https://cognito-idp.eu-west-1.amazonaws.com/eu-west-1_pool";

    static PAIR: LazyLock<KeyPair> = LazyLock::new(|| KeyPair::generate(KeySize::Rsa2048).unwrap());

    fn base64url(bytes: &[u8]) -> String {
        const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";
        let bits: Vec<bool> = bytes.iter().flat_map(|byte| (0..8).rev().map(move |bit| byte >> bit & 1 == 1)).collect();
        let index = |six: &[bool]| (0..6).fold(0, |index, bit| index * 2 + usize::from(six.get(bit) == Some(&true)));
        bits.chunks(6).map(|six| char::from(ALPHABET[index(six)])).collect()
    }

    fn signed(pair: &KeyPair, header: &Value, claims: &Value) -> String {
        let message = message(header, claims);
        let mut signature = vec![0; pair.public_modulus_len()];
        pair.sign(&RSA_PKCS1_SHA256, &SystemRandom::new(), message.as_bytes(), &mut signature).unwrap();
        format!("{message}.{}", base64url(&signature))
    }

    /// A token of the pool.
    pub(crate) fn signed_by_pool(claims: &Value) -> String {
        signed(&PAIR, &rs256(), claims)
    }

    /// A token of the pool with a header that it would not write.
    pub(crate) fn signed_with(header: &Value, claims: &Value) -> String {
        signed(&PAIR, header, claims)
    }

    /// What the pool publishes.
    pub(crate) fn key_set() -> Value {
        let [n, e] = public_key();
        json!({ "keys": [{ "kid": "k1", "kty": "RSA", "alg": "RS256", "use": "sig", "n": n, "e": e }] })
    }

    fn public_key() -> [String; 2] {
        let key = PAIR.public_key();
        [key.modulus(), key.exponent()].map(|part| base64url(part.big_endian_without_leading_zero()))
    }

    fn message(header: &Value, claims: &Value) -> String {
        format!("{}.{}", base64url(header.to_string().as_bytes()), base64url(claims.to_string().as_bytes()))
    }

    fn rs256() -> Value {
        json!({ "alg": "RS256", "kid": "k1" })
    }

    pub(crate) fn id_token() -> Value {
        json!({ "sub": "user-1", "iss": ISSUER, "aud": "shop", "token_use": "id", "exp": NOW.0, "email": "a@b.example" })
    }

    pub(crate) fn access_token() -> Value {
        json!({ "sub": "user-1", "iss": ISSUER, "client_id": "shop", "token_use": "access", "exp": NOW.0, "scope": "x" })
    }

    pub(crate) fn judge(token: &str) -> Result<String, BadToken> {
        let [n, e] = public_key();
        let key = DecodingKey::from_rsa_components(&n, &e);
        let pool = Pool { issuer: ISSUER.to_owned(), client_id: "shop".to_owned() };
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
        assert!(matches!(judge(&format!("{message}.{}", base64url(signature.as_ref()))), Err(BadToken::Algorithm)));
        assert!(matches!(judge(&signed(&PAIR, &json!({ "alg": "RS512", "kid": "k1" }), &id_token())), Err(BadToken::Algorithm)));
        assert!(matches!(judge(&signed(&PAIR, &json!({ "alg": "RS256" }), &id_token())), Err(BadToken::NoKey)));
    }

    #[test]
    fn what_is_no_token_is_refused_quickly() {
        assert!(matches!(judge(&"a".repeat(MAX_TOKEN + 1)), Err(BadToken::TooLong)));
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
}
