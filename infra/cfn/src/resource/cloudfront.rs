//! CloudFront: distributions and the resources that they refer to. See [`AWS::CloudFront::Distribution`].
//!
//! CloudFront has no regions. A name in it is taken once in an account.
//!
//! [`AWS::CloudFront::Distribution`]: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-cloudfront-distribution.html

use serde::Serialize;

use crate::{
    scalar::Seconds,
    value::{
        DistributionArn, DistributionId, EdgeFunctionArn, Handle, OriginAccessControlId, Pseudo, ResponseHeadersPolicyId, Value,
        WebAclArn, Where, text,
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

/// Answers requests to an address from caches near the viewers.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Distribution {
    /// All settings. CloudFormation nests them once.
    pub distribution_config: DistributionConfig,
}

/// The settings of a distribution.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct DistributionConfig {
    /// Shown in the console, in the place of a name.
    pub comment: Value<String>,
    /// Whether it answers. A distribution has to be disabled before it can be deleted, which CloudFormation does.
    pub enabled: bool,
    /// The versions of HTTP that viewers may use.
    pub http_version: HttpVersion,
    /// Whether viewers reach it by IP version 6.
    #[serde(rename = "IPV6Enabled")]
    pub ipv6_enabled: bool,
    /// The object for the path `/`, without a slash in front.
    pub default_root_object: &'static str,
    /// The servers that it gets answers from.
    pub origins: Vec<Origin>,
    /// For paths that no other behaviour matches.
    pub default_cache_behavior: CacheBehavior,
    /// For the paths that match their patterns. The first match counts.
    pub cache_behaviors: Vec<PathBehavior>,
    /// The log of requests.
    pub logging: Option<Where<Logging>>,
    /// The list of rules that looks at requests first: an ARN, whatever CloudFormation's name for it says.
    #[serde(rename = "WebACLId")]
    pub web_acl_id: Option<Where<Value<WebAclArn>>>,
}

/// A log with one line a request, in files that come within hours: [standard logging] to a bucket.
///
/// [standard logging]: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logging-legacy-s3.html
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Logging {
    /// The host of a bucket in which access control lists count: CloudFront writes itself into its list.
    pub bucket: Value<String>,
    /// The beginning of the objects' keys.
    pub prefix: &'static str,
    /// Whether cookies are in the log.
    pub include_cookies: bool,
}

/// The regions in which buckets get the logs of CloudFront: those that every account has. The [others] have to be enabled.
///
/// [others]: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/standard-logging-legacy-s3.html
pub const LOGGING_REGIONS: [&str; 17] = [
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
    "ca-central-1",
    "sa-east-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
];

/// The versions of HTTP that viewers may use.
#[derive(Clone, Copy, Debug, Serialize)]
pub enum HttpVersion {
    /// Up to HTTP/3.
    #[serde(rename = "http2and3")]
    Http2And3,
}

/// A server that CloudFront gets answers from.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Origin {
    /// A name within the distribution, for behaviours.
    pub id: &'static str,
    /// The host name.
    pub domain_name: Value<String>,
    /// Put in front of the viewer's path: begins with a slash and does not end with one.
    pub origin_path: Option<Value<String>>,
    /// How the server is reached.
    #[serde(flatten)]
    pub kind: OriginKind,
}

/// How CloudFront reaches an origin.
#[derive(Clone, Debug, Serialize)]
pub enum OriginKind {
    /// A bucket that only lets CloudFront in.
    #[serde(untagged, rename_all = "PascalCase")]
    Bucket {
        /// How requests to the bucket are signed.
        origin_access_control_id: Value<OriginAccessControlId>,
        /// Required by CloudFormation, and always empty here.
        s3_origin_config: NoIdentity,
    },
    /// Any web server.
    #[serde(untagged, rename_all = "PascalCase")]
    Custom {
        /// The protocol and its settings.
        custom_origin_config: CustomOrigin,
    },
}

/// CloudFormation requires an [empty `OriginAccessIdentity`] on S3 origins that use origin access control.
///
/// [empty `OriginAccessIdentity`]: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-properties-cloudfront-distribution-s3originconfig.html
#[derive(Clone, Copy, Debug, Default, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct NoIdentity {
    origin_access_identity: &'static str,
}

