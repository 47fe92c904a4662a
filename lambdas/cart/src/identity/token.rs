//! Decides whether a token proves that its bearer is a user. Pure: the key and the time are passed in. Tested in `tests/model/pool.rs`, which
//! signs tokens.
//!
//! Checked are, by
//! <https://docs.aws.amazon.com/cognito/latest/developerguide/amazon-cognito-user-pools-using-tokens-verifying-a-jwt.html>: the signature
//! (only RS256), the issuer, the client, the use, the expiry, and the beginning of the validity, if the token has one. The time of issue (`iat`)
//! means nothing by itself ([RFC 7519, 4.1.6](https://www.rfc-editor.org/rfc/rfc7519#section-4.1.6)).

use std::{collections::HashSet, time::Duration};

use jsonwebtoken::{Algorithm, DecodingKey, Validation};
use serde::Deserialize;
use serde_json::Value;
use thiserror::Error;

use crate::{clock::Timestamp, owner::UserId};

/// The longest token that is read, in bytes. Cognito's have one to two thousand.
const MAX_TOKEN: usize = 8 * 1024;

/// The greatest difference between our clock and the pool's. Both are AWS's and differ by milliseconds; claims have whole seconds.
const LEEWAY: Duration = Duration::from_secs(5);

/// The user pool whose tokens are accepted.
#[derive(Clone, Debug)]
pub struct Pool {
    /// The `iss` of the pool's tokens.
    pub issuer: String,
    /// The client id that a token has to name: as `aud` in an id token, as `client_id` in an access token.
    pub client_id: String,
}

/// Why a token proves nothing. For the log only: the caller does not learn it.
#[derive(Debug, Error)]
pub enum BadToken {
    /// Longer than any token of the pool.
    #[error("the token is longer than {MAX_TOKEN} bytes")]
    TooLong,
    /// No token at all.
    #[error("the header cannot be read")]
    Header(#[source] jsonwebtoken::errors::Error),
    /// The header names another algorithm than the pool's.
    #[error("the algorithm is not RS256")]
    Algorithm,
    /// The header names no key.
    #[error("no key is named")]
    NoKey,
    /// The pool has no key of this name.
    #[error("the key is unknown")]
    UnknownKey,
    /// Forged, of another issuer, or without a claim that every token has.
    #[error("the signature or a claim is wrong")]
    Claims(#[source] jsonwebtoken::errors::Error),
    /// Issued for another application.
    #[error("it was issued for another client")]
    OtherClient,
    /// No longer valid.
    #[error("it has expired")]
    Expired,
    /// Not valid yet.
    #[error("it is not valid yet")]
    TooEarly,
    /// The subject cannot be a user's id.
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

/// The use of a token, which decides where it names its client.
#[derive(Deserialize)]
#[serde(tag = "token_use", rename_all = "lowercase")]
enum Usage {
    Id { aud: String },
    Access { client_id: String },
}

/// The name of the key that signed the token, according to its header.
///
/// # Errors
/// [`BadToken`], if no key could verify the token.
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
    /// The client id that the token was issued for.
    fn client(&self) -> &str {
        let (Self::Id { aud: client } | Self::Access { client_id: client }) = self;
        client
    }
}

/// The claims that matter of a token that API Gateway has verified.
#[derive(Deserialize)]
struct Verified {
    sub: String,
    #[serde(flatten)]
    usage: Usage,
}

/// The user in the claims of a token whose signature, issuer and times were verified elsewhere.
///
/// # Errors
/// [`BadToken::OtherClient`], and [`BadToken::Subject`] if the claims name no user.
pub fn verified_user(claims: &Value, client_id: &str) -> Result<UserId, BadToken> {
    let Verified { sub, usage } = Verified::deserialize(claims).map_err(|_| BadToken::Subject)?;
    if usage.client() != client_id {
        return Err(BadToken::OtherClient);
    }
    sub.parse().map_err(|_| BadToken::Subject)
}

impl Pool {
    /// The user that a token proves its bearer to be.
    ///
    /// # Errors
    /// [`BadToken`], if the token proves nothing.
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

    /// The checks that the library makes. It makes neither that of the client, which has two names, nor those of times, for which it would
    /// read the clock.
    fn validation(&self) -> Validation {
        let mut validation = Validation::new(Algorithm::RS256);
        validation.set_issuer(&[&self.issuer]);
        validation.required_spec_claims = HashSet::from(["iss", "exp", "sub"].map(str::to_owned));
        validation.validate_aud = false;
        validation.validate_exp = false;
        validation
    }
}
