//! Tells people and programs what happens. The only code that prints: the story goes to standard error, the answer to standard output.

use std::{cell::RefCell, io::IsTerminal};

use anstream::AutoStream;
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use crate::{
    args::Global,
    error::Error,
    event::{Event, Events},
};

pub(crate) mod answer;
pub(crate) mod ask;
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
    pub(crate) fn new(global: &Global) -> Self {
        let verbose = global.verbose > 0;
        let story: Box<dyn Report> = if std::io::stderr().is_terminal() {
            Box::new(terminal::Terminal::new(verbose))
        } else {
            Box::new(plain::Plain::new(AutoStream::auto(std::io::stderr()), verbose))
        };
        Self { reports: RefCell::new(vec![story]) }
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

    fn tell(&self, event: &Event) {
        self.reports.borrow_mut().iter_mut().for_each(|report| report.event(event));
    }
}

/// Says why a command failed, and what to try next.
pub(crate) fn failure(error: &Error) {
    let (red, cyan, reset) = (style::ERROR.render(), style::HINT.render(), anstyle::Reset.render());
    anstream::eprintln!("{red}error{reset}: {error}");
    let mut cause = std::error::Error::source(error);
    while let Some(source) = cause {
        // Transparent variants repeat their source.
        if !error.to_string().contains(&source.to_string()) {
            anstream::eprintln!("  caused by: {source}");
        }
        cause = source.source();
    }
    if let Some(hint) = error.hint() {
        anstream::eprintln!("{cyan}hint{reset}: {hint}");
    }
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