/// How CloudFront reaches a web server.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CustomOrigin {
    /// The port for HTTP, where it is not 80.
    #[serde(rename = "HTTPPort")]
    pub http_port: Option<u16>,
    /// Whether requests use TLS.
    pub origin_protocol_policy: OriginProtocol,
    /// The versions of TLS that may be used; none for HTTP.
    #[serde(rename = "OriginSSLProtocols", skip_serializing_if = "Vec::is_empty")]
    pub origin_ssl_protocols: Vec<Protocol>,
}

/// Whether requests to an origin use TLS.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum OriginProtocol {
    /// They never do.
    HttpOnly,
    /// They always do.
    HttpsOnly,
}

/// The versions of TLS towards origins.
#[derive(Clone, Copy, Debug, Serialize)]
pub enum Protocol {
    /// TLS 1.2, the latest that CloudFront offers towards origins.
    #[serde(rename = "TLSv1.2")]
    Tls12,
}

/// The behaviour of some paths.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct PathBehavior {
    /// A path with `*` for any text.
    pub path_pattern: String,
    /// The behaviour of paths that match.
    #[serde(flatten)]
    pub behavior: CacheBehavior,
}

/// How requests are answered.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct CacheBehavior {
    /// The name of the origin that answers what is not in the cache.
    pub target_origin_id: &'static str,
    /// How requests without TLS are answered.
    pub viewer_protocol_policy: ViewerProtocol,
    /// The verbs that the origin gets. CloudFront takes only three sets of them.
    pub allowed_methods: Vec<&'static str>,
    /// Whether CloudFront compresses answers.
    pub compress: bool,
    /// How long answers stay in the cache, and which parts of a request tell them apart.
    pub cache_policy_id: ManagedPolicy,
    /// The parts of a request that the origin gets besides those that tell answers apart.
    pub origin_request_policy_id: Option<ManagedPolicy>,
    /// The headers that are added to answers.
    pub response_headers_policy_id: Value<ResponseHeadersPolicyId>,
    /// Functions that CloudFront runs itself, on requests or answers.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub function_associations: Vec<FunctionAssociation>,
}

/// How requests without TLS are answered.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ViewerProtocol {
    /// By a redirect to the same URL with TLS.
    RedirectToHttps,
    /// By a refusal: a redirect would come too late, after the request was sent readable.
    HttpsOnly,
}

/// Policies that AWS maintains, by identifiers that are the same in every account.
///
/// See those [for caches](https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-cache-policies.html) and
/// [for requests](https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/using-managed-origin-request-policies.html).
#[derive(Clone, Copy, Debug, Serialize)]
pub enum ManagedPolicy {
    /// Answers stay for as long as their headers say. Only path and compression tell them apart.
    #[serde(rename = "658327ea-f89d-4fab-a63d-7e88639e58f6")]
    CachingOptimized,
    /// No answer stays.
    #[serde(rename = "4135ea2d-6df8-44a3-9df3-4b5a84be39ad")]
    CachingDisabled,
    /// The origin gets all of the request but the host name, which would lead API Gateway to look for another API.
    #[serde(rename = "b689b0a8-53d0-40ab-baf2-68738e2966ac")]
    AllViewerExceptHostHeader,
}

/// Runs a function on an event.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct FunctionAssociation {
    /// The event.
    pub event_type: EdgeEvent,
    /// The function.
    #[serde(rename = "FunctionARN")]
    pub function_arn: Value<EdgeFunctionArn>,
}

/// The events on which a function can run.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum EdgeEvent {
    /// A viewer's request, before CloudFront looks into the cache.
    ViewerRequest,
}

/// A function that CloudFront runs itself.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Function {
    /// Up to 64 letters, digits, hyphens and underscores.
    pub name: Value<String>,
    /// Whether each change is put into force at once, rather than only tested.
    pub auto_publish: bool,
    /// The source, of [at most 10 KB].
    ///
    /// [at most 10 KB]: https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/cloudfront-limits.html
    pub function_code: &'static str,
    /// The language, and a comment.
    pub function_config: FunctionConfig,
}

/// The language of a function, and a comment.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct FunctionConfig {
    /// Shown in the console.
    pub comment: &'static str,
    /// The language.
    pub runtime: EdgeRuntime,
}

