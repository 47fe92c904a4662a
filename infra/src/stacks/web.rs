//! The site, and one address for it and the APIs: a bucket that only CloudFront reads, and a distribution in front of the bucket
//! and of both APIs. A stage has it on request.
//!
//! The address is one because browsers withhold the cookie of an anonymous cart from a page of another site
//! (docs/adr/0025-one-address.md).

use cfn::{
    Seconds, Shared, Site, Stack,
    policy::Statement,
    resource::{
        cloudfront::{
            AccessedOrigin, CacheBehavior, ContentSecurity, Distribution, DistributionConfig, EdgeEvent, EdgeRuntime, FrameOption,
            FrameOptions, Function, FunctionAssociation, FunctionConfig, HttpVersion, LOGGING_REGIONS, Logging, ManagedPolicy,
            NoIdentity, Origin, OriginAccessControl, OriginAccessControlConfig, OriginKind, PathBehavior, Referrer, ReferrerPolicy,
            Replaced, ResponseHeadersPolicy, ResponseHeadersPolicyConfig, SecurityHeaders, SigningBehavior, SigningProtocol,
            StrictTransportSecurity, ViewerProtocol,
        },
        s3::{
            AbortMultipart, Bucket, BucketPolicy, Lifecycle, LifecycleRule, Ownership, OwnershipControls, RuleStatus,
            ServerAccessLog,
        },
    },
    template::{Attributes, Removal},
    value::{ApiId, Handle, OriginAccessControlId, Pseudo, ResponseHeadersPolicyId, Value, Where, text},
};

use super::{WEB, cart::Carts, products::Products};
use crate::{
    construct::{fingerprint, firewall},
    endpoints::{API_STAGE, ApiOrigin},
    settings::Settings,
};

/// The kind of the site's address, without a slash at the end.
pub(crate) enum WebUrl {}

/// The site's address.
const WEB_URL: Shared<WebUrl> = Shared::at("web/url", "WebUrl", "The shop's address");

/// The output with the site's address, without a slash at the end: the origin whose pages may call the APIs.
pub const WEB_URL_OUTPUT: &str = "WebUrl";
/// The output with the name of the site's bucket.
pub const WEB_BUCKET_OUTPUT: &str = "WebBucketName";
/// The output with the distribution's identifier.
pub const DISTRIBUTION_OUTPUT: &str = "DistributionId";

/// The folder of the bucket that is served, without slashes. The rest of the bucket is not public.
pub const SITE: &str = "site";

/// The beginning of the keys of the log of requests to the site's bucket.
const BUCKET_LOG: &str = "bucket/";

/// The function that maps a path of the site to a file.
const PAGE_OF_PATH: &str = include_str!("web/page_of_path.js");

/// The function that tells the APIs the viewer's address.
const VIEWER_ADDRESS: &str = include_str!("web/viewer_address.js");

/// A year: [what is recommended](https://developer.mozilla.org/docs/Web/HTTP/Reference/Headers/Strict-Transport-Security).
const ONE_YEAR: Seconds = Seconds::days(365);

