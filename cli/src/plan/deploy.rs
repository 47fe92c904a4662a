//! Decides what a deployment will do, as a whole: the account's own stack, one or two rounds of stacks, the site, and notices.
//! Knows nothing of AWS clients, terminals or clocks: definitions, a request and an observation go in, a complete plan comes out.
//!
//! A plan for a new site has a second round. Some stacks allow calls from the site's origin, and the site's stack reads values that
//! these stacks publish. The origin is known only once the site's stack exists, so the stacks that allow it are updated once more
//! (docs/adr/0025-one-address.md). So are stacks with new resources that are to be protected from deletion, because a failed creation
//! could not be rolled back with it (docs/adr/0041-deletion-protection-follows-creation.md).

use std::collections::BTreeMap;

use cart_contract::{NotAnOrigin, Origin};
use cfn::{
    ARTIFACT_BUCKET_OUTPUT, ARTIFACT_BUCKET_PARAMETER, Afterwards, App, Code, ParameterSource, Presence, Site, Stack, StackId,
    check::{self, Finding, Rule},
    diff,
    resource::wafv2::HOME_OF_CLOUDFRONT,
};
use serde_json::Value as Json;

use super::{
    Blocked, Observed, ObservedAccount, bootstrap,
    step::{Action, Bucket, Reach, Step, Terms, Unknown, step, uses_code},
};
use crate::domain::{command::Command, notice::Notice, stack::StackStatus};

/// The definitions of an app, as a function of values that are known only at deployment.
pub trait Definitions {
    /// The app with this code. If `site` is given, the stacks that allow calls from the site allow them from this origin.
    fn app(&self, code: &Code, site: Option<&Origin>) -> App;

    /// The account's own stack, which outlives every stage, given its deployed template. Its name depends on neither.
    fn bootstrap(&self, content: bootstrap::Content, deployed: Option<&Json>) -> Stack;

    /// The path in Parameter Store below which the app's stacks publish, without a slash at its end.
    fn parameter_root(&self) -> String;

    /// The app's own rules, besides those for every app.
    fn rules(&self) -> &[Rule] {
        &[]
    }

    /// The only origin that may call, if the stage pins one: a site at another origin is not allowed.
    fn pinned_origin(&self) -> Option<&Origin> {
        None
    }

    /// The origin that is configured and that a protected stage does not allow, so that it takes a site of its own.
    fn unfit_origin(&self) -> Option<&Origin> {
        None
    }
}

/// A requested deployment.
#[derive(Clone, Debug)]
pub struct Request {
    /// The named stacks. If empty: every stack that always exists, and the existing ones of those on request.
    pub stacks: Vec<StackId>,
    /// Whether to deploy the stacks that exist on request only.
    pub with_optional: bool,
    /// The location of the functions' code in the artifact bucket.
    pub code: Code,
    /// The tags of every stack.
    pub tags: BTreeMap<String, String>,
    /// Whether the stage is protected: no resource is removed from it, and CloudFormation refuses to delete its stacks.
    pub protected: bool,
    /// The bucket for code, if the user names one.
    pub bucket: Option<String>,
    /// Whether recreating a stack may orphan retained resources.
    pub leave_retained: bool,
}

impl Request {
    /// Every stack, with this code, in an unprotected stage.
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

/// Why a deployment cannot be planned.
#[derive(Debug, thiserror::Error)]
pub enum Refused {
    /// The state of a stack does not allow the requested change.
    #[error(transparent)]
    Blocked(#[from] Blocked),
    /// The definitions break rules.
    #[error("the definitions break rules of CloudFormation or of this project:\n{}", .0.iter().map(|finding| format!("  {finding}")).collect::<Vec<_>>().join("\n"))]
    Findings(Vec<Finding>),
    /// The address that the site's stack outputs is not an origin. No other origin is allowed in its place.
    #[error("the output {output} of the {stack} stack cannot be `{value}`: {reason}")]
    Origin {
        /// The stack that hosts the site.
        stack: StackId,
        /// The output's key.
        output: &'static str,
        /// The output's value.
        value: String,
        /// Why the value is not an origin.
        reason: String,
    },
    /// A protected stage has neither a site nor an origin that it could allow.
    #[error(
        "the stage is protected, and would allow pages of {origin} only, which is not reached by TLS or is on every visitor's own machine"
    )]
    UnfitOrigin {
        /// The configured origin.
        origin: Origin,
    },
    /// The second round would destroy resources, which the approved plan could not mention.
    #[error("the {stack} stack would lose or replace {}, which the approved plan does not mention", resources.join(", "))]
    Untold {
        /// The stack that would lose them.
        stack: StackId,
        /// The resources, by logical id.
        resources: Vec<String>,
    },
}

