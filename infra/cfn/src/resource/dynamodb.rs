//! DynamoDB tables. See [`AWS::DynamoDB::Table`].
//!
//! [`AWS::DynamoDB::Table`]: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-dynamodb-table.html

use serde::Serialize;

use crate::value::{StreamArn, TableArn, TableName};

super::types! {
    Table = "AWS::DynamoDB::Table" {
        replacing: { AttributeDefinitions: Conditional, ImportSourceSpecification: Always, KeySchema: Conditional, TableName: Always },
        /// The name that CloudFormation chose.
        name: TableName = Ref,
        /// The ARN, without that of indexes or of the stream.
        arn: TableArn = GetAtt("Arn"),
        /// The ARN of the stream of changes.
        stream_arn: StreamArn = GetAtt("StreamArn"),
    }
}

/// A table.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Table {
    /// The attributes that identify an item.
    #[serde(flatten)]
    pub key: Key,
    /// How capacity is paid for.
    #[serde(flatten)]
    pub billing: Billing,
    /// The content of the stream of changes.
    pub stream_specification: Stream,
    /// The expiry of items.
    pub time_to_live_specification: TimeToLive,
    /// Whether requests to delete it are refused, also those of administrators.
    pub deletion_protection_enabled: bool,
    /// Continuous backups, from which any second of the last 35 days can be restored.
    pub point_in_time_recovery_specification: Option<PointInTimeRecovery>,
}

/// The attributes that identify an item.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Key {
    attribute_definitions: [AttributeDefinition; 2],
    key_schema: [KeyElement; 2],
}

impl Key {
    /// A partition key and a sort key, both text.
    #[must_use]
    pub fn strings(partition: &'static str, sort: &'static str) -> Self {
        let text = |attribute_name| AttributeDefinition { attribute_name, attribute_type: "S" };
        Self {
            attribute_definitions: [text(partition), text(sort)],
            key_schema: [
                KeyElement { attribute_name: partition, key_type: "HASH" },
                KeyElement { attribute_name: sort, key_type: "RANGE" },
            ],
        }
    }
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct AttributeDefinition {
    attribute_name: &'static str,
    attribute_type: &'static str,
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct KeyElement {
    attribute_name: &'static str,
    key_type: &'static str,
}

/// How capacity is paid for. A mode with settings of its own would hold them in its variant.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(tag = "BillingMode", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Billing {
    /// By the request.
    PayPerRequest,
}

/// The content of a table's stream of changes.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(tag = "StreamViewType", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Stream {
    /// The item before and after each change.
    NewAndOldImages,
}

/// The expiry of items. DynamoDB deletes expired items [within a few
/// days](https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/TTL.html).
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct TimeToLive {
    /// The attribute that holds the second, since 1970, after which the item has expired.
    pub attribute_name: &'static str,
    /// Whether items expire.
    pub enabled: bool,
}

/// Continuous backups.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PointInTimeRecovery {
    /// Whether they are made.
    pub point_in_time_recovery_enabled: bool,
}
