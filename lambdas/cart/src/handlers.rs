//! One file per function. A function of the API is a [`cart_shared::Endpoint`]; one that consumes events is a [`cart_shared::Consumer`].

pub mod add_to_cart;
pub mod checkout_cart;
pub mod count_batches;
pub mod delete_migrated;
pub mod get_cart_total;
pub mod list_cart;
pub mod migrate_cart;
pub mod update_cart;
pub mod update_totals;

pub use self::{
    add_to_cart::AddToCart, checkout_cart::CheckoutCart, count_batches::CountBatches, delete_migrated::DeleteMigrated,
    get_cart_total::GetCartTotal, list_cart::ListCart, migrate_cart::MigrateCart, update_cart::UpdateCart,
    update_totals::UpdateTotals,
};
use crate::quantity::Quantity;

/// The message for a customer after the quantity of a product was changed.
fn now_holds(quantity: Quantity) -> String {
    match quantity.get() {
        0 => "The product was removed from your cart.".to_owned(),
        pieces => format!("Your cart now holds {pieces} of this product."),
    }
}
