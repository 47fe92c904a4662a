//! `cartctl diff`: what a deploy would change, by comparing templates. Changes nothing, and needs no permission to.

use serde_json::json;

use super::{deployment, open};
use crate::{
    args::{Diff, FailOn},
    config::Config,
    domain::event::Events,
    error::Error,
    plan::step::Reach,
    report::{self, answer::Answer},
};

pub(super) async fn run(args: &Diff, config: &Config, events: &Events) -> Result<Answer, Error> {
    let session = open("diff", config, events).await?;
    let building = deployment::artifacts(&args.planning, config, &session.events);
    let plan = deployment::plan(deployment::request(&args.planning, config), building, config, &session).await?.plan;
    let reach = plan.reach();
    let answer = Answer::new(
        report::plan::deploy_text(&plan, config.verbose),
        json!({ "reach": reach, "stacks": report::plan::deploy_json(&plan), "again": plan.again() }),
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
