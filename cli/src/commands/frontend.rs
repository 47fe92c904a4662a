//! `cartctl frontend deploy`: builds the shop's page for what is deployed, and puts it online.

use cart_infra::{App, stacks};
use serde_json::json;
use tokio::sync::watch;

use super::{app_without_code, frontend_env, guard, interruption::interruptible, observe_outputs};
use crate::{
    args::FrontendDeploy,
    aws::{Aws, object_store::Bucket},
    build::{env_file, site},
    config::Config,
    domain::{
        moment::Moment,
        notice::{Activity, Notice},
    },
    error::Error,
    execute::{
        Context, Wish,
        site::{self as online, Place},
    },
    plan::{
        Observed, site as upload,
        web::{self, Web},
    },
    report::{Reporting, answer::Answer},
};

pub(super) async fn deploy(args: &FrontendDeploy, config: &Config, reporting: &Reporting) -> Result<Answer, Error> {
    guard::protected(config, args.protected_ok)?;
    let aws = Aws::connect(&config.connection).await?;
    let app = app_without_code(config);
    let web = reporting
        .telling(async |events| {
            interruptible(async {
                let (_going_on, wish) = watch::channel(Wish::GoOn);
                let context = Context { aws: aws.clone(), events: events.clone(), wish };
                let account = guard::account("frontend deploy", config, &aws, &events).await?;
                let observed = observe_outputs(app.stacks(), config, &aws).await?;
                let not_deployed = || Error::NotDeployed { stack: stacks::WEB, stage: config.stage() };
                let web = web::of(&observed).ok_or_else(not_deployed)?;
                site::check(&config.shop).await?;
                publish(&web, &app, &observed, &account, config, &context).await?;
                Ok(web)
            })
            .await
        })
        .await
        .map_err(|error| if matches!(error, Error::Interrupted) { Error::PageInterrupted } else { error })?;
    Ok(Answer::new(format!("{}\n", web.url), json!({ "url": web.url })))
}

/// Builds the page and puts it online.
pub(super) async fn publish(
    web: &Web,
    app: &App,
    observed: &Observed,
    account: &str,
    config: &Config,
    context: &Context,
) -> Result<(), Error> {
    let Context { aws, events, .. } = context;
    let rendered = frontend_env::hosted(&web.url, app, &observed.parameters, config, &aws.region)?;
    let folder = config.shop.join("dist/hosted").join(config.stage());
    let variables = env_file::variables(&rendered);
    let built = events.during(Activity::BuildingSite, site::build(&config.shop, &folder, &variables)).await?;
    let place =
        Place { bucket: Bucket { name: web.bucket.clone(), owner: account.to_owned() }, distribution: web.distribution.clone() };
    let (there, superseded) = online::look(&place, aws).await?;
    let plan = upload::plan(&built, &there, &superseded, Moment::now());
    if plan.is_empty() {
        events.notice(Notice::SiteUnchanged { files: plan.unchanged });
        return Ok(());
    }
    Ok(online::publish(plan, &folder, &place, aws, events).await?)
}
