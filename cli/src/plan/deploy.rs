//! Decides what a deployment will do, as a whole: the account's own stack, one or two rounds of stacks, the site, and notices. Knows
//! nothing of AWS clients, terminals or clocks: definitions, a request and an observation go in, and nothing is left to choose.
//!
//! A second round exists where the app has a site that is new. Some stacks allow calls from the site's origin, the site's stack reads what
//! these publish, and its address is known only once it exists: so these stacks are updated once more
//! (docs/adr/0025-one-address.md).

use std::collections::BTreeMap;

use cart_contract::{NotAnOrigin, Origin};
use cfn::{
    ARTIFACT_BUCKET_OUTPUT, ARTIFACT_BUCKET_PARAMETER, Afterwards, App, Code, ParameterSource, Presence, Site, Stack, StackId,
    check::{self, Finding, Rule},
};

use super::{
    Blocked, Observed, ObservedAccount, bootstrap,
    step::{Action, Bucket, Reach, Step, Terms, Unknown, step, uses_code},
};
use crate::domain::{notice::Notice, stack::StackStatus};

/// The definitions of an app, as a function of what is known only when it is deployed.
pub trait Definitions {
    /// The app with this code. Stacks that allow calls from its site allow them from `site`, once that is known.
    fn app(&self, code: &Code, site: Option<&Origin>) -> App;

    /// The account's own stack, which outlives every stage. Its name does not depend on its content.
    fn bootstrap(&self, content: bootstrap::Content) -> Stack;

    /// The path in Parameter Store below which the app's stacks publish, without a slash at its end.
    fn parameter_root(&self) -> String;

    /// The app's own rules, besides those for every app.
    fn rules(&self) -> &[Rule] {
        &[]
    }

    /// The only origin that may call, where the stage says so itself: a site at another one is not allowed.
    fn pinned_origin(&self) -> Option<&Origin> {
        None
    }
}

/// A deployment, as it was asked for.
#[derive(Clone, Debug)]
pub struct Request {
    /// The stacks that were named. Where none was: every stack that always exists, and those on request that exist.
    pub stacks: Vec<StackId>,
    /// Whether the stacks that exist on request only are requested.
    pub with_optional: bool,
    /// Where the functions' code is in the artifact bucket.
    pub code: Code,
    /// The tags that every stack has.
    pub tags: BTreeMap<String, String>,
    /// Whether the stage is protected: nothing is taken away from it, and CloudFormation refuses to delete its stacks.
    pub protected: bool,
    /// The bucket for code, where the user brought one.
    pub bucket: Option<String>,
    /// Whether a stack that has to be recreated may leave retained resources in the account.
    pub leave_retained: bool,
}

impl Request {
    /// Everything, with this code, under the usual terms.
    #[must_use]
    pub fn all(code: Code) -> Self {
        Self {
            stacks: Vec::new(),
            with_optional: false,
            code,
            tags: BTreeMap::new(),
            protected: false,
            bucket: None,
            leave_retained: false,
        }
    }

    fn terms(&self) -> Terms {
        Terms {
            tags: self.tags.clone(),
            protected: self.protected,
            bucket: self.bucket.clone().map_or(Bucket::Unasked, Bucket::Named),
            leave_retained: self.leave_retained,
        }
    }
}

/// Why there is no plan.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// There is no way from the state of a stack to the requested one.
    #[error(transparent)]
    Blocked(#[from] Blocked),
    /// The definitions break a rule that no deployment should break.
    #[error("the definitions break rules of CloudFormation or of this project:\n{}", .0.iter().map(|finding| format!("  {finding}")).collect::<Vec<_>>().join("\n"))]
    Findings(Vec<Finding>),
    /// The site's stack says an address that is none. No other origin is ever allowed in its place.
    #[error("the output {output} of the {stack} stack cannot be `{value}`: {reason}")]
    Origin {
        /// The stack that hosts the site.
        stack: StackId,
        /// The output.
        output: &'static str,
        /// Its value.
        value: String,
        /// Why it is no origin.
        reason: String,
    },
    /// The second round would destroy something, which the approved plan could not mention.
    #[error("the {stack} stack would lose or replace {}, which the approved plan does not mention", resources.join(", "))]
    Untold {
        /// The stack.
        stack: StackId,
        /// The resources, by logical id.
        resources: Vec<String>,
    },
}

