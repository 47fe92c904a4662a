//! The HTTP client of the process: gets small documents, trying again for a while, and sends the calls of AWS. One client for all, so that
//! the process loads one store of root certificates, has one implementation of TLS, and has one pool of connections, which `warm_up`
//! fills. Knows nothing of the documents' content.

use std::time::Duration;

use aws_smithy_http_client::{
    Connector,
    tls::{Provider, TlsContext, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::{
    client::{
        http::{HttpConnector as _, HttpConnectorSettings, SharedHttpConnector},
        orchestrator::HttpRequest,
        result::ConnectorError,
    },
    http::HttpError,
};
use aws_smithy_types::byte_stream::{ByteStream, error::Error as BodyError};
use http::StatusCode;
use thiserror::Error;

use crate::{backoff, subsegments::Subsegments, waiting::Waiting};

/// The limits of one try: the time, and the bytes of the answer's body.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) patience: Duration,
    pub(crate) size: usize,
}

impl Limits {
    /// The same limits, if no more time is left than this.
    pub(crate) fn within(self, left: Duration) -> Self {
        Self { patience: self.patience.min(left), ..self }
    }
}

/// Until a connection is open.
const CONNECT_LIMIT: Duration = Duration::from_secs(1);
/// For a document. A service that answers needs a tenth of that time, even if a process has to start for it.
const LIMITS: Limits = Limits { patience: Duration::from_millis(1200), size: 64 * 1024 };
/// For all tries of a document. A function gets two of them at most, keys and a product, and has ten seconds.
const ALL_PATIENCE: Duration = Duration::from_secs(3);

/// The HTTP client of the process. Clones share connections. It follows no redirects, and ignores proxy variables.
#[derive(Clone, Debug)]
pub struct Http {
    connector: SharedHttpConnector,
    pub(crate) waiting: Waiting,
}

/// No usable answer was received.
#[derive(Debug, Error)]
pub enum FetchError {
    /// The URL is invalid.
    #[error("cannot ask for a document")]
    Request(#[from] HttpError),
    /// The connection failed.
    #[error("cannot fetch a document")]
    Fetch(#[source] ConnectorError),
    /// The answer is incomplete.
    #[error("a document breaks off")]
    Body(#[from] BodyError),
    /// The answer was not complete in time.
    #[error("a document takes too long")]
    TooLate,
    /// The answer is larger than any document that is wanted.
    #[error("the document is too large")]
    TooLarge,
}

impl Default for Http {
    fn default() -> Self {
        Self::new()
    }
}

impl Http {
    /// A client that trusts the root certificates of this machine.
    #[must_use]
    pub fn new() -> Self {
        Self::with(TlsContext::default())
    }

    /// A client that sends its requests through this connector, and waits in this way.
    #[must_use]
    pub const fn over(connector: SharedHttpConnector, waiting: Waiting) -> Self {
        Self { connector, waiting }
    }

    /// The same client, which reports its calls to X-Ray.
    #[must_use]
    pub fn traced(self, subsegments: Subsegments) -> Self {
        Self { connector: subsegments.around(self.connector), ..self }
    }

    pub(crate) fn with(tls: TlsContext) -> Self {
        let settings = HttpConnectorSettings::builder().connect_timeout(CONNECT_LIMIT).build();
        let connector = Connector::builder().connector_settings(settings).tls_provider(Provider::Rustls(CryptoMode::AwsLc));
        Self::over(SharedHttpConnector::new(connector.tls_context(tls).build()), Waiting::by_the_clock())
    }

    /// Gets a document: the status and the body. Tries again where another answer is possible.
    ///
    /// # Errors
    /// [`FetchError`]. No status is an error.
    pub async fn get(&self, url: &str) -> Result<(StatusCode, Vec<u8>), FetchError> {
        let ask = |left| self.once("GET", url, LIMITS.within(left));
        backoff::ask_again(&self.waiting, ALL_PATIENCE, ask, may_be_better_next_time).await
    }

    /// Sends one `OPTIONS` request, which has no effect.
    ///
    /// # Errors
    /// [`FetchError`].
    pub async fn options(&self, url: &str) -> Result<(), FetchError> {
        self.once("OPTIONS", url, LIMITS).await.map(drop)
    }

    pub(crate) async fn once(&self, method: &str, url: &str, limits: Limits) -> Result<(StatusCode, Vec<u8>), FetchError> {
        let mut request = HttpRequest::get(url)?;
        request.set_method(method)?;
        self.send(request, limits).await
    }

    /// Sends a request once.
    pub(crate) async fn send(&self, request: HttpRequest, limits: Limits) -> Result<(StatusCode, Vec<u8>), FetchError> {
        let received = self.waiting.at_most(limits.patience, self.receive(request, limits.size)).await;
        received.unwrap_or(Err(FetchError::TooLate))
    }

    async fn receive(&self, request: HttpRequest, size: usize) -> Result<(StatusCode, Vec<u8>), FetchError> {
        let answer = self.connector.call(request).await.map_err(FetchError::Fetch)?.try_into_http1x()?;
        let (head, body) = answer.into_parts();
        let (mut chunks, mut body) = (ByteStream::new(body), Vec::new());
        while let Some(chunk) = chunks.next().await.transpose()? {
            if body.len() + chunk.len() > size {
                return Err(FetchError::TooLarge);
            }
            body.extend_from_slice(&chunk);
        }
        Ok((head.status, body))
    }
}

impl FetchError {
    /// Whether the next try may succeed: after a broken connection, or a late answer.
    pub(crate) const fn may_pass(&self) -> bool {
        match self {
            Self::Fetch(_) | Self::Body(_) | Self::TooLate => true,
            Self::Request(_) | Self::TooLarge => false,
        }
    }
}

/// Whether the next try may have another result. Throttling and failures of the service count like no answer. Any other status would be the
/// same again.
fn may_be_better_next_time(outcome: &Result<(StatusCode, Vec<u8>), FetchError>) -> bool {
    match outcome {
        Ok((status, _)) => status.is_server_error() || *status == StatusCode::TOO_MANY_REQUESTS,
        Err(error) => error.may_pass(),
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
        net::{TcpListener, TcpStream},
    };

    use super::*;
    use crate::waiting::tests::{impatient, patient};

    /// A client that tries again at once.
    pub(crate) fn http() -> Http {
        Http { waiting: patient(), ..Http::new() }
    }

    #[derive(Clone)]
    pub(crate) enum Reply {
        /// The first lines of the answer, and its body.
        Answer(String, String),
        /// Closes the connection without an answer.
        HangUp,
    }

    impl Reply {
        pub(crate) fn new(head: &str, body: &str) -> Self {
            Self::Answer(head.to_owned(), body.to_owned())
        }
    }

    /// A server on loopback. It keeps connections open, as API Gateway does.
    pub(crate) struct Server {
        pub(crate) url: String,
        connections: Arc<AtomicUsize>,
        asked: Arc<AtomicUsize>,
    }

    impl Server {
        /// Gives every request the same answer.
        pub(crate) async fn answering(head: &str, body: String) -> Self {
            Self::replying([Reply::Answer(head.to_owned(), body)]).await
        }

        /// Gives these replies in order, then the last one again and again.
        pub(crate) async fn replying(replies: impl Into<Vec<Reply>>) -> Self {
            let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
            let url = format!("http://{}", listener.local_addr().unwrap());
            let replies: Arc<[Reply]> = replies.into().into();
            let (connections, asked) = (Arc::default(), Arc::default());
            let server = Self { url, connections: Arc::clone(&connections), asked: Arc::clone(&asked) };
            tokio::spawn(async move {
                while let Ok((caller, _)) = listener.accept().await {
                    connections.fetch_add(1, Ordering::Relaxed);
                    tokio::spawn(serve(caller, Arc::clone(&replies), Arc::clone(&asked)));
                }
            });
            server
        }

        /// Requests so far.
        pub(crate) fn asked(&self) -> usize {
            self.asked.load(Ordering::Relaxed)
        }

        /// Connections so far.
        pub(crate) fn connections(&self) -> usize {
            self.connections.load(Ordering::Relaxed)
        }
    }

    async fn serve(mut caller: TcpStream, replies: Arc<[Reply]>, asked: Arc<AtomicUsize>) {
        let mut request = Vec::new();
        loop {
            while !request.ends_with(b"\r\n\r\n") {
                if caller.read_buf(&mut request).await.unwrap_or(0) == 0 {
                    return;
                }
            }
            let index = asked.fetch_add(1, Ordering::Relaxed).min(replies.len() - 1);
            let (head, body) = match &replies[index] {
                Reply::Answer(head, body) => (head.as_str(), body.as_str()),
                Reply::HangUp => return,
            };
            request.clear();
            let answer = format!("HTTP/1.1 {head}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
            let _ = caller.write_all(answer.as_bytes()).await;
        }
    }

    async fn get(server: &Server) -> Result<(u16, Vec<u8>), FetchError> {
        http().get(&server.url).await.map(|(status, body)| (status.as_u16(), body))
    }

    #[tokio::test]
    async fn a_document_comes_with_its_status() {
        let server = Server::answering("404 Not Found", "none".to_owned()).await;
        assert_eq!(get(&server).await.unwrap(), (404, b"none".to_vec()));
    }

    #[tokio::test]
    async fn nobody_is_sent_elsewhere_or_given_too_much() {
        let elsewhere = Server::answering("200 OK", "secret".to_owned()).await;
        let server = Server::answering(&format!("302 Found\r\nlocation: {}", elsewhere.url), String::new()).await;
        assert_eq!(get(&server).await.unwrap().0, 302);
        assert_eq!(elsewhere.asked(), 0);

        let server = Server::answering("200 OK", "x".repeat(LIMITS.size + 1)).await;
        assert!(matches!(get(&server).await, Err(FetchError::TooLarge)));
        assert_eq!(server.asked(), 1);
    }

    #[tokio::test]
    async fn what_may_pass_is_tried_again() {
        let fine = Reply::new("200 OK", "here");
        for passing in
            [Reply::HangUp, Reply::new("500 Oops", ""), Reply::new("503 Busy", ""), Reply::new("429 Too Many Requests", "")]
        {
            let server = Server::replying([passing.clone(), passing, fine.clone()]).await;
            assert_eq!(get(&server).await.unwrap(), (200, b"here".to_vec()));
            assert_eq!(server.asked(), 3);
        }
    }

    #[tokio::test]
    async fn what_stays_as_it_is_is_not() {
        for answer in ["400 Bad Request", "403 Forbidden", "404 Not Found", "304 Not Modified"] {
            let server = Server::replying([Reply::new(answer, ""), Reply::new("200 OK", "")]).await;
            assert_eq!(get(&server).await.unwrap().0.to_string(), answer[..3]);
            assert_eq!(server.asked(), 1, "{answer}");
        }
    }

    #[tokio::test]
    async fn trying_again_has_an_end() {
        let server = Server::answering("502 Bad Gateway", String::new()).await;
        assert_eq!(get(&server).await.unwrap().0, 502);
        assert_eq!(server.asked(), 3);
        let server = Server::replying([Reply::HangUp]).await;
        assert!(matches!(get(&server).await, Err(FetchError::Fetch(_))));
        assert!((3..=6).contains(&server.asked()), "{}", server.asked());
    }

    #[tokio::test]
    async fn whoever_does_not_answer_is_not_waited_for() {
        // The system connects, and nobody accepts. Without an end of patience this test would have none.
        let silent = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", silent.local_addr().unwrap());
        let http = Http { waiting: impatient(), ..Http::new() };
        assert!(matches!(http.get(&url).await, Err(FetchError::TooLate)));
    }

    #[tokio::test]
    async fn one_connection_serves_many_requests() {
        let server = Server::answering("200 OK", "here".to_owned()).await;
        let http = http();
        for _ in 0..5 {
            http.clone().get(&server.url).await.unwrap();
        }
        assert_eq!((server.asked(), server.connections()), (5, 1));
    }
}