impl Refused {
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Blocked(blocked) => Some(blocked.hint()),
            Self::Findings(_) => Some("correct the definitions that the findings name, then run the same command again".to_owned()),
            Self::Origin { .. } => None,
            Self::UnfitOrigin { .. } => Some(format!(
                "name the site's origin as `allowed-origin` in the stage's section of cartctl.toml, or let the stage have a site of \
                 its own: {}",
                Command::cartctl("deploy --with-web")
            )),
            Self::Untold { .. } => {
                Some("run the same command again: the stack's inputs are published now, so that the plan will be exact".to_owned())
            }
        }
    }
}

/// A deployment: every step, in order.
#[derive(Clone, Debug)]
pub struct Plan {
    /// The account's own stack, if a stack that changes needs it.
    pub(crate) bootstrap: Option<Step>,
    pub(crate) first: Round,
    /// None unless the site's address becomes known only in the first round, or new resources are to be protected from deletion.
    pub(crate) second: Option<Second>,
    /// The site to build and publish at the end.
    pub(crate) site: Option<Publication>,
    /// Shown before approval.
    pub(crate) notices: Vec<Notice>,
    code: Code,
}

/// One pass of creating and updating stacks.
#[derive(Clone, Debug)]
pub(crate) struct Round {
    /// The app as defined for this round.
    pub app: App,
    pub terms: Terms,
    /// A step for each stack, in an order in which they could run one by one.
    pub steps: Vec<Step>,
}

/// The round that follows once the first one is done.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Second {
    /// The stacks that allow calls from the site, once its address is known.
    pub allowing: Vec<StackId>,
    /// The stacks with resources that the first round creates, and that are to be protected from deletion.
    pub protecting: Vec<StackId>,
}

/// The site to build and publish after the stacks are deployed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Publication {
    /// The stack that hosts the site.
    pub host: StackId,
    /// Whether the APIs will allow calls from the site.
    pub allowed: Allowed,
}

/// Whether the APIs of an app allow calls from its site.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Allowed {
    /// They do, at the latest after the second round; or a notice says that they do not.
    Settled,
    /// They do not: the stage pins another origin.
    Pinned,
    /// They will after the next deployment of all stacks; this deployment omits the stacks concerned.
    Later,
}

/// The site's address and storage.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Hosted {
    /// The stack that hosts the site.
    pub stack: StackId,
    /// The site's origin: no slash at the end.
    pub url: String,
    /// The bucket of the site's files.
    pub bucket: String,
    /// The distribution that serves the site's files.
    pub distribution: String,
    /// The folder of the bucket that is served.
    pub folder: &'static str,
}

impl Plan {
    /// The alarms of each stack that notify nobody.
    pub(crate) fn silent_alarms(&self) -> impl Iterator<Item = (StackId, Vec<String>)> {
        let stacks = self.first.steps.iter().filter_map(|step| self.first.app.stack(step.stack()));
        stacks.map(|stack| (stack.id(), silent_alarms(&stack.template().as_json()))).filter(|(_, alarms)| !alarms.is_empty())
    }

