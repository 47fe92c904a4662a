//! The stand-in itself, asked by the real SDK: the behaviour that other tests rely on.

use std::collections::BTreeSet;

use aws_sdk_cloudformation::{
    Client,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig},
    error::ProvideErrorMetadata,
    operation::create_change_set::builders::CreateChangeSetFluentBuilder,
    types::{Capability, ChangeSetStatus, ChangeSetType, StackStatus},
};
use cart_fault_bench::{
    Bench, Blueprint, REGION,
    account::Account,
    inventory::{During, Trouble},
    operation::Terms,
    script::{Fault, Rule, Why},
    starts,
};
use cfn::{ParameterSource, StackId};
use serde_json::{Value as Json, json};

const CODE: StackId = StackId::new("code");
const NEWS: StackId = StackId::new("news");
const READERS: StackId = StackId::new("readers");

/// Three stacks: a bucket for code, a topic with its queue, and a function that reads the topic's name.
fn app(timeout: u32) -> [Blueprint; 3] {
    let code = json!({ "Resources": { "Bucket": { "Type": "AWS::S3::Bucket", "DeletionPolicy": "Retain" } } });
    let subscription = json!({
        "TopicArn": { "Ref": "Topic" }, "Protocol": "sqs", "Endpoint": { "Fn::GetAtt": ["Queue", "Arn"] },
    });
    let name = json!({ "Type": "String", "Name": "/news/topic", "Value": { "Fn::GetAtt": ["Topic", "TopicName"] } });
    let news = json!({ "Resources": {
        "Topic": { "Type": "AWS::SNS::Topic" },
        "Queue": { "Type": "AWS::SQS::Queue", "Properties": { "VisibilityTimeout": 6 * timeout } },
        "Subscription": { "Type": "AWS::SNS::Subscription", "Properties": subscription },
        "TopicName": { "Type": "AWS::SSM::Parameter", "Properties": name },
    }});
    let text = |kind: &str| json!({ "Type": kind });
    let readers = json!({
        "Parameters": { "Topic": text("AWS::SSM::Parameter::Value<String>"), "ArtifactBucket": text("String") },
        "Resources": {
            "Role": { "Type": "AWS::IAM::Role" },
            "Reader": { "Type": "AWS::Lambda::Function", "Properties": {
                "Code": { "S3Bucket": { "Ref": "ArtifactBucket" }, "S3Key": "reader.zip" },
                "Role": { "Fn::GetAtt": ["Role", "Arn"] }, "Timeout": timeout,
                "Environment": { "Variables": { "TOPIC": { "Ref": "Topic" } } },
            }},
        },
        "Outputs": { "Reader": { "Value": { "Ref": "Reader" } } },
    });
    let sources =
        [("Topic", ParameterSource::Shared("/news/topic".to_owned())), ("ArtifactBucket", ParameterSource::ArtifactBucket)];
    [
        Blueprint::new(CODE, "code", code),
        Blueprint::new(NEWS, "news", news),
        Blueprint {
            reads: vec![NEWS],
            parameters: sources.map(|(name, source)| (name.to_owned(), source)).into(),
            ..Blueprint::new(READERS, "readers", readers)
        },
    ]
}

fn deployed(stacks: &[StackId]) -> Bench {
    let bench = Bench::new(app(5));
    bench.deploy(stacks);
    bench
}

fn client(bench: &Bench) -> Client {
    let config = aws_sdk_cloudformation::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(REGION))
        .credentials_provider(Credentials::new("bench", "bench", None, None, "bench"))
        .retry_config(RetryConfig::disabled())
        .endpoint_url(bench.url());
    Client::from_conf(config.build())
}

const TEMPLATE: &str = r#"{ "Resources": { "Queue": { "Type": "AWS::SQS::Queue" } } }"#;

fn change_set(client: &Client, token: &str) -> CreateChangeSetFluentBuilder {
    let call = client.create_change_set().stack_name("queues").change_set_name("first").template_body(TEMPLATE);
    call.change_set_type(ChangeSetType::Create).client_token(token)
}

