//! IAM policy documents, for roles, queues and buckets alike. Knows nothing of what is granted to whom.
//!
//! See the [grammar](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html).

use serde::Serialize;
use serde_json::{Value as Json, json};

use super::value::{Arn, Value};

/// A policy.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Document {
    version: &'static str,
    statement: Vec<Statement>,
}

impl From<Vec<Statement>> for Document {
    fn from(statement: Vec<Statement>) -> Self {
        Self { version: "2012-10-17", statement }
    }
}

/// One rule of a policy. Its `Sid` says what it is for.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Statement {
    sid: &'static str,
    effect: &'static str,
    principal: Option<Json>,
    action: Vec<&'static str>,
    resource: Vec<Value<String>>,
    condition: Option<Json>,
    #[serde(skip)]
    wildcard: Option<&'static str>,
}

impl Statement {
    /// Allows actions on one resource.
    #[must_use]
    pub fn allow<A: Arn>(sid: &'static str, actions: &[&'static str], resource: Value<A>) -> Self {
        Self::new(sid, "Allow", actions, vec![resource.text()])
    }

    /// Allows actions on everything that matches a pattern, which takes a reason.
    #[must_use]
    pub fn allow_wildcard(sid: &'static str, actions: &[&'static str], pattern: Value<String>, reason: &'static str) -> Self {
        Self { wildcard: Some(reason), ..Self::new(sid, "Allow", actions, vec![pattern]) }
    }

    /// Allows an AWS service something on behalf of one thing of ours, as a resource's own policy: a service works for everybody, and
    /// [would do it for others as well](https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html).
    #[must_use]
    pub fn allow_service<A: Arn>(
        sid: &'static str,
        service: &'static str,
        action: &'static str,
        resource: Value<String>,
        on_behalf_of: &Value<A>,
    ) -> Self {
        let principal = json!({ "Service": service });
        let condition = json!({ "StringEquals": { "aws:SourceArn": on_behalf_of } });
        Self { principal: Some(principal), condition: Some(condition), ..Self::new(sid, "Allow", &[action], vec![resource]) }
    }

    /// Refuses whoever does not use TLS, as a resource's own policy.
    #[must_use]
    pub fn tls_only(action: &'static str, resources: Vec<Value<String>>) -> Self {
        let insecure = json!({ "Bool": { "aws:SecureTransport": "false" } });
        Self { principal: Some(json!("*")), condition: Some(insecure), ..Self::new("TlsOnly", "Deny", &[action], resources) }
    }

    fn new(sid: &'static str, effect: &'static str, actions: &[&'static str], resource: Vec<Value<String>>) -> Self {
        Self { sid, effect, principal: None, action: actions.to_vec(), resource, condition: None, wildcard: None }
    }

    /// Its `Sid` and the reason of its wildcard, if it has one.
    pub(crate) fn wildcard(&self) -> Option<(&'static str, &'static str)> {
        self.wildcard.map(|reason| (self.sid, reason))
    }
}

/// Who may take a role: an AWS service.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trusted {
    /// API Gateway, to write logs.
    ApiGateway,
    /// Lambda, to run functions.
    Lambda,
}

impl Serialize for Trusted {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let service = match self {
            Self::ApiGateway => "apigateway.amazonaws.com",
            Self::Lambda => "lambda.amazonaws.com",
        };
        json!({
            "Version": "2012-10-17",
            "Statement": [{ "Effect": "Allow", "Principal": { "Service": service }, "Action": "sts:AssumeRole" }],
        })
        .serialize(serializer)
    }
}
