//! The way that every request takes, the SDK's and our own: through a proxy or not, with which root certificates, and in words where it ends
//! before an answer. Knows no service (docs/adr/0035-one-way-to-aws.md).

use std::{
    collections::HashMap,
    error::Error as StdError,
    io,
    net::IpAddr,
    sync::{Arc, Mutex, OnceLock, PoisonError},
    time::Duration,
};

use aws_smithy_async::{future::timeout::TimedOutError, rt::sleep::SharedAsyncSleep};
use aws_smithy_http_client::{
    Connector,
    proxy::ProxyConfig,
    tls::{Provider, TlsContext, TrustStore, rustls_provider::CryptoMode},
};
use aws_smithy_runtime_api::client::{
    dns::{DnsFuture, ResolveDns, ResolveDnsError},
    http::{HttpClient, HttpConnector, HttpConnectorFuture, HttpConnectorSettings, SharedHttpConnector},
    orchestrator::HttpRequest,
    result::ConnectorError,
    runtime_components::RuntimeComponents,
};
use base64::{Engine, prelude::BASE64_STANDARD};
use rustls::{CertificateError, RootCertStore};
use rustls_pki_types::{CertificateDer, pem::PemObject};

use super::{
    Error, ErrorKind, causes, innermost,
    proxy::{Proxies, Proxy},
    regions,
};
use crate::domain::connection::AwsEnvironment;

/// Where requests are sent from, and what answers carry so that a refusal can be explained.
#[derive(Clone, Debug)]
pub(super) struct Network(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    proxies: Proxies,
    tls: TlsContext,
    names: Names,
    /// Connectors by what they differ in. Each has connections of its own.
    connectors: Mutex<HashMap<Key, SharedHttpConnector>>,
    place: OnceLock<Arc<Place>>,
}

/// Who asks, and where: attached to every answer.
#[derive(Debug, Default)]
pub(super) struct Place {
    pub region: String,
    /// The flag, variable, file or profile that names the region.
    pub region_named_by: String,
    /// What renews the credentials.
    pub renewal: Option<String>,
}

/// The limits for connecting and for an answer, and the proxy's URL.
type Key = (Option<Duration>, Option<Duration>, Option<String>);

impl Network {
    /// A network as environment and profile describe it. Opens no connection.
    pub(super) fn new(environment: &AwsEnvironment, of_profile: Option<(String, String)>) -> Result<Self, Error> {
        let named = environment.ca_bundle.clone().map(|path| ("AWS_CA_BUNDLE".to_owned(), path));
        let trust = match named.or(of_profile) {
            Some((source, path)) => certificates(&source, &path, environment.home.as_deref())?,
            None => TrustStore::default(),
        };
        let tls = TlsContext::builder().with_trust_store(trust).build();
        let tls = tls.map_err(|error| Error::new(READING, ErrorKind::Usage, error.to_string()))?;
        Ok(Self(Arc::new(Inner {
            proxies: Proxies::of(&environment.proxies),
            tls,
            names: Names::default(),
            connectors: Mutex::default(),
            place: OnceLock::new(),
        })))
    }

    /// Says who asks, from now on.
    pub(super) fn set_place(&self, place: Place) {
        // Said once, at the end of connecting.
        self.0.place.set(Arc::new(place)).ok();
    }

    /// Fails if a request to this URL would go through a proxy that cannot be used.
    pub(super) fn check(&self, url: &str) -> Result<(), Error> {
        let (scheme, host, _) = parts(url);
        let unusable = |error: &super::proxy::Unusable| {
            Error::new("choosing a proxy", ErrorKind::Usage, error.to_string()).with_hint(error.hint())
        };
        self.0.proxies.for_host(scheme, host).map(drop).map_err(unusable)
    }
}

const READING: &str = "reading root certificates";

