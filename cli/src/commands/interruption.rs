//! Ctrl-C and SIGTERM: they end a command that changes nothing, and ask for a decision while AWS works.

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

use crate::{
    domain::event::{Event, Events},
    error::Error,
    execute::{Intent, Session},
    local,
    report::ask::{self, Choice},
};

/// Signals that ask this process to end.
pub(super) struct Interruption {
    interrupt: Signal,
    terminate: Signal,
}

/// The source of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// Ctrl-C at the keyboard.
    Person,
    /// SIGTERM, for example of a cancelled pipeline.
    System,
}

impl Interruption {
    /// Listens from now on.
    pub(super) fn listen() -> Result<Self, Error> {
        let listen = |kind| signal(kind).map_err(|source| local::Error::Io { action: "listening for Ctrl-C".to_owned(), source });
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    /// Returns at the first signal.
    pub(super) async fn wait(&mut self) {
        self.next().await;
    }

    async fn next(&mut self) -> By {
        tokio::select! {
            _ = self.interrupt.recv() => By::Person,
            _ = self.terminate.recv() => By::System,
        }
    }
}

/// Runs work that may be dropped at any moment: its programs on this machine stop with it.
pub(super) async fn interruptible<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let mut interruption = Interruption::listen()?;
    tokio::select! {
        done = work => done,
        () = interruption.wait() => Err(Error::Interrupted),
    }
}

/// Runs work that must not be dropped without notice, because AWS continues with it: the session has the user's intent.
///
/// # Errors
/// [`Error::Left`] at the second signal, which ends it at once.
pub(super) async fn supervised<T>(session: &Session, work: impl AsyncFnOnce(&Session) -> Result<T, Error>) -> Result<T, Error> {
    let interruption = Interruption::listen()?;
    let (sender, intent) = watch::channel(Intent::Continue);
    let acting = session.acting(intent);
    tokio::select! {
        done = work(&acting) => done,
        () = supervise(interruption, &sender, &session.events) => Err(Error::Left),
    }
}

/// Returns at the second signal. The first one leads to a question at a terminal, and detaches without one.
async fn supervise(mut interruption: Interruption, intent: &watch::Sender<Intent>, events: &Events) {
    let by = interruption.next().await;
    let choice = by == By::Person && ask::is_possible();
    if choice {
        ask::before_choice().await;
    }
    intent.send_replace(if choice { Intent::Stop } else { Intent::Detach });
    events.send(Event::Interrupted { choice });
    if choice {
        loop {
            tokio::select! {
                () = interruption.wait() => return,
                choice = ask::choice() => {
                    intent.send_replace(match choice {
                        Choice::Detach => Intent::Detach,
                        Choice::Cancel => Intent::Cancel,
                    });
                }
            }
        }
    }
    interruption.wait().await;
}
