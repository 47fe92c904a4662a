//! A REST API in front of functions: paths, verbs, who may, CORS, and a stage that serves it. Knows nothing of what it is for.
//!
//! It is written as explicit resources rather than as an `OpenAPI` document: the emulator loses the answers of preflight requests
//! from the latter, and a difference between two templates reads better.

use cart_contract::{Origin, cors::EXPOSED_HEADERS};
use cfn::{
    LogRetention, Stack,
    resource::{
        Resource,
        api_gateway::{
            AccessLog, Authorization, Authorizer, AuthorizerKind, Deployment, EndpointConfiguration, EndpointType, GatewayResponse,
            Integration, IntegrationResponse, LoggingLevel, Method, MethodResponse, MethodSettings, PathPart, ResponseType,
            RestApi, Stage,
        },
        lambda::{Alias, Permission},
        logs::LogGroup,
    },
    template::Attributes,
    value::{Handle, LogicalId, PathId, Pseudo, UserPoolArn, Value, text},
};
use indexmap::IndexMap;
use serde_json::json;

use super::fingerprint;
use crate::endpoints::API_STAGE;

/// Requests a second, and at once, that one API accepts: far above what a shop of this size sees, far below what a loop in somebody's
/// script would cost. An account has 10 000 and 5 000 for all its APIs.
const RATE_LIMIT: u32 = 100;
const BURST_LIMIT: u32 = 200;

/// Who may call from a browser. CORS headers are on every answer, those of API Gateway itself included: a browser hides the others.
#[derive(Clone, Copy, Debug)]
pub struct Cors<'a> {
    /// From where.
    pub origin: &'a Origin,
    /// Whether with cookies.
    pub credentials: bool,
}

impl Cors<'_> {
    /// Headers and values of every answer. API Gateway writes literal values in single quotes.
    fn headers(self) -> Vec<(&'static str, String)> {
        let origin = ("Access-Control-Allow-Origin", format!("'{}'", self.origin));
        let credentials = ("Access-Control-Allow-Credentials", "'true'".to_owned());
        [Some(origin), self.credentials.then_some(credentials)].into_iter().flatten().collect()
    }
}

/// The verbs in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Look.
    Get,
    /// Do.
    Post,
    /// Set.
    Put,
    /// Remove.
    Delete,
}

impl Verb {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Get => "GET",
            Self::Post => "POST",
            Self::Put => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

/// An API under construction.
pub struct Api<'a> {
    stack: &'a mut Stack,
    id: &'static str,
    cors: Cors<'a>,
    handle: Handle<RestApi>,
    /// Every path so far.
    paths: IndexMap<String, Value<PathId>>,
    /// The verbs of every path that has some.
    verbs: IndexMap<&'static str, Vec<Verb>>,
    /// Whatever a deployment of it is a copy of.
    content: Vec<LogicalId>,
}

impl<'a> Api<'a> {
    /// An API without routes. The names of its parts begin with `id`.
    #[track_caller]
    pub fn new(stack: &'a mut Stack, id: &'static str, description: &'static str, cors: Cors<'a>) -> Self {
        let handle = stack.add(
            id,
            &RestApi {
                name: text![Pseudo::StackName],
                description,
                endpoint_configuration: EndpointConfiguration { types: [EndpointType::Regional] },
            },
        );
        let paths = [(String::new(), handle.root())].into();
        Self { stack, id, cors, content: vec![handle.logical_id().clone()], handle, paths, verbs: IndexMap::new() }
    }

    /// Lets in who is signed in to the pool. The routes that are given this ask for a token.
    ///
    /// The pool's ARN may be one that CloudFormation looks up. A pool that is replaced is then not seen as a change of the API: delete
    /// and deploy the stack again.
    #[track_caller]
    pub fn signed_in(&mut self, pool: Value<UserPoolArn>) -> Authorization {
        let authorizer = self.add(
            format!("{}Authorizer", self.id),
            &Authorizer {
                rest_api_id: self.handle.id(),
                name: "UserPool",
                kind: AuthorizerKind::CognitoUserPools { provider_arns: vec![pool] },
                identity_source: "method.request.header.Authorization",
            },
        );
        Authorization::CognitoUserPools { authorizer_id: authorizer.id() }
    }

