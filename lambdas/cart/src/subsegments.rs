//! Reports the calls of the process to X-Ray: each is a subsegment of the function's segment, and the service that is called continues the
//! trace from there. Knows nothing of the services but what is in the requests.

use std::{fmt, net::SocketAddr, sync::Arc, time::SystemTime};

use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector},
    orchestrator::{HttpRequest, HttpResponse},
};
use cart_shared::StartError;
use futures_util::FutureExt as _;
use http::Uri;
use opentelemetry::{
    InstrumentationScope, KeyValue,
    trace::{SpanContext, SpanId, SpanKind, Status},
};
use opentelemetry_aws::{
    trace::xray_propagator::{span_context_from_str, span_context_to_string},
    xray_exporter::{SegmentTranslator, XrayExporter, daemon_client::XrayDaemonClient},
};
use opentelemetry_sdk::trace::{SpanData, SpanEvents, SpanExporter as _, SpanLinks};
use tracing::debug;

/// The header that carries a trace to the next service
/// (<https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader>). It is not part of the signature.
const TRACE_HEADER: &str = "x-amzn-trace-id";

/// Reports calls to X-Ray.
pub struct Subsegments {
    /// None, where functions run locally.
    daemon: Option<XrayExporter<XrayDaemonClient>>,
    /// The tracing header of the current invocation. Lambda's runtime keeps it in the environment for this purpose
    /// (<https://docs.aws.amazon.com/lambda/latest/dg/runtimes-api.html>).
    invocation: Box<dyn Fn() -> Option<String> + Send + Sync>,
}

impl fmt::Debug for Subsegments {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Subsegments")
    }
}

impl Subsegments {
    /// Reports to the daemon that Lambda runs beside a function.
    pub fn new(lookup: impl Fn(&'static str) -> Result<String, StartError> + Send + Sync + 'static) -> Self {
        let address = lookup("AWS_XRAY_DAEMON_ADDRESS").ok().and_then(|address| address.parse::<SocketAddr>().ok());
        let client = address.and_then(|address| XrayDaemonClient::new(address).ok());
        // X-Ray itself refuses segments that are older than a month.
        let translator = SegmentTranslator::new().skip_timestamp_validation();
        let daemon = client.map(|client| XrayExporter::new(client).with_translator(translator));
        Self { daemon, invocation: Box::new(move || lookup("_X_AMZN_TRACE_ID").ok()) }
    }

    /// Sends every request through this connector, and reports it.
    pub(crate) fn around(self, connector: SharedHttpConnector) -> SharedHttpConnector {
        SharedHttpConnector::new(Traced { connector, subsegments: Arc::new(self) })
    }

    /// Sends a datagram to the same machine: it is not waited for, and a lost one is not repeated.
    fn report(&self, call: SpanData) {
        if let Some(daemon) = &self.daemon
            && let Some(Err(error)) = daemon.export(vec![call]).now_or_never()
        {
            debug!(%error, "a call was not reported to X-Ray");
        }
    }
}

/// A connector whose calls are reported.
#[derive(Debug)]
struct Traced {
    connector: SharedHttpConnector,
    subsegments: Arc<Subsegments>,
}

impl HttpConnector for Traced {
    fn call(&self, mut request: HttpRequest) -> HttpConnectorFuture {
        let Some(header) = (self.subsegments.invocation)() else { return self.connector.call(request) };
        // X-Ray samples only a part of all requests.
        let invocation =
            span_context_from_str(&header).filter(|invocation| invocation.is_sampled() && self.subsegments.daemon.is_some());
        let call = invocation.map(|invocation| Call::begin(&request, &invocation, Arc::clone(&self.subsegments)));
        let here = call.as_ref().and_then(|call| span_context_to_string(&call.span.span_context));
        // A trace that does not fit into a header ends here.
        drop(request.headers_mut().try_insert(TRACE_HEADER, here.unwrap_or(header)));
        let sent = self.connector.call(request);
        HttpConnectorFuture::new(async move {
            let answer = sent.await;
            if let Some(call) = call {
                call.ends_with(answer.as_ref().ok());
            }
            answer
        })
    }
}

/// A call that is not over. If it is given up, because it takes too long, it is reported when this is dropped.
struct Call {
    span: SpanData,
    subsegments: Arc<Subsegments>,
}

impl Call {
    fn begin(request: &HttpRequest, invocation: &SpanContext, subsegments: Arc<Subsegments>) -> Self {
        let id = SpanId::from(fastrand::u64(1..));
        let now = now();
        let span = SpanData {
            span_context: SpanContext::new(
                invocation.trace_id(),
                id,
                invocation.trace_flags(),
                false,
                invocation.trace_state().clone(),
            ),
            parent_span_id: invocation.span_id(),
            parent_span_is_remote: true,
            span_kind: SpanKind::Client,
            name: host(request.uri()).into(),
            start_time: now,
            end_time: now,
            attributes: attributes(request),
            dropped_attributes_count: 0,
            events: SpanEvents::default(),
            links: SpanLinks::default(),
            // Until there is an answer.
            status: Status::error(""),
            instrumentation_scope: InstrumentationScope::default(),
        };
        Self { span, subsegments }
    }

