//! The HTTP client of the process: gets small documents, and carries what the AWS clients send. One client, so that there is one store
//! of root certificates to load, one implementation of TLS in the binary, and one pool of connections, which `warm_up` fills. Knows
//! nothing of what is in a document.

use std::time::Duration;

use aws_smithy_http_client::{
    Connector,
    tls::{Provider, TlsContext, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::{
    client::{
        http::{HttpConnector as _, HttpConnectorSettings, SharedHttpClient, SharedHttpConnector, http_client_fn},
        orchestrator::HttpRequest,
        result::ConnectorError,
    },
    http::HttpError,
};
use aws_smithy_types::byte_stream::{ByteStream, error::Error as BodyError};
use lambda_http::http::StatusCode;
use thiserror::Error;
use tokio::time::timeout;

/// The largest document taken, in bytes.
const MAX_DOCUMENT: usize = 64 * 1024;

/// How long it may take until a connection is open.
const CONNECT_LIMIT: Duration = Duration::from_secs(1);

/// How long it may take until a document is there. For the AWS clients other limits hold (see `clients`).
const LIMIT: Duration = Duration::from_secs(3);

/// The HTTP client of the process. Clones share its connections. It follows no redirects and is not influenced by proxy variables.
#[derive(Clone, Debug)]
pub struct Http(SharedHttpConnector);

/// Nothing usable came back.
#[derive(Debug, Error)]
pub enum FetchError {
    /// Nothing can be asked at such a URL.
    #[error("cannot ask for a document")]
    Request(#[from] HttpError),
    /// No answer.
    #[error("cannot fetch a document")]
    Fetch(#[source] ConnectorError),
    /// Not all of an answer.
    #[error("a document breaks off")]
    Body(#[from] BodyError),
    /// No answer in time, or not all of it.
    #[error("a document takes too long")]
    TooLate,
    /// A document so large that it cannot be the one wanted.
    #[error("the document is too large")]
    TooLarge,
}

impl Default for Http {
    fn default() -> Self {
        Self::new()
    }
}

impl Http {
    /// A client that trusts whom this machine trusts.
    #[must_use]
    pub fn new() -> Self {
        Self::with(TlsContext::default())
    }

    pub(crate) fn with(tls: TlsContext) -> Self {
        let settings = HttpConnectorSettings::builder().connect_timeout(CONNECT_LIMIT).build();
        let connector = Connector::builder().connector_settings(settings).tls_provider(Provider::Rustls(CryptoMode::AwsLc));
        Self(SharedHttpConnector::new(connector.tls_context(tls).build()))
    }

    /// This client, as the AWS clients take it.
    #[must_use]
    pub fn for_aws(&self) -> SharedHttpClient {
        let connector = self.0.clone();
        http_client_fn(move |_, _| connector.clone())
    }

    /// The status and the body at a URL.
    ///
    /// # Errors
    /// [`FetchError`]. A status is never an error.
    pub async fn get(&self, url: &str) -> Result<(StatusCode, Vec<u8>), FetchError> {
        self.ask("GET", url).await
    }

    /// Asks what may be asked at a URL, which does nothing there.
    ///
    /// # Errors
    /// [`FetchError`].
    pub async fn options(&self, url: &str) -> Result<(), FetchError> {
        self.ask("OPTIONS", url).await.map(drop)
    }

    async fn ask(&self, method: &str, url: &str) -> Result<(StatusCode, Vec<u8>), FetchError> {
        let mut request = HttpRequest::get(url)?;
        request.set_method(method)?;
        timeout(LIMIT, self.send(request)).await.unwrap_or(Err(FetchError::TooLate))
    }

    async fn send(&self, request: HttpRequest) -> Result<(StatusCode, Vec<u8>), FetchError> {
        let answer = self.0.call(request).await.map_err(FetchError::Fetch)?.try_into_http1x()?;
        let (head, body) = answer.into_parts();
        let (mut chunks, mut body) = (ByteStream::new(body), Vec::new());
        while let Some(chunk) = chunks.next().await.transpose()? {
            if body.len() + chunk.len() > MAX_DOCUMENT {
                return Err(FetchError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok((head.status, body))
    }
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
        let (status, body) = Http::new().get(&server.url).await.unwrap();
        assert_eq!((status, body.as_slice()), (StatusCode::NOT_FOUND, b"none".as_slice()));
    }

    #[tokio::test]
    async fn nobody_is_sent_elsewhere_or_given_too_much() {
        let http = Http::new();
        let elsewhere = Server::answering("200 OK", "secret".to_owned()).await;
        let server = Server::answering(&format!("302 Found\r\nlocation: {}", elsewhere.url), String::new()).await;
        assert_eq!(http.get(&server.url).await.unwrap().0, StatusCode::FOUND);
        assert_eq!(elsewhere.asked(), 0);

        let server = Server::answering("200 OK", "x".repeat(MAX_DOCUMENT + 1)).await;
        assert!(matches!(http.get(&server.url).await, Err(FetchError::TooLarge)));
    }
}
