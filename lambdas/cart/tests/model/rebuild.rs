//! Scenarios of `cartctl totals --rebuild` beside the functions of the shop: the recount may be stopped anywhere and run again, and at the
//! end every total is what the carts hold.
//!
//! The recount is written here with the calls that cartctl sends (`cli/src/execute/totals.rs`), out of the same updates and decisions
//! ([`cart_contract::table`]). Waiting until items are noted is one step here, which is taken once they are.

use std::{
    collections::{BTreeMap, BTreeSet},
    str::FromStr,
};

use cart::{
    aws::{CallError, Service},
    handlers::UpdateTotals,
    store::attributes::{AttributeValue, Attributes, to_number},
};
use cart_contract::table::{self, Control, Generations, Kept, Noted, Update};
use serde::de::{DeserializeOwned, IgnoredAny};
use serde_json::{Value, json};

use crate::{
    caller::{Caller, Shop},
    dynamodb::Table,
    fixtures::{CART, LATER, MUG, NOW, PAN, USER, with_mugs},
    network::TABLE,
    scenarios::adds,
    schedule::{Fate, Scenario, World, holds_always},
};

type Key = (String, String);

/// A call failed, or no other step is possible while it waits.
struct Stopped;

/// The same as in `cli/src/aws/carts.rs`.
struct Carts {
    dynamodb: Service,
}

impl Carts {
    /// Updates an item, again if it collides. Whether the condition was met.
    async fn update(&self, (pk, sk): (&str, &str), update: Update, values: &[(&str, AttributeValue)]) -> Result<bool, Stopped> {
        let Update { expression, condition } = update;
        let values: BTreeMap<_, _> = values.iter().cloned().collect();
        let document = json!({
            "TableName": TABLE, "Key": key(pk, sk), "UpdateExpression": expression, "ConditionExpression": condition,
            "ExpressionAttributeValues": values,
        });
        for _ in 0..4 {
            match self.dynamodb.call("UpdateItem", &document).await {
                Ok(IgnoredAny) => return Ok(true),
                Err(CallError::Fault(fault)) if fault.code == "ConditionalCheckFailedException" => return Ok(false),
                Err(CallError::Fault(fault)) if fault.code == "TransactionConflictException" => {}
                Err(_) => return Err(Stopped),
            }
        }
        Err(Stopped)
    }

    async fn call(&self, operation: &str, document: Value) -> Result<Value, Stopped> {
        self.dynamodb.call(operation, &document).await.map_err(|_| Stopped)
    }

    async fn get(&self, (pk, sk): (&str, &str)) -> Result<Option<Attributes>, Stopped> {
        let document = json!({ "TableName": TABLE, "Key": key(pk, sk), "ConsistentRead": true });
        Ok(read(self.call("GetItem", document).await?["Item"].take()))
    }

    async fn control(&self) -> Result<Control, Stopped> {
        let item = self.get(table::CONTROL).await?.unwrap_or_default();
        Ok(Control { generation: number(&item, "generation").unwrap_or(0), finished: number(&item, "finished").unwrap_or(0) })
    }

    /// A batch of the table: the items in carts and their quantities, the totals, and where the next batch begins.
    async fn batch(&self, after: Option<Attributes>) -> Result<(Vec<(Key, i64)>, Vec<String>, Option<Attributes>), Stopped> {
        let document = json!({ "TableName": TABLE, "ConsistentRead": true, "ExclusiveStartKey": after });
        let mut answer = self.call("Scan", document).await?;
        let (mut items, mut totals) = (Vec::new(), Vec::new());
        for found in read::<Vec<Attributes>>(answer["Items"].take()) {
            let part = |name: &str| found[name].as_s().expect("a text").to_owned();
            match Kept::under(&part("pk"), &part("sk")) {
                Kept::Item { .. } => items.push(((part("pk"), part("sk")), number(&found, "quantity").expect("a number"))),
                Kept::Total { .. } => totals.push(part("pk")),
                Kept::Note { .. } | Kept::Else => {}
            }
        }
        Ok((items, totals, read(answer["LastEvaluatedKey"].take())))
    }

