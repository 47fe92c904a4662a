//! Decides which totals are wrong, and what a recount still has to do. Knows of the table only what was read.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use cart_contract::table::{Generations, Noted};

use crate::domain::totals::{ItemKey, Row};

/// How long a total may lag before it is wrong: its function is called at most a minute after a change (the batching window
/// in `infra/src/stacks/cart.rs`), and needs time to count.
pub(crate) const BEHIND: Duration = Duration::from_secs(90);

/// A recount gives up after this long without progress: several times the window.
pub(crate) const STUCK: Duration = Duration::from_mins(10);

/// The sums over all items read, by product.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Sums {
    products: BTreeMap<String, Sum>,
    /// The number of items in carts.
    pub items: u64,
    /// The number of items whose quantity cannot be counted.
    pub unreadable: u64,
}

#[derive(Clone, Debug, Default, PartialEq, Eq)]
struct Sum {
    held: i64,
    /// By generation.
    noted: BTreeMap<u64, i64>,
    total: Option<i64>,
    generations: Generations,
}

/// The quantities of a product.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Standing {
    /// The product's id.
    pub product: String,
    /// The quantity in all carts.
    pub held: i64,
    /// The quantity recorded as counted in the total.
    noted: i64,
    /// None, if the stored total is not a number.
    pub total: Option<i64>,
}

impl Standing {
    /// Whether the total equals the quantity in carts. A missing total counts as 0.
    pub(crate) fn is_right(&self) -> bool {
        self.total == Some(self.held) || (self.total.is_none() && self.held == 0)
    }
}

impl Sums {
    pub(crate) fn add(&mut self, row: Row) {
        match row {
            Row::Item { quantity: None, .. } => {
                self.items += 1;
                self.unreadable += 1;
            }
            Row::Item { key, quantity: Some(quantity) } => {
                self.items += 1;
                self.of(key.product).held += quantity;
            }
            Row::Note { key, noted } => {
                *self.of(key.product).noted.entry(noted.generation).or_default() += noted.counted.unwrap_or(0);
            }
            Row::Total { product, quantity, generations } => {
                let sum = self.of(product);
                (sum.total, sum.generations) = (quantity, generations);
            }
        }
    }

    fn of(&mut self, product: String) -> &mut Sum {
        self.products.entry(product).or_default()
    }

    /// One for each product.
    pub(crate) fn standings(&self) -> Vec<Standing> {
        let standing = |(product, sum): (&String, &Sum)| Standing {
            product: product.clone(),
            held: sum.held,
            noted: sum.noted.range(sum.generations.of..).map(|(_, noted)| noted).sum(),
            total: sum.total,
        };
        self.products.iter().map(standing).collect()
    }
}

/// A check of totals over several looks at the table. Customers keep shopping and a look takes a while, so one difference is
/// no proof.
#[derive(Debug, Default)]
pub(crate) struct Check {
    /// The products that differed in every look so far.
    suspects: Option<BTreeMap<String, Standing>>,
}

#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Verdict {
    /// Every total was right at least once.
    Right,
    /// Some totals differ, and may only lag.
    LookAgain,
    /// These totals are wrong.
    Wrong(BTreeSet<String>),
}

impl Check {
    /// Takes a look after this time. A total is wrong if it differs while nothing changes and everything is recorded as
    /// counted, or for longer than it may lag.
    pub(crate) fn look(&mut self, sums: &Sums, after: Duration) -> Verdict {
        let before = self.suspects.take();
        let suspected = |product: &String| before.as_ref().is_none_or(|before| before.contains_key(product));
        let differing = sums.standings().into_iter().filter(|standing| !standing.is_right() && suspected(&standing.product));
        let suspects: BTreeMap<_, _> = differing.map(|standing| (standing.product.clone(), standing)).collect();
        let at_rest = |standing: &Standing| {
            let same = before.as_ref().and_then(|before| before.get(&standing.product)) == Some(standing);
            same && standing.noted == standing.held
        };
        let verdict = if suspects.is_empty() {
            Verdict::Right
        } else if after >= BEHIND || suspects.values().all(at_rest) {
            Verdict::Wrong(suspects.keys().cloned().collect())
        } else {
            Verdict::LookAgain
        };
        self.suspects = Some(suspects);
        verdict
    }
}

