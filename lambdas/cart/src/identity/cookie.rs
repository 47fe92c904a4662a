//! The cookie that identifies an anonymous cart. Knows nothing of tokens.
//!
//! Where the shop's pages and its API share a host, the cookie has a name that begins with `__Host-`: browsers then take it from this host
//! alone, and send it to this host alone ([RFC 6265bis](https://httpwg.org/http-extensions/draft-ietf-httpbis-rfc6265bis.html), 4.1.3.2). A
//! cart under the name from before is found as well, and gets the new one (docs/adr/0042-the-cookie-of-a-cart-belongs-to-one-host.md).

use cart_contract::CookieScope;
use http::{HeaderMap, header::COOKIE};
use uuid::Uuid;

use crate::owner::CartId;

/// The name where pages of other sites send the cookie, and everywhere before hosts were shared.
const NAME: &str = "cartId";

/// The name on a host of the shop's own.
const HOST_NAME: &str = "__Host-cartId";

/// As long as an item in the cart, in seconds.
const MAX_AGE: u32 = 86_400;

/// The anonymous cart of a caller.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CartCookie {
    cart: CartId,
    held: bool,
    set: Vec<String>,
}

impl CartCookie {
    /// The cart of a request's cookie; a new one with this random id, if the request has no cookie that is a UUID.
    #[must_use]
    pub fn of(headers: &HeaderMap, scope: CookieScope, new: Uuid) -> Self {
        let (name, same_site) = match scope {
            CookieScope::AnySite => (NAME, "None"),
            CookieScope::OwnHost => (HOST_NAME, "Lax"),
        };
        let has_former = name != NAME && pairs(headers).any(|(found, _)| found == NAME);
        let current = cart_under(name, headers);
        let held = current.or_else(|| if has_former { cart_under(NAME, headers) } else { None });
        let cart = held.unwrap_or(CartId(new));
        let mut set = Vec::new();
        if current.is_none() {
            set.push(format!("{name}={cart}; Max-Age={MAX_AGE}; Secure; HttpOnly; SameSite={same_site}; Path=/"));
        }
        // Found once: without it, the former cookie would lead back to its cart when the new one is gone.
        if has_former {
            set.push(format!("{NAME}=; Max-Age=0; Secure; HttpOnly; SameSite=None; Path=/"));
        }
        Self { cart, held: held.is_some(), set }
    }

    /// The cart that the cookie gives access to.
    #[must_use]
    pub const fn cart(&self) -> CartId {
        self.cart
    }

    /// The same, unless the cart is new.
    #[must_use]
    pub fn held(&self) -> Option<CartId> {
        self.held.then_some(self.cart)
    }

    /// The values of the answer's `Set-Cookie` headers.
    #[must_use]
    pub fn set_cookies(&self) -> Vec<String> {
        self.set.clone()
    }
}

/// The first cart that a cookie of this name holds.
fn cart_under(name: &str, headers: &HeaderMap) -> Option<CartId> {
    pairs(headers).filter(|(found, _)| *found == name).find_map(|(_, value)| value.parse().ok())
}

/// The names and values of all cookies, in order.
fn pairs(headers: &HeaderMap) -> impl Iterator<Item = (&str, &str)> {
    let headers = headers.get_all(COOKIE).iter().filter_map(|header| header.to_str().ok());
    headers.flat_map(|header| header.split(';')).filter_map(|pair| pair.trim().split_once('='))
}

#[cfg(test)]
mod tests {
    use CookieScope::{AnySite, OwnHost};

    use super::*;

    const ID: &str = "4c1fadaa-213a-4ea8-aa32-58c217604e3c";
    const OTHER: &str = "5b2fadaa-213a-4ea8-aa32-58c217604e3c";
    const NEW: Uuid = Uuid::from_u128(7);

    fn cookie(scope: CookieScope, cookies: &[&str]) -> CartCookie {
        let mut headers = HeaderMap::new();
        for cookie in cookies {
            headers.append(COOKIE, cookie.parse().unwrap());
        }
        CartCookie::of(&headers, scope, NEW)
    }

    fn held(scope: CookieScope, cookies: &[&str]) -> Option<String> {
        cookie(scope, cookies).held().map(|cart| cart.to_string())
    }

    const FORGET: &str = "cartId=; Max-Age=0; Secure; HttpOnly; SameSite=None; Path=/";

