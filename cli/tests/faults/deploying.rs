//! Deployments that go well, and those that go wrong in one way.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use aws_sdk_cloudformation::types::StackStatus;
use cart_fault_bench::{
    account::Account,
    inventory::{Clock, During, Latencies, Trouble},
    script::{Fault, Rule, Why, is_question},
    stack::Definition,
};
use cart_infra::{StackId, stacks};
use serde_json::json;

use crate::{
    bench::{Bench, SHOP},
    side_by_side,
};

/// The stacks' statuses, by name.
fn statuses(bench: &Bench) -> BTreeMap<String, String> {
    let state = bench.state();
    state.account.stacks.iter().map(|stack| (stack.name.clone(), stack.status.to_string())).collect()
}

#[track_caller]
fn all_are(bench: &Bench, status: &str) {
    let statuses = statuses(bench);
    assert_eq!(statuses, SHOP.map(|stack| (bench.name(stack), status.to_owned())).into());
    bench.is_tidy();
}

#[test]
fn the_first_deployment() {
    let bench = Bench::new();
    bench.run(&["deploy", "--yes"]).succeeded();
    all_are(&bench, "CREATE_COMPLETE");
    for stack in SHOP {
        let found = bench.state().account.stack(&bench.name(stack)).definition.clone();
        assert_eq!(
            Definition { tags: BTreeMap::new(), ..found },
            bench.wanted(stack),
            "{stack} is as other tests find it deployed"
        );
    }
    let state = bench.state();
    assert_eq!(state.account.orphans(), Vec::<&str>::new());
    let looked = state.log.0.iter().take_while(|call| is_question(&call.operation));
    let looked: Vec<_> = looked.filter(|call| call.stack.is_some()).map(|call| (&call.operation, &call.stack)).collect();
    assert_eq!(looked.len(), looked.iter().collect::<BTreeSet<_>>().len(), "nothing is asked twice: {looked:?}");
    assert_eq!(looked.len(), 5, "once for each stack that does not exist: {looked:?}");
    assert_eq!(state.log.count("ExecuteChangeSet"), SHOP.len());
    assert!(state.account.inventory.gateway_role.is_some());
}

#[test]
fn a_protected_stage_without_a_site_or_an_origin_is_not_deployed() {
    let bench = Bench::protected();
    for configuration in ["", "defaults.allowed-origin = 'http://shop.example'"] {
        bench.configure(&format!("stages.production.protected = true\n{configuration}"));
        for command in [&["deploy", "--yes", "--protected-ok"][..], &["deploy", "cart", "--yes", "--protected-ok"], &["diff"]] {
            let story = bench.run(command).failed(2);
            assert!(story.contains("error: the stage is protected, and would allow pages of http://"), "{story}");
            assert!(story.contains("hint: name the site's origin as `allowed-origin` in the stage's section"), "{story}");
        }
    }
    bench.run(&["deploy", "auth", "--yes", "--protected-ok"]).succeeded();
    let (_, status) = bench.run(&["status"]).succeeded();
    assert_eq!(status, "", "what is deployed can be looked at");
}

#[test]
fn a_protected_stage_names_the_alarms_that_notify_nobody() {
    let bench = Bench::protected();
    let story = bench.run(&["deploy", "--yes", "--protected-ok"]).succeeded().1;
    let named =
        story.lines().filter(|line| line.contains("alarms of the cart stack notify nobody (DeleteMigratedHandlerErrors, ")).count();
    assert_eq!(named, 1, "{story}");
}

#[test]
fn a_firewall_is_deployed_and_said_where_the_site_has_none() {
    let bench = Bench::new();
    bench.configure("defaults.waf = true");
    let notice = "the distribution of the web stack has no firewall of its own: AWS offers those in us-east-1 only, and the stage is in eu-west-1";
    let story = bench.run(&["deploy", "--yes"]).succeeded().1;
    assert!(!story.contains("firewall of its own"), "the stage has no site: {story}");
    for (stack, api) in [(stacks::PRODUCTS, "ProductsRestApi"), (stacks::CART, "CartRestApi")] {
        let state = bench.state();
        let resources = &state.account.stack(&bench.name(stack)).resources;
        for (id, kind) in [("Firewall", "AWS::WAFv2::WebACL"), ("FirewallAssociation", "AWS::WAFv2::WebACLAssociation")] {
            assert_eq!(resources[&format!("{api}{id}")].definition["Type"], kind);
        }
    }
    let story = bench.run(&["diff", "web"]).succeeded().1;
    assert_eq!(story.matches(notice).count(), 1, "{story}");
    bench.configure("defaults.waf = false");
    let story = bench.run(&["diff", "web"]).succeeded().1;
    assert!(!story.contains(notice), "{story}");
}

