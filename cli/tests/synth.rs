//! `cartctl synth` and the help: what can be had without AWS, without a network and without the local cloud.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/program.rs"]
#[expect(dead_code, reason = "no hint names the project")]
mod program;

use std::{collections::BTreeMap, fs, process::Command};

use camino::Utf8Path;
use program::{Project, finish};
use serde_json::Value;

/// The templates of every stack of a stage, as files written by the program, by name.
fn synth(project: &Project, out: &Utf8Path, arguments: &[&str]) -> BTreeMap<String, String> {
    let run = finish(&mut without_network(project, &[&["synth", "--out", out.as_str()], arguments].concat()));
    assert_eq!(run.stderr, "", "there is nothing to tell");
    let written: Vec<String> = run.succeeded().0.lines().map(str::to_owned).collect();
    let files: BTreeMap<_, _> = written
        .iter()
        .map(|path| (Utf8Path::new(path).file_name().unwrap().to_owned(), fs::read_to_string(path).unwrap()))
        .collect();
    assert_eq!(files.len(), fs::read_dir(out).unwrap().count(), "nothing else was written");
    files
}

/// The program where every connection fails, and with an environment that has nothing but itself.
fn without_network(project: &Project, arguments: &[&str]) -> Command {
    let mut command = project.command(arguments);
    command.env_clear();
    for proxy in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY"] {
        command.env(proxy, "http://127.0.0.1:1");
    }
    command
}

#[test]
fn the_same_configuration_gives_the_same_bytes() {
    let project = Project::new("[stages.staging]");
    for format in ["json", "yaml"] {
        let once = synth(&project, &project.path(&format!("{format} once")), &["--format", format]);
        let again = synth(&project, &project.path(&format!("{format} again")), &["--format", format]);
        assert_eq!(
            once.keys().collect::<Vec<_>>(),
            ["auth", "product-mock", "shoppingcart-service", "web"]
                .map(|stack| format!("aws-serverless-shopping-cart-{stack}.{format}"))
                .iter()
                .collect::<Vec<_>>()
        );
        assert!(once == again, "the {format} differs");
    }
    let staging = synth(&project, &project.path("staging"), &["--stage", "staging", "cart"]);
    assert_eq!(staging.keys().collect::<Vec<_>>(), ["aws-serverless-shopping-cart-staging-shoppingcart-service.json"]);
}

#[test]
fn one_stack_can_be_printed() {
    let project = Project::new("");
    let printed = finish(&mut without_network(&project, &["synth", "auth", "--out", "-"])).succeeded().0;
    let written = synth(&project, &project.path("written"), &["auth"]);
    assert_eq!(written.into_values().collect::<Vec<_>>(), [printed]);
    let story = finish(&mut without_network(&project, &["synth", "--out", "-"])).failed(2);
    let example = format!("`cartctl synth cart --out - --config '{}'`", project.path("cartctl.toml"));
    assert_eq!(story, format!("error: --out: `-` takes exactly one stack, for example {example}\n"));
}

#[test]
fn yaml_says_what_json_says_to_whoever_reads_it() {
    let project = Project::new("");
    let json = synth(&project, &project.path("json"), &[]);
    let yaml = synth(&project, &project.path("yaml"), &["--format", "yaml"]);
    for ((name, json), yaml) in json.iter().zip(yaml.values()) {
        let parsed: Value = serde_yaml::from_str(yaml).unwrap();
        assert_eq!(parsed, serde_json::from_str::<Value>(json).unwrap(), "{name}");
        for line in yaml.lines() {
            if let Some(plain) = plain_text(line) {
                assert!(!another_thing_in_yaml_1_1(plain), "{name}: {line}");
            }
        }
    }
}

/// The value of a line, if it is written without quotes. What CloudFormation itself documents as dates are dates to it either way.
fn plain_text(line: &str) -> Option<&str> {
    let line = line.trim_start().trim_start_matches("- ");
    let (key, value) = line.split_once(": ").map_or((None, line), |(key, value)| (Some(key), value));
    let dated = matches!(key, Some("AWSTemplateFormatVersion" | "Version"));
    let quoted = value.starts_with(['\'', '"', '|', '>']);
    (!dated && !quoted && !value.ends_with(':')).then_some(value)
}

/// Whether a YAML 1.1 reader, which CloudFormation and most of its tools are, takes a word for something that the JSON does not say.
/// Numbers, `true`, `false` and `null` mean in both what they say. <https://yaml.org/type/>
fn another_thing_in_yaml_1_1(word: &str) -> bool {
    let truth = ["y", "yes", "n", "no", "on", "off"].contains(&word.to_ascii_lowercase().as_str());
    let shouted = ["True", "TRUE", "False", "FALSE", "Null", "NULL", "~"].contains(&word);
    let begins_as_number = word.starts_with(|first: char| first.is_ascii_digit() || "+-.".contains(first));
    let digits = |more: &str| word.chars().all(|c| c.is_ascii_hexdigit() || more.contains(c));
    let plain_number = word.parse::<i64>().is_ok_and(|number| number.to_string() == word);
    let odd_number = begins_as_number && !plain_number && (digits("_:+-.exoXO") || digits("TtZz:-. "));
    // Five numbers, of which no reader makes one.
    let uuid = word.split('-').map(str::len).eq([8, 4, 4, 4, 12]);
    truth || shouted || (odd_number && !uuid)
}

#[test]
fn words_with_two_meanings_are_recognized() {
    for word in ["yes", "NO", "y", "off", "True", "~", "12:30:45", "1_000", "2012-10-17", "0x1f", "0777", "+1", "1e3", ".5"] {
        assert!(another_thing_in_yaml_1_1(word), "{word}");
    }
    for word in [
        "14",
        "-1",
        "true",
        "null",
        "yesterday",
        "http://localhost:8080",
        "cart#",
        "2012-10-17 is a Wednesday",
        "658327ea-f89d-4fab-a63d-7e88639e58f6",
    ] {
        assert!(!another_thing_in_yaml_1_1(word), "{word}");
    }
}

#[test]
fn every_template_fits_into_a_request() {
    // A larger one would go through S3. https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/cloudformation-limits.html
    const LARGEST_INLINE: usize = 51_200;
    let project = Project::new("[stages.a-name-of-20-letters]");
    for stage in ["default", "a-name-of-20-letters"] {
        for (name, template) in synth(&project, &project.path(stage), &["--stage", stage]) {
            let sent = serde_json::from_str::<Value>(&template).unwrap().to_string().len();
            assert!(sent < LARGEST_INLINE, "{name} has {sent} bytes");
        }
    }
}

#[test]
fn help_says_what_there_is() {
    let project = Project::new("");
    let help = |command: &str| {
        let arguments: Vec<_> = command.split_whitespace().chain(["--help"]).collect();
        let help = finish(&mut without_network(&project, &arguments)).succeeded().0;
        format!("$ cartctl {}\n{help}", arguments.join(" "))
    };
    let commands = [
        "",
        "synth",
        "package",
        "deploy",
        "diff",
        "delete",
        "attach",
        "frontend-env",
        "frontend",
        "status",
        "outputs",
        "totals",
        "logs",
        "local",
    ]
    .map(help);
    let groups = commands[0].lines().take_while(|line| *line != "Global options:");
    assert_eq!(groups.filter(|line| line.starts_with("  ")).count() + 1, commands.len(), "above are all of them");
    insta::assert_snapshot!(commands.into_iter().chain([help("frontend deploy")]).collect::<Vec<_>>().join("\n"));
}
