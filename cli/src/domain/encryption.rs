//! How objects are encrypted that are uploaded to a bucket that demands a certain way. Knows no bucket.

use std::{fmt, str::FromStr};

use cfn::{Invalid, Region, is_account_id};

/// What an upload asks S3 for. Without it, the bucket's own default holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Encryption {
    pub method: Method,
    /// None for the account's key for S3.
    pub key: Option<KmsKey>,
}

/// A value of the header `x-amz-server-side-encryption`.
/// <https://docs.aws.amazon.com/AmazonS3/latest/API/API_PutObject.html>
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Method {
    /// `AES256`: keys of S3.
    S3,
    /// `aws:kms`
    Kms,
    /// `aws:kms:dsse`: two layers.
    KmsTwice,
}

impl Method {
    pub(crate) const fn as_str(self) -> &'static str {
        match self {
            Self::S3 => "AES256",
            Self::Kms => "aws:kms",
            Self::KmsTwice => "aws:kms:dsse",
        }
    }
}

impl FromStr for Method {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let all = [Self::S3, Self::Kms, Self::KmsTwice];
        let found = all.into_iter().find(|method| method.as_str() == text);
        found.ok_or_else(|| Invalid::new("a way to encrypt objects", "write AES256, aws:kms or aws:kms:dsse", text))
    }
}

/// A key of KMS: an id, an alias, or the ARN of either.
/// <https://docs.aws.amazon.com/kms/latest/developerguide/concepts.html#key-id>
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct KmsKey {
    text: String,
    region: Option<Region>,
}

impl KmsKey {
    /// The region of its ARN, if it is one. A bucket takes keys of its own region only.
    pub(crate) fn region(&self) -> Option<&Region> {
        self.region.as_ref()
    }
}

impl FromStr for KmsKey {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let invalid = |rule: String| Invalid::new("a key of KMS", rule, text);
        let region = region_of(text).map_err(invalid)?;
        Ok(Self { text: text.to_owned(), region })
    }
}

impl fmt::Display for KmsKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

/// The region of a key, or the rule that the text breaks.
fn region_of(text: &str) -> Result<Option<Region>, String> {
    const RULE: &str =
        "write its id, alias/NAME, or an ARN like arn:aws:kms:eu-west-1:123456789012:key/1234abcd-12ab-34cd-56ef-1234567890ab";
    let (region, name) = match *text.split(':').collect::<Vec<_>>().as_slice() {
        [name] => (None, name),
        ["arn", partition, "kms", region, account, name] => {
            let region: Region = region.parse().map_err(|error: Invalid| error.to_string())?;
            if partition != region.partition() {
                return Err(format!("ARNs of {region} begin with arn:{}", region.partition()));
            }
            if !is_account_id(account) {
                return Err(format!("`{account}` is not an AWS account, which is twelve digits"));
            }
            let id = name.strip_prefix("key/");
            (Some(region), id.or(Some(name).filter(|name| name.starts_with("alias/"))).ok_or(RULE)?)
        }
        _ => return Err(RULE.to_owned()),
    };
    let fits = match name.strip_prefix("alias/") {
        Some(alias) => !alias.is_empty() && alias.chars().all(|c| c.is_ascii_alphanumeric() || "/_-".contains(c)),
        None => is_key_id(name),
    };
    if fits && text.len() <= 256 { Ok(region) } else { Err(RULE.to_owned()) }
}

/// A UUID, or `mrk-` and 32 digits for a key in several regions.
fn is_key_id(text: &str) -> bool {
    let is_hex = |text: &str| text.bytes().all(|byte| byte.is_ascii_hexdigit());
    match text.strip_prefix("mrk-") {
        Some(digits) => digits.len() == 32 && is_hex(digits),
        None => text.split('-').map(str::len).eq([8, 4, 4, 4, 12]) && text.split('-').all(is_hex),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "1234abcd-12ab-34cd-56ef-1234567890ab";

    #[test]
    fn a_method_is_spelled_as_its_header() {
        for text in ["AES256", "aws:kms", "aws:kms:dsse"] {
            assert_eq!(text.parse::<Method>().unwrap().as_str(), text);
        }
        for text in ["", "aes256", "AES-256", "kms", "AWS:KMS", "aws:kms ", "aws:fsx", "true"] {
            assert!(text.parse::<Method>().unwrap_err().to_string().contains("write AES256, aws:kms or aws:kms:dsse"), "{text}");
        }
    }

    #[test]
    fn a_key_has_an_id_an_alias_or_an_arn() {
        let arn = |name: &str| format!("arn:aws:kms:eu-west-1:123456789012:{name}");
        for text in [ID, "mrk-1234abcd12ab34cd56ef1234567890ab", "alias/shop", "alias/teams/shop_1-a", "alias/aws/s3"] {
            assert_eq!(text.parse::<KmsKey>().unwrap().region(), None, "{text}");
        }
        for text in [arn(&format!("key/{ID}")), arn("alias/shop"), arn("key/mrk-1234abcd12ab34cd56ef1234567890ab")] {
            let key: KmsKey = text.parse().unwrap();
            assert_eq!((key.to_string(), key.region().unwrap().as_str()), (text, "eu-west-1"));
        }
        for (text, said) in [
            (String::new(), "write its id"),
            ("shop".to_owned(), "write its id"),
            ("alias/".to_owned(), "write its id"),
            ("alias/my shop".to_owned(), "write its id"),
            (format!("{ID} "), "write its id"),
            (format!("key/{ID}"), "write its id"),
            (arn(ID), "write its id"),
            (arn("key/alias"), "write its id"),
            (arn(&format!("key/{ID}:1")), "write its id"),
            (format!("arn:aws:s3:eu-west-1:123456789012:key/{ID}"), "write its id"),
            (format!("arn:aws:kms:eu-west-1a:123456789012:key/{ID}"), "eu-west-1"),
            (format!("arn:aws:kms:cn-north-1:123456789012:key/{ID}"), "begin with arn:aws-cn"),
            (format!("arn:aws:kms:eu-west-1:12345:key/{ID}"), "twelve digits"),
        ] {
            let error = text.parse::<KmsKey>().unwrap_err().to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
    }
}
