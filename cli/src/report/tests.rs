//! Every event, as a line and as JSON, in one snapshot: a new one shows up in review.

use std::{fmt::Write, time::Duration};

use cart_contract::Service;
use cart_infra::{diff::Replacement, packages, stacks};

use super::{events_file, here::Here, plan, streams, words};
use crate::{
    config::tests::settings,
    domain::{
        event::{Event, Link, Operation, Recount, Settled, Spent},
        failure::{FailedResource, Failure},
        moment::Moment,
        notice::{Activity, Notice},
        package::{Artifact, Progress},
        stack::{Effect, Resource, ResourceChange, StackStatus},
    },
    plan::{
        Observed,
        deploy::{Request, Second},
        ownership::Claim,
        tests::{Shop, deployed, plan_of, request},
    },
};

pub(super) fn every_event() -> Vec<Event> {
    let waiting = every_activity().into_iter().map(|activity| Event::Waiting { activity });
    waiting.chain(other_events()).chain(every_notice().into_iter().map(Event::Notice)).chain(every_end()).collect()
}

/// Every activity, in a chain: one without a successor does not compile.
fn every_activity() -> Vec<Activity> {
    let next = |last: &Activity| {
        Some(match last {
            Activity::StartingLocalCloud => Activity::StartingVite,
            Activity::StartingVite => Activity::BuildingSite,
            Activity::BuildingSite => Activity::WaitingForSite,
            Activity::WaitingForSite => Activity::UploadingPackage { service: "cart".to_owned() },
            Activity::UploadingPackage { .. } => Activity::UploadingSite { files: 12 },
            Activity::UploadingSite { .. } => Activity::EmptyingBucket { bucket: "a-bucket".to_owned() },
            Activity::EmptyingBucket { .. } => Activity::ReadingCarts,
            Activity::ReadingCarts => Activity::WaitingForCounts,
            Activity::WaitingForCounts => Activity::ReadingLogs { functions: 1 },
            Activity::ReadingLogs { .. } => return None,
        })
    };
    std::iter::successors(Some(Activity::StartingLocalCloud), next).collect()
}

