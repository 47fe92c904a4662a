//! The real program against a local cloud: everything a stage goes through, from the first deployment to the last deletion.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/cloud.rs"]
mod cloud;
#[path = "../support/load.rs"]
mod load;
#[path = "../support/program.rs"]
mod program;
#[path = "../support/shop.rs"]
mod shop;

mod adoption;
mod gate;
mod journey;
mod local;
mod logs;
mod protected;
mod stages;
mod totals;
mod traffic;
mod web;
