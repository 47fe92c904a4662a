//! `cartctl diff`: what a deploy would change, by comparing templates. Changes nothing, and needs no permission to.

use serde_json::json;
use tokio::sync::watch;

use super::deploy;
use crate::{
    args::{Diff, FailOn},
    aws::Aws,
    config::Config,
    error::Error,
    execute::{Context, Wish},
    plan::deploy::Reach,
    report::{self, Reporting, answer::Answer},
};

pub(super) async fn run(args: &Diff, config: &Config, reporting: &Reporting) -> Result<Answer, Error> {
    let aws = Aws::connect(&config.connection).await?;
    let prepared = reporting
        .telling(async |events| {
            let (_going_on, wish) = watch::channel(Wish::GoOn);
            deploy::prepare("diff", &args.deploy, config, &Context { aws, events, wish }).await
        })
        .await?;
    let plan = prepared.plan();
    let reach = plan.reach();
    let answer = Answer::new(
        report::plan::deploy_text(plan, prepared.again(), config.verbose),
        json!({ "reach": reach, "stacks": report::plan::deploy_json(plan), "again": prepared.again() }),
    );
    let found = match args.fail_on {
        None => false,
        Some(FailOn::Any) => reach >= Reach::Any,
        Some(FailOn::Broadening) => reach >= Reach::Broadening,
        Some(FailOn::Destructive) => reach >= Reach::Destructive,
    };
    if found {
        answer.print(config.output);
        return Err(Error::ChangesFound);
    }
    Ok(answer)
}
