//! Everything that can happen while a command runs, as data. Words, colours and bars exist only in `report/`.

use std::{collections::BTreeMap, time::Duration};

use cfn::StackId;
use indexmap::IndexMap;
use serde::Serialize;
use tokio::sync::{
    mpsc::{UnboundedSender, unbounded_channel},
    oneshot,
};

use crate::domain::{
    failure::Failure,
    moment::{Moment, millis},
    notice::{Activity, Notice},
    package,
    stack::StackStatus,
};

/// Something that happened.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
pub(crate) enum Event {
    /// A command begins to work on a stage.
    Started {
        /// For example `deploy`.
        command: &'static str,
        stage: String,
        /// Empty if it is not known.
        account: String,
        region: String,
        /// A URL in the place of AWS.
        endpoint: Option<String>,
    },
    /// An activity begins.
    Waiting {
        #[serde(flatten)]
        activity: Activity,
    },
    /// An activity is over.
    Waited {
        #[serde(flatten)]
        activity: Activity,
        #[serde(rename = "took_ms", serialize_with = "millis")]
        took: Duration,
    },
    /// Progress of a build.
    Package(package::Progress),
    /// An object is in the bucket.
    Stored {
        key: String,
        bytes: u64,
        /// Whether it existed before.
        present: bool,
    },
    /// CloudFormation begins to work on a stack.
    StackStarted {
        stack: StackId,
        operation: Operation,
        /// The expected number of changes.
        resources: usize,
        /// The stacks that were deployed or deleted before, because this one depends on it.
        after: Vec<StackId>,
    },
    /// A resource of a stack has a new status.
    ResourceChanged {
        stack: StackId,
        logical_id: String,
        resource_type: String,
        /// In CloudFormation's spelling.
        status: String,
        /// By AWS's clock.
        #[serde(rename = "since")]
        at: Moment,
        reason: Option<String>,
    },
    /// An operation on a stack is over, or no longer followed.
    StackSettled {
        stack: StackId,
        #[serde(flatten)]
        outcome: Settled,
        #[serde(rename = "took_ms", serialize_with = "millis")]
        took: Duration,
    },
    /// Ctrl-C or SIGTERM while CloudFormation works.
    Interrupted {
        /// Whether the user is asked how to continue.
        choice: bool,
    },
    /// Progress of a recount.
    Recount(Recount),
    /// Something worth knowing that stops nothing.
    #[serde(rename = "note")]
    Notice(Notice),
    /// A file of the project was written.
    Wrote { path: camino::Utf8PathBuf },
    /// All stacks are deployed.
    Outputs {
        /// In the order of the app, then by key.
        outputs: IndexMap<StackId, BTreeMap<String, String>>,
    },
    /// The time that all stacks took.
    TimeSpent(Spent),
    /// The last event of the process.
    Ended {
        exit_code: u8,
        /// None unless the command failed.
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<String>,
        #[serde(skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
    },
}

/// How far a recount is.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub(crate) enum Recount {
    /// Changes are counted in this generation as well from now on.
    Begun {
        generation: u64,
        /// Whether an earlier recount did not finish.
        resumed: bool,
    },
    /// Some items in carts are read.
    Touching {
        items: usize,
        /// Those of them that were written, so that the stream has a record of them.
        touched: usize,
    },
    /// All items in carts are read.
    Touched {
        items: usize,
        touched: usize,
        #[serde(rename = "took_ms", serialize_with = "millis")]
        took: Duration,
    },
    /// Some items are not counted yet.
    Waiting {
        counted: usize,
        /// Of the portion that is waited for.
        left: usize,
    },
    /// All items are counted.
    Counted {
        items: usize,
        #[serde(rename = "took_ms", serialize_with = "millis")]
        took: Duration,
    },
}

/// What CloudFormation does to a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Operation {
    Create,
    Update,
    Delete,
    /// Of an earlier update that failed.
    RollBack,
    /// Another process, or an earlier run, began it.
    Wait,
}

/// How an operation on a stack ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub(crate) enum Settled {
    Done {
        operation: Operation,
    },
    Unchanged,
    /// An operation that another process, or an earlier run, began is over.
    AtRest {
        status: StackStatus,
    },
    Failed {
        failure: Box<Failure>,
    },
    /// Not started, because a stack that it depends on failed.
    Skipped {
        because: StackId,
    },
    /// An update was rolled back, because the user cancelled it.
    Cancelled,
    /// Not started, because the user stopped the command before, or because a stack that it depends on did not come to an end.
    NotBegun,
    /// CloudFormation is still working, and cartctl detached.
    LeftAlone,
}

/// The time that all stacks took.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Spent {
    pub stacks: usize,
    /// From the first beginning to the last end.
    #[serde(rename = "took_ms", serialize_with = "millis")]
    pub took: Duration,
    /// If one stack had been deployed after the other.
    #[serde(rename = "sum_ms", serialize_with = "millis")]
    pub sum: Duration,
    /// The parts that would have to be quicker for the whole to be quicker, in order.
    pub critical_path: Vec<Link>,
}

/// A part of the critical path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Link {
    pub stack: StackId,
    /// None for the stack as a whole.
    pub logical_id: Option<String>,
    #[serde(rename = "took_ms", serialize_with = "millis")]
    pub took: Duration,
}

/// A message to the listeners.
#[derive(Debug)]
pub(crate) enum Message {
    Event(Event),
    /// Show everything before this and clear what moves from the screen, then answer.
    Pause(oneshot::Sender<()>),
}

/// Where events go.
#[derive(Clone, Debug)]
pub(crate) struct Events(UnboundedSender<Message>);

impl Events {
    /// Events into this channel.
    pub(crate) fn into(sender: UnboundedSender<Message>) -> Self {
        Self(sender)
    }

    /// For work that nobody listens to.
    pub(crate) fn nowhere() -> Self {
        Self(unbounded_channel().0)
    }

    /// Sends an event. A listener that has gone is no reason to stop working.
    pub(crate) fn send(&self, event: Event) {
        drop(self.0.send(Message::Event(event)));
    }

    /// Returns once everything sent so far is shown and nothing moves on the screen: something else is printed now, or the user is asked.
    pub(crate) async fn pause(&self) {
        let (done, paused) = oneshot::channel();
        if self.0.send(Message::Pause(done)).is_ok() {
            paused.await.ok();
        }
    }

    /// Says that something is worth knowing.
    pub(crate) fn notice(&self, notice: Notice) {
        self.send(Event::Notice(notice));
    }

    /// Does `work`, and says when it begins and how long it took.
    pub(crate) async fn during<T>(&self, activity: Activity, work: impl Future<Output = T>) -> T {
        let started = std::time::Instant::now();
        self.send(Event::Waiting { activity: activity.clone() });
        let done = work.await;
        self.send(Event::Waited { activity, took: started.elapsed() });
        done
    }
}
