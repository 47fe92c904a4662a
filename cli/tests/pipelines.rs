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

/// The repository's root.
fn root() -> &'static Utf8Path {
    Utf8Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn yaml(path: &str) -> Value {
    serde_yaml::from_str(&std::fs::read_to_string(root().join(path)).unwrap()).unwrap()
}

/// The workflows, by the names of their files.
fn workflows() -> Vec<(String, Value)> {
    let entries = root().join(".github/workflows").read_dir_utf8().unwrap();
    let names = entries.map(|entry| entry.unwrap().file_name().to_owned());
    names.map(|name| (name.clone(), yaml(&format!(".github/workflows/{name}")))).collect()
}

fn entries(value: &Value) -> impl Iterator<Item = (&String, &Value)> {
    value.as_object().into_iter().flatten()
}

/// What the steps of a job run, and which actions they use.
fn steps(job: &Value) -> (Vec<&str>, Vec<&str>) {
    let steps = job["steps"].as_array().map_or(&[][..], Vec::as_slice);
    let texts = |name: &str| steps.iter().filter_map(|step| step[name].as_str()).collect();
    (texts("run"), texts("uses"))
}

#[test]
fn no_job_has_both_a_role_and_the_code_of_others() {
    let mut with_a_role = Vec::new();
    for (file, workflow) in workflows() {
        assert_eq!(workflow["permissions"], json!({}), "{file}: a job that says nothing may do nothing");
        for (name, job) in entries(&workflow["jobs"]) {
            let (runs, uses) = steps(job);
            if job["permissions"]["id-token"] == "write" {
                with_a_role.push(name.clone());
                for tool in ["npm", "npx", "node ", "cargo", "make", "pip", "pipx", "target/"] {
                    assert!(!runs.iter().any(|run| run.contains(tool)), "{file}, {name}: {tool}");
                }
                for action in ["cache", "setup-node"] {
                    assert!(!uses.iter().any(|used| used.contains(action)), "{file}, {name}: {action}");
                }
            } else {
                let secrets = job.to_string();
                assert!(!secrets.contains("secrets.") && !secrets.contains("configure-aws-credentials"), "{file}, {name}");
            }
        }
    }
    with_a_role.sort();
    assert_eq!(with_a_role, ["deploy", "diff", "production", "staging"]);
}

#[test]
fn what_is_deployed_is_made_without_a_cache() {
    let ci = yaml(".github/workflows/ci.yml");
    let package = &ci["jobs"]["package"];
    assert_eq!(package["permissions"], json!({ "contents": "read" }));
    let (runs, uses) = steps(package);
    assert!(!uses.iter().any(|used| used.contains("cache")), "{uses:?}");
    for step in package["steps"].as_array().unwrap() {
        assert_eq!((&step["with"]["cache"], step["with"]["package-manager-cache"] == true), (&Value::Null, false), "{step}");
    }
    assert!(runs.iter().any(|run| run.ends_with("cartctl package --site --out deployment/packages")), "{runs:?}");
    assert!(runs.iter().filter(|run| run.contains("npm")).all(|run| run.contains("ci --ignore-scripts")), "{runs:?}");
    for job in ["diff", "staging", "production"] {
        let needs = ci["jobs"][job]["needs"].to_string();
        assert!(needs.contains("package") || needs.contains("staging"), "{job}: {needs}");
    }
    let deploy = yaml(".github/workflows/deploy.yml");
    let (deploys, _) = steps(&deploy["jobs"]["deploy"]);
    assert!(
        deploys.iter().any(|run| run.contains("deployment/cartctl deploy ") && run.contains(" --packages deployment/packages "))
    );
}

#[test]
fn what_a_workflow_uses_is_pinned() {
    for (file, workflow) in workflows() {
        for (name, job) in entries(&workflow["jobs"]) {
            let (runs, uses) = steps(job);
            for used in uses {
                let commit = used.split_once('@').map_or("", |(_, commit)| commit);
                let is_commit = commit.len() == 40 && commit.bytes().all(|byte| byte.is_ascii_hexdigit());
                assert!(is_commit, "{file}, {name}: {used}");
            }
            for run in runs.iter().filter(|run| run.contains("cargo install") || run.contains("pipx run")) {
                assert!(run.contains("--version") || run.contains("=="), "{file}, {name}: {run}");
            }
        }
    }
    let npm = std::fs::read_to_string(root().join("frontend/.npmrc")).unwrap();
    assert!(npm.lines().any(|line| line == "ignore-scripts=true"), "{npm}");
}

