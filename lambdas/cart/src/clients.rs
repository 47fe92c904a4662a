//! AWS clients from what Lambda puts into a function's environment. Knows nothing of other sources of credentials (profiles, sign-in,
//! metadata services): a function never uses them, and their code would be a good part of the binary.

use std::time::Duration;

use aws_sdk_dynamodb::config::{
    BehaviorVersion, Credentials, Region, SharedCredentialsProvider, retry::RetryConfig, timeout::TimeoutConfig,
};
use aws_types::SdkConfig;
use cart_shared::StartError;

use crate::fetch::Http;

/// What Lambda tells a function about itself, and perhaps where the local cloud is.
///
/// Source of the names: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>. `AWS_ENDPOINT_URL` is set only
/// where something stands in for AWS.
///
/// # Errors
/// [`StartError::Missing`] where `lookup` finds no region or no credentials.
pub fn sdk_config(http: &Http, lookup: impl Fn(&'static str) -> Result<String, StartError>) -> Result<SdkConfig, StartError> {
    let credentials = Credentials::new(
        lookup("AWS_ACCESS_KEY_ID")?,
        lookup("AWS_SECRET_ACCESS_KEY")?,
        lookup("AWS_SESSION_TOKEN").ok(),
        None,
        "lambda",
    );
    let mut config = SdkConfig::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new(lookup("AWS_REGION")?))
        .http_client(http.for_aws())
        .credentials_provider(SharedCredentialsProvider::new(credentials))
        .retry_config(RetryConfig::standard())
        .timeout_config(patience());
    config.set_endpoint_url(lookup("AWS_ENDPOINT_URL").ok());
    Ok(config.build())
}

/// A key-value look-up takes milliseconds. An attempt that takes much longer is stuck, and a caller is waiting. How long it may take
/// to connect is up to [`Http`].
fn patience() -> TimeoutConfig {
    TimeoutConfig::builder().operation_attempt_timeout(Duration::from_secs(2)).operation_timeout(Duration::from_secs(5)).build()
}
