//! `GET /cart`: what the caller's cart holds.

use cart_shared::{Answer, Endpoint, Refusal, Request};

use crate::{clock, identity::Identity, item::shown, store::Store};

/// Shows the caller's cart.
#[derive(Debug)]
pub struct ListCart {
    /// Who is asking.
    pub identity: Identity,
    /// Where carts are.
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
