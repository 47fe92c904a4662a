//! All writes of the table, each with its condition. Pure: builds what [`super::Store`] carries out. Every write of an item renews its expiry,
//! and every one except a migration's own clears the mark of a migration.

use std::time::Duration;

use cart_contract::table::{
    Generations,
    attribute::{
        COUNTED, COUNTED_UP_TO, EXPIRATION_TIME, GENERATION, MIGRATION, PK, PRODUCT_DETAIL, QUANTITY, REBUILDING, REBUILT,
    },
};
use cart_shared::ProductId;
use serde_json::Value;

use super::attributes::{AttributeValue, Attributes, item_key, note_key, to_attribute, to_number, total_key};
use crate::{
    clock::Timestamp,
    deletions::Deletion,
    item::{Item, MigrationId},
    ledger::{Addition, ItemKey, Note},
    owner::{CartId, Owner},
    quantity::Quantity,
};

/// How long a note lives after its item is gone from the total. A stream keeps its records for one day; the rest is margin.
const REMEMBERED: Duration = Duration::from_hours(3 * 24);

/// One write with its condition.
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
    /// Sets the quantity of an item.
    pub fn set(owner: &Owner, product: &ProductId, quantity: Quantity, detail: &Value, now: Timestamp) -> Self {
        let update =
            format!("SET {QUANTITY} = :quantity, {PRODUCT_DETAIL} = :detail, {EXPIRATION_TIME} = :expires REMOVE {MIGRATION}");
        Self::update(item_key(owner, product), &update)
            .with(":quantity", to_number(quantity.get()))
            .with(":detail", to_attribute(detail))
            .with(":expires", to_number((now + owner.lifetime()).0))
    }

    /// Empties an item and marks it with the migration, if the item is still as it was read.
    pub fn empty(cart: CartId, item: &Item, migration: MigrationId, now: Timestamp) -> Self {
        let owner = Owner::Anonymous(cart);
        let update = format!("SET {QUANTITY} = :quantity, {MIGRATION} = :migration, {EXPIRATION_TIME} = :expires");
        Self::update(item_key(&owner, &item.product), &update)
            .with(":quantity", to_number(0))
            .with(":migration", AttributeValue::S(migration.0.to_string()))
            .with(":expires", to_number((now + owner.lifetime()).0))
            .if_still(Some(item))
    }

    /// Deletes an item, if it is still as it was read.
    pub fn take_out(owner: &Owner, item: &Item) -> Self {
        Self::delete(item_key(owner, &item.product)).if_still(Some(item))
    }

    /// Deletes an item that a migration emptied, if it was not written since.
    pub fn bury(deletion: &Deletion) -> Self {
        Self::delete(item_key(&Owner::Anonymous(deletion.cart), &deletion.product))
            .only_if(format!("{MIGRATION} = :migration AND {QUANTITY} = :none"))
            .with(":migration", AttributeValue::S(deletion.migration.0.to_string()))
            .with(":none", to_number(0))
    }

    /// Adds a change to the total of its product, if the total is still as it was read: missing, or of the same generations. Always in one
    /// transaction with [`Write::remember`].
    pub fn count(product: &ProductId, read: Option<Generations>, addition: Addition) -> Self {
        let Addition { change, recount, generations } = addition;
        let mut write = Self::update(total_key(product), &format!("ADD {QUANTITY} :change")).with(":change", to_number(change));
        // An expression may have each clause once.
        let mut set = Vec::new();
        if read.is_none() && generations.of > 0 {
            set.push(format!("{GENERATION} = :generation"));
            write = write.with(":generation", to_number(generations.of));
        }
        if let (Some(recount), Some(rebuilding)) = (recount, generations.rebuilding) {
            write = write.with(":recount", to_number(recount));
            if read.and_then(|read| read.rebuilding) == Some(rebuilding) {
                write = write.and(&format!(", {REBUILT} :recount"));
            } else {
                set.extend([format!("{REBUILT} = :recount"), format!("{REBUILDING} = :rebuilding")]);
                write = write.with(":rebuilding", to_number(rebuilding));
            }
        }
        if !set.is_empty() {
            write = write.and(&format!(" SET {}", set.join(", ")));
        }
        write.if_still_of(read)
    }

    /// Writes the note about an item, if the note is still as it was read. The note of an item that is part of a total does not expire.
    pub fn remember((owner, product): ItemKey<'_>, read: Option<&Note>, note: &Note, now: Timestamp) -> Self {
        let counted = note.counted.unwrap_or(0);
        let key = note_key(owner, product);
        let update = format!("SET {COUNTED_UP_TO} = :sequence, {COUNTED} = :counted, {GENERATION} = :generation");
        let write = if counted == 0 {
            let update = format!("{update}, {EXPIRATION_TIME} = :expires");
            Self::update(key, &update).with(":expires", to_number((now + REMEMBERED).0))
        } else {
            Self::update(key, &format!("{update} REMOVE {EXPIRATION_TIME}"))
        };
        let write = write
            .with(":sequence", AttributeValue::S(note.up_to.to_string()))
            .with(":counted", to_number(counted))
            .with(":generation", to_number(note.generation));
        match read {
            None => write.only_if_absent(),
            Some(read) => {
                write.only_if(format!("{COUNTED_UP_TO} = :read")).with(":read", AttributeValue::S(read.up_to.to_string()))
            }
        }
    }

    fn if_still_of(mut self, read: Option<Generations>) -> Self {
        let Some(Generations { of, rebuilding }) = read else { return self.only_if_absent() };
        let mut conditions = vec![format!("attribute_exists({PK})")];
        for (name, value) in [(GENERATION, Some(of).filter(|of| *of > 0)), (REBUILDING, rebuilding)] {
            if let Some(value) = value {
                conditions.push(format!("{name} = :{name}Read"));
                self = self.with(&format!(":{name}Read"), to_number(value));
            } else {
                conditions.push(format!("attribute_not_exists({name})"));
            }
        }
        self.only_if(conditions.join(" AND "))
    }

    /// Only if the item is still as it was read: missing, or with the same quantity and expiry. If it was changed and changed back in
    /// between, the write is still right.
    pub fn if_still(self, read: Option<&Item>) -> Self {
        match read {
            None => self.only_if_absent(),
            Some(item) => self
                .only_if(format!("{QUANTITY} = :readQuantity AND {EXPIRATION_TIME} = :readExpires"))
                .with(":readQuantity", to_number(item.stored))
                .with(":readExpires", to_number(item.expires.0)),
        }
    }

    fn update(key: Attributes, expression: &str) -> Self {
        Self { key, action: Action::Update(expression.to_owned()), condition: None, values: Attributes::new() }
    }

    fn delete(key: Attributes) -> Self {
        Self { key, action: Action::Delete, condition: None, values: Attributes::new() }
    }

    fn and(mut self, clause: &str) -> Self {
        if let Action::Update(expression) = &mut self.action {
            expression.push_str(clause);
        }
        self
    }

    fn only_if(mut self, condition: String) -> Self {
        self.condition = Some(condition);
        self
    }

    fn only_if_absent(self) -> Self {
        self.only_if(format!("attribute_not_exists({PK})"))
    }

    fn with(mut self, name: &str, value: AttributeValue) -> Self {
        self.values.insert(name.to_owned(), value);
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
        let deletion = Deletion { cart: cart(), product: product(), migration: MigrationId(Uuid::nil()) };
        let mut writes: Vec<_> = every_item_write().into_iter().map(|(_, write)| write).collect();
        writes.extend([Write::take_out(&user(), &item()), Write::bury(&deletion)]);
        writes.extend(every_count());
        for write in writes {
            let update = if let Action::Update(expression) = &write.action { expression.as_str() } else { "" };
            for clause in ["SET", "ADD", "REMOVE"] {
                assert!(update.split(' ').filter(|word| *word == clause).count() <= 1, "DynamoDB refuses anything else: {update}");
            }
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

    fn note(counted: i64) -> Note {
        Note { up_to: "7".parse().unwrap(), counted: Some(counted), generation: 1 }
    }

    /// The writes for every kind of total and of note.
    fn every_count() -> Vec<Write> {
        let generations = |of, rebuilding| Generations { of, rebuilding };
        let mut writes = Vec::new();
        for (read, of, recount) in [
            (None, 0, None),
            (None, 2, None),
            (None, 0, Some(2)),
            (None, 1, Some(2)),
            (Some(generations(0, None)), 0, None),
            (Some(generations(1, None)), 1, None),
            (Some(generations(0, None)), 0, Some(2)),
            (Some(generations(0, Some(2))), 0, Some(2)),
            (Some(generations(1, Some(1))), 1, Some(2)),
            (Some(generations(1, Some(2))), 1, Some(2)),
        ] {
            let addition = Addition { change: 1, recount: recount.map(|_| 3), generations: generations(of, recount) };
            writes.push(Write::count(&product(), read, addition));
        }
        for (read, counted) in [(None, 0), (Some(note(1)), 0), (None, 1), (Some(note(1)), 1)] {
            writes.push(Write::remember(("user#a", &product()), read.as_ref(), &note(counted), NOW));
        }
        writes
    }

    #[test]
    fn what_was_left_by_another_rebuild_is_not_added_to() {
        let read = Generations { of: 1, rebuilding: Some(1) };
        let addition = Addition { change: 1, recount: Some(3), generations: Generations { of: 1, rebuilding: Some(2) } };
        let Action::Update(update) = Write::count(&product(), Some(read), addition).action else { panic!("it is an update") };
        assert_eq!(update, "ADD quantity :change SET rebuilt = :recount, rebuilding = :rebuilding");
    }

    #[test]
    fn a_note_lives_as_long_as_its_item_counts_and_then_outlives_the_stream() {
        let counted = Write::remember(("user#a", &product()), None, &note(2), NOW);
        let Action::Update(update) = &counted.action else { panic!("it is an update") };
        assert!(update.ends_with("REMOVE expirationTime"), "{update}");
        assert_eq!(counted.key["pk"], AttributeValue::S("counted#user#a".to_owned()));
        let gone = Write::remember(("user#a", &product()), None, &note(0), NOW);
        assert_eq!(gone.values[":expires"], to_number(NOW.0 + 259_200));
    }
}
