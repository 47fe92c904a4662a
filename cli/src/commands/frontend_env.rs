//! `cartctl frontend-env`: the frontend's configuration, from what the stacks published.

use std::collections::BTreeMap;

use camino::Utf8Path;
use cart_infra::App;
use serde_json::{Value as Json, json};

use super::{app_without_code, deploy::Deployed, published};
use crate::{
    args::{EnvFormat, FrontendEnv as Args},
    aws::Aws,
    build::env_file::{self, FrontendEnv},
    config::Config,
    domain::{connection::Endpoint, text},
    error::Error,
    files, local,
    report::answer::Answer,
};

pub(super) async fn run(args: &Args, config: &Config) -> Result<Answer, Error> {
    let aws = Aws::connect(&config.connection).await?;
    let published = published(config, &aws).await?;
    let rendered = rendered(&app_without_code(config), &published, config, &aws.region)?;
    let variables = env_file::variables(&rendered);
    let object: Json =
        variables.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect::<serde_json::Map<_, _>>().into();
    let Some(format) = args.format else {
        let path = args.out.as_deref().unwrap_or(&config.env_file);
        files::write_whole(path, &rendered)?;
        return Ok(Answer::new(format!("{path}\n"), json!({ "path": path, "variables": object })));
    };
    let text = match format {
        EnvFormat::Json => format!("{object:#}\n"),
        EnvFormat::Yaml => text::yaml(&object),
        EnvFormat::Shell => lines(&variables, |name, value| format!("export {name}='{}'", value.replace('\'', r"'\''"))),
        EnvFormat::Github => lines(&variables, |name, value| format!("{name}={value}")),
    };
    Ok(Answer::new(text, object))
}

fn lines(variables: &[(&str, &str)], line: impl Fn(&str, &str) -> String) -> String {
    variables.iter().map(|(name, value)| line(name, value) + "\n").collect()
}

/// The text of the file, given what is published.
fn rendered(app: &App, published: &BTreeMap<String, String>, config: &Config, region: &str) -> Result<String, Error> {
    Ok(collected(app, published, config, region)?.render(&config.workspace)?)
}

/// The same for a page at `url`.
pub(super) fn hosted(
    url: &str,
    app: &App,
    published: &BTreeMap<String, String>,
    config: &Config,
    region: &str,
) -> Result<String, Error> {
    Ok(collected(app, published, config, region)?.at(url).render(&config.workspace)?)
}

fn collected(app: &App, published: &BTreeMap<String, String>, config: &Config, region: &str) -> Result<FrontendEnv, Error> {
    let env = FrontendEnv::collect(app, published, region)?;
    Ok(match &config.connection.endpoint {
        Endpoint::Local(base_url) => env.beside(base_url.as_str()),
        Endpoint::Aws | Endpoint::Url(_) => env,
    })
}

/// The text of the file for the shop beside a local cloud, given what was deployed there.
pub(super) fn beside(deployed: &Deployed, config: &Config) -> Result<String, Error> {
    let (app, published) = deployed.published();
    rendered(app, published, config, local::REGION)
}

/// The text of a file like it for a local cloud to which nothing is deployed yet.
pub(super) fn stand_in(config: &Config) -> Result<String, Error> {
    let base_url = config.connection.endpoint.url().unwrap_or_default();
    Ok(FrontendEnv::stand_in(base_url, local::REGION).render(&config.workspace)?)
}

/// Writes the configured file from what is published.
pub(super) fn write(app: &App, published: &BTreeMap<String, String>, config: &Config, region: &str) -> Result<(), Error> {
    let path: &Utf8Path = &config.env_file;
    Ok(files::write_whole(path, rendered(app, published, config, region)?)?)
}
