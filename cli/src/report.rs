//! Tells people and programs what happens. The only code that prints: the story goes to standard error, the answer to standard output.

use std::{cell::RefCell, io::IsTerminal};

use anstream::AutoStream;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use self::answer::Answer;
use crate::{
    args::Global,
    error::Error,
    event::{Event, Events},
};

pub(crate) mod answer;
pub(crate) mod ask;
pub(crate) mod events_file;
mod plain;
pub(crate) mod plan;
mod style;
mod terminal;
#[cfg(test)]
mod tests;
pub(crate) mod words;

/// Something that shows events as they come.
trait Report: Send {
    /// Shows one event.
    fn event(&mut self, event: &Event);
    /// Takes everything off the screen that would not stay: something else is printed, or somebody is asked.
    fn pause(&mut self) {}
}

/// Whom everything is told, from the beginning of the process to its end.
pub(crate) struct Reporting {
    reports: RefCell<Vec<Box<dyn Report>>>,
}

impl Reporting {
    /// On a terminal the story is drawn, elsewhere it is one line per change.
    ///
    /// # Errors
    /// What is asked for cannot be had: nothing has begun.
    pub(crate) fn begin(global: &Global) -> Result<Self, Error> {
        let verbose = global.verbose > 0;
        let story: Box<dyn Report> = if std::io::stderr().is_terminal() {
            Box::new(terminal::Terminal::new(verbose))
        } else {
            Box::new(plain::Plain::new(AutoStream::auto(std::io::stderr()), verbose))
        };
        let mut reports = vec![story];
        if let Some(path) = &global.events {
            reports.push(Box::new(events_file::EventsFile::create(path)?));
        }
        Ok(Self { reports: RefCell::new(reports) })
    }

    /// Tells the story of `work` while it goes on; everything is told when this returns.
    pub(crate) async fn telling<T>(&self, work: impl AsyncFnOnce(Events) -> T) -> T {
        let (sender, receiver) = unbounded_channel();
        // Both run until the last `Events` is gone, and that is when the work is done.
        tokio::join!(work(Events::into(sender)), self.listen(receiver)).0
    }

    async fn listen(&self, mut events: UnboundedReceiver<Event>) {
        while let Some(event) = events.recv().await {
            self.tell(&event);
        }
        self.reports.borrow_mut().iter_mut().for_each(|report| report.pause());
    }

    /// Tells how the command ended. Nothing is told after that.
    pub(crate) fn end(&self, done: &Result<Answer, Error>) {
        let error = done.as_ref().err();
        self.tell(&Event::Ended {
            exit_code: error.map_or(0, |error| error.exit_code() as u8),
            error: error.map(|error| [vec![error.to_string()], causes(error)].concat().join(": ")),
            hint: error.and_then(Error::hint),
        });
    }

    fn tell(&self, event: &Event) {
        self.reports.borrow_mut().iter_mut().for_each(|report| report.event(event));
    }
}

/// Says why a command failed, and what to try next.
pub(crate) fn failure(error: &Error) {
    let (red, cyan, reset) = (style::ERROR.render(), style::HINT.render(), anstyle::Reset.render());
    anstream::eprintln!("{red}error{reset}: {error}");
    for cause in causes(error) {
        anstream::eprintln!("  caused by: {cause}");
    }
    if let Some(hint) = error.hint() {
        anstream::eprintln!("{cyan}hint{reset}: {hint}");
    }
}

/// What is behind an error and not said by it.
fn causes(error: &Error) -> Vec<String> {
    let said = error.to_string();
    let sources = std::iter::successors(std::error::Error::source(error), |source| source.source());
    // Transparent variants repeat their source.
    sources.map(ToString::to_string).filter(|source| !said.contains(source)).collect()
}

/// Whether what goes to standard error is coloured.
pub(crate) fn coloured() -> bool {
    AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never
}

/// Turns colour off for everything printed from here on.
pub(crate) fn no_color() {
    anstream::ColorChoice::Never.write_global();
}

/// Sends diagnostics to standard error: ours with one `-v`, those of the SDK with two.
pub(crate) fn diagnostics(verbose: u8) {
    let filter = match verbose {
        0 => return,
        1 => "cartctl=debug",
        _ => "debug,hyper_util=info,h2=info",
    };
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).without_time().init();
}
