//! CloudFormation's operations: what each takes, refuses and answers, as the API reference and what its users report have it.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::types::{ChangeSetStatus, ExecutionStatus, StackStatus};
use aws_smithy_types::{DateTime, date_time::Format};
use cfn::diff::{Action, Replacement, ResourceChange};
use serde_json::{Value as Json, json};

use crate::{
    ACCOUNT, REGION,
    account::Account,
    call::{Call, Refusal},
    inventory::During,
    operation::Terms,
    stack::{ChangeSet, Event, Resource, Stack},
};

/// The largest template in a request.
const LARGEST_TEMPLATE: usize = 51_200;

const NO_CHANGES: &str = "The submitted information didn't contain changes. Submit different information to create a change set.";

type Answer = Result<Json, Refusal>;

/// Answers a call.
pub(crate) fn answer(call: &Call, account: &mut Account) -> Answer {
    match call.operation.as_str() {
        "DescribeStacks" => describe_stacks(call, account),
        "GetTemplate" => get_template(call, account),
        "DescribeStackEvents" => describe_stack_events(call, account),
        "ListStackResources" => {
            let stack = &account.stacks[existing(call, account)?];
            let resources = stack.resources.iter().map(|(id, resource)| describe_resource(stack, id, resource));
            Ok(page("StackResourceSummaries", resources, call, account))
        }
        "DescribeStackResources" => describe_owner(call, account),
        "DescribeEvents" => Ok(json!({ "OperationEvents": [] })),
        "CreateChangeSet" => once(call, account, create_change_set),
        "DescribeChangeSet" => describe_change_set(call, account),
        "ExecuteChangeSet" => once(call, account, execute_change_set),
        "DeleteChangeSet" => delete_change_set(call, account),
        "ListChangeSets" => {
            let stack = &account.stacks[existing(call, account)?];
            let left: Vec<_> = stack.change_sets.iter().filter(|set| set.is_left()).map(|set| summary(stack, set)).collect();
            Ok(page("Summaries", left.into_iter(), call, account))
        }
        "DeleteStack" => once(call, account, delete_stack),
        "CancelUpdateStack" => once(call, account, |call, account| {
            let (token, place) = (call.token(), existing(call, account)?);
            let stack = &mut account.stacks[place];
            if stack.status != StackStatus::UpdateInProgress {
                return Err(Refusal::validation("CancelUpdateStack cannot be called from current stack status".to_owned()));
            }
            stack.cancel(token, &mut account.inventory);
            Ok(json!({}))
        }),
        "ContinueUpdateRollback" => once(call, account, continue_update_rollback),
        "RollbackStack" => once(call, account, roll_back),
        "UpdateTerminationProtection" => {
            let place = existing(call, account)?;
            account.stacks[place].protected = call.flag("EnableTerminationProtection");
            Ok(json!({ "StackId": account.stacks[place].id }))
        }
        unknown => Err(Refusal::new(400, "InvalidAction", format!("Could not find operation {unknown}"))),
    }
}

/// A request that is repeated with the same token is the same request. The token with another one is refused.
fn once(call: &Call, account: &mut Account, act: fn(&Call, &mut Account) -> Answer) -> Answer {
    let Some(token) = call.token() else { return act(call, account) };
    let asked = format!("{} {:?}", call.operation, call.arguments);
    let of_stack = |account: &Account| call.stack(account).and_then(|name| account.find(&name));
    if let Some((before, answer)) = of_stack(account).and_then(|place| account.stacks[place].tokens.get(&token)) {
        let refusal = || Refusal::new(400, "TokenAlreadyExistsException", format!("Token already exists: {token}"));
        return if *before == asked { Ok(answer.clone()) } else { Err(refusal()) };
    }
    // A deletion may leave nothing to be found by name.
    let place = of_stack(account);
    let answer = act(call, account)?;
    if let Some(place) = place.or_else(|| of_stack(account)) {
        account.stacks[place].tokens.insert(token, (asked, answer.clone()));
    }
    Ok(answer)
}

/// The stack that a call is about.
fn existing(call: &Call, account: &Account) -> Result<usize, Refusal> {
    let name = call.argument("StackName").unwrap_or_default();
    account.find(name).ok_or_else(|| Refusal::validation(format!("Stack with id {name} does not exist")))
}

fn page(name: &str, items: impl ExactSizeIterator<Item = Json>, call: &Call, account: &Account) -> Json {
    let start = call.argument("NextToken").and_then(|token| token.parse().ok()).unwrap_or(0);
    let (end, all) = (start + account.inventory.latencies.page, items.len());
    let page: Vec<_> = items.skip(start).take(end - start).collect();
    json!({ name: page, "NextToken": (end < all).then(|| end.to_string()) })
}

