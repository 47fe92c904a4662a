//! `cartctl frontend deploy`: builds the site for the deployed stacks, and publishes it. `deploy` ends with the same steps.

use camino::Utf8Path;
use cart_infra::stacks;
use serde_json::json;

use super::{app_without_code, frontend_env, guard, interruption::interruptible, open};
use crate::{
    args::FrontendDeploy,
    aws::object_store::Bucket,
    build::{self, manifest, packaged_site},
    config::Config,
    domain::{
        event::Events,
        moment::Moment,
        notice::{Activity, Notice},
    },
    error::Error,
    execute::{
        Session,
        site::{self as online, Place},
    },
    plan::{
        Observed,
        deploy::{Definitions, Hosted, hosted},
        site as upload,
    },
    report::answer::Answer,
};

pub(super) async fn deploy(args: &FrontendDeploy, config: &Config, events: &Events) -> Result<Answer, Error> {
    guard::protected(config, args.protected_ok)?;
    let app = app_without_code(config);
    guard::adopted(&args.adopt.adopt, &[stacks::WEB])?;
    let publishing = async {
        let session = open("frontend deploy", stacks::AUTH, config, events).await?.adopting(args.adopt.adopt.clone());
        let observed = session.observe_outputs(app.stacks(), &config.parameter_root()).await?;
        observed.refuse_foreign(app.site().map(|(host, _)| host.id()))?;
        let Some(site) = hosted(&app, &observed) else {
            let stack = app.site().map_or(stacks::WEB, |(host, _)| host.id());
            return Err(Error::NotDeployed { stack, stage: config.stage() });
        };
        check(args.packages.as_deref(), config).await?;
        publish(&site, args.packages.as_deref(), &observed, config, &session).await?;
        Ok(site)
    };
    let site = interruptible(publishing).await.map_err(|error| match error {
        Error::Interrupted => Error::SiteInterrupted,
        error => error,
    })?;
    Ok(Answer::new(format!("{}\n", site.url), json!({ "url": site.url })))
}

/// Verifies that there will be a site to publish: one that was packaged, or tools to build one.
pub(super) async fn check(packages: Option<&Utf8Path>, config: &Config) -> Result<(), Error> {
    match packages {
        Some(packages) => Ok(manifest::site(packages).map(drop).map_err(build::package::Error::from)?),
        None => Ok(build::site::check(&config.shop, &config.inherited).await?),
    }
}

/// Publishes the site of these packages, or one that is built now.
pub(super) async fn publish(
    site: &Hosted,
    packages: Option<&Utf8Path>,
    observed: &Observed,
    config: &Config,
    session: &Session,
) -> Result<(), Error> {
    let Session { aws, events, account, .. } = session;
    let env = frontend_env::hosted(&site.url, &observed.parameters, config, &aws.region)?;
    let folder = config.shop.join("dist/hosted").join(config.stage());
    let built = if let Some(packages) = packages {
        let paths = manifest::site(packages).map_err(build::package::Error::from)?;
        packaged_site::place(&packages.join(manifest::SITE), &paths, &folder, &env.values_at(&site.url))?
    } else {
        let variables = env.variables();
        let building = build::site::build(&config.shop, &folder, &variables, &config.inherited);
        events.during(Activity::BuildingSite, building).await?
    };
    let place = Place {
        bucket: Bucket { name: site.bucket.clone(), owner: account.clone() },
        distribution: site.distribution.clone(),
        folder: site.folder,
    };
    let (there, superseded) = online::look(&place, aws).await?;
    let plan = upload::plan(&built, &there, &superseded, Moment::now());
    if plan.is_empty() {
        events.notice(Notice::SiteUnchanged { files: plan.unchanged });
        return Ok(());
    }
    Ok(online::publish(plan, &folder, &place, aws, events).await?)
}
