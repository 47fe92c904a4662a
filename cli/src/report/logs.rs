//! Log entries as lines: shortened for people, as CloudWatch has them for programs.

use std::io::ErrorKind;

use serde_json::{Value as Json, json};

use super::{
    Format, Unwritten, streams,
    style::{self, paint},
    text::Text,
};
use crate::{
    domain::{logs::Entry, moment::Moment, tame::tame_line, text::json as json_line},
    plan::logs::{
        Told,
        said::{Measured, Said, Wanted},
    },
};

/// The characters of a request's id that are shown: enough to find the request again.
const REQUEST: usize = 8;

/// How entries are printed.
pub(crate) struct Lines {
    pub wanted: Wanted,
    pub format: Format,
    /// The width of the functions' column.
    pub width: usize,
}

impl Lines {
    /// The wanted ones of these entries.
    pub(crate) fn of(&self, told: &[Told]) -> String {
        let line = |told: &Told| {
            let said = Said::of(&told.entry.message);
            self.wanted.wants(&told.entry.message, &said).then(|| match self.format {
                Format::Text => self.text(told, &said),
                Format::Json => json_line(&raw(told)) + "\n",
            })
        };
        told.iter().filter_map(line).collect()
    }

    fn text(&self, Told { function, entry, .. }: &Told, said: &Said) -> String {
        let width = self.width;
        format!("{} {function:width$} {}\n", paint(style::FAINT, entry.at.in_full()), words(said))
    }
}

/// Prints lines to standard output; returns whether anybody still reads them.
///
/// # Errors
/// Some of them are lost.
pub(crate) fn print(lines: &str) -> Result<bool, Unwritten> {
    match streams::try_answer(lines) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(false),
        Err(error) => Err(Unwritten::answer(&error)),
    }
}

/// The entry under the names that [CloudWatch] has for its parts.
///
/// [CloudWatch]: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilteredLogEvent.html
fn raw(Told { function, group, entry }: &Told) -> Json {
    let Entry { at, ingested, id, stream, message } = entry;
    json!({
        "function": function, "logGroupName": group, "logStreamName": stream, "eventId": id, "timestamp": at.millis(),
        "ingestionTime": ingested.map(Moment::millis), "message": message,
    })
}

fn words(said: &Said) -> String {
    match said {
        Said::Function { level, message, request, metrics, fields } => {
            let mut words = Text::default();
            words.add(format_args!("{} {}", leveled(level), tame_line(message)));
            for (name, value) in fields {
                words.add(format_args!(" {}={}", tame_line(name), value_of(value)));
            }
            if let Some(request) = request {
                let short: String = request.chars().take(REQUEST).collect();
                words.add(format_args!(" request={}", tame_line(&short)));
            }
            for metric in metrics {
                words.add(format_args!(" {}", paint(style::FAINT, measured(metric))));
            }
            words.into()
        }
        Said::Lambda { kind, status, fields } => {
            // Lambda's own entries have no level.
            let mark = if said.is_error() { paint(style::ERROR, "ERROR") } else { paint(style::FAINT, "-----") };
            let mut words = Text::default();
            words.add(format_args!("{mark} {}", tame_line(kind)));
            if let Some(status) = status {
                words.add(format_args!(" status={}", tame_line(status)));
            }
            for (name, value) in fields {
                words.add(format_args!(" {}={}", tame_line(name), value_of(value)));
            }
            words.into()
        }
        Said::Text(text) => format!("{} {}", paint(style::FAINT, "-----"), tame_line(text)),
    }
}

fn leveled(level: &str) -> String {
    let style = match level {
        "ERROR" | "FATAL" => style::ERROR,
        "WARN" => style::CHANGED,
        "INFO" => style::GOOD,
        _ => style::FAINT,
    };
    paint(style, format!("{:5}", tame_line(level)))
}

/// `Latency=75.0ms`, or for what is counted its name, and how often if more than once.
fn measured(Measured { name, unit, value }: &Measured) -> String {
    match (unit.as_str(), value.as_f64()) {
        ("Milliseconds", Some(value)) => format!("{}={value:.1}ms", tame_line(name)),
        ("Count", Some(1.0)) => tame_line(name),
        _ => format!("{}={}", tame_line(name), value_of(value)),
    }
}

/// A text without quotation marks where none are needed; anything else as JSON.
fn value_of(value: &Json) -> String {
    match value {
        Json::String(text) if !text.is_empty() && !text.contains([' ', '"', '=']) => tame_line(text),
        value => tame_line(&value.to_string()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::plan::logs::said::tests::{ANSWERED, TIMED_OUT};

    fn told(function: &str, message: &str) -> Told {
        let entry = Entry {
            at: Moment::from_millis(1_795_412_104_503),
            ingested: Some(Moment::from_millis(1_795_412_105_000)),
            id: Some("3932".to_owned()),
            stream: "2026/11/23/[1]083e".to_owned(),
            message: message.to_owned(),
        };
        Told { function: function.to_owned(), group: "a-group".to_owned(), entry }
    }

    fn lines(format: Format, lambda: bool, told: &[Told]) -> String {
        let wanted = Wanted { lambda, ..Wanted::default() };
        anstream::adapter::strip_str(&Lines { wanted, format, width: 13 }.of(told)).to_string()
    }

    fn examples() -> Vec<Told> {
        let refused = r#"{"level":"WARN","requestId":"57429594-540d","message":"refused","status":400,"reason":"the body must be JSON: \"x\"","none":""}"#;
        [
            ("list-cart", "START RequestId: e8cc8f52-bddb-4bc8-98cb-317b2e733f0e Version: 1"),
            ("add-to-cart", ANSWERED),
            ("list-products", refused),
            ("add-to-cart", TIMED_OUT),
            ("list-cart", "REPORT RequestId: e8cc8f52\tDuration: 55 ms\tMemory Size: 256 MB\n"),
            ("list-cart", "memory allocation of 17 bytes failed\nKilled\n"),
        ]
        .map(|(function, message)| told(function, message))
        .to_vec()
    }

    #[test]
    fn entries_can_be_read() {
        insta::assert_snapshot!([lines(Format::Text, false, &examples()), lines(Format::Text, true, &examples())].join("\n"));
    }

    #[test]
    fn programs_get_what_cloudwatch_has() {
        let lines = lines(Format::Json, false, &[told("add-to-cart", ANSWERED), told("list-cart", "Killed\n")]);
        let lines: Vec<Json> = lines.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
        assert_eq!(lines[0]["message"], ANSWERED);
        let expected = json!({
            "function": "list-cart", "logGroupName": "a-group", "logStreamName": "2026/11/23/[1]083e", "eventId": "3932",
            "timestamp": 1_795_412_104_503_i64, "ingestionTime": 1_795_412_105_000_i64, "message": "Killed\n",
        });
        assert_eq!(lines[1], expected);
    }

    #[test]
    fn nothing_in_a_log_reaches_the_terminal_as_it_is() {
        let hostile = [
            "\u{1b}[2J\u{9b}31m\r\u{7}\u{202e}",
            r#"{"level":"INFO\u001b[1m","message":"\u001b]0;x\u0007","\u001bkey":"\u001b[0m\u0085"}"#,
        ];
        let told = hostile.map(|message| told("list-cart", message));
        let lines = lines(Format::Text, false, &told);
        assert_eq!(lines.lines().count(), 2);
        assert!(!lines.trim_end_matches('\n').chars().any(|character| character.is_control() && character != '\n'), "{lines:?}");
        assert!(!lines.contains('\u{202e}'), "{lines:?}");
    }
}
