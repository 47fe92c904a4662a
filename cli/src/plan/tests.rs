//! Plans for every kind of existing stack.

use std::collections::BTreeMap;

use cart_infra::{App, BootstrapSettings, Code, CookieScope, Origin, ParameterSource, Settings, Stack, StackId, packages, stacks};

use super::{
    Blocked, Observed, ObservedAccount, ObservedStack, bootstrap, delete,
    deploy::{self, Allowed, Definitions, Plan, Publication, Refused, Request, Second},
    ownership::{Claim, Foreign, Owner, Signs},
    step::{Action, Reach, Recovery, Remains, Step, Unknown},
};
use crate::{
    config::tests::settings,
    domain::{
        notice::Notice,
        stack::{Deployed, DeployedParameter, Effect, Phase, Resource, ResourceChange, StackStatus},
    },
};

const ALL: [StackId; 3] = [stacks::AUTH, stacks::PRODUCTS, stacks::CART];
const BUCKET: &str = "artifacts";

/// The state after every step of deploying `app` without the site succeeded.
pub(crate) fn deployed(app: &App) -> Observed {
    let mut observed = hosted(app);
    observed.stacks.remove(&stacks::WEB);
    observed
}

/// The state after every step of deploying `app` succeeded.
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
            parameters: stack.parameters().iter().map(parameter).collect(),
            mark: Some(Ok(stack.mark().clone())),
            ..Deployed::only(format!("arn:{}", stack.name()), StackStatus::CreateComplete)
        };
        let template = Some(stack.template().as_json());
        (stack.id(), ObservedStack { deployed, claim: Claim::Marked, template, resources: Vec::new() })
    };
    Observed { stacks: app.stacks().iter().map(stack).collect(), parameters: parameters.clone(), ..Observed::default() }
}

fn app() -> App {
    cart_infra::app(&settings())
}

/// The shop with these settings. The site's origin wins over the allowed origin, unless the stage pins it.
pub(crate) struct Shop {
    pub settings: Settings,
    pub pinned: bool,
    /// Whether the allowed origin is unfit for a protected stage.
    pub unfit: bool,
}

impl Shop {
    pub(crate) fn of(settings: Settings) -> Self {
        Self { settings, pinned: false, unfit: false }
    }
}

impl Definitions for Shop {
    fn app(&self, code: &Code, site: Option<&Origin>) -> App {
        let own = &self.settings.allowed_origin;
        let allowed_origin = site.filter(|_| !self.pinned).unwrap_or(own).clone();
        let cart_cookie = if site == Some(&allowed_origin) { CookieScope::OwnHost } else { CookieScope::AnySite };
        cart_infra::app(&Settings { allowed_origin, cart_cookie, code: code.clone(), ..self.settings.clone() })
    }

    fn bootstrap(&self, content: bootstrap::Content, deployed: Option<&serde_json::Value>) -> Stack {
        let bootstrap::Content { artifact_bucket, logging_role } = content;
        let prefix = self.settings.names.prefix.clone();
        let roles = cart_infra::stacks::bootstrap::terms(&self.settings.roles, deployed);
        cart_infra::bootstrap(&BootstrapSettings { prefix, artifact_bucket, logging_role, roles })
    }

    fn parameter_root(&self) -> String {
        self.settings.names.parameter_path("")
    }

    fn pinned_origin(&self) -> Option<&Origin> {
        self.pinned.then_some(&self.settings.allowed_origin)
    }

    fn unfit_origin(&self) -> Option<&Origin> {
        self.unfit.then_some(&self.settings.allowed_origin)
    }
}

/// Code as it was packaged for `settings()`, from a bucket of the user's own.
pub(crate) fn request(stacks: &[StackId]) -> Request {
    let code = Code::not_packaged(packages::ALL);
    Request { stacks: stacks.to_vec(), bucket: Some(BUCKET.to_owned()), ..Request::all(code) }
}

/// An account that does not need its own stack: the bucket is the user's, and API Gateway has its role.
fn account() -> ObservedAccount {
    ObservedAccount { gateway_role: Some("arn:role".to_owned()), ..ObservedAccount::default() }
}

pub(crate) fn plan_of(shop: &Shop, request: &Request, observed: &Observed) -> Result<Plan, Refused> {
    let observed = Observed { account: Some(observed.account.clone().unwrap_or_else(account)), ..observed.clone() };
    deploy::plan(shop, request, &observed)
}

