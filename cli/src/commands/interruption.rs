//! Signals that end a session: they end a command that changes nothing, and ask for a decision while AWS works.
//!
//! SIGINT (Ctrl-C) and SIGQUIT (Ctrl-\) come from somebody at a keyboard, SIGTERM and SIGHUP from somebody who is not there (any more): a
//! pipeline that is cancelled, a terminal that is closed.

use std::{
    fs,
    sync::{
        OnceLock,
        atomic::{AtomicUsize, Ordering},
    },
};

use tokio::{
    signal::unix::{SignalKind, signal},
    sync::watch,
};

use crate::{
    domain::{
        event::{Event, Events},
        notice::Notice,
    },
    error::Error,
    execute::{Intent, Session},
    local,
    report::ask::{self, Choice},
};

/// The source of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum By {
    Person,
    System,
}

/// All signals of this process so far. Listening cannot be stopped, and so it is begun once.
static ARRIVED: OnceLock<watch::Receiver<Vec<By>>> = OnceLock::new();

/// How many of them somebody has reacted to. One that arrives while nobody waits is the next one's.
static SEEN: AtomicUsize = AtomicUsize::new(0);

/// Signals that ask this process to end.
pub(super) struct Interruption(watch::Receiver<Vec<By>>);

impl Interruption {
    /// Listens from now on. A signal that this process was told to ignore, for example by `nohup`, stays ignored.
    pub(super) fn listen() -> Result<Self, Error> {
        if let Some(arrived) = ARRIVED.get() {
            return Ok(Self(arrived.clone()));
        }
        let (sender, arrived) = watch::channel(Vec::new());
        let ignored = ignored(&fs::read_to_string("/proc/self/status").unwrap_or_default());
        let kinds = [
            (SignalKind::interrupt(), By::Person),
            (SignalKind::quit(), By::Person),
            (SignalKind::terminate(), By::System),
            (SignalKind::hangup(), By::System),
        ];
        for (kind, by) in kinds.into_iter().filter(|(kind, _)| !is_in(ignored, *kind)) {
            let mut signals =
                signal(kind).map_err(|source| local::Error::Io { action: "listening for Ctrl-C".to_owned(), source })?;
            let sender = sender.clone();
            tokio::spawn(async move {
                while signals.recv().await.is_some() {
                    sender.send_modify(|arrived| arrived.push(by));
                }
            });
        }
        Ok(Self(ARRIVED.get_or_init(|| arrived).clone()))
    }

    /// Returns at the next signal that nobody has reacted to. May be dropped, and called again.
    pub(super) async fn wait(&mut self) {
        self.next().await;
    }

    async fn next(&mut self) -> By {
        loop {
            let seen = SEEN.load(Ordering::SeqCst);
            let next = self.0.borrow_and_update().get(seen).copied();
            match next {
                // Of two who wait, one gets it.
                Some(by) if SEEN.compare_exchange(seen, seen + 1, Ordering::SeqCst, Ordering::SeqCst).is_ok() => return by,
                Some(_) => {}
                // The senders live as long as the process.
                None => self.0.changed().await.unwrap_or(()),
            }
        }
    }
}

/// The ignored signals of a process, as Linux describes it in `/proc`: one bit each. Nothing elsewhere.
fn ignored(status: &str) -> u64 {
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0)
}

fn is_in(mask: u64, kind: SignalKind) -> bool {
    mask >> (kind.as_raw_value() - 1) & 1 == 1
}

/// Runs work that may be dropped at any moment: its programs on this machine stop with it.
pub(super) async fn interruptible<T>(work: impl Future<Output = Result<T, Error>>) -> Result<T, Error> {
    let mut interruption = Interruption::listen()?;
    tokio::select! {
        done = work => done,
        () = interruption.wait() => Err(Error::Interrupted),
    }
}

/// Runs work that asks AWS to make something, and takes no more steps after a signal: what is being made can be taken back only once it is
/// there. The work sees by the session's intent that it shall come to an end.
///
/// # Errors
/// [`Error::Interrupted`] at the first signal, once the work has ended; [`Error::LeftPlan`] at the second one, which ends it at once.
pub(super) async fn coming_to_an_end<T>(
    session: &Session,
    work: impl AsyncFnOnce(&Session) -> Result<T, Error>,
) -> Result<T, Error> {
    let mut interruption = Interruption::listen()?;
    let (sender, intent) = watch::channel(Intent::Continue);
    let acting = session.acting(intent);
    let mut work = Box::pin(work(&acting));
    tokio::select! {
        done = &mut work => return done,
        () = interruption.wait() => {}
    }
    sender.send_replace(Intent::Stop);
    session.events.notice(Notice::TakingBack);
    tokio::select! {
        _ = work => Err(Error::Interrupted),
        () = interruption.wait() => Err(Error::LeftPlan),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_ignored_signal_is_a_bit() {
        let status = "Name:\tcartctl\nSigBlk:\t0000000000000002\nSigIgn:\t0000000000001001\nSigCgt:\t0000000000000002\n";
        let is_ignored = |kind| is_in(ignored(status), kind);
        assert!(is_ignored(SignalKind::hangup()) && is_ignored(SignalKind::pipe()));
        assert!(!is_ignored(SignalKind::interrupt()) && !is_ignored(SignalKind::terminate()));
        assert_eq!(ignored("no such line"), 0);
    }
}
