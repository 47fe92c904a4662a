//! API Gateway's account-wide setting: the role by which it writes logs.
//!
//! One signed GET instead of the service's SDK, which would take a tenth of the time that everything here takes to compile
//! (docs/adr/0006-one-signed-get.md).

use std::time::{Duration, SystemTime};

use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use serde::Deserialize;

use super::{Aws, Error, ErrorKind, credentials_error, innermost};

const OPERATION: &str = "reading API Gateway's account settings";

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Account {
    cloudwatch_role_arn: Option<String>,
}

impl Aws {
    /// The ARN of the role API Gateway writes logs with in this account and region, if one is set.
    ///
    /// <https://docs.aws.amazon.com/apigateway/latest/api/API_GetAccount.html>
    pub(crate) async fn gateway_logging_role(&self) -> Result<Option<String>, Error> {
        let base = match self.sdk.endpoint_url() {
            Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
            None => format!("https://apigateway.{}.amazonaws.com", self.region),
        };
        let url = format!("{base}/account");
        let unreachable = |error: reqwest::Error| Error::new(OPERATION, ErrorKind::Unreachable, innermost(&error));
        let mut request = reqwest::Client::new().get(&url).timeout(Duration::from_secs(10));
        for (name, value) in self.signature(&url).await? {
            request = request.header(name, value);
        }
        let response = request.send().await.map_err(unreachable)?;
        let status = response.status();
        let body = response.bytes().await.map_err(unreachable)?;
        if !status.is_success() {
            let kind = if status == 403 { ErrorKind::Denied } else { ErrorKind::Other };
            return Err(Error::new(OPERATION, kind, format!("{status}: {}", String::from_utf8_lossy(&body))));
        }
        let account: Account =
            serde_json::from_slice(&body).map_err(|error| Error::new(OPERATION, ErrorKind::Other, error.to_string()))?;
        Ok(account.cloudwatch_role_arn.filter(|arn| !arn.is_empty()))
    }

    /// The headers that sign a GET of `url` without a body.
    #[expect(clippy::disallowed_methods, reason = "a signature is valid for the minutes around the time it names")]
    async fn signature(&self, url: &str) -> Result<Vec<(String, String)>, Error> {
        let other = |message: String| Error::new(OPERATION, ErrorKind::Other, message);
        let provider = self.sdk.credentials_provider().ok_or_else(|| other("there are no credentials".to_owned()))?;
        let identity = provider.provide_credentials().await.map_err(|error| credentials_error(&error))?.into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(&self.region)
            .name("apigateway")
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| other(error.to_string()))?
            .into();
        let request = SignableRequest::new("GET", url, std::iter::empty(), SignableBody::Bytes(&[]));
        let request = request.map_err(|error| other(error.to_string()))?;
        let (instructions, _) = sign(request, &parameters).map_err(|error| other(error.to_string()))?.into_parts();
        Ok(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}
