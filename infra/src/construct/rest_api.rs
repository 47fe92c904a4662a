//! A REST API in front of functions: paths, verbs, authorization, CORS, and a stage that serves it. Knows nothing of its purpose.
//!
//! The API consists of explicit resources rather than an `OpenAPI` document, because the emulator loses the answers to preflight
//! requests of the latter, and because a difference between two templates reads better.

use cart_contract::{Origin, cors::EXPOSED_HEADERS};
use cfn::{
    Stack,
    resource::{
        Resource,
        api_gateway::{
            AccessLog, Authorization, Authorizer, AuthorizerKind, Deployment, EndpointConfiguration, EndpointType, GatewayResponse,
            Integration, IntegrationResponse, LoggingLevel, Method, MethodResponse, MethodSettings, PathPart, ResponseType,
            RestApi, Stage, TlsPolicy,
        },
        lambda::{Alias, Permission},
        logs::LogGroup,
    },
    template::Attributes,
    value::{Handle, LogicalId, PathId, Pseudo, UserPoolArn, Value, text},
};
use indexmap::IndexMap;
use serde_json::json;

use super::{fingerprint, firewall};
use crate::{endpoints::API_STAGE, settings::Settings};

/// Limits of requests a second and of requests at once: far more than a shop of this size gets, far less than a faulty script could
/// send. An account has 10 000 and 5 000 for all its APIs.
const THROTTLE: Throttle = Throttle { rate: 100, burst: 200 };

/// Seconds after which somebody who sent too many requests may try again. The firewall looks back five minutes, and again every few
/// seconds.
const RETRY_AFTER: &str = "60";

/// Limits of an API or of one of its methods. Requests above are answered by 429.
#[derive(Clone, Copy, Debug)]
pub struct Throttle {
    /// Requests a second over time.
    pub rate: u32,
    /// Requests at once.
    pub burst: u32,
}

/// The origin whose pages may call. CORS headers are on every answer, also on those of API Gateway itself, because browsers hide
/// answers without them.
#[derive(Clone, Copy, Debug)]
pub struct Cors<'a> {
    /// The only origin.
    pub origin: &'a Origin,
    /// Whether requests may carry cookies.
    pub credentials: bool,
}

impl Cors<'_> {
    /// The headers and values of every answer. API Gateway takes literal values in single quotes.
    fn headers(self) -> Vec<(&'static str, String)> {
        let origin = ("Access-Control-Allow-Origin", format!("'{}'", self.origin));
        let credentials = ("Access-Control-Allow-Credentials", "'true'".to_owned());
        [Some(origin), self.credentials.then_some(credentials)].into_iter().flatten().collect()
    }
}

/// The verbs in use.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verb {
    /// Reads.
    Get,
    /// Changes.
    Post,
    /// Replaces.
    Put,
    /// Deletes.
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

/// An API, to which routes can be added.
pub struct Api<'a> {
    stack: &'a mut Stack,
    id: &'static str,
    cors: Cors<'a>,
    handle: Handle<RestApi>,
    /// All paths so far, with their parents.
    paths: IndexMap<String, Value<PathId>>,
    /// The verbs of each path that has any.
    verbs: IndexMap<&'static str, Vec<Verb>>,
    /// The resources that a deployment copies.
    content: Vec<LogicalId>,
    /// The limits of methods that have their own.
    throttles: Vec<(Verb, &'static str, Throttle)>,
}

impl<'a> Api<'a> {
    /// An API without routes. The logical ids of its parts begin with `id`.
    #[track_caller]
    pub fn new(stack: &'a mut Stack, id: &'static str, description: &'static str, cors: Cors<'a>) -> Self {
        let handle = stack.add(
            id,
            &RestApi {
                name: text![Pseudo::StackName],
                description,
                endpoint_configuration: EndpointConfiguration { types: [EndpointType::Regional] },
                tls: TlsPolicy::modern(),
            },
        );
        let paths = [(String::new(), handle.root())].into();
        Self {
            stack,
            id,
            cors,
            content: vec![handle.logical_id().clone()],
            handle,
            paths,
            verbs: IndexMap::new(),
            throttles: Vec::new(),
        }
    }

    /// An authorization for users who are signed in to the pool: routes with it require a token.
    ///
    /// The pool's ARN may be a parameter. If the pool is replaced then, the template of the API stays the same, so that its
    /// deployment keeps the old pool. The stack has to be deleted and deployed again.
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
    /// If the path does not begin with a slash, or already has the verb.
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

    /// Gives a route limits of its own, so that requests to other routes do not use them up.
    ///
    /// # Panics
    /// If there is no such route.
    pub fn throttle(&mut self, verb: Verb, path: &'static str, throttle: Throttle) {
        assert!(self.verbs.get(path).is_some_and(|verbs| verbs.contains(&verb)), "no route {} {path}", verb.as_str());
        self.throttles.push((verb, path, throttle));
    }

    /// Adds the stage that serves the finished API.
    #[must_use]
    #[track_caller]
    pub fn serve(mut self, settings: &Settings) -> Handle<RestApi> {
        for (path, verbs) in std::mem::take(&mut self.verbs) {
            self.preflight(path, &verbs);
        }
        self.gateway_response("Default4xx", ResponseType::Default4xx, None);
        self.gateway_response("Default5xx", ResponseType::Default5xx, None);
        if settings.has_firewall() {
            self.gateway_response("WafFiltered", ResponseType::WafFiltered, Some(("429", RETRY_AFTER)));
        }
        let deployment = self.deployment();
        self.stage(&deployment, settings);
        self.handle
    }

