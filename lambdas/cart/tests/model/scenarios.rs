//! Scenarios of customers and of counting: in whichever order, and whatever fails, nothing in a cart is counted twice or lost.

use std::{cell::Cell, collections::BTreeSet};

use cart::{
    handlers::{CheckoutCart, CountBatches, MigrateCart, UpdateTotals, add_to_cart::add, update_cart::set},
    item::{MigrationId, shown},
    owner::Owner,
};
use cart_contract::CookieScope;
use serde_json::{Value, json};
use uuid::Uuid;

use crate::{
    caller::Caller,
    dynamodb::Table,
    fixtures::{CART, LATER, MUG, NOW, PAN, USER, mug, with_mugs},
    mapping::deliver,
    requests::signed_in,
    schedule::{Fate, Kind, Scenario, World, holds_always, wander},
};

pub(crate) fn adds(owner: &'static str, change: i64) -> Caller {
    Caller::new(&format!("adds {change} to {owner}"), move |shop| async move {
        let change = change.try_into().unwrap();
        add(&shop.store, &owner.parse().unwrap(), &mug(), change, async { Ok(json!({})) }, NOW).await.ok().map(|_| Value::Null)
    })
}

fn sets(owner: &'static str, quantity: i64) -> Caller {
    Caller::new(&format!("sets {owner} to {quantity}"), move |shop| async move {
        let quantity = quantity.try_into().unwrap();
        set(&shop.store, &owner.parse().unwrap(), &mug(), quantity, &json!({}), NOW).await.ok().map(|()| Value::Null)
    })
}

fn migrates(run: u128) -> Caller {
    Caller::new(&format!("migrates as {run}"), move |shop| async move {
        let Ok(Owner::Anonymous(cart)) = CART.parse() else { panic!("{CART}") };
        let function =
            MigrateCart { signed_in: signed_in(), store: shop.store, deletions: shop.deletions, cookies: CookieScope::AnySite };
        let migration = MigrationId(Uuid::from_u128(run));
        let deletions = function.migrate(cart, &USER.parse().unwrap(), migration, NOW).await.ok()?.deletions;
        function.request(&deletions).await.ok().map(|()| Value::Null)
    })
}

/// Answers how many pieces it took.
fn checks_out() -> Caller {
    Caller::new("checks out", |shop| async move {
        let taken =
            CheckoutCart { signed_in: signed_in(), store: shop.store }.take_everything(&USER.parse().unwrap()).await.ok()?;
        let shown = json!(shown(&taken, NOW));
        Some(shown["products"].as_array()?.iter().map(|line| line["quantity"].as_i64()).sum::<Option<i64>>()?.into())
    })
}

fn mugs(table: &Table) -> i64 {
    table.quantity(CART, MUG).unwrap_or(0) + table.quantity(USER, MUG).unwrap_or(0)
}

/// The sums that are possible after changes, of which those that are done are certain and the others are not.
fn possible(before: i64, changes: &[(i64, &Fate)]) -> BTreeSet<i64> {
    changes.iter().fold(BTreeSet::from([before]), |sums, (change, fate)| match fate {
        Fate::Done(_) => sums.iter().map(|sum| sum + change).collect(),
        _ => sums.iter().flat_map(|sum| [*sum, sum + change]).collect(),
    })
}

/// Delivers all messages, migrates once more and delivers again: then all is in the user's cart, and the anonymous one has no item.
fn settles(world: &mut World, expected: &BTreeSet<i64>) {
    let before = mugs(&world.table);
    assert!(expected.contains(&before), "{before} is not of {expected:?}: {:?}", world.fates);
    world.deliver_all();
    assert_eq!(mugs(&world.table), before, "the worker deletes nothing of value");
    assert_eq!(world.run(&migrates(99)), Fate::Done(Value::Null));
    world.deliver_all();
    assert_eq!((world.table.quantity(USER, MUG).unwrap_or(0), world.table.count(CART)), (before, 0));
}

