//! Totals that are wrong: told, counted anew while customers go on, and by whoever is stopped on the way.

use std::{
    fs,
    process::{Child, Stdio},
};

use rustix::process::{Pid, Signal, kill_process};
use serde_json::{Value, json};

use crate::{
    cloud::{Cloud, eventually},
    shop::{Customer, Shop},
};

/// Adds to the cart of a customer, who gets one with the first.
async fn add(shop: &Shop<'_>, customer: &mut Customer, product: &str, quantity: i64) {
    let body = json!({ "productId": product, "quantity": quantity }).to_string();
    let added = shop.cart(customer, "POST", "/cart", &body).await;
    assert_eq!(added.status, 200, "{added:?}");
    if let Some(cookie) = added.header("set-cookie") {
        let (pair, _) = cookie.split_once(';').unwrap();
        customer.cookie = Some(pair.strip_prefix("cartId=").unwrap().to_owned());
    }
}

async fn table(cloud: &Cloud) -> String {
    cloud.resources("aws-serverless-shopping-cart-shoppingcart-service").await["DynamoDBShoppingCartTable"].clone()
}

/// Makes a total another one, behind everybody's back.
async fn damage(cloud: &Cloud, product: &str, quantity: i64) {
    let key = json!({ "pk": { "S": format!("product#{product}") }, "sk": { "S": "totalquantity" } });
    let update = json!({
        "TableName": table(cloud).await, "Key": key, "UpdateExpression": "SET quantity = :quantity",
        "ExpressionAttributeValues": { ":quantity": { "N": quantity.to_string() } },
    });
    cloud.call("dynamodb", "DynamoDB_20120810.UpdateItem", &update).await;
}

/// What a check answers that ends with this exit code.
#[track_caller]
fn checked(cloud: &Cloud, code: i32) -> Value {
    let run = cloud.run(&["totals", "--local", "--all", "--output", "json"]);
    let answer = serde_json::from_str(&run.stdout).unwrap();
    assert_eq!(run.code, code, "{}", run.stderr);
    answer
}

fn start(cloud: &Cloud, arguments: &[&str]) -> Child {
    let mut command = cloud.project.command(arguments);
    command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap()
}

/// Begins to count anew, slowly, and returns once some items are touched and others are not.
async fn start_slowly(cloud: &Cloud) -> Child {
    let events = cloud.project.path("events.jsonl");
    fs::remove_file(&events).ok();
    let child = start(cloud, &["totals", "--local", "--rebuild", "--rate", "1", "--events", events.as_str()]);
    eventually("an item is touched", async || {
        let told = fs::read_to_string(&events).ok()?;
        told.contains(r#""step":"touching","items":0,"touched":1"#).then_some(())
    })
    .await;
    child
}

#[tokio::test]
async fn totals_that_are_wrong_are_told_and_counted_anew_while_customers_go_on() {
    let cloud = Cloud::new();
    cloud.run(&["local", "--detach"]).succeeded();
    let shop = Shop::of_stage(&cloud, "default");
    let [first, second, third] = shop.catalogue().await;
    let mut customers = vec![Customer::default(); 4];
    for customer in &mut customers {
        for (product, quantity) in [(&first, 1), (&second, 2)] {
            add(&shop, customer, product, quantity).await;
        }
    }
    let right = checked(&cloud, 0);
    let sum =
        |product: &str, held: i64, total: i64| json!({ "product": product, "held": held, "total": total, "right": held == total });
    let mut sums = vec![sum(&first, 4, 4), sum(&second, 8, 8)];
    sums.sort_by_key(|sum| sum["product"].to_string());
    assert_eq!(right, json!({ "right": true, "items": 8, "unreadable": 0, "products": sums }));

    damage(&cloud, &first, 99).await;
    damage(&cloud, &third, 7).await;
    let wrong = checked(&cloud, 10);
    let found = |product: &str| wrong["products"].as_array().unwrap().iter().find(|sum| sum["product"] == product).unwrap().clone();
    assert_eq!((found(&first), found(&second), found(&third)), (sum(&first, 4, 99), sum(&second, 8, 8), sum(&third, 0, 7)));
    let (_, story) = cloud.run(&["totals", "--local"]).answered(10);
    assert!(story.contains("warning   2 totals are wrong; `cartctl totals --rebuild --local --config '"), "{story}");
    assert!(story.ends_with("/a shop/cartctl.toml'` recounts them while the shop stays open\n"), "{story}");

    // Not at a terminal, and not `--local`: somebody has to say yes.
    let before = shop.table().await;
    let mut unasked = cloud.project.command(&["totals", "--rebuild", "--endpoint-url", &cloud.url(), "--region", "us-east-1"]);
    let keys = cloud.keys();
    unasked.envs([("AWS_ACCESS_KEY_ID", keys.access_key_id()), ("AWS_SECRET_ACCESS_KEY", keys.secret_access_key())]);
    let unasked = crate::program::finish(&mut unasked).failed(3);
    assert!(unasked.contains("touch 8 items in carts, at most 100 a second, which takes 0.1 s or more;"), "{unasked}");
    assert_eq!(shop.table().await, before);

    let mut rebuilding = start(&cloud, &["totals", "--local", "--rebuild", "--rate", "4", "--output", "json"]);
    let mut changes = 0;
    while rebuilding.try_wait().unwrap().is_none() {
        for customer in &mut customers {
            add(&shop, customer, &first, [3, -2][changes % 2]).await;
            changes += 1;
        }
    }
    assert!(changes > 4, "customers went on: {changes}");
    let rebuilt = rebuilding.wait_with_output().unwrap();
    assert_eq!(rebuilt.status.code(), Some(0), "{}", String::from_utf8_lossy(&rebuilt.stderr));
    let rebuilt: Value = serde_json::from_slice(&rebuilt.stdout).unwrap();
    let corrected = |product: &str| rebuilt["corrected"].as_array().unwrap().iter().any(|total| total["product"] == product);
    assert!(corrected(&first) && corrected(&third) && !corrected(&second), "{rebuilt}");
    assert_eq!(checked(&cloud, 0)["right"], true);

    // Killed, interrupted, and run again.
    damage(&cloud, &second, -5).await;
    let mut killed = start_slowly(&cloud).await;
    killed.kill().unwrap();
    killed.wait().unwrap();
    checked(&cloud, 10);
    let interrupted = start_slowly(&cloud).await;
    kill_process(Pid::from_child(&interrupted), Signal::INT).unwrap();
    let interrupted = interrupted.wait_with_output().unwrap();
    let told = String::from_utf8(interrupted.stderr).unwrap();
    assert_eq!(interrupted.status.code(), Some(130), "{told}");
    assert!(told.ends_with("hint: run the same command again to finish\n"), "{told}");
    let (answer, story) = cloud.run(&["totals", "--local", "--rebuild"]).succeeded();
    assert!(story.contains("continuing the recount (generation 2)\n"), "{story}");
    assert!(answer.contains(&format!("{second}  -5   8\n")), "{answer}");
    assert_eq!(checked(&cloud, 0)["right"], true);

    cloud.reset().await;
    let nothing = cloud.run(&["totals", "--local"]).failed(1);
    let said = "error: the cart stack of the stage `default` is not deployed\nhint: `cartctl deploy --local --config '[folder]/cartctl.toml'` deploys it\n";
    assert!(cloud.project.anonymous(&nothing).ends_with(said), "{nothing}");
    cloud.stop();
}
