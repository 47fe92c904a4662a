//! Reports to people and programs what happens. The only code that prints: the story goes to standard error, the answer to standard output.
//! Knows events and plans, and nothing of arguments, configuration or the errors of commands.

use std::{cell::RefCell, io::IsTerminal};

use anstream::AutoStream;
use camino::{Utf8Path, Utf8PathBuf};
use tokio::sync::mpsc::{UnboundedReceiver, unbounded_channel};

pub(crate) use self::unwritten::Unwritten;
use self::{answer::Answer, here::Here, text::Text, unwritten::What};
use crate::{
    domain::{
        event::{Event, Events, Message},
        exit::ExitCode,
        failure::Failure,
        moment::Moment,
        timeline::Timeline,
    },
    files,
};

pub(crate) mod answer;
pub(crate) mod ask;
pub(crate) mod events_file;
mod github;
pub(crate) mod here;
mod keyboard;
pub(crate) mod local;
pub(crate) mod logs;
mod notices;
mod plain;
pub(crate) mod plan;
pub(crate) mod stacks;
mod streams;
mod style;
mod summary;
mod terminal;
#[cfg(test)]
mod tests;
pub(crate) mod text;
mod timeline;
pub(crate) mod totals;
pub(crate) mod units;
mod unwritten;
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
    /// Whether nothing can be drawn on the terminal, if there is one.
    pub dumb: bool,
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
    /// What happened, in the messages of a run that works `here`.
    fn event(&mut self, at: Moment, event: &Event, here: &Here);
    /// Clears everything that moves from the screen, because something else is printed, or the user is asked.
    fn pause(&mut self) {}
    /// What could not be written since this was asked last.
    fn unwritten(&mut self) -> Vec<Unwritten> {
        Vec::new()
    }
}

/// Everything that reports, from the beginning of the process to its end.
pub(crate) struct Reporting {
    format: Format,
    here: RefCell<Here>,
    reports: RefCell<Vec<Box<dyn Report>>>,
    timeline: RefCell<Timeline>,
    /// The `Started` event, once it was sent.
    started: RefCell<Option<Event>>,
    /// The file for the timeline.
    drawn: Option<Utf8PathBuf>,
}

