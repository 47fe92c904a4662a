//! What an organisation demands, as its people write it: the boundary and the path of every role, and the role that CloudFormation works as.
//! Does not know who asks for it.

use std::{fmt, str::FromStr};

use serde::Serialize;

use crate::{
    parse::{Invalid, deserialize_by_parsing, parsed},
    scalar::{Region, is_account_id},
};

parsed! {
    /// The path of roles, which is a part of their ARNs: some organisations permit roles below one path only.
    ///
    /// See the [rules](https://docs.aws.amazon.com/IAM/latest/APIReference/API_CreateRole.html). AWS keeps two beginnings for itself.
    RolePath is "a path for roles":
        "a slash, or up to 512 visible characters of ASCII with a slash first and last, such as /shop/; not beginning with /aws-service-role/ or /aws-reserved/",
        |text| (text == "/" || text.len() > 2 && text.len() <= 512)
            && text.starts_with('/')
            && text.ends_with('/')
            && text.chars().all(|c| c.is_ascii_graphic())
            && !["/aws-service-role/", "/aws-reserved/"].iter().any(|taken| text.starts_with(taken));
}

/// The ARN of the managed policy that bounds what roles may do, whatever their own policies say: a [permissions
/// boundary](https://docs.aws.amazon.com/IAM/latest/UserGuide/access_policies_boundaries.html).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct BoundaryArn(String);

/// The ARN of a role that exists, such as CloudFormation's [service
/// role](https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/using-iam-servicerole.html).
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(transparent)]
pub struct GivenRoleArn(String);

/// ARNs of IAM: of an account, or of AWS itself, and of no region.
pub trait IamArn: fmt::Display {
    /// The ARN as text.
    fn as_str(&self) -> &str;

    /// The account's number; `aws` for what AWS has made.
    fn account(&self) -> &str {
        self.as_str().split(':').nth(4).unwrap_or_default()
    }

    /// Why it cannot be meant by a deployment to this region, if that is so.
    fn outside_of(&self, region: &Region) -> Option<String> {
        let partition = self.as_str().split(':').nth(1).unwrap_or_default();
        (partition != region.partition())
            .then(|| format!("ARNs of {region} begin with arn:{}, and this is {self}", region.partition()))
    }
}

