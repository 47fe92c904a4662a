//! Which sites may call from a browser: those of one origin. Knows nothing of routes; API Gateway answers preflight requests.

use cart_contract::{Origin, cors::EXPOSED_HEADERS};
use http::{Method, header::ORIGIN};
use serde::Serialize;

use crate::event::Request;

/// The one origin that may read the answers, and whether it may send cookies.
#[derive(Clone, Debug)]
pub struct Cors {
    origin: Origin,
    credentials: bool,
}

impl Cors {
    /// For an API that ignores cookies.
    #[must_use]
    pub const fn anonymous(origin: Origin) -> Self {
        Self { origin, credentials: false }
    }

    /// For an API that recognizes its callers by a cookie.
    #[must_use]
    pub const fn with_credentials(origin: Origin) -> Self {
        Self { origin, credentials: true }
    }

    /// The headers of every answer and of every refusal. Without them a site could not even read why it was refused.
    pub(crate) fn headers(&self) -> Fields<'_> {
        Fields {
            allow_origin: self.origin.as_str(),
            expose_headers: EXPOSED_HEADERS,
            allow_credentials: self.credentials.then_some("true"),
        }
    }

    /// Whether the request may be carried out.
    ///
    /// CORS hides answers from foreign sites, but does not stop their requests: a plain form can post, and the browser sends the cart's
    /// cookie with it where it is `SameSite=None`. Browsers name the site's origin in every such request; programs name none.
    #[must_use]
    pub fn admits(&self, request: &Request) -> bool {
        let reads = matches!(request.method, Method::GET | Method::HEAD | Method::OPTIONS);
        reads || request.headers.get_all(ORIGIN).iter().all(|origin| *origin == self.origin.as_str())
    }
}

/// The headers by which a browser decides.
#[derive(Debug, Serialize)]
pub(crate) struct Fields<'a> {
    #[serde(rename = "access-control-allow-origin")]
    allow_origin: &'a str,
    #[serde(rename = "access-control-expose-headers")]
    expose_headers: &'static str,
    #[serde(rename = "access-control-allow-credentials", skip_serializing_if = "Option::is_none")]
    allow_credentials: Option<&'static str>,
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn the_shop_may_read_when_to_ask_again() {
        for cors in [Cors::anonymous, Cors::with_credentials].map(|cors| cors("https://shop.example".parse().unwrap())) {
            assert_eq!(json!(cors.headers())["access-control-expose-headers"], "Retry-After");
        }
    }

    #[test]
    fn a_foreign_site_reads_nothing_and_changes_nothing() {
        let cors = Cors::with_credentials("https://shop.example".parse().unwrap());
        let request = |method, origin: Option<&str>| {
            let mut request = Request { method, ..Request::default() };
            if let Some(origin) = origin {
                request.headers.insert(ORIGIN, origin.parse().unwrap());
            }
            request
        };
        assert!(cors.admits(&request(Method::POST, None)), "a program");
        assert!(cors.admits(&request(Method::POST, Some("https://shop.example"))), "the shop");
        assert!(cors.admits(&request(Method::GET, Some("https://evil.example"))), "the browser refuses reading, not we");
        assert!(!cors.admits(&request(Method::POST, Some("https://evil.example"))));
        assert!(!cors.admits(&request(Method::PUT, Some("null"))), "a sandboxed frame");
    }
}
