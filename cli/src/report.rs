//! Reports to people and programs what happens. The only code that prints: the story goes to standard error, the answer to standard output.
//! Knows events and plans, and nothing of arguments, configuration or the errors of commands.

use std::{cell::RefCell, io::IsTerminal};

use anstream::AutoStream;
use camino::{Utf8Path, Utf8PathBuf};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

use self::answer::Answer;
use crate::{
    domain::{
        event::{Event, Events, Message},
        exit::ExitCode,
        failure::Failure,
        moment::Moment,
        notice::Notice,
        timeline::Timeline,
    },
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
pub(crate) mod text;
mod timeline;
pub(crate) mod totals;
pub(crate) mod units;
mod words;

/// How the answer is written to standard output.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Format {
    Text,
    Json,
}

/// What is reported, and where.
#[derive(Debug)]
pub(crate) struct Options {
    pub format: Format,
    /// How often `-v` was given.
    pub verbosity: u8,
    /// Whether there may be colour at all.
    pub color: bool,
    /// The file for every event.
    pub events: Option<Utf8PathBuf>,
    /// The file for the timeline.
    pub timeline: Option<Utf8PathBuf>,
    /// If this is a step of GitHub Actions.
    pub github: Option<GitHubFiles>,
}

/// The files in which GitHub Actions reads what a step has to say.
#[derive(Debug, Default)]
pub(crate) struct GitHubFiles {
    /// For Markdown.
    pub step_summary: Option<Utf8PathBuf>,
    /// For `name=value`.
    pub output: Option<Utf8PathBuf>,
}

/// How a command failed.
#[derive(Debug)]
pub(crate) struct Ended {
    pub exit: ExitCode,
    pub message: String,
    /// The outermost first.
    pub causes: Vec<String>,
    pub hint: Option<String>,
    /// The stacks that failed.
    pub failed: Vec<Failure>,
}

/// A listener to events.
trait Report: Send {
    fn event(&mut self, at: Moment, event: &Event);
    /// Clears everything that moves from the screen, because something else is printed, or the user is asked.
    fn pause(&mut self) {}
}

/// Everything that reports, from the beginning of the process to its end.
pub(crate) struct Reporting {
    format: Format,
    reports: RefCell<Vec<Box<dyn Report>>>,
    timeline: RefCell<Timeline>,
    /// The `Started` event, once it was sent.
    started: RefCell<Option<Event>>,
    /// The file for the timeline.
    page: Option<Utf8PathBuf>,
}

impl Reporting {
    /// Draws on a terminal, and writes one line per change elsewhere.
    ///
    /// # Errors
    /// The file for events cannot be created.
    pub(crate) fn begin(options: Options) -> Result<Self, events_file::Error> {
        let Options { format, verbosity, color, events, timeline: page, github } = options;
        if !color {
            anstream::ColorChoice::Never.write_global();
        }
        diagnostics(verbosity);
        let verbose = verbosity > 0;
        let story: Box<dyn Report> = if std::io::stderr().is_terminal() {
            Box::new(terminal::Terminal::new(verbose))
        } else {
            Box::new(plain::Plain::new(AutoStream::auto(std::io::stderr()), verbose))
        };
        let mut reports = Vec::new();
        if let Some(files) = github {
            // Before the story, whose lines are grouped.
            reports.push(Box::new(github::GitHub::new(std::io::stderr(), files)) as Box<dyn Report>);
        }
        reports.push(story);
        if let Some(path) = &events {
            reports.push(Box::new(events_file::EventsFile::create(path)?));
        }
        Ok(Self { format, reports: RefCell::new(reports), timeline: RefCell::default(), started: RefCell::default(), page })
    }

    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// Prints an answer while the command still runs.
    pub(crate) fn answer(&self, answer: &Answer) {
        answer.print(self.format);
    }

