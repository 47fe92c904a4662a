//! `cartctl frontend deploy`: builds the shop's page for what is deployed, and puts it online.

use cart_infra::StackId;
use serde_json::json;
use tokio::sync::watch;

use super::{app_without_code, frontend_env, guard, interruption::interruptible, observe_outputs};
use crate::{
    args::FrontendDeploy,
    aws::{Aws, object_store::Bucket},
    build::site,
    config::Config,
    domain::{event::Event, moment::Moment},
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
                let not_deployed = || Error::NotDeployed { stack: StackId::Web, stage: config.stage() };
                let web = web::of(&observed).ok_or_else(not_deployed)?;
                site::check(&config.shop).await?;
                publish(&web, &observed, &account, config, &context).await?;
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
    observed: &Observed,
    account: &str,
    config: &Config,
    context: &Context,
) -> Result<(), Error> {
    let Context { aws, events, .. } = context;
    let env = frontend_env::hosted(&web.url, &observed.parameters, config, &aws.region)?;
    let folder = config.shop.join("dist/hosted").join(config.stage());
    let built = events.during("building the shop's page", site::build(&config.shop, &folder, &env.variables())).await?;
    let place =
        Place { bucket: Bucket { name: web.bucket.clone(), owner: account.to_owned() }, distribution: web.distribution.clone() };
    let (there, superseded) = online::look(&place, aws).await?;
    let plan = upload::plan(&built, &there, &superseded, Moment::now());
    if plan.is_empty() {
        events.send(Event::Note { text: format!("the page is online as it is: {} files, none of them new", plan.unchanged) });
        return Ok(());
    }
    Ok(online::publish(plan, &folder, &place, aws, events).await?)
}
