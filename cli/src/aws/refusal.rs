//! What AWS means where it refuses a call, in whichever form it says so. Pure: status, headers and body go in, and a kind, words and a next step
//! come out.
//!
//! Services name an error in the body (XML or JSON), in a header, or not at all:
//! <https://smithy.io/2.0/aws/protocols/aws-json-1_1-protocol.html#operation-error-serialization>,
//! <https://smithy.io/2.0/aws/protocols/aws-query-protocol.html#operation-error-serialization>. The codes that all services share:
//! <https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/CommonErrors.html>.

use serde::Deserialize;

use super::{ErrorKind, regions::is_opt_in};
use crate::domain::{cause::Denial, command::Command};

/// An answer that is no success.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Refusal {
    pub status: u16,
    /// Without namespace and documentation, for example `ExpiredToken`.
    pub code: Option<String>,
    pub message: Option<String>,
}

/// What is known about the call.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Circumstances<'a> {
    /// The region that was called.
    pub region: &'a str,
    /// How far this machine's clock is ahead of AWS's, in seconds, if the answer says what time it is.
    pub ahead: Option<i64>,
    /// What renews the credentials.
    pub renewal: Option<&'a str>,
}

/// A refusal, understood.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Meaning {
    pub kind: ErrorKind,
    pub message: String,
    /// Instead of the hint of the kind.
    pub hint: Option<String>,
}

/// Why a call is refused, as far as words and next step depend on it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Why {
    Clock,
    Expired,
    UnknownKey,
    WrongSecret,
    Unsigned,
    RegionNotEnabled,
    AccountNotReady,
    Mfa,
    Denied,
    NotFound,
    Throttled,
    Unavailable,
    Busy,
    Redirected,
    Unknown,
}

/// An error in JSON. Services differ in how they spell the names.
#[derive(Default, Deserialize)]
#[serde(default)]
struct Json {
    #[serde(rename = "__type", alias = "code", alias = "Code")]
    code: Option<String>,
    #[serde(alias = "Message", alias = "errorMessage")]
    message: Option<String>,
}

impl Refusal {
    /// Reads an answer. The header is `x-amzn-errortype`.
    pub(super) fn read(status: u16, header: Option<&str>, body: &[u8]) -> Self {
        let text = String::from_utf8_lossy(body);
        let (code, message) = if text.trim_start().starts_with('<') {
            (element(&text, "Code"), element(&text, "Message").or_else(|| element(&text, "message")))
        } else {
            let Json { code, message } = serde_json::from_slice(body).unwrap_or_default();
            (code, message)
        };
        let code = header.map(str::to_owned).or(code).map(|code| plain(&code).to_owned()).filter(|code| !code.is_empty());
        Self { status, code, message: message.filter(|message| !message.trim().is_empty()) }
    }

    /// The same with what is missing here from another reading.
    pub(super) fn or(self, other: Self) -> Self {
        Self { status: self.status, code: self.code.or(other.code), message: self.message.or(other.message) }
    }

