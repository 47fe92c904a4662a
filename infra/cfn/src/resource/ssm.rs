//! Systems Manager's Parameter Store. See [`AWS::SSM::Parameter`].
//!
//! [`AWS::SSM::Parameter`]: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-ssm-parameter.html

use serde::Serialize;

use crate::value::Value;

super::types! {
    StringParameter = "AWS::SSM::Parameter" { replacing: { Name: Always } }
}

/// A text in Parameter Store that anybody with access to the parameter can read.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "Type", rename = "String", rename_all = "PascalCase")]
pub struct StringParameter {
    /// A path with a slash in front, taken once in an account and region.
    pub name: String,
    /// Up to 4 KB.
    pub value: Value<String>,
    /// Shown in the console.
    pub description: String,
}
