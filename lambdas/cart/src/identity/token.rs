//! Decides whether a token proves who somebody is. Pure: the key and the time are passed in. Tested in `tests/model/pool.rs`, which signs
//! tokens.
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
