//! The commands: each reads as its own story. What several of them need is here.

use std::collections::BTreeMap;

use cart_infra::{App, Code, Stack, StackId};

use crate::{
    args::{Cli, Command, Frontend, Global, Target, Timed},
    aws::Aws,
    config::{self, Config, Environment, LocalChoice},
    domain::{
        event::Event,
        failure::Failure,
        stack::{Deployed, Resource, StackStatus},
    },
    error::Error,
    execute::{self, Context, all},
    plan::{self, Observed, ObservedStack},
    report::{Reporting, answer::Answer},
};

use self::interruption::interruptible;

mod attach;
mod delete;
mod deploy;
mod diff;
mod frontend;
mod frontend_env;
mod guard;
mod interruption;
mod local;
mod logs;
mod outputs;
mod package;
mod status;
mod synth;
mod totals;

/// Runs the command that was typed, until it is done or interrupted.
pub(crate) async fn run(cli: Cli, environment: &Environment, reporting: &Reporting) -> Result<Answer, Error> {
    let Cli { global, command } = cli;
    let aws = |target: &Target| load(&global, if target.local { LocalChoice::Running } else { LocalChoice::Aws }, environment);
    match command {
        Command::Synth(args) => synth::run(&args, &load(&global, LocalChoice::Aws, environment)?),
        Command::Package(args) => {
            interruptible(package::run(&args, &load(&global, LocalChoice::Aws, environment)?, reporting)).await
        }
        Command::Deploy(Timed { args, .. }) => deploy::run(&args, &aws(&args.selection.target)?, reporting).await,
        Command::Diff(args) => interruptible(diff::run(&args, &aws(&args.deploy.selection.target)?, reporting)).await,
        Command::Delete(Timed { args, .. }) => delete::run(&args, &aws(&args.selection.target)?, reporting).await,
        Command::Attach(Timed { args, .. }) => attach::run(&args, &aws(&args.target)?, reporting).await,
        Command::FrontendEnv(args) => interruptible(frontend_env::run(&args, &aws(&args.target)?)).await,
        Command::Frontend(Frontend::Deploy(args)) => frontend::deploy(&args, &aws(&args.target)?, reporting).await,
        Command::Status(target) => interruptible(status::run(&aws(&target)?)).await,
        Command::Totals(args) => totals::run(&args, &aws(&args.target)?, reporting).await,
        Command::Logs(args) => logs::run(&args, &aws(&args.target)?, reporting).await,
        Command::Outputs(target) => interruptible(outputs::run(&aws(&target)?)).await,
        // It ends by being interrupted, and has something to stop then.
        Command::ServeSite(args) => match crate::local::server::serve(&args.folder, args.port).await? {},
        Command::Local(args) => {
            local::run(
                &args,
                &load(&global, LocalChoice::Starting { port: args.port, site: !args.no_shop }, environment)?,
                reporting,
            )
            .await
        }
    }
}

fn load(global: &Global, local: LocalChoice, environment: &Environment) -> Result<Config, Error> {
    Ok(config::load(global, local, environment)?)
}

/// How often somebody else may come in between before a command gives up.
const ATTEMPTS: u32 = 3;

/// Does what plans and then carries out; where somebody else changed a stack in between, all of it again, for the plan may be another.
async fn replanning<T>(reporting: &Reporting, work: impl AsyncFn() -> Result<T, Error>) -> Result<T, Error> {
    for _ in 1..ATTEMPTS {
        match work().await {
            Err(Error::Execute(execute::Error::Busy { stack })) => {
                let text = format!("somebody else worked on {stack} in the meantime; planning again");
                reporting.telling(async |events| events.send(Event::Note { text })).await;
            }
            done => return done,
        }
    }
    work().await
}

/// The stacks as they would be with code that is not packaged: enough for names, paths and order.
fn app_without_code(config: &Config) -> App {
    cart_infra::app(&config.settings(Code::not_packaged()))
}

/// Makes sure that the definitions break no rule: a template that would be refused, or would be regretted, is not sent.
fn checked(app: App) -> Result<App, Error> {
    let findings = cart_infra::check::check(&app);
    if findings.is_empty() { Ok(app) } else { Err(Error::Findings(findings)) }
}

