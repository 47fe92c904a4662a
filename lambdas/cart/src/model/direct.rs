//! Services that answer at once, for tests of one function from its event to its answer. Tells what was written and sent, and fails where
//! it is told to. Knows nothing of who calls.

use std::{
    fmt,
    sync::{Arc, Mutex, MutexGuard},
};

use aws_smithy_runtime_api::client::{
    http::{HttpConnector, HttpConnectorFuture},
    orchestrator::HttpRequest,
};
use serde_json::{Value, json};

use super::{
    dynamodb::{Answer, Table},
    network::{Call, sent_back},
};

/// DynamoDB and SQS. Clones are the same.
#[derive(Clone)]
pub(crate) struct Services(Arc<Mutex<State>>);

struct State {
    table: Table,
    sent: Vec<Value>,
    refuses: Box<dyn FnMut(&Call) -> bool + Send>,
    leaves_out: Box<dyn FnMut(&Value) -> bool + Send>,
}

impl fmt::Debug for Services {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Services")
    }
}

impl Services {
    /// Services that do what they are asked, and a table.
    pub(crate) fn new(table: Table) -> Self {
        let (sent, refuses, leaves_out) = (Vec::new(), Box::new(|_: &_| false), Box::new(|_: &_| false));
        Self(Arc::new(Mutex::new(State { table, sent, refuses, leaves_out })))
    }

    /// From now on they refuse some calls.
    pub(crate) fn refuse(&self, which: impl FnMut(&Call) -> bool + Send + 'static) {
        self.state().refuses = Box::new(which);
    }

    /// From now on the queue takes a batch without some of its messages.
    pub(crate) fn leave_out(&self, which: impl FnMut(&Value) -> bool + Send + 'static) {
        self.state().leaves_out = Box::new(which);
    }

    /// The table as it is now.
    pub(crate) fn table(&self) -> Table {
        self.state().table.clone()
    }

    /// The messages that were sent, in their order.
    pub(crate) fn sent(&self) -> Vec<Value> {
        self.state().sent.clone()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().expect("no thread has died with it")
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
}

impl HttpConnector for Services {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let answer = self.state().serve(&Call::of(&request));
        HttpConnectorFuture::ready(sent_back(Some(answer)))
    }
}
