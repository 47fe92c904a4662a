//! `cartctl totals`: whether the totals of products are what the carts hold, and how they become it again.

use cart_infra::{StackId, stacks::cart};

use super::{guard, interruption::interruptible, resources};
use crate::{
    args::Totals,
    aws::Aws,
    config::Config,
    domain::{event::Events, totals::Corrected},
    error::Error,
    execute::totals::{Checked, Counting},
    report::{Reporting, answer::Answer, ask, totals as report},
};

pub(super) async fn run(args: &Totals, config: &Config, reporting: &Reporting) -> Result<Answer, Error> {
    if args.rebuild {
        guard::protected(config, args.protected_ok)?;
    }
    let carts = interruptible(async {
        let aws = Aws::connect(&config.connection).await?;
        reporting
            .telling(async |events| {
                guard::account("totals", config, &aws, &events).await?;
                Ok(aws.carts(table(config, &aws).await?))
            })
            .await
    })
    .await?;
    let counting = |events| Counting { carts: carts.clone(), rate: args.rate, events };
    let corrected = if args.rebuild { Some(rebuild(args, config, reporting, counting).await?) } else { None };
    let checked = interruptible(reporting.telling(async |events| Ok(counting(events).check().await?))).await;
    let Checked { sums, wrong } = checked.map_err(|error| afterwards(error, args))?;
    let answer = report::answer(&sums, &wrong, args.all, corrected.as_deref());
    if wrong.is_empty() {
        return Ok(answer);
    }
    answer.print(config.output);
    Err(Error::TotalsWrong { products: wrong.len(), rebuilt: args.rebuild })
}

async fn rebuild(
    args: &Totals,
    config: &Config,
    reporting: &Reporting,
    counting: impl Fn(Events) -> Counting,
) -> Result<Vec<Corrected>, Error> {
    let before = interruptible(reporting.telling(async |events| Ok(counting(events).look().await?))).await?;
    report::show_rebuild(&before, args.rate);
    if !config.connection.endpoint.is_local() && !config.yes {
        interruptible(ask::approve("Count all totals anew?")).await?;
    }
    // Any mark will do that no other run has used.
    let mark = format!("{:016x}", fastrand::u64(..));
    // It can be left at any moment: every step of it may be done twice.
    let done = interruptible(reporting.telling(async |events| Ok(counting(events).rebuild(&mark).await?))).await;
    done.map_err(|error| afterwards(error, args))
}

/// An interruption that came when something was changed already.
fn afterwards(error: Error, args: &Totals) -> Error {
    match error {
        Error::Interrupted if args.rebuild => Error::RecountInterrupted,
        error => error,
    }
}

/// The name of the stage's table.
async fn table(config: &Config, aws: &Aws) -> Result<String, Error> {
    let resources = resources(&config.names.stack_name(StackId::Cart), aws).await?;
    let table = resources.into_iter().find(|resource| resource.logical_id == cart::TABLE).map(|table| table.physical_id);
    table.filter(|id| !id.is_empty()).ok_or_else(|| Error::NotDeployed { stack: StackId::Cart, stage: config.stage() })
}
