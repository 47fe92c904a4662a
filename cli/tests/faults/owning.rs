//! Stacks of somebody else's under names of the stage's: nothing is done to them, unless somebody knows better. And those of an earlier
//! cartctl and of the original, which are this stage's without a mark.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::types::StackStatus;
use cart_fault_bench::{
    account::Account,
    inventory::Clock,
    operation::Terms,
    script::{Fault, Rule, is_question},
    stack::Stack,
    starts,
};
use cart_infra::{StackId, stacks};
use serde_json::{Value as Json, json};

use crate::{
    bench::{Bench, SHOP},
    side_by_side,
};

/// The stacks of a stage.
const STAGE: [StackId; 3] = [stacks::AUTH, stacks::PRODUCTS, stacks::CART];

/// What somebody else has: users, and what they uploaded.
fn foreign() -> Json {
    json!({ "Description": "Sign-in of MyShop", "Resources": {
        "Users": { "Type": "AWS::DynamoDB::Table" },
        "Uploads": { "Type": "AWS::S3::Bucket", "DependsOn": "Users" },
        "Topic": { "Type": "AWS::SNS::Topic", "DependsOn": "Uploads" },
    } })
}

/// Templates that are not this stage's auth stack, however much they look like it.
fn similar(bench: &Bench) -> Vec<(&'static str, Json)> {
    let own = bench.blueprint(stacks::AUTH).template.clone();
    let mut other_stage = own.clone();
    other_stage["Outputs"][cfn::MARK_OUTPUT]["Value"] =
        json!("format=1 prefix=aws-serverless-shopping-cart stage=staging stack=auth");
    let mut later = own.clone();
    later["Outputs"][cfn::MARK_OUTPUT]["Value"] = json!("format=2 owner=shop");
    let mut unmarked = own;
    unmarked["Outputs"].as_object_mut().unwrap().remove(cfn::MARK_OUTPUT);
    let mut other_types = unmarked.clone();
    for resource in other_types["Resources"].as_object_mut().unwrap().values_mut() {
        *resource = json!({ "Type": "AWS::SQS::Queue" });
    }
    let mut other_names = unmarked.clone();
    for resource in other_names["Resources"].as_object_mut().unwrap().values_mut().filter(|it| it["Type"] == "AWS::SSM::Parameter")
    {
        resource["Properties"]["Name"] = json!(resource["Properties"]["Name"].as_str().unwrap().replace("demo/", "demo/staging/"));
    }
    let sam = json!({ "Transform": "AWS::Serverless-2016-10-31", "Resources": { "CognitoUserPool": { "Type": "AWS::Cognito::UserPool" } } });
    vec![
        ("somebody else's", foreign()),
        ("another stage's", other_stage),
        ("a later cartctl's", later),
        ("our names and other types", other_types),
        ("an earlier cartctl's for another stage", other_names),
        ("somebody else's with SAM", sam),
    ]
}

/// Everything in the account that a change would change.
fn inventory(bench: &Bench) -> String {
    let state = bench.state();
    let stacks: Vec<_> = state
        .account
        .stacks
        .iter()
        .map(|stack| (&stack.id, stack.status.as_str(), stack.events.len(), stack.change_sets.len(), stack.protected))
        .collect();
    let inventory = &state.account.inventory;
    format!("{stacks:?} {:?} {:?} {:?}", inventory.things, inventory.parameters, inventory.buckets)
}

/// A command is refused because of this stack, says so, and has only asked.
#[track_caller]
fn is_refused(bench: &Bench, arguments: &[&str], stack: StackId) -> String {
    let (before, calls) = (inventory(bench), bench.state().log.0.len());
    let at_rest = bench.state().account.stacks.iter().all(Stack::is_at_rest);
    let story = bench.run(arguments).failed(5);
    let told = format!("error: the {stack} stack ({}, ", bench.name(stack));
    assert!(story.contains(&told), "{arguments:?}: {story}");
    assert!(story.contains(&format!("run the same command again with `--adopt {stack}`")), "{arguments:?}: {story}");
    if at_rest {
        assert_eq!(inventory(bench), before, "{arguments:?}: {story}");
    }
    let state = bench.state();
    let changing: Vec<_> = state.log.0[calls..].iter().filter(|call| !is_question(&call.operation)).collect();
    assert!(changing.is_empty(), "{arguments:?}: {changing:?}");
    story
}