    fn named(name: &str) -> String {
        format!("{name}={ID}; Max-Age=86400; Secure; HttpOnly; SameSite=Lax; Path=/")
    }

    #[test]
    fn a_cookie_is_found_among_others() {
        let found = Some(ID.to_owned());
        for (scope, name) in [(AnySite, "cartId"), (OwnHost, "__Host-cartId"), (OwnHost, "cartId")] {
            let held = |cookies: &[&str]| held(scope, cookies);
            assert_eq!(held(&[&format!("{name}={ID}")]), found);
            assert_eq!(held(&[&format!("theme=dark;{name}={ID} ; a=b=c")]), found);
            assert_eq!(held(&["theme=dark", &format!("{name}={ID}")]), found);
            assert_eq!(held(&[&format!("{name}=stale; {name}={ID}")]), found);
            assert_eq!(held(&[&format!("{name}={ID}; {name}={OTHER}")]), found, "the first of several");
            assert_eq!(held(&[&format!("{name}={}", ID.to_uppercase())]), found, "one UUID is one cart");
        }
    }

    #[test]
    fn anything_but_a_uuid_is_no_cookie() {
        for scope in [AnySite, OwnHost] {
            for value in
                ["", "=", "=1", "=../../user#1", "=\"4c1fadaa-213a-4ea8-aa32-58c217604e3c\"", "=4c1fadaa213a4ea8aa3258c217604e3c"]
            {
                for name in ["cartId", "__Host-cartId"] {
                    assert_eq!(held(scope, &[&format!("{name}{value}")]), None, "{name}{value}");
                }
            }
            for name in ["xcartId", "CARTID", "cartid", "__host-cartId", "__Host-cartid", "__Host-__Host-cartId", "__Secure-cartId"]
            {
                assert_eq!(held(scope, &[&format!("{name}={ID}")]), None, "{name}");
            }
            for odd in ["", ";=;", "=", ID] {
                assert_eq!(held(scope, &[odd]), None, "{odd}");
            }
        }
        assert_eq!(held(AnySite, &[&format!("__Host-cartId={ID}")]), None, "which no answer has set here");
    }

    #[test]
    fn only_a_new_cookie_is_handed_out() {
        let set = |scope, cookies: &[&str]| cookie(scope, cookies).set_cookies();
        assert_eq!(set(AnySite, &[&format!("cartId={ID}")]), [""; 0]);
        assert_eq!(set(OwnHost, &[&format!("__Host-cartId={ID}")]), [""; 0]);
        let new =
            |name: &str, same_site: &str| format!("{name}={NEW}; Max-Age=86400; Secure; HttpOnly; SameSite={same_site}; Path=/");
        assert_eq!(set(AnySite, &[]), [new("cartId", "None")]);
        assert_eq!(set(AnySite, &["cartId=1", &format!("__Host-cartId={ID}")]), [new("cartId", "None")]);
        assert_eq!(set(OwnHost, &[]), [new("__Host-cartId", "Lax")]);
        assert_eq!(set(OwnHost, &["__Host-cartId=1"]), [new("__Host-cartId", "Lax")]);
    }

    #[test]
    fn a_cart_under_the_former_name_is_found_once() {
        let former = format!("cartId={ID}");
        for cookies in [vec![former.as_str()], vec!["cartId=1", &former], vec!["__Host-cartId=1", &former]] {
            let found = cookie(OwnHost, &cookies);
            assert_eq!((found.cart().to_string(), found.held().is_some()), (ID.to_owned(), true), "{cookies:?}");
            assert_eq!(found.set_cookies(), [named("__Host-cartId"), FORGET.to_owned()], "{cookies:?}");
        }
        // The order of the cookies does not matter.
        let (new, former) = (format!("__Host-cartId={ID}"), format!("cartId={OTHER}"));
        for cookies in [[&new, &former], [&former, &new]] {
            let both = cookie(OwnHost, &cookies.map(String::as_str));
            assert_eq!(both.held().map(|cart| cart.to_string()).as_deref(), Some(ID), "the new one wins");
            assert_eq!(both.set_cookies(), [FORGET], "and the former one is not found later");
        }
        let nothing = cookie(OwnHost, &["cartId=1"]);
        assert_eq!((nothing.cart(), nothing.held()), (CartId(NEW), None));
        assert_eq!(nothing.set_cookies().len(), 2);
    }
}
