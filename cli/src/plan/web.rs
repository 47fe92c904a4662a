//! What the stack of the shop's page means to the others: whether it takes part, which page the APIs allow, and who has to be told of a
//! new one. Not every stage has it.

use cart_infra::{App, DISTRIBUTION_OUTPUT, Stack, StackId, WEB_BUCKET_OUTPUT, WEB_URL_OUTPUT, stacks};

use super::{
    Observed,
    deploy::{Action, Plan},
};
use crate::domain::stack::StackStatus;

/// Where the page is served from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Web {
    /// The shop's address, without a slash at the end: the page's origin.
    pub url: String,
    /// The bucket the page is in.
    pub bucket: String,
    /// What serves it.
    pub distribution: String,
}

/// Where the page is served from, if it is.
pub(crate) fn of(observed: &Observed) -> Option<Web> {
    let outputs = &observed.stacks.get(&stacks::WEB)?.deployed.outputs;
    let output = |key: &str| outputs.get(key).cloned();
    Some(Web { url: output(WEB_URL_OUTPUT)?, bucket: output(WEB_BUCKET_OUTPUT)?, distribution: output(DISTRIBUTION_OUTPUT)? })
}

/// The stacks a deployment works on: those that were named, or all. The web stack is one of them if it is asked for or there. What is
/// only left of asking CloudFormation about it, with nothing in it, is not there.
pub(crate) fn wanted(app: &App, named: &[StackId], asked_for: bool, observed: &Observed) -> Vec<StackId> {
    let is_there = observed.stacks.get(&stacks::WEB).is_some_and(|there| there.deployed.status != StackStatus::ReviewInProgress);
    let is_wanted = |id: &StackId| match *id {
        stacks::WEB if asked_for => true,
        stacks::WEB if named.is_empty() => is_there,
        id => named.is_empty() || named.contains(&id),
    };
    app.stacks().iter().map(Stack::id).filter(is_wanted).collect()
}

/// The stacks of the plan that are updated once more at its end: they allow the page, and its address comes into being with this plan.
pub(crate) fn told_later(plan: &Plan) -> Vec<StackId> {
    let is_new = |step: &&super::deploy::Step| step.stack() == stacks::WEB && matches!(step.action, Action::Create { .. });
    if plan.steps.iter().find(is_new).is_none() {
        return Vec::new();
    }
    let allow_pages = [stacks::PRODUCTS, stacks::CART];
    plan.steps.iter().map(super::deploy::Step::stack).filter(|id| allow_pages.contains(id)).collect()
}
