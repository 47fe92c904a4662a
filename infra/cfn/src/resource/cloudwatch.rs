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

/// A series of numbers that CloudWatch keeps.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Metric {
    /// Whose it is, for example `AWS/Lambda`.
    pub namespace: &'static str,
    /// What is measured.
    pub metric_name: &'static str,
    /// Of what. A metric is found by all its dimensions, and by no fewer.
    pub dimensions: Vec<Dimension>,
}

/// A name and a value that distinguish metrics.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Dimension {
    /// The name.
    pub name: &'static str,
    /// The value.
    pub value: Value<String>,
}

/// What is made of the numbers of a period.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub enum Statistic {
    /// The largest.
    Maximum,
    /// All together.
    Sum,
    /// What half of them do not exceed. For dashboards.
    #[serde(rename = "p50")]
    Median,
    /// What all but one in a hundred do not exceed. For dashboards.
    #[serde(rename = "p99")]
    P99,
}

/// Watches one metric.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Alarm {
    /// What it means, for who is told.
    pub alarm_description: String,
    /// What is watched.
    #[serde(flatten)]
    pub metric: Metric,
    /// What of it.
    pub statistic: Statistic,
    /// Over how long the numbers are taken together, in whole minutes.
    pub period: Seconds,
    /// In how many periods in a row.
    pub evaluation_periods: u32,
    /// How much is too much.
    pub threshold: u32,
    /// When it goes off.
    pub comparison_operator: Comparison,
    /// What no number means.
    pub treat_missing_data: MissingData,
    /// Who is told that it went off.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub alarm_actions: Vec<Value<TopicArn>>,
    /// Who is told that it is over.
    #[serde(rename = "OKActions", skip_serializing_if = "Vec::is_empty")]
    pub ok_actions: Vec<Value<TopicArn>>,
}

/// When an alarm goes off.
#[derive(Clone, Copy, Debug, Serialize)]
pub enum Comparison {
    /// At the threshold, and above.
    GreaterThanOrEqualToThreshold,
}

/// What it means that there is no number.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub enum MissingData {
    /// Nothing happened, which is fine.
    NotBreaching,
}

/// A page of graphs.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Dashboard {
    /// What is on it. CloudFormation takes it as a text.
    #[serde(serialize_with = "json_text")]
    pub dashboard_body: Body,
}

/// What is on a dashboard.
#[derive(Clone, Debug, Serialize)]
pub struct Body {
    /// The graphs.
    pub widgets: Vec<Widget>,
}

/// A graph and its place in a grid of 24 columns.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "type", rename = "metric")]
pub struct Widget {
    /// The first column.
    pub x: usize,
    /// The first row.
    pub y: usize,
    /// Columns.
    pub width: usize,
    /// Rows.
    pub height: usize,
    /// The graph.
    pub properties: Graph,
}

/// Lines over time.
#[derive(Clone, Debug, Serialize)]
pub struct Graph {
    /// What it shows.
    pub title: &'static str,
    view: &'static str,
    region: Value<String>,
    period: Seconds,
    /// The lines.
    pub metrics: Vec<Line>,
}

impl Graph {
    /// A graph with a point for every minute.
    #[must_use]
    pub fn by_minute(title: &'static str, metrics: Vec<Line>) -> Self {
        Self { title, view: "timeSeries", region: text![Pseudo::Region], period: Seconds::minutes(1), metrics }
    }
}

/// A line in a graph.
#[derive(Clone, Debug)]
pub struct Line {
    /// What it shows.
    pub metric: Metric,
    /// What of it.
    pub statistic: Statistic,
    /// What it is called.
    pub label: String,
}

/// An array: namespace, name, then names and values of the dimensions, and how it is drawn.
impl Serialize for Line {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let Metric { namespace, metric_name, dimensions } = &self.metric;
        let mut line = vec![json!(namespace), json!(metric_name)];
        line.extend(dimensions.iter().flat_map(|Dimension { name, value }| [json!(name), json!(value)]));
        line.push(json!({ "stat": self.statistic, "label": self.label }));
        line.serialize(serializer)
    }
}
