//! A deployed shop as its customers see it: two APIs, accounts, and the table behind them.

use serde_json::{Value, json};

use crate::cloud::{Answer, Cloud, Request};

/// Where the pages of a shop come from, unless something else is configured.
const ORIGIN: &str = "http://localhost:8080";

const PASSWORD: &str = "Local-shop-1";

/// The APIs and the accounts of a stage.
pub(crate) struct Shop<'a> {
    /// Where it runs.
    pub cloud: &'a Cloud,
    /// The base URL of the products API.
    pub products: String,
    /// The base URL of the cart API.
    pub carts: String,
    /// The user pool.
    pub pool: String,
    /// The application that signs in.
    pub client: String,
    /// Where its pages come from.
    pub origin: String,
}

impl<'a> Shop<'a> {
    /// The shop that `cartctl outputs` tells of.
    pub(crate) fn of_stage(cloud: &'a Cloud, stage: &str) -> Self {
        let outputs = cloud.answer(&["outputs", "--local", "--stage", stage])["outputs"].take();
        let output = |stack: &str, key: &str| outputs[stack][key].as_str().unwrap().to_owned();
        Self {
            cloud,
            products: output("products", "ProductApi"),
            carts: output("cart", "CartApi"),
            pool: output("auth", "CognitoUserPoolId"),
            client: output("auth", "CognitoAppClientId"),
            origin: ORIGIN.to_owned(),
        }
    }

    /// Sends a request to an API as the shop's page would, and makes sure that the page may read the answer.
    async fn ask(&self, api: &str, method: &str, path: &str, headers: &[(&str, &str)], body: &str) -> Answer {
        let url = format!("{api}{path}");
        let headers = [&[("origin", self.origin.as_str())], headers].concat();
        let answer = self.cloud.request(Request { method, url: &url, headers: &headers, body }).await;
        assert_eq!(answer.header("access-control-allow-origin"), Some(self.origin.as_str()), "{method} {path}: {answer:?}");
        if method != "OPTIONS" {
            let exposed = answer.header("access-control-expose-headers").map(str::to_lowercase);
            assert_eq!(exposed.as_deref(), Some("retry-after"), "{method} {path}: {answer:?}");
        }
        let credentials = answer.header("access-control-allow-credentials");
        assert_eq!(credentials, (api == self.carts).then_some("true"), "{method} {path}: {answer:?}");
        answer
    }

    /// Asks the products API.
    pub(crate) async fn product(&self, method: &str, path: &str) -> Answer {
        self.ask(&self.products, method, path, &[], "").await
    }

    /// Asks the cart API as this customer.
    pub(crate) async fn cart(&self, customer: &Customer, method: &str, path: &str, body: &str) -> Answer {
        let mut headers = Vec::new();
        let cookie = customer.cookie.as_ref().map(|cookie| format!("theme=dark; cartId={cookie}"));
        headers.extend(cookie.as_deref().map(|cookie| ("cookie", cookie)));
        let token = customer.token.as_ref().map(|token| format!("Bearer {token}"));
        headers.extend(token.as_deref().map(|token| ("authorization", token)));
        self.ask(&self.carts, method, path, &headers, body).await
    }

    /// What a customer's cart holds: products and quantities.
    pub(crate) async fn held(&self, customer: &Customer) -> Vec<(String, u64)> {
        let answer = self.cart(customer, "GET", "/cart", "").await;
        assert_eq!(answer.status, 200, "{answer:?}");
        lines(&answer.body)
    }

    /// The first products of the catalogue.
    pub(crate) async fn catalogue<const COUNT: usize>(&self) -> [String; COUNT] {
        let products = self.product("GET", "/product").await.body["products"].take();
        std::array::from_fn(|index| products[index]["productId"].as_str().unwrap().to_owned())
    }

    /// Makes an account for somebody who has none; their id.
    pub(crate) async fn sign_up(&self, name: &str) -> String {
        self.sign_up_to(&self.pool, &self.client, name).await
    }

    /// Makes an account in a pool, by way of an application of it.
    pub(crate) async fn sign_up_to(&self, pool: &str, client: &str, name: &str) -> String {
        let user = self.cognito("SignUp", &json!({ "ClientId": client, "Username": name, "Password": PASSWORD })).await;
        self.cognito("ConfirmSignUp", &json!({ "ClientId": client, "Username": name, "ConfirmationCode": "000000" })).await;
        let found = self.cognito("AdminGetUser", &json!({ "UserPoolId": pool, "Username": name })).await;
        assert_eq!(found["UserStatus"], "CONFIRMED");
        user["UserSub"].as_str().unwrap().to_owned()
    }

    /// Signs somebody in who has an account.
    pub(crate) async fn sign_in(&self, name: &str) -> Customer {
        let tokens = self.tokens(&self.client, name).await;
        Customer { cookie: None, token: Some(tokens["IdToken"].as_str().unwrap().to_owned()) }
    }

    /// The tokens somebody is given by an application.
    pub(crate) async fn tokens(&self, client: &str, name: &str) -> Value {
        let parameters = json!({ "USERNAME": name, "PASSWORD": PASSWORD });
        let input = json!({ "ClientId": client, "AuthFlow": "USER_PASSWORD_AUTH", "AuthParameters": parameters });
        self.cognito("InitiateAuth", &input).await["AuthenticationResult"].take()
    }

    /// Calls an operation of the user pools.
    pub(crate) async fn cognito(&self, operation: &str, input: &Value) -> Value {
        self.cloud.call("cognito-idp", &format!("AWSCognitoIdentityProviderService.{operation}"), input).await
    }

    /// Everything in the table of carts.
    pub(crate) async fn table(&self) -> Vec<Value> {
        let tables = self.cloud.call("dynamodb", "DynamoDB_20120810.ListTables", &json!({})).await["TableNames"].take();
        let [table] = tables.as_array().unwrap().as_slice() else { panic!("one table: {tables}") };
        let scan = json!({ "TableName": table, "ConsistentRead": true });
        self.cloud.call("dynamodb", "DynamoDB_20120810.Scan", &scan).await["Items"].as_array().unwrap().clone()
    }

    /// The items of one cart.
    pub(crate) async fn items(&self, key: &str) -> Vec<Value> {
        self.table().await.into_iter().filter(|item| item["pk"]["S"] == key).collect()
    }
}

/// Somebody at the shop.
#[derive(Clone, Default)]
pub(crate) struct Customer {
    /// The id of the anonymous cart they hold.
    pub cookie: Option<String>,
    /// What proves who they are.
    pub token: Option<String>,
}

/// Products and quantities of a cart, in the order of the products.
pub(crate) fn lines(cart: &Value) -> Vec<(String, u64)> {
    let line = |line: &Value| (line["sk"].as_str().unwrap().to_owned(), line["quantity"].as_u64().unwrap());
    let mut lines: Vec<_> = cart["products"].as_array().unwrap().iter().map(line).collect();
    lines.sort();
    lines
}
