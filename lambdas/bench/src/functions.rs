//! The functions, each with an event as Lambda sends it and what a right answer to it looks like.

use cart_contract::{
    CartFunction, ProductsFunction, Service,
    table::{
        CARTS, Key, USERS,
        attribute::{MIGRATION, PK, SK},
    },
};
use serde_json::{Value, json};

use crate::shop::{CART, Shop, USER};

/// What is measured.
pub(crate) struct Function {
    pub(crate) service: Service,
    pub(crate) handler: &'static str,
    /// What it is sent.
    pub(crate) event: String,
    /// What its answer must contain.
    right: &'static str,
}

impl Function {
    /// Whether an answer is the one that was wanted: an error is answered quickly, too.
    pub(crate) fn check(&self, answer: &[u8]) {
        let text = String::from_utf8_lossy(answer);
        let answer: Value = serde_json::from_slice(answer).unwrap();
        // The two that take events answer with what is to be delivered again.
        let done = answer["statusCode"] == 200 || answer == json!({ "batchItemFailures": [] });
        assert!(done && text.contains(self.right), "{} answers {text}", self.handler);
    }
}

/// Every function of the shop.
pub(crate) fn all(shop: &Shop) -> Vec<Function> {
    let products = ProductsFunction::ALL.iter().map(|function| of_products(*function, shop));
    products.chain(CartFunction::ALL.iter().map(|function| of_cart(*function, shop))).collect()
}

fn of_products(function: ProductsFunction, shop: &Shop) -> Function {
    let (event, right) = match function {
        ProductsFunction::ListProducts => (call("GET", "/product", None, "", shop), "Enamel Mug"),
        ProductsFunction::GetProduct => {
            (call("GET", "/product/{product_id}", Some(shop.product_id(0)), "", shop), "Oak Cutting Board")
        }
    };
    Function { service: Service::Products, handler: function.handler(), event: event.to_string(), right }
}

fn of_cart(function: CartFunction, shop: &Shop) -> Function {
    let id = shop.product_id(0);
    let body = json!({ "productId": id, "quantity": 2 }).to_string();
    let (event, right) = match function {
        CartFunction::ListCart => (call("GET", "/cart", None, "", shop), "Oak Cutting Board"),
        CartFunction::AddToCart => (call("POST", "/cart", None, &body, shop), "was added to your cart"),
        CartFunction::UpdateCart => (call("PUT", "/cart/{product_id}", Some(id), &body, shop), "Your cart now holds 2"),
        CartFunction::MigrateCart => (call("POST", "/cart/migrate", None, "", shop), "Oak Cutting Board"),
        CartFunction::CheckoutCart => (call("POST", "/cart/checkout", None, "", shop), "Oak Cutting Board"),
        CartFunction::GetCartTotal => (call("GET", "/cart/{product_id}/total", Some(id), "", shop), "quantity"),
        CartFunction::DeleteMigrated => (deletions(shop), ""),
        CartFunction::UpdateTotals => (records(shop), ""),
    };
    Function { service: Service::Cart, handler: function.handler(), event: event.to_string(), right }
}

