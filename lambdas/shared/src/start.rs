//! The start of a function, and why it fails. Does not read the environment itself: a service's `main.rs` is the only reader.

use std::process::ExitCode;

use cart_contract::{CommonEnv, Env as _, NotAScope, NotAnOrigin};
use lambda_runtime::Error as RunError;
use thiserror::Error;
use tracing::error;

use crate::{chain::Chain, log};

/// Begins to log, then runs a function until the process ends. `run` gets the value of Lambda's `Handler` setting.
pub async fn start(
    lookup: impl Fn(&'static str) -> Result<String, StartError>,
    run: impl AsyncFnOnce(String) -> Result<(), RunError>,
) -> ExitCode {
    let (handler, common) = (lookup("_HANDLER"), CommonEnv::read(&lookup));
    let source = log::Source {
        stack: common.as_ref().map(|common| common.stack_name.clone()).unwrap_or_default(),
        function: handler.as_deref().unwrap_or_default().to_owned(),
    };
    // Lambda sets this variable from the function's logging configuration.
    log::begin(&source, &lookup("AWS_LAMBDA_LOG_LEVEL").unwrap_or_default());
    let ran = match (handler, common) {
        (Ok(handler), Ok(_)) => run(handler).await,
        (Err(missing), _) | (_, Err(missing)) => Err(missing.into()),
    };
    match ran {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            error!(error = %Chain(&*error), "cannot run");
            ExitCode::FAILURE
        }
    }
}

/// The environment does not fit the code: the function was deployed wrongly.
#[derive(Debug, Error)]
pub enum StartError {
    /// A variable that the function reads has no value.
    #[error("the variable {0} is not set")]
    Missing(&'static str),
    /// Lambda's `Handler` setting names a function of another service, or none.
    #[error("this service has no function `{0}`")]
    UnknownFunction(String),
    /// `ALLOWED_ORIGIN` is not an origin.
    #[error("the variable ALLOWED_ORIGIN is invalid")]
    Origin(#[from] NotAnOrigin),
    /// `CART_COOKIE` is not a scope of cookies.
    #[error("the variable CART_COOKIE is invalid")]
    Cookie(#[from] NotAScope),
}