#[test]
fn somebody_elses_stack_is_refused_by_whatever_would_change_it() {
    let cases = STAGE.into_iter().flat_map(|stack| [Bench::new, Bench::protected].map(|new| (stack, new)));
    side_by_side(cases, |(stack, new)| {
        let mut bench = new();
        bench.foreign(stack, &foreign(), &StackStatus::UpdateComplete);
        let id = stack.as_str();
        let ok = if bench.name(stack).contains("production") { &["--protected-ok"][..] } else { &[] };
        for command in [&["deploy", "--yes"][..], &["deploy", id, "--yes"], &["delete", "--yes"], &["delete", id, "--yes"]] {
            let story = is_refused(&bench, &[command, ok].concat(), stack);
            assert!(story.contains("is not this stage's: cartctl did not mark it"), "{story}");
            assert!(story.contains("\n  description: Sign-in of MyShop\n"), "{story}");
            // And what somebody added since.
            assert!(
                story.contains("\n  resources: AWS::DynamoDB::Table, AWS::S3::Bucket, AWS::SNS::Topic, AWS::SQS::Queue\n"),
                "{story}"
            );
        }
        is_refused(&bench, &["diff"], stack);
        is_refused(&bench, &["diff", id], stack);
    });
}

#[test]
fn what_looks_like_ours_is_refused_as_well() {
    let kinds = similar(&Bench::new());
    side_by_side(kinds, |(what, template)| {
        let mut bench = Bench::new();
        let complete = StackStatus::CreateComplete;
        // Not every template has resources that could fail; all can be complete.
        let name = bench.name(stacks::AUTH);
        {
            let mut state = bench.state();
            let wanted =
                state.account.define(&template, &BTreeMap::new(), [("team".to_owned(), "payments".to_owned())].into()).unwrap();
            state.account.carry_out(&name, wanted, Terms::default());
            state.account.settle();
            assert_eq!(state.account.stack(&name).status, complete, "{what}");
        }
        for command in [&["deploy", "auth", "--yes"][..], &["delete", "auth", "--yes"]] {
            let story = is_refused(&bench, command, stacks::AUTH);
            let owner = match what {
                "another stage's" => {
                    "its mark names the auth stack of the stage `staging` with the prefix `aws-serverless-shopping-cart`"
                }
                "a later cartctl's" => "a later cartctl marked it, in format 2",
                _ => "\n  tags: team=payments\n",
            };
            assert!(story.contains(owner), "{what}: {story}");
        }
        bench.foreign(stacks::PRODUCTS, &foreign(), &complete);
        is_refused(&bench, &["delete", "products", "--yes"], stacks::PRODUCTS);
    });
}

/// Whatever its state: also where it has no template yet, or could only be deleted.
#[test]
fn somebody_elses_stack_is_refused_in_every_status() {
    side_by_side(&starts::ALL, |status| {
        let mut bench = Bench::new();
        bench.foreign(stacks::AUTH, &foreign(), status);
        if *status == StackStatus::DeleteComplete {
            bench.run(&["deploy", "--yes"]).succeeded();
            return;
        }
        // A busy one goes on after this, and is not waited for.
        bench.state().account.inventory.latencies.clock = Clock::Calls(0);
        is_refused(&bench, &["deploy", "--yes"], stacks::AUTH);
        is_refused(&bench, &["delete", "auth", "--yes"], stacks::AUTH);
        let (answer, story) = bench.run(&["status"]).succeeded();
        assert!(answer.contains(" (not this stage's)"), "{answer}");
        assert!(story.contains("which is somebody else's and left alone"), "{story}");
    });
}

#[test]
fn a_bootstrap_stack_of_somebody_elses_is_refused_before_anything_is_created() {
    let mut bench = Bench::new();
    bench.foreign(stacks::BOOTSTRAP, &foreign(), &StackStatus::CreateComplete);
    is_refused(&bench, &["deploy", "--yes"], stacks::BOOTSTRAP);
    is_refused(&bench, &["diff"], stacks::BOOTSTRAP);
    // Accounts and sign-in need no bucket.
    bench.run(&["deploy", "auth", "--yes"]).succeeded();
    // Who knows better may have it.
    bench.run(&["deploy", "--yes", "--adopt", "bootstrap"]).succeeded();
    let bootstrap = bench.state().account.stack(&bench.name(stacks::BOOTSTRAP)).clone();
    assert_eq!(bootstrap.status, StackStatus::UpdateComplete);
    assert_eq!(bootstrap.outputs[cfn::MARK_OUTPUT], "format=1 prefix=aws-serverless-shopping-cart stack=bootstrap");
    bench.is_tidy();
}