fn time(millis: u64) -> String {
    DateTime::from_millis(millis.try_into().unwrap_or(0)).fmt(Format::DateTime).unwrap_or_default()
}

fn pairs<'a>(names: [&str; 2], values: impl IntoIterator<Item = (&'a String, &'a String)>) -> Json {
    values.into_iter().map(|(key, value)| json!({ names[0]: key, names[1]: value })).collect()
}

fn describe_stacks(call: &Call, account: &Account) -> Answer {
    let stacks: Vec<_> = if call.argument("StackName").is_some() {
        vec![&account.stacks[existing(call, account)?]]
    } else {
        account.stacks.iter().filter(|stack| stack.status != StackStatus::DeleteComplete).collect()
    };
    let describe = |stack: &Stack| {
        let parameters = stack.definition.parameters.iter().map(|(name, parameter)| {
            json!({ "ParameterKey": name, "ParameterValue": parameter.value, "ResolvedValue": parameter.resolved })
        });
        json!({
            "StackId": stack.id,
            "StackName": stack.name,
            "StackStatus": stack.status.as_str(),
            "StackStatusReason": stack.reason,
            "Description": stack.definition.template["Description"],
            "CreationTime": stack.events.first().map(|event| time(event.at)),
            "Parameters": parameters.collect::<Vec<_>>(),
            "Tags": pairs(["Key", "Value"], &stack.definition.tags),
            "Outputs": pairs(["OutputKey", "OutputValue"], &stack.outputs),
            "EnableTerminationProtection": stack.protected,
        })
    };
    Ok(page("Stacks", stacks.into_iter().map(describe), call, account))
}

/// As it was sent, where that is asked for. Otherwise what macros made of it, which no longer says which macros.
fn get_template(call: &Call, account: &Account) -> Answer {
    let definition = if call.argument("ChangeSetName").is_some() {
        let (place, set) = found(call, account)?;
        &account.stacks[place].change_sets[set].definition
    } else {
        &account.stacks[existing(call, account)?].definition
    };
    let mut template = (*definition.template).clone();
    if call.argument("TemplateStage") != Some("Original")
        && let Some(template) = template.as_object_mut()
    {
        template.remove("Transform");
    }
    Ok(json!({ "TemplateBody": (!template.is_null()).then(|| template.to_string()), "StagesAvailable": ["Original", "Processed"] }))
}

/// Newest first. The next page begins where the last one ended, whatever has happened meanwhile.
fn describe_stack_events(call: &Call, account: &Account) -> Answer {
    let stack = &account.stacks[existing(call, account)?];
    let end = call.argument("NextToken").and_then(|token| token.parse().ok()).unwrap_or(stack.events.len());
    let start = end.saturating_sub(account.inventory.latencies.page);
    let events: Vec<_> = stack.events[start..end].iter().rev().map(|event| describe_event(stack, event)).collect();
    Ok(json!({ "StackEvents": events, "NextToken": (start > 0).then(|| start.to_string()) }))
}

fn describe_event(stack: &Stack, event: &Event) -> Json {
    json!({
        "StackId": stack.id, "StackName": stack.name, "EventId": event.id, "Timestamp": time(event.at),
        "LogicalResourceId": event.logical_id, "PhysicalResourceId": event.physical_id, "ResourceType": event.kind,
        "ResourceStatus": event.status, "ResourceStatusReason": event.reason, "ClientRequestToken": event.token,
    })
}

fn describe_resource(stack: &Stack, id: &str, resource: &Resource) -> Json {
    json!({
        "StackId": stack.id, "StackName": stack.name, "LogicalResourceId": id, "PhysicalResourceId": resource.physical_id,
        "ResourceType": resource.kind(), "ResourceStatus": resource.status, "ResourceStatusReason": resource.reason,
        "LastUpdatedTimestamp": time(stack.now), "Timestamp": time(stack.now),
    })
}

fn describe_owner(call: &Call, account: &Account) -> Answer {
    let id = call.argument("PhysicalResourceId").unwrap_or_default();
    let live = account.stacks.iter().filter(|stack| stack.status != StackStatus::DeleteComplete);
    let owner = live.into_iter().find(|stack| stack.resources.values().any(|it| it.physical_id.as_deref() == Some(id)));
    let owner = owner.ok_or_else(|| Refusal::validation(format!("Stack for {id} does not exist")))?;
    let resources: Vec<_> = owner.resources.iter().map(|(id, resource)| describe_resource(owner, id, resource)).collect();
    Ok(json!({ "StackResources": resources }))
}

