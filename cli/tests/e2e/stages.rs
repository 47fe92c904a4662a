//! Two stages in one account.

use crate::{
    cloud::Cloud,
    shop::{Customer, Shop},
};

#[tokio::test]
async fn stages_do_not_know_of_each_other() {
    let cloud = Cloud::new();
    cloud.configure("[stages.staging]");
    cloud.run(&["local", "--detach"]).succeeded();
    let default_alone = cloud.inventory().await;
    cloud.run(&["deploy", "--local", "--stage", "staging"]).succeeded();

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
