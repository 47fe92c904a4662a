//! CloudFormation: one function per call, with the domain's types.

use std::collections::BTreeMap;

use aws_sdk_cloudformation::types::{self, Capability, ChangeSetType, TemplateStage};
use cfn::{MARK_OUTPUT, diff::Replacement};
use serde_json::Value as Json;

use super::{Aws, Error, ErrorKind, object_store::TemplateUrl, template};
use crate::domain::{
    moment::Moment,
    stack::{Deployed, DeployedParameter, Effect, Resource, ResourceChange, StackEvent, StackStatus},
    tame::tame,
};

/// The start of CloudFormation's messages for a change set without changes. The second form comes with transforms.
const NO_CHANGES: [&str; 2] = ["The submitted information didn't contain changes", "No updates are to be performed"];

/// The location of a template.
#[derive(Clone, Debug)]
pub(crate) enum TemplateSource {
    /// In the request: up to 51,200 bytes.
    Inline(String),
    /// An object in S3: up to 1 MB.
    Uploaded(TemplateUrl),
}

impl TemplateSource {
    /// Whether CloudFormation can have read another template than the one that was uploaded.
    pub(crate) fn is_replaceable(&self) -> bool {
        matches!(self, Self::Uploaded(TemplateUrl { pinned: false, .. }))
    }
}

/// A change set to create.
#[derive(Clone, Debug)]
pub(crate) struct ChangeSetRequest {
    pub stack: String,
    pub name: String,
    /// Whether the stack does not exist yet.
    pub create: bool,
    pub template: TemplateSource,
    /// The values of the template's parameters.
    pub parameters: BTreeMap<String, String>,
    pub tags: BTreeMap<String, String>,
}

/// The progress of a change set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum ChangeSetState {
    /// CloudFormation is still creating it.
    Pending,
    /// Can be executed, with these effects.
    Ready(Vec<ResourceChange>),
    /// Failed because there is nothing to change.
    NoChanges,
    Failed(String),
}

/// By ARN.
#[derive(Clone, Debug)]
pub(crate) struct ChangeSet {
    pub id: String,
    pub stack_id: String,
}

/// A client request token, by which CloudFormation recognizes a repeated request. The SDK's retries share a token; every
/// attempt of this program has a new one, because a token that was used for another request is refused.
fn token() -> String {
    format!("cartctl-{:016x}", fastrand::u64(..))
}

/// CloudFormation has no error code for a stack that does not exist, and uses the same one for much else.
fn is_absent(error: &Error) -> bool {
    error.has_code("ValidationError") && error.message.contains("does not exist")
}

fn absent_is_none<T>(result: Result<T, Error>) -> Result<Option<T>, Error> {
    match result {
        Ok(found) => Ok(Some(found)),
        Err(error) if is_absent(&error) => Ok(None),
        Err(error) => Err(error),
    }
}

impl Aws {
    /// None if no stack has this name or ARN.
    pub(crate) async fn stack(&self, name: &str) -> Result<Option<Deployed>, Error> {
        let answer = self.cloudformation.describe_stacks().stack_name(name).send().await;
        let answer = absent_is_none(answer.map_err(|error| Error::sdk(format!("describing the stack {name}"), error)))?;
        answer
            .and_then(|answer| answer.stacks.unwrap_or_default().into_iter().next())
            .map(|stack| deployed(name, stack))
            .transpose()
    }

    /// The template of the last deployment, as it was written.
    pub(crate) async fn template(&self, name: &str) -> Result<Option<Json>, Error> {
        // By default CloudFormation returns what macros made of it, and no longer which macros.
        let call = self.cloudformation.get_template().stack_name(name).template_stage(TemplateStage::Original);
        let answer =
            absent_is_none(call.send().await.map_err(|error| Error::sdk(format!("reading the template of {name}"), error)))?;
        Ok(answer.and_then(|answer| answer.template_body).map(|body| template::read(&body)))
    }

