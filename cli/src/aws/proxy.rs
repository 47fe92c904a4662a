//! Which proxy a request goes through, decided as curl does (<https://curl.se/docs/manpage.html#ENVIRONMENT>). Pure: variables and an address go in.
//!
//! One rule is ours: what is on this machine, and the address that offers an instance's credentials, is never asked through a proxy.

use std::net::{IpAddr, Ipv6Addr};

use ipnet::IpNet;
use percent_encoding::{NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};

use crate::domain::connection::{ProxyVariable, ProxyVariables};

/// The port of a proxy that names none, as for curl.
const PORT: u16 = 1080;

/// The proxies that the environment names, and what is reached without them.
#[derive(Clone, Debug, Default)]
pub(super) struct Proxies {
    http: Option<Result<Proxy, Unusable>>,
    https: Option<Result<Proxy, Unusable>>,
    without: Vec<Without>,
}

/// A proxy. Its name shows no password.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Proxy {
    /// For the connector, with user and password.
    pub url: String,
    pub host: String,
    pub port: u16,
    /// For messages: address and variable.
    pub name: String,
}

impl std::fmt::Debug for Proxy {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(&self.name)
    }
}

/// A variable that names no proxy which requests can be sent through.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{variable} names a proxy that cannot be used: {reason}")]
pub(super) struct Unusable {
    variable: &'static str,
    reason: String,
}

impl Unusable {
    pub(super) fn hint(&self) -> String {
        format!("correct {}, or add the host to NO_PROXY", self.variable)
    }
}

/// What is reached without a proxy.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Without {
    Everything,
    Network(IpNet),
    /// A domain and all below it, in lower case, without dots at its ends.
    Domain(String),
}

impl Proxies {
    pub(super) fn of(variables: &ProxyVariables) -> Self {
        let ProxyVariables { http, https, all, without } = variables;
        let proxy = |own: &Option<ProxyVariable>| own.as_ref().or(all.as_ref()).map(proxy);
        let entries = without.as_deref().unwrap_or_default().split([',', ' ', '\t']);
        Self { http: proxy(http), https: proxy(https), without: entries.filter_map(Without::of).collect() }
    }

    /// The proxy for a request to this host.
    pub(super) fn for_host(&self, scheme: &str, host: &str) -> Result<Option<&Proxy>, &Unusable> {
        let host = Host::of(host);
        if host.is_here() || self.without.iter().any(|without| without.covers(&host)) {
            return Ok(None);
        }
        let proxy = if scheme == "https" { &self.https } else { &self.http };
        proxy.as_ref().map(Result::as_ref).transpose()
    }
}

fn proxy(ProxyVariable { name: variable, value }: &ProxyVariable) -> Result<Proxy, Unusable> {
    let unusable = |reason: &str| Unusable { variable, reason: format!("{reason}; write one like http://proxy.example:3128") };
    let (scheme, rest) = value.split_once("://").unwrap_or(("http", value));
    let scheme = scheme.to_ascii_lowercase();
    match scheme.as_str() {
        "http" | "https" => {}
        "socks" | "socks4" | "socks4a" | "socks5" | "socks5h" => {
            return Err(unusable("it speaks SOCKS, and cartctl speaks to HTTP proxies only"));
        }
        other => return Err(unusable(&format!("nothing is known of `{other}` proxies"))),
    }
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let (user, address) = authority.rsplit_once('@').map_or((None, authority), |(user, address)| (Some(user), address));
    let default = if scheme == "https" { 443 } else { PORT };
    let (host, port) = match address.rsplit_once(':') {
        // The colons of an address without brackets' end.
        Some((host, port)) if !port.ends_with(']') => match (port, port.parse::<u16>()) {
            ("", _) => (host, default),
            (_, Ok(port)) if port != 0 => (host, port),
            _ => return Err(unusable(&format!("`{port}` is no port"))),
        },
        _ => (address, default),
    };
    if host.is_empty() || host.contains(char::is_whitespace) {
        return Err(unusable("it names no host"));
    }
    // Whatever was escaped is escaped as the connector expects it.
    let escaped = |text: &str| utf8_percent_encode(&percent_decode_str(text).decode_utf8_lossy(), NON_ALPHANUMERIC).to_string();
    let credentials = user.map(|user| match user.split_once(':') {
        Some((user, password)) => format!("{}:{}@", escaped(user), escaped(password)),
        None => format!("{}@", escaped(user)),
    });
    Ok(Proxy {
        url: format!("{scheme}://{}{host}:{port}", credentials.unwrap_or_default()),
        host: host.to_owned(),
        port,
        name: format!("{scheme}://{host}:{port} ({variable})"),
    })
}

/// A host as it stands in a URL.
enum Host {
    Address(IpAddr),
    /// In lower case, without a dot at its end.
    Name(String),
}