impl Refused {
    /// The next thing to try.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Blocked(blocked) => Some(blocked.hint()),
            Self::Findings(_) => Some("correct the definitions that the findings name, then run the same command again".to_owned()),
            Self::Origin { .. } => None,
            Self::Untold { .. } => {
                Some("run the same command again: the stack's inputs are published now, so that the plan will be exact".to_owned())
            }
        }
    }
}

/// A deployment: everything that will happen, in order.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The account's own stack, where a stack that changes needs it.
    pub(crate) bootstrap: Option<Step>,
    /// The stacks.
    pub(crate) first: Round,
    /// Which of them are updated once more, where the site's address becomes known only in the first round.
    pub(crate) second: Option<Second>,
    /// The site that is built and published at the end.
    pub(crate) site: Option<Publication>,
    /// What is worth knowing before it is approved.
    pub(crate) notices: Vec<Notice>,
    code: Code,
}

/// One pass of creating and updating stacks.
#[derive(Clone, Debug)]
pub(crate) struct Round {
    /// The app as it is defined for this round.
    pub app: App,
    /// The terms of its steps.
    pub terms: Terms,
    /// A step a stack, in an order in which they could be carried out one by one.
    pub steps: Vec<Step>,
}

/// The round that follows once the site's address is known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Second {
    /// The stacks that allow calls from the site.
    pub stacks: Vec<StackId>,
}

/// A site that is built and published after the stacks are deployed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Publication {
    /// The stack that hosts it.
    pub host: StackId,
    /// Whether the APIs will allow calls from it.
    pub allowed: Allowed,
}

/// Whether the APIs of an app allow calls from its site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Allowed {
    /// They do, at the latest after the second round; or it was said already that they do not.
    Settled,
    /// They do not: the stage pins another origin.
    Pinned,
    /// They will with the next deployment of all stacks; this one leaves them out.
    Later,
}

/// Where the site of an app is.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hosted {
    /// The stack that hosts it.
    pub stack: StackId,
    /// Its address, without a slash at the end: the site's origin.
    pub url: String,
    /// The bucket its files are in.
    pub bucket: String,
    /// The distribution that serves them.
    pub distribution: String,
    /// The folder of the bucket that is served.
    pub folder: &'static str,
}

impl Plan {
    /// The app as the first round defines it.
    #[must_use]
    pub fn app(&self) -> &App {
        &self.first.app
    }

    /// Every step before the second round: the account's own stack first.
    pub(crate) fn steps(&self) -> impl Iterator<Item = &Step> {
        self.bootstrap.iter().chain(&self.first.steps)
    }

    /// Whether no stack changes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.steps().all(Step::is_nothing)
    }

    /// How far-reaching it is.
    #[must_use]
    pub fn reach(&self) -> Reach {
        self.steps().map(Step::reach).max().unwrap_or_default()
    }

    /// The stacks that are created or updated, in an order in which they could be carried out one by one.
    #[must_use]
    pub fn changing(&self) -> Vec<StackId> {
        self.steps().filter(|step| step.action != Action::Keep).map(Step::stack).collect()
    }

    /// The stacks that the second round updates.
    pub(crate) fn again(&self) -> &[StackId] {
        self.second.as_ref().map_or(&[], |second| &second.stacks)
    }

    /// The second round, now that the first one is done: none, where the plan has none, or where the site still has no address. The next
    /// deployment then finds it.
    ///
    /// # Errors
    /// As [`plan`].
    pub(crate) fn second_round(&self, definitions: &dyn Definitions, observed: &Observed) -> Result<Option<Round>, Refused> {
        let Some(second) = &self.second else { return Ok(None) };
        let Some(origin) = origin(&self.first.app, observed)? else { return Ok(None) };
        let app = checked(definitions.app(&self.code, Some(&origin)), definitions)?;
        // Its code was uploaded in the first round.
        let parameters = second.stacks.iter().find_map(|id| Some(&observed.stacks.get(id)?.deployed.parameters));
        let bucket = parameters.and_then(|parameters| parameters.get(ARTIFACT_BUCKET_PARAMETER));
        let bucket = bucket.map_or(Bucket::Unasked, |bucket| Bucket::Named(bucket.value.clone()));
        let terms = Terms { bucket, ..self.first.terms.clone() };
        let steps = steps(&app, &second.stacks, observed, &terms, None)?;
        Ok(Some(Round { app, terms, steps }))
    }
}

