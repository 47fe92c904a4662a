//! The findings of checkers that stay, each with its reason: short, since every resource repeats it in its metadata.
//! docs/adr/0045-what-stays-off-and-why.md says more.
//!
//! `infra/tests/checkers.rs` compares the names of checkov's checks with what checkov finds: none may be missing, and none superfluous.

use cfn::{
    Exemption,
    resource::{
        api_gateway::{Method, RestApi, Stage},
        cloudfront::Distribution,
        cloudwatch::Alarm,
        cognito::UserPool,
        dynamodb::Table,
        iam::Role,
        lambda::{EventSourceMapping, Function},
        logs::LogGroup,
        s3::{Bucket, BucketPolicy},
        sqs::Queue,
        wafv2::WebAcl,
    },
};
use serde_json::Value as Json;

const AWS_KEYS: &str = "AWS encrypts it";

/// All of them, by service.
pub(crate) const ALL: &[Exemption] = &[
    // Functions
    Exemption::of::<Function>("Its trigger limits how many run at once")
        .only_if(|it| is_missing(it, "ReservedConcurrentExecutions"))
        .checkov(&["CKV_AWS_115"])
        .guard(&["LAMBDA_CONCURRENCY_CHECK"]),
    Exemption::of::<Function>("A setting of the stage, because young accounts have no capacity to reserve")
        .only_if(|it| !is_missing(it, "ReservedConcurrentExecutions"))
        .guard(&["LAMBDA_CONCURRENCY_CHECK"]),
    Exemption::of::<Function>("Triggers have queues for failures")
        .checkov(&["CKV_AWS_116"])
        .cdk_nag(&["Serverless-LambdaDLQ"])
        .guard(&["LAMBDA_DLQ_CHECK"]),
    Exemption::of::<Function>("It calls nothing in a VPC").checkov(&["CKV_AWS_117"]).guard(&["LAMBDA_INSIDE_VPC"]),
    Exemption::of::<Function>("It holds names, no secrets").checkov(&["CKV_AWS_173"]),
    Exemption::of::<EventSourceMapping>("The queue has dead letters")
        .only_if(|it| is_missing(it, "DestinationConfig"))
        .cdk_nag(&["Serverless-LambdaEventSourceMappingDestination"]),
    Exemption::of::<Role>("Its metadata has the reason")
        .only_if(|it| it.to_string().contains("xray:PutTraceSegments"))
        .cdk_nag(&["AwsSolutions-IAM5", "Serverless-LambdaStarPermissions"])
        .guard(&["IAM_POLICYDOCUMENT_NO_WILDCARD_RESOURCE"]),
    Exemption::of::<Role>("A policy of one role belongs to it")
        .only_if(|it| !is_missing(it, "Policies"))
        .guard(&["IAM_NO_INLINE_POLICY_CHECK"]),
    Exemption::of::<Role>("The policy that AWS prescribes for this role")
        .only_if(|it| !is_missing(it, "ManagedPolicyArns"))
        .cdk_nag(&["AwsSolutions-IAM4"]),
    // Logs and alarms
    Exemption::of::<LogGroup>(AWS_KEYS).checkov(&["CKV_AWS_158"]).guard(&["CLOUDWATCH_LOG_GROUP_ENCRYPTED"]),
    Exemption::of::<Alarm>("The stage names no topic")
        .only_if(|it| is_missing(it, "AlarmActions"))
        .guard(&["CLOUDWATCH_ALARM_ACTION_CHECK"]),
    // Table and queues
    Exemption::of::<Table>(AWS_KEYS)
        .checkov(&["CKV_AWS_119"])
        .guard(&["DYNAMODB_TABLE_ENCRYPTED_KMS", "DYNAMODB_TABLE_MUST_BE_ENCRYPTED"]),
    Exemption::of::<Table>("A stage that is not protected is deleted as a whole")
        .only_if(|it| is_missing(it, "PointInTimeRecoverySpecification"))
        .checkov(&["CKV_AWS_28"])
        .cdk_nag(&["AwsSolutions-DDB3"])
        .guard(&["DYNAMODB_PITR_ENABLED"]),
    Exemption::of::<Queue>("SQS encrypts it").checkov(&["CKV_AWS_27"]).guard(&["SQS_QUEUE_KMS_MASTER_KEY_ID_RULE"]),
    Exemption::of::<Queue>("Failed messages end here")
        .only_if(|it| is_missing(it, "RedrivePolicy"))
        .cdk_nag(&["AwsSolutions-SQS3", "Serverless-SQSRedrivePolicy"]),
    // APIs
    Exemption::of::<RestApi>("The functions parse every request and limit its size").cdk_nag(&["AwsSolutions-APIG2"]),
    Exemption::of::<Stage>("Carts are private, and the catalogue is fast")
        .checkov(&["CKV_AWS_120"])
        .guard(&["API_GW_CACHE_ENABLED_AND_ENCRYPTED"]),
    // cdk-nag finds an association only by a reference to the stage, which has no ARN to refer to.
    Exemption::of::<Stage>("`waf = true` adds it").cdk_nag(&["AwsSolutions-APIG3"]),
    Exemption::of::<Method>("Public, or for visitors without an account")
        .only_if(|it| it["AuthorizationType"] == "NONE" && it["HttpMethod"] != "OPTIONS")
        .checkov(&["CKV_AWS_59"])
        .cdk_nag(&["AwsSolutions-APIG4", "AwsSolutions-COG4"])
        .guard(&["API_GW_METHOD_AUTHORIZATION_TYPE_RULE"]),
    // The site
    Exemption::of::<Distribution>("CloudFront's own certificate allows no choice")
        .checkov(&["CKV_AWS_174"])
        .cdk_nag(&["AwsSolutions-CFR4"])
        .guard(&["CLOUDFRONT_MINIMUM_PROTOCOL_VERSION_RULE", "CLOUDFRONT_CUSTOM_SSL_CERTIFICATE", "CLOUDFRONT_SNI_ENABLED"]),
    Exemption::of::<Distribution>("Customers may be anywhere").cdk_nag(&["AwsSolutions-CFR1"]),
    Exemption::of::<Distribution>("`waf = true` adds it, where CloudFront's lists can be")
        .only_if(|it| is_missing(&it["DistributionConfig"], "WebACLId"))
        .checkov(&["CKV_AWS_68"])
        .cdk_nag(&["AwsSolutions-CFR2"]),
    Exemption::of::<Distribution>("A stage that is not protected logs no requests to its site")
        .only_if(|it| is_missing(&it["DistributionConfig"], "Logging"))
        .checkov(&["CKV_AWS_86"])
        .cdk_nag(&["AwsSolutions-CFR3"])
        .guard(&["CLOUDFRONT_ACCESSLOGS_ENABLED"]),
    Exemption::of::<Distribution>("It logs in every region that CloudFront's logs reach")
        .only_if(|it| !it["DistributionConfig"]["Logging"]["Fn::If"].is_null())
        .checkov(&["CKV_AWS_86"])
        .guard(&["CLOUDFRONT_ACCESSLOGS_ENABLED"]),
    Exemption::of::<Distribution>("Origin access control has replaced it").guard(&["CLOUDFRONT_ORIGIN_ACCESS_IDENTITY_ENABLED"]),
    Exemption::of::<Distribution>("Each origin is one regional service").guard(&["CLOUDFRONT_ORIGIN_FAILOVER_ENABLED"]),
    Exemption::of::<WebAcl>("Nothing behind it runs Java").checkov(&["CKV_AWS_192"]),
    // Buckets
    Exemption::of::<Bucket>("Logs of protected sites are kept; other buckets are reached by deployers only")
        .only_if(|it| is_missing(it, "LoggingConfiguration"))
        .checkov(&["CKV_AWS_18"])
        .cdk_nag(&["AwsSolutions-S1"])
        .guard(&["S3_BUCKET_LOGGING_ENABLED"]),
    Exemption::of::<Bucket>("A build can be repeated, and a log is written once")
        .only_if(|it| is_missing(it, "VersioningConfiguration"))
        .checkov(&["CKV_AWS_21"])
        .guard(&["S3_BUCKET_VERSIONING_ENABLED"]),
    Exemption::of::<Bucket>("A build can be repeated, and a log may be deleted")
        .guard(&["S3_BUCKET_REPLICATION_ENABLED", "S3_BUCKET_DEFAULT_LOCK_ENABLED"]),
    Exemption::of::<Bucket>("All public access is blocked").guard(&["S3_BUCKET_NO_PUBLIC_RW_ACL"]),
    Exemption::of::<BucketPolicy>("Requests without TLS are denied to everybody").guard(&["S3_BUCKET_SSL_REQUESTS_ONLY"]),
    // Accounts
    Exemption::of::<UserPool>("A second step is the customer's choice").cdk_nag(&["AwsSolutions-COG2"]),
    Exemption::of::<UserPool>("Threat protection takes a tier that is paid by the customer")
        .cdk_nag(&["AwsSolutions-COG3", "AwsSolutions-COG8"]),
];

fn is_missing(properties: &Json, name: &str) -> bool {
    properties.get(name).is_none()
}
