//! The resource types in use, one module per service, with the properties in use. Struct literals are the way to write them: a
//! property that a resource needs is a field that must be given.

use serde::Serialize;

use crate::diff::Replacement;

pub mod api_gateway;
pub mod cloudfront;
pub mod cloudwatch;
pub mod cognito;
pub mod dynamodb;
pub mod iam;
pub mod lambda;
pub mod logs;
pub mod s3;
pub mod sns;
pub mod sqs;
pub mod ssm;
pub mod wafv2;

/// A type of resource, as its properties. The types of this crate are declared by `types!`, beside their properties; an app may
/// implement the trait for types of its own.
pub trait Resource: Serialize {
    /// CloudFormation's name of the type, for example `AWS::DynamoDB::Table`.
    const TYPE: &'static str;

    /// The properties whose change takes a new resource: `createOnlyProperties` and `conditionalCreateOnlyProperties` of the type's
    /// [schema]. All of them, also those that the type has no field for, since the template before may be somebody else's.
    ///
    /// [schema]: https://docs.aws.amazon.com/cloudformation-cli/latest/userguide/resource-type-schema.html
    const REPLACING: Replacing;
}

/// Names of properties, and whether a change of each takes a new resource. Other properties never do.
pub type Replacing = &'static [(&'static str, Replacement)];

/// The declaration of a type.
#[derive(Clone, Copy, Debug)]
pub struct Type {
    /// CloudFormation's name of the type.
    pub name: &'static str,
    /// [`Resource::REPLACING`].
    pub replacing: Replacing,
    /// The attributes that a handle of the type can name.
    pub gives: &'static [Gives],
}

/// How CloudFormation is asked for a value of a resource.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Gives {
    /// `Ref`, which gives the type's primary identifier.
    Ref,
    /// `Fn::GetAtt` with the name of an attribute.
    GetAtt(&'static str),
}

/// Every type of this crate. A module that is missing here does not pass the lints: nothing else uses its `TYPES`.
pub fn declared() -> impl Iterator<Item = &'static Type> {
    [
        api_gateway::TYPES,
        cloudfront::TYPES,
        cloudwatch::TYPES,
        cognito::TYPES,
        dynamodb::TYPES,
        iam::TYPES,
        lambda::TYPES,
        logs::TYPES,
        s3::TYPES,
        sns::TYPES,
        sqs::TYPES,
        ssm::TYPES,
        wafv2::TYPES,
    ]
    .into_iter()
    .flatten()
}

/// Declares all types of a module, once: the name, the properties that replace a resource, and the methods of a handle.
///
/// ```text
/// types! {
///     Queue = "AWS::SQS::Queue" {
///         replacing: { QueueName: Always, FifoQueue: Always },
///         /// The ARN, for policies.
///         arn: QueueArn = GetAtt("Arn"),
///     }
/// }
/// ```
macro_rules! types {
    ($($resource:ident = $name:literal {
        replacing: { $($property:ident: $replacement:ident),* $(,)? }
        $(, $(#[$doc:meta])* $method:ident: $kind:ty = $gives:ident $(($attribute:literal))?)* $(,)?
    })+) => {
        $(
            impl $crate::resource::Resource for $resource {
                const TYPE: &'static str = $name;
                const REPLACING: $crate::resource::Replacing =
                    &[$((stringify!($property), $crate::diff::Replacement::$replacement)),*];
            }

            impl $crate::value::Handle<$resource> {
                $(
                    $(#[$doc])*
                    #[must_use]
                    pub fn $method(&self) -> $crate::value::Value<$kind> {
                        self.value($crate::resource::Gives::$gives $(($attribute))?)
                    }
                )*
            }
        )+

        pub(super) const TYPES: &[$crate::resource::Type] = &[$(
            $crate::resource::Type {
                name: $name,
                replacing: <$resource as $crate::resource::Resource>::REPLACING,
                gives: &[$($crate::resource::Gives::$gives $(($attribute))?),*],
            }
        ),+];
    };
}
use types;