macro_rules! iam_arns {
    ($($name:ident is $kind:literal: $begins:literal, $longest:literal, $example:literal, $aws:literal;)+) => {$(
        impl IamArn for $name {
            fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl FromStr for $name {
            type Err = Invalid;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                match broken_rule(text, $begins, $longest, $example, $aws) {
                    None => Ok(Self(text.to_owned())),
                    Some(rule) => Err(Invalid::new($kind, rule, text)),
                }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        deserialize_by_parsing!($name);
    )+};
}

iam_arns! {
    BoundaryArn is "the ARN of a permissions boundary": "policy/", 128, "arn:aws:iam::123456789012:policy/boundary", true;
    GivenRoleArn is "the ARN of a role": "role/", 64, "arn:aws:iam::123456789012:role/deployer", false;
}

/// The rule that the text breaks. Names have up to `longest` letters, digits and some other characters:
/// <https://docs.aws.amazon.com/IAM/latest/UserGuide/reference_iam-quotas.html>
fn broken_rule(text: &str, begins: &str, longest: usize, example: &str, of_aws: bool) -> Option<String> {
    let parts: Vec<_> = text.splitn(6, ':').collect();
    let &["arn", partition, "iam", "", account, resource] = parts.as_slice() else {
        return Some(format!("write it like {example}"));
    };
    let Some(path) = resource.strip_prefix(begins) else { return Some(format!("write it like {example}")) };
    if partition != "aws" && !partition.starts_with("aws-") {
        return Some(format!("`{partition}` is not a partition; write it like {example}"));
    }
    if !(is_account_id(account) || of_aws && account == "aws") {
        return Some(format!("`{account}` is not an AWS account, which is twelve digits"));
    }
    let name = path.rsplit('/').next().unwrap_or_default();
    let is_name = |c: char| c.is_ascii_alphanumeric() || "+=,.@-_".contains(c);
    let fits = !name.is_empty() && name.len() <= longest && name.chars().all(is_name);
    let path_fits = path.len() - name.len() <= 512 && path.chars().all(|c| c.is_ascii_graphic());
    (!(fits && path_fits)).then(|| format!("its name has up to {longest} letters, digits and `+=,.@-_`"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn rule<T: FromStr<Err = Invalid>>(text: &str) -> String {
        text.parse::<T>().err().map_or_else(|| format!("{text} passed"), |error| error.rule.into_owned())
    }

    #[test]
    fn a_path_begins_and_ends_with_a_slash() {
        let longest = format!("/{}/", "a".repeat(510));
        for text in ["/", "/shop/", "/teams/shop/", "/a/", "/a=b,c.d@e-f_g+h!~/", &longest] {
            assert_eq!(text.parse::<RolePath>().unwrap().as_str(), text);
        }
        for text in [
            "",
            "shop",
            "/shop",
            "shop/",
            "//",
            "/my shop/",
            "/shöp/",
            "/shop/\n",
            " /shop/",
            "/aws-service-role/x/",
            "/aws-reserved/",
            &format!("{longest}/"),
        ] {
            assert!(text.parse::<RolePath>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_boundary_is_a_policy_and_a_service_role_is_a_role() {
        for text in [
            "arn:aws:iam::123456789012:policy/boundary",
            "arn:aws:iam::123456789012:policy/teams/shop/boundary_1+=,.@-",
            "arn:aws-cn:iam::000000000000:policy/boundary",
            "arn:aws:iam::aws:policy/PowerUserAccess",
        ] {
            assert_eq!(text.parse::<BoundaryArn>().unwrap().as_str(), text);
            assert!(rule::<GivenRoleArn>(text).starts_with("write it like arn:aws:iam::123456789012:role/deployer"));
        }
        for text in ["arn:aws:iam::123456789012:role/deployer", "arn:aws-us-gov:iam::123456789012:role/cdk/cfn-exec"] {
            assert_eq!(text.parse::<GivenRoleArn>().unwrap().account().len(), 12);
            assert!(rule::<BoundaryArn>(text).starts_with("write it like arn:aws:iam::123456789012:policy/boundary"));
        }
        let longest = format!("arn:aws:iam::123456789012:role/{}", "a".repeat(64));
        assert!(longest.parse::<GivenRoleArn>().is_ok());
        for (text, said) in [
            ("", "write it like"),
            ("deployer", "write it like"),
            ("role/deployer", "write it like"),
            (" arn:aws:iam::123456789012:role/deployer", "write it like"),
            ("arn:aws:sts::123456789012:assumed-role/deployer/ci", "write it like"),
            ("arn:aws:iam::123456789012:user/ada", "write it like"),
            ("arn:aws:iam:eu-west-1:123456789012:role/deployer", "write it like"),
            ("arn:aws:iam::12345:role/deployer", "twelve digits"),
            ("arn:aws:iam::aws:role/deployer", "twelve digits"),
            ("arn:AWS:iam::123456789012:role/deployer", "not a partition"),
            ("arn:aws:iam::123456789012:role/", "64 letters"),
            ("arn:aws:iam::123456789012:role/a path/deployer", "64 letters"),
            ("arn:aws:iam::123456789012:role/deployer\n", "64 letters"),
            ("arn:aws:iam::123456789012:role/deployer:1", "64 letters"),
            (&format!("{longest}a"), "64 letters"),
        ] {
            assert!(rule::<GivenRoleArn>(text).contains(said), "{text}: {}", rule::<GivenRoleArn>(text));
        }
    }

    #[test]
    fn an_arn_is_of_the_partition_of_its_region() {
        let arn: GivenRoleArn = "arn:aws-cn:iam::123456789012:role/deployer".parse().unwrap();
        assert_eq!(arn.outside_of(&"cn-north-1".parse().unwrap()), None);
        let reason = arn.outside_of(&"eu-west-1".parse().unwrap()).unwrap();
        assert_eq!(reason, format!("ARNs of eu-west-1 begin with arn:aws, and this is {arn}"));
    }
}