/// The stacks with people's data.
const DATA: [StackId; 2] = [stacks::AUTH, stacks::CART];

/// Whether the table or the pool of each stack is protected from deletion.
fn protected_from_deletion(bench: &Bench) -> Vec<bool> {
    let state = bench.state();
    let is_on = |stack: StackId| {
        let resources = &state.account.stack(&bench.name(stack)).resources;
        resources.values().any(|it| {
            let properties = &it.definition["Properties"];
            properties["DeletionProtectionEnabled"] == true || properties["DeletionProtection"] == "ACTIVE"
        })
    };
    DATA.into_iter().map(is_on).collect()
}

/// Something that goes wrong once with a resource of this type.
fn trouble(bench: &Bench, stack: StackId, resource: &str, during: During) {
    let (stack, resource, reason) = (bench.name(stack), resource.to_owned(), "Something is wrong".to_owned());
    bench.state().account.inventory.troubles.push(Trouble { stack, resource, during, reason, always: false });
}

#[test]
fn a_protected_stage_is_protected_from_deletion_once_it_is_created() {
    let bench = Bench::protected();
    let (_, story) = bench.run(&["deploy", "--yes", "--protected-ok"]).succeeded();
    for stack in DATA {
        let line = format!("{:9} update again, to switch deletion protection on", stack.to_string());
        assert!(story.contains(&line), "{story}");
    }
    assert!(story.contains("updating auth and cart again to switch deletion protection on"), "{story}");
    for stack in SHOP {
        let found = bench.state().account.stack(&bench.name(stack)).definition.clone();
        assert_eq!(found.template, bench.wanted(stack).template, "{stack}");
    }
    assert_eq!(protected_from_deletion(&bench), [true, true]);
    let (_, again) = bench.run(&["deploy", "--yes", "--protected-ok"]).succeeded();
    assert!(!again.contains("again"), "{again}");
    bench.is_tidy();
}

#[test]
fn a_protected_stage_that_cannot_be_created_leaves_nothing_behind() {
    for (stack, resource) in [(stacks::AUTH, "AWS::Cognito::UserPoolClient"), (stacks::CART, "AWS::Lambda::EventSourceMapping")] {
        let bench = Bench::protected();
        trouble(&bench, stack, resource, During::Create);
        bench.run(&["deploy", "--yes", "--protected-ok"]).failed(6);
        let status = bench.state().account.stack(&bench.name(stack)).status.clone();
        assert_eq!(status, StackStatus::RollbackComplete, "the empty pool or table is deleted");
        bench.run(&["deploy", "--yes", "--protected-ok"]).succeeded();
        assert_eq!(protected_from_deletion(&bench), [true, true]);
        assert_eq!(bench.state().account.orphans(), [""; 0]);
        bench.is_tidy();
    }
}

#[test]
fn deletion_protection_that_could_not_be_switched_on_is_switched_on_by_the_next_deployment() {
    let bench = Bench::protected();
    trouble(&bench, stacks::CART, "AWS::DynamoDB::Table", During::Update);
    let story = bench.run(&["deploy", "--yes", "--protected-ok"]).failed(6);
    assert!(story.contains("error: the cart stack failed: DynamoDBShoppingCartTable"), "{story}");
    assert_eq!(protected_from_deletion(&bench), [true, false]);
    let (_, story) = bench.run(&["deploy", "--yes", "--protected-ok"]).succeeded();
    assert!(story.contains("~ DynamoDBShoppingCartTable"), "{story}");
    assert_eq!(protected_from_deletion(&bench), [true, true]);
    bench.is_tidy();
}

