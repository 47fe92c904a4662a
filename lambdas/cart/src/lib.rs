//! The cart service, decided without asking anybody: quantities, owners, items, totals.

pub mod backoff;
pub mod clock;
pub mod item;
pub mod ledger;
pub mod owner;
pub mod quantity;
