//! Decides the content of the account's own stack. Knows nothing of stages.

use serde_json::Value as Json;

use super::ObservedStack;

/// The facts that decide the content of the account's own stack.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    /// The existing stack.
    pub there: Option<&'a ObservedStack>,
    /// Whether the user named a bucket.
    pub own_bucket: bool,
    /// Whether the app has REST APIs, which need a role for their logs.
    pub rest_apis: bool,
    /// The role with which API Gateway writes logs in this account, if one is set.
    pub gateway_role: Option<&'a str>,
    /// Whether that setting belongs to a stack that this deployment takes over, and is deleted with its old template.
    pub owned_by_predecessor: bool,
}

/// The content of the account's own stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content {
    /// A bucket for artifacts.
    pub artifact_bucket: bool,
    /// API Gateway's account-wide logging role.
    pub logging_role: bool,
}

impl Content {
    pub(crate) const EVERYTHING: Self = Self { artifact_bucket: true, logging_role: true };
}

/// Decides the content. A resource that the stack has already stays in it.
pub(crate) fn content(view: &View) -> Content {
    let holds = |resource_type| {
        let resources = view.there.and_then(|there| there.template.as_ref()).and_then(|template| template.get("Resources"));
        let mut types = resources.and_then(Json::as_object).into_iter().flatten().filter_map(|(_, resource)| resource.get("Type"));
        types.any(|found| found == resource_type)
    };
    let role_is_missing = view.gateway_role.is_none() || view.owned_by_predecessor;
    Content {
        artifact_bucket: !view.own_bucket || holds("AWS::S3::Bucket"),
        logging_role: view.rest_apis && role_is_missing || holds("AWS::ApiGateway::Account"),
    }
}