impl Reporting {
    /// Draws on a terminal that can be drawn on, and writes one line per change elsewhere. Commands in messages are for a run that works
    /// `here`.
    ///
    /// # Errors
    /// The file for events cannot be created.
    pub(crate) fn begin(options: Options, here: Here) -> Result<Self, events_file::Error> {
        let Options { format, verbosity, color, dumb, events, timeline: drawn, github } = options;
        let is_terminal = std::io::stderr().is_terminal();
        if !color || is_terminal && dumb {
            without_colour();
        }
        diagnostics(verbosity);
        let verbose = verbosity > 0;
        let story: Box<dyn Report> = if is_terminal && !dumb {
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
        Ok(Self {
            format,
            here: RefCell::new(here),
            reports: RefCell::new(reports),
            timeline: RefCell::default(),
            started: RefCell::default(),
            drawn,
        })
    }

    /// Changes what is known of where this run works.
    pub(crate) fn work_at(&self, known: impl FnOnce(&mut Here)) {
        known(&mut self.here.borrow_mut());
    }

    pub(crate) fn format(&self) -> Format {
        self.format
    }

    /// What `of` makes of where this run works.
    pub(crate) fn here<T>(&self, of: impl FnOnce(&Here) -> T) -> T {
        of(&self.here.borrow())
    }

    /// Prints an answer while the command still runs.
    pub(crate) fn answer(&self, answer: &Answer) -> Result<(), Unwritten> {
        answer.print(self.format).map_err(|error| Unwritten::answer(&error))
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

    /// Prints where the time went and how the command ended. The last event of the process. A command that could not write everything that
    /// was asked for has failed, though it did everything else.
    pub(crate) fn end(&self, done: Result<Answer, Ended>) -> ExitCode {
        // An interrupted command leaves bars on the screen.
        self.pause();
        let here = self.here.borrow().clone();
        let done = done.map_err(|ended| here.complete_end(ended));
        let mut unwritten = Vec::new();
        let timeline = self.timeline.take().worked();
        if let Some(spent) = timeline.spent() {
            self.tell(&Event::TimeSpent(spent.clone()));
            if let Some(path) = &self.drawn {
                match self.draw(&timeline, &words::time_spent(&spent), path) {
                    Ok(wrote) => self.tell(&wrote),
                    Err(error) => unwritten.push(error),
                }
            }
        }
        let is_answered = done.is_ok();
        let mut end = match done {
            Ok(answer) => {
                unwritten.extend(answer.print(self.format).err().as_ref().map(Unwritten::answer));
                let Answer { exit, notice, .. } = answer;
                if let Some(notice) = notice {
                    self.tell(&Event::Notice(notice));
                }
                Ok(exit)
            }
            Err(ended) => Err(ended),
        };
        unwritten.extend(self.reports.borrow_mut().iter_mut().flat_map(|report| report.unwritten()));
        for unwritten in &unwritten {
            if end.is_ok() { end = Err(unwritten.into()) } else { self.tell(&Event::Notice(unwritten.notice())) }
        }
        let at = Moment::now();
        for report in self.reports.borrow_mut().iter_mut() {
            report.event(at, &ended(&end), &here);
            for unwritten in report.unwritten() {
                end = Err(end.err().unwrap_or_else(|| (&unwritten).into()));
            }
        }
        match end {
            Ok(exit) => exit,
            Err(ended) => {
                if !is_answered {
                    answer::of_failure(&ended).print_for_programs(self.format);
                }
                explain(&ended)
            }
        }
    }

    /// Draws the timeline.
    fn draw(&self, timeline: &Timeline, summary: &str, path: &Utf8Path) -> Result<Event, Unwritten> {
        let here = self.here.borrow();
        let started = self.started.borrow().as_ref().and_then(|event| words::line(event, false, &here)).unwrap_or_default();
        let title = anstream::adapter::strip_str(&started).to_string();
        let lost = |error: &(dyn std::error::Error + 'static)| Unwritten::file(What::Timeline, path, error);
        let html = timeline::render(timeline, &title, summary).map_err(|error| lost(&error))?;
        files::write_whole(path, html).map_err(|error| lost(&error))?;
        Ok(Event::Wrote { path: path.to_owned() })
    }

    fn tell(&self, event: &Event) {
        if matches!(event, Event::Started { .. }) {
            self.started.replace(Some(event.clone()));
        }
        let at = Moment::now();
        self.timeline.borrow_mut().record(at, event);
        let here = self.here.borrow();
        self.reports.borrow_mut().iter_mut().for_each(|report| report.event(at, event, &here));
    }
}

/// The last event.
fn ended(end: &Result<ExitCode, Ended>) -> Event {
    match end {
        Ok(exit) => Event::Ended { exit_code: exit.number(), error: None, hint: None },
        Err(Ended { exit, message, causes, hint, .. }) => {
            let error = [std::slice::from_ref(message), causes].concat().join(": ");
            Event::Ended { exit_code: exit.number(), error: Some(error), hint: hint.clone() }
        }
    }
}

/// Prints why a command failed before it began, and what to try next.
pub(crate) fn failure(format: Format, ended: Ended, here: &Here) -> ExitCode {
    let ended = here.complete_end(ended);
    answer::of_failure(&ended).print_for_programs(format);
    explain(&ended)
}

/// Prints what somebody asked for about the program itself.
pub(crate) fn help(text: &str) -> ExitCode {
    match streams::answer(text) {
        Ok(()) => ExitCode::Done,
        Err(error) => explain(&Ended::from(&Unwritten::answer(&error))),
    }
}

/// Prints why the command line cannot be used.
pub(crate) fn usage(text: &str) -> ExitCode {
    streams::story(text);
    ExitCode::Usage
}

fn explain(ended: &Ended) -> ExitCode {
    let (red, cyan, reset) = (style::ERROR.render(), style::HINT.render(), anstyle::Reset.render());
    let mut text = Text::default();
    text.line(format_args!("{red}error{reset}: {}", ended.message));
    for cause in &ended.causes {
        text.line(format_args!("  caused by: {cause}"));
    }
    if let Some(hint) = &ended.hint {
        text.line(format_args!("{cyan}hint{reset}: {hint}"));
    }
    streams::story(&String::from(text));
    ended.exit
}

/// Leaves out colours from now on, whatever a terminal or a variable says.
pub(crate) fn without_colour() {
    anstream::ColorChoice::Never.write_global();
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
    // One that cannot be written is no reason to panic.
    let diagnostics = tracing_subscriber::fmt().with_env_filter(filter).with_writer(|| streams::Diagnostics).without_time();
    diagnostics.with_ansi(coloured()).log_internal_errors(false).init();
}
