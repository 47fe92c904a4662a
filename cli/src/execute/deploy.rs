//! Deploys: creates change sets, executes them round after round, and deletes the unused ones. Decides only as the plan says.

use std::{
    collections::BTreeMap,
    convert::Infallible,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use cfn::{App, ParameterSource, Stack, StackId};
use futures_util::future::{join_all, try_join_all};
use tokio::sync::OnceCell;

use super::{
    Error, Intent, Outcomes, Session, StepError, Task, begin,
    delete::{empty, remove},
    explain::explain,
    in_order, worst,
};
use crate::{
    aws::{
        self, ErrorKind,
        cloudformation::{ChangeSet, ChangeSetRequest, ChangeSetState, TemplateSource},
        object_store::Bucket,
    },
    domain::{
        cause,
        command::Command,
        digest::sha256,
        event::{Event, Events, Operation, Settled},
        failure::Failure,
        notice::{Activity, Notice},
        package::Artifact,
        stack::{Resource, StackStatus},
    },
    plan::{
        Observed,
        deploy::{self, Definitions, Plan, Refused, Round},
        step::{self, Action, Recovery, Step, Terms},
    },
};

/// The largest template that goes into a request; a larger one goes through S3.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>
const LARGEST_INLINE_TEMPLATE: usize = 51_200;

/// The change sets that were created and not executed, by stack: deleted at the end unless they are executed.
#[derive(Clone, Debug, Default)]
pub(crate) struct ChangeSets(Arc<Mutex<BTreeMap<StackId, Made>>>);

/// A requested change set; possibly it was never created.
#[derive(Clone, Debug)]
struct Made {
    stack: String,
    name: String,
    create: bool,
    /// The uploaded template.
    template: Option<(Bucket, String)>,
    state: Making,
}

/// How far a change set is.
#[derive(Clone, Debug)]
enum Making {
    /// CloudFormation may still create it, and does not delete it meanwhile.
    Requested,
    Ready(ChangeSet),
    /// It cannot be executed.
    Useless,
}

impl ChangeSets {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<StackId, Made>> {
        // No change of the map can stop half-way.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Deletes change sets that were not executed, and the stacks that exist only because of them; awaits those that CloudFormation still
    /// creates. Who stops waiting finds the rest with [`leave`](Self::leave).
    pub(crate) async fn discard(&self, session: &Session) {
        let session = &session.to_the_end();
        let made: Vec<_> = self.lock().iter().map(|(stack, made)| (*stack, made.clone())).collect();
        join_all(made.iter().map(async |(stack, made)| {
            if let Err(error) = discard(*stack, made, session).await {
                session.events.notice(Notice::ChangeSetLeft { stack: *stack, reason: error.to_string() });
            }
            self.lock().remove(stack);
        }))
        .await;
    }

    /// What planning with these change sets came to. If it failed, they are discarded.
    pub(crate) async fn or_discard<T>(&self, planned: Result<T, Error>, session: &Session) -> Result<T, Error> {
        if planned.is_err() {
            self.discard(session).await;
        }
        planned
    }

    /// Reports the change sets that are not deleted.
    pub(crate) fn leave(&self, events: &Events) {
        for stack in std::mem::take(&mut *self.lock()).into_keys() {
            events.notice(Notice::ChangeSetLeft { stack, reason: "cartctl quit before".to_owned() });
        }
    }

    /// The change set of a stack that can be executed.
    fn ready(&self, stack: StackId) -> Option<ChangeSet> {
        match &self.lock().get(&stack)?.state {
            Making::Ready(change_set) => Some(change_set.clone()),
            Making::Requested | Making::Useless => None,
        }
    }
}

async fn discard(stack: StackId, made: &Made, session: &Session) -> Result<(), StepError> {
    let aws = &session.aws;
    if matches!(made.state, Making::Requested) {
        created(made, session).await?;
    }
    aws.delete_change_set(Some(&made.stack), &made.name).await?;
    // A user with permission to upload may lack the permission to delete. The object then stays, and is harmless.
    if let Some((bucket, key)) = &made.template
        && let Err(error) = aws.delete_object(bucket, key).await
    {
        session.events.notice(Notice::TemplateLeft { reason: error.to_string() });
    }
    if made.create
        && let Some(there) = aws.stack(&made.stack).await?
        && there.status == StackStatus::ReviewInProgress
        && !aws.has_change_sets(&there.id).await?
    {
        remove(stack, &there.id, &[], session).await?;
    }
    Ok(())
}

/// Waits until CloudFormation no longer creates a change set.
async fn created(made: &Made, session: &Session) -> Result<(), StepError> {
    let Made { stack, name, .. } = made;
    session.until(|| async { Ok((!session.aws.is_being_created(stack, name).await?).then_some(())) }).await
}

/// Asks CloudFormation for the effects of the plan's steps, as far as change sets are possible yet. Executes nothing.
///
/// # Errors
/// The first step that CloudFormation would refuse, or the resources that a protected stage would lose. Change sets stay for the
/// caller to discard.
pub(crate) async fn refine(mut plan: Plan, made: &ChangeSets, session: &Session) -> Result<Plan, Error> {
    let bootstrap = async {
        match plan.bootstrap.take() {
            Some(step) => refine_steps(vec![step], &plan.first.terms, made, session).await,
            None => Ok(Vec::new()),
        }
    };
    let steps = refine_steps(std::mem::take(&mut plan.first.steps), &plan.first.terms, made, session);
    // Both are awaited, so that each change set is known to exist or not.
    let (bootstrap, steps) = tokio::join!(bootstrap, steps);
    let (mut bootstrap, steps) = (bootstrap?, steps?);
    plan.bootstrap = bootstrap.pop();
    plan.first.steps = steps;
    if plan.first.terms.protected {
        deploy::refuse_losses(plan.steps()).map_err(Refused::from)?;
    }
    Ok(plan)
}

async fn refine_steps(steps: Vec<Step>, terms: &Terms, made: &ChangeSets, session: &Session) -> Result<Vec<Step>, Error> {
    let bucket = match &terms.bucket {
        step::Bucket::Named(name) => Some(Bucket { name: name.clone(), owner: session.account.clone() }),
        step::Bucket::Unasked | step::Bucket::ToBeMade => None,
    };
    let asking = steps.into_iter().map(async |step| {
        let stack = step.stack();
        if !step.can_be_exact() {
            return Ok(step);
        }
        Box::pin(asked(step, bucket.as_ref(), terms, made, session)).await.map_err(|error| match error {
            StepError::Failed(failure) => Error::Failed { failed: vec![*failure], partial: false },
            StepError::Aws(error) | StepError::LostSight(error) => Error::Aws(error),
            StepError::Blocked(blocked) => Error::Refused(blocked.into()),
            StepError::Busy | StepError::Untold(_) => Error::Busy { stack },
            StepError::NotBegun | StepError::Detached | StepError::Cancelled => {
                Error::Stopped { running: Vec::new(), cancelled: Vec::new(), pending: vec![stack] }
            }
        })
    });
    // All are awaited, so that each change set is known to exist or not.
    join_all(asking).await.into_iter().collect()
}

/// The step with the effects of its change set.
async fn asked(
    step: Step,
    bucket: Option<&Bucket>,
    terms: &Terms,
    made: &ChangeSets,
    session: &Session,
) -> Result<Step, StepError> {
    let stack = step.stack();
    let create = matches!(step.action, Action::Create { .. });
    if session.intent() != Intent::Continue {
        return Err(StepError::NotBegun);
    }
    let request = change_set_request(&step.wanted, create, bucket, terms, session).await?;
    let template = match (&request.template, bucket) {
        (TemplateSource::Uploaded(_), Some(bucket)) => Some((bucket.clone(), template_key(&step.wanted, &request.name))),
        _ => None,
    };
    let entry = Made { stack: request.stack.clone(), name: request.name.clone(), create, template, state: Making::Requested };
    made.lock().insert(stack, entry.clone());
    let change_set = match session.aws.create_change_set(&request).await {
        // CloudFormation still creates the one of an earlier run, and cannot delete it yet.
        Err(error) if error.kind() == ErrorKind::Busy && session.aws.is_being_created(&entry.stack, &entry.name).await? => {
            created(&entry, session).await.map_err(StepError::before_it_began)?;
            session.aws.create_change_set(&request).await?
        }
        created => created?,
    };
    let state = session.until(|| async {
        let state = session.aws.change_set_state(&change_set).await?;
        Ok((state != ChangeSetState::Pending).then_some(state))
    });
    let state = match state.await.map_err(StepError::before_it_began)? {
        ChangeSetState::Ready(_) if request.template.is_replaceable() && !proposes(&change_set, &step.wanted, session).await? => {
            ChangeSetState::Failed(cause::FOREIGN_TEMPLATE.to_owned())
        }
        state => state,
    };
    match state {
        ChangeSetState::Ready(changes) => {
            made.lock().insert(stack, Made { state: Making::Ready(change_set), ..entry });
            Ok(step.with_change_set(&changes))
        }
        state => {
            // This change set is not executed, even if others are.
            discard(stack, &Made { state: Making::Useless, ..entry }, session).await?;
            made.lock().remove(&stack);
            match state {
                ChangeSetState::NoChanges => Ok(step.without_changes()),
                ChangeSetState::Failed(reason) => {
                    let failure = Failure::of_stack(stack, reason);
                    Err(StepError::Failed(Box::new(explain(failure, session).await)))
                }
                ChangeSetState::Ready(_) | ChangeSetState::Pending => Ok(step),
            }
        }
    }
}

/// Whether a change set is for the wanted template. What it holds, nobody can replace any more.
async fn proposes(change_set: &ChangeSet, wanted: &Stack, session: &Session) -> Result<bool, StepError> {
    Ok(session.aws.proposed_template(&change_set.id).await? == Some(wanted.template().as_json()))
}

/// The request for a stack's change set. Uploads the template if it is too large for a request.
async fn change_set_request(
    wanted: &Stack,
    create: bool,
    bucket: Option<&Bucket>,
    terms: &Terms,
    session: &Session,
) -> Result<ChangeSetRequest, StepError> {
    let parameters = wanted.parameters().iter().filter_map(|(name, source)| {
        let value = match source {
            ParameterSource::Shared(value) | ParameterSource::Value(value) => Some(value.clone()),
            ParameterSource::ArtifactBucket => bucket.map(|bucket| bucket.name.clone()),
        };
        value.map(|value| (name.clone(), value))
    });
    let parameters: BTreeMap<String, String> = parameters.collect();
    let template = wanted.template().to_json();
    let digest = sha256(&[format!("{template}\n{parameters:?}\n{:?}", terms.tags).as_bytes()]);
    let name = format!("cartctl-{}", &digest[..16]);
    let template = match bucket {
        Some(bucket) if template.len() > LARGEST_INLINE_TEMPLATE => {
            let key = template_key(wanted, &name);
            TemplateSource::Uploaded(session.aws.put_template(bucket, &key, template).await?)
        }
        _ => TemplateSource::Inline(template),
    };
    Ok(ChangeSetRequest { stack: wanted.name().to_owned(), name, create, template, parameters, tags: terms.tags.clone() })
}

fn template_key(wanted: &Stack, change_set: &str) -> String {
    format!("templates/{}/{change_set}.json", wanted.name())
}

/// The result of a deployment.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// The app as deployed.
    pub(crate) app: App,
    /// The state after the deployment.
    pub(crate) observed: Observed,
    /// Of the stacks that had an operation.
    pub(crate) outcomes: Outcomes,
}

impl Outcome {
    /// The outputs of every stack that exists, by key.
    #[must_use]
    pub fn outputs(&self) -> BTreeMap<StackId, BTreeMap<String, String>> {
        self.observed.stacks.iter().map(|(id, there)| (*id, there.deployed.outputs.clone())).collect()
    }

    /// The status of every stack that exists.
    #[must_use]
    pub fn statuses(&self) -> BTreeMap<StackId, StackStatus> {
        self.observed.stacks.iter().map(|(id, there)| (*id, there.deployed.status)).collect()
    }
}

/// Carries out a plan for the `observed` state, round after round. Change sets that are not executed are discarded.
///
/// # Errors
/// [`Error`], the worst of all stacks. Changes to the other stacks stay.
pub(crate) async fn carry_out(
    plan: Plan,
    observed: Observed,
    definitions: &dyn Definitions,
    artifacts: &[Artifact],
    made: ChangeSets,
    session: &Session,
) -> Result<Outcome, Error> {
    let root = definitions.parameter_root();
    let mut outcome = Outcome { app: plan.first.app.clone(), observed, outcomes: Outcomes::new() };
    if plan.is_empty() {
        return Ok(outcome);
    }
    outcome.outcomes = carry_out_round(plan.bootstrap.as_ref(), &plan.first, artifacts, &root, made, session).await?;
    outcome.observed = session.observe_outputs(outcome.app.stacks(), &root).await?;
    let Some(second) = second_round(&plan, definitions, &outcome.observed, session).await? else { return Ok(outcome) };
    let made = ChangeSets::default();
    let refined = async {
        let steps = refine_steps(second.steps.clone(), &second.terms, &made, session).await?;
        let round = Round { steps, ..second };
        round.refuse_destruction()?;
        Ok::<_, Error>(round)
    };
    let round = made.or_discard(refined.await, session).await?;
    let outcomes = carry_out_round(None, &round, artifacts, &root, made, session).await.map_err(|error| match error {
        // The first round has succeeded.
        Error::Failed { failed, .. } => Error::Failed { failed, partial: true },
        error => error,
    })?;
    for (stack, (settled, took)) in outcomes {
        let before = outcome.outcomes.get(&stack).map_or(Duration::ZERO, |(_, took)| *took);
        outcome.outcomes.insert(stack, (settled, before + took));
    }
    outcome.observed = session.observe_outputs(round.app.stacks(), &root).await?;
    outcome.app = round.app;
    Ok(outcome)
}

/// Lets the items of tables expire in a local cloud, which ignores that part of the templates.
///
/// # Errors
/// [`aws::Error`].
pub(crate) async fn expire_items(outcome: &Outcome, session: &Session) -> Result<(), aws::Error> {
    for (stack, table, attribute) in deploy::expiring(&outcome.app) {
        let Some(there) = outcome.observed.stacks.get(&stack) else { continue };
        let resources = session.aws.resources(&there.deployed.id).await?;
        if let Some(table) = resources.iter().find(|resource| resource.logical_id == table) {
            session.aws.enable_time_to_live(&table.physical_id, attribute).await?;
        }
    }
    Ok(())
}

/// The second round, given the state after the first one; starts once no other operation runs.
async fn second_round(
    plan: &Plan,
    definitions: &dyn Definitions,
    observed: &Observed,
    session: &Session,
) -> Result<Option<Round>, Error> {
    let Some(second) = plan.second.as_ref() else { return Ok(None) };
    let site = deploy::hosted(plan.app(), observed).filter(|_| !second.allowing.is_empty());
    let again = plan.again(site.is_some());
    if again.is_empty() {
        return Ok(None);
    }
    if session.intent() != Intent::Continue {
        return Err(Error::Stopped { running: Vec::new(), cancelled: Vec::new(), pending: again });
    }
    if let Some(site) = site {
        session.events.notice(Notice::SecondRound { stacks: second.allowing.clone(), origin: site.url });
    }
    if !second.protecting.is_empty() {
        session.events.notice(Notice::DeletionProtection { stacks: second.protecting.clone() });
    }
    let acceptable = |observed: &Observed| observed.refuse_foreign(again.iter().copied());
    let observed = session.observe_at_rest(plan.app().stacks(), &definitions.parameter_root(), acceptable).await?;
    Ok(plan.second_round(definitions, &observed)?)
}

/// Carries out one round: every stack as soon as the stacks it depends on are done.
async fn carry_out_round(
    bootstrap: Option<&Step>,
    round: &Round,
    artifacts: &[Artifact],
    parameter_root: &str,
    made: ChangeSets,
    session: &Session,
) -> Result<Outcomes, Error> {
    let steps: Vec<&Step> = bootstrap.into_iter().chain(&round.steps).collect();
    let carries = |step: &&Step, artifact: &Artifact| step.wanted.packages().contains(&artifact.package);
    let needed = |artifact: &&Artifact| steps.iter().any(|step| step.action != Action::Keep && carries(step, artifact));
    let work = Work {
        session,
        terms: &round.terms,
        made: &made,
        artifacts: artifacts.iter().filter(needed).collect(),
        bootstrap: bootstrap.map(|step| &step.wanted),
        parameter_root,
        code: OnceCell::new(),
    };
    let tasks = steps.iter().map(|step| Task {
        stack: step.stack(),
        after: step.after.clone(), // On the heap: a step is a large future, and all of them are part of one.
        work: Box::pin(work.deploy(step)),
    });
    // The code is uploaded while the stacks without code are deployed. A failure is reported by the stack that needs the code.
    let uploading = async {
        if matches!(round.terms.bucket, step::Bucket::Named(_)) {
            work.code().await.ok();
        }
        std::future::pending::<Infallible>().await
    };
    let (outcomes, errors) = tokio::select! {
        done = in_order(tasks.collect(), session) => done,
        never = uploading => match never {},
    };
    made.discard(session).await;
    worst(errors, &outcomes, bootstrap.map(Step::stack))?;
    Ok(outcomes)
}

/// Shared by the steps of a round.
struct Work<'a> {
    session: &'a Session,
    terms: &'a Terms,
    made: &'a ChangeSets,
    artifacts: Vec<&'a Artifact>,
    bootstrap: Option<&'a Stack>,
    parameter_root: &'a str,
    code: OnceCell<Bucket>,
}

