//! `cartctl package`: the functions as zip files, and on request the site, without AWS.

use serde_json::json;

use crate::{
    args::Package,
    build::{
        self,
        env_file::FrontendEnv,
        manifest,
        package::{self, Request, Target},
    },
    config::Config,
    domain::{
        event::{Event, Events},
        notice::Activity,
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
    if args.site {
        build::site::check(&config.shop, &config.inherited).await?;
    }
    let artifacts = package(&request, events).await?;
    let folder = camino::absolute_utf8(request.out_dir.join(manifest::SITE))
        .map_err(|source| package::Error::Locate { path: request.out_dir.clone(), source })?;
    let site = if args.site {
        let variables = FrontendEnv::of_any_stage().variables();
        let building = build::site::build(&config.shop, &folder, &variables, &config.inherited);
        Some(events.during(Activity::BuildingSite, building).await?)
    } else {
        None
    };
    manifest::write(&request.out_dir, architecture, &artifacts, site.as_deref()).map_err(package::Error::from)?;
    let line = |artifact: &Artifact| format!("{} ({}, key {})\n", artifact.path, units::size(artifact.zip_bytes), artifact.key);
    let mut lines: Vec<_> = artifacts.iter().map(line).collect();
    let mut json = json!({ "artifacts": artifacts });
    if let Some(site) = site {
        let bytes = site.iter().map(|file| file.bytes).sum();
        lines.push(format!("{folder} ({}, {} files of the site)\n", units::size(bytes), site.len()));
        json["site"] = json!({ "path": folder, "files": site.len(), "bytes": bytes });
    }
    Ok(Answer::new(lines.concat(), json))
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
        inherited: config.inherited.clone(),
    }
}

/// Builds and packages, and reports progress.
pub(super) async fn package(request: &Request, events: &Events) -> Result<Vec<Artifact>, Error> {
    Ok(package::package(request, |progress| events.send(Event::Package(progress))).await?)
}
