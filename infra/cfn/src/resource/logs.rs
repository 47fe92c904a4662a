//! CloudWatch log groups. See [`AWS::Logs::LogGroup`].
//!
//! [`AWS::Logs::LogGroup`]: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-logs-loggroup.html

use serde::Serialize;

use crate::{
    scalar::LogRetention,
    value::{LogGroupArn, LogGroupName, Value},
};

super::types! {
    LogGroup = "AWS::Logs::LogGroup" {
        replacing: { LogGroupName: Always },
        /// The name, given or chosen by CloudFormation.
        name: LogGroupName = Ref,
        /// The ARN of all its streams: it ends in `:*`.
        arn: LogGroupArn = GetAtt("Arn"),
    }
}

/// A log group.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct LogGroup {
    /// The name, where a service prescribes one. Otherwise CloudFormation chooses it.
    pub log_group_name: Option<Value<LogGroupName>>,
    /// How long entries are kept.
    pub retention_in_days: LogRetention,
}