/// Whether a stack takes a change set of this type.
fn accepts(stack: Option<&Stack>, call: &Call) -> Result<(), Refusal> {
    let (name, set) = (call.argument("StackName").unwrap_or_default(), call.argument("ChangeSetName").unwrap_or_default());
    let create = call.argument("ChangeSetType") == Some("CREATE");
    let refusal = match (stack, create) {
        (None, true) => return Ok(()),
        (None, false) => format!("Stack [{name}] does not exist"),
        (Some(stack), true) if stack.status == StackStatus::ReviewInProgress => return Ok(()),
        (Some(_), true) => format!("Stack [{name}] already exists and cannot be created again with the changeSet [{set}]."),
        (Some(stack), false) => match stack.status {
            StackStatus::CreateComplete
            | StackStatus::UpdateComplete
            | StackStatus::UpdateRollbackComplete
            | StackStatus::ImportComplete
            | StackStatus::ImportRollbackComplete => return Ok(()),
            StackStatus::CreateFailed | StackStatus::UpdateFailed => format!(
                "This stack is currently in a non-terminal [{}] state. To update the stack from this state, please use the \
                 disable-rollback parameter with update-stack API. To rollback to the last known good state, use the \
                 rollback-stack API",
                stack.status
            ),
            _ => format!("Stack:{} is in {} state and can not be updated.", stack.id, stack.status),
        },
    };
    Err(Refusal::validation(refusal))
}

fn create_change_set(call: &Call, account: &mut Account) -> Answer {
    let (stack, name) = (call.argument("StackName").unwrap_or_default(), call.argument("ChangeSetName").unwrap_or_default());
    accepts(account.find(stack).map(|place| &account.stacks[place]), call)?;
    if account.change_set(Some(stack), name).is_some() {
        return Err(Refusal::new(
            400,
            "AlreadyExistsException",
            format!("ChangeSet {name} cannot be created due to a mismatch with existing attribute Template"),
        ));
    }
    let body = match (call.argument("TemplateBody"), call.argument("TemplateURL")) {
        (Some(body), _) if body.len() > LARGEST_TEMPLATE => {
            return Err(Refusal::validation(format!(
                "1 validation error detected: Value at 'templateBody' failed to satisfy constraint: Member must have length less \
                 than or equal to {LARGEST_TEMPLATE}"
            )));
        }
        (Some(body), _) => body.as_bytes().to_vec(),
        (None, url) => object_at(url.unwrap_or_default(), account)?,
    };
    let template: Json = serde_json::from_slice(&body)
        .map_err(|error| Refusal::validation(format!("Template format error: JSON not well-formed. ({error})")))?;
    let makes_roles = template["Resources"].as_object().into_iter().flatten().any(|(_, it)| it["Type"] == "AWS::IAM::Role");
    if makes_roles && call.members("Capabilities", "").is_empty() {
        return Err(Refusal::new(400, "InsufficientCapabilitiesException", "Requires capabilities : [CAPABILITY_IAM]".to_owned()));
    }
    let parameters = call.map("Parameters", ["ParameterKey", "ParameterValue"]);
    let definition = account.define(&template, &parameters, call.map("Tags", ["Key", "Value"])).map_err(Refusal::validation)?;
    let trouble = account.inventory.trouble(stack, "", "", During::Planning);
    let place = account.find(stack).unwrap_or_else(|| account.review(stack));
    let id = format!("arn:aws:cloudformation:{REGION}:{ACCOUNT}:changeSet/{name}/{}", account.identity());
    let there = &mut account.stacks[place];
    let unchanged = there.definition == definition;
    there.change_sets.push(ChangeSet {
        id: id.clone(),
        name: name.to_owned(),
        changes: there.changes(&definition),
        definition,
        status: ChangeSetStatus::CreatePending,
        reason: trouble.or_else(|| unchanged.then(|| NO_CHANGES.to_owned())),
        execution: ExecutionStatus::Unavailable,
        pending: account.inventory.latencies.pending_polls,
    });
    Ok(json!({ "Id": id, "StackId": there.id }))
}

