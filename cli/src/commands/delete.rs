//! `cartctl delete`: the stacks in reverse order, and what is kept.

use std::fmt::Write;

use serde_json::json;
use tokio::sync::watch;

use super::{
    app_without_code, chosen, guard,
    interruption::{interruptible, supervised},
    observe_at_rest, replanning,
};
use crate::{
    args::Delete,
    aws::Aws,
    config::Config,
    error::Error,
    execute::{self, Context, Wish},
    plan::delete::{self, Plan},
    report::{self, Reporting, answer::Answer, ask},
};

pub(super) async fn run(args: &Delete, config: &Config, reporting: &Reporting) -> Result<Answer, Error> {
    guard::protected(config, args.protected_ok)?;
    let aws = interruptible(async { Ok(Aws::connect(&config.connection).await?) }).await?;
    replanning(reporting, async || delete_once(args, config, reporting, &aws).await).await
}

async fn delete_once(args: &Delete, config: &Config, reporting: &Reporting, aws: &Aws) -> Result<Answer, Error> {
    let (plan, account) = interruptible(async {
        let (plan, account) = reporting
            .telling(async |events| {
                let (_going_on, wish) = watch::channel(Wish::GoOn);
                plan(args, config, &Context { aws: aws.clone(), events, wish }).await
            })
            .await?;
        if !plan.steps.is_empty() {
            report::plan::show_delete(&plan);
            if !config.connection.endpoint.is_local() && !config.yes {
                ask::confirm(&format!("Delete the stage `{}`?", config.stage()), &config.stage()).await?;
            }
        }
        Ok((plan, account))
    })
    .await?;
    let answer = answer(&plan, config);
    if plan.steps.is_empty() {
        return Ok(answer);
    }
    reporting
        .telling(async |events| {
            supervised(&events, async |wish| {
                let context = Context { aws: aws.clone(), events: events.clone(), wish };
                let (_, result) = execute::delete::run(plan, args.leave_failed, &account, &context).await;
                Ok(result?)
            })
            .await
        })
        .await?;
    Ok(answer)
}

async fn plan(args: &Delete, config: &Config, context: &Context) -> Result<(Plan, String), Error> {
    let app = app_without_code(config);
    let account = guard::account("delete", config, &context.aws, &context.events).await?;
    let mut observed = observe_at_rest(app.stacks(), config, context).await?;
    for there in observed.stacks.values_mut() {
        there.resources = context.aws.resources(&there.deployed.id).await?;
    }
    Ok((delete::plan(&app, &chosen(&app, &args.selection.stacks), &observed, args.protected_ok)?, account))
}

fn answer(plan: &Plan, config: &Config) -> Answer {
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
