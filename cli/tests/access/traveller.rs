//! Somebody with a home of their own, and with an environment that has nothing but what a test puts there.

use std::{fs, process::Command};

use crate::{
    program::{Project, Run, finish},
    stand_in::{Answer, Asked, StandIn},
};

pub(crate) const CREDENTIALS: i32 = 4;

pub(crate) struct Traveller {
    project: Project,
    pub environment: Vec<(&'static str, String)>,
}

impl Traveller {
    /// With these lines in `~/.aws/config`.
    pub(crate) fn new(config: &str) -> Self {
        let project = Project::new("frontend.env-file = '.env'\nlocal.directory = 'not here'");
        fs::create_dir_all(project.path("home/.aws")).unwrap();
        let traveller = Self { project, environment: Vec::new() };
        traveller.write(".aws/config", config);
        traveller
    }

    pub(crate) fn with(mut self, name: &'static str, value: impl Into<String>) -> Self {
        self.environment.push((name, value.into()));
        self
    }

    pub(crate) fn with_keys(self) -> Self {
        self.with("AWS_ACCESS_KEY_ID", "ENVKEY").with("AWS_SECRET_ACCESS_KEY", "secret")
    }

    /// Writes a file in the home, and returns its path.
    pub(crate) fn write(&self, name: &str, text: &str) -> String {
        let path = self.path(name);
        fs::write(&path, text).unwrap();
        path
    }

    pub(crate) fn path(&self, name: &str) -> String {
        self.project.path("home").join(name).into_string()
    }

    pub(crate) fn configure(&self, configuration: &str) {
        self.project.configure(configuration);
    }

    pub(crate) fn command(&self, arguments: &[&str]) -> Command {
        let mut command = self.project.command(arguments);
        command.env_clear().env("HOME", self.path("")).env("AWS_EC2_METADATA_DISABLED", "true").env("PATH", "/usr/bin:/bin");
        command.envs(self.environment.iter().map(|(name, value)| (name, value)));
        command
    }

    pub(crate) fn run(&self, arguments: &[&str]) -> Run {
        finish(&mut self.command(arguments))
    }

    /// Runs `cartctl status`, which finds nothing deployed.
    pub(crate) fn asks(&self, arguments: &[&str]) -> Run {
        let run = self.run(&[&["status", "--region", "eu-west-1"], arguments].concat());
        Run { stderr: self.anonymous(&run.stderr), ..run }
    }

    pub(crate) fn anonymous(&self, text: &str) -> String {
        self.project.anonymous(text)
    }
}

/// An account with nothing in it. STS gives `ROLEKEY` and a number to who assumes a role.
pub(crate) fn account() -> StandIn {
    StandIn::new(answer)
}

pub(crate) fn answer(asked: &Asked) -> Answer {
    let action = asked.field("Action").unwrap_or_default();
    let arn = asked.field("RoleArn").unwrap_or_default();
    let number = arn.chars().last().unwrap_or_default();
    match action {
        "GetCallerIdentity" => Answer::new(
            200,
            "<GetCallerIdentityResponse xmlns='https://sts.amazonaws.com/doc/2011-06-15/'><GetCallerIdentityResult>\
             <Account>123456789012</Account></GetCallerIdentityResult></GetCallerIdentityResponse>",
        ),
        "AssumeRole" | "AssumeRoleWithWebIdentity" => Answer::new(
            200,
            format!(
                "<{action}Response xmlns='https://sts.amazonaws.com/doc/2011-06-15/'><{action}Result><Credentials>\
                 <AccessKeyId>ROLEKEY{number}</AccessKeyId><SecretAccessKey>s</SecretAccessKey><SessionToken>TOKEN{number}</SessionToken>\
                 <Expiration>2999-01-01T00:00:00Z</Expiration></Credentials></{action}Result></{action}Response>"
            ),
        ),
        _ if asked.service() == "ssm" => Answer::new(200, r#"{"Parameters":[]}"#),
        _ => Answer::new(
            400,
            "<ErrorResponse><Error><Type>Sender</Type><Code>ValidationError</Code><Message>Stack with id it does not exist</Message></Error>\
             </ErrorResponse>",
        ),
    }
}
