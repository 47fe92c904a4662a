//! Reads the table of carts, and recounts all totals while the shop stays open (docs/adr/0020-totals-have-generations.md). Every
//! step may run twice, and running the command again continues a recount that was stopped anywhere.
//! `lambdas/cart/tests/model/rebuild.rs` checks the same steps in every order with the functions that run beside them.

use std::{
    collections::BTreeSet,
    time::{Duration, Instant},
};

use futures_util::future::try_join_all;
use tokio::time::sleep;

use crate::{
    aws::{self, carts::Carts},
    domain::{
        command::Command,
        event::{Event, Events, Recount},
        notice::Activity,
        totals::{Corrected, ItemKey, Row},
    },
    plan::totals::{Check, STUCK, Sums, Verdict, Waiting, at_rate, not_yet, portion, to_touch},
};

/// The most items of one call.
const BATCH: u32 = 100;

/// The number of items read in the time in which one may be touched. Reading costs DynamoDB little; touching makes a stream record,
/// an invocation and a transaction.
const READ_FOR_ONE_TOUCHED: u32 = 10;

/// The pause between two looks at uncounted items.
const BETWEEN: Duration = Duration::from_secs(1);

/// Why a recount did not finish.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// A call failed.
    #[error(transparent)]
    Aws(#[from] aws::Error),
    /// Changes are not being counted.
    #[error("no item was counted for {} minutes, and at least {left} are left", STUCK.as_secs() / 60)]
    Stuck {
        /// At least this many items.
        left: usize,
    },
}

impl Error {
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::Aws(error) => error.hint(),
            Self::Stuck { .. } => Some(format!(
                "check the log with {} and the queue UpdateTotalsFailures; if an older cartctl deployed this stage, run {} first. Then \
                 run the same command again to continue",
                Command::cartctl("logs UpdateTotalsHandler --errors"),
                Command::cartctl("deploy")
            )),
        }
    }
}

/// The table, and the rate of the work on it.
#[derive(Clone, Debug)]
pub(crate) struct Counting {
    pub carts: Carts,
    /// Items to touch per second, at most.
    pub rate: u32,
    pub events: Events,
}

/// The result of a check.
pub(crate) struct Checked {
    /// From the last look at the table.
    pub sums: Sums,
    /// The products with wrong totals.
    pub wrong: BTreeSet<String>,
}

impl Counting {
    /// Reads the whole table once, batch by batch.
    async fn batches(&self, mut each: impl AsyncFnMut(Vec<Row>) -> Result<(), Error>) -> Result<(), Error> {
        let mut after = None;
        loop {
            let begun = Instant::now();
            let read = self.carts.batch(BATCH, after).await?;
            each(read.rows).await?;
            after = read.next;
            if after.is_none() {
                return Ok(());
            }
            let rate = self.rate.saturating_mul(READ_FOR_ONE_TOUCHED);
            sleep(at_rate(usize::try_from(BATCH).unwrap_or(0), rate).saturating_sub(begun.elapsed())).await;
        }
    }

    /// Sums up the whole table.
    pub(crate) async fn look(&self) -> Result<Sums, Error> {
        let mut sums = Sums::default();
        let look = self.batches(async |rows| {
            for row in rows {
                sums.add(row);
            }
            Ok(())
        });
        self.events.during(Activity::ReadingCarts, look).await?;
        Ok(sums)
    }

    /// Looks again until the wrong totals are certain.
    pub(crate) async fn check(&self) -> Result<Checked, Error> {
        let begun = Instant::now();
        let mut check = Check::default();
        let mut between = BETWEEN;
        loop {
            let sums = self.look().await?;
            let wrong = match check.look(&sums, begun.elapsed()) {
                Verdict::Right => BTreeSet::new(),
                Verdict::Wrong(products) => products,
                Verdict::LookAgain => {
                    self.events.during(Activity::WaitingForCounts, sleep(between)).await;
                    between = (between * 2).min(BETWEEN * 10);
                    continue;
                }
            };
            return Ok(Checked { sums, wrong });
        }
    }

    /// Recounts all totals. `mark` has to differ from every other run's.
    pub(crate) async fn rebuild(&self, mark: &str) -> Result<Vec<Corrected>, Error> {
        let generation = self.begin().await?;
        self.touch_all(generation, mark).await?;
        let products = self.wait_for_all(generation).await?;
        let mut corrected = Vec::new();
        for product in products {
            corrected.extend(self.reach(&product, generation).await?);
        }
        self.carts.finish(generation).await?;
        Ok(corrected)
    }

