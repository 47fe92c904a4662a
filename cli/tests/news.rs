//! The engine knows no shop: an app with a topic, a queue and a function of no service of the shop's is deployed, diffed, changed, failed,
//! recovered and deleted by it, on the fault bench.

#![expect(clippy::unwrap_used, reason = "a test whose helpers fail has failed")]

use std::collections::BTreeMap;

use cart_fault_bench::{
    Bench, Blueprint, REGION,
    inventory::{During, Trouble},
    script::{Fault, Rule, Why},
};
use cartctl::engine::{
    self, Artifact, Content, Definitions, Error, Outcome, Planned, Reach, Request, Session, StackStatus, Target,
};
use cfn::{
    App, Code, Place, Seconds, Stack, StackId, Visibility,
    resource::s3::{Bucket, Encryption, Ownership, OwnershipControls, PublicAccessBlock},
    template::{Attributes, Removal},
};

use serde_json::Value as Json;
use sha2::{Digest, Sha256};

use self::app::{CODE, FEED, READER, TIMEOUT, app};

#[path = "../../infra/cfn/tests/news/app.rs"]
mod app;

const BOOTSTRAP: StackId = StackId::new("account");

/// The app, whose reader has more or less time.
struct News {
    time: Seconds,
}

impl Definitions for News {
    fn app(&self, code: &Code, _: Option<&cart_contract::Origin>) -> App {
        app(code, Visibility::of_worker(self.time))
    }

    fn bootstrap(&self, _: Content, _: Option<&Json>) -> Stack {
        let place = Place { stack_name: "news-account".to_owned(), parameters: "/news-account".to_owned() };
        let mut stack = Stack::new(BOOTSTRAP, place, "The bucket for code");
        let bucket = Bucket {
            bucket_encryption: Encryption::s3_managed(),
            public_access_block_configuration: PublicAccessBlock::all(),
            ownership_controls: OwnershipControls { rules: [Ownership::BucketOwnerEnforced] },
            versioning_configuration: None,
            lifecycle_configuration: None,
            logging_configuration: None,
        };
        let bucket = stack.add_with("Artifacts", Attributes::stateful(Removal::Retain), &bucket);
        stack.output(cfn::ARTIFACT_BUCKET_OUTPUT, "The bucket for code", bucket.name());
        stack
    }

    fn parameter_root(&self) -> String {
        "/news".to_owned()
    }
}

const EVERYTHING: Content = Content { artifact_bucket: true, logging_role: true };

/// The app on the bench, with an archive of code that was built before.
struct World {
    bench: Bench,
    session: Session,
    news: News,
    folder: camino_tempfile::Utf8TempDir,
}

impl World {
    async fn new() -> Self {
        let news = News { time: TIMEOUT };
        let definitions = [news.bootstrap(EVERYTHING, None)];
        let app = news.app(&Code::not_packaged([CODE]), None);
        let bench = Bench::new(definitions.iter().chain(app.stacks()).map(Blueprint::of));
        let target = Target::StandIn { url: bench.url().parse().unwrap(), region: REGION.parse().unwrap() };
        let session = engine::connect(&target).await.unwrap();
        Self { bench, session, news, folder: camino_tempfile::tempdir().unwrap() }
    }

    fn artifacts(&self, content: &str) -> Vec<Artifact> {
        let path = self.folder.path().join(content);
        std::fs::write(&path, content).unwrap();
        let size = u64::try_from(content.len()).unwrap();
        vec![Artifact::new(CODE, <[u8; 32]>::from(Sha256::digest(content)).into(), path, size)]
    }

    async fn planned(&self, content: &str) -> Planned {
        let built = async { Ok::<_, Error>(self.artifacts(content)) };
        engine::plan(request(), built, &self.news, &self.session).await.unwrap()
    }

    async fn deploy(&self, content: &str) -> Result<Outcome, Error> {
        engine::deploy(self.planned(content).await, &self.news, &self.session).await
    }

    fn status(&self, stack: StackId) -> String {
        let state = self.bench.state();
        let name = self.bench.name(stack);
        state.account.find(&name).map_or_else(|| "none".to_owned(), |place| state.account.stacks[place].status.as_str().to_owned())
    }
}

fn request() -> Request {
    Request::all(Code::not_packaged([CODE]))
}