    /// Has a function answer a verb on a path.
    ///
    /// # Panics
    /// If the path does not begin with a slash, or already has that verb.
    #[track_caller]
    pub fn route(&mut self, verb: Verb, path: &'static str, authorization: Authorization, function: &Handle<Alias>) {
        let resource_id = self.path(path);
        let id = format!("{}{}{}", self.id, pascal(verb.as_str()), pascal(path));
        let uri = text![
            "arn:",
            Pseudo::Partition,
            ":apigateway:",
            Pseudo::Region,
            ":lambda:path/2015-03-31/functions/",
            &function.arn(),
            "/invocations"
        ];
        self.add(
            id.clone(),
            &Method {
                rest_api_id: self.handle.id(),
                resource_id,
                http_method: verb.as_str(),
                authorization,
                integration: Integration::AwsProxy { integration_http_method: "POST", uri },
                method_responses: Vec::new(),
            },
        );
        self.verbs.entry(path).or_default().push(verb);
        self.stack.add(
            format!("{id}Permission"),
            &Permission {
                function_name: function.arn(),
                action: "lambda:InvokeFunction",
                principal: "apigateway.amazonaws.com",
                source_arn: text![
                    "arn:",
                    Pseudo::Partition,
                    ":execute-api:",
                    Pseudo::Region,
                    ":",
                    Pseudo::AccountId,
                    ":",
                    &self.handle.id(),
                    "/*/",
                    verb.as_str(),
                    any_parameters(path).as_str()
                ],
            },
        );
    }

    /// Serves it, now that it is complete.
    #[must_use]
    #[track_caller]
    pub fn serve(mut self, log_retention: LogRetention) -> Handle<RestApi> {
        for (path, verbs) in std::mem::take(&mut self.verbs) {
            self.preflight(path, &verbs);
        }
        self.gateway_response("Default4xx", ResponseType::Default4xx);
        self.gateway_response("Default5xx", ResponseType::Default5xx);
        let deployment = self.deployment();
        self.stage(&deployment, log_retention);
        self.handle
    }

    /// Adds a part of what a deployment is a copy of.
    #[track_caller]
    fn add<R: Resource>(&mut self, id: String, resource: &R) -> Handle<R> {
        let handle = self.stack.add(id, resource);
        self.content.push(handle.logical_id().clone());
        handle
    }

    /// The path, with the paths it lies under.
    #[track_caller]
    fn path(&mut self, path: &str) -> Value<PathId> {
        if let Some(id) = self.paths.get(path) {
            return id.clone();
        }
        let (parent, segment) = path.rsplit_once('/').expect("a path begins with a slash");
        let parent_id = self.path(parent);
        let part = PathPart { rest_api_id: self.handle.id(), parent_id, segment: segment.to_owned() };
        let id = self.add(format!("{}Path{}", self.id, pascal(path)), &part).id();
        self.paths.insert(path.to_owned(), id.clone());
        id
    }

    /// Answers browsers that ask whether they may: `OPTIONS`, without a function.
    #[track_caller]
    fn preflight(&mut self, path: &'static str, verbs: &[Verb]) {
        let verbs = verbs.iter().map(|verb| verb.as_str()).chain(["OPTIONS"]).collect::<Vec<_>>().join(",");
        let mut headers = self.cors.headers();
        headers.extend([
            ("Access-Control-Allow-Methods", format!("'{verbs}'")),
            ("Access-Control-Allow-Headers", "'Authorization,Content-Type'".to_owned()),
            // Ten minutes: browsers ask once per visit and not before every change of the cart.
            ("Access-Control-Max-Age", "'600'".to_owned()),
        ]);
        let headers: IndexMap<_, _> =
            headers.into_iter().map(|(header, value)| (format!("method.response.header.{header}"), value)).collect();
        let resource_id = self.path(path);
        self.add(
            format!("{}Options{}", self.id, pascal(path)),
            &Method {
                rest_api_id: self.handle.id(),
                resource_id,
                http_method: "OPTIONS",
                authorization: Authorization::None,
                method_responses: vec![MethodResponse {
                    status_code: "204",
                    response_parameters: headers.keys().map(|header| (header.clone(), true)).collect(),
                }],
                integration: Integration::Mock {
                    request_templates: [("application/json", json!({ "statusCode": 204 }).to_string())].into(),
                    integration_responses: vec![IntegrationResponse { status_code: "204", response_parameters: headers }],
                },
            },
        );
    }

