//! A response in the [form] that API Gateway takes from a function, with all its headers. Knows nothing of its content.
//!
//! [form]: https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html#api-gateway-simple-proxy-for-lambda-output-format

use http::{HeaderValue, StatusCode};
use serde::Serialize;

use crate::{
    answer::Answer,
    cors::{self, Cors},
};

/// A response. Only cookies may be several headers of one name.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct Response<'a> {
    status_code: u16,
    headers: Headers<'a>,
    #[serde(skip_serializing_if = "Several::is_empty")]
    multi_value_headers: Several,
    body: String,
    is_base64_encoded: bool,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Several {
    set_cookie: Vec<String>,
}

impl Several {
    fn is_empty(&self) -> bool {
        self.set_cookie.is_empty()
    }
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "kebab-case")]
struct Headers<'a> {
    #[serde(flatten)]
    cors: cors::Fields<'a>,
    content_type: &'static str,
    cache_control: &'static str,
    x_content_type_options: &'static str,
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<String>,
}

impl<'a> Response<'a> {
    /// `retry_after` is in seconds.
    pub(crate) fn new(cors: &'a Cors, status: StatusCode, answer: Answer, retry_after: Option<u32>) -> Self {
        let headers = Headers {
            cors: cors.headers(),
            content_type: "application/json",
            cache_control: "no-store",
            x_content_type_options: "nosniff",
            retry_after: retry_after.map(|seconds| seconds.to_string()),
        };
        let set_cookie = answer.set_cookies.into_iter().filter(|cookie| HeaderValue::from_str(cookie).is_ok()).collect();
        Self {
            status_code: status.as_u16(),
            headers,
            multi_value_headers: Several { set_cookie },
            body: answer.body,
            is_base64_encoded: false,
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn api_gateway_is_given_the_form_it_takes() {
        let cors = Cors::anonymous("https://shop.example".parse().unwrap());
        let answer = Answer::ready(r#"{"text":"\u00e9\n"}"#.to_owned());
        assert_eq!(
            json!(Response::new(&cors, StatusCode::OK, answer, None)),
            json!({
                "statusCode": 200,
                "headers": {
                    "access-control-allow-origin": "https://shop.example",
                    "access-control-expose-headers": "Retry-After",
                    "content-type": "application/json",
                    "cache-control": "no-store",
                    "x-content-type-options": "nosniff",
                },
                "body": r#"{"text":"\u00e9\n"}"#,
                "isBase64Encoded": false,
            })
        );
    }

    #[test]
    fn what_belongs_on_some_answers_is_on_these() {
        let cors = Cors::with_credentials("https://shop.example".parse().unwrap());
        let headers = |set_cookies: &[&str], retry_after| {
            let set_cookies = set_cookies.iter().map(|&cookie| cookie.to_owned()).collect();
            let response =
                json!(Response::new(&cors, StatusCode::OK, Answer { set_cookies, ..Answer::ready(String::new()) }, retry_after));
            let headers = ["access-control-allow-credentials", "retry-after"].map(|name| response["headers"][name].clone());
            (headers, response["multiValueHeaders"].clone())
        };
        let (one, other) = ("cartId=1; Secure", "cartId=; Max-Age=0");
        let cookies = |cookies: &[&str]| json!({ "set-cookie": cookies });
        assert_eq!(headers(&[one, other], Some(2)), ([json!("true"), json!("2")], cookies(&[one, other])));
        assert_eq!(headers(&[], None), ([json!("true"), json!(null)], json!(null)));
        assert_eq!(headers(&["a\r\nb: c", one], None).1, cookies(&[one]), "no cookie adds a header of its own");
    }
}
