//! An origin that every browser writes as the file does. Knows nothing of who may call.

use std::{fmt, str::FromStr};

use cart_infra::{NotAnOrigin, Origin};
use url::Url;

/// An origin whose host can be looked up: the functions compare origins as text and depend on no tables of Unicode, which decide
/// whether a label such as `xn--mnchen-3ya` stands for letters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct BrowserOrigin(pub Origin);

/// Why a text is no origin.
#[derive(Debug)]
pub(super) enum NotOfBrowsers {
    Spelling(NotAnOrigin),
    /// It looks like one, and is none by <https://url.spec.whatwg.org/#concept-domain-to-ascii>.
    Host(String),
}

impl FromStr for BrowserOrigin {
    type Err = NotOfBrowsers;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let origin: Origin = text.parse().map_err(NotOfBrowsers::Spelling)?;
        let written = Url::parse(text).map(|url| url.origin().ascii_serialization());
        if written.as_deref() == Ok(text) { Ok(Self(origin)) } else { Err(NotOfBrowsers::Host(text.to_owned())) }
    }
}

impl fmt::Display for NotOfBrowsers {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Spelling(error) => error.fmt(f),
            Self::Host(text) => write!(f, "`{text}` is not an origin as browsers send it: no browser can look its host up"),
        }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_host_is_one_that_browsers_can_look_up() {
        for text in ["https://xn--mnchen-3ya.example", "https://shop.xn--p1ai", "http://localhost:8080", "http://[::1]:8080"] {
            assert!(text.parse::<BrowserOrigin>().is_ok(), "{text}");
        }
        for text in ["https://xn--a.example", "https://shop.xn--a", "https://xn--99999999.example"] {
            assert!(matches!(text.parse::<BrowserOrigin>(), Err(NotOfBrowsers::Host(_))), "{text}");
        }
        for text in ["*", "https://xn--", "https://münchen.example"] {
            assert!(matches!(text.parse::<BrowserOrigin>(), Err(NotOfBrowsers::Spelling(_))), "{text}");
        }
    }

    proptest! {
        /// A browser sends what was accepted, and what it sends is accepted if its host could be registered.
        #[test]
        fn browsers_write_what_is_accepted(text in r"(https?://)?[a-zA-Z0-9.:\[\]_/-]{0,24}") {
            let written = Url::parse(&text).ok().map(|url| url.origin().ascii_serialization());
            if text.parse::<Origin>().is_ok() && !text.contains("xn--") {
                prop_assert_eq!(written, Some(text));
            }
        }

        #[test]
        fn what_browsers_write_is_accepted(host in r"[a-z0-9]{1,8}(-[a-z0-9]{1,4})?(\.[a-z][a-z0-9]{0,4}){1,3}", port in 0_u16..) {
            prop_assume!(!host.starts_with("xn-") && !host.contains(".xn-"));
            let url = Url::parse(&format!("https://{host}:{port}")).unwrap();
            let written = url.origin().ascii_serialization();
            prop_assert_eq!(written.parse::<BrowserOrigin>().is_ok(), port != 0, "{}", written);
        }
    }
}
