//! The shop on the fault bench: the real program, a project to deploy, and packages that were built before. What AWS does, and how it
//! fails, is the matter of [`cart_fault_bench`].

use std::{
    fs,
    ops::Deref,
    process::Command,
    sync::{Arc, Mutex, MutexGuard},
};

use aws_sdk_cloudformation::types::StackStatus;
use camino::Utf8PathBuf;
use cart_contract::Service;
use cart_fault_bench::{Blueprint, Ended, REGION, Running};
use cart_infra::{
    BootstrapSettings, Code, CodeHash, CodeKey, Monitoring, Settings, StackId, packages,
    stacks::{AUTH, BOOTSTRAP, CART, PRODUCTS},
};
use serde_json::{Value as Json, json};
use sha2::{Digest, Sha256};

use crate::{
    carts::Carts,
    program::{Project, Run},
    trusting::earlier,
};

/// The stacks that every deployment has, and the one that an account needs for them.
pub(crate) const SHOP: [StackId; 4] = [BOOTSTRAP, AUTH, PRODUCTS, CART];

/// An account, the program, and a project to deploy.
pub(crate) struct Bench {
    aws: cart_fault_bench::Bench,
    carts: Arc<Mutex<Carts>>,
    project: Project,
    settings: Settings,
}

impl Deref for Bench {
    type Target = cart_fault_bench::Bench;

    fn deref(&self) -> &Self::Target {
        &self.aws
    }
}

/// The shop's stacks, as deployments with these settings define them.
fn blueprints(settings: &Settings) -> impl Iterator<Item = Blueprint> {
    let (prefix, roles) = (settings.names.prefix.clone(), settings.roles.clone());
    let bootstrap = BootstrapSettings { prefix, artifact_bucket: true, logging_role: true, roles };
    let bootstrap = Blueprint::of(&cart_infra::bootstrap(&bootstrap));
    let app = cart_infra::app(settings);
    let stacks: Vec<_> =
        app.stacks().iter().map(|stack| Blueprint { protected: settings.protected, ..Blueprint::of(stack) }).collect();
    [bootstrap].into_iter().chain(stacks)
}

impl Bench {
    /// An empty account, and a project with packages that were built before.
    pub(crate) fn new() -> Self {
        Self::configured("", false)
    }

    /// The same, with a stage that is protected.
    pub(crate) fn protected() -> Self {
        Self::configured("stages.production.protected = true\nstages.production.allowed-origin = 'https://shop.example'", true)
    }

