//! Decides what a deployment or a deletion will do. Knows nothing of AWS clients, terminals or clocks: what is there goes in, ordered
//! steps come out, and nothing is left to choose when they are carried out.

use std::collections::{BTreeMap, BTreeSet};

use cart_infra::{App, ParameterSource, Stack, StackId, diff};
use serde::Serialize;
use serde_json::Value as Json;

use crate::stack::{Deployed, Phase, Resource, StackStatus};

/// What is there, as far as a plan depends on it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Observed {
    /// The stacks that exist.
    pub stacks: BTreeMap<StackId, ObservedStack>,
    /// What the parameter store holds below the stage's path, by full name.
    pub parameters: BTreeMap<String, String>,
}

/// A stack that exists.
#[derive(Clone, Debug)]
pub(crate) struct ObservedStack {
    /// What CloudFormation says about it.
    pub deployed: Deployed,
    /// The template it was last deployed with.
    pub template: Option<Json>,
    /// What it consists of. Read only where a plan needs it: to say what a deletion keeps.
    pub resources: Vec<Resource>,
}

/// A deployment: its steps, in an order in which they could be carried out one by one.
#[derive(Clone, Debug)]
pub(crate) struct DeployPlan {
    /// A step a stack.
    pub steps: Vec<DeployStep>,
}

impl DeployPlan {
    /// Whether there is nothing to do.
    pub(crate) fn is_empty(&self) -> bool {
        self.steps.iter().all(|step| step.action == Action::Keep)
    }

    /// Whether something is taken away or replaced.
    pub(crate) fn is_destructive(&self) -> bool {
        self.steps.iter().flat_map(|step| &step.changes.resources).any(is_destroyed)
    }
}

/// Whether a change takes a resource away, or puts a new one in its place. A function's version and an API's deployment are pictures of
/// what was, and taken anew whenever that changes.
pub(crate) fn is_destroyed(change: &diff::ResourceChange) -> bool {
    if matches!(change.resource_type.as_str(), "AWS::Lambda::Version" | "AWS::ApiGateway::Deployment") {
        return false;
    }
    match change.action {
        diff::Action::Add => false,
        diff::Action::Remove { retained } => !retained,
        diff::Action::Modify { replacement, .. } => replacement == diff::Replacement::Always,
    }
}

/// What happens to one stack.
#[derive(Clone, Debug)]
pub(crate) struct DeployStep {
    /// Which stack.
    pub stack: StackId,
    /// Its name.
    pub name: String,
    /// What to do.
    pub action: Action,
    /// How its template differs from the deployed one.
    pub changes: diff::Changes,
    /// The template, as it is sent.
    pub template: String,
    /// Where the value of each parameter comes from.
    pub parameters: BTreeMap<String, ParameterSource>,
    /// Whether somebody else's template is replaced by ours: `changes` cannot tell what it has beyond ours, and that goes.
    pub takes_over: bool,
    /// The stacks of this plan that have to be done first.
    pub after: Vec<StackId>,
}

/// What to do with a stack.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Action {
    /// Make it, once what an earlier attempt left behind (by its ARN) is gone.
    Create {
        /// The remains: a stack that holds no resources any more.
        remove_first: Option<String>,
    },
    /// Change it.
    Update,
    /// Nothing: it is as wanted.
    Keep,
}

/// Why there is no way from what is there to what is wanted.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub(crate) enum Blocked {
    /// Only a person can decide how to go on from this state.
    #[error("the {stack} stack ({name}) is {status}, and cannot be {verb} from there{}", because(reason.as_deref()))]
    Stuck {
        /// Which stack.
        stack: StackId,
        /// Its name.
        name: String,
        /// Its status.
        status: &'static str,
        /// Why, as CloudFormation tells it.
        reason: Option<String>,
        /// What was wanted: `updated`.
        verb: &'static str,
    },
    /// A stack reads what nobody has published, and nobody in this plan will.
    #[error("the {stack} stack needs {path}, which the {publisher} stack publishes, and that is not deployed")]
    MissingInput {
        /// The reader.
        stack: StackId,
        /// The parameter.
        path: String,
        /// Who would publish it.
        publisher: StackId,
    },
    /// A stack is to be deleted while another one that needs it stays.
    #[error("the {stack} stack cannot be deleted while the {user} stack uses it")]
    InUse {
        /// What is to be deleted.
        stack: StackId,
        /// Who uses it.
        user: StackId,
    },
}

fn because(reason: Option<&str>) -> String {
    reason.map_or_else(String::new, |reason| format!(": {reason}"))
}