    /// The stacks whose template leaves their distribution's firewall out in this region.
    pub(crate) fn without_edge_firewall(&self, region: &str) -> impl Iterator<Item = StackId> {
        let stacks = self.first.steps.iter().filter_map(|step| self.first.app.stack(step.stack()));
        let stacks = stacks.filter(move |_| region != HOME_OF_CLOUDFRONT);
        stacks.filter(|stack| has_edge_firewall(&stack.template().as_json())).map(Stack::id)
    }

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

    /// The reach of the most far-reaching step.
    #[must_use]
    pub fn reach(&self) -> Reach {
        self.steps().map(Step::reach).max().unwrap_or_default()
    }

    /// The stacks that are created or updated, in an order in which they could run one by one.
    #[must_use]
    pub fn changing(&self) -> Vec<StackId> {
        self.steps().filter(|step| step.action != Action::Keep).map(Step::stack).collect()
    }

    /// The stacks of the second round, in the order of the app, given whether the site has an address by then.
    pub(crate) fn again(&self, has_site: bool) -> Vec<StackId> {
        let Some(Second { allowing, protecting }) = &self.second else { return Vec::new() };
        let ids = self.first.app.stacks().iter().map(Stack::id);
        ids.filter(|id| has_site && allowing.contains(id) || protecting.contains(id)).collect()
    }

    /// The second round, planned after the first one is done. None if it has no stacks; if the site still has no address, the next
    /// deployment picks the address up.
    ///
    /// # Errors
    /// As [`plan`].
    pub(crate) fn second_round(&self, definitions: &dyn Definitions, observed: &Observed) -> Result<Option<Round>, Refused> {
        let origin = origin(&self.first.app, observed)?;
        let stacks = self.again(origin.is_some());
        if stacks.is_empty() {
            return Ok(None);
        }
        let app = checked(definitions.app(&self.code, origin.as_ref()), definitions)?;
        // The first round uploaded the code.
        let bucket = stacks.iter().find_map(|id| observed.stacks.get(id)?.deployed.parameters.get(ARTIFACT_BUCKET_PARAMETER));
        let bucket = bucket.map_or(Bucket::Unasked, |bucket| Bucket::Named(bucket.value.clone()));
        let terms = Terms { bucket, ..self.first.terms.clone() };
        let steps = steps(&app, &stacks, observed, &terms, None)?;
        Ok(Some(Round { app, terms, steps }))
    }
}

impl Round {
    /// Fails if the second round would destroy anything, because the approved plan did not mention it.
    ///
    /// # Errors
    /// [`Refused::Untold`], for the first step that would destroy a resource.
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

/// Fails if the request would change a stack of somebody else's. Needs nothing but names, so that it is known before the code is built.
///
/// # Errors
/// [`Blocked::Foreign`], for the first such stack.
pub(crate) fn refuse_foreign(app: &App, request: &Request, observed: &Observed) -> Result<(), Blocked> {
    observed.refuse_foreign(wanted(app, request, observed))
}

/// Whether a plan depends on the account's own stack and settings, which then have to be observed too: if a stack that carries code
/// changes.
///
/// # Errors
/// As [`plan`].
pub(crate) fn concerns_account(definitions: &dyn Definitions, request: &Request, observed: &Observed) -> Result<bool, Refused> {
    let app = definitions.app(&request.code, origin(&definitions.app(&request.code, None), observed)?.as_ref());
    let wanted = wanted(&app, request, observed);
    Ok(needs_code(&steps(&app, &wanted, observed, &request.terms(), None)?))
}

/// Fails if stacks would be deployed that allow calls from a site, in a stage that has no site, gets none, and has no fit origin.
/// Reads only which stacks exist, so that it can be asked before code is built.
///
/// # Errors
/// [`Refused::UnfitOrigin`], or as [`plan`].
pub(crate) fn check_origin(definitions: &dyn Definitions, request: &Request, observed: &Observed) -> Result<(), Refused> {
    let Some(unfit) = definitions.unfit_origin().filter(|_| request.protected) else { return Ok(()) };
    let app = definitions.app(&request.code, None);
    let wanted = wanted(&app, request, observed);
    let host = app.site().map(|(host, _)| host.id());
    let allows = app.stacks().iter().any(|stack| stack.allows_site() && wanted.contains(&stack.id()));
    let has_site = origin(&app, observed)?.is_some() || host.is_some_and(|host| wanted.contains(&host));
    if allows && !has_site { Err(Refused::UnfitOrigin { origin: unfit.clone() }) } else { Ok(()) }
}

/// Plans the deployment of the requested stacks. All of them have to be at rest, and the account has to be observed if
/// [`concerns_account`] says so.
///
/// # Errors
/// [`Refused`], for the first rule or stack that forbids the deployment.
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
    let allowing = if pinned.is_some() { Vec::new() } else { told_later(&app, &planned) };
    let allows_later = !allowing.is_empty();
    let second = Second { allowing, protecting: protected_later(&mut planned) };
    let site = app.site().map(|(host, _)| host.id()).filter(|host| wanted.contains(host)).map(|host| Publication {
        host,
        allowed: match (&known, pinned) {
            (Some(_), _) => Allowed::Settled,
            (None, None) if allows_later => Allowed::Settled,
            (None, Some(_)) => Allowed::Pinned,
            (None, None) => Allowed::Later,
        },
    });
    let kept_out = known.zip(pinned).filter(|(known, pinned)| known != *pinned);
    let kept_out = kept_out.map(|(known, pinned)| Notice::OriginNotAllowed {
        site: known.to_string(),
        allowed: pinned.to_string(),
        configured: true,
    });
    let left_alone = observed.foreign.iter().filter(|(stack, _)| app.stack(**stack).is_some());
    let notices = left_alone.map(|(stack, foreign)| foreign.notice(*stack)).chain(kept_out).collect();
    let second = (second != Second::default()).then_some(second);
    Ok(Plan { bootstrap, first: Round { app, terms, steps: planned }, second, site, notices, code: request.code.clone() })
}