/// Every notice, in a chain as well.
fn every_notice() -> Vec<Notice> {
    let (stack, took) = (stacks::CART, Duration::from_millis(2_480));
    let reason = || "access denied".to_owned();
    let site = || "https://site.example".to_owned();
    let not_allowed =
        |configured| Notice::OriginNotAllowed { site: site(), allowed: "https://shop.example".to_owned(), configured };
    let env_file = || "frontend/.env".into();
    let sets_twice = |deployed| {
        let variables = vec!["VUE_APP_CART_API_URL".to_owned(), "VUE_APP_AWS_REGION".to_owned()];
        Notice::EnvFileSetsTwice { path: env_file(), variables, deployed }
    };
    let next = |last: &Notice| {
        Some(match last {
            Notice::RegionOfStage { .. } => Notice::Replanning { stack },
            Notice::Replanning { .. } => {
                Notice::ForeignStack { stack, name: "shop-cart".to_owned(), owner: "cartctl did not mark it".to_owned() }
            }
            Notice::ForeignStack { .. } => {
                Notice::SecondRound { stacks: vec![stacks::PRODUCTS, stacks::CART], origin: "https://site.example".to_owned() }
            }
            Notice::SecondRound { .. } => Notice::DeletionProtection { stacks: vec![stacks::AUTH, stacks::CART] },
            Notice::DeletionProtection { .. } => not_allowed(true),
            Notice::OriginNotAllowed { configured: true, .. } => not_allowed(false),
            Notice::EnvFileLater => {
                let [was, now] =
                    ["production", "staging"].map(|stage| format!("stage {stage}, account 123456789012, region eu-west-1"));
                Notice::EnvFileRepurposed { path: env_file(), was, now }
            }
            Notice::EnvFileRepurposed { .. } => sets_twice(true),
            Notice::EnvFileSetsTwice { deployed: true, .. } => sets_twice(false),
            Notice::EnvFileSetsTwice { deployed: false, .. } => Notice::EnvFileNotWritten { path: env_file(), reason: reason() },
            Notice::EnvFileNotWritten { .. } => Notice::SiteOnline { url: site() },
            Notice::OriginNotAllowed { configured: false, .. } => {
                let alarms = ["ListCartHandlerErrors", "ListCartHandlerThrottles", "UpdateTotalsHandlerLate", "CartApiFailures"];
                Notice::SilentAlarms { stack, alarms: alarms.map(str::to_owned).into() }
            }
            Notice::SilentAlarms { .. } => Notice::NoEdgeFirewall { stack, region: "eu-west-1".to_owned() },
            Notice::NoEdgeFirewall { .. } => Notice::EnvFileLater,
            Notice::SiteOnline { .. } => Notice::SiteUnchanged { files: 4 },
            Notice::SiteUnchanged { .. } => Notice::SitePublished { uploaded: 1, unchanged: 3, removed: 2, invalidated: true },
            Notice::SitePublished { .. } => Notice::ProtectionOn { stack },
            Notice::ProtectionOn { .. } => Notice::ProtectionOff { stack },
            Notice::ProtectionOff { .. } => Notice::TakingBack,
            Notice::TakingBack => Notice::ChangeSetLeft { stack, reason: reason() },
            Notice::ChangeSetLeft { .. } => Notice::TemplateLeft { reason: reason() },
            Notice::TemplateLeft { .. } => Notice::ResourcesOrphaned { stack, resources: vec!["CartTable".to_owned()] },
            Notice::ResourcesOrphaned { .. } => Notice::DeletionThrottled { stack, again_in: Duration::from_secs(31) },
            Notice::DeletionThrottled { .. } => Notice::Cancelling { stack },
            Notice::Cancelling { .. } => Notice::CancelFailed { stack, reason: reason() },
            Notice::CancelFailed { .. } => Notice::CancelRefused { stack },
            Notice::CancelRefused { .. } => Notice::CannotCancel { stack, operation: Operation::Create },
            Notice::CannotCancel { operation: Operation::Create, .. } => Notice::CannotCancel { stack, operation: Operation::Wait },
            Notice::CannotCancel { .. } => Notice::LocalCloudUnclean,
            Notice::LocalCloudUnclean => Notice::LocalStateKept,
            Notice::LocalStateKept => Notice::DefinitionsEdited,
            Notice::DefinitionsEdited => {
                Notice::FunctionsSwapped { services: vec!["products".to_owned(), "cart".to_owned()], took }
            }
            Notice::FunctionsSwapped { .. } => Notice::FunctionsUnchanged { took },
            Notice::FunctionsUnchanged { .. } => Notice::SwapFailed { reason: "the services do not compile".to_owned(), took },
            Notice::SwapFailed { .. } => Notice::NoLogEntries { within: Duration::from_mins(10) },
            Notice::NoLogEntries { .. } => Notice::FollowingLogs,
            Notice::FollowingLogs => Notice::TimelineNotWritten { reason: reason() },
            Notice::TimelineNotWritten { .. } => {
                let (content, place) = ("the answer".to_owned(), "standard output".to_owned());
                Notice::NotWritten { content, place, reason: reason() }
            }
            Notice::NotWritten { .. } => Notice::Declined,
            Notice::Declined => Notice::ChangesFound { stacks: vec![stacks::AUTH, stacks::PRODUCTS, stacks::CART] },
            Notice::ChangesFound { .. } => Notice::TotalsWrong { products: 1, rebuilt: false },
            Notice::TotalsWrong { rebuilt: false, .. } => Notice::TotalsWrong { products: 2, rebuilt: true },
            Notice::TotalsWrong { rebuilt: true, .. } => return None,
        })
    };
    std::iter::successors(Some(Notice::Replanning { stack }), next).collect()
}

fn every_end() -> [Event; 2] {
    let (error, hint) = (Some("no credentials".to_owned()), Some("sign in".to_owned()));
    [Event::Ended { exit_code: 0, error: None, hint: None }, Event::Ended { exit_code: 4, error, hint }]
}

