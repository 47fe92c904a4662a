//! AWS as this program uses it: one connection, one kind of error. The SDK's types stay in this layer.

use std::{
    sync::{Arc, OnceLock},
    time::Duration,
};

use aws_config::{
    BehaviorVersion, Region, SdkConfig, identity::IdentityCache, provider_config::ProviderConfig, retry::RetryConfig,
    timeout::TimeoutConfig,
};
use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, SharedCredentialsProvider, error::CredentialsError},
};
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::error::metadata::ProvideErrorMetadata;

use crate::domain::connection::{AskForCode, Connection, Endpoint};

pub(crate) mod carts;
pub(crate) mod cloudformation;
mod credentials;
pub(crate) mod gateway_account;
pub(crate) mod invalidation;
pub(crate) mod logs;
pub(crate) mod object_store;
pub(crate) mod parameter_store;
mod signed;
mod template;
pub(crate) mod time_to_live;

/// A connection to one account in one region.
#[derive(Clone, Debug)]
pub(crate) struct Aws {
    sdk: aws_config::SdkConfig,
    cloudformation: aws_sdk_cloudformation::Client,
    /// Without retries, for calls that are repeated anyway.
    watching: aws_sdk_cloudformation::Client,
    s3: aws_sdk_s3::Client,
    ssm: aws_sdk_ssm::Client,
    /// For requests that this program signs itself. Created by the first of them, because it reads root certificates.
    http: Arc<OnceLock<reqwest::Client>>,
    pub region: String,
}

impl Aws {
    /// Resolves region and credentials, so that errors in them are reported before anything starts. Makes no call to AWS
    /// itself, unless credentials require one.
    pub(crate) async fn connect(connection: &Connection, ask: AskForCode) -> Result<Self, Error> {
        let (sdk, region) = match (&connection.endpoint, &connection.region) {
            (Endpoint::Local(url), Some(region)) => {
                let loader = loader().region(Region::new(region.to_string())).endpoint_url(url.as_str());
                let keys = connection.local_keys.as_ref().ok_or_else(|| {
                    Error::new(
                        "finding credentials",
                        ErrorKind::NoLocalKeys,
                        "an earlier version of cartctl started the local cloud",
                    )
                })?;
                let (key, secret) = (&keys.access_key_id, &keys.secret_access_key);
                let credentials = Credentials::new(key, secret, None, None, "local cloud");
                (loader.credentials_provider(credentials).load().await, region.to_string())
            }
            _ => Box::pin(found(connection, ask)).await?,
        };
        let mut s3 = aws_sdk_s3::config::Builder::from(&sdk);
        // A bucket's own host name resolves only on AWS.
        s3.set_force_path_style(Some(connection.endpoint.url().is_some()));
        // Large uploads, possibly over a slow network.
        s3.set_timeout_config(Some(timeouts(Duration::from_mins(5))));
        let mut cloudformation = aws_sdk_cloudformation::config::Builder::from(&sdk);
        // CloudFormation throttles an account as a whole, and a start must not fail because of other callers.
        cloudformation.set_retry_config(Some(
            RetryConfig::standard()
                .with_max_attempts(7)
                .with_initial_backoff(Duration::from_millis(250))
                .with_max_backoff(Duration::from_secs(10)),
        ));
        let cloudformation = cloudformation.build();
        Ok(Self {
            watching: aws_sdk_cloudformation::Client::from_conf(
                cloudformation.to_builder().retry_config(RetryConfig::disabled()).build(),
            ),
            cloudformation: aws_sdk_cloudformation::Client::from_conf(cloudformation),
            s3: aws_sdk_s3::Client::from_conf(s3.build()),
            ssm: aws_sdk_ssm::Client::new(&sdk),
            http: Arc::default(),
            region,
            sdk,
        })
    }