    #[track_caller]
    fn gateway_response(&mut self, id: &str, response_type: ResponseType) {
        let mut headers = self.cors.headers();
        headers.push(("Access-Control-Expose-Headers", format!("'{EXPOSED_HEADERS}'")));
        self.add(
            format!("{}{id}", self.id),
            &GatewayResponse {
                rest_api_id: self.handle.id(),
                response_type,
                response_parameters: headers
                    .into_iter()
                    .map(|(header, value)| (format!("gatewayresponse.header.{header}"), value))
                    .collect(),
            },
        );
    }

    /// A copy of the API as it is now. It never changes, so its name must change exactly when the API does.
    #[track_caller]
    fn deployment(&mut self) -> Handle<Deployment> {
        let template = self.stack.template();
        let content: IndexMap<_, _> = self.content.iter().map(|id| (id, template.properties(id))).collect();
        let id = format!("{}Deployment{}", self.id, fingerprint(&content));
        let parts = self.content.iter().skip(1).cloned();
        self.stack.add_with(id, Attributes::after(parts), &Deployment { rest_api_id: self.handle.id() })
    }

    #[track_caller]
    fn stage(&mut self, deployment: &Handle<Deployment>, retention_in_days: LogRetention) {
        let access_logs = self.stack.add(format!("{}AccessLogs", self.id), &LogGroup { log_group_name: None, retention_in_days });
        // API Gateway would make this group itself at the first error, and keep it forever. The name is its own.
        let execution_logs = self.stack.add(
            format!("{}ExecutionLogs", self.id),
            &LogGroup {
                log_group_name: Some(text!["API-Gateway-Execution-Logs_", &self.handle.id(), "/", API_STAGE]),
                retention_in_days,
            },
        );
        self.stack.add_with(
            format!("{}Stage", self.id),
            Attributes::after([execution_logs.logical_id().clone()]),
            &Stage {
                rest_api_id: self.handle.id(),
                deployment_id: deployment.id(),
                stage_name: API_STAGE,
                tracing_enabled: true,
                access_log_setting: AccessLog { destination_arn: access_logs.arn(), format: access_log_format() },
                method_settings: [MethodSettings {
                    http_method: "*",
                    resource_path: "/*",
                    throttling_burst_limit: BURST_LIMIT,
                    throttling_rate_limit: RATE_LIMIT,
                    metrics_enabled: true,
                    logging_level: LoggingLevel::Error,
                    data_trace_enabled: false,
                }],
            },
        );
    }
}

/// One JSON object per request, without what identifies a cart or its owner.
///
/// See the [variables](https://docs.aws.amazon.com/apigateway/latest/developerguide/api-gateway-variables-for-access-logging.html).
fn access_log_format() -> String {
    json!({
        "requestId": "$context.requestId",
        "traceId": "$context.xrayTraceId",
        "time": "$context.requestTime",
        "method": "$context.httpMethod",
        "path": "$context.resourcePath",
        "status": "$context.status",
        "error": "$context.error.responseType",
        "latency": "$context.responseLatency",
        "integrationLatency": "$context.integrationLatency",
        "integrationStatus": "$context.integrationStatus",
        "responseLength": "$context.responseLength",
    })
    .to_string()
}

/// `/cart/{product_id}` as it may stand in a logical id: `CartProductId`.
fn pascal(text: &str) -> String {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .flat_map(|word| {
            word.chars().take(1).map(|c| c.to_ascii_uppercase()).chain(word.chars().skip(1).map(|c| c.to_ascii_lowercase()))
        })
        .collect()
}

/// `/cart/{product_id}` as it may stand in an ARN: `/cart/*`.
fn any_parameters(path: &str) -> String {
    path.split('/').map(|segment| if segment.starts_with('{') { "*" } else { segment }).collect::<Vec<_>>().join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_become_names_and_patterns() {
        assert_eq!(pascal("/cart/{product_id}/total"), "CartProductIdTotal");
        assert_eq!(pascal("OPTIONS"), "Options");
        assert_eq!(any_parameters("/cart/{product_id}/total"), "/cart/*/total");
    }
}
