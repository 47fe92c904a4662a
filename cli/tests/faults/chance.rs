//! Whatever a deployment starts from, and whatever goes wrong at whichever call: it ends well, or it ends with a reason; nothing is
//! lost, and the next run goes on from there.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Mutex,
};

use aws_sdk_cloudformation::types::StackStatus;
use cart_fault_bench::{
    Blueprint, Ended,
    account::Account,
    inventory::{During, Trouble},
    operation::Terms,
    script::{Fault, Moment, Rule, Why},
    stack::Stack,
    starts,
};
use cart_infra::{StackId, stacks};
use proptest::{
    option,
    prelude::*,
    sample::{Index, select},
    strategy::ValueTree,
    test_runner::{RngSeed, TestRunner},
};
use rustix::process::Signal;

use crate::{bench::Bench, side_by_side};

/// The stacks of a stage.
const STACKS: [StackId; 3] = [stacks::AUTH, stacks::PRODUCTS, stacks::CART];

/// The stacks that new code changes.
const WITH_CODE: [StackId; 2] = [stacks::PRODUCTS, stacks::CART];

/// The stacks of a stage in rounds: a stack reads from stacks of earlier rounds alone.
const ROUNDS: [&[StackId]; 2] = [&[stacks::AUTH, stacks::PRODUCTS], &[stacks::CART]];

