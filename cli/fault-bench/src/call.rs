//! A call of an AWS operation: read from a request, and answered in the words of its service. Knows nothing of what operations do.

use std::collections::BTreeMap;

use serde_json::{Value as Json, json};

use crate::{
    account::Account,
    wire::{Answer, Request},
    xml,
};

/// The services there are.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Service {
    CloudFormation,
    Sts,
    Ssm,
    S3,
    ApiGateway,
    CloudFront,
    Logs,
    /// One that speaks JSON, by the prefix of its operations, such as `DynamoDB_20120810`.
    Other(String),
}

/// How the headers of S3 begin that say what an object is to be, or what is asked about it.
const OF_OBJECTS: [&str; 2] = ["x-amz-checksum-", "x-amz-server-side-encryption"];

/// A call.
#[derive(Clone, Debug)]
pub struct Call {
    /// Of which service.
    pub service: Service,
    /// For example `DescribeStacks`.
    pub operation: String,
    /// What it was given.
    pub arguments: BTreeMap<String, String>,
    /// What was uploaded, or asked of a service that speaks JSON.
    pub body: Vec<u8>,
}

/// Why a call is not done.
#[derive(Clone, Debug)]
pub struct Refusal {
    status: u16,
    /// For example `ValidationError`.
    pub code: &'static str,
    message: String,
}

impl Refusal {
    pub fn new(status: u16, code: &'static str, message: impl Into<String>) -> Self {
        Self { status, code, message: message.into() }
    }

    /// What CloudFormation says about nearly everything it does not do.
    pub fn validation(message: String) -> Self {
        Self::new(400, "ValidationError", message)
    }
}

impl Call {
    /// What a request asks for.
    pub(crate) fn of(request: Request) -> Self {
        let Request { method, path, headers, body } = request;
        let text = |name: &str, value: &str| (name.to_owned(), value.to_owned());
        if let Some((target, operation)) = headers.get("x-amz-target").and_then(|target| target.split_once('.')) {
            let service = match target {
                "AmazonSSM" => Service::Ssm,
                "Logs_20140328" => Service::Logs,
                target => Service::Other(target.to_owned()),
            };
            let arguments: Json = serde_json::from_slice(&body).unwrap_or_default();
            let plain = |value: &Json| value.as_str().map_or_else(|| value.to_string(), str::to_owned);
            let arguments = arguments.as_object().into_iter().flatten().map(|(name, value)| (name.clone(), plain(value))).collect();
            return Self { service, operation: operation.to_owned(), arguments, body };
        }
        if method == "POST" && path == "/" {
            let mut arguments: BTreeMap<String, String> = form_urlencoded::parse(&body).into_owned().collect();
            let operation = arguments.remove("Action").unwrap_or_default();
            let sts = arguments.remove("Version").is_some_and(|version| version == "2011-06-15");
            let service = if sts { Service::Sts } else { Service::CloudFormation };
            return Self { service, operation, arguments, body: Vec::new() };
        }
        if method == "GET" && path == "/account" {
            let (operation, arguments) = ("GetAccount".to_owned(), BTreeMap::new());
            return Self { service: Service::ApiGateway, operation, arguments, body };
        }
        if let Some(rest) = path.strip_prefix("/2020-05-31/distribution/")
            && let Some(distribution) = rest.strip_suffix("/invalidation")
        {
            let arguments = [text("DistributionId", distribution)].into();
            return Self { service: Service::CloudFront, operation: "CreateInvalidation".to_owned(), arguments, body };
        }
        let (bucket, key) = path[1..].split_once('/').unwrap_or((&path[1..], ""));
        let operation = match (method.as_str(), key) {
            ("HEAD", "") => "HeadBucket".to_owned(),
            ("HEAD", _) => "HeadObject".to_owned(),
            ("PUT", _) => "PutObject".to_owned(),
            ("DELETE", _) => "DeleteObject".to_owned(),
            (method, _) => method.to_owned(),
        };
        let owner = headers.get("x-amz-expected-bucket-owner").map(|owner| text("ExpectedBucketOwner", owner));
        let told = headers.iter().filter(|(name, _)| OF_OBJECTS.iter().any(|beginning| name.starts_with(beginning)));
        let told = told.map(|(name, value)| text(name, value));
        let arguments = [text("Bucket", bucket), text("Key", key)].into_iter().chain(owner).chain(told).collect();
        Self { service: Service::S3, operation, arguments, body }
    }

