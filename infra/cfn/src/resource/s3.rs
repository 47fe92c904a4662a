//! S3 buckets and their policies. See [`AWS::S3::Bucket`].
//!
//! [`AWS::S3::Bucket`]: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-s3-bucket.html

use serde::Serialize;

use crate::{
    policy::Document,
    value::{BucketArn, BucketName, Value},
};

super::types! {
    Bucket = "AWS::S3::Bucket" {
        replacing: { BucketName: Always, BucketNamePrefix: Always, BucketNamespace: Always },
        /// The name that CloudFormation chose.
        name: BucketName = Ref,
        /// The host that answers for the bucket in its region. The one without a region redirects there, which CloudFront would
        /// pass on.
        regional_domain_name: String = GetAtt("RegionalDomainName"),
        /// The ARN of the bucket itself, without its objects.
        arn: BucketArn = GetAtt("Arn"),
    }
    BucketPolicy = "AWS::S3::BucketPolicy" { replacing: { Bucket: Always } }
}

/// A bucket.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Bucket {
    /// How objects are encrypted.
    pub bucket_encryption: Encryption,
    /// What can never be made public.
    pub public_access_block_configuration: PublicAccessBlock,
    /// Who owns what is uploaded.
    pub ownership_controls: OwnershipControls,
    /// Whether overwritten and deleted objects are kept.
    pub versioning_configuration: Option<Versioning>,
    /// What is tidied up.
    pub lifecycle_configuration: Option<Lifecycle>,
}

/// How objects are encrypted.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Encryption {
    server_side_encryption_configuration: [EncryptionRule; 1],
}

#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
struct EncryptionRule {
    server_side_encryption_by_default: Algorithm,
}

#[derive(Clone, Copy, Debug, Serialize)]
#[serde(tag = "SSEAlgorithm")]
enum Algorithm {
    #[serde(rename = "AES256")]
    Aes256,
}

impl Encryption {
    /// With S3's own keys.
    #[must_use]
    pub fn s3_managed() -> Self {
        Self { server_side_encryption_configuration: [EncryptionRule { server_side_encryption_by_default: Algorithm::Aes256 }] }
    }
}

/// What can never be made public: nothing, or everything.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
#[expect(clippy::struct_excessive_bools, reason = "these are CloudFormation's, and they are only set together")]
pub struct PublicAccessBlock {
    block_public_acls: bool,
    block_public_policy: bool,
    ignore_public_acls: bool,
    restrict_public_buckets: bool,
}

impl PublicAccessBlock {
    /// Nothing can be made public.
    #[must_use]
    pub fn all() -> Self {
        Self { block_public_acls: true, block_public_policy: true, ignore_public_acls: true, restrict_public_buckets: true }
    }
}

/// Who owns what is uploaded.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct OwnershipControls {
    /// The rules, of which there can be one.
    pub rules: [Ownership; 1],
}

/// Who owns what is uploaded.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(tag = "ObjectOwnership")]
pub enum Ownership {
    /// The bucket's owner, always: access control lists are off.
    BucketOwnerEnforced,
}

/// Whether overwritten and deleted objects are kept.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(tag = "Status")]
pub enum Versioning {
    /// They are.
    Enabled,
}

/// What is tidied up.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Lifecycle {
    /// The rules.
    pub rules: Vec<LifecycleRule>,
}

/// A rule of tidiness for the whole bucket.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct LifecycleRule {
    /// Its name.
    pub id: &'static str,
    /// Whether it is in force.
    pub status: RuleStatus,
    /// When a broken upload is dropped.
    pub abort_incomplete_multipart_upload: Option<AbortMultipart>,
    /// When an overwritten or deleted object is dropped.
    pub noncurrent_version_expiration: Option<NoncurrentExpiration>,
}

/// Whether a rule is in force.
#[derive(Clone, Copy, Debug, Serialize)]
pub enum RuleStatus {
    /// It is.
    Enabled,
}

/// When a broken upload is dropped.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AbortMultipart {
    /// Days after its start.
    pub days_after_initiation: u32,
}

/// When an overwritten or deleted object is dropped.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct NoncurrentExpiration {
    /// Days since it was current.
    pub noncurrent_days: u32,
}

/// Who may do what with a bucket.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct BucketPolicy {
    /// The bucket.
    pub bucket: Value<BucketName>,
    /// The policy.
    pub policy_document: Document,
}
