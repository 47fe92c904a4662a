//! Deploys: makes change sets, carries them out, and leaves none behind.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use cart_contract::Service;
use cart_infra::{ParameterSource, Stack, StackId};
use tokio::{sync::OnceCell, task::JoinSet};

use super::{
    Context, Error, Outcomes, StepError, Task, Wish, all, begin,
    delete::{empty, remove},
    explain::explain,
    in_order,
};
use crate::{
    aws::{
        cloudformation::{ChangeSet, ChangeSetRequest, ChangeSetState, TemplateSource},
        object_store::Bucket,
    },
    domain::{
        digest::sha256,
        event::{Event, Operation, Settled},
        failure::Failure,
        package::Artifact,
        stack::{Resource, StackStatus},
    },
    plan::{
        Observed, ObservedStack,
        deploy::{self, Action, Plan, Recovery, Step, Terms},
    },
};

/// The largest template that goes into a request; a larger one goes through S3.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html>
const LARGEST_INLINE_TEMPLATE: usize = 51_200;

/// The change sets that were made and not carried out, by stack: what has to go again if they never are.
#[derive(Clone, Debug, Default)]
pub(crate) struct ChangeSets(Arc<Mutex<BTreeMap<StackId, Made>>>);

/// A change set, as it was asked for; whether it came to be may not be known.
#[derive(Clone, Debug)]
struct Made {
    stack: String,
    name: String,
    create: bool,
    /// The object its template went through.
    template: Option<(Bucket, String)>,
    ready: Option<ChangeSet>,
}

impl ChangeSets {
    fn lock(&self) -> MutexGuard<'_, BTreeMap<StackId, Made>> {
        // Nothing is ever half written.
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Deletes what was made and not carried out, and the stacks that came into being only for that.
    pub(crate) async fn discard(&self, context: &Context) {
        let made = std::mem::take(&mut *self.lock());
        let mut discarding: JoinSet<()> = made
            .into_iter()
            .map(|(stack, made)| {
                let context = context.clone();
                async move {
                    if let Err(error) = discard(stack, &made, &context).await {
                        let name = &made.stack;
                        let text = format!("a change set of {name} may be left, and does no harm: {error}");
                        context.events.send(Event::Note { text });
                    }
                }
            })
            .collect();
        while discarding.join_next().await.is_some() {}
    }
}

async fn discard(stack: StackId, made: &Made, context: &Context) -> Result<(), StepError> {
    let aws = &context.aws;
    aws.delete_change_set(Some(&made.stack), &made.name).await?;
    // An object may be left by who may add to the bucket and not delete from it: it harms nobody, and stops nothing.
    if let Some((bucket, key)) = &made.template
        && let Err(error) = aws.delete_object(bucket, key).await
    {
        context.events.send(Event::Note { text: format!("a template is left in the bucket: {error}") });
    }
    if made.create
        && let Some(there) = aws.stack(&made.stack).await?
        && there.status == StackStatus::ReviewInProgress
        && !aws.has_change_sets(&there.id).await?
    {
        remove(stack, &there.id, &[], context).await?;
    }
    Ok(())
}

/// Asks CloudFormation what the steps would do, as far as that can be asked already. Carries nothing out.
///
/// # Errors
/// What is wrong with the first step that CloudFormation would refuse. The change sets are left to be discarded.
pub(crate) async fn prepare(
    plan: Plan,
    bucket: Option<&Bucket>,
    terms: &Terms,
    made: &ChangeSets,
    context: &Context,
) -> Result<Plan, Error> {
    let asking = plan.steps.into_iter().enumerate().map(|(place, step)| {
        let (bucket, terms, made, context) = (bucket.cloned(), terms.clone(), made.clone(), context.clone());
        async move {
            let stack = step.stack();
            let step = if step.can_be_exact() { asked(step, bucket.as_ref(), &terms, &made, &context).await } else { Ok(step) };
            (place, step.map_err(|error| (stack, error)))
        }
    });
    let mut running: JoinSet<_> = asking.collect();
    let mut steps = Vec::new();
    let mut failure = None;
    while let Some(asked) = running.join_next().await {
        match asked {
            Ok((place, Ok(step))) => steps.push((place, step)),
            Ok((_, Err(error))) => failure = failure.or(Some(error)),
            Err(panic) => std::panic::resume_unwind(panic.into_panic()),
        }
    }
    if let Some((stack, error)) = failure {
        return Err(match error {
            StepError::Failed(failure) => Error::Failed { failed: vec![*failure], partial: false },
            StepError::Aws(error) | StepError::LostSight(error) => Error::Aws(error),
            StepError::Blocked(blocked) => Error::Blocked(blocked),
            StepError::Busy | StepError::NotBegun | StepError::Detached | StepError::Untold(_) => Error::Busy { stack },
        });
    }
    steps.sort_by_key(|(place, _)| *place);
    Ok(Plan { steps: steps.into_iter().map(|(_, step)| step).collect() })
}

