//! Where the cookie of an anonymous cart is sent, which depends on where the shop's pages are. Knows nothing of carts.

use std::{error::Error, fmt, str::FromStr};

/// The pages that send the cookie with their requests.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum CookieScope {
    /// Pages of any site: those of the shop may be of another one than its API.
    #[default]
    AnySite,
    /// Pages of the API's own host, which are the shop's.
    OwnHost,
}

/// As in a function's environment.
impl fmt::Display for CookieScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::AnySite => "any-site",
            Self::OwnHost => "own-host",
        })
    }
}

impl FromStr for CookieScope {
    type Err = NotAScope;

    fn from_str(text: &str) -> Result<Self, NotAScope> {
        [Self::AnySite, Self::OwnHost].into_iter().find(|scope| scope.to_string() == text).ok_or(NotAScope)
    }
}

/// A text that names no scope.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NotAScope;

impl fmt::Display for NotAScope {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("neither `any-site` nor `own-host`")
    }
}

impl Error for NotAScope {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_scope_survives_the_way_through_the_template() {
        for scope in [CookieScope::AnySite, CookieScope::OwnHost] {
            assert_eq!(scope.to_string().parse(), Ok(scope));
        }
        for text in ["", "Own-Host", "own-host ", "host", "true"] {
            assert_eq!(text.parse::<CookieScope>(), Err(NotAScope), "{text}");
        }
    }
}