pub(crate) fn stack(settings: &Settings, products: &Products, carts: &Carts) -> Stack {
    let mut stack = settings.names.stack(WEB, "Shopping cart: the shop's page, and one address for everything");
    let products_api = stack.read(&products.api_id);
    let cart_api = stack.read(&carts.api_id);
    let name = edge_name(&stack, "");
    let logs = settings.logs_requests().then(|| log_bucket(&mut stack, settings));
    let bucket = bucket(&mut stack, logs.as_ref());
    let access = stack.add(
        "WebBucketAccess",
        &OriginAccessControl {
            origin_access_control_config: OriginAccessControlConfig {
                name: name.clone(),
                description: "Reads the shop's page",
                origin_access_control_origin_type: AccessedOrigin::S3,
                signing_behavior: SigningBehavior::Always,
                signing_protocol: SigningProtocol::SigV4,
            },
        },
    );
    let page_of_path = stack.add(
        "PageOfPath",
        &Function {
            name: name.clone(),
            auto_publish: true,
            function_code: PAGE_OF_PATH,
            function_config: FunctionConfig { comment: "Which file is meant by a path", runtime: EdgeRuntime::JavaScript2 },
        },
    );
    let headers = stack.add("SecurityHeaders", &security_headers(name)).id();
    let page = CacheBehavior {
        target_origin_id: "page",
        viewer_protocol_policy: ViewerProtocol::RedirectToHttps,
        allowed_methods: vec!["GET", "HEAD"],
        compress: true,
        cache_policy_id: ManagedPolicy::CachingOptimized,
        origin_request_policy_id: None,
        response_headers_policy_id: headers.clone(),
        function_associations: vec![on_request(&page_of_path)],
    };
    let logging = logs.as_ref().map(|bucket| edge_log(&mut stack, bucket));
    let viewer_address = settings.has_firewall().then(|| viewer_address(&mut stack));
    let web_acl_id = settings.has_firewall().then(|| firewall::edge(&mut stack));
    let distribution = stack.add(
        "Distribution",
        &Distribution {
            distribution_config: DistributionConfig {
                comment: text![Pseudo::StackName],
                enabled: true,
                http_version: HttpVersion::Http2And3,
                ipv6_enabled: true,
                default_root_object: "index.html",
                origins: vec![
                    page_origin(&bucket, access.id()),
                    api_origin("products", settings, &products_api),
                    api_origin("cart", settings, &cart_api),
                ],
                default_cache_behavior: page,
                cache_behaviors: [("product", "products"), ("cart", "cart")]
                    .map(|(path, origin)| api(path, origin, &headers, viewer_address.as_ref()))
                    .into(),
                logging,
                web_acl_id,
            },
        },
    );
    let mut policy = vec![Statement::allow_service(
        "ReadPage",
        "cloudfront.amazonaws.com",
        "s3:GetObject",
        text![&bucket.arn(), "/", SITE, "/*"],
        &distribution.arn(),
    )];
    if settings.endpoints.has_tls() {
        policy.push(Statement::tls_only("s3:*", bucket.everything()));
    }
    stack.add("WebBucketPolicy", &BucketPolicy { bucket: bucket.name(), policy_document: policy.into() });
    if let Some(logs) = &logs {
        let write = Statement::allow_service(
            "WriteBucketLog",
            "logging.s3.amazonaws.com",
            "s3:PutObject",
            text![&logs.arn(), "/", BUCKET_LOG, "*"],
            &bucket.arn(),
        );
        let tls = Statement::tls_only("s3:*", logs.everything());
        stack.add("WebLogsPolicy", &BucketPolicy { bucket: logs.name(), policy_document: vec![write, tls].into() });
    }

    let url: Value<WebUrl> = text!["https://", &distribution.domain_name()];
    // No stack reads the address: people and scripts do.
    let _ = stack.publish("WebUrlParameter", &WEB_URL, url.clone());
    stack.output(WEB_BUCKET_OUTPUT, "The bucket the shop's page is in", bucket.name());
    stack.output(DISTRIBUTION_OUTPUT, "What serves the shop", distribution.id());
    stack.output(WEB_URL_OUTPUT, "The shop's address", url);

    stack.only_on_request();
    stack.empty_before_deletion(&bucket);
    stack.host_site(Site { url: WEB_URL_OUTPUT, bucket: WEB_BUCKET_OUTPUT, distribution: DISTRIBUTION_OUTPUT, folder: SITE });
    stack
}

/// The function that tells the APIs the viewer's address, by which their firewall counts.
#[track_caller]
fn viewer_address(stack: &mut Stack) -> Handle<Function> {
    let name = edge_name(stack, "-address");
    stack.add(
        "ViewerAddress",
        &Function {
            name,
            auto_publish: true,
            function_code: VIEWER_ADDRESS,
            function_config: FunctionConfig { comment: "Who sends a request", runtime: EdgeRuntime::JavaScript2 },
        },
    )
}

fn on_request(function: &Handle<Function>) -> FunctionAssociation {
    FunctionAssociation { event_type: EdgeEvent::ViewerRequest, function_arn: function.arn() }
}

/// The bucket is deleted also in a protected stage: it holds only a build of the site, which can be repeated.
fn bucket(stack: &mut Stack, logs: Option<&Handle<Bucket>>) -> Handle<Bucket> {
    stack.add_with(
        "WebBucket",
        Attributes::stateful(Removal::Delete),
        &Bucket {
            logging_configuration: logs
                .map(|logs| ServerAccessLog { destination_bucket_name: logs.name(), log_file_prefix: BUCKET_LOG }),
            ..Bucket::private()
        },
    )
}

/// The bucket that gets the logs of requests to the distribution and to the site's bucket. A protected stage has it, and keeps it.
///
/// CloudFront writes itself into its access control list, so that lists have to count here (docs/adr/0045-what-stays-off-and-why.md).
fn log_bucket(stack: &mut Stack, settings: &Settings) -> Handle<Bucket> {
    let old = LifecycleRule {
        id: "Old",
        status: RuleStatus::Enabled,
        abort_incomplete_multipart_upload: Some(AbortMultipart { days_after_initiation: 1 }),
        noncurrent_version_expiration: None,
        expiration_in_days: Some(settings.log_retention.days()),
    };
    stack.add_with(
        "WebLogs",
        settings.records(),
        &Bucket {
            ownership_controls: OwnershipControls { rules: [Ownership::BucketOwnerPreferred] },
            lifecycle_configuration: Some(Lifecycle { rules: vec![old] }),
            ..Bucket::private()
        },
    )
}

/// The log of requests to the distribution, where CloudFront can write to buckets of the region. Cookies are left out: they are carts.
fn edge_log(stack: &mut Stack, bucket: &Handle<Bucket>) -> Where<Logging> {
    let region: Value<String> = text![Pseudo::Region];
    Where {
        condition: stack.if_any("EdgeLogsReachRegion", &region, &LOGGING_REGIONS),
        property: Logging { bucket: bucket.domain_name(), prefix: "distribution/", include_cookies: false },
    }
}