/// Waiting for items to be counted, over several looks.
#[derive(Debug, Default)]
pub(crate) struct Waiting {
    fewest: Option<usize>,
    news: Duration,
}

impl Waiting {
    /// Takes how many items are left after this time. True if none of them was counted for [`STUCK`].
    pub(crate) fn is_stuck(&mut self, left: usize, after: Duration) -> bool {
        if self.fewest.is_none_or(|fewest| left < fewest) {
            (self.fewest, self.news) = (Some(left), after);
        }
        after.saturating_sub(self.news) >= STUCK
    }
}

/// The items of a batch to touch: no pending stream record would bring them into this generation as they are.
/// Items that cannot be counted are skipped.
pub(crate) fn to_touch(items: &[(ItemKey, Option<i64>)], noted: &BTreeMap<ItemKey, Noted>, generation: u64) -> Vec<ItemKey> {
    let counted = |key: &ItemKey, quantity| noted.get(key).is_some_and(|noted| noted.holds(quantity, generation));
    let wanting = items.iter().filter(|(key, quantity)| quantity.is_some_and(|quantity| !counted(key, quantity)));
    wanting.map(|(key, _)| key.clone()).collect()
}

/// The items that are not counted in this generation yet.
pub(crate) fn not_yet(items: Vec<ItemKey>, noted: &BTreeMap<ItemKey, Noted>, generation: u64) -> Vec<ItemKey> {
    items.into_iter().filter(|key| noted.get(key).is_none_or(|noted| noted.generation < generation)).collect()
}

/// How many items are touched together at this rate per second, for an even pace.
pub(crate) fn portion(rate: u32) -> usize {
    usize::try_from(rate.clamp(1, 25)).unwrap_or(1)
}

