//! Where the calls of functions end: each waits here until somebody decides what becomes of it. Knows nothing of what is called.

use std::{
    collections::{BTreeMap, VecDeque},
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard},
    task::Poll,
};

use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector},
    orchestrator::{HttpRequest, HttpResponse},
    result::ConnectorError,
};
use serde_json::Value;

use super::dynamodb::Answer;
use crate::{aws::Account, dead_letters::DeadLetters, deletions::Deletions, fetch::Http, store::Store};

/// The name of the table.
pub(super) const TABLE: &str = "carts";

/// A call on its way.
#[derive(Clone, Debug, Hash, PartialEq)]
pub(crate) struct Call {
    pub(crate) operation: String,
    pub(crate) request: Value,
}

/// The line between one caller and all services. Clones are the same line.
#[derive(Clone, Debug, Default)]
pub(crate) struct Network(Arc<Mutex<Line>>);

/// Calls that are made beside each other are answered in the order in which they were made.
#[derive(Debug, Default)]
struct Line {
    calls: u64,
    asked: VecDeque<(u64, Call)>,
    answered: BTreeMap<u64, Heard>,
}

/// What a caller hears: an answer, or that the connection is broken.
pub(crate) type Heard = Option<Answer>;

impl Network {
    fn line(&self) -> MutexGuard<'_, Line> {
        self.0.lock().expect("no thread has died with it")
    }

    /// Forgets a call: its caller is gone.
    pub(super) fn hang_up(&self) {
        *self.line() = Line::default();
    }

    /// What the caller is waiting for.
    pub(super) fn asked(&self) -> Option<Call> {
        self.line().asked.front().map(|(_, call)| call.clone())
    }

    /// How many calls wait for an answer.
    pub(crate) fn waiting(&self) -> usize {
        self.line().asked.len()
    }

    /// Ends a call.
    pub(crate) fn answer(&self, heard: Heard) {
        let mut line = self.line();
        if let Some((number, _)) = line.asked.pop_front() {
            line.answered.insert(number, heard);
        }
    }

    /// Makes a call.
    pub(super) async fn ask(&self, operation: &str, request: Value) -> Heard {
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

/// The services, at the end of a line.
pub(crate) fn account_at(line: impl HttpConnector + 'static) -> Account {
    Account::at(Http::over(SharedHttpConnector::new(line), crate::backoff::tests::no_pauses()), "http://aws")
}

/// The store, at the end of a line.
pub(crate) fn store_at(line: impl HttpConnector + 'static) -> Store {
    Store::new(account_at(line).dynamodb(), TABLE.to_owned())
}

/// The queue of deletions, at the end of a line.
pub(crate) fn deletions_at(line: impl HttpConnector + 'static) -> Deletions {
    Deletions::new(account_at(line).sqs(), "http://aws/deletions".to_owned())
}

/// The queue of what cannot be done, at the end of a line.
pub(crate) fn dead_letters_at(line: impl HttpConnector + 'static) -> DeadLetters {
    DeadLetters::new(account_at(line).sqs(), "http://aws/dead-letters".to_owned())
}

impl HttpConnector for Network {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let call = Call::of(&request);
        let network = self.clone();
        HttpConnectorFuture::new(async move { sent_back(network.ask(&call.operation, call.request).await) })
    }
}

impl Call {
    /// What a request asks.
    pub(crate) fn of(request: &HttpRequest) -> Self {
        let target = request.headers().get("x-amz-target").expect("an operation");
        let request = serde_json::from_slice(request.body().bytes().expect("a body in memory")).expect("JSON");
        Self { operation: target.rsplit('.').next().unwrap_or_default().to_owned(), request }
    }
}

/// What the caller's client hears.
pub(crate) fn sent_back(heard: Heard) -> Result<HttpResponse, ConnectorError> {
    let (status, body) = heard.ok_or_else(|| ConnectorError::io("the connection is broken".into()))?;
    Ok(HttpResponse::new(status.try_into().expect("a status"), body.to_string().into()))
}
