//! What a pipeline relies on and a person does not see: the events of a run, and what is written for GitHub Actions.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/program.rs"]
mod program;

use camino::Utf8Path;
use program::{Project, Run, finish};
use serde_json::{Value, json};

/// Runs a command that finds no AWS where it looks.
fn run(project: &Project, arguments: &[&str], events: &Utf8Path) -> Run {
    let mut command = project.command(arguments);
    command.args(["--region", "eu-west-1", "--endpoint-url", "http://127.0.0.1:1", "--events", events.as_str()]);
    command.envs([("AWS_ACCESS_KEY_ID", "test"), ("AWS_SECRET_ACCESS_KEY", "test")]);
    finish(&mut command)
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
