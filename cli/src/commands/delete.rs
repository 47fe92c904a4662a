//! `cartctl delete`: the stacks in reverse order, and what is kept.

use std::fmt::Write;

use serde_json::json;

use super::{app_without_code, chosen, observe_at_rest, poll, started};
use crate::{
    args::Selection,
    aws::Aws,
    config::Config,
    error::Error,
    execute,
    plan::{self, DeletePlan},
    report::{self, Reporting, answer::Answer, ask},
};

pub(super) async fn run(args: &Selection, config: &Config, reporting: &Reporting) -> Result<Answer, Error> {
    let app = app_without_code(config);
    let aws = Aws::connect(&config.connection).await?;
    let plan: DeletePlan = reporting
        .telling(async |events| {
            let account = aws.account().await?;
            events.send(started("delete", config, &account, &aws.region));
            let mut observed = observe_at_rest(app.stacks(), config, &aws, &events).await?;
            for there in observed.stacks.values_mut() {
                there.resources = aws.resources(&there.deployed.id).await?;
            }
            Ok::<_, Error>(plan::delete(&app, &chosen(&app, &args.stacks), &observed)?)
        })
        .await?;
    let answer = answer(&plan, config);
    if plan.steps.is_empty() {
        return Ok(answer);
    }
    report::plan::show_delete(&plan);
    if !config.connection.endpoint.is_local() {
        ask::approve(&format!("Delete the stage `{}`?", config.stage()), config.yes)?;
    }
    reporting.telling(async |events| execute::delete(plan, &aws, poll(config), &events).await).await?;
    Ok(answer)
}

fn answer(plan: &DeletePlan, config: &Config) -> Answer {
    let mut lines = String::new();
    let mut kept = Vec::new();
    for step in &plan.steps {
        writeln!(lines, "deleted  {}", step.name).ok();
        for resource in &step.keeps {
            writeln!(lines, "kept     {} {} ({})", resource.resource_type, resource.physical_id, resource.logical_id).ok();
            kept.push(json!({ "type": resource.resource_type, "id": resource.physical_id, "logical_id": resource.logical_id }));
        }
    }
    if plan.steps.is_empty() {
        writeln!(lines, "nothing to delete: the stage `{}` is not deployed", config.stage()).ok();
    }
    let deleted: Vec<_> = plan.steps.iter().map(|step| &step.name).collect();
    Answer::new(lines, json!({ "deleted": deleted, "kept": kept }))
}
