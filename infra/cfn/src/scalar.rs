//! Values that are known when a template is made, with a type for each unit and each kind. The text of a setting is checked when it
//! is parsed. Knows no setting.

use std::{fmt, str::FromStr};

use serde::{Deserialize, Serialize};

use crate::{
    parse::{Invalid, deserialize_by_parsing},
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
            _ => Err(Invalid::new("an architecture", "Lambda has arm64 and x86_64", text)),
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
        const RULE: &str = "CloudWatch accepts 1, 3, 5, 7, 14, 30, 60, 90, 120, 150, 180, 365, 400, 545, 731, 1096, 1827, 2192, 2557, \
            2922, 3288 and 3653";
        let days = text.parse().ok().filter(|days| Self::ACCEPTED.contains(days));
        days.map(Self).ok_or_else(|| Invalid::new("a number of days to keep logs", RULE, text))
    }
}

impl fmt::Display for LogRetention {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A region by its code, such as `eu-west-1`. A region that does not exist passes if its code is well formed: AWS opens new ones.
///
/// See the [codes](https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(transparent)]
pub struct Region(String);

impl Region {
    /// The code.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The [partition](https://docs.aws.amazon.com/whitepapers/latest/aws-fault-isolation-boundaries/partitions.html), with which every
    /// ARN of the region begins after `arn:`.
    #[must_use]
    pub fn partition(&self) -> &'static str {
        const OTHERS: [(&str, &str); 7] = [
            ("cn-", "aws-cn"),
            ("us-gov-", "aws-us-gov"),
            ("us-iso-", "aws-iso"),
            ("us-isob-", "aws-iso-b"),
            ("eu-isoe-", "aws-iso-e"),
            ("us-isof-", "aws-iso-f"),
            ("eusc-", "aws-eusc"),
        ];
        OTHERS.iter().find(|(beginning, _)| self.0.starts_with(beginning)).map_or("aws", |(_, partition)| partition)
    }
}

impl FromStr for Region {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if is_region(text) {
            return Ok(Self(text.to_owned()));
        }
        let plain = text.trim().to_ascii_lowercase().replace(['_', ' '], "-");
        let rule = if is_region(&plain) {
            format!("write {plain}")
        } else if let Some(region) = region_of_zone(&plain) {
            format!("write the region that it is in, {region}")
        } else {
            "write the code of one, such as eu-west-1".to_owned()
        };
        Err(Invalid::new("a region", rule, text))
    }
}

impl fmt::Display for Region {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

deserialize_by_parsing!(Region);

/// Two to four letters for a part of the world, words, and a number: `us-gov-west-1`.
fn is_region(text: &str) -> bool {
    let letters = |word: &str| !word.is_empty() && word.bytes().all(|byte| byte.is_ascii_lowercase());
    let number =
        |word: &str| (1..=2).contains(&word.len()) && !word.starts_with('0') && word.bytes().all(|byte| byte.is_ascii_digit());
    match text.split('-').collect::<Vec<_>>().as_slice() {
        // The former names of endpoints for FIPS 140, `fips-us-east-1`.
        ["fips", ..] => false,
        [world, words @ .., last] => {
            (2..=4).contains(&world.len())
                && letters(world)
                && !words.is_empty()
                && words.iter().all(|word| letters(word))
                && number(last)
        }
        _ => false,
    }
}

/// The region in the name of an [availability
/// zone](https://docs.aws.amazon.com/AWSEC2/latest/UserGuide/using-regions-availability-zones.html) (`eu-west-1a`), a local zone
/// (`us-west-2-lax-1a`) or a former endpoint (`fips-us-east-1`, `us-east-1-fips`).
fn region_of_zone(text: &str) -> Option<&str> {
    let text = text.strip_prefix("fips-").unwrap_or(text);
    let digit = text.find(|c: char| c.is_ascii_digit())?;
    let rest = text[digit..].trim_start_matches(|c: char| c.is_ascii_digit());
    let region = &text[..text.len() - rest.len()];
    let is_zone =
        rest.is_empty() || rest.starts_with('-') || (rest.len() == 1 && rest.bytes().all(|byte| byte.is_ascii_lowercase()));
    (is_zone && is_region(region)).then_some(region)
}

/// The ARN of an SNS topic that is in no stack of the app, in the region of the deployment.
///
/// FIFO topics, whose names end in `.fifo`, are rejected: [alarms cannot send to
/// one](https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/Notify_Users_Alarm_Changes.html).
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize)]
#[serde(into = "String")]
pub struct GivenTopicArn {
    text: String,
    region: Region,
}

