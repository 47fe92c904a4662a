//! What plans come out for what is there.

use std::collections::BTreeMap;

use cart_infra::{App, ParameterSource, Stack, StackId, packages, stacks};
use serde_json::Value as Json;

use super::{
    Blocked, Observed, ObservedStack, bootstrap, delete,
    deploy::{self, Action, Bucket, Plan, Reach, Recovery, Remains, Terms, Unknown},
    is_ours, web,
};
use crate::{
    config::tests::settings,
    domain::stack::{Deployed, DeployedParameter, Effect, Phase, Resource, ResourceChange, StackStatus},
};

const ALL: [StackId; 3] = [stacks::AUTH, stacks::PRODUCTS, stacks::CART];
const BUCKET: &str = "artifacts";

/// What there is after every step of deploying `app` without the page succeeded.
pub(crate) fn deployed(app: &App) -> Observed {
    let mut observed = hosted(app);
    observed.stacks.remove(&stacks::WEB);
    observed
}

/// What there is after every step of deploying `app` succeeded.
fn hosted(app: &App) -> Observed {
    let published = app.stacks().iter().flat_map(Stack::publishes);
    let parameters: BTreeMap<_, _> = published.map(|path| (path.clone(), format!("value of {path}"))).collect();
    let stack = |stack: &Stack| {
        let parameter = |(name, source): (&String, &ParameterSource)| {
            let (value, resolved) = match source {
                ParameterSource::Shared(path) => (path.clone(), parameters.get(path).cloned()),
                ParameterSource::ArtifactBucket => (BUCKET.to_owned(), None),
                ParameterSource::Value(value) => (value.clone(), None),
            };
            (name.clone(), DeployedParameter { value, resolved })
        };
        let deployed = Deployed {
            id: format!("arn:{}", stack.name()),
            status: StackStatus::CreateComplete,
            reason: None,
            parameters: stack.parameters().iter().map(parameter).collect(),
            outputs: BTreeMap::new(),
            tags: BTreeMap::new(),
            termination_protection: false,
            changed: None,
        };
        let template = Some(stack.template().as_json());
        (stack.id(), ObservedStack { deployed, template, resources: Vec::new() })
    };
    Observed { stacks: app.stacks().iter().map(stack).collect(), parameters: parameters.clone() }
}

fn app() -> App {
    cart_infra::app(&settings())
}

fn bucket(name: &str) -> Terms {
    Terms { bucket: Bucket::Named(name.to_owned()), ..Terms::default() }
}

fn plan(app: &App, wanted: &[StackId], observed: &Observed) -> Result<Plan, Blocked> {
    deploy::plan(app, wanted, observed, &bucket(BUCKET), None)
}

fn actions(plan: &Plan) -> Vec<(StackId, Action)> {
    plan.steps.iter().map(|step| (step.stack(), step.action.clone())).collect()
}

fn create() -> Action {
    Action::Create { remains: None }
}

fn update() -> Action {
    Action::Update { recovery: None }
}

#[test]
fn planning_what_was_just_deployed_gives_an_empty_plan() {
    let app = app();
    let plan = plan(&app, &ALL, &deployed(&app)).unwrap();
    assert!(plan.is_empty(), "{:?}", actions(&plan));
    assert_eq!(plan.reach(), Reach::None);
}

#[test]
fn the_cart_comes_after_what_it_reads_from() {
    let plan = plan(&app(), &ALL, &Observed::default()).unwrap();
    assert_eq!(actions(&plan), [(stacks::AUTH, create()), (stacks::PRODUCTS, create()), (stacks::CART, create())]);
    assert_eq!(plan.steps[0].after, []);
    assert_eq!(plan.steps[1].after, []);
    assert_eq!(plan.steps[2].after, [stacks::AUTH, stacks::PRODUCTS]);
}

