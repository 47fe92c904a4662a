//! `GET /cart/{product_id}/total`: how many of a product all carts hold.

use cart_shared::{Answer, Endpoint, Refusal, Request, request::path_product_id};
use serde_json::json;

use crate::store::Store;

/// The function of `GET /cart/{product_id}/total`.
#[derive(Debug)]
pub struct GetCartTotal {
    /// The table with the totals.
    pub store: Store,
}

impl Endpoint for GetCartTotal {
    async fn answer(&self, request: &Request) -> Result<Answer, Refusal> {
        let product = path_product_id(request)?;
        let total = self.store.total(&product).await?;
        // A total that was counted wrongly in the past may be negative for a while.
        Ok(Answer::new(&json!({ "product": product, "quantity": total.max(0) })))
    }
}
