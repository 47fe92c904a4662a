//! `cartctl totals`: checks the totals of products against the carts, and recounts them.

use cart_infra::{stacks, stacks::cart};

use super::{app_without_code, approved, guard, interruption::interruptible, open};
use crate::{
    args::Totals,
    config::Config,
    domain::{event::Events, exit::ExitCode, notice::Notice, totals::Corrected},
    error::Error,
    execute::{
        Session,
        totals::{Checked, Counting},
    },
    report::{answer::Answer, ask::Question, totals as report},
};

pub(super) async fn run(args: &Totals, config: &Config, events: &Events) -> Result<Answer, Error> {
    if args.rebuild {
        guard::protected(config, args.protected_ok)?;
    }
    guard::adopted(&args.adopt.adopt, &[stacks::CART])?;
    let (session, counting) = interruptible(async {
        let session = open("totals", stacks::CART, config, events).await?.adopting(args.adopt.adopt.clone());
        let carts = session.aws.carts(table(config, &session).await?);
        Ok((session, Counting { carts, rate: args.rate, events: events.clone() }))
    })
    .await?;
    let corrected = if args.rebuild {
        let Some(corrected) = rebuild(args, config, &counting, &session).await? else { return Ok(Answer::declined()) };
        Some(corrected)
    } else {
        None
    };
    let checked = interruptible(async { Ok(counting.check().await?) }).await;
    let Checked { sums, wrong } = checked.map_err(|error| afterwards(error, args))?;
    let answer = report::answer(&sums, &wrong, args.all, corrected.as_deref());
    if wrong.is_empty() {
        return Ok(answer);
    }
    Ok(answer.ending(ExitCode::Found, Notice::TotalsWrong { products: wrong.len(), rebuilt: args.rebuild }))
}

/// None if it was declined.
async fn rebuild(args: &Totals, config: &Config, counting: &Counting, session: &Session) -> Result<Option<Vec<Corrected>>, Error> {
    let before = interruptible(async { Ok(counting.look().await?) }).await?;
    counting.events.pause().await;
    report::show_rebuild(&before, args.rate);
    let is_approved = config.connection.endpoint.is_local() || config.yes;
    if !is_approved && !interruptible(approved(Question::Recount, config, session)).await? {
        return Ok(None);
    }
    // Any mark that no other run has used.
    let mark = format!("{:016x}", fastrand::u64(..));
    // May stop at any moment: every step may run twice.
    let done = interruptible(async { Ok(counting.rebuild(&mark).await?) }).await;
    done.map(Some).map_err(|error| afterwards(error, args))
}

/// The error of an interruption after the first change.
fn afterwards(error: Error, args: &Totals) -> Error {
    match error {
        Error::Interrupted if args.rebuild => Error::RecountInterrupted,
        error => error,
    }
}

/// The name of the stage's table.
async fn table(config: &Config, session: &Session) -> Result<String, Error> {
    let app = app_without_code(config);
    let resources = match app.stack(stacks::CART) {
        Some(stack) => session.resources(stack).await?,
        None => Vec::new(),
    };
    let table = resources.into_iter().find(|resource| resource.logical_id == cart::TABLE).map(|table| table.physical_id);
    table.filter(|id| !id.is_empty()).ok_or_else(|| Error::NotDeployed { stack: stacks::CART, stage: config.stage() })
}
