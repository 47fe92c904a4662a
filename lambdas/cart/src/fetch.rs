//! Gets small documents over HTTP. Knows nothing of what is in them.

use std::time::Duration;

use reqwest::{Client, StatusCode, redirect};
use thiserror::Error;

/// The largest document taken, in bytes.
const MAX_DOCUMENT: usize = 64 * 1024;

/// The HTTP client of the process. Clones share its connections.
#[derive(Clone, Debug)]
pub struct Http(Client);

/// Nothing usable came back.
#[derive(Debug, Error)]
pub enum FetchError {
    /// The client cannot be made, for example for want of root certificates.
    #[error("cannot make an HTTP client")]
    Client(#[source] reqwest::Error),
    /// No answer, or not all of it.
    #[error("cannot fetch a document")]
    Fetch(#[source] reqwest::Error),
    /// A document so large that it cannot be the one wanted.
    #[error("the document is too large")]
    TooLarge,
}

impl Http {
    /// A client that gives up soon, follows no redirects, and is not influenced by proxy variables.
    ///
    /// # Errors
    /// [`FetchError::Client`].
    pub fn new() -> Result<Self, FetchError> {
        Client::builder()
            .connect_timeout(Duration::from_secs(1))
            .timeout(Duration::from_secs(3))
            .redirect(redirect::Policy::none())
            .no_proxy()
            .build()
            .map(Self)
            .map_err(FetchError::Client)
    }

    /// The status and the body at a URL.
    ///
    /// # Errors
    /// [`FetchError::Fetch`] and [`FetchError::TooLarge`]. A status is never an error.
    pub async fn get(&self, url: &str) -> Result<(StatusCode, Vec<u8>), FetchError> {
        let mut response = self.0.get(url).send().await.map_err(FetchError::Fetch)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(FetchError::Fetch)? {
            if body.len() + chunk.len() > MAX_DOCUMENT {
                return Err(FetchError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok((response.status(), body))
    }
}
