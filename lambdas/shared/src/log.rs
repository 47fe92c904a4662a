//! The log of a function: one JSON object a line, on standard output, each in one write. Decides what may be printed: the fields of other
//! crates may hold anything that a caller sent, so only the fixed messages of Lambda's runtime are printed, of its warnings and errors.
//!
//! Every line has `timestamp`, `level` and `message`, by which [Lambda] filters, and `stack` and `function`. During an invocation it also has
//! `requestId` and `xrayTraceId`, from the span of the runtime, and `owner` after [`owner_is`].
//!
//! [Lambda]: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-logformat.html

use std::{
    any::Any,
    error::Error,
    fmt::{self, Write as _},
    io::{self, Write as _},
    panic::Location,
};

use cart_contract::metric;
use tracing::{
    Event, Level, Metadata, Span, Subscriber, error,
    field::{Field, Visit},
    level_filters::LevelFilter,
    span::{Attributes, Id, Record},
};
use tracing_subscriber::{
    Layer,
    fmt::{
        format::Writer,
        time::{FormatTime as _, SystemTime},
    },
    layer::{Context, SubscriberExt as _},
    registry::{LookupSpan, Registry, Scope},
};

/// The prefixes of our targets: the crates of both services, and `cart_shared`.
const OURS: [&str; 2] = ["cart", "products"];

/// The prefix of the targets of Lambda's runtime.
const RUNTIME: &str = "lambda_runtime";

/// The field of an event that is a JSON object already. Its members become members of the line, where CloudWatch looks for metrics. An event
/// with metrics is printed at every level.
pub(crate) const METRICS: &str = "metrics";

/// The function that prints.
#[derive(Clone, Debug)]
pub struct Source {
    /// The name of the function's stack.
    pub stack: String,
    /// The function's handler.
    pub function: String,
}

/// Begins to print events, and panics. `level` is one of [Lambda's] names for a level; anything else counts as `INFO`.
///
/// [Lambda's]: https://docs.aws.amazon.com/lambda/latest/dg/monitoring-cloudwatchlogs-log-level.html
pub fn begin(source: &Source, level: &str) {
    let lines = Lines::new(source, level, |line: &str| {
        // A broken standard output cannot be reported anywhere.
        let _ = io::stdout().lock().write_all(line.as_bytes());
    });
    // Only a second subscriber would be refused.
    let _ = tracing::subscriber::set_global_default(Registry::default().with(lines));
    std::panic::set_hook(Box::new(|panic| panicked(panic.location(), panic.payload())));
}

/// Adds the fingerprint of a cart's owner to all later lines of the current request.
pub fn owner_is(fingerprint: impl fmt::Display) {
    Span::current().record("owner", tracing::field::display(fingerprint));
}

/// Prints the reason only if it is a literal of the source: a composed one may hold anything.
fn panicked(at: Option<&Location<'_>>, reason: &dyn Any) {
    error!(at = at.map(tracing::field::display), reason = reason.downcast_ref::<&'static str>(), "panicked");
}

/// The layer that writes events as lines.
struct Lines<W> {
    /// The members that are the same in every line, as text.
    constant: String,
    level: LevelFilter,
    write: W,
}

impl<W: Fn(&str)> Lines<W> {
    fn new(source: &Source, level: &str, write: W) -> Self {
        let mut constant = Members::default();
        constant.text(metric::STACK, &source.stack);
        constant.text(metric::FUNCTION, &source.function);
        let level = if level.eq_ignore_ascii_case("fatal") { "error" } else { level };
        Self { constant: constant.json, level: level.parse().map_or(LevelFilter::INFO, |level: Level| level.into()), write }
    }
}

fn is_ours(metadata: &Metadata<'_>) -> bool {
    OURS.iter().any(|ours| metadata.target().starts_with(ours))
}

/// Whether the runtime repeats an error that a function returned: [`serve`](crate::serve) has logged it already. A report of a panic has the
/// same target and more than one field.
fn repeats(metadata: &Metadata<'_>) -> bool {
    metadata.target() == "lambda_runtime::layers::panic" && metadata.fields().len() == 1
}

fn is_metrics(metadata: &Metadata<'_>) -> bool {
    metadata.fields().field(METRICS).is_some()
}

impl<S, W> Layer<S> for Lines<W>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
    W: Fn(&str) + 'static,
{
    fn enabled(&self, metadata: &Metadata<'_>, _: Context<'_, S>) -> bool {
        let of_runtime = metadata.target().starts_with(RUNTIME);
        if metadata.is_span() {
            // The spans name the request, at every level.
            return *metadata.level() <= Level::INFO && (is_ours(metadata) || of_runtime);
        }
        if is_ours(metadata) {
            is_metrics(metadata) || *metadata.level() <= self.level
        } else {
            of_runtime && *metadata.level() <= Level::WARN && !repeats(metadata)
        }
    }

    fn max_level_hint(&self) -> Option<LevelFilter> {
        Some(self.level.max(LevelFilter::INFO))
    }

    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut members = Members::default();
        attributes.record(&mut members);
        if let Some(span) = context.span(id) {
            span.extensions_mut().insert(members);
        }
    }

    fn on_record(&self, id: &Id, values: &Record<'_>, context: Context<'_, S>) {
        if let Some(span) = context.span(id)
            && let Some(members) = span.extensions_mut().get_mut::<Members>()
        {
            values.record(members);
        }
    }

    fn on_event(&self, event: &Event<'_>, context: Context<'_, S>) {
        let mut line = Members::default();
        let mut now = String::new();
        if SystemTime.format_time(&mut Writer::new(&mut now)).is_ok() {
            line.text("timestamp", &now);
        }
        line.text("level", event.metadata().level().as_str());
        line.json.push_str(&self.constant);
        for span in context.event_scope(event).into_iter().flat_map(Scope::from_root) {
            if let Some(members) = span.extensions().get::<Members>() {
                line.json.push_str(&members.json);
            }
        }
        if is_ours(event.metadata()) {
            event.record(&mut line);
        } else {
            event.record(&mut OnlyMessage(&mut line));
        }
        // Each member begins with a comma.
        (self.write)(&format!("{{{}}}\n", line.json.strip_prefix(',').unwrap_or_default()));
    }
}

