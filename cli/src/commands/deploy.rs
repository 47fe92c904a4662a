//! `cartctl deploy`: build → package → plan → approve → bootstrap → upload → execute → outputs and the frontend's `.env`.

use camino::Utf8PathBuf;
use cart_contract::Service;
use cart_infra::{App, BootstrapSettings, Code, Stack, StackId};
use serde_json::{Value as Json, json};

use super::{all, checked, chosen, frontend_env, observe, observe_at_rest, outputs, package, poll, started};
use crate::{
    args::Deploy,
    aws::{Aws, object_store::Bucket},
    config::Config,
    error::Error,
    event::{Event, Events},
    execute,
    package::{Artifact, Target, manifest},
    plan::{self, BootstrapView, DeployPlan, Observed},
    report::{self, Reporting, answer::Answer, ask},
    stack,
};

pub(super) async fn run(args: &Deploy, config: &Config, reporting: &Reporting) -> Result<Answer, Error> {
    let aws = Aws::connect(&config.connection).await?;
    let prepared = reporting.telling(async |events| prepare("deploy", args, config, &aws, &events).await).await?;
    if !prepared.is_empty() {
        report::plan::show_deploy(prepared.steps());
        // The local cloud is there to be tried on.
        if !config.connection.endpoint.is_local() {
            ask::approve("Deploy these changes?", config.yes)?;
        }
    }
    let deployed = reporting.telling(async |events| execute(prepared, config, &aws, &events).await).await?;
    Ok(deployed.answer())
}

/// A deployment that lacks nothing but approval.
pub(super) struct Prepared {
    app: App,
    account: String,
    bucket: Option<String>,
    artifacts: Vec<Artifact>,
    bootstrap: Option<DeployPlan>,
    stacks: DeployPlan,
}

impl Prepared {
    /// Whether there is nothing to do.
    pub(super) fn is_empty(&self) -> bool {
        self.stacks.is_empty() && self.bootstrap.as_ref().is_none_or(DeployPlan::is_empty)
    }

    /// Whether something is taken away or replaced.
    pub(super) fn is_destructive(&self) -> bool {
        self.stacks.is_destructive()
    }

    /// Every step, in order.
    pub(super) fn steps(&self) -> impl Iterator<Item = &plan::DeployStep> {
        self.bootstrap.iter().flat_map(|plan| &plan.steps).chain(&self.stacks.steps)
    }
}

/// Builds, looks at what is there and plans, for the command of this name. Changes nothing.
pub(super) async fn prepare(
    command: &'static str,
    args: &Deploy,
    config: &Config,
    aws: &Aws,
    events: &Events,
) -> Result<Prepared, Error> {
    let account = aws.account().await?;
    events.send(started(command, config, &account, &aws.region));
    if let Some(name) = &args.bucket {
        aws.check_bucket(&Bucket { name: name.clone(), owner: account.clone() }).await?;
    }
    let artifacts = match &args.packages {
        Some(folder) => manifest::read(folder, config.architecture).map_err(crate::package::Error::from)?,
        None => package::package(&package::request(config, target(config)), events).await?,
    };
    let app = checked(cart_infra::app(&config.settings(code(&artifacts))))?;
    let observed = observe_at_rest(app.stacks(), config, aws, events).await?;
    let bootstrap = plan_bootstrap(config, aws, args.bucket.is_some(), &observed, events).await?;
    let bucket = args.bucket.clone().or_else(|| bootstrap.as_ref().and_then(|(_, bucket)| bucket.clone()));
    let stacks = plan::deploy(&app, &chosen(&app, &args.selection.stacks), &observed, bucket.as_deref())?;
    Ok(Prepared { app, account, bucket, artifacts, bootstrap: bootstrap.map(|(plan, _)| plan), stacks })
}

/// What to build for: the local cloud runs the functions as processes of this machine.
pub(super) fn target(config: &Config) -> Target {
    if config.connection.endpoint.is_local() { Target::Host } else { Target::Lambda(config.architecture) }
}

/// Where the templates find the code.
pub(super) fn code(artifacts: &[Artifact]) -> Code {
    let mut code = Code::not_packaged();
    for artifact in artifacts {
        let key = artifact.key.clone();
        match artifact.service {
            Service::Products => code.products = key,
            Service::Cart => code.cart = key,
        }
    }
    code
}

