//! CloudWatch alarms and dashboards. See [`AWS::CloudWatch::Alarm`] and [what a dashboard's body is].
//!
//! [`AWS::CloudWatch::Alarm`]: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudwatch-alarm.html
//! [what a dashboard's body is]: https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/CloudWatch-Dashboard-Body-Structure.html

use serde::{Serialize, Serializer};
use serde_json::json;

use crate::{
    scalar::Seconds,
    value::{Pseudo, TopicArn, Value, json_text, text},
};

super::types! {
    Alarm = "AWS::CloudWatch::Alarm" { replacing: { AlarmName: Always } }
    Dashboard = "AWS::CloudWatch::Dashboard" { replacing: { DashboardName: Always } }
}

/// A series of numbers in CloudWatch.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Metric {
    /// The publisher, for example `AWS/Lambda`.
    pub namespace: &'static str,
    /// The quantity, for example `Errors`.
    pub metric_name: &'static str,
    /// The thing measured. A metric is found by all of its dimensions, never by fewer.
    pub dimensions: Vec<Dimension>,
}

/// A name and a value that tell metrics of one name apart.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Dimension {
    /// For example `FunctionName`.
    pub name: &'static str,
    /// For example the function's name.
    pub value: Value<String>,
}

/// How the numbers of a period become one number.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Statistic {
    /// The largest.
    Maximum,
    /// The sum.
    Sum,
    /// The median, for dashboards.
    #[serde(rename = "p50")]
    Median,
    /// The 99th percentile, for dashboards.
    #[serde(rename = "p99")]
    P99,
}

/// Compares one metric with a threshold.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Alarm {
    /// The meaning and the next step, for the person who gets the message.
    pub alarm_description: String,
    /// The metric.
    #[serde(flatten)]
    pub metric: Metric,
    /// How the numbers of a period become one.
    pub statistic: Statistic,
    /// Over how long numbers are combined, in whole minutes.
    pub period: Seconds,
    /// In how many periods in a row the threshold has to be reached.
    pub evaluation_periods: u32,
    /// The number to compare with, in the unit of the metric.
    pub threshold: u32,
    /// When the alarm goes off.
    pub comparison_operator: Comparison,
    /// How a period without numbers counts.
    pub treat_missing_data: MissingData,
    /// The topics that get a message when the alarm goes off.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alarm_actions: Vec<Value<TopicArn>>,
    /// The topics that get a message when it ends.
    #[serde(rename = "OKActions", skip_serializing_if = "Vec::is_empty")]
    pub ok_actions: Vec<Value<TopicArn>>,
}

/// When an alarm goes off.
#[derive(Clone, Copy, Debug, Serialize)]
pub enum Comparison {
    /// At the threshold or above.
    GreaterThanOrEqualToThreshold,
}

/// How a period without numbers counts.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum MissingData {
    /// As a good one: nothing happened.
    NotBreaching,
}

/// A dashboard.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Dashboard {
    /// The graphs. CloudFormation takes them as one JSON text.
    #[serde(serialize_with = "json_text")]
    pub dashboard_body: Body,
}

/// The content of a dashboard.
#[derive(Clone, Debug, Serialize)]
pub struct Body {
    /// The graphs and their places.
    pub widgets: Vec<Widget>,
}

/// A graph and its place in a grid of 24 columns.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename = "metric")]
pub struct Widget {
    /// The first column, from 0.
    pub x: usize,
    /// The first row, from 0.
    pub y: usize,
    /// In columns.
    pub width: usize,
    /// In rows.
    pub height: usize,
    /// The graph.
    pub properties: Graph,
}

/// Lines over time.
#[derive(Clone, Debug, Serialize)]
pub struct Graph {
    /// The heading.
    pub title: &'static str,
    view: &'static str,
    region: Value<String>,
    period: Seconds,
    /// The lines, in the order of the legend.
    pub metrics: Vec<Line>,
}

impl Graph {
    /// A graph with one point a minute.
    #[must_use]
    pub fn by_minute(title: &'static str, metrics: Vec<Line>) -> Self {
        Self { title, view: "timeSeries", region: text![Pseudo::Region], period: Seconds::minutes(1), metrics }
    }
}

/// A line in a graph.
#[derive(Clone, Debug)]
pub struct Line {
    /// The metric.
    pub metric: Metric,
    /// How the numbers of a minute become a point.
    pub statistic: Statistic,
    /// The name in the legend.
    pub label: String,
}

/// An array of namespace, name, the names and values of the dimensions, and how it is drawn.
impl Serialize for Line {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Metric { namespace, metric_name, dimensions } = &self.metric;
        let mut line = vec![json!(namespace), json!(metric_name)];
        line.extend(dimensions.iter().flat_map(|Dimension { name, value }| [json!(name), json!(value)]));
        line.push(json!({ "stat": self.statistic, "label": self.label }));
        line.serialize(serializer)
    }
}
