//! `cartctl frontend-env`: the frontend's configuration, from the stacks' published values.

use std::collections::BTreeMap;

use camino::Utf8Path;
use serde_json::{Value as Json, json};

use super::look;
use crate::{
    args::{EnvFormat, FrontendEnv as Args},
    build::{
        env_block::{self, Merged, Place},
        env_file::FrontendEnv,
    },
    config::Config,
    domain::{connection::Endpoint, event::Events, text},
    error::Error,
    execute::Session,
    files, local,
    plan::deploy::Definitions,
    report::answer::Answer,
};

pub(super) async fn run(args: &Args, config: &Config, events: &Events) -> Result<Answer, Error> {
    let reading = async |session: &Session| Ok(session.published(&config.parameter_root()).await?);
    let (session, published) = look("frontend-env", config, events, reading).await?;
    let env = of(&published, config, &session.aws.region)?;
    let variables = env.variables();
    let Some(format) = args.format else {
        let object = object(&variables);
        let path = args.out.as_deref().unwrap_or(&config.env_file);
        write_to(path, &env, config, &session).await?;
        return Ok(Answer::new(format!("{path}\n"), json!({ "path": path, "variables": object })));
    };
    let (text, object) = printed(format, &variables);
    Ok(Answer::exact(text, object))
}

/// Variables in a format, and as one object.
pub(super) fn printed(format: EnvFormat, variables: &[(&str, String)]) -> (String, Json) {
    let object = object(variables);
    let text = match format {
        EnvFormat::Json => text::json_pretty(&object),
        EnvFormat::Yaml => text::yaml(&object),
        EnvFormat::Shell => lines(variables, |name, value| format!("export {name}={}", text::shell_quoted(value))),
        EnvFormat::Github => lines(variables, |name, value| format!("{name}={value}")),
    };
    (text, object)
}

fn object(variables: &[(&str, String)]) -> Json {
    variables.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect::<serde_json::Map<_, _>>().into()
}

fn lines(variables: &[(&str, String)], line: impl Fn(&str, &str) -> String) -> String {
    variables.iter().map(|(name, value)| line(name, value) + "\n").collect()
}

/// The configuration for these published values.
fn of(published: &BTreeMap<String, String>, config: &Config, region: &str) -> Result<FrontendEnv, Error> {
    let env = FrontendEnv::collect(&config.names, published, region)?;
    Ok(match &config.connection.endpoint {
        Endpoint::Local(base_url) => env.beside(base_url.as_str()),
        Endpoint::Aws | Endpoint::Url(_) => env,
    })
}

/// The same for a site at `url`.
pub(super) fn hosted(url: &str, published: &BTreeMap<String, String>, config: &Config, region: &str) -> Result<FrontendEnv, Error> {
    Ok(of(published, config, region)?.at(url))
}

/// The configuration for the values published in the local cloud.
pub(super) fn local(published: &BTreeMap<String, String>, config: &Config) -> Result<FrontendEnv, Error> {
    of(published, config, local::REGION)
}

/// Placeholders for the local cloud before its first deployment.
pub(super) fn stand_in(config: &Config) -> FrontendEnv {
    let base_url = config.connection.endpoint.url().unwrap_or_default();
    FrontendEnv::stand_in(base_url, local::REGION)
}

/// Writes the configured file from the published values.
pub(super) async fn write(published: &BTreeMap<String, String>, config: &Config, session: &Session) -> Result<(), Error> {
    write_to(&config.env_file, &of(published, config, &session.aws.region)?, config, session).await
}

/// Writes the variables into a file whose other lines are somebody else's.
async fn write_to(path: &Utf8Path, env: &FrontendEnv, config: &Config, session: &Session) -> Result<(), Error> {
    let account = if session.account.is_empty() { session.aws.account().await? } else { session.account.clone() };
    let place = Place { stage: config.stage(), account, region: session.aws.region.clone() };
    let Merged { text, notices } = env_block::merge(path, &files::content(path)?, &env.render(&config.workspace)?, &place);
    files::write_whole(path, text)?;
    for notice in notices {
        session.events.notice(notice);
    }
    Ok(())
}
