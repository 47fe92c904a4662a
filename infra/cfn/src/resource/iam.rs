//! IAM roles, never with a name of their own, so that `CAPABILITY_IAM` suffices. See [`AWS::IAM::Role`].
//!
//! [`AWS::IAM::Role`]: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-role.html

use serde::Serialize;

use crate::{
    organisation::{BoundaryArn, RolePath},
    policy::{Document, Trusted},
    value::{RoleArn, Value},
};

super::types! {
    Role = "AWS::IAM::Role" {
        replacing: { Path: Always, RoleName: Always },
        /// The ARN that a service is given to act as the role.
        arn: RoleArn = GetAtt("Arn"),
    }
}

/// A set of permissions that a service acts with.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Role {
    /// The service that may assume it.
    pub assume_role_policy_document: Trusted,
    /// Shown in the console.
    pub description: String,
    /// ARNs of policies that AWS maintains.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub managed_policy_arns: Vec<Value<String>>,
    /// Policies of the stack's own.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<InlinePolicy>,
    /// The boundary and the path that every role has. A required field, so that no role can lack them.
    #[serde(flatten)]
    pub terms: RoleTerms,
}

/// What an organisation demands of every role.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RoleTerms {
    /// The policy that bounds the role's permissions.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub permissions_boundary: Option<BoundaryArn>,
    /// A part of the role's ARN. None for a slash.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<RolePath>,
}

/// A policy that belongs to one role.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct InlinePolicy {
    /// A name within the role.
    pub policy_name: &'static str,
    /// The permissions.
    pub policy_document: Document,
}
