//! Where a run works, as far as flags and the environment say: what the commands in its messages have to repeat.

use std::str::FromStr;

use cart_infra::Stage;

use crate::{
    args::{Cli, Command},
    config::{Environment, Variable},
    domain::{
        bucket::BucketName,
        connection::{EndpointUrl, Keys, ProfileName},
    },
    report::here::Here,
};

/// What this command line says, or else the environment. A variable that cannot be used is reported, and not repeated.
pub(crate) fn here(cli: &Cli, environment: &Environment) -> Here {
    let global = &cli.global;
    let local = matches!(cli.command, Command::Local(_)) || cli.command.target().is_some_and(|target| target.local);
    // The local cloud takes nothing from the environment but the stage.
    let aws = |variable: &Option<Variable>| variable.clone().filter(|_| !local);
    // Keys in the environment win over its profile, and are nothing that a message may repeat.
    let profile = aws(&environment.profile).filter(|_| environment.aws.keys == Keys::Absent);
    let stage = match (&global.stage, &environment.stage) {
        (Some(typed), _) if typed.is_empty() => Some(Stage::Default.to_string()),
        (Some(typed), _) => Some(typed.clone()),
        (None, variable) => variable.as_ref().map(|variable| variable.value.clone()),
    };
    Here {
        stage,
        region: of(global.region.as_ref(), aws(&environment.region)),
        profile: of::<ProfileName>(global.profile.as_ref(), profile),
        endpoint_url: of::<EndpointUrl>(global.endpoint_url.as_ref(), aws(&environment.endpoint_url)),
        local,
        config: global.config.as_ref().map(ToString::to_string),
        bucket: of::<BucketName>(cli.command.bucket(), aws(&environment.bucket)),
        role_arn: global.role_arn.as_ref().map(ToString::to_string),
        local_cloud: None,
    }
}

/// The value of the flag, or else of the variable.
fn of<T: FromStr + ToString>(flag: Option<&T>, variable: Option<Variable>) -> Option<String> {
    let parsed = || variable?.value.parse::<T>().ok();
    flag.map(ToString::to_string).or_else(|| parsed().map(|value| value.to_string()))
}

#[cfg(test)]
mod tests {
    use std::{fs, process};

    use camino::Utf8Path;
    use clap::CommandFactory;

    use super::*;
    use crate::{domain::command, files};

    fn variable(name: &str, value: &str) -> Variable {
        Variable { name: name.to_owned(), value: value.to_owned() }
    }

    /// An environment in which everything is set.
    fn environment() -> Environment {
        Environment {
            stage: Some(variable("CARTCTL_STAGE", "staging")),
            region: Some(variable("AWS_DEFAULT_REGION", "eu-west-2")),
            profile: Some(variable("AWS_PROFILE", "the shop's")),
            endpoint_url: Some(variable("AWS_ENDPOINT_URL", "http://localhost:4566/")),
            bucket: Some(variable("S3_BUCKET", "code-of-the-shop")),
            ..Environment::default()
        }
    }

    /// Where a run with these words works.
    fn of(words: &[&str], environment: &Environment) -> Here {
        let words = std::iter::once("cartctl").chain(words.iter().copied());
        here(&Cli::of(words).unwrap_or_else(|error| panic!("{error}")), environment)
    }

    #[test]
    fn flags_win_over_the_environment() {
        let typed = [
            "--stage",
            "production",
            "--region",
            "eu-west-1",
            "--profile",
            "me",
            "--endpoint-url",
            "http://a",
            "--config",
            "a b.toml",
            "--bucket",
            "a-bucket",
        ];
        let expected = Here {
            stage: Some("production".to_owned()),
            region: Some("eu-west-1".to_owned()),
            profile: Some("me".to_owned()),
            endpoint_url: Some("http://a".to_owned()),
            config: Some("a b.toml".to_owned()),
            bucket: Some("a-bucket".to_owned()),
            ..Here::default()
        };
        assert_eq!(of(&[&["deploy"], typed.as_slice()].concat(), &environment()), expected);
        let expected = Here {
            stage: Some("staging".to_owned()),
            region: Some("eu-west-2".to_owned()),
            profile: Some("the shop's".to_owned()),
            endpoint_url: Some("http://localhost:4566".to_owned()),
            bucket: Some("code-of-the-shop".to_owned()),
            ..Here::default()
        };
        assert_eq!(of(&["status"], &environment()), expected);
        assert_eq!(
            of(&["status", "--stage", ""], &environment()).stage,
            Some("default".to_owned()),
            "and not that of the environment"
        );
    }

