//! The name of a bucket, as S3 takes it. Knows no bucket.

use std::{fmt, net::Ipv4Addr, str::FromStr};

use cfn::Invalid;

/// The name of a bucket that holds objects for CloudFormation and Lambda: one of [general
/// purpose](https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html).
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct BucketName(String);

impl FromStr for BucketName {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let rule = match (broken_rule(text), meant(text)) {
            (None, _) => return Ok(Self(text.to_owned())),
            (Some(_), Some(name)) => format!("write {name}"),
            (Some(rule), None) => rule.to_owned(),
        };
        Err(Invalid::new("a bucket's name", rule, text))
    }
}

impl fmt::Display for BucketName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Beginnings and ends that S3 reserves, and what has such a name instead of a bucket.
const RESERVED: [(&str, &str, &str); 8] = [
    ("xn--", "", "no bucket's name begins with `xn--`"),
    ("sthree-", "", "no bucket's name begins with `sthree-`"),
    ("amzn-s3-demo-", "", "no bucket's name begins with `amzn-s3-demo-`"),
    ("", "-s3alias", "this is the alias of an access point; write the name of its bucket"),
    ("", "--ol-s3", "this is the alias of an Object Lambda access point; write the name of its bucket"),
    ("", ".mrap", "this is the alias of a Multi-Region Access Point; write the name of a bucket"),
    ("", "--x-s3", "this is a directory bucket, which Lambda cannot read code from; write the name of a general purpose bucket"),
    ("", "--table-s3", "this is a table bucket; write the name of a general purpose bucket"),
];

/// The rule that the text breaks.
fn broken_rule(text: &str) -> Option<&'static str> {
    let is_allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c);
    let has_ends = text.starts_with(|c: char| c.is_ascii_alphanumeric()) && text.ends_with(|c: char| c.is_ascii_alphanumeric());
    if !(3..=63).contains(&text.len()) || !text.chars().all(is_allowed) || !has_ends {
        return Some("3 to 63 lower-case letters, digits, dots and hyphens, with a letter or digit first and last");
    }
    if text.contains("..") {
        return Some("two dots are never side by side");
    }
    if text.parse::<Ipv4Addr>().is_ok() || looks_like_address(text) {
        return Some("four numbers with dots between are an address");
    }
    let reserved = RESERVED.iter().find(|(beginning, end, _)| text.starts_with(beginning) && text.ends_with(end));
    reserved.map(|(_, _, rule)| *rule)
}

/// Four numbers, whatever their size.
fn looks_like_address(text: &str) -> bool {
    let labels: Vec<_> = text.split('.').collect();
    labels.len() == 4
        && labels.iter().all(|label| (1..=3).contains(&label.len()) && label.bytes().all(|byte| byte.is_ascii_digit()))
}

/// The bucket in an ARN, in a URI as the AWS CLI takes it, or in a URL.
fn meant(text: &str) -> Option<&str> {
    let text = text.trim();
    let name = if let Some(path) = text.strip_prefix("s3://") {
        path
    } else if let Some((_, name)) = text.strip_prefix("arn:").and_then(|arn| arn.split_once(":s3:::")) {
        name
    } else if let Some(url) = text.strip_prefix("https://") {
        // `bucket.s3.region.amazonaws.com` or `s3.region.amazonaws.com/bucket`
        let (host, path) = url.split_once('/').unwrap_or((url, ""));
        let service = host.find(".s3.").or_else(|| host.find(".s3-"));
        service.map_or_else(|| if host.starts_with("s3") { path } else { "" }, |end| &host[..end])
    } else {
        text
    };
    let name = name.split(['/', '?']).next()?;
    broken_rule(name).is_none().then_some(name)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule(text: &str) -> String {
        text.parse::<BucketName>().err().map_or_else(|| format!("{text} passed"), |error| error.rule.into_owned())
    }

    #[test]
    fn a_bucket_has_a_name_that_s3_takes() {
        let (shortest, longest) = ("a0b", "a".repeat(63));
        for text in [
            shortest,
            &longest,
            "my-code",
            "0-9",
            "code.shop.example",
            "1.2.3",
            "1.2.3.4a",
            "code-123456789012-eu-west-1-an",
            "xn-a",
        ] {
            assert_eq!(text.parse::<BucketName>().map(|name| name.to_string()).as_deref(), Ok(text));
        }
        let short = "3 to 63 lower-case letters";
        for (text, said) in [
            ("", short),
            ("ab", short),
            (&format!("{longest}a"), short),
            ("My-Code", short),
            ("my_code", short),
            ("my code", short),
            ("-code", short),
            ("code-", short),
            (".code", short),
            ("code.", short),
            ("bücket", short),
            ("$BUCKET", short),
            ("my..code", "side by side"),
            ("192.168.5.4", "an address"),
            ("999.168.005.4", "an address"),
            ("xn--code", "begins with `xn--`"),
            ("sthree-code", "begins with `sthree-`"),
            ("sthree-configurator-code", "begins with `sthree-`"),
            ("amzn-s3-demo-bucket", "begins with `amzn-s3-demo-`"),
            ("code-abc123-s3alias", "access point"),
            ("code--ol-s3", "Object Lambda"),
            ("code.mrap", "Multi-Region"),
            ("code--usw2-az1--x-s3", "directory bucket"),
            ("code--table-s3", "table bucket"),
        ] {
            assert!(rule(text).contains(said), "{text}: {}", rule(text));
        }
    }

    #[test]
    fn a_bucket_by_another_name_is_told_which() {
        for text in [
            "s3://my-code",
            "s3://my-code/a/folder/",
            "arn:aws:s3:::my-code",
            "arn:aws-cn:s3:::my-code/key",
            "https://my-code.s3.eu-west-1.amazonaws.com/",
            "https://my-code.s3.amazonaws.com/key",
            "https://s3.eu-west-1.amazonaws.com/my-code/key",
            " my-code\n",
            "my-code/",
        ] {
            assert_eq!(rule(text), "write my-code", "{text}");
        }
        for text in ["s3://", "s3://My-Code", "arn:aws:s3:eu-west-1:123456789012:accesspoint/code", "https://shop.example/my-code"]
        {
            assert!(rule(text).starts_with("3 to 63"), "{text}: {}", rule(text));
        }
    }
}
