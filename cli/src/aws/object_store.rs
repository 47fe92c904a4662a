//! S3: the bucket for code and large templates. Every call names the account that must own the bucket.

use std::collections::BTreeMap;

use aws_sdk_s3::{
    operation::put_object::{PutObjectOutput, builders::PutObjectFluentBuilder},
    primitives::ByteStream,
    types::{ChecksumMode, Delete, ObjectIdentifier},
};
use camino::Utf8Path;
use cfn::CodeHash;
use percent_encoding::{NON_ALPHANUMERIC, utf8_percent_encode};

use super::{Aws, Error, ErrorKind, hosts};
use crate::domain::{
    encryption::{Encryption, Method},
    site::{Online, Upload},
};

/// The most objects of one deletion.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_DeleteObjects.html>
const DELETED_AT_ONCE: usize = 1000;

/// A bucket, and the account that owns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bucket {
    pub name: String,
    /// The number of the owning account.
    pub owner: String,
}

/// Where CloudFormation reads a template.
#[derive(Clone, Debug)]
pub(crate) struct TemplateUrl {
    pub url: String,
    /// Whether the URL names one version of the object, which nobody can replace.
    pub pinned: bool,
}

impl Aws {
    /// Verifies that a bucket exists, belongs to its owner and is in our region. Changes nothing.
    pub(crate) async fn check_bucket(&self, bucket: &Bucket) -> Result<(), Error> {
        let Bucket { name, owner } = bucket;
        let operation = format!("checking the bucket {name}");
        let answer = self.s3.head_bucket().bucket(name).expected_bucket_owner(owner).send().await;
        let answer = answer.map_err(|error| {
            let status = error.raw_response().map(|response| response.status().as_u16());
            let error = Error::sdk(&operation, error);
            match status {
                Some(403) => {
                    let message = format!("the bucket belongs to another account, or the account {owner} may not use it");
                    Error::new(&operation, ErrorKind::WrongOwner, message)
                }
                Some(404) => Error::new(&operation, ErrorKind::NoBucket, "the bucket does not exist"),
                Some(301) => {
                    Error::new(&operation, ErrorKind::Other, "the bucket is in another region, and Lambda needs it in this one")
                }
                _ => error,
            }
        })?;
        match answer.bucket_region {
            Some(region) if region != self.region => Err(Error::new(
                operation,
                ErrorKind::Other,
                format!("the bucket is in {region}, and Lambda needs it in {}", self.region),
            )),
            _ => Ok(()),
        }
    }