fn plan(stacks: &[StackId], observed: &Observed) -> Result<Plan, Blocked> {
    blocked(plan_of(&Shop::of(settings()), &request(stacks), observed))
}

fn blocked(planned: Result<Plan, Refused>) -> Result<Plan, Blocked> {
    planned.map_err(|refused| match refused {
        Refused::Blocked(blocked) => blocked,
        other => panic!("{other}"),
    })
}

fn actions(plan: &Plan) -> Vec<(StackId, Action)> {
    plan.steps().map(|step| (step.stack(), step.action.clone())).collect()
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
    let plan = plan(&ALL, &deployed(&app)).unwrap();
    assert!(plan.is_empty(), "{:?}", actions(&plan));
    assert_eq!(plan.reach(), Reach::None);
}

#[test]
fn the_cart_comes_after_what_it_reads_from() {
    let plan = plan(&ALL, &Observed::default()).unwrap();
    assert_eq!(actions(&plan), [(stacks::AUTH, create()), (stacks::PRODUCTS, create()), (stacks::CART, create())]);
    assert_eq!(plan.first.steps[0].after, []);
    assert_eq!(plan.first.steps[1].after, []);
    assert_eq!(plan.first.steps[2].after, [stacks::AUTH, stacks::PRODUCTS]);
}

#[test]
fn what_is_not_known_yet_is_planned_from_templates() {
    let exact = |plan: &Plan| plan.steps().map(Step::can_be_exact).collect::<Vec<_>>();
    let first = plan(&ALL, &Observed::default()).unwrap();
    assert_eq!(exact(&first), [true, true, false]);
    assert_eq!(first.first.steps[2].unknown, [Unknown::Inputs(stacks::AUTH), Unknown::Inputs(stacks::PRODUCTS)]);

    let request = Request { bucket: None, ..request(&ALL) };
    let observed = Observed { account: Some(ObservedAccount::default()), ..Observed::default() };
    let account = plan_of(&Shop::of(settings()), &request, &observed).unwrap();
    assert_eq!(exact(&account), [true, true, false, false]);
    assert_eq!(account.bootstrap.as_ref().map(Step::stack), Some(stacks::BOOTSTRAP));
    assert_eq!(account.first.steps[1].unknown, [Unknown::Inputs(stacks::BOOTSTRAP)]);
    assert_eq!(account.first.steps[0].after, [], "accounts need neither bucket nor logs");
}

#[test]
fn a_parameter_changed_behind_our_back_is_noticed() {
    let app = app();
    let mut observed = deployed(&app);
    let url = observed.parameters.get_mut("/serverless-shopping-cart-demo/products/products-api-url").unwrap();
    "https://elsewhere.example".clone_into(url);
    let plan = plan(&ALL, &observed).unwrap();
    assert_eq!(actions(&plan), [(stacks::AUTH, Action::Keep), (stacks::PRODUCTS, Action::Keep), (stacks::CART, update())]);
}

#[test]
fn another_bucket_is_a_change_unless_nobody_asked() {
    let app = app();
    let wanted = [stacks::AUTH, stacks::CART];
    let plan = |bucket: Option<&str>| {
        let request = Request { bucket: bucket.map(str::to_owned), ..request(&wanted) };
        actions(&plan_of(&Shop::of(settings()), &request, &deployed(&app)).unwrap())
    };
    assert_eq!(plan(Some("another")), [(stacks::AUTH, Action::Keep), (stacks::CART, update())]);
    assert_eq!(plan(None), [(stacks::AUTH, Action::Keep), (stacks::CART, Action::Keep)]);
}

#[test]
fn other_tags_are_a_change() {
    let app = app();
    let request = Request { tags: [("team".to_owned(), "shop".to_owned())].into(), ..request(&[stacks::AUTH]) };
    let plan = plan_of(&Shop::of(settings()), &request, &deployed(&app)).unwrap();
    assert_eq!(actions(&plan), [(stacks::AUTH, update())]);
}

#[test]
fn a_reader_without_its_publisher_is_refused_with_both_names() {
    let blocked = plan(&[stacks::CART], &Observed::default()).unwrap_err();
    assert!(matches!(&blocked, Blocked::MissingInput { stack: stacks::CART, .. }), "{blocked}");
    assert_eq!(blocked.hint(), "`cartctl deploy auth cart` deploys both in order");
}

