//! The names of everything in the account. Two stages differ here and in their settings. Knows nothing of what stacks contain.

use std::{fmt, str::FromStr};

use cfn::{
    Place, Stack, StackId,
    parse::{Invalid, deserialize_by_parsing, parsed},
};
use serde::Deserialize;

use crate::stacks;

parsed! {
    /// The beginning of every stack's name.
    ///
    /// A [stack's name] has at most 128 characters, of which the longest stage and suffix need 48. CloudFormation begins the names of a
    /// stack's buckets with it, in lower case, and S3 [reserves] some beginnings.
    ///
    /// [stack's name]: https://docs.aws.amazon.com/AWSCloudFormation/latest/APIReference/API_CreateStack.html
    /// [reserves]: https://docs.aws.amazon.com/AmazonS3/latest/userguide/bucketnamingrules.html
    StackPrefix is "a prefix for stacks":
        "up to 80 letters, digits and hyphens, a letter first and no hyphen last; not beginning with `xn--`, `sthree-` or `amzn-s3-demo-`",
        |text| text.len() <= 80
            && text.starts_with(|c: char| c.is_ascii_alphabetic())
            && !text.ends_with('-')
            && !["xn--", "sthree-", "amzn-s3-demo-"].iter().any(|taken| format!("{text}-").to_ascii_lowercase().starts_with(taken))
            && text.chars().all(|c| c.is_ascii_alphanumeric() || c == '-');

    /// The first folders of every parameter in Parameter Store, without the slash in front.
    ///
    /// See the [rules](https://docs.aws.amazon.com/systems-manager/latest/userguide/sysman-paramstore-su-create.html): fifteen levels, of
    /// which a stage and its values need three.
    ParameterRoot is "a root for parameters":
        "up to 200 characters in up to 8 segments of letters, digits, `.`, `-` and `_`, with single slashes between and none at the ends, \
         not beginning with `aws` or `ssm`",
        |text| text.len() <= 200
            && !["aws", "ssm"].iter().any(|taken| text.to_ascii_lowercase().starts_with(taken))
            && text.split('/').count() <= 8
            && text.split('/').all(|segment| {
                !segment.is_empty() && segment.chars().all(|c| c.is_ascii_alphanumeric() || ".-_".contains(c))
            });

    /// The name of a stage.
    ///
    /// The default stage uses some names for folders of parameters. They are taken, so that no stage's parameters are in another's
    /// folder.
    StageName is "a name for a stage":
        "up to 20 lower-case letters, digits and hyphens, a letter first and no hyphen last; `auth`, `products`, `shopping-cart`, `web` and `default` are taken",
        |text| text.len() <= 20
            && text.starts_with(|c: char| c.is_ascii_lowercase())
            && !text.ends_with('-')
            && text.chars().all(|c| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-')
            && !["auth", "products", "shopping-cart", "web", "default"].contains(&text);
}

impl Default for StackPrefix {
    fn default() -> Self {
        Self("aws-serverless-shopping-cart".to_owned())
    }
}

impl Default for ParameterRoot {
    fn default() -> Self {
        Self("serverless-shopping-cart-demo".to_owned())
    }
}

/// A copy of the shop in an account. Users write the default stage as `default`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Stage {
    /// The stage whose name is in no other name.
    #[default]
    Default,
    /// Any other stage.
    Named(StageName),
}

impl fmt::Display for Stage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(match self {
            Self::Default => "default",
            Self::Named(name) => name.as_str(),
        })
    }
}

impl FromStr for Stage {
    type Err = Invalid;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        if text == "default" { Ok(Self::Default) } else { text.parse().map(Self::Named) }
    }
}

deserialize_by_parsing!(Stage);

/// The parts that names are made of.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Names {
    /// The beginning of every stack's name.
    pub prefix: StackPrefix,
    /// The first folders of every parameter.
    pub parameter_root: ParameterRoot,
    /// The stage.
    pub stage: Stage,
}

impl Names {
    /// The name of a stack. The bootstrap stack belongs to no stage, so that its name has none.
    #[must_use]
    pub fn stack_name(&self, id: StackId) -> String {
        let prefix = &self.prefix;
        let suffix = match id {
            stacks::BOOTSTRAP => return format!("{prefix}-{id}"),
            stacks::PRODUCTS => "product-mock",
            stacks::CART => "shoppingcart-service",
            other => other.as_str(),
        };
        match &self.stage {
            Stage::Default => format!("{prefix}-{suffix}"),
            Stage::Named(stage) => format!("{prefix}-{stage}-{suffix}"),
        }
    }

    /// The place of a stack in the account.
    #[must_use]
    pub fn place(&self, id: StackId) -> Place {
        let parameters = self.parameter_path("").trim_end_matches('/').to_owned();
        Place { stack_name: self.stack_name(id), parameters }
    }

    /// A stack without resources, marked as one of this prefix and stage.
    #[must_use]
    pub fn stack(&self, id: StackId, description: &'static str) -> Stack {
        let stage = (id != stacks::BOOTSTRAP).then(|| self.stage.to_string());
        Stack::new(id, self.place(id), description).owned_by(self.prefix.as_str(), stage)
    }

