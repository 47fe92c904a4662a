//! `cartctl logs`: the log entries of a stage's functions, existing and new.

use std::{collections::BTreeMap, time::Duration};

use futures_util::future::try_join_all;

use super::{
    app_without_code,
    interruption::{Interruption, interruptible},
    look,
};
use crate::{
    args::Logs,
    config::Config,
    domain::{
        event::Events,
        moment::Moment,
        notice::{Activity, Notice},
    },
    error::Error,
    execute::{Session, logs::Reading},
    plan::logs::{self, Function, Tails, said::Wanted},
    report::{
        Format, Reporting,
        answer::Answer,
        logs::{Lines, print},
    },
};

/// One function's share of the pause between readings on AWS: the rate that the smallest quota of an account allows, by
/// <https://docs.aws.amazon.com/AmazonCloudWatch/latest/logs/cloudwatch_limits_cwl.html>.
const EACH: Duration = Duration::from_millis(200);

/// The same in the local cloud, which runs functions on the same processors.
const EACH_LOCALLY: Duration = Duration::from_millis(30);

pub(super) async fn run(args: &Logs, config: &Config, events: &Events, reporting: &Reporting) -> Result<Answer, Error> {
    let functions = logs::functions(&app_without_code(config), &args.functions)?;
    let from = Moment::now().before(args.since);
    if !args.follow {
        interruptible(read(args, &functions, from, config, events, reporting.format())).await?;
        return Ok(Answer::printed());
    }
    let mut interruption = Interruption::listen()?;
    tokio::select! {
        read = read(args, &functions, from, config, events, reporting.format()) => read?,
        // The regular end.
        () = interruption.wait() => {}
    }
    Ok(Answer::printed())
}

async fn read(
    args: &Logs,
    functions: &[Function],
    from: Moment,
    config: &Config,
    events: &Events,
    format: Format,
) -> Result<(), Error> {
    let finding = async |session: &Session| sources(functions, !args.functions.is_empty(), config, session).await;
    let (session, sources) = look("logs", config, events, finding).await?;
    let lines = Lines {
        wanted: Wanted { lambda: args.all, only_errors: args.errors, containing: args.filter.clone() },
        format,
        width: sources.iter().map(|(function, _)| function.len()).max().unwrap_or(0),
    };
    let functions = sources.len();
    let each = if config.connection.endpoint.is_local() { EACH_LOCALLY } else { EACH };
    let mut reading = Reading::new(session.aws.logs(), Tails::new(sources, from), each);
    let mut told = events.during(Activity::ReadingLogs { functions }, tell(&mut reading, &lines, events)).await?;
    match told {
        Told::Nothing if !args.follow => events.notice(Notice::NoLogEntries { within: args.since }),
        Told::Nothing | Told::Something if args.follow => events.notice(Notice::FollowingLogs),
        _ => {}
    }
    while args.follow && told != Told::ToNobody {
        reading.again().await;
        told = tell(&mut reading, &lines, events).await?;
    }
    Ok(())
}

/// The result of printing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Told {
    Nothing,
    Something,
    /// The reader of standard output is gone.
    ToNobody,
}

/// Prints all available entries.
async fn tell(reading: &mut Reading, lines: &Lines, events: &Events) -> Result<Told, Error> {
    let mut heard = Told::Nothing;
    while let Some(told) = reading.next().await? {
        let text = lines.of(&told);
        if !text.is_empty() {
            // Progress on the screen would mix with the lines.
            events.pause().await;
            if !print(&text)? {
                return Ok(Told::ToNobody);
            }
            heard = Told::Something;
        }
    }
    Ok(heard)
}

/// The deployed functions, with the names of their log groups.
async fn sources(functions: &[Function], named: bool, config: &Config, session: &Session) -> Result<Vec<(String, String)>, Error> {
    let app = app_without_code(config);
    let stacks = app.stacks().iter().filter(|stack| functions.iter().any(|function| function.stack == stack.id()));
    let reading = stacks.map(async |stack| Ok::<_, Error>((stack.id(), session.resources(stack).await?)));
    let resources: BTreeMap<_, _> = try_join_all(reading).await?.into_iter().collect();
    let mut sources = Vec::new();
    for function in functions {
        let there = resources.get(&function.stack).into_iter().flatten().find(|resource| resource.logical_id == function.logs);
        match there.map(|resource| &resource.physical_id).filter(|name| !name.is_empty()) {
            Some(group) => sources.push((function.name.clone(), group.clone())),
            // A named function has to exist; without names, missing ones are skipped.
            None if named => return Err(Error::NotDeployed { stack: function.stack, stage: config.stage() }),
            None => {}
        }
    }
    match functions.first() {
        Some(first) if sources.is_empty() => Err(Error::NotDeployed { stack: first.stack, stage: config.stage() }),
        _ => Ok(sources),
    }
}
