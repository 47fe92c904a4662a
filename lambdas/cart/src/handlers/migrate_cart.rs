//! `POST /cart/migrate`: moves the anonymous cart of the caller's cookie into the caller's own, each item exactly once
//! (docs/adr/0010-exactly-once-migration.md).

use cart_contract::Metric;
use cart_shared::{Answer, Endpoint, Refusal};
use lambda_http::Request;
use tokio::join;
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
        let migration = MigrationId(Uuid::new_v4());
        let deletions = match cookie {
            CartCookie::Held(cart) => self.migrate(cart, &owner, migration, now).await?,
            CartCookie::Issued(_) => Vec::new(),
        };
        let (requested, items) = join!(self.request(&deletions), self.store.cart(&owner));
        requested?;
        let items = items?;
        // The shop asks whenever somebody signs in; most have nothing to move.
        let counted = deletions.iter().any(|deletion| deletion.migration == migration).then_some(Metric::CartMigrated);
        Ok(Visitor { owner, cookie }.answer(shown(&items, now)).counting(counted))
    }
}

impl MigrateCart {
    /// Moves every item, and says which are to be deleted now: also those that an earlier migration emptied, which may have been
    /// interrupted before it could ask for that.
    pub(crate) async fn migrate(
        &self,
        cart: CartId,
        user: &Owner,
        migration: MigrationId,
        now: Timestamp,
    ) -> Result<Vec<Deletion>, Refusal> {
        let mut deletions = Vec::new();
        for item in self.store.cart(&Owner::Anonymous(cart)).await? {
            let product = item.product.clone();
            if let Some(migration) = self.move_item(cart, user, item, migration, now).await? {
                deletions.push(Deletion { cart, product, migration });
            }
        }
        Ok(deletions)
    }

    /// Asks for emptied items to be deleted.
    pub(crate) async fn request(&self, deletions: &[Deletion]) -> Result<(), Refusal> {
        self.deletions.request(deletions).await.map_err(|error| Refusal::Unavailable(error.into()))
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