#[test]
fn who_knows_better_adopts_the_named_stack_alone() {
    let new = || {
        let mut bench = Bench::new();
        bench.foreign(stacks::AUTH, &foreign(), &StackStatus::CreateComplete);
        bench.foreign(stacks::PRODUCTS, &foreign(), &StackStatus::CreateComplete);
        bench
    };
    let bench = new();
    is_refused(&bench, &["deploy", "--yes", "--adopt", "products"], stacks::AUTH);
    is_refused(&bench, &["deploy", "--yes", "--adopt", "auth"], stacks::PRODUCTS);
    let (_, story) = bench.run(&["diff", "auth", "--adopt", "auth"]).succeeded();
    assert!(!story.contains("error"), "{story}");
    let (_, story) = bench.run(&["deploy", "--yes", "--adopt", "auth", "--adopt", "products"]).succeeded();
    assert_eq!(story.matches("adopts a stack that cartctl did not create").count(), 2, "{story}");
    bench.is_tidy();
    assert_eq!(bench.state().account.stack(&bench.name(stacks::AUTH)).outputs[cfn::MARK_OUTPUT], bench.mark(stacks::AUTH));
    // From now on they are this stage's.
    let (_, story) = bench.run(&["deploy", "--yes"]).succeeded();
    assert_eq!(story.matches("no changes").count(), 3, "{story}");

    let bench = new();
    is_refused(&bench, &["delete", "--yes", "--adopt", "products"], stacks::AUTH);
    for command in
        [&["delete", "auth"][..], &["deploy", "auth"], &["diff", "auth"], &["attach", "auth"], &["totals"], &["frontend", "deploy"]]
    {
        let story = bench.run(&[command, &["--adopt", "products"]].concat()).failed(2);
        assert!(story.contains("error: `--adopt products` names a stack that this command does not touch"), "{story}");
    }
    bench.run(&["delete", "auth", "--yes", "--adopt", "auth"]).succeeded();
    assert!(bench.state().account.find(&bench.name(stacks::AUTH)).is_none());
    assert!(bench.state().account.find(&bench.name(stacks::PRODUCTS)).is_some());
}

#[test]
fn a_failed_stack_that_is_adopted_is_recreated() {
    for status in [StackStatus::RollbackComplete, StackStatus::DeleteFailed, StackStatus::ReviewInProgress] {
        let mut bench = Bench::new();
        bench.foreign(stacks::AUTH, &foreign(), &status);
        is_refused(&bench, &["deploy", "auth", "--yes"], stacks::AUTH);
        bench.run(&["deploy", "auth", "--yes", "--adopt", "auth"]).succeeded();
        assert_eq!(bench.state().account.stack(&bench.name(stacks::AUTH)).status, StackStatus::CreateComplete, "{status}");
    }
}

#[test]
fn nothing_is_adopted_into_a_protected_stage_without_a_word() {
    let mut bench = Bench::protected();
    bench.foreign(stacks::AUTH, &foreign(), &StackStatus::CreateComplete);
    for command in ["deploy", "delete", "attach"] {
        let before = inventory(&bench);
        let yes = if command == "attach" { &[][..] } else { &["--yes"] };
        let story = bench.run(&[&[command, "auth", "--adopt", "auth"], yes].concat()).failed(3);
        assert!(story.contains("--protected-ok"), "{story}");
        assert_eq!(inventory(&bench), before);
    }
    // And then still not what deletes something.
    let story = bench.run(&["deploy", "auth", "--yes", "--adopt", "auth", "--protected-ok"]).failed(5);
    assert!(story.contains("the stage is protected, and the auth stack would lose or replace"), "{story}");
    bench.is_tidy();
}

/// The prefix of one stage and the name of another make the same names of stacks.
#[test]
fn a_prefix_does_not_own_the_stages_of_another() {
    let bench = Bench::new();
    bench.configure("[stages.staging]");
    bench.run(&["deploy", "--yes", "--stage", "staging"]).succeeded();
    bench.configure("prefix = 'aws-serverless-shopping-cart-staging'");
    let before = inventory(&bench);
    for command in ["deploy", "delete"] {
        let story = bench.run(&[command, "--yes"]).failed(5);
        let owner = "its mark names the auth stack of the stage `staging` with the prefix `aws-serverless-shopping-cart`";
        assert!(story.contains(owner), "{story}");
        assert!(story.contains("hint: work on it with the `prefix` and the `--stage` of its mark"), "{story}");
        assert_eq!(inventory(&bench), before);
    }
    // And the other way round.
    let bench = Bench::new();
    bench.configure("prefix = 'aws-serverless-shopping-cart-staging'");
    bench.run(&["deploy", "--yes"]).succeeded();
    bench.configure("[stages.staging]");
    let story = bench.run(&["delete", "--yes", "--stage", "staging"]).failed(5);
    assert!(story.contains("of the stage `default` with the prefix `aws-serverless-shopping-cart-staging`"), "{story}");
}