#[test]
fn what_is_not_known_yet_is_planned_from_templates() {
    let first = plan(&app(), &ALL, &Observed::default()).unwrap();
    assert_eq!(first.steps.iter().map(deploy::Step::can_be_exact).collect::<Vec<_>>(), [true, true, false]);
    assert_eq!(first.steps[2].unknown, [Unknown::Inputs(stacks::AUTH), Unknown::Inputs(stacks::PRODUCTS)]);

    let bootstrap = cart_infra::bootstrap(&cart_infra::BootstrapSettings {
        prefix: settings().names.prefix,
        artifact_bucket: true,
        logging_role: true,
    });
    let bootstrap = deploy::step(&bootstrap, &Observed::default(), &Terms::default(), Vec::new(), &[]).unwrap();
    let terms = Terms { bucket: Bucket::ToBeMade, ..Terms::default() };
    let account = deploy::plan(&app(), &ALL, &Observed::default(), &terms, Some(bootstrap)).unwrap();
    assert_eq!(account.steps.iter().map(deploy::Step::can_be_exact).collect::<Vec<_>>(), [true, true, false, false]);
    assert_eq!(account.steps[2].unknown, [Unknown::Inputs(stacks::BOOTSTRAP)]);
    assert_eq!(account.steps[1].after, [], "accounts need neither bucket nor logs");
}

#[test]
fn a_parameter_changed_behind_our_back_is_noticed() {
    let app = app();
    let mut observed = deployed(&app);
    let url = observed.parameters.get_mut("/serverless-shopping-cart-demo/products/products-api-url").unwrap();
    "https://elsewhere.example".clone_into(url);
    let plan = plan(&app, &ALL, &observed).unwrap();
    assert_eq!(actions(&plan), [(stacks::AUTH, Action::Keep), (stacks::PRODUCTS, Action::Keep), (stacks::CART, update())]);
}

#[test]
fn another_bucket_is_a_change_unless_nobody_asked() {
    let app = app();
    let wanted = [stacks::AUTH, stacks::CART];
    let plan = |terms| actions(&deploy::plan(&app, &wanted, &deployed(&app), &terms, None).unwrap());
    assert_eq!(plan(bucket("another")), [(stacks::AUTH, Action::Keep), (stacks::CART, update())]);
    assert_eq!(plan(Terms::default()), [(stacks::AUTH, Action::Keep), (stacks::CART, Action::Keep)]);
}

#[test]
fn other_tags_are_a_change() {
    let app = app();
    let terms = Terms { tags: [("team".to_owned(), "shop".to_owned())].into(), ..bucket(BUCKET) };
    let plan = deploy::plan(&app, &[stacks::AUTH], &deployed(&app), &terms, None).unwrap();
    assert_eq!(actions(&plan), [(stacks::AUTH, update())]);
}

#[test]
fn a_reader_without_its_publisher_is_refused_with_both_names() {
    let blocked = plan(&app(), &[stacks::CART], &Observed::default()).unwrap_err();
    assert!(matches!(&blocked, Blocked::MissingInput { stack: stacks::CART, .. }), "{blocked}");
    assert_eq!(blocked.hint(), "`cartctl deploy auth cart` deploys both in order");
}

/// Every status, and what a deployment does about it: the table of the README.
#[test]
fn every_status_has_an_answer() {
    let app = app();
    let answer = |status| {
        let mut observed = deployed(&app);
        observed.stacks.get_mut(&stacks::AUTH).unwrap().deployed.status = status;
        plan(&app, &[stacks::AUTH], &observed).map(|plan| plan.steps[0].action.clone())
    };
    for status in StackStatus::ALL {
        let anew = || {
            let id = "arn:aws-serverless-shopping-cart-auth".to_owned();
            Action::Create { remains: Some(Remains { id, status, reason: None }) }
        };
        let expected = match status {
            StackStatus::CreateComplete
            | StackStatus::UpdateComplete
            | StackStatus::UpdateRollbackComplete
            | StackStatus::ImportComplete
            | StackStatus::ImportRollbackComplete => Ok(Action::Keep),
            StackStatus::DeleteComplete | StackStatus::ReviewInProgress => Ok(create()),
            StackStatus::RollbackComplete | StackStatus::RollbackFailed | StackStatus::CreateFailed | StackStatus::DeleteFailed => {
                Ok(anew())
            }
            StackStatus::UpdateFailed => Ok(Action::Update { recovery: Some(Recovery::RollBack) }),
            StackStatus::UpdateRollbackFailed => Ok(Action::Update { recovery: Some(Recovery::ContinueRollback) }),
            StackStatus::ImportRollbackFailed => Err(()),
            // The command waits for these before it plans.
            busy => {
                assert_eq!(busy.phase(), Phase::Busy);
                Err(())
            }
        };
        assert_eq!(answer(status).map_err(|blocked| assert!(matches!(blocked, Blocked::Stuck { .. }))), expected, "{status}");
    }
}

