//! What the shop consists of, one module per stack, and the values they hand to each other.

pub mod auth;
pub mod bootstrap;
pub mod cart;
pub mod products;
pub mod web;
