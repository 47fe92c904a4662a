//! `cartctl deploy`: build → package → plan → approve → bootstrap → upload → execute → outputs and the frontend's `.env`.

use std::collections::BTreeMap;

use camino::Utf8PathBuf;
use cart_contract::Service;
use cart_infra::{ARTIFACT_BUCKET_PARAMETER, App, BootstrapSettings, Code, CodeKey, Origin, Settings, Stack, StackId};
use serde_json::{Value as Json, json};
use tokio::sync::watch;

use super::{
    checked, frontend, frontend_env, guard,
    interruption::{Interruption, interruptible, supervised},
    observe_at_rest, observe_outputs, outputs, package, replanning,
};
use crate::{
    args::{Deploy, RequireApproval},
    aws::{Aws, object_store::Bucket},
    build::{manifest, package::Target, site},
    config::{self, Config},
    domain::{
        event::{Event, Events},
        package::Artifact,
        stack,
    },
    error::Error,
    execute::{
        self, Context, Outcomes, Wish,
        deploy::{ChangeSets, Deployment},
    },
    plan::{
        self, Observed, ObservedStack, bootstrap,
        deploy::{self, Reach, Step, Terms},
        web,
    },
    report::{self, Reporting, answer::Answer, ask},
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
                let prepared = prepare("deploy", args, config, &context).await?;
                if prepared.with_page {
                    // Before anything is made that would wait for it.
                    site::check(&config.shop).await?;
                }
                prepared.with_change_sets(&made, &context).await
            })
            .await?;
        report::plan::show_deploy(&prepared.plan, &prepared.again, config.verbose);
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
                let (with_page, account) = (prepared.with_page, prepared.account.clone());
                let nobody_is_told = prepared.page.is_none() && prepared.again.is_empty();
                let deployed = execute(prepared, made, config, &context).await?;
                if with_page && let Some(web) = web::of(&deployed.observed) {
                    let publishing = frontend::publish(&web, &deployed.observed, &account, config, &context);
                    tokio::select! {
                        published = publishing => published?,
                        () = stopped(&context) => return Err(Error::PageInterrupted),
                    }
                    if nobody_is_told {
                        events.send(Event::Note { text: not_allowed(&web.url, config) });
                    }
                    events.send(Event::Note { text: format!("the shop is at {}", web.url) });
                }
                Ok(deployed)
            })
            .await
        })
        .await
}

/// That the APIs do not allow the stage's own page, and why.
fn not_allowed(page: &str, config: &Config) -> String {
    let allowed = config.allowed_origin(None);
    if config.has_own_origin() {
        format!("the stage's `allowed-origin` is {allowed}, so that its own page at {page} cannot change a cart")
    } else {
        format!(
            "products and cart do not allow the page at {page} yet, so that it cannot change a cart: `cartctl deploy` tells them"
        )
    }
}