#[test]
fn what_holds_data_is_not_left_behind_without_a_word() {
    let app = cart_infra::app(&cart_infra::Settings { protected: true, ..settings() });
    let mut observed = deployed(&app);
    let cart = observed.stacks.get_mut(&stacks::CART).unwrap();
    cart.deployed.status = StackStatus::RollbackFailed;
    cart.resources = vec![table()];
    let blocked = plan(&app, &ALL, &observed).unwrap_err();
    assert!(matches!(&blocked, Blocked::LeavesBehind { left, .. } if *left == [table()]), "{blocked}");
    let terms = Terms { leave_retained: true, ..bucket(BUCKET) };
    assert!(deploy::plan(&app, &ALL, &observed, &terms, None).is_ok());
    observed.stacks.get_mut(&stacks::CART).unwrap().resources[0].status = "DELETE_COMPLETE".to_owned();
    assert!(plan(&app, &ALL, &observed).is_ok(), "it is gone already");
}

fn table() -> Resource {
    Resource {
        logical_id: "DynamoDBShoppingCartTable".to_owned(),
        physical_id: "carts".to_owned(),
        resource_type: "AWS::DynamoDB::Table".to_owned(),
        status: "CREATE_COMPLETE".to_owned(),
    }
}

/// The cart's step after its environment changed.
fn step() -> deploy::Step {
    let app = app();
    let before = cart_infra::app(&cart_infra::Settings { allowed_origin: "https://shop.example".parse().unwrap(), ..settings() });
    plan(&app, &ALL, &deployed(&before)).unwrap().steps.pop().unwrap()
}

fn replaced(logical_id: &str, resource_type: &str) -> ResourceChange {
    let effect = Effect::Modify { replacement: cart_infra::diff::Replacement::Always };
    ResourceChange { logical_id: logical_id.to_owned(), resource_type: resource_type.to_owned(), effect }
}

#[test]
fn a_change_set_knows_better_than_templates() {
    let told = step();
    assert!(!told.exact);
    let exact = told.clone().with_change_set(&[replaced("DynamoDBShoppingCartTable", "AWS::DynamoDB::Table")]);
    assert!(exact.exact);
    assert_eq!(exact.destroyed(), ["DynamoDBShoppingCartTable"]);
    assert_eq!(told.untold(&exact), ["DynamoDBShoppingCartTable"]);
    assert_eq!(exact.untold(&exact), Vec::<String>::new());
    assert_eq!(told.clone().without_changes().action, Action::Keep);
}

#[test]
fn a_protected_stage_loses_nothing() {
    let loss = step().with_change_set(&[replaced("DynamoDBShoppingCartTable", "AWS::DynamoDB::Table")]);
    let blocked = deploy::refuse_losses(&Plan { steps: vec![loss] }).unwrap_err();
    assert_eq!(blocked.to_string(), "this stage is protected, and the cart stack would lose or replace DynamoDBShoppingCartTable");
    let version = step().with_change_set(&[replaced("ListCartHandlerVersion0a1b", "AWS::Lambda::Version")]);
    assert_eq!(deploy::refuse_losses(&Plan { steps: vec![version] }), Ok(()));
}

#[test]
fn a_protected_stage_is_protected_from_deletion() {
    let app = app();
    let terms = Terms { protected: true, ..bucket(BUCKET) };
    let mut observed = deployed(&app);
    let plan = |observed: &Observed| deploy::plan(&app, &[stacks::AUTH], observed, &terms, None).unwrap();
    assert!(plan(&observed).steps[0].protect);
    assert!(!plan(&observed).is_empty());
    observed.stacks.get_mut(&stacks::AUTH).unwrap().deployed.termination_protection = true;
    assert!(plan(&observed).is_empty());

    let all: Vec<_> = ALL.into();
    assert!(matches!(delete::plan(&app, &all, &observed, false), Err(Blocked::TerminationProtected { .. })));
    let unprotecting: Vec<_> = delete::plan(&app, &all, &observed, true).unwrap().steps.iter().map(|step| step.unprotect).collect();
    assert_eq!(unprotecting, [false, false, true]);
}

#[test]
fn a_new_version_of_a_function_destroys_nothing() {
    let app = app();
    let mut before = settings();
    before.code = before.code.with(packages::of(cart_contract::Service::Cart), "cart/before.zip".parse().unwrap());
    let plan = plan(&app, &ALL, &deployed(&cart_infra::app(&before))).unwrap();
    assert_eq!(plan.steps[2].action, update());
    assert_eq!(plan.reach(), Reach::Any);
}

