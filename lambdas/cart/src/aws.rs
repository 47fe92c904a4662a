//! Calls of AWS services with a JSON protocol: signs a document, sends it to an operation, and repeats the call where another answer is
//! possible. Knows nothing of the documents' content, and no source of credentials but Lambda's environment, the only one that a function
//! has. Why these are not the SDK's clients: docs/adr/0028-calls-without-the-sdks-clients.md.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use aws_credential_types::Credentials;
use aws_sigv4::{
    http_request::{SignableBody, SignableRequest, SigningSettings, sign},
    sign::v4::SigningParams,
};
use aws_smithy_runtime_api::{
    box_error::BoxError,
    client::{identity::Identity, orchestrator::HttpRequest},
};
use cart_shared::StartError;
use http::StatusCode;
use serde::{Serialize, de::DeserializeOwned};
use serde_json::Value;
use thiserror::Error;

use crate::{
    backoff, clock,
    fetch::{FetchError, Http, Limits},
};

/// The content type of both services: <https://smithy.io/2.0/aws/protocols/aws-json-1_0-protocol.html>.
const JSON: &str = "application/x-amz-json-1.0";

/// The limits of one try. A key-value look-up takes milliseconds; a try of two seconds is stuck. No answer is larger than a batch of 16 MB,
/// and what JSON adds to it
/// (<https://docs.aws.amazon.com/amazondynamodb/latest/APIReference/API_BatchGetItem.html>).
const LIMITS: Limits = Limits { patience: Duration::from_secs(2), size: 64 * 1024 * 1024 };

/// The limit of all tries together, out of the ten seconds that a function has.
const ALL_PATIENCE: Duration = Duration::from_secs(5);

/// An account, with the credentials of the function's role.
#[derive(Clone, Debug)]
pub struct Account {
    http: Http,
    credentials: Credentials,
    region: String,
    endpoint: Option<String>,
}

/// A service of an account, in its region.
#[derive(Clone, Debug)]
pub struct Service {
    http: Http,
    identity: Identity,
    region: String,
    /// The service's name in signatures and host names, and its name in the header `x-amz-target`.
    name: &'static str,
    target: &'static str,
    /// With a slash at the end.
    url: String,
}