/// What goes wrong at a call.
const FAULTS: [Fault; 15] = [
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

const OPERATIONS: [&str; 7] = [
    "DescribeStacks",
    "DescribeStackEvents",
    "CreateChangeSet",
    "DescribeChangeSet",
    "ExecuteChangeSet",
    "DeleteChangeSet",
    "DeleteStack",
];

const MOMENTS: [During; 5] = [During::Planning, During::Create, During::Update, During::Delete, During::Rollback];

/// A status for each stack of a stage; those of stacks that could not exist are passed over.
type Start = BTreeMap<StackId, StackStatus>;

/// What goes wrong at some calls of one run.
#[derive(Clone, Debug)]
struct Misfortune {
    at: usize,
    calls: usize,
    operation: Option<&'static str>,
    /// Of [`FAULTS`].
    fault: usize,
}

/// A resource that fails: one of this stack and of a type that the stack has.
#[derive(Clone, Debug)]
struct Mishap {
    stack: StackId,
    kind: Index,
    during: During,
    always: bool,
}

/// What is done, and goes wrong, after a start.
#[derive(Clone, Debug)]
struct Story {
    protected: bool,
    new_code: bool,
    deletes: bool,
    misfortunes: Vec<Misfortune>,
    mishaps: Vec<Mishap>,
}

/// What happened over all cases.
#[derive(Debug, Default)]
struct Covered {
    starts: BTreeSet<(StackId, String)>,
    /// Of [`FAULTS`].
    faults: BTreeSet<usize>,
    /// Of [`MOMENTS`].
    mishaps: BTreeSet<usize>,
    /// Exit codes; none of a run that was killed.
    ends: BTreeSet<Option<i32>>,
}

fn misfortune() -> impl Strategy<Value = Misfortune> {
    // Most calls are the first of their kind; of all calls there are many.
    let at = prop_oneof![(1_usize..40, Just(None)), (1_usize..5, select(&OPERATIONS).prop_map(Some))];
    (at, 1_usize..3, 0..FAULTS.len()).prop_map(|((at, operation), calls, fault)| Misfortune { at, calls, operation, fault })
}

fn mishap(during: impl Strategy<Value = During>) -> impl Strategy<Value = Mishap> {
    (during, any::<Index>(), any::<Index>(), any::<bool>()).prop_map(|(during, stack, kind, always)| {
        let stack = *stack.get(if takes_an_update(during) { &WITH_CODE[..] } else { &STACKS });
        Mishap { stack, kind, during, always }
    })
}

fn takes_an_update(during: During) -> bool {
    matches!(during, During::Update | During::Rollback)
}

/// By turns, something goes wrong at a call or with a resource. Each fault and each moment of a failure has a turn of its own; the rest is
/// left to chance.
fn story(turn: usize) -> BoxedStrategy<Story> {
    let (place, of_calls) = (turn / 2, turn.is_multiple_of(2));
    let what = (any::<bool>(), any::<bool>(), prop::bool::weighted(0.2));
    if of_calls {
        // No run is over before its first calls. Only questions have old answers, and each run asks for three stacks.
        let first = (1_usize..6, Just(place % FAULTS.len())).prop_map(|(at, fault)| {
            let question = matches!(FAULTS[fault], Fault::Stale(_)).then_some("DescribeStacks");
            Misfortune { at: question.map_or(at, |_| at.min(3)), calls: 1, operation: question, fault }
        });
        let any = place >= FAULTS.len();
        let first = if any { misfortune().boxed() } else { first.boxed() };
        (what, first, option::of(misfortune()), option::of(mishap(select(&MOMENTS))))
            .prop_map(|((protected, new_code, deletes), first, second, mishap)| Story {
                protected,
                new_code,
                deletes,
                misfortunes: [first].into_iter().chain(second).collect(),
                mishaps: mishap.into_iter().collect(),
            })
            .boxed()
    } else {
        let during = MOMENTS[place % MOMENTS.len()];
        (what, mishap(Just(during)), option::of(mishap(select(&MOMENTS))))
            .prop_map(move |((protected, new_code, deletes), first, second)| {
                // New code updates a stack, unless the stage is protected from what else the update does.
                let (protected, new_code, deletes) =
                    if takes_an_update(during) { (false, true, false) } else { (protected, new_code, deletes) };
                Story {
                    protected,
                    new_code,
                    deletes,
                    misfortunes: Vec::new(),
                    mishaps: [first].into_iter().chain(second).collect(),
                }
            })
            .boxed()
    }
}

/// Starts over which every stack has every status, while the stacks that it reads from have published.
fn starts() -> Vec<Start> {
    let config = ProptestConfig { rng_seed: RngSeed::Fixed(0), ..ProptestConfig::default() };
    let mut runner = TestRunner::new(config);
    let mut starts = Vec::new();
    for (round, focus) in ROUNDS.iter().enumerate() {
        let statuses = |_| Just(starts::ALL.to_vec()).prop_shuffle();
        let statuses: Vec<_> = focus.iter().map(statuses).collect();
        let statuses = statuses.new_tree(&mut runner).unwrap().current();
        for place in 0..starts::ALL.len() {
            let of_focus = || focus.iter().zip(&statuses).map(|(stack, statuses)| (*stack, statuses[place].clone()));
            let start = loop {
                let any = STACKS.map(|stack| (Just(stack), select(&starts::ALL)));
                let mut start: Start = any.new_tree(&mut runner).unwrap().current().into();
                start.extend(of_focus());
                let bench = Bench::new().deployed(&[stacks::BOOTSTRAP]);
                bring(&bench, start.iter().filter(|(stack, _)| ROUNDS[..round].concat().contains(stack)));
                if focus.iter().all(|stack| bench.can_read(*stack)) {
                    break start;
                }
            };
            starts.push(start);
        }
    }
    starts
}

/// Brings stacks into their statuses, and says which. A stack cannot have existed without the values that it reads.
fn bring<'a>(bench: &Bench, start: impl IntoIterator<Item = (&'a StackId, &'a StackStatus)>) -> Vec<(StackId, String)> {
    let start: BTreeMap<_, _> = start.into_iter().collect();
    let mut brought = Vec::new();
    for stack in ROUNDS.concat() {
        if let Some(status) = start.get(&stack)
            && bench.can_read(stack)
        {
            bench.bring(stack, status);
            brought.push((stack, status.to_string()));
        }
    }
    brought
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
    let is_signal = |it: &&Misfortune| matches!(FAULTS[it.fault], Fault::Signal(..));
    let signals: usize = misfortunes.iter().filter(is_signal).map(|it| it.calls).sum();
    let shut_out = |it: &Misfortune| matches!(FAULTS[it.fault], Fault::Refused(Why::ExpiredToken | Why::AccessDenied));
    ended.code.is_some() && signals < 2 && !misfortunes.iter().any(shut_out)
}

/// The failures that a mishap stands for. A rollback takes an update that failed.
fn troubles(bench: &Bench, Mishap { stack, kind, during, always }: &Mishap) -> Vec<Trouble> {
    let Blueprint { name, template, .. } = bench.blueprint(*stack);
    let kinds: BTreeSet<_> = template["Resources"].as_object().unwrap().values().map(|it| it["Type"].as_str().unwrap()).collect();
    let is_updated = |kind: &&str| ["AWS::Lambda::Alias", "AWS::Lambda::Function"].contains(kind);
    let kinds: Vec<_> = kinds.into_iter().filter(|kind| !takes_an_update(*during) || is_updated(kind)).collect();
    let kind = (*kind.get(&kinds)).to_owned();
    let trouble = |during| Trouble {
        stack: name.clone(),
        resource: if during == During::Planning { String::new() } else { kind.clone() },
        reason: format!("{kind} failed by chance"),
        during,
        always: *always,
    };
    let first = (*during == During::Rollback).then(|| trouble(During::Update));
    first.into_iter().chain([trouble(*during)]).collect()
}

