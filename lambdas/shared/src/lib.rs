//! What both services share about answering a browser: requests are parsed into types, answers and refusals become JSON with the
//! headers a browser needs; and what all functions share about being watched: one line of JSON for whatever happens. Knows nothing of carts, catalogues or AWS clients.

pub mod answer;
pub mod chain;
pub mod cors;
mod event;
pub mod log;
pub mod product_id;
mod report;
pub mod request;
mod response;
pub mod serve;
pub mod start;

pub use self::{
    answer::{Answer, Refusal},
    chain::Chain,
    cors::Cors,
    event::Request,
    product_id::ProductId,
    serve::{Consumer, Endpoint, consume, serve},
    start::{StartError, start},
};