#[test]
fn a_stage_that_becomes_protected_needs_one_round_and_one_that_no_longer_is_can_be_deleted() {
    let bench = Bench::protected().deployed(&SHOP);
    let origin = "stages.production.allowed-origin = 'https://shop.example'";
    bench.configure(origin);
    bench.run(&["deploy", "--yes"]).succeeded();
    assert_eq!(protected_from_deletion(&bench), [false, false]);

    bench.configure(&format!("{origin}\nstages.production.protected = true"));
    let (_, story) = bench.run(&["deploy", "--yes", "--protected-ok"]).succeeded();
    assert!(!story.contains("again"), "an existing table is protected at once: {story}");
    assert_eq!(protected_from_deletion(&bench), [true, true]);
    bench.is_tidy();

    bench.configure(origin);
    bench.run(&["deploy", "--yes"]).succeeded();
    bench.run(&["delete", "--yes", "--protected-ok"]).succeeded();
    let left = |kind: &str| bench.state().account.inventory.things.keys().filter(|(it, _)| it == kind).count();
    assert_eq!([left("AWS::DynamoDB::Table"), left("AWS::Cognito::UserPool")], [0, 0]);
}

#[test]
fn protection_that_somebody_switched_on_is_named_when_it_refuses_a_deletion() {
    for (stack, code, resource, property, on, hint) in [
        (
            stacks::CART,
            1,
            "DynamoDBShoppingCartTable",
            "DeletionProtectionEnabled",
            json!(true),
            "aws dynamodb update-table --no-deletion-protection-enabled",
        ),
        (stacks::AUTH, 6, "CognitoUserPool", "DeletionProtection", json!("ACTIVE"), "deactivate its deletion protection"),
    ] {
        let bench = Bench::new().deployed(&SHOP);
        {
            let mut state = bench.state();
            let place = state.account.find(&bench.name(stack)).unwrap();
            let resource = state.account.stacks[place].resources.get_mut(resource).unwrap();
            resource.definition["Properties"][property] = on;
        }
        let story = bench.run(&["delete", "--yes"]).failed(code);
        assert!(story.contains(hint) && story.contains("--leave-failed"), "{story}");
        bench.run(&["delete", &stack.to_string(), "--yes", "--leave-failed"]).succeeded();
        assert_eq!(bench.state().account.orphans().len(), 1, "it stays");
    }
}

#[test]
fn a_protected_stage_is_deleted_but_for_what_it_keeps() {
    let bench = Bench::protected().deployed(&SHOP);
    let refused = bench.run(&["delete", "--yes"]).failed(3);
    assert!(refused.contains("--protected-ok"), "{refused}");
    let (answer, _) = bench.run(&["delete", "--yes", "--protected-ok", "--output", "json"]).succeeded();
    for kept in ["DynamoDBShoppingCartTable", "CognitoUserPool", "CartDeleteSQSDLQ", "UpdateTotalsFailures", "ListCartHandlerLogs"]
    {
        assert!(answer.contains(&format!("\"logical_id\": \"{kept}\"")), "{kept}: {answer}");
    }
    assert!(!answer.contains("\"CartDeleteSQSQueue\""), "{answer}");
}

#[test]
fn a_hiccup_of_api_gateway_does_not_end_a_deployment() {
    side_by_side(Fault::PASSING.into_iter().chain([Fault::Late(Duration::from_millis(300))]), |fault| {
        let bench = Bench::new();
        bench.script([Rule::at(1..=2, fault).of("GetAccount")]);
        bench.run(&["deploy", "--yes"]).succeeded();
        bench.everything_happened();
        all_are(&bench, "CREATE_COMPLETE");
    });
}

#[test]
fn api_gateway_that_refuses_ends_a_deployment_before_anything_is_made() {
    for (fault, code, said) in [
        (Fault::Refused(Why::AccessDenied), 1, "hint: ask for this permission"),
        (Fault::Refused(Why::ExpiredToken), 4, "hint: sign in again for new keys"),
        (
            Fault::Redirected("http://127.0.0.1:1/account"),
            1,
            "error: reading API Gateway's account settings failed: the answer points to another",
        ),
    ] {
        let bench = Bench::new();
        bench.script([Rule::at(1..=usize::MAX, fault).of("GetAccount")]);
        let story = bench.run(&["deploy", "--yes"]).failed(code);
        assert!(story.contains(said), "{story}");
        assert_eq!(bench.state().account.stacks.len(), 0, "{fault:?}");
    }
}