/// How long this many items take at this rate.
pub(crate) fn at_rate(items: usize, rate: u32) -> Duration {
    Duration::from_secs(1).mul_f64(f64::from(u32::try_from(items).unwrap_or(u32::MAX)) / f64::from(rate.max(1)))
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: Duration = Duration::ZERO;

    fn key(owner: &str, product: &str) -> ItemKey {
        ItemKey { owner: owner.to_owned(), product: product.to_owned() }
    }

    /// Carts with this many mugs, the number recorded as counted, and a total.
    fn mugs(held: i64, noted: i64, total: i64) -> Sums {
        let mut sums = Sums::default();
        sums.add(Row::Item { key: key("cart#1", "mug"), quantity: Some(held) });
        sums.add(Row::Note { key: key("cart#1", "mug"), noted: Noted { generation: 1, counted: Some(noted) } });
        // An item that was deleted, and whose deletion was not counted before the recount.
        sums.add(Row::Note { key: key("cart#2", "mug"), noted: Noted { generation: 0, counted: Some(5) } });
        let generations = Generations { of: 1, rebuilding: None };
        sums.add(Row::Total { product: "mug".to_owned(), quantity: Some(total), generations });
        sums
    }

    fn wrong() -> Verdict {
        Verdict::Wrong(BTreeSet::from(["mug".to_owned()]))
    }

    #[test]
    fn a_quiet_table_that_is_right_is_looked_at_once() {
        assert_eq!(Check::default().look(&mugs(3, 3, 3), NONE), Verdict::Right);
        let mut nobody = Sums::default();
        nobody.add(Row::Note { key: key("cart#1", "mug"), noted: Noted { generation: 0, counted: Some(0) } });
        assert_eq!(Check::default().look(&nobody, NONE), Verdict::Right, "no total is as good as 0");
    }

    #[test]
    fn a_quiet_table_that_is_wrong_is_looked_at_twice() {
        let mut check = Check::default();
        assert_eq!(check.look(&mugs(3, 3, 4), NONE), Verdict::LookAgain);
        assert_eq!(check.look(&mugs(3, 3, 4), NONE), wrong());
    }

    #[test]
    fn a_change_that_may_still_be_counted_is_waited_for() {
        let mut check = Check::default();
        assert_eq!(check.look(&mugs(3, 2, 2), NONE), Verdict::LookAgain);
        assert_eq!(check.look(&mugs(3, 2, 2), BEHIND / 2), Verdict::LookAgain);
        assert_eq!(check.look(&mugs(3, 2, 2), BEHIND), wrong());
    }

    #[test]
    fn a_total_that_was_right_once_is_right() {
        let mut check = Check::default();
        assert_eq!(check.look(&mugs(3, 2, 2), NONE), Verdict::LookAgain);
        assert_eq!(check.look(&mugs(3, 3, 3), NONE), Verdict::Right);
        let mut check = Check::default();
        let mut two = mugs(3, 3, 4);
        two.add(Row::Item { key: key("cart#1", "cup"), quantity: Some(1) });
        assert_eq!(check.look(&two, NONE), Verdict::LookAgain);
        let mut two = mugs(4, 4, 4);
        two.add(Row::Item { key: key("cart#1", "cup"), quantity: Some(1) });
        two.add(Row::Note { key: key("cart#1", "cup"), noted: Noted { generation: 0, counted: Some(1) } });
        assert_eq!(check.look(&two, NONE), Verdict::LookAgain, "the cups changed in between");
        let mut two = mugs(3, 3, 9);
        two.add(Row::Item { key: key("cart#1", "cup"), quantity: Some(1) });
        two.add(Row::Note { key: key("cart#1", "cup"), noted: Noted { generation: 0, counted: Some(1) } });
        assert_eq!(check.look(&two, NONE), Verdict::Wrong(BTreeSet::from(["cup".to_owned()])), "the mugs were right before");
    }

    #[test]
    fn what_cannot_be_counted_is_told_and_left_alone() {
        let mut sums = Sums::default();
        sums.add(Row::Item { key: key("cart#1", "mug"), quantity: None });
        assert_eq!((sums.items, sums.unreadable, sums.standings().len()), (1, 1, 0));
        assert!(to_touch(&[(key("cart#1", "mug"), None)], &BTreeMap::new(), 1).is_empty());
    }

    #[test]
    fn what_is_counted_as_it_is_need_not_be_touched() {
        let items = ["a", "b", "c", "d"].map(|owner| (key(owner, "mug"), Some(2)));
        let note = |generation, counted| Noted { generation, counted };
        let all = [("a", note(2, Some(2))), ("b", note(1, Some(2))), ("c", note(2, Some(1)))];
        let noted: BTreeMap<_, _> = all.into_iter().map(|(owner, note)| (key(owner, "mug"), note)).collect();
        let touched: Vec<_> = to_touch(&items, &noted, 2).into_iter().map(|key| key.owner).collect();
        assert_eq!(touched, ["b", "c", "d"]);
        let waiting: Vec<_> = not_yet(items.map(|(key, _)| key).into(), &noted, 2).into_iter().map(|key| key.owner).collect();
        assert_eq!(waiting, ["b", "d"], "the next change of c may come at any time");
    }

    #[test]
    fn waiting_is_in_vain_when_nothing_was_counted_for_ten_minutes_and_not_while_anything_is() {
        let mut waiting = Waiting::default();
        let mut is_stuck = |left, seconds| waiting.is_stuck(left, Duration::from_secs(seconds));
        let looks = [(9, 0), (9, 599), (8, 600), (8, 1_199), (8, 1_200), (7, 1_201), (1, 1_800), (1, 2_399), (1, 2_400)];
        let found: Vec<_> = looks.into_iter().filter(|(left, seconds)| is_stuck(*left, *seconds)).collect();
        assert_eq!(found, [(8, 1_200), (1, 2_400)]);
        assert!(!Waiting::default().is_stuck(5, STUCK * 3), "it begins with the first look");
    }

    #[test]
    fn the_pace_is_even() {
        assert_eq!((portion(1), portion(10_000)), (1, 25));
        assert_eq!(at_rate(25, 100), Duration::from_millis(250));
        assert_eq!(at_rate(0, 1), Duration::ZERO);
    }
}
