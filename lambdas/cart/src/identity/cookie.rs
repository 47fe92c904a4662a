//! The cookie that identifies an anonymous cart. Knows nothing of tokens.

use http::{HeaderMap, header::COOKIE};
use uuid::Uuid;

use crate::owner::CartId;

const NAME: &str = "cartId";

/// The anonymous cart of a caller.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CartCookie {
    /// The request has the cookie.
    Held(CartId),
    /// The request has no cookie that is a UUID, so the answer sets this one. It must be random.
    Issued(Uuid),
}

impl CartCookie {
    /// The cookie of a request, if it has one that is a UUID.
    #[must_use]
    pub fn held_in(headers: &HeaderMap) -> Option<Self> {
        headers
            .get_all(COOKIE)
            .iter()
            .filter_map(|header| header.to_str().ok())
            .flat_map(|header| header.split(';'))
            .filter_map(|pair| pair.trim().split_once('='))
            .find_map(|(name, value)| (name == NAME).then(|| value.parse().ok()).flatten())
            .map(Self::Held)
    }

    /// The cart that the cookie gives access to.
    #[must_use]
    pub const fn cart(self) -> CartId {
        match self {
            Self::Held(cart) => cart,
            Self::Issued(id) => CartId(id),
        }
    }

    /// The value of the `Set-Cookie` header, for a new cookie.
    ///
    /// The cookie lives as long as an item in the cart. The shop and its API may be different sites, hence `SameSite=None`.
    #[must_use]
    pub fn set_cookie(self) -> Option<String> {
        match self {
            Self::Held(_) => None,
            Self::Issued(id) => Some(format!("{NAME}={id}; Max-Age=86400; Secure; HttpOnly; SameSite=None; Path=/")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ID: &str = "4c1fadaa-213a-4ea8-aa32-58c217604e3c";

    fn held(cookies: &[&str]) -> Option<String> {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(COOKIE, cookie.parse().unwrap());
        }
        CartCookie::held_in(&headers).map(|cookie| cookie.cart().to_string())
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let found = Some(ID.to_owned());
        assert_eq!(held(&[&format!("cartId={ID}")]), found);
        assert_eq!(held(&[&format!("theme=dark;cartId={ID} ; a=b=c")]), found);
        assert_eq!(held(&["theme=dark", &format!("cartId={ID}")]), found);
        assert_eq!(held(&[&format!("cartId=stale; cartId={ID}")]), found);
        assert_eq!(held(&[&format!("cartId={}", ID.to_uppercase())]), found, "one UUID is one cart");
    }

    #[test]
    fn anything_but_a_uuid_is_no_cookie() {
        for cookie in
            ["", "cartId", "cartId=", "cartId=1", "xcartId=4c1fadaa-213a-4ea8-aa32-58c217604e3c", "cartId=../../user#1", ";=;"]
        {
            assert_eq!(held(&[cookie]), None, "{cookie}");
        }
    }

    #[test]
    fn only_a_new_cookie_is_handed_out() {
        let id: Uuid = ID.parse().unwrap();
        assert_eq!(CartCookie::Held(CartId(id)).set_cookie(), None);
        assert_eq!(
            CartCookie::Issued(id).set_cookie().unwrap(),
            "cartId=4c1fadaa-213a-4ea8-aa32-58c217604e3c; Max-Age=86400; Secure; HttpOnly; SameSite=None; Path=/"
        );
    }
}
