//! Looks up products in the products service, and remembers them for a minute. Knows nothing of carts.

use std::{
    collections::HashMap,
    sync::{Arc, Mutex, PoisonError},
    time::Duration,
};

use cart_shared::{ProductId, Refusal};
use http::StatusCode;
use serde::Deserialize;
use serde_json::{Map, Value};
use thiserror::Error;

use crate::{
    clock::Timestamp,
    fetch::{FetchError, Http},
};

/// The products service. Clones share the products that they remember.
#[derive(Clone, Debug)]
pub struct Products {
    http: Http,
    base_url: String,
    found: Arc<Mutex<Found>>,
}

/// The products service answered neither with the product nor that it does not exist.
#[derive(Debug, Error)]
pub enum ProductsError {
    /// No answer.
    #[error("the products service does not answer")]
    Silent(#[from] FetchError),
    /// Another status than 200 and 404.
    #[error("the products service answers {0}")]
    Status(StatusCode),
    /// The answer is not the product that was asked for.
    #[error("the products service answers with something that is not the product")]
    NotAProduct,
}

#[derive(Deserialize)]
struct Document {
    product: Map<String, Value>,
}

impl Products {
    /// The service at a base URL, without a slash at the end.
    #[must_use]
    pub fn new(http: Http, base_url: String) -> Self {
        Self { http, base_url, found: Arc::default() }
    }

    /// Opens a connection to the service, if it can be reached.
    pub async fn connect(&self) {
        // API Gateway answers this itself: no function runs, and no error is counted.
        drop(self.http.options(&format!("{}/product", self.base_url)).await);
    }

    /// A product's description, which is at most a minute old.
    ///
    /// # Errors
    /// [`Refusal::NoSuchProduct`], and [`Refusal::Unavailable`] if the service does not answer.
    pub async fn detail(&self, id: &ProductId, now: Timestamp) -> Result<Value, Refusal> {
        if let Some(detail) = self.remembered(|found| found.get(id, now)) {
            return Ok(detail);
        }
        match self.find(id).await {
            Ok(Some(detail)) => {
                self.remembered(|found| found.put(id.clone(), detail.clone(), now));
                Ok(detail)
            }
            Ok(None) => Err(Refusal::NoSuchProduct),
            Err(error) => Err(Refusal::Unavailable(error.into())),
        }
    }

    async fn find(&self, id: &ProductId) -> Result<Option<Value>, ProductsError> {
        let (status, body) = self.http.get(&format!("{}/product/{id}", self.base_url)).await?;
        read(id, status, &body)
    }

    fn remembered<T>(&self, ask: impl FnOnce(&mut Found) -> T) -> T {
        ask(&mut self.found.lock().unwrap_or_else(PoisonError::into_inner))
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

/// Products that were found. Unknown ids are looked up each time: a new product can be bought at once, and invented ids displace nothing
/// here.
#[derive(Debug, Default)]
struct Found(HashMap<ProductId, (Value, Timestamp)>);

impl Found {
    /// How long a product is remembered. The price in a cart is that of the time when the product was put in anyway.
    const FOR: Duration = Duration::from_mins(1);
    /// The most products that are remembered. With a larger catalogue, the service is asked a little more often.
    const MOST: usize = 256;

    fn get(&self, id: &ProductId, now: Timestamp) -> Option<Value> {
        self.0.get(id).filter(|(_, since)| now < *since + Self::FOR).map(|(detail, _)| detail.clone())
    }

    fn put(&mut self, id: ProductId, detail: Value, now: Timestamp) {
        if self.0.len() >= Self::MOST {
            self.0.retain(|_, (_, since)| now < *since + Self::FOR);
        }
        if self.0.len() < Self::MOST || self.0.contains_key(&id) {
            self.0.insert(id, (detail, now));
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::fetch::tests::{Reply, Server, http};

    const NOW: Timestamp = Timestamp(1000);

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

    fn products(server: &Server) -> Products {
        Products::new(http(), server.url.clone())
    }

    fn mug(price: u32) -> Reply {
        Reply::new("200 OK", &json!({ "product": { "productId": "mug", "price": price } }).to_string())
    }

    #[tokio::test]
    async fn a_product_is_remembered_for_a_minute() {
        let server = Server::replying([mug(1290), mug(1390)]).await;
        let products = products(&server);
        for (seconds, price) in [(0, 1290), (59, 1290), (60, 1390), (119, 1390)] {
            let now = NOW + Duration::from_secs(seconds);
            let detail = products.clone().detail(&"mug".parse().unwrap(), now).await.unwrap();
            assert_eq!(detail["price"], price, "after {seconds} seconds");
        }
        assert_eq!((server.asked(), server.connections()), (2, 1));
    }

    #[tokio::test]
    async fn that_there_is_none_is_not_remembered() {
        let server = Server::replying([Reply::new("404 Not Found", ""), mug(1290)]).await;
        let products = products(&server);
        let id = "mug".parse().unwrap();
        assert!(matches!(products.detail(&id, NOW).await, Err(Refusal::NoSuchProduct)));
        assert!(products.detail(&id, NOW).await.is_ok(), "it was put into the catalogue just now");
    }

    #[tokio::test]
    async fn a_failure_is_not_remembered_and_hides_nothing_that_is() {
        let server = Server::replying([mug(1290), Reply::new("500 Oops", "")]).await;
        let products = products(&server);
        let (mug, pan) = ("mug".parse().unwrap(), "pan".parse().unwrap());
        assert!(products.detail(&mug, NOW).await.is_ok());
        let refusal = products.detail(&pan, NOW).await.unwrap_err();
        assert_eq!((refusal.status().as_u16(), refusal.retry_after()), (503, Some(2)));
        assert!(products.detail(&mug, NOW).await.is_ok());
    }

    #[test]
    fn memory_is_bounded() {
        let mut found = Found::default();
        let id = |number: usize| format!("p{number}").parse::<ProductId>().unwrap();
        (0..Found::MOST + 10).for_each(|number| found.put(id(number), Value::Null, NOW));
        assert_eq!(found.0.len(), Found::MOST);
        assert_eq!(found.get(&id(Found::MOST), NOW), None);
        found.put(id(0), json!(1), NOW);
        assert_eq!(found.get(&id(0), NOW), Some(json!(1)), "what is in it can be renewed");
        found.put(id(Found::MOST), Value::Null, NOW + Found::FOR);
        assert_eq!(found.0.len(), 1, "what is too old makes room");
    }
}
