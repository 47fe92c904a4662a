//! `cartctl deploy`: build and observe → plan → refine → ask → carry out → publish the site → outputs.

use cart_infra::stacks;

use super::{
    approved,
    deployment::{self, Deployed},
    guard,
    interruption::{Interruption, coming_to_an_end, interruptible, supervised},
    open, replanning, site,
};
use crate::{
    args::{Deploy, RequireApproval},
    config::Config,
    domain::{event::Events, notice::Notice},
    engine::Planned,
    error::Error,
    execute::{self, Session, deploy::ChangeSets},
    plan::{
        deploy::{Allowed, Plan, hosted},
        step::Reach,
    },
    report::{self, answer::Answer, ask::Question},
};

pub(super) async fn run(args: &Deploy, config: &Config, events: &Events) -> Result<Answer, Error> {
    guard::protected(config, args.protected_ok)?;
    guard::adopted(&args.planning.adopt, &deployment::touched(&args.planning, config))?;
    config.check_origin()?;
    let session = interruptible(open("deploy", stacks::AUTH, config, events)).await?.adopting(args.planning.adopt.clone());
    let deployed = replanning(&session, async || Box::pin(deploy(args, config, &session)).await).await?;
    Ok(deployed.map_or_else(Answer::declined, |deployed| deployed.answer()))
}

/// None if it was declined.
async fn deploy(args: &Deploy, config: &Config, session: &Session) -> Result<Option<Deployed>, Error> {
    let made = ChangeSets::default();
    let planned = Box::pin(approved_plan(args, &made, config, session)).await;
    let planned = match planned {
        Ok(Some(planned)) => planned,
        Err(Error::LeftPlan) => {
            made.leave(&session.events);
            return Err(Error::LeftPlan);
        }
        Ok(None) | Err(_) => {
            discard(&made, session).await?;
            return planned.map(|_| None);
        }
    };
    let rest = made.clone();
    let done = supervised(session, async |session| {
        let publication = planned.plan.site.clone();
        let packages = args.planning.packages.as_deref();
        let deployed = deployment::carry_out(planned, made, !args.no_env, config, session).await?;
        if let Some(publication) = publication
            && let Some(site) = hosted(&deployed.outcome.app, &deployed.outcome.observed)
        {
            tokio::select! {
                published = site::publish(&site, packages, &deployed.outcome.observed, config, session) => published?,
                () = session.interrupted() => return Err(Error::SiteInterrupted),
            }
            if publication.allowed != Allowed::Settled {
                session.events.notice(deployment::not_allowed(&site.url, config));
            }
            session.events.notice(Notice::SiteOnline { url: site.url });
        }
        Ok(Some(deployed))
    })
    .await;
    // Nothing, unless a second Ctrl-C ended it at once.
    rest.leave(&session.events);
    done
}

/// The approved plan, as exact as possible; None if it was declined.
async fn approved_plan(args: &Deploy, made: &ChangeSets, config: &Config, session: &Session) -> Result<Option<Planned>, Error> {
    let planning = async {
        let building = deployment::artifacts(&args.planning, config, &session.events);
        let planned = deployment::plan(deployment::request(&args.planning, config), building, config, session).await?;
        if planned.plan.site.is_some() {
            // Checked before creating change sets that would wait for the site.
            site::check(args.planning.packages.as_deref(), config).await?;
        }
        Ok(planned)
    };
    let mut planned = interruptible(Box::pin(planning)).await?;
    let plan = planned.plan;
    planned.plan = coming_to_an_end(session, async |session| Ok(execute::deploy::refine(plan, made, session).await?)).await?;
    session.events.pause().await;
    report::plan::show_deploy(&planned.plan, config.verbose);
    if must_ask(args.require_approval, &planned.plan, config) && !interruptible(approved(Question::Deploy, config, session)).await?
    {
        return Ok(None);
    }
    Ok(Some(planned))
}

/// Whether the user has to approve this plan. Never for the local cloud, which is for trying things out.
fn must_ask(required: RequireApproval, plan: &Plan, config: &Config) -> bool {
    !plan.is_empty() && !config.yes && !config.connection.endpoint.is_local() && requires(required, plan.reach())
}

fn requires(required: RequireApproval, reach: Reach) -> bool {
    match required {
        RequireApproval::Never => false,
        RequireApproval::Any => reach >= Reach::Any,
        RequireApproval::Broadening => reach >= Reach::Broadening,
        RequireApproval::Destructive => reach >= Reach::Destructive,
    }
}

/// Discards the change sets of the plan. Another Ctrl-C ends that, and what is left is reported.
async fn discard(made: &ChangeSets, session: &Session) -> Result<(), Error> {
    let mut interruption = Interruption::listen()?;
    tokio::select! {
        () = made.discard(session) => Ok(()),
        () = interruption.wait() => {
            made.leave(&session.events);
            Err(Error::LeftPlan)
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_asked_about_is_what_was_said_and_worse() {
        let asked =
            |required| [Reach::None, Reach::Any, Reach::Broadening, Reach::Destructive].map(|reach| requires(required, reach));
        assert_eq!(asked(RequireApproval::Never), [false, false, false, false]);
        assert_eq!(asked(RequireApproval::Any), [false, true, true, true]);
        assert_eq!(asked(RequireApproval::Broadening), [false, false, true, true]);
        assert_eq!(asked(RequireApproval::Destructive), [false, false, false, true]);
    }
}
