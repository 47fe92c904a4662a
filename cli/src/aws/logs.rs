//! CloudWatch Logs: entries of functions, batch by batch. One signed request instead of the service's SDK
//! (docs/adr/0027-logs-by-signed-requests.md). The caller decides which batch is read next.

use reqwest::{Method, StatusCode};
use serde::Deserialize;
use serde_json::json;

use super::{Aws, Error, ErrorKind, kind_of_code, signed::Request};
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

/// An error of a service that speaks JSON.
#[derive(Default, Deserialize)]
struct Refusal {
    #[serde(rename = "__type", default)]
    code: String,
    #[serde(alias = "Message")]
    message: Option<String>,
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
            service: "logs",
            global: false,
            method: Method::POST,
            path: "/",
            headers: &[("content-type", "application/x-amz-json-1.1"), ("x-amz-target", "Logs_20140328.FilterLogEvents")],
            body: input.to_string().into_bytes(),
        };
        let (status, body) = self.aws.signed(request).await?;
        if !status.is_success() {
            return Err(refusal(operation, status, &body));
        }
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

/// Converts an answer with an error status.
fn refusal(operation: String, status: StatusCode, body: &[u8]) -> Error {
    let Refusal { code, message } = serde_json::from_slice(body).unwrap_or_default();
    // Some services prefix the code with a namespace.
    let code = code.rsplit('#').next().unwrap_or_default();
    let kind = match code {
        "Throttling" | "ThrottlingException" => ErrorKind::Throttled,
        _ if status == StatusCode::TOO_MANY_REQUESTS => ErrorKind::Throttled,
        _ if status.is_server_error() => ErrorKind::Unreachable,
        code => kind_of_code(code),
    };
    let message = match message {
        Some(message) if code.is_empty() => message,
        Some(message) => format!("{message} ({code})"),
        None if code.is_empty() => status.to_string(),
        None => code.to_owned(),
    };
    Error { code: Some(code.into()), ..Error::new(operation, kind, message) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_passes_is_told_from_what_stays() {
        let kind = |status: u16, body: &str| refusal("reading".to_owned(), StatusCode::from_u16(status).unwrap(), body.as_bytes());
        for (status, body, expected) in [
            (400, r#"{"__type":"ThrottlingException","message":"Rate exceeded"}"#, ErrorKind::Throttled),
            (503, "", ErrorKind::Unreachable),
            (400, r#"{"__type":"com.amazonaws.logs#AccessDeniedException","Message":"no"}"#, ErrorKind::Denied),
            (400, r#"{"__type":"ExpiredTokenException","message":"over"}"#, ErrorKind::Credentials),
            (400, r#"{"__type":"ResourceNotFoundException","message":"no such group"}"#, ErrorKind::NotFound),
            (400, "<html>", ErrorKind::Other),
        ] {
            assert_eq!(kind(status, body).kind(), expected, "{status} {body}");
        }
        let told = kind(400, r#"{"__type":"ResourceNotFoundException","message":"no such group"}"#).to_string();
        assert_eq!(told, "reading failed: no such group (ResourceNotFoundException)");
        assert_eq!(kind(400, "<html>").to_string(), "reading failed: 400 Bad Request");
    }
}
