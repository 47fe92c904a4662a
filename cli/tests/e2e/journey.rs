//! One stage from its first deployment to its deletion, with customers in between. One long story, because what it needs takes
//! seconds to start; each chapter says what it is about.

use std::{collections::BTreeMap, fs};

use serde_json::{Value, json};

use crate::{
    cloud::{Cloud, Request, eventually},
    shop::{Customer, Shop, lines},
};

const AUTH: &str = "aws-serverless-shopping-cart-auth";
const PRODUCTS: &str = "aws-serverless-shopping-cart-product-mock";
const CART: &str = "aws-serverless-shopping-cart-shoppingcart-service";

#[tokio::test]
async fn a_stage_is_deployed_used_changed_and_deleted() {
    let cloud = Cloud::new();
    let told = cloud.answer(&["local", "--detach"]);
    let mut shop = Shop::of_stage(&cloud, "default");
    assert_eq!(
        told,
        json!({
            "shop": null, "endpoint": cloud.url(), "products_api": shop.products, "cart_api": shop.carts,
            "user_pool_id": shop.pool, "user_pool_client_id": shop.client,
        })
    );

    products_are_shown(&shop).await;
    browsers_may_ask_first(&shop).await;
    let visitor = an_anonymous_cart_is_filled(&shop).await;
    bad_input_changes_nothing(&shop, &visitor).await;
    the_cart_follows_its_owner(&shop, &visitor).await;
    who_is_nobody_is_refused(&shop).await;
    only_this_shops_tokens_count(&shop).await;
    what_cannot_be_done_says_why(&shop).await;

    nothing_changes_without_a_change(&cloud).await;
    the_frontend_is_told(&shop).await;
    programs_can_read_everything(&shop);
    only_what_changed_is_deployed(&mut shop).await;
    nothing_stays(&cloud).await;
    cloud.stop();
}

async fn products_are_shown(shop: &Shop<'_>) {
    let all = shop.product("GET", "/product").await;
    assert_eq!(all.status, 200);
    let first = &all.body["products"][0];
    let id = first["productId"].as_str().unwrap();
    let one = shop.product("GET", &format!("/product/{id}")).await;
    assert_eq!((one.status, &one.body["product"]), (200, first));
    assert_eq!(one.header("set-cookie"), None);

    let nothing = shop.product("GET", "/product/nothing").await;
    assert_eq!(
        (nothing.status, nothing.body),
        (404, json!({ "message": "The shop does not sell this product. Choose another one." }))
    );
    assert_eq!(shop.product("GET", "/product/a%23b").await.status, 400);
    assert_eq!(shop.product("GET", "/elsewhere").await.status, 403, "what API Gateway itself says can be read as well");
}

async fn browsers_may_ask_first(shop: &Shop<'_>) {
    let nobody = Customer::default();
    for (api, path, methods) in [
        (&shop.products, "/product", "GET,OPTIONS"),
        (&shop.products, "/product/mug", "GET,OPTIONS"),
        (&shop.carts, "/cart", "GET,POST,OPTIONS"),
        (&shop.carts, "/cart/mug", "PUT,OPTIONS"),
        (&shop.carts, "/cart/migrate", "POST,OPTIONS"),
        (&shop.carts, "/cart/checkout", "POST,OPTIONS"),
        (&shop.carts, "/cart/mug/total", "GET,OPTIONS"),
    ] {
        let answer =
            if *api == shop.carts { shop.cart(&nobody, "OPTIONS", path, "").await } else { shop.product("OPTIONS", path).await };
        assert_eq!(answer.status, 204, "{path}");
        assert_eq!(answer.header("access-control-allow-methods"), Some(methods), "{path}");
        assert_eq!(answer.header("access-control-allow-headers"), Some("Authorization,Content-Type"), "{path}");
    }
}

