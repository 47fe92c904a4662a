//! `cartctl local`: the whole shop on this machine, deployed by the same code as on AWS.

use std::{collections::BTreeMap, convert::Infallible, time::Instant};

use cart_contract::{CatalogueEnv, Env as _};
use cart_infra::{CodeKey, Package, stacks};
use serde_json::{Value as Json, json};
use tokio::{sync::mpsc::unbounded_channel, task::JoinSet};

use super::{
    deployment::{self, Deployed},
    frontend_env,
    interruption::{Interruption, interruptible},
    open, package,
};
use crate::{
    args::{EnvFormat, Local},
    build::package::Target,
    config::Config,
    domain::{
        connection::LocalKeys,
        event::{Event, Events, Message},
        notice::{Activity, Notice},
        package::{Artifact, Progress},
    },
    error::Error,
    execute::{self, deploy::ChangeSets},
    local::{
        self, Listener,
        cloud::{self, LocalCloud, Start},
        edits::{Edit, Edits},
        site::{self, Site, Workshop},
    },
    plan::deploy::Request,
    report::{
        self, Reporting,
        answer::Answer,
        local::{Runs, Shop},
    },
    shop::no_code,
};

pub(super) async fn run(args: &Local, config: &Config, events: &Events, reporting: &Reporting) -> Result<Answer, Error> {
    let directory = &config.local.directory;
    if args.stop {
        return Ok(report::local::stopped(local::stop_running(directory).await));
    }
    // Listens from now on, so that an interruption at any moment still stops the started programs.
    let mut interrupted = Interruption::listen()?;
    let plan = plan(args, config).await?;
    let mut own = Own::default();
    // Runs until the site is needed; stops with this function.
    let mut site_build = SiteBuild::new();
    // Side by side: one waits for Python to start, the other for cargo.
    if let Some(SitePlan { workshop, develop: false, .. }) = &plan.site {
        let (workshop, stand_in) = (workshop.clone(), frontend_env::stand_in(config));
        site_build.spawn(async move { workshop.build(&stand_in.variables()).await });
    }
    let request = package::request(config, Target::Host);
    let building = interruptible(package::package(&request, events));
    let started = tokio::join!(building, start_cloud(&plan, config, &mut own, events));
    let (built, kept) = match started {
        (Ok(built), Ok(kept)) => (built, kept),
        (Err(error), _) | (_, Err(error)) => {
            own.stop().await;
            return Err(error);
        }
    };
    let brought_up = tokio::select! {
        shop = bring_up(&plan, built, &mut site_build, kept, config, &mut own, events) => shop,
        () = interrupted.wait() => Err(Error::Interrupted),
    };
    let (shop, code) = match brought_up {
        Ok(brought_up) => brought_up,
        Err(error) => {
            own.stop().await;
            return Err(error);
        }
    };
    let answer = |runs| reporting.here(|here| shop.answer(runs, config.verbose, here));
    if own.cloud.is_none() && !args.dev {
        own.let_go();
        return Ok(answer(Runs::Already));
    }
    if args.detach {
        own.let_go();
        return Ok(answer(Runs::Detached));
    }
    events.pause().await;
    if let Err(unwritten) = reporting.answer(&answer(if args.dev { Runs::WithEdits } else { Runs::UntilInterrupted })) {
        own.stop().await;
        return Err(unwritten.into());
    }
    let ended = tokio::select! {
        error = own.ended() => Err(error.into()),
        () = interrupted.wait() => Ok(report::local::stopped(true)),
        error = develop(args.dev, code, config, events) => error.map(|never| match never {}),
    };
    own.stop().await;
    ended
}

/// The credentials of the run, for other AWS tools.
pub(super) fn credentials(args: &Local, config: &Config) -> Result<Answer, Error> {
    let format = args.format.unwrap_or(EnvFormat::Shell);
    let LocalKeys { access_key_id, secret_access_key } = config.connection.local_keys.as_ref().ok_or(local::Error::NoKeys)?;
    let endpoint = config.connection.endpoint.url().unwrap_or_default();
    let variables = [
        ("AWS_ACCESS_KEY_ID", access_key_id.as_str()),
        ("AWS_SECRET_ACCESS_KEY", secret_access_key),
        ("AWS_REGION", local::REGION),
        ("AWS_DEFAULT_REGION", local::REGION),
        ("AWS_ENDPOINT_URL", endpoint),
    ];
    let variables = variables.map(|(name, value)| (name, value.to_owned()));
    let (mut text, _) = frontend_env::printed(format, &variables);
    if format == EnvFormat::Shell {
        // Some tools would prefer these.
        text.push_str("unset AWS_SESSION_TOKEN AWS_PROFILE\n");
    }
    // What `credential_process` in `~/.aws/config` takes:
    // <https://docs.aws.amazon.com/sdkref/latest/guide/feature-process-credentials.html>.
    let json = json!({
        "Version": 1, "AccessKeyId": access_key_id, "SecretAccessKey": secret_access_key, "Region": local::REGION,
        "EndpointUrl": endpoint,
    });
    Ok(Answer::exact(text, json))
}

