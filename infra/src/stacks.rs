//! The stacks of the shop, one module each, and the values that they share.

use cfn::{StackId, parse::Invalid};

pub mod auth;
pub mod bootstrap;
pub mod cart;
pub mod products;
pub(crate) mod web;

/// The resources that an account needs once, for all stages.
pub const BOOTSTRAP: StackId = StackId::new("bootstrap");
/// Accounts of users, and signing in.
pub const AUTH: StackId = StackId::new("auth");
/// The catalogue of products.
pub const PRODUCTS: StackId = StackId::new("products");
/// The carts, and the totals of products over all carts.
pub const CART: StackId = StackId::new("cart");
/// The site, and one address for it and the APIs. A stage has it on request.
pub const WEB: StackId = StackId::new("web");

/// Every stack, in an order in which they can be deployed.
pub const ALL: [StackId; 5] = [BOOTSTRAP, AUTH, PRODUCTS, CART, WEB];

/// The stack of this name.
///
/// # Errors
/// If the shop has no stack of this name.
pub fn named(text: &str) -> Result<StackId, Invalid> {
    let found = ALL.into_iter().find(|id| id.as_str() == text);
    found.ok_or_else(|| Invalid::new("a stack", "the stacks are bootstrap, auth, products, cart and web", text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stack_is_found_by_its_name() {
        for id in ALL {
            assert_eq!(named(id.as_str()), Ok(id));
        }
        let error = named("everything").unwrap_err();
        assert_eq!(error.to_string(), "`everything` is not a stack: the stacks are bootstrap, auth, products, cart and web");
    }
}
