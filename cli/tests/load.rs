//! Two minutes of mixed traffic on a local shop, everything delivered more than once. Prints what was done and how long it took; fails if
//! a cart, a total and what customers were told do not agree. `make load` runs it; the tests run the same for some seconds.

#![expect(clippy::unwrap_used, reason = "whoever measures sees the panic")]
#![expect(clippy::print_stdout, reason = "the figures are the answer")]

#[path = "support/cloud.rs"]
#[expect(dead_code, reason = "nothing is looked at but carts and totals")]
mod cloud;
#[path = "support/load.rs"]
mod load;
#[path = "support/program.rs"]
#[expect(dead_code, reason = "nothing is expected to fail")]
mod program;
#[path = "support/shop.rs"]
#[expect(dead_code, reason = "nobody asks for products")]
mod shop;

use std::time::Duration;

#[tokio::main]
async fn main() {
    let cloud = cloud::Cloud::new();
    cloud.run(&["local", "--detach"]).succeeded();
    let seed = fastrand::u64(..);
    println!("seed {seed}");
    let figures = load::shop_for(&cloud, Duration::from_mins(2), seed).await;
    println!("{figures}");
    cloud.stop();
}
