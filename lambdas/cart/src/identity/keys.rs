//! The user pool's signing keys: fetched before they are needed, and again when they are old or one is missing. Knows nothing of tokens.

use std::{
    collections::BTreeMap,
    sync::{PoisonError, RwLock},
    time::Duration,
};

use http::StatusCode;
use jsonwebtoken::{
    DecodingKey,
    jwk::{AlgorithmParameters, JwkSet},
};
use thiserror::Error;
use tokio::sync::Mutex;

use crate::{
    clock::Timestamp,
    fetch::{FetchError, Http},
};

/// How long after a fetch an unknown key name does not cause another. A pool publishes a key long before it signs with it, and invented key
/// names must not cause a fetch each.
const FETCH_AGAIN_AFTER: Duration = Duration::from_mins(1);

/// How long after a failed fetch there is no other: short enough that a hiccup does not lock everybody out, long enough that a service in
/// trouble is not asked for every request.
const REST_AFTER_FAILURE: Duration = Duration::from_secs(5);

/// After this time the keys are fetched again, so that a long-lived process forgets a key that the pool has withdrawn.
const OLD_AFTER: Duration = Duration::from_hours(1);

/// The keys of a JSON Web Key Set at a URL.
#[derive(Debug)]
pub struct SigningKeys {
    http: Http,
    url: String,
    known: RwLock<Known>,
    /// Locked while fetching, so that other requests wait for the keys instead of fetching them too.
    fetching: Mutex<()>,
}

