//! What can be chosen about a deployment. Everything that varies between two templates comes from here.
//!
//! Knows nothing of where settings come from: files, flags and the environment are the caller's.

use std::{collections::BTreeMap, fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    cfn::template::Removal,
    names::{Names, StackPrefix},
    parse::{Invalid, deserialize_by_parsing, parsed},
    stack::Package,
};

/// What can be chosen about one copy of the shop.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// What it is called.
    pub names: Names,
    /// Whether it holds what must not be lost: data outlives the stacks, and the table can be restored to any second.
    pub protected: bool,
    /// The one origin a browser may call from.
    pub allowed_origin: Origin,
    /// What the functions run on.
    pub architecture: Architecture,
    /// Where the functions' code is.
    pub code: Code,
    /// How what is deployed is reached.
    pub endpoints: Endpoints,
    /// How long logs are kept.
    pub log_retention: LogRetention,
    /// How many of each function behind an API may run at once, if that is limited.
    ///
    /// Reserving takes from the account's pool, of which AWS keeps 100 unreserved: a young account has none to give.
    pub reserved_concurrency: Option<u32>,
    /// Whether CloudWatch watches it, and who is told.
    pub monitoring: Option<Monitoring>,
}

/// A dashboard and alarms.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Monitoring {
    /// Who is told when something goes wrong, and when it is over. Without it, alarms are only shown.
    pub alarm_topic: Option<TopicArn>,
}

impl Settings {
    /// The defaults of everything but the code, which has none.
    #[must_use]
    pub fn new(code: Code) -> Self {
        Self {
            names: Names::default(),
            protected: false,
            allowed_origin: Origin::default(),
            architecture: Architecture::default(),
            code,
            endpoints: Endpoints::default(),
            log_retention: LogRetention::default(),
            reserved_concurrency: None,
            monitoring: None,
        }
    }

    /// What becomes of people's data when the stacks are deleted. A stage that is not protected is a demonstration, deleted whole.
    #[must_use]
    pub fn removal(&self) -> Removal {
        if self.protected { Removal::Retain } else { Removal::Delete }
    }
}

/// What can be chosen about what an account needs once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct BootstrapSettings {
    /// Begins the name of the stack.
    pub prefix: StackPrefix,
    /// Whether to make a bucket for code.
    pub artifact_bucket: bool,
    /// Whether to make the role as which API Gateway writes logs, and to put it in force for the account.
    pub logging_role: bool,
}

/// Where the code of each package is in the artifact bucket.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Code(BTreeMap<Package, CodeKey>);

impl Code {
    /// Keys that lead nowhere, of packages that are not built: good for looking at templates, not for deploying them.
    #[must_use]
    pub fn not_packaged(packages: impl IntoIterator<Item = Package>) -> Self {
        Self(packages.into_iter().map(|package| (package, CodeKey(format!("{package}/not-packaged.zip")))).collect())
    }

    /// The same, with the code of this package there.
    #[must_use]
    pub fn with(mut self, package: Package, key: CodeKey) -> Self {
        self.0.insert(package, key);
        self
    }

    /// The code of a package.
    ///
    /// # Panics
    /// If no key of that package was given.
    #[must_use]
    pub fn of(&self, package: Package) -> &CodeKey {
        self.0.get(&package).unwrap_or_else(|| panic!("no code was given of the package {package}"))
    }
}

parsed! {
    /// Scheme, host and perhaps port, as browsers send it in `Origin`.
    Origin is "an origin": "like https://shop.example or http://localhost:8080, in lower case and without a path",
        |text| text.strip_prefix("https://").or_else(|| text.strip_prefix("http://")).is_some_and(|authority| {
            let (host, port) = authority.split_once(':').map_or((authority, None), |(host, port)| (host, Some(port)));
            !host.is_empty()
                && host.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || ".-".contains(c))
                && port.is_none_or(|port| port.parse::<u16>().is_ok_and(|port| port > 0))
        });

    /// The key of an archive of code in a bucket, of the [characters that need no care].
    ///
    /// [characters that need no care]: https://docs.aws.amazon.com/AmazonS3/latest/userguide/object-keys.html
    CodeKey is "a key of code": "up to 1024 letters, digits and `!-_.*'()/`, no slash first",
        |text| !text.is_empty()
            && text.len() <= 1024
            && !text.starts_with('/')
            && text.chars().all(|c| c.is_ascii_alphanumeric() || "!-_.*'()/".contains(c));
}

parsed! {
    /// The ARN of an SNS topic, which must be in the region that is deployed to.
    ///
    /// Not of a FIFO topic, whose name would end in `.fifo`:
    /// [alarms cannot send to one](https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html).
    TopicArn is "the ARN of an SNS topic": "like arn:aws:sns:eu-west-1:123456789012:alarms, and not of a FIFO topic",
        |text| {
            let parts: Vec<_> = text.split(':').collect();
            let plain = |part: &str, more: &str| !part.is_empty() && part.chars().all(|c| c.is_ascii_alphanumeric() || more.contains(c));
            matches!(parts.as_slice(), ["arn", partition, "sns", region, account, name]
                if partition.starts_with("aws") && plain(partition, "-")
                    && plain(region, "-")
                    && account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit())
                    && plain(name, "-_") && name.len() <= 256)
        };
}

