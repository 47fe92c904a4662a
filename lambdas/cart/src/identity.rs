//! Who is asking, and so whose cart it is: somebody with a token, or whoever holds the cookie. A token that is no good is refused; it
//! never makes its bearer anonymous.

pub mod cookie;
pub mod keys;
pub mod token;

use cart_shared::{Answer, Refusal, log};
use lambda_http::{
    Request, RequestExt as _,
    http::{HeaderMap, header::AUTHORIZATION},
};
use serde_json::Value;
use tracing::info;
use uuid::Uuid;

use self::{cookie::CartCookie, keys::SigningKeys, token::Pool};
use crate::{
    clock::Timestamp,
    owner::{Owner, UserId},
};

/// Recognizes callers.
#[derive(Debug)]
pub struct Identity {
    pool: Pool,
    keys: SigningKeys,
}

/// A caller, recognized.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// Whose cart it is.
    pub owner: Owner,
    /// The anonymous cart the caller holds, or is now given.
    pub cookie: CartCookie,
}

impl Visitor {
    /// An answer for this caller, who may have to be given a cookie.
    #[must_use]
    pub fn answer(&self, body: &Value) -> Answer {
        Answer { set_cookie: self.cookie.set_cookie(), ..Answer::new(body) }
    }
}

impl Identity {
    /// Recognizes users of the pool by tokens that were signed with one of the keys.
    #[must_use]
    pub const fn new(pool: Pool, keys: SigningKeys) -> Self {
        Self { pool, keys }
    }

    /// Learns the pool's keys before the first caller comes, if they can be had.
    pub async fn prepare(&self, now: Timestamp) {
        self.keys.prefetch(now).await;
    }

    /// The caller of a function that serves everybody.
    ///
    /// # Errors
    /// [`Refusal::Unauthorized`] for a token that is no good, [`Refusal::Unavailable`] when that cannot be found out.
    pub async fn visitor(&self, request: &Request, now: Timestamp) -> Result<Visitor, Refusal> {
        let cookie = CartCookie::held_in(request.headers()).unwrap_or_else(|| CartCookie::Issued(Uuid::new_v4()));
        let owner = match bearer_token(request.headers())? {
            Some(token) => Owner::User(self.user(token, now).await?),
            None => Owner::Anonymous(cookie.cart()),
        };
        log::owner_is(owner.fingerprint());
        Ok(Visitor { owner, cookie })
    }

    async fn user(&self, token: &str, now: Timestamp) -> Result<UserId, Refusal> {
        let refuse = |bad: token::BadToken| {
            // Without its cause, which would quote what is in the token.
            info!(reason = %bad, "token refused");
            Refusal::Unauthorized
        };
        let key_id = token::key_id(token).map_err(refuse)?;
        let key = self.keys.find(&key_id, now).await.map_err(|error| Refusal::Unavailable(error.into()))?;
        let key = key.ok_or(token::BadToken::UnknownKey).map_err(refuse)?;
        self.pool.user(token, &key, now).map_err(refuse)
    }
}

/// The caller of a function that API Gateway guards: its authorizer has verified the token, and hands on what it says.
///
/// # Errors
/// [`Refusal::Unauthorized`] where there are no such claims, for example because the authorizer is missing.
pub fn authorized_user(request: &Request) -> Result<UserId, Refusal> {
    let context = request.request_context_ref();
    let claims = context.and_then(|context| context.authorizer()).and_then(|authorizer| authorizer.fields.get("claims"));
    let subject = claims.and_then(|claims| claims.get("sub")).and_then(Value::as_str);
    let user: UserId = subject.and_then(|subject| subject.parse().ok()).ok_or(Refusal::Unauthorized)?;
    log::owner_is(Owner::User(user.clone()).fingerprint());
    Ok(user)
}

/// The token of a request, if it has one: after `Bearer`, or by itself, as API Gateway's authorizer takes it too.
fn bearer_token(headers: &HeaderMap) -> Result<Option<&str>, Refusal> {
    let mut values = headers.get_all(AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (None, _) => Ok(None),
        (Some(value), None) => {
            let value = value.to_str().map_err(|_| Refusal::Unauthorized)?.trim();
            let token = match value.split_once(' ') {
                Some((scheme, token)) if scheme.eq_ignore_ascii_case("bearer") => token.trim_start(),
                _ => value,
            };
            Ok(Some(token))
        }
        (Some(_), Some(_)) => Err(Refusal::Unauthorized),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn token_in(values: &[&str]) -> Result<Option<String>, ()> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(AUTHORIZATION, value.parse().unwrap());
        }
        bearer_token(&headers).map(|token| token.map(str::to_owned)).map_err(|_| ())
    }

    #[test]
    fn a_token_is_found_where_it_belongs() {
        assert_eq!(token_in(&[]), Ok(None));
        for value in ["Bearer a.b.c", "bearer a.b.c", "  Bearer   a.b.c ", "a.b.c"] {
            assert_eq!(token_in(&[value]), Ok(Some("a.b.c".to_owned())), "{value}");
        }
    }

    #[test]
    fn a_strange_header_is_a_bad_token_and_never_no_token() {
        assert_eq!(token_in(&["Basic dTpw"]), Ok(Some("Basic dTpw".to_owned())), "which no key will verify");
        assert_eq!(token_in(&[""]), Ok(Some(String::new())));
        assert_eq!(token_in(&["Bearer"]), Ok(Some("Bearer".to_owned())));
        assert_eq!(token_in(&["a.b.c", "d.e.f"]), Err(()));
    }

    #[test]
    fn a_guarded_function_serves_nobody_without_claims() {
        let asking = |authorizer: Value| {
            let context = serde_json::json!({ "requestId": "1", "httpMethod": "POST", "identity": {}, "authorizer": authorizer });
            let event = serde_json::json!({
                "httpMethod": "POST", "path": "/cart/checkout", "resource": "/cart/checkout",
                "headers": {}, "multiValueHeaders": {}, "requestContext": context, "body": null, "isBase64Encoded": false,
            });
            authorized_user(&lambda_http::request::from_str(&event.to_string()).unwrap()).map(|user| user.to_string()).ok()
        };
        assert_eq!(asking(serde_json::json!({ "claims": { "sub": "0a1b-2c" } })), Some("0a1b-2c".to_owned()));
        for authorizer in
            ["null", "{}", r#"{"claims":{}}"#, r#"{"claims":{"sub":""}}"#, r#"{"claims":{"sub":"a#b"}}"#, r#"{"sub":"a"}"#]
        {
            assert_eq!(asking(serde_json::from_str(authorizer).unwrap()), None, "{authorizer}");
        }
    }
}