    /// Whether an object has this content, by the checksum that S3 verified when it was uploaded. One that was uploaded without a
    /// checksum may have any content.
    pub(crate) async fn holds(&self, bucket: &Bucket, key: &str, content: CodeHash) -> Result<bool, Error> {
        let call = self.s3.head_object().bucket(&bucket.name).expected_bucket_owner(&bucket.owner).key(key);
        let call = call.checksum_mode(ChecksumMode::Enabled);
        match call.send().await.map_err(|error| Error::sdk(format!("checking for {key} in {}", bucket.name), error)) {
            Ok(answer) => Ok(answer.checksum_sha256.is_some_and(|checksum| checksum == content.base64())),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Uploads a file. S3 refuses it if it no longer has this content.
    pub(crate) async fn put_file(&self, bucket: &Bucket, key: &str, path: &Utf8Path, content: CodeHash) -> Result<(), Error> {
        let call = self.encrypted(self.putting(bucket, key)).checksum_sha256(content.base64());
        put_from(call, bucket, path).await
    }

    /// Uploads a file of the site, with content type and cache headers.
    pub(crate) async fn put_site_file(&self, bucket: &Bucket, key: &str, path: &Utf8Path, upload: &Upload) -> Result<(), Error> {
        let call = self.putting(bucket, key).content_type(&upload.content_type).cache_control(upload.cache_control);
        put_from(call, bucket, path).await
    }

    /// Uploads a text.
    pub(crate) async fn put_text(&self, bucket: &Bucket, key: &str, text: String) -> Result<(), Error> {
        let call = self.putting(bucket, key).body(ByteStream::from(text.into_bytes()));
        put(call, &format!("uploading {key} to {}", bucket.name)).await.map(|_| ())
    }

    /// Uploads a template, and returns where CloudFormation reads exactly this one, as far as the bucket has versions.
    pub(crate) async fn put_template(&self, bucket: &Bucket, key: &str, template: String) -> Result<TemplateUrl, Error> {
        let call = self.encrypted(self.putting(bucket, key)).body(ByteStream::from(template.into_bytes()));
        let answer = put(call, &format!("uploading {key} to {}", bucket.name)).await?;
        let url = match self.sdk.endpoint_url() {
            Some(endpoint) => format!("{endpoint}/{}/{key}", bucket.name),
            None => format!("https://{}.s3.{}.{}/{key}", bucket.name, self.region, hosts::domain(&self.region, false).await?),
        };
        // A bucket whose versioning is suspended overwrites the version `null`.
        // https://docs.aws.amazon.com/AmazonS3/latest/userguide/AddingObjectstoVersionSuspendedBuckets.html
        let version = answer.version_id.filter(|version| version != "null");
        Ok(match version {
            Some(version) => {
                let version = utf8_percent_encode(&version, NON_ALPHANUMERIC);
                TemplateUrl { url: format!("{url}?versionId={version}"), pinned: true }
            }
            None => TemplateUrl { url, pinned: false },
        })
    }

    /// Deletes an object. Succeeds if none exists.
    pub(crate) async fn delete_object(&self, bucket: &Bucket, key: &str) -> Result<(), Error> {
        let call = self.s3.delete_object().bucket(&bucket.name).expected_bucket_owner(&bucket.owner).key(key);
        let answer = call.send().await.map_err(|error| Error::sdk(format!("deleting {key} from {}", bucket.name), error));
        answer.map(|_| ())
    }

    /// The objects below a prefix, by the rest of the key.
    pub(crate) async fn objects(&self, bucket: &Bucket, prefix: &str) -> Result<BTreeMap<String, Online>, Error> {
        let Bucket { name, owner } = bucket;
        let call = self.s3.list_objects_v2().bucket(name).expected_bucket_owner(owner).prefix(prefix);
        let mut batches = call.into_paginator().send();
        let mut found = BTreeMap::new();
        while let Some(batch) = batches.next().await {
            let batch = batch.map_err(|error| Error::sdk(format!("listing the objects in {name}"), error))?;
            found.extend(batch.contents.unwrap_or_default().into_iter().filter_map(|object| {
                let path = object.key?.strip_prefix(prefix)?.to_owned();
                let bytes = object.size.and_then(|size| u64::try_from(size).ok()).unwrap_or_default();
                Some((path, Online { bytes, md5: object.e_tag.unwrap_or_default().trim_matches('"').to_owned() }))
            }));
        }
        Ok(found)
    }

    /// The text of an object. None if the object does not exist.
    pub(crate) async fn text(&self, bucket: &Bucket, key: &str) -> Result<Option<String>, Error> {
        let operation = format!("reading {key} in {}", bucket.name);
        let call = self.s3.get_object().bucket(&bucket.name).expected_bucket_owner(&bucket.owner).key(key);
        let body = match call.send().await.map_err(|error| Error::sdk(&operation, error)) {
            Ok(answer) => answer.body.collect().await,
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(None),
            Err(error) => return Err(error),
        };
        let bytes = body.map_err(|error| Error::new(&operation, ErrorKind::Other, error.to_string()))?.into_bytes();
        String::from_utf8(bytes.into()).map(Some).map_err(|error| Error::new(operation, ErrorKind::Other, error.to_string()))
    }

    /// Deletes objects. Succeeds for those that do not exist.
    pub(crate) async fn delete_objects(&self, bucket: &Bucket, keys: &[String]) -> Result<(), Error> {
        let operation = format!("deleting from {}", bucket.name);
        for keys in keys.chunks(DELETED_AT_ONCE) {
            let objects = keys.iter().map(|key| ObjectIdentifier::builder().key(key).build()).collect::<Result<Vec<_>, _>>();
            let delete = objects.and_then(|objects| Delete::builder().set_objects(Some(objects)).quiet(true).build());
            let delete = delete.map_err(|error| Error::new(&operation, ErrorKind::Other, error.to_string()))?;
            let call = self.s3.delete_objects().bucket(&bucket.name).expected_bucket_owner(&bucket.owner).delete(delete);
            let answer = call.send().await.map_err(|error| Error::sdk(&operation, error))?;
            if let Some(failed) = answer.errors.unwrap_or_default().into_iter().next() {
                let why = failed.message.or(failed.code).unwrap_or_default();
                return Err(Error::new(operation, ErrorKind::Other, format!("{}: {why}", failed.key.unwrap_or_default())));
            }
        }
        Ok(())
    }

    /// An upload that says how the object is encrypted.
    fn encrypted(&self, call: PutObjectFluentBuilder) -> PutObjectFluentBuilder {
        let Some(Encryption { method, key }) = &self.encryption else { return call };
        call.server_side_encryption(method.as_str().into()).set_ssekms_key_id(key.as_ref().map(ToString::to_string))
    }

    /// The upload of an object, still without content.
    fn putting(&self, bucket: &Bucket, key: &str) -> PutObjectFluentBuilder {
        let call = self.s3.put_object().bucket(&bucket.name).expected_bucket_owner(&bucket.owner).key(key);
        match &self.encryption {
            // S3's own keys hinder nobody who reads: not CloudFront, and not who compares `ETag`s.
            Some(Encryption { method: Method::S3, .. }) => call.server_side_encryption(Method::S3.as_str().into()),
            _ => call,
        }
    }
}

async fn put_from(call: PutObjectFluentBuilder, bucket: &Bucket, path: &Utf8Path) -> Result<(), Error> {
    let operation = format!("uploading {path} to {}", bucket.name);
    let body = ByteStream::from_path(path).await;
    let body = body.map_err(|error| Error::new(&operation, ErrorKind::Other, error.to_string()))?;
    put(call.body(body), &operation).await.map(|_| ())
}

async fn put(call: PutObjectFluentBuilder, operation: &str) -> Result<PutObjectOutput, Error> {
    let answer = call.send().await.map_err(|error| Error::sdk(operation, error));
    // The bucket was checked before, so a refusal here concerns the object.
    answer.map_err(|error| {
        if error.has_code("AccessDenied") {
            error.of_kind(ErrorKind::Denied).with_hint(
                "allow `s3:PutObject` on the bucket, or use credentials that may (`--profile`); if the bucket demands that uploads name \
                 their encryption, name it as `sse` and `sse-kms-key` in cartctl.toml",
            )
        } else {
            error
        }
    })
}
