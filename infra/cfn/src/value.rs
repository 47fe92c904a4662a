//! Values in a template: text that is known now, mixed with references that CloudFormation resolves when it deploys.
//!
//! The type parameter names the kind of the value, so that a role's ARN cannot stand where a table's is required. Knows nothing of
//! templates; [`check`](crate::check) finds references that lead nowhere.

use std::{fmt, marker::PhantomData};

use serde::{Serialize, Serializer};
use serde_json::{Value as Json, json};

use crate::resource::Gives;

/// The name of a parameter, condition, resource or output within its template.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct LogicalId(String);

impl LogicalId {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl<S: Into<String>> From<S> for LogicalId {
    fn from(name: S) -> Self {
        Self(name.into())
    }
}

impl fmt::Display for LogicalId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Values that AWS fills in, which keep templates free of regions and accounts.
///
/// See [pseudo parameters](https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/pseudo-parameter-reference.html).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pseudo {
    /// The account that the stack is in, as 12 digits.
    AccountId,
    /// `aws`, `aws-cn` or `aws-us-gov`.
    Partition,
    /// The region that the stack is in.
    Region,
    /// The stack's name.
    StackName,
    /// The domain of the region's endpoints, `amazonaws.com` in most.
    UrlSuffix,
}

/// A piece of a [`Value`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Part {
    /// Text, as it is.
    Text(String),
    /// `Ref`: a parameter's value, or a resource's primary identifier.
    Ref(LogicalId),
    /// `Fn::GetAtt`: one of a resource's attributes.
    GetAtt(LogicalId, &'static str),
}

impl From<&str> for Part {
    fn from(text: &str) -> Self {
        Self::Text(text.to_owned())
    }
}

impl From<Pseudo> for Part {
    fn from(pseudo: Pseudo) -> Self {
        let name = match pseudo {
            Pseudo::AccountId => "AWS::AccountId",
            Pseudo::Partition => "AWS::Partition",
            Pseudo::Region => "AWS::Region",
            Pseudo::StackName => "AWS::StackName",
            Pseudo::UrlSuffix => "AWS::URLSuffix",
        };
        Self::Ref(name.into())
    }
}

/// A value of kind `T`: pieces of text and references, in a row.
pub struct Value<T> {
    parts: Vec<Part>,
    kind: PhantomData<fn() -> T>,
}

impl<T> Value<T> {
    fn of(parts: Vec<Part>) -> Self {
        Self { parts, kind: PhantomData }
    }

    /// `Ref`.
    pub(crate) fn reference(id: LogicalId) -> Self {
        Self::of(vec![Part::Ref(id)])
    }

    /// `Fn::GetAtt`.
    fn attribute(id: LogicalId, name: &'static str) -> Self {
        Self::of(vec![Part::GetAtt(id, name)])
    }

    /// The pieces, in order.
    #[must_use]
    pub fn parts(&self) -> &[Part] {
        &self.parts
    }

    /// The same value as plain text, for properties that take any.
    #[must_use]
    pub fn text(self) -> Value<String> {
        Value::of(self.parts)
    }
}

impl<T> FromIterator<Part> for Value<T> {
    fn from_iter<I: IntoIterator<Item = Part>>(parts: I) -> Self {
        Self::of(parts.into_iter().collect())
    }
}

impl<S: Into<String>> From<S> for Value<String> {
    fn from(text: S) -> Self {
        Self::of(vec![Part::Text(text.into())])
    }
}

// Not derived, because a derived implementation would require the same of `T`, which has no values.
impl<T> Clone for Value<T> {
    fn clone(&self) -> Self {
        Self::of(self.parts.clone())
    }
}

impl<T> fmt::Debug for Value<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.parts.fmt(f)
    }
}

/// One reference is written as `Ref` or `Fn::GetAtt`, pure text as text, and a mixture as a readable `Fn::Sub`.
impl<T> Serialize for Value<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self.parts.as_slice() {
            [Part::Ref(id)] => json!({ "Ref": id }),
            [Part::GetAtt(id, attribute)] => json!({ "Fn::GetAtt": [id, attribute] }),
            parts => match parts.iter().map(literal).collect::<Option<String>>() {
                Some(text) => json!(text),
                None => json!({ "Fn::Sub": parts.iter().map(placeholder).collect::<String>() }),
            },
        }
        .serialize(serializer)
    }
}

