//! Every event, as a line and as JSON, in one snapshot: a new one shows up in review.

use std::{fmt::Write, time::Duration};

use cart_contract::Service;
use cart_infra::{StackId, diff::Replacement};

use super::{plan, words};
use crate::{
    config::tests::settings,
    domain::{
        event::{Event, Link, Operation, Recount, Settled, Spent},
        failure::{FailedResource, Failure},
        moment::Moment,
        package::{Artifact, Progress},
        stack::{Effect, Resource, ResourceChange, StackStatus},
    },
    plan::{Observed, deploy, tests::deployed},
};

pub(super) fn every_event() -> Vec<Event> {
    let artifact = Artifact {
        service: Service::Cart,
        path: "target/packages/cart/0a1b.zip".into(),
        key: "cart/0a1b.zip".parse().unwrap(),
        zip_bytes: 4_490_000,
        binary_bytes: 10_440_000,
    };
    let changed = |status: &str, reason: Option<&str>| Event::ResourceChanged {
        stack: StackId::Cart,
        logical_id: "DynamoDBShoppingCartTable".to_owned(),
        resource_type: "AWS::DynamoDB::Table".to_owned(),
        status: status.to_owned(),
        at: Moment::from_millis(1_795_338_900_250),
        reason: reason.map(str::to_owned),
    };
    let settled = |outcome| Event::StackSettled { stack: StackId::Products, outcome, took: Duration::from_millis(21_460) };
    let started =
        |operation, resources| Event::StackStarted { stack: StackId::Cart, operation, resources, after: vec![StackId::Auth] };
    let failure = Failure {
        stack: StackId::Products,
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
        stack: StackId::Auth,
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
        Event::Waiting { what: "starting the local cloud".to_owned() },
        Event::Waited { what: "starting the local cloud".to_owned(), took: Duration::from_millis(1_049) },
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
        settled(Settled::Skipped { because: StackId::Auth }),
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
        Event::Note { text: "the frontend's .env is written once all stacks are deployed".to_owned() },
        Event::Wrote { path: "frontend/.env".into() },
        Event::Outputs { outputs: [(StackId::Cart, [("CartApi".to_owned(), "https://a.example/Prod".to_owned())].into())].into() },
        spent(1, &[1_500]),
        spent(2, &[0, 40]),
        spent(3, &[11_000, 400, 300, 41_000, 2_000, 200, 9_000, 4_000]),
        Event::Ended { exit_code: 0, error: None, hint: None },
        Event::Ended { exit_code: 3, error: Some("declined, nothing was changed".to_owned()), hint: Some("try again".to_owned()) },
    ]
}

#[test]
fn every_event_has_its_words() {
    let mut told = String::new();
    for event in every_event() {
        let line = |verbose| words::line(&event, verbose).map_or_else(|| "(nothing)".to_owned(), |line| plain(&line));
        told += &line(false);
        if line(true) != line(false) {
            write!(told, "\n-v {}", line(true)).unwrap();
        }
        writeln!(told, "\n   {}", serde_json::to_string(&event).unwrap()).unwrap();
    }
    insta::assert_snapshot!(told);
}

/// Every line is understandable without colour.
fn plain(line: &str) -> String {
    anstream::adapter::strip_str(line).to_string()
}

/// What somebody reads before they say yes: a first deployment, a change that CloudFormation looked at, and one that takes over a stack
/// and recovers another.
#[test]
fn plans_can_be_read() {
    let settings = settings();
    let app = cart_infra::app(&settings);
    let all = [StackId::Auth, StackId::Products, StackId::Cart];
    let terms = deploy::Terms { bucket: deploy::Bucket::Named("artifacts".to_owned()), ..deploy::Terms::default() };
    let first = deploy::plan(&app, &all, &Observed::default(), &terms, None).unwrap();

    let there = deployed(&app);
    let wanted =
        cart_infra::app(&cart_infra::Settings { allowed_origin: "https://shop.example".parse().unwrap(), ..settings.clone() });
    let mut change = deploy::plan(&wanted, &all, &there, &terms, None).unwrap();
    let changes = [
        ("ListCartHandler", "AWS::Lambda::Function", Effect::Modify { replacement: Replacement::Never }),
        ("DynamoDBShoppingCartTable", "AWS::DynamoDB::Table", Effect::Modify { replacement: Replacement::Always }),
        ("CartDeleteSQSDLQ", "AWS::SQS::Queue", Effect::Remove { retained: false }),
    ];
    let changes =
        changes.map(|(id, kind, effect)| ResourceChange { logical_id: id.to_owned(), resource_type: kind.to_owned(), effect });
    let cart = change.steps.pop().unwrap();
    change.steps.push(cart.with_change_set(&changes));

    let mut there = deployed(&app);
    let auth = there.stacks.get_mut(&StackId::Auth).unwrap();
    (auth.template, auth.resources) = (None, vec![resource("CognitoUserPool"), resource("SomethingElse")]);
    there.stacks.get_mut(&StackId::Products).unwrap().deployed.status = StackStatus::UpdateRollbackFailed;
    let cart = &mut there.stacks.get_mut(&StackId::Cart).unwrap().deployed;
    (cart.status, cart.reason) = (StackStatus::RollbackComplete, Some("the table could not be created".to_owned()));
    let repair = deploy::plan(&app, &all, &there, &deploy::Terms { protected: true, ..terms.clone() }, None).unwrap();

    let hosted = deploy::plan(&app, &[StackId::Web], &deployed(&app), &terms, None).unwrap();
    let plans = [(first, &[][..]), (change, &[]), (repair, &[]), (hosted, &all[1..])];
    let plans = plans.map(|(plan, again)| plain(&plan::deploy_text(&plan, again, false)));
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
fn what_others_wrote_is_no_command() {
    assert_eq!(
        words::no_command("failed: no\n::set-output name=a::b\n  ::error::c"),
        "failed: no\n. ::set-output name=a::b\n.   ::error::c"
    );
    assert_eq!(words::no_command("aws::lambda::function"), "aws::lambda::function");
}
