//! The resource types in use, one module per service, with the properties in use. Struct literals are the way to write them:
//! what a resource needs is a field that must be given.

use serde::Serialize;

pub mod api_gateway;
pub mod cloudfront;
pub mod cloudwatch;
pub mod cognito;
pub mod dynamodb;
pub mod iam;
pub mod lambda;
pub mod logs;
pub mod s3;
pub mod sqs;
pub mod ssm;

/// A type of resource, as its properties.
pub trait Resource: Serialize {
    /// CloudFormation's name of the type, for example `AWS::DynamoDB::Table`.
    const TYPE: &'static str;
}

/// States the types' names: `types! { Table = "AWS::DynamoDB::Table" }`.
macro_rules! types {
    ($($resource:ty = $name:literal),+ $(,)?) => {
        $(impl $crate::resource::Resource for $resource { const TYPE: &'static str = $name; })+
    };
}
use types;