/// The programs to start, after all checks.
struct Plan {
    cloud: bool,
    site: Option<SitePlan>,
}

struct SitePlan {
    workshop: Workshop,
    port: u16,
    develop: bool,
    start: bool,
}

/// Checks the existing state; starts nothing.
async fn plan(args: &Local, config: &Config) -> Result<Plan, Error> {
    let directory = &config.local.directory;
    let runs = config.local.running.is_some();
    if runs && (args.fresh || args.dev) {
        return Err(local::Error::Runs.into());
    }
    if runs && config.connection.local_keys.is_none() {
        return Err(local::Error::NoKeys.into());
    }
    if !runs {
        cloud::installed(&config.tools())?;
        // A site server without its cloud would keep the port.
        site::stop(directory).await;
        local::free(config.local.port, Listener::Cloud)?;
    }
    let site = match config.local.site {
        None => None,
        Some(port) => {
            let start = config.local.running.is_none_or(|ports| ports.site.is_none());
            if start {
                local::free(port, Listener::Site)?;
            }
            let workshop = Workshop::of(&config.workspace, directory, &config.inherited).await?;
            Some(SitePlan { workshop, port, develop: args.dev, start })
        }
    };
    if args.fresh {
        local::forget(directory)?;
    }
    Ok(Plan { cloud: !runs, site })
}

/// Vite at work.
type SiteBuild = JoinSet<Result<(), local::Error>>;

/// The programs that this process has started, and stops.
#[derive(Default)]
struct Own {
    cloud: Option<LocalCloud>,
    site: Option<Site>,
}

impl Own {
    /// Returns when one of them ends unexpectedly.
    async fn ended(&mut self) -> local::Error {
        let Self { cloud, site } = self;
        let cloud = async { if let Some(cloud) = cloud { cloud.ended().await } else { std::future::pending().await } };
        let site = async { if let Some(site) = site { site.ended().await } else { std::future::pending().await } };
        tokio::select! {
            error = cloud => error,
            error = site => error,
        }
    }

    async fn stop(self) {
        if let Some(site) = self.site {
            site.stop().await;
        }
        if let Some(cloud) = self.cloud {
            cloud.stop().await;
        }
    }

    fn let_go(self) {
        if let Some(site) = self.site {
            site.let_go();
        }
        if let Some(cloud) = self.cloud {
            cloud.let_go();
        }
    }
}

/// The key of each package's code.
type Packages = BTreeMap<Package, CodeKey>;

/// Starts the local cloud unless it runs; returns whether it resumed from saved state.
async fn start_cloud(plan: &Plan, config: &Config, own: &mut Own, events: &Events) -> Result<bool, Error> {
    if !plan.cloud {
        return Ok(false);
    }
    let keys = config.connection.local_keys.as_ref().ok_or(local::Error::NoKeys)?;
    let [(origin_variable, ())] = CatalogueEnv { allowed_origin: () }.pairs()[..] else { unreachable!("it has one variable") };
    let (tools, directory) = (config.tools(), &config.local.directory);
    let starting = LocalCloud::start(Start {
        tools: &tools,
        port: config.local.port,
        keys,
        origin_variable,
        directory,
        inherited: &config.inherited,
    });
    let (cloud, beginning) = events.during(Activity::StartingLocalCloud, starting).await?;
    own.cloud = Some(cloud);
    if beginning.unclean {
        events.notice(Notice::LocalCloudUnclean);
    }
    Ok(beginning.kept)
}

/// Deploys, builds and serves the site, and sends a request to each part.
async fn bring_up(
    plan: &Plan,
    built: Vec<Artifact>,
    site_build: &mut SiteBuild,
    kept: bool,
    config: &Config,
    own: &mut Own,
    events: &Events,
) -> Result<(Shop, Packages), Error> {
    let brought_up = tokio::select! {
        error = own.ended() => Err(error.into()),
        done = open_shop(plan, built, site_build, config, events) => done,
    };
    if brought_up.is_err() && kept {
        events.notice(Notice::LocalStateKept);
    }
    let (shop, code, site) = brought_up?;
    own.site = site;
    Ok((shop, code))
}

/// Deploys, and serves the site for this deployment, while the functions answer for the first time.
async fn open_shop(
    plan: &Plan,
    built: Vec<Artifact>,
    site_build: &mut SiteBuild,
    config: &Config,
    events: &Events,
) -> Result<(Shop, Packages, Option<Site>), Error> {
    let (deployed, code) = deploy_all(built, config, events).await?;
    let (site, shop) = tokio::try_join!(serve(plan, site_build, &deployed, config, events), ask(shop(&deployed, plan, config)?))?;
    if let Some(site) = &shop.site {
        events.during(Activity::WaitingForSite, local::get(site)).await?;
    }
    Ok((shop, code, site))
}