impl GivenTopicArn {
    /// The ARN as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.text
    }

    /// The topic's region.
    #[must_use]
    pub fn region(&self) -> &Region {
        &self.region
    }
}

impl FromStr for GivenTopicArn {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        topic_region(text)
            .map(|region| Self { text: text.to_owned(), region })
            .map_err(|rule| Invalid::new("the ARN of an SNS topic for alarms", rule, text))
    }
}

/// Whether a text is an account's [number](https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-identifiers.html): twelve digits.
#[must_use]
pub fn is_account_id(text: &str) -> bool {
    text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit())
}

/// The region of a topic's ARN, or the rule that the text breaks. Names have up to [256 letters, digits, hyphens and
/// underscores](https://docs.aws.amazon.com/sns/latest/api/API_CreateTopic.html).
fn topic_region(text: &str) -> Result<Region, String> {
    let parts: Vec<_> = text.split(':').collect();
    let &["arn", partition, "sns", region, account, name] = parts.as_slice() else {
        return Err("write it like arn:aws:sns:eu-west-1:123456789012:alarms".to_owned());
    };
    let region: Region = region.parse().map_err(|error: Invalid| error.to_string())?;
    if partition != region.partition() {
        return Err(format!("ARNs of {region} begin with arn:{}", region.partition()));
    }
    if !is_account_id(account) {
        return Err(format!("`{account}` is not an AWS account, which is twelve digits"));
    }
    if name.strip_suffix(".fifo").is_some() {
        return Err("alarms cannot send to a FIFO topic; name a standard one".to_owned());
    }
    let is_name = |c: char| c.is_ascii_alphanumeric() || "-_".contains(c);
    if name.is_empty() || name.len() > 256 || !name.chars().all(is_name) {
        return Err("the name of a topic has up to 256 letters, digits, hyphens and underscores".to_owned());
    }
    Ok(region)
}

impl fmt::Display for GivenTopicArn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.text)
    }
}

deserialize_by_parsing!(GivenTopicArn);

impl From<GivenTopicArn> for String {
    fn from(given: GivenTopicArn) -> Self {
        given.text
    }
}

