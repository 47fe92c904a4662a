//! AWS as this program uses it: one connection, one kind of error. The SDK's types stay in this layer.

use std::time::Duration;

use aws_config::{
    BehaviorVersion, Region, SdkConfig, identity::IdentityCache, provider_config::ProviderConfig, retry::RetryConfig,
    timeout::TimeoutConfig,
};
use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, SharedCredentialsProvider},
};

pub use self::error::Error;
pub(crate) use self::error::ErrorKind;
use self::{
    error::{causes, credentials_error, innermost},
    network::{Network, Place},
};
use crate::domain::{
    connection::{AskForCode, Connection, Endpoint},
    encryption::Encryption,
};

pub(crate) mod carts;
pub(crate) mod cloudformation;
mod credentials;
mod error;
pub(crate) mod gateway_account;
mod hosts;
pub(crate) mod invalidation;
pub(crate) mod logs;
mod network;
pub(crate) mod object_store;
pub(crate) mod parameter_store;
mod proxy;
mod refusal;
mod regions;
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
    pub region: String,
    /// The ARN of the role that CloudFormation works as.
    service_role: Option<String>,
    encryption: Option<Encryption>,
}

impl Aws {
    /// Resolves region and credentials, so that errors in them are reported before anything starts. Makes no call to AWS
    /// itself, unless credentials require one.
    pub(crate) async fn connect(connection: &Connection, ask: AskForCode) -> Result<Self, Error> {
        let (sdk, region) = match (&connection.endpoint, &connection.region) {
            (Endpoint::Local(url), Some(region)) => {
                let network = Network::new(&connection.environment, None)?;
                let loader = loader(network).region(Region::new(region.to_string())).endpoint_url(url.as_str());
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
            region,
            sdk,
            service_role: connection.service_role.as_ref().map(ToString::to_string),
            encryption: connection.encryption.clone(),
        })
    }

    /// The account of the credentials.
    pub(crate) async fn account(&self) -> Result<String, Error> {
        let identity = aws_sdk_sts::Client::new(&self.sdk).get_caller_identity().send().await;
        let identity = identity.map_err(|error| Error::sdk("identifying the account", error))?;
        identity.account.ok_or_else(|| Error::new("identifying the account", ErrorKind::Other, "the answer names no account"))
    }
}

fn loader(network: Network) -> aws_config::ConfigLoader {
    aws_config::defaults(BehaviorVersion::latest())
        .http_client(network)
        .retry_config(RetryConfig::standard().with_max_attempts(4).with_initial_backoff(Duration::from_millis(250)))
        .timeout_config(timeouts(Duration::from_secs(20)))
        // A program that provides credentials may ask somebody first.
        .identity_cache(IdentityCache::lazy().load_timeout(Duration::from_mins(1)).build())
}

/// The configuration and the region that flags, environment and profiles lead to, with credentials that exist.
async fn found(connection: &Connection, ask: AskForCode) -> Result<(SdkConfig, String), Error> {
    let profiles = credentials::Profiles::read(&connection.environment).await?;
    let network = Network::new(&connection.environment, credentials::certificates(connection, &profiles))?;
    let provider_config = ProviderConfig::without_region().with_http_client(network.clone());
    let named_by = connection.region_named_by.clone();
    let region = match &connection.region {
        Some(region) => Some((region.to_string(), named_by.unwrap_or_default())),
        None => credentials::region(connection, &profiles, &provider_config).await?,
    };
    let (region, region_named_by) = region.ok_or_else(|| {
        let name = connection.profile_name();
        let message =
            format!("no flag or variable names one, nor does cartctl.toml, nor the profile `{name}` in {}", profiles.places());
        Error::new("finding the region", ErrorKind::NoRegion, message)
    })?;
    match connection.endpoint.url() {
        Some(url) => network.check(url)?,
        None => network.check(&format!("https://sts.{region}.{}", hosts::domain(&region, false).await?))?,
    }
    let name = connection.profile_name();
    let mut loader = loader(network.clone()).profile_name(name).profile_files(profiles.files.clone()).no_credentials();
    loader = loader.region(Region::new(region.clone()));
    if let Some(url) = connection.endpoint.url() {
        loader = loader.endpoint_url(url);
    }
    let sdk = loader.load().await;
    let provider_config = provider_config.with_region(sdk.region().cloned());
    let provider_config = provider_config.with_use_fips(sdk.use_fips()).with_use_dual_stack(sdk.use_dual_stack());
    let source = credentials::Source::choose(connection, &profiles, &provider_config, sdk.clone(), ask)?;
    network.set_place(Place { region: region.clone(), region_named_by, renewal: Some(source.renewal()) });
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
    let connecting = Duration::from_secs(5);
    // The read timeout, unlike that of an attempt, names the host in its error: it has to be reached first.
    TimeoutConfig::builder()
        .connect_timeout(connecting)
        .read_timeout(answer)
        .operation_attempt_timeout(connecting + answer + answer / 4)
        .build()
}