/// Two of the first product and three of the second.
async fn an_anonymous_cart_is_filled(shop: &Shop<'_>) -> Customer {
    let [first, second] = shop.catalogue().await;
    let empty = shop.cart(&Customer::default(), "GET", "/cart", "").await;
    assert_eq!((empty.status, &empty.body), (200, &json!({ "products": [] })));
    let (pair, attributes) = empty.header("set-cookie").unwrap().split_once("; ").unwrap();
    assert_eq!(attributes, "Max-Age=86400; Secure; HttpOnly; SameSite=None; Path=/");
    let id = pair.strip_prefix("cartId=").unwrap();
    assert_eq!(id.len(), 36, "{id}");
    let visitor = Customer { cookie: Some(id.to_owned()), token: None };

    let added = shop.cart(&visitor, "POST", "/cart", &json!({ "productId": first }).to_string()).await;
    assert_eq!((added.status, &added.body["productId"]), (200, &json!(first)));
    assert!(added.body["message"].is_string());
    assert_eq!(added.header("set-cookie"), None, "who has a cookie gets no other");
    for quantity in [4, -3] {
        let body = json!({ "productId": first, "quantity": quantity }).to_string();
        assert_eq!(shop.cart(&visitor, "POST", "/cart", &body).await.status, 200);
    }
    let path = format!("/cart/{second}");
    let set = shop.cart(&visitor, "PUT", &path, &json!({ "productId": second, "quantity": 3 }).to_string()).await;
    assert_eq!((set.status, &set.body["productId"], &set.body["quantity"]), (200, &json!(second), &json!(3)));

    let cart = shop.cart(&visitor, "GET", "/cart", "").await;
    assert_eq!(lines(&cart.body), sorted([(&first, 2), (&second, 3)]));
    let detail = shop.product("GET", &format!("/product/{first}")).await.body["product"].take();
    let shown = cart.body["products"].as_array().unwrap().iter().find(|line| line["sk"] == first).unwrap();
    assert_eq!(shown["productDetail"], detail);
    assert_eq!(shop.held(&Customer::default()).await, [], "nobody else's");

    for (product, quantity) in [(&first, 2), (&second, 3)] {
        the_total_becomes(shop, product, quantity).await;
    }
    for item in shop.items(&format!("cart#{id}")).await {
        lives(&item, 24 * 60 * 60);
    }
    visitor
}

fn sorted<const COUNT: usize>(lines: [(&String, u64); COUNT]) -> Vec<(String, u64)> {
    let mut lines: Vec<_> = lines.map(|(product, quantity)| (product.clone(), quantity)).into();
    lines.sort();
    lines
}

/// An item expires this many seconds after it was written, which was less than ten minutes ago.
fn lives(item: &Value, seconds: u64) {
    #[expect(clippy::disallowed_methods, reason = "the clock of the services cannot be passed in from here")]
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let expires: u64 = item["expirationTime"]["N"].as_str().unwrap().parse().unwrap();
    assert!((now + seconds - 600..=now + seconds).contains(&expires), "{item} at {now}");
}

async fn the_total_becomes(shop: &Shop<'_>, product: &str, quantity: u64) {
    let path = format!("/cart/{product}/total");
    eventually(&format!("a total of {quantity}"), async || {
        let total = shop.cart(&Customer::default(), "GET", &path, "").await;
        (total.status == 200 && total.body == json!({ "product": product, "quantity": quantity })).then_some(())
    })
    .await;
}

