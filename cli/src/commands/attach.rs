//! `cartctl attach`: follows CloudFormation's operations on the stacks, including those of other processes.

use futures_util::future::try_join_all;
use serde_json::json;

use super::{
    app_without_code, chosen,
    interruption::{interruptible, supervised},
    look,
};
use crate::{
    args::Selection,
    config::Config,
    domain::event::Events,
    error::Error,
    execute::{self, Session},
    plan::{self, deploy::Definitions},
    report::answer::Answer,
};

pub(super) async fn run(args: &Selection, config: &Config, events: &Events) -> Result<Answer, Error> {
    let app = app_without_code(config);
    let stacks: Vec<_> = chosen(&app, &args.stacks).into_iter().filter_map(|id| app.stack(id).cloned()).collect();
    let observe = async |session: &Session| Ok(session.observe_outputs(&stacks, &config.parameter_root()).await?);
    let (session, mut observed) = interruptible(look("attach", config, events, observe)).await?;
    let (observed, mut failed) = supervised(&session, async |session| {
        let mut failed = Vec::new();
        loop {
            let busy = plan::busy(&observed);
            if busy.is_empty() {
                return Ok((observed, failed));
            }
            let following = busy.into_iter().map(|(stack, deployed)| session.attach(stack, app.stack(stack), deployed));
            failed.extend(try_join_all(following).await?.into_iter().flatten());
            observed = observe(session).await?;
        }
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