/// The stacks that were named, or all of them.
fn chosen(app: &App, named: &[StackId]) -> Vec<StackId> {
    app.stacks().iter().map(Stack::id).filter(|id| named.is_empty() || named.contains(id)).collect()
}

/// What there is of these stacks, once nothing is going on any more.
async fn observe_at_rest(stacks: &[Stack], config: &Config, context: &Context) -> Result<Observed, Error> {
    loop {
        let observed = observe(stacks, config, &context.aws).await?;
        let busy = plan::busy(&observed);
        if busy.is_empty() {
            return Ok(observed);
        }
        let following = busy.into_iter().map(|(stack, deployed)| {
            let (context, deployed) = (context.clone(), deployed.clone());
            let wanted = stacks.iter().find(|wanted| wanted.id() == stack).cloned();
            async move { context.attach(stack, wanted.as_ref(), &deployed).await }
        });
        all(following).await?;
    }
}

/// What there is of these stacks, asked for all at once; then what they published. In this order: what a stack that was seen complete
/// publishes is there, and seen the other way round it might not have been yet.
async fn observe(stacks: &[Stack], config: &Config, aws: &Aws) -> Result<Observed, Error> {
    let reading = stacks.iter().map(|stack| {
        let (id, name, aws) = (stack.id(), stack.name().to_owned(), aws.clone());
        async move { Ok::<_, Error>(observe_stack(&name, &aws).await?.map(|there| (id, there))) }
    });
    let stacks = all(reading).await?;
    Ok(Observed { stacks: stacks.into_iter().flatten().collect(), parameters: published(config, aws).await? })
}

/// What the stage's stacks have published, by full name.
async fn published(config: &Config, aws: &Aws) -> Result<BTreeMap<String, String>, Error> {
    let root = config.names.parameter_path("");
    Ok(aws.parameters_below(root.trim_end_matches('/')).await?)
}

async fn observe_stack(name: &str, aws: &Aws) -> Result<Option<ObservedStack>, Error> {
    let (deployed, template) = tokio::join!(there(name, aws), aws.template(name));
    let Some(mut deployed) = deployed? else { return Ok(None) };
    if plan::deploy::has_to_go(deployed.status) {
        // What the stack itself says is only that something failed. If its history cannot be had just now, that has to do.
        let history = aws.events_after(&deployed.id, None).await.unwrap_or_default();
        deployed.reason = Failure::first(&history, &deployed.id).or(deployed.reason);
    }
    // A stack under review has none yet, which is not always told in the same way.
    let template = if deployed.status == StackStatus::ReviewInProgress { None } else { template? };
    let resources = if plan::deploy::needs_resources(deployed.status, template.as_ref()) {
        aws.resources(&deployed.id).await?
    } else {
        Vec::new()
    };
    Ok(Some(ObservedStack { deployed, template, resources }))
}

/// What there is of these stacks now, without their templates: what a finished command tells of.
async fn observe_outputs(stacks: &[Stack], config: &Config, aws: &Aws) -> Result<Observed, Error> {
    let reading = stacks.iter().map(|stack| {
        let (id, name, aws) = (stack.id(), stack.name().to_owned(), aws.clone());
        async move {
            Ok::<_, Error>(
                there(&name, &aws).await?.map(|deployed| (id, ObservedStack { deployed, template: None, resources: Vec::new() })),
            )
        }
    });
    let (stacks, parameters) = tokio::try_join!(all(reading), published(config, aws))?;
    Ok(Observed { stacks: stacks.into_iter().flatten().collect(), parameters })
}

/// The resources of a stack: none where it is not there.
async fn resources(name: &str, aws: &Aws) -> Result<Vec<Resource>, Error> {
    match there(name, aws).await? {
        Some(deployed) => Ok(aws.resources(&deployed.id).await?),
        None => Ok(Vec::new()),
    }
}

/// A stack, if it is there: CloudFormation also tells of those that were deleted.
async fn there(name: &str, aws: &Aws) -> Result<Option<Deployed>, Error> {
    Ok(aws.stack(name).await?.filter(|deployed| deployed.status != StackStatus::DeleteComplete))
}

/// Says which account and region a command works on.
fn started(command: &'static str, config: &Config, account: &str, region: &str) -> Event {
    Event::Started {
        command,
        stage: config.stage(),
        account: account.to_owned(),
        region: region.to_owned(),
        endpoint: config.connection.endpoint.url().map(str::to_owned),
    }
}