    /// The notes about these items.
    async fn noted(&self, items: &[(Key, i64)]) -> Result<BTreeMap<Key, Noted>, Stopped> {
        let keys: Vec<_> = items.iter().map(|((owner, product), _)| key(&format!("{}{owner}", table::NOTES), product)).collect();
        let mut noted = BTreeMap::new();
        let mut wanted = json!({ "Keys": keys, "ConsistentRead": true });
        while !wanted["Keys"].as_array().is_none_or(Vec::is_empty) {
            let mut answer = self.call("BatchGetItem", json!({ "RequestItems": { TABLE: wanted } })).await?;
            for note in read::<Vec<Attributes>>(answer["Responses"][TABLE].take()) {
                let part = |name: &str| note[name].as_s().expect("a text").to_owned();
                let owner = part("pk").strip_prefix(table::NOTES).expect("a note").to_owned();
                let generation = number(&note, "generation").unwrap_or(0);
                noted.insert((owner, part("sk")), Noted { generation, counted: number(&note, "counted") });
            }
            wanted = answer["UnprocessedKeys"][TABLE].take();
        }
        Ok(noted)
    }
}

fn key(pk: &str, sk: &str) -> Attributes {
    let text = |text: &str| AttributeValue::S(text.to_owned());
    Attributes::from([("pk".to_owned(), text(pk)), ("sk".to_owned(), text(sk))])
}

fn read<T: DeserializeOwned>(answer: Value) -> T {
    serde_json::from_value(answer).expect("an answer of this form")
}

fn number<T: FromStr>(item: &Attributes, name: &str) -> Option<T> {
    item.get(name)?.as_n()?.parse().ok()
}

/// Recounts all totals. `alone`, it counts the records of the stream itself.
async fn rebuild(shop: &Shop, mark: &str, alone: bool) -> Result<(), Stopped> {
    let carts = Carts { dynamodb: shop.dynamodb.clone() };
    let generation = begin_and_touch(&carts, mark).await?;
    if alone {
        count_everything(shop).await.ok_or(Stopped)?;
    }
    wait_and_replace(shop, &carts, generation).await
}

async fn begin_and_touch(carts: &Carts, mark: &str) -> Result<u64, Stopped> {
    let generation = loop {
        let read = carts.control().await?;
        let (generation, begins) = read.rebuilds();
        let values = [(":generation", to_number(generation)), (":read", to_number(read.generation))];
        if !begins || carts.update(table::CONTROL, table::BEGIN, &values).await? {
            break generation;
        }
    };
    let mut after = None;
    loop {
        let (items, _, next) = carts.batch(after).await?;
        let noted = carts.noted(&items).await?;
        for ((owner, product), quantity) in &items {
            let noted = noted.get(&(owner.clone(), product.clone()));
            if !noted.is_some_and(|noted| noted.holds(*quantity, generation)) {
                let mark = AttributeValue::S(mark.to_owned());
                // An item that is gone needs no touch.
                carts.update((owner, product), table::TOUCH, &[(":mark", mark)]).await?;
            }
        }
        after = next;
        if after.is_none() {
            return Ok(generation);
        }
    }
}

async fn wait_and_replace(shop: &Shop, carts: &Carts, generation: u64) -> Result<(), Stopped> {
    let mut after = None;
    // Also the totals of the products in carts: one may have been created since, with the first count of its product.
    let mut totals = BTreeSet::new();
    loop {
        let (items, found, next) = carts.batch(after).await?;
        totals.extend(found);
        totals.extend(items.iter().map(|((_, product), _)| product.clone()));
        let items: Vec<_> = items.into_iter().map(|(item, _)| item).collect();
        if !items.is_empty() && !shop.until_noted(generation, &items).await {
            return Err(Stopped);
        }
        after = next;
        if after.is_none() {
            break;
        }
    }
    for pk in totals {
        let key = (pk.as_str(), table::TOTAL);
        while let Some(item) = carts.get(key).await? {
            let read = Generations { of: number(&item, "generation").unwrap_or(0), rebuilding: number(&item, "rebuilding") };
            let Some(update) = read.reach(generation) else { break };
            let mut values = vec![(":generation", to_number(generation))];
            if update == table::START_FROM_NOTHING {
                values.push((":none", to_number(0)));
            }
            if carts.update(key, update, &values).await? {
                break;
            }
        }
    }
    carts.update(table::CONTROL, table::FINISH, &[(":generation", to_number(generation))]).await.map(drop)
}