    fn ends_with(mut self, answer: Option<&HttpResponse>) {
        if let Some(answer) = answer {
            let status = answer.status();
            self.span.attributes.push(KeyValue::new("http.response.status_code", i64::from(status.as_u16())));
            if status.is_success() {
                self.span.status = Status::Ok;
            }
        }
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.span.end_time = now();
        self.subsegments.report(self.span.clone());
    }
}

/// Service and operation of a call to AWS, from the header of its protocol. Method and URL of any other call.
fn attributes(request: &HttpRequest) -> Vec<KeyValue> {
    match request.headers().get("x-amz-target").and_then(|target| target.split_once('.')) {
        Some((service, operation)) => {
            vec![KeyValue::new("aws.service", service_name(service)), KeyValue::new("aws.operation", operation.to_owned())]
        }
        None => vec![
            KeyValue::new("http.request.method", request.method().to_owned()),
            KeyValue::new("url.full", request.uri().to_owned()),
        ],
    }
}

/// X-Ray's name of a service: without the version of its interface, and without `Amazon`.
fn service_name(target: &str) -> String {
    let name = target.split_once('_').map_or(target, |(name, _version)| name);
    name.trim_start_matches("Amazon").to_owned()
}

/// The host of a call, which is the name of its subsegment.
fn host(uri: &str) -> String {
    uri.parse::<Uri>().ok().and_then(|uri| uri.host().map(str::to_owned)).unwrap_or_else(|| "unknown".to_owned())
}

fn now() -> SystemTime {
    #[expect(clippy::disallowed_methods, reason = "the times of a call are the real ones")]
    SystemTime::now()
}

#[cfg(test)]
mod tests {
    use std::{net::UdpSocket, time::Duration};

    use serde_json::{Value, json};
    use tokio::{
        io::{AsyncReadExt as _, AsyncWriteExt as _},
        net::{TcpListener, TcpStream},
        task::JoinHandle,
    };

    use super::*;
    use crate::{
        aws::Account,
        fetch::{
            Http,
            tests::{Reply, Server, http},
        },
    };

    const ROOT: &str = "1-65dfb5a1-0123456789abcdef01234567";

    /// Stands in for the daemon.
    struct Daemon(UdpSocket);

    impl Daemon {
        fn start() -> Self {
            let socket = UdpSocket::bind(("127.0.0.1", 0)).unwrap();
            socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
            Self(socket)
        }

        /// A client that reports to this daemon, during an invocation with this tracing header.
        fn client(&self, header: Option<String>) -> Http {
            let address = self.0.local_addr().unwrap().to_string();
            let lookup = move |name| match name {
                "AWS_XRAY_DAEMON_ADDRESS" => Ok(address.clone()),
                "_X_AMZN_TRACE_ID" => header.clone().ok_or(StartError::Missing(name)),
                name => Err(StartError::Missing(name)),
            };
            http().traced(Subsegments::new(lookup))
        }

        /// The next report.
        fn told(&self) -> Value {
            let mut datagram = vec![0; 64 * 1024];
            let length = self.0.recv(&mut datagram).unwrap();
            let (header, document) = std::str::from_utf8(&datagram[..length]).unwrap().split_once('\n').unwrap();
            assert_eq!(serde_json::from_str::<Value>(header).unwrap(), json!({ "format": "json", "version": 1 }));
            serde_json::from_str(document).unwrap()
        }

