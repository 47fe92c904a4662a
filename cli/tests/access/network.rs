//! Networks: proxies, root certificates, and in words where the way to AWS ends.

use std::{
    fs,
    io::{self, BufRead, BufReader, Write},
    net::{TcpListener, TcpStream},
    sync::{Arc, Mutex},
    thread,
};

use rcgen::{CertificateParams, KeyPair, date_time_ymd};
use rustls::{
    ServerConfig, ServerConnection, StreamOwned,
    crypto::aws_lc_rs,
    pki_types::{PrivateKeyDer, PrivatePkcs8KeyDer},
};

use crate::{
    program::Run,
    stand_in::{StandIn, read, write},
    traveller::{Traveller, account, answer},
};

const FAILED: i32 = 1;
const USAGE: i32 = 2;

/// A host that no DNS knows: who reaches it went through a proxy.
const HOST: &str = "aws.invalid";

#[test]
fn a_request_goes_through_the_proxy_of_its_scheme() {
    let proxy = account();
    let url = format!("http://{HOST}");
    let through = |name, value: &str| {
        let before = proxy.asked().len();
        Traveller::new("").with_keys().with(name, value).asks(&["--endpoint-url", &url]).succeeded();
        let asked = proxy.asked()[before..].to_vec();
        assert!(!asked.is_empty() && asked.iter().all(|asked| asked.what.starts_with(&format!("POST {url}/"))), "{asked:?}");
        asked[0].headers.get("proxy-authorization").cloned()
    };
    let address = proxy.url.strip_prefix("http://").unwrap();
    assert_eq!(through("http_proxy", &proxy.url), None);
    assert_eq!(through("ALL_PROXY", address), None, "a scheme can be left out");
    // `me:p@ss`
    assert_eq!(through("http_proxy", &format!("http://me:p%40ss@{address}")).as_deref(), Some("Basic bWU6cEBzcw=="));
}

#[test]
fn this_machine_is_asked_without_a_proxy() {
    let aws = account();
    let mut traveller = Traveller::new("").with_keys();
    for name in ["http_proxy", "HTTP_PROXY", "https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"] {
        traveller = traveller.with(name, "http://127.0.0.1:1");
    }
    for url in [aws.url.clone(), aws.url.replace("127.0.0.1", "localhost")] {
        traveller.asks(&["--endpoint-url", &url]).succeeded();
    }
    // Nor does a proxy that cannot be used matter.
    Traveller::new("").with_keys().with("ALL_PROXY", "socks5://127.0.0.1:1").asks(&["--endpoint-url", &aws.url]).succeeded();
}

/// AWS behind TLS, with a certificate for these names.
struct Tls {
    port: u16,
    /// The certificate, which has signed itself.
    pem: String,
}

impl Tls {
    fn new(name: &str, change: impl FnOnce(&mut CertificateParams)) -> Self {
        let mut parameters = CertificateParams::new(vec![name.to_owned()]).unwrap();
        change(&mut parameters);
        let key = KeyPair::generate().unwrap();
        let certificate = parameters.self_signed(&key).unwrap();
        let config = ServerConfig::builder_with_provider(Arc::new(aws_lc_rs::default_provider()))
            .with_safe_default_protocol_versions()
            .unwrap()
            .with_no_client_auth()
            .with_single_cert(vec![certificate.der().clone()], PrivateKeyDer::from(PrivatePkcs8KeyDer::from(key.serialize_der())))
            .unwrap();
        let (config, listener) = (Arc::new(config), TcpListener::bind("127.0.0.1:0").unwrap());
        let port = listener.local_addr().unwrap().port();
        thread::spawn(move || {
            for connection in listener.incoming() {
                let config = Arc::clone(&config);
                thread::spawn(move || {
                    let mut stream = StreamOwned::new(ServerConnection::new(config).unwrap(), connection.unwrap());
                    while let Some(asked) = read(&mut stream) {
                        if write(&mut stream, &answer(&asked)).is_err() {
                            return;
                        }
                    }
                });
            }
        });
        Self { port, pem: certificate.pem() }
    }
}

/// The first line of a request, and how it was authorized.
type Request = (String, Option<String>);

/// A proxy that opens tunnels to this port of this machine, whatever it is asked for, or refuses with a status.
struct Tunnels {
    url: String,
    asked: Arc<Mutex<Vec<Request>>>,
}

impl Tunnels {
    fn to(target: Result<u16, u16>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let url = format!("http://{}", listener.local_addr().unwrap());
        let asked = Arc::<Mutex<Vec<_>>>::default();
        let log = Arc::clone(&asked);
        thread::spawn(move || {
            for connection in listener.incoming() {
                let log = Arc::clone(&log);
                // Clients hang up in the middle.
                thread::spawn(move || connection.and_then(|connection| tunnel(connection, target, &log)).ok());
            }
        });
        Self { url, asked }
    }
}

