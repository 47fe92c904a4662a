//! `cartctl diff`: what a deploy would change, by comparing templates. Changes nothing.

use serde_json::json;

use super::deploy;
use crate::{
    args::{Diff, FailOn},
    aws::Aws,
    config::Config,
    error::Error,
    report::{self, Reporting, answer::Answer},
};

pub(super) async fn run(args: &Diff, config: &Config, reporting: &Reporting) -> Result<Answer, Error> {
    let aws = Aws::connect(&config.connection).await?;
    let prepared = reporting.telling(async |events| deploy::prepare("diff", &args.deploy, config, &aws, &events).await).await?;
    let answer =
        Answer::new(report::plan::deploy_text(prepared.steps()), json!({ "stacks": report::plan::deploy_json(prepared.steps()) }));
    let found = match args.fail_on {
        None => false,
        Some(FailOn::Any) => !prepared.is_empty(),
        Some(FailOn::Destructive) => prepared.is_destructive(),
    };
    if found {
        answer.print(config.output);
        return Err(Error::ChangesFound);
    }
    Ok(answer)
}
