//! Two stages in one account.

use crate::{
    cloud::Cloud,
    shop::{Customer, Shop},
};

#[tokio::test]
async fn stages_do_not_know_of_each_other() {
    let cloud = Cloud::new();
    cloud.configure("[stages.staging]\nmonitoring = true\nalarm-topic = 'arn:aws:sns:us-east-1:000000000000:alarms'");
    cloud.run(&["local", "--detach"]).succeeded();
    let default_alone = cloud.inventory().await;
    cloud.run(&["deploy", "--local", "--stage", "staging"]).succeeded();

    let watched = cloud.inventory().await;
    let watched: Vec<_> = watched.iter().filter(|entry| entry.starts_with("alarm ") || entry.starts_with("dashboard ")).collect();
    assert!(watched.iter().any(|entry| entry.starts_with("dashboard ")) && watched.len() > 10, "{watched:?}");
    assert!(watched.iter().all(|entry| entry.contains("-staging-")), "only what asks for it is watched: {watched:?}");
    assert_eq!(cloud.run(&["deploy", "--local", "--stage", "staging"]).succeeded().1.matches("no changes").count(), 3);

    let default = Shop::of_stage(&cloud, "default");
    let staging = Shop::of_stage(&cloud, "staging");
    assert_ne!((&default.pool, &default.carts, &default.products), (&staging.pool, &staging.carts, &staging.products));
    staging.sign_up("ada@example.com").await;
    let ada = staging.sign_in("ada@example.com").await;
    assert_eq!(staging.held(&ada).await, []);
    assert_eq!(default.cart(&ada, "GET", "/cart", "").await.status, 401, "she has no account there");

    cloud.run(&["delete", "--local", "--stage", "staging"]).succeeded();
    assert_eq!(cloud.inventory().await, default_alone);
    assert_eq!(default.held(&Customer::default()).await, []);
    assert_eq!(default.product("GET", "/product").await.status, 200);
    cloud.stop();
}
