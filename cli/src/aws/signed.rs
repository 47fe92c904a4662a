//! Requests that this program signs itself, for services with too few calls to justify compiling their SDK
//! (docs/adr/0006-one-signed-get.md, docs/adr/0027-logs-by-signed-requests.md). Knows no service.

use std::time::{Duration, SystemTime};

use aws_credential_types::provider::ProvideCredentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4,
};
use reqwest::{Client, Method, StatusCode};

use super::{Aws, Error, ErrorKind, credentials_error, innermost};

/// The time limit of an answer.
const PATIENCE: Duration = Duration::from_secs(20);

pub(super) struct Request<'a> {
    /// Named in errors.
    pub operation: &'a str,
    /// As in the host name and the signature.
    pub service: &'a str,
    /// For a service without regions: one host, and signatures name `us-east-1`
    /// (<https://docs.aws.amazon.com/general/latest/gr/cf_region.html>).
    pub global: bool,
    pub method: Method,
    pub path: &'a str,
    /// Names in lower case, and values.
    pub headers: &'a [(&'a str, &'a str)],
    pub body: Vec<u8>,
}

impl Aws {
    /// The body of a successful answer.
    ///
    /// # Errors
    /// Those of [`Aws::signed`], and a refusal, classified by its status alone.
    pub(super) async fn signed_well(&self, request: Request<'_>) -> Result<Vec<u8>, Error> {
        let operation = request.operation;
        let (status, body) = self.signed(request).await?;
        if status.is_success() {
            return Ok(body);
        }
        let kind = match status.as_u16() {
            403 => ErrorKind::Denied,
            404 => ErrorKind::NotFound,
            _ => ErrorKind::Other,
        };
        Err(Error::new(operation, kind, format!("{status}: {}", String::from_utf8_lossy(&body))))
    }

    /// The answer, whatever its status.
    ///
    /// # Errors
    /// No answer, or no credentials.
    pub(super) async fn signed(&self, request: Request<'_>) -> Result<(StatusCode, Vec<u8>), Error> {
        let Request { operation, service, global, method, path, headers, body } = request;
        let base = match self.sdk.endpoint_url() {
            Some(endpoint) => endpoint.trim_end_matches('/').to_owned(),
            None if global => format!("https://{service}.amazonaws.com"),
            None => format!("https://{service}.{}.amazonaws.com", self.region),
        };
        let region = if global { "us-east-1" } else { &self.region };
        let url = format!("{base}{path}");
        let unreachable = |error: reqwest::Error| Error::new(operation, ErrorKind::Unreachable, innermost(&error));
        let other = |message: String| Error::new(operation, ErrorKind::Other, message);
        let provider = self.sdk.credentials_provider().ok_or_else(|| other("there are no credentials".to_owned()))?;
        let identity = provider.provide_credentials().await.map_err(|error| credentials_error(&error))?.into();
        #[expect(clippy::disallowed_methods, reason = "a signature is valid for the minutes around the time it names")]
        let now = SystemTime::now();
        let parameters = v4::SigningParams::builder()
            .identity(&identity)
            .region(region)
            .name(service)
            .time(now)
            .settings(SigningSettings::default())
            .build()
            .map_err(|error| other(error.to_string()))?
            .into();
        let signable = SignableRequest::new(method.as_str(), &url, headers.iter().copied(), SignableBody::Bytes(&body));
        let signable = signable.map_err(|error| other(error.to_string()))?;
        let (instructions, _) = sign(signable, &parameters).map_err(|error| other(error.to_string()))?.into_parts();
        let mut call = self.client().request(method, &url).timeout(PATIENCE).body(body);
        for (name, value) in headers.iter().copied().chain(instructions.headers()) {
            call = call.header(name, value);
        }
        let answer = call.send().await.map_err(unreachable)?;
        let status = answer.status();
        Ok((status, answer.bytes().await.map_err(unreachable)?.to_vec()))
    }

    /// Ignores proxy variables for addresses on this machine.
    fn client(&self) -> &Client {
        self.http.get_or_init(|| {
            let on_this_machine = self.sdk.endpoint_url().is_some_and(|url| url.starts_with("http://127.0.0.1:"));
            let client = Client::builder();
            let client = if on_this_machine { client.no_proxy() } else { client };
            client.build().unwrap_or_default()
        })
    }
}