impl Host {
    fn of(text: &str) -> Self {
        match text.trim_matches(['[', ']']).parse() {
            Ok(address) => Self::Address(address),
            Err(_) => Self::Name(text.trim_end_matches('.').to_ascii_lowercase()),
        }
    }

    /// Whether it is this machine, or the link that an instance gets its credentials from.
    fn is_here(&self) -> bool {
        match self {
            Self::Name(name) => name == "localhost" || name.ends_with(".localhost"),
            Self::Address(IpAddr::V4(address)) => address.is_loopback() || address.is_link_local(),
            Self::Address(IpAddr::V6(address)) => {
                let metadata = Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254);
                let mapped = address.to_ipv4_mapped().is_some_and(|address| address.is_loopback());
                address.is_loopback() || mapped || *address == metadata
            }
        }
    }
}

impl Without {
    fn of(entry: &str) -> Option<Self> {
        if entry == "*" {
            return Some(Self::Everything);
        }
        let address = entry.trim_matches(['[', ']']);
        if let Ok(network) = address.parse::<IpNet>() {
            return Some(Self::Network(network));
        }
        if let Ok(address) = address.parse::<IpAddr>() {
            return Some(Self::Network(address.into()));
        }
        let domain = entry.strip_prefix('.').unwrap_or(entry).trim_end_matches('.').to_ascii_lowercase();
        (!domain.is_empty()).then_some(Self::Domain(domain))
    }

