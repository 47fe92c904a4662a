//! A dashboard, and alarms for events that a person should look into. All functions that the stack has so far are watched, so that
//! none can be forgotten. Knows nothing of what the functions do.
//!
//! Each function has its own alarm: the alarm names it, and a sum over several metrics costs as much as that many alarms
//! (docs/adr/0021-watching-the-shop.md).

use cart_contract::metric;
use cfn::{
    Seconds, Stack,
    resource::{
        cloudwatch::{
            Alarm, Body, Comparison, Dashboard, Dimension, Graph, Line, Metric, MissingData,
            Statistic::{self, Maximum, Median, P99, Sum},
            Widget,
        },
        dynamodb::Table,
        lambda::Function,
        sqs::Queue,
    },
    value::{Handle, Pseudo, Value, text},
};

use crate::{endpoints::API_STAGE, settings::Monitoring};

/// The resources that are watched besides the functions.
#[derive(Clone, Debug)]
pub(crate) struct Watched<'a> {
    /// The handler of the function that reads a stream. If it fails, it falls behind.
    pub stream_reader: &'static str,
    /// The events that functions count, and the handlers of the functions that do.
    pub counts: Vec<(metric::Metric, &'static str)>,
    /// The queue of work.
    pub work: &'a Handle<Queue>,
    /// The queues that are empty unless something failed.
    pub failures: [&'a Handle<Queue>; 2],
    /// The table.
    pub table: &'a Handle<Table>,
    /// The APIs: the beginning of the logical ids of their alarms, and their names.
    pub apis: [(&'static str, Value<String>); 2],
}

/// Five minutes: short enough for a message in time, long enough for one message about a bad minute.
const PERIOD: Seconds = Seconds::minutes(5);

/// The age in milliseconds of a stream's next record at which the alarm goes off. A record waits up to a minute for a full batch
/// and is lost after a day.
const LATE: u32 = 10 * 60 * 1000;

/// Failed requests in a period at which the alarm goes off. Two customers who change the same item cause fewer.
const FAILED_REQUESTS: u32 = 5;

/// Adds the dashboard and the alarms to a stack.
#[track_caller]
pub(crate) fn add(stack: &mut Stack, monitoring: &Monitoring, watched: &Watched<'_>) {
    let functions = functions(stack);
    let topics: Vec<_> = monitoring.alarm_topic.iter().cloned().map(Value::from).collect();
    let alarm = |metric, statistic, threshold, alarm_description| Alarm {
        alarm_description,
        metric,
        statistic,
        period: PERIOD,
        evaluation_periods: 1,
        threshold,
        comparison_operator: Comparison::GreaterThanOrEqualToThreshold,
        treat_missing_data: MissingData::NotBreaching,
        alarm_actions: topics.clone(),
        ok_actions: topics.clone(),
    };
    for it in &functions {
        let (id, handler) = (it.handle.logical_id(), &it.handler);
        let description = format!("{handler} crashed or ran out of time: look into its log");
        stack.add(format!("{id}Errors"), &alarm(it.lambda("Errors"), Sum, 1, description));
        let description = format!("{handler} is called more often than it may run: raise its limit, or the account's");
        stack.add(format!("{id}Throttles"), &alarm(it.lambda("Throttles"), Sum, 1, description));
    }
    for it in functions.iter().filter(|it| it.handler == watched.stream_reader) {
        let description = format!("{} falls behind the changes of the table: look into its log", it.handler);
        stack.add(format!("{}Late", it.handle.logical_id()), &alarm(it.lambda("IteratorAge"), Maximum, LATE, description));
    }
    for queue in watched.failures {
        let id = queue.logical_id();
        let description = format!("{id} is not empty: something was given up and waits there, for two weeks");
        stack.add(format!("{id}NotEmpty"), &alarm(waiting(queue), Maximum, 1, description));
    }
    for (id, name) in &watched.apis {
        let description = "Requests fail on our side: look into the logs of the functions".to_owned();
        stack.add(format!("{id}Failures"), &alarm(api(name, "5XXError"), Sum, FAILED_REQUESTS, description));
    }
    let widgets = graphs(&functions, watched).into_iter().enumerate().map(place).collect();
    stack.add("Dashboard", &Dashboard { dashboard_body: Body { widgets } });
}

/// A function, and the handler by which its own metrics are found.
struct Watch {
    handle: Handle<Function>,
    handler: String,
}

fn functions(stack: &Stack) -> Vec<Watch> {
    let template = stack.template();
    let handler = |handle: &Handle<Function>| template.properties(handle.logical_id())?["Handler"].as_str().map(str::to_owned);
    template.all::<Function>().into_iter().filter_map(|handle| Some(Watch { handler: handler(&handle)?, handle })).collect()
}

impl Watch {
    /// A metric of Lambda, [over all versions and
    /// aliases](https://docs.aws.amazon.com/lambda/latest/dg/monitoring-metrics-view.html).
    fn lambda(&self, metric_name: &'static str) -> Metric {
        Metric { namespace: "AWS/Lambda", metric_name, dimensions: vec![dimension("FunctionName", self.handle.name().text())] }
    }

    fn line(&self, metric: Metric, statistic: Statistic, what: &str) -> Line {
        Line { metric, statistic, label: format!("{}{what}", self.handler) }
    }
}

/// A metric that the function publishes itself.
fn ours(metric: metric::Metric, handler: &str) -> Metric {
    let stack = dimension(metric::STACK, text![Pseudo::StackName]);
    let dimensions = vec![stack, dimension(metric::FUNCTION, handler.into())];
    Metric { namespace: metric::NAMESPACE, metric_name: metric.name(), dimensions }
}

/// <https://docs.aws.amazon.com/AWSSimpleQueueService/latest/SQSDeveloperGuide/sqs-available-cloudwatch-metrics.html>
fn waiting(queue: &Handle<Queue>) -> Metric {
    let dimensions = vec![dimension("QueueName", queue.name().text())];
    Metric { namespace: "AWS/SQS", metric_name: "ApproximateNumberOfMessagesVisible", dimensions }
}

/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-metrics-and-dimensions.html>
fn api(name: &Value<String>, metric_name: &'static str) -> Metric {
    let dimensions = vec![dimension("ApiName", name.clone()), dimension("Stage", API_STAGE.into())];
    Metric { namespace: "AWS/ApiGateway", metric_name, dimensions }
}

/// <https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/metrics-dimensions.html>
fn table(table: &Handle<Table>, metric_name: &'static str) -> Metric {
    Metric { namespace: "AWS/DynamoDB", metric_name, dimensions: vec![dimension("TableName", table.name().text())] }
}

fn dimension(name: &'static str, value: Value<String>) -> Dimension {
    Dimension { name, value }
}

fn graphs(functions: &[Watch], watched: &Watched<'_>) -> Vec<Graph> {
    let of_lambda = |name, what: &str| functions.iter().map(move |it| it.line(it.lambda(name), Sum, what)).collect::<Vec<_>>();
    let of_ours = |metric, statistic| functions.iter().map(|it| it.line(ours(metric, &it.handler), statistic, "")).collect();
    let counts = watched.counts.iter().map(|(metric, handler)| Line {
        metric: ours(*metric, handler),
        statistic: Sum,
        label: format!("{} ({handler})", metric.name()),
    });
    let queues = [watched.work].into_iter().chain(watched.failures).map(|queue| Line {
        metric: waiting(queue),
        statistic: Maximum,
        label: queue.logical_id().to_string(),
    });
    let late = functions.iter().filter(|it| it.handler == watched.stream_reader);
    let requests = watched.apis.iter().flat_map(|(id, name)| {
        ["Count", "4XXError", "5XXError"].map(|metric| Line {
            metric: api(name, metric),
            statistic: Sum,
            label: format!("{id} {metric}"),
        })
    });
    let throttles = ["ReadThrottleEvents", "WriteThrottleEvents", "TransactionConflict"].map(|metric| Line {
        metric: table(watched.table, metric),
        statistic: Sum,
        label: metric.to_owned(),
    });
    vec![
        Graph::by_minute("Requests to the APIs", requests.collect()),
        Graph::by_minute("Carts", counts.collect()),
        Graph::by_minute("Invocations", of_lambda("Invocations", "")),
        Graph::by_minute("Errors and throttles", [of_lambda("Errors", " errors"), of_lambda("Throttles", " throttles")].concat()),
        Graph::by_minute("Latency in ms, median", of_ours(metric::Metric::Latency, Median)),
        Graph::by_minute("Latency in ms, 99 of 100", of_ours(metric::Metric::Latency, P99)),
        Graph::by_minute("Cold starts", of_ours(metric::Metric::ColdStart, Sum)),
        Graph::by_minute(
            "Age in ms of the change counted next",
            late.map(|it| it.line(it.lambda("IteratorAge"), Maximum, "")).collect(),
        ),
        Graph::by_minute("Messages in queues", queues.collect()),
        Graph::by_minute("Throttles and collisions at the table", throttles.into()),
    ]
}

/// The place of a graph: two in a row.
fn place((index, properties): (usize, Graph)) -> Widget {
    let (width, height) = (12, 6);
    Widget { x: index % 2 * width, y: index / 2 * height, width, height, properties }
}