/// Plans the bootstrap stack, where it is needed or there; also the name of its bucket, where it has one.
async fn plan_bootstrap(
    config: &Config,
    aws: &Aws,
    own_bucket: bool,
    observed: &Observed,
    events: &Events,
) -> Result<Option<(DeployPlan, Option<String>)>, Error> {
    let gateway_role = aws.gateway_logging_role().await?;
    let wanted = |there: Option<&plan::ObservedStack>, owned_by_predecessor| {
        let view = BootstrapView { there, own_bucket, gateway_role: gateway_role.as_deref(), owned_by_predecessor };
        let (artifact_bucket, logging_role) = plan::bootstrap(&view);
        cart_infra::bootstrap(&BootstrapSettings { prefix: config.names.prefix.clone(), artifact_bucket, logging_role })
    };
    let name = wanted(None, false);
    let there = observe_at_rest(std::slice::from_ref(&name), config, aws, events).await?;
    let predecessor = match observed.stacks.get(&StackId::Cart) {
        Some(cart) if !plan::is_ours(cart.template.as_ref()) => aws.resources(&cart.deployed.id).await?,
        _ => Vec::new(),
    };
    let owned_by_predecessor = predecessor.iter().any(|resource| resource.resource_type == "AWS::ApiGateway::Account");
    let stack = wanted(there.stacks.get(&StackId::Bootstrap), owned_by_predecessor);
    if stack.template().is_empty() {
        return Ok(None);
    }
    let bucket = there.stacks.get(&StackId::Bootstrap).and_then(|there| artifact_bucket(&there.deployed));
    Ok(Some((plan::deploy_one(&stack, &there)?, bucket)))
}

/// The bucket of the bootstrap stack, if it has one.
fn artifact_bucket(bootstrap: &stack::Deployed) -> Option<String> {
    bootstrap.outputs.get("ArtifactBucketName").cloned()
}

/// What a deployment ended with.
pub(super) struct Deployed {
    app: App,
    observed: Observed,
    env_file: Option<Utf8PathBuf>,
}

impl Deployed {
    /// An output of one of the stacks.
    pub(super) fn output(&self, stack: StackId, key: &str) -> Option<&str> {
        self.observed.stacks.get(&stack)?.deployed.outputs.get(key).map(String::as_str)
    }

    fn answer(&self) -> Answer {
        let outputs = outputs::of(&self.app, &self.observed);
        let stack = |stack: &Stack| {
            let there = self.observed.stacks.get(&stack.id());
            json!({ "stack": stack.id(), "name": stack.name(), "status": there.map(|there| there.deployed.status) })
        };
        let stacks: Vec<Json> = self.app.stacks().iter().map(stack).collect();
        let json = json!({ "stacks": stacks, "outputs": outputs, "env_file": self.env_file });
        Answer::table(&outputs::rows(&outputs), json)
    }
}

/// Carries out what was prepared and approved.
pub(super) async fn execute(prepared: Prepared, config: &Config, aws: &Aws, events: &Events) -> Result<Deployed, Error> {
    let Prepared { app, account, mut bucket, artifacts, bootstrap, stacks } = prepared;
    if let Some(bootstrap) = bootstrap {
        let name = bootstrap.steps.first().map(|step| step.name.clone()).unwrap_or_default();
        execute::deploy(bootstrap, aws, None, poll(config), events).await?;
        if bucket.is_none() {
            bucket = aws.stack(&name).await?.as_ref().and_then(artifact_bucket);
        }
    }
    let bucket = bucket.map(|name| Bucket { name, owner: account });
    if let Some(bucket) = bucket.as_ref().filter(|_| !stacks.is_empty()) {
        upload(&artifacts, bucket, aws, events).await?;
    }
    execute::deploy(stacks, aws, bucket.as_ref(), poll(config), events).await?;
    let observed = observe(app.stacks(), config, aws).await?;
    if config.connection.endpoint.is_local()
        && let Some(table) = observed.stacks.get(&StackId::Cart)
    {
        enable_expiry(&table.deployed.id, aws).await?;
    }
    events.send(Event::Outputs { outputs: outputs::of(&app, &observed) });
    let published = app.stacks().iter().all(|stack| observed.stacks.contains_key(&stack.id()));
    let env_file = if published {
        frontend_env::write(&app, &observed.parameters, config, &aws.region)?;
        events.send(Event::Wrote { path: config.env_file.clone() });
        Some(config.env_file.clone())
    } else {
        events.send(Event::Note { text: "the frontend's .env is written once all stacks are deployed".to_owned() });
        None
    };
    Ok(Deployed { app, observed, env_file })
}

/// Puts the code into the bucket, unless it is there: the key is the hash of the content.
async fn upload(artifacts: &[Artifact], bucket: &Bucket, aws: &Aws, events: &Events) -> Result<(), Error> {
    let uploads = artifacts.iter().cloned().map(|artifact| {
        let (bucket, aws, events) = (bucket.clone(), aws.clone(), events.clone());
        async move {
            let key = artifact.key.as_str();
            let present = aws.has_object(&bucket, key).await?;
            if !present {
                let putting = aws.put_file(&bucket, key, &artifact.path);
                events.during(&format!("uploading the code of {}", artifact.service), putting).await?;
            }
            events.send(Event::Stored { key: key.to_owned(), bytes: artifact.zip_bytes, present });
            Ok(())
        }
    });
    all(uploads).await?;
    Ok(())
}

/// Does for the local cloud what CloudFormation does on AWS.
async fn enable_expiry(cart: &str, aws: &Aws) -> Result<(), Error> {
    for table in aws.resources(cart).await?.iter().filter(|resource| resource.resource_type == "AWS::DynamoDB::Table") {
        aws.enable_time_to_live(&table.physical_id, "expirationTime").await?;
    }
    Ok(())
}