/// The root certificates in a file, which replace those of the machine, as for the AWS CLI.
fn certificates(source: &str, path: &str, home: Option<&str>) -> Result<TrustStore, Error> {
    let path = match (path.strip_prefix("~/"), home) {
        (Some(rest), Some(home)) => format!("{home}/{rest}"),
        _ => path.to_owned(),
    };
    let unusable = |reason: String| {
        let hint = format!("correct {source}: it names a file with certificates in PEM format (`-----BEGIN CERTIFICATE-----`)");
        Error::new(READING, ErrorKind::Usage, format!("{source} names {path}, which cannot be used: {reason}")).with_hint(hint)
    };
    let bytes = std::fs::read(&path).map_err(|error| unusable(error.to_string()))?;
    let certificates = CertificateDer::pem_slice_iter(&bytes).collect::<Result<Vec<_>, _>>();
    let certificates = certificates.map_err(|error| unusable(format!("it is malformed: {error}")))?;
    if certificates.is_empty() {
        return Err(unusable("it has no certificate in PEM format".to_owned()));
    }
    // A large bundle may have one that this TLS library does not understand; the others count.
    let (mut trust, mut roots, mut wrong) = (TrustStore::empty(), RootCertStore::empty(), None);
    for certificate in certificates {
        let pem = format!("-----BEGIN CERTIFICATE-----\n{}\n-----END CERTIFICATE-----\n", BASE64_STANDARD.encode(&certificate));
        match roots.add(certificate) {
            Ok(()) => trust = trust.with_pem_certificate(pem),
            Err(error) => wrong = Some(error),
        }
    }
    match wrong {
        Some(error) if roots.is_empty() => Err(unusable(format!("no certificate in it is valid: {error}"))),
        _ => Ok(trust),
    }
}

impl HttpClient for Network {
    fn http_connector(&self, settings: &HttpConnectorSettings, components: &RuntimeComponents) -> SharedHttpConnector {
        SharedHttpConnector::new(Line { network: self.clone(), settings: settings.clone(), sleep: components.sleep_impl() })
    }
}

/// A connector for requests with the same limits.
#[derive(Debug)]
struct Line {
    network: Network,
    settings: HttpConnectorSettings,
    sleep: Option<SharedAsyncSleep>,
}

impl Line {
    fn connector(&self, proxy: Option<&Proxy>) -> Result<SharedHttpConnector, ConnectorError> {
        let Inner { tls, names, connectors, .. } = &*self.network.0;
        let url = proxy.map(|proxy| proxy.url.clone());
        let mut connectors = connectors.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (self.settings.connect_timeout(), self.settings.read_timeout(), url.clone());
        if let Some(connector) = connectors.get(&key) {
            return Ok(connector.clone());
        }
        let mut builder = Connector::builder().connector_settings(self.settings.clone());
        builder.set_sleep_impl(self.sleep.clone());
        if let Some(url) = url {
            builder = builder.proxy_config(ProxyConfig::all(url).map_err(|error| ConnectorError::user(error.into()))?);
        }
        let builder = builder.tls_provider(Provider::Rustls(CryptoMode::AwsLc)).tls_context(tls.clone());
        let connector = SharedHttpConnector::new(builder.build_with_resolver(names.clone()));
        connectors.insert(key, connector.clone());
        Ok(connector)
    }
}

impl HttpConnector for Line {
    fn call(&self, request: HttpRequest) -> HttpConnectorFuture {
        let Inner { proxies, names, place, .. } = &*self.network.0;
        let (scheme, host, port) = parts(request.uri());
        let proxy = match proxies.for_host(scheme, host) {
            Ok(proxy) => proxy.cloned(),
            Err(unusable) => return HttpConnectorFuture::ready(Err(ConnectorError::user(unusable.clone().into()))),
        };
        let connector = match self.connector(proxy.as_ref()) {
            Ok(connector) => connector,
            Err(error) => return HttpConnectorFuture::ready(Err(error)),
        };
        let place = place.get().cloned();
        let wrong_region = place.as_ref().filter(|place| !regions::is_known(&place.region) && host.contains(&place.region));
        let wrong_region = wrong_region.map(|place| (place.region.clone(), place.region_named_by.clone()));
        let target = Target { host: host.to_owned(), port, proxy, names: names.clone(), wrong_region };
        let limits = [self.settings.connect_timeout(), self.settings.read_timeout()];
        let answer = connector.call(request);
        HttpConnectorFuture::new(async move {
            let mut answer = answer.await.map_err(|error| target.explain(&error, limits))?;
            if answer.status().as_u16() == 407
                && let Some(proxy) = target.proxy
            {
                let why = UNAUTHORIZED.to_owned();
                let unreached = Unreached { stage: Stage::Proxy, host: target.host, place: proxy.name, why, wrong_region: None };
                return Err(ConnectorError::user(unreached.into()));
            }
            if let Some(place) = place {
                answer.add_extension(place);
            }
            Ok(answer)
        })
    }
}

/// Scheme, host and port of a URL.
fn parts(url: &str) -> (&str, &str, u16) {
    let (scheme, rest) = url.split_once("://").unwrap_or(("https", url));
    let authority = rest.split(['/', '?', '#']).next().unwrap_or_default();
    let default = if scheme == "http" { 80 } else { 443 };
    match authority.rsplit_once(':') {
        Some((host, port)) if !port.ends_with(']') => (scheme, host, port.parse().unwrap_or(default)),
        _ => (scheme, authority, default),
    }
}