impl Round {
    /// Makes sure that a second round destroys nothing: the approved plan did not mention it.
    ///
    /// # Errors
    /// [`Refused::Untold`], for the first step that would.
    pub(crate) fn refuse_destruction(&self) -> Result<(), Refused> {
        match self.steps.iter().find(|step| step.reach() == Reach::Destructive) {
            None => Ok(()),
            Some(step) => {
                let resources = step.destroyed().into_iter().map(str::to_owned).collect();
                Err(Refused::Untold { stack: step.stack(), resources })
            }
        }
    }
}

/// Whether a plan depends on the account's own stack and settings, which then have to be observed too: a stack that carries code changes.
///
/// # Errors
/// As [`plan`].
pub(crate) fn concerns_account(definitions: &dyn Definitions, request: &Request, observed: &Observed) -> Result<bool, Refused> {
    let app = definitions.app(&request.code, origin(&definitions.app(&request.code, None), observed)?.as_ref());
    let wanted = wanted(&app, request, observed);
    Ok(needs_code(&steps(&app, &wanted, observed, &request.terms(), None)?))
}

/// Decides how to bring the requested stacks about. All of them have to be at rest, and the account is observed where
/// [`concerns_account`] says so.
///
/// # Errors
/// [`Refused`], by the first rule or stack that stands in the way.
pub(crate) fn plan(definitions: &dyn Definitions, request: &Request, observed: &Observed) -> Result<Plan, Refused> {
    let known = origin(&definitions.app(&request.code, None), observed)?;
    let app = checked(definitions.app(&request.code, known.as_ref()), definitions)?;
    let wanted = wanted(&app, request, observed);
    let mut terms = request.terms();
    let mut bootstrap = None;
    let mut planned = steps(&app, &wanted, observed, &terms, None)?;
    if needs_code(&planned)
        && let Some(account) = &observed.account
    {
        bootstrap = bootstrap_step(&app, definitions, request, account, observed)?;
        if terms.bucket == Bucket::Unasked {
            terms.bucket = artifact_bucket(account).map_or(Bucket::ToBeMade, Bucket::Named);
        }
        planned = steps(&app, &wanted, observed, &terms, bootstrap.as_ref())?;
    }
    let pinned = definitions.pinned_origin();
    let stacks = if pinned.is_some() { Vec::new() } else { told_later(&app, &planned) };
    let second = (!stacks.is_empty()).then_some(Second { stacks });
    let site = app.site().map(|(host, _)| host.id()).filter(|host| wanted.contains(host)).map(|host| Publication {
        host,
        allowed: match (&known, pinned, &second) {
            (Some(_), ..) | (None, None, Some(_)) => Allowed::Settled,
            (None, Some(_), _) => Allowed::Pinned,
            (None, None, None) => Allowed::Later,
        },
    });
    let kept_out = known.zip(pinned).filter(|(known, pinned)| known != *pinned);
    let notices = kept_out.map(|(known, pinned)| Notice::OriginNotAllowed {
        site: known.to_string(),
        allowed: pinned.to_string(),
        configured: true,
    });
    Ok(Plan {
        bootstrap,
        first: Round { app, terms, steps: planned },
        second,
        site,
        notices: notices.into_iter().collect(),
        code: request.code.clone(),
    })
}

