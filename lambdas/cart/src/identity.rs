//! Recognizes the caller, and with it the owner of the cart: a user by a token, or anybody by the cookie. A bad token is refused; it never
//! makes its bearer anonymous.

pub mod cookie;
pub mod keys;
pub mod token;

use cart_contract::CookieScope;
use cart_shared::{Answer, Refusal, Request, log};
use http::{HeaderMap, header::AUTHORIZATION};
use serde::Serialize;
use tracing::info;
use uuid::Uuid;

use self::{cookie::CartCookie, keys::SigningKeys, token::Pool};
use crate::{
    clock::Timestamp,
    owner::{Owner, UserId},
};

/// Recognizes the callers of functions that also serve anonymous callers.
#[derive(Debug)]
pub struct Identity {
    pool: Pool,
    keys: SigningKeys,
    cookies: CookieScope,
}

/// A recognized caller.
#[derive(Clone, Debug)]
pub struct Visitor {
    /// The owner of the cart that the request is about.
    pub owner: Owner,
    /// The anonymous cart that the caller has, or gets now.
    pub cookie: CartCookie,
}

impl Visitor {
    /// An answer to this caller, with a cookie if the caller has none, or has it under its former name.
    #[must_use]
    pub fn answer(&self, body: &impl Serialize) -> Answer {
        Answer { set_cookies: self.cookie.set_cookies(), ..Answer::new(body) }
    }
}

impl Identity {
    /// Recognizes users of this pool, by tokens that were signed with one of these keys, and everybody else by a cookie of this scope.
    #[must_use]
    pub const fn new(pool: Pool, keys: SigningKeys, cookies: CookieScope) -> Self {
        Self { pool, keys, cookies }
    }

    /// Fetches the pool's keys before the first request, if they can be fetched.
    pub async fn prepare(&self, now: Timestamp) {
        self.keys.prefetch(now).await;
    }

    /// The caller of a request.
    ///
    /// # Errors
    /// [`Refusal::Unauthorized`] for a bad token, [`Refusal::Unavailable`] if the keys to verify it cannot be fetched.
    pub async fn visitor(&self, request: &Request, now: Timestamp) -> Result<Visitor, Refusal> {
        let cookie = CartCookie::of(&request.headers, self.cookies, Uuid::new_v4());
        let owner = match bearer_token(&request.headers)? {
            Some(token) => Owner::User(self.user(token, now).await?),
            None => Owner::Anonymous(cookie.cart()),
        };
        log::owner_is(owner.fingerprint());
        Ok(Visitor { owner, cookie })
    }

    async fn user(&self, token: &str, now: Timestamp) -> Result<UserId, Refusal> {
        let key_id = token::key_id(token).map_err(|bad| refused(&bad))?;
        let key = self.keys.find(&key_id, now).await.map_err(|error| Refusal::Unavailable(error.into()))?;
        let key = key.ok_or(token::BadToken::UnknownKey).map_err(|bad| refused(&bad))?;
        self.pool.user(token, &key, now).map_err(|bad| refused(&bad))
    }
}

/// Recognizes the callers of a function behind API Gateway's authorizer, which has verified the token and passes on its claims. The authorizer
/// accepts tokens of every client of the pool
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-integrate-with-cognito.html>), so the client is checked here.
#[derive(Clone, Debug)]
pub struct SignedIn {
    /// The client id that a token has to name: as `aud` in an id token, as `client_id` in an access token.
    pub client_id: String,
}

impl SignedIn {
    /// The caller of a request.
    ///
    /// # Errors
    /// [`Refusal::Unauthorized`], unless the claims are those of a user of this client. They are missing where the authorizer is.
    pub fn user(&self, request: &Request) -> Result<UserId, Refusal> {
        let user = token::verified_user(&request.claims, &self.client_id).map_err(|bad| refused(&bad))?;
        log::owner_is(Owner::User(user.clone()).fingerprint());
        Ok(user)
    }
}

/// Logs why a token is refused, without the cause, which would quote the token. The caller does not learn why.
fn refused(bad: &token::BadToken) -> Refusal {
    info!(reason = %bad, "token refused");
    Refusal::Unauthorized
}

/// The token of a request: after `Bearer`, or alone, as API Gateway's authorizer also accepts it. None, if there is no header.
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
    use serde_json::{Value, json};

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
    fn a_guarded_function_serves_nobody_but_users_of_its_client() {
        let asking = |authorizer: Value| {
            let context = json!({ "requestId": "1", "httpMethod": "POST", "identity": {}, "authorizer": authorizer });
            let event = json!({
                "httpMethod": "POST", "path": "/cart/checkout", "resource": "/cart/checkout",
                "headers": {}, "multiValueHeaders": {}, "requestContext": context, "body": null, "isBase64Encoded": false,
            });
            let request: Request = serde_json::from_str(&event.to_string()).unwrap();
            SignedIn { client_id: "shop".to_owned() }.user(&request).map(|user| user.to_string()).ok()
        };
        let claims = |claims: &str| asking(json!({ "claims": serde_json::from_str::<Value>(claims).unwrap() }));
        for good in [
            r#"{"sub":"0a1b-2c","token_use":"id","aud":"shop","exp":"Mon Nov 23 05:35:04 UTC 2026"}"#,
            r#"{"sub":"0a1b-2c","token_use":"access","client_id":"shop"}"#,
        ] {
            assert_eq!(claims(good), Some("0a1b-2c".to_owned()), "{good}");
        }
        for bad in [
            r#"{"sub":"a","token_use":"id","aud":"another"}"#,
            r#"{"sub":"a","token_use":"access","client_id":"another"}"#,
            r#"{"sub":"a","token_use":"access","client_id":"another","aud":"shop"}"#,
            r#"{"sub":"a","token_use":"id","client_id":"shop"}"#,
            r#"{"sub":"a","token_use":"refresh","aud":"shop"}"#,
            r#"{"sub":"a","token_use":"id","aud":""}"#,
            r#"{"sub":"a","token_use":"id","aud":["shop"]}"#,
            r#"{"sub":"a","aud":"shop"}"#,
            r#"{"sub":"a"}"#,
            r#"{"sub":"","token_use":"id","aud":"shop"}"#,
            r#"{"sub":"a#b","token_use":"id","aud":"shop"}"#,
            r#"{"token_use":"id","aud":"shop"}"#,
            "{}",
            "null",
        ] {
            assert_eq!(claims(bad), None, "{bad}");
        }
        let outside = json!({ "sub": "a", "token_use": "id", "aud": "shop" });
        for authorizer in [json!(null), json!({}), outside.clone(), json!({ "claims": outside.to_string() })] {
            assert_eq!(asking(authorizer.clone()), None, "{authorizer}");
        }
    }
}
