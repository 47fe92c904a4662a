//! What the shop consists of, one module per stack, and the values they hand to each other.

use cfn::{StackId, parse::Invalid};

pub mod auth;
pub mod bootstrap;
pub mod cart;
pub mod products;
pub mod web;

/// What an account needs once, whatever the number of stages.
pub const BOOTSTRAP: StackId = StackId::new("bootstrap");
/// Accounts and sign-in.
pub const AUTH: StackId = StackId::new("auth");
/// The catalogue.
pub const PRODUCTS: StackId = StackId::new("products");
/// The carts.
pub const CART: StackId = StackId::new("cart");
/// The site, and one address for it and the APIs. Not every stage has it.
pub const WEB: StackId = StackId::new("web");

/// Every stack, in the order in which they can be deployed.
pub const ALL: [StackId; 5] = [BOOTSTRAP, AUTH, PRODUCTS, CART, WEB];

/// The stack that people call `text`.
///
/// # Errors
/// If no stack of the shop is called so.
pub fn named(text: &str) -> Result<StackId, Invalid> {
    ALL.into_iter().find(|id| id.as_str() == text).ok_or_else(|| Invalid {
        kind: "a stack",
        rule: "the stacks are bootstrap, auth, products, cart and web",
        text: text.to_owned(),
    })
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