    /// The full name of a parameter in Parameter Store, by its path within the stage.
    #[must_use]
    pub fn parameter_path(&self, path: &str) -> String {
        let root = &self.parameter_root;
        match &self.stage {
            Stage::Default => format!("/{root}/{path}"),
            Stage::Named(stage) => format!("/{root}/{stage}/{path}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn staging() -> Names {
        Names { stage: "staging".parse().unwrap(), ..Names::default() }
    }

    #[test]
    fn the_default_stage_has_the_names_that_existing_deployments_have() {
        let names = Names::default();
        assert_eq!(names.stack_name(stacks::AUTH), "aws-serverless-shopping-cart-auth");
        assert_eq!(names.stack_name(stacks::PRODUCTS), "aws-serverless-shopping-cart-product-mock");
        assert_eq!(names.stack_name(stacks::CART), "aws-serverless-shopping-cart-shoppingcart-service");
        assert_eq!(names.stack_name(stacks::WEB), "aws-serverless-shopping-cart-web");
        assert_eq!(names.parameter_path("auth/user-pool-id"), "/serverless-shopping-cart-demo/auth/user-pool-id");
    }

    #[test]
    fn a_stage_stands_in_every_name_but_that_of_the_bootstrap_stack() {
        assert_eq!(staging().stack_name(stacks::AUTH), "aws-serverless-shopping-cart-staging-auth");
        assert_eq!(staging().stack_name(stacks::BOOTSTRAP), "aws-serverless-shopping-cart-bootstrap");
        assert_eq!(staging().parameter_path("auth/user-pool-id"), "/serverless-shopping-cart-demo/staging/auth/user-pool-id");
    }

    #[test]
    fn stacks_of_one_name_belong_to_whom_their_mark_says() {
        let other = Names { prefix: "aws-serverless-shopping-cart-staging".parse().unwrap(), ..Names::default() };
        assert_eq!(other.stack_name(stacks::AUTH), staging().stack_name(stacks::AUTH));
        let mark = |names: &Names, id| names.stack(id, "").mark().to_string();
        assert_eq!(mark(&staging(), stacks::AUTH), "format=1 prefix=aws-serverless-shopping-cart stage=staging stack=auth");
        assert_eq!(mark(&other, stacks::AUTH), "format=1 prefix=aws-serverless-shopping-cart-staging stage=default stack=auth");
        assert_eq!(mark(&staging(), stacks::BOOTSTRAP), "format=1 prefix=aws-serverless-shopping-cart stack=bootstrap");
    }

    #[test]
    fn the_longest_names_fit() {
        let names = Names {
            prefix: "p".repeat(80).parse().unwrap(),
            parameter_root: ParameterRoot::default(),
            stage: "s".repeat(20).parse().unwrap(),
        };
        for id in stacks::ALL {
            assert!(names.stack_name(id).len() <= 128);
        }
        // A user pool is called after its stack, and has as many characters.
        assert!(names.stack_name(stacks::AUTH).len() + "-UserPool".len() <= 128);
        let deepest = Names { parameter_root: ["a"; 8].join("/").parse().unwrap(), ..names };
        assert!(deepest.parameter_path("shopping-cart/cart-api-url").split('/').skip(1).count() <= 15);
    }

    #[test]
    fn what_is_not_a_name_says_why() {
        let error = "Staging".parse::<Stage>().unwrap_err();
        assert!(error.to_string().starts_with("`Staging` is not a name for a stage: "), "{error}");
        for text in ["", "1st", "a_b", "a-", "auth", "shopping-cart", "web", "twenty-one-characters"] {
            assert!(text.parse::<Stage>().is_err(), "{text}");
        }
        for text in ["", "1a", "a b", "a-", "-a", "a_b", "a.b", "ä", "xn--shop", "sthree", "STHREE-shop", "Amzn-S3-Demo-shop"] {
            assert!(text.parse::<StackPrefix>().is_err(), "{text}");
        }
        for text in ["a", "Shop", "a--b", "xn-shop", "sthrees", "p2"] {
            assert!(text.parse::<StackPrefix>().is_ok(), "{text}");
        }
        let deep = |levels| vec!["a"; levels].join("/");
        for text in ["", "/a", "a/", "a//b", "aws-shop", "AWS", "SSM", "ssm/a", "a b", "ä", &deep(9), &"a".repeat(201)] {
            assert!(text.parse::<ParameterRoot>().is_err(), "{text}");
        }
        for text in ["a", "a.b/c_d/E-1", "shop/aws", &deep(8), &"a".repeat(200)] {
            assert!(text.parse::<ParameterRoot>().is_ok(), "{text}");
        }
        assert_eq!("default".parse::<Stage>(), Ok(Stage::Default));
    }

    #[test]
    fn configuration_goes_through_the_same_door() {
        let names: Names = serde_json::from_str(r#"{ "prefix": "shop", "stage": "staging" }"#).unwrap();
        assert_eq!(names.stack_name(stacks::AUTH), "shop-staging-auth");
        assert!(serde_json::from_str::<Names>(r#"{ "stage": "No!" }"#).is_err());
    }
}
