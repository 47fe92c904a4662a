//! Decides what the account's own stack has to hold. Knows nothing of stages.

use serde_json::Value as Json;

use super::ObservedStack;

/// What the bootstrap stack's content depends on.
#[derive(Clone, Copy, Debug)]
pub(crate) struct View<'a> {
    /// The bootstrap stack, where there is one.
    pub there: Option<&'a ObservedStack>,
    /// Whether the user brought a bucket.
    pub own_bucket: bool,
    /// The role API Gateway writes logs with in this account, where one is set.
    pub gateway_role: Option<&'a str>,
    /// Whether that setting belongs to a stack that this deployment takes over, and goes away with its old template.
    pub owned_by_predecessor: bool,
}

/// What the bootstrap stack has to hold.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Content {
    /// A bucket for artifacts.
    pub artifact_bucket: bool,
    /// API Gateway's account-wide logging role.
    pub logging_role: bool,
}

/// What it has to hold for this view. What it once got it keeps.
pub(crate) fn content(view: &View) -> Content {
    let holds = |resource_type| {
        let resources = view.there.and_then(|there| there.template.as_ref()).and_then(|template| template.get("Resources"));
        let mut types = resources.and_then(Json::as_object).into_iter().flatten().filter_map(|(_, resource)| resource.get("Type"));
        types.any(|found| found == resource_type)
    };
    Content {
        artifact_bucket: !view.own_bucket || holds("AWS::S3::Bucket"),
        logging_role: view.gateway_role.is_none() || view.owned_by_predecessor || holds("AWS::ApiGateway::Account"),
    }
}
