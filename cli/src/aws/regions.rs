//! The regions that AWS has opened so far. Nothing is refused because it is not in this list: AWS opens new ones.

/// <https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html>, those of China, the governments and the European
/// sovereign cloud last.
const KNOWN: [&str; 40] = [
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
    "af-south-1",
    "ap-east-1",
    "ap-east-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-south-2",
    "ap-southeast-1",
    "ap-southeast-2",
    "ap-southeast-3",
    "ap-southeast-4",
    "ap-southeast-5",
    "ap-southeast-6",
    "ap-southeast-7",
    "ca-central-1",
    "ca-west-1",
    "eu-central-1",
    "eu-central-2",
    "eu-north-1",
    "eu-south-1",
    "eu-south-2",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "il-central-1",
    "me-central-1",
    "me-south-1",
    "mx-central-1",
    "sa-east-1",
    "cn-north-1",
    "cn-northwest-1",
    "us-gov-east-1",
    "us-gov-west-1",
    "us-iso-east-1",
    "eusc-de-east-1",
];

/// The regions that every account may use. Those that opened after March 20, 2019 have to be enabled first.
/// <https://docs.aws.amazon.com/accounts/latest/reference/manage-acct-regions.html>
const OPEN: [&str; 17] = [
    "us-east-1",
    "us-east-2",
    "us-west-1",
    "us-west-2",
    "ap-northeast-1",
    "ap-northeast-2",
    "ap-northeast-3",
    "ap-south-1",
    "ap-southeast-1",
    "ap-southeast-2",
    "ca-central-1",
    "eu-central-1",
    "eu-north-1",
    "eu-west-1",
    "eu-west-2",
    "eu-west-3",
    "sa-east-1",
];

pub(super) fn is_known(region: &str) -> bool {
    KNOWN.contains(&region)
}

/// The region that was probably meant.
pub(super) fn nearest(region: &str) -> Option<&'static str> {
    let distance = |known: &&str| strsim::damerau_levenshtein(known, region);
    KNOWN.into_iter().min_by_key(distance).filter(|known| distance(known) <= 3)
}

/// Whether every account has to enable a region before it can be used. Of the other partitions, none has such regions.
pub(super) fn is_opt_in(region: &str) -> bool {
    let other = ["cn-", "us-gov-", "us-iso", "eu-isoe", "eusc-"].iter().any(|prefix| region.starts_with(prefix));
    !region.is_empty() && !other && !OPEN.contains(&region)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_error_finds_its_region() {
        for (region, expected) in [
            ("eu-wset-1", Some("eu-west-1")),
            ("us-eats-1", Some("us-east-1")),
            ("eu-west1", Some("eu-west-1")),
            ("euwest-1", Some("eu-west-1")),
            ("ap-southest-2", Some("ap-southeast-2")),
            ("frankfurt", None),
        ] {
            assert_eq!(nearest(region), expected, "{region}");
        }
        assert!(OPEN.iter().all(|open| is_known(open)));
    }
}
