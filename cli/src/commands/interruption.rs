//! Ctrl-C and SIGTERM: what they mean to a command. While nothing is changed, the end; while AWS works, a question.

use std::io::IsTerminal;

use tokio::{
    signal::unix::{Signal, SignalKind, signal},
    sync::watch,
};

use crate::{
    domain::event::{Event, Events},
    error::Error,
    execute::Wish,
    local,
    report::ask::{self, Choice},
};

/// Signals that ask this process to end.
pub(super) struct Interruption {
    interrupt: Signal,
    terminate: Signal,
}

/// Who asked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    /// Somebody at the keyboard.
    Person,
    /// Whoever runs this, such as a pipeline that is cancelled.
    System,
}

impl Interruption {
    /// Listens from here on.
    pub(super) fn listen() -> Result<Self, Error> {
        let listen = |kind| signal(kind).map_err(|source| local::Error::Io { action: "listening for Ctrl-C".to_owned(), source });
        Ok(Self { interrupt: listen(SignalKind::interrupt())?, terminate: listen(SignalKind::terminate())? })
    }

    /// Returns once either came.
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

/// Runs what can be left at any moment: what it started on this machine stops with it.
pub(super) async fn interruptible<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let mut interruption = Interruption::listen()?;
    tokio::select! {
        done = work => done,
        () = interruption.wait() => Err(Error::Interrupted),
    }
}

/// Runs what must not be left without a word, because AWS goes on with it: it is told by [`Wish`] what is wanted of it.
///
/// # Errors
/// [`Error::Left`] at the second signal, which ends it at once.
pub(super) async fn supervised<T>(
    events: &Events,
    work: impl AsyncFnOnce(watch::Receiver<Wish>) -> Result<T, Error>,
) -> Result<T, Error> {
    let interruption = Interruption::listen()?;
    let (sender, wish) = watch::channel(Wish::GoOn);
    tokio::select! {
        done = work(wish) => done,
        () = supervise(interruption, &sender, events) => Err(Error::Left),
    }
}

/// Returns at the second signal. At the first, a person is asked what is to become of what goes on, and a system is left in peace.
async fn supervise(mut interruption: Interruption, wish: &watch::Sender<Wish>, events: &Events) {
    let by = interruption.next().await;
    let choice = by == By::Person && std::io::stdin().is_terminal() && std::io::stderr().is_terminal();
    wish.send_replace(if choice { Wish::BeginNothing } else { Wish::Detach });
    events.send(Event::Interrupted { choice });
    if choice {
        let mut choices = ask::choices();
        loop {
            tokio::select! {
                () = interruption.wait() => return,
                Some(choice) = choices.recv() => {
                    wish.send_replace(match choice {
                        Choice::Detach => Wish::Detach,
                        Choice::Cancel => Wish::Cancel,
                    });
                }
            }
        }
    }
    interruption.wait().await;
}