    fn covers(&self, host: &Host) -> bool {
        match (self, host) {
            (Self::Everything, _) => true,
            (Self::Network(network), Host::Address(address)) => network.contains(address),
            (Self::Domain(domain), Host::Name(name)) => {
                name.strip_suffix(domain.as_str()).is_some_and(|rest| rest.is_empty() || rest.ends_with('.'))
            }
            (Self::Network(_), Host::Name(_)) | (Self::Domain(_), Host::Address(_)) => false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn variable(name: &'static str, value: &str) -> ProxyVariable {
        ProxyVariable { name, value: value.to_owned() }
    }

    fn https(value: &str) -> Result<Proxy, String> {
        let variables = ProxyVariables { https: Some(variable("HTTPS_PROXY", value)), ..ProxyVariables::default() };
        let proxies = Proxies::of(&variables);
        proxies.for_host("https", "sts.amazonaws.com").map(|proxy| proxy.unwrap().clone()).map_err(ToString::to_string)
    }

    #[test]
    fn a_proxy_is_written_as_for_curl() {
        for (value, url, name) in [
            ("http://proxy:3128", "http://proxy:3128", "http://proxy:3128 (HTTPS_PROXY)"),
            ("proxy:3128", "http://proxy:3128", "http://proxy:3128 (HTTPS_PROXY)"),
            ("proxy", "http://proxy:1080", "http://proxy:1080 (HTTPS_PROXY)"),
            ("HTTP://proxy:8080/ignored?too", "http://proxy:8080", "http://proxy:8080 (HTTPS_PROXY)"),
            ("https://proxy", "https://proxy:443", "https://proxy:443 (HTTPS_PROXY)"),
            ("http://[::1]:3128", "http://[::1]:3128", "http://[::1]:3128 (HTTPS_PROXY)"),
            ("http://[2001:db8::1]", "http://[2001:db8::1]:1080", "http://[2001:db8::1]:1080 (HTTPS_PROXY)"),
            ("http://me:p%40ss@proxy:3128", "http://me:p%40ss@proxy:3128", "http://proxy:3128 (HTTPS_PROXY)"),
            ("http://me@proxy:3128", "http://me@proxy:3128", "http://proxy:3128 (HTTPS_PROXY)"),
            ("http://dom%5Cme:a:b@proxy:3128", "http://dom%5Cme:a%3Ab@proxy:3128", "http://proxy:3128 (HTTPS_PROXY)"),
        ] {
            let proxy = https(value).unwrap();
            assert_eq!((proxy.url.as_str(), proxy.name.as_str()), (url, name), "{value}");
        }
        assert!(!format!("{:?}", https("http://me:secret@proxy:3128")).contains("secret"));
    }

    #[test]
    fn what_is_no_http_proxy_is_refused_by_the_name_of_its_variable() {
        for (value, reason) in [
            ("socks5://proxy:1080", "it speaks SOCKS, and cartctl speaks to HTTP proxies only"),
            ("socks5h://me:secret@proxy", "it speaks SOCKS, and cartctl speaks to HTTP proxies only"),
            ("ftp://proxy", "nothing is known of `ftp` proxies"),
            ("http://", "it names no host"),
            ("http://:3128", "it names no host"),
            ("http://a proxy", "it names no host"),
            ("http://proxy:99999", "`99999` is no port"),
            ("http://proxy:http", "`http` is no port"),
            ("http://proxy:0", "`0` is no port"),
        ] {
            let error = https(value).unwrap_err();
            let expected =
                format!("HTTPS_PROXY names a proxy that cannot be used: {reason}; write one like http://proxy.example:3128");
            assert_eq!(error, expected, "{value}");
            assert!(!error.contains("secret"));
        }
    }

    #[test]
    fn the_scheme_of_the_request_decides_and_all_proxy_is_for_both() {
        let all = Some(variable("ALL_PROXY", "http://all:1"));
        let name = |variables: &ProxyVariables, scheme| {
            Proxies::of(variables).for_host(scheme, "aws.example").unwrap().map(|proxy| proxy.host.clone())
        };
        let both = ProxyVariables {
            http: Some(variable("http_proxy", "a")),
            https: Some(variable("https_proxy", "b")),
            all: all.clone(),
            without: None,
        };
        assert_eq!((name(&both, "http"), name(&both, "https")), (Some("a".to_owned()), Some("b".to_owned())));
        let only_all = ProxyVariables { all, ..ProxyVariables::default() };
        assert_eq!((name(&only_all, "http"), name(&only_all, "https")), (Some("all".to_owned()), Some("all".to_owned())));
        let secure = ProxyVariables { https: Some(variable("https_proxy", "b")), ..ProxyVariables::default() };
        assert_eq!((name(&secure, "http"), name(&secure, "https")), (None, Some("b".to_owned())));
        // A proxy that cannot be used is no matter where it is not used.
        let socks = ProxyVariables { http: Some(variable("http_proxy", "socks5://a")), ..secure };
        assert!(Proxies::of(&socks).for_host("https", "aws.example").is_ok());
        assert!(Proxies::of(&socks).for_host("http", "aws.example").is_err());
    }

    #[test]
    fn this_machine_is_never_asked_through_a_proxy() {
        let variables = ProxyVariables { all: Some(variable("ALL_PROXY", "socks5://proxy")), ..ProxyVariables::default() };
        let proxies = Proxies::of(&variables);
        for host in [
            "localhost",
            "LOCALHOST",
            "localhost.",
            "shop.localhost",
            "127.0.0.1",
            "127.8.9.10",
            "[::1]",
            "::1",
            "[::ffff:127.0.0.1]",
            "169.254.169.254",
            "169.254.170.2",
            "[fd00:ec2::254]",
        ] {
            assert_eq!(proxies.for_host("http", host), Ok(None), "{host}");
        }
        for host in ["localhost.example", "notlocalhost", "128.0.0.1", "10.0.0.1", "[::2]"] {
            assert!(proxies.for_host("http", host).is_err(), "{host}");
        }
    }

    #[test]
    fn no_proxy_is_read_as_curl_reads_it() {
        let through = |without: &str, host: &str| {
            let variables = ProxyVariables {
                all: Some(variable("ALL_PROXY", "proxy")),
                without: Some(without.to_owned()),
                ..ProxyVariables::default()
            };
            Proxies::of(&variables).for_host("https", host).unwrap().is_some()
        };
        for (without, direct, proxied) in [
            ("*", &["aws.example", "10.0.0.1", "[2001:db8::1]"][..], &[][..]),
            ("", &[], &["aws.example"]),
            (" , ,", &[], &["aws.example"]),
            (
                "amazonaws.com",
                &["amazonaws.com", "sts.amazonaws.com", "STS.AmazonAWS.com", "sts.amazonaws.com."],
                &["notamazonaws.com", "amazonaws.com.cn"],
            ),
            (".amazonaws.com", &["amazonaws.com", "sts.amazonaws.com"], &["notamazonaws.com"]),
            ("AmazonAWS.com.", &["sts.amazonaws.com"], &[]),
            ("a.example,amazonaws.com", &["a.example", "sts.amazonaws.com"], &["b.example"]),
            ("a.example amazonaws.com", &["a.example", "sts.amazonaws.com"], &["b.example"]),
            ("a.example ,\tamazonaws.com", &["a.example", "sts.amazonaws.com"], &["b.example"]),
            ("10.0.0.1", &["10.0.0.1"], &["10.0.0.10", "10.0.0.2", "a.10.0.0.1"]),
            ("10.0.0.0/8", &["10.1.2.3"], &["11.0.0.1", "ten.example"]),
            ("10.0.0.0/8,192.168.0.0/16", &["192.168.7.1"], &["192.169.0.1"]),
            ("[2001:db8::1]", &["[2001:db8::1]"], &["[2001:db8::2]"]),
            ("2001:db8::/32", &["[2001:db8:1::5]"], &["[2001:db9::5]"]),
            // A port is part of no entry, and a star stands for everything or for nothing.
            ("amazonaws.com:443", &[], &["amazonaws.com"]),
            ("*.amazonaws.com", &[], &["sts.amazonaws.com"]),
            ("10.0.0.0/99", &[], &["10.0.0.0"]),
        ] {
            for host in direct {
                assert!(!through(without, host), "{host} with NO_PROXY={without}");
            }
            for host in proxied {
                assert!(through(without, host), "{host} with NO_PROXY={without}");
            }
        }
    }
}
