//! The session of a command: one connection to one account, the listeners, and the user's intent. Created once per command.
//! A session that only reads can be dropped at any moment and has no intent. A session that changes anything carries the user's
//! intent, because AWS continues when this process ends. Reporting surrounds the whole command, interruption the part that it may
//! end.

use std::sync::{Arc, Mutex, PoisonError};

use cfn::StackId;
use tokio::sync::watch;

use crate::{
    aws::{self, Aws, ErrorKind},
    domain::{event::Events, stack::Deployed},
};

/// The user's current intent.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum Intent {
    /// Carry out the plan.
    #[default]
    Continue,
    /// Start no new operation, and follow the running ones to their end.
    Stop,
    /// Start no new operation, cancel the running ones as far as CloudFormation can, and follow them to their end.
    Cancel,
    /// Return at once: CloudFormation continues without cartctl.
    Detach,
}

/// A connection to one account in one region, with its listeners.
#[derive(Clone, Debug)]
pub struct Session {
    pub(crate) aws: Aws,
    /// The account's number; empty if the command did not ask for it.
    pub(crate) account: String,
    pub(crate) events: Events,
    /// The stacks that are this stage's because the user says so.
    pub(super) adopted: Vec<StackId>,
    /// What [`Session::beginning_with`] found, until it is used.
    first: Arc<Mutex<Option<First>>>,
    intent: Intents,
}

/// The first stack that was looked at.
#[derive(Debug)]
pub(super) struct First {
    name: String,
    /// None if it does not exist.
    pub found: Option<Deployed>,
}

impl Session {
    /// A session that only reads: its work may be dropped at any moment.
    pub(crate) fn looking(aws: Aws, account: String, events: Events) -> Self {
        Self { aws, account, events, adopted: Vec::new(), first: Arc::default(), intent: Intents(None) }
    }

    /// The same, in the account of the credentials. The ARN of a stack names it, so that a command that looks at the stack anyway does
    /// not ask for it by itself.
    ///
    /// # Errors
    /// [`aws::Error`], if AWS cannot be reached, or does not accept the credentials.
    pub(crate) async fn beginning_with(stack: &str, aws: Aws, events: Events) -> Result<Self, aws::Error> {
        let found = match aws.stack(stack).await {
            Ok(found) => Some(found),
            Err(error) if error.kind() == ErrorKind::Unreachable => return Err(error),
            // Which permission is missing is said by who needs it; the account can be asked for without any.
            Err(_) => None,
        };
        let account = match found.as_ref().and_then(|found| found.as_ref()?.account()) {
            Some(account) => account.to_owned(),
            None => aws.account().await?,
        };
        let first = Arc::new(Mutex::new(found.map(|found| First { name: stack.to_owned(), found })));
        Ok(Self { first, ..Self::looking(aws, account, events) })
    }

    /// What was found of this stack at the beginning. Only once: it is not true for long.
    pub(super) fn first(&self, stack: &str) -> Option<First> {
        self.first.lock().unwrap_or_else(PoisonError::into_inner).take_if(|first| first.name == stack)
    }

    /// The same session, which treats these stacks as this stage's.
    #[must_use]
    pub fn adopting(self, stacks: Vec<StackId>) -> Self {
        Self { adopted: stacks, ..self }
    }

    /// The same session, for changes under the user's intent.
    pub(crate) fn acting(&self, intent: watch::Receiver<Intent>) -> Self {
        Self { intent: Intents(Some(intent)), ..self.clone() }
    }

    /// The same session for work that comes to its end whatever the user wants meanwhile.
    pub(super) fn to_the_end(&self) -> Self {
        Self { intent: Intents(None), ..self.clone() }
    }

    /// The user's current intent.
    pub(crate) fn intent(&self) -> Intent {
        self.intent.now()
    }

    /// Observes the intent, and knows which changes it has seen.
    pub(super) fn intents(&self) -> Intents {
        self.intent.clone()
    }

    /// Returns once this is the intent.
    pub(super) async fn intended(&self, intent: Intent) {
        let mut intents = self.intents();
        while intents.latest() != intent {
            intents.changed().await;
        }
    }

    /// Returns once the intent is not to continue.
    pub(crate) async fn interrupted(&self) {
        let mut intents = self.intents();
        while intents.latest() == Intent::Continue {
            intents.changed().await;
        }
    }
}

/// The user's intent over time: always [`Intent::Continue`] without a source of changes.
#[derive(Clone, Debug)]
pub(super) struct Intents(Option<watch::Receiver<Intent>>);

impl Intents {
    fn now(&self) -> Intent {
        self.0.as_ref().map_or(Intent::Continue, |intent| *intent.borrow())
    }

    /// The current intent; [`Intents::changed`] waits for another one from here on.
    pub(super) fn latest(&mut self) -> Intent {
        self.0.as_mut().map_or(Intent::Continue, |intent| *intent.borrow_and_update())
    }

    /// Returns when the intent changes.
    pub(super) async fn changed(&mut self) {
        let changed = match &mut self.0 {
            Some(intent) => intent.changed().await.is_ok(),
            None => false,
        };
        if !changed {
            // Nobody can change the intent any more.
            std::future::pending::<()>().await;
        }
    }
}
