//! What comes in between: signals, a second deployer, an answer from the past.

use cart_fault_bench::{
    account::Account,
    operation::Terms,
    script::{Fault, Moment, Rule, Why},
    starts::another,
};
use cart_infra::stacks;
use rustix::process::Signal;

use crate::{
    bench::{Bench, SHOP},
    side_by_side,
};

const AUTH: &str = "aws-serverless-shopping-cart-auth";

#[test]
fn a_pipeline_that_is_cancelled_leaves_aws_to_go_on() {
    let bench = Bench::new();
    bench.state().account.inventory.latencies.slow.insert("CognitoUserPool".to_owned(), 60_000);
    bench.script([Rule::at(1..=1, Fault::Signal(Signal::TERM, Moment::After)).of("DescribeStackEvents").about(AUTH)]);
    let story = bench.run(&["deploy", "--yes"]).failed(124);
    bench.everything_happened();
    assert!(story.contains("follow the operations with `cartctl attach --"), "{story}");
    bench.script([]);
    bench.is_tidy();
    bench.run(&["deploy", "--yes"]).succeeded();
    bench.is_tidy();
}

#[test]
fn planning_that_is_interrupted_takes_back_what_it_made() {
    for signal in [Signal::TERM, Signal::INT] {
        let bench = Bench::new().deployed(&[stacks::BOOTSTRAP, stacks::AUTH, stacks::PRODUCTS]).package("second");
        bench.script([Rule::at(1..=1, Fault::Signal(signal, Moment::Before)).of("DescribeChangeSet")]);
        let story = bench.run(&["deploy", "--yes"]).failed(130);
        bench.everything_happened();
        assert!(story.contains("nothing was changed"), "{story}");
        bench.is_tidy();
    }
}

/// Wherever it is killed, the next run goes on from there.
#[test]
fn killed_and_run_again() {
    let places = [
        ("GetCallerIdentity", 1),
        ("DescribeStacks", 1),
        ("CreateChangeSet", 1),
        ("CreateChangeSet", 4),
        ("DescribeChangeSet", 2),
        ("ExecuteChangeSet", 1),
        ("ExecuteChangeSet", 3),
        ("PutObject", 2),
        ("DescribeStackEvents", 5),
    ];
    let moments = places.into_iter().flat_map(|place| [(place, Moment::Before), (place, Moment::After)]);
    side_by_side(moments, |((operation, call), moment)| {
        let bench = Bench::new();
        bench.script([Rule::at(call..=call, Fault::Signal(Signal::KILL, moment)).of(operation)]);
        let ended = bench.start(&["deploy", "--yes"]).wait();
        assert_eq!(ended.signal, Some(9), "{operation} {call}: {}", ended.stderr);
        bench.script([]);
        bench.run(&["deploy", "--yes"]).succeeded();
        bench.is_tidy();
        assert_eq!(bench.state().account.orphans(), Vec::<&str>::new(), "{operation} {call} {moment:?}");
    });
}

fn somebody_else_updates(account: &mut Account) {
    let mut wanted = another(&account.stack(AUTH).definition);
    wanted.tags.insert("by".to_owned(), format!("somebody, {}", account.stack(AUTH).events.len()));
    account.carry_out(AUTH, wanted, Terms::default());
}

#[test]
fn somebody_else_deploys_at_the_same_time() {
    for operation in ["DescribeStacks", "CreateChangeSet", "DescribeChangeSet", "ExecuteChangeSet"] {
        let bench = Bench::new().deployed(&SHOP);
        let ours = bench.wanted(stacks::AUTH);
        // There is something to change.
        somebody_else_updates(&mut bench.state().account);
        bench.state().account.settle();
        bench.script([Rule::at(1..=1, Fault::Meanwhile(somebody_else_updates)).of(operation).about(AUTH)]);
        bench.run(&["deploy", "--yes"]).succeeded();
        bench.everything_happened();
        bench.is_tidy();
        assert_eq!(bench.state().account.stack(AUTH).definition, ours, "ours is the last word: {operation}");
    }
}

#[test]
fn answers_from_the_past_are_not_believed() {
    for calls in [1, 3] {
        let bench = Bench::new();
        let stale = |operation| Rule::at(1..=usize::MAX, Fault::Stale(calls)).of(operation);
        bench.script([stale("DescribeStacks"), stale("DescribeStackEvents")]);
        bench.run(&["deploy", "--yes"]).succeeded();
        bench.everything_happened();
        bench.is_tidy();
    }
}

#[test]
fn credentials_that_expire_meanwhile_are_said_at_once() {
    let bench = Bench::new().deployed(&[stacks::BOOTSTRAP]);
    bench.script([Rule::at(3..=usize::MAX, Fault::Refused(Why::ExpiredToken)).of("DescribeStackEvents")]);
    let story = bench.run(&["deploy", "--yes"]).failed(4);
    assert!(story.contains("sign in again, then follow the operations with `cartctl attach --"), "{story}");
}

/// A request whose answer does not arrive is repeated, and done once.
#[test]
fn lost_answers_change_nothing() {
    let operations = ["CreateChangeSet", "ExecuteChangeSet", "PutObject"];
    let faults = operations.into_iter().flat_map(|operation| [(operation, Fault::AnswerLost), (operation, Fault::AnswerCut)]);
    side_by_side(faults, |(operation, fault)| {
        let bench = Bench::new();
        bench.script([Rule::at(1..=2, fault).of(operation)]);
        bench.run(&["deploy", "--yes"]).succeeded();
        bench.everything_happened();
        bench.is_tidy();
        let state = bench.state();
        assert_eq!(state.account.stacks.len(), SHOP.len(), "{operation}");
        let tokens: Vec<_> = state.log.0.iter().filter(|call| call.operation == operation).map(|call| &call.token).collect();
        assert!(tokens[1..].contains(&tokens[0]), "{operation} is repeated as the same request");
        assert_eq!(state.account.orphans(), Vec::<&str>::new(), "{operation}");
    });
}
