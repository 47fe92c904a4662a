//! Every event as a line of JSON, for programs: `docs/events.md` says what is in it. Knows nothing of who reads it.

use std::{
    fs::File,
    io::{LineWriter, Write},
};

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;

use super::Report;
use crate::domain::{event::Event, moment::Moment};

/// The only version there is. Events and fields may be added to it; what takes one away is another version.
const VERSION: u32 = 1;

/// Why there is no such file.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// `--events -`
    #[error("--events takes a file, not `-`: standard output is for the answer, standard error for people")]
    Stream,
    /// It cannot be written.
    #[error("creating {path} failed")]
    Create {
        /// The file.
        path: Utf8PathBuf,
        /// Why.
        source: std::io::Error,
    },
}

impl Error {
    /// The next thing to try.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Stream => "name a file, and follow it with `tail -f`".to_owned(),
            Self::Create { .. } => "name a file in a folder that is there and can be written to".to_owned(),
        }
    }
}

/// Writes lines.
pub(super) struct EventsFile<W: Write> {
    // Whoever follows the file sees each line at once.
    out: LineWriter<W>,
}

#[derive(Serialize)]
struct Line<'a> {
    version: u32,
    at: Moment,
    #[serde(flatten)]
    event: &'a Event,
}

impl EventsFile<File> {
    /// An empty file.
    pub(super) fn create(path: &Utf8Path) -> Result<Self, Error> {
        if path == "-" {
            return Err(Error::Stream);
        }
        let file = File::create(path).map_err(|source| Error::Create { path: path.to_owned(), source })?;
        Ok(Self { out: LineWriter::new(file) })
    }
}

impl<W: Write + Send> Report for EventsFile<W> {
    fn event(&mut self, at: Moment, event: &Event) {
        let line = Line { version: VERSION, at, event };
        // A full disk is no reason to stop deploying.
        let _ = serde_json::to_writer(&mut self.out, &line).map(|()| writeln!(self.out));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::tests::every_event;

    const DOCUMENT: &str = include_str!("../../../docs/events.md");

    #[test]
    fn a_line_says_its_version_and_when_it_was_told() {
        let mut file = EventsFile { out: LineWriter::new(Vec::new()) };
        let at = Moment::from_millis(1_795_338_900_250);
        file.event(at, &Event::Note { text: "two\nlines".to_owned() });
        file.event(at, &Event::Ended { exit_code: 0, error: None, hint: None });
        let lines = String::from_utf8(file.out.get_ref().clone()).unwrap();
        assert_eq!(
            lines,
            r#"{"version":1,"at":"2026-11-22T09:15:00.25Z","event":"note","text":"two\nlines"}
{"version":1,"at":"2026-11-22T09:15:00.25Z","event":"ended","exit_code":0}
"#
        );
    }

    #[test]
    fn every_event_and_every_field_is_documented() {
        for event in every_event() {
            let json = serde_json::to_value(&event).unwrap();
            let name = json["event"].as_str().unwrap();
            let row = match json["progress"].as_str().or(json["step"].as_str()) {
                Some(kind) => format!("| `{name}` `{kind}` |"),
                None => format!("| `{name}` |"),
            };
            let row = DOCUMENT.lines().find(|line| line.starts_with(&row)).unwrap_or_else(|| panic!("no row {row}"));
            for field in json.as_object().unwrap().keys().filter(|field| !["event", "progress", "step"].contains(&field.as_str())) {
                assert!(row.contains(&format!("`{field}`")), "{field} is not in {row}");
                assert_ne!(field, "at", "it says when the line was told");
            }
        }
    }
}
