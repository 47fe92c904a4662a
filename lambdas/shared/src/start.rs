//! Why a function cannot start. Reads nothing itself: a service's `main.rs` is the only reader of the environment.

use thiserror::Error;

use crate::cors::NotAnOrigin;

/// The function is deployed wrongly: what it was given does not fit its code.
#[derive(Debug, Error)]
pub enum StartError {
    /// A variable the function reads has no value.
    #[error("the variable {0} is not set")]
    Missing(&'static str),
    /// Lambda's `Handler` setting names a function of another service, or none.
    #[error("this service has no function `{0}`")]
    UnknownFunction(String),
    /// `ALLOWED_ORIGIN` is not an origin.
    #[error("ALLOWED_ORIGIN is of no use")]
    Origin(#[from] NotAnOrigin),
}
