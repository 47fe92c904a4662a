//! Logs that are read while CloudWatch has other things to do, and where it will not.

use cart_fault_bench::{
    inventory::Latencies,
    logs::Logs,
    script::{Fault, Rule, Why},
};
use cart_infra::stacks;

use crate::{bench::Bench, program::finish, side_by_side, writing::full};

/// A shop whose functions printed ten lines each, in turns, a good while ago; three of them a page.
fn shop() -> Bench {
    let bench = Bench::new().deployed(&stacks::ALL);
    bench.latencies(Latencies { page: 3, ..Latencies::default() });
    let mut state = bench.state();
    let groups: Vec<_> = state.account.inventory.things.keys().filter(|(kind, _)| kind == "AWS::Logs::LogGroup").cloned().collect();
    let lines = |group: &str| (0..10).map(|line| (1_700_000_000_000 + line, format!("{group}: {line}"))).collect();
    state.account.inventory.logs = Logs(groups.iter().map(|(_, group)| (group.clone(), lines(group))).collect());
    drop(state);
    bench
}

const LOGS: [&str; 3] = ["logs", "--since", "36500d"];

#[test]
fn a_hiccup_of_the_logs_neither_loses_nor_repeats_a_line() {
    let whole = shop().run(&LOGS).succeeded().0;
    assert_eq!(whole.lines().count(), 10 * 10, "of the functions, and not of the gateway: {whole}");
    let times: Vec<_> = whole.lines().map(|line| line.split(' ').next().unwrap()).collect();
    assert!(times.is_sorted(), "{whole}");
    side_by_side(
        Fault::PASSING.into_iter().flat_map(|fault| [1..=1, 2..=20, 39..=40].map(|calls| (fault, calls))),
        |(fault, calls)| {
            let bench = shop();
            bench.script([Rule::at(calls.clone(), fault).of("FilterLogEvents")]);
            let read = bench.run(&LOGS).succeeded().0;
            bench.everything_happened();
            assert_eq!(read, whole, "{fault:?} {calls:?}");
        },
    );
}

#[test]
fn logs_that_may_not_be_read_are_said_to_be() {
    for (why, code, hint) in [(Why::AccessDenied, 1, "hint: ask for this permission"), (Why::ExpiredToken, 4, "hint: sign in")] {
        let bench = shop();
        bench.script([Rule::at(5..=usize::MAX, Fault::Refused(why)).of("FilterLogEvents")]);
        let story = bench.run(&LOGS).failed(code);
        assert!(story.contains("error: reading the logs in ") && story.lines().last().unwrap().starts_with(hint), "{story}");
    }
}

#[test]
fn logs_end_where_they_cannot_be_shown() {
    let bench = shop();
    for follow in [&[][..], &["--follow"]] {
        let arguments = [&LOGS[..], follow].concat();
        let story = finish(bench.command(&arguments).stdout(full())).failed(1);
        assert!(story.contains("error: the answer could not be written to standard output\n"), "{story}");
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        finish(bench.command(&arguments).stdout(writer)).succeeded();
    }
}
