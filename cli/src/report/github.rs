//! The story in GitHub Actions' own language: groups in the log, annotations, the summary of the step and its outputs.
//!
//! The commands go to standard error, for standard output is the answer: the runner reads both alike
//! (<https://github.com/actions/runner/blob/main/src/Runner.Worker/Handlers/ScriptHandler.cs>).

use std::{
    fs::OpenOptions,
    io::{self, Write},
};

use camino::Utf8Path;

use super::{
    GitHubFiles, Report,
    here::Here,
    notices,
    summary::Summary,
    unwritten::{Unwritten, What},
};
use crate::domain::{event::Event, moment::Moment, notice::Severity, tame::tame};

/// Writes commands to `out`, and into the files the runner named.
pub(super) struct GitHub<W> {
    out: W,
    files: GitHubFiles,
    open: Option<&'static str>,
    summary: Summary,
    unwritten: Vec<Unwritten>,
}

/// A line of our source.
type Line<'a> = (&'a str, u32);

impl<W: Write> GitHub<W> {
    pub(super) fn new(out: W, files: GitHubFiles) -> Self {
        Self { out, files, open: None, summary: Summary::default(), unwritten: Vec::new() }
    }

    /// Closes the group that is open and opens this one, if they differ: groups cannot be nested.
    fn group(&mut self, wanted: Option<&'static str>) {
        if self.open != wanted {
            if self.open.is_some() {
                self.say("::endgroup::");
            }
            if let Some(title) = wanted {
                self.say(&format!("::group::{title}"));
            }
            self.open = wanted;
        }
    }

    fn say(&mut self, line: &str) {
        // A log that nobody reads is no reason to stop deploying.
        writeln!(self.out, "{line}").ok();
    }

    fn end(&mut self, error: Option<&String>) {
        let failures = std::mem::take(&mut self.summary.failures);
        for failure in &failures {
            let at = failure.defined_at.as_ref().and_then(|place| place.rsplit_once(':'));
            let at = at.and_then(|(file, line)| Some((file, line.parse().ok()?)));
            self.say(&annotation("error", &format!("the {} stack failed", failure.stack), at, &failure.cause));
        }
        self.summary.failures = failures;
        if let Some(error) = error.filter(|_| self.summary.failures.is_empty()) {
            let title = format!("cartctl {}", self.summary.command);
            self.say(&annotation("error", title.trim_end(), None, error));
        }
        // A command that failed before it knew where it works has no summary.
        if self.summary.command.is_empty() {
            return;
        }
        let markdown = self.summary.markdown().map_err(io::Error::other);
        let outputs = self.summary.outputs();
        let files = std::mem::take(&mut self.files);
        self.append(What::StepSummary, files.step_summary.as_deref(), markdown);
        self.append(What::StepOutputs, files.output.as_deref().filter(|_| !outputs.is_empty()), Ok(outputs));
    }

    fn append(&mut self, what: What, path: Option<&Utf8Path>, text: io::Result<String>) {
        let Some(path) = path else { return };
        let append = |text: String| OpenOptions::new().create(true).append(true).open(path)?.write_all(text.as_bytes());
        if let Err(error) = text.and_then(append) {
            self.say(&annotation("warning", "cartctl", None, &format!("{what} could not be written to {path}: {error}")));
            self.unwritten.push(Unwritten::file(what, path, &error));
        }
    }
}

