//! Many customers at once. What `make load` does for two minutes.

use std::time::Duration;

use crate::{cloud::Cloud, load};

#[tokio::test]
async fn carts_totals_and_customers_agree_after_mixed_traffic() {
    let cloud = Cloud::new();
    cloud.run(&["local", "--detach"]).succeeded();
    let figures = load::shop_for(&cloud, Duration::from_secs(10), 1).await;
    println!("{figures}");
    assert!(figures.held > 0 && figures.repeated > 0, "something happened");
    cloud.stop();
}