    /// Reports the events of `work` until all of them are reported.
    pub(crate) async fn telling<T>(&self, work: impl AsyncFnOnce(Events) -> T) -> T {
        let (sender, receiver) = unbounded_channel();
        // The channel closes with the last `Events`, which is when the work is done.
        tokio::join!(work(Events::into(sender)), self.listen(receiver)).0
    }

    async fn listen(&self, mut messages: UnboundedReceiver<Message>) {
        while let Some(message) = messages.recv().await {
            match message {
                Message::Event(event) => self.tell(&event),
                Message::Pause(done) => {
                    self.pause();
                    // The sender may have been interrupted meanwhile.
                    done.send(()).ok();
                }
            }
        }
        self.pause();
    }

    /// Clears everything that moves from the screen.
    fn pause(&self) {
        self.reports.borrow_mut().iter_mut().for_each(|report| report.pause());
    }

    /// Prints where the time went and how the command ended. The last event of the process.
    pub(crate) fn end(&self, done: Result<Answer, Ended>) -> ExitCode {
        // An interrupted command leaves bars on the screen.
        self.pause();
        let timeline = self.timeline.take().worked();
        if let Some(spent) = timeline.spent() {
            self.tell(&Event::TimeSpent(spent.clone()));
            if let Some(path) = &self.page {
                self.tell(&self.draw(&timeline, &words::time_spent(&spent), path));
            }
        }
        match done {
            Ok(answer) => {
                answer.print(self.format);
                let Answer { exit, notice, .. } = answer;
                if let Some(notice) = notice {
                    self.tell(&Event::Notice(notice));
                }
                self.tell(&Event::Ended { exit_code: exit.number(), error: None, hint: None });
                exit
            }
            Err(ended) => {
                let Ended { exit, message, causes, hint, .. } = &ended;
                let error = [std::slice::from_ref(message), causes].concat().join(": ");
                self.tell(&Event::Ended { exit_code: exit.number(), error: Some(error), hint: hint.clone() });
                failure(self.format, &ended)
            }
        }
    }

    /// Draws the timeline. A failure is only a notice.
    fn draw(&self, timeline: &Timeline, summary: &str, path: &Utf8Path) -> Event {
        let started = self.started.borrow().as_ref().and_then(|event| words::line(event, false)).unwrap_or_default();
        let title = anstream::adapter::strip_str(&started).to_string();
        let drawn = timeline::render(timeline, &title, summary).map_err(|error| error.to_string());
        match drawn.and_then(|page| files::write_whole(path, page).map_err(|error| with_causes(&error))) {
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

/// Prints why a command failed, and what to try next.
pub(crate) fn failure(format: Format, ended: &Ended) -> ExitCode {
    if format == Format::Json {
        answer::of_failure(ended).print(format);
    }
    let (red, cyan, reset) = (style::ERROR.render(), style::HINT.render(), anstyle::Reset.render());
    anstream::eprintln!("{red}error{reset}: {}", words::no_command(&ended.message));
    for cause in &ended.causes {
        anstream::eprintln!("  caused by: {}", words::no_command(cause));
    }
    if let Some(hint) = &ended.hint {
        anstream::eprintln!("{cyan}hint{reset}: {hint}");
    }
    ended.exit
}

/// An error on one line.
fn with_causes(error: &dyn std::error::Error) -> String {
    let chain = std::iter::successors(Some(error), |error| error.source());
    chain.map(ToString::to_string).collect::<Vec<_>>().join(": ")
}

/// Whether what goes to standard error is coloured.
pub(crate) fn coloured() -> bool {
    AutoStream::choice(&std::io::stderr()) != anstream::ColorChoice::Never
}

/// Sends diagnostics to standard error: ours with one `-v`, those of the SDK with two.
fn diagnostics(verbosity: u8) {
    let filter = match verbosity {
        0 => return,
        1 => "cartctl=debug",
        _ => "debug,hyper_util=info,h2=info",
    };
    tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr).without_time().init();
}
