//! What comes in between: signals, a second deployer, an answer from the past.

use std::{process::Command, time::Duration};

use cart_fault_bench::{
    account::Account,
    inventory::{During, Latencies, Trouble},
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

/// The signals that end a session: of somebody at a keyboard, of a pipeline, of a terminal that is closed.
const SIGNALS: [Signal; 4] = [Signal::INT, Signal::QUIT, Signal::TERM, Signal::HUP];

/// An empty account, in which change sets take their time.
fn with_slow_change_sets() -> Bench {
    let bench = Bench::new();
    bench.latencies(Latencies { pending_polls: 4, ..Latencies::default() });
    bench
}

#[test]
fn a_session_that_ends_leaves_aws_to_go_on() {
    side_by_side(SIGNALS, |signal| {
        let bench = Bench::new();
        bench.state().account.inventory.latencies.slow.insert("CognitoUserPool".to_owned(), 60_000);
        bench.script([Rule::at(1..=1, Fault::Signal(signal, Moment::After)).of("DescribeStackEvents").about(AUTH)]);
        let story = bench.run(&["deploy", "--yes"]).failed(124);
        bench.everything_happened();
        assert!(story.contains("follow the operations with `cartctl attach --"), "{story}");
        bench.script([]);
        bench.is_tidy();
        bench.run(&["deploy", "--yes"]).succeeded();
        bench.is_tidy();
    });
}

#[test]
fn planning_that_is_interrupted_takes_back_what_it_made() {
    let places = [("CreateChangeSet", 1), ("CreateChangeSet", 2), ("DescribeChangeSet", 1), ("DescribeChangeSet", 3)];
    let moments = places.into_iter().flat_map(|place| [(place, Moment::Before), (place, Moment::After)]);
    let all = SIGNALS.into_iter().flat_map(|signal| moments.clone().map(move |(place, moment)| (signal, place, moment)));
    side_by_side(all, |(signal, (operation, call), moment)| {
        let bench = with_slow_change_sets();
        bench.script([Rule::at(call..=call, Fault::Signal(signal, moment)).of(operation)]);
        let story = bench.run(&["deploy", "--yes"]).failed(130);
        bench.everything_happened();
        assert!(story.contains("error: interrupted; nothing was changed"), "{story}");
        assert!(!story.contains("warning") && !story.contains("another deployment"), "{story}");
        bench.is_tidy();
        let state = bench.state();
        let statuses: Vec<_> = state.account.stacks.iter().map(|stack| stack.status.as_str()).collect();
        assert!(statuses.iter().all(|status| *status == "DELETE_COMPLETE"), "{operation} {call} {moment:?}: {statuses:?}");
    });
}

/// Nothing new is begun after a signal.
#[test]
fn an_interrupted_plan_makes_no_more_change_sets() {
    let bench = with_slow_change_sets();
    // The answer waits until even a busy machine has delivered the signal, which ends the request.
    let faults = [Fault::Signal(Signal::INT, Moment::Before), Fault::Late(Duration::from_secs(5))];
    let operations = ["PutObject", "GetParametersByPath"];
    bench.script(operations.into_iter().flat_map(|operation| faults.map(|fault| Rule::at(1..=1, fault).of(operation))));
    bench.run(&["deploy", "--yes"]).failed(130);
    assert_eq!(bench.state().log.count("CreateChangeSet"), 0);
}

#[test]
fn who_does_not_wait_for_change_sets_is_told_which_are_left() {
    let bench = Bench::new();
    bench.latencies(Latencies { pending_polls: usize::MAX, ..Latencies::default() });
    let signal = |call| Rule::at(call..=call, Fault::Signal(Signal::INT, Moment::Before)).of("DescribeChangeSet");
    bench.script([signal(2), signal(8)]);
    let story = bench.run(&["deploy", "--yes"]).failed(130);
    bench.everything_happened();
    assert!(story.contains("note      Stopping: the change sets of the plan are awaited and deleted."), "{story}");
    assert!(
        story.contains("warning   a change set of the auth stack could not be deleted; it has no effect: cartctl quit before"),
        "{story}"
    );
    assert!(story.contains("error: quit without waiting; change sets of the plan are left"), "{story}");
    bench.script([]);
    bench.latencies(Latencies::default());
    for stack in &mut bench.state().account.stacks {
        stack.change_sets.iter_mut().for_each(|set| set.pending = 3);
    }
    bench.run(&["deploy", "--yes"]).succeeded();
    bench.is_tidy();
}

/// As `nohup` has it, and a shell that starts something in the background.
#[test]
fn a_signal_that_is_ignored_stays_ignored() {
    let (ignored, names) = ([Signal::HUP, Signal::INT, Signal::QUIT], "HUP INT QUIT");
    side_by_side(ignored, |signal| {
        let bench = Bench::new();
        let program = bench.command(&["deploy", "--yes"]);
        let mut shell = Command::new("sh");
        shell.args(["-c", &format!("trap '' {names}; exec \"$0\" \"$@\"")]).arg(program.get_program()).args(program.get_args());
        shell.current_dir(program.get_current_dir().unwrap());
        shell.envs(program.get_envs().filter_map(|(name, value)| Some((name, value?))));
        bench.script([
            Rule::at(1..=1, Fault::Signal(signal, Moment::After)).of("DescribeChangeSet"),
            Rule::at(2..=2, Fault::Signal(signal, Moment::After)).of("DescribeStackEvents"),
        ]);
        let ended = bench.spawn(&mut shell).wait();
        assert_eq!(ended.code, Some(0), "{signal:?}: {}", ended.stderr);
        bench.everything_happened();
        bench.is_tidy();
    });
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
    assert!(story.contains("cart      – not started") && !story.contains("skipped"), "nothing failed: {story}");
    assert!(story.contains("; cart was not started"), "{story}");
}

/// They expire before anything is begun, which is no failure of any stack.
#[test]
fn credentials_that_expire_before_the_first_step_leave_everything_not_started() {
    let bench = Bench::new().deployed(&[stacks::BOOTSTRAP]);
    bench.script([Rule::at(1..=usize::MAX, Fault::Refused(Why::ExpiredToken)).of("ExecuteChangeSet")]);
    let story = bench.run(&["deploy", "--yes"]).failed(4);
    assert!(story.contains("; auth and products and cart were not started"), "{story}");
    assert!(!story.contains("failed after") && !story.contains("skipped") && !story.contains("attach"), "{story}");
    assert!(story.contains("hint: sign in again, then run the same command again for the rest"), "{story}");
    bench.script([]);
    bench.run(&["deploy", "--yes"]).succeeded();
    bench.is_tidy();
}

/// Who waits for one that waits is told of the first.
#[test]
fn what_is_skipped_is_skipped_because_of_what_failed() {
    let bench = Bench::new();
    let trouble = Trouble {
        stack: bench.name(stacks::BOOTSTRAP),
        resource: "AWS::S3::Bucket".to_owned(),
        during: During::Create,
        reason: "too many buckets".to_owned(),
        always: false,
    };
    bench.state().account.inventory.troubles.push(trouble);
    let story = bench.run(&["deploy", "--yes"]).failed(6);
    for stack in ["products", "cart"] {
        assert!(story.contains(&format!("{stack:9} – skipped, because bootstrap failed")), "{story}");
    }
    bench.is_tidy();
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