impl<W: Write + Send> Report for GitHub<W> {
    fn event(&mut self, _: Moment, event: &Event, here: &Here) {
        self.summary.record(event, here);
        let wanted = match event {
            Event::Package(_) => Some("Build"),
            // Stacks are deployed side by side, and the log is one.
            Event::StackStarted { .. } | Event::ResourceChanged { .. } | Event::StackSettled { .. } => Some("Stacks"),
            Event::Waiting { .. } | Event::Waited { .. } => self.open,
            Event::Started { .. }
            | Event::Stored { .. }
            | Event::Interrupted { .. }
            | Event::Recount(_)
            | Event::Notice(_)
            | Event::Wrote { .. }
            | Event::Outputs { .. }
            | Event::TimeSpent(_)
            | Event::Ended { .. } => None,
        };
        self.group(wanted);
        match event {
            Event::Notice(notice) if notice.severity() == Severity::Warning => {
                self.say(&annotation("warning", "cartctl", None, &notices::text(notice, here)));
            }
            Event::Ended { error, .. } => self.end(error.as_ref()),
            _ => {}
        }
    }

    fn pause(&mut self) {
        self.group(None);
    }

    fn unwritten(&mut self) -> Vec<Unwritten> {
        std::mem::take(&mut self.unwritten)
    }
}

/// A message beside the log, and at its line of source.
fn annotation(level: &str, title: &str, at: Option<Line>, message: &str) -> String {
    let place = at.map_or_else(String::new, |(file, line)| format!("file={},line={line},", property(file)));
    format!("::{level} {place}title={}::{}", property(title), data(message))
}

/// <https://github.com/actions/toolkit/blob/main/packages/core/src/command.ts>
fn data(text: &str) -> String {
    tame(text).replace('%', "%25").replace('\n', "%0A")
}

fn property(text: &str) -> String {
    data(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use camino_tempfile::tempdir;

    use super::*;
    use crate::report::{tests::every_event, words};

    /// What stands in the log after these events, with the lines that people read.
    fn log(events: &[Event], files: GitHubFiles) -> String {
        story(events, files).0
    }

    /// The same, and what could not be written.
    fn story(events: &[Event], files: GitHubFiles) -> (String, Vec<Unwritten>) {
        let mut github = GitHub::new(Vec::new(), files);
        for event in events {
            github.event(Moment::default(), event, &Here::default());
            if let Some(line) = words::line(event, false, &Here::default()) {
                github.say(&anstream::adapter::strip_str(&line).to_string());
            }
        }
        let unwritten = github.unwritten();
        (String::from_utf8(github.out).unwrap(), unwritten)
    }

    #[test]
    fn groups_follow_one_another() {
        insta::assert_snapshot!(log(&every_event(), GitHubFiles::default()));
    }

    #[test]
    fn annotations_are_escaped_and_say_where() {
        let at = Some(("infra/src/stacks/cart.rs", 97));
        assert_eq!(
            annotation("error", "50%: cart, failed", at, "100%\r\n: a, b"),
            "::error file=infra/src/stacks/cart.rs,line=97,title=50%25%3A cart%2C failed::100%25%0A: a, b"
        );
    }

    #[test]
    fn the_runners_files_are_added_to() {
        let folder = tempdir().unwrap();
        let files =
            GitHubFiles { step_summary: Some(folder.path().join("summary")), output: Some(folder.path().join("nowhere/output")) };
        std::fs::write(folder.path().join("summary"), "before\n").unwrap();
        let (log, unwritten) = story(&every_event(), files);
        assert!(std::fs::read_to_string(folder.path().join("summary")).unwrap().starts_with("before\n###"));
        assert!(log.contains("\n::warning title=cartctl::the outputs could not be written to "), "{log}");
        let [unwritten] = unwritten.as_slice() else { panic!("{unwritten:?}") };
        assert!(unwritten.to_string().starts_with("the outputs could not be written to "), "{unwritten}");
    }

    #[test]
    fn a_command_that_did_not_begin_has_an_annotation_and_no_summary() {
        let folder = tempdir().unwrap();
        let files = GitHubFiles { step_summary: Some(folder.path().join("summary")), output: None };
        let ended = Event::Ended { exit_code: 4, error: Some("no credentials".to_owned()), hint: None };
        assert_eq!(log(&[ended], files), "::error title=cartctl::no credentials\n");
        assert!(!folder.path().join("summary").exists());
    }
}
