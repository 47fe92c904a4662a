//! The door: input from outside is parsed into types here, or refused with a message. No message repeats the input.

use serde::de::DeserializeOwned;

use crate::{
    answer::Refusal,
    event::Request,
    product_id::{NotAProductId, ProductId},
};

/// The largest body that is accepted, in bytes. A sensible one has about eighty.
pub const MAX_BODY: usize = 4 * 1024;

/// The product that the path names.
///
/// # Errors
/// [`Refusal::BadRequest`], if no product can have such an id.
pub fn path_product_id(request: &Request) -> Result<ProductId, Refusal> {
    let id = request.product_id.as_deref().unwrap_or_default();
    id.parse().map_err(|error: NotAProductId| Refusal::BadRequest(format!("The product id is not valid: {error}.")))
}

/// The body as a `T`. `shape` shows the caller the expected form, such as `{"quantity": whole number}`.
///
/// # Errors
/// [`Refusal::TooLarge`] beyond [`MAX_BODY`], [`Refusal::BadRequest`] if the body is missing or of another shape.
pub fn json_body<T: DeserializeOwned>(request: &Request, shape: &str) -> Result<T, Refusal> {
    if request.body.len() > MAX_BODY {
        return Err(Refusal::TooLarge);
    }
    let other = |_| Refusal::BadRequest(format!("The request body is not of the expected form. Send JSON: {shape}."));
    serde_json::from_slice(&request.body).map_err(other)
}

#[cfg(test)]
mod tests {
    use http::StatusCode;
    use serde::Deserialize;

    use super::*;

    #[test]
    fn a_path_names_a_product_or_is_refused() {
        let named = |id: &str| {
            let request = Request { product_id: Some(id.to_owned()), ..Request::default() };
            path_product_id(&request).map_err(|refusal| refusal.status())
        };
        assert_eq!(named("4c1fadaa-213a-4ea8-aa32-58c217604e3c").map(|id| id.to_string()).unwrap().len(), 36);
        assert_eq!(named(".."), Err(StatusCode::BAD_REQUEST));
        assert_eq!(named("%2e%2e%2f"), Err(StatusCode::BAD_REQUEST));
        assert!(path_product_id(&Request::default()).is_err(), "no parameter at all");
    }

    #[derive(Debug, PartialEq, Deserialize)]
    struct Wanted {
        quantity: i64,
    }

    #[test]
    fn a_body_has_the_shape_or_is_refused() {
        let read = |body: &str| {
            let request = Request { body: body.into(), ..Request::default() };
            json_body::<Wanted>(&request, "a quantity").map_err(|refusal| refusal.status())
        };
        assert_eq!(read(r#"{"quantity":2,"more":"is ignored"}"#), Ok(Wanted { quantity: 2 }));
        for body in [
            "",
            "null",
            "[]",
            "{",
            "quantity=2",
            "{}",
            r#"{"quantity":"2"}"#,
            r#"{"quantity":2.5}"#,
            r#"{"quantity":2.0}"#,
            r#"{"quantity":null}"#,
            r#"{"quantity":true}"#,
            r#"{"quantity":1e99}"#,
            r#"{"quantity":99999999999999999999}"#,
            r#"{"quantity":1,"quantity":2}"#,
            r#"{"quantity":1} {"quantity":2}"#,
        ] {
            assert_eq!(read(body), Err(StatusCode::BAD_REQUEST), "{body}");
        }
        assert_eq!(read(&"[".repeat(MAX_BODY)), Err(StatusCode::BAD_REQUEST), "nesting is bounded");
        assert_eq!(read(&" ".repeat(MAX_BODY + 1)), Err(StatusCode::PAYLOAD_TOO_LARGE));
    }
}