    /// Adds a resource that a deployment copies.
    #[track_caller]
    fn add<R: Resource>(&mut self, id: String, resource: &R) -> Handle<R> {
        let handle = self.stack.add(id, resource);
        self.content.push(handle.logical_id().clone());
        handle
    }

    /// The path, added with its parents where they are missing.
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

    /// Answers preflight requests, by `OPTIONS` without a function.
    #[track_caller]
    fn preflight(&mut self, path: &'static str, verbs: &[Verb]) {
        let verbs = verbs.iter().map(|verb| verb.as_str()).chain(["OPTIONS"]).collect::<Vec<_>>().join(",");
        let mut headers = self.cors.headers();
        headers.extend([
            ("Access-Control-Allow-Methods", format!("'{verbs}'")),
            ("Access-Control-Allow-Headers", "'Authorization,Content-Type'".to_owned()),
            // Ten minutes: browsers ask once a visit rather than before every change of the cart.
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
    fn gateway_response(&mut self, id: &str, response_type: ResponseType, busy: Option<(&'static str, &'static str)>) {
        let mut headers = self.cors.headers();
        let (status_code, retry_after) = busy.unzip();
        headers.extend(retry_after.map(|seconds| ("Retry-After", format!("'{seconds}'"))));
        headers.push(("Access-Control-Expose-Headers", format!("'{EXPOSED_HEADERS}'")));
        self.add(
            format!("{}{id}", self.id),
            &GatewayResponse {
                rest_api_id: self.handle.id(),
                response_type,
                status_code,
                response_parameters: headers
                    .into_iter()
                    .map(|(header, value)| (format!("gatewayresponse.header.{header}"), value))
                    .collect(),
            },
        );
    }

    /// A copy of the API as it is now. A deployment never changes, so its logical id has to change exactly when the API does.
    #[track_caller]
    fn deployment(&mut self) -> Handle<Deployment> {
        let template = self.stack.template();
        let content: IndexMap<_, _> = self.content.iter().map(|id| (id, template.properties(id))).collect();
        let id = format!("{}Deployment{}", self.id, fingerprint(&content));
        let parts = self.content.iter().skip(1).cloned();
        self.stack.add_with(id, Attributes::after(parts), &Deployment { rest_api_id: self.handle.id() })
    }

    #[track_caller]
    fn stage(&mut self, deployment: &Handle<Deployment>, settings: &Settings) {
        let retention_in_days = settings.log_retention;
        let throttles = std::mem::take(&mut self.throttles).into_iter();
        let access_logs = self.stack.add_with(
            format!("{}AccessLogs", self.id),
            settings.records(),
            &LogGroup { log_group_name: None, retention_in_days },
        );
        // Without it, API Gateway creates a group of this name at the first error and keeps it forever.
        let execution_logs = self.stack.add_with(
            format!("{}ExecutionLogs", self.id),
            settings.records(),
            &LogGroup {
                log_group_name: Some(text!["API-Gateway-Execution-Logs_", &self.handle.id(), "/", API_STAGE]),
                retention_in_days,
            },
        );
        let stage = self.stack.add_with(
            format!("{}Stage", self.id),
            Attributes::after([execution_logs.logical_id().clone()]),
            &Stage {
                rest_api_id: self.handle.id(),
                deployment_id: deployment.id(),
                stage_name: API_STAGE,
                tracing_enabled: true,
                access_log_setting: AccessLog { destination_arn: access_logs.arn(), format: access_log_format() },
                method_settings: [method_settings("*", "/*".to_owned(), THROTTLE)]
                    .into_iter()
                    .chain(throttles.map(|(verb, path, throttle)| {
                        method_settings(verb.as_str(), format!("/{}", path.replace('/', "~1")), throttle)
                    }))
                    .collect(),
            },
        );
        if settings.has_firewall() {
            let arn = text![
                "arn:",
                Pseudo::Partition,
                ":apigateway:",
                Pseudo::Region,
                "::/restapis/",
                &self.handle.id(),
                "/stages/",
                API_STAGE
            ];
            firewall::regional(self.stack, self.id, arn, Attributes::after([stage.logical_id().clone()]));
        }
    }
}

fn method_settings(http_method: &'static str, resource_path: String, throttle: Throttle) -> MethodSettings {
    MethodSettings {
        http_method,
        resource_path,
        throttling_burst_limit: throttle.burst,
        throttling_rate_limit: throttle.rate,
        metrics_enabled: true,
        logging_level: LoggingLevel::Error,
        data_trace_enabled: false,
    }
}

/// One JSON object a request, without anything that identifies a cart or its owner.
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

/// A path or a verb as part of a logical id: `CartProductId` for `/cart/{product_id}`.
fn pascal(text: &str) -> String {
    text.split(|c: char| !c.is_ascii_alphanumeric())
        .flat_map(|word| {
            word.chars().take(1).map(|c| c.to_ascii_uppercase()).chain(word.chars().skip(1).map(|c| c.to_ascii_lowercase()))
        })
        .collect()
}

/// A path as part of an ARN: `/cart/*` for `/cart/{product_id}`.
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
