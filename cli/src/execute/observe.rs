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
        Blocked, Observed, ObservedAccount, ObservedStack, bootstrap,
        deploy::{self, Definitions, Refused, Request},
        ownership::{Evidence, Foreign, Proposed, judge},
        step,
    },
};

/// A stack as it was found: this stage's, or somebody else's.
type Found = Result<ObservedStack, Box<Foreign>>;

/// How much of a stack is read.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Depth {
    /// Its description. The template only if there is no mark.
    Description,
    /// Its description, its template, and the resources that a plan needs.
    Everything,
}

impl Session {
    /// The stacks and their published parameters, once no operation runs on any of this stage's. `acceptable` is asked before that is
    /// waited for.
    pub(crate) async fn observe_at_rest(
        &self,
        stacks: &[Stack],
        parameter_root: &str,
        acceptable: impl Fn(&Observed) -> Result<(), Blocked>,
    ) -> Result<Observed, Error> {
        loop {
            let observed = self.observe(stacks, parameter_root).await?;
            acceptable(&observed).map_err(Refused::from)?;
            if !self.follow_busy(stacks, &observed).await? {
                return Ok(observed);
            }
        }
    }

    /// Reads all stacks at once, then the parameters: everything that a complete stack publishes exists by then. In the other order
    /// it might not.
    pub(crate) async fn observe(&self, stacks: &[Stack], parameter_root: &str) -> Result<Observed, aws::Error> {
        self.observe_to(Depth::Everything, stacks, parameter_root).await
    }

    /// The stacks without templates and resources, and the parameters: enough for the outputs at the end of a command.
    pub(crate) async fn observe_outputs(&self, stacks: &[Stack], parameter_root: &str) -> Result<Observed, aws::Error> {
        self.observe_to(Depth::Description, stacks, parameter_root).await
    }

    async fn observe_to(&self, depth: Depth, stacks: &[Stack], parameter_root: &str) -> Result<Observed, aws::Error> {
        let described = try_join_all(stacks.iter().map(|stack| self.existing(stack.name()))).await?;
        let existing = stacks.iter().zip(described).filter_map(|(stack, there)| Some((stack, there?)));
        // What is not read yet belongs to stacks that exist: nothing is asked twice of one that does not.
        let reading = existing.map(async |(stack, there)| Ok((stack.id(), self.read(depth, stack, there).await?)));
        let (found, parameters) = tokio::try_join!(try_join_all(reading), self.published(parameter_root))?;
        let mut observed = Observed { parameters, ..Observed::default() };
        for (id, found) in found {
            match found {
                Ok(there) => drop(observed.stacks.insert(id, there)),
                Err(foreign) => drop(observed.foreign.insert(id, *foreign)),
            }
        }
        Ok(observed)
    }

    /// Reads one stack with everything that a plan depends on. None if it does not exist.
    pub(super) async fn look_at(&self, stack: &Stack) -> Result<Option<Found>, aws::Error> {
        match self.existing(stack.name()).await? {
            Some(there) => self.read(Depth::Everything, stack, there).await.map(Some),
            None => Ok(None),
        }
    }

    /// Reads the rest of a stack that exists, and decides whose it is.
    async fn read(&self, depth: Depth, stack: &Stack, mut deployed: Deployed) -> Result<Found, aws::Error> {
        let (mut template, mut change_sets) = (None, Vec::new());
        if deployed.status == StackStatus::ReviewInProgress {
            // Such a stack has no template yet, and services differ in how they answer.
            let proposed = self.aws.proposed(&deployed.id).await?;
            change_sets = proposed.into_iter().map(|(name, template)| Proposed { name, template }).collect();
        } else if depth == Depth::Everything || deployed.mark.is_none() {
            template = self.aws.template(&deployed.id).await?;
        }
        let evidence = Evidence { deployed: &deployed, template: template.as_ref(), change_sets: &change_sets };
        let claim = match judge(stack, &evidence, self.adopted.contains(&stack.id())) {
            Ok(claim) => claim,
            Err(foreign) => return Ok(Err(foreign)),
        };
        let mut resources = Vec::new();
        if depth == Depth::Everything {
            if step::has_to_go(deployed.status) {
                // The stack's own reason says only that something failed. The history has the cause, but may not be readable.
                let history = self.aws.events_after(&deployed.id, None).await.unwrap_or_default();
                deployed.reason = Failure::first(&history, &deployed.id).or(deployed.reason);
            }
            if step::needs_resources(deployed.status, claim) {
                resources = self.aws.resources(&deployed.id).await?;
            }
        }
        Ok(Ok(ObservedStack { deployed, claim, template, resources }))
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
        let own = definitions.bootstrap(bootstrap::Content::EVERYTHING, None);
        let bootstrap = async {
            loop {
                let there = match self.look_at(&own).await? {
                    Some(Ok(there)) => there,
                    Some(Err(foreign)) => return Ok::<_, Error>((None, Some(*foreign))),
                    None => return Ok((None, None)),
                };
                let seen = Observed { stacks: [(own.id(), there.clone())].into(), ..Observed::default() };
                if !self.follow_busy(std::slice::from_ref(&own), &seen).await? {
                    return Ok((Some(there), None));
                }
            }
        };
        let gateway_role = async {
            let rest_apis = deploy::has_rest_apis(&definitions.app(&request.code, None));
            Ok(if rest_apis { self.aws.gateway_logging_role().await? } else { None })
        };
        let ((bootstrap, foreign), gateway_role) = tokio::try_join!(bootstrap, gateway_role)?;
        observed.account = Some(ObservedAccount { bootstrap, foreign, gateway_role });
        Ok(())
    }

    /// The resources of a stack: none where it does not exist.
    ///
    /// # Errors
    /// [`Blocked::Foreign`], if the stack is somebody else's.
    pub(crate) async fn resources(&self, stack: &Stack) -> Result<Vec<Resource>, Error> {
        let Some(there) = self.existing(stack.name()).await? else { return Ok(Vec::new()) };
        match self.read(Depth::Description, stack, there).await? {
            Ok(there) => Ok(self.aws.resources(&there.deployed.id).await?),
            Err(foreign) => Err(Refused::from(Blocked::foreign(stack.id(), &foreign)).into()),
        }
    }

    /// The stage's published values, by full name.
    pub(crate) async fn published(&self, parameter_root: &str) -> Result<BTreeMap<String, String>, aws::Error> {
        self.aws.parameters_below(parameter_root).await
    }

    /// Follows all running operations on this stage's stacks to their end; returns whether there were any.
    async fn follow_busy(&self, stacks: &[Stack], observed: &Observed) -> Result<bool, Error> {
        let busy: Vec<_> = observed.busy().into_iter().filter(|busy| busy.foreign.is_none()).collect();
        let following = busy.iter().map(|busy| self.attach(stacks.iter().find(|wanted| wanted.id() == busy.stack), *busy));
        try_join_all(following).await?;
        Ok(!busy.is_empty())
    }

    /// An existing stack: CloudFormation also returns deleted ones.
    async fn existing(&self, name: &str) -> Result<Option<Deployed>, aws::Error> {
        let there = match self.first(name) {
            Some(first) => first.found,
            None => self.aws.stack(name).await?,
        };
        Ok(there.filter(|deployed| deployed.status != StackStatus::DeleteComplete))
    }
}