/// The site of an app, if all that is needed to publish it exists.
pub(crate) fn hosted(app: &App, observed: &Observed) -> Option<Hosted> {
    let (host, Site { url, bucket, distribution, folder }) = app.site()?;
    let outputs = &observed.stacks.get(&host.id())?.deployed.outputs;
    let output = |key: &str| outputs.get(key).cloned();
    Some(Hosted { stack: host.id(), url: output(url)?, bucket: output(bucket)?, distribution: output(distribution)?, folder })
}

/// The origin of the app's own site, if it has one already.
fn origin(app: &App, observed: &Observed) -> Result<Option<Origin>, Refused> {
    let Some((Hosted { stack, url, .. }, (_, site))) = hosted(app, observed).zip(app.site()) else { return Ok(None) };
    match url.parse() {
        Ok(origin) => Ok(Some(origin)),
        Err(error) => Err(Refused::Origin { stack, output: site.url, reason: NotAnOrigin::to_string(&error), value: url }),
    }
}

/// Makes sure that the definitions break no rule: a template that would be refused, or regretted, is not sent.
///
/// # Errors
/// [`Refused::Findings`].
pub(crate) fn checked(app: App, definitions: &dyn Definitions) -> Result<App, Refused> {
    let findings = check::check(&app, definitions.rules());
    if findings.is_empty() { Ok(app) } else { Err(Refused::Findings(findings)) }
}

/// The stacks a deployment works on. A stack that exists on request is one of them if it was requested, named, or exists; under review
/// it was only asked about, and has nothing in it.
fn wanted(app: &App, request: &Request, observed: &Observed) -> Vec<StackId> {
    let exists = |id| observed.stacks.get(&id).is_some_and(|there| there.deployed.status != StackStatus::ReviewInProgress);
    let is_wanted = |stack: &&Stack| {
        let by_default = request.stacks.is_empty();
        match stack.presence() {
            Presence::OnRequest if request.with_optional => true,
            Presence::OnRequest if by_default => exists(stack.id()),
            Presence::OnRequest | Presence::Always => by_default || request.stacks.contains(&stack.id()),
        }
    };
    app.stacks().iter().filter(is_wanted).map(Stack::id).collect()
}

/// A step for each of the wanted stacks, after `bootstrap`.
fn steps(
    app: &App,
    wanted: &[StackId],
    observed: &Observed,
    terms: &Terms,
    bootstrap: Option<&Step>,
) -> Result<Vec<Step>, Blocked> {
    let bootstrap = bootstrap.filter(|step| !step.is_nothing()).map(Step::stack);
    let mut steps: Vec<Step> = Vec::new();
    for stack in app.stacks().iter().filter(|stack| wanted.contains(&stack.id())) {
        let mut after: Vec<StackId> = app.depends_on(stack.id()).into_iter().filter(|need| wanted.contains(need)).collect();
        for (path, publisher) in inputs(app, stack) {
            if !after.contains(&publisher) && !observed.parameters.contains_key(&path) {
                return Err(Blocked::MissingInput { stack: stack.id(), path, publisher });
            }
        }
        let changing = |need: &StackId| steps.iter().any(|step| step.stack() == *need && step.action != Action::Keep);
        let mut inputs: Vec<StackId> = after.iter().copied().filter(changing).collect();
        if let Some(bootstrap) = bootstrap
            && uses_code(stack)
        {
            after.insert(0, bootstrap);
            if terms.bucket == Bucket::ToBeMade {
                inputs.insert(0, bootstrap);
            }
        }
        steps.push(step(stack, observed, terms, after, &inputs)?);
    }
    Ok(steps)
}

