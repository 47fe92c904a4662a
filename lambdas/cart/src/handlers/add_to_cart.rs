//! `POST /cart`: adds to the caller's cart, or removes from it.

use cart_contract::Metric;
use cart_shared::{Answer, Endpoint, ProductId, Refusal, Request, request::json_body};
use serde::Deserialize;
use serde_json::{Value, json};
use tokio::join;

use super::now_holds;
use crate::{
    backoff::{self, Contended},
    clock::{self, Timestamp},
    identity::Identity,
    owner::Owner,
    products::Products,
    quantity::{Change, OutOfRange, Quantity},
    store::{Outcome, Store, write::Write},
};

/// The function of `POST /cart`.
#[derive(Debug)]
pub struct AddToCart {
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
    product_id: ProductId,
    #[serde(default = "one")]
    quantity: i64,
}

const SHAPE: &str = r#"{"productId": text, "quantity": whole number, 1 if left out}"#;

const fn one() -> i64 {
    1
}

impl Endpoint for AddToCart {
    async fn answer(&self, request: &Request) -> Result<Answer, Refusal> {
        let now = clock::now();
        let visitor = self.identity.visitor(request, now).await?;
        let Body { product_id, quantity } = json_body(request, SHAPE)?;
        let change = Change::try_from(quantity)?;
        let detail = self.products.detail(&product_id, now);
        let holds = add(&self.store, &visitor.owner, &product_id, change, detail, now).await?;
        let message = if quantity > 0 { "The product was added to your cart.".to_owned() } else { now_holds(holds) };
        Ok(visitor.answer(&json!({ "productId": product_id, "message": message })).counting(Metric::CartUpdated))
    }
}

/// Changes how many of a product a cart holds. The new quantity.
///
/// Decides on what is stored, and writes only if that has not changed. DynamoDB could add by itself and save the read, but then an addition
/// that was given up and arrives late would count as well. The first read runs beside the look-up of the product.
///
/// # Errors
/// Those of `detail` and of the store, [`Refusal::BadRequest`] for a quantity out of range, and [`Refusal::Unavailable`] if other writers of
/// the item kept coming first.
pub async fn add(
    store: &Store,
    owner: &Owner,
    product: &ProductId,
    change: Change,
    detail: impl Future<Output = Result<Value, Refusal>>,
    now: Timestamp,
) -> Result<Quantity, Refusal> {
    let (detail, stored) = join!(detail, store.item(owner, product));
    // An unknown product is reported first, because it does not depend on the table.
    let (detail, mut stored) = (detail?, stored?);
    for attempt in 0..backoff::ATTEMPTS {
        let held = stored.as_ref().map_or(Quantity::ZERO, |item| item.held(now));
        let wanted = held.after(change)?;
        let write = Write::set(owner, product, wanted, &detail, now).if_still(stored.as_ref());
        if wanted == held || store.apply(write).await? == Outcome::Done {
            return Ok(wanted);
        }
        store.pause(attempt).await;
        stored = store.item(owner, product).await?;
    }
    Err(Contended.into())
}

impl From<OutOfRange> for Refusal {
    fn from(error: OutOfRange) -> Self {
        Self::BadRequest(format!("This quantity is not possible: {error}. Choose another quantity."))
    }
}
