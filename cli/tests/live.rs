//! A stage in a live AWS account, from its first deployment to its deletion. Costs a few cents and some ten minutes, and is not part of
//! `make test`: `make test-live` runs it, in the account that `CARTCTL_LIVE_ACCOUNT` names and no other.

#![expect(clippy::unwrap_used, reason = "a test fails by panicking")]

#[path = "support/program.rs"]
#[expect(dead_code, reason = "here nothing is expected to fail")]
mod program;

use std::{
    io::{BufRead as _, BufReader},
    process::{Command, Stdio},
};

use program::{Project, Run, finish};
use serde_json::Value;

/// The variables by which AWS tools are told who one is: the only ones that reach the program under test.
const CREDENTIALS: [&str; 6] =
    ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_SESSION_TOKEN", "AWS_PROFILE", "AWS_REGION", "AWS_DEFAULT_REGION"];

/// A stage that nobody else has.
struct Stage {
    project: Project,
}

impl Stage {
    #[expect(clippy::disallowed_methods, reason = "this is not part of any configuration")]
    fn new() -> Self {
        let account =
            std::env::var("CARTCTL_LIVE_ACCOUNT").expect("CARTCTL_LIVE_ACCOUNT is the account to deploy to: twelve digits");
        let name = format!("live-{}", std::process::id());
        let project = Project::new("");
        let env_file = project.path("frontend.env");
        project.configure(&format!(
            "prefix = 'cartctl-{name}'\nparameter-root = '/cartctl-{name}'\nfrontend.env-file = '{env_file}'\n\
             defaults.account = '{account}'\ndefaults.tags = {{ purpose = 'cartctl-live-test' }}\n"
        ));
        Self { project }
    }

    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.project.command(arguments);
        command.args(["--yes", "--output", "json"]).envs(std::env::vars().filter(|(name, _)| CREDENTIALS.contains(&name.as_str())));
        command
    }

    fn run(&self, arguments: &[&str]) -> Run {
        finish(&mut self.command(arguments))
    }

    #[track_caller]
    fn answer(&self, arguments: &[&str]) -> Value {
        serde_json::from_str(&self.run(arguments).succeeded().0).unwrap()
    }
}

impl Drop for Stage {
    fn drop(&mut self) {
        // Also when a test fails: nothing is left that costs money. The bootstrap stack stays, and is named by the prefix.
        self.run(&["delete"]);
    }
}

#[test]
fn a_stage_is_deployed_changed_interrupted_and_deleted() {
    let stage = Stage::new();
    let deployed = stage.answer(&["deploy"]);
    let url = deployed["outputs"]["products"]["ProductApi"].as_str().unwrap().to_owned();
    let products = Command::new("curl").args(["--fail", "--silent", &format!("{url}/product")]).output().unwrap();
    assert!(serde_json::from_slice::<Value>(&products.stdout).unwrap()["products"][0]["productId"].is_string());

    let again = stage.answer(&["deploy"]);
    assert!(again["stacks"].as_array().unwrap().iter().all(|stack| stack["changed"] == false), "{again}");

    // A change, left to AWS by SIGTERM, and followed to its end.
    let configuration = std::fs::read_to_string(stage.project.path("cartctl.toml")).unwrap();
    stage.project.configure(&format!("{configuration}defaults.log-retention-days = 30\n"));
    let mut deploying = stage.command(&["deploy"]).stdout(Stdio::null()).stderr(Stdio::piped()).spawn().unwrap();
    let mut story = BufReader::new(deploying.stderr.take().unwrap()).lines().map(Result::unwrap);
    assert!(story.any(|line| line.contains("updating")), "it ended before anything began");
    rustix::process::kill_process(rustix::process::Pid::from_child(&deploying), rustix::process::Signal::TERM).unwrap();
    assert_eq!(deploying.wait().unwrap().code(), Some(124));
    stage.run(&["attach"]).succeeded();
    stage.answer(&["deploy"]);

    let deleted = stage.answer(&["delete"]);
    assert_eq!(deleted["deleted"].as_array().unwrap().len(), 3, "{deleted}");
}
