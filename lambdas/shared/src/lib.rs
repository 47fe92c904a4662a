//! What all functions share. Those of the APIs: a request is parsed into types, an answer or a refusal becomes JSON with the headers that a
//! browser needs. All: one line of JSON for each thing that happens. Knows nothing of carts, catalogues or clients of AWS.

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
