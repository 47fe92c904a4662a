//! The engine by itself: an app of your own, deployed, diffed and deleted as `cartctl` does with the shop.
//!
//! An app is a function from values that are known only at deployment to stacks: [`Definitions`]. A [`Session`] is a connection to
//! one account. [`plan`] observes and decides, [`Planned::plan`] describes the changes, [`deploy`] carries them out, and [`delete`]
//! deletes all stacks in reverse order. Asking for approval and formatting events are up to the caller.
//!
//! ```no_run
//! use cartctl::engine::{self, Definitions, Request, Target};
//! # async fn run(app: impl Definitions, code: cfn::Code, artifacts: Vec<engine::Artifact>) -> Result<(), engine::Error> {
//! let session = engine::connect(&Target::Aws { region: "eu-west-1".parse().expect("a region") }).await?;
//! let planned = engine::plan(Request::all(code), async { Ok::<_, engine::Error>(artifacts) }, &app, &session).await?;
//! println!("{:?}: {:?}", planned.plan().reach(), planned.plan().changing());
//! let outcome = engine::deploy(planned, &app, &session).await?;
//! println!("{:?}", outcome.outputs());
//! # Ok(())
//! # }
//! ```

use std::future::{Future, ready};

use cart_contract::Origin;
use cfn::Region;

pub use crate::{
    aws::Error as AwsError,
    domain::{
        failure::{FailedResource, Failure},
        package::Artifact,
        stack::{Resource, StackStatus},
    },
    execute::{Error, Session, deploy::Outcome},
    plan::{
        Blocked,
        bootstrap::Content,
        deploy::{Definitions, Plan, Refused, Request},
        ownership::{Foreign, Owner, Signs},
        step::Reach,
    },
};
use crate::{
    aws::{Aws, ErrorKind, object_store::Bucket},
    config::Environment,
    domain::{
        connection::{Connection, Endpoint, LocalKeys},
        event::Events,
    },
    execute::{self, deploy::ChangeSets},
    plan::{self, Observed, delete as deletion},
};

/// AWS, or a service that behaves like it.
#[derive(Clone, Debug)]
pub enum Target {
    /// AWS itself, with credentials from the sources that every AWS tool uses.
    Aws {
        /// The region, for example `eu-west-1`.
        region: Region,
    },
    /// A stand-in on this machine, which accepts any credentials.
    StandIn {
        /// The service's address.
        url: Origin,
        /// The region of requests.
        region: Region,
    },
}

/// A planned deployment, with its code.
#[derive(Debug)]
pub struct Planned {
    pub(crate) plan: Plan,
    pub(crate) artifacts: Vec<Artifact>,
    /// The state that the plan is for.
    pub(crate) observed: Observed,
}

impl Planned {
    /// The plan, made by comparing templates.
    #[must_use]
    pub fn plan(&self) -> &Plan {
        &self.plan
    }
}

/// Connects, and asks which account the credentials belong to.
///
/// # Errors
/// [`Error`], if there are no usable credentials.
pub async fn connect(target: &Target) -> Result<Session, Error> {
    let (region, endpoint) = match target.clone() {
        Target::Aws { region } => (region, Endpoint::Aws),
        Target::StandIn { url, region } => (region, Endpoint::Local(url)),
    };
    let environment = Environment::of_process()
        .map_err(|error| Error::Aws(AwsError::new("reading the environment", ErrorKind::Other, error.to_string())))?;
    // A stand-in accepts any, and AWS gets none of these.
    let keys = LocalKeys { access_key_id: "test".to_owned(), secret_access_key: "test".to_owned() };
    let local_keys = endpoint.is_local().then_some(keys);
    let connection =
        Connection { region: Some(region), endpoint, environment: environment.aws, local_keys, ..Connection::default() };
    // A program that asks for approval in its own way asks for codes in its own way, too: before it connects.
    let aws = Aws::connect(&connection, |_| Box::pin(ready(None))).await?;
    let account = aws.account().await?;
    Ok(Session::looking(aws, account, Events::nowhere()))
}

/// Observes everything that the request depends on while the code is built, and plans by comparing templates. Changes nothing.
///
/// # Errors
/// [`Error`], or that of `building`.
pub async fn plan<E: From<Error>>(
    mut request: Request,
    building: impl Future<Output = Result<Vec<Artifact>, E>>,
    definitions: &dyn Definitions,
    session: &Session,
) -> Result<Planned, E> {
    // Names and paths do not depend on the code.
    let names = definitions.app(&request.code, None);
    let root = definitions.parameter_root();
    let acceptable = |observed: &Observed| plan::deploy::refuse_foreign(&names, &request, observed);
    let observing = async {
        let observed = session.observe_at_rest(names.stacks(), &root, acceptable).await?;
        // Refused before minutes are spent on building.
        plan::deploy::check_origin(definitions, &request, &observed).map_err(Error::from)?;
        Ok(observed)
    };
    let (mut observed, artifacts) = match &request.bucket {
        None => tokio::try_join!(observing, building)?,
        Some(name) => {
            let observed = observing.await?;
            // Checked before minutes are spent on building. A bucket of an earlier deployment was checked then.
            if !plan::deploy::is_in_use(&observed, name) {
                let bucket = Bucket { name: name.clone(), owner: session.account.clone() };
                session.aws.check_bucket(&bucket).await.map_err(Error::from)?;
            }
            (observed, building.await?)
        }
    };
    for artifact in &artifacts {
        request.code = request.code.with(artifact.package, artifact.hash);
    }
    session.observe_account(definitions, &request, &mut observed).await?;
    let plan = plan::deploy::plan(definitions, &request, &observed).map_err(Error::from)?;
    Ok(Planned { plan, artifacts, observed })
}

/// Deploys as planned. Change sets that are not executed are deleted.
///
/// # Errors
/// [`Error`], the worst of all stacks. Changes to the other stacks stay.
pub async fn deploy(planned: Planned, definitions: &dyn Definitions, session: &Session) -> Result<Outcome, Error> {
    let made = ChangeSets::default();
    let Planned { plan, artifacts, observed } = planned;
    let plan = made.or_discard(execute::deploy::refine(plan, &made, session).await, session).await?;
    execute::deploy::carry_out(plan, observed, definitions, &artifacts, made, session).await
}

/// Deletes the request's existing stacks, or all of the app, each after those that read from it; returns the names of the deleted stacks. The
/// account's own stack stays.
///
/// # Errors
/// [`Error`], the worst of all stacks.
pub async fn delete(request: &Request, definitions: &dyn Definitions, session: &Session) -> Result<Vec<String>, Error> {
    let app = definitions.app(&request.code, None);
    let wanted = |observed: &Observed| deletion::wanted(&app, &request.stacks, observed);
    let acceptable = |observed: &Observed| observed.refuse_foreign(wanted(observed));
    let mut observed = session.observe_at_rest(app.stacks(), &definitions.parameter_root(), acceptable).await?;
    for there in observed.stacks.values_mut() {
        there.resources = session.aws.resources(&there.deployed.id).await?;
    }
    let plan = deletion::plan(&app, &wanted(&observed), &observed, false).map_err(Refused::from)?;
    execute::delete::carry_out(&plan, false, session).await?;
    Ok(plan.steps.into_iter().map(|step| step.name).collect())
}