#[tokio::test]
async fn a_stack_comes_and_goes() {
    let bench = Bench::new([]);
    let client = client(&bench);
    let made = change_set(&client, "token").send().await.unwrap();
    let (id, stack) = (made.id.unwrap(), made.stack_id.unwrap());
    let status = async |stack: &str| {
        let answer = client.describe_stacks().stack_name(stack).send().await?;
        Ok::<_, aws_sdk_cloudformation::Error>(answer.stacks.unwrap().remove(0).stack_status.unwrap())
    };
    assert_eq!(status("queues").await.unwrap(), StackStatus::ReviewInProgress);
    let describe = async || client.describe_change_set().change_set_name(&id).send().await.unwrap();
    assert_eq!(describe().await.status, Some(ChangeSetStatus::CreateInProgress), "it takes a moment");
    let described = describe().await;
    assert_eq!(described.status, Some(ChangeSetStatus::CreateComplete));
    assert_eq!(described.changes.unwrap().len(), 1);
    client.execute_change_set().change_set_name(&id).client_request_token("go").send().await.unwrap();
    assert_eq!(status("queues").await.unwrap(), StackStatus::CreateComplete);
    let events = client.describe_stack_events().stack_name("queues").send().await.unwrap().stack_events.unwrap();
    assert_eq!(events[0].resource_status.as_ref().unwrap().as_str(), "CREATE_COMPLETE", "newest first");
    assert_eq!(events[0].client_request_token.as_deref(), Some("go"));
    client.delete_stack().stack_name("queues").send().await.unwrap();
    // By name there is nothing any more.
    while status("queues").await.is_ok() {}
    assert_eq!(status(&stack).await.unwrap(), StackStatus::DeleteComplete);
    let error = status("queues").await.unwrap_err();
    assert_eq!((error.code(), error.message()), (Some("ValidationError"), Some("Stack with id queues does not exist")));
    assert!(bench.state().account.inventory.things.is_empty());
}

#[tokio::test]
async fn a_token_marks_one_request() {
    let bench = Bench::new([]);
    let client = client(&bench);
    let first = change_set(&client, "token").send().await.unwrap();
    let again = change_set(&client, "token").send().await.unwrap();
    assert_eq!(first.id, again.id);
    let other = change_set(&client, "token").description("another").send().await.unwrap_err();
    assert_eq!(other.code(), Some("TokenAlreadyExistsException"));
    let taken = change_set(&client, "another").send().await.unwrap_err();
    assert_eq!(taken.code(), Some("AlreadyExistsException"));
}

#[tokio::test]
async fn the_same_again_is_no_change() {
    let bench = deployed(&[CODE, NEWS, READERS]);
    let (client, wanted) = (client(&bench), bench.wanted(READERS));
    let template = client.get_template().stack_name("readers").send().await.unwrap().template_body.unwrap();
    assert_eq!(template.parse::<Json>().unwrap(), *wanted.template);
    let mut call = client.create_change_set().stack_name("readers").change_set_name("same").template_body(template);
    for (name, parameter) in wanted.parameters {
        let pair = aws_sdk_cloudformation::types::Parameter::builder().parameter_key(name).parameter_value(parameter.value);
        call = call.parameters(pair.build());
    }
    let refused = call.clone().send().await.unwrap_err();
    assert_eq!(refused.code(), Some("InsufficientCapabilitiesException"));
    let id = call.capabilities(Capability::CapabilityIam).send().await.unwrap().id.unwrap();
    let describe = async || client.describe_change_set().change_set_name(&id).send().await.unwrap();
    describe().await;
    let described = describe().await;
    assert_eq!(described.status, Some(ChangeSetStatus::Failed));
    let reason = "The submitted information didn't contain changes. Submit different information to create a change set.";
    assert_eq!(described.status_reason.as_deref(), Some(reason));
}

#[tokio::test]
async fn lists_come_in_pages() {
    let queues: Json = (0..30).map(|place| (format!("Queue{place}"), json!({ "Type": "AWS::SQS::Queue" }))).collect();
    let bench = Bench::new([Blueprint::new(NEWS, "news", json!({ "Resources": queues }))]);
    bench.deploy(&[NEWS]);
    bench.state().account.inventory.latencies.page = 20;
    let client = client(&bench);
    let first = client.list_stack_resources().stack_name("news").send().await.unwrap();
    assert!(first.next_token.is_some());
    let resources = client.list_stack_resources().stack_name("news").into_paginator().items().send();
    let resources = resources.collect::<Result<Vec<_>, _>>().await.unwrap();
    assert_eq!(resources.len(), 30);
    let events = client.describe_stack_events().stack_name("news").into_paginator().items().send();
    let events = events.collect::<Result<Vec<_>, _>>().await.unwrap();
    assert!(events.len() > 60, "{}", events.len());
    let ids: BTreeSet<_> = events.iter().map(|event| event.event_id.clone().unwrap()).collect();
    assert_eq!(ids.len(), events.len(), "an event is in one page");
    assert!(events.windows(2).all(|pair| pair[0].timestamp >= pair[1].timestamp), "newest first");
}

