//! `POST /cart/migrate`: moves the anonymous cart of the caller's cookie into the caller's own, each item exactly once
//! (docs/adr/0010-exactly-once-migration.md).

use cart_contract::Metric;
use cart_shared::{Answer, Endpoint, Refusal};
use lambda_http::Request;
use uuid::Uuid;

use crate::{
    backoff::{self, Contended},
    clock::{self, Timestamp},
    deletions::{Deletion, Deletions},
    identity::{Visitor, authorized_user, cookie::CartCookie},
    item::{Item, MigrationId, shown},
    owner::{CartId, Owner},
    quantity::Quantity,
    store::{Outcome, Store, write::Write},
};

/// Moves an anonymous cart to its user.
#[derive(Debug)]
pub struct MigrateCart {
    /// Where carts are.
    pub store: Store,
    /// Where items wait to be deleted.
    pub deletions: Deletions,
}

impl Endpoint for MigrateCart {
    async fn answer(&self, request: &Request) -> Result<Answer, Refusal> {
        let now = clock::now();
        let owner = Owner::User(authorized_user(request)?);
        let cookie = CartCookie::held_in(request.headers()).unwrap_or_else(|| CartCookie::Issued(Uuid::new_v4()));
        let moved = match cookie {
            CartCookie::Held(cart) => self.migrate(cart, &owner, MigrationId(Uuid::new_v4()), now).await?,
            CartCookie::Issued(_) => false,
        };
        let items = self.store.cart(&owner).await?;
        // The shop asks whenever somebody signs in; most have nothing to move.
        let counted = moved.then_some(Metric::CartMigrated);
        Ok(Visitor { owner, cookie }.answer(shown(&items, now)).counting(counted))
    }
}

impl MigrateCart {
    /// Moves every item, then asks for the emptied ones to be deleted: also for those that an earlier migration emptied, which may
    /// have been interrupted before it could ask.
    pub(crate) async fn migrate(
        &self,
        cart: CartId,
        user: &Owner,
        migration: MigrationId,
        now: Timestamp,
    ) -> Result<bool, Refusal> {
        let mut deletions = Vec::new();
        for item in self.store.cart(&Owner::Anonymous(cart)).await? {
            let product = item.product.clone();
            if let Some(migration) = self.move_item(cart, user, item, migration, now).await? {
                deletions.push(Deletion { cart, product, migration });
            }
        }
        self.deletions.request(&deletions).await.map_err(|error| Refusal::Unavailable(error.into()))?;
        Ok(deletions.iter().any(|deletion| deletion.migration == migration))
    }

    /// Moves what an item holds, if anything, and says which migration emptied it, if one did.
    async fn move_item(
        &self,
        cart: CartId,
        user: &Owner,
        mut item: Item,
        migration: MigrationId,
        now: Timestamp,
    ) -> Result<Option<MigrationId>, Refusal> {
        for attempt in 0..backoff::ATTEMPTS {
            let moving = item.held(now);
            if moving == Quantity::ZERO {
                return Ok(item.emptied_by);
            }
            let users = self.store.item(user, &item.product).await?;
            let together = users.as_ref().map_or(Quantity::ZERO, |item| item.held(now)).merged_with(moving);
            let writes = vec![
                Write::set(user, &item.product, together, &item.detail, now).if_still(users.as_ref()),
                Write::empty(cart, &item, migration, now),
            ];
            if self.store.apply_together(writes).await? == Outcome::Done {
                return Ok(Some(migration));
            }
            backoff::pause(attempt).await;
            match self.store.item(&Owner::Anonymous(cart), &item.product).await? {
                Some(stored) => item = stored,
                None => return Ok(None),
            }
        }
        Err(Contended.into())
    }
}