impl Blocked {
    /// The next thing to try.
    pub(crate) fn hint(&self) -> String {
        match self {
            Self::Stuck { name, status: "UPDATE_ROLLBACK_FAILED", .. } => {
                format!("repair what the reason names, then `aws cloudformation continue-update-rollback --stack-name {name}`")
            }
            Self::Stuck { stack, .. } => format!("`cartctl delete {stack}` removes what is left, then deploy again"),
            Self::MissingInput { publisher, stack, .. } => format!("`cartctl deploy {publisher} {stack}` deploys both in order"),
            Self::InUse { stack, user } => format!("`cartctl delete {user} {stack}` deletes both in order"),
        }
    }
}

/// Decides how to bring `wanted` about. All of its stacks have to be at rest.
///
/// # Errors
/// [`Blocked`], for the first stack that cannot be deployed.
pub(crate) fn deploy(app: &App, wanted: &[StackId], observed: &Observed, bucket: Option<&str>) -> Result<DeployPlan, Blocked> {
    let mut steps = Vec::<DeployStep>::new();
    for stack in app.stacks().iter().filter(|stack| wanted.contains(&stack.id())) {
        let needs = app.depends_on(stack.id());
        let after: Vec<StackId> = needs.iter().copied().filter(|need| wanted.contains(need)).collect();
        for (path, publisher) in inputs(app, stack) {
            if !after.contains(&publisher) && !observed.parameters.contains_key(&path) {
                return Err(Blocked::MissingInput { stack: stack.id(), path, publisher });
            }
        }
        let inputs_settled = after.iter().all(|need| steps.iter().any(|step| step.stack == *need && step.action == Action::Keep));
        steps.push(step(stack, observed, bucket, after, inputs_settled)?);
    }
    Ok(DeployPlan { steps })
}

/// Decides how to bring about a stack that depends on no other.
pub(crate) fn deploy_one(stack: &Stack, observed: &Observed) -> Result<DeployPlan, Blocked> {
    Ok(DeployPlan { steps: vec![step(stack, observed, None, Vec::new(), true)?] })
}

fn step(
    stack: &Stack,
    observed: &Observed,
    bucket: Option<&str>,
    after: Vec<StackId>,
    inputs_settled: bool,
) -> Result<DeployStep, Blocked> {
    let there = observed.stacks.get(&stack.id());
    let template = stack.template().as_json();
    let deployed_template = there.filter(|there| !is_empty(there.deployed.status)).and_then(|there| there.template.as_ref());
    let changes = diff::diff(deployed_template, Some(&template));
    let action = match there {
        None => Action::Create { remove_first: None },
        Some(there) => match there.deployed.status {
            StackStatus::DeleteComplete => Action::Create { remove_first: None },
            status if is_empty(status) => Action::Create { remove_first: Some(there.deployed.id.clone()) },
            StackStatus::CreateComplete
            | StackStatus::UpdateComplete
            | StackStatus::UpdateRollbackComplete
            | StackStatus::ImportComplete
            | StackStatus::ImportRollbackComplete => {
                let same = there.template.as_ref() == Some(&template);
                if same && inputs_settled && same_parameters(stack, &there.deployed, observed, bucket) {
                    Action::Keep
                } else {
                    Action::Update
                }
            }
            status => {
                return Err(Blocked::Stuck {
                    stack: stack.id(),
                    name: stack.name().to_owned(),
                    status: status.as_str(),
                    reason: there.deployed.reason.clone(),
                    verb: "updated",
                });
            }
        },
    };
    Ok(DeployStep {
        stack: stack.id(),
        name: stack.name().to_owned(),
        takes_over: action == Action::Update && there.is_some_and(|there| !is_ours(there.template.as_ref())),
        action,
        changes,
        template: stack.template().to_json(),
        parameters: stack.parameters().iter().map(|(name, source)| (name.clone(), source.clone())).collect(),
        after,
    })
}

/// Whether a stack in this status exists without holding any resource, so that removing it loses nothing. One whose creation was
/// rolled back can only be deleted; one under review never had its first change set executed.
fn is_empty(status: StackStatus) -> bool {
    matches!(status, StackStatus::ReviewInProgress | StackStatus::RollbackComplete)
}