/// Resolves names, and remembers the addresses for messages.
#[derive(Clone, Debug, Default)]
struct Names(Arc<Mutex<HashMap<String, Vec<IpAddr>>>>);

impl ResolveDns for Names {
    fn resolve_dns<'a>(&'a self, name: &'a str) -> DnsFuture<'a> {
        DnsFuture::new(async move {
            let found = tokio::net::lookup_host((name, 0)).await.map_err(ResolveDnsError::new)?;
            let addresses: Vec<_> = found.map(|address| address.ip()).collect();
            self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), addresses.clone());
            Ok(addresses)
        })
    }
}

impl Names {
    /// The addresses of a host, if it is a name that was resolved.
    fn addresses(&self, host: &str) -> Option<String> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let addresses: Vec<_> = known.get(host)?.iter().map(ToString::to_string).collect();
        Some(addresses.join(", "))
    }
}

/// Where a request goes.
struct Target {
    host: String,
    port: u16,
    proxy: Option<Proxy>,
    names: Names,
    wrong_region: Option<(String, String)>,
}

/// What a proxy means with 407.
const UNAUTHORIZED: &str = "it requires a user and a password, or other ones";

/// Where on the way a request got stuck.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Stage {
    Dns,
    Tcp,
    Proxy,
    Tls,
    /// The server, or a proxy before it, presents a certificate that is not trusted.
    Certificate,
    /// Connected, and then no answer.
    Answer,
}

/// A request that got no answer.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}", self.words())]
pub(super) struct Unreached {
    stage: Stage,
    /// The host that was asked.
    host: String,
    /// Where it got stuck: host, port and address, or proxy.
    place: String,
    why: String,
    /// A region that is in the host's name and probably does not exist, and who names it.
    wrong_region: Option<(String, String)>,
}

impl Unreached {
    /// Whether a repetition is of no use.
    fn is_final(&self) -> bool {
        self.wrong_region.is_some() || self.stage == Stage::Certificate || self.why == UNAUTHORIZED
    }

    /// Whether the region that was named is to blame.
    pub(super) fn is_about_the_region(&self) -> bool {
        self.wrong_region.is_some()
    }

    fn words(&self) -> String {
        let Self { stage, host, place, why, wrong_region } = self;
        match stage {
            Stage::Dns => match wrong_region {
                Some((region, named_by)) => {
                    format!("`{region}` ({named_by}) is no region that cartctl knows, and DNS does not resolve {place}: {why}")
                }
                None => format!("DNS does not resolve {place}: {why}"),
            },
            Stage::Tcp => format!("no connection to {place}: {why}"),
            Stage::Proxy => format!("the proxy {place} does not connect to {host}: {why}"),
            Stage::Tls => format!("no TLS connection to {place}: {why}"),
            Stage::Certificate => format!("the certificate of {place} is not trusted: {why}"),
            Stage::Answer => format!("no answer from {place}: {why}"),
        }
    }

    pub(super) fn hint(&self) -> String {
        let Self { stage, host, place, wrong_region, .. } = self;
        match stage {
            Stage::Dns => match wrong_region {
                Some((region, _)) => match regions::nearest(region) {
                    Some(nearest) => format!("`{nearest}` may be meant"),
                    None => "name a region as in `--region eu-west-1`".to_owned(),
                },
                None => format!("check the network and its DNS (`getent hosts {host}`), and `--endpoint-url`"),
            },
            Stage::Tcp => "check the network, its firewall and `--endpoint-url`; behind a proxy, name it in HTTPS_PROXY".to_owned(),
            Stage::Proxy => {
                format!("check the proxy and its user (`http://USER:PASSWORD@HOST:PORT`), or add {host} to NO_PROXY")
            }
            Stage::Tls => {
                "check whether a proxy or a firewall on the way allows TLS, and the scheme of `--endpoint-url`".to_owned()
            }
            Stage::Certificate => format!(
                "if your network inspects TLS, name its root certificate in AWS_CA_BUNDLE; \
                 `openssl s_client -connect {} -showcerts` shows what is presented",
                place.split(' ').next().unwrap_or_default()
            ),
            Stage::Answer => "check the network, then run the same command again".to_owned(),
        }
    }
}

impl Target {
    /// The same error with words of its own. What is retried stays the same.
    fn explain(&self, error: &ConnectorError, limits: [Option<Duration>; 2]) -> ConnectorError {
        let unreached = self.unreached(error, limits);
        let metadata = error.connection_metadata().cloned();
        let explained = if unreached.is_final() {
            ConnectorError::user(unreached.into())
        } else if error.is_timeout() {
            ConnectorError::timeout(unreached.into())
        } else if error.is_user() {
            ConnectorError::user(unreached.into())
        } else if error.is_io() {
            ConnectorError::io(unreached.into())
        } else {
            ConnectorError::other(unreached.into(), error.as_other())
        };
        match metadata {
            Some(metadata) => explained.with_connection(metadata),
            None => explained,
        }
    }

