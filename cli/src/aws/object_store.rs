//! S3: the bucket for code and large templates. Every call names the account that must own the bucket.

use aws_sdk_s3::primitives::ByteStream;
use camino::Utf8Path;

use super::{Aws, Error, ErrorKind};

/// A bucket, and the account that owns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Bucket {
    /// Its name.
    pub name: String,
    /// The account it has to belong to.
    pub owner: String,
}

impl Aws {
    /// Makes sure that a bucket exists, belongs to its owner and is in our region. Changes nothing.
    pub(crate) async fn check_bucket(&self, bucket: &Bucket) -> Result<(), Error> {
        let Bucket { name, owner } = bucket;
        let operation = format!("looking at the bucket {name}");
        let answer = self.s3.head_bucket().bucket(name).expected_bucket_owner(owner).send().await;
        let answer = answer.map_err(|error| {
            let status = error.raw_response().map(|response| response.status().as_u16());
            let error = Error::sdk(&operation, error);
            match status {
                Some(403) => {
                    let message = format!("it does not belong to the account {owner}, or this account may not use it");
                    Error::new(&operation, ErrorKind::WrongOwner, message)
                }
                Some(404) => Error::new(&operation, ErrorKind::NoBucket, "there is no such bucket"),
                Some(301) => Error::new(&operation, ErrorKind::Other, "it is in another region, and Lambda needs it in this one"),
                _ => error,
            }
        })?;
        match answer.bucket_region {
            Some(region) if region != self.region => {
                Err(Error::new(operation, ErrorKind::Other, format!("it is in {region}, and Lambda needs it in {}", self.region)))
            }
            _ => Ok(()),
        }
    }

    /// Whether an object is there.
    pub(crate) async fn has_object(&self, bucket: &Bucket, key: &str) -> Result<bool, Error> {
        let call = self.s3.head_object().bucket(&bucket.name).expected_bucket_owner(&bucket.owner).key(key);
        match call.send().await.map_err(|error| Error::sdk(format!("looking for {key} in {}", bucket.name), error)) {
            Ok(_) => Ok(true),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Puts a file into the bucket.
    pub(crate) async fn put_file(&self, bucket: &Bucket, key: &str, path: &Utf8Path) -> Result<(), Error> {
        let operation = || format!("uploading {path} to {}", bucket.name);
        let body = ByteStream::from_path(path).await;
        let body = body.map_err(|error| Error::new(operation(), ErrorKind::Other, error.to_string()))?;
        self.put(bucket, key, body, &operation()).await
    }

    /// Puts a text into the bucket, and returns the URL by which CloudFormation reads it.
    pub(crate) async fn put_text(&self, bucket: &Bucket, key: &str, text: String) -> Result<String, Error> {
        self.put(bucket, key, ByteStream::from(text.into_bytes()), &format!("uploading {key} to {}", bucket.name)).await?;
        Ok(match self.sdk.endpoint_url() {
            Some(endpoint) => format!("{endpoint}/{}/{key}", bucket.name),
            None => format!("https://{}.s3.{}.amazonaws.com/{key}", bucket.name, self.region),
        })
    }

    /// Deletes an object. That there is none is as good.
    pub(crate) async fn delete_object(&self, bucket: &Bucket, key: &str) -> Result<(), Error> {
        let call = self.s3.delete_object().bucket(&bucket.name).expected_bucket_owner(&bucket.owner).key(key);
        let answer = call.send().await.map_err(|error| Error::sdk(format!("deleting {key} from {}", bucket.name), error));
        answer.map(|_| ())
    }

    async fn put(&self, bucket: &Bucket, key: &str, body: ByteStream, operation: &str) -> Result<(), Error> {
        let call = self.s3.put_object().bucket(&bucket.name).expected_bucket_owner(&bucket.owner).key(key).body(body);
        let answer = call.send().await.map_err(|error| Error::sdk(operation, error));
        // The bucket was looked at before, so that a refusal here is about the object.
        answer.map(|_| ()).map_err(|error| if error.has_code("AccessDenied") { error.of_kind(ErrorKind::Denied) } else { error })
    }
}
