//! Services that answer at once, for tests of one function from its event to its answer. They record what was written and sent, and fail
//! where a test tells them to. Know nothing of who calls.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard},
};

use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorFuture},
    orchestrator::HttpRequest,
};
use serde_json::{Value, json};

use crate::{
    dynamodb::{Answer, Table},
    network::{Call, Heard, sent_back},
    pool,
};

/// Where the user pool publishes its keys, and where the products service is.
pub(crate) const KEYS: &str = "http://pool/keys";
pub(crate) const PRODUCTS: &str = "http://products";

/// DynamoDB, SQS, the user pool's keys, and a products service that sells mugs. Clones are the same services.
#[derive(Clone)]
pub(crate) struct Services(Arc<Mutex<State>>);

struct State {
    table: Table,
    sent: Vec<Value>,
    /// Made when somebody asks, unless a test says otherwise: to make a key takes a while.
    keys: Option<Answer>,
    products: Box<dyn FnMut(&str) -> Heard + Send>,
    refuses: Box<dyn FnMut(&Call) -> bool + Send>,
    leaves_out: Box<dyn FnMut(&Value) -> bool + Send>,
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Services")
    }
}

impl Services {
    /// Services that do all they are asked for, with this table.
    pub(crate) fn new(table: Table) -> Self {
        let sells_mugs = |path: &str| match path {
            "/product/mug" => Some((200, json!({ "product": { "productId": "mug" } }))),
            _ => Some((404, json!({ "message": "The shop does not sell this product." }))),
        };
        Self(Arc::new(Mutex::new(State {
            table,
            sent: Vec::new(),
            keys: None,
            products: Box::new(sells_mugs),
            refuses: Box::new(|_| false),
            leaves_out: Box::new(|_| false),
        })))
    }

    /// From now on DynamoDB and SQS refuse these calls.
    pub(crate) fn refuse(&self, which: impl FnMut(&Call) -> bool + Send + 'static) {
        self.state().refuses = Box::new(which);
    }

    /// From now on the queue accepts a batch without these messages.
    pub(crate) fn leave_out(&self, which: impl FnMut(&Value) -> bool + Send + 'static) {
        self.state().leaves_out = Box::new(which);
    }

    /// From now on the user pool answers so when it is asked for its keys.
    pub(crate) fn publish(&self, keys: Answer) {
        self.state().keys = Some(keys);
    }

    /// From now on the products service answers so to a path.
    pub(crate) fn sell(&self, answer: impl FnMut(&str) -> Heard + Send + 'static) {
        self.state().products = Box::new(answer);
    }

    /// The table as it is now.
    pub(crate) fn table(&self) -> Table {
        self.state().table.clone()
    }

    /// The messages that the queues accepted, in their order.
    pub(crate) fn sent(&self) -> Vec<Value> {
        self.state().sent.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no thread panicked with it")
    }
}

impl State {
    fn serve(&mut self, call: &Call) -> Answer {
        if (self.refuses)(call) {
            return (400, json!({ "__type": "ValidationException", "message": "no" }));
        }
        match call.operation.as_str() {
            "SendMessage" => {
                self.sent.push(call.request.clone());
                (200, json!({ "MessageId": "1", "MD5OfMessageBody": "" }))
            }
            "SendMessageBatch" => {
                let entries = call.request["Entries"].as_array().expect("messages");
                let (left_out, taken): (Vec<_>, Vec<_>) = entries.iter().partition(|entry| (self.leaves_out)(entry));
                self.sent.extend(taken.iter().copied().cloned());
                let succeeded = |entry: &&Value| json!({ "Id": entry["Id"], "MessageId": "1", "MD5OfMessageBody": "" });
                let failed = |entry: &&Value| json!({ "Id": entry["Id"], "Code": "InternalError", "SenderFault": false });
                let succeeded: Vec<_> = taken.iter().map(succeeded).collect();
                (200, json!({ "Successful": succeeded, "Failed": left_out.iter().map(failed).collect::<Vec<_>>() }))
            }
            operation => self.table.call(0, operation, &call.request),
        }
    }

    /// Answers what is no call to AWS.
    fn show(&mut self, url: &str) -> Heard {
        match url.strip_prefix(PRODUCTS) {
            Some(path) => (self.products)(path),
            None if url == KEYS => Some(self.keys.clone().unwrap_or_else(|| (200, pool::key_set()))),
            None => panic!("nothing is at {url}"),
        }
    }
}

impl HttpConnector for Services {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let is_aws = request.headers().get("x-amz-target").is_some();
        let heard = if is_aws { Some(self.state().serve(&Call::of(&request))) } else { self.state().show(request.uri()) };
        HttpConnectorFuture::ready(sent_back(heard))
    }
}