impl Default for Origin {
    fn default() -> Self {
        Self("http://localhost:8080".to_owned())
    }
}

/// The processors Lambda offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum Architecture {
    /// Graviton: more work for the price.
    #[default]
    #[serde(rename = "arm64")]
    Arm64,
    /// Intel and AMD.
    #[serde(rename = "x86_64")]
    X86_64,
}

impl fmt::Display for Architecture {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Arm64 => "arm64",
            Self::X86_64 => "x86_64",
        })
    }
}

impl FromStr for Architecture {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        match text {
            "arm64" => Ok(Self::Arm64),
            "x86_64" => Ok(Self::X86_64),
            _ => Err(Invalid { kind: "an architecture", rule: "Lambda has arm64 and x86_64", text: text.to_owned() }),
        }
    }
}

deserialize_by_parsing!(Architecture);

/// How what is deployed is reached.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Endpoints {
    /// At AWS.
    #[default]
    Aws,
    /// At an emulator, which answers for every service at one address.
    Local {
        /// The address.
        base_url: Origin,
    },
}

/// How many days logs are kept: one of the numbers that [CloudWatch accepts].
///
/// [CloudWatch accepts]: https://docs.aws.amazon.com/AmazonCloudWatchLogs/latest/APIReference/API_PutRetentionPolicy.html
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(into = "u16", try_from = "u16")]
pub struct LogRetention(u16);

impl LogRetention {
    const ACCEPTED: [u16; 22] =
        [1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288, 3653];

    /// The number of days.
    #[must_use]
    pub const fn days(self) -> u16 {
        self.0
    }
}

/// Two weeks: long enough to look into what was noticed late, short enough not to be a cost or a store of people's data.
impl Default for LogRetention {
    fn default() -> Self {
        Self(14)
    }
}

impl TryFrom<u16> for LogRetention {
    type Error = Invalid;

    fn try_from(days: u16) -> Result<Self, Self::Error> {
        days.to_string().parse()
    }
}

impl From<LogRetention> for u16 {
    fn from(retention: LogRetention) -> Self {
        retention.days()
    }
}

impl FromStr for LogRetention {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().ok().filter(|days| Self::ACCEPTED.contains(days)).map(Self).ok_or_else(|| Invalid {
            kind: "a number of days to keep logs",
            rule: "CloudWatch accepts 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, 2922, 3288 and 3653",
            text: text.to_owned(),
        })
    }
}

impl fmt::Display for LogRetention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_origin_is_what_a_browser_sends() {
        for text in ["http://localhost:8080", "https://shop.example", "http://127.0.0.1:4566"] {
            assert_eq!(text.parse::<Origin>().unwrap().as_str(), text);
        }
        for text in
            ["*", "shop.example", "https://shop.example/", "https://Shop.example", "http://localhost:0", "http://a:b", "https://"]
        {
            assert!(text.parse::<Origin>().is_err(), "{text}");
        }
    }

    #[test]
    fn logs_are_kept_for_a_number_of_days_that_cloudwatch_accepts() {
        assert_eq!("14".parse(), Ok(LogRetention::default()));
        assert_eq!(serde_json::from_str::<LogRetention>("365").unwrap().days(), 365);
        for text in ["0", "2", "fortnight"] {
            assert!(text.parse::<LogRetention>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_topic_is_one_that_alarms_can_send_to() {
        for text in ["arn:aws:sns:eu-west-1:123456789012:alarms", "arn:aws-cn:sns:cn-north-1:123456789012:on_call-1"] {
            assert_eq!(text.parse::<TopicArn>().unwrap().as_str(), text);
        }
        for text in [
            "",
            "alarms",
            "arn:aws:sns:eu-west-1:123456789012:alarms.fifo",
            "arn:aws:sqs:eu-west-1:123456789012:alarms",
            "arn:aws:sns:eu-west-1:12345:alarms",
            "arn:aws:sns::123456789012:alarms",
            "arn:aws:sns:eu-west-1:123456789012:",
            "arn:aws:sns:eu-west-1:123456789012:alarms:0a1b2c3d-0000-4000-8000-000000000000",
        ] {
            assert!(text.parse::<TopicArn>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_key_of_code_needs_no_escaping() {
        assert!("cart/0a1b2c.zip".parse::<CodeKey>().is_ok());
        for text in ["", "/cart.zip", "cart zip", "cart?.zip"] {
            assert!(text.parse::<CodeKey>().is_err(), "{text}");
        }
    }
}
