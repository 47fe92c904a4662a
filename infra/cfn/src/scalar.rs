//! Values that are known when a template is made, with a type for each unit and each kind. The text of a setting is checked when it
//! is parsed. Knows no setting.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    parse::{Invalid, deserialize_by_parsing, parsed},
    value::{Part, TopicArn, Value},
};

/// The processors that Lambda offers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
pub enum Architecture {
    /// Graviton: cheaper for the same time.
    #[default]
    #[serde(rename = "arm64")]
    Arm64,
    /// Intel or AMD.
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

/// A span of time in whole seconds, as most properties take it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Seconds(u32);

impl Seconds {
    /// A number of seconds.
    #[must_use]
    pub const fn new(seconds: u32) -> Self {
        Self(seconds)
    }

    /// A number of minutes.
    #[must_use]
    pub const fn minutes(minutes: u32) -> Self {
        Self(60 * minutes)
    }

    /// A number of hours.
    #[must_use]
    pub const fn hours(hours: u32) -> Self {
        Self::minutes(60 * hours)
    }

    /// A number of days of 24 hours.
    #[must_use]
    pub const fn days(days: u32) -> Self {
        Self::hours(24 * days)
    }

    /// The number of seconds.
    #[must_use]
    pub const fn get(self) -> u32 {
        self.0
    }
}

/// Memory as Lambda takes it: from 128 MiB to 10 240 MiB.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Mebibytes(u32);

impl Mebibytes {
    /// A number of MiB.
    #[must_use]
    pub const fn new(mebibytes: u32) -> Self {
        Self(mebibytes)
    }
}

/// How long a queue hides a message after handing it out: six times the time-out of the function that works on it, as [AWS
/// advises](https://docs.aws.amazon.com/lambda/latest/dg/services-sqs-configure.html). Lambda refuses a queue that hides messages
/// for less than the time-out.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize)]
pub struct Visibility(Seconds);

impl Visibility {
    /// For a function with this time-out.
    #[must_use]
    pub const fn of_worker(timeout: Seconds) -> Self {
        Self(Seconds(6 * timeout.0))
    }
}

/// How many days log entries are kept: one of the numbers that [CloudWatch accepts].
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

/// Two weeks: long enough for a problem that is noticed late, short enough to cost little and to store little of people's data.
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

parsed! {
    /// The ARN of an SNS topic that is in no stack of the app, in the region of the deployment.
    ///
    /// FIFO topics, whose names end in `.fifo`, are rejected: [alarms cannot send to
    /// one](https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html).
    GivenTopicArn is "the ARN of an SNS topic": "like arn:aws:sns:eu-west-1:123456789012:alarms, and not of a FIFO topic",
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

impl From<GivenTopicArn> for Value<TopicArn> {
    fn from(given: GivenTopicArn) -> Self {
        std::iter::once(Part::Text(given.0)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn logs_are_kept_for_a_number_of_days_that_cloudwatch_accepts() {
        assert_eq!("14".parse(), Ok(LogRetention::default()));
        assert_eq!(serde_json::from_str::<LogRetention>("365").unwrap().days(), 365);
        for text in ["0", "2", "fortnight"] {
            assert!(text.parse::<LogRetention>().is_err(), "{text}");
        }
    }

    #[test]
    fn spans_of_time_are_written_in_seconds() {
        assert_eq!(serde_json::to_value(Seconds::minutes(5)).unwrap(), 300);
        assert_eq!(Seconds::days(14), Seconds::new(14 * 24 * 60 * 60));
        assert_eq!(serde_json::to_value(Visibility::of_worker(Seconds::new(30))).unwrap(), 180);
        assert_eq!(serde_json::to_value(Mebibytes::new(512)).unwrap(), 512);
    }

    #[test]
    fn a_topic_is_one_that_alarms_can_send_to() {
        for text in ["arn:aws:sns:eu-west-1:123456789012:alarms", "arn:aws-cn:sns:cn-north-1:123456789012:on_call-1"] {
            assert_eq!(text.parse::<GivenTopicArn>().unwrap().as_str(), text);
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
            assert!(text.parse::<GivenTopicArn>().is_err(), "{text}");
        }
    }
}
