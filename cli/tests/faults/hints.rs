//! Commands in messages: wherever one is printed, it can be copied into another shell, and works on the same thing there.

use std::{fs, process::Command};

use cart_fault_bench::{
    Ended,
    inventory::{During, Trouble},
};
use cart_infra::stacks;

use crate::bench::{Bench, SHOP};

/// The commands in a text: what is between backticks and begins with a program.
fn commands(text: &str) -> Vec<String> {
    let quoted = text.split('`').skip(1).step_by(2);
    let commands = quoted.filter(|command| command.starts_with("cartctl ") || command.starts_with("aws "));
    // As JSON has them, in events and answers.
    commands.map(|command| command.replace("\\\\", "\\")).collect()
}

/// What a shell makes of a command.
fn words(command: &str) -> Vec<String> {
    let output = Command::new("bash").args(["-c", &format!("printf '%s\\n' {command}")]).output().unwrap();
    String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect()
}

/// Runs this, in the environment that says everything, and makes sure of every command that is printed or written.
#[track_caller]
fn prints_complete_commands(bench: &Bench, arguments: &[&str]) -> Vec<String> {
    let (events, summary) = (bench.path("events.jsonl"), bench.path("summary.md"));
    // The runner's file is added to.
    fs::write(&summary, "").unwrap();
    let mut command = bench.command_of_environment(arguments);
    command.args(["--events", events.as_str()]);
    command.env("GITHUB_ACTIONS", "true").env("GITHUB_STEP_SUMMARY", &summary);
    let Ended { stdout, stderr, .. } = bench.spawn(&mut command).wait();
    // Markdown has backticks as entities.
    let summary = fs::read_to_string(summary).unwrap_or_default().replace("&#96;", "`").replace("&#95;", "_");
    // Annotations have percent signs as GitHub escapes them.
    let written = [stdout, stderr.replace("%25", "%"), fs::read_to_string(events).unwrap(), summary];
    let commands: Vec<_> = written.iter().flat_map(|text| commands(text)).collect();
    assert!(!commands.is_empty(), "{arguments:?}: {stderr}");
    for command in &commands {
        let words = words(command);
        let has = |option: &str, value: &str| {
            assert!(words.windows(2).any(|pair| pair == [option, value]), "{option} {value} is missing: {command}\n{stderr}");
        };
        has("--region", cart_fault_bench::REGION);
        has("--profile", "shop%1");
        if words[0] == "cartctl" {
            has("--stage", "production");
            has("--endpoint-url", bench.url());
            has("--config", bench.path("cartctl.toml").as_str());
        }
    }
    commands
}

#[test]
fn every_command_that_is_printed_is_complete() {
    let bench = Bench::protected();
    let packages = bench.path("packages");
    let deploy = ["deploy", "--yes", "--protected-ok", "--packages", packages.as_str()];
    let hints = [
        (vec!["frontend", "deploy", "--protected-ok"], "cartctl deploy --with-web "),
        (vec!["totals"], "cartctl deploy "),
        (vec!["logs"], "cartctl deploy "),
        (vec!["frontend-env"], "cartctl deploy auth cart products "),
        ([deploy.as_slice(), &["cart"]].concat(), "cartctl deploy auth cart "),
        ([deploy.as_slice(), &["--with-web"]].concat(), "cartctl package --site --out "),
    ];
    for (arguments, expected) in hints {
        let commands = prints_complete_commands(&bench, &arguments);
        assert!(commands.iter().any(|command| command.starts_with(expected)), "{commands:?}");
    }
}

#[test]
fn so_is_one_of_a_notice_and_of_an_answer_for_programs() {
    let bench = Bench::protected().deployed(&SHOP);
    fs::create_dir(bench.path("frontend.env")).unwrap();
    let packages = bench.path("packages");
    let deploy = ["deploy", "--yes", "--protected-ok", "--packages", packages.as_str(), "--output", "json"];
    let commands = prints_complete_commands(&bench, &deploy);
    assert!(commands.iter().all(|command| command.starts_with("cartctl frontend-env ")), "{commands:?}");
    assert_eq!(commands.len(), 4, "in the story, its annotation, the events and the summary: {commands:?}");

    let refused = prints_complete_commands(&bench, &["delete", "auth", "--yes", "--protected-ok", "--output", "json"]);
    assert!(refused.iter().all(|command| command.starts_with("cartctl delete cart auth ")), "{refused:?}");
    assert!(refused.len() >= 3, "{refused:?}");
}

#[test]
fn so_is_one_that_explains_a_failure() {
    for (reason, expected) in [
        ("CloudWatch Logs role ARN must be set in account settings to enable logging", "cartctl deploy "),
        ("Template format error: Unresolved resource dependencies [Table]", "cartctl synth cart --out - "),
        ("The security token included in the request is expired", "aws sso login "),
        (
            "Resource of type 'AWS::Logs::LogGroup' with identifier '/aws/my logs' already exists.",
            "aws logs delete-log-group --log-group-name '/aws/my logs' ",
        ),
    ] {
        let bench = Bench::protected();
        let (stack, resource) = (bench.name(stacks::CART), "AWS::DynamoDB::Table".to_owned());
        let trouble = Trouble { stack, resource, during: During::Create, reason: reason.to_owned(), always: false };
        bench.state().account.inventory.troubles.push(trouble);
        let packages = bench.path("packages");
        let commands = prints_complete_commands(&bench, &["deploy", "--yes", "--protected-ok", "--packages", packages.as_str()]);
        assert!(commands.iter().any(|command| command.starts_with(expected)), "{commands:?}");
    }
}

#[test]
fn a_copied_command_works_on_the_same_thing_without_the_environment() {
    let bench = Bench::protected().deployed(&SHOP);
    let refused = prints_complete_commands(&bench, &["delete", "auth", "--yes", "--protected-ok"]);
    let words = words(&refused[0]);
    assert_eq!(words[..2], ["cartctl", "delete"]);
    let program = bench.command(&[]).get_program().to_owned();
    let mut copied = Command::new(program);
    copied.args(&words[1..]).args(["--yes", "--protected-ok"]).env_clear().env("HOME", bench.path("home"));
    let workspace = bench.command(&[]).get_current_dir().unwrap().to_owned();
    let Ended { code, stdout, stderr, .. } = bench.spawn(copied.current_dir(workspace)).wait();
    assert_eq!(code, Some(0), "{stderr}");
    assert!(stdout.contains(&format!("deleted  {}\n", bench.name(stacks::CART))), "{stdout}");
}
