//! The end of every call that a function makes: it waits here until the explorer decides what happens to it. Knows nothing of what is called.

use std::{
    collections::{BTreeMap, VecDeque},
    future::{pending, poll_fn, ready},
    sync::{Arc, Mutex, MutexGuard},
    task::Poll,
    time::Duration,
};

use aws_smithy_async::rt::sleep::{AsyncSleep, SharedAsyncSleep, Sleep};
use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector},
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
};
use cart::{aws::Account, dead_letters::DeadLetters, deletions::Deletions, fetch::Http, store::Store, waiting::Waiting};
use serde_json::Value;

use crate::dynamodb::Answer;

/// The name of the table.
pub(crate) const TABLE: &str = "carts";

/// A call to AWS on its way.
#[derive(Clone, Debug, Hash, PartialEq)]
pub(crate) struct Call {
    pub(crate) operation: String,
    pub(crate) request: Value,
}

impl Call {
    /// The call that an HTTP request makes.
    pub(crate) fn of(request: &HttpRequest) -> Self {
        let target = request.headers().get("x-amz-target").expect("an operation");
        let request = serde_json::from_slice(request.body().bytes().expect("a body in memory")).expect("JSON");
        Self { operation: target.rsplit('.').next().unwrap_or_default().to_owned(), request }
    }
}

/// The line between one caller and all services. Clones are the same line.
#[derive(Clone, Debug, Default)]
pub(crate) struct Network(Arc<Mutex<Line>>);

/// A caller may have several calls on the line. They are answered in the order in which they were made.
#[derive(Debug, Default)]
struct Line {
    calls: u64,
    asked: VecDeque<(u64, Call)>,
    answered: BTreeMap<u64, Heard>,
}

/// What a caller hears: an answer, or that the connection broke.
pub(crate) type Heard = Option<Answer>;

impl Network {
    fn line(&self) -> MutexGuard<'_, Line> {
        self.0.lock().expect("no thread panicked with it")
    }

    /// Forgets all calls, because their caller is gone.
    pub(crate) fn hang_up(&self) {
        *self.line() = Line::default();
    }

    /// The call that is answered next.
    pub(crate) fn asked(&self) -> Option<Call> {
        self.line().asked.front().map(|(_, call)| call.clone())
    }

    /// How many calls wait for an answer.
    pub(crate) fn waiting(&self) -> usize {
        self.line().asked.len()
    }

    /// Answers the next call.
    pub(crate) fn answer(&self, heard: Heard) {
        let mut line = self.line();
        if let Some((number, _)) = line.asked.pop_front() {
            line.answered.insert(number, heard);
        }
    }

    /// Makes a call.
    pub(crate) async fn ask(&self, operation: &str, request: Value) -> Heard {
        let number = {
            let mut line = self.line();
            let number = line.calls;
            line.calls += 1;
            line.asked.push_back((number, Call { operation: operation.to_owned(), request }));
            number
        };
        poll_fn(|_| self.line().answered.remove(&number).map_or(Poll::Pending, Poll::Ready)).await
    }
}

impl HttpConnector for Network {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let call = Call::of(&request);
        let network = self.clone();
        HttpConnectorFuture::new(async move { sent_back(network.ask(&call.operation, call.request).await) })
    }
}

/// What the caller's HTTP client receives.
pub(crate) fn sent_back(heard: Heard) -> Result<HttpResponse, ConnectorError> {
    let (status, body) = heard.ok_or_else(|| ConnectorError::io("the connection is broken".into()))?;
    Ok(HttpResponse::new(status.try_into().expect("a status"), body.to_string().into()))
}

/// A pause that is over at once: the explorer decides who is next.
#[derive(Debug)]
struct Over;

/// A limit that is never reached: the explorer decides which answer does not come.
#[derive(Debug)]
struct Never;

impl AsyncSleep for Over {
    fn sleep(&self, _: Duration) -> Sleep {
        Sleep::new(ready(()))
    }
}

impl AsyncSleep for Never {
    fn sleep(&self, _: Duration) -> Sleep {
        Sleep::new(pending())
    }
}

/// The HTTP client of a function at this end of a line.
pub(crate) fn http_at(line: impl HttpConnector + 'static) -> Http {
    let timeless = Waiting { pauses: SharedAsyncSleep::new(Over), limits: SharedAsyncSleep::new(Never) };
    Http::over(SharedHttpConnector::new(line), timeless)
}

pub(crate) fn account_at(line: impl HttpConnector + 'static) -> Account {
    let lookup = |name| Ok(if name == "AWS_ENDPOINT_URL" { "http://aws" } else { "a" }.to_owned());
    Account::new(http_at(line), lookup).expect("every variable is set")
}

pub(crate) fn store_at(line: impl HttpConnector + 'static) -> Store {
    Store::new(account_at(line).dynamodb(), TABLE.to_owned())
}

pub(crate) fn deletions_at(line: impl HttpConnector + 'static) -> Deletions {
    Deletions::new(account_at(line).sqs(), "http://aws/deletions".to_owned())
}

pub(crate) fn dead_letters_at(line: impl HttpConnector + 'static) -> DeadLetters {
    DeadLetters::new(account_at(line).sqs(), "http://aws/dead-letters".to_owned())
}