impl From<GivenTopicArn> for Value<TopicArn> {
    fn from(given: GivenTopicArn) -> Self {
        std::iter::once(Part::Text(given.text)).collect()
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

    fn rule<T: FromStr<Err = Invalid>>(text: &str) -> String {
        text.parse::<T>().err().map_or_else(|| format!("{text} passed"), |error| error.rule.into_owned())
    }

    #[test]
    fn a_region_is_a_code_in_lower_case() {
        let known = [
            "us-east-1 us-west-2 eu-west-1 eu-central-2 ap-southeast-5 ap-northeast-1 sa-east-1 ca-west-1 me-south-1 af-south-1 il-central-1",
            "mx-central-1 cn-north-1 us-gov-west-1 us-iso-east-1 us-isob-east-1 eu-isoe-west-1 us-isof-south-1 eusc-de-east-1",
            "xx-nowhere-12",
        ];
        for text in known.iter().flat_map(|line| line.split(' ')) {
            assert_eq!(text.parse::<Region>().as_ref().map(Region::as_str), Ok(text));
        }
        for text in
            ["", "-", "eu", "eu-west", "eu-west-", "eu-west-0", "eu-west-01", "eu-west-100", "euwest1", "Ireland", "aws-global"]
        {
            assert_eq!(rule::<Region>(text), "write the code of one, such as eu-west-1", "{text}");
        }
        for text in ["*", "eu-west-1,eu-west-2", "eu west one", "e-west-1", "europe-west-1", "eu--west-1", "eu-wést-1", "euw1-az1"]
        {
            assert_eq!(rule::<Region>(text), "write the code of one, such as eu-west-1", "{text}");
        }
    }

    #[test]
    fn what_is_nearly_a_region_is_told_which() {
        for text in ["EU-WEST-1", "eu_west_1", " eu-west-1", "eu-west-1\n", "Eu-West-1", "eu west 1"] {
            assert_eq!(rule::<Region>(text), "write eu-west-1", "{text}");
        }
        for (text, region) in [
            ("eu-west-1a", "eu-west-1"),
            ("EU-WEST-1A", "eu-west-1"),
            ("us-gov-east-1c", "us-gov-east-1"),
            ("us-west-2-lax-1a", "us-west-2"),
            ("us-east-1-wl1-bos-wlz-1", "us-east-1"),
            ("fips-us-east-1", "us-east-1"),
            ("us-east-1-fips", "us-east-1"),
        ] {
            assert_eq!(rule::<Region>(text), format!("write the region that it is in, {region}"), "{text}");
        }
    }

    #[test]
    fn a_region_is_in_one_partition() {
        let partition = |text: &str| text.parse::<Region>().unwrap().partition();
        assert_eq!(["eu-west-1", "us-east-1", "il-central-1"].map(partition), ["aws"; 3]);
        assert_eq!(["cn-north-1", "us-gov-west-1", "eusc-de-east-1"].map(partition), ["aws-cn", "aws-us-gov", "aws-eusc"]);
        let isolated = ["us-iso-east-1", "us-isob-east-1", "eu-isoe-west-1", "us-isof-south-1"].map(partition);
        assert_eq!(isolated, ["aws-iso", "aws-iso-b", "aws-iso-e", "aws-iso-f"]);
    }

    #[test]
    fn a_topic_is_one_that_alarms_can_send_to() {
        for text in ["arn:aws:sns:eu-west-1:123456789012:alarms", "arn:aws-cn:sns:cn-north-1:000000000000:on_call-1"] {
            assert_eq!(text.parse::<GivenTopicArn>().unwrap().as_str(), text);
        }
        let longest = format!("arn:aws:sns:eu-west-1:123456789012:{}", "a".repeat(256));
        assert_eq!(longest.parse::<GivenTopicArn>().unwrap().region().as_str(), "eu-west-1");
        for (text, said) in [
            ("", "write it like"),
            ("alarms", "write it like"),
            ("arn:aws:sqs:eu-west-1:123456789012:alarms", "write it like"),
            ("arn:aws:sns:eu-west-1:123456789012:alarms:0a1b2c3d-0000-4000-8000-000000000000", "write it like"),
            (" arn:aws:sns:eu-west-1:123456789012:alarms", "write it like"),
            ("arn:aws:sns:eu-west-1:123456789012:alarms.fifo", "FIFO"),
            ("arn:aws:sns:eu-west-1:12345:alarms", "twelve digits"),
            ("arn:aws:sns:eu-west-1::alarms", "twelve digits"),
            ("arn:aws:sns:eu-west-1:12345678901x:alarms", "twelve digits"),
            ("arn:aws:sns::123456789012:alarms", "`` is not a region"),
            ("arn:aws:sns:eu-west-1a:123456789012:alarms", "eu-west-1"),
            ("arn:aws:sns:cn-north-1:123456789012:alarms", "begin with arn:aws-cn"),
            ("arn:aws-cn:sns:eu-west-1:123456789012:alarms", "begin with arn:aws"),
            ("arn:aws:sns:us-gov-west-1:123456789012:alarms", "begin with arn:aws-us-gov"),
            ("arn:AWS:sns:eu-west-1:123456789012:alarms", "begin with arn:aws"),
            ("arn:aws:sns:eu-west-1:123456789012:", "256 letters"),
            ("arn:aws:sns:eu-west-1:123456789012:al arms", "256 letters"),
            (&format!("{longest}a"), "256 letters"),
        ] {
            assert!(rule::<GivenTopicArn>(text).contains(said), "{text}: {}", rule::<GivenTopicArn>(text));
        }
    }
}
