//! `cartctl deploy`: build → package → plan → approve → bootstrap → upload → execute → outputs and the frontend's `.env`.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use cart_contract::Service;
use cart_infra::{App, BootstrapSettings, Code, CodeKey, Stack, StackId};
use serde_json::{Value as Json, json};
use tokio::sync::watch;

use super::{
    checked, chosen, frontend_env, guard,
    interruption::{Interruption, interruptible, supervised},
    observe_at_rest, observe_outputs, outputs, package, replanning,
};
use crate::{
    args::{Deploy, RequireApproval},
    aws::{Aws, object_store::Bucket},
    config::Config,
    error::Error,
    event::{Event, Events},
    execute::{
        self, Context, Outcomes, Wish,
        deploy::{ChangeSets, Deployment},
    },
    package::{Artifact, Target, manifest},
    plan::{
        self, Observed, ObservedStack, bootstrap,
        deploy::{self, Reach, Step, Terms},
    },
    report::{self, Reporting, answer::Answer, ask},
    stack,
};

pub(super) async fn run(args: &Deploy, config: &Config, reporting: &Reporting) -> Result<Answer, Error> {
    guard::protected(config, args.protected_ok)?;
    let aws = interruptible(async { Ok(Aws::connect(&config.connection).await?) }).await?;
    let deployed = replanning(reporting, async || deploy_once(args, config, reporting, &aws).await).await?;
    Ok(deployed.answer())
}

async fn deploy_once(args: &Deploy, config: &Config, reporting: &Reporting, aws: &Aws) -> Result<Deployed, Error> {
    let made = ChangeSets::default();
    let approved = interruptible(async {
        let prepared = reporting
            .telling(async |events| {
                let (_going_on, wish) = watch::channel(Wish::GoOn);
                let context = Context { aws: aws.clone(), events, wish };
                prepare("deploy", args, config, &context).await?.with_change_sets(&made, &context).await
            })
            .await?;
        report::plan::show_deploy(&prepared.plan, config.verbose);
        if !prepared.is_empty() {
            // The local cloud is there to be tried on.
            if !config.yes && !config.connection.endpoint.is_local() && must_ask(args.require_approval, prepared.plan.reach()) {
                ask::approve("Deploy these changes?").await?;
            }
        }
        Ok(prepared)
    })
    .await;
    let prepared = match approved {
        Ok(prepared) => prepared,
        Err(error) => {
            discard(&made, aws, reporting).await?;
            return Err(error);
        }
    };
    reporting
        .telling(async |events| {
            supervised(&events, async |wish| {
                let context = Context { aws: aws.clone(), events: events.clone(), wish };
                execute(prepared, made, config, &context).await
            })
            .await
        })
        .await
}

/// Whether somebody has to be asked about a change as far-reaching as this.
fn must_ask(required: RequireApproval, reach: Reach) -> bool {
    match required {
        RequireApproval::Never => false,
        RequireApproval::Any => reach >= Reach::Any,
        RequireApproval::Broadening => reach >= Reach::Broadening,
        RequireApproval::Destructive => reach >= Reach::Destructive,
    }
}

/// Takes back what planning made. Another Ctrl-C does without.
async fn discard(made: &ChangeSets, aws: &Aws, reporting: &Reporting) -> Result<(), Error> {
    let mut interruption = Interruption::listen()?;
    let discarding = reporting.telling(async |events| {
        let (_going_on, wish) = watch::channel(Wish::GoOn);
        made.discard(&Context { aws: aws.clone(), events, wish }).await;
    });
    tokio::select! {
        () = discarding => {}
        () = interruption.wait() => {}
    }
    Ok(())
}

/// A deployment that lacks nothing but approval.
pub(super) struct Prepared {
    app: App,
    account: String,
    artifacts: Vec<Artifact>,
    observed: Observed,
    terms: Terms,
    plan: deploy::Plan,
}

impl Prepared {
    /// Whether there is nothing to do.
    pub(super) fn is_empty(&self) -> bool {
        self.plan.is_empty()
    }

    /// What is going to be done.
    pub(super) fn plan(&self) -> &deploy::Plan {
        &self.plan
    }

    /// Which code it brings.
    pub(super) fn code(&self) -> BTreeMap<Service, CodeKey> {
        self.artifacts.iter().map(|artifact| (artifact.service, artifact.key.clone())).collect()
    }

