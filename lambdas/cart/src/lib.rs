//! The cart service: its rules, and who is asking.

pub mod backoff;
pub mod clock;
pub mod fetch;
pub mod identity;
pub mod item;
pub mod ledger;
pub mod owner;
pub mod products;
pub mod quantity;
