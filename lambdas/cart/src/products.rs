//! Asks the products service what a product is. Knows nothing of carts.

use cart_shared::{ProductId, Refusal};
use lambda_http::http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value};
use thiserror::Error;

use crate::fetch::{FetchError, Http};

/// The products service.
#[derive(Clone, Debug)]
pub struct Products {
    http: Http,
    base_url: String,
}

/// The products service says neither what the product is nor that there is none.
#[derive(Debug, Error)]
pub enum ProductsError {
    /// It does not answer.
    #[error("the products service does not answer")]
    Silent(#[from] FetchError),
    /// It answers with an error of its own.
    #[error("the products service answers {0}")]
    Status(StatusCode),
    /// It answers something else than what was asked.
    #[error("the products service answers with something that is not the product")]
    NotAProduct,
}

#[derive(Deserialize)]
struct Document {
    product: Map<String, Value>,
}

impl Products {
    /// The service at a base URL without a slash at the end.
    #[must_use]
    pub const fn new(http: Http, base_url: String) -> Self {
        Self { http, base_url }
    }

    /// Opens a connection to the service, if it can be reached.
    pub async fn connect(&self) {
        // Answered by the API itself: nothing is run for it, and nothing counts it as an error.
        drop(self.http.options(&format!("{}/product", self.base_url)).await);
    }

    /// What the catalogue says of a product.
    ///
    /// # Errors
    /// [`Refusal::NotFound`] where it is not in the catalogue, [`Refusal::Unavailable`] where that cannot be found out.
    pub async fn detail(&self, id: &ProductId) -> Result<Value, Refusal> {
        match self.find(id).await {
            Ok(Some(detail)) => Ok(detail),
            Ok(None) => Err(Refusal::NotFound("no such product".to_owned())),
            Err(error) => Err(Refusal::Unavailable(error.into())),
        }
    }

    async fn find(&self, id: &ProductId) -> Result<Option<Value>, ProductsError> {
        let (status, body) = self.http.get(&format!("{}/product/{id}", self.base_url)).await?;
        read(id, status, &body)
    }
}

fn read(id: &ProductId, status: StatusCode, body: &[u8]) -> Result<Option<Value>, ProductsError> {
    match status {
        StatusCode::OK => match serde_json::from_slice(body) {
            Ok(Document { product }) if product.get("productId").and_then(Value::as_str) == Some(id.as_str()) => {
                Ok(Some(Value::Object(product)))
            }
            _ => Err(ProductsError::NotAProduct),
        },
        StatusCode::NOT_FOUND => Ok(None),
        other => Err(ProductsError::Status(other)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_product_asked_for_is_believed() {
        let id: ProductId = "mug".parse().unwrap();
        let found = |status, body: &str| read(&id, status, body.as_bytes());
        let detail = found(StatusCode::OK, r#"{"product":{"productId":"mug","price":1290}}"#).unwrap().unwrap();
        assert_eq!(detail["price"], 1290);
        assert!(matches!(found(StatusCode::NOT_FOUND, "<html>"), Ok(None)));
        for body in ["", "{}", r#"{"product":null}"#, r#"{"product":{"productId":"pan"}}"#, r#"{"product":"mug"}"#] {
            assert!(matches!(found(StatusCode::OK, body), Err(ProductsError::NotAProduct)), "{body}");
        }
        for status in [StatusCode::FORBIDDEN, StatusCode::FOUND, StatusCode::BAD_GATEWAY] {
            assert!(matches!(found(status, ""), Err(ProductsError::Status(answered)) if answered == status));
        }
    }
}
