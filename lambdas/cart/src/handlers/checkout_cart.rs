//! `POST /cart/checkout`: empties the caller's cart and answers its former content.

use cart_contract::Metric;
use cart_shared::{Answer, Chain, Endpoint, Refusal, Request};
use tracing::error;

use crate::{
    backoff::{self, Contended},
    clock,
    identity::SignedIn,
    item::{Item, shown},
    owner::Owner,
    store::{Outcome, Store, StoreError, write::Write},
};

/// The function of `POST /cart/checkout`.
#[derive(Debug)]
pub struct CheckoutCart {
    /// Recognizes the caller.
    pub signed_in: SignedIn,
    /// The table of carts.
    pub store: Store,
}

impl Endpoint for CheckoutCart {
    async fn answer(&self, request: &Request) -> Result<Answer, Refusal> {
        let owner = Owner::User(self.signed_in.user(request)?);
        let now = clock::now();
        let taken = self.take_everything(&owner).await?;
        // An empty cart is not counted as a checkout.
        let counted = (!taken.is_empty()).then_some(Metric::CartCheckedOut);
        // As of the beginning: an item that expires meanwhile is in the answer.
        Ok(Answer::new(&shown(&taken, now)).counting(counted))
    }
}

impl CheckoutCart {
    /// Deletes the items of a cart as they were read, and returns them. All together or, if one transaction cannot hold them, in several
    /// transactions. Items that change in between are read again. If the cart cannot be emptied completely, the rest stays in it, and what
    /// was taken is returned.
    ///
    /// # Errors
    /// Those of the store, and [`Refusal::Unavailable`] if the items kept changing, as long as nothing was taken.
    pub async fn take_everything(&self, owner: &Owner) -> Result<Vec<Item>, Refusal> {
        let mut taken = Vec::new();
        let mut attempt = 0;
        while attempt < backoff::ATTEMPTS {
            let mut items = self.store.cart(owner).await?;
            let last = items.len() <= Store::TOGETHER;
            items.truncate(Store::TOGETHER);
            if items.is_empty() {
                return Ok(taken);
            }
            match self.take(owner, &items).await {
                Ok(Outcome::Done) => {
                    taken.append(&mut items);
                    if last {
                        return Ok(taken);
                    }
                }
                Ok(Outcome::Stale | Outcome::Busy) => {
                    self.store.pause(attempt).await;
                    attempt += 1;
                }
                Err(error) if taken.is_empty() => return Err(error.into()),
                Err(error) => {
                    error!(error = %Chain(&error), taken = taken.len(), "only part of the cart is taken for certain");
                    return Ok(taken);
                }
            }
        }
        if taken.is_empty() { Err(Contended.into()) } else { Ok(taken) }
    }

    async fn take(&self, owner: &Owner, items: &[Item]) -> Result<Outcome, StoreError> {
        self.store.apply_together(items.iter().map(|item| Write::take_out(owner, item)).collect()).await
    }
}
