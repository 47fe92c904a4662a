//! The quantity of a product in a cart: its limit, and the arithmetic of adding, removing and merging. Knows nothing of stores, owners or
//! time.

use thiserror::Error;

/// How many of one product a cart holds: 0 to [`Quantity::LIMIT`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Quantity(u16);

impl Quantity {
    /// No pieces.
    pub const ZERO: Self = Self(0);
    /// The most pieces of one product in a cart. Nobody needs as many, and sums over carts stay far from any overflow.
    pub const LIMIT: u16 = 10_000;

    /// The quantity nearest to a stored number. Tables older than the limit may have any number.
    #[must_use]
    pub fn nearest(number: i64) -> Self {
        Self(u16::try_from(number.clamp(0, Self::LIMIT.into())).unwrap_or(Self::LIMIT))
    }

    /// The sum, cut at the limit: when carts are merged, nobody can be asked.
    #[must_use]
    pub fn merged_with(self, other: Self) -> Self {
        Self((self.0 + other.0).min(Self::LIMIT))
    }

    /// The quantity after a change. Removing more than it has leaves none.
    ///
    /// # Errors
    /// [`OutOfRange`], if it would exceed the limit.
    pub fn after(self, change: Change) -> Result<Self, OutOfRange> {
        let sum = (i32::from(self.0) + i32::from(change.0)).max(0);
        i64::from(sum).try_into()
    }

    /// The number of pieces.
    #[must_use]
    pub const fn get(self) -> u16 {
        self.0
    }
}

impl TryFrom<i64> for Quantity {
    type Error = OutOfRange;

    fn try_from(number: i64) -> Result<Self, OutOfRange> {
        u16::try_from(number).ok().filter(|number| *number <= Self::LIMIT).map(Self).ok_or(OutOfRange)
    }
}

/// A number of pieces to add, or to remove if negative: at most [`Quantity::LIMIT`] either way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Change(i16);

impl TryFrom<i64> for Change {
    type Error = OutOfRange;

    fn try_from(number: i64) -> Result<Self, OutOfRange> {
        i16::try_from(number).ok().filter(|number| number.unsigned_abs() <= Quantity::LIMIT).map(Self).ok_or(OutOfRange)
    }
}

/// More than a cart may hold, or less than none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a cart holds 0 to {limit} pieces of one product", limit = Quantity::LIMIT)]
pub struct OutOfRange;

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, collections::BTreeSet};

    use proptest::{prelude::*, test_runner::TestRunner};

    use super::*;

    #[test]
    fn the_limit_is_the_last_number_allowed() {
        assert_eq!(Quantity::try_from(10_000).map(Quantity::get), Ok(10_000));
        assert!([-1, 10_001, i64::MAX, i64::MIN].into_iter().all(|number| Quantity::try_from(number).is_err()));
        assert!([-10_000, 0, 10_000].into_iter().all(|number| Change::try_from(number).is_ok()));
        assert!([-10_001, 10_001, 32_768, i64::MIN].into_iter().all(|number| Change::try_from(number).is_err()));
    }

    fn quantity() -> impl Strategy<Value = Quantity> {
        (0_i64..=10_000).prop_map(|number| number.try_into().unwrap())
    }

    fn change() -> impl Strategy<Value = Change> {
        (-10_000_i64..=10_000).prop_map(|number| number.try_into().unwrap())
    }

    #[test]
    fn a_change_is_added_in_full_or_stopped_at_none() {
        let covered = RefCell::<BTreeSet<_>>::default();
        let run = TestRunner::new(ProptestConfig::with_source_file(file!())).run(&(quantity(), change()), |(quantity, change)| {
            let sum = i32::from(quantity.get()) + i32::from(change.0);
            let what = if let Ok(after) = quantity.after(change) {
                prop_assert_eq!(i32::from(after.get()), sum.max(0));
                if sum < 0 { "stopped at none" } else { "in full" }
            } else {
                prop_assert!(sum > 10_000);
                "refused"
            };
            covered.borrow_mut().insert(what);
            Ok(())
        });
        run.unwrap();
        assert_eq!(
            covered.into_inner(),
            ["in full", "refused", "stopped at none"].into(),
            "or the property proves less than it says"
        );
    }

    proptest! {
        #[test]
        fn no_sequence_of_changes_leaves_the_range(changes in prop::collection::vec(change(), 0..50)) {
            let mut quantity = Quantity::ZERO;
            for change in changes {
                quantity = quantity.after(change).unwrap_or(quantity);
                prop_assert!(quantity.get() <= Quantity::LIMIT);
            }
        }

        #[test]
        fn a_merger_loses_nothing_below_the_limit(one in quantity(), other in quantity()) {
            prop_assert_eq!(one.merged_with(other), other.merged_with(one));
            prop_assert_eq!(one.merged_with(other).get(), (one.get() + other.get()).min(10_000));
        }

        #[test]
        fn any_stored_number_reads_as_a_quantity(number: i64) {
            prop_assert_eq!(i64::from(Quantity::nearest(number).get()), number.clamp(0, 10_000));
        }
    }
}