/// Counts all records of the stream.
async fn count_everything(shop: &Shop) -> Option<Value> {
    let records = shop.records(0, "").await;
    let failed = UpdateTotals { store: shop.store.clone() }.count_all(&records, NOW).await;
    failed.batch_item_failures.is_empty().then_some(Value::Null)
}

fn rebuilds(mark: &'static str) -> Caller {
    Caller::new(
        &format!("rebuilds as {mark}"),
        move |shop| async move { rebuild(&shop, mark, false).await.ok().map(|()| Value::Null) },
    )
}

fn rebuilds_alone(mark: &'static str) -> Caller {
    Caller::new(&format!("rebuilds alone as {mark}"), move |shop| async move {
        rebuild(&shop, mark, true).await.ok().map(|()| Value::Null)
    })
}

fn is_killed_after_touching(mark: &'static str) -> Caller {
    Caller::new(&format!("touches as {mark}"), move |shop| async move {
        begin_and_touch(&Carts { dynamodb: shop.dynamodb }, mark).await.ok().map(|_| Value::Null)
    })
}

fn counts_everything() -> Caller {
    Caller::new("counts everything", |shop| async move { count_everything(&shop).await })
}

/// Counts the records of one shard, as many as there are by then, and again from the first that failed. Two callers of one shard have
/// different names: Lambda may begin again while an invocation that it gave up is still running.
fn keeps_totals(name: &str, shard: &'static str) -> Caller {
    Caller::new(&format!("{name} keeps totals of {shard:?}"), move |shop| async move {
        let function = UpdateTotals { store: shop.store.clone() };
        let mut from = 0;
        loop {
            let records = shop.records(from, shard).await;
            if records.is_empty() {
                return Some(Value::Null);
            }
            let failed = function.count_all(&records, NOW).await;
            let first = failed.batch_item_failures.first().and_then(|failure| failure.item_identifier.as_deref());
            let place = |number| records.iter().position(|record| record["dynamodb"]["SequenceNumber"] == number);
            from += first.map_or(records.len(), |number| place(number).expect("one of these"));
        }
    })
}

/// Carts whose total was counted wrongly by an older function, which made no notes.
fn wrong_from_before(anonymous: i64, users: i64, total: i64) -> Table {
    let mut table = with_mugs(anonymous, users);
    table.put(MUG, table::TOTAL, total, LATER);
    table.forget_stream();
    table.streamed = true;
    table
}

/// The same after a recount, which noted everything. The total was made wrong since.
fn wrong_since_a_rebuild(anonymous: i64, users: i64, total: i64) -> Table {
    let table = wrong_from_before(anonymous, users, 0);
    let mut world = World::new(&Scenario { table, callers: Vec::new(), faults: 0 });
    assert_eq!(world.run(&rebuilds_alone("before")), Fate::Done(Value::Null));
    world.table.set(MUG, table::TOTAL, "quantity", total);
    world.table.forget_stream();
    world.table
}

/// An unfinished recount is run again. Then all records are counted once more, twice, which changes nothing.
fn comes_right(world: &mut World, rebuild: usize, generation: u64) {
    if world.fates[rebuild] != Fate::Done(Value::Null) {
        assert_eq!(world.run(&rebuilds_alone("again")), Fate::Done(Value::Null));
    }
    for _ in 0..2 {
        assert_eq!(world.run(&counts_everything()), Fate::Done(Value::Null));
        for (product, held, counted) in world.table.held_and_counted() {
            assert_eq!(counted, held, "{product}: {:?}", world.fates);
            assert!(world.table.reaches(product, table::TOTAL, "generation", generation), "{product}");
            assert!(!world.table.has(product, table::TOTAL, "rebuilt"), "nothing is left of it: {product}");
        }
    }
    assert!(world.table.reaches(table::CONTROL.0, table::CONTROL.1, "finished", generation));
}

/// Without faults the recount is done, and need not be run again.
fn comes_right_by_itself(world: &mut World, rebuild: usize, generation: u64) {
    assert_eq!(world.fates[rebuild], Fate::Done(Value::Null));
    comes_right(world, rebuild, generation);
}

fn empties(owner: &'static str) -> Caller {
    Caller::new(&format!("deletes what {owner} has"), move |shop| async move {
        shop.expire(owner, MUG).await;
        Some(Value::Null)
    })
}