async fn bad_input_changes_nothing(shop: &Shop<'_>, visitor: &Customer) {
    let [product] = shop.catalogue().await;
    let before = shop.table().await;
    let set = format!("/cart/{product}");
    let body = |quantity: Value| json!({ "productId": product, "quantity": quantity }).to_string();
    for (method, path, body, status) in [
        ("POST", "/cart", String::new(), 400),
        ("POST", "/cart", "productId=mug".to_owned(), 400),
        ("POST", "/cart", "[]".to_owned(), 400),
        ("POST", "/cart", "{}".to_owned(), 400),
        ("POST", "/cart", body(json!("2")), 400),
        ("POST", "/cart", body(json!(1.5)), 400),
        ("POST", "/cart", body(json!(null)), 400),
        ("POST", "/cart", body(json!(10_001)), 400),
        ("POST", "/cart", body(json!(-10_001)), 400),
        ("POST", "/cart", json!({ "productId": "nothing" }).to_string(), 404),
        ("POST", "/cart", json!({ "productId": "../product" }).to_string(), 400),
        ("POST", "/cart", json!({ "productId": 7 }).to_string(), 400),
        ("POST", "/cart", " ".repeat(5_000), 413),
        ("PUT", &set, String::new(), 400),
        ("PUT", &set, body(json!(-1)), 400),
        ("PUT", &set, body(json!(10_001)), 400),
        ("PUT", &set, json!({ "productId": "mug", "quantity": 1 }).to_string(), 400),
        ("PUT", "/cart/nothing", json!({ "quantity": 1 }).to_string(), 404),
        ("PUT", "/cart/a%23b", json!({ "quantity": 1 }).to_string(), 400),
        ("GET", "/cart/a%23b/total", String::new(), 400),
        ("DELETE", "/cart", String::new(), 403),
        ("GET", "/elsewhere", String::new(), 403),
    ] {
        let answer = shop.cart(visitor, method, path, &body).await;
        assert_eq!(answer.status, status, "{method} {path} {body:.80}: {answer:?}");
        assert!(answer.body["message"].is_string(), "{method} {path} {body:.80}: {answer:?}");
    }
    // A page of somebody else, which the browser would send the cookie along with.
    let url = format!("{}/cart", shop.carts);
    let cookie = format!("cartId={}", visitor.cookie.as_ref().unwrap());
    let headers = [("origin", "https://evil.example"), ("cookie", cookie.as_str())];
    let foreign = Request { method: "POST", url: &url, headers: &headers, body: &body(json!(1)) };
    assert_eq!(shop.cloud.request(foreign).await.status, 403);

    let nobody = shop.cart(&Customer::default(), "GET", "/cart/nothing/total", "").await;
    assert_eq!((nobody.status, nobody.body), (200, json!({ "product": "nothing", "quantity": 0 })), "not an error");
    assert_eq!(shop.table().await, before);
}

async fn the_cart_follows_its_owner(shop: &Shop<'_>, visitor: &Customer) {
    let [first, second] = shop.catalogue().await;
    let user = shop.sign_up("ada@example.com").await;
    let ada = shop.sign_in("ada@example.com").await;
    assert_eq!(shop.held(&ada).await, []);
    let added = shop.cart(&ada, "POST", "/cart", &json!({ "productId": first, "quantity": 5 }).to_string()).await;
    assert_eq!(added.status, 200, "{added:?}");

    let both = Customer { cookie: visitor.cookie.clone(), ..ada.clone() };
    let migrated = shop.cart(&both, "POST", "/cart/migrate", "").await;
    assert_eq!(migrated.status, 200, "{migrated:?}");
    assert_eq!(lines(&migrated.body), sorted([(&first, 7), (&second, 3)]));
    assert_eq!(shop.held(&ada).await, sorted([(&first, 7), (&second, 3)]));
    assert_eq!(shop.held(visitor).await, []);
    for item in shop.items(&format!("user#{user}")).await {
        lives(&item, 7 * 24 * 60 * 60);
    }
    // The worker behind the queue deletes what the migration emptied.
    let left = format!("cart#{}", visitor.cookie.as_ref().unwrap());
    eventually("the anonymous items are deleted", async || shop.items(&left).await.is_empty().then_some(())).await;
    the_total_becomes(shop, &first, 7).await;
    the_total_becomes(shop, &second, 3).await;

    let again = shop.cart(&both, "POST", "/cart/migrate", "").await;
    assert_eq!(lines(&again.body), sorted([(&first, 7), (&second, 3)]), "there is nothing more to migrate");

    let bought = shop.cart(&ada, "POST", "/cart/checkout", "").await;
    assert_eq!((bought.status, lines(&bought.body)), (200, sorted([(&first, 7), (&second, 3)])));
    assert_eq!(shop.held(&ada).await, []);
    assert_eq!(shop.cart(&ada, "POST", "/cart/checkout", "").await.body, json!({ "products": [] }));
    the_total_becomes(shop, &first, 0).await;
    the_total_becomes(shop, &second, 0).await;
}