    /// The account of the credentials.
    pub(crate) async fn account(&self) -> Result<String, Error> {
        let identity = aws_sdk_sts::Client::new(&self.sdk).get_caller_identity().send().await;
        let identity = identity.map_err(|error| Error::sdk("identifying the account", error))?;
        identity.account.ok_or_else(|| Error::new("identifying the account", ErrorKind::Other, "the answer names no account"))
    }
}

fn loader() -> aws_config::ConfigLoader {
    aws_config::defaults(BehaviorVersion::latest())
        .retry_config(RetryConfig::standard().with_max_attempts(4).with_initial_backoff(Duration::from_millis(250)))
        .timeout_config(timeouts(Duration::from_secs(20)))
        // A program that provides credentials may ask somebody first.
        .identity_cache(IdentityCache::lazy().load_timeout(Duration::from_mins(1)).build())
}

/// The configuration and the region that flags, environment and profiles lead to, with credentials that exist.
async fn found(connection: &Connection, ask: AskForCode) -> Result<(SdkConfig, String), Error> {
    let profiles = credentials::Profiles::read(&connection.environment).await?;
    let name = connection.profile.as_ref().map_or("default", |profile| profile.name.as_str());
    let mut loader = loader().profile_name(name).profile_files(profiles.files.clone()).no_credentials();
    let provider_config = ProviderConfig::without_region();
    let region = match &connection.region {
        Some(region) => Some(region.to_string()),
        None => credentials::region(connection, &profiles, &provider_config).await?,
    };
    let region = region.ok_or_else(|| Error::new("finding the region", ErrorKind::NoRegion, "none is configured"))?;
    loader = loader.region(Region::new(region.clone()));
    if let Some(url) = connection.endpoint.url() {
        loader = loader.endpoint_url(url);
    }
    let sdk = loader.load().await;
    let provider_config = provider_config.with_region(sdk.region().cloned());
    let provider_config = provider_config.with_use_fips(sdk.use_fips()).with_use_dual_stack(sdk.use_dual_stack());
    let source = credentials::Source::choose(connection, &profiles, &provider_config, sdk.clone(), ask)?;
    let provider = SharedCredentialsProvider::new(source);
    provider.provide_credentials().await.map_err(|error| credentials_error(&error))?;
    Ok((sdk.into_builder().credentials_provider(provider).build(), region))
}

/// A decoded message: the principal, the action and the resource.
#[derive(serde::Deserialize)]
struct Refusal {
    context: RefusalContext,
}

#[derive(serde::Deserialize)]
struct RefusalContext {
    principal: RefusedPrincipal,
    action: String,
    resource: String,
}

#[derive(serde::Deserialize)]
struct RefusedPrincipal {
    arn: String,
}

impl Aws {
    /// Decodes an authorization failure; needs the permission to decode.
    /// <https://docs.aws.amazon.com/STS/latest/APIReference/API_DecodeAuthorizationMessage.html>
    pub(crate) async fn decode_authorization(&self, encoded: &str) -> Result<String, Error> {
        let operation = "decoding why it is not permitted";
        let call = aws_sdk_sts::Client::new(&self.sdk).decode_authorization_message().encoded_message(encoded).send().await;
        let decoded = call.map_err(|error| Error::sdk(operation, error))?.decoded_message.unwrap_or_default();
        let refusal: Refusal =
            serde_json::from_str(&decoded).map_err(|error| Error::new(operation, ErrorKind::Other, error.to_string()))?;
        let RefusalContext { principal, action, resource } = refusal.context;
        Ok(format!("{} is not authorized to perform: {action} on resource: {resource}", principal.arn))
    }
}

/// The limits for connecting and for an answer.
fn timeouts(answer: Duration) -> TimeoutConfig {
    TimeoutConfig::builder().connect_timeout(Duration::from_secs(5)).operation_attempt_timeout(answer).build()
}