#[test]
fn two_additions_are_both_in_the_cart() {
    let callers = vec![adds(CART, 10), adds(CART, 1)];
    holds_always(&Scenario { table: with_mugs(1, 0), callers, faults: 0 }, (15, 1), |world| {
        assert_eq!(world.table.quantity(CART, MUG), Some(12), "{:?}", world.fates);
    });
}

#[test]
fn migrations_move_everything_once_whatever_fails() {
    holds_always(&Scenario { table: with_mugs(1, 2), callers: vec![migrates(1), migrates(2)], faults: 1 }, (761, 56), |world| {
        settles(world, &BTreeSet::from([3]));
    });
}

#[test]
fn three_migrations_move_everything_once() {
    let callers = vec![migrates(1), migrates(2), migrates(3)];
    holds_always(&Scenario { table: with_mugs(1, 2), callers, faults: 0 }, (1275, 6), |world| settles(world, &BTreeSet::from([3])));
}

/// All of them in one name, so that they are interchangeable. With eight names the worker would only delete less: its message names the
/// migration whose items it deletes.
fn at_once(migrations: usize) -> Vec<Caller> {
    vec![migrates(1); migrations]
}

#[test]
fn eight_migrations_move_everything_once() {
    let scenario = Scenario { table: with_mugs(1, 2), callers: at_once(8), faults: 0 };
    holds_always(&scenario, (132_616, 2), |world| settles(world, &BTreeSet::from([3])));
}

#[test]
fn five_migrations_move_everything_once_whatever_fails() {
    let scenario = Scenario { table: with_mugs(1, 2), callers: at_once(5), faults: 1 };
    holds_always(&scenario, (101_804, 24), |world| settles(world, &BTreeSet::from([3])));
}

#[test]
fn migrations_of_two_products_move_everything_once() {
    let mut table = with_mugs(1, 2);
    table.put(CART, PAN, 5, LATER);
    table.batch = 1;
    holds_always(&Scenario { table, callers: at_once(3), faults: 0 }, (5998, 4), |world| {
        settles(world, &BTreeSet::from([3]));
        assert_eq!(world.table.quantity(USER, PAN), Some(5));
    });
}

/// Too many states to explore them all.
#[test]
fn eight_migrations_beside_additions_move_everything_once_by_chance() {
    let mut table = with_mugs(1, 2);
    table.put(CART, PAN, 5, LATER);
    table.batch = 1;
    let mut callers = vec![adds(CART, 10), adds(CART, 10), adds(USER, 100)];
    callers.extend((1..=8).map(migrates));
    let failed = Cell::new(0);
    let taken = wander(&Scenario { table, callers, faults: 3 }, 30, |world| {
        failed.update(|failed| failed + world.fates.iter().filter(|fate| matches!(fate, Fate::Killed | Fate::Refused)).count());
        let added = [(10, &world.fates[0]), (10, &world.fates[1]), (100, &world.fates[2])];
        let expected = possible(3, &added);
        settles(world, &expected);
        assert_eq!(world.table.quantity(USER, PAN), Some(5));
    });
    assert!(failed.get() > 10, "{failed:?}");
    assert!(Kind::FAULTS.iter().all(|fault| taken.contains_key(fault)), "every fault happened: {taken:?}");
}

#[test]
fn migrations_beside_an_addition_move_everything_once() {
    let callers = vec![adds(CART, 10), migrates(1), migrates(2)];
    holds_always(&Scenario { table: with_mugs(1, 2), callers, faults: 0 }, (813, 9), |world| {
        let expected = possible(3, &[(10, &world.fates[0])]);
        settles(world, &expected);
    });
}

#[test]
fn what_is_put_in_after_a_migration_stays_whatever_fails() {
    let callers = vec![adds(CART, 10), migrates(1)];
    holds_always(&Scenario { table: with_mugs(1, 2), callers, faults: 2 }, (2444, 408), |world| {
        let expected = possible(3, &[(10, &world.fates[0])]);
        settles(world, &expected);
    });
}

