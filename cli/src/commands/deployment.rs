//! The shared parts of `deploy`, `diff` and `local`: observe and plan, then carry out and write the frontend's `.env`. Each command
//! decides itself on approval and output.

use camino::Utf8PathBuf;
use cart_infra::{App, Presence, Stack, StackId, stacks};
use serde_json::{Value as Json, json};

use super::{app_without_code, chosen, frontend_env, outputs, package};
use crate::{
    args::Planning,
    build::{self, manifest, package::Target},
    config::Config,
    domain::{
        event::{Event, Events, Settled},
        notice::Notice,
        package::Artifact,
    },
    engine::{self, Planned},
    error::Error,
    execute::{
        self, Session,
        deploy::{ChangeSets, Outcome},
    },
    plan::{
        self, Observed,
        deploy::{Definitions, Request},
    },
    report::{self, answer::Answer},
    shop::no_code,
};

/// The request of command line and configuration, for code that is still being built.
pub(super) fn request(args: &Planning, config: &Config) -> Request {
    Request {
        stacks: args.selection.stacks.clone(),
        with_optional: args.with_web,
        tags: config.tags.clone(),
        protected: config.protected && !config.connection.endpoint.is_local(),
        bucket: args.bucket.as_ref().or(config.bucket.as_ref()).map(ToString::to_string),
        leave_retained: args.leave_retained,
        ..Request::all(no_code())
    }
}

/// The stacks that a deployment may touch: the account's own as well.
pub(super) fn touched(args: &Planning, config: &Config) -> Vec<StackId> {
    let mut touched = chosen(&app_without_code(config), &args.selection.stacks);
    touched.extend(args.with_web.then_some(stacks::WEB));
    touched.push(stacks::BOOTSTRAP);
    touched
}

/// The code, built now or read from a folder.
pub(super) async fn artifacts(args: &Planning, config: &Config, events: &Events) -> Result<Vec<Artifact>, Error> {
    match &args.packages {
        Some(folder) => Ok(manifest::read(folder, config.architecture).map_err(build::package::Error::from)?),
        None => package::package(&package::request(config, target(config)), events).await,
    }
}

/// The platform to build for: the local cloud runs the functions as processes of this machine.
fn target(config: &Config) -> Target {
    if config.connection.endpoint.is_local() { Target::Host } else { Target::Lambda(config.architecture) }
}

/// Observes and plans, and reports the plan's notices. Changes nothing.
pub(super) async fn plan(
    request: Request,
    building: impl Future<Output = Result<Vec<Artifact>, Error>>,
    config: &Config,
    session: &Session,
) -> Result<Planned, Error> {
    let planned = engine::plan(request, building, config, session).await?;
    for notice in &planned.plan.notices {
        session.events.notice(notice.clone());
    }
    if !config.connection.endpoint.is_local() {
        for (stack, alarms) in planned.plan.silent_alarms() {
            session.events.notice(Notice::SilentAlarms { stack, alarms });
        }
        let region = session.aws.region.as_str();
        for stack in planned.plan.without_edge_firewall(region) {
            session.events.notice(Notice::NoEdgeFirewall { stack, region: region.to_owned() });
        }
    }
    Ok(planned)
}

/// The warning that the APIs do not allow calls from the stage's own site.
pub(super) fn not_allowed(site: &str, config: &Config) -> Notice {
    let allowed = config.allowed_origin(None).to_string();
    Notice::OriginNotAllowed { site: site.to_owned(), allowed, configured: config.pinned_origin().is_some() }
}

/// A completed deployment.
pub(super) struct Deployed {
    pub outcome: Outcome,
    env_file: Option<Utf8PathBuf>,
}

/// Carries out an approved plan, and unless it is not wanted, writes the frontend's `.env` once all its values are published.
pub(super) async fn carry_out(
    planned: Planned,
    made: ChangeSets,
    with_env_file: bool,
    config: &Config,
    session: &Session,
) -> Result<Deployed, Error> {
    let Planned { plan, artifacts, observed } = planned;
    let outcome = execute::deploy::carry_out(plan, observed, config, &artifacts, made, session).await?;
    if config.connection.endpoint.is_local() {
        execute::deploy::expire_items(&outcome, session).await?;
    }
    let Outcome { app, observed, .. } = &outcome;
    session.events.send(Event::Outputs { outputs: outputs::of(app, observed) });
    let env_file = if with_env_file { write_env_file(app, observed, config, session).await } else { None };
    Ok(Deployed { outcome, env_file })
}

/// Writes the frontend's `.env`; None if it could not be written, which is no reason to call the deployment a failure.
async fn write_env_file(app: &App, observed: &Observed, config: &Config, session: &Session) -> Option<Utf8PathBuf> {
    let mut needed = app.stacks().iter().filter(|stack| stack.presence() == Presence::Always).map(Stack::id);
    if !needed.all(|id| observed.stacks.contains_key(&id)) {
        session.events.notice(Notice::EnvFileLater);
        return None;
    }
    let path = config.env_file.clone();
    match frontend_env::write(&observed.parameters, config, session).await {
        Ok(()) => {
            session.events.send(Event::Wrote { path: path.clone() });
            Some(path)
        }
        Err(error) => {
            session.events.notice(Notice::EnvFileNotWritten { path, reason: error.in_full() });
            None
        }
    }
}

impl Deployed {
    pub(super) fn output(&self, stack: StackId, key: &str) -> Option<&str> {
        self.outcome.observed.stacks.get(&stack)?.deployed.outputs.get(key).map(String::as_str)
    }

    /// The outputs of all stacks, and for programs the outcome of each stack.
    pub(super) fn answer(&self) -> Answer {
        let Outcome { app, observed, outcomes } = &self.outcome;
        let outputs = outputs::of(app, observed);
        let stack = |stack: &Stack| {
            let there = observed.stacks.get(&stack.id());
            let outcome = outcomes.get(&stack.id());
            json!({
                "stack": stack.id(), "name": stack.name(), "status": there.map(|there| there.deployed.status),
                "changed": outcome.is_some_and(|(outcome, _)| matches!(outcome, Settled::Done { .. })),
                "took_ms": outcome.map_or(0, |(_, took)| took.as_millis()),
            })
        };
        // A missing stack is only worth showing if it is not on request.
        let is_shown = |stack: &&Stack| stack.presence() == Presence::Always || observed.stacks.contains_key(&stack.id());
        let stacks: Vec<Json> = app.stacks().iter().filter(is_shown).map(stack).collect();
        let url = plan::deploy::hosted(app, observed).map(|site| site.url);
        let json = json!({ "stacks": stacks, "outputs": outputs, "env_file": self.env_file, "url": url });
        report::stacks::outputs(&outputs, json)
    }
}
