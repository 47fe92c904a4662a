//! Which site may call the APIs from a browser, and which headers it may read: agreed here between templates, functions and the
//! configuration. Knows nothing of requests and answers.

use std::{
    error::Error,
    fmt,
    net::{IpAddr, Ipv4Addr, Ipv6Addr},
    str::FromStr,
};

/// The value of `Access-Control-Expose-Headers`: the one header of an answer that a site of another origin may read besides
/// [those that every site may read](https://developer.mozilla.org/en-US/docs/Glossary/CORS-safelisted_response_header).
pub const EXPOSED_HEADERS: &str = "Retry-After";

/// Scheme, host and perhaps port of a site, exactly as browsers send it in `Origin`.
///
/// A browser writes an origin in one way only ([serialization of an origin], [host serializing]), and answers are compared with it byte
/// by byte. So other spellings of the same origin are refused here instead of failing in a browser later.
///
/// [serialization of an origin]: https://html.spec.whatwg.org/multipage/browsers.html#ascii-serialisation-of-an-origin
/// [host serializing]: https://url.spec.whatwg.org/#host-serializing
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct Origin(String);

impl Origin {
    /// The origin of what listens on a port without TLS.
    ///
    /// # Errors
    /// [`NotAnOrigin`], if the host is none or the port is 0.
    pub fn http(host: &str, port: u16) -> Result<Self, NotAnOrigin> {
        if port == HTTP { format!("http://{host}") } else { format!("http://{host}:{port}") }.parse()
    }

    /// An origin that no page has: names below `.invalid` [never exist](https://www.rfc-editor.org/rfc/rfc6761#section-6.4).
    #[must_use]
    pub fn nobody() -> Self {
        Self("https://nobody.invalid".to_owned())
    }

    /// The origin as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The host: a name in lower case, or an address. An IPv6 address is in brackets.
    #[must_use]
    pub fn host(&self) -> &str {
        self.parts().map_or("", |(_, host, _)| host)
    }

    /// The port, which is that of the scheme where the text has none.
    #[must_use]
    pub fn port(&self) -> u16 {
        self.parts().map_or(0, |(default, _, port)| port.and_then(|port| port.parse().ok()).unwrap_or(default))
    }

    /// Whether browsers reach it without TLS.
    #[must_use]
    pub fn is_plain(&self) -> bool {
        self.0.starts_with("http://")
    }

    /// Whether it is on the machine that the browser runs on: `localhost`, a name below it, or an address of the [loopback
    /// interface](https://www.w3.org/TR/secure-contexts/#is-origin-trustworthy).
    #[must_use]
    pub fn is_loopback(&self) -> bool {
        let host = self.host();
        let address = host.trim_matches(['[', ']']).parse::<IpAddr>().ok().map(|address| address.to_canonical());
        match address {
            Some(address) => address.is_loopback() || address.is_unspecified(),
            None => host.rsplit('.').next() == Some("localhost"),
        }
    }

    fn parts(&self) -> Option<(u16, &str, Option<&str>)> {
        split(&self.0)
    }
}

/// Where a developer sees the shop.
impl Default for Origin {
    fn default() -> Self {
        Self("http://localhost:8080".to_owned())
    }
}

impl FromStr for Origin {
    type Err = NotAnOrigin;

    fn from_str(text: &str) -> Result<Self, NotAnOrigin> {
        match split(text) {
            Some((default, host, port)) if is_host(host) && port.is_none_or(|port| is_port(port, default)) => {
                Ok(Self(text.to_owned()))
            }
            _ => Err(NotAnOrigin { text: text.to_owned() }),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

/// Text that no browser sends as an origin, for example because of a path, a capital letter or the scheme's own port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NotAnOrigin {
    text: String,
}

impl fmt::Display for NotAnOrigin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { text } = self;
        write!(f, "`{text}` is not an origin as browsers send it: ")?;
        if let Some(origin) = meant(text) {
            write!(f, "write {origin}")
        } else if text.is_ascii() {
            f.write_str(
                "write one like https://shop.example or http://localhost:8080, in lower case, without a path or the scheme's default port",
            )
        } else {
            f.write_str("write letters beyond ASCII as browsers do, like https://xn--mnchen-3ya.example")
        }
    }
}

/// The origin that a text nearly is.
fn meant(text: &str) -> Option<Origin> {
    let text = text.trim().to_ascii_lowercase();
    let (scheme, rest) = match text.split_once("://") {
        Some(parts) => parts,
        None if text.starts_with("localhost") => ("http", &*text),
        None if text.contains('.') => ("https", &*text),
        None => return None,
    };
    let authority = rest.split(['/', '?', '#', '\\']).next()?.rsplit('@').next()?;
    let (host, port) = match authority.rsplit_once(':') {
        Some((host, port)) if port.is_empty() || port.bytes().all(|byte| byte.is_ascii_digit()) => (host, port),
        _ => (authority, ""),
    };
    let host = match host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')?.parse().ok()) {
        Some(address) => format!("[{}]", ipv6(address)),
        None => host.trim_end_matches('.').to_owned(),
    };
    let default = match scheme {
        "http" => HTTP,
        "https" => HTTPS,
        _ => return None,
    };
    let port: u16 = if port.is_empty() { default } else { port.parse().ok()? };
    let origin = if port == default { format!("{scheme}://{host}") } else { format!("{scheme}://{host}:{port}") };
    origin.parse().ok()
}