#[test]
fn somebody_elses_site_is_not_this_stages() {
    let mut bench = Bench::new().deployed(&SHOP);
    let site = json!({
        "Resources": { "WebBucket": { "Type": "AWS::S3::Bucket" } },
        "Outputs": { "WebUrl": { "Value": "https://theirs.example" }, "WebBucketName": { "Value": { "Ref": "WebBucket" } }, "DistributionId": { "Value": "E1" } },
    });
    {
        let name = bench.name(stacks::WEB);
        let mut state = bench.state();
        let wanted = state.account.define(&site, &BTreeMap::new(), BTreeMap::new()).unwrap();
        state.account.carry_out(&name, wanted, Terms::default());
        state.account.settle();
        let bucket = state.account.stack(&name).resources["WebBucket"].physical_id.clone().unwrap();
        let objects = state.account.inventory.buckets.get_mut(&bucket).unwrap();
        objects.insert("site/index.html".to_owned(), b"theirs".to_vec());
    }
    let (_, story) = bench.run(&["deploy", "--yes"]).succeeded();
    assert_eq!(story.matches("no changes").count(), 3, "the stage has no site: {story}");
    assert!(
        story.contains("warning   the web stack of this stage would be aws-serverless-shopping-cart-web, which is somebody else's"),
        "{story}"
    );
    for command in
        [&["deploy", "--with-web", "--yes"][..], &["deploy", "web", "--yes"], &["delete", "web", "--yes"], &["frontend", "deploy"]]
    {
        is_refused(&bench, command, stacks::WEB);
    }
    let (answer, _) = bench.run(&["outputs"]).succeeded();
    assert!(answer.contains("CartApi") && !answer.contains("theirs.example"), "{answer}");
    bench = bench.package("second");
    bench.run(&["deploy", "--yes"]).succeeded();
    let (answer, _) = bench.run(&["delete", "--yes"]).succeeded();
    assert_eq!(answer.matches("deleted ").count(), 3, "{answer}");
    assert_eq!(bench.state().account.stack(&bench.name(stacks::WEB)).status, StackStatus::CreateComplete);
}

#[test]
fn totals_and_logs_of_somebody_elses_stack_are_nobodys_business() {
    let mut bench = Bench::new().deployed(&[stacks::BOOTSTRAP, stacks::AUTH, stacks::PRODUCTS]);
    let table = json!({ "Resources": {
        "DynamoDBShoppingCartTable": { "Type": "AWS::DynamoDB::Table" },
        "Topic": { "Type": "AWS::SNS::Topic", "DependsOn": "DynamoDBShoppingCartTable" },
    } });
    bench.foreign(stacks::CART, &table, &StackStatus::CreateComplete);
    for command in [&["totals"][..], &["totals", "--rebuild", "--yes"], &["logs", "list-cart"]] {
        is_refused(&bench, command, stacks::CART);
    }
    assert_eq!(bench.state().log.count("Scan"), 0);
}

#[test]
fn the_stacks_of_an_earlier_cartctl_are_marked_by_the_next_deployment_and_otherwise_stay_what_they_are() {
    let bench = Bench::new().deployed_without_marks(&SHOP);
    let resources = |stack: StackId| -> BTreeMap<String, Option<String>> {
        let state = bench.state();
        let resources = &state.account.stack(&bench.name(stack)).resources;
        resources.iter().map(|(id, resource)| (id.clone(), resource.physical_id.clone())).collect()
    };
    let before = SHOP.map(resources);
    bench.run(&["status"]).succeeded();
    let (_, story) = bench.run(&["deploy", "--yes"]).succeeded();
    assert_eq!(story.matches("+ the mark of this stage").count(), SHOP.len(), "{story}");
    assert!(!story.contains("adopts a stack"), "{story}");
    for stack in SHOP {
        let found = bench.state().account.stack(&bench.name(stack)).clone();
        assert_eq!(found.outputs[cfn::MARK_OUTPUT], bench.mark(stack));
        assert_eq!(found.status, StackStatus::UpdateComplete);
    }
    assert_eq!(SHOP.map(resources), before);
    bench.is_tidy();
    let (_, story) = bench.run(&["deploy", "--yes"]).succeeded();
    assert_eq!(story.matches("no changes").count(), 3, "{story}");

    let bench = Bench::new().deployed_without_marks(&SHOP);
    bench.run(&["delete", "--yes"]).succeeded();
    assert!(STAGE.into_iter().all(|stack| bench.state().account.find(&bench.name(stack)).is_none()));
}

