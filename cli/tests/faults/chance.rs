//! Whatever a deployment starts from, and whatever goes wrong at whichever call: it ends well, or it ends with a reason; nothing is
//! lost, and the next run goes on from there.

use aws_sdk_cloudformation::types::StackStatus;
use cart_fault_bench::{
    Ended,
    account::Account,
    inventory::{During, Trouble},
    operation::Terms,
    script::{Fault, Moment, Rule, Why},
    stack::Stack,
    starts,
};
use cart_infra::{StackId, stacks};
use proptest::{
    prelude::*,
    sample::select,
    test_runner::{FileFailurePersistence, TestRunner},
};
use rustix::process::Signal;

use crate::{bench::Bench, side_by_side};

/// The stacks of a stage.
const STACKS: [StackId; 3] = [stacks::AUTH, stacks::PRODUCTS, stacks::CART];

/// What goes wrong in one run.
#[derive(Clone, Debug)]
struct Misfortune {
    at: usize,
    calls: usize,
    operation: Option<&'static str>,
    fault: Fault,
}

/// A resource that fails.
#[derive(Clone, Debug)]
struct Mishap {
    stack: StackId,
    resource: &'static str,
    during: During,
    always: bool,
}

fn misfortune() -> impl Strategy<Value = Misfortune> {
    let faults = [
        Fault::Refused(Why::Throttled),
        Fault::Refused(Why::Unavailable),
        Fault::Refused(Why::Internal),
        Fault::Refused(Why::ExpiredToken),
        Fault::Refused(Why::AccessDenied),
        Fault::Dropped,
        Fault::AnswerLost,
        Fault::AnswerCut,
        Fault::Stale(1),
        Fault::Stale(3),
        Fault::Signal(Signal::TERM, Moment::Before),
        Fault::Signal(Signal::INT, Moment::After),
        Fault::Signal(Signal::KILL, Moment::Before),
        Fault::Signal(Signal::KILL, Moment::After),
        Fault::Meanwhile(somebody_updates),
    ];
    let operations = [
        None,
        Some("DescribeStacks"),
        Some("DescribeStackEvents"),
        Some("CreateChangeSet"),
        Some("DescribeChangeSet"),
        Some("ExecuteChangeSet"),
        Some("DeleteChangeSet"),
        Some("DeleteStack"),
    ];
    // Most calls are the first of their kind; of all calls there are many.
    (1_usize..40, 1_usize..3, select(operations.to_vec()), select(faults.to_vec())).prop_map(|(at, calls, operation, fault)| {
        let at = if operation.is_some() { at.div_ceil(8) } else { at };
        Misfortune { at, calls, operation, fault }
    })
}

fn mishap() -> impl Strategy<Value = Mishap> {
    let resources = ["AWS::SSM::Parameter", "AWS::Lambda::Function", "AWS::Cognito::UserPool", "AWS::DynamoDB::Table"];
    let moments = [During::Planning, During::Create, During::Update, During::Delete, During::Rollback];
    (select(STACKS.to_vec()), select(resources.to_vec()), select(moments.to_vec()), any::<bool>())
        .prop_map(|(stack, resource, during, always)| Mishap { stack, resource, during, always })
}

/// Somebody updates the first stack of the stage that can be updated.
fn somebody_updates(account: &mut Account) {
    let is_ready = |stack: &Stack| matches!(stack.status, StackStatus::CreateComplete | StackStatus::UpdateComplete);
    // No stage owns the bootstrap stack.
    let is_it = |stack: &&Stack| is_ready(stack) && !stack.name.ends_with(stacks::BOOTSTRAP.as_str());
    let Some(stack) = account.stacks.iter().find(is_it) else { return };
    let (name, mut wanted) = (stack.name.clone(), starts::another(&stack.definition));
    wanted.tags.insert("by".to_owned(), format!("somebody, after {} events", stack.events.len()));
    account.carry_out(&name, wanted, Terms::default());
}

/// Whether a command ended as it may: with success and all stacks complete, or with a documented code and a reason.
fn ended_well(bench: &Bench, ended: &Ended, deploys: bool) {
    let Some(code) = ended.code else { return assert_eq!(ended.signal, Some(9), "{}", ended.stderr) };
    if code == 0 {
        let state = bench.state();
        let status = |stack: StackId| state.account.find(&bench.name(stack)).map(|place| &state.account.stacks[place].status);
        for stack in STACKS {
            let as_wanted =
                status(stack).map(StackStatus::as_str).map_or(!deploys, |status| deploys && status.ends_with("_COMPLETE"));
            assert!(as_wanted, "{stack} is {:?}\n{}", status(stack), ended.stderr);
        }
    } else {
        assert!([1, 4, 5, 6, 124, 130].contains(&code), "{code}\n{}", ended.stderr);
        assert!(ended.stderr.contains("error: "), "{code}\n{}", ended.stderr);
    }
}

