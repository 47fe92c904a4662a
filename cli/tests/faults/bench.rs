//! The fault bench: the real program against a stand-in for AWS that behaves as AWS does, and misbehaves as AWS does, when told to.
//!
//! [`server`] speaks the wire protocols, [`script`] says what goes wrong and when, [`cloudformation`] and [`services`] answer,
//! [`account`] is what there is. What is proved here is proved for behaviour as modelled here, and not for AWS itself.

pub(crate) mod account;
mod call;
pub(crate) mod carts;
mod cloudformation;
pub(crate) mod inventory;
pub(crate) mod logs;
pub(crate) mod operation;
pub(crate) mod script;
pub(crate) mod server;
mod services;
pub(crate) mod stack;
pub(crate) mod starts;
mod template;
mod wire;
mod xml;

use std::{
    collections::BTreeMap,
    fs,
    io::Read,
    os::unix::process::ExitStatusExt,
    process::{Child, Command, Stdio},
    sync::MutexGuard,
    thread,
    time::{Duration, Instant},
};

use account::Account;
use cart_contract::Service;
use cart_infra::{App, BootstrapSettings, Code, Monitoring, ParameterSource, Settings, Stack, StackId, packages, stacks};
use inventory::Latencies;
use operation::Terms;
use rustix::process::{Pid, Signal, kill_process};
use script::Rule;
use serde_json::json;
use server::{Server, State};
use sha2::{Digest, Sha256};
use stack::Definition;

use crate::program::{Project, Run};

/// The account's number.
pub(crate) const ACCOUNT: &str = "123456789012";

/// The only region there is.
pub(crate) const REGION: &str = "eu-west-1";

/// The stacks that every deployment has, and what the account needs for them.
pub(crate) const SHOP: [StackId; 4] = [stacks::BOOTSTRAP, stacks::AUTH, stacks::PRODUCTS, stacks::CART];

/// No run takes so long: one that does hangs.
const PATIENCE: Duration = Duration::from_secs(40);

/// An account, the program, and a project to deploy.
pub(crate) struct Bench {
    server: Server,
    project: Project,
    settings: Settings,
}

impl Bench {
    /// An empty account, and a project with packages that were built before.
    pub(crate) fn new() -> Self {
        Self::configured("", false)
    }

    /// The same, with a stage that is protected.
    pub(crate) fn protected() -> Self {
        Self::configured("stages.production.protected = true", true)
    }

    fn configured(configuration: &str, protected: bool) -> Self {
        let project = Project::new("");
        let mut settings = Settings::new(Code::not_packaged(packages::ALL));
        if protected {
            settings.names.stage = "production".parse().map(cart_infra::Stage::Named).unwrap();
            settings.protected = true;
            // As cartctl.toml has it, which watches what it protects.
            settings.monitoring = Some(Monitoring::default());
        }
        let bench = Self { server: Server::start(Account::default()), project, settings };
        bench.configure(configuration);
        bench.package("first")
    }

    /// Replaces what the project is configured to be.
    pub(crate) fn configure(&self, configuration: &str) {
        let env_file = self.project.path("frontend.env");
        self.project.configure(&format!("frontend.env-file = '{env_file}'\n{configuration}\n"));
    }

    /// Replaces the code by other code.
    pub(crate) fn package(self, content: &str) -> Self {
        self.packages([content; 2])
    }

    /// Replaces the code of each service.
    pub(crate) fn packages(mut self, contents: [&str; 2]) -> Self {
        let folder = self.project.path("packages");
        let content = |wanted: Service| Service::ALL.into_iter().zip(contents).find(|(service, _)| *service == wanted).unwrap().1;
        let entry = |service: Service| {
            let archive = format!("{service}: {}", content(service));
            let hash = Sha256::digest(&archive).iter().fold(String::new(), |hash, byte| format!("{hash}{byte:02x}"));
            let key = format!("{service}/{}.zip", &hash[..16]);
            fs::create_dir_all(folder.join(service.to_string())).unwrap();
            fs::write(folder.join(&key), &archive).unwrap();
            let bytes = archive.len();
            json!({ "service": service.bin(), "key": key, "zip_bytes": bytes, "zip_sha256": hash, "binary_bytes": bytes })
        };
        let packages = Service::ALL.map(entry);
        let key = |place: usize| packages[place]["key"].as_str().unwrap().parse().unwrap();
        let place = |wanted: Service| Service::ALL.iter().position(|service| *service == wanted).unwrap();
        self.settings.code = Service::ALL
            .into_iter()
            .fold(Code::not_packaged([]), |code, service| code.with(packages::of(service), key(place(service))));
        let list = json!({ "version": 1, "architecture": "arm64", "packages": packages });
        fs::write(folder.join("packages.json"), list.to_string()).unwrap();
        self
    }

    /// The name of a stack.
    pub(crate) fn name(&self, stack: StackId) -> String {
        self.settings.names.stack_name(stack)
    }

    /// Where it listens.
    pub(crate) fn url(&self) -> &str {
        &self.server.url
    }

