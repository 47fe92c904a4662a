//! The way to AWS: credentials, networks, and what is said where AWS refuses. The real program, against services on loopback.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "../support/program.rs"]
mod program;

mod network;
mod profiles;
mod refusals;
mod stand_in;
mod traveller;