#[test]
fn everything_is_looked_up_each_week_and_taken_a_week_late() {
    let dependencies = yaml(".github/workflows/dependencies.yml");
    let crons = dependencies["on"]["schedule"].as_array().unwrap();
    assert!(crons.iter().all(|cron| cron["cron"].as_str().unwrap().split(' ').nth(4).is_some_and(|day| day != "*")), "{crons:?}");
    let runs: String = entries(&dependencies["jobs"]).flat_map(|(_, job)| steps(job).0).collect::<Vec<_>>().join("\n");
    for check in ["cargo deny --locked check advisories bans licenses sources", "audit --package-lock-only --omit=dev", "pip-audit"]
    {
        assert!(runs.contains(check), "{check}: {runs}");
    }
    let deny: toml::Table = std::fs::read_to_string(root().join("deny.toml")).unwrap().parse().unwrap();
    for section in ["advisories", "licenses", "bans", "sources"] {
        assert!(deny.contains_key(section), "{section}");
    }
    assert_eq!(deny["sources"]["unknown-git"].as_str(), Some("deny"));

    let updates = yaml(".github/dependabot.yml")["updates"].take();
    let mut ecosystems = Vec::new();
    for update in updates.as_array().unwrap() {
        let folder = update["directory"].as_str().unwrap().trim_start_matches('/');
        assert!(root().join(folder).is_dir(), "{update}");
        assert!(update["cooldown"]["default-days"].as_u64().is_some_and(|days| days >= 7), "{update}");
        ecosystems.push(update["package-ecosystem"].as_str().unwrap());
    }
    assert_eq!(ecosystems, ["cargo", "npm", "pip", "github-actions"]);
}

#[test]
fn no_package_needs_another_node_than_the_frontend() {
    let lock = std::fs::read_to_string(root().join("frontend/package-lock.json")).unwrap();
    let lock: Value = serde_json::from_str(&lock).unwrap();
    assert_eq!(lock["packages"][""]["engines"]["node"], "^20.19.0 || >=22.12.0");
    let mut looked_at = 0;
    for (name, package) in entries(&lock["packages"]) {
        assert_eq!(package["hasInstallScript"], Value::Null, "{name} wants to run a script");
        if let Some(range) = package["engines"]["node"].as_str() {
            // Of 22.12 the linter alone thinks otherwise.
            for version in [[20, 19, 0], [22, 13, 0], [24, 0, 0]] {
                // An optional package is left out where it does not fit.
                assert!(
                    package["optional"] == true || contains(range, version),
                    "{name} needs Node {range}, which {version:?} is not"
                );
            }
            looked_at += 1;
        }
    }
    assert!(looked_at > 100, "{looked_at}");
    assert!(contains("^22.18.0 || >=24.11.0", [24, 11, 0]) && !contains("^22.18.0 || >=24.11.0", [20, 20, 2]));
    assert!(
        contains(">= 18", [20, 19, 0])
            && !contains(">= 22.22", [20, 19, 0])
            && contains("*", [1, 0, 0])
            && contains("20 || 22", [20, 1, 0])
    );
}

/// Whether a range of versions, as npm writes it, has this one. <https://github.com/npm/node-semver#ranges>
fn contains(range: &str, version: [u64; 3]) -> bool {
    let holds = |comparator: &str| {
        let start = comparator.find(|c: char| c.is_ascii_digit() || c == '*').unwrap_or(comparator.len());
        let (operator, number) = comparator.split_at(start);
        let parts: Vec<u64> = number.split(['.', '-']).map_while(|part| part.parse().ok()).collect();
        let wanted = [0, 1, 2].map(|place| parts.get(place).copied().unwrap_or(0));
        match operator.trim_end_matches('v') {
            ">=" => version >= wanted,
            ">" => version > wanted,
            "<" => version < wanted,
            "<=" => version <= wanted,
            "^" => version >= wanted && version[0] == wanted[0],
            "~" => version >= wanted && version[..2] == wanted[..2],
            _ => version[..parts.len().min(3)] == parts[..parts.len().min(3)],
        }
    };
    let glued = ["< ", "> ", "= ", "^ ", "~ "].iter().fold(range.to_owned(), |text, gap| text.replace(gap, gap.trim_end()));
    glued.split("||").any(|all| all.split_whitespace().all(holds))
}
