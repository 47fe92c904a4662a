//! `cartctl logs`: what the functions of a stage printed, and go on printing.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use cart_infra::StackId;

use super::{
    app_without_code,
    interruption::{Interruption, interruptible},
    resources,
};
use crate::{
    args::Logs,
    aws::Aws,
    config::Config,
    domain::{
        moment::Moment,
        notice::{Activity, Notice},
    },
    error::Error,
    execute::{all, logs::Reading},
    plan::logs::{self, Function, Tails, said::Wanted},
    report::{
        Reporting,
        answer::Answer,
        logs::{Lines, print},
    },
};

/// The share of a function in the time of a reading on AWS: as often as an account may ask where it may ask least often, by
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html>.
const EACH: Duration = Duration::from_millis(200);

/// The same in the local cloud, which has functions to run on the same processors.
const EACH_LOCALLY: Duration = Duration::from_millis(30);

pub(super) async fn run(args: &Logs, config: &Config, reporting: &Reporting) -> Result<Answer, Error> {
    let functions = logs::functions(&app_without_code(config), &args.functions)?;
    let from = Moment::now().before(args.since);
    if !args.follow {
        interruptible(read(args, &functions, from, config, reporting)).await?;
        return Ok(Answer::told());
    }
    let mut interruption = Interruption::listen()?;
    tokio::select! {
        read = read(args, &functions, from, config, reporting) => read?,
        // It is how it ends.
        () = interruption.wait() => {}
    }
    Ok(Answer::told())
}

async fn read(args: &Logs, functions: &[Function], from: Moment, config: &Config, reporting: &Reporting) -> Result<(), Error> {
    let aws = Aws::connect(&config.connection).await?;
    let sources = sources(functions, !args.functions.is_empty(), config, &aws).await?;
    let lines = Lines {
        wanted: Wanted { lambda: args.all, only_errors: args.errors, containing: args.filter.clone() },
        output: config.output,
        width: sources.iter().map(|(function, _)| function.len()).max().unwrap_or(0),
    };
    let functions = sources.len();
    let each = if config.connection.endpoint.is_local() { EACH_LOCALLY } else { EACH };
    let mut reading = Reading::new(aws.logs(), Tails::new(sources, from), each);
    let mut told = reporting
        .telling(async |events| {
            let told = events.during(Activity::ReadingLogs { functions }, tell(&mut reading, &lines, reporting)).await?;
            match told {
                Told::Nothing if !args.follow => events.notice(Notice::NoLogEntries { within: args.since }),
                Told::Nothing | Told::Something if args.follow => events.notice(Notice::FollowingLogs),
                _ => {}
            }
            Ok::<_, Error>(told)
        })
        .await?;
    while args.follow && told != Told::ToNobody {
        reading.again().await;
        told = tell(&mut reading, &lines, reporting).await?;
    }
    Ok(())
}

/// What was told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    Something,
    /// Whoever read has what they wanted.
    ToNobody,
}

/// Tells everything that is there.
async fn tell(reading: &mut Reading, lines: &Lines, reporting: &Reporting) -> Result<Told, Error> {
    let mut heard = Told::Nothing;
    while let Some(told) = reading.next().await? {
        let text = lines.of(&told);
        if !text.is_empty() {
            // What moves on the screen would get between the lines.
            reporting.pause();
            if print(&text).is_err() {
                return Ok(Told::ToNobody);
            }
            heard = Told::Something;
        }
    }
    Ok(heard)
}

/// The functions that are there, and the names of their log groups.
async fn sources(functions: &[Function], named: bool, config: &Config, aws: &Aws) -> Result<Vec<(String, String)>, Error> {
    let stacks: BTreeSet<StackId> = functions.iter().map(|function| function.stack).collect();
    let reading = stacks.into_iter().map(|id| {
        let (name, aws) = (config.names.stack_name(id), aws.clone());
        async move { Ok::<_, Error>((id, resources(&name, &aws).await?)) }
    });
    let resources: BTreeMap<_, _> = all(reading).await?.into_iter().collect();
    let mut sources = Vec::new();
    for function in functions {
        let there = resources.get(&function.stack).into_iter().flatten().find(|resource| resource.logical_id == function.logs);
        match there.map(|resource| &resource.physical_id).filter(|name| !name.is_empty()) {
            Some(group) => sources.push((function.name.clone(), group.clone())),
            // Who named it wants it; who named none wants what there is.
            None if named => return Err(Error::NotDeployed { stack: function.stack, stage: config.stage() }),
            None => {}
        }
    }
    match functions.first() {
        Some(first) if sources.is_empty() => Err(Error::NotDeployed { stack: first.stack, stage: config.stage() }),
        _ => Ok(sources),
    }
}
