//! Lambda functions, their versions, aliases, permissions and triggers. See [`AWS::Lambda::Function`].
//!
//! [`AWS::Lambda::Function`]: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-lambda-function.html

use indexmap::IndexMap;
use serde::Serialize;

use crate::{
    package::{CodeHash, CodeKey},
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

/// A function of which CloudFormation chooses the name.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Function {
    /// Shown in the console, up to 256 characters.
    pub description: String,
    /// The archive with the program.
    pub code: Code,
    /// The program that runs it.
    pub runtime: Runtime,
    /// Passed to the program as `_HANDLER`, by which it knows which of its functions it is.
    pub handler: &'static str,
    /// The processor. CloudFormation takes a list, Lambda exactly one.
    pub architectures: [Architecture; 1],
    /// Memory, with which the share of a processor grows.
    pub memory_size: Mebibytes,
    /// How long one call may take, up to 15 minutes.
    pub timeout: Seconds,
    /// The role that the function acts as.
    pub role: Value<RoleArn>,
    /// The variables that the program reads.
    pub environment: Environment,
    /// The log group and its format.
    pub logging_config: LoggingConfig,
    /// Whether X-Ray follows requests through it.
    pub tracing_config: TracingConfig,
    /// The limit of calls at once. Without it, all of the account's capacity.
    pub reserved_concurrent_executions: Option<When<u32>>,
}

/// An archive in a bucket.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Code {
    /// A bucket in the region of the stack.
    pub s3_bucket: Value<BucketName>,
    /// The object in the bucket.
    pub s3_key: CodeKey,
    /// What the object has to be, for the function's [`Version`]. The function itself takes whatever it finds.
    #[serde(skip)]
    pub hash: CodeHash,
}

/// The program that runs a function.
#[derive(Clone, Copy, Debug, Serialize)]
pub enum Runtime {
    /// A `bootstrap` in the archive, on Amazon Linux 2023.
    #[serde(rename = "provided.al2023")]
    ProvidedAl2023,
}

/// The variables that a function reads.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Environment {
    /// Up to 4 KB, names included.
    pub variables: IndexMap<&'static str, Value<String>>,
}

/// The log group of a function, and its format.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct LoggingConfig {
    /// A group that the stack makes, so that Lambda does not make one that is kept forever.
    pub log_group: Value<LogGroupName>,
    /// The format of the entries that Lambda writes itself. JSON ones have a level.
    pub log_format: LogFormat,
}

/// The format of logs.
#[derive(Clone, Copy, Debug, Serialize)]
pub enum LogFormat {
    /// One JSON object a line.
    #[serde(rename = "JSON")]
    Json,
}

/// Whether X-Ray follows requests.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(tag = "Mode")]
pub enum TracingConfig {
    /// X-Ray follows the requests that it samples, and starts with those that arrive without a decision.
    Active,
}

/// An unchangeable copy of a function: of its code and its configuration.
///
/// Every property replaces the version, so that a change of any publishes a new one.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Version {
    /// The function that is copied.
    pub function_name: Value<FunctionName>,
    /// The code that the function must have: Lambda [publishes no
    /// version](https://docs.aws.amazon.com/lambda/latest/api/API_PublishVersion.html) of any other.
    #[serde(serialize_with = "CodeHash::serialize_base64")]
    pub code_sha256: CodeHash,
    /// Text that differs from version to version, shown in the console.
    pub description: Option<Value<String>>,
}

/// A name that points to a version.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Alias {
    /// The function of the version.
    pub function_name: Value<FunctionName>,
    /// The version that callers of the alias reach.
    pub function_version: Value<VersionNumber>,
    /// A name within the function, for example `live`.
    pub name: &'static str,
}

/// Lets a service call an alias.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Permission {
    /// The alias. A permission for the function does not cover it.
    pub function_name: Value<AliasArn>,
    /// For example `lambda:InvokeFunction`.
    pub action: &'static str,
    /// The service, for example `apigateway.amazonaws.com`.
    pub principal: &'static str,
    /// The ARN, with `*` for any text, of the resource on whose behalf the service calls.
    pub source_arn: Value<String>,
}

/// Has Lambda read a source and call an alias with batches of records.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct EventSourceMapping {
    /// The alias that is called.
    pub function_name: Value<AliasArn>,
    /// The largest number of records in one call.
    pub batch_size: u32,
    /// Parts of the answer that Lambda looks at.
    pub function_response_types: [ResponseType; 1],
    /// The source, with the properties that only its kind has.
    #[serde(flatten)]
    pub source: EventSource,
}

/// Parts of an answer that Lambda looks at.
#[derive(Clone, Copy, Debug, Serialize)]
pub enum ResponseType {
    /// The records that failed: only those come again.
    ReportBatchItemFailures,
}

/// A source of records, with the properties that only its kind has.
#[derive(Clone, Debug, Serialize)]
#[serde(untagged)]
pub enum EventSource {
    /// A queue. How often a message comes again, and in which queue it ends, are properties of the queue.
    #[serde(rename_all = "PascalCase")]
    Queue {
        /// A queue whose visibility time-out is not shorter than the function's time-out.
        event_source_arn: Value<QueueArn>,
        /// How many calls may run at once; none for as many as the account has room for.
        scaling_config: Option<ScalingConfig>,
    },
    /// The stream of a table's changes.
    #[serde(rename_all = "PascalCase")]
    Stream {
        /// The stream.
        event_source_arn: Value<StreamArn>,
        /// The first record that is read.
        starting_position: StartingPosition,
        /// How long Lambda waits for a full batch.
        maximum_batching_window_in_seconds: Seconds,
        /// Whether a failed batch is split in two before it comes again.
        bisect_batch_on_function_error: bool,
        /// How often a failed batch comes again.
        maximum_retry_attempts: u32,
        /// The age from which a record is given up.
        maximum_record_age_in_seconds: Seconds,
        /// The receiver of notes about records that were given up.
        destination_config: DestinationConfig,
        /// The records that are worth a call.
        filter_criteria: FilterCriteria,
    },
}

/// How far a queue's trigger scales. Unlike a limit of the function, it leaves messages in the queue instead of receiving them in vain.
///
/// See [maximum concurrency](https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-scaling.html).
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ScalingConfig {
    /// Calls at once, from 2 to 1000.
    pub maximum_concurrency: u32,
}

/// The first record of a stream that is read.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum StartingPosition {
    /// The oldest record that the stream still has.
    TrimHorizon,
}

/// The receiver of notes about records that were given up.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DestinationConfig {
    /// For batches that failed for the last time or became too old.
    pub on_failure: OnFailure,
}

/// The receiver of notes about records that were given up. A note says where the records are in the stream.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct OnFailure {
    /// A queue that the function's role may send to.
    pub destination: Value<QueueArn>,
}

/// Patterns, any of which a record has to match.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct FilterCriteria {
    /// At most five.
    pub filters: Vec<Filter>,
}

/// A [pattern](https://docs.aws.amazon.com/lambda/latest/dg/invocation-eventfiltering.html) of records.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Filter {
    /// JSON as text.
    pub pattern: String,
}
