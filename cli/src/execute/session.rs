//! A command at work: one connection to one account, listeners for what happens, and what the user wants by now. Made once a command.
//!
//! Who only looks can be dropped at any moment, and knows no intent. Who acts is told what the user wants, because AWS works on whatever
//! becomes of this process. Reporting is outermost, around the whole command; interruption is inside it, around the part that may end.

use tokio::sync::watch;

use crate::{aws::Aws, domain::event::Events};

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

/// A connection to one account in one region, and who listens.
#[derive(Clone, Debug)]
pub struct Session {
    pub(crate) aws: Aws,
    /// The number of the account; empty where the command did not ask for it.
    pub(crate) account: String,
    pub(crate) events: Events,
    intent: Intents,
}

impl Session {
    /// For looking: what it does may be dropped at any moment.
    pub(crate) fn looking(aws: Aws, account: String, events: Events) -> Self {
        Self { aws, account, events, intent: Intents(None) }
    }

    /// The same session, for acting under the user's intent.
    pub(crate) fn acting(&self, intent: watch::Receiver<Intent>) -> Self {
        Self { intent: Intents(Some(intent)), ..self.clone() }
    }

    /// The user's current intent.
    pub(crate) fn intent(&self) -> Intent {
        self.intent.now()
    }

    /// A view of the intent that knows which changes it has seen.
    pub(super) fn intents(&self) -> Intents {
        self.intent.clone()
    }

    /// Returns once the user wants anything but to continue.
    pub(crate) async fn interrupted(&self) {
        let mut intents = self.intents();
        while intents.latest() == Intent::Continue {
            intents.changed().await;
        }
    }
}

/// The user's intent over time: always [`Intent::Continue`] where nobody can change it.
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
            // Nobody is left who could change it.
            std::future::pending::<()>().await;
        }
    }
}
