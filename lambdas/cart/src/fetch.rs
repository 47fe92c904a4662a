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

    /// The status and the body at a URL. Where the caller is part of a trace, so is who answers: `trace` is its [tracing header].
    ///
    /// [tracing header]: https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
    ///
    /// # Errors
    /// [`FetchError::Fetch`] and [`FetchError::TooLarge`]. A status is never an error.
    pub async fn get(&self, url: &str, trace: Option<&str>) -> Result<(StatusCode, Vec<u8>), FetchError> {
        let request = trace.into_iter().fold(self.0.get(url), |request, trace| request.header("x-amzn-trace-id", trace));
        let mut response = request.send().await.map_err(failed)?;
        let mut body = Vec::new();
        while let Some(chunk) = response.chunk().await.map_err(failed)? {
            if body.len() + chunk.len() > MAX_DOCUMENT {
                return Err(FetchError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok((response.status(), body))
    }
}

/// Without the URL, which says what somebody looks at and would end up in the log.
fn failed(error: reqwest::Error) -> FetchError {
    FetchError::Fetch(error.without_url())
}

#[cfg(test)]
pub(crate) mod tests {
    use std::sync::{
        Arc,
        atomic::{AtomicUsize, Ordering},
    };

    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::TcpListener,
    };

    use super::*;

    /// A server on this machine that gives every caller the same answer.
    pub(crate) struct Server {
        pub(crate) url: String,
        asked: Arc<AtomicUsize>,
    }

    impl Server {
        pub(crate) async fn answering(head: &str, body: String) -> Self {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            let answer = format!("HTTP/1.1 {head}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            let asked = Arc::new(AtomicUsize::new(0));
            let count = Arc::clone(&asked);
            tokio::spawn(async move {
                while let Ok((mut caller, _)) = listener.accept().await {
                    count.fetch_add(1, Ordering::Relaxed);
                    let _ = caller.read(&mut [0; 4096]).await;
                    let _ = caller.write_all(answer.as_bytes()).await;
                }
            });
            Self { url, asked }
        }

        pub(crate) fn asked(&self) -> usize {
            self.asked.load(Ordering::Relaxed)
        }
    }

    #[tokio::test]
    async fn a_document_comes_with_its_status() {
        let server = Server::answering("404 Not Found", "none".to_owned()).await;
        let (status, body) = Http::new().unwrap().get(&server.url, None).await.unwrap();
        assert_eq!((status, body.as_slice()), (StatusCode::NOT_FOUND, b"none".as_slice()));
    }

    #[tokio::test]
    async fn nobody_is_sent_elsewhere_or_given_too_much() {
        let http = Http::new().unwrap();
        let elsewhere = Server::answering("200 OK", "secret".to_owned()).await;
        let server = Server::answering(&format!("302 Found\r\nlocation: {}", elsewhere.url), String::new()).await;
        assert_eq!(http.get(&server.url, None).await.unwrap().0, StatusCode::FOUND);
        assert_eq!(elsewhere.asked(), 0);

        let server = Server::answering("200 OK", "x".repeat(MAX_DOCUMENT + 1)).await;
        assert!(matches!(http.get(&server.url, None).await, Err(FetchError::TooLarge)));
    }
}