fn tunnel(mut client: TcpStream, target: Result<u16, u16>, log: &Mutex<Vec<(String, Option<String>)>>) -> io::Result<()> {
    let head: Vec<_> = BufReader::new(&client).lines().map_while(Result::ok).take_while(|line| !line.is_empty()).collect();
    let authorization =
        head.iter().find_map(|line| line.to_ascii_lowercase().starts_with("proxy-authorization: ").then(|| line[21..].to_owned()));
    log.lock().unwrap().push((head.first().cloned().unwrap_or_default(), authorization));
    let port = match target {
        Ok(port) => port,
        Err(status) => return write!(client, "HTTP/1.1 {status} No\r\ncontent-length: 0\r\n\r\n"),
    };
    let mut server = TcpStream::connect(("127.0.0.1", port))?;
    write!(client, "HTTP/1.1 200 Established\r\n\r\n")?;
    let (mut answers, mut back) = (server.try_clone()?, client.try_clone()?);
    thread::spawn(move || io::copy(&mut answers, &mut back));
    io::copy(&mut client, &mut server).map(drop)
}

/// Asks an AWS behind TLS; whatever differs from run to run is left out of what is said.
fn asks(traveller: &Traveller, port: u16) -> Run {
    let run = traveller.asks(&["--endpoint-url", &format!("https://localhost:{port}")]);
    Run {
        stderr: run
            .stderr
            .replace(&port.to_string(), "[port]")
            .replace("127.0.0.1, ::1", "[here]")
            .replace("::1, 127.0.0.1", "[here]"),
        ..run
    }
}

#[test]
fn a_certificate_is_trusted_if_a_bundle_says_so() {
    let tls = Tls::new("localhost", |_| {});
    let untrusting = Traveller::new("").with_keys();
    insta::assert_snapshot!("nobody known", asks(&untrusting, tls.port).failed(FAILED));
    let bundle = untrusting.write("bundle.pem", &tls.pem);
    let variable = Traveller::new("").with_keys().with("AWS_CA_BUNDLE", &bundle);
    asks(&variable, tls.port).succeeded();
    let profile = Traveller::new(&format!("[default]\nca_bundle = {bundle}")).with_keys();
    asks(&profile, tls.port).succeeded();
    // The variable wins, and a bundle replaces what the machine trusts.
    let other = untrusting.write("other.pem", &Tls::new("elsewhere", |_| {}).pem);
    let both = Traveller::new(&format!("[default]\nca_bundle = {bundle}")).with_keys().with("AWS_CA_BUNDLE", other);
    asks(&both, tls.port).failed(FAILED);
    // A bundle may be long, and may have words between its certificates.
    let long = untrusting.write("long.pem", &format!("# ours\n{}\n# theirs\n{}", Tls::new("elsewhere", |_| {}).pem, tls.pem));
    asks(&Traveller::new("").with_keys().with("AWS_CA_BUNDLE", long), tls.port).succeeded();
}

#[test]
fn what_is_wrong_with_a_certificate_is_said() {
    let expired = Tls::new("localhost", |certificate| certificate.not_after = date_time_ymd(2020, 1, 1));
    let early = Tls::new("localhost", |certificate| certificate.not_before = date_time_ymd(2999, 1, 1));
    let other = Tls::new("shop.example", |_| {});
    for (name, tls) in [("expired", expired), ("not valid yet", early), ("of another host", other)] {
        let traveller = Traveller::new("").with_keys();
        let bundle = traveller.write("bundle.pem", &tls.pem);
        insta::assert_snapshot!(name, asks(&traveller.with("AWS_CA_BUNDLE", bundle), tls.port).failed(FAILED));
    }
}

