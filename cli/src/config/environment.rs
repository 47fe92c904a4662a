//! What the environment says. The only place that reads it; empty variables count as unset.

use camino::Utf8PathBuf;

/// The variables that settings are taken from, and what GitHub Actions says about itself.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    /// `CARTCTL_STAGE`
    pub stage: Option<String>,
    /// `AWS_REGION`, or `AWS_DEFAULT_REGION`, which every AWS tool reads after it.
    pub region: Option<String>,
    /// `AWS_PROFILE`. Unlike `--profile`, it gives way to credentials in the environment.
    pub profile: Option<String>,
    /// `AWS_ENDPOINT_URL`
    pub endpoint_url: Option<String>,
    /// `S3_BUCKET`
    pub bucket: Option<String>,
    /// The folder cartctl was called in.
    pub current_dir: Utf8PathBuf,
    /// None outside GitHub Actions.
    pub github: Option<GitHub>,
}

/// The files in which GitHub Actions reads what a step has to say.
#[derive(Clone, Debug, Default)]
pub(crate) struct GitHub {
    /// `GITHUB_STEP_SUMMARY`, for Markdown.
    pub step_summary: Option<Utf8PathBuf>,
    /// `GITHUB_OUTPUT`, for `name=value`.
    pub output: Option<Utf8PathBuf>,
}

impl Environment {
    /// Reads the environment of this process.
    #[expect(clippy::disallowed_methods, reason = "this is the place that reads the environment")]
    pub(crate) fn of_process() -> Self {
        let current_dir = std::env::current_dir().ok().and_then(|path| Utf8PathBuf::from_path_buf(path).ok());
        Self::of(|name| std::env::var(name).ok(), current_dir.unwrap_or_else(|| ".".into()))
    }

    fn of(variable: impl Fn(&str) -> Option<String>, current_dir: Utf8PathBuf) -> Self {
        let set = |name| variable(name).filter(|value| !value.is_empty());
        Self {
            stage: set("CARTCTL_STAGE"),
            region: set("AWS_REGION").or_else(|| set("AWS_DEFAULT_REGION")),
            profile: set("AWS_PROFILE"),
            endpoint_url: set("AWS_ENDPOINT_URL"),
            bucket: set("S3_BUCKET"),
            current_dir,
            github: set("GITHUB_ACTIONS").filter(|says| says == "true").map(|_| GitHub {
                step_summary: set("GITHUB_STEP_SUMMARY").map(Utf8PathBuf::from),
                output: set("GITHUB_OUTPUT").map(Utf8PathBuf::from),
            }),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{cell::RefCell, collections::BTreeMap};

    use clap::CommandFactory;

    use super::*;
    use crate::args::Cli;

    fn of(variables: &[(&str, &str)]) -> Environment {
        let variables: BTreeMap<_, _> = variables.iter().copied().collect();
        Environment::of(|name| variables.get(name).map(|value| (*value).to_owned()), ".".into())
    }

    #[test]
    fn an_empty_variable_is_an_unset_one() {
        let names = ["CARTCTL_STAGE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ENDPOINT_URL", "S3_BUCKET"];
        let empty = of(&names.map(|name| (name, "")));
        let Environment { stage, region, profile, endpoint_url, bucket, .. } = empty;
        assert_eq!([stage, region, profile, endpoint_url, bucket], [const { None }; 5]);
        let default = of(&[("AWS_REGION", ""), ("AWS_DEFAULT_REGION", "eu-west-1")]);
        assert_eq!(default.region.as_deref(), Some("eu-west-1"));
        let both = of(&[("AWS_REGION", "eu-west-2"), ("AWS_DEFAULT_REGION", "eu-west-1")]);
        assert_eq!(both.region.as_deref(), Some("eu-west-2"));
    }

    #[test]
    fn github_counts_only_where_it_says_so() {
        let file = ("GITHUB_OUTPUT", "/tmp/output");
        assert!(of(&[file]).github.is_none());
        let github = of(&[file, ("GITHUB_ACTIONS", "true"), ("GITHUB_STEP_SUMMARY", "")]).github.unwrap();
        assert_eq!((github.output, github.step_summary), (Some("/tmp/output".into()), None));
    }

    #[test]
    fn the_help_names_every_variable_that_is_read() {
        let read = RefCell::new(Vec::new());
        Environment::of(
            |name| {
                read.borrow_mut().push(name.to_owned());
                None
            },
            ".".into(),
        );
        let mut cli = Cli::command();
        cli.build();
        let pages: String = std::iter::once(&mut cli.clone())
            .chain(cli.get_subcommands_mut())
            .map(|command| command.render_long_help().to_string())
            .collect();
        let unnamed: Vec<_> = read.take().into_iter().filter(|name| !pages.contains(name.as_str())).collect();
        assert_eq!(unnamed, ["GITHUB_ACTIONS"], "which is not for people to set");
    }
}
