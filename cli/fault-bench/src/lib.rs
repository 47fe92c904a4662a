//! A stand-in for AWS on loopback that behaves as AWS does, and misbehaves on purpose where a test asks for it.
//!
//! A test describes an app as data ([`Blueprint`]), lets the real program or its engine deploy the app to [`Bench::url`], and then looks into
//! the account. The bench knows CloudFormation, and as much of S3, Systems Manager, STS, API Gateway and CloudWatch Logs as deployments
//! use; for any other service that speaks JSON, a test brings its own [`StandIn`]. No app is known here: stacks, templates and parameters
//! come from blueprints and from requests. What is proved here is proved for AWS as it is modelled here, and not for AWS itself.
//!
//! # The parts
//!
//! - **Account and inventory.** An [`account`] holds [stacks](stack); its [`inventory`] holds the tables, pools, parameters and buckets that
//!   stacks create. The inventory outlives the stacks, so a test can ask for resources that were [lost](account::Account::lost) although
//!   they were to be retained, and for [orphans](account::Account::orphans), which no stack owns.
//! - **Operation.** An [`operation`] creates, updates, rolls back or deletes a stack. A resource starts once those that it needs are
//!   complete; resources that do not need each other run side by side; after a failure everything is rolled back. Time is an argument:
//!   by default each call about a stack advances that stack's clock ([`inventory::Clock::Calls`]), so the same calls see the same states
//!   on a fast machine and on a slow one.
//! - **Script.** A [`script`] is a list of [rules](script::Rule). A rule says at which calls (counted from 1), of which operation and
//!   about which stack, which [fault](script::Fault) happens: a refusal, a lost or a stale answer, a signal to the program, another
//!   deployment in between. Failures of resources are no rules but [troubles](inventory::Trouble): CloudFormation meets them, and no call.
//! - **Starts.** [`Bench::bring`] leads a stack into any of the [23 statuses](starts::ALL) by the operations that lead there in AWS, so
//!   that its resources, events and change sets are as they would be.
//!
//! # How to write a scenario
//!
//! State what exists, say what goes wrong, run the program, look at the account. Then take the faults away and run the program again: a
//! deployment may end with a reason, and the next one has to get past it.
//!
//! ```
//! use aws_sdk_cloudformation::types::StackStatus;
//! use cart_fault_bench::{
//!     Bench, Blueprint,
//!     script::{Fault, Rule},
//! };
//! use cfn::StackId;
//! use serde_json::json;
//!
//! const ORDERS: StackId = StackId::new("orders");
//!
//! let queue = json!({ "Type": "AWS::SQS::Queue" });
//! let topic = json!({ "Type": "AWS::SNS::Topic", "DependsOn": "Queue" });
//! let bench = Bench::new([Blueprint::new(ORDERS, "shop-orders", json!({ "Resources": { "Queue": queue, "Topic": topic } }))]);
//!
//! // The stack is as a failed rollback left it, and the first answer about its deletion is lost.
//! bench.bring(ORDERS, &StackStatus::UpdateRollbackFailed);
//! bench.script([Rule::at(1..=1, Fault::AnswerLost).of("DeleteStack")]);
//!
//! // Here the program runs: `bench.spawn(command).wait()`, where `command` is given `bench.url()` as its endpoint.
//!
//! bench.is_tidy();
//! assert_eq!(bench.state().account.orphans(), [""; 0]);
//! ```
//!
//! A test that proves nothing unless a fault happened ends with [`Bench::everything_happened`].

#![expect(clippy::unwrap_used, clippy::missing_panics_doc, reason = "a test fails by panicking")]
#![expect(clippy::must_use_candidate, missing_docs, reason = "for tests alone, which ignore nothing that they ask for")]

pub mod account;
mod call;
mod cloudformation;
pub mod inventory;
pub mod logs;
pub mod operation;
mod process;
pub mod script;
mod server;
mod services;
pub mod stack;
pub mod starts;
mod template;
mod wire;
mod xml;

use std::{
    collections::{BTreeMap, BTreeSet},
    process::Command,
    sync::MutexGuard,
    time::Duration,
};

use account::Account;
pub use call::{Call, Refusal};
use cfn::{App, ParameterSource, StackId};
use inventory::Latencies;
use operation::Terms;
pub use process::{Ended, Running};
use script::Rule;
use serde_json::Value as Json;
use server::Server;
pub use server::{StandIn, State};
use stack::Definition;

/// The account's number.
pub const ACCOUNT: &str = "123456789012";

