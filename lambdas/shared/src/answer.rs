//! The answer of a function before it becomes HTTP, or its refusal with the reason. Knows nothing of CORS, and nothing of the error types
//! behind a refusal.

use std::error::Error;

use cart_contract::Metric;
use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};
use thiserror::Error;

use crate::request::MAX_BODY;

/// The answer to a request that was carried out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// JSON.
    pub body: String,
    /// The values of the `Set-Cookie` headers. One that is not visible ASCII is left out.
    pub set_cookies: Vec<String>,
    /// The metric that counts what was done, if there is one.
    pub counted: Option<Metric>,
}

impl Answer {
    /// An answer without a cookie, which counts nothing.
    ///
    /// # Panics
    /// If the body cannot be JSON, because a map in it has keys that are no strings.
    #[must_use]
    pub fn new(body: &impl Serialize) -> Self {
        Self::ready(serde_json::to_string(body).expect("answers can be JSON"))
    }

    /// The same, with a body that is JSON already.
    #[must_use]
    pub const fn ready(body: String) -> Self {
        Self { body, set_cookies: Vec::new(), counted: None }
    }

    /// The same, counting what was done.
    #[must_use]
    pub fn counting(self, done: impl Into<Option<Metric>>) -> Self {
        Self { counted: done.into(), ..self }
    }
}

/// Why a request is not carried out. Nothing was changed, except perhaps with [`Refusal::Unclear`].
///
/// Each displays as what a customer reads: what happened and what to do, in sentences.
#[derive(Debug, Error)]
pub enum Refusal {
    /// The request makes no sense. Says why, and what would.
    #[error("{0}")]
    BadRequest(String),
    /// A token is missing or proves nothing.
    #[error("You are not signed in, or your session has expired. Sign in and try again.")]
    Unauthorized,
    /// A site of another origin tries to change something with the caller's cookie.
    #[error("This website may not change your cart. Open the shop to do that.")]
    ForeignOrigin,
    /// The catalogue has no product of this id.
    #[error("The shop does not sell this product. Choose another one.")]
    NoSuchProduct,
    /// The body is larger than [`MAX_BODY`].
    #[error("The request is larger than {MAX_BODY} bytes. Send a smaller one.")]
    TooLarge,
    /// Something behind this function does not answer. The same request may succeed soon.
    #[error("The shop is busy. Try again in a few seconds.")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// A write was not answered, so it may be done or not. Who simply repeats the request may have it done twice.
    #[error("We could not confirm that your change was saved. Check your cart before you try again.")]
    Unclear(#[source] Box<dyn Error + Send + Sync>),
    /// A bug, or damaged data.
    #[error("Something went wrong on our side. Try again in a few minutes.")]
    Internal(#[source] Box<dyn Error + Send + Sync>),
}

impl Refusal {
    /// After how many seconds a caller may try again. None, where that would not help or could do harm.
    #[must_use]
    pub const fn retry_after(&self) -> Option<u32> {
        match self {
            Self::Unavailable(_) => Some(2),
            Self::BadRequest(_)
            | Self::Unauthorized
            | Self::ForeignOrigin
            | Self::NoSuchProduct
            | Self::TooLarge
            | Self::Unclear(_)
            | Self::Internal(_) => None,
        }
    }

    /// The status of the answer.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::ForeignOrigin => StatusCode::FORBIDDEN,
            Self::NoSuchProduct => StatusCode::NOT_FOUND,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unavailable(_) | Self::Unclear(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// `{"message": …}`, without the cause, which is for the log.
    #[must_use]
    pub fn body(&self) -> Value {
        json!({ "message": self.to_string() })
    }
}