/// The kind of failure, as far as the user's next step depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorKind {
    /// No credentials, or AWS does not accept them (any more).
    Credentials,
    /// The local cloud that runs has no credentials of its own.
    NoLocalKeys,
    /// No region is configured.
    NoRegion,
    /// The credentials lack a permission.
    Denied,
    NotFound,
    /// The bucket belongs to another account.
    WrongOwner,
    /// The configured bucket does not exist.
    NoBucket,
    /// Another process works on the stack, or has changed it since it was observed.
    Busy,
    /// The stage belongs to another account or region.
    WrongAccount,
    Throttled,
    Unreachable,
    /// The answer is not from AWS.
    NotAws,
    Other,
}

/// A call that failed.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{operation} failed: {message}")]
pub struct Error {
    operation: String,
    kind: ErrorKind,
    code: Option<Box<str>>,
    message: String,
    /// Instead of the hint of its kind.
    hint: Option<Box<str>>,
}

impl Error {
    pub(crate) fn new(operation: impl Into<String>, kind: ErrorKind, message: impl Into<String>) -> Self {
        Self { operation: operation.into(), kind, code: None, message: message.into(), hint: None }
    }

    pub(crate) fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The same error, classified as this kind.
    fn of_kind(self, kind: ErrorKind) -> Self {
        Self { kind, ..self }
    }

    fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(hint.into().into()), ..self }
    }

    pub(crate) fn hint(&self) -> Option<String> {
        if let Some(hint) = &self.hint {
            return Some(hint.to_string());
        }
        match self.kind {
            ErrorKind::Credentials => Some(
                "sign in (`aws sso login`, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY), choose a profile with `--profile`, \
                 or try everything without an account: `cartctl local`"
                    .to_owned(),
            ),
            ErrorKind::NoLocalKeys => Some(
                "stop it with `cartctl local --stop`, then start it again with `cartctl local`: accounts and carts are kept"
                    .to_owned(),
            ),
            ErrorKind::NoRegion => {
                Some("name one with `--region eu-west-1`, in AWS_REGION, or as `region` in cartctl.toml".to_owned())
            }
            ErrorKind::Denied => Some("ask for this permission, or use credentials that have it (`--profile`)".to_owned()),
            ErrorKind::WrongOwner => Some("use a bucket of this account, or omit `--bucket`: cartctl then creates one".to_owned()),
            ErrorKind::Unreachable => Some("check the network, the region's name and `--endpoint-url`".to_owned()),
            ErrorKind::NotAws => Some(
                "check `--endpoint-url` and AWS_ENDPOINT_URL, and whether a proxy or a login page is between here and AWS"
                    .to_owned(),
            ),
            ErrorKind::NoBucket => Some("create the bucket first, or omit `--bucket`: cartctl then creates one".to_owned()),
            ErrorKind::Busy => {
                Some("wait for the other deployment with `cartctl attach`, then run the same command again".to_owned())
            }
            ErrorKind::WrongAccount => {
                Some("choose the stage's own account (`--profile`), or correct the stage's section in cartctl.toml".to_owned())
            }
            ErrorKind::Throttled => Some("wait a moment, then run the same command again".to_owned()),
            ErrorKind::NotFound | ErrorKind::Other => None,
        }
    }

    /// Converts an error of the SDK.
    fn sdk<E>(operation: impl Into<String>, error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + std::error::Error + Send + Sync + 'static,
    {
        let operation = operation.into();
        if let Some(message) = error.raw_response().and_then(not_aws) {
            return Self::new(operation, ErrorKind::NotAws, message);
        }
        if let Some(service) = error.as_service_error() {
            let code = service.code().map(str::to_owned);
            let message = service.message().map(str::to_owned);
            let kind = code.as_deref().map_or(ErrorKind::Other, kind_of_code);
            let kind = if message.as_deref().is_some_and(is_busy) { ErrorKind::Busy } else { kind };
            let message = match (message, &code) {
                (Some(message), Some(code)) => format!("{message} ({code})"),
                (Some(message), None) => message,
                (None, Some(code)) => code.clone(),
                (None, None) => {
                    let status = error.raw_response().map_or(0, |answer| answer.status().as_u16());
                    format!("AWS answered {status} without a reason")
                }
            };
            return Self { code: code.map(Into::into), ..Self::new(operation, kind, message) };
        }
        let unreachable = matches!(error, SdkError::DispatchFailure(_) | SdkError::TimeoutError(_));
        let source = error.into_source().unwrap_or_else(|error| Box::new(error));
        if let Some(credentials) = causes(&*source).find_map(|cause| cause.downcast_ref::<CredentialsError>()) {
            return credentials_error(credentials);
        }
        let message = innermost(&*source);
        if unreachable {
            // Of several calls at once any may fail first, and none is to blame.
            return Self::new("reaching AWS", ErrorKind::Unreachable, message);
        }
        Self::new(operation, ErrorKind::Other, message)
    }

    fn has_code(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }
}

