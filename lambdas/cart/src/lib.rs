//! The cart service. Start with the functions in [`handlers`]: each reads as the story of one request or event.
//!
//! What is decided without asking anybody: [`quantity`], [`owner`], [`item`], [`ledger`]. Who is asked: [`identity`] (whose cart is
//! it), [`store`] (DynamoDB), [`products`] (is there such a product), [`deletions`] (the queue of items to delete), [`dead_letters`]
//! (what cannot be done). How anybody is asked: [`aws`], [`fetch`].

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
