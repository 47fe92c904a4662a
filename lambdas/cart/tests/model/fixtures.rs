//! Whose carts these are, what is in them, and when.

use cart::clock::Timestamp;
use cart_shared::ProductId;

use crate::dynamodb::Table;

/// The partition keys of an anonymous cart and of a user's.
pub(crate) const CART: &str = "cart#4c1fadaa-213a-4ea8-aa32-58c217604e3c";
pub(crate) const USER: &str = "user#a";

/// The sort keys of two products.
pub(crate) const MUG: &str = "product#mug";
pub(crate) const PAN: &str = "product#pan";

pub(crate) const NOW: Timestamp = Timestamp(1_000_000);

/// When items expire: after [`NOW`], or after any time that the clock of this machine may show.
pub(crate) const LATER: u64 = NOW.0 + 100;
pub(crate) const NEVER: u64 = 99_999_999_999;

pub(crate) fn mug() -> ProductId {
    "mug".parse().unwrap()
}

/// A table in which the two carts hold so many mugs. A cart without mugs has no item.
pub(crate) fn with_mugs(anonymous: i64, users: i64) -> Table {
    let mut table = Table::new();
    for (owner, quantity) in [(CART, anonymous), (USER, users)] {
        if quantity > 0 {
            table.put(owner, MUG, quantity, LATER);
        }
    }
    table
}
