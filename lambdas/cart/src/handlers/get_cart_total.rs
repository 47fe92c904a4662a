//! `GET /cart/{product_id}/total`: what all carts together hold of a product.

use cart_shared::{Answer, Endpoint, Refusal, Request, request::path_product_id};
use serde_json::json;

use crate::store::Store;

/// Shows the total of a product.
#[derive(Debug)]
pub struct GetCartTotal {
    /// Where totals are.
    pub store: Store,
}

impl Endpoint for GetCartTotal {
    async fn answer(&self, request: &Request) -> Result<Answer, Refusal> {
        let product = path_product_id(request)?;
        let total = self.store.total(&product).await?;
        // A table that was counted wrongly in the past may be below zero for a while.
        Ok(Answer::new(&json!({ "product": product, "quantity": total.max(0) })))
    }
}