impl Work<'_> {
    /// The bucket with the code in it: the first step that asks uploads the code.
    async fn code(&self) -> Result<&Bucket, StepError> {
        self.code
            .get_or_try_init(|| async {
                let name = match (&self.terms.bucket, self.bootstrap) {
                    (step::Bucket::Named(name), _) => name.clone(),
                    (_, Some(bootstrap)) => {
                        self.session
                            .until(|| async {
                                let there = self.session.aws.stack(bootstrap.name()).await?;
                                Ok(there.and_then(|there| there.outputs.get(cfn::ARTIFACT_BUCKET_OUTPUT).cloned()))
                            })
                            .await?
                    }
                    (_, None) => {
                        let error = aws::Error::new("finding the artifact bucket", ErrorKind::NoBucket, "the plan creates none");
                        return Err(error.into());
                    }
                };
                let bucket = Bucket { name, owner: self.session.account.clone() };
                self.upload(&bucket).await?;
                Ok(bucket)
            })
            .await
    }

    /// Uploads the code, unless it is in the bucket already. An object is not believed to be the code because of its key; if somebody
    /// replaces it after this, Lambda publishes no version of it.
    async fn upload(&self, bucket: &Bucket) -> Result<(), StepError> {
        let Session { aws, events, .. } = self.session;
        try_join_all(self.artifacts.iter().map(async |artifact| {
            let key = artifact.key.as_str();
            let present = aws.holds(bucket, key, artifact.hash).await?;
            if !present {
                let putting = aws.put_file(bucket, key, &artifact.path, artifact.hash);
                events.during(Activity::UploadingPackage { service: artifact.package.to_string() }, putting).await?;
            }
            events.send(Event::Stored { key: key.to_owned(), bytes: artifact.zip_bytes, present });
            Ok::<_, StepError>(())
        }))
        .await?;
        Ok(())
    }

    async fn deploy(&self, shown: &Step) -> Result<Settled, StepError> {
        let stack = shown.stack();
        if shown.action == Action::Keep {
            self.protect(shown).await?;
            return Ok(Settled::Unchanged);
        }
        let (step, change_set) = match self.made.ready(stack) {
            Some(change_set) => (shown.clone(), change_set),
            None => match Box::pin(self.late(shown)).await? {
                Some(found) => found,
                None => return Ok(Settled::Unchanged),
            },
        };
        if step.uses_code() {
            self.code().await?;
        }
        // The upload may have taken long enough for the user to change their mind.
        if self.session.intent() != Intent::Continue {
            return Ok(Settled::NotBegun);
        }
        let operation = if matches!(step.action, Action::Create { .. }) { Operation::Create } else { Operation::Update };
        begin(self.session, stack, operation, step.changes.resources.len(), &step.after);
        // A stack that is being created has no earlier operation whose end could be mistaken for this one's.
        let before = if operation == Operation::Create {
            None
        } else {
            let latest = self.session.patiently(|| self.session.aws.latest_event(&change_set.stack_id)).await;
            latest.map_err(StepError::before_it_began)?.map(|event| event.id)
        };
        self.session.aws.execute_change_set(&change_set).await?;
        self.made.lock().remove(&stack);
        let ended = self.session.follow(stack, &change_set.stack_id, operation, before).await?;
        match ended.status {
            StackStatus::CreateComplete | StackStatus::UpdateComplete => {
                self.protect(&step).await?;
                Ok(Settled::Done { operation })
            }
            _ if ended.is_rolled_back_as_asked() => Err(StepError::Cancelled),
            status => {
                let failure = Failure::of_events(stack, Some(&step.wanted), &change_set.stack_id, &ended.events, status);
                Err(StepError::Failed(Box::new(explain(failure, self.session).await)))
            }
        }
    }

    /// Creates the change set that had to wait for other steps. Fails if its effects go beyond the plan that was shown.
    async fn late(&self, shown: &Step) -> Result<Option<(Step, ChangeSet)>, StepError> {
        let stack = shown.stack();
        match &shown.action {
            Action::Create { remains: Some(remains) } => {
                let emptied = shown.wanted.emptied_first();
                if !emptied.is_empty() {
                    let resources = self.session.patiently(|| self.session.aws.resources(&remains.id)).await?;
                    let is_emptied = |bucket: &Resource| emptied.iter().any(|id| id.as_str() == bucket.logical_id);
                    let buckets = resources.into_iter().filter(Resource::is_bucket).filter(is_emptied);
                    empty(&buckets.map(|bucket| bucket.physical_id).collect::<Vec<_>>(), self.session).await?;
                }
                remove(stack, &remains.id, &[], self.session).await?;
            }
            Action::Update { recovery: Some(recovery) } => self.recover(shown, *recovery).await?,
            Action::Create { remains: None } | Action::Update { recovery: None } | Action::Keep => {}
        }
        let bucket = if shown.uses_code() { Some(self.code().await?.clone()) } else { None };
        let terms = Terms {
            bucket: bucket.as_ref().map_or(step::Bucket::Unasked, |bucket| step::Bucket::Named(bucket.name.clone())),
            ..self.terms.clone()
        };
        let observed = match shown.action {
            // The former stack is deleted, and CloudFormation resolves the parameters.
            Action::Create { .. } => Observed::default(),
            Action::Update { .. } | Action::Keep => self.observe(&shown.wanted).await?,
        };
        let step = step::step(&shown.wanted, &observed, &terms, shown.after.clone(), &[])?;
        if step.action == Action::Keep {
            self.protect(&step).await?;
            return Ok(None);
        }
        let step = asked(step, bucket.as_ref(), &terms, self.made, self.session).await?;
        let step = Step { unknown: Vec::new(), ..step };
        if self.terms.protected {
            deploy::refuse_losses([&step])?;
        }
        let untold = shown.untold(&step);
        if !untold.is_empty() {
            return Err(StepError::Untold(untold));
        }
        Ok(self.made.ready(stack).map(|change_set| (step, change_set)))
    }

    /// Observes a stack, and the stage's parameters.
    async fn observe(&self, wanted: &Stack) -> Result<Observed, StepError> {
        let (parameters, found) = tokio::try_join!(
            self.session.patiently(|| self.session.aws.parameters_below(self.parameter_root)),
            self.session.patiently(|| self.session.look_at(wanted)),
        )?;
        let mut observed = Observed { parameters, ..Observed::default() };
        match found {
            Some(Ok(there)) => drop(observed.stacks.insert(wanted.id(), there)),
            Some(Err(foreign)) => drop(observed.foreign.insert(wanted.id(), *foreign)),
            None => {}
        }
        Ok(observed)
    }

    /// Rolls back an earlier update that failed.
    async fn recover(&self, shown: &Step, recovery: Recovery) -> Result<(), StepError> {
        let (stack, aws) = (shown.stack(), &self.session.aws);
        let Some(there) = self.session.patiently(|| aws.stack(shown.wanted.name())).await? else { return Ok(()) };
        begin(self.session, stack, Operation::RollBack, 0, &shown.after);
        let before = self.session.patiently(|| aws.latest_event(&there.id)).await?.map(|event| event.id);
        match recovery {
            Recovery::RollBack => aws.roll_back(&there.id).await?,
            Recovery::ContinueRollback => aws.continue_rollback(&there.id).await?,
        }
        let ended = self.session.follow(stack, &there.id, Operation::RollBack, before).await?;
        if ended.status == StackStatus::UpdateRollbackComplete {
            return Ok(());
        }
        let failure = Failure::of_events(stack, Some(&shown.wanted), &there.id, &ended.events, ended.status);
        let mut failure = explain(failure, self.session).await;
        if ended.status == StackStatus::UpdateRollbackFailed {
            let resources = self.session.patiently(|| aws.resources(&there.id)).await?;
            let failed = resources.iter().filter(|resource| resource.status.ends_with("_FAILED"));
            failure.hint = Some(skipping(shown.wanted.name(), failed.map(|resource| resource.logical_id.as_str())));
        }
        Err(StepError::Failed(Box::new(failure)))
    }

    /// Switches termination protection on, if the plan says so.
    async fn protect(&self, step: &Step) -> Result<(), StepError> {
        if step.protect {
            self.session.aws.protect_from_termination(step.wanted.name(), true).await?;
            self.session.events.notice(Notice::ProtectionOn { stack: step.stack() });
        }
        Ok(())
    }
}

/// The hint for a rollback that fails repeatedly. Only these resources may be skipped.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-continueupdaterollback.html>
fn skipping<'a>(stack: &str, resources: impl Iterator<Item = &'a str>) -> String {
    let command = Command::aws("cloudformation continue-update-rollback --stack-name").with(stack).with("--resources-to-skip");
    format!(
        "fix the cause and run the same command again; or skip these resources with {}, after which they differ from the template",
        command.with_all(resources)
    )
}