    /// The same, now that CloudFormation was asked what it would do.
    pub(super) async fn with_change_sets(mut self, made: &ChangeSets, context: &Context) -> Result<Self, Error> {
        let bucket = match &self.terms.bucket {
            deploy::Bucket::Named(name) => Some(Bucket { name: name.clone(), owner: self.account.clone() }),
            deploy::Bucket::Unasked | deploy::Bucket::ToBeMade => None,
        };
        self.plan = execute::deploy::prepare(self.plan, bucket.as_ref(), &self.terms, made, context).await?;
        if self.terms.protected {
            deploy::refuse_losses(&self.plan)?;
        }
        Ok(self)
    }
}

/// Builds, looks at what is there and plans by comparing templates, for the command of this name. Changes nothing.
pub(super) async fn prepare(command: &'static str, args: &Deploy, config: &Config, context: &Context) -> Result<Prepared, Error> {
    prepare_with(artifacts(args, config, &context.events), command, args, config, context).await
}

/// The same with code that somebody else is building, or has built.
pub(super) async fn prepare_with(
    artifacts: impl Future<Output = Result<Vec<Artifact>, Error>>,
    command: &'static str,
    args: &Deploy,
    config: &Config,
    context: &Context,
) -> Result<Prepared, Error> {
    let Context { aws, events, .. } = context;
    let account = guard::account(command, config, aws, events).await?;
    // Names and paths do not depend on the code.
    let names = super::app_without_code(config);
    let observing = observe_at_rest(names.stacks(), config, context);
    let (observed, artifacts) = match &args.bucket {
        None => tokio::try_join!(observing, artifacts)?,
        Some(name) => {
            let observed = observing.await?;
            // Before minutes are spent on building; a bucket that was deployed from before was looked at then.
            if !plan::deploy::is_in_use(&observed, name) {
                aws.check_bucket(&Bucket { name: name.clone(), owner: account.clone() }).await?;
            }
            (observed, artifacts.await?)
        }
    };
    let app = checked(cart_infra::app(&config.settings(code(&artifacts))))?;
    let wanted = chosen(&app, &args.selection.stacks);
    let mut terms = Terms {
        tags: config.tags.clone(),
        protected: config.protected && !config.connection.endpoint.is_local(),
        bucket: args.bucket.clone().map_or(deploy::Bucket::Unasked, deploy::Bucket::Named),
        leave_retained: args.leave_retained,
    };
    let mut plan = deploy::plan(&app, &wanted, &observed, &terms, None)?;
    if plan.steps.iter().any(|step| step.uses_code() && step.action != deploy::Action::Keep) {
        let (step, bucket) = plan_bootstrap(config, args.bucket.is_some(), &observed, context).await?;
        if terms.bucket == deploy::Bucket::Unasked {
            terms.bucket = bucket.map_or(deploy::Bucket::ToBeMade, deploy::Bucket::Named);
        }
        plan = deploy::plan(&app, &wanted, &observed, &terms, step)?;
    }
    Ok(Prepared { app, account, artifacts, observed, terms, plan })
}

/// The code, built now or before.
async fn artifacts(args: &Deploy, config: &Config, events: &Events) -> Result<Vec<Artifact>, Error> {
    match &args.packages {
        Some(folder) => Ok(manifest::read(folder, config.architecture).map_err(crate::package::Error::from)?),
        None => package::package(&package::request(config, target(config)), events).await,
    }
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
    own_bucket: bool,
    observed: &Observed,
    context: &Context,
) -> Result<(Option<Step>, Option<String>), Error> {
    let aws = &context.aws;
    // The name depends on nothing that has to be asked for.
    let everything = BootstrapSettings { prefix: config.names.prefix.clone(), artifact_bucket: true, logging_role: true };
    let name = cart_infra::bootstrap(&everything);
    let (gateway_role, there) = tokio::try_join!(
        async { Ok(aws.gateway_logging_role().await?) },
        observe_at_rest(std::slice::from_ref(&name), config, context)
    )?;
    let wanted = |there: Option<&ObservedStack>, owned_by_predecessor| {
        let view = bootstrap::View { there, own_bucket, gateway_role: gateway_role.as_deref(), owned_by_predecessor };
        let bootstrap::Content { artifact_bucket, logging_role } = bootstrap::content(&view);
        cart_infra::bootstrap(&BootstrapSettings { prefix: config.names.prefix.clone(), artifact_bucket, logging_role })
    };
    let predecessor = match observed.stacks.get(&StackId::Cart) {
        Some(cart) if !plan::is_ours(cart.template.as_ref()) => aws.resources(&cart.deployed.id).await?,
        _ => Vec::new(),
    };
    let owned_by_predecessor = predecessor.iter().any(|resource| resource.resource_type == "AWS::ApiGateway::Account");
    let stack = wanted(there.stacks.get(&StackId::Bootstrap), owned_by_predecessor);
    if stack.template().is_empty() {
        return Ok((None, None));
    }
    let bucket = there.stacks.get(&StackId::Bootstrap).and_then(|there| artifact_bucket(&there.deployed));
    let terms = Terms {
        tags: there.stacks.get(&StackId::Bootstrap).map(|there| there.deployed.tags.clone()).unwrap_or_default(),
        ..Terms::default()
    };
    Ok((Some(deploy::step(&stack, &there, &terms, Vec::new(), &[])?), bucket))
}

