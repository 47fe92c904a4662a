//! The commands: each reads as its own story. This file has their shared parts.

use cart_infra::{App, Stack, StackId};

use crate::{
    args::{Cli, Command, Frontend, Global, Target, Timed},
    aws::Aws,
    config::{self, Config, Environment, LocalChoice, Variable},
    domain::{
        connection::{Connection, Endpoint},
        event::{Event, Events},
        notice::Notice,
    },
    error::Error,
    execute::{self, Session},
    plan::deploy::Definitions,
    report::{
        Reporting,
        answer::Answer,
        ask::{self, Place, Question, Reply},
    },
    shop::no_code,
};

use self::interruption::interruptible;

mod attach;
mod delete;
mod deploy;
mod deployment;
mod diff;
mod frontend_env;
mod guard;
mod interruption;
mod local;
mod logs;
mod outputs;
mod package;
mod site;
mod status;
mod synth;
mod totals;

/// Runs the requested command until it is done or interrupted. Reporting surrounds the whole command, interruption the parts
/// that it may end.
pub(crate) async fn run(cli: Cli, environment: &Environment, reporting: &Reporting) -> Result<Answer, Error> {
    reporting.telling(async |events| Box::pin(command(cli, environment, &events, reporting)).await).await
}

async fn command(cli: Cli, environment: &Environment, events: &Events, reporting: &Reporting) -> Result<Answer, Error> {
    let Cli { global, command } = cli;
    let load = |choice| load(&global, choice, environment, reporting);
    let aws = |target: &Target| load(if target.local { LocalChoice::Running } else { LocalChoice::Aws });
    match command {
        Command::Synth(args) => synth::run(&args, &load(LocalChoice::Aws)?),
        Command::Package(args) => interruptible(package::run(&args, &load(LocalChoice::Aws)?, events)).await,
        Command::Deploy(Timed { args, .. }) => deploy::run(&args, &aws(&args.planning.selection.target)?, events).await,
        Command::Diff(args) => interruptible(diff::run(&args, &aws(&args.planning.selection.target)?, events)).await,
        Command::Delete(Timed { args, .. }) => delete::run(&args, &aws(&args.selection.target)?, events).await,
        Command::Attach(Timed { args, .. }) => attach::run(&args, &aws(&args.selection.target)?, events).await,
        Command::FrontendEnv(args) => interruptible(frontend_env::run(&args, &aws(&args.target)?, events)).await,
        Command::Frontend(Frontend::Deploy(args)) => site::deploy(&args, &aws(&args.target)?, events).await,
        Command::Status(target) => interruptible(status::run(&aws(&target)?, events)).await,
        Command::Totals(args) => totals::run(&args, &aws(&args.target)?, events).await,
        Command::Logs(args) => logs::run(&args, &aws(&args.target)?, events, reporting).await,
        Command::Outputs(target) => interruptible(outputs::run(&aws(&target)?, events)).await,
        // Ends only by an interruption, and then has to stop its server.
        Command::ServeSite(args) => match crate::local::server::serve(&args.folder, args.port).await? {},
        Command::Local(args) if args.credentials => local::credentials(&args, &load(LocalChoice::Running)?),
        Command::Local(args) => {
            local::run(&args, &load(LocalChoice::Starting { port: args.port, site: !args.no_shop })?, events, reporting).await
        }
    }
}

/// A session that only reads, in the stage's own account and region; reports both. Looks at the stack `first` first.
async fn open(command: &'static str, first: StackId, config: &Config, events: &Events) -> Result<Session, Error> {
    let aws = connect(config, events).await?;
    config.check_region(&aws.region)?;
    let session = match &config.pin {
        // Nothing is read in an account that may be the wrong one.
        Some(_) => {
            let account = aws.account().await?;
            Session::looking(aws, account, events.clone())
        }
        None => Session::beginning_with(&config.names.stack_name(first), aws, events.clone()).await?,
    };
    guard::account(command, config, &session.account, &session.aws.region, events)?;
    Ok(session)
}

/// A session that only reads, with what `reading` has read in it. The account of a stage that belongs to one is verified meanwhile and
/// reported; nothing that was read elsewhere is returned.
async fn look<T>(
    command: &'static str,
    config: &Config,
    events: &Events,
    reading: impl AsyncFnOnce(&Session) -> Result<T, Error>,
) -> Result<(Session, T), Error> {
    let session = Session::looking(connect(config, events).await?, String::new(), events.clone());
    let verifying = async {
        match &config.pin {
            Some(_) => {
                config.check_region(&session.aws.region)?;
                guard::account(command, config, &session.aws.account().await?, &session.aws.region, events)
            }
            None => Ok(()),
        }
    };
    // Reading may fail because the account is the wrong one, which is the better reason then.
    let ((), read) = tokio::try_join!(verifying, async { Ok(reading(&session).await) })?;
    Ok((session, read?))
}

async fn connect(config: &Config, events: &Events) -> Result<Aws, Error> {
    if let Some((Variable { name, value }, region)) = config.ignored_region.as_ref().zip(config.connection.region.as_ref()) {
        events.notice(Notice::RegionOfStage { region: region.to_string(), variable: name.clone(), value: value.clone() });
    }
    Ok(Aws::connect(&config.connection, ask::mfa_code).await?)
}

/// The settings. Also says what they mean for the commands in messages.
fn load(global: &Global, local: LocalChoice, environment: &Environment, reporting: &Reporting) -> Result<Config, Error> {
    let config = config::load(global, local, environment)?;
    reporting.work_at(|here| {
        if config.ignored_region.is_some() {
            here.region = None;
        }
        if let Connection { endpoint: Endpoint::Local(url), region: Some(region), .. } = &config.connection {
            here.local_cloud = Some((region.to_string(), url.to_string()));
        }
    });
    Ok(config)
}

/// How often another process may change a stack in between before a command gives up.
const ATTEMPTS: u32 = 3;

/// Plans and carries out; repeats both if another process changed a stack in between, because the plan may differ.
async fn replanning<T>(session: &Session, work: impl AsyncFn() -> Result<T, Error>) -> Result<T, Error> {
    for _ in 1..ATTEMPTS {
        match work().await {
            Err(Error::Execute(execute::Error::Busy { stack })) => session.events.notice(Notice::Replanning { stack }),
            done => return done,
        }
    }
    work().await
}

/// Asks for approval of what is done with this session.
async fn approved(question: Question<'_>, config: &Config, session: &Session) -> Result<bool, Error> {
    let (stage, endpoint) = (config.stage(), config.connection.endpoint.url());
    let place = Place { stage: &stage, account: &session.account, region: &session.aws.region, endpoint };
    match ask::ask(question, place).await {
        Reply::Yes => Ok(true),
        Reply::No => Ok(false),
        Reply::NobodyThere => Err(Error::ApprovalNeeded),
    }
}

/// The stacks, with placeholders for the code: enough for names, paths and order.
fn app_without_code(config: &Config) -> App {
    config.app(&no_code(), None)
}

/// The named stacks, or all of them.
fn chosen(app: &App, named: &[StackId]) -> Vec<StackId> {
    app.stacks().iter().map(Stack::id).filter(|id| named.is_empty() || named.contains(id)).collect()
}

/// Reports the account and region of a command.
fn started(command: &'static str, config: &Config, account: &str, region: &str) -> Event {
    Event::Started {
        command,
        stage: config.stage(),
        account: account.to_owned(),
        region: region.to_owned(),
        endpoint: config.connection.endpoint.url().map(str::to_owned),
    }
}
