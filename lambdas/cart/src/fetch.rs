//! The HTTP client of the process: gets small documents, trying again for a while if nothing comes, and carries the calls of AWS.
//! One client, so that there is one store of root certificates to load, one implementation of TLS in the binary, and one pool of
//! connections, which `warm_up` fills. Knows nothing of what is in a document.

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

/// What an answer may take: how long one try, and how many bytes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Limits {
    pub(crate) patience: Duration,
    pub(crate) size: usize,
}

impl Limits {
    /// The same, where only so much time is left.
    pub(crate) fn within(self, left: Duration) -> Self {
        Self { patience: self.patience.min(left), ..self }
    }
}

/// How long it may take until a connection is open.
const CONNECT_LIMIT: Duration = Duration::from_secs(1);
/// Of a document. Who answers does so in a tenth of that time, also when woken for it.
const LIMITS: Limits = Limits { patience: Duration::from_millis(1200), size: 64 * 1024 };
/// How long all tries may take together. A function looks up two documents at most, keys and a product, and has ten seconds.
const ALL_PATIENCE: Duration = Duration::from_secs(3);

/// The HTTP client of the process. Clones share its connections. It follows no redirects and is not influenced by proxy variables.
#[derive(Clone, Debug)]
pub struct Http {
    connector: SharedHttpConnector,
    pub(crate) waiting: Waiting,
}

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

    /// A client that sends its requests through this connector, and waits in this way.
    #[must_use]
    pub const fn over(connector: SharedHttpConnector, waiting: Waiting) -> Self {
        Self { connector, waiting }
    }

    /// The same client, its calls told of.
    #[must_use]
    pub fn told_of(self, subsegments: Subsegments) -> Self {
        Self { connector: subsegments.around(self.connector), ..self }
    }

    pub(crate) fn with(tls: TlsContext) -> Self {
        let settings = HttpConnectorSettings::builder().connect_timeout(CONNECT_LIMIT).build();
        let connector = Connector::builder().connector_settings(settings).tls_provider(Provider::Rustls(CryptoMode::AwsLc));
        Self::over(SharedHttpConnector::new(connector.tls_context(tls).build()), Waiting::by_the_clock())
    }

    /// The status and the body at a URL. Asks again where another answer may come of it.
    ///
    /// # Errors
    /// [`FetchError`]. A status is never an error.
    pub async fn get(&self, url: &str) -> Result<(StatusCode, Vec<u8>), FetchError> {
        let ask = |left| self.once("GET", url, LIMITS.within(left));
        backoff::ask_again(&self.waiting, ALL_PATIENCE, ask, may_be_better_next_time).await
    }

    /// Asks what may be asked at a URL, once; that does nothing there.
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

    /// Sends a request, once.
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
    /// Whether it is the moment that was bad: a broken connection, or no answer in time.
    pub(crate) const fn may_pass(&self) -> bool {
        match self {
            Self::Fetch(_) | Self::Body(_) | Self::TooLate => true,
            Self::Request(_) | Self::TooLarge => false,
        }
    }
}

/// Whether it is the moment that was bad, also as they see it over there: too much to do, or a failure. Everything else is an answer, and
/// would be the same again.
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

    /// What a server does when it is asked.
    #[derive(Clone)]
    pub(crate) enum Reply {
        /// The first lines of the answer, and its body.
        Answer(String, String),
        /// Closes the connection without a word.
        HangUp,
    }

    impl Reply {
        pub(crate) fn new(head: &str, body: &str) -> Self {
            Self::Answer(head.to_owned(), body.to_owned())
        }
    }

    /// A server on this machine. It keeps connections open, as API Gateway does.
    pub(crate) struct Server {
        pub(crate) url: String,
        connections: Arc<AtomicUsize>,
        asked: Arc<AtomicUsize>,
    }

    impl Server {
        /// Gives every caller the same answer.
        pub(crate) async fn answering(head: &str, body: String) -> Self {
            Self::replying([Reply::Answer(head.to_owned(), body)]).await
        }

        /// Replies with one after the other, and then always with the last.
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
