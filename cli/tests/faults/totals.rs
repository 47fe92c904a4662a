//! Totals that are checked and counted anew while DynamoDB has other things to do, and where it will not.

use cart_fault_bench::script::{Fault, Moment, Rule, Why};
use cart_infra::stacks;
use rustix::process::Signal;
use serde_json::Value as Json;

use crate::{bench::Bench, carts::Carts, side_by_side};

/// A shop with two carts, and totals that nobody has kept.
fn shop() -> Bench {
    let bench = Bench::new().deployed(&stacks::ALL);
    let mut carts = Carts::default();
    carts.put("cart#4c1fadaa-213a-4ea8-aa32-58c217604e3c", "mug", 2);
    carts.put("user#a", "mug", 3);
    carts.put("user#a", "pan", 1);
    carts.total_is("mug", 99);
    carts.total_is("pot", 7);
    *bench.carts() = carts;
    bench
}

const REBUILD: [&str; 5] = ["totals", "--rebuild", "--yes", "--output", "json"];

#[track_caller]
fn is_right(bench: &Bench, what: &str) {
    let carts = &bench.carts();
    assert_eq!(["mug", "pan", "pot"].map(|product| carts.total(product)), [Some(5), Some(1), Some(0)], "{what}");
}

#[test]
fn a_hiccup_of_the_table_is_got_over() {
    let operations = ["Scan", "BatchGetItem", "GetItem", "UpdateItem"];
    let runs = operations.into_iter().flat_map(|operation| Fault::PASSING.map(|fault| (operation, fault)));
    side_by_side(runs, |(operation, fault)| {
        let bench = shop();
        // At the beginning, and twice in a row.
        bench.script([1..=1, 3..=4].map(|calls| Rule::at(calls, fault).of(operation)));
        let what = format!("{operation} {fault:?}");
        let run = bench.run(&REBUILD);
        assert_eq!(run.code, 0, "{what}\n{}", run.stderr);
        bench.everything_happened();
        let answer: Json = serde_json::from_str(&run.stdout).unwrap();
        assert_eq!(answer["right"], true, "{what}: {answer}");
        is_right(&bench, &what);
    });
}

#[test]
fn what_is_not_permitted_is_said_and_nothing_is_lost() {
    let whys = [(Why::AccessDenied, 1, "hint: ask for this permission"), (Why::ExpiredToken, 4, "hint: sign in")];
    let runs = ["Scan", "BatchGetItem", "GetItem", "UpdateItem"].into_iter().flat_map(|operation| whys.map(|why| (operation, why)));
    side_by_side(runs, |(operation, (why, code, hint))| {
        let bench = shop();
        bench.script([Rule::at(1..=usize::MAX, Fault::Refused(why)).of(operation)]);
        let before = bench.carts().clone();
        let story = bench.run(&REBUILD).failed(code);
        assert!(story.lines().last().unwrap().starts_with(hint), "{operation}: {story}");
        if operation != "BatchGetItem" {
            assert_eq!(*bench.carts(), before, "{operation} {why:?}");
        }
        bench.script([]);
        bench.run(&REBUILD).succeeded();
        is_right(&bench, operation);
    });
}

#[test]
fn killed_at_each_call_and_run_again_it_comes_right() {
    let whole = shop();
    whole.run(&REBUILD).succeeded();
    let calls = whole.state().log.0.len();
    assert!(calls > 15, "{calls}");
    // Killed before a call it leaves what it leaves when it is killed after the one before.
    side_by_side(1..=calls, |call| {
        let bench = shop();
        bench.script([Rule::at(call..=call, Fault::Signal(Signal::KILL, Moment::After))]);
        let ended = bench.start(&REBUILD).wait();
        assert_eq!(ended.code, None, "{call}: {}", ended.stderr);
        bench.script([]);
        bench.run(&REBUILD).succeeded();
        is_right(&bench, &format!("killed at call {call}"));
    });
}
