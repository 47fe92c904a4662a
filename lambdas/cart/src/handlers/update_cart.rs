//! `PUT /cart/{product_id}`: sets how many of a product the caller's cart holds.

use cart_contract::Metric;
use cart_shared::{
    Answer, Endpoint, ProductId, Refusal, Request,
    request::{json_body, path_product_id},
};
use serde::Deserialize;
use serde_json::{Value, json};

use super::now_holds;
use crate::{
    backoff::{self, Contended},
    clock::{self, Timestamp},
    identity::Identity,
    owner::Owner,
    products::Products,
    quantity::Quantity,
    store::{Outcome, Store, write::Write},
};

/// The function of `PUT /cart/{product_id}`.
#[derive(Debug)]
pub struct UpdateCart {
    /// Recognizes the caller.
    pub identity: Identity,
    /// The catalogue.
    pub products: Products,
    /// The table of carts.
    pub store: Store,
}

#[derive(Deserialize)]
#[serde(rename_all = "camelCase")]
struct Body {
    product_id: Option<ProductId>,
    quantity: i64,
}

const SHAPE: &str = r#"{"productId": text, "quantity": whole number}"#;

impl Endpoint for UpdateCart {
    async fn answer(&self, request: &Request) -> Result<Answer, Refusal> {
        let now = clock::now();
        let visitor = self.identity.visitor(request, now).await?;
        let product = path_product_id(request)?;
        let body: Body = json_body(request, SHAPE)?;
        if body.product_id.is_some_and(|named| named != product) {
            return Err(Refusal::BadRequest("The path and the body name different products. Name one.".to_owned()));
        }
        let quantity = Quantity::try_from(body.quantity)?;
        let detail = self.products.detail(&product, now).await?;
        set(&self.store, &visitor.owner, &product, quantity, &detail, now).await?;
        Ok(visitor
            .answer(&json!({ "productId": product, "quantity": quantity.get(), "message": now_holds(quantity) }))
            .counting(Metric::CartUpdated))
    }
}

/// Sets how many of a product a cart holds.
///
/// # Errors
/// Those of the store, and [`Refusal::Unavailable`] if other writers of the item kept coming first.
pub async fn set(
    store: &Store,
    owner: &Owner,
    product: &ProductId,
    quantity: Quantity,
    detail: &Value,
    now: Timestamp,
) -> Result<(), Refusal> {
    for attempt in 0..backoff::ATTEMPTS {
        if store.apply(Write::set(owner, product, quantity, detail, now)).await? == Outcome::Done {
            return Ok(());
        }
        store.pause(attempt).await;
    }
    Err(Contended.into())
}