#[test]
fn a_deployment_without_a_change_only_looks() {
    let bench = Bench::new().deployed(&SHOP);
    bench.run(&["deploy", "--yes"]).succeeded();
    all_are(&bench, "CREATE_COMPLETE");
    let state = bench.state();
    let each = SHOP.len();
    // The stack of the site does not exist, and is asked for once. The ARN of another one names the account.
    let expected = [("DescribeStacks", each), ("GetParametersByPath", 1), ("GetTemplate", each - 1)];
    assert_eq!(state.log.without_polls(), BTreeMap::from(expected));
    assert_eq!(state.log.0.len(), 8, "{:?}", state.log);
}

#[test]
fn a_stack_is_not_asked_after_all_the_time() {
    let bench = Bench::new();
    bench.latencies(Latencies::realistic());
    bench.run(&["deploy", "auth", "--yes"]).succeeded();
    // Four seconds with three bursts of news, at 50 ms a call: as decided in docs/adr/0017-asking-in-proportion.md that is 26 questions
    // if chance makes every pause as short as it can be, and two more about the change set. Who never becomes patient asks 40 times.
    let polls = bench.state().log.0.iter().filter(|call| call.poll).count();
    assert!(polls <= 30, "{polls} polls");
}

#[test]
fn new_code_changes_what_runs_it() {
    let bench = Bench::new().deployed(&SHOP).package("second");
    bench.run(&["deploy", "--yes"]).succeeded();
    let status = |stack| if [stacks::PRODUCTS, stacks::CART].contains(&stack) { "UPDATE_COMPLETE" } else { "CREATE_COMPLETE" };
    assert_eq!(statuses(&bench), SHOP.map(|stack| (bench.name(stack), status(stack).to_owned())).into());
    bench.is_tidy();
}

#[test]
fn a_parameter_that_was_changed_behind_our_back_is_noticed() {
    let bench = Bench::new().deployed(&SHOP);
    let path = {
        let parameters = &mut bench.state().account.inventory.parameters;
        let (path, value) = parameters.iter_mut().find(|(path, _)| path.ends_with("products-api-url")).unwrap();
        "https://elsewhere.example".clone_into(value);
        path.clone()
    };
    bench.run(&["deploy", "--yes"]).succeeded();
    let state = bench.state();
    let parameters = &state.account.stack(&bench.name(stacks::CART)).definition.parameters;
    let passed = parameters.values().find(|parameter| parameter.value == path).unwrap();
    assert_eq!(passed.resolved.as_deref(), Some("https://elsewhere.example"));
}

#[test]
fn a_resource_that_fails_is_named_and_its_stack_undone() {
    let bench = Bench::new();
    let trouble = Trouble {
        stack: bench.name(stacks::CART),
        resource: "AWS::DynamoDB::Table".to_owned(),
        during: During::Create,
        reason: "Subscriber limit exceeded: too many tables".to_owned(),
        always: false,
    };
    bench.state().account.inventory.troubles.push(trouble);
    let story = bench.run(&["deploy", "--yes"]).failed(6);
    assert!(story.contains("DynamoDBShoppingCartTable (AWS::DynamoDB::Table): Subscriber limit exceeded"), "{story}");
    bench.is_tidy();
    assert_eq!(bench.state().account.stack(&bench.name(stacks::CART)).status.as_str(), "ROLLBACK_COMPLETE");
    bench.run(&["deploy", "--yes"]).succeeded();
    assert_eq!(bench.state().account.orphans(), Vec::<&str>::new());
    bench.is_tidy();
}

#[test]
fn questions_that_fail_do_not_fail_a_deployment() {
    let faults = [
        Fault::Refused(Why::Throttled),
        Fault::Refused(Why::Unavailable),
        Fault::Refused(Why::Internal),
        Fault::Dropped,
        Fault::AnswerCut,
    ];
    side_by_side(faults, |fault| {
        let bench = Bench::new().deployed(&[stacks::BOOTSTRAP]);
        // Long enough that all stacks are asked after several times.
        bench.latencies(Latencies { slow: [("CognitoUserPool".to_owned(), 100)].into(), ..Latencies::default() });
        // Once more often than the SDK asks by itself.
        let new = SHOP.into_iter().filter(|stack| *stack != stacks::BOOTSTRAP);
        bench.script(new.map(|stack| Rule::at(2..=6, fault).of("DescribeStackEvents").about(&bench.name(stack))));
        bench.run(&["deploy", "--yes"]).succeeded();
        bench.everything_happened();
        all_are(&bench, "CREATE_COMPLETE");
    });
}

