//! Systems Manager's Parameter Store. See [`AWS::SSM::Parameter`].
//!
//! [`AWS::SSM::Parameter`]: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ssm-parameter.html

use serde::Serialize;

use crate::value::Value;

super::types! {
    StringParameter = "AWS::SSM::Parameter" { replacing: { Name: Always } }
}

/// A text under a name.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "Type", rename = "String", rename_all = "PascalCase")]
pub struct StringParameter {
    /// The name, which is a path.
    pub name: String,
    /// The text.
    pub value: Value<String>,
    /// What it is.
    pub description: String,
}