fn other_events() -> Vec<Event> {
    let path = "target/packages/cart/0a1b.zip".into();
    let artifact =
        Artifact { binary_bytes: 10_440_000, ..Artifact::new(packages::of(Service::Cart), [0x0a; 32].into(), path, 4_490_000) };
    let changed = |status: &str, reason: Option<&str>| Event::ResourceChanged {
        stack: stacks::CART,
        logical_id: "DynamoDBShoppingCartTable".to_owned(),
        resource_type: "AWS::DynamoDB::Table".to_owned(),
        status: status.to_owned(),
        at: Moment::from_millis(1_795_338_900_250),
        reason: reason.map(str::to_owned),
    };
    let settled = |outcome| Event::StackSettled { stack: stacks::PRODUCTS, outcome, took: Duration::from_millis(21_460) };
    let started =
        |operation, resources| Event::StackStarted { stack: stacks::CART, operation, resources, after: vec![stacks::AUTH] };
    let failure = Failure {
        stack: stacks::PRODUCTS,
        resource: Some(FailedResource {
            logical_id: "ProductsRestApi".to_owned(),
            resource_type: "AWS::ApiGateway::RestApi".to_owned(),
            physical_id: None,
            defined_at: Some("infra/src/stacks/products.rs:58".to_owned()),
        }),
        reason: "too many".to_owned(),
        hint: Some("ask for more".to_owned()),
        status: Some(StackStatus::RollbackComplete),
    };
    let link = |took: &u64| Link {
        stack: stacks::AUTH,
        logical_id: (*took != 4_000).then(|| format!("R{took}")),
        took: Duration::from_millis(*took),
    };
    let spent = |stacks, path: &[u64]| {
        let (took, sum) = (Duration::from_secs(96), Duration::from_secs(171));
        Event::TimeSpent(Spent { stacks, took, sum, critical_path: path.iter().map(link).collect() })
    };
    vec![
        Event::Started {
            command: "deploy",
            stage: "staging".to_owned(),
            account: "123456789012".to_owned(),
            region: "eu-west-1".to_owned(),
            endpoint: None,
        },
        Event::Waited { activity: Activity::StartingLocalCloud, took: Duration::from_millis(1_049) },
        Event::Package(Progress::WaitingForLock),
        Event::Package(Progress::Compiling { done: 17, total: 250, current: "aws-sdk-dynamodb".to_owned() }),
        Event::Package(Progress::Said { line: "warning: unused variable".to_owned() }),
        Event::Package(Progress::Compiled { took: Duration::from_mins(7) }),
        Event::Package(Progress::Packaged { artifact: artifact.clone(), reused: false, took: Duration::from_millis(300) }),
        Event::Package(Progress::Packaged { artifact, reused: true, took: Duration::from_millis(2) }),
        Event::Stored { key: "cart/0a1b.zip".to_owned(), bytes: 4_490_000, present: false },
        Event::Stored { key: "cart/0a1b.zip".to_owned(), bytes: 4_490_000, present: true },
        started(Operation::Create, 1),
        started(Operation::Update, 2),
        started(Operation::Delete, 3),
        started(Operation::RollBack, 0),
        started(Operation::Wait, 0),
        changed("CREATE_IN_PROGRESS", None),
        changed("CREATE_COMPLETE", None),
        changed("CREATE_FAILED", Some("carts already exists")),
        settled(Settled::Done { operation: Operation::Create }),
        settled(Settled::Done { operation: Operation::Update }),
        settled(Settled::Done { operation: Operation::Delete }),
        settled(Settled::Unchanged),
        settled(Settled::AtRest { status: StackStatus::UpdateComplete }),
        settled(Settled::Failed { failure: Box::new(failure) }),
        settled(Settled::Skipped { because: stacks::AUTH }),
        settled(Settled::Cancelled),
        settled(Settled::NotBegun),
        settled(Settled::LeftAlone),
        Event::Interrupted { choice: true },
        Event::Interrupted { choice: false },
        Event::Recount(Recount::Begun { generation: 1, resumed: false }),
        Event::Recount(Recount::Begun { generation: 1, resumed: true }),
        Event::Recount(Recount::Touching { items: 200, touched: 125 }),
        Event::Recount(Recount::Touched { items: 345, touched: 270, took: Duration::from_millis(2_704) }),
        Event::Recount(Recount::Waiting { counted: 45, left: 55 }),
        Event::Recount(Recount::Counted { items: 345, took: Duration::from_millis(61_250) }),
        Event::Wrote { path: "frontend/.env".into() },
        Event::Outputs { outputs: [(stacks::CART, [("CartApi".to_owned(), "https://a.example/Prod".to_owned())].into())].into() },
        spent(1, &[1_500]),
        spent(2, &[0, 40]),
        spent(3, &[11_000, 400, 300, 41_000, 2_000, 200, 9_000, 4_000]),
    ]
}