#[test]
fn a_rebuild_beside_customers_puts_a_total_right() {
    for (table, generation, changes, size) in [
        (wrong_from_before(1, 20, 99), 1, adds(USER, 10), (1243, 4)),
        (wrong_from_before(1, 20, 99), 1, empties(CART), (690, 4)),
        (wrong_since_a_rebuild(1, 20, 99), 2, adds(CART, -1), (1065, 4)),
    ] {
        let callers = vec![rebuilds("first"), keeps_totals("lambda", ""), changes];
        holds_always(&Scenario { table, callers, faults: 0 }, size, |world| comes_right_by_itself(world, 0, generation));
    }
}

#[test]
fn a_rebuild_comes_right_whatever_fails() {
    for (table, generation, others, size) in [
        (wrong_from_before(0, 20, 99), 1, vec![keeps_totals("lambda", "")], (284, 11)),
        (wrong_since_a_rebuild(0, 20, 99), 2, vec![keeps_totals("lambda", ""), empties(USER)], (8392, 26)),
    ] {
        let callers = [vec![rebuilds("first")], others].concat();
        holds_always(&Scenario { table, callers, faults: 1 }, size, |world| comes_right(world, 0, generation));
    }
}

#[test]
fn a_rebuild_reads_batch_by_batch() {
    let mut table = wrong_from_before(1, 20, 99);
    table.batch = 1;
    let callers = vec![rebuilds("first"), keeps_totals("lambda", "")];
    holds_always(&Scenario { table, callers, faults: 0 }, (178, 1), |world| comes_right_by_itself(world, 0, 1));
}

#[test]
fn two_shards_and_a_rebuild_meet_at_one_total() {
    let callers = vec![rebuilds("first"), keeps_totals("one", "cart#"), keeps_totals("other", "user#")];
    let table = wrong_from_before(1, 20, 99);
    holds_always(&Scenario { table, callers, faults: 0 }, (126, 1), |world| comes_right_by_itself(world, 0, 1));
}

#[test]
fn a_shard_that_is_delivered_twice_at_once_is_counted_once() {
    let callers = vec![rebuilds("first"), keeps_totals("one", ""), keeps_totals("again", "")];
    let table = wrong_from_before(0, 20, 99);
    holds_always(&Scenario { table, callers, faults: 0 }, (174, 1), |world| comes_right_by_itself(world, 0, 1));
}

#[test]
fn batches_of_several_items_and_a_rebuild_meet_at_their_totals() {
    let with_pans = |mut table: Table| {
        table.put(USER, PAN, 5, LATER);
        table.put(PAN, table::TOTAL, 77, LATER);
        table.forget_stream();
        table
    };
    let (two, three) = (with_pans(wrong_from_before(0, 20, 99)), with_pans(wrong_from_before(1, 20, 99)));
    let lambda = || keeps_totals("lambda", "");
    for (table, others, size) in [
        (&two, vec![lambda(), adds(USER, 10)], (1411, 4)),
        (&two, vec![lambda(), keeps_totals("again", "")], (3585, 1)),
        (&three, vec![keeps_totals("one", "cart#"), keeps_totals("other", "user#")], (447, 1)),
    ] {
        let callers = [vec![rebuilds("first")], others].concat();
        holds_always(&Scenario { table: table.clone(), callers, faults: 0 }, size, |world| comes_right_by_itself(world, 0, 1));
    }
    let callers = vec![rebuilds("first"), lambda()];
    holds_always(&Scenario { table: three, callers, faults: 1 }, (3520, 19), |world| comes_right(world, 0, 1));
}

#[test]
fn two_rebuilds_at_once_are_one() {
    let callers = vec![rebuilds("first"), rebuilds("second"), keeps_totals("lambda", "")];
    holds_always(&Scenario { table: wrong_from_before(0, 0, 99), callers, faults: 0 }, (348, 2), |world| {
        comes_right_by_itself(world, 0, 1);
        assert_eq!(world.fates[1], Fate::Done(Value::Null));
    });
}

#[test]
fn a_rebuild_and_one_that_is_killed_touch_the_same_item() {
    let callers = vec![rebuilds("first"), is_killed_after_touching("second"), keeps_totals("lambda", "")];
    holds_always(&Scenario { table: wrong_from_before(0, 20, 99), callers, faults: 0 }, (1360, 5), |world| {
        assert_eq!(world.fates[0], Fate::Done(Value::Null));
        // The second may have begun after the first had finished.
        assert_eq!(world.run(&rebuilds_alone("again")), Fate::Done(Value::Null));
        comes_right(world, 0, 1);
    });
}

