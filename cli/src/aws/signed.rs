//! Requests to services with too few calls to justify compiling their SDK. They run on the SDK's own runtime, so that retries, credentials,
//! signatures, the clock, timeouts and proxies are those of every other call (docs/adr/0035-one-way-to-aws.md). Knows no service's answers.

use aws_config::BehaviorVersion;
use aws_runtime::{
    auth::{SigV4OperationSigningConfig, sigv4},
    invocation_id::InvocationIdInterceptor,
    request_info::RequestInfoInterceptor,
    retries::classifiers::AwsErrorCodeClassifier,
    service_clock_skew::{DisableClockSkewCorrection, ServiceClockSkewClassifier, ServiceClockSkewInterceptor},
    user_agent::{ApiMetadata, UserAgentInterceptor},
};
use aws_smithy_runtime::client::{
    orchestrator::operation::Operation,
    retries::classifiers::{HttpStatusCodeClassifier, TransientErrorClassifier},
};
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{
        auth::{
            AuthSchemeOptionResolverParams, SharedAuthScheme, SharedAuthSchemeOptionResolver,
            static_resolver::StaticAuthSchemeOptionResolver,
        },
        orchestrator::{HttpRequest, HttpResponse, OrchestratorError},
        runtime_components::RuntimeComponentsBuilder,
        runtime_plugin::StaticRuntimePlugin,
    },
};
use aws_smithy_types::{
    body::SdkBody,
    config_bag::Layer,
    error::{ErrorMetadata, metadata::ProvideErrorMetadata},
};
use aws_types::{
    SigningName,
    region::{Region, SigningRegion},
};

use super::{
    Aws, Error, ErrorKind,
    error::refusal,
    hosts::{Address, Service},
};

pub(super) struct Request<'a> {
    /// Named in errors.
    pub operation: &'a str,
    pub service: Service,
    /// The service's own name for it, for example `GetAccount`.
    pub name: &'static str,
    pub method: &'static str,
    pub path: String,
    /// Names in lower case, and values.
    pub headers: &'static [(&'static str, &'static str)],
    pub body: Vec<u8>,
}

/// A request without its service, as often as it is sent.
#[derive(Clone, Debug)]
struct Message {
    method: &'static str,
    path: String,
    headers: &'static [(&'static str, &'static str)],
    body: Vec<u8>,
}

/// A refusal in the SDK's terms.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{0}")]
struct Refused(ErrorMetadata);

impl ProvideErrorMetadata for Refused {
    fn meta(&self) -> &ErrorMetadata {
        &self.0
    }
}

