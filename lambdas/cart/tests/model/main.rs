//! The real code of this service against a model of DynamoDB and SQS: one call at a time, in every order, with faults in between.
//! `docs/model.md` explains what is explored, and how to add a scenario.
//!
//! - The model: [`dynamodb`] keeps a table, [`expression`] evaluates its conditions and updates. It fails a test that asks it for something
//!   it does not know.
//! - Every order: [`schedule`] explores, [`caller`] runs the functions, [`network`] holds their calls until it is their turn.
//!   [`scenarios`] and [`rebuild`] say what must hold in the end; [`writers`] are too many for every order.
//! - One function at a time, with services that answer at once ([`services`]): [`requests`] from a request to its answer, [`queue`] from
//!   a message to its deletion, [`mapping`] from a stream to the totals, [`pool`] from a token to its user, [`permissions`] from a function to its role,
//!   [`hostile`] with any input.

#![expect(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a test fails by panicking, and shows what it printed"
)]

mod caller;
mod dynamodb;
mod expression;
mod fixtures;
mod hostile;
mod mapping;
mod network;
mod permissions;
mod pool;
mod queue;
mod rebuild;
mod requests;
mod scenarios;
mod schedule;
mod services;
mod writers;
