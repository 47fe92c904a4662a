//! The door by which text becomes a setting. A type that passed it needs no second look. Knows no particular setting.

/// Text that is not what it should be.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{text}` is not {kind}: {rule}")]
pub struct Invalid {
    /// What it should have been, for example `a stage name`.
    pub kind: &'static str,
    /// What makes one.
    pub rule: &'static str,
    /// The text.
    pub text: String,
}

/// Types that are text which passed a test: `FromStr` is the only way to make one, and `Deserialize` uses it. The crate that uses the
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
            /// It as text.
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
                    Err($crate::parse::Invalid { kind: $kind, rule: $rule, text: text.to_owned() })
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

/// `Deserialize` by `FromStr`, for types whose parsing is the only door. The crate that uses the macro depends on `serde` under that name.
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
