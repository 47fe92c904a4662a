//! What a function says to its caller, before it becomes HTTP: an answer, or a refusal with its reason. Knows nothing of CORS, and
//! nothing of the error types behind a refusal.

use std::error::Error;

use cart_contract::Metric;
use http::StatusCode;
use serde::Serialize;
use serde_json::{Value, json};
use thiserror::Error;

/// Something done as asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// The body, which is JSON.
    pub body: String,
    /// The value of a `Set-Cookie` header, if the caller is to keep something. Visible ASCII, or it is left out.
    pub set_cookie: Option<String>,
    /// What was done, if that is counted.
    pub counted: Option<Metric>,
}

impl Answer {
    /// An answer that sets no cookie, to something that is not counted.
    ///
    /// # Panics
    /// Where the body cannot be JSON: a map in it has keys that are no texts.
    #[must_use]
    pub fn new(body: &impl Serialize) -> Self {
        Self::ready(serde_json::to_string(body).expect("what is answered can be JSON"))
    }

    /// The same of a body that is JSON already.
    #[must_use]
    pub const fn ready(body: String) -> Self {
        Self { body, set_cookie: None, counted: None }
    }

    /// The same, where something was done that is counted.
    #[must_use]
    pub fn counting(self, done: impl Into<Option<Metric>>) -> Self {
        Self { counted: done.into(), ..self }
    }
}

/// Why a request is not done. Nothing was changed, except perhaps with [`Refusal::Unclear`].
#[derive(Debug, Error)]
pub enum Refusal {
    /// The request makes no sense, for the reason given.
    #[error("{0}")]
    BadRequest(String),
    /// The caller claims to be somebody without a proof that holds.
    #[error("a valid token is needed")]
    Unauthorized,
    /// A page of another origin tries to change something with the caller's cookie.
    #[error("this origin may not change anything here")]
    ForeignOrigin,
    /// What the request names does not exist.
    #[error("{0}")]
    NotFound(String),
    /// The body is larger than any sensible one.
    #[error("the body is too large")]
    TooLarge,
    /// Something behind this function does not answer; the same request may succeed soon.
    #[error("the service is busy, please try again")]
    Unavailable(#[source] Box<dyn Error + Send + Sync>),
    /// What was to be changed does not answer, so that it may be changed or not: whoever just asks again may have it done twice.
    #[error("this may be done or not, please look before you try again")]
    Unclear(#[source] Box<dyn Error + Send + Sync>),
    /// A bug, or damaged data.
    #[error("something went wrong on our side")]
    Internal(#[source] Box<dyn Error + Send + Sync>),
}

impl Refusal {
    /// How long a caller should wait before trying again, in seconds, where trying again makes sense.
    #[must_use]
    pub const fn retry_after(&self) -> Option<u32> {
        match self {
            Self::Unavailable(_) => Some(2),
            Self::BadRequest(_)
            | Self::Unauthorized
            | Self::ForeignOrigin
            | Self::NotFound(_)
            | Self::TooLarge
            | Self::Unclear(_)
            | Self::Internal(_) => None,
        }
    }

    /// The HTTP status.
    #[must_use]
    pub const fn status(&self) -> StatusCode {
        match self {
            Self::BadRequest(_) => StatusCode::BAD_REQUEST,
            Self::Unauthorized => StatusCode::UNAUTHORIZED,
            Self::ForeignOrigin => StatusCode::FORBIDDEN,
            Self::NotFound(_) => StatusCode::NOT_FOUND,
            Self::TooLarge => StatusCode::PAYLOAD_TOO_LARGE,
            Self::Unavailable(_) | Self::Unclear(_) => StatusCode::SERVICE_UNAVAILABLE,
            Self::Internal(_) => StatusCode::INTERNAL_SERVER_ERROR,
        }
    }

    /// The JSON body: `{"message": …}`, without the cause, which is for the log.
    #[must_use]
    pub fn body(&self) -> Value {
        json!({ "message": self.to_string() })
    }
}
