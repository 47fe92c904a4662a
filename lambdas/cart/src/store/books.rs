//! What is noted of items, what totals count, and the newest generation that was begun: all that counting a change depends on, as
//! it was read last. That somebody else writes in the meantime is no harm: every write says what it was decided on.

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
    ledger::{self, Count, Entry, Note},
};

/// What was read last.
#[derive(Debug, Default)]
pub struct Books {
    begun: u64,
    notes: HashMap<(String, String), Note>,
    totals: HashMap<String, Generations>,
}

impl Store {
    /// The books, as far as these changes need them, as they are at this moment.
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
        keys.extend(notes.into_iter().map(|(owner, product)| attributes::counted_key(owner, product)));
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

    fn note(&self, entry: &Entry) -> Option<&Note> {
        self.notes.get(&(entry.owner.clone(), entry.product.to_string()))
    }

    fn total(&self, product: &ProductId) -> Option<Generations> {
        self.totals.get(product.as_str()).copied()
    }

    /// How a change is counted. None, if it is counted already.
    #[must_use]
    pub fn count(&self, entry: &Entry) -> Option<Count> {
        ledger::count(entry, self.note(entry), self.total(&entry.product), self.begun)
    }

    /// What has to be written together to count it.
    #[must_use]
    pub fn writes(&self, entry: &Entry, count: &Count, now: Timestamp) -> Vec<Write> {
        let note = Write::remember(entry, self.note(entry), &count.note, now);
        let total = count.total.map(|addition| Write::count(&entry.product, self.total(&entry.product), addition));
        std::iter::once(note).chain(total).collect()
    }

    /// Takes down what was written.
    pub fn written(&mut self, entry: &Entry, count: Count) {
        if let Some(addition) = count.total {
            self.totals.insert(entry.product.to_string(), addition.generations);
        }
        self.notes.insert((entry.owner.clone(), entry.product.to_string()), count.note);
    }

    /// Replaces what is known of one change by what was read anew.
    pub fn refresh(&mut self, entry: &Entry, read: Self) {
        self.notes.remove(&(entry.owner.clone(), entry.product.to_string()));
        self.totals.remove(entry.product.as_str());
        self.notes.extend(read.notes);
        self.totals.extend(read.totals);
        self.begun = read.begun;
    }
}