/// The only region there is.
pub const REGION: &str = "eu-west-1";

/// How the names of the program's change sets begin.
const OURS: &str = "cartctl-";

/// Longer than anything takes that does not hang.
pub const PATIENCE: Duration = Duration::from_secs(40);

/// A stack as an app wants it.
#[derive(Clone, Debug)]
pub struct Blueprint {
    pub id: StackId,
    /// The name in the account.
    pub name: String,
    pub template: Json,
    /// The template with which the stack is created, if an update follows right afterwards.
    pub at_creation: Option<Json>,
    /// The stacks that publish values for it.
    pub reads: Vec<StackId>,
    /// Where the deployer takes the template's parameters from.
    pub parameters: BTreeMap<String, ParameterSource>,
    /// Whether deployments protect it from deletion.
    pub protected: bool,
}

impl Blueprint {
    /// A stack without parameters.
    pub fn new(id: StackId, name: &str, template: Json) -> Self {
        let (name, reads, parameters) = (name.to_owned(), Vec::new(), BTreeMap::new());
        Self { id, name, template, at_creation: None, reads, parameters, protected: false }
    }

    pub fn of(stack: &cfn::Stack) -> Self {
        let parameters = stack.parameters().iter().map(|(name, source)| (name.clone(), source.clone())).collect();
        let at_creation = stack.without_deletion_protection(|_| true).map(|stack| stack.template().as_json());
        Self {
            reads: stack.reads().to_vec(),
            parameters,
            at_creation,
            ..Self::new(stack.id(), stack.name(), stack.template().as_json())
        }
    }
}

/// An account, and the blueprints of what is deployed to it.
pub struct Bench {
    server: Server,
    blueprints: Vec<Blueprint>,
    archives: BTreeMap<String, Vec<u8>>,
}

impl Bench {
    /// An empty account. The first stack is the one whose bucket holds the code of the others.
    pub fn new(blueprints: impl IntoIterator<Item = Blueprint>) -> Self {
        let (server, blueprints) = (Server::start(Account::default()), blueprints.into_iter().collect());
        Self { server, blueprints, archives: BTreeMap::new() }
    }

    /// An empty account for an app, and for the stack that an account needs before any app.
    pub fn for_app(bootstrap: &cfn::Stack, app: &App) -> Self {
        Self::new([bootstrap].into_iter().chain(app.stacks()).map(Blueprint::of))
    }

    /// Replaces what the app wants; the account stays as it is.
    pub fn redefine(&mut self, blueprints: impl IntoIterator<Item = Blueprint>) {
        self.blueprints = blueprints.into_iter().collect();
    }

    /// Has [`deploy`](Self::deploy) upload this under a key. Other code is empty.
    pub fn archive(&mut self, key: &str, content: impl Into<Vec<u8>>) {
        self.archives.insert(key.to_owned(), content.into());
    }

    /// Answers calls of a service that speaks JSON, such as `DynamoDB_20120810`.
    pub fn stand_in(&self, target: &str, answer: StandIn) {
        self.state().stand_ins.insert(target.to_owned(), answer);
    }

    /// The endpoint of every service.
    pub fn url(&self) -> &str {
        &self.server.url
    }