/// An object in a bucket, or the version of it that is named, by the URL it is read at.
fn object_at(url: &str, account: &Account) -> Result<Vec<u8>, Refusal> {
    let path = url.split_once("://").and_then(|(_, rest)| rest.split_once('/')).map_or("", |(_, path)| path);
    let (path, query) = path.split_once('?').unwrap_or((path, ""));
    let (bucket, key) = path.split_once('/').unwrap_or_default();
    let version = form_urlencoded::parse(query.as_bytes()).find(|(name, _)| name == "versionId");
    let object = match version {
        Some((_, version)) if version != "null" => account.inventory.versions.get(version.as_ref()),
        _ => account.inventory.buckets.get(bucket).and_then(|objects| objects.get(key)),
    };
    let object = object.cloned();
    object.ok_or_else(|| Refusal::validation(format!("S3 error: The specified key does not exist. ({url})")))
}

fn found(call: &Call, account: &Account) -> Result<(usize, usize), Refusal> {
    let name = call.argument("ChangeSetName").unwrap_or_default();
    let missing = || Refusal::new(404, "ChangeSetNotFound", format!("ChangeSet [{name}] does not exist"));
    account.change_set(call.argument("StackName"), name).ok_or_else(missing)
}

fn summary(stack: &Stack, set: &ChangeSet) -> Json {
    json!({
        "ChangeSetId": set.id, "ChangeSetName": set.name, "StackId": stack.id, "StackName": stack.name,
        "Status": set.status.as_str(), "StatusReason": set.reason, "ExecutionStatus": set.execution.as_str(),
    })
}

fn describe_change_set(call: &Call, account: &mut Account) -> Answer {
    let (place, set) = found(call, account)?;
    let set = &mut account.stacks[place].change_sets[set];
    if set.pending > 0 {
        set.pending -= 1;
        set.status = ChangeSetStatus::CreateInProgress;
    } else if set.status != ChangeSetStatus::CreateComplete {
        let fine = set.reason.is_none();
        set.status = if fine { ChangeSetStatus::CreateComplete } else { ChangeSetStatus::Failed };
        set.execution = if fine { ExecutionStatus::Available } else { ExecutionStatus::Unavailable };
    }
    let set = set.clone();
    let stack = &account.stacks[place];
    let mut answer = summary(stack, &set);
    if set.status == ChangeSetStatus::CreateComplete {
        let page = page("Changes", set.changes.iter().map(|change| describe_change(stack, change)), call, account);
        answer["Changes"] = page["Changes"].clone();
        answer["NextToken"] = page["NextToken"].clone();
    }
    Ok(answer)
}

fn describe_change(stack: &Stack, change: &ResourceChange) -> Json {
    let there = stack.resources.get(&change.logical_id);
    let retains = |policy| there.is_some_and(|resource| resource.retains(policy));
    let (action, replacement, policy) = match &change.action {
        Action::Add => ("Add", None, None),
        Action::Remove { retained } => ("Remove", None, Some(if *retained { "Retain" } else { "Delete" })),
        Action::Modify { replacement, .. } => match replacement {
            Replacement::Never => ("Modify", Some("False"), None),
            Replacement::Conditional => ("Modify", Some("Conditional"), None),
            Replacement::Always => {
                let policy = if retains("UpdateReplacePolicy") { "ReplaceAndRetain" } else { "ReplaceAndDelete" };
                ("Modify", Some("True"), Some(policy))
            }
        },
    };
    let details: Vec<_> = match &change.action {
        Action::Modify { properties, .. } => properties
            .iter()
            .map(|change| {
                let mut path = change.path.split('.');
                let target = json!({ "Attribute": path.next(), "Name": path.next() });
                json!({ "Target": target, "Evaluation": "Static", "ChangeSource": "DirectModification" })
            })
            .collect(),
        Action::Add | Action::Remove { .. } => Vec::new(),
    };
    let resource = json!({
        "Action": action, "LogicalResourceId": change.logical_id, "ResourceType": change.resource_type,
        "PhysicalResourceId": there.and_then(|resource| resource.physical_id.clone()),
        "Replacement": replacement, "PolicyAction": policy, "Details": details,
    });
    json!({ "Type": "Resource", "ResourceChange": resource })
}

fn execute_change_set(call: &Call, account: &mut Account) -> Answer {
    let (place, set) = found(call, account)?;
    let stack = &mut account.stacks[place];
    if !stack.is_at_rest() {
        let text = format!("An operation on stack {} is already in progress.", stack.id);
        return Err(Refusal::new(400, "OperationInProgressException", text));
    }
    let set = stack.change_sets[set].clone();
    if set.execution != ExecutionStatus::Available {
        let text = format!("ChangeSet [{}] cannot be executed in its current execution status of [{}]", set.id, set.execution);
        return Err(Refusal::new(400, "InvalidChangeSetStatus", text));
    }
    stack.change_sets.retain(|other| other.id == set.id || !other.is_left());
    for set in &mut stack.change_sets {
        set.execution = ExecutionStatus::ExecuteComplete;
    }
    let terms = Terms {
        disable_rollback: call.flag("DisableRollback"),
        retain_except_on_create: call.flag("RetainExceptOnCreate"),
        force: false,
    };
    stack.carry_out(set.definition, terms, call.token(), &mut account.inventory);
    Ok(json!({}))
}

