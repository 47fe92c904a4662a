//! IAM roles, never with a name of their own, so that `CAPABILITY_IAM` suffices. See [`AWS::IAM::Role`].
//!
//! [`AWS::IAM::Role`]: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-iam-role.html

use serde::Serialize;

use crate::{
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

/// A role.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Role {
    /// Who may take it.
    pub assume_role_policy_document: Trusted,
    /// What it is for.
    pub description: String,
    /// AWS's own policies.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub managed_policy_arns: Vec<Value<String>>,
    /// Policies of ours.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub policies: Vec<InlinePolicy>,
}

/// A policy that belongs to one role.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct InlinePolicy {
    /// Its name within the role.
    pub policy_name: &'static str,
    /// What it grants.
    pub policy_document: Document,
}
