//! The user pool's signing keys: fetched when first needed, kept as long as the process lives. Knows nothing of what is signed.
//!
//! A process lives for some hours at most, so a key that the pool no longer publishes is forgotten soon enough.

use std::{collections::BTreeMap, time::Duration};

use jsonwebtoken::{
    DecodingKey,
    jwk::{AlgorithmParameters, JwkSet},
};
use lambda_http::http::StatusCode;
use thiserror::Error;
use tokio::sync::Mutex;

use crate::{
    clock::Timestamp,
    fetch::{FetchError, Http},
};

/// How long an unknown key stays unknown before the keys are fetched again. A pool publishes a key well before using it; whoever
/// makes up key names must not make us fetch for each.
const FETCH_AGAIN_AFTER: Duration = Duration::from_mins(1);

/// The keys at a URL.
#[derive(Debug)]
pub struct SigningKeys {
    http: Http,
    url: String,
    known: Mutex<Known>,
}

/// The keys cannot be had, so nobody's token can be judged.
#[derive(Debug, Error)]
pub enum KeysError {
    /// No answer.
    #[error("cannot fetch the signing keys")]
    Fetch(#[from] FetchError),
    /// Another answer than the keys.
    #[error("the signing keys are answered with {0}")]
    Status(StatusCode),
    /// Something that is no key set.
    #[error("cannot read the signing keys")]
    Read(#[from] serde_json::Error),
}

impl SigningKeys {
    /// The keys at a URL, none of which is known yet.
    #[must_use]
    pub const fn new(http: Http, url: String) -> Self {
        Self { http, url, known: Mutex::const_new(Known { keys: BTreeMap::new(), fetched: None }) }
    }

    /// Fetches the keys before anybody asks for one, if they can be had.
    pub async fn prefetch(&self, now: Timestamp) {
        let mut known = self.known.lock().await;
        if let Ok(keys) = self.fetch().await {
            *known = Known { keys, fetched: Some(now) };
        }
    }

    /// The key of that name, if the pool has it.
    ///
    /// # Errors
    /// When it is not known and cannot be fetched.
    pub async fn find(&self, key_id: &str, now: Timestamp) -> Result<Option<DecodingKey>, KeysError> {
        let mut known = self.known.lock().await;
        if known.is_worth_fetching(key_id, now) {
            *known = Known { keys: self.fetch().await?, fetched: Some(now) };
        }
        Ok(known.keys.get(key_id).cloned())
    }

    async fn fetch(&self) -> Result<BTreeMap<String, DecodingKey>, KeysError> {
        match self.http.get(&self.url).await? {
            (StatusCode::OK, body) => Ok(rsa_keys(serde_json::from_slice(&body)?)),
            (status, _) => Err(KeysError::Status(status)),
        }
    }
}

#[derive(Debug)]
struct Known {
    keys: BTreeMap<String, DecodingKey>,
    fetched: Option<Timestamp>,
}

impl Known {
    fn is_worth_fetching(&self, key_id: &str, now: Timestamp) -> bool {
        let may_be_new = self.fetched.is_none_or(|fetched| now >= fetched + FETCH_AGAIN_AFTER);
        may_be_new && !self.keys.contains_key(key_id)
    }
}

/// The RSA keys that have a name; a pool signs with no others.
fn rsa_keys(set: JwkSet) -> BTreeMap<String, DecodingKey> {
    set.keys
        .into_iter()
        .filter(|key| matches!(key.algorithm, AlgorithmParameters::RSA(_)))
        .filter_map(|key| Some((key.common.key_id.clone()?, DecodingKey::from_jwk(&key).ok()?)))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::fetch::tests::Server;

    #[test]
    fn made_up_key_names_do_not_make_us_fetch() {
        let known =
            Known { keys: BTreeMap::from([("a".to_owned(), DecodingKey::from_secret(b""))]), fetched: Some(Timestamp(1000)) };
        assert!(!known.is_worth_fetching("a", Timestamp(9999)), "it is known");
        assert!(!known.is_worth_fetching("b", Timestamp(1059)));
        assert!(known.is_worth_fetching("b", Timestamp(1060)), "the pool may have it by now");
        assert!(Known { keys: BTreeMap::new(), fetched: None }.is_worth_fetching("a", Timestamp(0)));
    }

    const SET: &str = r#"{"keys":[{"kid":"rsa","kty":"RSA","alg":"RS256","use":"sig","n":"AQAB","e":"AQAB"}]}"#;

    #[tokio::test]
    async fn keys_are_fetched_once_and_asked_for_often() {
        let server = Server::answering("200 OK", SET.to_owned()).await;
        let keys = SigningKeys::new(Http::new(), server.url.clone());
        for (key_id, found) in [("rsa", true), ("rsa", true), ("made-up", false), ("made-up-too", false)] {
            assert_eq!(keys.find(key_id, Timestamp(1000)).await.unwrap().is_some(), found, "{key_id}");
        }
        assert_eq!(server.asked(), 1);
    }

    #[tokio::test]
    async fn without_keys_nobody_is_judged() {
        for (head, body) in [("500 Oops", SET), ("200 OK", "<html>")] {
            let server = Server::answering(head, body.to_owned()).await;
            let keys = SigningKeys::new(Http::new(), server.url.clone());
            assert!(keys.find("rsa", Timestamp(1000)).await.is_err(), "{head} {body}");
        }
    }

    #[test]
    fn other_keys_than_rsa_are_left_out() {
        let set = r#"{"keys":[
            {"kid":"rsa","kty":"RSA","alg":"RS256","use":"sig","n":"AQAB","e":"AQAB"},
            {"kid":"secret","kty":"oct","alg":"HS256","k":"AQAB"},
            {"kty":"RSA","n":"AQAB","e":"AQAB"}
        ]}"#;
        let keys = rsa_keys(serde_json::from_str(set).unwrap());
        assert_eq!(keys.keys().collect::<Vec<_>>(), ["rsa"]);
    }
}
