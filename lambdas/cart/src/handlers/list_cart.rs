//! `GET /cart`: the content of the caller's cart.

use cart_shared::{Answer, Endpoint, Refusal, Request};

use crate::{clock, identity::Identity, item::shown, store::Store};

/// The function of `GET /cart`.
#[derive(Debug)]
pub struct ListCart {
    /// Recognizes the caller.
    pub identity: Identity,
    /// The table of carts.
    pub store: Store,
}

impl Endpoint for ListCart {
    async fn answer(&self, request: &Request) -> Result<Answer, Refusal> {
        let now = clock::now();
        let visitor = self.identity.visitor(request, now).await?;
        let items = self.store.cart(&visitor.owner).await?;
        Ok(visitor.answer(&shown(&items, now)))
    }
}