fn delete_change_set(call: &Call, account: &mut Account) -> Answer {
    if let Some(stack) = call.argument("StackName")
        && account.find(stack).is_none()
    {
        return Err(Refusal::validation(format!("Stack [{stack}] does not exist")));
    }
    if let Ok((place, set)) = found(call, account) {
        let there = &account.stacks[place].change_sets[set];
        // https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_DeleteChangeSet.html#API_DeleteChangeSet_Errors
        if matches!(there.status, ChangeSetStatus::CreatePending | ChangeSetStatus::CreateInProgress) {
            let text = format!("ChangeSet [{}] cannot be deleted in its current status of [{}]", there.id, there.status);
            return Err(Refusal::new(400, "InvalidChangeSetStatus", text));
        }
        account.stacks[place].change_sets.remove(set);
    }
    Ok(json!({}))
}

fn delete_stack(call: &Call, account: &mut Account) -> Answer {
    // That there is none is as good.
    let Some(place) = call.argument("StackName").and_then(|name| account.find(name)) else { return Ok(json!({})) };
    let stack = &mut account.stacks[place];
    let (id, name, status) = (&stack.id, &stack.name, stack.status.as_str());
    if stack.protected {
        let text = format!("Stack [{name}] cannot be deleted while TerminationProtection is enabled");
        return Err(Refusal::validation(text));
    }
    if status.starts_with("UPDATE_") && status.ends_with("_IN_PROGRESS") {
        return Err(Refusal::validation(format!("Stack [{id}] cannot be deleted while in status {status}")));
    }
    let except = call.members("RetainResources", "");
    if !except.is_empty() && status != "DELETE_FAILED" {
        let text = "Invalid operation on stack. Retain resources can only be specified for a stack in DELETE_FAILED state.";
        return Err(Refusal::validation(text.to_owned()));
    }
    if !matches!(stack.status, StackStatus::DeleteInProgress | StackStatus::DeleteComplete) {
        stack.change_sets.clear();
        let terms = Terms { force: call.argument("DeletionMode") == Some("FORCE_DELETE_STACK"), ..Terms::default() };
        stack.delete(&except, terms, call.token(), &mut account.inventory);
    }
    Ok(json!({}))
}

fn continue_update_rollback(call: &Call, account: &mut Account) -> Answer {
    let place = existing(call, account)?;
    let stack = &mut account.stacks[place];
    if stack.status != StackStatus::UpdateRollbackFailed {
        let text = format!("Stack {} is in {} state and can not continue update rollback.", stack.id, stack.status);
        return Err(Refusal::validation(text));
    }
    let skip = call.members("ResourcesToSkip", "");
    if let Some(id) = skip.iter().find(|id| stack.resources.get(*id).is_none_or(|it| it.status != "UPDATE_FAILED")) {
        let text = format!("{id} is not in UPDATE_FAILED state. ResourcesToSkip may name only what failed to be rolled back.");
        return Err(Refusal::validation(text));
    }
    stack.undo(&skip, Terms::default(), call.token(), &mut account.inventory);
    Ok(json!({}))
}

fn roll_back(call: &Call, account: &mut Account) -> Answer {
    let place = existing(call, account)?;
    let stack = &mut account.stacks[place];
    let terms = Terms { retain_except_on_create: call.flag("RetainExceptOnCreate"), ..Terms::default() };
    match stack.status {
        StackStatus::UpdateFailed => stack.undo(&[], terms, call.token(), &mut account.inventory),
        // There is nothing to go back to.
        StackStatus::CreateFailed => stack.delete(&[], terms, call.token(), &mut account.inventory),
        _ => {
            let text = format!("Stack:{} is in {} state and can not be rolled back.", stack.id, stack.status);
            return Err(Refusal::validation(text));
        }
    }
    Ok(json!({ "StackId": stack.id }))
}

/// The values of a list of pairs in the arguments of a call.
impl Call {
    fn map(&self, list: &str, names: [&str; 2]) -> BTreeMap<String, String> {
        self.members(list, names[0]).into_iter().zip(self.members(list, names[1])).collect()
    }
}
