//! Runs one function: of an API, a request in, an answer or a refusal out, with the headers that belong on both; or one that takes
//! events. Knows nothing of what is asked. Ends each invocation with one line that says how it went, which is the metrics as well, and
//! never what was sent.

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
    /// Does what the request asks.
    ///
    /// # Errors
    /// A [`Refusal`], when it is not done.
    fn answer(&self, request: &Request) -> impl Future<Output = Result<Answer, Refusal>> + Send;
}

/// A function that takes events of its own kind.
pub trait Consumer: Sync {
    /// What Lambda hands over.
    type Event: DeserializeOwned + Send;
    /// What Lambda is told, for example which part of the event should come again.
    type Outcome: Serialize + Send;
    /// Why nothing of the event is done.
    type Failure: StdError + Send + Sync + 'static;

    /// Does what the event asks. What cannot be done is part of the outcome, and logged. The id is that of the invocation, under which
    /// the log tells more.
    ///
    /// # Errors
    /// Where all of the event is to come again.
    fn consume(&self, event: Self::Event, request_id: &str) -> impl Future<Output = Result<Self::Outcome, Self::Failure>> + Send;
}

/// Answers the requests of Lambda's runtime, one after the other, until the process is stopped.
///
/// # Errors
/// When the runtime cannot be reached.
pub async fn serve(cors: Cors, endpoint: impl Endpoint) -> Result<(), Error> {
    let (cors, endpoint, started) = (&cors, &endpoint, &Started::default());
    lambda_runtime::run(service_fn(async |event: LambdaEvent<Request>| {
        Ok::<_, Infallible>(respond(started, cors, endpoint, &event.payload).await)
    }))
    .await
}

/// Takes the events of Lambda's runtime, one after the other, until the process is stopped.
///
/// # Errors
/// When the runtime cannot be reached.
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

/// A failure on its way to Lambda, which takes a name for it and a text.
struct Failed<E>(E);

impl<E: StdError> From<Failed<E>> for Diagnostic {
    /// By the name that the type has in the source, without where it is defined. Made from a boxed error it would be the box's.
    fn from(Failed(error): Failed<E>) -> Self {
        let name = type_name::<E>().rsplit("::").next().unwrap_or_default();
        Self { error_type: name.to_owned(), error_message: Chain(&error).to_string() }
    }
}

/// The runtime prints it, and `log` leaves that out: it has been said.
impl<E: StdError> fmt::Debug for Failed<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

/// What the process remembers from one invocation to the next: whether there was one.
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
    /// What to measure, now that it is over.
    fn metrics(&self, counted: Option<Metric>) -> Report {
        Report { at: since_1970(), latency: self.began.elapsed(), first: self.first, counted }
    }
}

fn since_1970() -> Duration {
    #[expect(clippy::disallowed_methods, reason = "this acts: it says when something was measured")]
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}

async fn respond<'a>(started: &Started, cors: &'a Cors, endpoint: &impl Endpoint, request: &Request) -> Response<'a> {
    let span = info_span!("request", owner = Empty);
    let invocation = started.invocation();
    let answering = async {
        let outcome = if cors.admits(request) { endpoint.answer(request).await } else { Err(Refusal::ForeignOrigin) };
        let status = outcome.as_ref().map_or_else(Refusal::status, |_| StatusCode::OK);
        // What was refused was not done.
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

    /// Answers with a cookie, or is out of order.
    struct Shop {
        open: bool,
    }

    impl Endpoint for Shop {
        async fn answer(&self, _: &Request) -> Result<Answer, Refusal> {
            if self.open {
                Ok(Answer { set_cookie: Some("cartId=1".to_owned()), ..Answer::new(&json!({ "products": [] })) })
            } else {
                Err(Refusal::Unavailable("connection reset by 10.0.0.7".into()))
            }
        }
    }

    /// What API Gateway is given.
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
        assert_eq!(header(&response, "set-cookie"), None, "no answer shares its headers with another");
        assert_eq!(response["body"], r#"{"message":"The shop is busy. Try again in a few seconds."}"#);
        assert_eq!(header(&ask(true, Request::default()).await, "set-cookie"), Some("cartId=1"));
    }
}
