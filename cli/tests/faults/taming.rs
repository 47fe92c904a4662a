//! Text of others, which may be hostile: from AWS, from logs and from templates of strangers. Whatever it holds, all that is printed or written
//! is only text to terminals, pipelines and pages.

use std::fs;

use aws_sdk_cloudformation::types::StackStatus;
use cart_fault_bench::{
    Ended,
    inventory::{During, Trouble},
    logs::Logs,
};
use cart_infra::stacks;
use proptest::{
    prelude::*,
    test_runner::{Config, RngSeed, TestRunner},
};
use serde_json::{Value as Json, json};

use crate::bench::{Bench, SHOP};

/// What somebody may put into a text.
fn hostile() -> impl Strategy<Value = String> {
    let parts = [
        "\u{1b}[2J",
        "\u{1b}[31m",
        "\u{1b}]0;title\u{7}",
        "\u{1b}]8;;http://a.example\u{1b}\\",
        "\u{9b}2J",
        "\u{85}",
        "\u{7f}",
        "\u{8}",
        "\r",
        "\r\n",
        "\n",
        "\u{202e}",
        "\u{2066}",
        "\u{200f}",
        "\u{61c}",
        "\u{2028}",
        "\n##[error]no",
        "##vso[task.complete]",
        "\n::error::no",
        "\n::set-output name=a::b",
        "##\u{1b}[0m[error]",
        "<script>alert(1)</script>",
        "name",
        " ",
        "`",
        "%0A",
    ];
    let part = prop_oneof![4 => proptest::sample::select(parts.to_vec()).prop_map(str::to_owned), 1 => any::<char>().prop_map(String::from)];
    // Something that is seen, so that it is there at all.
    proptest::collection::vec(part, 6..24).prop_map(|parts| format!("seen{}", parts.concat()))
}

/// A text that is only text.
#[track_caller]
fn is_tame(name: &str, text: &str) {
    let is_unruly = |character: char| {
        character.is_control() && !"\n\t".contains(character)
            || matches!(character, '\u{61c}' | '\u{200e}' | '\u{200f}' | '\u{2028}' | '\u{2029}' | '\u{202a}'..='\u{202e}' | '\u{2066}'..='\u{2069}')
    };
    assert_eq!(text.chars().find(|character| is_unruly(*character)), None, "{name}: {text:?}");
    for line in text.lines().map(str::trim_start) {
        // Those of cartctl itself have no other form.
        let own = ["::group::", "::endgroup::", "::error title=", "::error file=", "::warning title="];
        // A file of values, whose lines are no log.
        assert!(
            name == "outputs.txt" || !line.starts_with("::") || own.iter().any(|own| line.starts_with(own)),
            "{name}: {line:?}"
        );
        assert!(!line.contains("##[") && !line.contains("##vso["), "{name}: {line:?}");
    }
}

/// Runs this with everything that can be written, and looks at all of it. Returns what is printed.
#[track_caller]
fn says_only_text(bench: &Bench, arguments: &[&str]) -> (String, String) {
    let path = |name: &str| bench.path(name);
    let files = ["events.jsonl", "summary.md", "outputs.txt", "timeline.html"];
    let mut command = bench.command(arguments);
    command.args(["--events", path(files[0]).as_str()]);
    command.env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", path(files[1])).env("GITHUB_OUTPUT", path(files[2]));
    let timed = matches!(arguments[0], "deploy" | "delete" | "attach");
    if timed {
        command.args(["--timeline", path(files[3]).as_str()]);
    }
    let Ended { stdout, stderr, .. } = bench.spawn(&mut command).wait();
    is_tame("standard output", &stdout);
    is_tame("standard error", &stderr);
    for name in files {
        let text = fs::read_to_string(path(name)).unwrap_or_default();
        is_tame(name, &text);
        assert!(!text.contains("<script>") || name != "timeline.html", "{text}");
    }
    for line in fs::read_to_string(path(files[0])).unwrap().lines() {
        serde_json::from_str::<Json>(line).unwrap_or_else(|error| panic!("{error}: {line}"));
    }
    (stdout, stderr)
}

