//! `POST /cart/migrate`: moves the anonymous cart of the caller's cookie into the user's cart, each item exactly once
//! (docs/adr/0010-exactly-once-migration.md).

use cart_contract::{CookieScope, Metric};
use cart_shared::{Answer, Endpoint, Refusal, Request};
use tokio::join;
use uuid::Uuid;

use crate::{
    backoff::{self, Contended},
    clock::{self, Timestamp},
    deletions::{Deletion, Deletions},
    identity::{SignedIn, Visitor, cookie::CartCookie},
    item::{Item, MigrationId, shown},
    owner::{CartId, Owner},
    quantity::Quantity,
    store::{Outcome, Store, write::Write},
};

/// The function of `POST /cart/migrate`.
#[derive(Debug)]
pub struct MigrateCart {
    /// Recognizes the caller.
    pub signed_in: SignedIn,
    /// The table of carts.
    pub store: Store,
    /// The queue of emptied items.
    pub deletions: Deletions,
    /// The scope of the cookie that names the anonymous cart.
    pub cookies: CookieScope,
}

impl Endpoint for MigrateCart {
    async fn answer(&self, request: &Request) -> Result<Answer, Refusal> {
        let now = clock::now();
        let owner = Owner::User(self.signed_in.user(request)?);
        let cookie = CartCookie::of(&request.headers, self.cookies, Uuid::new_v4());
        let migration = MigrationId(Uuid::new_v4());
        let Moved { deletions, users } = match cookie.held() {
            Some(cart) => self.migrate(cart, &owner, migration, now).await?,
            None => Moved::default(),
        };
        let users = async {
            match users {
                Some(users) => Ok(users),
                None => self.store.cart(&owner).await,
            }
        };
        let (requested, users) = join!(self.request(&deletions), users);
        requested?;
        let users = users?;
        // The shop calls this at every sign-in. Most anonymous carts are empty, and count as no migration.
        let counted = deletions.iter().any(|deletion| deletion.migration == migration).then_some(Metric::CartMigrated);
        Ok(Visitor { owner, cookie }.answer(&shown(&users, now)).counting(counted))
    }
}

/// The result of a migration.
#[derive(Debug, Default)]
pub struct Moved {
    /// The items that are empty now, and can be deleted.
    pub deletions: Vec<Deletion>,
    /// The user's cart. None, if it has to be read again.
    users: Option<Vec<Item>>,
}

impl MigrateCart {
    /// Moves every item, all together or, if one transaction cannot hold them, in several transactions. Items that change in between are
    /// read again.
    ///
    /// The deletions include items that an earlier migration emptied: it may have been interrupted before it could send them.
    ///
    /// # Errors
    /// Those of the store, and [`Refusal::Unavailable`] if the items kept changing.
    pub async fn migrate(&self, cart: CartId, user: &Owner, migration: MigrationId, now: Timestamp) -> Result<Moved, Refusal> {
        let mut attempt = 0;
        while attempt < backoff::ATTEMPTS {
            let anonymous = Owner::Anonymous(cart);
            let (items, users) = join!(self.store.cart(&anonymous), self.store.cart(user));
            let (items, users) = (items?, users?);
            let held: Vec<_> = items.iter().filter(|item| item.holds_any(now)).collect();
            let moving = &held[..held.len().min(AT_ONCE)];
            if !moving.is_empty() {
                let writes = moving.iter().flat_map(|item| moves(cart, user, item, &users, migration, now));
                if self.store.apply_together(writes.collect()).await? != Outcome::Done {
                    self.store.pause(attempt).await;
                    attempt += 1;
                    continue;
                }
            }
            if moving.len() == held.len() {
                let deletions = emptied(cart, &items, migration, now);
                // If another migration emptied an item, it may have written the user's cart after this one read it.
                let alone = items.iter().all(|item| item.holds_any(now) || item.emptied_by == Some(migration));
                return Ok(Moved { deletions, users: alone.then(|| with_moved(users, items, user, now)) });
            }
        }
        Err(Contended.into())
    }

    /// Sends deletions to the queue.
    ///
    /// # Errors
    /// [`Refusal::Unavailable`], if some may not be in the queue.
    pub async fn request(&self, deletions: &[Deletion]) -> Result<(), Refusal> {
        self.deletions.request(deletions).await.map_err(|error| Refusal::Unavailable(error.into()))
    }
}

/// The most items of one transaction: each takes two writes.
const AT_ONCE: usize = Store::TOGETHER / 2;

/// The two writes that move an item, if it and the user's item are still as they were read.
fn moves(cart: CartId, user: &Owner, item: &Item, users: &[Item], migration: MigrationId, now: Timestamp) -> [Write; 2] {
    let users = users.iter().find(|users| users.product == item.product);
    let together = together(item, users, now);
    [Write::set(user, &item.product, together, &item.detail, now).if_still(users), Write::empty(cart, item, migration, now)]
}

/// How many the user holds of an item's product after the move.
fn together(item: &Item, users: Option<&Item>, now: Timestamp) -> Quantity {
    users.map_or(Quantity::ZERO, |users| users.held(now)).merged_with(item.held(now))
}

/// The user's cart after these items were moved into it, in the order of the table.
fn with_moved(mut users: Vec<Item>, items: Vec<Item>, user: &Owner, now: Timestamp) -> Vec<Item> {
    for item in items.into_iter().filter(|item| item.holds_any(now)) {
        let place = users.iter().position(|users| users.product == item.product);
        let before = place.map(|place| users.swap_remove(place));
        let stored = together(&item, before.as_ref(), now).get().into();
        users.push(Item { stored, expires: now + user.lifetime(), ..item });
    }
    users.sort_unstable_by(|one, other| one.product.cmp(&other.product));
    users
}

/// The deletions of all empty items: this migration emptied those that held something, an earlier one those with its mark.
fn emptied(cart: CartId, items: &[Item], migration: MigrationId, now: Timestamp) -> Vec<Deletion> {
    let by = |item: &Item| if item.holds_any(now) { Some(migration) } else { item.emptied_by };
    let deletion = |item: &Item| Some(Deletion { cart, product: item.product.clone(), migration: by(item)? });
    items.iter().filter_map(deletion).collect()
}
