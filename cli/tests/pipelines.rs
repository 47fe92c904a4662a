//! What a pipeline relies on and a person does not see: the events of a run, and what is written for GitHub Actions.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/program.rs"]
#[expect(dead_code, reason = "no hint names the project")]
mod program;

use std::process::Command;

use camino::Utf8Path;
use program::{Project, Run, finish};
use serde_json::{Value, json};

/// A command that finds no AWS where it looks.
fn command(project: &Project, arguments: &[&str]) -> Command {
    let mut command = project.command(arguments);
    command.args(["--region", "eu-west-1", "--endpoint-url", "http://127.0.0.1:1"]);
    command.envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")]);
    command
}

fn run(project: &Project, arguments: &[&str], events: &Utf8Path) -> Run {
    finish(command(project, arguments).args(["--events", events.as_str()]))
}

/// The events in a file, without when they were told.
fn read(events: &Utf8Path) -> Vec<Value> {
    let line = |line: &str| {
        let mut event: Value = serde_json::from_str(line).unwrap();
        let told = event.as_object_mut().unwrap().remove("at").unwrap();
        assert!(told.as_str().unwrap().ends_with('Z'), "{told}");
        event
    };
    std::fs::read_to_string(events).unwrap().lines().map(line).collect()
}

#[test]
fn the_last_event_says_how_it_ended() {
    let project = Project::new("");
    let events = project.path("events.jsonl");
    run(&project, &["synth", "auth", "--out", "-"], &events).succeeded();
    assert_eq!(read(&events), [json!({ "version": 1, "event": "ended", "exit_code": 0 })]);

    run(&project, &["status"], &events).failed(1);
    let [ended] = &read(&events)[..] else { panic!("the file is made anew") };
    assert_eq!((&ended["event"], &ended["exit_code"]), (&json!("ended"), &json!(1)));
    assert!(ended["error"].as_str().unwrap().starts_with("reaching AWS failed: "), "{ended}");
}

#[test]
fn events_that_cannot_be_written_are_a_mistake_of_the_command_line() {
    let project = Project::new("");
    for events in [project.path("nowhere/events.jsonl"), "-".into()] {
        let run = run(&project, &["synth", "auth", "--out", "-"], &events);
        assert_eq!(run.stdout, "", "nothing had begun");
        let story = run.failed(2);
        assert!(story.contains("hint: "), "{story}");
    }
}

#[test]
fn github_is_told_on_standard_error_why_it_failed() {
    let project = Project::new("");
    let summary = project.path("summary.md");
    let mut status = command(&project, &["status", "--output", "json"]);
    let run = finish(status.envs([("GITHUB_ACTIONS", "true"), ("GITHUB_STEP_SUMMARY", summary.as_str())]));
    let answer: Value = serde_json::from_str(&run.stdout).expect("standard output is for the answer");
    assert_eq!((&answer["error"]["exit_code"], &answer["error"]["failed"]), (&json!(1), &json!([])));
    let story = run.failed(1);
    assert!(story.starts_with("::error title=cartctl::reaching AWS failed: "), "{story}");
    assert!(!story.contains('\u{1b}'), "no colour: {story}");
    assert!(!summary.exists(), "it did not get as far as to know where it works");
}