/// Whether a redeployment would pass the values the stack already has: what an SSM path stands for counts, and not the path alone.
fn same_parameters(stack: &Stack, deployed: &Deployed, observed: &Observed, bucket: Option<&str>) -> bool {
    stack.parameters().len() == deployed.parameters.len()
        && stack.parameters().iter().all(|(name, source)| {
            let Some(there) = deployed.parameters.get(name) else { return false };
            match source {
                ParameterSource::Value(value) => there.value == *value,
                ParameterSource::ArtifactBucket => Some(there.value.as_str()) == bucket,
                // The local cloud tells the value a path stood for instead of the path; AWS tells both.
                ParameterSource::Shared(path) => match &there.resolved {
                    Some(resolved) => there.value == *path && observed.parameters.get(path) == Some(resolved),
                    None => observed.parameters.get(path) == Some(&there.value),
                },
            }
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

/// What the bootstrap stack's content depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct BootstrapView<'a> {
    /// The bootstrap stack, where there is one.
    pub there: Option<&'a ObservedStack>,
    /// Whether the user brought a bucket.
    pub own_bucket: bool,
    /// The role API Gateway writes logs with in this account, where one is set.
    pub gateway_role: Option<&'a str>,
    /// Whether that setting belongs to a stack that this deployment takes over, and goes away with its old template.
    pub owned_by_predecessor: bool,
}

/// What the bootstrap stack has to hold: a bucket for artifacts, and API Gateway's account-wide logging role. What it once got it keeps.
pub(crate) fn bootstrap(view: &BootstrapView) -> (bool, bool) {
    let holds = |resource_type| {
        let resources = view.there.and_then(|there| there.template.as_ref()).and_then(|template| template.get("Resources"));
        let mut types = resources.and_then(Json::as_object).into_iter().flatten().filter_map(|(_, resource)| resource.get("Type"));
        types.any(|found| found == resource_type)
    };
    let artifact_bucket = !view.own_bucket || holds("AWS::S3::Bucket");
    let logging_role = view.gateway_role.is_none() || view.owned_by_predecessor || holds("AWS::ApiGateway::Account");
    (artifact_bucket, logging_role)
}

/// Whether a template is one of ours. The original's is YAML, or has SAM's transform.
pub(crate) fn is_ours(template: Option<&Json>) -> bool {
    template.and_then(Json::as_object).is_some_and(|template| !template.contains_key("Transform"))
}

/// A deletion: its steps, in an order in which they could be carried out one by one.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct DeletePlan {
    /// A step a stack that exists.
    pub steps: Vec<DeleteStep>,
}

/// The deletion of one stack.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct DeleteStep {
    /// Which stack.
    pub stack: StackId,
    /// Its name.
    pub name: String,
    /// Its ARN.
    pub id: String,
    /// How many resources it has.
    pub resources: usize,
    /// What stays when it is gone.
    pub keeps: Vec<Resource>,
    /// The stacks of this plan that have to be gone first.
    pub after: Vec<StackId>,
}

/// Decides how to delete the `wanted` stacks that exist. All of them have to be at rest.
///
/// # Errors
/// [`Blocked::InUse`], where another stack that stays reads what a deleted one published.
pub(crate) fn delete(app: &App, wanted: &[StackId], observed: &Observed) -> Result<DeletePlan, Blocked> {
    let exists = |id: &StackId| observed.stacks.get(id).is_some_and(|there| there.deployed.status != StackStatus::DeleteComplete);
    let users = |of: StackId| app.stacks().iter().map(Stack::id).filter(move |id| app.depends_on(*id).contains(&of));
    let mut steps = Vec::new();
    for stack in app.stacks().iter().rev().filter(|stack| wanted.contains(&stack.id())) {
        let Some(there) = observed.stacks.get(&stack.id()).filter(|_| exists(&stack.id())) else { continue };
        if let Some(user) = users(stack.id()).find(|user| exists(user) && !wanted.contains(user)) {
            return Err(Blocked::InUse { stack: stack.id(), user });
        }
        let kept = retained(there.template.as_ref());
        steps.push(DeleteStep {
            stack: stack.id(),
            name: stack.name().to_owned(),
            id: there.deployed.id.clone(),
            resources: there.resources.len(),
            keeps: there.resources.iter().filter(|resource| kept.contains(resource.logical_id.as_str())).cloned().collect(),
            after: users(stack.id()).filter(exists).collect(),
        });
    }
    Ok(DeletePlan { steps })
}

/// The logical ids of what a template says to retain. The deployed template decides, not the one we would deploy today.
fn retained(template: Option<&Json>) -> BTreeSet<&str> {
    let resources = template.and_then(|template| template.get("Resources")).and_then(Json::as_object);
    let retains = |resource: &Json| resource.get("DeletionPolicy").and_then(Json::as_str) == Some("Retain");
    resources.into_iter().flatten().filter(|(_, resource)| retains(resource)).map(|(id, _)| id.as_str()).collect()
}