/// The operation may or may not be done, unless a variant says more.
#[derive(Debug, Error)]
pub enum CallError {
    /// The request could not be made. Nothing was sent.
    #[error("cannot make a request")]
    Request(#[source] BoxError),
    /// No complete answer.
    #[error("no answer")]
    Silent(#[from] FetchError),
    /// The service refused the operation, or failed.
    #[error(transparent)]
    Fault(#[from] Fault),
    /// The answer is not of the operation's form. Without the cause, which would quote the answer.
    #[error("the answer cannot be read")]
    Answer,
}

/// The error that a service answered.
#[derive(Clone, Debug, PartialEq, Eq, Error)]
#[error("{code}: {message}")]
pub struct Fault {
    status: StatusCode,
    /// The name of the error, such as `ThrottlingException`. The status, if the answer has no name.
    pub code: String,
    message: String,
    /// Of a cancelled transaction, one code for each of its writes.
    pub reasons: Vec<String>,
}

impl Account {
    /// The account from Lambda's own variables, or the local cloud.
    ///
    /// Source of the names: <https://docs.aws.amazon.com/lambda/latest/dg/configuration-envvars.html>. `AWS_ENDPOINT_URL` is set only by
    /// a stand-in for AWS.
    ///
    /// # Errors
    /// [`StartError::Missing`], if `lookup` finds no region or no credentials.
    pub fn new(http: Http, lookup: impl Fn(&'static str) -> Result<String, StartError>) -> Result<Self, StartError> {
        let credentials = Credentials::new(
            lookup("AWS_ACCESS_KEY_ID")?,
            lookup("AWS_SECRET_ACCESS_KEY")?,
            lookup("AWS_SESSION_TOKEN").ok(),
            None,
            "lambda",
        );
        Ok(Self { http, credentials, region: lookup("AWS_REGION")?, endpoint: lookup("AWS_ENDPOINT_URL").ok() })
    }

    /// An account with all services at one URL.
    #[cfg(test)]
    pub(crate) fn at(http: Http, url: &str) -> Self {
        Self::new(http, |name| Ok(if name == "AWS_ENDPOINT_URL" { url } else { "a" }.to_owned())).expect("every variable is set")
    }

    /// DynamoDB.
    #[must_use]
    pub fn dynamodb(&self) -> Service {
        self.service("dynamodb", "DynamoDB_20120810")
    }

    /// SQS.
    #[must_use]
    pub fn sqs(&self) -> Service {
        self.service("sqs", "AmazonSQS")
    }

    fn service(&self, name: &'static str, target: &'static str) -> Service {
        let Self { http, credentials, region, endpoint } = self.clone();
        let url = endpoint.unwrap_or_else(|| format!("https://{name}.{region}.{}", suffix(&region)));
        Service { http, identity: credentials.into(), region, name, target, url: format!("{}/", url.trim_end_matches('/')) }
    }
}

/// The domain of a region's host names
/// (<https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html>). The partitions without access to
/// the Internet are left out.
fn suffix(region: &str) -> &'static str {
    match region.split_once('-') {
        Some(("cn", _)) => "amazonaws.com.cn",
        Some(("eusc", _)) => "amazonaws.eu",
        _ => "amazonaws.com",
    }
}

impl Service {
    /// Opens a connection, if the service can be reached. Sends a health check, which needs no permission and has no effect.
    pub async fn connect(&self) {
        drop(self.http.once("GET", &format!("{}ping", self.url), LIMITS).await);
    }

    /// Calls an operation, repeatedly within limits until its result is known. An operation that must not be done twice needs a token in its
    /// document.
    ///
    /// # Errors
    /// [`CallError`]. The operation may be done all the same, unless a [`Fault`] refused the first try.
    pub async fn call<A: DeserializeOwned>(&self, operation: &str, document: &(impl Serialize + Sync)) -> Result<A, CallError> {
        let body = serde_json::to_vec(document).map_err(|error| CallError::Request(error.into()))?;
        let ask = |left| self.ask(operation, &body, LIMITS.within(left));
        let answer = backoff::ask_again(&self.http.waiting, ALL_PATIENCE, ask, may_be_better_next_time).await?;
        serde_json::from_slice(&answer).map_err(|_| CallError::Answer)
    }

    /// Waits before the next try of a write that collided, longer after every try.
    pub(crate) async fn pause(&self, attempt: u32) {
        backoff::pause(&self.http.waiting, attempt).await;
    }

    async fn ask(&self, operation: &str, body: &[u8], limits: Limits) -> Result<Vec<u8>, CallError> {
        let now = UNIX_EPOCH + Duration::from_secs(clock::now().0);
        let request = self.request(operation, body, now).map_err(CallError::Request)?;
        match self.http.send(request, limits).await? {
            (status, answer) if status.is_success() => Ok(answer),
            (status, answer) => Err(Fault::new(status, &answer).into()),
        }
    }

    /// The request, with a signature that is valid for some minutes around `now`.
    fn request(&self, operation: &str, body: &[u8], now: SystemTime) -> Result<HttpRequest, BoxError> {
        let target = format!("{}.{operation}", self.target);
        let headers = [("content-type", JSON), ("x-amz-target", target.as_str())];
        let signing = SigningParams::builder().identity(&self.identity).region(&self.region).name(self.name).time(now);
        let signing = signing.settings(SigningSettings::default()).build()?.into();
        let signable = SignableRequest::new("POST", &self.url, headers.into_iter(), SignableBody::Bytes(body))?;
        let (signature, _) = sign(signable, &signing)?.into_parts();
        let mut request = HttpRequest::new(body.into());
        request.set_method("POST")?;
        request.set_uri(self.url.as_str())?;
        for (name, value) in headers.map(|(name, value)| (name, value.to_owned())) {
            request.headers_mut().try_insert(name, value)?;
        }
        for (name, value) in signature.headers() {
            request.headers_mut().try_insert(name.to_owned(), value.to_owned())?;
        }
        Ok(request)
    }
}

/// Whether the next try may have another result, by the rules of the SDK's standard mode
/// (<https://docs.aws.amazon.com/sdkref/latest/guide/feature-retry-behavior.html>): no answer, a failure of the service, throttling, or a
/// transaction of the same token in progress.
fn may_be_better_next_time(answer: &Result<Vec<u8>, CallError>) -> bool {
    match answer {
        Err(CallError::Silent(error)) => error.may_pass(),
        Err(CallError::Fault(fault)) => fault.may_pass(),
        Ok(_) | Err(CallError::Request(_) | CallError::Answer) => false,
    }
}

impl Fault {
    /// Reads an error from an answer, of which every part may be missing.
    fn new(status: StatusCode, answer: &[u8]) -> Self {
        let said: Value = serde_json::from_slice(answer).unwrap_or_default();
        // `com.amazonaws.dynamodb.v20120810#ThrottlingException`, or something behind a colon.
        let name = said["__type"].as_str().and_then(|name| name.rsplit('#').next()?.split(':').next());
        let code = name.filter(|code| !code.is_empty()).map_or_else(|| status.to_string(), str::to_owned);
        // DynamoDB and SQS write it differently.
        let message = said["message"].as_str().or_else(|| said["Message"].as_str()).unwrap_or_default().to_owned();
        let reasons = said["CancellationReasons"].as_array().into_iter().flatten();
        let reasons = reasons.map(|reason| reason["Code"].as_str().unwrap_or_default().to_owned()).collect();
        Self { status, code, message, reasons }
    }

    fn may_pass(&self) -> bool {
        matches!(self.status.as_u16(), 500 | 502 | 503 | 504)
            || matches!(
                self.code.as_str(),
                "LimitExceededException"
                    | "ProvisionedThroughputExceededException"
                    | "RequestLimitExceeded"
                    | "RequestThrottled"
                    | "RequestTimeout"
                    | "RequestTimeoutException"
                    | "ThrottlingException"
                    | "TooManyRequestsException"
                    | "TransactionInProgressException"
            )
    }
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use aws_lc_rs::{
        digest::{SHA256, digest},
        hmac::{HMAC_SHA256, Key, sign as hmac},
    };
    use aws_smithy_runtime_api::client::{
        http::{HttpConnector, HttpConnectorFuture, SharedHttpConnector},
        orchestrator::HttpResponse,
        result::ConnectorError,
    };
    use serde_json::json;

    use super::*;
    use crate::waiting::tests::patient;

    /// A service that gives these answers in order, then the last one again and again. None breaks the connection.
    #[derive(Clone, Debug)]
    struct Answers {
        answers: Vec<Option<(u16, &'static str)>>,
        asked: Arc<Mutex<Vec<HttpRequest>>>,
    }

    impl HttpConnector for Answers {
        fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
            let mut asked = self.asked.lock().unwrap();
            let answer = self.answers[asked.len().min(self.answers.len() - 1)];
            asked.push(request);
            HttpConnectorFuture::ready(match answer {
                Some((status, body)) => Ok(HttpResponse::new(status.try_into().unwrap(), body.into())),
                None => Err(ConnectorError::io("the connection is broken".into())),
            })
        }
    }

    fn account(http: Http, region: &'static str, endpoint: Option<&str>) -> Account {
        let endpoint = endpoint.map(str::to_owned);
        let lookup = move |name| match name {
            "AWS_ACCESS_KEY_ID" => Ok("AKIDEXAMPLE".to_owned()),
            "AWS_SECRET_ACCESS_KEY" => Ok("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_owned()),
            "AWS_SESSION_TOKEN" => Ok("a/token==".to_owned()),
            "AWS_REGION" => Ok(region.to_owned()),
            name => endpoint.clone().ok_or(StartError::Missing(name)),
        };
        Account::new(http, lookup).unwrap()
    }

    /// The result of a call, and all requests that it sent.
    async fn call(answers: &[Option<(u16, &'static str)>]) -> (Result<Value, CallError>, Vec<HttpRequest>) {
        let answers = Answers { answers: answers.to_vec(), asked: Arc::default() };
        let asked = Arc::clone(&answers.asked);
        let service = account(Http::over(SharedHttpConnector::new(answers), patient()), "eu-west-1", None).dynamodb();
        let outcome = service.call("GetItem", &json!({ "TableName": "carts" })).await;
        let asked = std::mem::take(&mut *asked.lock().unwrap());
        (outcome, asked)
    }

    fn hex(bytes: &[u8]) -> String {
        let digits = bytes.iter().flat_map(|byte| [byte >> 4, byte & 15]);
        digits.filter_map(|digit| char::from_digit(digit.into(), 16)).collect()
    }

    fn header<'a>(request: &'a HttpRequest, name: &str) -> &'a str {
        request.headers().get(name).unwrap_or_else(|| panic!("no {name}"))
    }

    /// The signature of a request as AWS computes it
    /// (<https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_sigv-create-signed-request.html>).
    fn signature_by_the_book(request: &HttpRequest, service: &str) -> String {
        let authorization = header(request, "authorization");
        let names = authorization.split_once("SignedHeaders=").unwrap().1.split(',').next().unwrap();
        // The host becomes a header when the request is sent.
        let host = request.uri().split('/').nth(2).unwrap();
        let value = |name: &str| if name == "host" { host } else { header(request, name) };
        let headers: Vec<_> = names.split(';').map(|name| format!("{name}:{}\n", value(name))).collect();
        let headers = headers.concat();
        let body = hex(digest(&SHA256, request.body().bytes().unwrap()).as_ref());
        let canonical = format!("POST\n/\n\n{headers}\n{names}\n{body}");
        let at = header(request, "x-amz-date");
        let scope = format!("{}/eu-west-1/{service}/aws4_request", &at[..8]);
        let to_sign = format!("AWS4-HMAC-SHA256\n{at}\n{scope}\n{}", hex(digest(&SHA256, canonical.as_bytes()).as_ref()));
        let secret = b"AWS4wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY".to_vec();
        let key = [&at[..8], "eu-west-1", service, "aws4_request"]
            .iter()
            .fold(secret, |key, part| hmac(&Key::new(HMAC_SHA256, &key), part.as_bytes()).as_ref().to_vec());
        hex(hmac(&Key::new(HMAC_SHA256, &key), to_sign.as_bytes()).as_ref())
    }

    #[test]
    fn a_request_is_signed_as_aws_reads_it() {
        let account = account(Http::new(), "eu-west-1", None);
        let at = UNIX_EPOCH + Duration::from_hours(498_732);
        for (service, name, target) in
            [(account.dynamodb(), "dynamodb", "DynamoDB_20120810.Do"), (account.sqs(), "sqs", "AmazonSQS.Do")]
        {
            let request = service.request("Do", br#"{"a":"\u00e9"}"#, at).unwrap();
            assert_eq!((request.method(), request.uri()), ("POST", format!("https://{name}.eu-west-1.amazonaws.com/").as_str()));
            assert_eq!(header(&request, "x-amz-target"), target);
            assert_eq!(header(&request, "content-type"), "application/x-amz-json-1.0");
            assert_eq!(header(&request, "x-amz-date"), "20261123T120000Z");
            let authorization = header(&request, "authorization");
            assert!(
                authorization.starts_with(&format!(
                    "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261123/eu-west-1/{name}/aws4_request, \
                     SignedHeaders=content-type;host;x-amz-date;x-amz-security-token;x-amz-target, Signature="
                )),
                "{authorization}"
            );
            assert!(authorization.ends_with(&signature_by_the_book(&request, name)), "{authorization}");
        }
    }

    #[test]
    fn a_service_is_where_its_partition_has_it_or_where_it_is_said_to_be() {
        for (region, url) in [
            ("eu-west-1", "https://sqs.eu-west-1.amazonaws.com/"),
            ("us-gov-west-1", "https://sqs.us-gov-west-1.amazonaws.com/"),
            ("cn-north-1", "https://sqs.cn-north-1.amazonaws.com.cn/"),
            ("eusc-de-east-1", "https://sqs.eusc-de-east-1.amazonaws.eu/"),
        ] {
            assert_eq!(account(Http::new(), region, None).sqs().url, url);
        }
        for endpoint in ["http://127.0.0.1:4566", "http://127.0.0.1:4566/"] {
            assert_eq!(account(Http::new(), "eu-west-1", Some(endpoint)).dynamodb().url, "http://127.0.0.1:4566/");
        }
    }

    #[tokio::test]
    async fn what_may_pass_is_asked_again_in_the_same_words() {
        for passing in [
            None,
            Some((500, "")),
            Some((503, "<html>")),
            Some((400, r#"{"__type":"com.amazonaws.dynamodb.v20120810#ProvisionedThroughputExceededException"}"#)),
            Some((400, r#"{"__type":"com.amazon.coral.availability#ThrottlingException:http://internal/","message":"slow"}"#)),
            Some((400, r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionInProgressException"}"#)),
        ] {
            let (outcome, asked) = call(&[passing, passing, Some((200, r#"{"Item":{}}"#))]).await;
            assert_eq!(outcome.unwrap(), json!({ "Item": {} }));
            let bodies: Vec<_> = asked.iter().map(|request| request.body().bytes().unwrap()).collect();
            assert_eq!(bodies, [br#"{"TableName":"carts"}"#; 3]);
            let (outcome, asked) = call(&[passing]).await;
            assert!(outcome.is_err());
            assert_eq!(asked.len(), 3, "trying again has an end");
        }
    }

    #[tokio::test]
    async fn what_is_refused_is_not_asked_again_and_says_why() {
        for (body, code, text) in [
            (r#"{"__type":"com.amazon.coral.validate#ValidationException","message":"no"}"#, "ValidationException", "no"),
            (r#"{"__type":"com.amazonaws.sqs#QueueDoesNotExist","Message":"gone"}"#, "QueueDoesNotExist", "gone"),
            (r#"{"__type":"ValidationException","message":"no","Message":"No"}"#, "ValidationException", "no"),
            (r#"{"__type":"ValidationException","message":null}"#, "ValidationException", ""),
            ("<html>", "400 Bad Request", ""),
            ("", "400 Bad Request", ""),
        ] {
            let (outcome, asked) = call(&[Some((400, body))]).await;
            let Err(CallError::Fault(fault)) = outcome else { panic!("{outcome:?}") };
            assert_eq!((fault.code.as_str(), fault.to_string(), asked.len()), (code, format!("{code}: {text}"), 1));
        }
    }

    #[tokio::test]
    async fn a_cancelled_transaction_says_why_for_each_of_its_writes() {
        let body = r#"{"__type":"com.amazonaws.dynamodb.v20120810#TransactionCanceledException","Message":"cancelled",
            "CancellationReasons":[{"Code":"None"},{"Code":"ConditionalCheckFailed","Message":"no","Item":{}}]}"#;
        let Err(CallError::Fault(fault)) = call(&[Some((400, body))]).await.0 else { panic!("a fault") };
        assert_eq!(
            (fault.code.as_str(), fault.reasons),
            ("TransactionCanceledException", vec!["None".to_owned(), "ConditionalCheckFailed".to_owned()])
        );
    }

    #[tokio::test]
    async fn an_answer_that_makes_no_sense_is_not_quoted() {
        let (outcome, asked) = call(&[Some((200, "a cookie"))]).await;
        assert_eq!((format!("{:?}", outcome.unwrap_err()), asked.len()), ("Answer".to_owned(), 1));
    }

    #[test]
    fn no_secret_is_shown_by_what_is_written_for_us() {
        let shown = format!("{:?}", account(Http::new(), "eu-west-1", None).dynamodb());
        assert!(!shown.contains("wJalr") && !shown.contains("a/token"), "{shown}");
    }
}
