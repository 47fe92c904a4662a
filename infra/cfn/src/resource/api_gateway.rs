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
    /// Need not be unique. Also the dimension `ApiName` of the API's metrics.
    pub name: Value<String>,
    /// Shown in the console.
    pub description: &'static str,
    /// Where the API answers.
    pub endpoint_configuration: EndpointConfiguration,
    /// The versions and ciphers of TLS that clients may use.
    #[serde(flatten)]
    pub tls: TlsPolicy,
}

/// The versions and ciphers of TLS that clients may use, with the [mode] that CloudFormation requires beside it.
///
/// [mode]: https://docs.aws.amazon.com/apigateway/latest/developerguide/apigateway-security-policies.html
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct TlsPolicy {
    security_policy: &'static str,
    endpoint_access_mode: &'static str,
}

impl TlsPolicy {
    /// TLS 1.2 and 1.3, with forward secrecy only. CloudFront and Lambda's runtimes speak 1.2 at least.
    #[must_use]
    pub const fn modern() -> Self {
        Self { security_policy: "SecurityPolicy_TLS13_1_2_PFS_PQ_2025_09", endpoint_access_mode: "BASIC" }
    }
}

/// The kind of endpoint.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct EndpointConfiguration {
    /// CloudFormation takes a list, API Gateway exactly one kind.
    pub types: [EndpointType; 1],
}

/// Where an API answers.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum EndpointType {
    /// In the stack's region, without CloudFront in front of it.
    Regional,
}

/// One more segment of a path: what API Gateway calls a resource.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PathPart {
    /// The API that the path belongs to.
    pub rest_api_id: Value<ApiId>,
    /// The path without its last segment.
    pub parent_id: Value<PathId>,
    /// The last segment, `{in_braces}` if it is a parameter.
    #[serde(rename = "PathPart")]
    pub segment: String,
}

/// The answer of one path to one verb.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Method {
    /// The API that the path belongs to.
    pub rest_api_id: Value<ApiId>,
    /// The path.
    pub resource_id: Value<PathId>,
    /// The verb in capitals, `ANY` for all.
    pub http_method: &'static str,
    /// Who may call it.
    #[serde(flatten)]
    pub authorization: Authorization,
    /// Who answers.
    pub integration: Integration,
    /// The answers that API Gateway gives by itself; none where a function answers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub method_responses: Vec<MethodResponse>,
}

/// Who may call a method.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "AuthorizationType", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Authorization {
    /// Anybody.
    None,
    /// Users of a pool who send a token.
    #[serde(rename_all = "PascalCase")]
    CognitoUserPools {
        /// The authorizer that checks the token.
        authorizer_id: Value<AuthorizerId>,
    },
}

/// Who answers a request.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "Type", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum Integration {
    /// A function, which gets the whole request and gives the whole answer.
    #[serde(rename_all = "PascalCase")]
    AwsProxy {
        /// The verb by which Lambda is called: always `POST`, whatever the client's verb.
        integration_http_method: &'static str,
        /// The function, as [API Gateway's ARN](https://docs.aws.amazon.com/apigateway/latest/api/API_PutIntegration.html#uri) of
        /// its invocation.
        uri: Value<String>,
    },
    /// API Gateway itself.
    #[serde(rename_all = "PascalCase")]
    Mock {
        /// A template of `{ "statusCode": … }` by the content type of the request.
        request_templates: IndexMap<&'static str, String>,
        /// The answers to choose from by status code.
        integration_responses: Vec<IntegrationResponse>,
    },
}

/// An answer that API Gateway gives by itself.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct IntegrationResponse {
    /// The status code of the answer.
    pub status_code: &'static str,
    /// Values by `method.response.header.…`; literal values stand in single quotes.
    pub response_parameters: IndexMap<String, String>,
}

/// An answer that a method may give.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct MethodResponse {
    /// The status code of the answer.
    pub status_code: &'static str,
    /// Whether each `method.response.header.…` is always sent.
    pub response_parameters: IndexMap<String, bool>,
}

