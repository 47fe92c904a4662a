//! API Gateway's REST APIs, piece by piece. See [`AWS::ApiGateway::RestApi`].
//!
//! [`AWS::ApiGateway::RestApi`]: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-apigateway-restapi.html

use indexmap::IndexMap;
use serde::Serialize;

use crate::value::{ApiId, AuthorizerId, DeploymentId, LogGroupArn, PathId, RoleArn, UserPoolArn, Value};

super::types! {
    Account = "AWS::ApiGateway::Account" { replacing: {} }
    Authorizer = "AWS::ApiGateway::Authorizer" {
        replacing: { RestApiId: Always },
        /// The identifier that methods name.
        id: AuthorizerId = Ref,
    }
    Deployment = "AWS::ApiGateway::Deployment" {
        replacing: { DeploymentCanarySettings: Always, RestApiId: Always },
        /// The identifier that a stage names.
        id: DeploymentId = Ref,
    }
    GatewayResponse = "AWS::ApiGateway::GatewayResponse" { replacing: { ResponseType: Always, RestApiId: Always } }
    Method = "AWS::ApiGateway::Method" { replacing: { HttpMethod: Always, ResourceId: Always, RestApiId: Always } }
    PathPart = "AWS::ApiGateway::Resource" {
        replacing: { ParentId: Always, PathPart: Always, RestApiId: Always },
        /// The path that ends with this segment.
        id: PathId = Ref,
    }
    RestApi = "AWS::ApiGateway::RestApi" {
        replacing: {},
        /// The identifier, which is also the first label of the API's host name.
        id: ApiId = Ref,
        /// The path `/`.
        root: PathId = GetAtt("RootResourceId"),
    }
    Stage = "AWS::ApiGateway::Stage" { replacing: { RestApiId: Always, StageName: Always } }
}

/// A REST API.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct RestApi {
    /// Its name, which need not be unique.
    pub name: Value<String>,
    /// What it is for.
    pub description: &'static str,
    /// Where it answers.
    pub endpoint_configuration: EndpointConfiguration,
}

/// Where an API answers.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct EndpointConfiguration {
    /// The kinds of endpoint, of which there can be one.
    pub types: [EndpointType; 1],
}

/// Where an API answers.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EndpointType {
    /// In its region.
    Regional,
}

/// One more segment of a path: what API Gateway calls a resource.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PathPart {
    /// The API.
    pub rest_api_id: Value<ApiId>,
    /// The path so far.
    pub parent_id: Value<PathId>,
    /// The segment, `{in_braces}` if it is a parameter.
    #[serde(rename = "PathPart")]
    pub segment: String,
}

/// What is answered to a verb on a path.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Method {
    /// The API.
    pub rest_api_id: Value<ApiId>,
    /// The path.
    pub resource_id: Value<PathId>,
    /// The verb.
    pub http_method: &'static str,
    /// Who may.
    #[serde(flatten)]
    pub authorization: Authorization,
    /// Who answers.
    pub integration: Integration,
    /// The answers there are, where API Gateway gives them itself.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub method_responses: Vec<MethodResponse>,
}

/// Who may use a method.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "AuthorizationType", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Authorization {
    /// Anybody.
    None,
    /// Who is signed in to a user pool.
    #[serde(rename_all = "PascalCase")]
    CognitoUserPools {
        /// Who looks at the token.
        authorizer_id: Value<AuthorizerId>,
    },
}

/// Who answers.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "Type", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Integration {
    /// A function, which sees the whole request and writes the whole answer.
    #[serde(rename_all = "PascalCase")]
    AwsProxy {
        /// The verb Lambda is called with: always `POST`.
        integration_http_method: &'static str,
        /// The function.
        uri: Value<String>,
    },
    /// API Gateway itself.
    #[serde(rename_all = "PascalCase")]
    Mock {
        /// Which answer, by the content type of the request.
        request_templates: IndexMap<&'static str, String>,
        /// The answers.
        integration_responses: Vec<IntegrationResponse>,
    },
}

/// An answer API Gateway gives itself.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct IntegrationResponse {
    /// The status.
    pub status_code: &'static str,
    /// Headers and their values.
    pub response_parameters: IndexMap<String, String>,
}

/// An answer a method is known to give.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct MethodResponse {
    /// The status.
    pub status_code: &'static str,
    /// Headers, and whether they are always there.
    pub response_parameters: IndexMap<String, bool>,
}

/// Who looks at tokens.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Authorizer {
    /// The API.
    pub rest_api_id: Value<ApiId>,
    /// Its name.
    pub name: &'static str,
    /// What kind of token.
    #[serde(flatten)]
    pub kind: AuthorizerKind,
    /// Where the token is.
    pub identity_source: &'static str,
}

/// What kind of token an authorizer looks at.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "Type", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AuthorizerKind {
    /// One that a user pool signed.
    CognitoUserPools {
        /// The pools.
        #[serde(rename = "ProviderARNs")]
        provider_arns: Vec<Value<UserPoolArn>>,
    },
}

/// What API Gateway answers when a request does not reach a function, or the function does not answer.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GatewayResponse {
    /// The API.
    pub rest_api_id: Value<ApiId>,
    /// When.
    pub response_type: ResponseType,
    /// Headers and their values.
    pub response_parameters: IndexMap<String, String>,
}

/// When API Gateway answers by itself.
#[derive(Clone, Copy, Debug, Serialize)]
pub enum ResponseType {
    /// The request was at fault.
    #[serde(rename = "DEFAULT_4XX")]
    Default4xx,
    /// The server was at fault.
    #[serde(rename = "DEFAULT_5XX")]
    Default5xx,
}

/// What the API was at one moment, which stages serve. It never changes: a change of the API takes a new one.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Deployment {
    /// The API.
    pub rest_api_id: Value<ApiId>,
}

/// What serves an API under a name.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Stage {
    /// The API.
    pub rest_api_id: Value<ApiId>,
    /// What the API is.
    pub deployment_id: Value<DeploymentId>,
    /// The name.
    pub stage_name: &'static str,
    /// Whether X-Ray follows requests.
    pub tracing_enabled: bool,
    /// One line per request.
    pub access_log_setting: AccessLog,
    /// Limits, metrics and logs.
    pub method_settings: [MethodSettings; 1],
}

/// One line per request.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AccessLog {
    /// The log group.
    pub destination_arn: Value<LogGroupArn>,
    /// What is written.
    pub format: String,
}

/// Limits, metrics and logs of methods.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct MethodSettings {
    /// The verb, or `*`.
    pub http_method: &'static str,
    /// The path, or `/*`.
    pub resource_path: &'static str,
    /// How many requests at once.
    pub throttling_burst_limit: u32,
    /// How many requests a second.
    pub throttling_rate_limit: u32,
    /// Whether CloudWatch counts.
    pub metrics_enabled: bool,
    /// What API Gateway logs of its own work.
    pub logging_level: LoggingLevel,
    /// Whether whole requests and answers are logged, tokens and all.
    pub data_trace_enabled: bool,
}

/// What API Gateway logs of its own work.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LoggingLevel {
    /// What went wrong.
    Error,
}

/// As whom API Gateway writes logs: one setting for all APIs of an account and region.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Account {
    /// The role.
    pub cloud_watch_role_arn: Value<RoleArn>,
}
