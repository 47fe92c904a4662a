//! `cartctl outputs`: the outputs of each stack.

use std::collections::BTreeMap;

use cart_infra::{App, StackId};
use indexmap::IndexMap;
use serde_json::json;

use super::{app_without_code, look};
use crate::{
    config::Config,
    domain::event::Events,
    error::Error,
    execute::Session,
    plan::{Observed, deploy::Definitions},
    report::{self, answer::Answer},
};

pub(super) async fn run(config: &Config, events: &Events) -> Result<Answer, Error> {
    let app = app_without_code(config);
    let observing = async |session: &Session| Ok(session.observe(app.stacks(), &config.parameter_root()).await?);
    let (_, observed) = look("outputs", config, events, observing).await?;
    for (stack, foreign) in &observed.foreign {
        events.notice(foreign.notice(*stack));
    }
    let outputs = of(&app, &observed);
    Ok(report::stacks::outputs(&outputs, json!({ "outputs": outputs })))
}

/// The outputs of every deployed stack, by key, in the order of the app.
pub(super) fn of(app: &App, observed: &Observed) -> IndexMap<StackId, BTreeMap<String, String>> {
    let deployed = |id: StackId| observed.stacks.get(&id).map(|there| (id, there.deployed.outputs.clone()));
    app.stacks().iter().filter_map(|stack| deployed(stack.id())).collect()
}
