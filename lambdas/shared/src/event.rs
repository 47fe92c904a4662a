//! A request, read from the [event] that API Gateway makes of it. Knows nothing of routes, and nothing of the rest of the event.
//!
//! [event]: https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html#api-gateway-simple-proxy-for-lambda-input-format

use std::{borrow::Cow, fmt};

use base64::{Engine as _, engine::general_purpose::STANDARD};
use http::{
    HeaderMap, HeaderName, HeaderValue, Method,
    header::{AUTHORIZATION, COOKIE, ORIGIN},
};
use serde::{
    Deserialize, Deserializer,
    de::{Error as _, IgnoredAny, MapAccess, Visitor},
};
use serde_json::{Value, value::RawValue};

/// The headers that are read, of all that a browser sends. Name another one here before a handler reads it.
static READ: [HeaderName; 3] = [AUTHORIZATION, COOKIE, ORIGIN];

/// A request. It is not `Debug`, because it has tokens and cookies.
#[derive(Default)]
pub struct Request {
    /// Tells [`Cors`](crate::Cors) whether the request may change anything.
    pub method: Method,
    /// Those that a function reads, each as often as it was sent.
    pub headers: HeaderMap,
    /// The path's parameter of this name, as it was sent.
    pub product_id: Option<String>,
    /// The claims of the caller's token, from the authorizer. Null where no authorizer guards the function.
    pub claims: Value,
    /// The body as it was sent. Empty if there is none.
    pub body: Vec<u8>,
}

impl<'de> Deserialize<'de> for Request {
    /// The error has no detail, because Lambda's runtime prints it.
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let event = <&RawValue>::deserialize(deserializer).ok();
        let request = event.and_then(|event| serde_json::from_str::<Event>(event.get()).ok()?.request());
        request.ok_or_else(|| D::Error::custom("this is not a request of API Gateway"))
    }
}

/// An event. Other members are skipped.
#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Event<'a> {
    http_method: String,
    /// The last value of each header, unparsed: usually `multi_value_headers` has them all.
    #[serde(borrow)]
    headers: Option<&'a RawValue>,
    multi_value_headers: Option<Headers>,
    path_parameters: Option<PathParameters>,
    request_context: Option<RequestContext>,
    body: Option<String>,
    is_base64_encoded: Option<bool>,
}

#[derive(Deserialize)]
struct PathParameters {
    product_id: Option<String>,
}

#[derive(Deserialize)]
struct RequestContext {
    authorizer: Option<Authorizer>,
}

#[derive(Deserialize)]
struct Authorizer {
    claims: Option<Value>,
}

impl Event<'_> {
    fn request(self) -> Option<Request> {
        let headers = match (self.multi_value_headers, self.headers) {
            (Some(Headers(all)), _) if !all.is_empty() => all,
            (_, Some(last)) => serde_json::from_str::<Headers>(last.get()).ok()?.0,
            (_, None) => HeaderMap::new(),
        };
        let body = self.body.unwrap_or_default();
        let is_encoded = self.is_base64_encoded.unwrap_or_default();
        Some(Request {
            method: self.http_method.parse().ok()?,
            headers,
            product_id: self.path_parameters.and_then(|parameters| parameters.product_id),
            claims: self.request_context.and_then(|context| context.authorizer?.claims).unwrap_or_default(),
            body: if is_encoded { STANDARD.decode(body).ok()? } else { body.into_bytes() },
        })
    }
}

/// The headers of [`READ`].
struct Headers(HeaderMap);

#[derive(Deserialize)]
struct Name<'a>(#[serde(borrow)] Cow<'a, str>);

#[derive(Deserialize)]
#[serde(untagged)]
enum Values {
    One(String),
    All(Vec<String>),
}

impl<'de> Deserialize<'de> for Headers {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_map(ReadHeaders)
    }
}

struct ReadHeaders;

