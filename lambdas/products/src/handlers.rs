//! The two functions of the service. They only read, so they decide and answer in one step.

use cart_shared::{Answer, Endpoint, Refusal, Request, request::path_product_id};
use serde_json::json;

use crate::catalogue::Catalogue;

/// `GET /product`: everything there is. Always the same answer, which is made before anybody asks.
#[derive(Debug)]
pub struct ListProducts(String);

impl ListProducts {
    /// Lists a catalogue.
    #[must_use]
    pub fn of(catalogue: &Catalogue) -> Self {
        Self(json!({ "products": catalogue.products() }).to_string())
    }
}

impl Endpoint for ListProducts {
    async fn answer(&self, _: &Request) -> Result<Answer, Refusal> {
        Ok(Answer::ready(self.0.clone()))
    }
}

/// `GET /product/{product_id}`: one product.
#[derive(Debug)]
pub struct GetProduct(pub Catalogue);

impl Endpoint for GetProduct {
    async fn answer(&self, request: &Request) -> Result<Answer, Refusal> {
        let id = path_product_id(request)?;
        match self.0.find(&id) {
            Some(product) => Ok(Answer::new(&json!({ "product": product }))),
            None => Err(Refusal::NoSuchProduct),
        }
    }
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use serde_json::Value;

    use super::*;

    async fn get(id: &str) -> Result<Answer, StatusCode> {
        let request = Request { product_id: Some(id.to_owned()), ..Request::default() };
        GetProduct(Catalogue::bundled().unwrap()).answer(&request).await.map_err(|refusal| refusal.status())
    }

    fn body(answer: &Answer) -> Value {
        serde_json::from_str(&answer.body).unwrap()
    }

    #[tokio::test]
    async fn what_is_listed_can_be_got() {
        let listed = ListProducts::of(&Catalogue::bundled().unwrap()).answer(&Request::default()).await.unwrap();
        let first = &body(&listed)["products"][0];
        assert!(first["price"].is_u64() && first["package"]["weight"].is_u64() && first["createdDate"].is_string(), "{first}");
        assert_eq!(body(&get(first["productId"].as_str().unwrap()).await.unwrap())["product"], *first);
    }

    #[tokio::test]
    async fn what_is_not_sold_is_not_found() {
        assert_eq!(get("00000000-0000-4000-8000-000000000000").await, Err(StatusCode::NOT_FOUND));
        assert_eq!(get("../../etc/passwd").await, Err(StatusCode::BAD_REQUEST));
    }
}
