//! The table of carts as it is read and corrected: items, records of what is counted, and totals. Does not know which totals are wrong.

use cart_contract::table::{Generations, Noted};

/// An item of a cart. Never printed (no `Debug`): the owner's key of an anonymous cart gives access to it.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct ItemKey {
    /// The partition key, as `cart#…` or `user#…`.
    pub owner: String,
    /// The product's id, without the prefix of the sort key.
    pub product: String,
}

/// An item of the table.
pub(crate) enum Row {
    /// A product in a cart.
    Item {
        key: ItemKey,
        /// None, if the stored quantity cannot be counted.
        quantity: Option<i64>,
    },
    /// How much of an item is counted in the total.
    Note { key: ItemKey, noted: Noted },
    /// The total of a product.
    Total {
        product: String,
        /// None, if the stored total is no number.
        quantity: Option<i64>,
        generations: Generations,
    },
}

/// A total that was replaced.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Corrected {
    pub product: String,
    /// The total before. None, if that was no number.
    pub was: Option<i64>,
    /// The total since then.
    pub is: i64,
}
