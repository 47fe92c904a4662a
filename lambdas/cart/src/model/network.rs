//! Where the calls of the SDK's clients end: each waits here until somebody decides what becomes of it. Knows nothing of what is called.

use std::{
    future::poll_fn,
    sync::{Arc, Mutex, MutexGuard},
    task::Poll,
};

use aws_sdk_dynamodb::config::{
    AsyncSleep, BehaviorVersion, HttpClient, Region, RuntimeComponents, Sleep,
    http::{HttpRequest, HttpResponse},
    retry::{RetryConfig, RetryPartition, TokenBucket},
};
use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
    result::ConnectorError,
};
use serde_json::Value;

use super::dynamodb::Answer;
use crate::{deletions::Deletions, store::Store};

/// The name of the table.
pub(super) const TABLE: &str = "carts";

/// A call on its way.
#[derive(Clone, Debug, Hash, PartialEq)]
pub(super) struct Call {
    pub(super) operation: String,
    pub(super) request: Value,
}

/// The line between one caller and all services. Clones are the same line.
#[derive(Clone, Debug, Default)]
pub(super) struct Network(Arc<Mutex<Line>>);

#[derive(Debug, Default)]
struct Line {
    asked: Option<Call>,
    answered: Option<Heard>,
}

/// What a caller hears: an answer, or that the connection is broken.
pub(super) type Heard = Option<Answer>;

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
        self.line().asked.clone()
    }

    /// Ends a call.
    pub(super) fn answer(&self, heard: Heard) {
        *self.line() = Line { asked: None, answered: Some(heard) };
    }

    /// Makes a call.
    pub(super) async fn ask(&self, operation: &str, request: Value) -> Heard {
        let call = Call { operation: operation.to_owned(), request };
        assert!(self.line().asked.replace(call).is_none(), "a caller makes one call at a time");
        poll_fn(|_| self.line().answered.take().map_or(Poll::Pending, Poll::Ready)).await
    }

    /// The store, at the end of these lines.
    pub(super) fn store(&self) -> Store {
        Store::new(self.dynamodb(), TABLE.to_owned())
    }

    /// The table as others call it, at the end of these lines.
    pub(super) fn dynamodb(&self) -> aws_sdk_dynamodb::Client {
        let config = aws_sdk_dynamodb::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("eu-west-1"))
            .endpoint_url("http://dynamodb")
            .allow_no_auth()
            .retry_config(RetryConfig::standard())
            .retry_partition(RetryPartition::custom("model").token_bucket(TokenBucket::unlimited()).build())
            .sleep_impl(NoTime)
            .http_client(self.clone());
        aws_sdk_dynamodb::Client::from_conf(config.build())
    }

    /// The queue, at the end of these lines.
    pub(super) fn deletions(&self) -> Deletions {
        let config = aws_sdk_sqs::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(Region::from_static("eu-west-1"))
            .endpoint_url("http://sqs")
            .allow_no_auth()
            .retry_config(RetryConfig::standard())
            .retry_partition(RetryPartition::custom("model").token_bucket(TokenBucket::unlimited()).build())
            .sleep_impl(NoTime)
            .http_client(self.clone());
        Deletions::new(aws_sdk_sqs::Client::from_conf(config.build()), "http://sqs/deletions".to_owned())
    }
}

impl HttpClient for Network {
    fn http_connector(&self, _: &HttpConnectorSettings, _: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(self.clone())
    }
}

impl HttpConnector for Network {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let target = request.headers().get("x-amz-target").expect("an operation").to_owned();
        let body = serde_json::from_slice(request.body().bytes().expect("a body in memory")).expect("JSON");
        let network = self.clone();
        HttpConnectorFuture::new(async move {
            let operation = target.rsplit('.').next().unwrap_or_default();
            let Some((status, body)) = network.ask(operation, body).await else {
                return Err(ConnectorError::io("the connection is broken".into()));
            };
            Ok(HttpResponse::new(status.try_into().expect("a status"), body.to_string().into()))
        })
    }
}

/// Sleeps for no time.
#[derive(Debug)]
struct NoTime;

impl AsyncSleep for NoTime {
    fn sleep(&self, _: std::time::Duration) -> Sleep {
        Sleep::new(std::future::ready(()))
    }
}
