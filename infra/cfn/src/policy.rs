//! IAM policy documents, for roles, queues, topics and buckets alike. Knows none of the permissions that an app grants.
//!
//! See the [grammar](https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_policies_grammar.html).

use serde::Serialize;
use serde_json::{Value as Json, json};

use super::value::{Arn, Value};

/// A policy: its statements, in order.
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

/// A statement of a policy. Its `Sid` names the purpose.
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

    /// Allows actions on all resources that match a pattern, for a reason that is written into the template.
    #[must_use]
    pub fn allow_wildcard(sid: &'static str, actions: &[&'static str], pattern: Value<String>, reason: &'static str) -> Self {
        Self { wildcard: Some(reason), ..Self::new(sid, "Allow", actions, vec![pattern]) }
    }

    /// Allows a service one action on behalf of one resource, in a policy of the resource that is acted on. Without `on_behalf_of`,
    /// the service would [act for other accounts as well](https://docs.aws.amazon.com/IAM/latest/UserGuide/confused-deputy.html).
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

    /// Denies all requests without TLS, in a policy of the resource itself.
    #[must_use]
    pub fn tls_only(action: &'static str, resources: Vec<Value<String>>) -> Self {
        let insecure = json!({ "Bool": { "aws:SecureTransport": "false" } });
        Self { principal: Some(json!("*")), condition: Some(insecure), ..Self::new("TlsOnly", "Deny", &[action], resources) }
    }

    /// The same, for items of a table whose partition keys are like one of these patterns. A request that names no key is not allowed: a
    /// condition on [all of no keys](https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/specifying-conditions.html) would
    /// hold.
    #[must_use]
    pub fn on_partitions(self, patterns: &[String]) -> Self {
        let key = "dynamodb:LeadingKeys";
        let condition = json!({ "ForAllValues:StringLike": { key: patterns }, "Null": { key: "false" } });
        Self { condition: Some(condition), ..self }
    }

    fn new(sid: &'static str, effect: &'static str, actions: &[&'static str], resource: Vec<Value<String>>) -> Self {
        Self { sid, effect, principal: None, action: actions.to_vec(), resource, condition: None, wildcard: None }
    }

    /// Its `Sid` and the reason of its wildcard, if it has one.
    pub(crate) fn wildcard(&self) -> Option<(&'static str, &'static str)> {
        self.wildcard.map(|reason| (self.sid, reason))
    }
}

/// The service that may assume a role.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Trusted {
    /// API Gateway, for writing logs.
    ApiGateway,
    /// Lambda, for running functions.
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