    /// What is behind the port, while no call changes it.
    pub(crate) fn state(&self) -> MutexGuard<'_, State> {
        self.server.state()
    }

    /// From now on, this goes wrong.
    pub(crate) fn script(&self, rules: impl IntoIterator<Item = Rule>) {
        self.state().script = rules.into_iter().collect();
    }

    /// From now on, things take so long.
    pub(crate) fn latencies(&self, latencies: Latencies) {
        self.state().account.inventory.latencies = latencies;
    }

    /// What a deployment makes of a stack, in the account as it is.
    pub(crate) fn wanted(&self, stack: StackId) -> Definition {
        let state = self.state();
        let app: App = cart_infra::app(&self.settings);
        let bootstrap = BootstrapSettings { prefix: self.settings.names.prefix.clone(), artifact_bucket: true, logging_role: true };
        let bootstrap: Stack = cart_infra::bootstrap(&bootstrap);
        let wanted = app.stack(stack).unwrap_or(&bootstrap);
        let bucket = state.account.inventory.buckets.keys().next().cloned().unwrap_or_default();
        let value = |source: &ParameterSource| match source {
            ParameterSource::Shared(value) | ParameterSource::Value(value) => value.clone(),
            ParameterSource::ArtifactBucket => bucket.clone(),
        };
        let parameters = wanted.parameters().iter().map(|(name, source)| (name.clone(), value(source))).collect();
        state.account.define(&wanted.template().as_json(), &parameters, BTreeMap::new()).unwrap()
    }

    /// Brings these stacks about, as a deployment that went well has left them.
    pub(crate) fn deployed(self, stacks: &[StackId]) -> Self {
        for stack in stacks {
            let wanted = self.wanted(*stack);
            let mut state = self.state();
            let terms = Terms { retain_except_on_create: true, ..Terms::default() };
            let protected = self.settings.protected && *stack != stacks::BOOTSTRAP;
            state.account.carry_out(&self.name(*stack), wanted, terms).protected = protected;
            state.account.settle();
            if *stack == stacks::BOOTSTRAP {
                let keys = packages::ALL.map(|package| (self.settings.code.of(package).to_string(), Vec::new()));
                state.account.inventory.buckets.values_mut().for_each(|objects| objects.extend(keys.clone()));
            }
        }
        self
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        match self.spawn(arguments).wait() {
            Ended { code: Some(code), stdout, stderr, .. } => Run { code, stdout, stderr },
            Ended { signal, stderr, .. } => panic!("ended by signal {signal:?}\n{stderr}"),
        }
    }

    /// The program, as it is started. `deploy` takes the packages that were built before.
    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.project.command(arguments);
        command.args(["--region", REGION, "--endpoint-url", self.url()]);
        if matches!(arguments, ["deploy" | "diff", ..]) {
            command.args(["--packages", self.project.path("packages").as_str()]);
        }
        if self.settings.protected {
            command.args(["--stage", "production"]);
        }
        let keys = [("AWS_ACCESS_KEY_ID", "bench"), ("AWS_SECRET_ACCESS_KEY", "bench"), ("AWS_EC2_METADATA_DISABLED", "true")];
        command.envs(keys).env("HOME", self.project.path(""));
        command
    }

    /// Starts the program.
    pub(crate) fn spawn(&self, arguments: &[&str]) -> Running {
        let mut command = self.command(arguments);
        command.stdout(Stdio::piped()).stderr(Stdio::piped());
        // No call is answered before it is known who calls.
        let mut state = self.state();
        let child = command.spawn().unwrap();
        state.client = Some(Pid::from_child(&child));
        state.killed = false;
        Running { child }
    }

    /// No change set of ours lies around, nor a stack that was made only for one; everything is at rest, and nothing is gone that was
    /// to be retained.
    #[track_caller]
    pub(crate) fn is_tidy(&self) {
        let mut state = self.state();
        state.account.settle();
        let account = &state.account;
        assert_eq!(account.left_change_sets(), Vec::<&str>::new(), "change sets are left");
        assert_eq!(account.lost(), Vec::<&(String, String)>::new(), "something is lost");
        for stack in &account.stacks {
            assert!(stack.is_at_rest(), "{} is {}", stack.name, stack.status);
            let empty = stack.status.as_str() == "REVIEW_IN_PROGRESS" && stack.change_sets.is_empty();
            assert!(!empty, "{} is under review for nobody", stack.name);
        }
    }
}

/// The program, running.
pub(crate) struct Running {
    child: Child,
}

/// How it ended.
#[derive(Debug)]
pub(crate) struct Ended {
    /// The exit code, if it ended by itself.
    pub code: Option<i32>,
    /// The signal that ended it, if one did.
    pub signal: Option<i32>,
    /// The answer.
    pub stdout: String,
    /// The story.
    pub stderr: String,
}

impl Running {
    /// Waits for its end, and fails the test if that does not come.
    pub(crate) fn wait(mut self) -> Ended {
        let mut stdout = self.child.stdout.take().unwrap();
        let mut stderr = self.child.stderr.take().unwrap();
        let answer = thread::spawn(move || text(&mut stdout));
        let started = Instant::now();
        let pid = Pid::from_child(&self.child);
        let story = thread::spawn(move || text(&mut stderr));
        // Both are closed when it ends, so that waiting for them is waiting for it.
        while !(answer.is_finished() && story.is_finished()) {
            if started.elapsed() > PATIENCE {
                kill_process(pid, Signal::KILL).unwrap();
                panic!("it hangs:\n{}", story.join().unwrap());
            }
            thread::park_timeout(Duration::from_millis(5));
        }
        let status = self.child.wait().unwrap();
        let (stdout, stderr) = (answer.join().unwrap(), story.join().unwrap());
        Ended { code: status.code(), signal: status.signal(), stdout, stderr }
    }
}

fn text(stream: &mut impl Read) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}