/// The site of an app, if everything that publishing needs exists.
pub(crate) fn hosted(app: &App, observed: &Observed) -> Option<Hosted> {
    let (host, Site { url, bucket, distribution, folder }) = app.site()?;
    let outputs = &observed.stacks.get(&host.id())?.deployed.outputs;
    let output = |key: &str| outputs.get(key).cloned();
    Some(Hosted { stack: host.id(), url: output(url)?, bucket: output(bucket)?, distribution: output(distribution)?, folder })
}

/// The origin of the app's own site, if known.
fn origin(app: &App, observed: &Observed) -> Result<Option<Origin>, Refused> {
    let Some((Hosted { stack, url, .. }, (_, site))) = hosted(app, observed).zip(app.site()) else { return Ok(None) };
    match url.parse() {
        Ok(origin) => Ok(Some(origin)),
        Err(error) => Err(Refused::Origin { stack, output: site.url, reason: NotAnOrigin::to_string(&error), value: url }),
    }
}

/// Returns the app if its definitions break no rule.
///
/// # Errors
/// [`Refused::Findings`].
pub(crate) fn checked(app: App, definitions: &dyn Definitions) -> Result<App, Refused> {
    let findings = check::check(&app, definitions.rules());
    if findings.is_empty() { Ok(app) } else { Err(Refused::Findings(findings)) }
}

/// The stacks to deploy. A stack on request is included if it is requested, named or existing. A stack under review does not count
/// as existing: it has no resources. Nor does one of somebody else's.
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

/// The step of the account's own stack. None if the stack neither exists nor is needed.
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
    let deployed = account.bootstrap.as_ref().and_then(|there| there.template.as_ref());
    let stack = definitions.bootstrap(content, deployed);
    if stack.template().is_empty() {
        return Ok(None);
    }
    if let Some(foreign) = &account.foreign {
        return Err(Blocked::foreign(stack.id(), foreign));
    }
    let there = account.bootstrap.clone().map(|there| (stack.id(), there));
    let tags = there.as_ref().map(|(_, there)| there.deployed.tags.clone()).unwrap_or_default();
    let observed = Observed { stacks: there.into_iter().collect(), ..Observed::default() };
    step(&stack, &observed, &Terms { tags, ..Terms::default() }, Vec::new(), &[]).map(Some)
}

