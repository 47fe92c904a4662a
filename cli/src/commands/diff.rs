//! `cartctl diff`: the changes of a deployment, by comparing templates. Changes nothing, and needs no permission for changes.

use cart_infra::stacks;
use serde_json::json;

use super::{deployment, guard, open};
use crate::{
    args::{Diff, FailOn},
    config::Config,
    domain::{event::Events, exit::ExitCode, notice::Notice},
    error::Error,
    plan::step::{Reach, Step},
    report::{self, answer::Answer},
};

pub(super) async fn run(args: &Diff, config: &Config, events: &Events) -> Result<Answer, Error> {
    guard::adopted(&args.planning.adopt, &deployment::touched(&args.planning, config))?;
    config.check_origin()?;
    let session = open("diff", stacks::AUTH, config, events).await?.adopting(args.planning.adopt.clone());
    let building = deployment::artifacts(&args.planning, config, &session.events);
    let plan = deployment::plan(deployment::request(&args.planning, config), building, config, &session).await?.plan;
    let reach = plan.reach();
    let answer = Answer::new(
        report::plan::deploy_text(&plan, config.verbose),
        json!({ "reach": reach, "stacks": report::plan::deploy_json(&plan), "again": plan.again(true) }),
    );
    let fail_on = args.fail_on.map(|fail_on| match fail_on {
        FailOn::Any => Reach::Any,
        FailOn::Broadening => Reach::Broadening,
        FailOn::Destructive => Reach::Destructive,
    });
    match fail_on {
        Some(fail_on) if reach >= fail_on => {
            let found = plan.steps().filter(|step| step.reach() >= fail_on);
            let stacks = found.map(Step::stack).collect();
            Ok(answer.ending(ExitCode::Found, Notice::ChangesFound { stacks }))
        }
        _ => Ok(answer),
    }
}