/// Returns once it is wanted that nothing goes on.
async fn stopped(context: &Context) {
    if context.wish.clone().wait_for(|wish| *wish != Wish::GoOn).await.is_err() {
        std::future::pending::<()>().await;
    }
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
    /// Whether the page is built and put online at the end.
    with_page: bool,
    /// The page's origin, if it has one already.
    page: Option<Origin>,
    /// The stacks that are told of the page's address at the end.
    again: Vec<StackId>,
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

    /// The stacks that are updated once more at the end of it.
    pub(super) fn again(&self) -> &[StackId] {
        &self.again
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

    /// The same, unless something would be lost: of that nothing was said when it was asked for.
    fn only_what_was_told(self) -> Result<Self, Error> {
        match self.plan.steps.iter().find(|step| step.reach() == Reach::Destructive) {
            None => Ok(self),
            Some(step) => {
                let resources = step.destroyed().into_iter().map(str::to_owned).collect();
                Err(execute::Error::Untold { stack: step.stack(), resources }.into())
            }
        }
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
    let asked_bucket = args.bucket.as_ref().or(config.bucket.as_ref());
    let (observed, artifacts) = match asked_bucket {
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
    let page = page(&observed)?;
    let app = app(&artifacts, page.as_ref(), config)?;
    let wanted = web::wanted(&app, &args.selection.stacks, args.with_web, &observed);
    if let Some(page) = page.as_ref().filter(|page| config.allowed_origin(Some(page)) != *page) {
        events.send(Event::Note { text: not_allowed(page.as_str(), config) });
    }
    let mut terms = Terms {
        tags: config.tags.clone(),
        protected: config.protected && !config.connection.endpoint.is_local(),
        bucket: asked_bucket.cloned().map_or(deploy::Bucket::Unasked, deploy::Bucket::Named),
        leave_retained: args.leave_retained,
    };
    let mut plan = deploy::plan(&app, &wanted, &observed, &terms, None)?;
    if plan.steps.iter().any(|step| step.uses_code() && step.action != deploy::Action::Keep) {
        let (step, bucket) = plan_bootstrap(config, asked_bucket.is_some(), &observed, context).await?;
        if terms.bucket == deploy::Bucket::Unasked {
            terms.bucket = bucket.map_or(deploy::Bucket::ToBeMade, deploy::Bucket::Named);
        }
        plan = deploy::plan(&app, &wanted, &observed, &terms, step)?;
    }
    let again = if config.has_own_origin() { Vec::new() } else { web::told_later(&plan) };
    Ok(Prepared { app, account, artifacts, observed, terms, plan, with_page: wanted.contains(&StackId::Web), page, again })
}

/// The stacks with this code, allowing this page.
fn app(artifacts: &[Artifact], page: Option<&Origin>, config: &Config) -> Result<App, Error> {
    let allowed_origin = config.allowed_origin(page).clone();
    checked(cart_infra::app(&Settings { allowed_origin, ..config.settings(code(artifacts)) }))
}

/// The origin of the stage's own page, if it has one. Where there is one, no other is ever put in its place because it cannot be read.
fn page(observed: &Observed) -> Result<Option<Origin>, Error> {
    let parsed = |web: web::Web| {
        web.url.parse().map_err(|error: cart_infra::Invalid| config::Error::Value {
            name: "the output WebUrl of the web stack",
            reason: error.to_string(),
        })
    };
    Ok(web::of(observed).map(parsed).transpose()?)
}

/// The code, built now or before.
async fn artifacts(args: &Deploy, config: &Config, events: &Events) -> Result<Vec<Artifact>, Error> {
    match &args.packages {
        Some(folder) => Ok(manifest::read(folder, config.architecture).map_err(crate::build::package::Error::from)?),
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

    /// What is published, by full name.
    pub(super) fn published(&self) -> &BTreeMap<String, String> {
        &self.observed.parameters
    }

    fn answer(&self) -> Answer {
        let outputs = outputs::of(&self.app, &self.observed);
        let stack = |stack: &Stack| {
            let there = self.observed.stacks.get(&stack.id());
            let outcome = self.outcomes.get(&stack.id());
            json!({
                "stack": stack.id(), "name": stack.name(), "status": there.map(|there| there.deployed.status),
                "changed": outcome.is_some_and(|(outcome, _)| matches!(outcome, crate::domain::event::Settled::Done { .. })),
                "took_ms": outcome.map_or(0, |(_, took)| took.as_millis()),
            })
        };
        // That there is no page is no news.
        let is_told = |stack: &&Stack| stack.id() != StackId::Web || self.observed.stacks.contains_key(&StackId::Web);
        let stacks: Vec<Json> = self.app.stacks().iter().filter(is_told).map(stack).collect();
        let url = web::of(&self.observed).map(|web| web.url);
        let json = json!({ "stacks": stacks, "outputs": outputs, "env_file": self.env_file, "url": url });
        Answer::table(&outputs::rows(&outputs), json)
    }
}

/// Carries out what was prepared and approved.
pub(super) async fn execute(prepared: Prepared, made: ChangeSets, config: &Config, context: &Context) -> Result<Deployed, Error> {
    let first = carry_out(prepared, made, config, context).await?;
    let Carried { app, observed, outcomes } =
        if first.again.is_empty() { first.carried } else { tell_of_page(first, config, context).await? };
    if config.connection.endpoint.is_local()
        && let Some(table) = observed.stacks.get(&StackId::Cart)
    {
        enable_expiry(&table.deployed.id, &context.aws).await?;
    }
    context.events.send(Event::Outputs { outputs: outputs::of(&app, &observed) });
    let needed = app.stacks().iter().map(Stack::id).filter(|id| *id != StackId::Web);
    let published = needed.into_iter().all(|id| observed.stacks.contains_key(&id));
    let env_file = if published {
        frontend_env::write(&observed.parameters, config, &context.aws.region)?;
        context.events.send(Event::Wrote { path: config.env_file.clone() });
        Some(config.env_file.clone())
    } else {
        context.events.send(Event::Note { text: "the frontend's .env is written once all stacks are deployed".to_owned() });
        None
    };
    Ok(Deployed { app, observed, outcomes, env_file })
}

/// What a plan has led to.
struct Carried {
    app: App,
    observed: Observed,
    outcomes: Outcomes,
}

/// The same, with what is needed to go on.
struct First {
    carried: Carried,
    account: String,
    artifacts: Vec<Artifact>,
    terms: Terms,
    again: Vec<StackId>,
}

async fn carry_out(prepared: Prepared, made: ChangeSets, config: &Config, context: &Context) -> Result<First, Error> {
    let Prepared { app, account, artifacts, observed, terms, plan, again, .. } = prepared;
    if plan.is_empty() {
        let carried = Carried { app, observed, outcomes: Outcomes::new() };
        return Ok(First { carried, account, artifacts, terms, again });
    }
    let root = config.names.parameter_path("");
    let parameter_root = root.trim_end_matches('/').to_owned();
    let deployment =
        Deployment { plan, made, terms: terms.clone(), artifacts: artifacts.clone(), account: account.clone(), parameter_root };
    let (outcomes, result) = execute::deploy::run(deployment, context).await;
    result?;
    let observed = observe_outputs(app.stacks(), config, &context.aws).await?;
    Ok(First { carried: Carried { app, observed, outcomes }, account, artifacts, terms, again })
}

/// Has the APIs allow the page, whose address has just come into being. It was announced with the plan, and changes nothing else; where
/// it is not reached, the next deployment does it, since it finds the address.
async fn tell_of_page(first: First, config: &Config, context: &Context) -> Result<Carried, Error> {
    let First { carried, account, artifacts, terms, again } = first;
    let Some(page) = page(&carried.observed)? else { return Ok(carried) };
    let names = again.iter().map(ToString::to_string).collect::<Vec<_>>().join(" and ");
    context.events.send(Event::Note { text: format!("updating {names} once more, to allow the page at {page}") });
    let observed = observe_at_rest(carried.app.stacks(), config, context).await?;
    let app = app(&artifacts, Some(&page), config)?;
    let there = again.iter().find_map(|id| observed.stacks.get(id)?.deployed.parameters.get(ARTIFACT_BUCKET_PARAMETER));
    let bucket = there.map_or(deploy::Bucket::Unasked, |bucket| deploy::Bucket::Named(bucket.value.clone()));
    let terms = Terms { bucket, ..terms };
    let plan = deploy::plan(&app, &again, &observed, &terms, None)?;
    let made = ChangeSets::default();
    let prepared =
        Prepared { app, account, artifacts, observed, terms, plan, with_page: false, page: Some(page), again: Vec::new() };
    let prepared = match prepared.with_change_sets(&made, context).await.and_then(Prepared::only_what_was_told) {
        Ok(prepared) => prepared,
        Err(error) => {
            made.discard(context).await;
            return Err(error);
        }
    };
    let second = carry_out(prepared, made, config, context).await.map_err(|error| match error {
        // What came before is done.
        Error::Execute(execute::Error::Failed { failed, .. }) => execute::Error::Failed { failed, partial: true }.into(),
        error => error,
    })?;
    let mut outcomes = carried.outcomes;
    for (stack, (outcome, took)) in second.carried.outcomes {
        let before = outcomes.get(&stack).map_or(std::time::Duration::ZERO, |(_, took)| *took);
        outcomes.insert(stack, (outcome, before + took));
    }
    Ok(Carried { outcomes, ..second.carried })
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
