//! `cartctl attach`: follows what CloudFormation is doing to the stacks, whoever began it.

use serde_json::json;

use super::{app_without_code, chosen, interruption::supervised, observe_outputs};
use crate::{
    args::Selection,
    aws::Aws,
    config::Config,
    error::Error,
    execute::{self, Context},
    plan,
    report::{Reporting, answer::Answer},
};

pub(super) async fn run(args: &Selection, config: &Config, reporting: &Reporting) -> Result<Answer, Error> {
    let app = app_without_code(config);
    let stacks: Vec<_> = chosen(&app, &args.stacks).into_iter().filter_map(|id| app.stack(id).cloned()).collect();
    let aws = Aws::connect(&config.connection).await?;
    let (observed, mut failed) = reporting
        .telling(async |events| {
            supervised(&events, async |wish| {
                let context = Context { aws: aws.clone(), events: events.clone(), wish };
                let mut failed = Vec::new();
                loop {
                    let observed = observe_outputs(&stacks, config, &aws).await?;
                    let busy = plan::busy(&observed);
                    if busy.is_empty() {
                        return Ok((observed, failed));
                    }
                    let following = busy.into_iter().map(|(stack, deployed)| {
                        let (context, deployed) = (context.clone(), deployed.clone());
                        let wanted = app.stack(stack).cloned();
                        async move { context.attach(stack, wanted.as_ref(), &deployed).await }
                    });
                    failed.extend(execute::all(following).await?.into_iter().flatten());
                }
            })
            .await
        })
        .await?;
    if !failed.is_empty() {
        failed.sort_by_key(|failure| stacks.iter().position(|stack| stack.id() == failure.stack));
        let partial = failed.len() < stacks.len();
        return Err(execute::Error::Failed { failed, partial }.into());
    }
    let row = |stack: &cart_infra::Stack| {
        let status = observed.stacks.get(&stack.id()).map_or("not deployed", |there| there.deployed.status.as_str());
        [stack.id().to_string(), status.to_owned(), stack.name().to_owned()]
    };
    let rows: Vec<_> = stacks.iter().map(row).collect();
    let json: Vec<_> = stacks
        .iter()
        .map(|stack| json!({ "stack": stack.id(), "name": stack.name(), "status": observed.stacks.get(&stack.id()).map(|there| there.deployed.status) }))
        .collect();
    Ok(Answer::table(&rows, json!({ "stacks": json })))
}