#[test]
fn a_bundle_that_cannot_be_used_is_an_error_before_anybody_is_asked() {
    let aws = account();
    let fails = |traveller: Traveller| traveller.asks(&["--endpoint-url", &aws.url]).failed(USAGE);
    let here = Traveller::new("");
    let text = here.write("text.pem", "trust me");
    let broken = here.write("broken.pem", "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    fs::create_dir(here.path("folder")).unwrap();
    for (name, path) in
        [("missing", "/nowhere/ca.pem".to_owned()), ("text", text), ("broken", broken), ("folder", here.path("folder"))]
    {
        let said = fails(Traveller::new("").with_keys().with("AWS_CA_BUNDLE", &path)).replace(&path, "[bundle]");
        insta::assert_snapshot!(format!("bundle {name}"), said);
    }
    let profile = Traveller::new("[profile shop]\nca_bundle = /nowhere/ca.pem").with_keys().with("AWS_PROFILE", "shop");
    insta::assert_snapshot!("bundle of a profile", fails(profile));
    assert!(aws.asked().is_empty());
}

#[test]
fn a_tunnel_leads_through_a_proxy() {
    let tls = Tls::new(HOST, |_| {});
    let proxy = Tunnels::to(Ok(tls.port));
    let traveller = Traveller::new("").with_keys();
    let bundle = traveller.write("bundle.pem", &tls.pem);
    let traveller = traveller.with("AWS_CA_BUNDLE", bundle).with("HTTPS_PROXY", proxy.url.replace("://", "://me:secret@"));
    traveller.asks(&["--endpoint-url", &format!("https://{HOST}")]).succeeded();
    let asked = proxy.asked.lock().unwrap().clone();
    let expected = (format!("CONNECT {HOST}:443 HTTP/1.1"), Some("Basic bWU6c2VjcmV0".to_owned()));
    assert!(!asked.is_empty() && asked.iter().all(|asked| *asked == expected), "{asked:?}");
}

#[test]
fn what_a_proxy_does_instead_is_said() {
    let url = format!("https://{HOST}");
    let plain = format!("http://{HOST}");
    let fails = |name, value: &str, url: &str, code| {
        let run = Traveller::new("").with_keys().with(name, value).asks(&["--endpoint-url", url]);
        let said = run.failed(code);
        assert!(!said.contains("secret"), "{said}");
        said.replace(value.rsplit(['/', '@']).next().unwrap(), "[proxy]")
    };
    for (name, status) in [("authorization", 407), ("refusal", 403), ("bad gateway", 502)] {
        let proxy = Tunnels::to(Err(status));
        insta::assert_snapshot!(format!("proxy {name}"), fails("HTTPS_PROXY", &proxy.url, &url, FAILED));
    }
    let proxy = StandIn::new(|_| crate::stand_in::Answer::new(407, ""));
    insta::assert_snapshot!("proxy authorization without a tunnel", fails("http_proxy", &proxy.url, &plain, FAILED));
    insta::assert_snapshot!("no proxy there", fails("https_proxy", "http://me:secret@127.0.0.1:1", &url, FAILED));
    insta::assert_snapshot!("proxy without a name", fails("all_proxy", "http://proxy.invalid:3128", &url, FAILED));
    insta::assert_snapshot!("socks", fails("ALL_PROXY", "socks5h://me:secret@127.0.0.1:1080", &url, USAGE));
    insta::assert_snapshot!("not a proxy", fails("HTTPS_PROXY", "ftp://127.0.0.1:1080", &url, USAGE));
}

#[test]
fn where_the_way_ends_is_said() {
    let traveller = Traveller::new("").with_keys();
    let fails =
        |url: &str| traveller.asks(&["--endpoint-url", url]).failed(FAILED).replace(url.rsplit('/').next().unwrap(), "[host]");
    insta::assert_snapshot!("no such name", fails(&format!("https://{HOST}")));
    insta::assert_snapshot!("nobody listens", fails("https://127.0.0.1:1"));
    // Plain HTTP where TLS is expected.
    insta::assert_snapshot!("no TLS", fails(&account().url.replace("http:", "https:")));
    // The server hangs up first.
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://{}", listener.local_addr().unwrap());
    thread::spawn(move || listener.incoming().for_each(drop));
    insta::assert_snapshot!("hung up", fails(&url));
}

#[test]
fn a_region_that_does_not_exist_is_said_with_who_names_it() {
    let fails = |traveller: &Traveller, arguments: &[&str]| {
        let run = traveller.run(&[&["status"], arguments].concat()).failed(USAGE);
        traveller.anonymous(&run)
    };
    let keys = || Traveller::new("").with_keys();
    insta::assert_snapshot!("region of the flag", fails(&keys(), &["--region", "eu-wset-1"]));
    insta::assert_snapshot!("region of a variable", fails(&keys().with("AWS_REGION", "eu-wset-1"), &[]));
    let file = keys();
    file.configure("[defaults]\nregion = 'eu-wset-1'");
    insta::assert_snapshot!("region of the file", fails(&file, &[]));
    let profile = Traveller::new("[profile shop]\nregion = eu-wset-1").with_keys().with("AWS_PROFILE", "shop");
    insta::assert_snapshot!("region of a profile", fails(&profile, &[]));
    let shapeless = Traveller::new("[default]\nregion = Ireland").with_keys();
    insta::assert_snapshot!("no region at all", fails(&shapeless, &[]));
    insta::assert_snapshot!("no region anywhere", fails(&keys(), &[]));
}