/// Whether the program could take back what it made: it was not killed, nor told twice to leave, and was still let in.
fn could_tidy_up(ended: &Ended, misfortunes: &[Misfortune]) -> bool {
    let is_signal = |it: &&Misfortune| matches!(it.fault, Fault::Signal(..));
    let signals: usize = misfortunes.iter().filter(is_signal).map(|it| it.calls).sum();
    let shut_out = |it: &Misfortune| matches!(it.fault, Fault::Refused(Why::ExpiredToken | Why::AccessDenied));
    ended.code.is_some() && signals < 2 && !misfortunes.iter().any(shut_out)
}

fn goes_well_or_says_why(protected: bool, start: &[StackStatus], misfortunes: &[Misfortune], mishaps: &[Mishap], deletes: bool) {
    let bench = if protected { Bench::protected() } else { Bench::new() };
    let bench = bench.deployed(&[stacks::BOOTSTRAP]);
    for (stack, status) in STACKS.into_iter().zip(start) {
        // A stack cannot have existed without the values that it reads.
        if bench.can_read(stack) {
            bench.bring(stack, status);
        }
    }
    bench.script(misfortunes.iter().map(|Misfortune { at, calls, operation, fault }| {
        let rule = Rule::at(*at..=at + calls - 1, *fault);
        operation.iter().fold(rule, |rule, operation| rule.of(operation))
    }));
    let troubles = mishaps.iter().map(|Mishap { stack, resource, during, always }| Trouble {
        stack: bench.name(*stack),
        resource: if *during == During::Planning { String::new() } else { (*resource).to_owned() },
        during: *during,
        reason: format!("{resource} failed by chance"),
        always: *always,
    });
    bench.state().account.inventory.troubles = troubles.collect();
    let command: &[&str] = if deletes { &["delete", "--yes"] } else { &["deploy", "--yes"] };
    let command = if protected { [command, &["--protected-ok"]].concat() } else { command.to_vec() };
    let ended = bench.start(&command).wait();
    if misfortunes.iter().any(|it| matches!(it.fault, Fault::Meanwhile(_))) {
        // What somebody began on a stack after it was done with is not waited for.
        bench.state().account.settle();
    }
    ended_well(&bench, &ended, !deletes);
    assert_eq!(bench.state().account.lost(), Vec::<&(String, String)>::new(), "{}", ended.stderr);
    if could_tidy_up(&ended, misfortunes) {
        assert_eq!(bench.state().account.left_change_sets(), Vec::<&str>::new(), "{}", ended.stderr);
    }

    // The world is well again, and what goes on ends. Then the same command gets there, or names what is in the way.
    bench.script([]);
    bench.state().account.inventory.troubles.clear();
    let ended = bench.start(&command).wait();
    ended_well(&bench, &ended, !deletes);
    assert!(matches!(ended.code, Some(0 | 5)), "{ended:?}");
    if ended.code == Some(5) {
        assert!(ended.stderr.contains("hint: "), "{}", ended.stderr);
    }
    bench.is_tidy();
}

#[test]
fn it_ends_well_or_says_why() {
    // Four at a time, and forty in all.
    side_by_side(0..4, |_| {
        let config = ProptestConfig {
            cases: 10,
            max_shrink_iters: 60,
            failure_persistence: Some(Box::new(FileFailurePersistence::WithSource("regressions"))),
            ..ProptestConfig::with_source_file(file!())
        };
        let case = (
            any::<bool>(),
            prop::collection::vec(select(starts::ALL.to_vec()), STACKS.len()),
            prop::collection::vec(misfortune(), 0..3),
            prop::collection::vec(mishap(), 0..3),
            prop::bool::weighted(0.2),
        );
        let run = TestRunner::new(config).run(&case, |(protected, start, misfortunes, mishaps, deletes)| {
            goes_well_or_says_why(protected, &start, &misfortunes, &mishaps, deletes);
            Ok(())
        });
        run.unwrap();
    });
}
