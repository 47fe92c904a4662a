//! A call that failed: what was tried, why it failed, and what to do, for every service and every kind of failure.

use std::{error::Error as StdError, io, sync::Arc};

use aws_credential_types::provider::error::CredentialsError;
use aws_smithy_runtime_api::client::{orchestrator::HttpResponse, result::SdkError};
use aws_smithy_types::{DateTime, date_time::Format, error::metadata::ProvideErrorMetadata};

use super::{
    network::{Place, Unreached},
    proxy::Unusable,
    refusal::{Circumstances, Meaning, Refusal},
};
use crate::domain::{command::Command, moment::Moment, tame::tame};

/// The kind of failure, as far as the user's next step depends on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum ErrorKind {
    /// No credentials, or AWS does not accept them (any more).
    Credentials,
    /// The local cloud that runs has no credentials of its own.
    NoLocalKeys,
    /// No region is configured.
    NoRegion,
    /// A variable or a profile has a value that cannot be used.
    Usage,
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
    /// AWS has a problem of its own.
    Unavailable,
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
    pub(super) message: String,
    /// Instead of the hint of its kind.
    hint: Option<Box<str>>,
}

impl Error {
    pub(crate) fn new(operation: impl Into<String>, kind: ErrorKind, message: impl Into<String>) -> Self {
        // Most of it is what others say.
        Self { operation: tame(&operation.into()), kind, code: None, message: tame(&message.into()), hint: None }
    }

    pub(crate) fn kind(&self) -> ErrorKind {
        self.kind
    }

    /// The same error, classified as this kind.
    pub(super) fn of_kind(self, kind: ErrorKind) -> Self {
        Self { kind, hint: None, ..self }
    }

    pub(super) fn with_hint(self, hint: impl Into<String>) -> Self {
        Self { hint: Some(tame(&hint.into()).into()), ..self }
    }

    /// What to do about this error, where more is known than its kind.
    pub(crate) fn own_hint(&self) -> Option<String> {
        self.hint.as_ref().map(ToString::to_string)
    }

    pub(crate) fn hint(&self) -> Option<String> {
        if let Some(hint) = self.own_hint() {
            return Some(hint);
        }
        match self.kind {
            ErrorKind::Credentials => Some(format!(
                "sign in ({}, or AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY), choose a profile with `--profile`, or try everything \
                 without an account: {}",
                Command::aws("sso login"),
                Command::cartctl("local")
            )),
            ErrorKind::NoLocalKeys => Some(format!(
                "stop it with {}, then start it again with {}: accounts and carts are kept",
                Command::cartctl("local --stop"),
                Command::cartctl("local")
            )),
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
                let attach = Command::cartctl("attach");
                Some(format!("wait for the other deployment with {attach}, then run the same command again"))
            }
            ErrorKind::WrongAccount => {
                Some("choose the stage's own account (`--profile`), or correct the stage's section in cartctl.toml".to_owned())
            }
            ErrorKind::Throttled => Some("wait a moment, then run the same command again".to_owned()),
            ErrorKind::Unavailable => Some(
                "wait a few minutes, then run the same command again; https://health.aws.amazon.com/health/status shows what AWS knows"
                    .to_owned(),
            ),
            ErrorKind::NotFound | ErrorKind::Usage | ErrorKind::Other => None,
        }
    }

    /// Converts an error of the SDK.
    pub(super) fn sdk<E>(operation: impl Into<String>, error: SdkError<E, HttpResponse>) -> Self
    where
        E: ProvideErrorMetadata + StdError + Send + Sync + 'static,
    {
        let operation = operation.into();
        if let Some(answer) = error.raw_response() {
            if let Some(message) = not_aws(answer) {
                return Self::new(operation, ErrorKind::NotAws, message);
            }
            let service = error.as_service_error();
            let known = |of: Option<&str>| of.filter(|text| !text.is_empty()).map(str::to_owned);
            // A body that does not parse says nothing, unless the status does.
            if service.is_some() || !answer.status().is_success() {
                let told = Refusal {
                    status: answer.status().as_u16(),
                    code: known(service.and_then(ProvideErrorMetadata::code)),
                    message: known(service.and_then(ProvideErrorMetadata::message)),
                };
                return Self::refused(operation, told.or(refusal(answer)), answer);
            }
        }
        let unreachable = matches!(error, SdkError::DispatchFailure(_) | SdkError::TimeoutError(_));
        let source = error.into_source().unwrap_or_else(|error| Box::new(error));
        if let Some(known) = causes(&*source).find_map(|cause| cause.downcast_ref::<CredentialsError>()) {
            return credentials_error(known);
        }
        if let Some(known) = unreached(&*source) {
            return known;
        }
        let message = innermost(&*source);
        if !unreachable && causes(&*source).any(<dyn std::error::Error>::is::<hyper::Error>) {
            return Self::new(operation, ErrorKind::Unreachable, format!("the answer broke off: {message}"));
        }
        if unreachable {
            return Self::new(REACHING, ErrorKind::Unreachable, message);
        }
        Self::new(operation, ErrorKind::Other, message)
    }

    fn refused(operation: String, refusal: Refusal, answer: &HttpResponse) -> Self {
        let place = answer.extension::<Arc<Place>>().map(Arc::as_ref);
        let circumstances = Circumstances {
            region: place.map_or("", |place| &place.region),
            ahead: ahead(answer),
            renewal: place.and_then(|place| place.renewal.as_deref()),
        };
        let Meaning { kind, message, hint } = refusal.meaning(&circumstances);
        Self {
            code: refusal.code.map(Into::into),
            hint: hint.map(|hint| tame(&hint).into()),
            ..Self::new(operation, kind, message)
        }
    }

    pub(super) fn has_code(&self, code: &str) -> bool {
        self.code.as_deref() == Some(code)
    }
}

