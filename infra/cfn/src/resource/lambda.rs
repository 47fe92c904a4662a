//! Lambda functions, their versions, aliases, permissions and triggers. See [`AWS::Lambda::Function`].
//!
//! [`AWS::Lambda::Function`]: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-function.html

use indexmap::IndexMap;
use serde::Serialize;

use crate::{
    package::CodeKey,
    scalar::{Architecture, Mebibytes, Seconds},
    value::{AliasArn, BucketName, FunctionName, LogGroupName, QueueArn, RoleArn, StreamArn, Value, VersionNumber, When},
};

super::types! {
    Function = "AWS::Lambda::Function" {
        replacing: { DurableConfig: Conditional, FunctionName: Always, PackageType: Always, TenancyConfig: Always },
        /// The name that CloudFormation chose.
        name: FunctionName = Ref,
    }
    Version = "AWS::Lambda::Version" {
        replacing: {
            CodeSha256: Always, Description: Always, FunctionName: Always, ProvisionedConcurrencyConfig: Always,
            RuntimePolicy: Always,
        },
        /// The number that Lambda gave it.
        number: VersionNumber = GetAtt("Version"),
    }
    Alias = "AWS::Lambda::Alias" {
        replacing: { FunctionName: Always, Name: Always },
        /// The ARN by which the alias is called.
        arn: AliasArn = Ref,
    }
    Permission = "AWS::Lambda::Permission" {
        replacing: {
            Action: Always, EventSourceToken: Always, FunctionName: Always, FunctionUrlAuthType: Always,
            InvokedViaFunctionUrl: Always, Principal: Always, PrincipalOrgID: Always, SourceAccount: Always, SourceArn: Always,
        }
    }
    EventSourceMapping = "AWS::Lambda::EventSourceMapping" {
        replacing: {
            EventSourceArn: Always, SelfManagedEventSource: Always, StartingPosition: Always, StartingPositionTimestamp: Always,
        }
    }
}

/// A function.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Function {
    /// What it does.
    pub description: &'static str,
    /// Where its code is.
    pub code: Code,
    /// What runs it.
    pub runtime: Runtime,
    /// Which of the functions in the code it is.
    pub handler: &'static str,
    /// What it runs on.
    pub architectures: [Architecture; 1],
    /// Memory, with which the share of a processor grows.
    pub memory_size: Mebibytes,
    /// How long one call may take, up to 15 minutes.
    pub timeout: Seconds,
    /// As whom it acts.
    pub role: Value<RoleArn>,
    /// What it reads at start.
    pub environment: Environment,
    /// Where it logs.
    pub logging_config: LoggingConfig,
    /// Whether X-Ray follows requests through it.
    pub tracing_config: TracingConfig,
    /// How many of it may run at once, if that is limited.
    pub reserved_concurrent_executions: Option<When<u32>>,
}

/// Code in a bucket.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Code {
    /// The bucket.
    pub s3_bucket: Value<BucketName>,
    /// The object's key.
    pub s3_key: CodeKey,
}

/// What runs a function.
#[derive(Clone, Copy, Debug, Serialize)]
pub enum Runtime {
    /// A `bootstrap` of ours on Amazon Linux 2023.
    #[serde(rename = "provided.al2023")]
    ProvidedAl2023,
}

/// What a function reads at start.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Environment {
    /// Names and values.
    pub variables: IndexMap<&'static str, Value<String>>,
}

/// Where a function logs.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct LoggingConfig {
    /// The group.
    pub log_group: Value<LogGroupName>,
    /// The form of what Lambda itself logs, and of the level it passes on.
    pub log_format: LogFormat,
}

/// The form of logs.
#[derive(Clone, Copy, Debug, Serialize)]
pub enum LogFormat {
    /// One JSON object per line.
    #[serde(rename = "JSON")]
    Json,
}

/// Whether X-Ray follows requests.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(tag = "Mode")]
pub enum TracingConfig {
    /// It does.
    Active,
}

/// What a function was at one moment: its code and its configuration, never changed again.
///
/// Both properties force a new version, which is what makes a change of either publish one.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Version {
    /// The function.
    pub function_name: Value<FunctionName>,
    /// What distinguishes it.
    pub description: Option<Value<String>>,
}

/// A name that points at a version.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Alias {
    /// The function.
    pub function_name: Value<FunctionName>,
    /// The version.
    pub function_version: Value<VersionNumber>,
    /// The name.
    pub name: &'static str,
}

/// Leave for API Gateway to call an alias.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Permission {
    /// The alias: leave to call the function would not cover it.
    pub function_name: Value<AliasArn>,
    /// What may be done.
    pub action: &'static str,
    /// Who may.
    pub principal: &'static str,
    /// On whose behalf.
    pub source_arn: Value<String>,
}

/// A trigger: Lambda reads the source, and calls the alias with what it finds.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct EventSourceMapping {
    /// Whom to call.
    pub function_name: Value<AliasArn>,
    /// How many records at most per call.
    pub batch_size: u32,
    /// Whether an answer can say which records failed.
    pub function_response_types: [ResponseType; 1],
    /// Where records come from.
    #[serde(flatten)]
    pub source: EventSource,
}

/// What an answer can say.
#[derive(Clone, Copy, Debug, Serialize)]
pub enum ResponseType {
    /// Which records failed, so that only these come again.
    ReportBatchItemFailures,
}

/// Where records come from, with what only such a source has.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum EventSource {
    /// A queue. How often a message comes again, and where it ends, is the queue's own to say.
    #[serde(rename_all = "PascalCase")]
    Queue {
        /// The queue.
        event_source_arn: Value<QueueArn>,
    },
    /// A table's stream.
    #[serde(rename_all = "PascalCase")]
    Stream {
        /// The stream.
        event_source_arn: Value<StreamArn>,
        /// What is read first.
        starting_position: StartingPosition,
        /// How long to wait for a full batch.
        maximum_batching_window_in_seconds: Seconds,
        /// Whether a failed batch is tried again in halves.
        bisect_batch_on_function_error: bool,
        /// How often a failed batch is tried again.
        maximum_retry_attempts: u32,
        /// How old a record may be.
        maximum_record_age_in_seconds: Seconds,
        /// Where one learns of what was given up.
        destination_config: DestinationConfig,
        /// Which records are worth a call.
        filter_criteria: FilterCriteria,
    },
}

/// What is read of a stream first.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StartingPosition {
    /// The oldest record there is.
    TrimHorizon,
}

/// Where one learns of what was given up.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DestinationConfig {
    /// What failed.
    pub on_failure: OnFailure,
}

/// The destination of what failed.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct OnFailure {
    /// A queue.
    pub destination: Value<QueueArn>,
}

/// Which records are worth a call: those that match any of the filters.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct FilterCriteria {
    /// The filters.
    pub filters: Vec<Filter>,
}

/// A pattern of records, which CloudFormation takes as text.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Filter {
    /// The pattern, in JSON.
    pub pattern: String,
}
