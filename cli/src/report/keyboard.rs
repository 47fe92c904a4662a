//! The lines that somebody types. All who ask share one reader: reading cannot be cancelled, and a second reader would lose lines to the
//! first.

use std::{
    io::{self, IsTerminal},
    sync::{OnceLock, mpsc},
    thread,
};

use rustix::termios::{QueueSelector, tcflush};
use tokio::sync::{
    Mutex,
    mpsc::{UnboundedReceiver, unbounded_channel},
};

/// The reader's thread, which is never joined.
struct Reader {
    /// Whether it was asked for a line that nobody has received yet.
    reads: bool,
    ask: mpsc::Sender<()>,
    /// None at the end of the input.
    lines: UnboundedReceiver<Option<String>>,
}

static READER: OnceLock<Mutex<Reader>> = OnceLock::new();

fn reader() -> &'static Mutex<Reader> {
    READER.get_or_init(|| {
        let (ask, asked) = mpsc::channel();
        let (sender, lines) = unbounded_channel();
        // Reads only if it is asked, so that what nobody asked for stays in the terminal.
        thread::spawn(move || {
            while asked.recv().is_ok() {
                let mut line = String::new();
                let read = io::stdin().read_line(&mut line).is_ok_and(|bytes| bytes > 0);
                if sender.send(read.then(|| line.trim().to_owned())).is_err() {
                    return;
                }
            }
        });
        Mutex::new(Reader { reads: false, ask, lines })
    })
}

/// Whether somebody can be asked: sees the question, and can answer it.
pub(super) fn is_there() -> bool {
    io::stdin().is_terminal() && io::stderr().is_terminal()
}

/// The next line, trimmed; None at the end of the input. Who waits may stop waiting: the line is then the next one's.
pub(super) async fn line() -> Option<String> {
    let mut reader = reader().lock().await;
    if !reader.reads {
        reader.reads = reader.ask.send(()).is_ok();
    }
    let line = reader.lines.recv().await.flatten();
    reader.reads = false;
    line
}

/// Throws away what was typed so far: it is no answer to a question that nobody has seen.
pub(super) async fn forget() {
    let mut reader = reader().lock().await;
    while reader.lines.try_recv().is_ok() {
        reader.reads = false;
    }
    tcflush(io::stdin(), QueueSelector::IFlush).ok();
}
