//! All that counting a change depends on, as it was read last: the notes about items, the generations of totals, and the newest generation
//! that was begun. Other writers do no harm: the condition of every write names what it was decided on.

use std::collections::{BTreeSet, HashMap};

use cart_contract::table::{Generations, Kept};
use cart_shared::ProductId;

use super::{
    Store, StoreError,
    attributes::{self, Attributes, Damaged},
    write::Write,
};
use crate::{
    clock::Timestamp,
    ledger::{self, Entry, ItemKey, Note, Together},
};

/// The books, as they were read last.
#[derive(Debug, Default)]
pub struct Books {
    begun: u64,
    notes: HashMap<(String, String), Note>,
    totals: HashMap<String, Generations>,
}

impl Store {
    /// The part of the books that these changes need, read consistently.
    ///
    /// # Errors
    /// As [`Store::all`], and [`StoreError::Damaged`].
    pub async fn books<'a>(&self, entries: impl IntoIterator<Item = &'a Entry>) -> Result<Books, StoreError> {
        let (mut notes, mut totals) = (BTreeSet::new(), BTreeSet::new());
        for Entry { owner, product, .. } in entries {
            notes.insert((owner, product));
            totals.insert(product);
        }
        let mut keys = vec![attributes::control_key()];
        keys.extend(notes.into_iter().map(|(owner, product)| attributes::note_key(owner, product)));
        keys.extend(totals.into_iter().map(attributes::total_key));
        let mut books = Books::default();
        for item in self.all(&keys).await? {
            books.enter(&item)?;
        }
        Ok(books)
    }
}

impl Books {
    fn enter(&mut self, item: &Attributes) -> Result<(), Damaged> {
        let (pk, sk) = attributes::keys(item)?;
        match Kept::under(pk, sk) {
            Kept::Note { owner, product } => {
                self.notes.insert((owner.to_owned(), product.to_owned()), attributes::note(item)?);
            }
            Kept::Total { product } => {
                self.totals.insert(product.to_owned(), attributes::generations(item)?);
            }
            Kept::Item { .. } | Kept::Else => self.begun = attributes::begun(item)?,
        }
        Ok(())
    }

    fn note(&self, (owner, product): ItemKey<'_>) -> Option<&Note> {
        self.notes.get(&(owner.to_owned(), product.to_string()))
    }

    fn total(&self, product: &ProductId) -> Option<Generations> {
        self.totals.get(product.as_str()).copied()
    }

    /// How the first of these changes are counted, as many as one transaction can hold.
    #[must_use]
    pub fn count<'a>(&self, changes: impl IntoIterator<Item = &'a Entry>) -> Together<'a> {
        ledger::count_together(changes, Store::TOGETHER, |entry| self.note(entry.item()), |product| self.total(product), self.begun)
    }

    /// The writes of one transaction that count them. None, if they are counted already.
    #[must_use]
    pub fn writes(&self, together: &Together<'_>, now: Timestamp) -> Vec<Write> {
        let notes = together.notes.iter().map(|(item, note)| Write::remember(*item, self.note(*item), note, now));
        let totals = together.totals.iter().map(|(product, addition)| Write::count(product, self.total(product), *addition));
        notes.chain(totals).collect()
    }

    /// Enters what was written.
    pub fn written(&mut self, together: Together<'_>) {
        let notes = together.notes.into_iter().map(|((owner, product), note)| ((owner.to_owned(), product.to_string()), note));
        self.notes.extend(notes);
        self.totals.extend(together.totals.into_iter().map(|(product, addition)| (product.to_string(), addition.generations)));
    }

    /// Replaces the part of the books that these changes need by a newer one.
    pub fn refresh<'a>(&mut self, changes: impl IntoIterator<Item = &'a Entry>, read: Self) {
        for Entry { owner, product, .. } in changes {
            self.notes.remove(&(owner.clone(), product.to_string()));
            self.totals.remove(product.as_str());
        }
        self.notes.extend(read.notes);
        self.totals.extend(read.totals);
        self.begun = read.begun;
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, collections::BTreeSet};

    use proptest::{prelude::*, test_runner::TestRunner};

    use super::*;

    const NOW: Timestamp = Timestamp(1_000_000);

    /// Changes of random items, in the order of the stream.
    fn changes() -> impl Strategy<Value = Vec<Entry>> {
        (1..120_u32, 1..120_u32).prop_flat_map(|(owners, products)| {
            prop::collection::vec((0..owners, 0..products, 0..9_i64, 0..9_i64), 1..200).prop_map(|changes| {
                let entry = |(place, (owner, product, old, new)): (usize, _)| Entry {
                    owner: format!("user#{owner}"),
                    product: format!("p{product}").parse().unwrap(),
                    old,
                    new,
                    sequence: (place + 1).to_string().parse().unwrap(),
                };
                changes.into_iter().enumerate().map(entry).collect()
            })
        })
    }

    /// Happens in some case of the property, or that proves less than it says.
    const COVERED: [&str; 4] = ["as many as fit", "several changes of an item", "several transactions", "one transaction"];

    #[test]
    fn what_is_written_together_is_a_transaction_and_everything_is() {
        let covered = RefCell::<BTreeSet<_>>::default();
        let run = TestRunner::new(ProptestConfig::with_source_file(file!())).run(&changes(), |changes| {
            let cover = |what, happened: bool| covered.borrow_mut().extend(happened.then_some(what));
            let mut books = Books::default();
            let mut due = &changes[..];
            let mut transactions = 0;
            while !due.is_empty() {
                let together = books.count(due);
                let writes = books.writes(&together, NOW);
                prop_assert!(writes.len() <= Store::TOGETHER);
                let keys: BTreeSet<_> = writes.iter().map(|write| attributes::keys(&write.key).unwrap()).collect();
                prop_assert_eq!(keys.len(), writes.len(), "no item twice");
                prop_assert!(together.changes == due.len() || writes.len() + 2 > Store::TOGETHER, "as many as there is room for");
                cover("as many as fit", writes.len() == Store::TOGETHER);
                cover("several changes of an item", together.changes > writes.len());
                transactions += 1;
                due = &due[together.changes..];
                books.written(together);
            }
            cover(if transactions == 1 { "one transaction" } else { "several transactions" }, true);
            for entry in &changes {
                let last = changes.iter().rfind(|last| last.item() == entry.item()).unwrap();
                let noted = books.note(entry.item()).map(|note| (&note.up_to, note.counted));
                prop_assert_eq!(noted, Some((&last.sequence, Some(last.new))));
            }
            prop_assert_eq!(books.writes(&books.count(&changes), NOW), [], "all of it is counted");
            Ok(())
        });
        run.unwrap();
        assert_eq!(covered.into_inner(), COVERED.into());
    }
}
