//! CloudWatch Logs, as far as `cartctl logs` reads them: pages of entries. Knows nothing of who wrote them.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::call::{Call, Refusal};

/// The entries of each log group, in order of time: a moment in milliseconds, and a message.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Logs(pub BTreeMap<String, Vec<(i64, String)>>);

impl Logs {
    /// Answers a call, with so many entries a page.
    pub fn answer(&self, call: &Call, page: usize) -> Result<Json, Refusal> {
        if call.operation != "FilterLogEvents" {
            return Err(Refusal::new(400, "UnknownOperationException", &call.operation));
        }
        let number = |name: &str| call.argument(name).and_then(|number| number.parse::<i64>().ok());
        let group = call.argument("logGroupName").unwrap_or_default();
        let from = number("startTime").unwrap_or(0);
        let found = self.0.get(group).into_iter().flatten().enumerate().filter(|(_, (at, _))| *at >= from);
        let start = number("nextToken").and_then(|start| usize::try_from(start).ok()).unwrap_or(0);
        let found: Vec<_> = found.collect();
        let entry = |(place, (at, message)): &(usize, &(i64, String))| json!({ "eventId": format!("{group} {place}"), "timestamp": at, "logStreamName": "stream", "message": message });
        let events: Vec<_> = found.iter().skip(start).take(page).map(entry).collect();
        let next = (start + page < found.len()).then(|| (start + page).to_string());
        Ok(json!({ "events": events, "nextToken": next, "searchedLogStreams": [] }))
    }
}