#[test]
fn a_quantity_that_is_set_is_set_once_though_its_answer_is_lost() {
    holds_always(&Scenario { table: with_mugs(1, 2), callers: vec![migrates(1), sets(CART, 5)], faults: 2 }, (995, 241), |world| {
        // Before the migration it replaces what is moved, after it nothing.
        let expected = match world.fates[1] {
            Fate::Done(_) => BTreeSet::from([7, 8]),
            _ => BTreeSet::from([3, 7, 8]),
        };
        settles(world, &expected);
    });
}

#[test]
fn what_has_expired_is_moved_by_nobody() {
    let mut table = with_mugs(0, 2);
    table.put(CART, MUG, 5, NOW.0 - 1);
    let deleted = Caller::new("deletes what has expired", |shop| async move {
        shop.expire(CART, MUG).await;
        None
    });
    // DynamoDB deletes it before another item takes its place, or not at all.
    for (callers, size) in [(vec![migrates(1), adds(CART, 10)], (79, 22)), (vec![migrates(1), deleted], (12, 3))] {
        holds_always(&Scenario { table: table.clone(), callers, faults: 1 }, size, |world| {
            assert_eq!(world.run(&migrates(99)), Fate::Done(Value::Null));
            let moved = world.table.quantity(USER, MUG).unwrap();
            assert!([2, 12].contains(&moved), "{moved}");
        });
    }
}

#[test]
fn a_checkout_answers_what_it_took() {
    for (callers, faults, size) in
        [(vec![checks_out(), adds(USER, 10)], 1, (130, 20)), (vec![checks_out(), adds(USER, 10), migrates(1)], 0, (292, 10))]
    {
        holds_always(&Scenario { table: with_mugs(1, 2), callers, faults }, size, |world| {
            let expected = possible(3, &[(10, &world.fates[1])]);
            let left = mugs(&world.table);
            match &world.fates[0] {
                Fate::Done(taken) => {
                    let all = left + taken.as_i64().unwrap();
                    assert!(expected.contains(&all), "{all} is not of {expected:?}");
                }
                // Nobody heard what was taken. All that is certain is that nothing came from nowhere.
                _ => assert!(left <= *expected.last().unwrap(), "{left} is more than any of {expected:?}"),
            }
        });
    }
}

#[test]
fn a_migration_takes_more_than_one_transaction_and_one_answer_can_hold() {
    let mut table = with_mugs(1, 2);
    (0..60).for_each(|product| table.put(CART, &format!("product#p{product:03}"), 1000, LATER));
    table.batch = 40;
    // Ends before it asks for deletions: sixty messages have more orders than can be explored.
    let moves = Caller::new("moves", |shop| async move {
        let Ok(Owner::Anonymous(cart)) = CART.parse() else { panic!("{CART}") };
        let function =
            MigrateCart { signed_in: signed_in(), store: shop.store, deletions: shop.deletions, cookies: CookieScope::AnySite };
        let moved = function.migrate(cart, &USER.parse().unwrap(), MigrationId(Uuid::from_u128(1)), NOW).await;
        moved.ok().map(|_| Value::Null)
    });
    holds_always(&Scenario { table, callers: vec![moves, adds(CART, 10)], faults: 0 }, (70, 2), |world| {
        let expected = possible(3, &[(10, &world.fates[1])]);
        settles(world, &expected);
        let quantities = (0..60).map(|product| world.table.quantity(USER, &format!("product#p{product:03}")));
        assert!(quantities.into_iter().all(|quantity| quantity == Some(1000)));
    });
}

#[test]
fn a_checkout_takes_more_than_one_transaction_and_one_answer_can_hold() {
    let mut table = with_mugs(0, 2);
    (0..130).for_each(|product| table.put(USER, &format!("product#p{product:03}"), 1000, LATER));
    table.batch = 40;
    holds_always(&Scenario { table, callers: vec![checks_out(), adds(USER, 10)], faults: 0 }, (48, 2), |world| {
        let (Fate::Done(taken), left) = (&world.fates[0], mugs(&world.table)) else { panic!("{:?}", world.fates[0]) };
        assert_eq!(taken.as_i64().unwrap() + left, 130_012);
        assert!(world.table.count(USER) <= 1);
    });
}