/// The error codes shared by all services.
/// <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/CommonErrors.html>
fn kind_of_code(code: &str) -> ErrorKind {
    match code {
        "ExpiredToken"
        | "ExpiredTokenException"
        | "InvalidClientTokenId"
        | "UnrecognizedClientException"
        | "SignatureDoesNotMatch"
        | "InvalidAccessKeyId"
        | "MissingAuthenticationToken"
        | "IncompleteSignature"
        | "RequestExpired" => ErrorKind::Credentials,
        "AccessDenied" | "AccessDeniedException" | "UnauthorizedOperation" => ErrorKind::Denied,
        "NotFound" | "NoSuchBucket" | "NoSuchKey" | "ParameterNotFound" | "ResourceNotFoundException" => ErrorKind::NotFound,
        "OperationInProgressException" | "InvalidChangeSetStatus" | "ChangeSetNotFound" => ErrorKind::Busy,
        _ => ErrorKind::Other,
    }
}

/// Whether CloudFormation refuses an operation because of another one, running or since completed. CloudFormation has no error code
/// for that.
fn is_busy(message: &str) -> bool {
    let texts = ["_IN_PROGRESS state and can not be", "cannot be created again", "cannot be deleted while in status"];
    texts.iter().any(|text| message.contains(text))
}

/// Describes an answer in HTML, which no AWS service that is called here sends.
fn not_aws(answer: &HttpResponse) -> Option<String> {
    let kind = answer.headers().get("content-type").filter(|kind| kind.starts_with("text/html"))?;
    Some(format!("the answer is {} {kind}, which is not from AWS", answer.status().as_u16()))
}

fn credentials_error(error: &CredentialsError) -> Error {
    if let Some(known) = causes(error).find_map(|cause| cause.downcast_ref::<Error>()) {
        return known.clone();
    }
    Error::new("finding credentials", ErrorKind::Credentials, innermost(error))
}

fn causes<'a>(error: &'a (dyn std::error::Error + 'static)) -> impl Iterator<Item = &'a (dyn std::error::Error + 'static)> {
    std::iter::successors(Some(error), |error| error.source())
}

/// The innermost cause: the SDK's outer errors say only that something failed.
fn innermost(error: &(dyn std::error::Error + 'static)) -> String {
    causes(error).last().map_or_else(String::new, ToString::to_string)
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudformation::operation::describe_stacks::DescribeStacksError;
    use aws_smithy_types::body::SdkBody;

    use super::*;

    #[test]
    fn a_login_page_is_not_taken_for_an_answer_of_aws() {
        let error = |content_type: &'static str| {
            let mut answer = HttpResponse::new(200.try_into().unwrap(), SdkBody::from("<html>"));
            answer.headers_mut().insert("content-type", content_type);
            Error::sdk("describing the stack cart", SdkError::<DescribeStacksError, _>::response_error("no XML", answer))
        };
        let page = error("text/html; charset=utf-8");
        let message = "describing the stack cart failed: the answer is 200 text/html; charset=utf-8, which is not from AWS";
        assert_eq!((page.kind(), page.to_string().as_str()), (ErrorKind::NotAws, message));
        assert!(page.hint().unwrap().contains("--endpoint-url"));
        assert_eq!(error("text/xml").to_string(), "describing the stack cart failed: no XML");
    }
}