async fn who_is_nobody_is_refused(shop: &Shop<'_>) {
    let good = shop.sign_in("ada@example.com").await.token.unwrap();
    let [header, claims, signature] = good.split('.').collect::<Vec<_>>()[..] else { panic!("a token: {good}") };
    // `{"alg":"none"}`
    let unsigned = format!("eyJhbGciOiJub25lIn0.{claims}.");
    // `{"sub":"somebody"}`
    let forged = format!("{header}.eyJzdWIiOiJzb21lYm9keSJ9.{signature}");
    // The local cloud takes a validity that is over when it begins, which Cognito would not: so nobody has to wait for a token's end.
    let validity = |seconds: i32| {
        json!({
            "UserPoolId": shop.pool, "ClientId": shop.client, "IdTokenValidity": seconds, "TokenValidityUnits": { "IdToken": "seconds" },
            "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH", "ALLOW_USER_SRP_AUTH"],
        })
    };
    shop.cognito("UpdateUserPoolClient", &validity(-60)).await;
    let expired = shop.sign_in("ada@example.com").await;
    shop.cognito("UpdateUserPoolClient", &validity(3600)).await;
    assert_eq!(shop.held(&shop.sign_in("ada@example.com").await).await, [], "the same is good for an hour");

    // The pool's own tokens, which API Gateway takes, but for another application.
    let client = json!({ "UserPoolId": shop.pool, "ClientName": "another", "ExplicitAuthFlows": ["ALLOW_USER_PASSWORD_AUTH"] });
    let client = shop.cognito("CreateUserPoolClient", &client).await["UserPoolClient"]["ClientId"].take();
    let elsewhere = shop.tokens(client.as_str().unwrap(), "ada@example.com").await;
    let [elsewhere, elsewhere_access] = ["IdToken", "AccessToken"].map(|kind| elsewhere[kind].as_str().unwrap().to_owned());

    let before = shop.table().await;
    let [product] = shop.catalogue().await;
    let add = json!({ "productId": product, "quantity": 1 }).to_string();
    let set = format!("/cart/{product}");
    for token in ["garbage", "a.b.c", &unsigned, &forged, &expired.token.unwrap(), &elsewhere, &elsewhere_access] {
        let nobody = Customer { cookie: None, token: Some(token.to_owned()) };
        for (method, path, body) in [
            ("GET", "/cart", ""),
            ("POST", "/cart", add.as_str()),
            ("PUT", set.as_str(), add.as_str()),
            ("POST", "/cart/migrate", ""),
            ("POST", "/cart/checkout", ""),
        ] {
            let answer = shop.cart(&nobody, method, path, body).await;
            assert_eq!(answer.status, 401, "{method} {path} with {token}: {answer:?}");
            assert!(answer.body["message"].is_string(), "{answer:?}");
        }
    }
    for path in ["/cart/migrate", "/cart/checkout"] {
        assert_eq!(shop.cart(&Customer::default(), "POST", path, "").await.status, 401, "{path} without a token");
    }
    assert_eq!(shop.table().await, before);
}

/// Tokens of the same issuer for another application, and of another pool of the same account.
async fn only_this_shops_tokens_count(shop: &Shop<'_>) {
    let [product] = shop.catalogue().await;
    let name = "ada@example.com";
    let id_token = shop.sign_in(name).await;
    let add = json!({ "productId": product, "quantity": 4 }).to_string();
    assert_eq!(shop.cart(&id_token, "POST", "/cart", &add).await.status, 200);
    let bearer = |tokens: &Value, kind: &str| Customer { cookie: None, token: Some(tokens[kind].as_str().unwrap().to_owned()) };
    let access_token = bearer(&shop.tokens(&shop.client, name).await, "AccessToken");
    assert_eq!(shop.held(&access_token).await, [(product.clone(), 4)], "whoever it is, it is the same");

    let client_of = async |pool: &str| {
        let flows = ["ALLOW_USER_PASSWORD_AUTH", "ALLOW_REFRESH_TOKEN_AUTH"];
        let client = json!({ "UserPoolId": pool, "ClientName": "other", "ExplicitAuthFlows": flows });
        let made = shop.cognito("CreateUserPoolClient", &client).await;
        made["UserPoolClient"]["ClientId"].as_str().unwrap().to_owned()
    };
    let other_client = client_of(&shop.pool).await;
    let made = shop.cognito("CreateUserPool", &json!({ "PoolName": "other" })).await;
    let other_pool = made["UserPool"]["Id"].as_str().unwrap();
    let its_client = client_of(other_pool).await;
    shop.sign_up_to(other_pool, &its_client, name).await;
    let before = shop.table().await;
    for client in [&other_client, &its_client] {
        let tokens = shop.tokens(client, name).await;
        for kind in ["IdToken", "AccessToken", "RefreshToken"] {
            let nobody = bearer(&tokens, kind);
            for (method, path) in [("GET", "/cart".to_owned()), ("POST", "/cart".to_owned()), ("PUT", format!("/cart/{product}"))] {
                let answer = shop.cart(&nobody, method, &path, if method == "GET" { "" } else { &add }).await;
                assert_eq!(answer.status, 401, "{method} {path} with the {kind} of {client}: {answer:?}");
            }
        }
    }
    assert_eq!(shop.table().await, before);
    shop.cognito("DeleteUserPoolClient", &json!({ "UserPoolId": shop.pool, "ClientId": other_client })).await;
    shop.cognito("DeleteUserPool", &json!({ "UserPoolId": other_pool })).await;
}

