//! The resources that an account needs once in each region, for all stages. None of them is ever deleted, because other stages and
//! other people's APIs may depend on them.

use cfn::{
    ARTIFACT_BUCKET_OUTPUT, Stack,
    policy::{Statement, Trusted},
    resource::{
        api_gateway::Account,
        iam::{Role, RoleTerms},
        s3::{AbortMultipart, Bucket, BucketPolicy, Lifecycle, LifecycleRule, NoncurrentExpiration, RuleStatus, Versioning},
    },
    template::{Attributes, Removal},
    value::{Pseudo, text},
};
use serde_json::Value as Json;

use super::BOOTSTRAP;
use crate::{names::Names, settings::BootstrapSettings};

/// The logical id of the role as which API Gateway writes logs.
pub const LOGGING_ROLE: &str = "ApiGatewayLoggingRole";

/// The terms of the logging role, given the deployed template. All stages of an account share the role, and their settings may differ: one that
/// exists keeps its path, because another one would leave a second role behind, and its boundary unless there is another.
#[must_use]
pub fn terms(wanted: &RoleTerms, deployed: Option<&Json>) -> RoleTerms {
    let Some(role) = deployed.and_then(|template| template["Resources"].get(LOGGING_ROLE)) else { return wanted.clone() };
    let property = |name: &str| role["Properties"][name].as_str();
    let there = property("PermissionsBoundary").and_then(|arn| arn.parse().ok());
    RoleTerms {
        permissions_boundary: wanted.permissions_boundary.clone().or(there),
        path: property("Path").and_then(|path| path.parse().ok()),
    }
}

pub(crate) fn stack(settings: &BootstrapSettings) -> Stack {
    let names = Names { prefix: settings.prefix.clone(), ..Names::default() };
    let mut stack = names.stack(BOOTSTRAP, "Shopping cart: what an account needs once");
    if settings.artifact_bucket {
        artifact_bucket(&mut stack);
    }
    if settings.logging_role {
        logging_role(&mut stack, settings.roles.clone());
    }
    stack
}

fn artifact_bucket(stack: &mut Stack) {
    let tidy = LifecycleRule {
        id: "Tidy",
        status: RuleStatus::Enabled,
        abort_incomplete_multipart_upload: Some(AbortMultipart { days_after_initiation: 1 }),
        noncurrent_version_expiration: Some(NoncurrentExpiration { noncurrent_days: 30 }),
        expiration_in_days: None,
    };
    let bucket = stack.add_with(
        "ArtifactBucket",
        Attributes::stateful(Removal::Retain),
        &Bucket {
            versioning_configuration: Some(Versioning::Enabled),
            lifecycle_configuration: Some(Lifecycle { rules: vec![tidy] }),
            ..Bucket::private()
        },
    );
    stack.add_with(
        "ArtifactBucketPolicy",
        Attributes::stateful(Removal::Retain),
        &BucketPolicy { bucket: bucket.name(), policy_document: vec![Statement::tls_only("s3:*", bucket.everything())].into() },
    );
    stack.output(ARTIFACT_BUCKET_OUTPUT, "The bucket for the functions' code", bucket.name());
}

/// The role as which API Gateway writes logs: one setting for all REST APIs of the account and region. Without it, a stage that
/// logs cannot be created.
///
/// See [logging](https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-logging.html), which prescribes this policy.
fn logging_role(stack: &mut Stack, terms: RoleTerms) {
    let policy = text!["arn:", Pseudo::Partition, ":iam::aws:policy/service-role/AmazonAPIGatewayPushToCloudWatchLogs"];
    let role = stack.add_with(
        LOGGING_ROLE,
        Attributes::stateful(Removal::Retain),
        &Role {
            assume_role_policy_document: Trusted::ApiGateway,
            description: "As whom API Gateway writes the logs of every REST API in this account".to_owned(),
            managed_policy_arns: vec![policy],
            policies: Vec::new(),
            terms,
        },
    );
    stack.add_with("ApiGatewayAccount", Attributes::stateful(Removal::Retain), &Account { cloud_watch_role_arn: role.arn() });
    stack.output("ApiGatewayLoggingRoleArn", "As whom API Gateway writes logs", role.arn());
}