/// Makes sure that the site is served; returns the server if this process started it.
async fn serve(
    plan: &Plan,
    site_build: &mut SiteBuild,
    deployed: &Deployed,
    config: &Config,
    events: &Events,
) -> Result<Option<Site>, Error> {
    let Some(SitePlan { workshop, port, develop, start }) = &plan.site else { return Ok(None) };
    let env = frontend_env::local(&deployed.outcome.observed.parameters, config)?;
    if *develop {
        return Ok(Some(events.during(Activity::StartingVite, workshop.develop(&env.variables(), *port)).await?));
    }
    if let Some(built) = events.during(Activity::BuildingSite, site_build.join_next()).await {
        built.map_err(|error| local::Error::SiteBuild { said: error.to_string() })??;
    }
    workshop.place(&env.replacing(&frontend_env::stand_in(config)))?;
    Ok(if *start { Some(workshop.serve(*port).await?) } else { None })
}

/// Deploys everything with this code, without approval: the local cloud is for trying things out.
async fn deploy_all(built: Vec<Artifact>, config: &Config, events: &Events) -> Result<(Deployed, Packages), Error> {
    let session = open("local", stacks::AUTH, config, events).await?;
    let packages = built.iter().map(|artifact| (artifact.package, artifact.key.clone())).collect();
    let request = Request { tags: config.tags.clone(), leave_retained: true, ..Request::all(no_code()) };
    let mut planned = deployment::plan(request, async { Ok(built) }, config, &session).await?;
    let made = ChangeSets::default();
    planned.plan = made.or_discard(execute::deploy::refine(planned.plan, &made, &session).await, &session).await?;
    Ok((deployment::carry_out(planned, made, true, config, &session).await?, packages))
}

/// The addresses and calls of a deployment.
fn shop(deployed: &Deployed, plan: &Plan, config: &Config) -> Result<Shop, Error> {
    let output = |stack, key: &str| {
        let missing = || local::Error::NoAnswer { reason: format!("the {stack} stack has no output {key}") };
        Ok::<_, Error>(deployed.output(stack, key).ok_or_else(missing)?.to_owned())
    };
    Ok(Shop {
        site: plan.site.as_ref().map(|site| format!("http://localhost:{}", site.port)),
        endpoint: config.connection.endpoint.url().unwrap_or_default().to_owned(),
        products_api: output(stacks::PRODUCTS, "ProductApi")?,
        cart_api: output(stacks::CART, "CartApi")?,
        user_pool: output(stacks::AUTH, "CognitoUserPoolId")?,
        client: output(stacks::AUTH, "CognitoAppClientId")?,
        product: String::new(),
    })
}

/// Sends requests to everything behind the site: answers mean that all parts work.
async fn ask(mut shop: Shop) -> Result<Shop, Error> {
    let Shop { endpoint, products_api, cart_api, user_pool, .. } = &shop;
    let (products, cart) = (format!("{products_api}/product"), format!("{cart_api}/cart"));
    let keys = format!("{endpoint}/{user_pool}/.well-known/jwks.json");
    let (products, ..) = tokio::try_join!(local::get(&products), local::get(&cart), local::get(&keys))?;
    let products: Json = serde_json::from_str(&products).map_err(|error| local::Error::NoAnswer { reason: error.to_string() })?;
    let product = products.pointer("/products/0/productId").and_then(Json::as_str);
    product.ok_or_else(|| local::Error::NoAnswer { reason: "it has no products".to_owned() })?.clone_into(&mut shop.product);
    Ok(shop)
}

/// Deploys edits of the functions until dropped.
async fn develop(wanted: bool, mut code: Packages, config: &Config, events: &Events) -> Result<Infallible, Error> {
    if !wanted {
        return std::future::pending().await;
    }
    let mut edits = Edits::of(&config.workspace)?;
    loop {
        let edited = edits.next().await;
        if edited.contains(&Edit::Definitions) {
            events.notice(Notice::DefinitionsEdited);
        }
        if edited.contains(&Edit::Functions) {
            let started = Instant::now();
            let swapped = swap(config, events).await;
            let took = started.elapsed();
            events.notice(match swapped {
                Ok(new) => {
                    let edited = new.iter().filter(|(service, key)| code.get(service) != Some(key));
                    let services: Vec<_> = edited.map(|(service, _)| service.to_string()).collect();
                    code = new;
                    if services.is_empty() {
                        Notice::FunctionsUnchanged { took }
                    } else {
                        Notice::FunctionsSwapped { services, took }
                    }
                }
                Err(error) => Notice::SwapFailed { reason: error.to_string(), took },
            });
        }
    }
}

/// Compiles and deploys again. Reports only the compiler's messages; one notice at the end summarizes the rest.
async fn swap(config: &Config, events: &Events) -> Result<Packages, Error> {
    let (sender, mut told) = unbounded_channel();
    let swapping = async {
        let quiet = Events::into(sender);
        let built = package::package(&package::request(config, Target::Host), &quiet).await?;
        deploy_all(built, config, &quiet).await.map(|(_, code)| code)
    };
    let telling = async {
        while let Some(message) = told.recv().await {
            if let Message::Event(
                event @ Event::Package(Progress::Said { .. } | Progress::Compiling { .. } | Progress::WaitingForLock),
            ) = message
            {
                events.send(event);
            }
        }
    };
    tokio::join!(swapping, telling).0
}