/// Members of a JSON object as text, each with a comma before it.
#[derive(Default)]
struct Members {
    json: String,
}

impl Members {
    fn text(&mut self, name: &str, value: &str) {
        self.add(name, serde_json::Value::from(value));
    }

    fn add(&mut self, name: &str, value: impl fmt::Display) {
        // Writing to a text does not fail. Names are ours, or the runtime's: none needs escaping.
        let _ = write!(self.json, r#","{name}":{value}"#);
    }

    /// The members of an object that is JSON already.
    fn splice(&mut self, object: &str) {
        if let Some(members) = object.strip_prefix('{').and_then(|object| object.strip_suffix('}')) {
            self.json.push(',');
            self.json.push_str(members);
        }
    }
}

impl Visit for Members {
    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            METRICS => self.splice(value),
            "xrayTraceId" => self.text("xrayTraceId", root(value)),
            name => self.text(name, value),
        }
    }

    fn record_bool(&mut self, field: &Field, value: bool) {
        self.add(field.name(), value);
    }

    fn record_i64(&mut self, field: &Field, value: i64) {
        self.add(field.name(), value);
    }

    fn record_u64(&mut self, field: &Field, value: u64) {
        self.add(field.name(), value);
    }

    fn record_f64(&mut self, field: &Field, value: f64) {
        self.add(field.name(), serde_json::Value::from(value));
    }

    fn record_error(&mut self, field: &Field, value: &(dyn Error + 'static)) {
        self.record_str(field, &value.to_string());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.record_str(field, &format!("{value:?}"));
    }
}

/// Prints the message of an event, without its fields.
struct OnlyMessage<'a>(&'a mut Members);

impl Visit for OnlyMessage<'_> {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0.record_debug(field, value);
        }
    }
}

