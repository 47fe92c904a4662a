//! `cartctl status`: the state of each stack.

use serde_json::json;

use super::{app_without_code, look};
use crate::{
    config::Config,
    domain::event::Events,
    error::Error,
    execute::Session,
    plan::{ObservedStack, deploy::Definitions},
    report::answer::Answer,
};

pub(super) async fn run(config: &Config, events: &Events) -> Result<Answer, Error> {
    let app = app_without_code(config);
    let observing = async |session: &Session| Ok(session.observe(app.stacks(), &config.parameter_root()).await?);
    let (session, observed) = look("status", config, events, observing).await?;
    let mut rows = Vec::new();
    let mut stacks = Vec::new();
    for stack in app.stacks() {
        if let Some(foreign) = observed.foreign.get(&stack.id()) {
            events.notice(foreign.notice(stack.id()));
            let status = format!("{} (not this stage's)", foreign.status);
            rows.push([stack.id().to_string(), status, foreign.name.clone(), String::new()]);
            stacks.push(json!({
                "stack": stack.id(), "name": foreign.name, "deployed": false, "status": foreign.status, "reason": null, "changed": null,
                "foreign": foreign.owner.to_string(),
            }));
            continue;
        }
        let there = observed.stacks.get(&stack.id()).map(|ObservedStack { deployed, .. }| deployed);
        let status = there.map_or("not deployed", |deployed| deployed.status.as_str());
        let changed = there.and_then(|deployed| deployed.changed.as_deref());
        rows.push([stack.id().to_string(), status.to_owned(), stack.name().to_owned(), changed.unwrap_or("").to_owned()]);
        stacks.push(json!({
            "stack": stack.id(), "name": stack.name(), "deployed": there.is_some(), "status": there.map(|deployed| deployed.status),
            "reason": there.and_then(|deployed| deployed.reason.as_deref()), "changed": changed,
        }));
    }
    Ok(Answer::table(&rows, json!({ "stage": config.stage(), "region": session.aws.region, "stacks": stacks })))
}