impl Error for NotAnOrigin {}

/// The default ports of both schemes.
const HTTP: u16 = 80;
const HTTPS: u16 = 443;

/// The default port of the scheme, the host, and the port if one is written.
fn split(text: &str) -> Option<(u16, &str, Option<&str>)> {
    let (default, authority) = match text.split_once("://")? {
        ("http", authority) => (HTTP, authority),
        ("https", authority) => (HTTPS, authority),
        _ => return None,
    };
    // The colons within brackets are the address's.
    let end = authority.find(']').map_or(0, |bracket| bracket + 1);
    match authority[end..].split_once(':') {
        Some((rest, port)) => Some((default, &authority[..end + rest.len()], Some(port))),
        None => Some((default, authority, None)),
    }
}

fn is_port(text: &str, default: u16) -> bool {
    text.parse().is_ok_and(|port: u16| port != 0 && port != default && port.to_string() == text)
}

fn is_host(text: &str) -> bool {
    match text.strip_prefix('[').map(|address| address.strip_suffix(']')) {
        Some(address) => address.is_some_and(is_ipv6),
        // Browsers read a host whose last label is a number as an IPv4 address, and write all four numbers of it.
        None if text.rsplit('.').next().is_some_and(is_number) => text.parse::<Ipv4Addr>().is_ok(),
        None => text.len() <= 253 && text.split('.').all(is_label),
    }
}

fn is_ipv6(text: &str) -> bool {
    text.parse().is_ok_and(|address| ipv6(address) == text)
}

/// An address as browsers write it, which know no dotted form.
fn ipv6(address: Ipv6Addr) -> String {
    match (address.to_ipv4_mapped(), address.segments()) {
        (Some(_), [.., high, low]) => format!("::ffff:{high:x}:{low:x}"),
        _ => address.to_string(),
    }
}