    fn unreached(&self, error: &ConnectorError, [connecting, answering]: [Option<Duration>; 2]) -> Unreached {
        let (stage, why) = stuck(error);
        let at = |host: &str, port: u16| match self.names.addresses(host) {
            Some(addresses) => format!("{host}:{port} ({addresses})"),
            None => format!("{host}:{port}"),
        };
        let of_host = at(&self.host, self.port);
        // Names are resolved, and connections opened, by the proxy, if there is one.
        let place = match (&self.proxy, stage) {
            (None, Stage::Dns) => self.host.clone(),
            (None, _) => of_host,
            (Some(proxy), Stage::Dns | Stage::Tcp) => format!("the proxy {}", proxy.name),
            (Some(proxy), Stage::Proxy) => proxy.name.clone(),
            (Some(proxy), Stage::Tls | Stage::Certificate | Stage::Answer) => format!("{of_host} through the proxy {}", proxy.name),
        };
        let why = match (why, stage) {
            (Some(why), _) => why,
            (None, Stage::Tcp) => limit(connecting),
            (None, _) => limit(answering),
        };
        let wrong_region = self.wrong_region.clone().filter(|_| stage == Stage::Dns && self.proxy.is_none());
        Unreached { stage, host: self.host.clone(), place, why, wrong_region }
    }
}

fn limit(limit: Option<Duration>) -> String {
    limit.map_or_else(
        || "it takes too long".to_owned(),
        |limit| format!("nothing came within {}", humantime::format_duration(limit)),
    )
}

/// Where a request got stuck, and why; no reason if a limit of time was reached.
fn stuck(error: &(dyn StdError + 'static)) -> (Stage, Option<String>) {
    let said = |stage| (stage, Some(innermost(error)));
    let texts: Vec<_> = causes(error).map(ToString::to_string).collect();
    let says = |text: &str| texts.iter().any(|said| said.contains(text));
    if let Some(tls) = causes(error).find_map(|cause| cause.downcast_ref::<rustls::Error>()) {
        return match certificate(tls) {
            Some(why) => (Stage::Certificate, Some(why)),
            None => (Stage::Tls, Some(tls.to_string())),
        };
    }
    if causes(error).any(<dyn std::error::Error>::is::<ResolveDnsError>) {
        let why = innermost(error).replace("failed to lookup address information: ", "");
        return (Stage::Dns, Some(why));
    }
    if let Some(tunnel) = texts.iter().find_map(|text| text.strip_prefix("tunnel error: ")) {
        return match tunnel {
            "failed to create underlying connection" => said(Stage::Tcp),
            "proxy authorization required" => (Stage::Proxy, Some(UNAUTHORIZED.to_owned())),
            "unsuccessful" => (Stage::Proxy, Some("it refuses".to_owned())),
            other => (Stage::Proxy, Some(other.to_owned())),
        };
    }
    if causes(error).any(<dyn std::error::Error>::is::<TimedOutError>) {
        let stage = if says("HTTP connect timeout") { Stage::Tcp } else { Stage::Answer };
        return (stage, None);
    }
    let io = causes(error).find_map(|cause| cause.downcast_ref::<io::Error>());
    if says("tcp connect error") || io.is_some_and(|error| error.kind() == io::ErrorKind::ConnectionRefused) {
        return said(Stage::Tcp);
    }
    if says("tls handshake eof") {
        return (Stage::Tls, Some("the other side closed the connection during the handshake".to_owned()));
    }
    said(Stage::Answer)
}

/// What is wrong with a certificate.
fn certificate(error: &rustls::Error) -> Option<String> {
    let rustls::Error::InvalidCertificate(certificate) = error else { return None };
    Some(match certificate {
        CertificateError::UnknownIssuer => "nobody whom this machine trusts has signed it".to_owned(),
        CertificateError::Expired | CertificateError::ExpiredContext { .. } => {
            "it has expired, or the clock of this machine is wrong".to_owned()
        }
        CertificateError::NotValidYet | CertificateError::NotValidYetContext { .. } => {
            "it is not valid yet, or the clock of this machine is wrong".to_owned()
        }
        CertificateError::NotValidForName | CertificateError::NotValidForNameContext { .. } => "it is for another host".to_owned(),
        other => other.to_string(),
    })
}