#[test]
fn what_arrives_late_from_a_rebuild_that_is_over_changes_nothing() {
    // The next recount has begun, and has summed up a part.
    let mut world = World::new(&Scenario { table: wrong_since_a_rebuild(1, 20, 21), callers: Vec::new(), faults: 0 });
    assert_eq!(world.run(&is_killed_after_touching("second")), Fate::Done(Value::Null));
    assert_eq!(world.run(&counts_everything()), Fate::Done(Value::Null));
    assert!(world.table.has(MUG, table::TOTAL, "rebuilt"));
    let (total, first) = ((MUG, table::TOTAL), (":generation", to_number(1)));
    for (key, update, values) in [
        (total, table::TAKE_OVER, vec![first.clone()]),
        (total, table::START_FROM_NOTHING, vec![first.clone(), (":none", to_number(0))]),
        (table::CONTROL, table::BEGIN, vec![first.clone(), (":read", to_number(0))]),
        (table::CONTROL, table::FINISH, vec![first]),
    ] {
        let late = Caller::new(update.condition, move |shop| {
            let values = values.clone();
            async move { Carts { dynamodb: shop.dynamodb }.update(key, update, &values).await.ok().map(Value::Bool) }
        });
        assert_eq!(world.run(&late), Fate::Done(Value::Bool(false)), "{update:?}");
    }
    assert_eq!(world.run(&rebuilds_alone("again")), Fate::Done(Value::Null));
    assert_eq!(world.table.held_and_counted(), [(MUG, 21, 21)]);
}

#[test]
fn a_total_that_nobody_holds_becomes_none_and_one_that_is_missing_is_made() {
    let mut nobody = wrong_from_before(0, 0, 99);
    let callers = vec![rebuilds("first"), keeps_totals("lambda", ""), adds(USER, 10)];
    holds_always(&Scenario { table: nobody.clone(), callers: callers.clone(), faults: 0 }, (234, 2), |world| {
        comes_right_by_itself(world, 0, 1);
    });
    nobody.expire(MUG, table::TOTAL);
    nobody.forget_stream();
    let mut missing = nobody;
    missing.put(CART, MUG, 3, LATER);
    missing.forget_stream();
    holds_always(&Scenario { table: missing, callers, faults: 0 }, (499, 3), |world| comes_right_by_itself(world, 0, 1));
}

#[test]
fn a_change_that_was_given_up_heals_with_the_next_one_of_its_item() {
    let mut world = World::new(&Scenario { table: wrong_since_a_rebuild(1, 20, 21), callers: Vec::new(), faults: 0 });
    assert_eq!(world.run(&adds(USER, 10)), Fate::Done(Value::Null));
    world.table.forget_stream();
    assert_eq!(world.table.held_and_counted(), [(MUG, 31, 21)]);
    assert_eq!(world.run(&adds(USER, 1)), Fate::Done(Value::Null));
    assert_eq!(world.run(&counts_everything()), Fate::Done(Value::Null));
    assert_eq!(world.table.held_and_counted(), [(MUG, 32, 32)]);
}

#[test]
fn what_expires_is_subtracted_and_its_note_may_be_forgotten() {
    let note = format!("{}{USER}", table::NOTES);
    let mut world = World::new(&Scenario { table: wrong_since_a_rebuild(1, 20, 21), callers: Vec::new(), faults: 0 });
    assert!(!world.table.has(&note, MUG, "expirationTime"), "it counts as long as its item");
    world.table.expire(USER, MUG);
    assert_eq!(world.run(&counts_everything()), Fate::Done(Value::Null));
    assert_eq!(world.table.held_and_counted(), [(MUG, 1, 1)]);
    assert!(world.table.has(&note, MUG, "expirationTime"));
    world.table.expire(&note, MUG);
    assert_eq!(world.run(&adds(USER, 2)), Fate::Done(Value::Null));
    assert_eq!(world.run(&counts_everything()), Fate::Done(Value::Null));
    assert_eq!(world.table.held_and_counted(), [(MUG, 3, 3)]);
}