/// A call of an API by the customer, as API Gateway hands it on
/// (<https://docs.aws.amazon.com/apigateway/latest/developerguide/set-up-lambda-proxy-integrations.html>).
fn call(method: &str, resource: &str, product: Option<&str>, body: &str, shop: &Shop) -> Value {
    let path = resource.replace("{product_id}", product.unwrap_or_default());
    let headers = json!({
        "Accept": "application/json, text/plain, */*", "Accept-Encoding": "gzip, deflate, br, zstd", "Accept-Language": "en-GB,en;q=0.9",
        "Authorization": format!("Bearer {}", shop.token()), "CloudFront-Forwarded-Proto": "https", "Content-Type": "application/json",
        "Cookie": format!("theme=dark; cartId={CART}"), "Host": "a1b2c3d4e5.execute-api.eu-west-1.amazonaws.com",
        "Origin": crate::ORIGIN, "Referer": format!("{}/", crate::ORIGIN),
        "User-Agent": "Mozilla/5.0 (X11; Linux x86_64; rv:140.0) Gecko/20100101 Firefox/140.0",
        "X-Amzn-Trace-Id": "Root=1-5bef4de7-ad49b0e87f6ef6c87fc2e700", "X-Forwarded-For": "203.0.113.7",
        "X-Forwarded-Port": "443", "X-Forwarded-Proto": "https",
    });
    let fields = headers.as_object().into_iter().flatten();
    let several: serde_json::Map<_, _> = fields.map(|(name, value)| (name.clone(), json!([value]))).collect();
    json!({
        "resource": resource, "path": path, "httpMethod": method, "headers": headers, "multiValueHeaders": several,
        "queryStringParameters": null, "multiValueQueryStringParameters": null,
        "pathParameters": product.map(|id| json!({ "product_id": id })), "stageVariables": null,
        "requestContext": {
            "accountId": "123456789012", "apiId": "a1b2c3d4e5", "httpMethod": method, "path": format!("/Prod{path}"),
            "resourcePath": resource, "stage": "Prod", "protocol": "HTTP/1.1", "requestId": "c6af9ac6-7b61-11e6-9a41-93e8deadbeef",
            "extendedRequestId": "JKJaXmPLvHcESHA=", "requestTime": "23/Nov/2026:12:00:00 +0000", "requestTimeEpoch": 1_795_435_200_000_u64,
            "identity": { "sourceIp": "203.0.113.7", "userAgent": "Mozilla/5.0" },
            "authorizer": { "claims": { "sub": USER, "iss": crate::shop::ISSUER, "aud": crate::shop::CLIENT, "token_use": "id" } },
        },
        "body": (!body.is_empty()).then_some(body), "isBase64Encoded": false,
    })
}

/// Two messages of a queue (<https://docs.aws.amazon.com/lambda/latest/dg/with-sqs.html>).
fn deletions(shop: &Shop) -> Value {
    let message = |index| {
        let Key { pk, sk } = Key::item(&format!("{CARTS}{CART}"), shop.product_id(index));
        let body = json!({ PK: pk, SK: sk, MIGRATION: "b5a7e3f0-5d0c-4b51-8a34-5d8a3c8f0f10" });
        json!({
            "messageId": format!("059f36b4-87a3-44ab-83d2-66197567177{index}"), "receiptHandle": "AQEBwJnKyrHigUMZj6rYigCgxlaS3SLy0a",
            "body": body.to_string(), "md5OfBody": "e4e68fb7bd0e697a0ae8f1bb342846b3", "messageAttributes": {},
            "attributes": {
                "ApproximateReceiveCount": "1", "SentTimestamp": "1545082649183", "SenderId": "AIDAIENQZJOLO23YVJ4VO",
                "ApproximateFirstReceiveTimestamp": "1545082649185",
            },
            "eventSource": "aws:sqs", "eventSourceARN": "arn:aws:sqs:eu-west-1:123456789012:queue", "awsRegion": "eu-west-1",
        })
    };
    json!({ "Records": [message(0), message(1)] })
}

/// Two records of a table's stream (<https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html>).
fn records(shop: &Shop) -> Value {
    let record = |index: usize| {
        let item = shop.item(&format!("{USERS}{USER}"), index);
        json!({
            "eventID": format!("c4ca4238a0b923820dcc509a6f75849{index}"), "eventName": "INSERT", "eventVersion": "1.1",
            "eventSource": "aws:dynamodb", "awsRegion": "eu-west-1",
            "eventSourceARN": "arn:aws:dynamodb:eu-west-1:123456789012:table/carts/stream/2026-11-23T00:00:00.000",
            "dynamodb": {
                "ApproximateCreationDateTime": shop.now, "Keys": { PK: item[PK], SK: item[SK] }, "NewImage": item,
                "SequenceNumber": format!("{}0000000001", 4421 + index), "SizeBytes": 512, "StreamViewType": "NEW_AND_OLD_IMAGES",
            },
        })
    };
    json!({ "Records": [record(0), record(1)] })
}