    pub(super) fn meaning(&self, circumstances: &Circumstances<'_>) -> Meaning {
        let why = self.why(circumstances.region);
        let said = self.said();
        let region = circumstances.region;
        let renewed = |otherwise: &str| Some(circumstances.renewal.unwrap_or(otherwise).to_owned());
        let (kind, message, hint) = match why {
            Why::Clock => {
                let hint = "set the clock of this machine (`timedatectl set-ntp true`), then run the same command again";
                (ErrorKind::Credentials, format!("{}: {said}", clock(circumstances.ahead)), Some(hint.to_owned()))
            }
            Why::Expired => (
                ErrorKind::Credentials,
                format!("the session of these credentials has ended: {said}"),
                renewed(&format!(
                    "sign in again ({}, {}, or new keys), then run the same command again",
                    Command::aws("sso login"),
                    Command::aws("login")
                )),
            ),
            Why::UnknownKey if is_opt_in(region) => (
                ErrorKind::Credentials,
                format!("the account has not enabled the region {region}, or AWS does not know these credentials: {said}"),
                Some(enabling(region)),
            ),
            Why::UnknownKey => (
                ErrorKind::Credentials,
                format!("AWS does not know these credentials: {said}"),
                Some(format!(
                    "check them with {}; temporary keys have a session token as well",
                    Command::aws("sts get-caller-identity")
                )),
            ),
            Why::WrongSecret => (
                ErrorKind::Credentials,
                format!("the secret access key is not the one of this access key: {said}"),
                Some("copy both keys again, and look for a character that was lost".to_owned()),
            ),
            Why::Unsigned => (
                ErrorKind::Credentials,
                format!("the signature did not arrive at AWS: {said}"),
                Some("check whether a proxy on the way removes the header `Authorization`".to_owned()),
            ),
            Why::RegionNotEnabled => {
                (ErrorKind::Credentials, format!("the account has not enabled the region {region}: {said}"), Some(enabling(region)))
            }
            Why::AccountNotReady => (
                ErrorKind::Credentials,
                format!("the account may not use this service yet: {said}"),
                Some(
                    "finish signing the account up (payment and phone number), or enable the region, in the AWS console".to_owned(),
                ),
            ),
            Why::Mfa => (
                ErrorKind::Credentials,
                format!("a code of an MFA device is required, or was wrong: {said}"),
                Some("use a profile with `mfa_serial` (`--profile`), and wait for a new code: each works once".to_owned()),
            ),
            Why::Denied => {
                let denial = Denial::of(&said);
                let hint = denial.action.is_some().then(|| denial.hint());
                (ErrorKind::Denied, said, hint)
            }
            Why::NotFound => (ErrorKind::NotFound, said, None),
            Why::Throttled => (ErrorKind::Throttled, said, None),
            Why::Unavailable => (ErrorKind::Unavailable, said, None),
            Why::Busy => (ErrorKind::Busy, said, None),
            Why::Redirected => {
                (ErrorKind::NotAws, format!("the answer points to another address, which AWS does not do here: {said}"), None)
            }
            Why::Unknown => (ErrorKind::Other, said, None),
        };
        Meaning { kind, message, hint }
    }

    /// The words of the service.
    fn said(&self) -> String {
        match (&self.message, &self.code) {
            (Some(message), Some(code)) => format!("{message} ({code})"),
            (Some(message), None) => format!("{message} ({})", self.status),
            (None, Some(code)) => code.clone(),
            (None, None) => format!("AWS answered {} without a reason", self.status),
        }
    }

    fn why(&self, region: &str) -> Why {
        let message = self.message.as_deref().unwrap_or_default().to_ascii_lowercase();
        let says = |fragments: &[&str]| fragments.iter().any(|fragment| message.contains(fragment));
        if says(BUSY) {
            return Why::Busy;
        }
        match self.code.as_deref() {
            Some("RequestTimeTooSkewed" | "RequestInTheFuture" | "RequestExpired") => Why::Clock,
            Some("SignatureDoesNotMatch" | "InvalidSignatureException" | "AuthFailure" | "IncompleteSignature") if says(CLOCK) => {
                Why::Clock
            }
            Some("ExpiredToken" | "ExpiredTokenException" | "TokenRefreshRequired" | "ExpiredTokenIdException") => Why::Expired,
            Some("RegionDisabledException" | "RegionDisabled") => Why::RegionNotEnabled,
            Some("OptInRequired") if is_opt_in(region) => Why::RegionNotEnabled,
            Some("OptInRequired" | "SubscriptionRequiredException" | "NotSignedUp" | "PendingVerification") => Why::AccountNotReady,
            Some(
                "InvalidClientTokenId"
                | "UnrecognizedClientException"
                | "InvalidAccessKeyId"
                | "AuthFailure"
                | "InvalidToken"
                | "InvalidSecurity"
                | "InvalidIdentityToken"
                | "InvalidIdentityTokenException",
            ) => {
                if says(&["expired"]) {
                    Why::Expired
                } else {
                    Why::UnknownKey
                }
            }
            Some("SignatureDoesNotMatch" | "InvalidSignatureException") => Why::WrongSecret,
            Some(
                "MissingAuthenticationToken"
                | "MissingAuthenticationTokenException"
                | "IncompleteSignature"
                | "MissingSecurityHeader",
            ) => Why::Unsigned,
            Some(
                "AccessDenied"
                | "AccessDeniedException"
                | "UnauthorizedOperation"
                | "UnauthorizedException"
                | "NotAuthorized"
                | "NotAuthorizedException"
                | "AuthorizationError"
                | "Forbidden"
                | "ForbiddenException"
                | "AllAccessDisabled",
            ) => {
                if says(&["multifactorauth", "one time pass code", "mfa"]) {
                    Why::Mfa
                } else if says(&["security token included in the request is expired"]) {
                    Why::Expired
                } else {
                    Why::Denied
                }
            }
            Some(
                "NotFound" | "NotFoundException" | "NoSuchBucket" | "NoSuchKey" | "ParameterNotFound" | "ResourceNotFoundException",
            ) => Why::NotFound,
            Some("OperationInProgressException" | "InvalidChangeSetStatus" | "ChangeSetNotFound") => Why::Busy,
            Some(code) if aws_runtime::retries::classifiers::THROTTLING_ERRORS.contains(&code) => Why::Throttled,
            Some("RequestLimitExceededException" | "Throttled") => Why::Throttled,
            Some(
                "ServiceUnavailable" | "ServiceUnavailableException" | "InternalFailure" | "InternalError" | "InternalServerError",
            ) => Why::Unavailable,
            _ => self.why_by_status(&message),
        }
    }