/// The one message that is in a queue, or will be: its text, and why it is there. It is taken out.
async fn dead_letter(cloud: &Cloud, queue: &str) -> (Value, String) {
    let receive = json!({ "QueueUrl": queue, "MessageAttributeNames": ["All"] });
    let message = eventually("a dead letter", async || {
        let received = cloud.call("sqs", "AmazonSQS.ReceiveMessage", &receive).await["Messages"].take();
        received.get(0).cloned()
    })
    .await;
    let delete = json!({ "QueueUrl": queue, "ReceiptHandle": message["ReceiptHandle"] });
    cloud.call("sqs", "AmazonSQS.DeleteMessage", &delete).await;
    let attribute = |name: &str| message["MessageAttributes"][name]["StringValue"].as_str().unwrap_or_else(|| panic!("{message}"));
    assert!(!attribute("requestId").is_empty());
    (message["Body"].as_str().unwrap().parse().unwrap(), attribute("reason").to_owned())
}

async fn what_cannot_be_done_says_why(shop: &Shop<'_>) {
    let cloud = shop.cloud;
    let [first, second] = shop.catalogue().await;
    let queues = cloud.resources(CART).await;
    let no_deletion = json!({ "pk": "user#ada", "sk": "product#mug" });
    let message = json!({ "QueueUrl": queues["CartDeleteSQSQueue"], "MessageBody": no_deletion.to_string() });
    cloud.call("sqs", "AmazonSQS.SendMessage", &message).await;
    let (body, reason) = dead_letter(cloud, &queues["CartDeleteSQSDLQ"]).await;
    assert_eq!((body, reason.as_str()), (no_deletion, "cannot read a message: the message is not a deletion"));

    // Somebody writes into the table what no function would, between two that are counted all the same.
    let visitor = Customer { cookie: Some("4c1fadaa-213a-4ea8-aa32-58c217604e3c".to_owned()), token: None };
    let put_in = async |product: &str| {
        let body = json!({ "productId": product, "quantity": 2 }).to_string();
        assert_eq!(shop.cart(&visitor, "POST", "/cart", &body).await.status, 200);
    };
    let table = &queues["DynamoDBShoppingCartTable"];
    let key = json!({ "pk": { "S": "cart#5b2fadaa-213a-4ea8-aa32-58c217604e3c" }, "sk": { "S": format!("product#{first}") } });
    let mut item = key.clone();
    item["quantity"] = json!({ "S": "many" });
    put_in(&first).await;
    cloud.call("dynamodb", "DynamoDB_20120810.PutItem", &json!({ "TableName": table, "Item": item })).await;
    put_in(&second).await;
    let (record, reason) = dead_letter(cloud, &queues["UpdateTotalsFailures"]).await;
    assert_eq!(
        (&record["dynamodb"]["NewImage"]["quantity"], reason.as_str()),
        (&json!({ "S": "many" }), "the stream record is malformed")
    );
    the_total_becomes(shop, &first, 6).await;
    the_total_becomes(shop, &second, 2).await;
    cloud.call("dynamodb", "DynamoDB_20120810.DeleteItem", &json!({ "TableName": table, "Key": key })).await;
    let (record, _) = dead_letter(cloud, &queues["UpdateTotalsFailures"]).await;
    assert_eq!(record["dynamodb"]["OldImage"]["quantity"], json!({ "S": "many" }));
}