/// The fields of every line.
const LINE_BEGINS: &str = r#"{"version":1,"at":"1970-01-01T00:00:00Z","#;

#[test]
fn every_event_has_its_words() {
    let mut told = String::new();
    for event in every_event() {
        let line =
            |verbose| words::line(&event, verbose, &Here::default()).map_or_else(|| "(nothing)".to_owned(), |line| plain(&line));
        told += &line(false);
        if line(true) != line(false) {
            write!(told, "\n-v {}", line(true)).unwrap();
        }
        let json = events_file::Line::json(Moment::default(), &event, &Here::default()).to_string();
        writeln!(told, "\n   {}", json.replace(LINE_BEGINS, "{")).unwrap();
    }
    insta::assert_snapshot!(told);
}

/// Every line is understandable without colour.
fn plain(line: &str) -> String {
    anstream::adapter::strip_str(line).to_string()
}

/// The plans that people approve: a first deployment, a change that CloudFormation checked, and one that adopts a stack and recovers
/// another.
#[test]
fn plans_can_be_read() {
    let app = cart_infra::app(&settings());
    let all = [stacks::AUTH, stacks::PRODUCTS, stacks::CART];
    let shop = Shop::of(settings());
    let first = plan_of(&shop, &request(&all), &Observed::default()).unwrap();

    let there = deployed(&app);
    let wanted = Shop::of(cart_infra::Settings { allowed_origin: "https://shop.example".parse().unwrap(), ..settings() });
    let mut change = plan_of(&wanted, &request(&all), &there).unwrap();
    let changes = [
        ("ListCartHandler", "AWS::Lambda::Function", Effect::Modify { replacement: Replacement::Never }),
        ("DynamoDBShoppingCartTable", "AWS::DynamoDB::Table", Effect::Modify { replacement: Replacement::Always }),
        ("CartDeleteSQSDLQ", "AWS::SQS::Queue", Effect::Remove { retained: false }),
    ];
    let changes =
        changes.map(|(id, kind, effect)| ResourceChange { logical_id: id.to_owned(), resource_type: kind.to_owned(), effect });
    let cart = change.first.steps.pop().unwrap();
    change.first.steps.push(cart.with_change_set(&changes));

    let mut there = deployed(&app);
    let auth = there.stacks.get_mut(&stacks::AUTH).unwrap();
    (auth.claim, auth.resources) = (Claim::Predecessor, vec![resource("CognitoUserPool"), resource("SomethingElse")]);
    there.stacks.get_mut(&stacks::PRODUCTS).unwrap().deployed.status = StackStatus::UpdateRollbackFailed;
    let cart = &mut there.stacks.get_mut(&stacks::CART).unwrap().deployed;
    (cart.status, cart.reason) = (StackStatus::RollbackComplete, Some("the table could not be created".to_owned()));
    let repair = plan_of(&shop, &Request { protected: true, ..request(&all) }, &there).unwrap();

    let mut hosted = plan_of(&shop, &request(&[stacks::WEB]), &deployed(&app)).unwrap();
    hosted.second = Some(Second { allowing: all[1..].to_vec(), protecting: vec![stacks::AUTH, stacks::CART] });
    let plans = [first, change, repair, hosted].map(|plan| plain(&plan::deploy_text(&plan, false)));
    insta::assert_snapshot!(plans.join("\n"));
}

fn resource(logical_id: &str) -> Resource {
    Resource {
        logical_id: logical_id.to_owned(),
        physical_id: format!("id-of-{logical_id}"),
        resource_type: "AWS::Some::Thing".to_owned(),
        status: "CREATE_COMPLETE".to_owned(),
    }
}

#[test]
fn what_others_wrote_is_only_text() {
    let text = "failed: no\n::set-output name=a::b\n  ::error::c\r::d ##[e] ##\u{1b}[0m[f\u{1b}[31mg\u{9b}2J\u{202e}";
    let plain = "failed: no\n. ::set-output name=a::b\n.   ::error::c\n. ::d # #[e] # #[fg\\u{9b}2J\\u{202e}";
    assert_eq!(streams::readable(text, false), plain);
    let coloured = streams::readable(text, true);
    assert!(coloured.contains("[f\u{1b}[31mg\\u{9b}2J") && coloured.matches('\u{1b}').count() == 2, "{coloured:?}");
    assert_eq!(streams::readable("aws::lambda::function", false), "aws::lambda::function");
}