/// Whether one of the stacks is busy with something that has to end before a plan can be made.
pub(crate) fn busy(observed: &Observed) -> Vec<(StackId, &Deployed)> {
    let stacks = observed.stacks.iter();
    stacks.filter(|(_, there)| there.deployed.status.phase() == Phase::Busy).map(|(id, there)| (*id, &there.deployed)).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{config::tests::settings, stack::DeployedParameter};

    const ALL: [StackId; 3] = [StackId::Auth, StackId::Products, StackId::Cart];
    const BUCKET: &str = "artifacts";

    /// What there is after every step of deploying `app` succeeded.
    fn deployed(app: &App) -> Observed {
        let published = app.stacks().iter().flat_map(Stack::publishes);
        let parameters: BTreeMap<_, _> = published.map(|path| (path.clone(), format!("value of {path}"))).collect();
        let stack = |stack: &Stack| {
            let parameter = |(name, source): (&String, &ParameterSource)| {
                let (value, resolved) = match source {
                    ParameterSource::Shared(path) => (path.clone(), parameters.get(path).cloned()),
                    ParameterSource::ArtifactBucket => (BUCKET.to_owned(), None),
                    ParameterSource::Value(value) => (value.clone(), None),
                };
                (name.clone(), DeployedParameter { value, resolved })
            };
            let deployed = Deployed {
                id: format!("arn:{}", stack.name()),
                status: StackStatus::CreateComplete,
                reason: None,
                parameters: stack.parameters().iter().map(parameter).collect(),
                outputs: BTreeMap::new(),
                changed: None,
            };
            let template = Some(stack.template().as_json());
            (stack.id(), ObservedStack { deployed, template, resources: Vec::new() })
        };
        Observed { stacks: app.stacks().iter().map(stack).collect(), parameters: parameters.clone() }
    }

    fn app() -> App {
        cart_infra::app(&settings())
    }

    fn actions(plan: &DeployPlan) -> Vec<(StackId, Action)> {
        plan.steps.iter().map(|step| (step.stack, step.action.clone())).collect()
    }

    fn create() -> Action {
        Action::Create { remove_first: None }
    }

    #[test]
    fn planning_what_was_just_deployed_gives_an_empty_plan() {
        let app = app();
        let plan = deploy(&app, &ALL, &deployed(&app), Some(BUCKET)).unwrap();
        assert!(plan.is_empty(), "{:?}", actions(&plan));
    }

    #[test]
    fn the_cart_comes_after_what_it_reads_from() {
        let plan = deploy(&app(), &ALL, &Observed::default(), None).unwrap();
        assert_eq!(actions(&plan), [(StackId::Auth, create()), (StackId::Products, create()), (StackId::Cart, create())]);
        assert_eq!(plan.steps[0].after, []);
        assert_eq!(plan.steps[1].after, []);
        assert_eq!(plan.steps[2].after, [StackId::Auth, StackId::Products]);
    }

    #[test]
    fn a_parameter_changed_behind_our_back_is_noticed() {
        let app = app();
        let mut observed = deployed(&app);
        let url = observed.parameters.get_mut("/serverless-shopping-cart-demo/products/products-api-url").unwrap();
        "https://elsewhere.example".clone_into(url);
        let plan = deploy(&app, &ALL, &observed, Some(BUCKET)).unwrap();
        assert_eq!(
            actions(&plan),
            [(StackId::Auth, Action::Keep), (StackId::Products, Action::Keep), (StackId::Cart, Action::Update)]
        );
    }

    #[test]
    fn another_bucket_is_a_change() {
        let app = app();
        let plan = deploy(&app, &[StackId::Auth, StackId::Cart], &deployed(&app), Some("another")).unwrap();
        assert_eq!(actions(&plan), [(StackId::Auth, Action::Keep), (StackId::Cart, Action::Update)]);
    }

    #[test]
    fn a_reader_without_its_publisher_is_refused_with_both_names() {
        let blocked = deploy(&app(), &[StackId::Cart], &Observed::default(), None).unwrap_err();
        assert!(matches!(&blocked, Blocked::MissingInput { stack: StackId::Cart, .. }), "{blocked}");
        assert_eq!(blocked.hint(), "`cartctl deploy auth cart` deploys both in order");
    }

    /// Every status, and what a deployment does about it. `Busy` ones never reach the planner: the command waits.
    #[test]
    fn every_status_at_rest_has_an_answer() {
        use StackStatus::{
            CreateComplete, CreateFailed, DeleteComplete, DeleteFailed, ImportComplete, ImportRollbackComplete,
            ImportRollbackFailed, ReviewInProgress, RollbackComplete, RollbackFailed, UpdateComplete, UpdateFailed,
            UpdateRollbackComplete, UpdateRollbackFailed,
        };
        let app = app();
        let answer = |status| {
            let mut observed = deployed(&app);
            observed.stacks.get_mut(&StackId::Auth).unwrap().deployed.status = status;
            deploy(&app, &[StackId::Auth], &observed, Some(BUCKET)).map(|plan| plan.steps[0].action.clone())
        };
        for status in [CreateComplete, UpdateComplete, UpdateRollbackComplete, ImportComplete, ImportRollbackComplete] {
            assert_eq!(answer(status), Ok(Action::Keep), "{status}");
        }
        assert_eq!(answer(DeleteComplete), Ok(create()));
        for status in [ReviewInProgress, RollbackComplete] {
            let remove_first = Some("arn:aws-serverless-shopping-cart-auth".to_owned());
            assert_eq!(answer(status), Ok(Action::Create { remove_first }), "{status}");
        }
        for status in [CreateFailed, RollbackFailed, DeleteFailed, UpdateFailed, UpdateRollbackFailed, ImportRollbackFailed] {
            assert!(matches!(answer(status), Err(Blocked::Stuck { .. })), "{status}");
        }
    }

    #[test]
    fn a_new_version_of_a_function_destroys_nothing() {
        let app = app();
        let mut before = settings();
        before.code.cart = "cart/before.zip".parse().unwrap();
        let plan = deploy(&app, &ALL, &deployed(&cart_infra::app(&before)), Some(BUCKET)).unwrap();
        assert_eq!(plan.steps[2].action, Action::Update);
        assert!(!plan.is_destructive());
    }

    #[test]
    fn deletion_goes_the_other_way_and_leaves_nothing_in_use() {
        let app = app();
        let plan = delete(&app, &ALL, &deployed(&app)).unwrap();
        let order: Vec<_> = plan.steps.iter().map(|step| (step.stack, step.after.clone())).collect();
        assert_eq!(
            order,
            [(StackId::Cart, vec![]), (StackId::Products, vec![StackId::Cart]), (StackId::Auth, vec![StackId::Cart])]
        );
        assert_eq!(
            delete(&app, &[StackId::Auth], &deployed(&app)),
            Err(Blocked::InUse { stack: StackId::Auth, user: StackId::Cart })
        );
        assert_eq!(delete(&app, &ALL, &Observed::default()), Ok(DeletePlan::default()));
    }

    #[test]
    fn what_the_deployed_template_retains_is_kept() {
        let app = app();
        let mut observed = deployed(&cart_infra::app(&cart_infra::Settings { protected: true, ..settings() }));
        let table = Resource {
            logical_id: "DynamoDBShoppingCartTable".to_owned(),
            physical_id: "carts".to_owned(),
            resource_type: "AWS::DynamoDB::Table".to_owned(),
        };
        let queue = Resource { logical_id: "CartDeleteSQSQueue".to_owned(), ..table.clone() };
        observed.stacks.get_mut(&StackId::Cart).unwrap().resources = vec![table.clone(), queue];
        let plan = delete(&app, &ALL, &observed).unwrap();
        assert_eq!(plan.steps[0].keeps, [table]);
    }

    #[test]
    fn the_bootstrap_stack_keeps_what_it_has_and_takes_over_what_would_go_away() {
        let view = BootstrapView { there: None, own_bucket: false, gateway_role: None, owned_by_predecessor: false };
        assert_eq!(bootstrap(&view), (true, true));
        assert_eq!(bootstrap(&BootstrapView { own_bucket: true, gateway_role: Some("arn"), ..view }), (false, false));
        assert_eq!(bootstrap(&BootstrapView { gateway_role: Some("arn"), owned_by_predecessor: true, ..view }), (true, true));

        let everything =
            cart_infra::BootstrapSettings { prefix: settings().names.prefix, artifact_bucket: true, logging_role: true };
        let app = app();
        let mut there = deployed(&app).stacks.remove(&StackId::Auth).unwrap();
        there.template = Some(cart_infra::bootstrap(&everything).template().as_json());
        let view = BootstrapView { there: Some(&there), own_bucket: true, gateway_role: Some("arn"), owned_by_predecessor: false };
        assert_eq!(bootstrap(&view), (true, true), "nothing is taken away again");
    }

    #[test]
    fn the_originals_template_is_not_ours() {
        assert!(is_ours(Some(&app().stacks()[0].template().as_json())));
        assert!(!is_ours(Some(&serde_json::json!({ "Transform": "AWS::Serverless-2016-10-31", "Resources": {} }))));
        assert!(!is_ours(Some(&Json::Null)), "YAML");
        assert!(!is_ours(None));
    }
}
