//! `cartctl status`: the state of each stack.

use super::{app_without_code, look};
use crate::{
    config::Config,
    domain::event::Events,
    error::Error,
    execute::Session,
    plan::deploy::Definitions,
    report::{self, answer::Answer},
};

pub(super) async fn run(config: &Config, events: &Events) -> Result<Answer, Error> {
    let app = app_without_code(config);
    let observing = async |session: &Session| Ok(session.observe(app.stacks(), &config.parameter_root()).await?);
    let (session, observed) = look("status", config, events, observing).await?;
    for (stack, foreign) in &observed.foreign {
        events.notice(foreign.notice(*stack));
    }
    Ok(report::stacks::status(&app, &observed, &config.stage(), &session.aws.region))
}
