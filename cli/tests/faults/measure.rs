//! Measures deployments against the stand-in with AWS's latencies switched on: how many calls, how many seconds, and how many of those
//! the stand-in itself needed, one stack after those it needs. `tools/bench` runs it; nothing here fails for being slow.
//!
//! `MEASURED_CARTCTL` is the program to measure, if not the one the tests run. With `--serve`, everything is deployed, and whoever wants
//! to measure a command by themselves is told how to call it, until standard input ends.

#![expect(clippy::unwrap_used, reason = "whoever measures sees the panic")]
#![expect(clippy::print_stdout, reason = "the figures are the answer")]

#[expect(dead_code, reason = "nothing goes wrong while it is measured")]
mod bench;
#[expect(dead_code, reason = "nobody counts totals while deployments are measured")]
mod carts;
#[path = "../support/program.rs"]
#[expect(dead_code, reason = "here the program is not run without an eye on the time")]
mod program;

use std::{
    collections::BTreeMap,
    io::Read,
    time::{Duration, Instant},
};

use bench::{Bench, SHOP};
use cart_fault_bench::inventory::Latencies;
use cart_infra::{StackId, stacks};
use program::finish;
use serde_json::json;

/// Operations of twenty seconds, whatever the stack, and fifty milliseconds a call: the setting in which other tools were measured.
fn twenty_seconds() -> Latencies {
    let slow = ["CognitoUserPool", "ProductsRestApi", "CartRestApi"].map(|id| (id.to_owned(), 20_000));
    Latencies { resource: |_| 0, slow: slow.into(), clean_up: 0, ..Latencies::realistic() }
}

fn main() {
    if std::env::args().any(|argument| argument == "--serve") {
        return serve();
    }
    println!("{:42} {:>6} {:>6} {:>9} {:>7} {:>9}", "", "calls", "polls", "seconds", "AWS's", "overhead");
    for (setting, latencies) in [("about AWS's latencies", Latencies::realistic()), ("20 s a stack", twenty_seconds())] {
        let bench = Bench::new().deployed(&[stacks::BOOTSTRAP]);
        bench.latencies(latencies);
        println!("{setting}, 50 ms a call");
        measure("first deployment of three stacks", &bench, &["deploy", "--yes"]);
        measure("nothing to do", &bench, &["deploy", "--yes"]);
        let bench = bench.package("second");
        measure("new code", &bench, &["deploy", "--yes"]);
        let bench = bench.packages(["third", "second"]);
        measure("new code of the two functions of products", &bench, &["deploy", "--yes"]);
        measure("delete", &bench, &["delete", "--yes"]);
    }
}

/// What a command took, beside what the stand-in needed for it.
fn measure(what: &str, bench: &Bench, arguments: &[&str]) {
    let (calls, events) = {
        let state = bench.state();
        (state.log.0.len(), state.account.stacks.iter().map(|stack| (stack.id.clone(), stack.events.len())).collect())
    };
    let started = Instant::now();
    finish(&mut bench.command(arguments)).succeeded();
    let took = started.elapsed();
    let needed = needed(bench, &events);
    let state = bench.state();
    let polls = state.log.0[calls..].iter().filter(|call| call.poll).count();
    let calls = state.log.0.len() - calls - polls;
    let overhead = took.saturating_sub(needed);
    let [took, needed, overhead] = [took, needed, overhead].map(|it| format!("{:.2}", it.as_secs_f64()));
    println!("  {what:40} {calls:>6} {polls:>6} {took:>9} {needed:>7} {overhead:>9}");
}

/// How long the stacks were worked on since they had so many events: auth and products side by side, and the cart by itself.
fn needed(bench: &Bench, before: &BTreeMap<String, usize>) -> Duration {
    let state = bench.state();
    let worked = |stack: StackId| {
        let name = bench.name(stack);
        let spans = state.account.stacks.iter().filter(|stack| stack.name == name).map(|stack| {
            // The first event of a stack is that it is under review.
            let new = &stack.events[before.get(&stack.id).copied().unwrap_or(1).min(stack.events.len())..];
            new.first().zip(new.last()).map_or(0, |(first, last)| last.at - first.at)
        });
        Duration::from_millis(spans.sum())
    };
    worked(stacks::AUTH).max(worked(stacks::PRODUCTS)) + worked(stacks::CART)
}

fn serve() {
    let bench = Bench::new().deployed(&SHOP);
    let command = bench.command(&["deploy", "--yes"]);
    let text = |text: &std::ffi::OsStr| text.to_str().unwrap().to_owned();
    let arguments: Vec<_> = command.get_args().map(text).collect();
    let environment: BTreeMap<_, _> = command.get_envs().filter_map(|(name, value)| Some((text(name), text(value?)))).collect();
    println!("{}", json!({ "arguments": arguments, "environment": environment }));
    std::io::stdin().read_to_end(&mut Vec::new()).unwrap();
}
