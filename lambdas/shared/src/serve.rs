//! Runs one function: an endpoint of an API, which answers or refuses requests, or a consumer of events. Logs one line at the end of each
//! invocation, with the outcome and the metrics, and without anything that was sent. Knows nothing of what functions do.

use std::{
    any::type_name,
    convert::Infallible,
    error::Error as StdError,
    fmt,
    sync::atomic::{AtomicBool, Ordering},
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use cart_contract::Metric;
use http::StatusCode;
use lambda_runtime::{Diagnostic, Error, LambdaEvent, service_fn};
use serde::{Serialize, de::DeserializeOwned};
use tracing::{Instrument as _, error, field::Empty, info, info_span};

use crate::{
    answer::{Answer, Refusal},
    chain::Chain,
    cors::Cors,
    event::Request,
    report::Report,
    response::Response,
};

/// A function behind API Gateway.
pub trait Endpoint: Sync {
    /// Carries out a request.
    ///
    /// # Errors
    /// [`Refusal`], if the request is not carried out.
    fn answer(&self, request: &Request) -> impl Future<Output = Result<Answer, Refusal>> + Send;
}

/// A function that consumes events of its own kind.
pub trait Consumer: Sync {
    /// What Lambda delivers.
    type Event: DeserializeOwned + Send;
    /// What Lambda gets back, such as the parts of the event to deliver again.
    type Outcome: Serialize + Send;
    /// Why the invocation fails as a whole.
    type Failure: StdError + Send + Sync + 'static;

    /// Consumes an event. Parts that cannot be processed are in the outcome, and logged under the id of the invocation.
    ///
    /// # Errors
    /// If Lambda is to deliver the whole event again.
    fn consume(&self, event: Self::Event, request_id: &str) -> impl Future<Output = Result<Self::Outcome, Self::Failure>> + Send;
}

/// Answers requests, one after the other, until the process is stopped.
///
/// # Errors
/// If Lambda's runtime API cannot be reached.
pub async fn serve(cors: Cors, endpoint: impl Endpoint) -> Result<(), Error> {
    let (cors, endpoint, started) = (&cors, &endpoint, &Started::default());
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Request>| {
        Ok::<_, Infallible>(respond(started, cors, endpoint, &event.payload).await)
    }))
    .await
}

/// Consumes events, one after the other, until the process is stopped.
///
/// # Errors
/// If Lambda's runtime API cannot be reached.
pub async fn consume<C: Consumer>(consumer: C) -> Result<(), Error> {
    let (consumer, started) = (&consumer, &Started::default());
    lambda_runtime::run(service_fn(async |event: LambdaEvent<C::Event>| {
        let invocation = started.invocation();
        let outcome = consumer.consume(event.payload, &event.context.request_id).await;
        let metrics = invocation.metrics(None);
        match &outcome {
            Ok(_) => info!(%metrics, "consumed"),
            Err(error) => error!(%metrics, error = %Chain(error), "failed"),
        }
        outcome.map_err(Failed)
    }))
    .await
}

/// A failure as Lambda takes it, with a type and a message.
struct Failed<E>(E);

impl<E: StdError> From<Failed<E>> for Diagnostic {
    /// The type is the name of the error's type without its path. `Diagnostic` would otherwise name the box of a boxed error.
    fn from(Failed(error): Failed<E>) -> Self {
        let name = type_name::<E>().rsplit("::").next().unwrap_or_default();
        Self { error_type: name.to_owned(), error_message: Chain(&error).to_string() }
    }
}

/// The runtime prints this. `log` leaves it out, because the failure is logged already.
impl<E: StdError> fmt::Debug for Failed<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// Whether the process has had an invocation.
#[derive(Default)]
struct Started(AtomicBool);

impl Started {
    fn invocation(&self) -> Invocation {
        Invocation { began: Instant::now(), first: !self.0.swap(true, Ordering::Relaxed) }
    }
}

struct Invocation {
    began: Instant,
    first: bool,
}