    /// Where no code is known.
    fn why_by_status(&self, message: &str) -> Why {
        match self.status {
            401 | 403 if message.contains("security token") && message.contains("expired") => Why::Expired,
            401 | 403 if CLOCK.iter().any(|fragment| message.contains(fragment)) => Why::Clock,
            401 | 403 if self.code.is_none() => Why::Denied,
            404 if self.code.is_none() => Why::NotFound,
            429 => Why::Throttled,
            300..=399 if self.code.is_none() => Why::Redirected,
            500.. => Why::Unavailable,
            _ => Why::Unknown,
        }
    }
}

/// CloudFormation refuses an operation because of another one, running or since completed, and has no code for that.
const BUSY: &[&str] = &["_in_progress state and can not be", "cannot be created again", "cannot be deleted while in status"];

/// How services say that a signature is from another time.
const CLOCK: &[&str] = &[
    "signature expired",
    "signature not yet current",
    "is now earlier than",
    "is not yet current",
    "request has expired",
    "request time and the current time is too large",
    "date in credential scope",
];

/// The code without its namespace and without the address behind it: `com.amazonaws.logs#Throttled:http://…`.
fn plain(code: &str) -> &str {
    let code = code.rsplit('#').next().unwrap_or_default();
    code.split(':').next().unwrap_or_default().trim()
}

/// The text of the first element of this name.
fn element(xml: &str, name: &str) -> Option<String> {
    let (_, rest) = xml.split_once(&format!("<{name}>"))?;
    let (text, _) = rest.split_once(&format!("</{name}>"))?;
    let text = text.replace("&lt;", "<").replace("&gt;", ">").replace("&quot;", "\"").replace("&apos;", "'").replace("&amp;", "&");
    Some(text)
}

fn clock(ahead: Option<i64>) -> String {
    match ahead {
        Some(seconds) if seconds.abs() >= 60 => {
            let minutes = seconds.abs() / 60;
            let way = if seconds > 0 { "ahead of" } else { "behind" };
            format!("the clock of this machine is {minutes} min {way} that of AWS")
        }
        _ => "the clock of this machine differs from that of AWS".to_owned(),
    }
}