/// The id of the trace, by which X-Ray finds it, from a [tracing header].
///
/// [tracing header]: https://docs.aws.amazon.com/xray/latest/devguide/xray-concepts.html#xray-concepts-tracingheader
fn root(header: &str) -> &str {
    header.split(';').find_map(|part| part.trim().strip_prefix("Root=")).unwrap_or(header)
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use serde_json::{Value, json};
    use tracing::{debug, info, info_span, warn};

    use super::*;

    /// The lines that are printed at a level, without their times.
    fn printed(level: &str, happens: impl FnOnce()) -> Vec<Value> {
        let lines = Arc::new(Mutex::new(String::new()));
        let written = Arc::clone(&lines);
        let source = Source { stack: "the \"stack\"".to_owned(), function: "list-cart".to_owned() };
        let layer = Lines::new(&source, level, move |line: &str| written.lock().unwrap().push_str(line));
        tracing::subscriber::with_default(Registry::default().with(layer), happens);
        let lines = lines.lock().unwrap();
        assert!(lines.is_empty() || lines.ends_with('\n'));
        let line = |line| {
            let mut line: Value = serde_json::from_str(line).unwrap();
            let timestamp = line.as_object_mut().unwrap().shift_remove("timestamp").unwrap();
            assert!(timestamp.as_str().unwrap().ends_with('Z'), "{timestamp}");
            line
        };
        lines.lines().map(line).collect()
    }

    /// Within the spans of the runtime and of ours.
    fn during_a_request(happens: impl FnOnce()) {
        let trace = "Root=1-65dfb5a1-0123456789abcdef01234567;Parent=0123456789abcdef;Sampled=1";
        info_span!(target: "lambda_runtime::layers", "invoke", requestId = "4c1f", xrayTraceId = trace)
            .in_scope(|| info_span!("request", owner = tracing::field::Empty).in_scope(happens));
    }

    #[test]
    fn a_line_says_when_who_and_during_which_request() {
        let lines = printed("INFO", || {
            info!("started");
            during_a_request(|| {
                owner_is("0a1b");
                warn!(status = 503, error = %"a \"quote\"\nand a line", "failed");
            });
        });
        assert_eq!(
            lines,
            [
                json!({ "level": "INFO", "stack": "the \"stack\"", "function": "list-cart", "message": "started" }),
                json!({
                    "level": "WARN", "stack": "the \"stack\"", "function": "list-cart",
                    "requestId": "4c1f", "xrayTraceId": "1-65dfb5a1-0123456789abcdef01234567", "owner": "0a1b",
                    "message": "failed", "status": 503, "error": "a \"quote\"\nand a line",
                }),
            ]
        );
    }

    #[test]
    fn metrics_are_members_of_their_line_whatever_the_level() {
        let lines = printed("ERROR", || {
            info!("not important");
            during_a_request(|| info!(metrics = %json!({ "_aws": { "Timestamp": 1 }, "Latency": 0.5 }), "answered"));
        });
        let [line] = lines.as_slice() else { panic!("one line: {lines:?}") };
        assert_eq!(
            (&line["_aws"], &line["Latency"], &line["requestId"]),
            (&json!({ "Timestamp": 1 }), &json!(0.5), &json!("4c1f"))
        );
    }

    #[test]
    fn lambda_says_what_is_important() {
        let printed = |level| printed(level, || (debug!("a"), info!("a"), warn!("a"), error!("a")).3).len();
        assert_eq!(["TRACE", "DEBUG", "INFO", "WARN", "ERROR", "FATAL", "", "LOUD"].map(printed), [4, 4, 3, 2, 1, 1, 3, 3]);
    }

    #[test]
    fn what_others_format_is_not_printed() {
        let lines = printed("TRACE", || {
            during_a_request(|| {
                error!(target: "lambda_runtime::layers", error = "a cookie", "cannot read the event");
                tracing::trace!(target: "lambda_runtime::layers", body = "a cookie", "event");
                error!(target: "hyper", "a cookie");
            });
        });
        let [line] = lines.as_slice() else { panic!("one line: {lines:?}") };
        assert_eq!((&line["message"], &line["requestId"]), (&json!("cannot read the event"), &json!("4c1f")));
        assert_eq!(line.get("error"), None);
    }

    #[test]
    fn what_a_function_has_said_the_runtime_does_not_repeat() {
        let lines = printed("INFO", || {
            during_a_request(|| {
                error!(target: "lambda_runtime::layers::panic", "NothingCounted");
                error!(target: "lambda_runtime::layers::panic", error = "Any", "user handler panicked");
            });
        });
        let [line] = lines.as_slice() else { panic!("one line: {lines:?}") };
        assert_eq!(line["message"], "user handler panicked");
    }

    #[test]
    fn a_panic_is_a_line_too_and_what_was_put_together_is_not_in_it() {
        let lines = printed("INFO", || {
            during_a_request(|| {
                panicked(Some(Location::caller()), &"no table");
                panicked(None, &format!("no {}", "cookie"));
            });
        });
        let [written, composed] = lines.as_slice() else { panic!("two lines: {lines:?}") };
        assert!(written["at"].as_str().unwrap().contains("log.rs:"), "{written}");
        assert_eq!(written["reason"], "no table");
        assert_eq!((&composed["requestId"], composed.get("reason")), (&json!("4c1f"), None));
    }

    #[test]
    fn a_trace_is_known_by_its_root() {
        assert_eq!(root("Self=1-2;Root=1-3;Sampled=0"), "1-3");
        assert_eq!(root("1-4"), "1-4");
    }
}
