//! A world in which the real code of this service runs against a model of DynamoDB and SQS, one call at a time, in every order there is.
//! Knows no time: whoever pauses goes on at once, and what takes long is a call that others are let before.
//!
//! [`expression`] and [`dynamodb`] are the model; [`network`] is what the calls of the functions are plugged into, and makes [`caller`]s of the
//! functions; [`schedule`] decides who is next, and [`scenarios`] and [`rebuild`] say what must hold at the end. [`writers`] are too many
//! for every order. [`direct`] is the same model for one function at a time, in [`requests`] from a request to its answer, in [`mapping`]
//! from a stream to the totals, and in [`hostile`] with anything at all.

mod caller;
pub(crate) mod direct;
pub(crate) mod dynamodb;
mod expression;
mod hostile;
mod mapping;
pub(crate) mod network;
mod rebuild;
mod requests;
mod scenarios;
mod schedule;
mod writers;