    #[test]
    fn the_local_cloud_takes_only_the_stage() {
        let expected = Here { stage: Some("staging".to_owned()), local: true, ..Here::default() };
        for words in [&["status", "--local"] as &[_], &["local", "--detach"], &["frontend", "deploy", "--local"]] {
            assert_eq!(of(words, &environment()), expected, "{words:?}");
        }
    }

    #[test]
    fn a_secret_and_what_cannot_be_used_are_not_repeated() {
        let mut wrong = environment();
        wrong.aws.keys = Keys::Present;
        wrong.endpoint_url = Some(variable("AWS_ENDPOINT_URL", "http://me:secret@localhost"));
        wrong.region = Some(variable("AWS_REGION", "Ireland"));
        wrong.bucket = Some(variable("S3_BUCKET", "s3://code"));
        assert_eq!(of(&["status"], &wrong), Here { stage: Some("staging".to_owned()), ..Here::default() });
    }

    /// The texts of all calls of `Command::cartctl` in the sources.
    fn recommended() -> Vec<String> {
        let sources = files::below(&Utf8Path::new(env!("CARGO_MANIFEST_DIR")).join("src"), |name| name != "flags.rs").unwrap();
        let texts = sources.iter().map(|path| fs::read_to_string(path).unwrap());
        let calls = |source: String| -> Vec<String> {
            source.split("Command::cartctl(\"").skip(1).map(|rest| rest.split('"').next().unwrap().to_owned()).collect()
        };
        texts.flat_map(calls).collect()
    }

    /// What a shell makes of a command.
    fn words_of(command: &str) -> Vec<String> {
        let printing = format!("printf '%s\\0' {}", command.trim_matches('`'));
        let output = process::Command::new("bash").args(["-c", &printing]).output().unwrap();
        String::from_utf8(output.stdout).unwrap().split_terminator('\0').map(str::to_owned).collect()
    }

    #[test]
    fn every_recommended_command_works_here_in_another_shell() {
        let recommended = recommended();
        assert!(recommended.len() > 20, "{recommended:?}");
        let typed = ["status", "--region", "eu-west-1", "--config", "/my shop's/cart ctl.toml"];
        let runs = [
            of(&["status"], &Environment::default()),
            of(&["status"], &environment()),
            of(&typed, &environment()),
            of(&["status", "--local", "--config", "$HOME.toml"], &environment()),
        ];
        for words in recommended {
            // What is appended where it is used.
            let missing = match words.rsplit(' ').next() {
                Some("--out" | "--packages") => Some("my packages"),
                Some("--arch") => Some("arm64"),
                _ => None,
            };
            let bare = command::Command::cartctl(&words).with_all(missing).to_string();
            // What was packaged is not deployed to the local cloud.
            for run in runs.iter().filter(|run| !run.local || !words.ends_with("--packages")) {
                let completed = run.complete(&bare);
                let words = words_of(&completed);
                let cli = Cli::of(&words).unwrap_or_else(|error| panic!("{completed}: {error}"));
                let there = here(&cli, &Environment::default());
                let mut expected = run.clone();
                if !["deploy", "diff"].contains(&words[1].as_str()) {
                    expected.bucket = None;
                }
                if cli.command.target().is_none() {
                    expected.local = matches!(cli.command, Command::Local(_));
                }
                if expected.local {
                    expected = Here { stage: run.stage.clone(), config: run.config.clone(), local: true, ..Here::default() };
                }
                assert_eq!(there, expected, "{completed}");
            }
        }
    }

    #[test]
    fn only_commands_that_know_no_local_cloud_have_no_target() {
        let mut command = Cli::command();
        command.build();
        let named = command.get_subcommands().filter(|command| command.get_name() != "help");
        let all = named.flat_map(|command| std::iter::once(command).chain(command.get_subcommands()));
        let has_local = |command: &clap::Command| command.get_arguments().any(|argument| argument.get_id() == "local");
        let without = all.filter(|command| !command.has_subcommands() && command.get_name() != "help" && !has_local(command));
        let without: Vec<_> = without.map(clap::Command::get_name).collect();
        assert_eq!(without, ["synth", "package", "local", "serve-site"]);
    }
}