/// Whether an app has REST APIs. Their logs need a role, which an account sets once.
pub(crate) fn has_rest_apis(app: &App) -> bool {
    let resources = app.stacks().iter().map(|stack| stack.template().as_json());
    resources.into_iter().any(|template| {
        template["Resources"].as_object().into_iter().flatten().any(|(_, resource)| resource["Type"] == "AWS::ApiGateway::RestApi")
    })
}

/// The alarms of a template that notify nobody when they go off, by logical id.
fn silent_alarms(template: &Json) -> Vec<String> {
    let resources = template["Resources"].as_object().into_iter().flatten();
    let alarms = resources.filter(|(_, resource)| resource["Type"] == "AWS::CloudWatch::Alarm");
    let silent = alarms.filter(|(_, alarm)| alarm["Properties"]["AlarmActions"].as_array().is_none_or(Vec::is_empty));
    silent.map(|(id, _)| id.clone()).collect()
}

fn has_edge_firewall(template: &Json) -> bool {
    let mut resources = template["Resources"].as_object().into_iter().flatten();
    resources.any(|(_, it)| it["Type"] == "AWS::WAFv2::WebACL" && it["Properties"]["Scope"] == "CLOUDFRONT")
}

fn artifact_bucket(account: &ObservedAccount) -> Option<String> {
    account.bootstrap.as_ref()?.deployed.outputs.get(ARTIFACT_BUCKET_OUTPUT).cloned()
}

fn needs_code(steps: &[Step]) -> bool {
    steps.iter().any(|step| step.uses_code() && step.action != Action::Keep)
}

/// The stacks of these steps that allow calls from the site, if the steps create the site's own stack.
fn told_later(app: &App, steps: &[Step]) -> Vec<StackId> {
    let host = app.site().map(|(host, _)| host.id());
    let is_new = steps.iter().any(|step| Some(step.stack()) == host && matches!(step.action, Action::Create { .. }));
    steps.iter().filter(|step| is_new && step.wanted.allows_site()).map(Step::stack).collect()
}

/// Has the steps that add resources add them without deletion protection. Returns the stacks that are to be protected afterwards.
fn protected_later(steps: &mut [Step]) -> Vec<StackId> {
    let changing = steps.iter_mut().filter(|step| step.action != Action::Keep);
    let unprotected = changing.filter_map(|step| {
        let changes = &step.changes.resources;
        let is_new = |id: &str| changes.iter().any(|change| change.logical_id == id && change.action == diff::Action::Add);
        step.wanted = step.wanted.without_deletion_protection(is_new)?;
        Some(step.stack())
    });
    unprotected.collect()
}

/// Fails if a protected stage would lose resources. A stack that is rolled back first is not compared with its state after the
/// rollback; the check is repeated then.
///
/// # Errors
/// [`Blocked::Protected`], for the first step that removes or replaces a resource.
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

/// The tables with expiry: a local cloud ignores it in templates.
pub(crate) fn expiring(app: &App) -> impl Iterator<Item = (StackId, &str, &'static str)> {
    app.stacks().iter().flat_map(|stack| {
        stack.afterwards().iter().filter_map(move |work| match work {
            Afterwards::ExpireItems { table, attribute } => Some((stack.id(), table.as_str(), *attribute)),
            Afterwards::HostSite(_) => None,
        })
    })
}

/// The paths a stack reads, each with the publishing stack.
fn inputs(app: &App, stack: &Stack) -> Vec<(String, StackId)> {
    let paths = stack.parameters().values().filter_map(|source| match source {
        ParameterSource::Shared(path) => Some(path.clone()),
        ParameterSource::ArtifactBucket | ParameterSource::Value(_) => None,
    });
    let publisher = |path: &str| app.stacks().iter().find(|stack| stack.publishes().iter().any(|published| published == path));
    paths.filter_map(|path| publisher(&path).map(|publisher| (path, publisher.id()))).collect()
}
