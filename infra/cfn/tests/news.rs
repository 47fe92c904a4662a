//! An app of its own, with nothing but this crate: a feed that publishes a topic, and a reader that gets its messages through a queue.
//! It breaks no rule, and `cfn-lint` finds nothing in it.

#![expect(clippy::unwrap_used, reason = "a test whose helpers fail has failed")]

use std::{fs, path::Path, process::Command};

use cfn::{
    App, Architecture, Code, LogRetention, Mebibytes, Package, Place, Published, Seconds, Shared, Stack, StackId, Visibility,
    access::widened,
    check::{check, check_stack},
    policy::{Statement, Trusted},
    resource::{
        cloudwatch::{Alarm, Comparison, Dimension, Metric, MissingData, Statistic},
        iam::{InlinePolicy, Role},
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
use serde_json::json;

const FEED: StackId = StackId::new("feed");
const READER: StackId = StackId::new("reader");
const CODE: Package = Package::new("reader");
const NEWS: Shared<TopicArn> = Shared::at("feed/news-arn", "NewsArn", "The topic of news");
const TIMEOUT: Seconds = Seconds::new(20);

fn place(stack: StackId) -> Place {
    Place { stack_name: format!("news-{stack}"), parameters: "/news".to_owned() }
}

fn app(visibility: Visibility) -> App {
    let (feed, news) = feed();
    App::of(vec![feed, reader(&news, visibility)])
}

fn feed() -> (Stack, Published<TopicArn>) {
    let mut stack = Stack::new(FEED, place(FEED), "Publishes news");
    let topic = stack.add("News", &Topic { display_name: Some("News") });
    let published = stack.publish("NewsParameter", &NEWS, topic.arn());
    (stack, published)
}

fn reader(news: &Published<TopicArn>, visibility: Visibility) -> Stack {
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
    let function = function(&mut stack, inbox.arn());
    stack.add(
        "Trigger",
        &EventSourceMapping {
            function_name: function,
            batch_size: 10,
            function_response_types: [ResponseType::ReportBatchItemFailures],
            source: EventSource::Queue { event_source_arn: inbox.arn() },
        },
    );
    stack.add("UnreadAlarm", &alarm(&unread, topic));
    stack
}

fn function(stack: &mut Stack, inbox: Value<QueueArn>) -> Value<AliasArn> {
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
        },
    );
    let code = stack.code(CODE, &Code::not_packaged([CODE]));
    let function = stack.add(
        "Reader",
        &Function {
            description: "Reads news",
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
    let version = stack.add("ReaderVersion", &Version { function_name: function.name(), description: None });
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

#[test]
fn the_reader_is_deployed_after_the_feed_with_code_of_its_own() {
    let app = app(Visibility::of_worker(TIMEOUT));
    assert_eq!(app.depends_on(READER), [FEED]);
    let reader = app.stack(READER).unwrap();
    assert_eq!((reader.name(), reader.packages()), ("news-reader", &[CODE][..]));
    assert_eq!(app.stack(FEED).unwrap().publishes(), ["/news/feed/news-arn"]);
    assert!(app.site().is_none());
    assert_eq!(reader.template().defined_at("Inbox").unwrap().file(), "infra/cfn/tests/news.rs");
}

#[test]
fn a_topic_is_written_as_cloudformation_takes_it() {
    let (feed, news) = feed();
    let reader = reader(&news, Visibility::of_worker(TIMEOUT)).template().as_json();
    assert_eq!(feed.template().as_json()["Resources"]["News"]["Properties"], json!({ "DisplayName": "News" }));
    let subscription = json!({
        "TopicArn": { "Ref": "NewsArn" }, "Protocol": "sqs", "Endpoint": { "Fn::GetAtt": ["Inbox", "Arn"] },
        "RawMessageDelivery": true,
    });
    assert_eq!(reader["Resources"]["InboxSubscription"]["Properties"], subscription);
    assert_eq!(reader["Resources"]["UnreadAlarm"]["Properties"]["AlarmActions"], json!([{ "Ref": "NewsArn" }]));
    let allowed: Vec<_> = widened(None, Some(&reader)).into_iter().map(|it| it.allows).collect();
    assert!(allowed.contains(&"sns.amazonaws.com may sqs:SendMessage on Inbox on behalf of NewsArn".to_owned()), "{allowed:?}");
}

#[test]
fn no_rule_is_broken_unless_the_queue_gives_the_reader_too_little_time() {
    assert_eq!(check(&app(Visibility::of_worker(TIMEOUT)), &[]), []);
    let (_, news) = feed();
    let found = check_stack(&reader(&news, Visibility::of_worker(Seconds::new(19))), &[]);
    let [finding] = found.as_slice() else { panic!("{found:?}") };
    assert_eq!(
        finding.to_string(),
        "reader: Trigger: the queue hides messages for 114 s, less than six times the function's 20 s (short-visibility)"
    );
}

#[test]
fn cfn_lint_finds_nothing() {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../.venv/bin/cfn-lint");
    assert!(program.exists(), "{} is not installed: `make test` installs it", program.display());
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("news");
    fs::create_dir_all(&directory).unwrap();
    let templates = app(Visibility::of_worker(TIMEOUT))
        .stacks()
        .iter()
        .map(|stack| {
            let file = directory.join(format!("{}.json", stack.id()));
            fs::write(&file, stack.template().to_json()).unwrap();
            file
        })
        .collect::<Vec<_>>();
    let lint = Command::new(program).arg("--template").args(templates).output().unwrap();
    assert!(lint.status.success() && lint.stdout.is_empty(), "{}", String::from_utf8_lossy(&lint.stdout));
}
