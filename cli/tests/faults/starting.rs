//! From whatever state a stack is in: a command ends as it should, or says what is in the way and what to do.

use std::fmt::Write;

use aws_sdk_cloudformation::types::StackStatus;
use cart_fault_bench::{inventory::Clock, starts};
use cart_infra::{StackId, stacks};

use crate::{bench::Bench, side_by_side};

/// How a command ends from every status of a stack, of which the others are there already; a line a status.
fn table(stack: StackId, new: fn() -> Bench, arguments: &[&str]) -> String {
    side_by_side(&starts::ALL, |status| from(stack, status, &new(), arguments)).concat()
}

fn from(stack: StackId, status: &StackStatus, bench: &Bench, arguments: &[&str]) -> String {
    bench.deploy(&bench.prerequisites(stack));
    // What goes on still goes on when it is looked at.
    bench.state().account.inventory.latencies.clock = Clock::Calls(4);
    bench.bring(stack, status);
    let run = bench.run(arguments);
    let mut state = bench.state();
    state.account.settle();
    let ended = state.account.find(&bench.name(stack)).map(|place| state.account.stacks[place].status.to_string());
    let mut line = format!("{status} -> {} {}\n", run.code, ended.clone().unwrap_or_else(|| "gone".to_owned()));
    for said in run.stderr.lines().filter(|line| run.code != 0 && (line.starts_with("error: ") || line.starts_with("hint: "))) {
        writeln!(line, "    {}", bench.anonymous(said)).unwrap();
    }
    drop(state);
    match run.code {
        0 => {}
        5 => assert!(line.contains("error: ") && line.contains("hint: "), "{}", run.stderr),
        code => panic!("from {status}: {code}\n{}", run.stderr),
    }
    bench.is_tidy();
    line
}

#[test]
fn deploying_from_every_status() {
    insta::assert_snapshot!("deploy_auth", table(stacks::AUTH, Bench::new, &["deploy", "--yes"]));
    insta::assert_snapshot!("deploy_cart", table(stacks::CART, Bench::new, &["deploy", "--yes"]));
}

#[test]
fn deploying_a_protected_stage_from_every_status() {
    insta::assert_snapshot!(table(stacks::CART, Bench::protected, &["deploy", "--yes", "--protected-ok"]));
}

#[test]
fn deleting_from_every_status() {
    insta::assert_snapshot!(table(stacks::CART, Bench::new, &["delete", "--yes"]));
}
