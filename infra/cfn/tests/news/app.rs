//! An app that has nothing to do with the shop: a feed that publishes a topic, and a reader that gets its messages through a queue.

use cfn::{
    App, Architecture, Code, LogRetention, Mebibytes, Package, Place, Published, Seconds, Shared, Stack, StackId, Visibility,
    policy::{Statement, Trusted},
    resource::{
        cloudwatch::{Alarm, Comparison, Dimension, Metric, MissingData, Statistic},
        iam::{InlinePolicy, Role, RoleTerms},
        lambda::{
            Alias, Environment, EventSource, EventSourceMapping, Function, LogFormat, LoggingConfig, ResponseType, Runtime,
            TracingConfig, Version,
        },
        logs::LogGroup,
        sns::{Subscriber, Subscription, Topic},
        sqs::{Queue, QueuePolicy, RedrivePolicy},
    },
    template::Attributes,
    value::{AliasArn, Handle, QueueArn, TopicArn, Value},
};

pub(crate) const FEED: StackId = StackId::new("feed");
pub(crate) const READER: StackId = StackId::new("reader");
pub(crate) const CODE: Package = Package::new("reader");
const NEWS: Shared<TopicArn> = Shared::at("feed/news-arn", "NewsArn", "The topic of news");
pub(crate) const TIMEOUT: Seconds = Seconds::new(20);

fn place(stack: StackId) -> Place {
    Place { stack_name: format!("news-{stack}"), parameters: "/news".to_owned() }
}

/// The app, with this code, whose queue hides messages for so long.
pub(crate) fn app(code: &Code, visibility: Visibility) -> App {
    let (feed, news) = feed();
    App::of(vec![feed, reader(&news, code, visibility)])
}

pub(crate) fn feed() -> (Stack, Published<TopicArn>) {
    let mut stack = Stack::new(FEED, place(FEED), "Publishes news");
    let topic = stack.add("News", &Topic { display_name: Some("News") });
    let published = stack.publish("NewsParameter", &NEWS, topic.arn());
    (stack, published)
}

pub(crate) fn reader(news: &Published<TopicArn>, code: &Code, visibility: Visibility) -> Stack {
    let mut stack = Stack::new(READER, place(READER), "Reads news");
    let topic = stack.read(news);
    let unread = stack.add("Unread", &Queue { sqs_managed_sse_enabled: true, ..Queue::default() });
    let redrive = RedrivePolicy { dead_letter_target_arn: unread.arn(), max_receive_count: 3 };
    let inbox = stack.add(
        "Inbox",
        &Queue {
            visibility_timeout: Some(visibility),
            redrive_policy: Some(redrive),
            sqs_managed_sse_enabled: true,
            ..Queue::default()
        },
    );
    let deliver = Statement::allow_service("Deliver", "sns.amazonaws.com", "sqs:SendMessage", inbox.arn().text(), &topic);
    stack.add("InboxPolicy", &QueuePolicy { queues: vec![inbox.url()], policy_document: vec![deliver].into() });
    stack.add(
        "InboxSubscription",
        &Subscription { topic_arn: topic.clone(), subscriber: Subscriber::Sqs(inbox.arn()), raw_message_delivery: Some(true) },
    );
    let function = function(&mut stack, code, inbox.arn());
    stack.add(
        "Trigger",
        &EventSourceMapping {
            function_name: function,
            batch_size: 10,
            function_response_types: [ResponseType::ReportBatchItemFailures],
            source: EventSource::Queue { event_source_arn: inbox.arn(), scaling_config: None },
        },
    );
    stack.add("UnreadAlarm", &alarm(&unread, topic));
    stack
}

fn function(stack: &mut Stack, code: &Code, inbox: Value<QueueArn>) -> Value<AliasArn> {
    let logs = stack.add("ReaderLogs", &LogGroup { log_group_name: None, retention_in_days: LogRetention::default() });
    let statements = vec![
        Statement::allow("WriteLogs", &["logs:CreateLogStream", "logs:PutLogEvents"], logs.arn()),
        Statement::allow("Receive", &["sqs:ReceiveMessage", "sqs:DeleteMessage", "sqs:GetQueueAttributes"], inbox),
        Statement::allow_wildcard("Trace", &["xray:PutTraceSegments"], "*".into(), "X-Ray has no resources"),
    ];
    let role = stack.add_with(
        "ReaderRole",
        Attributes::explaining(&statements),
        &Role {
            assume_role_policy_document: Trusted::Lambda,
            description: "The permissions of the reader".to_owned(),
            managed_policy_arns: Vec::new(),
            policies: vec![InlinePolicy { policy_name: "Permissions", policy_document: statements.into() }],
            terms: RoleTerms::default(),
        },
    );
    let code = stack.code(CODE, code);
    let code_sha256 = code.hash;
    let function = stack.add(
        "Reader",
        &Function {
            description: "Reads news".to_owned(),
            code,
            runtime: Runtime::ProvidedAl2023,
            handler: "reader",
            architectures: [Architecture::Arm64],
            memory_size: Mebibytes::new(256),
            timeout: TIMEOUT,
            role: role.arn(),
            environment: Environment { variables: [("TOPIC", "news".into())].into() },
            logging_config: LoggingConfig { log_group: logs.name(), log_format: LogFormat::Json },
            tracing_config: TracingConfig::Active,
            reserved_concurrent_executions: None,
        },
    );
    let version = stack.add("ReaderVersion", &Version { function_name: function.name(), code_sha256, description: None });
    let alias = Alias { function_name: function.name(), function_version: version.number(), name: "live" };
    stack.add("ReaderLive", &alias).arn()
}

fn alarm(unread: &Handle<Queue>, topic: Value<TopicArn>) -> Alarm {
    Alarm {
        alarm_description: "News could not be read".to_owned(),
        metric: Metric {
            namespace: "AWS/SQS",
            metric_name: "ApproximateNumberOfMessagesVisible",
            dimensions: vec![Dimension { name: "QueueName", value: unread.name().text() }],
        },
        statistic: Statistic::Maximum,
        period: Seconds::minutes(5),
        evaluation_periods: 1,
        threshold: 1,
        comparison_operator: Comparison::GreaterThanOrEqualToThreshold,
        treat_missing_data: MissingData::NotBreaching,
        alarm_actions: vec![topic],
        ok_actions: Vec::new(),
    }
}
