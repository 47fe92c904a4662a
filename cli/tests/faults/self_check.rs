//! The stand-in itself, asked by the real SDK: what it is relied on for in the other tests.

use aws_sdk_cloudformation::{
    Client,
    config::{BehaviorVersion, Credentials, Region, retry::RetryConfig},
    error::ProvideErrorMetadata,
    operation::create_change_set::builders::CreateChangeSetFluentBuilder,
    types::{Capability, ChangeSetStatus, ChangeSetType, StackStatus},
};
use cart_infra::stacks;

use crate::bench::{
    Bench, REGION, SHOP,
    account::Account,
    inventory::{During, Trouble},
    operation::Terms,
    script::{Fault, Rule, Why},
};

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
    let bench = Bench::new();
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
    let bench = Bench::new();
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
    let bench = Bench::new().deployed(&[stacks::BOOTSTRAP, stacks::AUTH]);
    let (client, name) = (client(&bench), bench.name(stacks::AUTH));
    let template = client.get_template().stack_name(&name).send().await.unwrap().template_body.unwrap();
    let call = client.create_change_set().stack_name(&name).change_set_name("same").template_body(template);
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
    let bench = Bench::new().deployed(&SHOP);
    bench.state().account.inventory.latencies.page = 20;
    let (client, name) = (client(&bench), bench.name(stacks::CART));
    let first = client.list_stack_resources().stack_name(&name).send().await.unwrap();
    assert!(first.next_token.is_some());
    let resources = client.list_stack_resources().stack_name(&name).into_paginator().items().send();
    let resources = resources.collect::<Result<Vec<_>, _>>().await.unwrap();
    assert_eq!(resources.len(), bench.state().account.stack(&name).resources.len());
    let events = client.describe_stack_events().stack_name(&name).into_paginator().items().send();
    let events = events.collect::<Result<Vec<_>, _>>().await.unwrap();
    let ids: std::collections::BTreeSet<_> = events.iter().map(|event| event.event_id.clone().unwrap()).collect();
    assert_eq!(ids.len(), events.len(), "an event is in one page");
    assert!(events.windows(2).all(|pair| pair[0].timestamp >= pair[1].timestamp), "newest first");
}

#[tokio::test]
async fn a_script_is_followed_by_the_call() {
    let bench = Bench::new().deployed(&[stacks::BOOTSTRAP]);
    let (client, name) = (client(&bench), bench.name(stacks::BOOTSTRAP));
    let throttled = Rule::at(2..=2, Fault::Refused(Why::Throttled)).of("DescribeStacks");
    bench.script([throttled, Rule::at(3..=3, Fault::Dropped).of("DescribeStacks")]);
    let describe = async || client.describe_stacks().stack_name(&name).send().await;
    assert!(describe().await.is_ok());
    assert_eq!(describe().await.unwrap_err().code(), Some("Throttling"));
    assert!(describe().await.unwrap_err().as_service_error().is_none(), "there is no answer");
    assert!(describe().await.is_ok());
    bench.script([Rule::at(1..=1, Fault::AnswerLost).of("UpdateTerminationProtection")]);
    let protect = client.update_termination_protection().stack_name(&name).enable_termination_protection(true);
    assert!(protect.send().await.is_err());
    assert!(bench.state().account.stack(&name).protected, "and yet it was done");
    let refused = client.delete_stack().stack_name(&name).send().await.unwrap_err();
    let text = format!("Stack [{name}] cannot be deleted while TerminationProtection is enabled");
    assert_eq!(refused.message(), Some(text.as_str()));
}

#[test]
fn what_fails_is_undone_in_phases() {
    let bench = Bench::new().deployed(&SHOP).package("second");
    let name = bench.name(stacks::PRODUCTS);
    let wanted = bench.wanted(stacks::PRODUCTS);
    let before = bench.state().account.stack(&name).definition.clone();
    let mut state = bench.state();
    let key = wanted.template["Resources"].as_object().unwrap().iter().find(|(_, it)| it["Type"] == "AWS::Lambda::Function");
    let (function, trouble) = (key.unwrap().0.clone(), |during| Trouble {
        stack: name.clone(),
        resource: key.unwrap().0.clone(),
        during,
        reason: "Throttled".to_owned(),
        always: false,
    });
    state.account.inventory.troubles = vec![trouble(During::Update), trouble(During::Rollback)];
    state.account.carry_out(&name, wanted.clone(), Terms::default());
    state.account.settle_at(&name, &StackStatus::UpdateRollbackFailed);
    let stack = state.account.stack(&name);
    assert_eq!(stack.reason.as_deref(), Some(&*format!("The following resource(s) failed to update: [{function}]. ")));
    let place = state.account.find(&name).unwrap();
    let Account { stacks, inventory, .. } = &mut state.account;
    stacks[place].undo(&[], Terms::default(), None, inventory);
    state.account.settle_at(&name, &StackStatus::UpdateRollbackComplete);
    assert_eq!(state.account.stack(&name).definition, before);
}
