//! Observes the state that plans depend on: stacks, their templates and resources, published parameters, the account. Changes
//! nothing, and decides only by a plan's needs.

use std::collections::BTreeMap;

use cfn::Stack;
use futures_util::future::try_join_all;

use super::{Error, Session};
use crate::{
    aws,
    domain::{
        failure::Failure,
        stack::{Deployed, Resource, StackStatus},
    },
    plan::{
        self, Observed, ObservedAccount, ObservedStack, bootstrap,
        deploy::{self, Definitions, Request},
        step,
    },
};

impl Session {
    /// The stacks and their published parameters, once no operation runs on any of the stacks.
    pub(crate) async fn observe_at_rest(&self, stacks: &[Stack], parameter_root: &str) -> Result<Observed, Error> {
        loop {
            let observed = self.observe(stacks, parameter_root).await?;
            if !self.follow_busy(stacks, &observed).await? {
                return Ok(observed);
            }
        }
    }

    /// Reads all stacks at once, then the parameters: everything that a complete stack publishes exists by then. In the other order
    /// it might not.
    pub(crate) async fn observe(&self, stacks: &[Stack], parameter_root: &str) -> Result<Observed, aws::Error> {
        let stacks =
            try_join_all(stacks.iter().map(async |stack| Ok((stack.id(), self.observe_stack(stack.name()).await?)))).await?;
        let stacks = stacks.into_iter().filter_map(|(id, there)| Some((id, there?))).collect();
        Ok(Observed { stacks, parameters: self.published(parameter_root).await?, account: None })
    }

    /// The stacks without templates and resources, and the parameters: enough for the outputs at the end of a command.
    pub(crate) async fn observe_outputs(&self, stacks: &[Stack], parameter_root: &str) -> Result<Observed, aws::Error> {
        let one = async |stack: &Stack| {
            let there = self.existing(stack.name()).await?;
            Ok(there.map(|deployed| (stack.id(), ObservedStack { deployed, template: None, resources: Vec::new() })))
        };
        let (stacks, parameters) = tokio::try_join!(try_join_all(stacks.iter().map(one)), self.published(parameter_root))?;
        Ok(Observed { stacks: stacks.into_iter().flatten().collect(), parameters, account: None })
    }

    /// The account's own stack and settings, if a deployment depends on them: if a stack that carries code changes.
    pub(crate) async fn observe_account(
        &self,
        definitions: &dyn Definitions,
        request: &Request,
        observed: &mut Observed,
    ) -> Result<(), Error> {
        if !deploy::concerns_account(definitions, request, observed)? {
            return Ok(());
        }
        let own = definitions.bootstrap(bootstrap::Content::EVERYTHING);
        let bootstrap = async {
            loop {
                let there = self.observe_stack(own.name()).await?;
                let seen =
                    Observed { stacks: there.clone().map(|there| (own.id(), there)).into_iter().collect(), ..Observed::default() };
                if !self.follow_busy(std::slice::from_ref(&own), &seen).await? {
                    return Ok::<_, Error>(there);
                }
            }
        };
        let gateway_role = async {
            let rest_apis = deploy::has_rest_apis(&definitions.app(&request.code, None));
            Ok(if rest_apis { self.aws.gateway_logging_role().await? } else { None })
        };
        let (bootstrap, gateway_role) = tokio::try_join!(bootstrap, gateway_role)?;
        observed.account = Some(ObservedAccount { bootstrap, gateway_role });
        Ok(())
    }

    /// The resources of a stack: none where it does not exist.
    pub(crate) async fn resources(&self, name: &str) -> Result<Vec<Resource>, aws::Error> {
        match self.existing(name).await? {
            Some(deployed) => self.aws.resources(&deployed.id).await,
            None => Ok(Vec::new()),
        }
    }

    /// The stage's published values, by full name.
    pub(crate) async fn published(&self, parameter_root: &str) -> Result<BTreeMap<String, String>, aws::Error> {
        self.aws.parameters_below(parameter_root).await
    }

    /// Follows all running operations on these stacks to their end; returns whether there were any.
    async fn follow_busy(&self, stacks: &[Stack], observed: &Observed) -> Result<bool, Error> {
        let busy = plan::busy(observed);
        let following = busy.iter().map(|(stack, deployed)| {
            let wanted = stacks.iter().find(|wanted| wanted.id() == *stack);
            self.attach(*stack, wanted, deployed)
        });
        try_join_all(following).await?;
        Ok(!busy.is_empty())
    }

    async fn observe_stack(&self, name: &str) -> Result<Option<ObservedStack>, aws::Error> {
        let (deployed, template) = tokio::join!(self.existing(name), self.aws.template(name));
        let Some(mut deployed) = deployed? else { return Ok(None) };
        if step::has_to_go(deployed.status) {
            // The stack's own reason says only that something failed. The history has the cause, but may not be readable.
            let history = self.aws.events_after(&deployed.id, None).await.unwrap_or_default();
            deployed.reason = Failure::first(&history, &deployed.id).or(deployed.reason);
        }
        // A stack under review has no template yet, and services differ in how they answer.
        let template = if deployed.status == StackStatus::ReviewInProgress { None } else { template? };
        let resources = if step::needs_resources(deployed.status, template.as_ref()) {
            self.aws.resources(&deployed.id).await?
        } else {
            Vec::new()
        };
        Ok(Some(ObservedStack { deployed, template, resources }))
    }

    /// An existing stack: CloudFormation also returns deleted ones.
    async fn existing(&self, name: &str) -> Result<Option<Deployed>, aws::Error> {
        Ok(self.aws.stack(name).await?.filter(|deployed| deployed.status != StackStatus::DeleteComplete))
    }
}