/// For some texts, always the same ones.
fn for_hostile_texts(check: impl Fn(&str)) {
    let config =
        Config { cases: 6, failure_persistence: None, max_shrink_iters: 0, rng_seed: RngSeed::Fixed(7), ..Config::default() };
    TestRunner::new(config)
        .run(&hostile(), |text| {
            check(&text);
            Ok(())
        })
        .unwrap();
}

#[test]
fn a_reason_is_only_text() {
    for_hostile_texts(|text| {
        let bench = Bench::new();
        let (stack, resource) = (bench.name(stacks::CART), "AWS::DynamoDB::Table".to_owned());
        let trouble = Trouble { stack, resource, during: During::Create, reason: text.to_owned(), always: true };
        bench.state().account.inventory.troubles.push(trouble);
        let (_, story) = says_only_text(&bench, &["deploy", "--yes", "-v"]);
        assert!(story.contains("seen"), "{story}");
        let (answer, _) = says_only_text(&bench, &["deploy", "--yes", "--output", "json"]);
        assert!(serde_json::from_str::<Json>(&answer).unwrap()["error"]["message"].as_str().unwrap().contains("seen"), "{answer}");
        says_only_text(&bench, &["status"]);
    });
}

#[test]
fn a_strangers_template_is_only_text() {
    for_hostile_texts(|text| {
        let mut bench = Bench::new();
        let foreign = json!({ "Description": text, "Transform": text, "Resources": {
            "Topic": { "Type": "AWS::SNS::Topic", "Properties": { "TopicName": text } },
        } });
        bench.foreign(stacks::AUTH, &foreign, &StackStatus::CreateComplete);
        for arguments in [&["deploy", "--yes"] as &[_], &["delete", "--yes"], &["status"], &["status", "--output", "json"]] {
            let (answer, story) = says_only_text(&bench, arguments);
            assert!(arguments[0] == "status" || story.contains("seen"), "{arguments:?}: {story} {answer}");
        }
        says_only_text(&bench, &["diff", "auth", "--adopt", "auth"]);
    });
}

#[test]
fn outputs_are_only_text_and_stay_what_they_are_for_programs() {
    for_hostile_texts(|text| {
        let bench = Bench::new().deployed(&SHOP);
        let name = bench.name(stacks::AUTH);
        let mut state = bench.state();
        let auth = state.account.stacks.iter_mut().find(|stack| stack.name == name).unwrap();
        auth.outputs.insert("Hostile".to_owned(), text.to_owned());
        drop(state);
        let (answer, _) = says_only_text(&bench, &["outputs"]);
        assert_eq!(answer.lines().filter(|line| line.contains("seen")).count(), 1, "{answer}");
        let (answer, _) = says_only_text(&bench, &["outputs", "--output", "json"]);
        assert_eq!(serde_json::from_str::<Json>(&answer).unwrap()["outputs"]["auth"]["Hostile"], text, "{answer}");
        says_only_text(&bench, &["deploy", "--yes"]);
    });
}

#[test]
fn logs_are_only_text_and_stay_what_they_are_for_programs() {
    for_hostile_texts(|text| {
        let bench = Bench::new().deployed(&stacks::ALL);
        let message = json!({ "level": text, "message": text, text: text, "requestId": text }).to_string();
        let mut state = bench.state();
        let groups: Vec<_> =
            state.account.inventory.things.keys().filter(|(kind, _)| kind == "AWS::Logs::LogGroup").cloned().collect();
        let lines = || vec![(1_700_000_000_000, text.to_owned()), (1_700_000_000_001, message.clone())];
        state.account.inventory.logs = Logs(groups.into_iter().map(|(_, group)| (group, lines())).collect());
        drop(state);
        let (answer, _) = says_only_text(&bench, &["logs", "list-cart", "--since", "36500d"]);
        assert_eq!(answer.lines().count(), 2, "a line an entry: {answer}");
        let (answer, _) = says_only_text(&bench, &["logs", "list-cart", "--since", "36500d", "--output", "json"]);
        let messages: Vec<Json> =
            answer.lines().map(|line| serde_json::from_str::<Json>(line).unwrap()["message"].take()).collect();
        assert_eq!(messages, [json!(text), json!(message)]);
    });
}
