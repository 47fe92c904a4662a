//! `cartctl delete`: deletes the stacks in reverse order, and lists the retained resources.

use cart_infra::stacks;

use super::{
    app_without_code, approved, chosen, guard,
    interruption::{interruptible, supervised},
    open, replanning,
};
use crate::{
    args::Delete,
    config::Config,
    domain::event::Events,
    error::Error,
    execute::{self, Session},
    plan::{
        Observed,
        delete::{self, Plan},
        deploy::Definitions,
    },
    report::{self, answer::Answer, ask::Question},
};

pub(super) async fn run(args: &Delete, config: &Config, events: &Events) -> Result<Answer, Error> {
    guard::protected(config, args.protected_ok)?;
    guard::adopted(&args.adopt.adopt, &chosen(&app_without_code(config), &args.selection.stacks))?;
    let session = interruptible(open("delete", stacks::AUTH, config, events)).await?.adopting(args.adopt.adopt.clone());
    replanning(&session, async || delete(args, config, &session).await).await
}

async fn delete(args: &Delete, config: &Config, session: &Session) -> Result<Answer, Error> {
    let Some(plan) = interruptible(approved_plan(args, config, session)).await? else { return Ok(Answer::declined()) };
    if !plan.steps.is_empty() {
        supervised(session, async |session| Ok(execute::delete::carry_out(&plan, args.leave_failed, session).await?)).await?;
    }
    Ok(report::stacks::deleted(&plan, &config.stage()))
}

/// The approved plan; None if it was declined.
async fn approved_plan(args: &Delete, config: &Config, session: &Session) -> Result<Option<Plan>, Error> {
    let app = app_without_code(config);
    let wanted = |observed: &Observed| delete::wanted(&app, &args.selection.stacks, observed);
    let acceptable = |observed: &Observed| observed.refuse_foreign(wanted(observed));
    let mut observed = session.observe_at_rest(app.stacks(), &config.parameter_root(), acceptable).await?;
    for there in observed.stacks.values_mut() {
        there.resources = session.aws.resources(&there.deployed.id).await?;
    }
    let plan = delete::plan(&app, &wanted(&observed), &observed, args.protected_ok)?;
    for (stack, foreign) in &observed.foreign {
        session.events.notice(foreign.notice(*stack));
    }
    if !plan.steps.is_empty() {
        session.events.pause().await;
        report::plan::show_delete(&plan);
        let is_approved = config.connection.endpoint.is_local() || config.yes;
        let stacks = Some(args.selection.stacks.as_slice()).filter(|stacks| !stacks.is_empty());
        if !is_approved && !approved(Question::Delete { stacks }, config, session).await? {
            return Ok(None);
        }
    }
    Ok(Some(plan))
}
