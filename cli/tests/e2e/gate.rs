//! Who may speak to the local cloud: the shop's pages, and who has the credentials of the run. Requests are written byte by byte, as somebody
//! would who means no good.

use std::{
    fs,
    io::{Read as _, Write as _},
    net::TcpStream,
    os::unix::fs::PermissionsExt as _,
    process::Command,
    time::{Duration, SystemTime},
};

use aws_sdk_cloudformation::config::Credentials;
use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::{
    cloud::{Answer, Cloud, Request, eventually, now, sign},
    program::finish,
    shop::{Customer, Shop},
};

const SHOP: &str = "http://localhost:8080";

/// A function that the account does not have. What makes it is a request that a page may send without asking first.
const CREATE: &str = "/2015-03-31/functions";

/// The answer to a request of these lines, on one of the addresses of this machine.
fn answer_on(address: &str, port: u16, request: &str) -> (u16, String) {
    let mut stream = TcpStream::connect((address, port)).unwrap();
    stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    stream.write_all(request.as_bytes()).unwrap();
    let mut answer = Vec::new();
    // A refused client may see the connection end early.
    drop(stream.read_to_end(&mut answer));
    let answer = String::from_utf8_lossy(&answer).into_owned();
    let status = answer.split(' ').nth(1).and_then(|status| status.parse().ok()).unwrap_or(0);
    (status, answer)
}

/// A local cloud without a page, with everything that may be asked of it.
struct Door<'a> {
    cloud: &'a Cloud,
    /// The path of the products API.
    products: String,
    pool: String,
    client: String,
}

impl<'a> Door<'a> {
    fn of(cloud: &'a Cloud) -> Self {
        let shop = Shop::of_stage(cloud, "default");
        Self { cloud, products: shop.products.replace(&cloud.url(), ""), pool: shop.pool, client: shop.client }
    }

    /// The answer to a first line, headers and a body. `{port}` is the port.
    fn ask(&self, first: &str, headers: &[&str], body: &str) -> (u16, String) {
        let length = format!("Content-Length: {}", body.len());
        let mut lines = [&[first, "Connection: close"], headers].concat();
        lines.extend((!body.is_empty()).then_some(length.as_str()));
        self.send(&lines, body)
    }

    fn send(&self, lines: &[&str], body: &str) -> (u16, String) {
        let request = format!("{}\r\n\r\n{body}", lines.join("\r\n"));
        answer_on("127.0.0.1", self.cloud.port, &request.replace("{port}", &self.cloud.port.to_string()))
    }

    /// Nobody gets anything by a request, and no page may read that.
    #[track_caller]
    fn refuses(&self, first: &str, headers: &[&str], body: &str) {
        let (status, answer) = self.ask(first, headers, body);
        assert_eq!(status, 403, "{first} {headers:?}: {answer}");
        assert!(!answer.to_lowercase().contains("access-control-"), "{first} {headers:?}: {answer}");
    }
}

