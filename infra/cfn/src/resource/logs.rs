//! CloudWatch log groups. See [`AWS::Logs::LogGroup`].
//!
//! [`AWS::Logs::LogGroup`]: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-logs-loggroup.html

use serde::Serialize;

use crate::{
    scalar::LogRetention,
    value::{Handle, LogGroupArn, LogGroupName, Value},
};

super::types! { LogGroup = "AWS::Logs::LogGroup" }

/// A log group.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct LogGroup {
    /// Its name, where AWS prescribes one.
    pub log_group_name: Option<Value<LogGroupName>>,
    /// How long logs are kept.
    pub retention_in_days: LogRetention,
}

impl Handle<LogGroup> {
    /// Its name.
    #[must_use]
    pub fn name(&self) -> Value<LogGroupName> {
        self.reference()
    }

    /// The ARN of all its streams.
    #[must_use]
    pub fn arn(&self) -> Value<LogGroupArn> {
        self.attribute("Arn")
    }
}