/// The bucket of the bootstrap stack, if it has one.
fn artifact_bucket(bootstrap: &stack::Deployed) -> Option<String> {
    bootstrap.outputs.get(cart_infra::ARTIFACT_BUCKET_OUTPUT).cloned()
}

/// What a deployment ended with.
pub(super) struct Deployed {
    app: App,
    observed: Observed,
    outcomes: Outcomes,
    env_file: Option<Utf8PathBuf>,
}

impl Deployed {
    /// An output of one of the stacks.
    pub(super) fn output(&self, stack: StackId, key: &str) -> Option<&str> {
        self.observed.stacks.get(&stack)?.deployed.outputs.get(key).map(String::as_str)
    }

    /// What the stacks are, and what they published.
    pub(super) fn published(&self) -> (&App, &BTreeMap<String, String>) {
        (&self.app, &self.observed.parameters)
    }

    fn answer(&self) -> Answer {
        let outputs = outputs::of(&self.app, &self.observed);
        let stack = |stack: &Stack| {
            let there = self.observed.stacks.get(&stack.id());
            let outcome = self.outcomes.get(&stack.id());
            json!({
                "stack": stack.id(), "name": stack.name(), "status": there.map(|there| there.deployed.status),
                "changed": outcome.is_some_and(|(outcome, _)| matches!(outcome, crate::event::Settled::Done { .. })),
                "took_ms": outcome.map_or(0, |(_, took)| took.as_millis()),
            })
        };
        let stacks: Vec<Json> = self.app.stacks().iter().map(stack).collect();
        let json = json!({ "stacks": stacks, "outputs": outputs, "env_file": self.env_file });
        Answer::table(&outputs::rows(&outputs), json)
    }
}

/// Carries out what was prepared and approved.
pub(super) async fn execute(prepared: Prepared, made: ChangeSets, config: &Config, context: &Context) -> Result<Deployed, Error> {
    let Prepared { app, account, artifacts, observed, terms, plan } = prepared;
    let (outcomes, observed) = if plan.is_empty() {
        (Outcomes::new(), observed)
    } else {
        let root = config.names.parameter_path("");
        let parameter_root = root.trim_end_matches('/').to_owned();
        let deployment = Deployment { plan, made, terms, artifacts, account, parameter_root };
        let (outcomes, result) = execute::deploy::run(deployment, context).await;
        result?;
        (outcomes, observe_outputs(app.stacks(), config, &context.aws).await?)
    };
    if config.connection.endpoint.is_local()
        && let Some(table) = observed.stacks.get(&StackId::Cart)
    {
        enable_expiry(&table.deployed.id, &context.aws).await?;
    }
    context.events.send(Event::Outputs { outputs: outputs::of(&app, &observed) });
    let published = app.stacks().iter().all(|stack| observed.stacks.contains_key(&stack.id()));
    let env_file = if published {
        frontend_env::write(&app, &observed.parameters, config, &context.aws.region)?;
        context.events.send(Event::Wrote { path: config.env_file.clone() });
        Some(config.env_file.clone())
    } else {
        context.events.send(Event::Note { text: "the frontend's .env is written once all stacks are deployed".to_owned() });
        None
    };
    Ok(Deployed { app, observed, outcomes, env_file })
}

/// Does for the local cloud what CloudFormation does on AWS.
async fn enable_expiry(cart: &str, aws: &Aws) -> Result<(), Error> {
    for table in aws.resources(cart).await?.iter().filter(|resource| resource.resource_type == "AWS::DynamoDB::Table") {
        aws.enable_time_to_live(&table.physical_id, "expirationTime").await?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_about_is_what_was_said_and_worse() {
        let asked =
            |required| [Reach::None, Reach::Any, Reach::Broadening, Reach::Destructive].map(|reach| must_ask(required, reach));
        assert_eq!(asked(RequireApproval::Never), [false, false, false, false]);
        assert_eq!(asked(RequireApproval::Any), [false, true, true, true]);
        assert_eq!(asked(RequireApproval::Broadening), [false, false, true, true]);
        assert_eq!(asked(RequireApproval::Destructive), [false, false, false, true]);
    }
}
