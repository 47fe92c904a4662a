//! `cartctl package`: the functions as zip files, without AWS.

use serde_json::json;

use crate::{
    args::Package,
    build::{
        manifest,
        package::{self, Request, Target},
    },
    config::Config,
    domain::{
        event::{Event, Events},
        package::Artifact,
    },
    error::Error,
    report::{self, answer::Answer, units},
};

pub(super) async fn run(args: &Package, config: &Config, events: &Events) -> Result<Answer, Error> {
    let architecture = args.arch.unwrap_or(config.architecture);
    let mut request = request(config, Target::Lambda(architecture));
    if let Some(out) = &args.out {
        request.out_dir.clone_from(out);
    }
    let artifacts = package(&request, events).await?;
    manifest::write(&request.out_dir, architecture, &artifacts).map_err(package::Error::from)?;
    let line = |artifact: &Artifact| format!("{} ({}, key {})\n", artifact.path, units::size(artifact.zip_bytes), artifact.key);
    let lines = artifacts.iter().map(line).collect::<String>();
    Ok(Answer::new(lines, json!({ "artifacts": artifacts })))
}

/// The packaging request of this configuration.
pub(super) fn request(config: &Config, target: Target) -> Request {
    Request {
        workspace: config.workspace.clone(),
        target,
        tools_bin: config.tools(),
        target_dir: None,
        out_dir: config.workspace.join("target/packages"),
        cargo: None,
        rustc: None,
        color: report::coloured(),
    }
}

/// Builds and packages, and reports progress.
pub(super) async fn package(request: &Request, events: &Events) -> Result<Vec<Artifact>, Error> {
    Ok(package::package(request, |progress| events.send(Event::Package(progress))).await?)
}
