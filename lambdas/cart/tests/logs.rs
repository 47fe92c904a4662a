//! What the real binary prints: every line is JSON and says of which invocation it is, none has anything of what was sent, whatever
//! was sent and however it ends, at the most talkative level. Around it are stand-ins for Lambda's runtime API and for what it calls.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

use std::{process::Stdio, sync::Arc};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt as _, AsyncReadExt as _, AsyncWriteExt as _, BufReader},
    net::{TcpListener, TcpStream},
    process::Command,
    sync::mpsc,
};

/// In everything that is sent and may not be printed.
const SECRET: &str = "5ec2e7";
/// The anonymous cart: knowing the id is having the cart.
const CART: &str = "5ec2e7aa-213a-4ea8-aa32-58c217604e3c";
/// What stands for it in logs.
const OWNER: &str = "e57c5ddce34a9152";
const REQUEST_ID: &str = "0a1b2c3d-0000-4000-8000-000000000001";
const TRACE_ID: &str = "1-65dfb5a1-0123456789abcdef01234567";
const TRACE: &str = "Root=1-65dfb5a1-0123456789abcdef01234567;Parent=0123456789abcdef;Sampled=1";

/// A server on this machine, which answers to the head and the body of requests. Who gets no answer waits.
async fn server(answer: impl Fn(String, String) -> Option<(&'static str, String)> + Send + Sync + 'static) -> String {
    let listener = TcpListener::bind(("127.0.0.1", 0)).await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let answer = Arc::new(answer);
    tokio::spawn(async move {
        while let Ok((caller, _)) = listener.accept().await {
            let answer = Arc::clone(&answer);
            tokio::spawn(async move { converse(caller, &*answer).await });
        }
    });
    address
}

async fn converse(caller: TcpStream, answer: &impl Fn(String, String) -> Option<(&'static str, String)>) -> Option<()> {
    let mut caller = BufReader::new(caller);
    loop {
        let mut head = String::new();
        let mut length = 0;
        while !head.ends_with("\r\n\r\n") {
            let start = head.len();
            if caller.read_line(&mut head).await.ok()? == 0 {
                return None;
            }
            if let Some(value) = head[start..].to_ascii_lowercase().strip_prefix("content-length:") {
                length = value.trim().parse().ok()?;
            }
        }
        let mut body = vec![0; length];
        caller.read_exact(&mut body).await.ok()?;
        let Some((head, body)) = answer(head, String::from_utf8_lossy(&body).into_owned()) else {
            return std::future::pending().await;
        };
        let length = body.len();
        caller.write_all(format!("HTTP/1.1 {head}\r\ncontent-length: {length}\r\n\r\n{body}").as_bytes()).await.ok()?;
    }
}

/// What the function says to an event, and the lines it prints, where DynamoDB and everything else answers like this.
async fn invoke(handler: &str, event: Value, elsewhere: (&'static str, Value)) -> (Value, Vec<Value>) {
    let (told, mut hears) = mpsc::unbounded_channel();
    let event = std::sync::Mutex::new(Some(event));
    let runtime = server(move |request, body| {
        if request.contains("/invocation/next ") {
            let head = format!(
                "200 OK\r\nlambda-runtime-aws-request-id: {REQUEST_ID}\r\nlambda-runtime-deadline-ms: 9999999999999\r\n\
                 lambda-runtime-invoked-function-arn: arn:aws:lambda:eu-west-1:123456789012:function:it\r\n\
                 lambda-runtime-trace-id: {TRACE}"
            );
            // Who asks for the next one has done everything for this one.
            let Some(event) = event.lock().unwrap().take() else {
                let _ = told.send(None);
                return None;
            };
            return Some((&*Box::leak(head.into_boxed_str()), event.to_string()));
        }
        let _ = told.send(Some(body));
        Some(("202 Accepted", "{}".to_owned()))
    })
    .await;
    let elsewhere = server(move |request, _| {
        // The products service is part of the trace.
        let lost = request.starts_with("GET /product/") && !request.contains(&format!("x-amzn-trace-id: {TRACE}\r\n"));
        Some((if lost { "400 Bad Request" } else { elsewhere.0 }, elsewhere.1.to_string()))
    })
    .await;
    let elsewhere = format!("http://{elsewhere}");
    let mut function = Command::new(env!("CARGO_BIN_EXE_cart"))
        .env_clear()
        .envs([("_HANDLER", handler), ("STACK_NAME", "carts"), ("AWS_LAMBDA_RUNTIME_API", &runtime)])
        .envs([
            ("AWS_LAMBDA_FUNCTION_NAME", "it"),
            ("AWS_LAMBDA_FUNCTION_MEMORY_SIZE", "256"),
            ("AWS_LAMBDA_FUNCTION_VERSION", "1"),
        ])
        .envs([("AWS_LAMBDA_LOG_LEVEL", "TRACE"), ("RUST_LOG", "trace"), ("RUST_BACKTRACE", "1")])
        .envs([("AWS_REGION", "eu-west-1"), ("AWS_ACCESS_KEY_ID", SECRET), ("AWS_SECRET_ACCESS_KEY", SECRET)])
        .envs([("AWS_ENDPOINT_URL", &*elsewhere), ("JWKS_URL", &elsewhere), ("PRODUCT_SERVICE_URL", &elsewhere)])
        .envs([("ALLOWED_ORIGIN", "http://localhost:8080"), ("TABLE_NAME", "carts"), ("DELETIONS_QUEUE_URL", &elsewhere)])
        .envs([("DEAD_LETTER_QUEUE_URL", &*elsewhere), ("CART_COOKIE", "own-host")])
        .envs([("TOKEN_ISSUER", "https://issuer.example"), ("USER_POOL_CLIENT_ID", "client")])
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .kill_on_drop(true)
        .spawn()
        .unwrap();
    let answer = hears.recv().await.unwrap().unwrap();
    assert_eq!(hears.recv().await.unwrap(), None, "one answer");
    function.start_kill().unwrap();
    let output = function.wait_with_output().await.unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    let printed = String::from_utf8(output.stdout).unwrap();
    assert!(!printed.contains(SECRET), "{printed}");
    // Said before there is any request, where the machine is busy.
    let lines = printed.lines().filter(|line| !line.contains("not everything could be reached in time"));
    (serde_json::from_str(&answer).unwrap(), lines.map(|line| checked(handler, line)).collect())
}

/// A line that is as every line must be.
fn checked(handler: &str, line: &str) -> Value {
    let line: Value = serde_json::from_str(line).unwrap();
    for (name, value) in [("requestId", REQUEST_ID), ("xrayTraceId", TRACE_ID), ("function", handler), ("stack", "carts")] {
        assert_eq!(line[name], value, "{line}");
    }
    for name in ["timestamp", "level", "message"] {
        assert!(line[name].is_string(), "{line}");
    }
    line
}

/// The line of the metrics, and the names of these.
fn measured(lines: &[Value]) -> (&Value, Vec<&str>) {
    let [last] = lines.iter().filter(|line| line.get("_aws").is_some()).collect::<Vec<_>>()[..] else { panic!("one: {lines:?}") };
    let metrics = &last["_aws"]["CloudWatchMetrics"][0];
    let metrics = metrics["Metrics"].as_array().unwrap().iter().map(|metric| metric["Name"].as_str().unwrap());
    (last, metrics.inspect(|name| assert!(last[*name].is_number(), "{last}")).collect())
}

/// A request as API Gateway hands it over, of somebody with this token, or with none.
fn request(method: &str, path: &str, token: Option<&str>, body: &str) -> Value {
    let mut headers = json!({ "Cookie": format!("theme={SECRET}; cartId={CART}"), "Origin": "http://localhost:8080" });
    if let Some(token) = token {
        headers["Authorization"] = json!(format!("Bearer {token}"));
    }
    let product = path.split('/').nth(2).unwrap_or_default();
    let (user, mail) = (format!("{SECRET}-0000"), format!("{SECRET}@example.com"));
    let claims = json!({ "sub": user, "email": mail, "token_use": "id", "aud": "client" });
    json!({
        "httpMethod": method, "path": path, "resource": path, "headers": headers, "multiValueHeaders": {},
        "queryStringParameters": { "q": SECRET }, "pathParameters": { "product_id": product },
        "requestContext": {
            "requestId": "1", "httpMethod": method, "identity": { "sourceIp": "192.0.2.1" },
            "authorizer": { "claims": claims },
        },
        "body": body, "isBase64Encoded": false,
    })
}

fn an_item() -> (&'static str, Value) {
    let text = |text: &str| json!({ "S": text });
    let item = json!({
        "pk": text(&format!("cart#{CART}")), "sk": text("product#mug"), "quantity": { "N": "2" },
        "expirationTime": { "N": "9999999999" }, "productDetail": { "M": { "name": text(SECRET) } },
    });
    ("200 OK", json!({ "Items": [item], "Count": 1 }))
}

#[tokio::test]
async fn a_request_leaves_a_line_that_says_whose_and_how_long() {
    let (answer, lines) = invoke("list-cart", request("GET", "/cart", None, ""), an_item()).await;
    assert_eq!(answer["statusCode"], 200, "{answer}");
    assert!(answer["body"].as_str().unwrap().contains(SECRET), "what was asked for is answered: {answer}");
    assert_eq!(lines.len(), 1, "{lines:?}");
    let (line, metrics) = measured(&lines);
    assert_eq!(metrics, ["Latency", "ColdStart"]);
    assert_eq!((&line["status"], &line["owner"]), (&json!(200), &json!(OWNER)), "{line}");
}

#[tokio::test]
async fn a_change_is_counted_and_a_refused_one_is_not() {
    let written = ("200 OK", json!({ "product": { "productId": "mug", "name": SECRET } }));
    let set = |quantity: i64| request("PUT", "/cart/mug", None, &json!({ "quantity": quantity, "note": SECRET }).to_string());
    let (answer, lines) = invoke("update-cart", set(3), written.clone()).await;
    assert_eq!(answer["statusCode"], 200, "{answer}");
    assert_eq!(measured(&lines).1, ["Latency", "ColdStart", "CartUpdated"]);
    let (answer, lines) = invoke("update-cart", set(-1), written).await;
    assert_eq!(answer["statusCode"], 400, "{answer}");
    assert_eq!(measured(&lines).1, ["Latency", "ColdStart"]);
}

#[tokio::test]
async fn a_cart_counts_when_something_was_in_it() {
    for (handler, path, metric) in
        [("migrate-cart", "/cart/migrate", "CartMigrated"), ("checkout-cart", "/cart/checkout", "CartCheckedOut")]
    {
        let (answer, lines) = invoke(handler, request("POST", path, Some(SECRET), ""), an_item()).await;
        assert_eq!(answer["statusCode"], 200, "{answer}");
        assert_eq!(measured(&lines).1, ["Latency", "ColdStart", metric]);
        let (answer, lines) = invoke(handler, request("POST", path, Some(SECRET), ""), ("200 OK", json!({ "Items": [] }))).await;
        assert_eq!(answer["statusCode"], 200, "{answer}");
        assert_eq!(measured(&lines).1, ["Latency", "ColdStart"]);
    }
}

#[tokio::test]
async fn a_token_is_not_printed_however_bad_it_is() {
    // `{"alg":"5ec2e7"}`, `{"alg":"RS256","kid":"5ec2e7"}` and `{"sub":"5ec2e7"}`
    let [odd, named, claims] = ["eyJhbGciOiI1ZWMyZTcifQ", "eyJhbGciOiJSUzI1NiIsImtpZCI6IjVlYzJlNyJ9", "eyJzdWIiOiI1ZWMyZTcifQ"];
    let body = json!({ "productId": SECRET, "quantity": SECRET }).to_string();
    for token in [SECRET.to_owned(), format!("{SECRET}.a.b"), format!("{odd}.{claims}.c"), format!("{named}.{claims}.c")] {
        let keys = json!({ "keys": [{ "kid": "another", "kty": "RSA", "alg": "RS256", "use": "sig", "n": "AQAB", "e": "AQAB" }] });
        let (answer, lines) = invoke("add-to-cart", request("POST", "/cart", Some(&token), &body), ("200 OK", keys)).await;
        assert_eq!(answer["statusCode"], 401, "{answer}");
        assert!(lines.iter().all(|line| [odd, named, claims].iter().all(|part| !line.to_string().contains(part))), "{lines:?}");
        let (line, metrics) = measured(&lines);
        assert_eq!((&line["message"], metrics), (&json!("refused"), vec!["Latency", "ColdStart"]));
    }
}

#[tokio::test]
async fn a_failure_says_why_and_not_what_was_asked() {
    let refused = json!({ "__type": "com.amazon.coral.service#AccessDeniedException", "Message": "not authorized to perform it" });
    let calls = [
        ("list-cart", request("GET", "/cart", None, "")),
        ("update-cart", request("PUT", "/cart/5ec2e7-mug", None, r#"{"quantity":1}"#)),
        ("migrate-cart", request("POST", "/cart/migrate", Some(SECRET), SECRET)),
        ("checkout-cart", request("POST", "/cart/checkout", Some(SECRET), SECRET)),
    ];
    for (handler, event) in calls {
        let (answer, lines) = invoke(handler, event, ("400 Bad Request", refused.clone())).await;
        assert_eq!(answer["statusCode"], 503, "{answer}");
        let (line, metrics) = measured(&lines);
        assert_eq!((&line["level"], &line["message"], metrics), (&json!("ERROR"), &json!("failed"), vec!["Latency", "ColdStart"]));
        assert!(line["error"].is_string() && line["owner"].is_string(), "{line}");
    }
}

#[tokio::test]
async fn an_event_is_measured_and_not_printed() {
    let key = json!({ "pk": { "S": format!("cart#{CART}") }, "sk": { "S": "product#mug" } });
    let deletion = json!({ "pk": format!("cart#{CART}"), "sk": "product#mug", "migration": CART }).to_string();
    let message = |body: &str| json!({ "messageId": "1", "body": body, "attributes": {}, "messageAttributes": {} });
    let record =
        json!({ "eventName": "INSERT", "dynamodb": { "Keys": key, "SequenceNumber": "7", "NewImage": { "note": SECRET } } });
    let events = [
        ("delete-migrated", json!({ "Records": [message(&deletion), message(SECRET)] })),
        ("update-totals", json!({ "Records": [record, { "dynamodb": SECRET }] })),
    ];
    for (handler, event) in events {
        let (answer, lines) = invoke(handler, event, ("500 Internal Server Error", json!({ "message": "busy" }))).await;
        assert_ne!(answer["batchItemFailures"], json!([]), "{answer}");
        assert!(lines.iter().any(|line| line["level"] == "ERROR"), "{lines:?}");
        assert_eq!(measured(&lines).1, ["Latency", "ColdStart"]);
        let owners = lines.iter().filter_map(|line| line["owner"].as_str()).collect::<Vec<_>>();
        assert_eq!(owners, if handler == "delete-migrated" { vec![OWNER] } else { vec![] }, "{lines:?}");
    }
}

#[tokio::test]
async fn an_event_of_which_nothing_could_be_done_is_a_failure_with_a_name_and_one_line() {
    let record = |number: &str| {
        let key = json!({ "pk": { "S": format!("cart#{CART}") }, "sk": { "S": "product#mug" } });
        json!({ "eventName": "INSERT", "dynamodb": { "Keys": key, "SequenceNumber": number, "NewImage": { "quantity": { "N": "1" } } } })
    };
    let event = json!({ "Records": [record("7"), record("8")] });
    let (answer, lines) = invoke("update-totals", event, ("500 Internal Server Error", json!({ "message": "busy" }))).await;
    let expected = json!({ "errorType": "NothingCounted", "errorMessage": "the first record of the batch cannot be counted" });
    assert_eq!(answer, expected);
    // The record that could not be counted, and the end of the invocation.
    assert_eq!(lines.iter().map(|line| &line["message"]).collect::<Vec<_>>(), ["not counted", "failed"], "{lines:?}");
    assert_eq!((&lines[0]["owner"], &lines[0]["sequence_number"]), (&json!(OWNER), &json!("7")), "whose change is missing");
    assert_eq!(measured(&lines).0["error"], expected["errorMessage"]);
}

#[tokio::test]
async fn a_function_that_cannot_start_says_so_in_the_same_form() {
    let binary = env!("CARGO_BIN_EXE_cart");
    for (handler, missing) in
        [("", "_HANDLER"), ("list-products", "no function `list-products`"), ("list-cart", "AWS_ACCESS_KEY_ID")]
    {
        let handler = (!handler.is_empty()).then_some(("_HANDLER", handler));
        let output = Command::new(binary).env_clear().env("STACK_NAME", "carts").envs(handler).output().await.unwrap();
        assert_eq!((output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned()), (Some(1), String::new()));
        let line: Value = serde_json::from_slice(&output.stdout).unwrap();
        assert_eq!((&line["level"], &line["message"]), (&json!("ERROR"), &json!("cannot run")));
        assert!(line["error"].as_str().unwrap().contains(missing), "{line}");
    }
}

#[tokio::test]
async fn what_the_runtime_cannot_read_is_not_printed_either() {
    let (answer, lines) = invoke("update-totals", json!({ "Records": SECRET }), ("200 OK", json!({}))).await;
    assert!(answer["errorMessage"].is_string(), "{answer}");
    assert_eq!(lines.len(), 1, "{lines:?}");
    assert_eq!(lines[0]["level"], "ERROR");
    let mut request = request("GET", "/cart", None, "");
    request["headers"][SECRET] = json!(SECRET);
    request["headers"]["Cookie"] = json!({ SECRET: SECRET });
    let (answer, lines) = invoke("list-cart", request, ("200 OK", json!({}))).await;
    assert!(answer["errorMessage"].is_string() && !answer.to_string().contains(SECRET), "{answer}");
    assert_eq!((lines.len(), &lines[0]["level"]), (1, &json!("ERROR")), "{lines:?}");
}