fn is_number(label: &str) -> bool {
    let hexadecimal = label.strip_prefix("0x").is_some_and(|digits| digits.bytes().all(|byte| byte.is_ascii_hexdigit()));
    hexadecimal || (!label.is_empty() && label.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Of a domain name, by [RFC 1123](https://www.rfc-editor.org/rfc/rfc1123#section-2.1), in lower case.
fn is_label(text: &str) -> bool {
    let plain = text.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-');
    (1..=63).contains(&text.len()) && plain && !text.starts_with('-') && !text.ends_with('-')
}

#[cfg(test)]
mod tests {
    use super::*;

    fn all_are_origins(texts: &[&str]) {
        for text in texts {
            assert_eq!(text.parse::<Origin>().as_ref().map(Origin::as_str), Ok(*text));
        }
    }

    fn none_is_an_origin(texts: &[&str]) {
        for text in texts {
            assert_eq!(text.parse::<Origin>(), Err(NotAnOrigin { text: (*text).to_owned() }));
        }
    }

    #[test]
    fn an_origin_has_a_scheme_of_the_web_and_no_path() {
        all_are_origins(&["http://localhost:8080", "https://shop.example", "https://d111111abcdef8.cloudfront.net"]);
        none_is_an_origin(&["", "*", "null", "shop.example", "//shop.example", "ftp://shop.example", "HTTPS://shop.example"]);
        none_is_an_origin(&[
            "https://shop.example/",
            "https://shop.example/path",
            "https://shop.example?q",
            "https://shop.example#a",
        ]);
        none_is_an_origin(&["https://user@shop.example", "https:shop.example", "https:///shop.example"]);
    }

    #[test]
    fn a_name_is_one_that_can_be_looked_up_in_lower_case() {
        all_are_origins(&["https://a", "https://xn--mnchen-3ya.example", "https://0.example", "https://1and1.example"]);
        none_is_an_origin(&["https://", "https://Shop.example", "https://münchen.example", "https://a b", "https://a\r\nb"]);
        none_is_an_origin(&["https://.example", "https://shop..example", "https://shop.example.", "https://-a.example"]);
        none_is_an_origin(&["https://a-.example", "https://a_b.example", "https://*.example", "https://%61.example"]);
        let (label, name) = ("a".repeat(63), format!("https://{}a", "a.".repeat(126)));
        all_are_origins(&[&format!("https://{label}.example"), &name]);
        none_is_an_origin(&[&format!("https://{label}a.example"), &name.replace("://a", "://aa")]);
    }

    #[test]
    fn an_address_is_written_as_browsers_write_it() {
        all_are_origins(&["http://127.0.0.1:4566", "http://[::1]:8080", "https://[2001:db8::8:800:200c:417a]"]);
        all_are_origins(&["http://[::]", "http://[::ffff:102:304]", "http://[2001:db8:0:1:1:1:1:1]"]);
        none_is_an_origin(&["http://1.2.3", "http://1.2.3.04", "http://1.2.3.256", "http://1.2.3.4.5", "http://127.1", "http://7"]);
        none_is_an_origin(&["http://0x7f.0.0.0x1", "http://example.0x", "http://1.2.3.4."]);
        none_is_an_origin(&["http://::1", "http://[::1", "http://::1]", "http://[]", "http://[1::2::3]", "http://[::1]8080"]);
        none_is_an_origin(&["http://[::FFFF]", "http://[0:0:0:0:0:0:0:1]", "http://[::0001]", "http://[::ffff:1.2.3.4]"]);
        none_is_an_origin(&["http://[fe80::1%25eth0]", "http://[localhost]", "http://[127.0.0.1]"]);
    }

    #[test]
    fn a_port_is_a_plain_number_and_not_the_schemes_own() {
        all_are_origins(&["http://a:443", "https://a:80", "http://a:1", "http://a:65535"]);
        none_is_an_origin(&["http://a:80", "https://a:443", "http://[::1]:80", "http://a:0", "http://a:65536", "http://a:08080"]);
        none_is_an_origin(&["http://a:", "http://a:b", "http://a:+8080", "http://a:8080:1", "http://a:8080/", "http://:8080"]);
    }

    #[test]
    fn an_origin_comes_apart() {
        let parts = |text: &str| text.parse::<Origin>().map(|origin| (origin.host().to_owned(), origin.port())).ok();
        assert_eq!(parts("http://localhost:8080"), Some(("localhost".to_owned(), 8080)));
        assert_eq!(parts("https://shop.example"), Some(("shop.example".to_owned(), 443)));
        assert_eq!(parts("http://[::1]"), Some(("[::1]".to_owned(), 80)));
        assert_eq!(parts("http://[::1]:4566"), Some(("[::1]".to_owned(), 4566)));
    }

    #[test]
    fn an_origin_is_put_together() {
        let made = |host, port| Origin::http(host, port).map(|origin| origin.to_string()).ok();
        assert_eq!(made("127.0.0.1", 4566).as_deref(), Some("http://127.0.0.1:4566"));
        assert_eq!(made("localhost", 80).as_deref(), Some("http://localhost"));
        assert_eq!((made("localhost", 0), made("Local", 8080)), (None, None));
        for origin in [Origin::default(), Origin::nobody()] {
            assert_eq!(origin.as_str().parse(), Ok(origin));
        }
    }

    fn told(text: &str) -> String {
        let said = text.parse::<Origin>().unwrap_err().to_string();
        said.rsplit_once(": write ").map(|(_, advice)| advice.to_owned()).unwrap_or(said)
    }

    #[test]
    fn what_is_nearly_an_origin_is_told_which() {
        for (text, origin) in [
            ("https://shop.example/", "https://shop.example"),
            ("https://shop.example/shop?q#a", "https://shop.example"),
            (" https://shop.example\n", "https://shop.example"),
            ("HTTPS://Shop.Example", "https://shop.example"),
            ("https://shop.example:443", "https://shop.example"),
            ("https://shop.example:0443/", "https://shop.example"),
            ("http://shop.example:80", "http://shop.example"),
            ("http://shop.example:08080", "http://shop.example:8080"),
            ("https://shop.example:", "https://shop.example"),
            ("https://shop.example.", "https://shop.example"),
            ("https://me:secret@shop.example", "https://shop.example"),
            ("shop.example", "https://shop.example"),
            ("shop.example:8443", "https://shop.example:8443"),
            ("localhost:8080", "http://localhost:8080"),
            ("http://[0:0:0:0:0:0:0:1]:8080", "http://[::1]:8080"),
            ("http://[::FFFF:1.2.3.4]", "http://[::ffff:102:304]"),
            ("http://127.0.0.1:80/", "http://127.0.0.1"),
        ] {
            assert_eq!(told(text), origin, "{text}");
        }
        for text in [
            "",
            "*",
            "null",
            "shop",
            "ftp://shop.example",
            "https://a_b.example",
            "http://1.2.3.04",
            "http://a:0",
            "http://a:65536",
        ] {
            assert!(told(text).starts_with("one like https://shop.example"), "{text}: {}", told(text));
        }
        assert!(told("https://münchen.example").contains("xn--"));
    }

    #[test]
    fn some_origins_are_on_this_machine() {
        let is_loopback = |text: &str| text.parse::<Origin>().unwrap().is_loopback();
        for text in
            ["http://localhost:8080", "https://localhost", "http://shop.localhost", "http://127.0.0.1", "https://127.1.2.3:1"]
        {
            assert!(is_loopback(text), "{text}");
        }
        for text in ["http://[::1]:8080", "http://[::ffff:7f00:1]", "http://0.0.0.0:8080", "http://[::]"] {
            assert!(is_loopback(text), "{text}");
        }
        for text in
            ["https://shop.example", "http://localhost.example", "http://mylocalhost", "http://128.0.0.1", "http://[2001:db8::1]"]
        {
            assert!(!is_loopback(text), "{text}");
        }
        assert!(Origin::default().is_plain() && !"https://a".parse::<Origin>().unwrap().is_plain());
    }
}