fn statuses(outcome: &Outcome) -> BTreeMap<StackId, StackStatus> {
    outcome.statuses()
}

#[tokio::test]
async fn an_app_of_nobodys_is_deployed_changed_recovered_and_deleted() {
    let mut world = World::new().await;

    // A first deployment, of an account that has nothing.
    let first = world.planned("first").await;
    assert_eq!(first.plan().changing(), [BOOTSTRAP, FEED, READER]);
    let outcome = engine::deploy(first, &world.news, &world.session).await.unwrap();
    let complete = StackStatus::CreateComplete;
    assert_eq!(statuses(&outcome), [(FEED, complete), (READER, complete)].into());
    assert_eq!(world.status(BOOTSTRAP), "CREATE_COMPLETE");

    // What was just deployed is as wanted.
    let unchanged = world.planned("first").await;
    assert_eq!((unchanged.plan().reach(), unchanged.plan().changing()), (Reach::None, vec![]));

    // Other code, and a queue that gives the reader more time: a change of the reader alone.
    world.news.time = Seconds::new(40);
    let change = world.planned("second").await;
    assert_eq!((change.plan().reach(), change.plan().changing()), (Reach::Any, vec![READER]));
    let outcome = engine::deploy(change, &world.news, &world.session).await.unwrap();
    assert_eq!(statuses(&outcome), [(FEED, complete), (READER, StackStatus::UpdateComplete)].into());

    // An update that fails is rolled back, and says which line of whose source it is about.
    let trouble = |during, reason: &str| Trouble {
        stack: "news-reader".to_owned(),
        resource: "Reader".to_owned(),
        during,
        reason: reason.to_owned(),
        always: false,
    };
    world.bench.state().account.inventory.troubles.push(trouble(During::Update, "the reader is out of order"));
    let error = world.deploy("third").await.unwrap_err();
    let text = error.to_string();
    assert!(text.contains("the reader stack") && text.contains("the reader is out of order"), "{text}");
    assert!(text.contains("infra/cfn/tests/news/app.rs:"), "{text}");
    assert_eq!(world.status(READER), "UPDATE_ROLLBACK_COMPLETE");

    // So is one whose rollback fails as well; the next deployment finishes the rollback first.
    let troubles = [trouble(During::Update, "out of order again"), trouble(During::Rollback, "and it stays so")];
    world.bench.state().account.inventory.troubles.extend(troubles);
    world.deploy("third").await.unwrap_err();
    assert_eq!(world.status(READER), "UPDATE_ROLLBACK_FAILED");
    let outcome = world.deploy("third").await.unwrap();
    assert_eq!(statuses(&outcome)[&READER], StackStatus::UpdateComplete);
    world.bench.is_tidy();

    // In the other order, and the account's own stack stays.
    assert_eq!(engine::delete(&request(), &world.news, &world.session).await.unwrap(), ["news-reader", "news-feed"]);
    assert_eq!([FEED, READER, BOOTSTRAP].map(|stack| world.status(stack)), ["none", "none", "CREATE_COMPLETE"]);
    world.bench.is_tidy();
}

#[tokio::test]
async fn a_creation_that_failed_is_recreated_and_lost_answers_change_nothing() {
    let world = World::new().await;
    world.bench.state().account.inventory.troubles.push(Trouble {
        stack: "news-feed".to_owned(),
        resource: "AWS::SNS::Topic".to_owned(),
        during: During::Create,
        reason: "no more topics".to_owned(),
        always: false,
    });
    let error = world.deploy("first").await.unwrap_err();
    assert!(error.to_string().contains("no more topics"), "{error}");
    assert_eq!((world.status(FEED), world.status(READER)), ("ROLLBACK_COMPLETE".to_owned(), "none".to_owned()));

    world.bench.script([
        Rule::at(1..=1, Fault::Refused(Why::Throttled)).of("CreateChangeSet"),
        Rule::at(1..=2, Fault::AnswerLost).of("DescribeStackEvents"),
    ]);
    let outcome = world.deploy("first").await.unwrap();
    assert_eq!(outcome.statuses().len(), 2);
    assert!(outcome.statuses().values().all(|status| *status == StackStatus::CreateComplete));
    world.bench.everything_happened();
    world.bench.is_tidy();
}