fn enabling(region: &str) -> String {
    // Every account may use this region.
    let enable = Command::aws("account enable-region --region us-east-1 --region-name").with(region);
    let check = Command::aws("sts get-caller-identity --region us-east-1");
    format!(
        "enable the region with {enable}, which takes minutes, or choose another one with `--region`; {check} checks the credentials"
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    const IRELAND: Circumstances<'_> = Circumstances { region: "eu-west-1", ahead: None, renewal: None };

    /// The same error in every form that a service may give it.
    fn forms(status: u16, code: &str, message: &str) -> [(&'static str, Refusal); 9] {
        let xml = |text: String| Refusal::read(status, None, text.as_bytes());
        let query = format!(
            "<ErrorResponse><Error><Type>Sender</Type><Code>{code}</Code><Message>{message}</Message></Error></ErrorResponse>"
        );
        let ec2 = format!("<Response><Errors><Error><Code>{code}</Code><Message>{message}</Message></Error></Errors></Response>");
        let s3 = format!("<?xml version=\"1.0\"?>\n<Error><Code>{code}</Code><Message>{message}</Message></Error>");
        let json = |text: String| Refusal::read(status, None, text.as_bytes());
        let header = |code: String, text: String| Refusal::read(status, Some(&code), text.as_bytes());
        [
            ("query", xml(query)),
            ("ec2", xml(ec2)),
            ("s3", xml(s3)),
            ("json", json(format!(r#"{{"__type":"{code}","message":"{message}"}}"#))),
            ("json with a namespace", json(format!(r#"{{"__type":"com.amazonaws.logs#{code}","Message":"{message}"}}"#))),
            ("json code", json(format!(r#"{{"code":"{code}","message":"{message}"}}"#))),
            ("header", header(code.to_owned(), format!(r#"{{"message":"{message}"}}"#))),
            ("header with a URL", header(format!("{code}:http://internal.amazon.com/"), format!(r#"{{"Message":"{message}"}}"#))),
            ("header with a namespace", header(format!("aws.protocoltests#{code}"), format!(r#"{{"message":"{message}"}}"#))),
        ]
    }

    #[test]
    fn every_refusal_has_its_words_in_every_form() {
        use ErrorKind::{Credentials, Denied, NotFound, Other, Throttled, Unavailable};
        let expired = "The security token included in the request is expired";
        let invalid = "The security token included in the request is invalid";
        for (status, code, message, kind, begins) in [
            (403, "RequestTimeTooSkewed", "The difference is too large", Credentials, "the clock of this machine"),
            (403, "SignatureDoesNotMatch", "Signature expired: 1 is now earlier than 2", Credentials, "the clock of this machine"),
            (
                403,
                "SignatureDoesNotMatch",
                "Signature not yet current: 1 is still later than 2",
                Credentials,
                "the clock of this machine",
            ),
            (
                400,
                "InvalidSignatureException",
                "Signature expired: 1 is now earlier than 2",
                Credentials,
                "the clock of this machine",
            ),
            (400, "RequestExpired", "Request has expired.", Credentials, "the clock of this machine"),
            (403, "SignatureDoesNotMatch", "The request signature we calculated", Credentials, "the secret access key is not"),
            (400, "InvalidSignatureException", "The request signature we calculated", Credentials, "the secret access key is not"),
            (403, "ExpiredToken", expired, Credentials, "the session of these credentials has ended"),
            (400, "ExpiredTokenException", expired, Credentials, "the session of these credentials has ended"),
            (400, "UnrecognizedClientException", expired, Credentials, "the session of these credentials has ended"),
            (403, "AccessDeniedException", expired, Credentials, "the session of these credentials has ended"),
            (403, "InvalidClientTokenId", invalid, Credentials, "AWS does not know these credentials"),
            (400, "UnrecognizedClientException", invalid, Credentials, "AWS does not know these credentials"),
            (
                403,
                "InvalidAccessKeyId",
                "The AWS Access Key Id you provided does not exist",
                Credentials,
                "AWS does not know these",
            ),
            (
                401,
                "AuthFailure",
                "AWS was not able to validate the provided access credentials",
                Credentials,
                "AWS does not know these",
            ),
            (
                403,
                "MissingAuthenticationToken",
                "Request is missing Authentication Token",
                Credentials,
                "the signature did not arrive",
            ),
            (
                403,
                "OptInRequired",
                "The AWS Access Key Id needs a subscription",
                Credentials,
                "the account may not use this service",
            ),
            (
                403,
                "RegionDisabledException",
                "STS is not activated",
                Credentials,
                "the account has not enabled the region eu-west-1",
            ),
            (
                403,
                "AccessDenied",
                "MultiFactorAuthentication failed with invalid MFA one time pass code.",
                Credentials,
                "a code of an MFA",
            ),
            (403, "AccessDenied", "Access Denied", Denied, "Access Denied (AccessDenied)"),
            (400, "AccessDeniedException", "User: u is not authorized to perform: a:B", Denied, "User: u is not authorized"),
            (404, "NoSuchBucket", "The bucket does not exist", NotFound, "The bucket"),
            (400, "Throttling", "Rate exceeded", Throttled, "Rate exceeded (Throttling)"),
            (429, "TooManyRequestsException", "Too Many Requests", Throttled, "Too Many"),
            (503, "SlowDown", "Please reduce your request rate.", Throttled, "Please"),
            (503, "ServiceUnavailable", "Service is unavailable", Unavailable, "Service is"),
            (500, "InternalFailure", "unknown", Unavailable, "unknown (InternalFailure)"),
            (500, "SomethingNew", "unknown", Unavailable, "unknown (SomethingNew)"),
            (400, "ValidationError", "Stack with id it does not exist", Other, "Stack with id it does not exist (ValidationError)"),
        ] {
            for (form, refusal) in forms(status, code, message) {
                let meaning = refusal.meaning(&IRELAND);
                assert_eq!(meaning.kind, kind, "{code} as {form}: {meaning:?}");
                assert!(meaning.message.starts_with(begins) && meaning.message.contains(code), "{code} as {form}: {meaning:?}");
                assert!(meaning.hint.is_some() || kind != Credentials, "{code} as {form}");
            }
        }
    }

    #[test]
    fn a_status_alone_says_something() {
        for (status, body, kind) in [
            (401, "", ErrorKind::Denied),
            (403, "", ErrorKind::Denied),
            (403, r#"{"message":"The security token included in the request is expired"}"#, ErrorKind::Credentials),
            (403, r#"{"message":"Signature expired: 1 is now earlier than 2"}"#, ErrorKind::Credentials),
            (404, "", ErrorKind::NotFound),
            (429, "", ErrorKind::Throttled),
            (500, "", ErrorKind::Unavailable),
            (502, "bad gateway", ErrorKind::Unavailable),
            (503, "{}", ErrorKind::Unavailable),
            (307, "", ErrorKind::NotAws),
            (400, "", ErrorKind::Other),
            (418, "{not json", ErrorKind::Other),
        ] {
            let meaning = Refusal::read(status, None, body.as_bytes()).meaning(&IRELAND);
            assert_eq!(meaning.kind, kind, "{status} {body}");
            assert!(meaning.message.contains(&status.to_string()), "{meaning:?}");
        }
    }

    #[test]
    fn a_region_that_has_to_be_enabled_is_named() {
        for code in ["UnrecognizedClientException", "InvalidClientTokenId", "AuthFailure", "OptInRequired"] {
            let meaning = |region| {
                let refusal = Refusal { status: 403, code: Some(code.to_owned()), message: None };
                refusal.meaning(&Circumstances { region, ..Circumstances::default() })
            };
            let there = meaning("ap-east-1");
            assert!(there.message.starts_with("the account has not enabled the region ap-east-1"), "{there:?}");
            assert!(there.hint.unwrap().contains("`aws account enable-region --region us-east-1 --region-name ap-east-1`"));
            for region in ["eu-west-1", "cn-north-1", "us-gov-west-1", ""] {
                assert!(!meaning(region).message.contains("enabled the region"), "{region}");
            }
        }
    }

    #[test]
    fn a_clock_is_said_to_be_ahead_or_behind() {
        let refusal = Refusal { status: 403, code: Some("RequestTimeTooSkewed".to_owned()), message: None };
        let message = |ahead| refusal.meaning(&Circumstances { ahead, ..IRELAND }).message;
        assert_eq!(message(Some(1260)), "the clock of this machine is 21 min ahead of that of AWS: RequestTimeTooSkewed");
        assert_eq!(message(Some(-7300)), "the clock of this machine is 121 min behind that of AWS: RequestTimeTooSkewed");
        assert_eq!(message(None), "the clock of this machine differs from that of AWS: RequestTimeTooSkewed");
    }

    #[test]
    fn a_denial_names_what_is_to_be_allowed() {
        let message = "User: arn:aws:iam::1:user/me is not authorized to perform: logs:FilterLogEvents on resource: arn:aws:logs:a";
        let meaning = Refusal { status: 400, code: Some("AccessDeniedException".to_owned()), message: Some(message.to_owned()) };
        let hint = meaning.meaning(&IRELAND).hint.unwrap();
        assert!(hint.starts_with("allow the user me `logs:FilterLogEvents` on `arn:aws:logs:a"), "{hint}");
    }

    #[test]
    fn what_renews_credentials_is_said_where_it_is_known() {
        let refusal = Refusal { status: 400, code: Some("ExpiredToken".to_owned()), message: None };
        let renewal = Some("sign in with `aws sso login --profile x`");
        assert_eq!(refusal.meaning(&Circumstances { renewal, ..IRELAND }).hint.as_deref(), renewal);
        assert!(refusal.meaning(&IRELAND).hint.unwrap().starts_with("sign in again"));
    }

    #[test]
    fn entities_are_read() {
        let body = b"<Error><Code>A</Code><Message>&lt;a&gt; &amp;amp; &quot;b&quot;</Message></Error>";
        assert_eq!(Refusal::read(400, None, body).message.as_deref(), Some("<a> &amp; \"b\""));
    }
}
