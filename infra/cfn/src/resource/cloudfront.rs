//! CloudFront: distributions, and what they refer to. See [`AWS::CloudFront::Distribution`].
//!
//! It is a service without regions, and names in it are taken once in an account.
//!
//! [`AWS::CloudFront::Distribution`]: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudfront-distribution.html

use serde::Serialize;

use crate::{
    scalar::Seconds,
    value::{
        DistributionArn, DistributionId, EdgeFunctionArn, Handle, OriginAccessControlId, Pseudo, ResponseHeadersPolicyId, Value,
        text,
    },
};

super::types! {
    Distribution = "AWS::CloudFront::Distribution" {
        replacing: {},
        /// The identifier, for invalidations.
        id: DistributionId = Ref,
        /// The host at which it answers, below `cloudfront.net`.
        domain_name: String = GetAtt("DomainName"),
    }
    Function = "AWS::CloudFront::Function" {
        replacing: { Name: Always },
        /// The ARN that a behaviour names.
        arn: EdgeFunctionArn = GetAtt("FunctionARN"),
    }
    OriginAccessControl = "AWS::CloudFront::OriginAccessControl" {
        replacing: {},
        /// The identifier that an origin names.
        id: OriginAccessControlId = GetAtt("Id"),
    }
    ResponseHeadersPolicy = "AWS::CloudFront::ResponseHeadersPolicy" {
        replacing: {},
        /// The identifier that a behaviour names.
        id: ResponseHeadersPolicyId = GetAtt("Id"),
    }
}

/// An address, and what answers there.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Distribution {
    /// All of it.
    pub distribution_config: DistributionConfig,
}

/// What answers at an address.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DistributionConfig {
    /// What it is for. There is no name.
    pub comment: Value<String>,
    /// Whether it answers.
    pub enabled: bool,
    /// The versions of HTTP that viewers may speak.
    pub http_version: HttpVersion,
    /// Whether it has addresses of IP version 6.
    #[serde(rename = "IPV6Enabled")]
    pub ipv6_enabled: bool,
    /// What is meant by `/`.
    pub default_root_object: &'static str,
    /// Where answers come from.
    pub origins: Vec<Origin>,
    /// What happens to paths that no other behaviour is for.
    pub default_cache_behavior: CacheBehavior,
    /// What happens to other paths: the first that matches.
    pub cache_behaviors: Vec<PathBehavior>,
}

/// The versions of HTTP that viewers may speak.
#[derive(Clone, Copy, Debug, Serialize)]
pub enum HttpVersion {
    /// All there are.
    #[serde(rename = "http2and3")]
    Http2And3,
}

/// Where answers come from.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Origin {
    /// Its name within the distribution.
    pub id: &'static str,
    /// The host.
    pub domain_name: Value<String>,
    /// What precedes the viewer's path, with a slash in front and none at the end.
    pub origin_path: Option<Value<String>>,
    /// What kind of origin it is.
    #[serde(flatten)]
    pub kind: OriginKind,
}

/// The kinds of origin.
#[derive(Clone, Debug, Serialize)]
pub enum OriginKind {
    /// A bucket, which CloudFront shows who it is.
    #[serde(untagged, rename_all = "PascalCase")]
    Bucket {
        /// How it does.
        origin_access_control_id: Value<OriginAccessControlId>,
        /// What has to be there, and is empty.
        s3_origin_config: NoIdentity,
    },
    /// Any server.
    #[serde(untagged, rename_all = "PascalCase")]
    Custom {
        /// How it is spoken to.
        custom_origin_config: CustomOrigin,
    },
}

/// The [empty `OriginAccessIdentity`] that an origin has which has an origin access control instead.
///
/// [empty `OriginAccessIdentity`]: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-cloudfront-distribution-s3originconfig.html
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct NoIdentity {
    origin_access_identity: &'static str,
}

/// How a server is spoken to.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CustomOrigin {
    /// The port without TLS, if it is another one than 80.
    #[serde(rename = "HTTPPort")]
    pub http_port: Option<u16>,
    /// Whether with TLS.
    pub origin_protocol_policy: OriginProtocol,
    /// With which versions of it.
    #[serde(rename = "OriginSSLProtocols", skip_serializing_if = "Vec::is_empty")]
    pub origin_ssl_protocols: Vec<Protocol>,
}

/// Whether an origin is spoken to with TLS.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OriginProtocol {
    /// Never.
    HttpOnly,
    /// Always.
    HttpsOnly,
}

/// The versions of TLS in use.
#[derive(Clone, Copy, Debug, Serialize)]
pub enum Protocol {
    /// 1.2, the latest that CloudFront offers towards origins.
    #[serde(rename = "TLSv1.2")]
    Tls12,
}

/// What happens to paths that match a pattern.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PathBehavior {
    /// The pattern, with `*` for anything.
    pub path_pattern: String,
    /// What happens.
    #[serde(flatten)]
    pub behavior: CacheBehavior,
}

/// What happens to a request.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CacheBehavior {
    /// The name of the origin that is asked.
    pub target_origin_id: &'static str,
    /// What becomes of requests without TLS.
    pub viewer_protocol_policy: ViewerProtocol,
    /// The verbs that are passed on.
    pub allowed_methods: Vec<&'static str>,
    /// Whether answers are compressed.
    pub compress: bool,
    /// How long answers are kept, and by what they are told apart.
    pub cache_policy_id: ManagedPolicy,
    /// What of a request is passed on, besides what answers are told apart by.
    pub origin_request_policy_id: Option<ManagedPolicy>,
    /// The headers that are added to answers.
    pub response_headers_policy_id: Value<ResponseHeadersPolicyId>,
    /// What is run.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub function_associations: Vec<FunctionAssociation>,
}

