//! The real `cartctl` against an AWS that fails on purpose: however it goes, a deployment ends well or says what to do next.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

mod bench;
mod carts;
#[path = "../support/program.rs"]
mod program;

use std::{sync::Mutex, thread};

mod chance;
mod deploying;
mod env_file;
mod hints;
mod interrupting;
mod logs;
mod organising;
mod owning;
mod starting;
mod taming;
mod terminal;
mod totals;
mod trusting;
mod writing;

/// What becomes of each, worked on side by side: a run of the program is mostly waiting.
fn side_by_side<T: Send, R: Send>(items: impl IntoIterator<Item = T>, work: impl Fn(T) -> R + Sync) -> Vec<R> {
    let items = Mutex::new(items.into_iter().enumerate().collect::<Vec<_>>());
    let results = Mutex::new(Vec::new());
    thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                loop {
                    let Some((place, item)) = items.lock().unwrap().pop() else { return };
                    let result = work(item);
                    results.lock().unwrap().push((place, result));
                }
            });
        }
    });
    let mut results = results.into_inner().unwrap();
    results.sort_by_key(|(place, _)| *place);
    results.into_iter().map(|(_, result)| result).collect()
}