/// Every status, and the deployment's reaction: the table in docs/deploying.md.
#[test]
fn every_status_has_an_answer() {
    let app = app();
    let answer = |status| {
        let mut observed = deployed(&app);
        observed.stacks.get_mut(&stacks::AUTH).unwrap().deployed.status = status;
        plan(&[stacks::AUTH], &observed).map(|plan| plan.first.steps[0].action.clone())
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
    let blocked = plan(&ALL, &observed).unwrap_err();
    assert!(matches!(&blocked, Blocked::LeavesBehind { left, .. } if *left == [table()]), "{blocked}");
    let request = Request { leave_retained: true, ..request(&ALL) };
    assert!(plan_of(&Shop::of(settings()), &request, &observed).is_ok());
    observed.stacks.get_mut(&stacks::CART).unwrap().resources[0].status = "DELETE_COMPLETE".to_owned();
    assert!(plan(&ALL, &observed).is_ok(), "it is gone already");
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
fn step() -> Step {
    let before = cart_infra::app(&cart_infra::Settings { allowed_origin: "https://shop.example".parse().unwrap(), ..settings() });
    plan(&ALL, &deployed(&before)).unwrap().first.steps.pop().unwrap()
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
    let blocked = deploy::refuse_losses([&loss]).unwrap_err();
    assert_eq!(blocked.to_string(), "the stage is protected, and the cart stack would lose or replace DynamoDBShoppingCartTable");
    let version = step().with_change_set(&[replaced("ListCartHandlerVersion0a1b", "AWS::Lambda::Version")]);
    assert_eq!(deploy::refuse_losses([&version]), Ok(()));
}

#[test]
fn a_protected_stage_is_protected_from_deletion() {
    let app = app();
    let request = Request { protected: true, ..request(&[stacks::AUTH]) };
    let mut observed = deployed(&app);
    let plan = |observed: &Observed| plan_of(&Shop::of(settings()), &request, observed).unwrap();
    assert!(plan(&observed).first.steps[0].protect);
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
    let mut before = settings();
    before.code = before.code.with(packages::of(cart_contract::Service::Cart), [0xbe; 32].into());
    let plan = plan(&ALL, &deployed(&cart_infra::app(&before))).unwrap();
    assert_eq!(plan.first.steps[2].action, update());
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

/// API Gateway takes one new API in three seconds, one deployment in five, and deletes one API in thirty, in a whole account. So no
/// two stacks with an API are ever worked on side by side.
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
    let deploying = plan(&ALL, &Observed::default()).unwrap();
    one_after_another(deploying.first.steps.iter().map(|step| (step.stack(), step.after.clone())).collect());
    let deleting = delete::plan(&app, &ALL, &deployed(&app), false).unwrap();
    one_after_another(deleting.steps.iter().map(|step| (step.stack, step.after.clone())).collect());
}

#[test]
fn what_the_deployed_template_retains_is_kept() {
    let app = app();
    let mut observed = deployed(&cart_infra::app(&cart_infra::Settings { protected: true, ..settings() }));
    let of_id = |id: &str| Resource { logical_id: id.to_owned(), ..table() };
    let (dead_letters, logs) = (of_id("CartDeleteSQSDLQ"), of_id("ListCartHandlerLogs"));
    let cart = observed.stacks.get_mut(&stacks::CART).unwrap();
    cart.resources = vec![table(), of_id("CartDeleteSQSQueue"), dead_letters.clone(), logs.clone()];
    assert_eq!(cart.retained_data(), [table()], "what stands in the way of recreating it");
    let plan = delete::plan(&app, &ALL, &observed, false).unwrap();
    assert_eq!(plan.steps[0].keeps, [table(), dead_letters, logs]);
}

#[test]
fn the_bootstrap_stack_keeps_what_it_has_and_takes_over_what_would_go_away() {
    let content = bootstrap::content;
    let both = bootstrap::Content { artifact_bucket: true, logging_role: true };
    let neither = bootstrap::Content { artifact_bucket: false, logging_role: false };
    let view = bootstrap::View { there: None, own_bucket: false, rest_apis: true, gateway_role: None, owned_by_predecessor: false };
    assert_eq!(content(&view), both);
    assert_eq!(content(&bootstrap::View { own_bucket: true, gateway_role: Some("arn"), ..view }), neither);
    assert_eq!(content(&bootstrap::View { gateway_role: Some("arn"), owned_by_predecessor: true, ..view }), both);
    assert!(!content(&bootstrap::View { rest_apis: false, ..view }).logging_role, "nothing would use it");

    let everything = cart_infra::BootstrapSettings {
        prefix: settings().names.prefix,
        artifact_bucket: true,
        logging_role: true,
        roles: settings().roles,
    };
    let app = app();
    let mut there = deployed(&app).stacks.remove(&stacks::AUTH).unwrap();
    there.template = Some(cart_infra::bootstrap(&everything).template().as_json());
    let view = bootstrap::View {
        there: Some(&there),
        own_bucket: true,
        rest_apis: true,
        gateway_role: Some("arn"),
        owned_by_predecessor: false,
    };
    assert_eq!(content(&view), both, "nothing is taken away again");
}

/// The state with somebody else's stack under the name of this one.
fn with_foreign(stack: StackId, mut observed: Observed) -> Observed {
    observed.stacks.remove(&stack);
    observed.foreign.insert(stack, foreign(stack.as_str()));
    observed
}

fn foreign(name: &str) -> Foreign {
    let owner = Owner::Unmarked(Signs::default());
    Foreign { name: name.to_owned(), id: format!("arn:{name}"), status: StackStatus::CreateComplete, owner }
}

#[test]
fn a_stack_of_somebody_elses_is_neither_deployed_nor_deleted() {
    let app = app();
    for stack in ALL {
        let observed = with_foreign(stack, deployed(&app));
        let is_refused = |blocked: Blocked| matches!(blocked, Blocked::Foreign { stack: refused, .. } if refused == stack);
        assert!(is_refused(plan(&[], &observed).unwrap_err()), "{stack}");
        assert!(is_refused(plan(&[stack], &observed).unwrap_err()), "{stack}");
        assert!(is_refused(deploy::refuse_foreign(&app, &request(&[]), &observed).unwrap_err()), "{stack}");
        assert!(is_refused(delete::plan(&app, &ALL, &observed, true).unwrap_err()), "{stack}");
        // The others are this stage's, and what they read is published.
        let others: Vec<_> = ALL.into_iter().filter(|other| *other != stack).collect();
        let planned = plan(&others, &observed).unwrap();
        assert_eq!(planned.notices, [foreign(stack.as_str()).notice(stack)], "and it is said");
        assert_eq!(deploy::refuse_foreign(&app, &request(&others), &observed), Ok(()));
    }
}

#[test]
fn a_stage_has_no_site_because_of_a_stack_of_somebody_elses() {
    let (app, shop) = (app(), Shop::of(settings()));
    let observed = with_foreign(stacks::WEB, with_site(StackStatus::CreateComplete, Some(SITE)));
    let planned = plan_of(&shop, &request(&[]), &observed).unwrap();
    assert_eq!(actions(&planned).into_iter().map(|(stack, _)| stack).collect::<Vec<_>>(), ALL);
    assert_eq!((planned.site, planned.second), (None, None));
    assert_eq!(deploy::hosted(&app, &observed), None);
    for request in [with_site_requested(&[]), request(&[stacks::WEB])] {
        assert!(matches!(blocked(plan_of(&shop, &request, &observed)), Err(Blocked::Foreign { stack: stacks::WEB, .. })));
    }
    // The whole stage is deleted without it; who names it is refused.
    assert_eq!(delete::wanted(&app, &[], &observed), ALL);
    assert_eq!(delete::plan(&app, &ALL, &observed, false).unwrap().steps.len(), 3);
    let named = delete::wanted(&app, &[stacks::WEB], &observed);
    assert!(matches!(delete::plan(&app, &named, &observed, false), Err(Blocked::Foreign { stack: stacks::WEB, .. })));
}

#[test]
fn the_accounts_own_stack_is_refused_only_where_it_is_needed() {
    let shop = Shop::of(settings());
    let of = |bucket: Option<&str>, gateway_role: Option<&str>| {
        let request = Request { bucket: bucket.map(str::to_owned), ..request(&[]) };
        let account = ObservedAccount {
            foreign: Some(foreign("acme-bootstrap")),
            gateway_role: gateway_role.map(str::to_owned),
            ..ObservedAccount::default()
        };
        plan_of(&shop, &request, &Observed { account: Some(account), ..Observed::default() }).map(|plan| plan.bootstrap.is_some())
    };
    for needed in [of(None, None), of(None, Some("arn:role")), of(Some(BUCKET), None)] {
        assert!(matches!(needed, Err(Refused::Blocked(Blocked::Foreign { stack: stacks::BOOTSTRAP, .. }))), "{needed:?}");
    }
    assert!(!of(Some(BUCKET), Some("arn:role")).unwrap());
}

#[test]
fn a_stack_without_a_mark_gets_it_by_an_update() {
    let app = app();
    let of = |claim: Claim| {
        let mut observed = deployed(&app);
        let there = observed.stacks.get_mut(&stacks::AUTH).unwrap();
        there.claim = claim;
        let outputs = there.template.as_mut().and_then(|template| template["Outputs"].as_object_mut()).unwrap();
        outputs.remove(cfn::MARK_OUTPUT).unwrap();
        let step = plan(&[stacks::AUTH], &observed).unwrap().first.steps.remove(0);
        (step.action.clone(), step.marks(), step.takes_over())
    };
    assert_eq!(of(Claim::Earlier), (update(), true, false));
    assert_eq!(of(Claim::Predecessor), (update(), true, true));
    assert_eq!(of(Claim::Adopted), (update(), true, true));
    assert_eq!(of(Claim::Marked), (update(), false, false), "somebody removed it from the template");
}

/// The state with the site's stack in this status and with these outputs.
fn with_site(status: StackStatus, url: Option<&str>) -> Observed {
    let mut observed = hosted(&app());
    let web = &mut observed.stacks.get_mut(&stacks::WEB).unwrap().deployed;
    web.status = status;
    let outputs = url.map(|url| [("WebUrl", url), ("WebBucketName", "bucket"), ("DistributionId", "E1")]);
    web.outputs = outputs.into_iter().flatten().map(|(key, value)| (key.to_owned(), value.to_owned())).collect();
    observed
}

/// The same, after a deployment that allowed the site.
fn allowed(url: &str) -> Observed {
    let site = Settings { allowed_origin: url.parse().unwrap(), cart_cookie: CookieScope::OwnHost, ..settings() };
    let app = cart_infra::app(&site);
    let web = with_site(StackStatus::CreateComplete, Some(url)).stacks.remove(&stacks::WEB).unwrap();
    let mut observed = deployed(&app);
    observed.stacks.insert(stacks::WEB, web);
    observed
}

const SITE: &str = "https://d1.cloudfront.net";

fn with_site_requested(stacks: &[StackId]) -> Request {
    Request { with_optional: true, ..request(stacks) }
}

#[test]
fn a_stack_on_request_takes_part_where_it_is_requested_or_exists() {
    let without = deployed(&app());
    let steps = |request: &Request, observed: &Observed| -> Vec<StackId> {
        plan_of(&Shop::of(settings()), request, observed).unwrap().steps().map(Step::stack).collect()
    };
    let all = [&ALL[..], &[stacks::WEB]].concat();
    assert_eq!(steps(&request(&[]), &without), ALL);
    let asked_about = with_site(StackStatus::ReviewInProgress, None);
    assert_eq!(steps(&request(&[]), &asked_about), ALL, "there is nothing in it");
    assert_eq!(steps(&with_site_requested(&[]), &without), all);
    assert_eq!(steps(&request(&[]), &with_site(StackStatus::CreateComplete, None)), all);
    assert_eq!(steps(&request(&[]), &with_site(StackStatus::RollbackComplete, None)), all);
    assert_eq!(steps(&request(&[stacks::CART]), &with_site(StackStatus::CreateComplete, None)), [stacks::CART]);
    assert_eq!(steps(&with_site_requested(&[stacks::CART]), &without), [stacks::CART, stacks::WEB]);
    assert_eq!(steps(&request(&[stacks::WEB]), &without), [stacks::WEB]);
}

#[test]
fn a_new_site_takes_a_second_round_of_the_stacks_that_allow_it() {
    let shop = Shop::of(settings());
    for observed in [deployed(&app()), with_site(StackStatus::RollbackComplete, None), Observed::default()] {
        let plan = plan_of(&shop, &with_site_requested(&[]), &observed).unwrap();
        assert_eq!(plan.second, Some(Second { allowing: vec![stacks::PRODUCTS, stacks::CART], ..Second::default() }));
        assert_eq!(plan.site, Some(Publication { host: stacks::WEB, allowed: Allowed::Settled }));
        assert_eq!(plan.notices, []);
    }
}

#[test]
fn the_second_round_allows_the_site_and_changes_nothing_else() {
    let shop = Shop::of(settings());
    let first = plan_of(&shop, &with_site_requested(&[]), &deployed(&app())).unwrap();
    let observed = with_site(StackStatus::CreateComplete, Some(SITE));
    let second = first.second_round(&shop, &observed).unwrap().expect("the site has an address now");
    let steps: Vec<_> = second.steps.iter().map(|step| (step.stack(), step.action.clone(), step.reach())).collect();
    assert_eq!(steps, [(stacks::PRODUCTS, update(), Reach::Broadening), (stacks::CART, update(), Reach::Broadening)]);
    assert_eq!(second.terms.bucket, super::step::Bucket::Named(BUCKET.to_owned()), "the one that the first round used");
    assert!(second.refuse_destruction().is_ok());
    // A deployment that knows the site then finds no changes.
    assert!(plan_of(&shop, &request(&[]), &allowed(SITE)).unwrap().is_empty());
}

#[test]
fn a_site_without_an_address_has_no_second_round_yet() {
    let shop = Shop::of(settings());
    let first = plan_of(&shop, &with_site_requested(&[]), &deployed(&app())).unwrap();
    assert!(first.second_round(&shop, &with_site(StackStatus::CreateComplete, None)).unwrap().is_none());
}

#[test]
fn a_second_round_that_would_destroy_something_is_refused() {
    let shop = Shop::of(settings());
    let first = plan_of(&shop, &with_site_requested(&[]), &deployed(&app())).unwrap();
    let mut second = first.second_round(&shop, &with_site(StackStatus::CreateComplete, Some(SITE))).unwrap().unwrap();
    let cart = second.steps.pop().unwrap().with_change_set(&[replaced("DynamoDBShoppingCartTable", "AWS::DynamoDB::Table")]);
    second.steps.push(cart);
    let refused = second.refuse_destruction().unwrap_err();
    assert!(matches!(&refused, Refused::Untold { stack: stacks::CART, resources } if resources == &["DynamoDBShoppingCartTable"]));
}

#[test]
fn a_known_site_is_allowed_in_the_first_round() {
    let shop = Shop::of(settings());
    let plan = plan_of(&shop, &request(&[]), &with_site(StackStatus::CreateComplete, Some(SITE))).unwrap();
    let keep = |id| (id, Action::Keep);
    assert_eq!(
        actions(&plan)[..3],
        [keep(stacks::AUTH), (stacks::PRODUCTS, update()), (stacks::CART, update())],
        "an earlier deployment stopped before its second round"
    );
    assert_eq!((plan.second, plan.notices), (None, vec![]));
}

#[test]
fn a_stage_that_pins_an_origin_keeps_its_site_out_and_says_so() {
    let shop = Shop { pinned: true, ..Shop::of(settings()) };
    let new = plan_of(&shop, &with_site_requested(&[]), &deployed(&app())).unwrap();
    assert_eq!(new.second, None);
    assert_eq!(new.site, Some(Publication { host: stacks::WEB, allowed: Allowed::Pinned }));
    assert_eq!(new.notices, [], "its address is not known yet");

    let known = plan_of(&shop, &request(&[]), &with_site(StackStatus::CreateComplete, Some(SITE))).unwrap();
    assert!(known.is_empty());
    let allowed = settings().allowed_origin.to_string();
    assert_eq!(known.notices, [Notice::OriginNotAllowed { site: SITE.to_owned(), allowed, configured: true }]);
    assert_eq!(known.site, Some(Publication { host: stacks::WEB, allowed: Allowed::Settled }), "it was said already");

    let own = Shop { settings: Settings { allowed_origin: SITE.parse().unwrap(), ..settings() }, pinned: true, unfit: false };
    assert_eq!(plan_of(&own, &request(&[]), &allowed_by(&own)).unwrap().notices, [], "the pinned origin is the site's");
}

fn allowed_by(shop: &Shop) -> Observed {
    allowed(shop.settings.allowed_origin.as_str())
}

#[test]
fn a_protected_stage_has_a_site_or_an_origin_of_its_own() {
    let shop = Shop { unfit: true, ..Shop::of(settings()) };
    let checked = |shop: &Shop, request: Request, observed: &Observed| deploy::check_origin(shop, &request, observed);
    let protected = |stacks: &[StackId]| Request { protected: true, ..request(stacks) };
    let refused = checked(&shop, protected(&[]), &Observed::default()).unwrap_err();
    assert!(matches!(&refused, Refused::UnfitOrigin { origin } if *origin == settings().allowed_origin), "{refused}");
    assert!(refused.hint().unwrap().contains("cartctl deploy --with-web"));
    for stack in [stacks::PRODUCTS, stacks::CART] {
        assert!(checked(&shop, protected(&[stack]), &deployed(&app())).is_err(), "{stack} allows pages");
    }
    assert!(checked(&shop, protected(&[stacks::AUTH, stacks::WEB]), &deployed(&app())).is_ok(), "neither allows any");
    assert!(checked(&shop, Request { with_optional: true, ..protected(&[]) }, &Observed::default()).is_ok(), "it gets one");
    let hosted = with_site(StackStatus::CreateComplete, Some(SITE));
    for stacks in [&[][..], &[stacks::CART]] {
        assert!(checked(&shop, protected(stacks), &hosted).is_ok(), "it has one");
    }
    let failed = with_site(StackStatus::RollbackComplete, None);
    assert!(checked(&shop, protected(&[]), &failed).is_ok(), "it is created again");
    assert!(checked(&shop, protected(&[stacks::CART]), &failed).is_err());
    assert!(checked(&shop, request(&[]), &Observed::default()).is_ok(), "it is not protected");
    assert!(checked(&Shop::of(settings()), protected(&[]), &Observed::default()).is_ok());
}

#[test]
fn a_new_protected_stage_gets_protection_from_deletion_in_a_second_round() {
    let shop = Shop::of(Settings { protected: true, ..settings() });
    let app = cart_infra::app(&shop.settings);
    let request = Request { protected: true, ..request(&[]) };
    let new = plan_of(&shop, &request, &Observed::default()).unwrap();
    assert_eq!(new.second, Some(Second { allowing: vec![], protecting: vec![stacks::AUTH, stacks::CART] }));
    assert_eq!(new.again(false), [stacks::AUTH, stacks::CART]);
    let at_creation = |id: StackId| new.first.steps.iter().find(|step| step.stack() == id).unwrap().wanted.clone();
    let properties = |stack: &Stack, id: &str| stack.template().as_json()["Resources"][id]["Properties"].clone();
    assert_eq!(properties(&at_creation(stacks::AUTH), "CognitoUserPool")["DeletionProtection"], "INACTIVE");
    assert_eq!(properties(&at_creation(stacks::CART), "DynamoDBShoppingCartTable")["DeletionProtectionEnabled"], false);
    assert_eq!(properties(app.stack(stacks::AUTH).unwrap(), "CognitoUserPool")["DeletionProtection"], "ACTIVE");
    assert_eq!(properties(app.stack(stacks::CART).unwrap(), "DynamoDBShoppingCartTable")["DeletionProtectionEnabled"], true);

    let mut created = deployed(&app);
    for (id, there) in &mut created.stacks {
        there.template = Some(at_creation(*id).template().as_json());
        there.deployed.termination_protection = true;
    }
    let second = new.second_round(&shop, &created).unwrap().expect("no site is waited for");
    let steps: Vec<_> = second.steps.iter().map(|step| (step.stack(), step.action.clone(), step.reach())).collect();
    assert_eq!(steps, [(stacks::AUTH, update(), Reach::Any), (stacks::CART, update(), Reach::Any)]);
    assert!(second.steps.iter().all(|step| step.changes.resources.len() == 1), "{:?}", second.steps);
    let interrupted = plan_of(&shop, &request, &created).unwrap();
    assert_eq!((interrupted.changing(), &interrupted.second), (vec![stacks::AUTH, stacks::CART], &None), "the next one goes on");
    for there in created.stacks.values_mut() {
        there.template = app
            .stacks()
            .iter()
            .find(|stack| stack.name() == there.deployed.id.trim_start_matches("arn:"))
            .map(|stack| stack.template().as_json());
    }
    assert!(plan_of(&shop, &request, &created).unwrap().is_empty());

    let mut without = deployed(&app);
    for (id, resource) in [(stacks::AUTH, "CognitoUserPool"), (stacks::CART, "DynamoDBShoppingCartTable")] {
        let template = without.stacks.get_mut(&id).unwrap().template.as_mut().unwrap();
        template["Resources"].as_object_mut().unwrap().remove(resource);
    }
    let added = plan_of(&shop, &request, &without).unwrap();
    assert_eq!(added.again(false), [stacks::AUTH, stacks::CART], "an update that adds them can be rolled back as well");

    let with_site = Request { with_optional: true, ..request.clone() };
    let both = plan_of(&shop, &with_site, &Observed::default()).unwrap();
    assert_eq!(both.again(true), [stacks::AUTH, stacks::PRODUCTS, stacks::CART]);
    assert_eq!(plan_of(&Shop::of(settings()), &super::tests::request(&[]), &Observed::default()).unwrap().second, None);
}

#[test]
fn only_the_site_has_a_firewall_that_its_region_may_not_offer() {
    let edge = |waf: bool, with_optional: bool| {
        let shop = Shop::of(Settings { waf, ..settings() });
        let request = Request { with_optional, ..request(&[]) };
        let plan = plan_of(&shop, &request, &Observed::default()).unwrap();
        assert_eq!(plan.without_edge_firewall("us-east-1").count(), 0, "CloudFront's home has it");
        plan.without_edge_firewall("eu-west-1").collect::<Vec<_>>()
    };
    assert_eq!(edge(true, true), [stacks::WEB]);
    assert_eq!(edge(true, false), []);
    assert_eq!(edge(false, true), []);
}

#[test]
fn alarms_without_a_topic_are_named() {
    let silent = |alarm_topic: Option<&str>, stacks: &[StackId]| {
        let monitoring = Some(cart_infra::Monitoring { alarm_topic: alarm_topic.map(|topic| topic.parse().unwrap()) });
        let shop = Shop::of(Settings { monitoring, ..settings() });
        let plan = plan_of(&shop, &request(stacks), &Observed::default()).unwrap();
        plan.silent_alarms().collect::<Vec<_>>()
    };
    let [(stack, alarms)] = <[_; 1]>::try_from(silent(None, &[])).unwrap();
    assert_eq!(stack, stacks::CART);
    assert!(alarms.len() > 10 && alarms.contains(&"AddToCartHandlerErrors".to_owned()), "{alarms:?}");
    assert_eq!(silent(Some("arn:aws:sns:eu-west-1:123456789012:alarms"), &[]), []);
    assert_eq!(silent(None, &[stacks::AUTH]), [], "it has no alarms");
}

#[test]
fn a_partial_selection_leaves_the_second_round_to_a_later_deployment() {
    let shop = Shop::of(settings());
    let plan = plan_of(&shop, &request(&[stacks::WEB]), &deployed(&app())).unwrap();
    assert_eq!((plan.second, plan.site), (None, Some(Publication { host: stacks::WEB, allowed: Allowed::Later })));
    let plan = plan_of(&shop, &with_site_requested(&[stacks::CART]), &deployed(&app())).unwrap();
    assert_eq!(plan.second, Some(Second { allowing: vec![stacks::CART], ..Second::default() }), "one of the two was named");
    let plan = plan_of(&shop, &request(&[stacks::CART]), &with_site(StackStatus::CreateComplete, Some(SITE))).unwrap();
    assert_eq!((plan.second, plan.site), (None, None), "the site is not published without its stack");
}

#[test]
fn a_site_address_that_is_no_origin_is_never_replaced_by_another_one() {
    let observed = with_site(StackStatus::CreateComplete, Some("d1.cloudfront.net"));
    let refused = plan_of(&Shop::of(settings()), &request(&[]), &observed).unwrap_err();
    assert!(refused.to_string().starts_with("the output WebUrl of the web stack cannot be `d1.cloudfront.net`: "), "{refused}");
}

#[test]
fn an_account_matters_only_where_code_changes() {
    let shop = Shop::of(settings());
    let concerns = |observed: &Observed| deploy::concerns_account(&shop, &request(&[]), observed).unwrap();
    assert!(!concerns(&deployed(&app())));
    assert!(concerns(&Observed::default()));
}

#[test]
fn a_site_is_hosted_once_all_its_outputs_exist() {
    let app = app();
    assert_eq!(deploy::hosted(&app, &with_site(StackStatus::CreateComplete, None)), None);
    let site = deploy::hosted(&app, &with_site(StackStatus::CreateComplete, Some(SITE))).unwrap();
    assert_eq!((&*site.url, &*site.bucket, &*site.distribution), (SITE, "bucket", "E1"));
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