/// What becomes of requests without TLS.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ViewerProtocol {
    /// They are told to come again with it.
    RedirectToHttps,
    /// They are refused: what they carry was readable already.
    HttpsOnly,
}

/// The policies in use that AWS maintains, by their identifiers, which are the same in every account.
///
/// See those [of caches](https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html) and
/// [of requests](https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-origin-request-policies.html).
#[derive(Clone, Copy, Debug, Serialize)]
pub enum ManagedPolicy {
    /// Answers are kept for as long as they say, told apart by path and compression alone.
    #[serde(rename = "658327ea-f89d-4fab-a63d-7e88639e58f6")]
    CachingOptimized,
    /// Nothing is kept.
    #[serde(rename = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad")]
    CachingDisabled,
    /// Everything is passed on but the name of the host, by which API Gateway would look for an API.
    #[serde(rename = "b689b0a8-53d0-40ab-baf2-68738e2966ac")]
    AllViewerExceptHostHeader,
}

/// What is run, and when.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct FunctionAssociation {
    /// When.
    pub event_type: EdgeEvent,
    /// What.
    #[serde(rename = "FunctionARN")]
    pub function_arn: Value<EdgeFunctionArn>,
}

/// When a function is run.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EdgeEvent {
    /// For every request, before the cache is looked into.
    ViewerRequest,
}

/// A function that CloudFront runs itself.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Function {
    /// Its name.
    pub name: Value<String>,
    /// Whether it is run, and not only there to be tried.
    pub auto_publish: bool,
    /// Its source, of [at most 10 KB].
    ///
    /// [at most 10 KB]: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html
    pub function_code: &'static str,
    /// What it runs on.
    pub function_config: FunctionConfig,
}

/// What a function runs on.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct FunctionConfig {
    /// What it is for.
    pub comment: &'static str,
    /// The language.
    pub runtime: EdgeRuntime,
}

/// The languages.
#[derive(Clone, Copy, Debug, Serialize)]
pub enum EdgeRuntime {
    /// JavaScript, as far as CloudFront has it.
    #[serde(rename = "cloudfront-js-2.0")]
    JavaScript2,
}

/// How CloudFront shows an origin who it is.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct OriginAccessControl {
    /// All of it.
    pub origin_access_control_config: OriginAccessControlConfig,
}

/// How CloudFront shows an origin who it is.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct OriginAccessControlConfig {
    /// Its name.
    pub name: Value<String>,
    /// What it is for.
    pub description: &'static str,
    /// The kind of origin.
    pub origin_access_control_origin_type: AccessedOrigin,
    /// When it does.
    pub signing_behavior: SigningBehavior,
    /// By what.
    pub signing_protocol: SigningProtocol,
}

/// The kinds of origin that are shown.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AccessedOrigin {
    /// A bucket.
    S3,
}

/// When requests are signed.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SigningBehavior {
    /// All of them, whatever the viewer has sent.
    Always,
}

/// By what requests are signed.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SigningProtocol {
    /// Signature version 4.
    SigV4,
}

/// Headers that are added to answers.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ResponseHeadersPolicy {
    /// All of it.
    pub response_headers_policy_config: ResponseHeadersPolicyConfig,
}

/// Headers that are added to answers.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ResponseHeadersPolicyConfig {
    /// Its name.
    pub name: Value<String>,
    /// What it is for.
    pub comment: &'static str,
    /// The headers.
    pub security_headers_config: SecurityHeaders,
}

/// Headers that tell browsers what they must not do. Whatever the origin says of them is replaced.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct SecurityHeaders {
    /// For how long to come with TLS only.
    pub strict_transport_security: StrictTransportSecurity,
    /// To take a file for what it says it is: `nosniff`.
    pub content_type_options: Replaced,
    /// Who may show the page in a frame.
    pub frame_options: FrameOptions,
    /// What to tell others of the page one comes from.
    pub referrer_policy: Referrer,
    /// What else a page may do.
    pub content_security_policy: ContentSecurity,
}

/// For how long to come with TLS only.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct StrictTransportSecurity {
    /// For how long a browser remembers it.
    #[serde(rename = "AccessControlMaxAgeSec")]
    pub max_age: Seconds,
    /// Whether what the origin says is replaced.
    #[serde(flatten)]
    pub replaced: Replaced,
}

/// That what the origin says is replaced.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Replaced {
    r#override: bool,
}

impl Default for Replaced {
    fn default() -> Self {
        Self { r#override: true }
    }
}

/// Who may show the page in a frame.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct FrameOptions {
    /// Who.
    pub frame_option: FrameOption,
    /// Whether what the origin says is replaced.
    #[serde(flatten)]
    pub replaced: Replaced,
}

/// Who may show a page in a frame.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FrameOption {
    /// Nobody.
    Deny,
}

/// What to tell others of the page one comes from.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Referrer {
    /// What.
    pub referrer_policy: ReferrerPolicy,
    /// Whether what the origin says is replaced.
    #[serde(flatten)]
    pub replaced: Replaced,
}

/// What to tell others of the page one comes from.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReferrerPolicy {
    /// Nothing, unless it is the same site.
    SameOrigin,
}

/// What else a page may do.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ContentSecurity {
    /// The policy.
    pub content_security_policy: &'static str,
    /// Whether what the origin says is replaced.
    #[serde(flatten)]
    pub replaced: Replaced,
}

impl Handle<Distribution> {
    /// Its ARN, of which there is no attribute. It names no region.
    #[must_use]
    pub fn arn(&self) -> Value<DistributionArn> {
        text!["arn:", Pseudo::Partition, ":cloudfront::", Pseudo::AccountId, ":distribution/", &self.id()]
    }
}