/// The keys are not known, so no token can be verified.
#[derive(Debug, Error)]
pub enum KeysError {
    /// The keys could not be fetched.
    #[error("cannot fetch the signing keys")]
    Fetch(#[from] FetchError),
    /// The answer has another status than 200.
    #[error("the signing keys are answered with {0}")]
    Status(StatusCode),
    /// The answer is no key set.
    #[error("cannot read the signing keys")]
    Read(#[from] serde_json::Error),
    /// The key set has no key that could sign a token.
    #[error("there is no signing key")]
    None,
    /// A fetch failed within the last seconds.
    #[error("the signing keys could not be fetched a moment ago")]
    JustFailed,
}

impl SigningKeys {
    /// The keys at a URL, which are not fetched yet.
    #[must_use]
    pub const fn new(http: Http, url: String) -> Self {
        Self { http, url, known: RwLock::new(Known::NOTHING), fetching: Mutex::const_new(()) }
    }

    /// Fetches the keys, if they can be fetched.
    pub async fn prefetch(&self, now: Timestamp) {
        let _only_one = self.fetching.lock().await;
        if let Ok(keys) = self.fetch().await {
            self.known(|known| *known = Known { keys, fetched: Some(now), failed: None });
        }
    }

    /// The key of this name. None, if the pool has no such key.
    ///
    /// # Errors
    /// [`KeysError`], if it cannot be found out whether the pool has the key.
    pub async fn find(&self, key_id: &str, now: Timestamp) -> Result<Option<DecodingKey>, KeysError> {
        if let Some(verdict) = self.known(|known| known.verdict(key_id, now)) {
            return verdict.into();
        }
        let _only_one = self.fetching.lock().await;
        // Another request may have fetched them meanwhile.
        if let Some(verdict) = self.known(|known| known.verdict(key_id, now)) {
            return verdict.into();
        }
        let fetched = self.fetch().await;
        self.known(|known| known.learn(fetched, key_id, now))
    }

    async fn fetch(&self) -> Result<BTreeMap<String, DecodingKey>, KeysError> {
        let keys = match self.http.get(&self.url).await? {
            (StatusCode::OK, body) => rsa_keys(serde_json::from_slice(&body)?),
            (status, _) => return Err(KeysError::Status(status)),
        };
        if keys.is_empty() { Err(KeysError::None) } else { Ok(keys) }
    }

    fn known<T>(&self, ask: impl FnOnce(&mut Known) -> T) -> T {
        ask(&mut self.known.write().unwrap_or_else(PoisonError::into_inner))
    }
}

#[derive(Debug)]
struct Known {
    keys: BTreeMap<String, DecodingKey>,
    /// When the keys were fetched.
    fetched: Option<Timestamp>,
    /// When a fetch failed. None, if one succeeded since.
    failed: Option<Timestamp>,
}

/// The knowledge about a key without a fetch.
enum Verdict {
    Key(DecodingKey),
    Unknown,
    JustFailed,
}

impl From<Verdict> for Result<Option<DecodingKey>, KeysError> {
    fn from(verdict: Verdict) -> Self {
        match verdict {
            Verdict::Key(key) => Ok(Some(key)),
            Verdict::Unknown => Ok(None),
            Verdict::JustFailed => Err(KeysError::JustFailed),
        }
    }
}

impl Known {
    const NOTHING: Self = Self { keys: BTreeMap::new(), fetched: None, failed: None };

    /// None, if the keys are to be fetched first.
    fn verdict(&self, key_id: &str, now: Timestamp) -> Option<Verdict> {
        let within = |since: Option<Timestamp>, time| since.is_some_and(|since| now < since + time);
        let failed = within(self.failed, REST_AFTER_FAILURE);
        match self.keys.get(key_id) {
            Some(key) if failed || within(self.fetched, OLD_AFTER) => Some(Verdict::Key(key.clone())),
            None if failed => Some(Verdict::JustFailed),
            None if within(self.fetched, FETCH_AGAIN_AFTER) => Some(Verdict::Unknown),
            _ => None,
        }
    }

    /// Takes in a fetch, and returns the key. If the fetch failed, the old keys stay valid.
    fn learn(
        &mut self,
        fetched: Result<BTreeMap<String, DecodingKey>, KeysError>,
        key_id: &str,
        now: Timestamp,
    ) -> Result<Option<DecodingKey>, KeysError> {
        match fetched {
            Ok(keys) => {
                *self = Self { keys, fetched: Some(now), failed: None };
                Ok(self.keys.get(key_id).cloned())
            }
            Err(error) => {
                self.failed = Some(now);
                self.keys.get(key_id).cloned().map(Some).ok_or(error)
            }
        }
    }
}

/// The RSA keys with a name, the only ones that a pool signs with.
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
    use crate::fetch::tests::{Reply, Server, http};

    fn set(key_id: &str) -> Reply {
        Reply::new(
            "200 OK",
            &format!(r#"{{"keys":[{{"kid":"{key_id}","kty":"RSA","alg":"RS256","use":"sig","n":"AQAB","e":"AQAB"}}]}}"#),
        )
    }

    fn keys_of(server: &Server) -> SigningKeys {
        SigningKeys::new(http(), server.url.clone())
    }

    async fn has(keys: &SigningKeys, key_id: &str, now: u64) -> Option<bool> {
        keys.find(key_id, Timestamp(now)).await.ok().map(|key| key.is_some())
    }

    const KNOWN: Option<bool> = Some(true);
    const UNKNOWN: Option<bool> = Some(false);
    const NOBODY_KNOWS: Option<bool> = None;

    #[tokio::test]
    async fn keys_are_fetched_once_and_asked_for_often() {
        let server = Server::replying([set("rsa")]).await;
        let keys = keys_of(&server);
        for (key_id, found) in [("rsa", KNOWN), ("rsa", KNOWN), ("made-up", UNKNOWN), ("made-up-too", UNKNOWN)] {
            assert_eq!(has(&keys, key_id, 1000).await, found, "{key_id}");
        }
        assert_eq!(server.asked(), 1);
    }

    #[tokio::test]
    async fn made_up_key_names_do_not_make_us_fetch() {
        let server = Server::replying([set("old"), set("new")]).await;
        let keys = keys_of(&server);
        for (now, key_id, found, asked) in [
            (1000, "old", KNOWN, 1),
            (1059, "new", UNKNOWN, 1),
            (1060, "new", KNOWN, 2),
            (1061, "old", UNKNOWN, 2),
            (1119, "made-up", UNKNOWN, 2),
        ] {
            assert_eq!((has(&keys, key_id, now).await, server.asked()), (found, asked), "{key_id} at {now}");
        }
    }

    #[tokio::test]
    async fn a_withdrawn_key_is_forgotten_within_the_hour() {
        let server = Server::replying([set("old"), set("new")]).await;
        let keys = keys_of(&server);
        for (now, found, asked) in [(1000, KNOWN, 1), (4599, KNOWN, 1), (4600, UNKNOWN, 2)] {
            assert_eq!((has(&keys, "old", now).await, server.asked()), (found, asked), "at {now}");
        }
    }

    #[tokio::test]
    async fn without_keys_nobody_is_judged_and_nobody_is_asked_for_each_request() {
        // A failure three times, because a fetch tries three times; an answer that makes no sense once.
        let busy = Reply::new("500 Oops", "");
        let replies =
            [busy.clone(), busy.clone(), busy, Reply::new("200 OK", "<html>"), Reply::new("200 OK", r#"{"keys":[]}"#), set("rsa")];
        let server = Server::replying(replies).await;
        let keys = keys_of(&server);
        for (now, found, asked) in [
            (1000, NOBODY_KNOWS, 3),
            (1004, NOBODY_KNOWS, 3),
            (1005, NOBODY_KNOWS, 4),
            (1009, NOBODY_KNOWS, 4),
            (1010, NOBODY_KNOWS, 5),
            (1015, KNOWN, 6),
        ] {
            assert_eq!((has(&keys, "rsa", now).await, server.asked()), (found, asked), "at {now}");
        }
    }

    #[tokio::test]
    async fn what_is_known_stays_known_though_it_cannot_be_fetched_again() {
        let server = Server::replying([set("rsa"), Reply::new("404 Not Found", "")]).await;
        let keys = keys_of(&server);
        for (now, key_id, found, asked) in [
            (1000, "rsa", KNOWN, 1),
            (1100, "made-up", NOBODY_KNOWS, 2),
            (1101, "made-up", NOBODY_KNOWS, 2),
            (1101, "rsa", KNOWN, 2),
            (9000, "rsa", KNOWN, 3),
            (9001, "rsa", KNOWN, 3),
        ] {
            assert_eq!((has(&keys, key_id, now).await, server.asked()), (found, asked), "{key_id} at {now}");
        }
    }

    #[tokio::test]
    async fn those_who_ask_at_once_are_answered_by_one_fetch() {
        let server = Server::replying([set("rsa")]).await;
        let keys = keys_of(&server);
        let found =
            tokio::join!(has(&keys, "rsa", 1000), has(&keys, "rsa", 1000), has(&keys, "made-up", 1000), has(&keys, "rsa", 1001),);
        assert_eq!((found, server.asked()), ((KNOWN, KNOWN, UNKNOWN, KNOWN), 1));
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