#[test]
fn a_checkout_that_is_disturbed_after_its_first_transaction_loses_nothing() {
    let mut table = with_mugs(0, 2);
    (0..101).for_each(|product| table.put(USER, &format!("product#p{product:03}"), 1000, LATER));
    table.batch = 60;
    let total = 101_002;
    holds_always(&Scenario { table, callers: vec![checks_out()], faults: 1 }, (28, 8), |world| {
        let left: i64 = world.table.held_and_counted().iter().map(|(_, held, _)| held).sum();
        match &world.fates[0] {
            // The first hundred are certain. It may be uncertain whether the last two were taken: then they are not in the answer, and
            // are either still there or gone.
            Fate::Done(taken) => assert!([total, total - 2000].contains(&(taken.as_i64().unwrap() + left)), "{taken} and {left}"),
            // Nobody heard of the first hundred, which may be gone.
            Fate::Refused => assert!([total, 2000].contains(&left), "{left}"),
            _ => assert!([total, 2000, 0].contains(&left), "{left}"),
        }
    });
}

#[test]
fn no_quantity_leaves_its_bounds() {
    let callers = vec![adds(CART, 6000), adds(CART, 6000), adds(CART, -7000)];
    holds_always(&Scenario { table: with_mugs(5000, 0), callers, faults: 1 }, (105, 14), |world| {
        assert!((0..=10_000).contains(&mugs(&world.table)));
        let sums = [-2000, 4000, 5000, 10_000].map(|sum: i64| sum.max(0));
        if world.fates.iter().all(|fate| matches!(fate, Fate::Done(_))) {
            assert!(sums.contains(&mugs(&world.table)), "{}", mugs(&world.table));
        }
    });
}

/// Counts the records in batches of every possible size, each from the first record that failed before.
fn counts(name: &str, records: &[Value]) -> Caller {
    let records = records.to_vec();
    Caller::new(name, move |shop| {
        let records = records.clone();
        async move {
            let function = UpdateTotals { store: shop.store.clone() };
            let mut from = 0;
            while from < records.len() {
                let until = from + 1 + shop.any_of(records.len() - from).await;
                let failed = function.count_all(&records[from..until], NOW).await;
                let first = failed.batch_item_failures.first().and_then(|failure| failure.item_identifier.as_deref());
                let place = |number| records.iter().position(|record| record["dynamodb"]["SequenceNumber"] == number);
                from = first.map_or(until, |number| place(number).unwrap());
            }
            Some(Value::Null)
        }
    })
}

/// Counts all records in one batch.
fn counts_all(records: &[Value]) -> Caller {
    let records = records.to_vec();
    Caller::new("counts all", move |shop| {
        let records = records.clone();
        async move {
            let failed = UpdateTotals { store: shop.store }.count_all(&records, NOW).await;
            failed.batch_item_failures.is_empty().then_some(Value::Null)
        }
    })
}

/// Counts the records in batches of so many, delivered as Lambda delivers them when invocations fail: again, in halves, or from the
/// first record that is reported.
fn has_counted_by_lambda(name: &str, records: &[Value], batch: usize) -> Caller {
    let records = records.to_vec();
    Caller::new(name, move |shop| {
        let records = records.clone();
        async move {
            let totals = UpdateTotals { store: shop.store };
            let function = CountBatches { totals, dead_letters: shop.dead_letters };
            let delivered = deliver(&records, batch, async |batch: &[Value]| function.count(batch, NOW, "request").await).await;
            delivered.discarded.is_empty().then_some(Value::Null)
        }
    })
}

/// All records are counted once more, which changes nothing if they were counted `before`, and puts the totals right otherwise.
fn counted_once(world: &mut World, before: bool, records: &[Value], expected: &[(&str, i64, i64)]) {
    assert!(!before || world.table.held_and_counted() == expected, "{:?}: {:?}", world.table.held_and_counted(), world.fates);
    for _ in 0..2 {
        assert_eq!(world.run(&counts_all(records)), Fate::Done(Value::Null));
        assert_eq!(world.table.held_and_counted(), expected);
    }
}