    /// The template of a change set, by ARN. None if it cannot be read, as that of some failed change sets.
    pub(crate) async fn proposed_template(&self, change_set: &str) -> Result<Option<Json>, Error> {
        let call = self.cloudformation.get_template().change_set_name(change_set).template_stage(TemplateStage::Original);
        match call.send().await.map_err(|error| Error::sdk("reading the template of a change set", error)) {
            Ok(answer) => Ok(answer.template_body.map(|body| template::read(&body))),
            Err(error) if is_absent(&error) || error.has_code("ChangeSetNotFound") || error.has_code("ValidationError") => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The change sets of a stack under review, each with its name and template.
    pub(crate) async fn proposed(&self, stack_id: &str) -> Result<Vec<(String, Option<Json>)>, Error> {
        let mut batches = self.cloudformation.list_change_sets().stack_name(stack_id).into_paginator().send();
        let mut found = Vec::new();
        while let Some(batch) = batches.next().await {
            let Some(batch) = absent_is_none(batch.map_err(|error| Error::sdk("listing change sets", error)))? else { break };
            for summary in batch.summaries.unwrap_or_default() {
                let template = match &summary.change_set_id {
                    Some(id) => self.proposed_template(id).await?,
                    None => None,
                };
                found.push((said(summary.change_set_name), template));
            }
        }
        Ok(found)
    }

    pub(crate) async fn resources(&self, name: &str) -> Result<Vec<Resource>, Error> {
        let mut batches = self.cloudformation.list_stack_resources().stack_name(name).into_paginator().send();
        let mut resources = Vec::new();
        while let Some(batch) = batches.next().await {
            let batch = batch.map_err(|error| Error::sdk(format!("listing the resources of {name}"), error))?;
            resources.extend(batch.stack_resource_summaries.unwrap_or_default().into_iter().map(|resource| Resource {
                logical_id: said(resource.logical_resource_id),
                physical_id: said(resource.physical_resource_id),
                resource_type: said(resource.resource_type),
                status: said(resource.resource_status.map(|status| status.as_str().to_owned())),
            }));
        }
        Ok(resources)
    }

    /// Starts the creation of a change set. The name is derived from the content: an existing change set of this name was left by a
    /// run that ended before executing it, and is deleted.
    pub(crate) async fn create_change_set(&self, request: &ChangeSetRequest) -> Result<ChangeSet, Error> {
        match self.try_to_create_change_set(request).await {
            Err(error) if error.has_code("AlreadyExistsException") => {
                self.delete_change_set(Some(&request.stack), &request.name).await?;
                self.try_to_create_change_set(request).await
            }
            created => created,
        }
    }

    async fn try_to_create_change_set(&self, request: &ChangeSetRequest) -> Result<ChangeSet, Error> {
        let parameter =
            |(key, value): (&String, &String)| types::Parameter::builder().parameter_key(key).parameter_value(value).build();
        let tag = |(key, value): (&String, &String)| types::Tag::builder().key(key).value(value).build();
        let call = self
            .cloudformation
            .create_change_set()
            .stack_name(&request.stack)
            .change_set_name(&request.name)
            .client_token(token())
            .change_set_type(if request.create { ChangeSetType::Create } else { ChangeSetType::Update })
            .set_parameters(Some(request.parameters.iter().map(parameter).collect()))
            .set_tags(Some(request.tags.iter().map(tag).collect()))
            .set_role_arn(self.service_role.clone())
            .capabilities(Capability::CapabilityIam);
        let call = match &request.template {
            TemplateSource::Inline(body) => call.template_body(body),
            TemplateSource::Uploaded(template) => call.template_url(&template.url),
        };
        let operation = format!("creating a change set for {}", request.stack);
        let answer = call.send().await.map_err(|error| {
            let error = self.role_refused(Error::sdk(&operation, error));
            // The stack existed when this was planned.
            if is_absent(&error) { error.of_kind(ErrorKind::Busy) } else { error }
        })?;
        match (answer.id, answer.stack_id) {
            (Some(id), Some(stack_id)) => Ok(ChangeSet { id, stack_id }),
            _ => Err(Error::new(operation, ErrorKind::Other, "the answer names no change set")),
        }
    }

    /// Says what to do about a service role that cannot be handed to CloudFormation, or that CloudFormation cannot assume.
    fn role_refused(&self, error: Error) -> Error {
        let Some(role) = &self.service_role else { return error };
        if error.message.contains("iam:PassRole") {
            let hint = format!(
                "allow the deployer `iam:PassRole` on `{role}`, with the condition that iam:PassedToService is cloudformation.amazonaws.com; \
                 or omit the role"
            );
            error.with_hint(hint)
        } else if error.message.contains("is invalid or cannot be assumed") {
            let hint = format!(
                "check that `{role}` exists in this account and that its trust policy allows cloudformation.amazonaws.com to assume it"
            );
            error.with_hint(hint)
        } else {
            error
        }
    }

    pub(crate) async fn change_set_state(&self, change_set: &ChangeSet) -> Result<ChangeSetState, Error> {
        let mut changes = Vec::new();
        let mut next_token = None;
        loop {
            let call = self.watching.describe_change_set().change_set_name(&change_set.id).set_next_token(next_token);
            let answer = call.send().await.map_err(|error| Error::sdk("describing a change set", error))?;
            let reason = said(answer.status_reason);
            match answer.status {
                Some(types::ChangeSetStatus::CreateComplete) => {}
                Some(types::ChangeSetStatus::CreatePending | types::ChangeSetStatus::CreateInProgress) => {
                    return Ok(ChangeSetState::Pending);
                }
                // Only the text says so. An empty list of changes does not: a change may concern outputs alone.
                Some(types::ChangeSetStatus::Failed) if NO_CHANGES.iter().any(|text| reason.starts_with(text)) => {
                    return Ok(ChangeSetState::NoChanges);
                }
                Some(types::ChangeSetStatus::Failed) => {
                    let found = self.failed_validations(change_set).await;
                    return Ok(ChangeSetState::Failed(if found.is_empty() { reason } else { found.join("; ") }));
                }
                other => return Ok(ChangeSetState::Failed(format!("the change set is {other:?}: {reason}"))),
            }
            changes.extend(answer.changes.unwrap_or_default().into_iter().filter_map(|change| change.resource_change).map(changed));
            next_token = answer.next_token;
            if next_token.is_none() {
                return Ok(ChangeSetState::Ready(changes));
            }
        }
    }

    /// Whether CloudFormation still creates this change set of a stack.
    pub(crate) async fn is_being_created(&self, stack: &str, name: &str) -> Result<bool, Error> {
        let answer = self.watching.describe_change_set().stack_name(stack).change_set_name(name).send().await;
        match answer.map_err(|error| Error::sdk("describing a change set", error)) {
            Ok(answer) => {
                Ok(matches!(answer.status, Some(types::ChangeSetStatus::CreatePending | types::ChangeSetStatus::CreateInProgress)))
            }
            Err(error) if is_absent(&error) || error.has_code("ChangeSetNotFound") => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// CloudFormation's validations before the start: names taken, quotas, properties. The change set's own reason omits them.
    /// <https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/validate-stack-deployments.html>
    async fn failed_validations(&self, change_set: &ChangeSet) -> Vec<String> {
        let failed = types::EventFilter::builder().failed_events(true).build();
        let call = self.cloudformation.describe_events().change_set_name(&change_set.id).filters(failed);
        // Optional detail, which may lack a permission: the change set's own reason remains.
        let Ok(answer) = call.send().await else { return Vec::new() };
        let validation = |event: types::OperationEvent| {
            let reason = Some(said(event.validation_status_reason)).filter(|reason| !reason.is_empty())?;
            Some(match event.logical_resource_id {
                Some(id) => format!("{}: {reason}", tame(&id)),
                None => reason,
            })
        };
        answer.operation_events.unwrap_or_default().into_iter().filter_map(validation).collect()
    }

    /// Starts the execution of a change set.
    pub(crate) async fn execute_change_set(&self, change_set: &ChangeSet) -> Result<(), Error> {
        let call = self.cloudformation.execute_change_set().change_set_name(&change_set.id).client_request_token(token());
        // Always explicit: the reference contradicts itself about the default. Resources of a failed creation are empty, and would
        // only block the next one.
        let call = call.disable_rollback(false).retain_except_on_create(true);
        call.send().await.map_err(|error| {
            let error = Error::sdk("executing a change set", error);
            // The start is uncertain. Observing again shows the state.
            if error.kind() == ErrorKind::Unreachable { error.of_kind(ErrorKind::Busy) } else { error }
        })?;
        Ok(())
    }

    /// Whether a stack has change sets.
    pub(crate) async fn has_change_sets(&self, stack_id: &str) -> Result<bool, Error> {
        let answer = self.cloudformation.list_change_sets().stack_name(stack_id).send().await;
        let answer = absent_is_none(answer.map_err(|error| Error::sdk("listing change sets", error)))?;
        Ok(answer.is_some_and(|answer| !answer.summaries.unwrap_or_default().is_empty()))
    }

    /// Deletes a change set, by ARN, or by name within a stack. Succeeds if none exists.
    pub(crate) async fn delete_change_set(&self, stack: Option<&str>, name_or_id: &str) -> Result<(), Error> {
        let call = self.cloudformation.delete_change_set().set_stack_name(stack.map(str::to_owned)).change_set_name(name_or_id);
        match call.send().await.map_err(|error| Error::sdk("deleting a change set", error)) {
            Err(error) if !is_absent(&error) && !error.has_code("ChangeSetNotFound") => Err(error),
            _ => Ok(()),
        }
    }

    /// Starts the deletion of a stack, by ARN, except for these resources. Exceptions are valid only after a failed deletion.
    pub(crate) async fn delete_stack(&self, id: &str, except: &[String]) -> Result<(), Error> {
        let call = self.cloudformation.delete_stack().stack_name(id).client_request_token(token());
        let call = call.set_retain_resources(Some(except.to_vec()).filter(|except| !except.is_empty()));
        let call = call.set_role_arn(self.service_role.clone());
        call.send().await.map_err(|error| self.role_refused(Error::sdk(format!("deleting the stack {id}"), error)))?;
        Ok(())
    }

    /// Starts the cancellation of a running update.
    pub(crate) async fn cancel_update(&self, id: &str) -> Result<(), Error> {
        let call = self.cloudformation.cancel_update_stack().stack_name(id).client_request_token(token());
        call.send().await.map_err(|error| Error::sdk("cancelling the update", error))?;
        Ok(())
    }

    /// Starts the rollback of a failed update that was not rolled back.
    pub(crate) async fn roll_back(&self, id: &str) -> Result<(), Error> {
        let call = self.cloudformation.rollback_stack().stack_name(id).client_request_token(token());
        let call = call.set_role_arn(self.service_role.clone());
        call.send().await.map_err(|error| self.role_refused(Error::sdk("rolling the stack back", error)))?;
        Ok(())
    }

    /// Starts the continuation of a failed rollback.
    pub(crate) async fn continue_rollback(&self, id: &str) -> Result<(), Error> {
        let call = self.cloudformation.continue_update_rollback().stack_name(id).client_request_token(token());
        let call = call.set_role_arn(self.service_role.clone());
        call.send().await.map_err(|error| self.role_refused(Error::sdk("continuing the rollback", error)))?;
        Ok(())
    }

    /// Switches termination protection on or off.
    pub(crate) async fn protect_from_termination(&self, stack: &str, protect: bool) -> Result<(), Error> {
        let call = self.cloudformation.update_termination_protection().stack_name(stack).enable_termination_protection(protect);
        call.send().await.map_err(|error| Error::sdk("setting termination protection", error))?;
        Ok(())
    }

    /// The name of the stack that owns a resource, if one does.
    pub(crate) async fn stack_of(&self, physical_id: &str) -> Result<Option<String>, Error> {
        let answer = self.cloudformation.describe_stack_resources().physical_resource_id(physical_id).send().await;
        let answer = absent_is_none(answer.map_err(|error| Error::sdk("finding the stack of a resource", error)))?;
        let resources = answer.and_then(|answer| answer.stack_resources).unwrap_or_default();
        Ok(resources.into_iter().find_map(|resource| resource.stack_name))
    }

    /// The events of a stack since the event `after`, oldest first; all events if `after` is None. Empty if that event is not
    /// in the answer: then the answer is older.
    pub(crate) async fn events_after(&self, stack_id: &str, after: Option<&str>) -> Result<Vec<StackEvent>, Error> {
        let mut events = Vec::new();
        let mut found = after.is_none();
        let mut batches = self.watching.describe_stack_events().stack_name(stack_id).into_paginator().send();
        'batches: while let Some(batch) = batches.next().await {
            let batch = batch.map_err(|error| Error::sdk(format!("reading the events of {stack_id}"), error))?;
            for event in batch.stack_events.unwrap_or_default().into_iter().map(event) {
                if after == Some(event.id.as_str()) {
                    found = true;
                    break 'batches;
                }
                events.push(event);
            }
        }
        events.reverse();
        Ok(if found { events } else { Vec::new() })
    }

    /// The newest event of a stack.
    pub(crate) async fn latest_event(&self, stack_id: &str) -> Result<Option<StackEvent>, Error> {
        let answer = self.watching.describe_stack_events().stack_name(stack_id).send().await;
        let answer = absent_is_none(answer.map_err(|error| Error::sdk(format!("reading the events of {stack_id}"), error)))?;
        Ok(answer.and_then(|answer| answer.stack_events.unwrap_or_default().into_iter().next()).map(event))
    }
}

fn event(event: types::StackEvent) -> StackEvent {
    StackEvent {
        id: event.event_id.unwrap_or_default(),
        at: event.timestamp.and_then(|time| time.to_millis().ok()).map(Moment::from_millis).unwrap_or_default(),
        logical_id: said(event.logical_resource_id),
        physical_id: said(event.physical_resource_id),
        resource_type: said(event.resource_type),
        status: said(event.resource_status.map(|status| status.as_str().to_owned())),
        reason: Some(said(event.resource_status_reason)).filter(|reason| !reason.is_empty()),
    }
}

/// What CloudFormation says, tamed: anybody may have written it into a template. Values of outputs and parameters stay as they are, because
/// programs read them; they are tamed where they are shown.
fn said(text: Option<String>) -> String {
    text.map(|text| tame(&text)).unwrap_or_default()
}

fn changed(change: types::ResourceChange) -> ResourceChange {
    use types::{ChangeAction, PolicyAction, Replacement as Replaced};
    let effect = match change.action {
        Some(ChangeAction::Add | ChangeAction::Import) => Effect::Add,
        Some(ChangeAction::Remove) => Effect::Remove { retained: change.policy_action == Some(PolicyAction::Retain) },
        _ => Effect::Modify {
            replacement: match change.replacement {
                Some(Replaced::True) => Replacement::Always,
                Some(Replaced::Conditional) => Replacement::Conditional,
                _ => Replacement::Never,
            },
        },
    };
    ResourceChange { logical_id: said(change.logical_resource_id), resource_type: said(change.resource_type), effect }
}

fn deployed(name: &str, stack: types::Stack) -> Result<Deployed, Error> {
    let status = stack.stack_status.as_ref().map_or("", types::StackStatus::as_str);
    let status = StackStatus::parse(status).ok_or_else(|| {
        Error::new(
            format!("describing the stack {name}"),
            ErrorKind::Other,
            format!("its status `{status}` is new to this version"),
        )
    })?;
    let parameters = stack.parameters.unwrap_or_default().into_iter().filter_map(|parameter| {
        let found = DeployedParameter { value: parameter.parameter_value?, resolved: parameter.resolved_value };
        Some((parameter.parameter_key?, found))
    });
    let outputs = stack.outputs.unwrap_or_default().into_iter();
    let mut outputs: BTreeMap<_, _> = outputs.filter_map(|output| Some((output.output_key?, output.output_value?))).collect();
    Ok(Deployed {
        id: stack.stack_id.unwrap_or_else(|| name.to_owned()),
        status,
        reason: Some(said(stack.stack_status_reason)).filter(|reason| !reason.is_empty()),
        parameters: parameters.collect(),
        tags: stack.tags.unwrap_or_default().into_iter().filter_map(|tag| Some((tame(&tag.key?), tame(&tag.value?)))).collect(),
        termination_protection: stack.enable_termination_protection.unwrap_or(false),
        mark: outputs.remove(MARK_OUTPUT).map(|mark| tame(&mark).parse()),
        outputs,
        description: Some(said(stack.description)).filter(|description| !description.is_empty()),
        changed: stack.last_updated_time.or(stack.creation_time).map(|time| time.to_string()),
    })
}
