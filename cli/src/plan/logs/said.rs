//! Interprets log messages, and filters them. Knows the format of our functions
//! (`lambdas/shared/src/log.rs`) and the messages of Lambda; everything else is text.

use serde_json::{Map, Value as Json};

/// The first words of Lambda's own messages in a log that is not JSON.
const LAMBDAS: [&str; 5] = ["START RequestId: ", "END RequestId: ", "REPORT RequestId: ", "INIT_START ", "XRAY TraceId: "];

/// The meaning of a message.
#[derive(Clone, Debug, PartialEq)]
pub(crate) enum Said {
    /// From one of our functions.
    Function {
        /// For example `INFO`.
        level: String,
        message: String,
        /// The id of the request.
        request: Option<String>,
        metrics: Vec<Measured>,
        /// Everything else, except the fields of every entry.
        fields: Map<String, Json>,
    },
    /// Lambda's own report of an invocation.
    /// <https://docs.aws.amazon.com/lambda/latest/dg/telemetry-schema-reference.html>
    Lambda {
        /// For example `platform.report`.
        kind: String,
        /// The result, if the report has one.
        status: Option<String>,
        /// All other fields.
        fields: Map<String, Json>,
    },
    Text(String),
}

/// A metric in a message.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct Measured {
    pub name: String,
    /// In CloudWatch's words.
    pub unit: String,
    pub value: Json,
}

/// A filter for entries.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Wanted {
    /// Include Lambda's own reports of invocations.
    pub lambda: bool,
    /// Only errors.
    pub only_errors: bool,
    /// Only entries that contain this text.
    pub containing: Option<String>,
}

impl Said {
    /// Interprets a message.
    pub(crate) fn of(message: &str) -> Self {
        let message = message.trim_end();
        let mut members = match serde_json::from_str(message) {
            Ok(Json::Object(members)) => members,
            _ if LAMBDAS.iter().any(|begin| message.starts_with(begin)) => {
                let text = message.split_whitespace().collect::<Vec<_>>().join(" ");
                return Self::Lambda { kind: text, status: None, fields: Map::new() };
            }
            _ => return Self::Text(message.to_owned()),
        };
        if let (Some(Json::String(kind)), Some(Json::Object(record))) = (members.get("type"), members.get("record"))
            && kind.starts_with("platform.")
        {
            let (kind, mut fields) = (kind.clone(), record.clone());
            let status = fields.shift_remove("status").and_then(text);
            // Metrics are numbers; traces are in X-Ray.
            let metrics = fields.shift_remove("metrics");
            fields.extend(
                metrics
                    .and_then(|metrics| if let Json::Object(metrics) = metrics { Some(metrics) } else { None })
                    .into_iter()
                    .flatten(),
            );
            fields.retain(|_, value| !value.is_object() && !value.is_array());
            return Self::Lambda { kind, status, fields };
        }
        let (Some(level), Some(what)) = (member(&members, "level"), member(&members, "message")) else {
            return Self::Text(message.to_owned());
        };
        let request = member(&members, "requestId");
        let metrics = metrics(&members);
        let metric = |name: &String| metrics.iter().any(|metric| metric.name == *name);
        // Every entry has these; they are shown once, or are for machines.
        let known = ["timestamp", "level", "message", "stack", "function", "requestId", "xrayTraceId", "_aws"];
        members.retain(|name, _| !known.contains(&name.as_str()) && !metric(name));
        Self::Function { level, message: what, request, metrics, fields: members }
    }

    pub(crate) fn is_error(&self) -> bool {
        match self {
            Self::Function { level, .. } => ["WARN", "ERROR", "FATAL"].contains(&level.as_str()),
            Self::Lambda { status, .. } => status.as_deref().is_some_and(|status| status != "success"),
            // Our functions print no plain text. A crashed process might.
            Self::Text(_) => true,
        }
    }
}

impl Wanted {
    /// Whether the filter includes this message, given its meaning.
    pub(crate) fn wants(&self, message: &str, said: &Said) -> bool {
        let noise = matches!(said, Said::Lambda { .. }) && !said.is_error();
        (self.lambda || !noise)
            && (!self.only_errors || said.is_error())
            && self.containing.as_ref().is_none_or(|text| message.contains(text))
    }
}

fn text(value: Json) -> Option<String> {
    if let Json::String(text) = value { Some(text) } else { None }
}

fn member(members: &Map<String, Json>, name: &str) -> Option<String> {
    members.get(name).cloned().and_then(text)
}