/// Checks the tokens of requests before a function is called.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Authorizer {
    /// The API whose methods it is for.
    pub rest_api_id: Value<ApiId>,
    /// A name within the API.
    pub name: &'static str,
    /// The kind of token.
    #[serde(flatten)]
    pub kind: AuthorizerKind,
    /// The header that holds the token, as `method.request.header.…`.
    pub identity_source: &'static str,
}

/// The kinds of token that an authorizer checks.
#[derive(Clone, Debug, Serialize)]
#[serde(tag = "Type", rename_all = "SCREAMING_SNAKE_CASE")]
pub enum AuthorizerKind {
    /// A token of Cognito.
    CognitoUserPools {
        /// The pools whose tokens are accepted.
        #[serde(rename = "ProviderARNs")]
        provider_arns: Vec<Value<UserPoolArn>>,
    },
}

/// The answer to requests that reach no function, or whose function fails.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct GatewayResponse {
    /// The API that answers.
    pub rest_api_id: Value<ApiId>,
    /// The occasion.
    pub response_type: ResponseType,
    /// The status code, where it is not the usual one.
    pub status_code: Option<&'static str>,
    /// Values by `gatewayresponse.header.…`; literal values stand in single quotes.
    pub response_parameters: IndexMap<String, String>,
}

/// The occasions on which API Gateway answers by itself.
#[derive(Clone, Copy, Debug, Serialize)]
pub enum ResponseType {
    /// Any error of the client, for example a missing token.
    #[serde(rename = "DEFAULT_4XX")]
    Default4xx,
    /// Any error of the server, for example a function that timed out.
    #[serde(rename = "DEFAULT_5XX")]
    Default5xx,
    /// A request that a web access control list refused.
    #[serde(rename = "WAF_FILTERED")]
    WafFiltered,
}

/// A copy of an API as it was at one moment, for stages to serve. Nothing can be changed in it: each change of the API takes a new
/// deployment.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Deployment {
    /// The API that is copied.
    pub rest_api_id: Value<ApiId>,
}

/// Serves a deployment under a name.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Stage {
    /// The API of the deployment.
    pub rest_api_id: Value<ApiId>,
    /// The copy that is served.
    pub deployment_id: Value<DeploymentId>,
    /// The first segment of the URL's path.
    pub stage_name: &'static str,
    /// Whether X-Ray follows requests.
    pub tracing_enabled: bool,
    /// The log of requests.
    pub access_log_setting: AccessLog,
    /// Limits, metrics and logs: for all methods, and for those that have their own.
    pub method_settings: Vec<MethodSettings>,
}

/// A log with one entry a request.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AccessLog {
    /// The log group, which has to exist before.
    pub destination_arn: Value<LogGroupArn>,
    /// The entry, with [`$context`
    /// variables](https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-variables-for-access-logging.html).
    pub format: String,
}

/// Limits, metrics and logs of methods. Settings of one method are all of its settings: it inherits nothing.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct MethodSettings {
    /// The verb, or `*` for all.
    pub http_method: &'static str,
    /// The path behind a slash, with [`~1` for each of its slashes], or `/*` for all.
    ///
    /// [`~1` for each of its slashes]: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-apigateway-stage-methodsetting.html
    pub resource_path: String,
    /// Requests that may arrive at once.
    pub throttling_burst_limit: u32,
    /// Requests a second over time.
    pub throttling_rate_limit: u32,
    /// Whether CloudWatch counts requests and errors.
    pub metrics_enabled: bool,
    /// The events that API Gateway logs of its own work.
    pub logging_level: LoggingLevel,
    /// Whether requests and answers are logged in full, tokens included.
    pub data_trace_enabled: bool,
}

/// The events that API Gateway logs of its own work.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum LoggingLevel {
    /// Errors only.
    Error,
}

/// The role as which API Gateway writes logs: one setting for all APIs of an account and region.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Account {
    /// A role that API Gateway may assume.
    pub cloud_watch_role_arn: Value<RoleArn>,
}