fn goes_well_or_says_why(start: &Start, story: &Story, covered: &Mutex<Covered>) {
    let Story { protected, new_code, deletes, misfortunes, mishaps } = story;
    let bench = if *protected { Bench::protected() } else { Bench::new() };
    let bench = bench.deployed(&[stacks::BOOTSTRAP]);
    let brought = bring(&bench, start);
    let bench = if *new_code { bench.package("second") } else { bench };
    bench.script(misfortunes.iter().map(|Misfortune { at, calls, operation, fault }| {
        let rule = Rule::at(*at..=at + calls - 1, FAULTS[*fault]);
        operation.iter().fold(rule, |rule, operation| rule.of(operation))
    }));
    let troubles = mishaps.iter().flat_map(|mishap| troubles(&bench, mishap)).collect();
    {
        let inventory = &mut bench.state().account.inventory;
        (inventory.troubles, inventory.met) = (troubles, Vec::new());
    }
    let command: &[&str] = if *deletes { &["delete", "--yes"] } else { &["deploy", "--yes"] };
    let command = if *protected { [command, &["--protected-ok"]].concat() } else { command.to_vec() };
    let ended = bench.start(&command).wait();
    {
        let (mut covered, state) = (covered.lock().unwrap(), bench.state());
        covered.starts.extend(brought);
        let happened = misfortunes.iter().zip(&state.script).filter(|(_, rule)| rule.happened() > 0);
        covered.faults.extend(happened.map(|(misfortune, _)| misfortune.fault));
        let met = |during: &During| state.account.inventory.met.iter().any(|trouble| trouble.during == *during);
        covered.mishaps.extend((0..MOMENTS.len()).filter(|moment| met(&MOMENTS[*moment])));
        covered.ends.insert(ended.code);
    }
    if misfortunes.iter().any(|it| matches!(FAULTS[it.fault], Fault::Meanwhile(_))) {
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

/// The same cases in each run. With `PROPTEST_RNG_SEED` they are others, and may not cover everything. How often a stack is asked about depends on
/// how busy the machine is, so that a fault may meet no call: then there are more cases.
#[test]
fn it_ends_well_or_says_why() {
    let covered = Mutex::<Covered>::default();
    let turns = starts().len();
    for round in 0..4 {
        side_by_side(starts().into_iter().enumerate(), |(turn, start)| {
            let turn = round * turns + turn;
            let config = ProptestConfig { cases: 1, max_shrink_iters: 60, failure_persistence: None, ..ProptestConfig::default() };
            let rng_seed = match config.rng_seed {
                RngSeed::Random => RngSeed::Fixed(turn.try_into().unwrap()),
                RngSeed::Fixed(seed) => RngSeed::Fixed(seed.wrapping_add(turn.try_into().unwrap())),
            };
            let run = TestRunner::new(ProptestConfig { rng_seed, ..config }).run(&story(turn), |story| {
                goes_well_or_says_why(&start, &story, &covered);
                Ok(())
            });
            run.unwrap_or_else(|failed| panic!("from {start:?}: {failed}"));
        });
        let covered = covered.lock().unwrap();
        if covered.faults.len() == FAULTS.len() && covered.mishaps.len() == MOMENTS.len() {
            break;
        }
    }

    let Covered { starts, faults, mishaps, ends } = covered.into_inner().unwrap();
    let every: BTreeSet<_> =
        STACKS.into_iter().flat_map(|stack| starts::ALL.iter().map(move |it| (stack, it.to_string()))).collect();
    assert_eq!(every.difference(&starts).collect::<Vec<_>>(), Vec::<&(StackId, String)>::new(), "stacks that never had a status");
    let missing: Vec<_> = FAULTS.iter().enumerate().filter(|(fault, _)| !faults.contains(fault)).collect();
    assert!(missing.is_empty(), "no call met {missing:?}");
    let missing: Vec<_> = MOMENTS.iter().enumerate().filter(|(moment, _)| !mishaps.contains(moment)).collect();
    assert!(missing.is_empty(), "no resource failed during {missing:?}");
    for end in [Some(0), Some(5), Some(6), Some(130), None] {
        assert!(ends.contains(&end), "no run ended with {end:?}, but with {ends:?}");
    }
}