#[tokio::test]
async fn a_script_is_followed_by_the_call() {
    let bench = deployed(&[CODE]);
    let client = client(&bench);
    let throttled = Rule::at(2..=2, Fault::Refused(Why::Throttled)).of("DescribeStacks");
    bench.script([throttled, Rule::at(3..=3, Fault::Dropped).of("DescribeStacks")]);
    let describe = async || client.describe_stacks().stack_name("code").send().await;
    assert!(describe().await.is_ok());
    assert_eq!(describe().await.unwrap_err().code(), Some("Throttling"));
    assert!(describe().await.unwrap_err().as_service_error().is_none(), "there is no answer");
    assert!(describe().await.is_ok());
    bench.everything_happened();

    bench.script([Rule::at(1..=1, Fault::AnswerLost).of("UpdateTerminationProtection")]);
    let protect = client.update_termination_protection().stack_name("code").enable_termination_protection(true);
    assert!(protect.send().await.is_err());
    assert!(bench.state().account.stack("code").protected, "and yet it was done");
    let refused = client.delete_stack().stack_name("code").send().await.unwrap_err();
    let text = "Stack [code] cannot be deleted while TerminationProtection is enabled";
    assert_eq!(refused.message(), Some(text));
}

#[test]
#[should_panic(expected = "no call met [Rule { calls: 7..=7")]
fn a_rule_that_no_call_met_is_named() {
    let bench = Bench::new([]);
    bench.script([Rule::at(7..=7, Fault::Dropped)]);
    bench.everything_happened();
}

#[test]
fn a_failed_update_is_rolled_back_in_phases() {
    let mut bench = deployed(&[CODE, NEWS, READERS]);
    let before = bench.state().account.stack("news").definition.clone();
    bench.redefine(app(30));
    let wanted = bench.wanted(NEWS);
    let mut state = bench.state();
    let trouble = |during| Trouble {
        stack: "news".to_owned(),
        resource: "AWS::SQS::Queue".to_owned(),
        during,
        reason: "Throttled".to_owned(),
        always: false,
    };
    state.account.inventory.troubles = vec![trouble(During::Update), trouble(During::Rollback)];
    state.account.carry_out("news", wanted, Terms::default());
    state.account.settle_at("news", &StackStatus::UpdateRollbackFailed);
    let stack = state.account.stack("news");
    assert_eq!(stack.reason.as_deref(), Some("The following resource(s) failed to update: [Queue]. "));
    let place = state.account.find("news").unwrap();
    let Account { stacks, inventory, .. } = &mut state.account;
    stacks[place].undo(&[], Terms::default(), None, inventory);
    state.account.settle_at("news", &StackStatus::UpdateRollbackComplete);
    assert_eq!(state.account.stack("news").definition, before);
}

#[test]
fn a_stack_needs_what_it_reads_and_the_bucket_of_its_code() {
    let bench = deployed(&[]);
    assert_eq!(bench.prerequisites(READERS), [CODE, NEWS]);
    assert_eq!(bench.prerequisites(NEWS), [CODE]);
    assert_eq!(bench.prerequisites(CODE), [""; 0].map(StackId::new));
    assert!(!bench.can_read(READERS));
    bench.deploy(&[CODE, NEWS]);
    assert!(bench.can_read(READERS));
    bench.deploy(&[READERS]);
    let state = bench.state();
    let made = |stack: &str, id: &str| state.account.stack(stack).resources[id].physical_id.clone().unwrap();
    let reader = &state.account.stack("readers").resources["Reader"].definition["Properties"];
    assert_eq!(reader["Environment"]["Variables"]["TOPIC"], format!("{}/TopicName", made("news", "Topic")));
    assert_eq!(reader["Code"]["S3Bucket"], made("code", "Bucket"));
    assert_eq!(state.account.stack("readers").outputs["Reader"], made("readers", "Reader"));
}

#[test]
fn every_status_that_aws_has_can_be_brought_about() {
    let known: BTreeSet<_> = starts::ALL.iter().map(StackStatus::as_str).collect();
    assert_eq!(known, StackStatus::values().iter().copied().collect());
    for stack in [NEWS, READERS] {
        for status in &starts::ALL {
            let bench = deployed(&[]);
            bench.deploy(&bench.prerequisites(stack));
            bench.bring(stack, status);
            let state = bench.state();
            let found = state.account.stacks.iter().find(|found| found.name == stack.as_str()).unwrap();
            assert_eq!((&found.status, found.is_at_rest()), (status, !is_passing(status)), "{stack}");
        }
    }
}

/// Whether an operation is under way in this status.
fn is_passing(status: &StackStatus) -> bool {
    status.as_str().ends_with("_IN_PROGRESS") && *status != StackStatus::ReviewInProgress
}
