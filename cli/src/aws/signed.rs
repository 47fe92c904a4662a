//! A single request to a service whose SDK would take longer to compile than all it is needed for is worth
//! (docs/adr/0006-one-signed-get.md). Knows nothing of services.

use std::time::{Duration, SystemTime};

use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};

use super::{Aws, Error, ErrorKind, credentials_error, innermost};

/// What is asked, and of whom.
pub(super) struct SignedRequest<'a> {
    /// What it is for, as a failure names it.
    pub operation: &'a str,
    /// The service, as signatures name it.
    pub service: &'static str,
    /// The region, as signatures name it.
    pub region: &'a str,
    /// Where the service answers, if not at the endpoint that was given.
    pub host: String,
    /// The verb.
    pub method: &'static str,
    /// The path, with a slash in front.
    pub path: String,
    /// The content, and its type.
    pub body: Option<(&'static str, String)>,
}

impl Aws {
    /// Sends a request, and returns what was answered.
    pub(super) async fn send_signed(&self, request: SignedRequest<'_>) -> Result<Vec<u8>, Error> {
        let operation = request.operation;
        let base = match self.sdk.endpoint_url() {
            Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
            None => format!("https://{}", request.host),
        };
        let url = format!("{base}{}", request.path);
        let unreachable = |error: reqwest::Error| Error::new(operation, ErrorKind::Unreachable, innermost(&error));
        let method = reqwest::Method::from_bytes(request.method.as_bytes())
            .map_err(|error| Error::new(operation, ErrorKind::Other, error.to_string()))?;
        let mut call = reqwest::Client::new().request(method, &url).timeout(Duration::from_secs(10));
        for (name, value) in self.signature(&request, &url).await? {
            call = call.header(name, value);
        }
        if let Some((content_type, body)) = request.body {
            call = call.header("content-type", content_type).body(body);
        }
        let response = call.send().await.map_err(unreachable)?;
        let status = response.status();
        let body = response.bytes().await.map_err(unreachable)?;
        if !status.is_success() {
            let kind = match status.as_u16() {
                403 => ErrorKind::Denied,
                404 => ErrorKind::NotFound,
                _ => ErrorKind::Other,
            };
            return Err(Error::new(operation, kind, format!("{status}: {}", String::from_utf8_lossy(&body))));
        }
        Ok(body.into())
    }

    /// The headers that sign a request to `url`.
    #[expect(clippy::disallowed_methods, reason = "a signature is valid for the minutes around the time it names")]
    async fn signature(&self, request: &SignedRequest<'_>, url: &str) -> Result<Vec<(String, String)>, Error> {
        let other = |message: String| Error::new(request.operation, ErrorKind::Other, message);
        let provider = self.sdk.credentials_provider().ok_or_else(|| other("there are no credentials".to_owned()))?;
        let identity = provider.provide_credentials().await.map_err(|error| credentials_error(&error))?.into();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(request.region)
            .name(request.service)
            .time(SystemTime::now())
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| other(error.to_string()))?
            .into();
        let body = request.body.as_ref().map_or(&b""[..], |(_, body)| body.as_bytes());
        let signable = SignableRequest::new(request.method, url, std::iter::empty(), SignableBody::Bytes(body));
        let signable = signable.map_err(|error| other(error.to_string()))?;
        let (instructions, _) = sign(signable, &parameters).map_err(|error| other(error.to_string()))?.into_parts();
        Ok(instructions.headers().map(|(name, value)| (name.to_owned(), value.to_owned())).collect())
    }
}
