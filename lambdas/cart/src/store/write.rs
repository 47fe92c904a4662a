//! Everything that is ever written to the table, each with the condition under which it may be. Pure: builds what [`super::Store`]
//! carries out. Every write of an item says when it expires, and all but a migration's own clear the mark of a migration.

use std::time::Duration;

use aws_sdk_dynamodb::types::AttributeValue;
use cart_shared::ProductId;
use serde_json::Value;

use super::attributes::{Attributes, counted_key, item_key, to_attribute, to_number, total_key};
use crate::{
    clock::Timestamp,
    deletions::Deletion,
    item::{Item, MigrationId},
    ledger::Entry,
    owner::{CartId, Owner},
    quantity::Quantity,
};

/// How long it is remembered which change of an item was counted last. A stream keeps its records for one day; the rest is margin.
const REMEMBERED: Duration = Duration::from_hours(3 * 24);

/// One write, complete with its condition.
#[derive(Clone, Debug, PartialEq)]
#[must_use = "a write does nothing until the store applies it"]
pub struct Write {
    pub(super) key: Attributes,
    pub(super) action: Action,
    pub(super) condition: Option<String>,
    pub(super) values: Attributes,
}

#[derive(Clone, Debug, PartialEq)]
pub(super) enum Action {
    Update(String),
    Delete,
}

impl Write {
    /// Sets what a cart holds of a product.
    pub fn set(owner: &Owner, product: &ProductId, quantity: Quantity, detail: &Value, now: Timestamp) -> Self {
        let update = "SET quantity = :quantity, productDetail = :detail, expirationTime = :expires REMOVE migration";
        Self::update(item_key(owner, product), update)
            .with("quantity", to_number(quantity.get()))
            .with("detail", to_attribute(detail))
            .with("expires", to_number((now + owner.lifetime()).0))
    }

    /// Empties an item in the name of a migration, if it is still as it was read.
    pub fn empty(cart: CartId, item: &Item, migration: MigrationId, now: Timestamp) -> Self {
        let owner = Owner::Anonymous(cart);
        let update = "SET quantity = :quantity, migration = :migration, expirationTime = :expires";
        Self::update(item_key(&owner, &item.product), update)
            .with("quantity", to_number(0))
            .with("migration", AttributeValue::S(migration.0.to_string()))
            .with("expires", to_number((now + owner.lifetime()).0))
            .if_still(Some(item))
    }

    /// Deletes an item, if it is still as it was read.
    pub fn take_out(owner: &Owner, item: &Item) -> Self {
        Self::delete(item_key(owner, &item.product)).if_still(Some(item))
    }

    /// Deletes an item, if it is still as the migration left it.
    pub fn bury(deletion: &Deletion) -> Self {
        Self::delete(item_key(&Owner::Anonymous(deletion.cart), &deletion.product))
            .only_if("migration = :migration AND quantity = :none")
            .with("migration", AttributeValue::S(deletion.migration.0.to_string()))
            .with("none", to_number(0))
    }

    /// Adds a change to the total of its product. Belongs together with [`Write::remember`].
    pub fn count(entry: &Entry) -> Self {
        Self::update(total_key(&entry.product), "ADD quantity :change").with("change", to_number(entry.change))
    }

    /// Notes that a change is counted, if neither it nor a later one of the same item is already.
    pub fn remember(entry: &Entry, now: Timestamp) -> Self {
        let update = "SET countedUpTo = :sequence, expirationTime = :expires";
        Self::update(counted_key(&entry.owner, &entry.product), update)
            .only_if("attribute_not_exists(pk) OR countedUpTo < :sequence")
            .with("sequence", AttributeValue::S(entry.sequence.to_string()))
            .with("expires", to_number((now + REMEMBERED).0))
    }