#[test]
fn deletion_goes_the_other_way_and_leaves_nothing_in_use() {
    let app = app();
    let plan = delete::plan(&app, &ALL, &deployed(&app), false).unwrap();
    let order: Vec<_> = plan.steps.iter().map(|step| (step.stack, step.after.clone())).collect();
    assert_eq!(order, [(stacks::CART, vec![]), (stacks::PRODUCTS, vec![stacks::CART]), (stacks::AUTH, vec![stacks::CART])]);
    assert_eq!(
        delete::plan(&app, &[stacks::AUTH], &deployed(&app), false),
        Err(Blocked::InUse { stack: stacks::AUTH, user: stacks::CART })
    );
    assert_eq!(delete::plan(&app, &ALL, &Observed::default(), false), Ok(delete::Plan::default()));
}

/// API Gateway takes one new API in three seconds, one deployment in five, and deletes one API in thirty, in a whole account. So no two
/// stacks with an API are ever worked on side by side.
/// <https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-execution-service-limits-table.html>
#[test]
fn stacks_with_an_api_take_turns() {
    let app = app();
    let has_api = |id: StackId| {
        let template = app.stack(id).unwrap().template().as_json();
        template["Resources"].as_object().unwrap().values().any(|resource| resource["Type"] == "AWS::ApiGateway::RestApi")
    };
    let one_after_another = |order: Vec<(StackId, Vec<StackId>)>| {
        let with_api: Vec<_> = order.into_iter().filter(|(stack, _)| has_api(*stack)).collect();
        assert_eq!(with_api.len(), 2);
        assert!(with_api.windows(2).all(|pair| pair[1].1.contains(&pair[0].0)), "{with_api:?}");
    };
    let deploying = plan(&app, &ALL, &Observed::default()).unwrap();
    one_after_another(deploying.steps.iter().map(|step| (step.stack(), step.after.clone())).collect());
    let deleting = delete::plan(&app, &ALL, &deployed(&app), false).unwrap();
    one_after_another(deleting.steps.iter().map(|step| (step.stack, step.after.clone())).collect());
}

#[test]
fn what_the_deployed_template_retains_is_kept() {
    let app = app();
    let mut observed = deployed(&cart_infra::app(&cart_infra::Settings { protected: true, ..settings() }));
    let queue = Resource { logical_id: "CartDeleteSQSQueue".to_owned(), ..table() };
    observed.stacks.get_mut(&stacks::CART).unwrap().resources = vec![table(), queue];
    let plan = delete::plan(&app, &ALL, &observed, false).unwrap();
    assert_eq!(plan.steps[0].keeps, [table()]);
}

#[test]
fn the_bootstrap_stack_keeps_what_it_has_and_takes_over_what_would_go_away() {
    let content = bootstrap::content;
    let both = bootstrap::Content { artifact_bucket: true, logging_role: true };
    let neither = bootstrap::Content { artifact_bucket: false, logging_role: false };
    let view = bootstrap::View { there: None, own_bucket: false, gateway_role: None, owned_by_predecessor: false };
    assert_eq!(content(&view), both);
    assert_eq!(content(&bootstrap::View { own_bucket: true, gateway_role: Some("arn"), ..view }), neither);
    assert_eq!(content(&bootstrap::View { gateway_role: Some("arn"), owned_by_predecessor: true, ..view }), both);

    let everything = cart_infra::BootstrapSettings { prefix: settings().names.prefix, artifact_bucket: true, logging_role: true };
    let app = app();
    let mut there = deployed(&app).stacks.remove(&stacks::AUTH).unwrap();
    there.template = Some(cart_infra::bootstrap(&everything).template().as_json());
    let view = bootstrap::View { there: Some(&there), own_bucket: true, gateway_role: Some("arn"), owned_by_predecessor: false };
    assert_eq!(content(&view), both, "nothing is taken away again");
}

#[test]
fn the_originals_template_is_not_ours() {
    assert!(is_ours(Some(&app().stacks()[0].template().as_json())));
    assert!(!is_ours(Some(&serde_json::json!({ "Transform": "AWS::Serverless-2016-10-31", "Resources": {} }))));
    assert!(!is_ours(Some(&Json::Null)), "YAML");
    assert!(!is_ours(None));
}