impl<'de> Visitor<'de> for ReadHeaders {
    type Value = Headers;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("headers")
    }

    /// Fails if a value cannot be that of a header. Leaving it out would turn a caller with a strange token into one without a token.
    fn visit_map<A: MapAccess<'de>>(self, mut event: A) -> Result<Headers, A::Error> {
        let mut headers = HeaderMap::new();
        while let Some(Name(name)) = event.next_key()? {
            let Some(name) = READ.iter().find(|read| read.as_str().eq_ignore_ascii_case(&name)) else {
                event.next_value::<IgnoredAny>()?;
                continue;
            };
            let values = match event.next_value()? {
                Values::One(value) => vec![value],
                Values::All(values) => values,
            };
            for value in values {
                headers.append(name, HeaderValue::try_from(value).map_err(A::Error::custom)?);
            }
        }
        Ok(Headers(headers))
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, collections::BTreeSet};

    use proptest::{prelude::*, test_runner::TestRunner};
    use serde_json::json;

    use super::*;

    /// An event as AWS documents it.
    fn event() -> Value {
        json!({
            "resource": "/cart/{product_id}", "path": "/cart/mug", "httpMethod": "PUT",
            "headers": { "Accept": "*/*", "Authorization": "Bearer a.b.c", "Cookie": "c=d", "Origin": "https://shop.example" },
            "multiValueHeaders": {
                "Accept": ["*/*"], "Authorization": ["Bearer a.b.c"], "Cookie": ["a=b", "c=d"], "Origin": ["https://shop.example"],
            },
            "queryStringParameters": null, "multiValueQueryStringParameters": { "q": ["1", "2"] },
            "pathParameters": { "product_id": "mug" }, "stageVariables": null,
            "requestContext": {
                "accountId": "123456789012", "apiId": "id", "authorizer": { "claims": { "sub": "a" }, "scopes": null },
                "domainName": "id.execute-api.eu-west-1.amazonaws.com", "extendedRequestId": "request-id", "httpMethod": "PUT",
                "identity": { "cognitoIdentityId": null, "sourceIp": "203.0.113.7", "userAgent": "Mozilla/5.0", "clientCert": {} },
                "path": "/Prod/cart/mug", "protocol": "HTTP/1.1", "requestId": "id=", "requestTime": "23/Nov/2026:12:00:00 +0000",
                "requestTimeEpoch": 1_795_435_200_000_u64, "resourceId": null, "resourcePath": "/cart/{product_id}", "stage": "Prod",
            },
            "body": r#"{"quantity":2}"#, "isBase64Encoded": false,
        })
    }

    fn read(event: &Value) -> Option<Request> {
        serde_json::from_str(&event.to_string()).ok()
    }

    /// The request of an event with other members.
    fn read_with(members: &Value) -> Option<Request> {
        let mut event = event();
        for (name, value) in members.as_object().unwrap() {
            event[name] = value.clone();
        }
        read(&event)
    }

    /// All values of a header.
    fn sent(request: &Request, name: HeaderName) -> Vec<&str> {
        request.headers.get_all(name).iter().map(|value| value.to_str().unwrap()).collect()
    }

    #[test]
    fn a_request_is_what_the_event_says_of_it() {
        let request = read(&event()).unwrap();
        assert_eq!(request.method, Method::PUT);
        assert_eq!(sent(&request, AUTHORIZATION), ["Bearer a.b.c"]);
        assert_eq!(sent(&request, COOKIE), ["a=b", "c=d"]);
        assert_eq!(sent(&request, ORIGIN), ["https://shop.example"]);
        assert_eq!(request.headers.len(), 4, "`Accept` is not read");
        assert_eq!(request.product_id.as_deref(), Some("mug"));
        assert_eq!(request.claims, json!({ "sub": "a" }));
        assert_eq!(request.body, br#"{"quantity":2}"#);
    }

    #[test]
    fn what_is_missing_is_empty() {
        let null = json!({
            "httpMethod": "GET", "headers": null, "multiValueHeaders": null, "pathParameters": null, "requestContext": null,
            "body": null, "isBase64Encoded": null,
        });
        for event in [json!({ "httpMethod": "GET" }), null] {
            let request = read(&event).unwrap();
            assert_eq!((request.headers.len(), request.product_id, request.body.len()), (0, None, 0), "{event}");
            assert_eq!((request.method, request.claims), (Method::GET, Value::Null), "{event}");
        }
    }

    #[test]
    fn a_header_is_known_however_it_is_written() {
        for name in ["authorization", "Authorization", "AUTHORIZATION"] {
            let request = read_with(&json!({ "multiValueHeaders": { name: ["a.b.c"] } })).unwrap();
            assert_eq!(sent(&request, AUTHORIZATION), ["a.b.c"], "{name}");
        }
        let request = read_with(&json!({ "multiValueHeaders": { "cookie": ["a=b"], "Cookie": ["c=d"] } })).unwrap();
        assert_eq!(sent(&request, COOKIE), ["a=b", "c=d"], "two spellings of one header");
    }

    #[test]
    fn headers_of_one_value_do_where_there_are_no_lists() {
        for none in [json!(null), json!({})] {
            let request = read_with(&json!({ "multiValueHeaders": none })).unwrap();
            assert_eq!(sent(&request, COOKIE), ["c=d"], "{none}");
        }
        let mut without = event();
        without.as_object_mut().unwrap().shift_remove("multiValueHeaders");
        assert_eq!(sent(&read(&without).unwrap(), COOKIE), ["c=d"]);
    }

    #[test]
    fn a_header_that_nobody_reads_may_be_anything() {
        for value in [json!(["a\r\nb"]), json!("\0"), json!(null), json!(7), json!([[{}]])] {
            let headers = json!({ "X-Anything": value, "no name": value, "": value, "Origin": ["null"] });
            let request = read_with(&json!({ "multiValueHeaders": headers })).unwrap();
            assert_eq!((request.headers.len(), sent(&request, ORIGIN)), (1, vec!["null"]), "{value}");
        }
    }

    #[test]
    fn a_header_that_makes_no_sense_is_not_left_out() {
        for value in [json!(["a\r\nb"]), json!(["good", "\0"]), json!("\u{7f}"), json!(null), json!(7), json!([7]), json!({})] {
            for name in ["Authorization", "Cookie", "Origin"] {
                assert!(read_with(&json!({ "multiValueHeaders": { name: value } })).is_none(), "{name}: {value}");
            }
        }
        let request = read_with(&json!({ "multiValueHeaders": { "Authorization": ["\u{e9}"] } })).unwrap();
        assert_eq!(request.headers[AUTHORIZATION], "\u{e9}", "a handler may judge a byte beyond ASCII");
    }

    #[test]
    fn a_path_parameter_is_taken_as_it_is() {
        for id in ["mug", "%6dug", "%2e%2e%2f", "a b", "\u{e9}", ""] {
            let request = read_with(&json!({ "pathParameters": { "another": "1", "product_id": id } })).unwrap();
            assert_eq!(request.product_id.as_deref(), Some(id));
        }
        assert_eq!(read_with(&json!({ "pathParameters": { "another": "1" } })).unwrap().product_id, None);
    }

    #[test]
    fn a_body_is_what_was_sent() {
        let body = |body: &str, is_encoded: bool| {
            read_with(&json!({ "body": body, "isBase64Encoded": is_encoded })).map(|request| request.body)
        };
        assert_eq!(body("\u{e9}\n", false).unwrap(), "\u{e9}\n".as_bytes());
        assert_eq!(body("eyJxdWFudGl0eSI6Mn0=", false).unwrap(), b"eyJxdWFudGl0eSI6Mn0=");
        assert_eq!(body("eyJxdWFudGl0eSI6Mn0=", true).unwrap(), br#"{"quantity":2}"#);
        assert_eq!(body("/wA=", true).unwrap(), [0xff, 0], "which need not be text");
        assert_eq!(body("", true).unwrap(), b"");
        for broken in ["eyJxdWFudGl0eSI6Mn0", "e", "====", "ey J=", "\u{e9}"] {
            assert_eq!(body(broken, true), None, "{broken}");
        }
    }

    #[test]
    fn claims_are_those_of_the_authorizer() {
        let claims = |context: Value| read_with(&json!({ "requestContext": context })).unwrap().claims;
        let subject = json!({ "sub": "a", "email_verified": "true", "cognito:groups": ["b"] });
        assert_eq!(claims(json!({ "authorizer": { "claims": subject } })), subject);
        for none in [json!({}), json!({ "authorizer": null }), json!({ "authorizer": subject }), json!({ "claims": subject })] {
            assert_eq!(claims(none.clone()), Value::Null, "{none}");
        }
    }

    #[test]
    fn what_is_no_request_is_not_taken_for_one() {
        let unreadable = [
            json!({}),
            json!({ "Records": [{ "messageId": "1", "body": "{}" }] }),
            json!({ "httpMethod": null }),
            json!({ "httpMethod": "" }),
            json!({ "httpMethod": "GET 5ec2e7" }),
            json!({ "httpMethod": "GET", "headers": "5ec2e7" }),
            json!({ "httpMethod": "GET", "headers": { "Cookie": { "5ec2e7": "5ec2e7" } } }),
            json!({ "httpMethod": "GET", "pathParameters": { "product_id": ["5ec2e7"] } }),
            json!({ "httpMethod": "GET", "requestContext": { "authorizer": "5ec2e7" } }),
            json!({ "httpMethod": "GET", "body": { "5ec2e7": 1 } }),
            json!({ "httpMethod": "GET", "isBase64Encoded": "5ec2e7" }),
            json!({ "httpMethod": "GET", "body": "5ec2e7?", "isBase64Encoded": true }),
            json!("5ec2e7"),
            json!(null),
        ];
        let texts = unreadable.map(|event| event.to_string());
        for text in
            texts.iter().map(String::as_str).chain(["", "5ec2e7", "{\"httpMethod\":\"GET\"", "{\"httpMethod\":\"5ec2e7\u{0}\"}"])
        {
            let said = serde_json::from_str::<Request>(text).err().map(|error| error.to_string());
            assert_eq!(said.as_deref(), Some("this is not a request of API Gateway"), "{text}");
        }
    }

    #[test]
    fn bytes_are_read_or_refused() {
        let index = any::<prop::sample::Index>;
        // Some cases lose nothing and gain nothing, so that they are read.
        let bytes = prop_oneof![3 => prop::collection::vec(any::<u8>(), 0..40), 1 => Just(Vec::new())];
        let covered = RefCell::<BTreeSet<_>>::default();
        let run = TestRunner::new(ProptestConfig::with_source_file(file!())).run(
            &(index(), bytes, index(), prop::bool::weighted(0.3)),
            |(cut, bytes, rest, joined)| {
                let event = event().to_string();
                let cut = cut.index(event.len());
                let rest = if joined { cut } else { rest.index(event.len()) };
                let mutilated = [&event.as_bytes()[..cut], &bytes, &event.as_bytes()[rest..]].concat();
                for bytes in [bytes, mutilated] {
                    // As the runtime does it.
                    match Request::deserialize(&mut serde_json::Deserializer::from_slice(&bytes)) {
                        Ok(_) => prop_assert!(bytes.contains(&b'{'), "a request is an object"),
                        Err(error) => {
                            prop_assert_eq!(error.to_string(), "this is not a request of API Gateway");
                            covered.borrow_mut().insert("refused");
                            continue;
                        }
                    }
                    covered.borrow_mut().insert("read");
                }
                Ok(())
            },
        );
        run.unwrap();
        assert_eq!(covered.into_inner(), ["read", "refused"].into(), "or the property proves less than it says");
    }

    proptest! {
        #[test]
        fn what_is_read_is_what_was_sent(
            cookies in prop::collection::vec(".{0,40}", 0..3), product: String, body: Vec<u8>, sub: String,
        ) {
            let request = read_with(&json!({
                "multiValueHeaders": { "cookie": cookies, "x-any": cookies }, "pathParameters": { "product_id": product },
                "requestContext": { "authorizer": { "claims": { "sub": sub } } },
                "body": STANDARD.encode(&body), "isBase64Encoded": true,
            }));
            let fit = cookies.iter().all(|cookie| HeaderValue::from_str(cookie).is_ok());
            prop_assert_eq!(request.is_some(), fit);
            let Some(request) = request else { return Ok(()) };
            let read = request.headers.get_all(COOKIE).iter().map(HeaderValue::as_bytes);
            let expected: Vec<_> = if cookies.is_empty() { vec![b"c=d".as_slice()] } else { cookies.iter().map(String::as_bytes).collect() };
            prop_assert_eq!(read.collect::<Vec<_>>(), expected);
            prop_assert_eq!((request.product_id, request.body), (Some(product), body));
            prop_assert_eq!(&request.claims["sub"], &sub);
        }
    }
}