    /// From here on every change is counted in the new generation as well. Continues an unfinished recount; another process that
    /// recounts at this moment works on the same generation.
    async fn begin(&self) -> Result<u64, Error> {
        loop {
            let read = self.carts.control().await?;
            let (generation, begins) = read.rebuilds();
            if !begins || self.carts.begin(read, generation).await? {
                self.events.send(Event::Recount(Recount::Begun { generation, resumed: !begins }));
                return Ok(generation);
            }
        }
    }

    /// Touches every item that is not counted in this generation, so that the stream has a record of it.
    async fn touch_all(&self, generation: u64, mark: &str) -> Result<(), Error> {
        let begun = Instant::now();
        let (mut items, mut touched) = (0, 0);
        self.batches(async |rows| {
            let found: Vec<_> = rows.into_iter().filter_map(item).collect();
            let keys: Vec<_> = found.iter().map(|(key, _)| key).collect();
            let noted = self.carts.noted(&keys).await?;
            for some in to_touch(&found, &noted, generation).chunks(portion(self.rate)) {
                let begun = Instant::now();
                let touching = some.iter().map(|item| {
                    let (carts, item, mark) = (self.carts.clone(), item.clone(), mark.to_owned());
                    async move { carts.touch(&item, &mark).await }
                });
                touched += try_join_all(touching).await?.into_iter().filter(|there| *there).count();
                self.events.send(Event::Recount(Recount::Touching { items, touched }));
                sleep(at_rate(some.len(), self.rate).saturating_sub(begun.elapsed())).await;
            }
            items += found.len();
            self.events.send(Event::Recount(Recount::Touching { items, touched }));
            Ok(())
        })
        .await?;
        self.events.send(Event::Recount(Recount::Touched { items, touched, took: begun.elapsed() }));
        Ok(())
    }

    /// Waits until every item is counted in this generation, or deleted. Returns the products of all items and totals.
    async fn wait_for_all(&self, generation: u64) -> Result<BTreeSet<String>, Error> {
        let begun = Instant::now();
        let mut products = BTreeSet::new();
        let mut items = 0;
        self.batches(async |rows| {
            let mut waiting = Vec::new();
            for row in rows {
                match row {
                    Row::Item { key, quantity } => {
                        // The first count of a product may have created its total after this scan passed.
                        products.insert(key.product.clone());
                        // An uncountable item is not waited for.
                        waiting.extend(quantity.map(|_| key));
                    }
                    Row::Total { product, .. } => drop(products.insert(product)),
                    Row::Note { .. } => {}
                }
            }
            items += waiting.len();
            self.wait_for(waiting, generation, items).await
        })
        .await?;
        self.events.send(Event::Recount(Recount::Counted { items, took: begun.elapsed() }));
        Ok(products)
    }

    /// `items` is the number of counted items after this wait.
    async fn wait_for(&self, waiting: Vec<ItemKey>, generation: u64, items: usize) -> Result<(), Error> {
        let mut waiting = self.not_yet(waiting, generation).await?;
        let (begun, mut patience) = (Instant::now(), Waiting::default());
        while !waiting.is_empty() {
            self.events.send(Event::Recount(Recount::Waiting { counted: items - waiting.len(), left: waiting.len() }));
            if patience.is_stuck(waiting.len(), begun.elapsed()) {
                return Err(Error::Stuck { left: waiting.len() });
            }
            sleep(BETWEEN).await;
            waiting = self.not_yet(waiting, generation).await?;
            let there = self.carts.present(&waiting.iter().collect::<Vec<_>>()).await?;
            waiting.retain(|item| there.contains(item));
        }
        Ok(())
    }

    async fn not_yet(&self, items: Vec<ItemKey>, generation: u64) -> Result<Vec<ItemKey>, Error> {
        let noted = self.carts.noted(&items.iter().collect::<Vec<_>>()).await?;
        Ok(not_yet(items, &noted, generation))
    }

    /// Brings one total into this generation, unless it is in it already.
    async fn reach(&self, product: &str, generation: u64) -> Result<Option<Corrected>, Error> {
        while let Some(update) = self.carts.total(product).await?.and_then(|read| read.reach(generation)) {
            if let Some(corrected) = self.carts.reach(product, update, generation).await? {
                return Ok(Some(corrected));
            }
        }
        Ok(None)
    }
}

fn item(row: Row) -> Option<(ItemKey, Option<i64>)> {
    match row {
        Row::Item { key, quantity } => Some((key, quantity)),
        Row::Note { .. } | Row::Total { .. } => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_gives_up_says_where_to_look() {
        let error = Error::Stuck { left: 3 };
        assert_eq!(error.to_string(), "no item was counted for 10 minutes, and at least 3 are left");
        let hint = error.hint().unwrap();
        assert!(hint.contains("UpdateTotalsFailures") && hint.ends_with("Then run the same command again to continue"), "{hint}");
        assert_eq!(crate::error::Error::from(error).exit_code(), crate::domain::exit::ExitCode::Failed);
    }
}
