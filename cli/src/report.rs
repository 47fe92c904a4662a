//! Tells people and programs what happens. The only code that prints: the story goes to standard error, the answer to standard output.

use std::{cell::RefCell, io::IsTerminal};

use anstream::AutoStream;
use camino::{Utf8Path, Utf8PathBuf};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use self::answer::Answer;
use crate::{
    args::Cli,
    config::Environment,
    domain::{
        event::{Event, Events, Message},
        moment::Moment,
        notice::Notice,
        timeline::Timeline,
    },
    error::Error,
    files,
};

pub(crate) mod answer;
pub(crate) mod ask;
pub(crate) mod events_file;
mod github;
pub(crate) mod logs;
mod notices;
mod plain;
pub(crate) mod plan;
mod style;
mod summary;
mod terminal;
#[cfg(test)]
mod tests;
mod timeline;
pub(crate) mod totals;
pub(crate) mod words;

/// Something that shows events as they come.
trait Report: Send {
    /// Shows one event, told at this moment.
    fn event(&mut self, at: Moment, event: &Event);
    /// Takes everything off the screen that would not stay: something else is printed, or somebody is asked.
    fn pause(&mut self) {}
}

/// Whom everything is told, from the beginning of the process to its end.
pub(crate) struct Reporting {
    reports: RefCell<Vec<Box<dyn Report>>>,
    timeline: RefCell<Timeline>,
    /// What was begun, once it is known where.
    started: RefCell<Option<Event>>,
    /// Where the timeline is drawn.
    page: Option<Utf8PathBuf>,
}

impl Reporting {
    /// On a terminal the story is drawn, elsewhere it is one line per change.
    ///
    /// # Errors
    /// What is asked for cannot be had: nothing has begun.
    pub(crate) fn begin(cli: &Cli, environment: &Environment) -> Result<Self, Error> {
        let verbose = cli.global.verbose > 0;
        let story: Box<dyn Report> = if std::io::stderr().is_terminal() {
            Box::new(terminal::Terminal::new(verbose))
        } else {
            Box::new(plain::Plain::new(AutoStream::auto(std::io::stderr()), verbose))
        };
        let mut reports = Vec::new();
        if let Some(files) = &environment.github {
            // Before the story, whose lines are grouped.
            reports.push(Box::new(github::GitHub::new(std::io::stderr(), files.clone())) as Box<dyn Report>);
        }
        reports.push(story);
        if let Some(path) = &cli.global.events {
            reports.push(Box::new(events_file::EventsFile::create(path)?));
        }
        let page = cli.command.timeline().map(Utf8Path::to_owned);
        Ok(Self { reports: RefCell::new(reports), timeline: RefCell::default(), started: RefCell::default(), page })
    }

    /// Tells the story of `work` while it goes on; everything is told when this returns.
    pub(crate) async fn telling<T>(&self, work: impl AsyncFnOnce(Events) -> T) -> T {
        let (sender, receiver) = unbounded_channel();
        // Both run until the last `Events` is gone, and that is when the work is done.
        tokio::join!(work(Events::into(sender)), self.listen(receiver)).0
    }

    async fn listen(&self, mut messages: UnboundedReceiver<Message>) {
        while let Some(message) = messages.recv().await {
            match message {
                Message::Event(event) => self.tell(&event),
                Message::Pause(done) => {
                    self.pause();
                    // Who asked may have been interrupted meanwhile.
                    done.send(()).ok();
                }
            }
        }
        self.pause();
    }

    /// Takes everything off the screen that would not stay.
    fn pause(&self) {
        self.reports.borrow_mut().iter_mut().for_each(|report| report.pause());
    }

    /// Tells where the time went and how the command ended. Nothing is told after that.
    pub(crate) fn end(&self, done: &Result<Answer, Error>) {
        // Whoever was interrupted left something on the screen.
        self.pause();
        let timeline = self.timeline.take().worked();
        if let Some(spent) = timeline.spent() {
            self.tell(&Event::TimeSpent(spent.clone()));
            if let Some(path) = &self.page {
                self.tell(&self.draw(&timeline, &words::time_spent(&spent), path));
            }
        }
        let error = done.as_ref().err();
        self.tell(&Event::Ended {
            exit_code: error.map_or(0, |error| error.exit_code() as u8),
            error: error.map(with_causes),
            hint: error.and_then(Error::hint),
        });
    }

    /// Draws the timeline. That it could not be is said, and fails nothing.
    fn draw(&self, timeline: &Timeline, summary: &str, path: &Utf8Path) -> Event {
        let started = self.started.borrow().as_ref().and_then(|event| words::line(event, false)).unwrap_or_default();
        let title = anstream::adapter::strip_str(&started).to_string();
        let drawn = timeline::render(timeline, &title, summary).map_err(|error| error.to_string());
        match drawn.and_then(|page| files::write_whole(path, page).map_err(|error| with_causes(&error.into()))) {
            Ok(()) => Event::Wrote { path: path.to_owned() },
            Err(reason) => Event::Notice(Notice::TimelineNotWritten { reason }),
        }
    }

    fn tell(&self, event: &Event) {
        if matches!(event, Event::Started { .. }) {
            self.started.replace(Some(event.clone()));
        }
        let at = Moment::now();
        self.timeline.borrow_mut().record(at, event);
        self.reports.borrow_mut().iter_mut().for_each(|report| report.event(at, event));
    }
}

/// Says why a command failed, and what to try next.
pub(crate) fn failure(error: &Error) {
    let (red, cyan, reset) = (style::ERROR.render(), style::HINT.render(), anstyle::Reset.render());
    anstream::eprintln!("{red}error{reset}: {}", words::no_command(&error.to_string()));
    for cause in causes(error) {
        anstream::eprintln!("  caused by: {}", words::no_command(&cause));
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

/// An error on one line.
fn with_causes(error: &Error) -> String {
    [vec![error.to_string()], causes(error)].concat().join(": ")
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
