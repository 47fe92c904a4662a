//! What CloudWatch is told of one invocation, in its [embedded metric format]: no call, for Lambda ships the line with the log. Pure.
//!
//! [embedded metric format]: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html

use std::time::Duration;

use cart_contract::{
    Metric,
    metric::{FUNCTION, NAMESPACE, STACK},
};
use serde_json::{Map, Value, json};

/// What was measured. The dimensions are on every line anyway.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Report {
    /// When the invocation ended, as the time since 1970.
    pub at: Duration,
    /// How long it took.
    pub latency: Duration,
    /// Whether it was the first of its process.
    pub first: bool,
    /// What was done, if that is counted.
    pub counted: Option<Metric>,
}

impl Report {
    /// The members of the line, as an object.
    pub(crate) fn members(&self) -> Value {
        let counted = self.first.then_some(Metric::ColdStart).into_iter().chain(self.counted).map(|metric| (metric, json!(1)));
        let measured: Vec<_> = [(Metric::Latency, json!(milliseconds(self.latency)))].into_iter().chain(counted).collect();
        let definitions: Vec<_> =
            measured.iter().map(|(metric, _)| json!({ "Name": metric.name(), "Unit": metric.unit() })).collect();
        let mut members = Map::new();
        members.insert(
            "_aws".to_owned(),
            json!({
                "Timestamp": u64::try_from(self.at.as_millis()).unwrap_or(u64::MAX),
                "CloudWatchMetrics": [{ "Namespace": NAMESPACE, "Dimensions": [[STACK, FUNCTION]], "Metrics": definitions }],
            }),
        );
        members.extend(measured.into_iter().map(|(metric, value)| (metric.name().to_owned(), value)));
        members.into()
    }
}

/// To the microsecond.
fn milliseconds(duration: Duration) -> f64 {
    f64::from(u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)) / 1000.0
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_report_is_what_cloudwatch_makes_metrics_from() {
        let report = Report {
            at: Duration::from_millis(1_763_863_229_123),
            latency: Duration::from_nanos(1_234_567),
            first: true,
            counted: Some(Metric::CartUpdated),
        };
        assert_eq!(
            report.members(),
            json!({
                "_aws": {
                    "Timestamp": 1_763_863_229_123_u64,
                    "CloudWatchMetrics": [{
                        "Namespace": "ServerlessShoppingCart",
                        "Dimensions": [["stack", "function"]],
                        "Metrics": [
                            { "Name": "Latency", "Unit": "Milliseconds" },
                            { "Name": "ColdStart", "Unit": "Count" },
                            { "Name": "CartUpdated", "Unit": "Count" },
                        ],
                    }],
                },
                "Latency": 1.234,
                "ColdStart": 1,
                "CartUpdated": 1,
            })
        );
    }

    #[test]
    fn what_did_not_happen_is_no_metric() {
        let report = Report { at: Duration::ZERO, latency: Duration::ZERO, first: false, counted: None };
        let members = report.members();
        assert_eq!(members["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap().len(), 1);
        assert_eq!(members.as_object().unwrap().keys().collect::<Vec<_>>(), ["_aws", "Latency"]);
    }
}