/// The languages of functions.
#[derive(Clone, Copy, Debug, Serialize)]
pub enum EdgeRuntime {
    /// [CloudFront's
    /// JavaScript](https://docs.aws.amazon.com/AmazonCloudFront/latest/DeveloperGuide/functions-javascript-runtime-20.html) 2.0.
    #[serde(rename = "cloudfront-js-2.0")]
    JavaScript2,
}

/// How CloudFront signs requests to origins, so that they can refuse all others.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct OriginAccessControl {
    /// All settings. CloudFormation nests them once.
    pub origin_access_control_config: OriginAccessControlConfig,
}

/// The settings of an origin access control.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct OriginAccessControlConfig {
    /// Up to 64 characters.
    pub name: Value<String>,
    /// Shown in the console.
    pub description: &'static str,
    /// The kind of origin.
    pub origin_access_control_origin_type: AccessedOrigin,
    /// Which requests are signed.
    pub signing_behavior: SigningBehavior,
    /// How they are signed.
    pub signing_protocol: SigningProtocol,
}

/// The kinds of origin that check signatures.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum AccessedOrigin {
    /// Buckets.
    S3,
}

/// Which requests are signed.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SigningBehavior {
    /// All, also those that the viewer has signed.
    Always,
}

/// How requests are signed.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum SigningProtocol {
    /// By AWS's signature version 4.
    SigV4,
}

/// Headers that are added to answers.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ResponseHeadersPolicy {
    /// All settings. CloudFormation nests them once.
    pub response_headers_policy_config: ResponseHeadersPolicyConfig,
}

/// The settings of a policy of headers.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ResponseHeadersPolicyConfig {
    /// Up to 128 characters.
    pub name: Value<String>,
    /// Shown in the console.
    pub comment: &'static str,
    /// The headers.
    pub security_headers_config: SecurityHeaders,
}

/// Headers by which browsers protect the user. Each replaces the origin's.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct SecurityHeaders {
    /// `Strict-Transport-Security`: use TLS only.
    pub strict_transport_security: StrictTransportSecurity,
    /// `X-Content-Type-Options`: trust the content type.
    pub content_type_options: Replaced,
    /// `X-Frame-Options`: which pages may show this one in a frame.
    pub frame_options: FrameOptions,
    /// `Referrer-Policy`: which other sites learn the page's address.
    pub referrer_policy: Referrer,
    /// `Content-Security-Policy`: what the page may load and do.
    pub content_security_policy: ContentSecurity,
}

/// How long a browser uses TLS only.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct StrictTransportSecurity {
    /// Counted from the latest answer.
    #[serde(rename = "AccessControlMaxAgeSec")]
    pub max_age: Seconds,
    /// Always replaces the origin's header.
    #[serde(flatten)]
    pub replaced: Replaced,
}

/// Replaces the origin's header.
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

/// Which pages may show this one in a frame.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct FrameOptions {
    /// The pages.
    pub frame_option: FrameOption,
    /// Always replaces the origin's header.
    #[serde(flatten)]
    pub replaced: Replaced,
}

/// Which pages may show this one in a frame.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "SCREAMING_SNAKE_CASE")]
pub enum FrameOption {
    /// No page.
    Deny,
}

/// Which other sites learn the page's address.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Referrer {
    /// The sites.
    pub referrer_policy: ReferrerPolicy,
    /// Always replaces the origin's header.
    #[serde(flatten)]
    pub replaced: Replaced,
}

/// Which other sites learn a page's address.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
pub enum ReferrerPolicy {
    /// None: only the same site.
    SameOrigin,
}

/// Limits of what a page may load and do.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ContentSecurity {
    /// Directives, separated by semicolons.
    pub content_security_policy: &'static str,
    /// Always replaces the origin's header.
    #[serde(flatten)]
    pub replaced: Replaced,
}

impl Handle<Distribution> {
    /// The ARN, without a region. CloudFormation has no attribute of it.
    #[must_use]
    pub fn arn(&self) -> Value<DistributionArn> {
        text!["arn:", Pseudo::Partition, ":cloudfront::", Pseudo::AccountId, ":distribution/", &self.id()]
    }
}