/// The version every function of a stack serves, by the function's name in the template.
async fn live_versions(cloud: &Cloud, stack: &str) -> BTreeMap<String, String> {
    let mut live = BTreeMap::new();
    for (id, name) in cloud.resources(stack).await {
        if id.ends_with("Handler") {
            let alias = cloud.read("lambda", &format!("/2015-03-31/functions/{name}/aliases/live")).await;
            live.insert(id, alias["FunctionVersion"].as_str().unwrap().to_owned());
        }
    }
    live
}

async fn nothing_changes_without_a_change(cloud: &Cloud) {
    let before = (live_versions(cloud, CART).await, cloud.resources(CART).await, cloud.inventory().await);
    let (answer, story) = cloud.run(&["deploy", "--local"]).succeeded();
    for stack in ["auth", "products", "cart"] {
        assert!(story.contains(&format!("{stack:9} no changes\n")), "{story}");
    }
    assert!(answer.contains("cart      CartApi"), "{answer}");
    let (difference, _) = cloud.run(&["diff", "--local", "--fail-on", "any"]).succeeded();
    assert_eq!(difference, ["auth     ", "products ", "cart     "].map(|stack| format!("{stack} no changes\n")).concat());
    assert_eq!((live_versions(cloud, CART).await, cloud.resources(CART).await, cloud.inventory().await), before);
    no_change_set_is_left(cloud).await;
}

async fn no_change_set_is_left(cloud: &Cloud) {
    for stack in [AUTH, PRODUCTS, CART] {
        let left = cloud.cloudformation().list_change_sets().stack_name(stack).send().await.unwrap().summaries.unwrap_or_default();
        let open: Vec<_> =
            left.iter().filter(|set| set.execution_status().is_some_and(|status| status.as_str() == "AVAILABLE")).collect();
        assert!(open.is_empty(), "{open:?}");
        let failed: Vec<_> = left.iter().filter(|set| set.status().is_some_and(|status| status.as_str() == "FAILED")).collect();
        assert!(failed.is_empty(), "{failed:?}");
    }
}

async fn the_frontend_is_told(shop: &Shop<'_>) {
    let cloud = shop.cloud;
    // To a browser the number is another site than the shop's `localhost`.
    let named = |url: &str| url.replacen("//127.0.0.1", "//localhost", 1);
    let [carts, products, accounts] = [&shop.carts, &shop.products, &format!("{}/", cloud.url())].map(|url| named(url));
    let expected = [
        ("VUE_APP_CART_API_URL", carts.as_str()),
        ("VUE_APP_PRODUCTS_API_URL", &products),
        ("VUE_APP_USER_POOL_ID", &shop.pool),
        ("VUE_APP_USER_POOL_CLIENT_ID", &shop.client),
        ("VUE_APP_AWS_REGION", "us-east-1"),
        ("VUE_APP_COGNITO_ENDPOINT", &accounts),
    ];
    let lines = |line: &dyn Fn(&str, &str) -> String| expected.iter().map(|(name, value)| line(name, value)).collect::<String>();
    let file = || fs::read_to_string(cloud.env_file()).unwrap();
    let variables = || file().lines().filter(|line| !line.starts_with('#')).map(|line| line.to_owned() + "\n").collect::<String>();
    let plain = lines(&|name, value| format!("{name}={value}\n"));
    assert_eq!(variables(), plain, "a deployment writes it");

    fs::remove_file(cloud.env_file()).unwrap();
    let (answer, _) = cloud.run(&["frontend-env", "--local"]).succeeded();
    assert_eq!((answer, variables()), (format!("{}\n", cloud.env_file()), plain.clone()));
    let printed = |format| cloud.run(&["frontend-env", "--local", "--format", format]).succeeded().0;
    let object: Value =
        expected.iter().map(|(name, value)| ((*name).to_owned(), json!(value))).collect::<serde_json::Map<_, _>>().into();
    assert_eq!(serde_json::from_str::<Value>(&printed("json")).unwrap(), object);
    assert_eq!(serde_yaml::from_str::<Value>(&printed("yaml")).unwrap(), object);
    assert_eq!(printed("shell"), lines(&|name, value| format!("export {name}='{value}'\n")));
    assert_eq!(printed("github"), plain);

    // One of them is gone.
    let path = "/serverless-shopping-cart-demo/shopping-cart/cart-api-url";
    cloud.call("ssm", "AmazonSSM.DeleteParameter", &json!({ "Name": path })).await;
    let before = file();
    for arguments in [&["frontend-env", "--local"][..], &["frontend-env", "--local", "--format", "shell"]] {
        let run = cloud.run(arguments);
        assert_eq!(run.stdout, "");
        assert_eq!(
            cloud.project.anonymous(&run.failed(1)),
            format!(
                "error: not published yet: {path}\nhint: `cartctl deploy cart --local --config '[folder]/cartctl.toml'` publishes them\n"
            )
        );
    }
    assert_eq!(file(), before);
    cloud.call("ssm", "AmazonSSM.PutParameter", &json!({ "Name": path, "Type": "String", "Value": shop.carts })).await;
}