    /// What it was given under this name.
    pub fn argument(&self, name: &str) -> Option<&str> {
        self.arguments.get(name).map(String::as_str)
    }

    /// Whether it was given `true` under this name.
    pub fn flag(&self, name: &str) -> bool {
        self.argument(name) == Some("true")
    }

    /// What marks a repetition as one.
    pub fn token(&self) -> Option<String> {
        self.argument("ClientRequestToken").or_else(|| self.argument("ClientToken")).map(str::to_owned)
    }

    /// A list it was given; of a list of structures this field.
    pub fn members(&self, list: &str, field: &str) -> Vec<String> {
        let dot = if field.is_empty() { "" } else { "." };
        let member = |place| self.arguments.get(&format!("{list}.member.{place}{dot}{field}")).cloned();
        (1..).map_while(member).collect()
    }

    /// The name of the stack it is about.
    pub fn stack(&self, account: &Account) -> Option<String> {
        let set = self.argument("ChangeSetName").and_then(|name| account.change_set(self.argument("StackName"), name));
        let place = set.map(|(place, _)| place).or_else(|| account.find(self.argument("StackName")?));
        place.map_or_else(|| self.argument("StackName").map(str::to_owned), |place| Some(account.stacks[place].name.clone()))
    }

    /// The answer, as the service puts it.
    pub(crate) fn reply(&self, answer: &Result<Json, Refusal>) -> Answer {
        let mut headers = Vec::new();
        let (status, content_type, body) = match (&self.service, answer) {
            (Service::CloudFormation | Service::Sts, Ok(result)) => {
                let [response, inner] = ["Response", "Result"].map(|suffix| format!("{}{suffix}", self.operation));
                let metadata = json!({ "RequestId": "a-request" });
                (200, "text/xml", xml::element(&response, &json!({ inner: result, "ResponseMetadata": metadata })))
            }
            (Service::CloudFormation | Service::Sts, Err(Refusal { status, code, message })) => {
                let kind = if *status < 500 { "Sender" } else { "Receiver" };
                let error = json!({ "Type": kind, "Code": code, "Message": message });
                (*status, "text/xml", xml::element("ErrorResponse", &json!({ "Error": error, "RequestId": "a-request" })))
            }
            (Service::Ssm | Service::Logs | Service::Other(_), Ok(result)) => {
                (200, "application/x-amz-json-1.1", result.to_string())
            }
            (Service::ApiGateway, Ok(result)) => (200, "application/json", result.to_string()),
            (Service::Ssm | Service::Logs | Service::Other(_), Err(Refusal { status, code, message })) => {
                (*status, "application/x-amz-json-1.1", json!({ "__type": code, "message": message }).to_string())
            }
            // The code of an error is in a header, with an address that nobody needs.
            (Service::ApiGateway, Err(Refusal { status, code, message })) => {
                headers.push((
                    "x-amzn-errortype".to_owned(),
                    format!("{code}:http://internal.amazon.com/coral/com.amazonaws.backplane.controlplane/"),
                ));
                (*status, "application/json", json!({ "message": message }).to_string())
            }
            (Service::CloudFront, Ok(result)) => (201, "text/xml", xml::element("Invalidation", result)),
            (Service::CloudFront, Err(Refusal { status, code, message })) => {
                let error = json!({ "Type": "Sender", "Code": code, "Message": message });
                (*status, "text/xml", xml::element("ErrorResponse", &json!({ "Error": error, "RequestId": "a-request" })))
            }
            (Service::S3, Ok(result)) => {
                let told = result.as_object().into_iter().flatten();
                let told = told.filter_map(|(name, value)| Some((name.clone(), value.as_str()?.to_owned())));
                headers.extend(told);
                (200, "application/xml", String::new())
            }
            (Service::S3, Err(Refusal { status, code, message })) => {
                (*status, "application/xml", xml::element("Error", &json!({ "Code": code, "Message": message })))
            }
        };
        Answer { status, content_type, headers, body }
    }
}