    fn configured(configuration: &str, protected: bool) -> Self {
        let project = Project::new("");
        let mut settings = Settings::new(Code::not_packaged(packages::ALL));
        if protected {
            settings.names.stage = "production".parse().map(cart_infra::Stage::Named).unwrap();
            settings.protected = true;
            settings.allowed_origin = "https://shop.example".parse().unwrap();
            // As cartctl.toml has it, which watches what it protects.
            settings.monitoring = Some(Monitoring::default());
        }
        let bench = Self { aws: cart_fault_bench::Bench::new([]), carts: Arc::default(), project, settings };
        let carts = Arc::clone(&bench.carts);
        bench.stand_in("DynamoDB_20120810", Box::new(move |call| carts.lock().unwrap().answer(call)));
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
            let hash = CodeHash::from(<[u8; 32]>::from(Sha256::digest(&archive)));
            let key = CodeKey::of(packages::of(service), hash).to_string();
            fs::create_dir_all(folder.join(service.to_string())).unwrap();
            fs::write(folder.join(&key), &archive).unwrap();
            let bytes = archive.len();
            json!({ "service": service.bin(), "key": key, "zip_bytes": bytes, "zip_sha256": hash, "binary_bytes": bytes })
        };
        let packages = Service::ALL.map(entry);
        for (service, package) in Service::ALL.into_iter().zip(&packages) {
            let [key, hash] = ["key", "zip_sha256"].map(|name| package[name].as_str().unwrap());
            self.settings.code = self.settings.code.clone().with(packages::of(service), hash.parse().unwrap());
            self.aws.archive(key, fs::read(folder.join(key)).unwrap());
        }
        let list = json!({ "version": 1, "architecture": "arm64", "packages": packages });
        fs::write(folder.join("packages.json"), list.to_string()).unwrap();
        self.aws.redefine(blueprints(&self.settings));
        self
    }

    /// Makes a stack of somebody else's, with this template and in this status, under the name of one of the shop's.
    pub(crate) fn foreign(&mut self, stack: StackId, template: &Json, status: &StackStatus) {
        let foreign = Blueprint::new(stack, &self.aws.name(stack), template.clone());
        self.aws.redefine([foreign]);
        self.aws.bring(stack, status);
        self.aws.redefine(blueprints(&self.settings));
    }

    /// Makes the stacks what an earlier cartctl would have made of them: none has a mark.
    pub(crate) fn deployed_without_marks(mut self, stacks: &[StackId]) -> Self {
        self.aws.redefine(blueprints(&self.settings).map(|mut blueprint| {
            blueprint.template["Outputs"].as_object_mut().unwrap().remove(cfn::MARK_OUTPUT).unwrap();
            blueprint
        }));
        self.aws.deploy(stacks);
        self.aws.redefine(blueprints(&self.settings));
        self
    }

    /// Makes the stacks what a cartctl would have made of them that believed in keys, with the same code.
    pub(crate) fn deployed_by_an_earlier_version(mut self, stacks: &[StackId]) -> Self {
        for key in self.code() {
            let (service, _) = key.split_once('/').unwrap();
            self.aws.archive(&format!("{service}/earlier.zip"), fs::read(self.project.path("packages").join(&key)).unwrap());
        }
        self.aws.redefine(
            blueprints(&self.settings).map(|blueprint| Blueprint { template: earlier(&blueprint.template), ..blueprint }),
        );
        self.aws.deploy(stacks);
        self.aws.redefine(blueprints(&self.settings));
        self
    }

    /// The keys of the code.
    pub(crate) fn code(&self) -> Vec<String> {
        packages::ALL.map(|package| CodeKey::of(package, self.settings.code.of(package)).to_string()).to_vec()
    }

    /// The mark of a stack.
    pub(crate) fn mark(&self, stack: StackId) -> String {
        self.aws.blueprint(stack).template["Outputs"][cfn::MARK_OUTPUT]["Value"].as_str().unwrap().to_owned()
    }

    /// The table of carts. No call is answered while this is held.
    pub(crate) fn carts(&self) -> MutexGuard<'_, Carts> {
        self.carts.lock().unwrap()
    }

    /// Deploys these stacks without the program, as deployments that went well.
    pub(crate) fn deployed(self, stacks: &[StackId]) -> Self {
        self.deploy(stacks);
        self
    }

    /// A path in the folder of the project, where the frontend's configuration is `frontend.env`.
    pub(crate) fn path(&self, name: &str) -> Utf8PathBuf {
        self.project.path(name)
    }

    /// A text without what is another with every bench.
    pub(crate) fn anonymous(&self, text: &str) -> String {
        self.project.anonymous(&text.replace(self.url(), "[url]"))
    }

    /// Runs the program to its end.
    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        match self.start(arguments).wait() {
            Ended { code: Some(code), stdout, stderr, .. } => Run { code, stdout, stderr },
            Ended { signal, stderr, .. } => panic!("ended by signal {signal:?}\n{stderr}"),
        }
    }

    /// Starts the program.
    pub(crate) fn start(&self, arguments: &[&str]) -> Running {
        self.spawn(&mut self.command(arguments))
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

    /// The program as it is started where the environment says everything, with the keys of a profile.
    pub(crate) fn command_of_environment(&self, arguments: &[&str]) -> Command {
        let mut command = self.project.command(arguments);
        let home = self.project.path("home");
        fs::create_dir_all(home.join(".aws")).unwrap();
        let keys = "[shop%1]\naws_access_key_id = bench\naws_secret_access_key = bench\n";
        fs::write(home.join(".aws/credentials"), keys).unwrap();
        command.env("HOME", home).env("AWS_EC2_METADATA_DISABLED", "true").env("AWS_PROFILE", "shop%1");
        command.env("AWS_DEFAULT_REGION", REGION).env("AWS_ENDPOINT_URL", self.url());
        if self.settings.protected {
            command.env("CARTCTL_STAGE", "production");
        }
        command
    }
}