#[test]
fn what_a_stack_that_was_just_finished_publishes_is_seen() {
    let bench = Bench::new().deployed(&[stacks::BOOTSTRAP, stacks::AUTH, stacks::PRODUCTS]);
    bench.bring(stacks::CART, &StackStatus::CreateInProgress);
    bench.state().account.inventory.latencies.clock = Clock::Calls(0);
    // The first answer is late, and by the second somebody else is done with the cart.
    let cart = bench.name(stacks::CART);
    let asked = |call, fault| Rule::at(call..=call, fault).of("DescribeStacks").about(&cart);
    bench.script([asked(1, Fault::Refused(Why::Throttled)), asked(2, Fault::Meanwhile(Account::settle))]);
    bench.run(&["deploy", "--yes"]).succeeded();
    bench.everything_happened();
    bench.is_tidy();
}

/// Everything deployed, and a configuration that lets another site read the answers.
fn with_another_origin() -> Bench {
    let bench = Bench::new().deployed(&SHOP);
    bench.configure("defaults.allowed-origin = 'https://shop.example'");
    bench
}

#[test]
fn a_pull_request_is_told_what_it_asked_about() {
    let bench = with_another_origin();
    for (fail_on, code) in [("any", 10), ("broadening", 10), ("destructive", 0)] {
        let (answer, story) = bench.run(&["diff", "--fail-on", fail_on]).answered(code);
        assert!(answer.contains("CartRestApi: pages of https://shop.example may read the answers"), "{answer}");
        let found = story.ends_with("warning   `--fail-on` found changes in products and cart\n");
        assert_eq!(found, code == 10, "{fail_on}: {story}");
    }
    let state = bench.state();
    assert!(state.log.0.iter().all(|call| ["Get", "Describe", "List"].iter().any(|verb| call.operation.starts_with(verb))));
}

#[test]
fn what_need_not_be_approved_is_not_asked_about() {
    let bench = with_another_origin();
    let refused = bench.run(&["deploy", "--require-approval", "broadening"]).failed(3);
    assert!(refused.contains("approval required"), "{refused}");
    bench.is_tidy();
    assert_eq!(bench.state().log.count("ExecuteChangeSet"), 0);
    bench.run(&["deploy", "--require-approval", "destructive"]).succeeded();
    bench.is_tidy();
}

/// The story of a first deployment in which the table cannot be made for this reason.
fn without_a_table(bench: &Bench, reason: String) -> String {
    let trouble = Trouble {
        stack: bench.name(stacks::CART),
        resource: "AWS::DynamoDB::Table".to_owned(),
        during: During::Create,
        reason,
        always: false,
    };
    bench.state().account.inventory.troubles.push(trouble);
    let story = bench.run(&["deploy", "--yes"]).failed(6);
    bench.is_tidy();
    story
}

#[test]
fn a_refusal_that_only_aws_can_read_is_read_to_us() {
    let reason = "You are not authorized to perform this operation. Encoded authorization failure message: aB-c_9";
    let story = without_a_table(&Bench::new(), reason.to_owned());
    assert!(
        story.contains("DynamoDBShoppingCartTable (AWS::DynamoDB::Table): arn:aws:iam::123456789012:user/bench is not"),
        "{story}"
    );
    let hint = story.lines().find(|line| line.starts_with("hint: ")).unwrap();
    assert!(hint.contains("dynamodb:CreateTable"), "{hint}");

    // Who may not have it read is told the rest.
    let bench = Bench::new();
    bench.script([Rule::at(1..=9, Fault::Refused(Why::AccessDenied)).of("DecodeAuthorizationMessage")]);
    let story = without_a_table(&bench, reason.to_owned());
    bench.everything_happened();
    assert!(story.contains("Encoded authorization failure message: aB-c_9"), "{story}");
}

#[test]
fn who_has_a_name_already_is_named() {
    let bench = Bench::new().deployed(&[stacks::BOOTSTRAP, stacks::AUTH]);
    let taken = bench.state().account.stack(&bench.name(stacks::AUTH)).resources["CognitoUserPool"].physical_id.clone().unwrap();
    let story = without_a_table(&bench, format!("{taken} already exists"));
    let hint = story.lines().find(|line| line.starts_with("hint: ")).unwrap();
    assert!(hint.contains(&bench.name(stacks::AUTH)), "{hint}");
}