    /// Everything behind the endpoint. No call is answered while this is held.
    pub fn state(&self) -> MutexGuard<'_, State> {
        self.server.state()
    }

    /// Waits until this is so, and looks again after each call.
    #[track_caller]
    pub fn wait_until(&self, what: &str, is_so: impl FnMut(&State) -> bool) {
        assert!(self.server.wait_until(PATIENCE, is_so), "never: {what}");
    }

    /// From the next call on, this goes wrong, and nothing else.
    pub fn script(&self, rules: impl IntoIterator<Item = Rule>) {
        self.state().script = rules.into_iter().collect();
    }

    /// Every rule of the script was met by a call.
    #[track_caller]
    pub fn everything_happened(&self) {
        let state = self.state();
        let unmet: Vec<_> = state.script.iter().filter(|rule| rule.happened() == 0).collect();
        assert!(unmet.is_empty(), "no call met {unmet:?}");
    }

    pub fn latencies(&self, latencies: Latencies) {
        self.state().account.inventory.latencies = latencies;
    }

    pub fn blueprint(&self, stack: StackId) -> &Blueprint {
        self.blueprints.iter().find(|blueprint| blueprint.id == stack).unwrap_or_else(|| panic!("no blueprint of {stack}"))
    }

    /// The name of a stack in the account.
    pub fn name(&self, stack: StackId) -> String {
        self.blueprint(stack).name.clone()
    }

    /// The stacks that exist before this one can: the first of all, and those that publish values for it, in order.
    pub fn prerequisites(&self, stack: StackId) -> Vec<StackId> {
        let mut needed = BTreeSet::from([stack]);
        for blueprint in self.blueprints.iter().rev() {
            if needed.contains(&blueprint.id) {
                needed.extend(&blueprint.reads);
            }
        }
        let others = self.blueprints.iter().enumerate().filter(|(place, other)| *place == 0 || needed.contains(&other.id));
        others.map(|(_, other)| other.id).filter(|other| *other != stack).collect()
    }

    /// Whether every value that a stack reads from Parameter Store is published.
    pub fn can_read(&self, stack: StackId) -> bool {
        let state = self.state();
        let is_published = |source: &ParameterSource| match source {
            ParameterSource::Shared(path) => state.account.inventory.parameters.contains_key(path),
            ParameterSource::ArtifactBucket | ParameterSource::Value(_) => true,
        };
        self.blueprint(stack).parameters.values().all(is_published)
    }

    /// A stack as a deployment defines it in the account as it is.
    pub fn wanted(&self, stack: StackId) -> Definition {
        let blueprint = self.blueprint(stack);
        self.defined(blueprint, &blueprint.template)
    }

    /// The same stack as a deployment creates it.
    pub fn created(&self, stack: StackId) -> Definition {
        let blueprint = self.blueprint(stack);
        self.defined(blueprint, blueprint.at_creation.as_ref().unwrap_or(&blueprint.template))
    }

    fn defined(&self, blueprint: &Blueprint, template: &Json) -> Definition {
        let state = self.state();
        let bucket = self.artifact_bucket(&state.account).unwrap_or_default();
        let value = |source: &ParameterSource| match source {
            ParameterSource::Shared(value) | ParameterSource::Value(value) => value.clone(),
            ParameterSource::ArtifactBucket => bucket.clone(),
        };
        let parameters = blueprint.parameters.iter().map(|(name, source)| (name.clone(), value(source))).collect();
        state.account.define(template, &parameters, BTreeMap::new()).unwrap()
    }

    fn artifact_bucket(&self, account: &Account) -> Option<String> {
        let first = account.find(&self.blueprints.first()?.name)?;
        let bucket = account.stacks[first].resources.values().find(|resource| resource.kind() == "AWS::S3::Bucket")?;
        bucket.physical_id.clone()
    }

    /// Deploys these stacks without the program, as deployments that went well. The code of every stack is uploaded as soon as there is a
    /// bucket.
    pub fn deploy(&self, stacks: &[StackId]) {
        for &stack in stacks {
            let wanted = self.wanted(stack);
            let mut state = self.state();
            let terms = Terms { retain_except_on_create: true, ..Terms::default() };
            let blueprint = self.blueprint(stack);
            state.account.carry_out(&blueprint.name, wanted, terms).protected = blueprint.protected;
            state.account.settle();
            if let Some(bucket) = self.artifact_bucket(&state.account) {
                let code = self.blueprints.iter().flat_map(|blueprint| template::code(&blueprint.template));
                for key in code {
                    let content = self.archives.get(&key).cloned().unwrap_or_default();
                    let checksum = inventory::sha256(&content);
                    state.account.inventory.upload(&bucket, &key, content, Some(&checksum));
                }
            }
        }
    }

    /// Starts the program. Signals of the script are sent to the program that was started last.
    pub fn spawn(&self, command: &mut Command) -> Running {
        // No call is answered before its caller is known.
        let mut state = self.state();
        let running = Running::start(command);
        state.client = Some(running.pid());
        state.killed = false;
        running
    }

    /// Every stack is at rest, none was left under review, no change set of the program's was left, and nothing is gone that was to be
    /// retained.
    #[track_caller]
    pub fn is_tidy(&self) {
        let mut state = self.state();
        state.account.settle();
        let account = &state.account;
        assert_eq!(account.left_change_sets(), [""; 0], "change sets are left");
        assert_eq!(account.lost(), Vec::<&(String, String)>::new(), "something is lost");
        for stack in &account.stacks {
            assert!(stack.is_at_rest(), "{} is {}", stack.name, stack.status);
            let empty = stack.status.as_str() == "REVIEW_IN_PROGRESS" && stack.change_sets.is_empty();
            assert!(!empty, "{} is under review for nobody", stack.name);
        }
    }
}