/// The step, as its change set says what it does.
async fn asked(
    step: Step,
    bucket: Option<&Bucket>,
    terms: &Terms,
    made: &ChangeSets,
    context: &Context,
) -> Result<Step, StepError> {
    let stack = step.stack();
    let create = matches!(step.action, Action::Create { .. });
    let request = change_set_request(&step.wanted, create, bucket, terms, context).await?;
    let template = match (&request.template, bucket) {
        (TemplateSource::Url(_), Some(bucket)) => Some((bucket.clone(), template_key(&step.wanted, &request.name))),
        _ => None,
    };
    let entry = Made { stack: request.stack.clone(), name: request.name.clone(), create, template, ready: None };
    made.lock().insert(stack, entry.clone());
    let change_set = context.aws.create_change_set(&request).await?;
    let state = context.until(|| async {
        let state = context.aws.change_set_state(&change_set).await?;
        Ok((state != ChangeSetState::Pending).then_some(state))
    });
    match state.await.map_err(StepError::before_it_began)? {
        ChangeSetState::Ready(changes) => {
            made.lock().insert(stack, Made { ready: Some(change_set), ..entry });
            Ok(step.with_change_set(&changes))
        }
        state => {
            // It will not be carried out, whatever becomes of the others.
            discard(stack, &entry, context).await?;
            made.lock().remove(&stack);
            match state {
                ChangeSetState::NoChanges => Ok(step.without_changes()),
                ChangeSetState::Failed(reason) => {
                    let failure = Failure::of_stack(stack, reason);
                    Err(StepError::Failed(Box::new(explain(failure, context).await)))
                }
                ChangeSetState::Ready(_) | ChangeSetState::Pending => Ok(step),
            }
        }
    }
}

/// The change set that brings a stack about, its template uploaded where it is too large for a request.
async fn change_set_request(
    wanted: &Stack,
    create: bool,
    bucket: Option<&Bucket>,
    terms: &Terms,
    context: &Context,
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
            TemplateSource::Url(context.aws.put_text(bucket, &key, template).await?)
        }
        _ => TemplateSource::Inline(template),
    };
    Ok(ChangeSetRequest { stack: wanted.name().to_owned(), name, create, template, parameters, tags: terms.tags.clone() })
}

fn template_key(wanted: &Stack, change_set: &str) -> String {
    format!("templates/{}/{change_set}.json", wanted.name())
}

/// A deployment that lacks nothing but being carried out.
#[derive(Debug)]
pub(crate) struct Deployment {
    /// What to do.
    pub plan: Plan,
    /// The change sets made for it so far.
    pub made: ChangeSets,
    /// What it is held to.
    pub terms: Terms,
    /// The functions' code.
    pub artifacts: Vec<Artifact>,
    /// The account that owns the bucket.
    pub account: String,
    /// Where the stage's parameters are.
    pub parameter_root: String,
}

/// Carries out a deployment: every stack as soon as those it needs are done. What is not carried out is discarded.
pub(crate) async fn run(deployment: Deployment, context: &Context) -> (Outcomes, Result<(), Error>) {
    let Deployment { plan, made, terms, artifacts, account, parameter_root } = deployment;
    let bootstrap = plan.steps.iter().find(|step| step.stack() == StackId::Bootstrap).map(|step| step.wanted.name().to_owned());
    let needed = |artifact: &Artifact| {
        let stack = match artifact.service {
            Service::Products => StackId::Products,
            Service::Cart => StackId::Cart,
        };
        plan.steps.iter().any(|step| step.stack() == stack && step.action != Action::Keep)
    };
    let shared = Arc::new(Shared {
        artifacts: artifacts.into_iter().filter(needed).collect(),
        code: OnceCell::new(),
        made: made.clone(),
        context: context.clone(),
        terms,
        account,
        bootstrap,
        parameter_root,
    });
    // The code goes up while the stacks that need none are deployed.
    let uploading = matches!(shared.terms.bucket, deploy::Bucket::Named(_)).then(|| {
        let shared = shared.clone();
        tokio::spawn(async move { shared.code().await.is_ok() })
    });
    let steps = plan.steps.into_iter().map(|step| {
        let shared = shared.clone();
        Task { stack: step.stack(), after: step.after.clone(), work: async move { shared.deploy(&step).await } }
    });
    let ended = in_order(steps.collect(), context).await;
    if let Some(uploading) = uploading {
        uploading.abort();
    }
    made.discard(context).await;
    ended
}

