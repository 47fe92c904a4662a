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
        /// What it does, for example `deploy`.
        command: &'static str,
        /// The stage.
        stage: String,
        /// The AWS account, once known.
        account: String,
        /// The region.
        region: String,
        /// What is talked to instead of AWS.
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
        /// How long it took.
        #[serde(rename = "took_ms", serialize_with = "millis")]
        took: Duration,
    },
    /// Building and packaging went on.
    Package(package::Progress),
    /// An object is in the bucket.
    Stored {
        /// Its key.
        key: String,
        /// Its size in bytes.
        bytes: u64,
        /// Whether it was there before.
        present: bool,
    },
    /// CloudFormation begins to work on a stack.
    StackStarted {
        /// Which.
        stack: StackId,
        /// What it does.
        operation: Operation,
        /// How many resources are expected to change.
        resources: usize,
        /// The stacks that had to be done first.
        after: Vec<StackId>,
    },
    /// A resource of a stack has a new status.
    ResourceChanged {
        /// Whose.
        stack: StackId,
        /// Its name in the template.
        logical_id: String,
        /// Its type.
        resource_type: String,
        /// Its status, in CloudFormation's spelling.
        status: String,
        /// Since when, by AWS's clock.
        #[serde(rename = "since")]
        at: Moment,
        /// Why, where that is said.
        reason: Option<String>,
    },
    /// Nothing more will happen to a stack.
    StackSettled {
        /// Which.
        stack: StackId,
        /// How it ended.
        #[serde(flatten)]
        outcome: Settled,
        /// How long it took.
        #[serde(rename = "took_ms", serialize_with = "millis")]
        took: Duration,
    },
    /// Whoever started this asked it to stop.
    Interrupted {
        /// Whether they can be asked what is to become of what goes on.
        choice: bool,
    },
    /// Counting the totals anew went on.
    Recount(Recount),
    /// Something worth knowing that stops nothing.
    #[serde(rename = "note")]
    Notice(Notice),
    /// A file of the project was written.
    Wrote {
        /// Which.
        path: camino::Utf8PathBuf,
    },
    /// What the stacks say about themselves, once they are deployed.
    Outputs {
        /// The outputs of each, by key, in the order of the app.
        outputs: IndexMap<StackId, BTreeMap<String, String>>,
    },
    /// Where the time went, once nothing more happens to any stack.
    TimeSpent(Spent),
    /// The process is about to end: nothing is told after this.
    Ended {
        /// With this exit code.
        exit_code: u8,
        /// Why it failed, if it did.
        #[serde(skip_serializing_if = "Option::is_none")]
        error: Option<String>,
        /// What to try next, where there is something.
        #[serde(skip_serializing_if = "Option::is_none")]
        hint: Option<String>,
    },
}

/// How far counting the totals anew has come.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "step", rename_all = "snake_case")]
pub(crate) enum Recount {
    /// Changes are counted in a new generation from now on.
    Begun {
        /// Which.
        generation: u64,
        /// Whether it was begun before, and not finished.
        resumed: bool,
    },
    /// Some items in carts were looked at.
    Touching {
        /// How many so far.
        items: usize,
        /// For how many of them the stream had to be told.
        touched: usize,
    },
    /// All of them were.
    Touched {
        /// How many.
        items: usize,
        /// For how many of them the stream had to be told.
        touched: usize,
        /// How long it took.
        #[serde(rename = "took_ms", serialize_with = "millis")]
        took: Duration,
    },
    /// Some are not counted yet.
    Waiting {
        /// How many are.
        counted: usize,
        /// For how many it is waited just now.
        left: usize,
    },
    /// All of them are counted.
    Counted {
        /// How many.
        items: usize,
        /// How long it was waited.
        #[serde(rename = "took_ms", serialize_with = "millis")]
        took: Duration,
    },
}

/// What CloudFormation does to a stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Operation {
    /// It did not exist.
    Create,
    /// It exists and changes.
    Update,
    /// It is taken away.
    Delete,
    /// An earlier change that failed is undone.
    RollBack,
    /// What somebody else, or an earlier run, began is waited for.
    Wait,
}

/// How an operation on a stack ended.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(tag = "outcome", rename_all = "snake_case")]
pub(crate) enum Settled {
    /// As wanted.
    Done {
        /// What was done.
        operation: Operation,
    },
    /// There was nothing to do.
    Unchanged,
    /// What somebody else began is over.
    AtRest {
        /// The status it ended in.
        status: StackStatus,
    },
    /// It failed.
    Failed {
        /// Why.
        failure: Box<Failure>,
    },
    /// It was not begun, because something it needs failed.
    Skipped {
        /// What failed.
        because: StackId,
    },
    /// It was not begun, because it was asked to stop before.
    NotBegun,
    /// CloudFormation goes on with it, and nobody here follows.
    LeftAlone,
}

/// Where the time went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Spent {
    /// How many stacks were worked on.
    pub stacks: usize,
    /// From the first beginning to the last end.
    #[serde(rename = "took_ms", serialize_with = "millis")]
    pub took: Duration,
    /// How long it would have taken one stack after the other.
    #[serde(rename = "sum_ms", serialize_with = "millis")]
    pub sum: Duration,
    /// What would have to be quicker for the whole to be quicker, in order.
    pub critical_path: Vec<Link>,
}

/// A part of the critical path.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub(crate) struct Link {
    /// The stack.
    pub stack: StackId,
    /// Its resource, unless it is the stack as a whole.
    pub logical_id: Option<String>,
    /// How long it took.
    #[serde(rename = "took_ms", serialize_with = "millis")]
    pub took: Duration,
}

/// A message to the listeners.
#[derive(Debug)]
pub(crate) enum Message {
    /// Something happened.
    Event(Event),
    /// Everything before this is to be shown, and the screen to be left as it stays; answered when that is done.
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