fn literal(part: &Part) -> Option<&str> {
    if let Part::Text(text) = part { Some(text) } else { None }
}

fn placeholder(part: &Part) -> String {
    match part {
        Part::Text(text) => text.replace("${", "${!"),
        Part::Ref(id) => format!("${{{id}}}"),
        Part::GetAtt(id, attribute) => format!("${{{id}.{attribute}}}"),
    }
}

/// A document as one text with its references resolved, for properties that hold JSON as text.
pub(crate) fn json_text<S: Serializer>(document: &impl Serialize, serializer: S) -> Result<S::Ok, S::Error> {
    let document = serde_json::to_value(document).map_err(serde::ser::Error::custom)?;
    json!({ "Fn::Sub": with_placeholders(document).to_string() }).serialize(serializer)
}

/// The same document, with placeholders where [`Value`] wrote calls of functions.
fn with_placeholders(json: Json) -> Json {
    match json {
        Json::Object(fields) => match fields.iter().next().map(|(function, argument)| (function.as_str(), argument)) {
            Some(("Ref", Json::String(id))) => format!("${{{id}}}").into(),
            Some(("Fn::GetAtt", Json::Array(path))) => {
                format!("${{{}}}", path.iter().filter_map(Json::as_str).collect::<Vec<_>>().join(".")).into()
            }
            Some(("Fn::Sub", text)) => text.clone(),
            _ => fields.into_iter().map(|(name, value)| (name, with_placeholders(value))).collect(),
        },
        Json::Array(items) => items.into_iter().map(with_placeholders).collect(),
        Json::String(text) => text.replace("${", "${!").into(),
        scalar => scalar,
    }
}

/// The pieces of a [`text!`](crate::text): text, a [`Pseudo`], or another value.
pub trait IntoParts {
    /// The pieces, in a row.
    fn into_parts(self) -> Vec<Part>;
}

impl<P: Into<Part>> IntoParts for P {
    fn into_parts(self) -> Vec<Part> {
        vec![self.into()]
    }
}

impl<T> IntoParts for &Value<T> {
    fn into_parts(self) -> Vec<Part> {
        self.parts.clone()
    }
}

/// One [`Value`] out of several in a row: `text!["https://", &api.id(), ".execute-api.", Pseudo::Region]`.
#[macro_export]
macro_rules! text {
    ($($part:expr),+ $(,)?) => {
        [$($crate::value::IntoParts::into_parts($part)),+].into_iter().flatten().collect::<$crate::value::Value<_>>()
    };
}
#[doc(inline)]
pub use text;

/// `Fn::If`: the value where the condition holds, and no property at all where it does not.
#[derive(Clone, Debug)]
pub struct When<T> {
    /// The condition's name, from [`Template::unless`](crate::template::Template::unless).
    pub condition: LogicalId,
    /// The value where the condition holds.
    pub value: Value<T>,
}

impl<T> Serialize for When<T> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        json!({ "Fn::If": [self.condition, self.value, { "Ref": "AWS::NoValue" }] }).serialize(serializer)
    }
}

/// The same for a property that is an object.
#[derive(Clone, Debug)]
pub struct Where<P> {
    /// The condition's name.
    pub condition: LogicalId,
    /// The property where the condition holds.
    pub property: P,
}

impl<P: Serialize> Serialize for Where<P> {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let nothing = json!({ "Ref": "AWS::NoValue" });
        std::collections::BTreeMap::from([("Fn::If", (&self.condition, &self.property, nothing))]).serialize(serializer)
    }
}

/// A resource of a template. `R` decides which values it has: only a table has a table's ARN.
pub struct Handle<R> {
    id: LogicalId,
    resource: PhantomData<fn() -> R>,
}

impl<R> Handle<R> {
    pub(crate) fn new(id: LogicalId) -> Self {
        Self { id, resource: PhantomData }
    }

    /// The resource's name in the template.
    #[must_use]
    pub fn logical_id(&self) -> &LogicalId {
        &self.id
    }

    /// Called by the methods that `types!` makes, and by nothing else, so that every attribute in use can be listed.
    pub(crate) fn value<T>(&self, gives: Gives) -> Value<T> {
        let id = self.id.clone();
        match gives {
            Gives::Ref => Value::reference(id),
            Gives::GetAtt(attribute) => Value::attribute(id, attribute),
        }
    }
}

