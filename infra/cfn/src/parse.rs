//! The door by which text becomes a value of a type. A value that passed it needs no second check. Knows no particular type.

use std::borrow::Cow;

/// Text that is not of the expected kind.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {kind}: {rule}")]
pub struct Invalid {
    /// The expected kind with its article, for example `a name for a stage`.
    pub kind: &'static str,
    /// What is accepted, or what to write instead of this text.
    pub rule: Cow<'static, str>,
    /// The rejected text.
    pub text: String,
}

impl Invalid {
    /// An error about `text`.
    #[must_use]
    pub fn new(kind: &'static str, rule: impl Into<Cow<'static, str>>, text: &str) -> Self {
        Self { kind, rule: rule.into(), text: text.to_owned() }
    }

    /// The error without the text, for readers who see the text already.
    #[must_use]
    pub fn reason(&self) -> String {
        format!("not {}: {}", self.kind, self.rule)
    }
}

/// Types of text that passed a test: `FromStr` is the only way to make a value, and `Deserialize` uses it. The crate that uses the
/// macro depends on `serde` under that name.
///
/// ```
/// cfn::parsed! {
///     /// The name of a colour.
///     Colour is "a colour": "red or green", |text| ["red", "green"].contains(&text);
/// }
/// assert_eq!("blue".parse::<Colour>().unwrap_err().to_string(), "`blue` is not a colour: red or green");
/// ```
#[macro_export]
macro_rules! parsed {
    ($($(#[$doc:meta])* $name:ident is $kind:literal: $rule:literal, $test:expr;)+) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, serde::Serialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// The text that passed.
            #[must_use]
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl std::str::FromStr for $name {
            type Err = $crate::parse::Invalid;

            fn from_str(text: &str) -> Result<Self, Self::Err> {
                let passes: fn(&str) -> bool = $test;
                if passes(text) {
                    Ok(Self(text.to_owned()))
                } else {
                    Err($crate::parse::Invalid::new($kind, $rule, text))
                }
            }
        }

        impl std::fmt::Display for $name {
            fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
                f.write_str(&self.0)
            }
        }

        $crate::parse::deserialize_by_parsing!($name);
    )+};
}
#[doc(inline)]
pub use parsed;

/// `Deserialize` by `FromStr`, for types whose parsing is the only door. The crate that uses the macro depends on `serde` under
/// that name.
#[macro_export]
macro_rules! deserialize_by_parsing {
    ($name:ty) => {
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                <String as serde::Deserialize>::deserialize(deserializer)?.parse().map_err(serde::de::Error::custom)
            }
        }
    };
}
#[doc(inline)]
pub use deserialize_by_parsing;