/// What the steps of a deployment have in common.
struct Shared {
    context: Context,
    terms: Terms,
    made: ChangeSets,
    artifacts: Vec<Artifact>,
    account: String,
    bootstrap: Option<String>,
    parameter_root: String,
    code: OnceCell<Bucket>,
}

impl Shared {
    /// The bucket, with the code in it. Whoever asks first puts it there.
    async fn code(&self) -> Result<&Bucket, StepError> {
        self.code
            .get_or_try_init(|| async {
                let name = match (&self.terms.bucket, &self.bootstrap) {
                    (deploy::Bucket::Named(name), _) => name.clone(),
                    (_, Some(bootstrap)) => {
                        self.context
                            .until(|| async {
                                let there = self.context.aws.stack(bootstrap).await?;
                                Ok(there.and_then(|there| there.outputs.get(cart_infra::ARTIFACT_BUCKET_OUTPUT).cloned()))
                            })
                            .await?
                    }
                    (_, None) => {
                        return Err(StepError::Failed(Box::new(Failure::of_stack(StackId::Bootstrap, "there is no bucket"))));
                    }
                };
                let bucket = Bucket { name, owner: self.account.clone() };
                self.upload(&bucket).await?;
                Ok(bucket)
            })
            .await
    }

    /// Puts the code into the bucket, unless it is there: the key is the hash of the content.
    async fn upload(&self, bucket: &Bucket) -> Result<(), StepError> {
        let uploads = self.artifacts.iter().cloned().map(|artifact| {
            let (bucket, Context { aws, events, .. }) = (bucket.clone(), self.context.clone());
            async move {
                let key = artifact.key.as_str();
                let present = aws.has_object(&bucket, key).await?;
                if !present {
                    let putting = aws.put_file(&bucket, key, &artifact.path);
                    events.during(&format!("uploading the code of {}", artifact.service), putting).await?;
                }
                events.send(Event::Stored { key: key.to_owned(), bytes: artifact.zip_bytes, present });
                Ok::<_, StepError>(())
            }
        });
        all(uploads).await?;
        Ok(())
    }

    async fn deploy(&self, shown: &Step) -> Result<Settled, StepError> {
        let stack = shown.stack();
        if shown.action == Action::Keep {
            self.protect(shown).await?;
            return Ok(Settled::Unchanged);
        }
        let ready = self.made.lock().get(&stack).and_then(|made| made.ready.clone());
        let (step, change_set) = match ready {
            Some(change_set) => (shown.clone(), change_set),
            None => match self.late(shown).await? {
                Some(found) => found,
                None => return Ok(Settled::Unchanged),
            },
        };
        if step.uses_code() {
            self.code().await?;
        }
        // Whatever took so long, the wish may be another one by now.
        if self.context.wish() != Wish::GoOn {
            return Ok(Settled::NotBegun);
        }
        let operation = if matches!(step.action, Action::Create { .. }) { Operation::Create } else { Operation::Update };
        begin(&self.context, stack, operation, step.changes.resources.len(), &step.after);
        // A stack that is being created has no earlier operation whose end could be taken for this one's.
        let before = if operation == Operation::Create {
            None
        } else {
            let latest = self.context.patiently(|| self.context.aws.latest_event(&change_set.stack_id)).await;
            latest.map_err(StepError::before_it_began)?.map(|event| event.id)
        };
        self.context.aws.execute_change_set(&change_set).await?;
        self.made.lock().remove(&stack);
        let ended = self.context.follow(stack, &change_set.stack_id, operation, before).await?;
        match ended.status {
            StackStatus::CreateComplete | StackStatus::UpdateComplete => {
                self.protect(&step).await?;
                Ok(Settled::Done { operation })
            }
            status => {
                let failure = Failure::of_events(stack, Some(&step.wanted), &change_set.stack_id, &ended.events, status);
                Err(StepError::Failed(Box::new(explain(failure, &self.context).await)))
            }
        }
    }