impl<R> Clone for Handle<R> {
    fn clone(&self) -> Self {
        Self::new(self.id.clone())
    }
}

impl<R> fmt::Debug for Handle<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.id.fmt(f)
    }
}

/// Kinds of values that an IAM policy can name: Amazon Resource Names.
pub trait Arn {}

macro_rules! kinds {
    ($($(#[$doc:meta])* $name:ident $(: $arn:ident)?),+ $(,)?) => {
        $($(#[$doc])* #[derive(Debug)] pub enum $name {} $(impl $arn for $name {})?)+
    };
}

kinds! {
    /// The ARN of a function's alias.
    AliasArn: Arn,
    /// The identifier of a REST API.
    ApiId,
    /// The base URL of an API, without a slash at the end.
    ApiUrl,
    /// The identifier of an authorizer.
    AuthorizerId,
    /// The ARN of a bucket.
    BucketArn: Arn,
    /// The name of a bucket.
    BucketName,
    /// The identifier of an API's deployment.
    DeploymentId,
    /// The ARN of a CloudFront distribution.
    DistributionArn: Arn,
    /// The identifier of a CloudFront distribution.
    DistributionId,
    /// The ARN of a function that CloudFront runs.
    EdgeFunctionArn: Arn,
    /// The name of a function.
    FunctionName,
    /// The ARN of a log group with all its streams: it ends in `:*`.
    LogGroupArn: Arn,
    /// The name of a log group.
    LogGroupName,
    /// The identifier of how CloudFront signs requests to an origin.
    OriginAccessControlId,
    /// The ARN of a queue.
    QueueArn: Arn,
    /// The name of a queue.
    QueueName,
    /// The URL of a queue.
    QueueUrl,
    /// The identifier of a path in a REST API.
    PathId,
    /// The identifier of a set of headers that CloudFront adds to answers.
    ResponseHeadersPolicyId,
    /// The ARN of a role.
    RoleArn: Arn,
    /// The ARN of a table's stream.
    StreamArn: Arn,
    /// The ARN of a table.
    TableArn: Arn,
    /// The name of a table.
    TableName,
    /// The ARN of an SNS topic.
    TopicArn: Arn,
    /// The ARN of a user pool.
    UserPoolArn: Arn,
    /// The identifier of an application in which users sign in.
    UserPoolClientId,
    /// The identifier of a user pool.
    UserPoolId,
    /// The number of a function's version.
    VersionNumber,
    /// The ARN of a web access control list.
    WebAclArn: Arn,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn json<T>(value: &Value<T>) -> serde_json::Value {
        serde_json::to_value(value).unwrap()
    }

    #[test]
    fn a_value_is_written_in_its_simplest_form() {
        let api: Value<ApiId> = Value::reference("Api".into());
        assert_eq!(json(&Value::from("text")), json!("text"));
        assert_eq!(json(&api), json!({ "Ref": "Api" }));
        assert_eq!(json(&Value::<TableArn>::attribute("Table".into(), "Arn")), json!({ "Fn::GetAtt": ["Table", "Arn"] }));
        let url: Value<ApiUrl> = text!["https://", &api, ".execute-api.", Pseudo::Region];
        assert_eq!(json(&url), json!({ "Fn::Sub": "https://${Api}.execute-api.${AWS::Region}" }));
        let text: Value<String> = text!["a", "b"];
        assert_eq!(json(&text), json!("ab"));
    }

    #[test]
    fn a_document_within_a_text_has_references_too() {
        let api: Value<ApiId> = Value::reference("Api".into());
        let document = json!({
            "name": api, "arn": Value::<TableArn>::attribute("Table".into(), "Arn"), "plain": "${x}", "list": [1, text![&api, "!"] as Value<String>],
        });
        let written = json_text(&document, serde_json::value::Serializer).unwrap();
        let expected = r#"{"name":"${Api}","arn":"${Table.Arn}","plain":"${!x}","list":[1,"${Api}!"]}"#;
        assert_eq!(written, json!({ "Fn::Sub": expected }));
    }

    #[test]
    fn what_looks_like_a_placeholder_in_text_stays_text() {
        let text: Value<String> = text!["${not a reference} of ", Pseudo::Region];
        assert_eq!(json(&text), json!({ "Fn::Sub": "${!not a reference} of ${AWS::Region}" }));
    }
}