/// What the account's own stack needs, where it is needed or exists.
fn bootstrap_step(
    app: &App,
    definitions: &dyn Definitions,
    request: &Request,
    account: &ObservedAccount,
    observed: &Observed,
) -> Result<Option<Step>, Blocked> {
    let content = bootstrap::content(&bootstrap::View {
        there: account.bootstrap.as_ref(),
        own_bucket: request.bucket.is_some(),
        rest_apis: has_rest_apis(app),
        gateway_role: account.gateway_role.as_deref(),
        owned_by_predecessor: observed.predecessor_owns("AWS::ApiGateway::Account"),
    });
    let stack = definitions.bootstrap(content);
    if stack.template().is_empty() {
        return Ok(None);
    }
    let there = account.bootstrap.clone().map(|there| (stack.id(), there));
    let tags = there.as_ref().map(|(_, there)| there.deployed.tags.clone()).unwrap_or_default();
    let observed = Observed { stacks: there.into_iter().collect(), ..Observed::default() };
    step(&stack, &observed, &Terms { tags, ..Terms::default() }, Vec::new(), &[]).map(Some)
}

/// Whether an app has REST APIs, whose logs take a role that an account has once.
pub(crate) fn has_rest_apis(app: &App) -> bool {
    let resources = app.stacks().iter().map(|stack| stack.template().as_json());
    resources.into_iter().any(|template| {
        template["Resources"].as_object().into_iter().flatten().any(|(_, resource)| resource["Type"] == "AWS::ApiGateway::RestApi")
    })
}

fn artifact_bucket(account: &ObservedAccount) -> Option<String> {
    account.bootstrap.as_ref()?.deployed.outputs.get(ARTIFACT_BUCKET_OUTPUT).cloned()
}

fn needs_code(steps: &[Step]) -> bool {
    steps.iter().any(|step| step.uses_code() && step.action != Action::Keep)
}

/// The stacks of these steps that allow calls from the site, where the site's own stack is created by them.
fn told_later(app: &App, steps: &[Step]) -> Vec<StackId> {
    let host = app.site().map(|(host, _)| host.id());
    let is_new = steps.iter().any(|step| Some(step.stack()) == host && matches!(step.action, Action::Create { .. }));
    steps.iter().filter(|step| is_new && step.wanted.allows_site()).map(Step::stack).collect()
}

/// Makes sure that a protected stage loses nothing. A stack that is rolled back first is not compared with what it will be then; it is
/// looked at once more after that.
///
/// # Errors
/// [`Blocked::Protected`], for the first step that takes something away.
pub(crate) fn refuse_losses<'a>(steps: impl IntoIterator<Item = &'a Step>) -> Result<(), Blocked> {
    let is_known = |step: &&Step| !step.unknown.contains(&Unknown::Recovery);
    match steps.into_iter().filter(is_known).find(|step| step.reach() == Reach::Destructive) {
        None => Ok(()),
        Some(step) => {
            let resources = step.destroyed().into_iter().map(str::to_owned).collect();
            Err(Blocked::Protected { stack: step.stack(), resources })
        }
    }
}

/// Whether a stack was deployed from this bucket.
pub(crate) fn is_in_use(observed: &Observed, bucket: &str) -> bool {
    let mut stacks = observed.stacks.values();
    stacks.any(|there| there.deployed.parameters.get(ARTIFACT_BUCKET_PARAMETER).is_some_and(|parameter| parameter.value == bucket))
}

/// The tables whose expiry a local cloud has to be told of: it ignores what their templates say.
pub(crate) fn expiring(app: &App) -> impl Iterator<Item = (StackId, &str, &'static str)> {
    app.stacks().iter().flat_map(|stack| {
        stack.afterwards().iter().filter_map(move |work| match work {
            Afterwards::ExpireItems { table, attribute } => Some((stack.id(), table.as_str(), *attribute)),
            Afterwards::HostSite(_) => None,
        })
    })
}

/// The paths a stack reads, each with the stack that publishes it.
fn inputs(app: &App, stack: &Stack) -> Vec<(String, StackId)> {
    let paths = stack.parameters().values().filter_map(|source| match source {
        ParameterSource::Shared(path) => Some(path.clone()),
        ParameterSource::ArtifactBucket | ParameterSource::Value(_) => None,
    });
    let publisher = |path: &str| app.stacks().iter().find(|stack| stack.publishes().iter().any(|published| published == path));
    paths.filter_map(|path| publisher(&path).map(|publisher| (path, publisher.id()))).collect()
}