/// The metrics that a message in the embedded metric format defines and contains.
fn metrics(members: &Map<String, Json>) -> Vec<Measured> {
    let directives = members.get("_aws").and_then(|aws| aws["CloudWatchMetrics"].as_array());
    let definitions = directives.into_iter().flatten().filter_map(|directive| directive["Metrics"].as_array()).flatten();
    let measured = |definition: &Json| {
        let name = definition["Name"].as_str()?;
        let unit = definition["Unit"].as_str().unwrap_or("None").to_owned();
        Some(Measured { name: name.to_owned(), unit, value: members.get(name)?.clone() })
    };
    definitions.filter_map(measured).collect()
}

#[cfg(test)]
pub(crate) mod tests {
    use serde_json::json;

    use super::*;

    /// The message of our functions at the end of an invocation.
    pub(crate) const ANSWERED: &str = r#"{"timestamp":"2026-11-23T05:35:04.494001Z","level":"INFO","stack":"a-stack","function":"add-to-cart","requestId":"e8cc8f52-bddb-4bc8-98cb-317b2e733f0e","xrayTraceId":"1-6b03d088-874a7fb6df0f78625a64fe93","owner":"29e7cbbd69a24a8a","message":"answered","_aws":{"Timestamp":1795412104493,"CloudWatchMetrics":[{"Namespace":"ServerlessShoppingCart","Dimensions":[["stack","function"]],"Metrics":[{"Name":"Latency","Unit":"Milliseconds"},{"Name":"ColdStart","Unit":"Count"},{"Name":"CartUpdated","Unit":"Count"}]}]},"Latency":74.969,"ColdStart":1,"CartUpdated":1,"status":200}"#;

    /// Lambda's report of a timed-out invocation, where logs are JSON.
    pub(crate) const TIMED_OUT: &str = r#"{"time":"2026-11-23T05:35:05.000Z","type":"platform.report","record":{"requestId":"e8cc8f52","status":"timeout","metrics":{"durationMs":3000.0,"billedDurationMs":3000,"memorySizeMB":256,"maxMemoryUsedMB":31},"tracing":{"spanId":"1"}}}"#;

    #[test]
    fn a_line_of_a_function_is_taken_apart() {
        let Said::Function { level, message, request, metrics, fields } = Said::of(ANSWERED) else { panic!("ours") };
        assert_eq!((level.as_str(), message.as_str()), ("INFO", "answered"));
        assert_eq!(request.as_deref(), Some("e8cc8f52-bddb-4bc8-98cb-317b2e733f0e"));
        assert_eq!(metrics.iter().map(|metric| metric.name.as_str()).collect::<Vec<_>>(), ["Latency", "ColdStart", "CartUpdated"]);
        assert_eq!(Json::Object(fields), json!({ "owner": "29e7cbbd69a24a8a", "status": 200 }));
    }

    #[test]
    fn what_lambda_says_is_told_from_what_functions_say() {
        let Said::Lambda { kind, status, fields } = Said::of(TIMED_OUT) else { panic!("Lambda's") };
        assert_eq!((kind.as_str(), status.as_deref()), ("platform.report", Some("timeout")));
        assert_eq!(fields["durationMs"], json!(3000.0));
        assert_eq!(fields.get("tracing"), None);
        assert!(matches!(Said::of("END RequestId: e8cc8f52\n"), Said::Lambda { status: None, .. }));
        for text in ["Killed", "17", r#"{"level":"INFO"}"#, r#"{"type":"platform.report"}"#, "[]", ""] {
            assert_eq!(Said::of(text), Said::Text(text.to_owned()));
        }
    }

    #[test]
    fn only_what_is_wanted_is_told() {
        let everything = Wanted { lambda: true, ..Wanted::default() };
        let errors = Wanted { only_errors: true, ..Wanted::default() };
        let request = Wanted { containing: Some("e8cc8f52".to_owned()), ..Wanted::default() };
        let warning = r#"{"level":"WARN","message":"a hiccup"}"#;
        let told = |wanted: &Wanted| {
            let lines = [ANSWERED, TIMED_OUT, "END RequestId: e8cc8f52", warning, "Killed"];
            lines.map(|line| wanted.wants(line, &Said::of(line)))
        };
        assert_eq!(told(&Wanted::default()), [true, true, false, true, true]);
        assert_eq!(told(&everything), [true; 5]);
        assert_eq!(told(&errors), [false, true, false, true, true]);
        assert_eq!(told(&request), [true, true, false, false, false]);
    }
}