#[test]
fn a_mark_survives_what_others_do_to_the_stack() {
    // Somebody adds a queue in the console, and keeps the outputs.
    let bench = Bench::new().deployed(&SHOP);
    {
        let mut state = bench.state();
        let name = bench.name(stacks::AUTH);
        let theirs = starts::another(&state.account.stack(&name).definition);
        state.account.carry_out(&name, theirs, Terms::default());
        state.account.settle();
    }
    bench.run(&["deploy", "--yes"]).succeeded();
    bench.is_tidy();
    // Somebody replaces the whole stack.
    {
        let mut state = bench.state();
        let name = bench.name(stacks::AUTH);
        let theirs = state.account.define(&foreign(), &BTreeMap::new(), BTreeMap::new()).unwrap();
        state.account.carry_out(&name, theirs, Terms::default());
        state.account.settle();
    }
    is_refused(&bench, &["deploy", "--yes"], stacks::AUTH);
}

/// A stack that somebody else replaces after it was planned, before its change set is made.
fn somebody_replaces(account: &mut Account) {
    let name = account.stacks.iter().find(|stack| stack.name.ends_with("-shoppingcart-service")).unwrap().name.clone();
    let theirs = account.define(&foreign(), &BTreeMap::new(), BTreeMap::new()).unwrap();
    account.carry_out(&name, theirs, Terms::default());
    account.settle();
}

#[test]
fn a_stack_that_changes_hands_after_it_was_planned_is_refused() {
    let bench = Bench::new().deployed(&SHOP).package("second");
    let cart = bench.name(stacks::CART);
    // The second look is the one before the cart's own change set, which waits for products.
    bench.script([Rule::at(2..=2, Fault::Meanwhile(somebody_replaces)).of("DescribeStacks").about(&cart)]);
    let story = bench.run(&["deploy", "--yes"]).failed(5);
    bench.everything_happened();
    assert!(story.contains("error: the cart stack (") && story.contains("is not this stage's"), "{story}");
    let state = bench.state();
    assert!(state.account.stack(&cart).resources["Users"].is_there());
}

#[test]
fn the_original_is_taken_over_by_what_it_is() {
    let mut bench = Bench::new();
    for stack in STAGE {
        let own = bench.blueprint(stack).template.clone();
        let ids: &[&str] = match stack {
            stacks::AUTH => &["CognitoUserPool", "UserPoolClient", "UserPoolSSM", "UserPoolARNSSM", "UserPoolAppClientSSM"],
            stacks::PRODUCTS => &["GetProductApiUrl"],
            _ => &["DynamoDBShoppingCartTable", "CartDeleteSQSQueue", "CartDeleteSQSDLQ", "CartApiUrl"],
        };
        let mut resources: serde_json::Map<String, Json> =
            ids.iter().map(|id| ((*id).to_owned(), own["Resources"][id].clone())).collect();
        for resource in resources.values_mut().filter(|it| it["Type"] == "AWS::SSM::Parameter" && stack != stacks::AUTH) {
            resource["Properties"]["Value"] = json!("https://api.example/Prod");
        }
        resources.insert("CartApi".to_owned(), json!({ "Type": "AWS::ApiGateway::RestApi" }));
        bench.foreign(
            stack,
            &json!({ "Transform": "AWS::Serverless-2016-10-31", "Resources": resources }),
            &StackStatus::UpdateComplete,
        );
    }
    let table = |bench: &Bench| {
        bench.state().account.stack(&bench.name(stacks::CART)).resources["DynamoDBShoppingCartTable"].physical_id.clone()
    };
    let before = table(&bench);
    let (_, story) = bench.run(&["deploy", "--yes"]).succeeded();
    assert_eq!(story.matches("adopts a stack that cartctl did not create").count(), 3, "{story}");
    assert_eq!(table(&bench), before);
    for stack in STAGE {
        assert_eq!(bench.state().account.stack(&bench.name(stack)).outputs[cfn::MARK_OUTPUT], bench.mark(stack));
    }
}