#[tokio::test]
async fn nobody_gets_in_without_the_credentials_of_the_run() {
    let cloud = Cloud::new();
    let secrets =
        ["AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "GITHUB_TOKEN", "ACTIONS_ID_TOKEN_REQUEST_TOKEN", "SOMETHING_ELSE"];
    finish(cloud.project.command(&["local", "--detach"]).envs(secrets.map(|name| (name, "the deployer's secret")))).succeeded();
    let door = Door::of(&cloud);
    let before = cloud.inventory().await;

    no_page_and_no_other_user_makes_calls(&door);
    nobody_takes_another_name_for_this_machine(&door);
    pages_of_other_sites_are_sent_away(&door);
    only_public_calls_of_a_user_pool_are_unsigned(&door);
    requests_of_two_meanings_are_refused(&door);
    signatures_are_verified(&door).await;
    functions_answer_only_for_themselves(&door).await;

    assert_eq!(cloud.inventory().await, before, "nothing was made, and nothing is gone");
    cloud.stop();
}

fn no_page_and_no_other_user_makes_calls(door: &Door<'_>) {
    let function = r#"{"FunctionName":"drive-by","Runtime":"python3.12","Role":"arn:aws:iam::000000000000:role/r","Handler":"a.b","Code":{"ZipFile":""}}"#;
    let targets =
        ["AWSCognitoIdentityProviderService.ListUserPools", "DynamoDB_20120810.ListTables", "AmazonSSM.DescribeParameters"];
    let pages: [&[&str]; 4] = [
        &["Origin: https://evil.example"],
        &["Origin: https://evil.example", "Sec-Fetch-Site: cross-site", "Sec-Fetch-Mode: no-cors"],
        // Another user of this machine, and the shop's own page.
        &[],
        &["Origin: http://localhost:8080", "Sec-Fetch-Site: same-site"],
    ];
    for page in pages {
        for kind in ["text/plain", "application/json", "application/x-www-form-urlencoded"] {
            let kind = format!("Content-Type: {kind}");
            let headers = [page, &["Host: localhost:{port}", &kind]].concat();
            door.refuses(&format!("POST {CREATE} HTTP/1.1"), &headers, function);
            door.refuses(&format!("POST {CREATE}/drive-by/invocations HTTP/1.1"), &headers, "{}");
            door.refuses("POST /_ministack/reset HTTP/1.1", &headers, "");
            door.refuses("POST /_ministack/config HTTP/1.1", &headers, r#"{"lambda_svc.LAMBDA_EXECUTOR":"docker"}"#);
            door.refuses("POST / HTTP/1.1", &headers, "Action=ListRoles&Version=2010-05-08");
            door.refuses("PUT /some-bucket HTTP/1.1", &headers, "");
        }
        for target in targets {
            let target = format!("X-Amz-Target: {target}");
            let headers = [page, &["Host: 127.0.0.1:{port}", "Content-Type: application/x-amz-json-1.1", &target]].concat();
            door.refuses("POST / HTTP/1.1", &headers, "{}");
        }
        for path in [
            CREATE,
            "/",
            "/?Action=ListRoles&Version=2010-05-08",
            "/restapis",
            "/_ministack/sqs/messages",
            "/_ministack/ses/messages",
            "/_localstack/health",
            "/health",
            "/oauth2/authorize?client_id=a&response_type=code&redirect_uri=https://evil.example",
            "/2020-05-31/distribution",
            // Other spellings.
            "//2015-03-31/functions",
            "/2015-03-31/functions/",
            "/%32015-03-31/functions",
            "/./2015-03-31/functions",
            "/restapis/../2015-03-31/functions",
            "/restapis/%2e%2e/2015-03-31/functions",
            "/_ministack/health/../reset",
            "/_ministack/health%2f..%2freset",
            "/_ministack/HEALTH",
            "/2015-03-31/functions/.well-known/jwks.json",
            "/some-bucket/.well-known/jwks.json",
        ] {
            let headers = [page, &["Host: localhost:{port}"]].concat();
            door.refuses(&format!("GET {path} HTTP/1.1"), &headers, "");
        }
        for (path, method) in
            [("/", "GET"), (CREATE, "POST"), ("/_ministack/reset", "POST"), ("/some-bucket/a", "PUT"), ("/", "PUT")]
        {
            let method = format!("Access-Control-Request-Method: {method}");
            let headers = [page, &["Host: localhost:{port}", &method, "Access-Control-Request-Headers: content-type"]].concat();
            door.refuses(&format!("OPTIONS {path} HTTP/1.1"), &headers, "");
        }
    }
}

/// What is open to everybody on this machine.
fn open(door: &Door<'_>) -> [(String, String); 4] {
    let read = |path: &str| (format!("GET {path} HTTP/1.1"), String::new());
    [
        read("/_ministack/health"),
        read(&format!("/{}/.well-known/jwks.json", door.pool)),
        read(&format!("{}/product", door.products)),
        // A page may send it without asking first.
        (format!("POST {}/product HTTP/1.1", door.products), "{}".to_owned()),
    ]
}

fn nobody_takes_another_name_for_this_machine(door: &Door<'_>) {
    for (first, body) in open(door) {
        for host in ["localhost:{port}", "127.0.0.1:{port}", "[::1]:{port}", "LOCALHOST:{port}"] {
            let (status, answer) = door.ask(&first, &[&format!("Host: {host}")], &body);
            assert!(first.starts_with("POST") || status == 200, "{first} {host}: {answer}");
            assert!(!answer.contains("the local cloud refuses this"), "{first} {host}: {answer}");
        }
        for host in [
            "evil.example:{port}",
            "evil.example",
            "localhost.evil.example:{port}",
            "evil-localhost:{port}",
            "127.0.0.1.evil.example:{port}",
            "anything.localhost:{port}",
            "localhost.:{port}",
            "localhost:1",
            "127.0.0.2:{port}",
            "127.1:{port}",
            "0.0.0.0:{port}",
            "2130706433:{port}",
            "[::]:{port}",
            "::1",
            "[::ffff:127.0.0.1]:{port}",
            "evil.example@localhost:{port}",
            "localhost:{port}, evil.example",
            "d111111abcdef8.cloudfront.net",
            "abcd1234.execute-api.127.0.0.1:{port}",
            "s3.us-east-1.amazonaws.com",
            "some-bucket.localhost:{port}",
            "",
        ] {
            door.refuses(&first, &[&format!("Host: {host}")], &body);
        }
        door.refuses(&first.replace("HTTP/1.1", "HTTP/1.0"), &[], &body);
    }
}

fn pages_of_other_sites_are_sent_away(door: &Door<'_>) {
    let headers = |more: &[&'static str]| [&["Host: localhost:{port}"], more].concat();
    for (first, body) in open(door) {
        for origin in [
            "Origin: https://evil.example",
            "Origin: null",
            "Origin:",
            "Origin: http://localhost:3000",
            "Origin: http://localhost",
            "Origin: http://127.0.0.1:8080",
            "Origin: https://localhost:8080",
            "Origin: http://localhost:8080.evil.example",
            "Origin: http://localhost:8080/",
            "Origin: http://localhost:8080, https://evil.example",
            "Origin: *",
            "Origin: http://localhost:{port}",
        ] {
            door.refuses(&first, &headers(&[origin]), &body);
            door.refuses(&first, &headers(&[origin, "Sec-Fetch-Site: same-site"]), &body);
        }
        for site in ["cross-site", "same-site", "same-origin", "whatever"] {
            let site = format!("Sec-Fetch-Site: {site}");
            let from = [&*site, "Host: localhost:{port}"];
            door.refuses(&first, &from, &body);
        }
        door.refuses(&first, &headers(&["Origin: http://localhost:8080", "Sec-Fetch-Site: cross-site"]), &body);
        door.refuses(&first, &headers(&["Origin: http://localhost:8080", "Origin: https://evil.example"]), &body);
        // Typed into the address bar.
        let (_, typed) = door.ask(&first, &headers(&["Sec-Fetch-Site: none"]), &body);
        assert!(!typed.contains("the local cloud refuses this"), "{typed}");
    }

    // What the shop's own pages do.
    let api = format!("{}/product", door.products);
    let (status, answer) = door.ask(
        &format!("GET {api} HTTP/1.1"),
        &["Host: localhost:{port}", "Origin: http://localhost:8080", "Sec-Fetch-Site: same-site"],
        "",
    );
    assert_eq!(status, 200, "{answer}");
    assert_eq!(allowed(&answer), [SHOP], "{answer}");
    let preflight = ["Host: localhost:{port}", "Origin: http://localhost:8080", "Access-Control-Request-Method: POST"];
    for path in [&api, "/"] {
        let (status, answer) = door.ask(&format!("OPTIONS {path} HTTP/1.1"), &preflight, "");
        assert!([200, 204].contains(&status), "{path}: {answer}");
        assert_eq!(allowed(&answer), [SHOP], "{path}: {answer}");
    }
    for evil in ["Origin: https://evil.example", "Origin: null"] {
        let preflight = ["Host: localhost:{port}", evil, "Access-Control-Request-Method: POST"];
        door.refuses(&format!("OPTIONS {api} HTTP/1.1"), &preflight, "");
        door.refuses("OPTIONS / HTTP/1.1", &preflight, "");
    }
}

/// The origins that an answer allows to read it.
fn allowed(answer: &str) -> Vec<String> {
    let (head, _) = answer.split_once("\r\n\r\n").unwrap();
    let headers = head.lines().filter_map(|line| line.split_once(": "));
    headers
        .filter(|(name, _)| name.eq_ignore_ascii_case("access-control-allow-origin"))
        .map(|(_, value)| value.to_owned())
        .collect()
}

const JSON: &str = "Content-Type: application/x-amz-json-1.1";
const SIGN_UP: &str = "X-Amz-Target: AWSCognitoIdentityProviderService.SignUp";

fn only_public_calls_of_a_user_pool_are_unsigned(door: &Door<'_>) {
    let body = format!(r#"{{"ClientId":"{}","Username":"me@example.com","Password":"Local-shop-1"}}"#, door.client);
    let from_shop = ["Host: localhost:{port}", "Origin: http://localhost:8080", "Sec-Fetch-Site: same-site"];
    let (status, answer) = door.ask("POST / HTTP/1.1", &[&from_shop[..], &[JSON, SIGN_UP]].concat(), &body);
    assert_eq!((status, allowed(&answer)), (200, vec![SHOP.to_owned()]), "{answer}");
    // A script, which has no origin, sees the refusal of the user pool.
    let (status, answer) = door.ask("POST / HTTP/1.1", &["Host: 127.0.0.1:{port}", JSON, SIGN_UP], &body);
    assert_eq!((status, allowed(&answer)), (400, vec![]), "{answer}");
    assert!(answer.contains("UsernameExistsException"), "{answer}");

    for headers in [
        &[JSON, "X-Amz-Target: AWSCognitoIdentityProviderService.AdminGetUser"][..],
        &[JSON, "X-Amz-Target: AWSCognitoIdentityProviderService.ListUsers"],
        &[JSON, "X-Amz-Target: AWSCognitoIdentityProviderService.SignUp2"],
        &[JSON, "X-Amz-Target: AWSCognitoIdentityProviderService."],
        &[JSON, "X-Amz-Target: awscognitoidentityproviderservice.signup"],
        &[JSON, SIGN_UP, "X-Amz-Target: DynamoDB_20120810.ListTables"],
        &[JSON, "X-Amz-Target: DynamoDB_20120810.ListTables, AWSCognitoIdentityProviderService.SignUp"],
        &["Content-Type: text/plain", SIGN_UP],
        &[SIGN_UP],
        &[JSON],
    ] {
        door.refuses("POST / HTTP/1.1", &[&from_shop[..], headers].concat(), &body);
    }
    let public = [&from_shop[..], &[JSON, SIGN_UP]].concat();
    for first in [
        "GET / HTTP/1.1",
        "PUT / HTTP/1.1",
        "POST /2015-03-31/functions HTTP/1.1",
        "POST //2015-03-31/functions HTTP/1.1",
        "POST /some-bucket HTTP/1.1",
        "POST /?Action=ListRoles&Version=2010-05-08 HTTP/1.1",
        "POST /_ministack/reset HTTP/1.1",
    ] {
        door.refuses(first, &public, &body);
    }
}

fn requests_of_two_meanings_are_refused(door: &Door<'_>) {
    let host = "Host: localhost:{port}";
    for first in [
        "GET http://localhost:{port}/_ministack/health HTTP/1.1",
        "GET http://evil.example/_ministack/health HTTP/1.1",
        "OPTIONS * HTTP/1.1",
        "CONNECT localhost:{port} HTTP/1.1",
        "TRACE /_ministack/health HTTP/1.1",
    ] {
        door.refuses(&first.replace("{port}", &door.cloud.port.to_string()), &[host], "");
    }
    for upgrade in [&[host][..], &[host, "Origin: http://localhost:8080"], &[host, "Origin: https://evil.example"]] {
        let websocket = ["Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==", "Sec-WebSocket-Version: 13", "Upgrade: websocket"];
        let first = format!("GET {}/product HTTP/1.1", door.products);
        let (status, answer) = door.send(&[&[&*first, "Connection: Upgrade"], upgrade, &websocket].concat(), "");
        assert_eq!(status, 403, "{answer}");
    }
    // The server itself does not take these for requests.
    for headers in [&[host, "Host: evil.example"][..], &[]] {
        let (status, answer) = door.ask("GET /_ministack/health HTTP/1.1", headers, "");
        assert_eq!((status, allowed(&answer)), (400, vec![]), "{answer}");
    }
}

async fn signatures_are_verified(door: &Door<'_>) {
    let Door { cloud, .. } = door;
    let url = format!("{}{CREATE}/", cloud.url());
    let list = Request { method: "GET", url: &url, headers: &[], body: "" };
    assert_eq!(cloud.signed("lambda", list).await.status, 200);
    // Nor is a signature enough for a page of another site.
    let headers = [("origin", "https://evil.example")];
    assert_eq!(cloud.signed("lambda", Request { headers: &headers, ..list }).await.status, 403);
    let with_origin = cloud.signed("lambda", Request { headers: &[("origin", SHOP)], ..list }).await;
    assert_eq!(with_origin.status, 200);
    assert_eq!(with_origin.header("access-control-allow-origin"), None, "no page signs");

    let (keys, now) = (cloud.keys(), now());
    let minutes = |count: u64| Duration::from_secs(60 * count);
    let send = async |keys: &Credentials, time: SystemTime, change: fn(&mut Vec<(String, String)>)| {
        let headers = [("x-amz-target", "DynamoDB_20120810.ListTables"), ("content-type", "application/x-amz-json-1.0")];
        let (url, identity) = (format!("{}/", cloud.url()), keys.clone().into());
        let mut signature = sign(&identity, "dynamodb", "POST", &url, &headers, "{}", time);
        change(&mut signature);
        let signature: Vec<_> = signature.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
        let headers = [&headers[..], &signature].concat();
        cloud.request(Request { method: "POST", url: &url, headers: &headers, body: "{}" }).await
    };
    let same = |_: &mut Vec<_>| ();
    for time in [now, now - minutes(14), now + minutes(14)] {
        assert_eq!(send(&keys, time, same).await.status, 200);
    }
    let foreign = |key: &str, secret: &str| Credentials::new(key, secret, None, None, "test");
    let refused = |answer: &Answer, code: &str| {
        assert_eq!((answer.status, &answer.body["__type"]), (403, &json!(code)), "{answer:?}");
        assert_eq!(answer.header("access-control-allow-origin"), None);
    };
    for time in [now - minutes(16), now + minutes(16), now - minutes(60 * 24)] {
        refused(&send(&keys, time, same).await, "RequestTimeTooSkewed");
    }
    for other in
        [foreign("test", "test"), foreign("AKIAIOSFODNN7EXAMPLE", keys.secret_access_key()), foreign("000000000001", "test")]
    {
        refused(&send(&other, now, same).await, "UnrecognizedClientException");
    }
    for other in [foreign(keys.access_key_id(), "test"), foreign("000000000000", "test")] {
        refused(&send(&other, now, same).await, "SignatureDoesNotMatch");
    }
    let answer = send(&keys, now, |headers| headers.retain(|(name, _)| name != "authorization")).await;
    assert_eq!(answer.status, 403, "{answer:?}");
    for (code, change) in [
        ("IncompleteSignature", (|headers| headers.retain(|(name, _)| name != "x-amz-date")) as fn(&mut Vec<(String, String)>)),
        ("SignatureDoesNotMatch", |headers| headers.push(("x-amz-more".to_owned(), "unsigned".to_owned()))),
        ("SignatureDoesNotMatch", |headers| {
            for (name, value) in headers {
                if name == "authorization" {
                    *value = value.replace("x-amz-target", "x-amz-other").replace(";x-amz-other", "");
                }
            }
        }),
        ("IncompleteSignature", |headers| {
            for (name, value) in headers {
                if name == "authorization" {
                    *value = value.split("Signature=").next().unwrap().to_owned() + "Signature=x";
                }
            }
        }),
        ("IncompleteSignature", |headers| {
            for (name, value) in headers {
                if name == "authorization" {
                    *value = value.replace("AWS4-HMAC-SHA256", "AWS4-ECDSA-P256-SHA256");
                }
            }
        }),
    ] {
        refused(&send(&keys, now, change).await, code);
    }

    // What was signed is what is meant.
    let signed = |method: &str, url: &str, body: &str| sign(&keys.clone().into(), "lambda", method, url, &[], body, now);
    let function = format!("{}{CREATE}/some/invocations", cloud.url());
    let signature = signed("POST", &function, "{}");
    let signature: Vec<_> = signature.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
    let status_of =
        async |method: &str, url: &str, body: &str| cloud.request(Request { method, url, headers: &signature, body }).await.status;
    assert_eq!(status_of("POST", &function, "{}").await, 404, "it has no such function");
    assert_eq!(status_of("POST", &function, "{ }").await, 403, "another body");
    assert_eq!(status_of("PUT", &function, "{}").await, 403, "another method");
    assert_eq!(status_of("POST", &function.replace("some", "other"), "{}").await, 403, "another path");
    assert_eq!(status_of("POST", &format!("{function}?Qualifier=1"), "{}").await, 403, "another query");
    let localhost = function.replace("127.0.0.1", "localhost");
    assert_eq!(status_of("POST", &localhost, "{}").await, 403, "another host");
}

/// The only other ports are those from which a function's process takes its events.
#[cfg(target_os = "linux")]
async fn functions_answer_only_for_themselves(door: &Door<'_>) {
    let shop = Shop::of_stage(door.cloud, "default");
    assert_eq!(shop.cart(&Customer::default(), "GET", "/cart", "").await.status, 200);
    let environments: Vec<_> =
        door.cloud.process_ids().iter().filter_map(|id| fs::read(format!("/proc/{id}/environ")).ok()).collect();
    let variables = |environment: &[u8]| String::from_utf8_lossy(environment).split('\0').map(str::to_owned).collect::<Vec<_>>();
    let apis: Vec<_> = environments
        .iter()
        .flat_map(|environment| variables(environment))
        .filter_map(|variable| Some(variable.strip_prefix("AWS_LAMBDA_RUNTIME_API=http://127.0.0.1:")?.to_owned()))
        .collect();
    assert!(!apis.is_empty(), "functions answered");
    for environment in &environments {
        let seen = variables(environment);
        assert!(!seen.iter().any(|variable| variable.contains("the deployer's secret")), "{seen:?}");
    }
    for api in &apis {
        let (port, secret) = api.split_once('/').unwrap();
        let port = port.parse().unwrap();
        assert!(secret.len() >= 32, "{secret}");
        for path in [
            "/2018-06-01/runtime/invocation/next",
            "//2018-06-01/runtime/invocation/next",
            &format!("/{}/2018-06-01/runtime/invocation/next", "a".repeat(secret.len())),
            &format!("/{}/../{secret}/2018-06-01/runtime/invocation/next", &secret[1..]),
        ] {
            let (status, answer) = answer_on("127.0.0.1", port, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"));
            assert_eq!(status, 403, "{path}: {answer}");
        }
        let init_error = "POST /2018-06-01/runtime/init/error HTTP/1.1\r\nHost: localhost\r\nContent-Length: 2\r\n\r\n{}";
        assert_eq!(answer_on("127.0.0.1", port, init_error).0, 403);
    }
    assert_eq!(shop.cart(&Customer::default(), "GET", "/cart", "").await.status, 200, "it goes on");
}

#[cfg(not(target_os = "linux"))]
async fn functions_answer_only_for_themselves(_door: &Door<'_>) {}

#[tokio::test]
async fn whoever_has_the_credentials_uses_it_like_aws() {
    let cloud = Cloud::new();
    let missing = cloud.run(&["local", "--credentials"]).failed(2);
    assert!(missing.contains("the local cloud is not running"), "{missing}");
    cloud.run(&["local", "--detach"]).succeeded();

    let keys = cloud.keys();
    let (shell, story) = cloud.run(&["local", "--credentials"]).succeeded();
    assert_eq!(story, "");
    assert_eq!(
        shell,
        format!(
            "export AWS_ACCESS_KEY_ID='{}'\nexport AWS_SECRET_ACCESS_KEY='{}'\nexport AWS_REGION='us-east-1'\n\
             export AWS_DEFAULT_REGION='us-east-1'\nexport AWS_ENDPOINT_URL='{}'\nunset AWS_SESSION_TOKEN AWS_PROFILE\n",
            keys.access_key_id(),
            keys.secret_access_key(),
            cloud.url()
        )
    );
    let json: Value = serde_json::from_str(&cloud.run(&["local", "--credentials", "--format", "json"]).succeeded().0).unwrap();
    assert_eq!(json["AWS_SECRET_ACCESS_KEY"], keys.secret_access_key());
    let process = cloud.answer(&["local", "--credentials"]);
    let expected = json!({
        "Version": 1, "AccessKeyId": keys.access_key_id(), "SecretAccessKey": keys.secret_access_key(), "Region": "us-east-1",
        "EndpointUrl": cloud.url(),
    });
    assert_eq!(process, expected, "what `credential_process` takes");
    for name in ["keys.json", "log"] {
        let mode = fs::metadata(format!("{}/{name}", cloud.directory())).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600, "only its owner reads {name}");
    }

    other_tools_of_aws_work(&cloud, &shell);
    // The program itself takes them like any other credentials.
    let region = ["--endpoint-url", &cloud.url(), "--region", "us-east-1"];
    let mut status = cloud.project.command(&[&["status"], &region[..]].concat());
    status.envs([("AWS_ACCESS_KEY_ID", keys.access_key_id()), ("AWS_SECRET_ACCESS_KEY", keys.secret_access_key())]);
    finish(&mut status).succeeded();
    let mut status = cloud.project.command(&[&["status"], &region[..]].concat());
    status.envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")]);
    let refused = finish(&mut status).failed(4);
    assert!(refused.contains("this access key is not of this run of the local cloud"), "{refused}");

    // On the other address that `localhost` may mean, it is the same.
    if TcpStream::connect(("::1", cloud.port)).is_ok() {
        let ask = |path: &str, host: &str| {
            answer_on(
                "::1",
                cloud.port,
                &format!("GET {path} HTTP/1.1\r\nHost: {host}:{}\r\nConnection: close\r\n\r\n", cloud.port),
            )
            .0
        };
        assert_eq!(ask("/_ministack/health", "[::1]"), 200);
        assert_eq!(ask("/_ministack/health", "evil.example"), 403);
        assert_eq!(ask(CREATE, "localhost"), 403);
    }

    // One that an earlier version started has no credentials.
    fs::remove_file(format!("{}/keys.json", cloud.directory())).unwrap();
    for command in [&["status", "--local"][..], &["local", "--detach"], &["local", "--credentials"]] {
        let said = cloud.run(command).failed(1);
        assert!(said.contains("an earlier version of cartctl started"), "{said}");
        assert!(said.contains("hint: stop it with `cartctl local --stop --config "), "{said}");
    }
    let state = format!("{}/state", cloud.directory());
    cloud.run(&["local", "--stop"]).succeeded();
    assert!(fs::read_dir(&state).unwrap().count() > 0, "its state is kept");
    cloud.run(&["local", "--detach"]).succeeded();
    assert_ne!(cloud.keys().secret_access_key(), keys.secret_access_key(), "each run has its own");
    cloud.stop();
}

/// The Python that `make setup` installs MiniStack for.
fn python() -> Command {
    Command::new(format!("{}/../.venv/bin/python3", env!("CARGO_MANIFEST_DIR")))
}

#[test]
fn signatures_are_those_of_the_documentation() {
    let here = env!("CARGO_MANIFEST_DIR");
    let output = python().args([format!("{here}/tests/e2e/gate.py"), format!("{here}/src/local/gate.py")]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

/// An earlier version started MiniStack itself, which takes anybody's word.
#[tokio::test]
async fn state_that_an_earlier_version_kept_goes_on() {
    let cloud = Cloud::new();
    cloud.run(&["local", "--detach"]).succeeded();
    cloud.run(&["local", "--stop"]).succeeded();
    for file in ["keys.json", "ministack-gate.py"] {
        drop(fs::remove_file(format!("{}/{file}", cloud.directory())));
    }
    let port = cloud.port.to_string();
    let variables = [
        ("BIND_HOST", "127.0.0.1"),
        ("MINISTACK_HOST", "127.0.0.1"),
        ("MINISTACK_REGION", "us-east-1"),
        ("LAMBDA_EXECUTOR", "local"),
        ("PERSIST_STATE", "1"),
        ("IOT_MTLS_ENABLED", "0"),
        ("SFTP_ENABLED", "0"),
        ("GATEWAY_PORT", &port),
        ("EDGE_PORT", &port),
        ("STATE_DIR", &format!("{}/state", cloud.directory())),
        ("TMPDIR", &cloud.directory()),
    ];
    let program = format!("{}/../.venv/bin/ministack", env!("CARGO_MANIFEST_DIR"));
    let log = fs::File::create(cloud.project.path("log")).unwrap();
    let mut earlier = Command::new(program).envs(variables).stdout(log.try_clone().unwrap()).stderr(log).spawn().unwrap();
    let url = format!("{}/", cloud.url());
    let authorization = "AWS4-HMAC-SHA256 Credential=test/20260101/us-east-1/ssm/aws4_request, SignedHeaders=host, Signature=x";
    let headers = [
        ("authorization", authorization),
        ("x-amz-target", "AmazonSSM.PutParameter"),
        ("content-type", "application/x-amz-json-1.1"),
    ];
    let body = json!({ "Name": "/earlier", "Type": "String", "Value": "kept" }).to_string();
    let put = Request { method: "POST", url: &url, headers: &headers, body: &body };
    eventually("it starts", async || TcpStream::connect(("127.0.0.1", cloud.port)).ok()).await;
    assert_eq!(cloud.request(put).await.status, 200);
    kill_process(Pid::from_child(&earlier), Signal::TERM).unwrap();
    earlier.wait().unwrap();

    let told = cloud.answer(&["local", "--detach"]);
    let parameter = cloud.call("ssm", "AmazonSSM.GetParameter", &json!({ "Name": "/earlier" })).await;
    assert_eq!(parameter["Parameter"]["Value"], "kept");
    let shop = Shop::of_stage(&cloud, "default");
    assert_eq!(told["user_pool_id"], *shop.pool, "the same shop");
    shop.sign_up("me@example.com").await;
    let me = shop.sign_in("me@example.com").await;
    assert_eq!(shop.held(&me).await, []);
    cloud.stop();
}

/// The library under the `aws` command, in its own ways to sign.
fn other_tools_of_aws_work(cloud: &Cloud, shell: &str) {
    const SCRIPT: &str = r#"
import boto3, io, urllib.request
from botocore.config import Config

call = lambda service, **options: boto3.client(service, config=Config(retries={"max_attempts": 1}, **options))
assert call("sts").get_caller_identity()["Account"] == "000000000000"
assert call("lambda").list_functions()["Functions"] and call("apigateway").get_rest_apis()["items"]
assert call("dynamodb").list_tables()["TableNames"] and call("cloudformation").list_stacks()["StackSummaries"]
assert call("cognito-idp").list_user_pools(MaxResults=9)["UserPools"] and call("iam").list_roles()["Roles"]
s3, key = call("s3", signature_version="s3v4"), "a b/ü+c%2F~.txt"
s3.create_bucket(Bucket="some-bucket")
s3.put_object(Bucket="some-bucket", Key=key, Body=b"content", ContentType="text/plain", Metadata={"a": "b  c"})
assert s3.list_objects_v2(Bucket="some-bucket", Prefix="a b/")["Contents"][0]["Key"] == key
s3.upload_fileobj(io.BytesIO(b"x" * 20_000_000), "some-bucket", "large")
url = s3.generate_presigned_url("get_object", Params={"Bucket": "some-bucket", "Key": key})
assert urllib.request.urlopen(url).read() == b"content"
for wrong in (url[:-1] + ("0" if url[-1] != "0" else "1"), url.replace("a%20b", "other"), url.replace("Expires=3600", "Expires=3601")):
    try:
        urllib.request.urlopen(wrong)
    except urllib.error.HTTPError as error:
        assert error.code == 403, error
    else:
        raise AssertionError(wrong)
s3.delete_objects(Bucket="some-bucket", Delete={"Objects": [{"Key": key}, {"Key": "large"}]})
s3.delete_bucket(Bucket="some-bucket")
"#;
    let python = python();
    let python = python.get_program().to_str().unwrap();
    let script = cloud.project.path("tools.py");
    fs::write(&script, SCRIPT).unwrap();
    let run =
        format!("{shell}export NO_PROXY='*' AWS_EC2_METADATA_DISABLED=true AWS_CONFIG_FILE=/nowhere\nexec '{python}' '{script}'");
    let output = Command::new("sh").args(["-c", &run]).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}
