//! The catalogue: what the shop sells. Compiled in, parsed once. Knows nothing of requests.

use cart_shared::ProductId;
use serde::{Deserialize, Serialize};
use thiserror::Error;

/// Something that can be bought.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Product {
    /// Names the product everywhere. A UUID in this catalogue.
    pub product_id: ProductId,
    /// What it is called.
    pub name: String,
    /// The shelf it stands on.
    pub category: String,
    /// A sentence or two for the buyer.
    pub description: String,
    /// Cents.
    pub price: u32,
    /// File names of pictures, which the frontend ships.
    pub pictures: Vec<String>,
    /// What is sent by post.
    pub package: Package,
    /// RFC 3339.
    pub created_date: String,
    /// RFC 3339.
    pub modified_date: String,
    /// Words by which it is found.
    pub tags: Vec<String>,
}

/// A parcel.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Package {
    /// Millimetres.
    pub height: u32,
    /// Millimetres.
    pub length: u32,
    /// Grams.
    pub weight: u32,
    /// Millimetres.
    pub width: u32,
}

/// All products, in the order they are shown.
#[derive(Clone, Debug)]
pub struct Catalogue(Vec<Product>);

/// The catalogue cannot be read.
#[derive(Debug, Error)]
#[error("the catalogue is damaged")]
pub struct Damaged(#[from] serde_json::Error);

impl Catalogue {
    /// The catalogue that is compiled in.
    ///
    /// # Errors
    /// [`Damaged`], which a test rules out.
    pub fn bundled() -> Result<Self, Damaged> {
        Ok(Self(serde_json::from_str(include_str!("catalogue.json"))?))
    }

    /// Every product.
    #[must_use]
    pub fn products(&self) -> &[Product] {
        &self.0
    }

    /// The product of that id.
    #[must_use]
    pub fn find(&self, id: &ProductId) -> Option<&Product> {
        self.0.iter().find(|product| product.product_id == *id)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use uuid::Uuid;

    use super::*;

    #[test]
    fn the_bundled_catalogue_is_fit_for_sale() {
        let catalogue = Catalogue::bundled().unwrap();
        let ids: BTreeSet<_> = catalogue.products().iter().map(|product| &product.product_id).collect();
        assert_eq!(ids.len(), catalogue.products().len(), "an id names one product");
        assert!(ids.len() >= 30);
        for product in catalogue.products() {
            let name = &product.name;
            assert!(Uuid::parse_str(product.product_id.as_str()).is_ok(), "{name} has a UUID");
            assert!(product.price > 0, "{name} costs something");
            assert!(
                !name.is_empty() && !product.category.is_empty() && !product.description.is_empty() && !product.tags.is_empty()
            );
            assert!(!product.pictures.is_empty(), "{name} has a picture");
            for picture in &product.pictures {
                let plain = picture.bytes().all(|byte| byte.is_ascii_lowercase() || byte.is_ascii_digit() || b"-.".contains(&byte));
                assert!(plain && !picture.starts_with('.'), "{picture} is a file name beside its page");
            }
            assert!(product.created_date <= product.modified_date, "{name} was made before it was changed");
        }
    }

    #[test]
    fn a_product_is_found_by_its_id_alone() {
        let catalogue = Catalogue::bundled().unwrap();
        let product = &catalogue.products()[7];
        assert_eq!(catalogue.find(&product.product_id), Some(product));
        assert_eq!(catalogue.find(&"nobody-sells-this".parse().unwrap()), None);
    }
}