        /// Whether there is no other report. A datagram that was sent on this machine has arrived by now.
        fn is_silent(&self) -> bool {
            self.0.set_nonblocking(true).unwrap();
            self.0.recv(&mut [0]).is_err()
        }
    }

    /// A server for one request: its URL, and the head of the request. It closes the connection when that is dropped.
    async fn answering_once(status: &str, body: &str) -> (String, JoinHandle<(String, TcpStream)>) {
        let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let answer = format!("HTTP/1.1 {status}\r\ncontent-length: {}\r\n\r\n{body}", body.len());
        let asked = tokio::spawn(async move {
            let (mut caller, mut request) = (listener.accept().await.unwrap().0, Vec::new());
            while !request.windows(4).any(|end| end == b"\r\n\r\n") {
                caller.read_buf(&mut request).await.unwrap();
            }
            caller.write_all(answer.as_bytes()).await.unwrap();
            (String::from_utf8(request).unwrap(), caller)
        });
        (url, asked)
    }

    fn sampled(yes: u8) -> String {
        format!("Root={ROOT};Parent=53995c3f42cd8ad8;Sampled={yes}")
    }

    #[tokio::test]
    async fn a_call_is_a_subsegment_and_whoever_is_called_goes_on_from_there() {
        let daemon = Daemon::start();
        let (shop, asked) = answering_once("404 Not Found", "").await;
        let url = format!("{shop}/product/mug");
        daemon.client(Some(sampled(1))).get(&url).await.unwrap();
        let (told, asked) = (daemon.told(), asked.await.unwrap().0);
        let field = |name: &str| told[name].as_str().unwrap().to_owned();
        assert_eq!([field("type"), field("trace_id"), field("parent_id")], ["subsegment", ROOT, "53995c3f42cd8ad8"]);
        assert_eq!([field("name"), field("namespace")], ["127.0.0.1", "remote"]);
        assert_eq!(told["http"]["request"], json!({ "method": "GET", "url": url }));
        assert_eq!((&told["http"]["response"]["status"], &told["error"]), (&json!(404), &json!(true)));
        assert!(told["start_time"].as_f64().unwrap() <= told["end_time"].as_f64().unwrap());
        let header = asked.lines().find_map(|line| line.strip_prefix("x-amzn-trace-id: ")).unwrap();
        assert_eq!(header, format!("Root={ROOT};Parent={};Sampled=1", field("id")));
    }

    #[tokio::test]
    async fn a_call_of_aws_is_known_by_its_service_and_its_operation() {
        let daemon = Daemon::start();
        let (aws, _asked) = answering_once("200 OK", "{}").await;
        let account = Account::at(daemon.client(Some(sampled(1))), &aws);
        let answer = account.dynamodb().call("Query", &json!({ "TableName": "carts" })).await;
        assert_eq!(answer.ok(), Some(json!({})));
        let told = daemon.told();
        assert_eq!((&told["name"], &told["namespace"]), (&json!("DynamoDB"), &json!("aws")));
        assert_eq!((&told["aws"]["operation"], told.get("error"), told.get("fault")), (&json!("Query"), None, None));
        assert_eq!(service_name("AmazonSQS"), "SQS");
    }

    #[tokio::test]
    async fn whoever_does_not_answer_is_told_of_as_well() {
        let (daemon, server) = (Daemon::start(), Server::replying([Reply::HangUp, Reply::new("200 OK", "")]).await);
        daemon.client(Some(sampled(1))).get(&server.url).await.unwrap();
        assert_eq!(daemon.told()["fault"], true);
        while daemon.told()["http"]["response"]["status"] != 200 {}
    }

    #[tokio::test]
    async fn what_is_not_part_of_a_trace_or_not_wanted_is_not_told_of() {
        let (daemon, server) = (Daemon::start(), Server::answering("200 OK", String::new()).await);
        for header in [Some(sampled(0)), None, Some("nonsense".to_owned())] {
            daemon.client(header).get(&server.url).await.unwrap();
        }
        assert!(daemon.is_silent());
        assert_eq!(server.asked(), 3);
    }
}
