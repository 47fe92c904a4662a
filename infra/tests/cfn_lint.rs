//! CloudFormation's own rules, as far as they can be known without an account: `cfn-lint` finds nothing in any template.

#![expect(clippy::unwrap_used, reason = "a test whose helpers fail has failed")]

use std::{fs, path::Path, process::Command};

use cart_contract::Service;
use cart_infra::{BootstrapSettings, Code, Endpoints, Monitoring, Names, Settings, StackPrefix, app, bootstrap, packages};

const REGIONS: [&str; 3] = ["us-east-1", "eu-west-1", "ap-southeast-2"];

#[test]
fn cfn_lint_finds_nothing() {
    let program = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.venv/bin/cfn-lint");
    assert!(program.exists(), "{} is not installed: `make test` installs it", program.display());
    let directory = Path::new(env!("CARGO_TARGET_TMPDIR")).join("templates");
    fs::create_dir_all(&directory).unwrap();

    let templates = templates().into_iter().map(|(name, template)| {
        let file = directory.join(format!("{name}.json"));
        fs::write(&file, template).unwrap();
        file
    });
    let lint = Command::new(program).arg("--regions").args(REGIONS).arg("--template").args(templates).output().unwrap();

    assert!(
        lint.status.success() && lint.stdout.is_empty(),
        "{}{}",
        String::from_utf8_lossy(&lint.stdout),
        String::from_utf8_lossy(&lint.stderr)
    );
}

/// Every stack of stages that differ in what a template can differ in, by name.
fn templates() -> Vec<(String, String)> {
    let code = Code::not_packaged(packages::ALL)
        .with(packages::of(Service::Products), [0x0a; 32].into())
        .with(packages::of(Service::Cart), [0x3d; 32].into());
    let demo = Settings::new(code);
    let staging = Settings { names: Names { stage: "staging".parse().unwrap(), ..Names::default() }, ..demo.clone() };
    let production = Settings { protected: true, ..staging.clone() };
    let silent = Settings { monitoring: Some(Monitoring::default()), ..demo.clone() };
    let alarm_topic = Some("arn:aws:sns:eu-west-1:123456789012:alarms".parse().unwrap());
    let watched = Settings { monitoring: Some(Monitoring { alarm_topic }), ..production.clone() };
    let local = Settings { endpoints: Endpoints::Local { base_url: "http://127.0.0.1:4566".parse().unwrap() }, ..demo.clone() };

    let mut templates: Vec<(String, String)> = Vec::new();
    for (stage, settings) in [
        ("default", demo),
        ("named", staging),
        ("protected", production),
        ("silent", silent),
        ("watched", watched),
        ("local", local),
    ] {
        for stack in app(&settings).stacks() {
            let template = stack.template().to_json();
            // What is the same needs no second look.
            if templates.iter().all(|(_, other)| *other != template) {
                templates.push((format!("{stage}-{}", stack.id()), template));
            }
        }
    }
    for (artifact_bucket, logging_role) in [(true, true), (true, false), (false, true)] {
        let stack = bootstrap(&BootstrapSettings { prefix: StackPrefix::default(), artifact_bucket, logging_role });
        templates.push((format!("bootstrap-{artifact_bucket}-{logging_role}"), stack.template().to_json()));
    }
    templates
}
