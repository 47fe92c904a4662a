//! The metrics of one invocation, in CloudWatch's [embedded metric format]. They cost no call, because Lambda ships them with the log. Pure.
//!
//! [embedded metric format]: https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html

use std::{fmt, iter::once, time::Duration};

use cart_contract::{
    Metric,
    metric::{FUNCTION, NAMESPACE, STACK},
};

/// The measurements of an invocation. Displays as a JSON object; the values of the dimensions are on every line anyway.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Report {
    /// The end of the invocation, as the time since 1970.
    pub at: Duration,
    /// From the event to the answer.
    pub latency: Duration,
    /// Whether this is the first invocation of its process.
    pub first: bool,
    /// The metric that counts what was done, if there is one.
    pub counted: Option<Metric>,
}

impl Report {
    fn measured(&self) -> impl Iterator<Item = (Metric, f64)> {
        let counted = self.first.then_some(Metric::ColdStart).into_iter().chain(self.counted);
        once((Metric::Latency, milliseconds(self.latency))).chain(counted.map(|metric| (metric, 1.0)))
    }
}

impl fmt::Display for Report {
    /// Names of metrics and units have no character that JSON escapes.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, r#"{{"_aws":{{"Timestamp":{},"CloudWatchMetrics":[{{"Namespace":"{NAMESPACE}","#, self.at.as_millis())?;
        write!(f, r#""Dimensions":[["{STACK}","{FUNCTION}"]],"Metrics":["#)?;
        for (index, (metric, _)) in self.measured().enumerate() {
            let comma = if index == 0 { "" } else { "," };
            write!(f, r#"{comma}{{"Name":"{}","Unit":"{}"}}"#, metric.name(), metric.unit())?;
        }
        f.write_str("]}]}")?;
        for (metric, value) in self.measured() {
            write!(f, r#","{}":{value}"#, metric.name())?;
        }
        f.write_str("}")
    }
}

/// To the microsecond.
fn milliseconds(duration: Duration) -> f64 {
    f64::from(u32::try_from(duration.as_micros()).unwrap_or(u32::MAX)) / 1000.0
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    fn members(report: &Report) -> Value {
        serde_json::from_str(&report.to_string()).unwrap()
    }

    #[test]
    fn a_report_is_what_cloudwatch_makes_metrics_from() {
        let report = Report {
            at: Duration::from_millis(1_763_863_229_123),
            latency: Duration::from_nanos(1_234_567),
            first: true,
            counted: Some(Metric::CartUpdated),
        };
        assert_eq!(
            members(&report),
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
        let members = members(&report);
        assert_eq!(members["_aws"]["CloudWatchMetrics"][0]["Metrics"].as_array().unwrap().len(), 1);
        assert_eq!(members.as_object().unwrap().keys().collect::<Vec<_>>(), ["_aws", "Latency"]);
    }
}