fn programs_can_read_everything(shop: &Shop<'_>) {
    let cloud = shop.cloud;
    assert_eq!(
        cloud.answer(&["outputs", "--local"]),
        json!({ "outputs": {
            "auth": { "CognitoAppClientId": shop.client, "CognitoUserPoolId": shop.pool },
            "products": { "ProductApi": shop.products },
            "cart": { "CartApi": shop.carts },
        }})
    );
    let (text, _) = cloud.run(&["outputs", "--local"]).succeeded();
    assert!(text.contains(&format!("products  ProductApi          {}\n", shop.products)), "{text}");

    let status = cloud.answer(&["status", "--local"]);
    assert_eq!((&status["stage"], &status["region"]), (&json!("default"), &json!("us-east-1")));
    for (stack, (id, name)) in
        status["stacks"].as_array().unwrap().iter().zip([("auth", AUTH), ("products", PRODUCTS), ("cart", CART)])
    {
        assert_eq!((&stack["stack"], &stack["name"], &stack["deployed"]), (&json!(id), &json!(name), &json!(true)));
        assert!(["CREATE_COMPLETE", "UPDATE_COMPLETE"].contains(&stack["status"].as_str().unwrap()), "{stack}");
    }
    let (text, _) = cloud.run(&["status", "--local"]).succeeded();
    let first: Vec<_> = text.lines().map(|line| line.split_whitespace().next().unwrap()).collect();
    assert_eq!(first, ["auth", "products", "cart", "web"], "{text}");
    assert_eq!(
        (&status["stacks"][3]["stack"], &status["stacks"][3]["deployed"]),
        (&json!("web"), &json!(false)),
        "nobody asked for it"
    );
}

