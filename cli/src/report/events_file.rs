//! Every event as a line of JSON, for programs: `docs/events.md` says what is in it. Knows nothing of who reads it.

use std::{
    fs::File,
    io::{ErrorKind, Write},
};

use camino::{Utf8Path, Utf8PathBuf};
use serde::Serialize;
use serde_json::Value as Json;

use super::{
    Report,
    here::Here,
    notices,
    unwritten::{Unwritten, What},
};
use crate::{
    domain::{event::Event, moment::Moment, notice::Severity, text},
    files,
};

/// The only version. Events and fields may be added to it; removing one makes another version.
const VERSION: u32 = 1;

/// Why the file cannot be created.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// `--events -`
    #[error("--events takes a file, not `-`: standard output is for the answer, standard error for people")]
    Stream,
    #[error("creating {path} failed")]
    Create { path: Utf8PathBuf, source: std::io::Error },
}

impl Error {
    /// The next thing to try.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Stream => "pass the name of a file, and follow the file with `tail -f`".to_owned(),
            Self::Create { .. } => "pass the name of a file in an existing, writable folder".to_owned(),
        }
    }
}

pub(super) struct EventsFile<W> {
    path: Utf8PathBuf,
    /// None once a line could not be written: the next one would follow half a line.
    out: Option<W>,
    unwritten: Option<Unwritten>,
}

#[derive(Serialize)]
pub(super) struct Line<'a> {
    version: u32,
    at: Moment,
    #[serde(flatten)]
    event: &'a Event,
    /// A notice, as people read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    text: Option<String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    severity: Option<Severity>,
    /// An activity, as people read it.
    #[serde(skip_serializing_if = "Option::is_none")]
    what: Option<String>,
}

impl<'a> Line<'a> {
    fn new(at: Moment, event: &'a Event, here: &Here) -> Self {
        let (mut text, mut severity, mut what) = (None, None, None);
        match event {
            Event::Notice(notice) => (text, severity) = (Some(notices::text(notice, here)), Some(notice.severity())),
            Event::Waiting { activity } | Event::Waited { activity, .. } => what = Some(notices::activity(activity)),
            _ => {}
        }
        Self { version: VERSION, at, event, text, severity, what }
    }

    /// The line as a value, its commands with the options of a run that works `here`.
    pub(super) fn json(at: Moment, event: &'a Event, here: &Here) -> Json {
        let mut json = text::value(&Self::new(at, event, here));
        here.complete_all(&mut json);
        json
    }
}

impl EventsFile<File> {
    /// Creates or empties the file.
    pub(super) fn create(path: &Utf8Path) -> Result<Self, Error> {
        if path == "-" {
            return Err(Error::Stream);
        }
        let file = files::create(path).map_err(|source| Error::Create { path: path.to_owned(), source })?;
        Ok(Self { path: path.to_owned(), out: Some(file), unwritten: None })
    }
}

impl<W: Write + Send> Report for EventsFile<W> {
    fn event(&mut self, at: Moment, event: &Event, here: &Here) {
        let Some(out) = &mut self.out else { return };
        // As a whole: a program that follows the file reads each line at once.
        let line = text::json(&Line::json(at, event, here)) + "\n";
        if let Err(error) = out.write_all(line.as_bytes()) {
            self.out = None;
            // A reader that closed the pipe has read enough.
            if error.kind() != ErrorKind::BrokenPipe {
                self.unwritten = Some(Unwritten::file(What::Events, &self.path, &error));
            }
        }
    }

    fn unwritten(&mut self) -> Vec<Unwritten> {
        self.unwritten.take().into_iter().collect()
    }
}

#[cfg(test)]
mod tests {
    use std::io;

    use super::*;
    use crate::{domain::notice::Notice, report::tests::every_event};

    const DOCUMENT: &str = include_str!("../../../docs/events.md");

    #[test]
    fn a_line_says_its_version_and_when_it_was_told() {
        let mut file = EventsFile { path: "events.jsonl".into(), out: Some(Vec::new()), unwritten: None };
        let at = Moment::from_millis(1_795_338_900_250);
        file.event(at, &Event::Notice(Notice::TemplateLeft { reason: "two\nlines".to_owned() }), &Here::default());
        file.event(at, &Event::Ended { exit_code: 0, error: None, hint: None }, &Here::default());
        let lines = String::from_utf8(file.out.take().unwrap()).unwrap();
        assert_eq!(
            lines,
            r#"{"version":1,"at":"2026-11-22T09:15:00.25Z","event":"note","kind":"template_left","reason":"two\nlines","text":"a template could not be deleted from the artifact bucket: two\nlines","severity":"warning"}
{"version":1,"at":"2026-11-22T09:15:00.25Z","event":"ended","exit_code":0}
"#
        );
    }

    /// Takes some bytes, and then fails.
    struct Full(usize, ErrorKind);

    impl Write for Full {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let taken = bytes.len().min(self.0);
            self.0 -= taken;
            if taken == 0 { Err(self.1.into()) } else { Ok(taken) }
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_line_that_is_lost_is_said_once_and_is_the_last() {
        let of = |kind| {
            let mut file = EventsFile { path: "events.jsonl".into(), out: Some(Full(100, kind)), unwritten: None };
            for _ in 0..3 {
                file.event(Moment::default(), &Event::Ended { exit_code: 0, error: None, hint: None }, &Here::default());
            }
            assert!(file.out.is_none());
            [file.unwritten(), file.unwritten()].concat()
        };
        let full = Unwritten::file(What::Events, "events.jsonl".into(), &io::Error::from(ErrorKind::StorageFull));
        assert_eq!(of(ErrorKind::StorageFull), [full]);
        assert_eq!(of(ErrorKind::BrokenPipe), []);
    }

    #[test]
    fn every_event_and_every_field_is_documented() {
        for event in every_event() {
            let json = Line::json(Moment::default(), &event, &Here::default());
            let text = |field: &str| json[field].as_str();
            let name = text("event").unwrap();
            // Notices and activities have rows of their own; what all of them have is in the row of their event.
            let (row, common) = match (text("progress").or(text("step")), text("kind")) {
                (_, Some(kind)) => (format!("| `{kind}` |"), self::row(&format!("| `{name}` |"))),
                (Some(kind), None) => (format!("| `{name}` `{kind}` |"), ""),
                (None, None) => (format!("| `{name}` |"), ""),
            };
            let row = self::row(&row);
            let of_every_line = ["version", "at", "event", "progress", "step"];
            for field in json.as_object().unwrap().keys().filter(|field| !of_every_line.contains(&field.as_str())) {
                let field = format!("`{field}`");
                assert!(row.contains(&field) || common.contains(&field), "{field} is not in {row}");
            }
            let own = serde_json::to_value(&event).unwrap();
            for added in ["version", "at", "text", "severity", "what"] {
                assert_eq!(own.get(added), None, "{added} would be written twice: {own}");
            }
        }
    }

    fn row(begins: &str) -> &'static str {
        DOCUMENT.lines().find(|line| line.starts_with(begins)).unwrap_or_else(|| panic!("no row {begins}"))
    }
}