impl Aws {
    /// The body of a successful answer. What passes is repeated as the SDK repeats its own calls; no redirect is followed.
    pub(super) async fn signed(&self, request: Request<'_>) -> Result<Vec<u8>, Error> {
        let Request { operation, service, name, method, path, headers, body } = request;
        let Address { url, region } = service.address(&self.sdk, &self.region).await?;
        let failed = |reason: &str| Error::new(operation, ErrorKind::Other, reason);
        let credentials = self.sdk.credentials_provider().ok_or_else(|| failed("there are no credentials"))?;
        let (Some(retry), Some(timeout), Some(http)) = (self.sdk.retry_config(), self.sdk.timeout_config(), self.sdk.http_client())
        else {
            return Err(failed("the SDK is not configured"));
        };
        let mut layer = Layer::new("signed");
        layer.store_put(AuthSchemeOptionResolverParams::new(()));
        layer.store_put(SigV4OperationSigningConfig {
            region: Some(SigningRegion::from(Region::new(region))),
            name: Some(SigningName::from_static(service.signing_name())),
            ..SigV4OperationSigningConfig::default()
        });
        layer.store_put(ApiMetadata::new(service.id(), service.version()));
        layer.store_put(DisableClockSkewCorrection::from(self.sdk.disable_clock_skew_correction().unwrap_or_default()));
        let mut components = RuntimeComponentsBuilder::new("signed");
        components.set_auth_scheme_option_resolver(Some(SharedAuthSchemeOptionResolver::new(StaticAuthSchemeOptionResolver::new(
            vec![sigv4::SCHEME_ID],
        ))));
        components.push_auth_scheme(SharedAuthScheme::new(sigv4::SigV4AuthScheme::new()));
        components.set_identity_resolver(sigv4::SCHEME_ID, credentials);
        components.set_identity_cache(self.sdk.identity_cache());
        let call = Operation::builder()
            .service_name(service.id())
            .operation_name(name)
            .behavior_version(BehaviorVersion::latest())
            .http_client(http)
            .endpoint_url(&url)
            .standard_retry(retry)
            .timeout_config(timeout.clone())
            .retry_classifier(HttpStatusCodeClassifier::default())
            .retry_classifier(TransientErrorClassifier::<Refused>::new())
            .retry_classifier(AwsErrorCodeClassifier::<Refused>::new())
            .retry_classifier(ServiceClockSkewClassifier::<Refused>::new())
            .with_connection_poisoning()
            .interceptor(ServiceClockSkewInterceptor::new())
            .interceptor(RequestInfoInterceptor::new())
            .interceptor(UserAgentInterceptor::new())
            .interceptor(InvocationIdInterceptor::new())
            .runtime_plugin(StaticRuntimePlugin::new().with_config(layer.freeze()).with_runtime_components(components))
            .serializer(serialized)
            .deserializer(deserialized)
            .build();
        let message = Message { method, path, headers, body };
        Box::pin(call.invoke(message)).await.map_err(|error| Error::sdk(operation, error))
    }
}

fn serialized(message: Message) -> Result<HttpRequest, BoxError> {
    let Message { method, path, headers, body } = message;
    let mut request = HttpRequest::new(SdkBody::from(body));
    request.set_method(method)?;
    request.set_uri(path)?;
    for (name, value) in headers {
        request.headers_mut().insert(*name, *value);
    }
    Ok(request)
}

fn deserialized(answer: &HttpResponse) -> Result<Vec<u8>, OrchestratorError<Refused>> {
    if answer.status().is_success() {
        return Ok(answer.body().bytes().unwrap_or_default().to_vec());
    }
    let refusal = refusal(answer);
    let mut metadata = ErrorMetadata::builder();
    metadata = match refusal.code {
        Some(code) => metadata.code(code),
        None => metadata,
    };
    metadata = match refusal.message {
        Some(message) => metadata.message(message),
        None => metadata,
    };
    Err(OrchestratorError::operation(Refused(metadata.build())))
}

#[cfg(test)]
mod tests {
    use std::{
        io::{BufRead, BufReader, Read, Write},
        net::TcpListener,
        time::Duration,
    };

    use cart_fault_bench::{
        Bench,
        script::{Fault, Rule, Why},
    };

    use super::*;
    use crate::domain::{
        connection::{Connection, Endpoint, LocalKeys},
        logs::{Position, Question},
        moment::Moment,
    };

    async fn connected(url: &str) -> Aws {
        let keys = LocalKeys { access_key_id: "key".to_owned(), secret_access_key: "secret".to_owned() };
        let connection = Connection {
            region: "eu-west-1".parse().ok(),
            endpoint: Endpoint::Local(url.parse().unwrap()),
            local_keys: Some(keys),
            ..Connection::default()
        };
        Aws::connect(&connection, |_| Box::pin(std::future::ready(None))).await.unwrap()
    }

    const CALLS: [&str; 3] = ["GetAccount", "FilterLogEvents", "CreateInvalidation"];

