//! CloudWatch Logs: entries of functions, batch by batch. One call instead of the service's SDK (docs/adr/0027-logs-by-signed-requests.md).
//! The caller decides which batch is read next.

use serde::Deserialize;
use serde_json::json;

use super::{Aws, Error, ErrorKind, hosts::Service, signed::Request};
use crate::domain::{
    logs::{Batch, Entry, Position, Question},
    moment::Moment,
};

/// The logs of one account in one region.
#[derive(Clone, Debug)]
pub(crate) struct Logs {
    aws: Aws,
}

/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilterLogEvents.html>
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Answer {
    #[serde(default)]
    events: Vec<Found>,
    next_token: Option<String>,
}

/// <https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_FilteredLogEvent.html>
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Found {
    timestamp: i64,
    ingestion_time: Option<i64>,
    event_id: Option<String>,
    log_stream_name: String,
    message: String,
}

impl Aws {
    pub(crate) fn logs(&self) -> Logs {
        Logs { aws: self.clone() }
    }
}

impl Logs {
    /// Reads one batch.
    pub(crate) async fn batch(&self, question: &Question) -> Result<Batch, Error> {
        let operation = format!("reading the logs in {}", question.group);
        let mut input = json!({ "logGroupName": question.group, "startTime": question.from.millis() });
        match &question.at {
            Position::First => {}
            Position::After(token) => input["nextToken"] = token.as_str().into(),
            Position::From(moment) => input["startTime"] = moment.millis().into(),
        }
        let request = Request {
            operation: &operation,
            service: Service::Logs,
            name: "FilterLogEvents",
            method: "POST",
            path: "/".to_owned(),
            headers: &[("content-type", "application/x-amz-json-1.1"), ("x-amz-target", "Logs_20140328.FilterLogEvents")],
            body: input.to_string().into_bytes(),
        };
        let body = self.aws.signed(request).await?;
        let answer: Answer =
            serde_json::from_slice(&body).map_err(|error| Error::new(operation, ErrorKind::Other, error.to_string()))?;
        let entry = |event: Found| Entry {
            at: Moment::from_millis(event.timestamp),
            ingested: event.ingestion_time.map(Moment::from_millis),
            id: event.event_id,
            stream: event.log_stream_name,
            message: event.message,
        };
        let next = answer.next_token.filter(|token| !token.is_empty());
        Ok(Batch { entries: answer.events.into_iter().map(entry).collect(), next })
    }
}
