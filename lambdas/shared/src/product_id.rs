//! The id of a product, which may be part of a path, a key or a URL. Knows nothing of the catalogue.

use std::{fmt, str::FromStr};

use cart_contract::table;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// A product's id: 1 to 64 letters, digits and hyphens, so that it means itself wherever it is inserted.
#[derive(Clone, Debug, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String")]
pub struct ProductId(String);

impl ProductId {
    /// The longest id, in bytes.
    pub const MAX_LEN: usize = table::LONGEST_PRODUCT_ID;

    /// The id as text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

/// The text cannot be the id of a product.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a product id has 1 to {max} letters, digits and hyphens", max = ProductId::MAX_LEN)]
pub struct NotAProductId;

impl TryFrom<String> for ProductId {
    type Error = NotAProductId;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if table::is_product_id(&text) { Ok(Self(text)) } else { Err(NotAProductId) }
    }
}

impl FromStr for ProductId {
    type Err = NotAProductId;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.to_owned().try_into()
    }
}

impl fmt::Display for ProductId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn hostile_ids_stay_outside() {
        let long = "a".repeat(65);
        for text in ["", ".", "..", "../", "%2e%2e%2f", "a/b", "a#b", "a b", "a\0", "é", "a?b", "a\r\nb", &long] {
            assert_eq!(text.parse::<ProductId>(), Err(NotAProductId), "{text:?}");
        }
        assert!(serde_json::from_str::<ProductId>(r#""../admin""#).is_err(), "JSON is parsed by the same rule");
    }

    proptest! {
        #[test]
        fn an_id_means_itself_in_a_path(text in "[A-Za-z0-9-]{1,64}", other in "[^A-Za-z0-9-]", at: prop::sample::Index) {
            let id = text.parse::<ProductId>();
            prop_assert_eq!(id.as_ref().map(ProductId::as_str), Ok(text.as_str()));
            let mut hostile = text.clone();
            hostile.insert_str(at.index(text.len() + 1), &other);
            prop_assert_eq!(hostile.parse::<ProductId>(), Err(NotAProductId));
        }
    }
}