/// Whether one of the callers is done, each of which counts all records.
fn anybody_is_done(world: &World) -> bool {
    world.fates.contains(&Fate::Done(Value::Null))
}

#[test]
fn every_change_is_counted_once_however_it_is_delivered() {
    let mut table = with_mugs(1, 20);
    table.expire(CART, MUG);
    let records = table.records(0, "");
    let all = counts_all(&records);
    // Two callers, because Lambda may begin again while an invocation that it gave up is still running.
    for (callers, size) in [(vec![counts("counts", &records)], (128, 13)), (vec![all.clone(), all.clone()], (38, 5))] {
        holds_always(&Scenario { table: table.clone(), callers, faults: 1 }, size, |world| {
            counted_once(world, anybody_is_done(world), &records, &[(MUG, 20, 20)]);
        });
    }
}

/// Four changes of three items of two products. One of the items is deleted.
fn changed_often() -> Table {
    let mut table = with_mugs(1, 20);
    table.put(USER, PAN, 5, LATER);
    table.expire(CART, MUG);
    table
}

#[test]
fn several_changes_of_several_items_are_counted_once_however_they_are_delivered() {
    let table = changed_often();
    let records = table.records(0, "");
    let (any, all) = (counts("counts", &records), counts_all(&records));
    let by_lambda = |batch| has_counted_by_lambda(&format!("is delivered {batch}"), &records, batch);
    for (callers, faults, size) in [
        (vec![any.clone()], 1, (344, 26)),
        (vec![any, all.clone()], 0, (504, 1)),
        (vec![all.clone(), all.clone()], 2, (163, 22)),
        (vec![all.clone(), all.clone(), all.clone()], 2, (535, 24)),
        (vec![by_lambda(100), all.clone()], 2, (318, 40)),
        (vec![by_lambda(3), by_lambda(2)], 1, (1231, 52)),
    ] {
        holds_always(&Scenario { table: table.clone(), callers, faults }, size, |world| {
            counted_once(world, anybody_is_done(world), &records, &[(MUG, 20, 20), (PAN, 5, 5)]);
        });
    }
}

#[test]
fn whoever_is_overtaken_reads_again_and_comes_to_the_end() {
    let table = changed_often();
    let records = table.records(0, "");
    let callers = vec![counts_all(&records); 3];
    holds_always(&Scenario { table, callers, faults: 0 }, (14, 1), |world| {
        assert!(world.fates.iter().all(|fate| *fate == Fate::Done(Value::Null)), "{:?}", world.fates);
    });
}

#[test]
fn two_shards_count_several_changes_of_the_same_products_once() {
    let table = changed_often();
    let records = table.records(0, "");
    let portions = |owner| counts(&format!("counts {owner}"), &table.records(0, owner));
    let batch = |owner| has_counted_by_lambda(&format!("is delivered {owner}"), &table.records(0, owner), 100);
    for (callers, faults, size) in [
        (vec![portions("cart#"), portions("user#")], 1, (2472, 38)),
        (vec![batch("cart#"), batch("user#"), batch("user#")], 1, (611, 17)),
    ] {
        holds_always(&Scenario { table: table.clone(), callers, faults }, size, |world| {
            let all_are_done = world.fates.iter().all(|fate| *fate == Fate::Done(Value::Null));
            counted_once(world, all_are_done, &records, &[(MUG, 20, 20), (PAN, 5, 5)]);
        });
    }
}

#[test]
fn what_one_transaction_cannot_hold_is_counted_once_whatever_fails() {
    let mut table = Table::new();
    (0..60).for_each(|product| table.put(USER, &format!("product#p{product:03}"), product + 1, LATER));
    let records = table.records(0, "");
    let expected: Vec<_> = (0..60).map(|product| (format!("product#p{product:03}"), product + 1)).collect();
    let expected: Vec<_> = expected.iter().map(|(product, held)| (product.as_str(), *held, *held)).collect();
    let all = counts_all(&records);
    holds_always(&Scenario { table, callers: vec![all.clone(), all], faults: 1 }, (554, 20), |world| {
        counted_once(world, anybody_is_done(world), &records, &expected);
    });
}
