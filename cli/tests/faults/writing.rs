//! What is said and cannot be written, while something is done in AWS: that comes to a clean end first.

use std::{
    fs::{self, File, OpenOptions},
    process::Command,
};

use cart_fault_bench::inventory::{During, Trouble};
use cart_infra::stacks;
use serde_json::Value;

use crate::{
    bench::{Bench, SHOP},
    program::{Run, finish},
    side_by_side,
};

/// A device on which there is no space.
pub(crate) fn full() -> File {
    OpenOptions::new().write(true).open("/dev/full").unwrap()
}

/// What a command says that it lost, and how it comes to lose it.
type Lost = (&'static str, fn(&mut Command));

/// Every kind of what is written during a deployment.
const LOST: [Lost; 6] = [
    ("the answer could not be written to standard output", |command| _ = command.stdout(full())),
    ("the answer could not be written to standard output", |command| _ = command.args(["--output", "json"]).stdout(full())),
    ("the events could not be written to /dev/full", |command| _ = command.args(["--events", "/dev/full"])),
    ("the timeline could not be written to /dev/full", |command| _ = command.args(["--timeline", "/dev/full"])),
    ("the step summary could not be written to /dev/full", |command| on_github(command, "GITHUB_STEP_SUMMARY")),
    ("the outputs could not be written to /dev/full", |command| on_github(command, "GITHUB_OUTPUT")),
];

fn on_github(command: &mut Command, variable: &str) {
    command.envs([("GITHUB_ACTIONS", "true"), (variable, "/dev/full")]);
}

fn is_deployed(bench: &Bench) {
    bench.is_tidy();
    for stack in SHOP {
        assert_eq!(bench.state().account.stack(&bench.name(stack)).status.as_str(), "CREATE_COMPLETE");
    }
}

#[test]
fn a_deployment_is_done_before_it_says_what_is_lost() {
    side_by_side(LOST, |(said, lose)| {
        let bench = Bench::new();
        let events = bench.path("events.jsonl");
        let mut command = bench.command(&["deploy", "--yes"]);
        if !said.starts_with("the events") {
            command.args(["--events", events.as_str()]);
        }
        lose(&mut command);
        let story = finish(&mut command).failed(1);
        assert!(story.contains(&format!("error: {said}\n  caused by: No space left on device")), "{story}");
        is_deployed(&bench);
        if let Ok(events) = fs::read_to_string(events) {
            let last: Value = serde_json::from_str(events.lines().last().unwrap()).unwrap();
            assert_eq!((&last["event"], &last["exit_code"]), (&"ended".into(), &1.into()), "{said}");
            assert!(last["error"].as_str().unwrap().starts_with(said), "{last}");
        }
        // Nothing is left to do, and everything can be said.
        bench.run(&["deploy", "--yes"]).succeeded();
    });
}

#[test]
fn a_deployment_goes_on_if_nobody_can_read_its_story() {
    side_by_side([&["deploy", "--yes"][..], &["deploy", "--yes", "-vv"]], |arguments| {
        let bench = Bench::new();
        let run = finish(bench.command(arguments).stderr(full()));
        assert_eq!(run.code, 0);
        assert!(run.stdout.contains("CartApi"), "{}", run.stdout);
        is_deployed(&bench);
    });
}

#[test]
fn a_failure_stays_the_one_it_is() {
    side_by_side(LOST, |(said, lose)| {
        let bench = Bench::new();
        let trouble = Trouble {
            stack: bench.name(stacks::CART),
            resource: "AWS::DynamoDB::Table".to_owned(),
            during: During::Create,
            reason: "too many tables".to_owned(),
            always: false,
        };
        bench.state().account.inventory.troubles.push(trouble);
        let mut command = bench.command(&["deploy", "--yes"]);
        lose(&mut command);
        let story = finish(&mut command).failed(6);
        let is_answer = said.starts_with("the answer") || said.starts_with("the outputs");
        let said = if said.starts_with("the timeline") { "the timeline could not be written: /dev/full" } else { said };
        assert_eq!(story.contains(said), !is_answer, "there is no answer: {story}");
        bench.is_tidy();
    });
}

#[test]
fn answers_about_what_is_deployed_are_lost_or_have_been_read() {
    let bench = Bench::new().deployed(&SHOP);
    let commands: [&[&str]; 7] = [
        &["status"],
        &["outputs"],
        &["outputs", "--output", "json"],
        &["diff"],
        &["frontend-env", "--format", "shell"],
        &["attach"],
        &["delete", "web", "--yes"],
    ];
    for arguments in commands {
        let story = finish(bench.command(arguments).stdout(full())).failed(1);
        assert!(story.contains("error: the answer could not be written to standard output\n"), "{arguments:?}: {story}");
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let Run { code, stderr, .. } = finish(bench.command(arguments).stdout(writer));
        assert!(code == 0 && !stderr.contains("error"), "{arguments:?}: {stderr}");
    }
}