fn page_origin(bucket: &Handle<Bucket>, access: Value<OriginAccessControlId>) -> Origin {
    Origin {
        id: "page",
        domain_name: bucket.regional_domain_name(),
        origin_path: Some(text!["/", SITE]),
        kind: OriginKind::Bucket { origin_access_control_id: access, s3_origin_config: NoIdentity::default() },
    }
}

fn api_origin(id: &'static str, settings: &Settings, api: &Value<ApiId>) -> Origin {
    let ApiOrigin { domain_name, path, reached_by } = settings.endpoints.api_origin(api);
    Origin { id, domain_name, origin_path: path, kind: OriginKind::Custom { custom_origin_config: reached_by } }
}

/// Requests below the APIs' stage whose path begins with `path` reach an API unchanged, with cookies and tokens. Their answers are
/// not cached.
fn api(
    path: &str,
    origin: &'static str,
    headers: &Value<ResponseHeadersPolicyId>,
    viewer_address: Option<&Handle<Function>>,
) -> PathBehavior {
    PathBehavior {
        path_pattern: format!("/{API_STAGE}/{path}*"),
        behavior: CacheBehavior {
            target_origin_id: origin,
            viewer_protocol_policy: ViewerProtocol::HttpsOnly,
            // All verbs: CloudFront has no smaller set that contains POST.
            allowed_methods: vec!["GET", "HEAD", "OPTIONS", "PUT", "PATCH", "POST", "DELETE"],
            compress: false,
            cache_policy_id: ManagedPolicy::CachingDisabled,
            origin_request_policy_id: Some(ManagedPolicy::AllViewerExceptHostHeader),
            response_headers_policy_id: headers.clone(),
            function_associations: viewer_address.map(on_request).into_iter().collect(),
        },
    }
}

/// The headers that limit what browsers do with the site. The page itself says which servers it may call, since that depends on its
/// build (frontend/tools/content-security-policy.ts). Browsers obey both policies, and the framing of a page [cannot be limited in
/// the page](https://www.w3.org/TR/CSP3/#meta-element).
fn security_headers(name: Value<String>) -> ResponseHeadersPolicy {
    let replaced = Replaced::default();
    ResponseHeadersPolicy {
        response_headers_policy_config: ResponseHeadersPolicyConfig {
            name,
            comment: "What browsers must not do with the shop",
            security_headers_config: SecurityHeaders {
                strict_transport_security: StrictTransportSecurity { max_age: ONE_YEAR, replaced },
                content_type_options: replaced,
                frame_options: FrameOptions { frame_option: FrameOption::Deny, replaced },
                referrer_policy: Referrer { referrer_policy: ReferrerPolicy::SameOrigin, replaced },
                content_security_policy: ContentSecurity { content_security_policy: "frame-ancestors 'none'", replaced },
            },
        },
    }
}

/// A name for this stack's resources of CloudFront, with an end for a second one of a type. Such names are taken once in an account,
/// whatever the region, and have [at most 64
/// characters](https://docs.aws.amazon.com/cloudfront/latest/APIReference/API_CreateFunction.html). The longest name of a region has 14.
fn edge_name(stack: &Stack, end: &'static str) -> Value<String> {
    let longest = 64 - "-".len() - "ap-southeast-2".len() - end.len();
    let name = stack.name();
    let short = if name.len() <= longest {
        name.to_owned()
    } else {
        let hash = fingerprint(&name);
        format!("{}-{hash}", name[..longest - 1 - hash.len()].trim_end_matches('-'))
    };
    text![short.as_str(), "-", Pseudo::Region, end]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::names::Names;

    #[test]
    fn names_at_the_edge_are_short_and_differ() {
        let name = |stage: &str| {
            let names = Names { prefix: "p".repeat(80).parse().unwrap(), stage: stage.parse().unwrap(), ..Names::default() };
            serde_json::to_string(&edge_name(&Stack::new(WEB, names.place(WEB), ""), "")).unwrap()
        };
        let longest = name("staging");
        assert!(longest.len() - r#"{"Fn::Sub":"-${AWS::Region}"}"#.len() <= 49, "{longest}");
        assert_ne!(longest, name("production"));
        let plain = edge_name(&Stack::new(WEB, Names::default().place(WEB), ""), "");
        assert_eq!(serde_json::to_value(plain).unwrap()["Fn::Sub"], "aws-serverless-shopping-cart-web-${AWS::Region}");
        let names = Names { prefix: "p".repeat(80).parse().unwrap(), ..Names::default() };
        let second = serde_json::to_value(edge_name(&Stack::new(WEB, names.place(WEB), ""), "-address")).unwrap();
        let second = second["Fn::Sub"].as_str().unwrap().replace("${AWS::Region}", "ap-southeast-2");
        assert!(second.len() <= 64 && second.ends_with("-ap-southeast-2-address"), "{second}");
    }

    #[test]
    fn what_runs_at_the_edge_is_small() {
        assert!(PAGE_OF_PATH.len() <= 10_240 && VIEWER_ADDRESS.len() <= 10_240);
        assert!(VIEWER_ADDRESS.contains(&format!("'{}'", firewall::VIEWER_HEADER)), "{VIEWER_ADDRESS}");
    }
}