#[test]
fn the_page_takes_part_where_it_is_asked_for_or_there() {
    let app = app();
    let everything = hosted(&app);
    let mut without = everything.clone();
    without.stacks.remove(&stacks::WEB);
    let mut asked_about = everything.clone();
    asked_about.stacks.get_mut(&stacks::WEB).unwrap().deployed.status = StackStatus::ReviewInProgress;
    let mut failed = everything.clone();
    failed.stacks.get_mut(&stacks::WEB).unwrap().deployed.status = StackStatus::RollbackComplete;

    let all = [&ALL[..], &[stacks::WEB]].concat();
    assert_eq!(web::wanted(&app, &[], false, &without), ALL);
    assert_eq!(web::wanted(&app, &[], false, &asked_about), ALL, "there is nothing in it");
    assert_eq!(web::wanted(&app, &[], true, &without), all);
    assert_eq!(web::wanted(&app, &[], false, &everything), all);
    assert_eq!(web::wanted(&app, &[], false, &failed), all);
    assert_eq!(web::wanted(&app, &[stacks::CART], false, &everything), [stacks::CART]);
    assert_eq!(web::wanted(&app, &[stacks::CART], true, &without), [stacks::CART, stacks::WEB]);
    assert_eq!(web::wanted(&app, &[stacks::WEB], false, &without), [stacks::WEB]);
}

#[test]
fn who_allows_the_page_is_told_of_it_where_it_is_new() {
    let app = app();
    let everything = hosted(&app);
    let all = [&ALL[..], &[stacks::WEB]].concat();
    assert_eq!(web::told_later(&plan(&app, &all, &everything).unwrap()), [], "its address is known");
    let mut without = everything.clone();
    without.stacks.remove(&stacks::WEB);
    assert_eq!(web::told_later(&plan(&app, &all, &without).unwrap()), [stacks::PRODUCTS, stacks::CART]);
    assert_eq!(web::told_later(&plan(&app, &[stacks::WEB], &without).unwrap()), [], "nobody asked for the others");
    assert_eq!(web::told_later(&plan(&app, &ALL, &without).unwrap()), []);
    let mut failed = everything;
    failed.stacks.get_mut(&stacks::WEB).unwrap().deployed.status = StackStatus::RollbackComplete;
    assert_eq!(web::told_later(&plan(&app, &all, &failed).unwrap()), [stacks::PRODUCTS, stacks::CART]);
}

#[test]
fn only_a_whole_page_is_told_of() {
    let mut there = hosted(&app());
    assert_eq!(web::of(&there), None);
    let outputs = &mut there.stacks.get_mut(&stacks::WEB).unwrap().deployed.outputs;
    let told = [("WebUrl", "https://d1.cloudfront.net"), ("WebBucketName", "bucket"), ("DistributionId", "E1")];
    outputs.extend(told.map(|(key, value)| (key.to_owned(), value.to_owned())));
    let web = web::of(&there).unwrap();
    assert_eq!((&*web.url, &*web.bucket, &*web.distribution), ("https://d1.cloudfront.net", "bucket", "E1"));
}

#[test]
fn the_bucket_of_the_page_is_emptied_and_goes_and_others_do_not() {
    let app = app();
    let mut there = hosted(&app);
    let bucket = |status: &str| Resource {
        logical_id: "WebBucket".to_owned(),
        physical_id: format!("bucket-{status}"),
        resource_type: "AWS::S3::Bucket".to_owned(),
        status: status.to_owned(),
    };
    for id in [stacks::WEB, stacks::AUTH] {
        there.stacks.get_mut(&id).unwrap().resources = vec![bucket("CREATE_COMPLETE"), bucket("DELETE_COMPLETE")];
    }
    let all = [&ALL[..], &[stacks::WEB]].concat();
    let plan = delete::plan(&app, &all, &there, false).unwrap();
    let told: Vec<_> = plan.steps.iter().map(|step| (step.stack, step.empties.clone(), step.after.clone())).collect();
    assert_eq!(
        told,
        [
            (stacks::WEB, vec!["bucket-CREATE_COMPLETE".to_owned()], vec![]),
            (stacks::CART, vec![], vec![stacks::WEB]),
            (stacks::PRODUCTS, vec![], vec![stacks::CART, stacks::WEB]),
            (stacks::AUTH, vec![], vec![stacks::CART]),
        ]
    );
    assert_eq!(delete::plan(&app, &[stacks::CART], &there, false), Err(Blocked::InUse { stack: stacks::CART, user: stacks::WEB }));
}