impl Invocation {
    /// The measurements at the end.
    fn metrics(&self, counted: Option<Metric>) -> Report {
        Report { at: since_1970(), latency: self.began.elapsed(), first: self.first, counted }
    }
}

fn since_1970() -> Duration {
    #[expect(clippy::disallowed_methods, reason = "the timestamp of a metric is the real one")]
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

async fn respond<'a>(started: &Started, cors: &'a Cors, endpoint: &impl Endpoint, request: &Request) -> Response<'a> {
    let span = info_span!("request", owner = Empty);
    let invocation = started.invocation();
    let answering = async {
        let outcome = if cors.admits(request) { endpoint.answer(request).await } else { Err(Refusal::ForeignOrigin) };
        let status = outcome.as_ref().map_or_else(Refusal::status, |_| StatusCode::OK);
        // A refused request counts nothing.
        let metrics = invocation.metrics(outcome.as_ref().ok().and_then(|answer| answer.counted));
        let code = status.as_u16();
        match outcome {
            Ok(answer) => {
                info!(%metrics, status = code, "answered");
                Response::new(cors, status, answer, None)
            }
            Err(refusal) => {
                if status.is_server_error() {
                    error!(%metrics, status = code, error = %Chain(&refusal), "failed");
                } else {
                    info!(%metrics, status = code, reason = %refusal, "refused");
                }
                Response::new(cors, status, Answer::new(&refusal.body()), refusal.retry_after())
            }
        }
    };
    answering.instrument(span).await
}

#[cfg(test)]
mod tests {
    use http::{HeaderValue, Method, header::ORIGIN};
    use serde_json::{Value, json};

    use super::*;

    /// Answers with a cookie, or refuses everything.
    struct Shop {
        open: bool,
    }

    impl Endpoint for Shop {
        async fn answer(&self, _: &Request) -> Result<Answer, Refusal> {
            if self.open {
                Ok(Answer { set_cookies: vec!["cartId=1".to_owned()], ..Answer::new(&json!({ "products": [] })) })
            } else {
                Err(Refusal::Unavailable("connection reset by 10.0.0.7".into()))
            }
        }
    }

    /// The response for API Gateway.
    async fn ask(open: bool, request: Request) -> Value {
        let cors = Cors::with_credentials("https://shop.example".parse().unwrap());
        json!(respond(&Started::default(), &cors, &Shop { open }, &request).await)
    }

    fn header<'a>(response: &'a Value, name: &str) -> Option<&'a str> {
        response["headers"].get(name).map(|value| value.as_str().unwrap())
    }

    #[tokio::test]
    async fn every_answer_can_be_read_by_the_shop_and_by_no_other_page() {
        let mut foreign = Request { method: Method::POST, ..Request::default() };
        foreign.headers.insert(ORIGIN, HeaderValue::from_static("https://evil.example"));
        for (open, request, status) in [(true, Request::default(), 200), (false, Request::default(), 503), (true, foreign, 403)] {
            let response = ask(open, request).await;
            assert_eq!(response["statusCode"], status);
            assert_eq!(header(&response, "access-control-allow-origin"), Some("https://shop.example"), "{status}");
            assert_eq!(header(&response, "access-control-allow-credentials"), Some("true"), "{status}");
            assert_eq!(header(&response, "content-type"), Some("application/json"), "{status}");
        }
    }

    #[tokio::test]
    async fn a_refusal_says_when_to_come_back_and_nothing_of_the_inside() {
        let response = ask(false, Request::default()).await;
        assert_eq!(header(&response, "retry-after"), Some("2"));
        assert_eq!(response.get("multiValueHeaders"), None, "answers do not share headers");
        assert_eq!(response["body"], r#"{"message":"The shop is busy. Try again in a few seconds."}"#);
        assert_eq!(ask(true, Request::default()).await["multiValueHeaders"], json!({ "set-cookie": ["cartId=1"] }));
    }
}
