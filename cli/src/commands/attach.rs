//! `cartctl attach`: follows CloudFormation's operations on the stacks, including those of other processes. Operations on stacks of
//! somebody else's are followed as well, and not cancelled.

use futures_util::future::join_all;

use super::{
    app_without_code, chosen, guard,
    interruption::{interruptible, supervised},
    look,
};
use crate::{
    args::Attach,
    config::Config,
    domain::event::Events,
    error::Error,
    execute::{self, Session, follow::Attached},
    plan::deploy::Definitions,
    report::{self, answer::Answer},
};

pub(super) async fn run(args: &Attach, config: &Config, events: &Events) -> Result<Answer, Error> {
    if !args.adopt.adopt.is_empty() {
        guard::protected(config, args.protected_ok)?;
    }
    let app = app_without_code(config);
    let chosen = chosen(&app, &args.selection.stacks);
    guard::adopted(&args.adopt.adopt, &chosen)?;
    let stacks: Vec<_> = chosen.into_iter().filter_map(|id| app.stack(id).cloned()).collect();
    let observe = async |session: &Session| Ok(session.observe_outputs(&stacks, &config.parameter_root()).await?);
    let adopting = |session: &Session| session.clone().adopting(args.adopt.adopt.clone());
    let first = async |session: &Session| observe(&adopting(session)).await;
    let (session, mut observed) = interruptible(look("attach", config, events, first)).await?;
    let (observed, mut failed, cancelled) = supervised(&adopting(&session), async |session| {
        let (mut failed, mut cancelled) = (Vec::new(), Vec::new());
        loop {
            let busy = observed.busy();
            if busy.is_empty() {
                return Ok((observed, failed, cancelled));
            }
            let following = busy.into_iter().map(async |busy| (busy.stack, session.attach(app.stack(busy.stack), busy).await));
            // All of them: an operation that is not cancelled must not end the cancellation of another one.
            for (stack, attached) in join_all(following).await {
                match attached? {
                    Attached::Done => {}
                    Attached::Cancelled => cancelled.push(stack),
                    Attached::Failed(failure) => failed.push(*failure),
                }
            }
            observed = observe(session).await?;
        }
    })
    .await?;
    if !failed.is_empty() {
        failed.sort_by_key(|failure| stacks.iter().position(|stack| stack.id() == failure.stack));
        let partial = failed.len() < stacks.len();
        return Err(execute::Error::Failed { failed, partial }.into());
    }
    if !cancelled.is_empty() {
        return Err(execute::Error::Stopped { running: Vec::new(), cancelled, pending: Vec::new() }.into());
    }
    for (stack, foreign) in &observed.foreign {
        events.notice(foreign.notice(*stack));
    }
    Ok(report::stacks::at_rest(&stacks, &observed))
}