    /// Makes the call of this name.
    async fn call(aws: &Aws, name: &str) -> Result<(), Error> {
        match name {
            "GetAccount" => aws.gateway_logging_role().await.map(drop),
            "FilterLogEvents" => {
                let question = Question { group: "group".to_owned(), from: Moment::from_millis(0), at: Position::First, tail: 1 };
                aws.logs().batch(&question).await.map(drop)
            }
            _ => aws.forget("E1", &["/index.html".to_owned()], "once").await,
        }
    }

    #[tokio::test]
    async fn what_passes_is_waited_for() {
        let late = Fault::Late(Duration::from_millis(300));
        let cases = CALLS.into_iter().flat_map(|name| Fault::PASSING.into_iter().chain([late]).map(move |fault| (name, fault)));
        let running = cases.map(|(name, fault)| {
            tokio::spawn(async move {
                let bench = Bench::new([]);
                bench.script([Rule::at(1..=2, fault).of(name)]);
                call(&connected(bench.url()).await, name).await.unwrap_or_else(|error| panic!("{name}, {fault:?}: {error}"));
                bench.everything_happened();
                let invalidations = bench.state().account.inventory.invalidations.len();
                assert_eq!(invalidations, usize::from(name == "CreateInvalidation"), "{fault:?}: a repetition is not another one");
            })
        });
        for running in running.collect::<Vec<_>>() {
            running.await.unwrap();
        }
    }

    #[tokio::test]
    async fn what_stays_is_said_at_once() {
        for name in CALLS {
            for (fault, kind) in [
                (Fault::Refused(Why::AccessDenied), ErrorKind::Denied),
                (Fault::Refused(Why::ExpiredToken), ErrorKind::Credentials),
                (Fault::Redirected("http://127.0.0.1:1/"), ErrorKind::NotAws),
            ] {
                let bench = Bench::new([]);
                bench.script([Rule::at(1..=usize::MAX, fault).of(name)]);
                let error = call(&connected(bench.url()).await, name).await.unwrap_err();
                assert_eq!(error.kind(), kind, "{name}, {fault:?}: {error}");
                assert_eq!(bench.state().log.count(name), 1, "{name}, {fault:?}");
            }
        }
    }

    #[tokio::test]
    async fn what_does_not_pass_ends_with_its_name() {
        for (name, said) in
            [("GetAccount", "Too Many Requests (TooManyRequestsException)"), ("CreateInvalidation", "Rate exceeded (Throttling)")]
        {
            let bench = Bench::new([]);
            bench.script([Rule::at(1..=usize::MAX, Fault::Refused(Why::Throttled)).of(name)]);
            let error = call(&connected(bench.url()).await, name).await.unwrap_err();
            assert!(error.kind() == ErrorKind::Throttled && error.to_string().ends_with(said), "{error}");
            assert_eq!(bench.state().log.count(name), 4, "as often as every other call");
        }
    }

    #[tokio::test]
    async fn a_clock_that_is_wrong_is_corrected() {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        // AWS's clock says 2040, and the first signature is from another time.
        let answers = ["403 Forbidden\r\nx-amzn-errortype: InvalidSignatureException", "200 OK"];
        let server = std::thread::spawn(move || {
            answers.map(|status| {
                let (mut connection, _) = listener.accept().unwrap();
                let mut reader = BufReader::new(&connection);
                let head: Vec<_> = reader.by_ref().lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
                let body = r#"{"message": "Signature expired"}"#;
                let date = "Sun, 01 Jan 2040 00:00:00 GMT";
                write!(
                    connection,
                    "HTTP/1.1 {status}\r\ndate: {date}\r\nconnection: close\r\ncontent-length: {}\r\n\r\n{body}",
                    body.len()
                )
                .unwrap();
                head.iter().find_map(|line| line.strip_prefix("x-amz-date: ")).unwrap()[..4].to_owned()
            })
        });
        call(&connected(&url).await, "GetAccount").await.unwrap();
        let signed = server.join().unwrap();
        assert!(*signed[0] < *"2040" && *signed[1] >= *"2039", "{signed:?}");
    }
}