    /// Makes the change set that could not be made before: what it does must not be worse than what was shown.
    async fn late(&self, shown: &Step) -> Result<Option<(Step, ChangeSet)>, StepError> {
        let stack = shown.stack();
        match &shown.action {
            Action::Create { remains: Some(remains) } => {
                if stack == StackId::Web {
                    let resources = self.context.patiently(|| self.context.aws.resources(&remains.id)).await?;
                    let buckets = resources.into_iter().filter(Resource::is_bucket).map(|bucket| bucket.physical_id);
                    empty(&buckets.collect::<Vec<_>>(), &self.account, &self.context).await?;
                }
                remove(stack, &remains.id, &[], &self.context).await?;
            }
            Action::Update { recovery: Some(recovery) } => self.recover(shown, *recovery).await?,
            Action::Create { remains: None } | Action::Update { recovery: None } | Action::Keep => {}
        }
        let bucket = if shown.uses_code() { Some(self.code().await?.clone()) } else { None };
        let terms = Terms {
            bucket: bucket.as_ref().map_or(deploy::Bucket::Unasked, |bucket| deploy::Bucket::Named(bucket.name.clone())),
            ..self.terms.clone()
        };
        let observed = match shown.action {
            // What there was is gone, and CloudFormation looks up itself what it reads.
            Action::Create { .. } => Observed::default(),
            Action::Update { .. } | Action::Keep => self.observe(&shown.wanted).await?,
        };
        let step = deploy::step(&shown.wanted, &observed, &terms, shown.after.clone(), &[])?;
        if step.action == Action::Keep {
            self.protect(&step).await?;
            return Ok(None);
        }
        let step = asked(step, bucket.as_ref(), &terms, &self.made, &self.context).await?;
        let step = Step { unknown: Vec::new(), ..step };
        if self.terms.protected {
            deploy::refuse_losses(&Plan { steps: vec![step.clone()] })?;
        }
        let untold = shown.untold(&step);
        if !untold.is_empty() {
            return Err(StepError::Untold(untold));
        }
        let ready = self.made.lock().get(&stack).and_then(|made| made.ready.clone());
        Ok(ready.map(|change_set| (step, change_set)))
    }

    /// What there is of a stack, and of the stage's parameters.
    async fn observe(&self, wanted: &Stack) -> Result<Observed, StepError> {
        let aws = &self.context.aws;
        let (parameters, deployed, template) = tokio::try_join!(
            self.context.patiently(|| aws.parameters_below(&self.parameter_root)),
            self.context.patiently(|| aws.stack(wanted.name())),
            self.context.patiently(|| aws.template(wanted.name())),
        )?;
        let resources = match &deployed {
            Some(there) if deploy::needs_resources(there.status, template.as_ref()) => {
                self.context.patiently(|| aws.resources(&there.id)).await?
            }
            _ => Vec::new(),
        };
        let stacks = deployed.map(|deployed| (wanted.id(), ObservedStack { deployed, template, resources }));
        Ok(Observed { stacks: stacks.into_iter().collect(), parameters })
    }

    /// Undoes an earlier change that failed.
    async fn recover(&self, shown: &Step, recovery: Recovery) -> Result<(), StepError> {
        let (stack, aws) = (shown.stack(), &self.context.aws);
        let Some(there) = self.context.patiently(|| aws.stack(shown.wanted.name())).await? else { return Ok(()) };
        begin(&self.context, stack, Operation::RollBack, 0, &shown.after);
        let before = self.context.patiently(|| aws.latest_event(&there.id)).await?.map(|event| event.id);
        match recovery {
            Recovery::RollBack => aws.roll_back(&there.id).await?,
            Recovery::ContinueRollback => aws.continue_rollback(&there.id).await?,
        }
        let ended = self.context.follow(stack, &there.id, Operation::RollBack, before).await?;
        if ended.status == StackStatus::UpdateRollbackComplete {
            return Ok(());
        }
        let failure = Failure::of_events(stack, Some(&shown.wanted), &there.id, &ended.events, ended.status);
        let mut failure = explain(failure, &self.context).await;
        if ended.status == StackStatus::UpdateRollbackFailed {
            let resources = self.context.patiently(|| aws.resources(&there.id)).await?;
            let failed = resources.iter().filter(|resource| resource.status.ends_with("_FAILED"));
            failure.hint = Some(skipping(shown.wanted.name(), failed.map(|resource| resource.logical_id.as_str())));
        }
        Err(StepError::Failed(Box::new(failure)))
    }

    /// Switches termination protection on, where it is wanted and off.
    async fn protect(&self, step: &Step) -> Result<(), StepError> {
        if step.protect {
            self.context.aws.protect_from_termination(step.wanted.name(), true).await?;
            let text = format!("CloudFormation now refuses to delete {}", step.wanted.name());
            self.context.events.send(Event::Note { text });
        }
        Ok(())
    }
}

/// What to do where a rollback fails again and again. Only these resources may be skipped.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-cfn-updating-stacks-continueupdaterollback.html>
fn skipping<'a>(stack: &str, resources: impl Iterator<Item = &'a str>) -> String {
    let resources: Vec<_> = resources.collect();
    format!(
        "repair what the reason names and run the same command again; or give up on these resources with `aws cloudformation \
         continue-update-rollback --stack-name {stack} --resources-to-skip {}`, after which they differ from the template",
        resources.join(" ")
    )
}