/// Of several calls at once any may fail first, and none is to blame.
const REACHING: &str = "reaching AWS";

/// Why a request got no answer, if that is in an error.
fn unreached(error: &(dyn StdError + 'static)) -> Option<Error> {
    causes(error).find_map(|cause| {
        if let Some(unreached) = cause.downcast_ref::<Unreached>() {
            let kind = if unreached.is_about_the_region() { ErrorKind::NoRegion } else { ErrorKind::Unreachable };
            return Some(Error::new(REACHING, kind, unreached.to_string()).with_hint(unreached.hint()));
        }
        let unusable = cause.downcast_ref::<Unusable>()?;
        Some(Error::new(REACHING, ErrorKind::Usage, unusable.to_string()).with_hint(unusable.hint()))
    })
}

/// What an answer says about a refusal.
pub(super) fn refusal(answer: &HttpResponse) -> Refusal {
    let header = answer.headers().get("x-amzn-errortype");
    Refusal::read(answer.status().as_u16(), header, answer.body().bytes().unwrap_or_default())
}

/// How far this machine's clock is ahead of that of an answer, in seconds.
fn ahead(answer: &HttpResponse) -> Option<i64> {
    let date = DateTime::from_str(answer.headers().get("date")?, Format::HttpDate).ok()?;
    Some(Moment::now().millis() / 1000 - date.secs())
}

/// Describes an answer in HTML, which no AWS service that is called here sends.
fn not_aws(answer: &HttpResponse) -> Option<String> {
    let kind = answer.headers().get("content-type").filter(|kind| kind.starts_with("text/html"))?;
    Some(format!("the answer is {} {kind}, which is not from AWS", answer.status().as_u16()))
}

/// Why there are no credentials.
pub(super) fn credentials_error(error: &CredentialsError) -> Error {
    known(error).unwrap_or_else(|| Error::new("finding credentials", ErrorKind::Credentials, innermost(error)))
}

/// An error of ours that the SDK has wrapped, or why it got no answer.
pub(super) fn known(error: &(dyn StdError + 'static)) -> Option<Error> {
    causes(error).find_map(|cause| cause.downcast_ref::<Error>()).cloned().or_else(|| unreached(error))
}

/// An error and its causes, those within errors of input and output included.
pub(super) fn causes<'a>(error: &'a (dyn StdError + 'static)) -> impl Iterator<Item = &'a (dyn StdError + 'static)> {
    std::iter::successors(Some(error), |&error| match error.downcast_ref::<io::Error>() {
        Some(error) => error.get_ref().map(|inner| inner as &(dyn StdError + 'static)),
        None => error.source(),
    })
}

/// The innermost cause: the SDK's outer errors say only that something failed.
pub(super) fn innermost(error: &(dyn StdError + 'static)) -> String {
    causes(error).last().map_or_else(String::new, ToString::to_string)
}

#[cfg(test)]
mod tests {
    use aws_sdk_cloudformation::operation::describe_stacks::DescribeStacksError;
    use aws_smithy_types::body::SdkBody;

    use super::*;

    fn failed(status: u16, headers: &[(&'static str, &'static str)], body: &'static str) -> Error {
        let mut answer = HttpResponse::new(status.try_into().unwrap(), SdkBody::from(body));
        for (name, value) in headers {
            answer.headers_mut().insert(*name, *value);
        }
        Error::sdk("describing the stack cart", SdkError::<DescribeStacksError, _>::response_error("no XML", answer))
    }

    #[test]
    fn a_login_page_is_not_taken_for_an_answer_of_aws() {
        let page = failed(200, &[("content-type", "text/html; charset=utf-8")], "<html>");
        let message = "describing the stack cart failed: the answer is 200 text/html; charset=utf-8, which is not from AWS";
        assert_eq!((page.kind(), page.to_string().as_str()), (ErrorKind::NotAws, message));
        assert!(page.hint().unwrap().contains("--endpoint-url"));
        assert_eq!(failed(200, &[("content-type", "text/xml")], "<html>").to_string(), "describing the stack cart failed: no XML");
    }

    #[test]
    fn a_refusal_that_the_sdk_cannot_parse_is_read_all_the_same() {
        let busy = failed(503, &[], "upstream connect error");
        assert_eq!((busy.kind(), busy.to_string().contains("AWS answered 503 without a reason")), (ErrorKind::Unavailable, true));
        let expired = failed(403, &[("x-amzn-errortype", "ExpiredTokenException:http://internal/")], "");
        assert_eq!((expired.kind(), expired.has_code("ExpiredTokenException")), (ErrorKind::Credentials, true));
    }

    #[test]
    fn a_clock_is_compared_with_that_of_the_answer() {
        let late = failed(403, &[("date", "Thu, 01 Jan 1970 00:00:00 GMT")], "<Error><Code>RequestTimeTooSkewed</Code></Error>");
        let told = late.to_string();
        assert!(told.contains("the clock of this machine is ") && told.contains(" min ahead of that of AWS"), "{told}");
    }
}
