//! S3 buckets and their policies. See [`AWS::S3::Bucket`].
//!
//! [`AWS::S3::Bucket`]: https://docs.aws.amazon.com/AWSCloudFormation/latest/TemplateReference/aws-resource-s3-bucket.html

use serde::Serialize;

use crate::{
    policy::Document,
    value::{BucketArn, BucketName, Handle, Value, text},
};

super::types! {
    Bucket = "AWS::S3::Bucket" {
        replacing: { BucketName: Always, BucketNamePrefix: Always, BucketNamespace: Always },
        /// The name that CloudFormation chose.
        name: BucketName = Ref,
        /// The host that answers for the bucket in its region. The one without a region redirects there, which CloudFront would
        /// pass on.
        regional_domain_name: String = GetAtt("RegionalDomainName"),
        /// The host without a region, by which CloudFront names a bucket for its logs.
        domain_name: String = GetAtt("DomainName"),
        /// The ARN of the bucket itself, without its objects.
        arn: BucketArn = GetAtt("Arn"),
    }
    BucketPolicy = "AWS::S3::BucketPolicy" { replacing: { Bucket: Always } }
}

/// A bucket of which CloudFormation chooses the name.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Bucket {
    /// The encryption of objects at rest.
    pub bucket_encryption: Encryption,
    /// The settings that keep it private.
    pub public_access_block_configuration: PublicAccessBlock,
    /// The owner of uploaded objects.
    pub ownership_controls: OwnershipControls,
    /// Whether overwritten and deleted objects are kept.
    pub versioning_configuration: Option<Versioning>,
    /// Rules that delete what nobody needs any more.
    pub lifecycle_configuration: Option<Lifecycle>,
    /// The bucket that gets the log of requests to this one.
    pub logging_configuration: Option<ServerAccessLog>,
}

impl Bucket {
    /// Encrypted, closed to the public, and with nothing that is not said beside.
    #[must_use]
    pub fn private() -> Self {
        Self {
            bucket_encryption: Encryption::s3_managed(),
            public_access_block_configuration: PublicAccessBlock::all(),
            ownership_controls: OwnershipControls { rules: [Ownership::BucketOwnerEnforced] },
            versioning_configuration: None,
            lifecycle_configuration: None,
            logging_configuration: None,
        }
    }
}

impl Handle<Bucket> {
    /// The ARNs of the bucket and of all its objects.
    #[must_use]
    pub fn everything(&self) -> Vec<Value<String>> {
        vec![self.arn().text(), text![&self.arn(), "/*"]]
    }
}

/// The bucket that gets the log of requests to another bucket. Its policy lets `logging.s3.amazonaws.com` write.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct ServerAccessLog {
    /// The bucket, in the same region.
    pub destination_bucket_name: Value<BucketName>,
    /// The beginning of the objects' keys.
    pub log_file_prefix: &'static str,
}

/// The encryption of objects at rest.
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
    /// With keys that S3 manages.
    #[must_use]
    pub fn s3_managed() -> Self {
        Self { server_side_encryption_configuration: [EncryptionRule { server_side_encryption_by_default: Algorithm::Aes256 }] }
    }
}

/// The settings that keep a bucket private, whatever a policy says.
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
    /// All four are on.
    #[must_use]
    pub fn all() -> Self {
        Self { block_public_acls: true, block_public_policy: true, ignore_public_acls: true, restrict_public_buckets: true }
    }
}

/// The owner of uploaded objects.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct OwnershipControls {
    /// CloudFormation takes a list, S3 exactly one rule.
    pub rules: [Ownership; 1],
}

/// The owner of uploaded objects.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(tag = "ObjectOwnership")]
pub enum Ownership {
    /// The owner of the bucket. Access control lists are ignored.
    BucketOwnerEnforced,
    /// The owner of the bucket, if the writer says so. Access control lists count.
    BucketOwnerPreferred,
}

/// Whether overwritten and deleted objects are kept.
#[derive(Clone, Copy, Debug, Serialize)]
#[serde(tag = "Status")]
pub enum Versioning {
    /// Old versions stay until a rule deletes them.
    Enabled,
}

/// Rules that delete what nobody needs any more.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct Lifecycle {
    /// All that apply to an object are carried out.
    pub rules: Vec<LifecycleRule>,
}

/// A rule for all objects of a bucket.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct LifecycleRule {
    /// A name within the bucket.
    pub id: &'static str,
    /// Whether the rule is in force.
    pub status: RuleStatus,
    /// When the parts of an upload that was never completed are deleted.
    pub abort_incomplete_multipart_upload: Option<AbortMultipart>,
    /// When overwritten and deleted objects are deleted for good.
    pub noncurrent_version_expiration: Option<NoncurrentExpiration>,
    /// Days after which objects are deleted.
    pub expiration_in_days: Option<u16>,
}

/// Whether a rule is in force.
#[derive(Clone, Copy, Debug, Serialize)]
pub enum RuleStatus {
    /// The rule is in force.
    Enabled,
}

/// When the parts of an upload that was never completed are deleted.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct AbortMultipart {
    /// Days after the upload began.
    pub days_after_initiation: u32,
}

/// When overwritten and deleted objects are deleted for good.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct NoncurrentExpiration {
    /// Days after the object was overwritten or deleted.
    pub noncurrent_days: u32,
}

/// The policy of a bucket. A bucket has one.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct BucketPolicy {
    /// The bucket.
    pub bucket: Value<BucketName>,
    /// Statements with principals.
    pub policy_document: Document,
}
