//! Which browser pages may call: those of one origin. Knows nothing of routes; pre-flight requests are answered by API Gateway.

use cart_contract::{Origin, cors::EXPOSED_HEADERS};
use http::{Method, header::ORIGIN};
use serde::Serialize;

use crate::event::Request;

/// The one origin whose pages may read the answers, and whether they may send cookies.
#[derive(Clone, Debug)]
pub struct Cors {
    origin: Origin,
    credentials: bool,
}

impl Cors {
    /// For an API that takes no notice of cookies.
    #[must_use]
    pub const fn anonymous(origin: Origin) -> Self {
        Self { origin, credentials: false }
    }

    /// For an API that recognizes its callers by cookie.
    #[must_use]
    pub const fn with_credentials(origin: Origin) -> Self {
        Self { origin, credentials: true }
    }

    /// The headers that belong on every answer, refusals included: without them a page cannot even read why it was refused.
    pub(crate) fn headers(&self) -> Fields<'_> {
        Fields {
            allow_origin: self.origin.as_str(),
            expose_headers: EXPOSED_HEADERS,
            allow_credentials: self.credentials.then_some("true"),
        }
    }

    /// Whether the request may be carried out.
    ///
    /// CORS hides answers from foreign pages but does not stop their requests: a plain form can post, and the cart's cookie is
    /// `SameSite=None`, so it comes along. Browsers name the page's origin on every such request; programs name none.
    #[must_use]
    pub fn admits(&self, request: &Request) -> bool {
        let reads = matches!(request.method, Method::GET | Method::HEAD | Method::OPTIONS);
        reads || request.headers.get_all(ORIGIN).iter().all(|origin| *origin == self.origin.as_str())
    }
}

/// The header fields that a browser goes by.
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
    fn the_shops_page_may_read_when_to_ask_again() {
        for cors in [Cors::anonymous, Cors::with_credentials].map(|cors| cors("https://shop.example".parse().unwrap())) {
            assert_eq!(json!(cors.headers())["access-control-expose-headers"], "Retry-After");
        }
    }

    #[test]
    fn a_foreign_page_reads_nothing_and_changes_nothing() {
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
        assert!(cors.admits(&request(Method::GET, Some("https://evil.example"))), "reading is refused by the browser, not by us");
        assert!(!cors.admits(&request(Method::POST, Some("https://evil.example"))));
        assert!(!cors.admits(&request(Method::PUT, Some("null"))), "a sandboxed page");
    }
}
