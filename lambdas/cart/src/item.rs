//! An item, which is a product in a cart: as it is stored, and as it is shown. Knows nothing of DynamoDB.

use cart_shared::ProductId;
use serde::Serialize;
use serde_json::Value;
use uuid::Uuid;

use crate::{clock::Timestamp, quantity::Quantity};

/// An item as it was read.
#[derive(Clone, Debug, PartialEq)]
pub struct Item {
    /// The item's product.
    pub product: ProductId,
    /// The stored number. Older tables may have any number, so use [`Item::held`].
    pub stored: i64,
    /// From this time on the item is not in the cart any more. DynamoDB deletes it up to days later.
    pub expires: Timestamp,
    /// The catalogue's description of the product when it was put in.
    pub detail: Value,
    /// The migration that emptied the item. None, if the item was written since.
    pub emptied_by: Option<MigrationId>,
}

/// One run of a migration. Marks the items that it emptied.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MigrationId(pub Uuid);

impl Item {
    /// How many the cart holds: none after the item expired, even if it is not deleted yet.
    #[must_use]
    pub fn held(&self, now: Timestamp) -> Quantity {
        if self.expires > now { Quantity::nearest(self.stored) } else { Quantity::ZERO }
    }

    /// Whether the cart holds any pieces.
    #[must_use]
    pub fn holds_any(&self, now: Timestamp) -> bool {
        self.held(now) > Quantity::ZERO
    }
}

/// A cart as the API answers it.
#[derive(Debug, Serialize)]
pub struct Shown<'a> {
    products: Vec<Line<'a>>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct Line<'a> {
    sk: &'a ProductId,
    quantity: u16,
    product_detail: &'a Value,
}

/// A cart as the API answers it: only items that hold some pieces.
#[must_use]
pub fn shown(items: &[Item], now: Timestamp) -> Shown<'_> {
    let lines = items.iter().map(|item| Line { sk: &item.product, quantity: item.held(now).get(), product_detail: &item.detail });
    Shown { products: lines.filter(|line| line.quantity > 0).collect() }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn only_what_is_held_is_shown() {
        let item = |product: &str, stored, expires| Item {
            product: product.parse().unwrap(),
            stored,
            expires: Timestamp(expires),
            detail: json!({ "name": product }),
            emptied_by: None,
        };
        let items = [item("mug", 2, 101), item("emptied", 0, 101), item("expired", 2, 100), item("broken", -3, 101)];
        assert_eq!(
            json!(shown(&items, Timestamp(100))),
            json!({ "products": [{ "sk": "mug", "quantity": 2, "productDetail": { "name": "mug" } }] })
        );
    }
}
