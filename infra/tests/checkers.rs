//! The rules of CloudFormation and of checkers of security, as far as they can be known without an account: `cfn-lint` finds nothing in any
//! template, and `checkov` nothing that is not explained there.

#![expect(clippy::unwrap_used, reason = "a test whose helpers fail has failed")]

use std::{
    collections::BTreeSet,
    fs,
    path::{Path, PathBuf},
    process::{Command, Output},
};

use cart_contract::Service;
use cart_infra::{
    BootstrapSettings, Code, Endpoints, Monitoring, Names, Settings, StackPrefix, app, bootstrap, cfn::resource::iam::RoleTerms,
    packages,
};
use serde_json::Value as Json;

const REGIONS: [&str; 3] = ["us-east-1", "eu-west-1", "ap-southeast-2"];

#[test]
fn cfn_lint_finds_nothing() {
    let folder = empty_folder("cfn-lint");
    let templates = templates().into_iter().map(|(name, template)| written(&folder, &name, &template));
    let lint =
        program("cfn-lint").arg("--regions").args(REGIONS).arg("--template").args(templates.collect::<Vec<_>>()).output().unwrap();
    assert!(lint.status.success() && lint.stdout.is_empty(), "{}", printed(&lint));
}

/// A finding: the template, the logical id, and the check.
type Finding = (String, String, String);

#[test]
fn what_checkov_finds_is_explained_and_nothing_else_is() {
    let (with, without) = (empty_folder("checkov/explained"), empty_folder("checkov/bare"));
    let mut explained = BTreeSet::new();
    for (name, template) in templates() {
        written(&with, &name, &template);
        let mut template: Json = serde_json::from_str(&template).unwrap();
        for (id, resource) in template["Resources"].as_object_mut().unwrap() {
            let metadata = resource.get_mut("Metadata").and_then(Json::as_object_mut);
            let reasons = metadata.and_then(|metadata| metadata.remove("checkov"));
            for reason in reasons.iter().flat_map(|reasons| reasons["skip"].as_array().unwrap()) {
                assert!(reason["comment"].as_str().unwrap().len() >= 10, "{id}: {reason}");
                let new = explained.insert((name.clone(), id.clone(), reason["id"].as_str().unwrap().to_owned()));
                assert!(new, "{id} of {name} explains {reason} twice");
            }
        }
        written(&without, &name, &template.to_string());
    }
    assert_eq!(findings(&with), BTreeSet::new(), "to explain in infra/src/exemptions.rs");
    let found = findings(&without);
    let superfluous: Vec<_> = explained.difference(&found).collect();
    assert!(superfluous.is_empty(), "infra/src/exemptions.rs explains what checkov does not find: {superfluous:?}");
    assert_eq!(found, explained);
}

/// What checkov finds in the templates of a folder, without asking anybody: it has no key and downloads nothing.
fn findings(folder: &Path) -> BTreeSet<Finding> {
    // Its program does not start in a folder with a space in its name, its module does.
    let checkov = program("checkov/bin/python3")
        .args(["-I", "-m", "checkov.main"])
        .args(["--framework", "cloudformation", "--skip-download", "--quiet", "--compact", "--output", "json", "--directory", "."])
        // It takes the path of a template for the name of its stack, and forty letters of a path for a secret.
        .current_dir(folder)
        .env_remove("BC_API_KEY")
        .env_remove("PRISMA_API_URL")
        // Whoever would be called does not answer.
        .envs(["HTTP_PROXY", "HTTPS_PROXY", "http_proxy", "https_proxy"].map(|proxy| (proxy, "http://127.0.0.1:9")))
        .output()
        .unwrap();
    let report: Json = serde_json::from_slice(&checkov.stdout).unwrap_or_else(|error| panic!("{error}: {}", printed(&checkov)));
    let (summary, results) = (&report["summary"], &report["results"]);
    assert_eq!(summary["parsing_errors"], 0, "{report}");
    assert!(summary["passed"].as_u64().unwrap() > 500, "it looked at next to nothing: {summary}");
    let finding = |it: &Json| {
        let text = |name: &str| it[name].as_str().unwrap();
        let (file, (_, id)) = (Path::new(text("file_path")), text("resource").rsplit_once('.').unwrap());
        (file.file_stem().unwrap().to_str().unwrap().to_owned(), id.to_owned(), text("check_id").to_owned())
    };
    results["failed_checks"].as_array().unwrap().iter().map(finding).collect()
}

/// A program of the project's own Python environment.
fn program(name: &str) -> Command {
    let environment = Path::new(env!("CARGO_MANIFEST_DIR")).join("../.venv");
    let path = if name.contains('/') { environment.join(name) } else { environment.join("bin").join(name) };
    assert!(path.exists(), "{} is not installed: `make test` installs it", path.display());
    Command::new(path)
}

fn empty_folder(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
    if folder.exists() {
        fs::remove_dir_all(&folder).unwrap();
    }
    fs::create_dir_all(&folder).unwrap();
    folder
}

fn written(folder: &Path, name: &str, template: &str) -> PathBuf {
    let file = folder.join(format!("{name}.json"));
    fs::write(&file, template).unwrap();
    file
}

fn printed(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
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
    let guarded = Settings { waf: true, ..demo.clone() };
    let roles = RoleTerms {
        permissions_boundary: Some("arn:aws:iam::123456789012:policy/boundary".parse().unwrap()),
        path: Some("/shop/".parse().unwrap()),
    };
    let organised = Settings { roles: roles.clone(), ..demo.clone() };
    let local = Settings { endpoints: Endpoints::Local { base_url: "http://127.0.0.1:4566".parse().unwrap() }, ..demo.clone() };

    let mut templates: Vec<(String, String)> = Vec::new();
    for (stage, settings) in [
        ("default", demo),
        ("named", staging),
        ("protected", production),
        ("silent", silent),
        ("watched", watched),
        ("guarded", guarded),
        ("organised", organised),
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
        let stack =
            bootstrap(&BootstrapSettings { prefix: StackPrefix::default(), artifact_bucket, logging_role, roles: roles.clone() });
        templates.push((format!("bootstrap-{artifact_bucket}-{logging_role}"), stack.template().to_json()));
    }
    templates
}
