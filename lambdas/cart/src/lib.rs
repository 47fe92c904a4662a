//! The cart service. Start with the functions in [`handlers`]: each reads as the story of one request or event.
//!
//! Rules without input or output: [`quantity`], [`owner`], [`item`], [`ledger`]. Services: [`identity`] (whose cart is it), [`store`]
//! (DynamoDB), [`products`] (the catalogue), [`deletions`] (the queue of items to delete), [`dead_letters`] (the queues for people). How
//! services are called: [`aws`], [`fetch`], and how long for, [`backoff`], [`waiting`].
//!
//! `tests/model` tests what holds when functions run at the same time (docs/model.md).

pub mod aws;
pub mod backoff;
pub mod clock;
pub mod dead_letters;
pub mod deletions;
pub mod fetch;
pub mod handlers;
pub mod identity;
pub mod item;
pub mod ledger;
pub mod owner;
pub mod products;
pub mod quantity;
pub mod store;
pub mod subsegments;
pub mod waiting;
pub mod warm_up;