    /// Only if the item is still as it was read: not there, or with the same quantity until the same time. Whatever happened to it in
    /// between, a write that was decided on that state is right in it.
    pub fn if_still(self, read: Option<&Item>) -> Self {
        match read {
            None => self.only_if("attribute_not_exists(pk)"),
            Some(item) => self
                .only_if("quantity = :readQuantity AND expirationTime = :readExpires")
                .with("readQuantity", to_number(item.stored))
                .with("readExpires", to_number(item.expires.0)),
        }
    }

    fn update(key: Attributes, expression: &str) -> Self {
        Self { key, action: Action::Update(expression.to_owned()), condition: None, values: Attributes::new() }
    }

    fn delete(key: Attributes) -> Self {
        Self { key, action: Action::Delete, condition: None, values: Attributes::new() }
    }

    fn only_if(mut self, condition: &str) -> Self {
        self.condition = Some(condition.to_owned());
        self
    }

    fn with(mut self, name: &str, value: AttributeValue) -> Self {
        self.values.insert(format!(":{name}"), value);
        self
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);

    fn user() -> Owner {
        "user#a".parse().unwrap()
    }

    fn cart() -> CartId {
        CartId(Uuid::nil())
    }

    fn product() -> ProductId {
        "mug".parse().unwrap()
    }

    fn item() -> Item {
        Item { product: product(), stored: 2, expires: Timestamp(5), detail: json!({}), emptied_by: None }
    }

    fn every_item_write() -> Vec<(Owner, Write)> {
        let mut writes = vec![(Owner::Anonymous(cart()), Write::empty(cart(), &item(), MigrationId(Uuid::nil()), NOW))];
        for owner in [user(), Owner::Anonymous(cart())] {
            let set = Write::set(&owner, &product(), Quantity::ZERO, &json!({}), NOW);
            writes.push((owner.clone(), set.clone().if_still(None)));
            writes.push((owner.clone(), set.clone().if_still(Some(&item()))));
            writes.push((owner, set));
        }
        writes
    }

    #[test]
    fn every_write_of_an_item_renews_its_life_by_the_kind_of_its_owner() {
        for (owner, write) in every_item_write() {
            let Action::Update(expression) = &write.action else { panic!("{write:?}") };
            assert!(expression.contains("expirationTime = :expires"), "{expression}");
            assert_eq!(write.values[":expires"], to_number(NOW.0 + owner.lifetime().as_secs()), "{write:?}");
            assert!(expression.contains("REMOVE migration") ^ expression.contains("migration = :migration"), "{expression}");
        }
    }

    #[test]
    fn every_value_is_used_and_every_name_has_a_value() {
        let entry = Entry { owner: "user#a".to_owned(), product: product(), change: 1, sequence: "7".parse().unwrap() };
        let deletion = Deletion { cart: cart(), product: product(), migration: MigrationId(Uuid::nil()) };
        let mut writes: Vec<_> = every_item_write().into_iter().map(|(_, write)| write).collect();
        writes.extend([
            Write::take_out(&user(), &item()),
            Write::bury(&deletion),
            Write::count(&entry),
            Write::remember(&entry, NOW),
        ]);
        for write in writes {
            let update = if let Action::Update(expression) = &write.action { expression.as_str() } else { "" };
            let text = format!("{update} {}", write.condition.as_deref().unwrap_or_default());
            let mut used: Vec<_> = text
                .split(|character: char| !character.is_ascii_alphanumeric() && character != ':')
                .filter(|word| word.starts_with(':'))
                .collect();
            used.sort_unstable();
            used.dedup();
            let mut given: Vec<_> = write.values.keys().collect();
            given.sort_unstable();
            assert_eq!(used, given, "DynamoDB refuses anything else: {text}");
        }
    }

    #[test]
    fn a_note_of_what_is_counted_outlives_the_stream() {
        let entry = Entry { owner: "user#a".to_owned(), product: product(), change: 1, sequence: "7".parse().unwrap() };
        let note = Write::remember(&entry, NOW);
        assert_eq!(note.values[":expires"], to_number(NOW.0 + 259_200));
        assert_eq!(note.key["pk"], AttributeValue::S("counted#user#a".to_owned()));
    }
}