async fn only_what_changed_is_deployed(shop: &mut Shop<'_>) {
    let cloud = shop.cloud;
    let state = async || (live_versions(cloud, CART).await, cloud.resources(CART).await);
    let (versions, resources) = state().await;

    // What a version does not have makes no new one.
    cloud.configure("[defaults]\nreserved-concurrency = 5\nlog-retention-days = 30");
    let (found, _) = cloud.run(&["diff", "--local", "--fail-on", "any"]).answered(10);
    assert!(found.contains("~ AddToCartHandlerLogs"), "{found}");
    cloud.run(&["diff", "--local", "--fail-on", "destructive"]).succeeded();
    assert_eq!(state().await, (versions.clone(), resources.clone()), "looking changes nothing");
    cloud.run(&["deploy", "--local"]).succeeded();
    assert_eq!(state().await, (versions.clone(), resources.clone()));
    let described = cloud.cloudformation().describe_stacks().stack_name(CART).send().await.unwrap().stacks.unwrap();
    let concurrency = described[0].parameters().iter().find(|parameter| parameter.parameter_key() == Some("ReservedConcurrency"));
    // As far as the emulator goes, which does not pass it on to the functions.
    assert_eq!(concurrency.and_then(|parameter| parameter.parameter_value()), Some("5"));
    let groups = cloud.call("logs", "Logs_20140328.DescribeLogGroups", &json!({})).await["logGroups"].take();
    assert!(groups.as_array().unwrap().iter().all(|group| group["retentionInDays"] == 30), "{groups}");

    // With its alarms, the template of the carts no longer fits into a request and goes through S3.
    "https://shop-of-carts.example".clone_into(&mut shop.origin);
    cloud.configure(&format!("[defaults]\nallowed-origin = '{}'\nmonitoring = true", shop.origin));
    let products = live_versions(cloud, PRODUCTS).await;
    cloud.run(&["deploy", "products", "--local"]).succeeded();
    assert_eq!(state().await, (versions.clone(), resources.clone()), "the carts were not asked for");
    assert!(live_versions(cloud, PRODUCTS).await.iter().all(|(id, version)| *version != products[id]));
    assert_eq!(shop.product("GET", "/product").await.status, 200);

    cloud.run(&["deploy", "--local"]).succeeded();
    let (now, after) = state().await;
    let unchanged: Vec<_> = now.iter().filter(|(id, version)| versions[*id] == **version).map(|(id, _)| id.as_str()).collect();
    assert_eq!(unchanged, ["DeleteMigratedHandler", "UpdateTotalsHandler"], "only these answer no browser");
    for id in ["DynamoDBShoppingCartTable", "CartDeleteSQSQueue", "CartDeleteSQSDLQ", "CartRestApi", "AddToCartHandler"] {
        assert_eq!(after[id], resources[id], "{id} is still the same");
    }
    assert_eq!(shop.held(&Customer::default()).await, []);
    let uploaded = cloud.inventory().await.into_iter().find_map(|entry| entry.strip_prefix("bucket ").map(str::to_owned)).unwrap();
    let objects = cloud.read("s3", &format!("/{uploaded}?list-type=2&prefix=templates/")).await;
    let objects: Vec<_> = objects.as_str().unwrap().split("<Key>").skip(1).collect();
    assert!(matches!(objects[..], [key] if key.starts_with(&format!("templates/{CART}/"))), "{objects:?}");
    no_change_set_is_left(cloud).await;
}

async fn nothing_stays(cloud: &Cloud) {
    let before = cloud.inventory().await;
    let refused = cloud.run(&["delete", "auth", "--local"]).failed(5);
    let said = "error: the auth stack cannot be deleted while the cart stack uses it\nhint: `cartctl delete cart auth --local --config '[folder]/cartctl.toml'` deletes both in order\n";
    assert!(cloud.project.anonymous(&refused).ends_with(said), "{refused}");

    // Not at a terminal, and not `--local`: somebody has to say yes.
    let mut unasked = cloud.project.command(&["delete", "--endpoint-url", &cloud.url(), "--region", "us-east-1"]);
    let keys = cloud.keys();
    unasked.envs([("AWS_ACCESS_KEY_ID", keys.access_key_id()), ("AWS_SECRET_ACCESS_KEY", keys.secret_access_key())]);
    let unasked = crate::program::finish(&mut unasked).failed(3);
    assert!(unasked.contains(&format!("cart      delete {CART} with ")), "the plan is shown: {unasked}");
    assert!(unasked.contains("hint: check the plan above, then run the same command again with `--yes`\n"), "{unasked}");
    assert_eq!(cloud.inventory().await, before);

    let answer = cloud.answer(&["delete", "--local"]);
    assert_eq!(answer, json!({ "deleted": [CART, PRODUCTS, AUTH], "kept": [] }));
    let left = cloud.inventory().await;
    let kinds: Vec<_> = left.iter().map(|entry| entry.split(' ').next().unwrap()).collect();
    assert_eq!(kinds, ["bucket", "role", "stack"], "{left:?}");
    assert!(left.iter().all(|entry| entry.contains("aws-serverless-shopping-cart-bootstrap")), "{left:?}");
    let (again, _) = cloud.run(&["delete", "--local"]).succeeded();
    assert_eq!(again, "nothing to delete: the stage `default` is not deployed\n");
}
