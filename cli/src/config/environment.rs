//! What the environment says. The only place that reads it; empty variables count as unset.

use std::{
    ffi::{OsStr, OsString},
    io,
    os::unix::process::CommandExt,
    process::Command,
};

use camino::Utf8PathBuf;

use super::Error;
use crate::{
    build::inherited::Inherited,
    domain::connection::{AwsEnvironment, Keys, ProxyVariable, ProxyVariables, WebIdentity},
};

/// The variables that settings are taken from, and what GitHub Actions says about itself. No value is checked yet: one that a flag
/// replaces, or that the local cloud does not take, need not be any good.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    /// `CARTCTL_STAGE`
    pub stage: Option<Variable>,
    /// `AWS_REGION`, or `AWS_DEFAULT_REGION`, which every AWS tool reads after it.
    pub region: Option<Variable>,
    /// `AWS_PROFILE`. Unlike `--profile`, it gives way to credentials in the environment.
    pub profile: Option<Variable>,
    /// `AWS_ENDPOINT_URL`
    pub endpoint_url: Option<Variable>,
    /// `AWS_ENDPOINT_URL_S3` and its like, which the SDK reads.
    pub service_urls: Vec<Variable>,
    /// `S3_BUCKET`
    pub bucket: Option<Variable>,
    /// What every AWS tool reads.
    pub aws: AwsEnvironment,
    /// Whether `TERM` names no terminal that can be drawn on.
    pub dumb: bool,
    /// What programs that cartctl starts are told.
    pub inherited: Inherited,
    /// The folder cartctl was called in.
    pub current_dir: Utf8PathBuf,
    /// None outside GitHub Actions.
    pub github: Option<GitHub>,
}

/// A variable that is set, and not empty.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Variable {
    pub name: String,
    pub value: String,
}

/// The files in which GitHub Actions reads what a step has to say.
#[derive(Clone, Debug, Default)]
pub(crate) struct GitHub {
    /// `GITHUB_STEP_SUMMARY`, for Markdown.
    pub step_summary: Option<Utf8PathBuf>,
    /// `GITHUB_OUTPUT`, for `name=value`.
    pub output: Option<Utf8PathBuf>,
}

/// The beginning of the variables that name the URL of one service.
/// <https://docs.aws.amazon.com/sdkref/latest/guide/feature-ss-endpoints.html>
const SERVICE_URL: &str = "AWS_ENDPOINT_URL_";

impl Environment {
    /// Reads the environment of this process.
    ///
    /// # Errors
    /// The current folder, or a variable that is read here or by the SDK, is not UTF-8.
    #[expect(clippy::disallowed_methods, reason = "this is the place that reads the environment")]
    pub(crate) fn of_process() -> Result<Self, Error> {
        let current_dir = match std::env::current_dir() {
            Ok(folder) => {
                Utf8PathBuf::from_path_buf(folder).map_err(|_| Error::NotUtf8 { name: "the current folder".to_owned() })?
            }
            Err(_) => ".".into(),
        };
        Self::of(std::env::vars_os(), current_dir)
    }

    fn of(variables: impl Iterator<Item = (OsString, OsString)>, current_dir: Utf8PathBuf) -> Result<Self, Error> {
        let variables: Vec<_> = variables.collect();
        let inherited = Inherited::of(variables.iter().cloned());
        let variables = variables
            .into_iter()
            .filter_map(|(name, value)| Some((name.into_string().ok().filter(|name| is_read(name))?, value)))
            .filter(|(_, value)| !value.is_empty())
            .map(|(name, value)| match value.into_string() {
                Ok(value) => Ok(Variable { name, value }),
                Err(_) => Err(Error::NotUtf8 { name }),
            })
            .collect::<Result<Vec<_>, _>>()?;
        let [stage, first_region, second_region, profile, endpoint_url, bucket, term, actions, step_summary, output] =
            READ.map(|name| variables.iter().find(|variable| variable.name == name).cloned());
        let path = |variable: Option<Variable>| variable.map(|variable| Utf8PathBuf::from(variable.value));
        Ok(Self {
            stage,
            region: first_region.or(second_region),
            profile,
            endpoint_url,
            service_urls: variables.iter().filter(|variable| variable.name.starts_with(SERVICE_URL)).cloned().collect(),
            bucket,
            aws: aws(|name| variables.iter().find(|variable| variable.name == name).map(|variable| variable.value.clone())),
            dumb: term.is_none_or(|term| term.value == "dumb"),
            inherited,
            current_dir,
            github: actions
                .filter(|actions| actions.value == "true")
                .map(|_| GitHub { step_summary: path(step_summary), output: path(output) }),
        })
    }
}

/// The variables that cartctl reads itself.
const READ: [&str; 10] = [
    "CARTCTL_STAGE",
    "AWS_REGION",
    "AWS_DEFAULT_REGION",
    "AWS_PROFILE",
    "AWS_ENDPOINT_URL",
    "S3_BUCKET",
    "TERM",
    "GITHUB_ACTIONS",
    "GITHUB_STEP_SUMMARY",
    "GITHUB_OUTPUT",
];

/// Whether cartctl or the SDK reads this variable.
fn is_read(name: &str) -> bool {
    READ.contains(&name) || name.starts_with("AWS_") || name == "HOME" || is_about_proxies(name)
}

fn is_about_proxies(name: &str) -> bool {
    ["http_proxy", "https_proxy", "all_proxy", "no_proxy"].contains(&name.to_ascii_lowercase().as_str())
}

/// What every AWS tool reads, without the values of keys.
fn aws(set: impl Fn(&str) -> Option<String>) -> AwsEnvironment {
    let [id, secret] = ["AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"];
    AwsEnvironment {
        home: set("HOME"),
        config_file: set("AWS_CONFIG_FILE"),
        credentials_file: set("AWS_SHARED_CREDENTIALS_FILE"),
        keys: match (set(id), set(secret)) {
            (None, None) => Keys::Absent,
            (Some(_), Some(_)) => Keys::Present,
            (Some(_), None) => Keys::Missing(secret),
            (None, Some(_)) => Keys::Missing(id),
        },
        web_identity: set("AWS_WEB_IDENTITY_TOKEN_FILE").map(|token_file| WebIdentity {
            token_file,
            role: set("AWS_ROLE_ARN"),
            session: set("AWS_ROLE_SESSION_NAME"),
        }),
        container: ["AWS_CONTAINER_CREDENTIALS_RELATIVE_URI", "AWS_CONTAINER_CREDENTIALS_FULL_URI"]
            .into_iter()
            .any(|name| set(name).is_some()),
        proxies: {
            let first = |names: &[&'static str]| names.iter().find_map(|name| Some(ProxyVariable { name, value: set(name)? }));
            ProxyVariables {
                http: first(&["http_proxy"]),
                https: first(&["https_proxy", "HTTPS_PROXY"]),
                all: first(&["all_proxy", "ALL_PROXY"]),
                without: first(&["no_proxy", "NO_PROXY"]).map(|variable| variable.value),
            }
        },
        ca_bundle: set("AWS_CA_BUNDLE"),
    }
}

/// Starts the program of this process again without the empty variables that libraries would take for values, if there are any. The
/// SDK reads dozens of variables itself, and no process can unset its own without `unsafe` code.
///
/// # Errors
/// The program cannot be started. On success, this process is the new one, and nothing returns.
#[expect(clippy::disallowed_methods, reason = "this is the place that reads the environment")]
pub(crate) fn unset_empty_variables() -> Result<(), Error> {
    let empty: Vec<_> = std::env::vars_os().filter(|(name, value)| value.is_empty() && is_unset_if_empty(name)).collect();
    if empty.is_empty() {
        return Ok(());
    }
    let again = || -> io::Error {
        let program = match std::env::current_exe() {
            Ok(program) => program,
            Err(error) => return error,
        };
        let mut arguments = std::env::args_os();
        let mut command = Command::new(&program);
        command.arg0(arguments.next().unwrap_or_else(|| program.into_os_string())).args(arguments);
        for (name, _) in &empty {
            command.env_remove(name);
        }
        command.exec()
    };
    let source = again();
    let names = empty.into_iter().map(|(name, _)| name.to_string_lossy().into_owned()).collect();
    Err(Error::EmptyVariables { names, source })
}

/// Whether a library would take an empty value for a value. `AWS_PAGER` is the AWS CLI's, which does, and on purpose.
fn is_unset_if_empty(name: &OsStr) -> bool {
    let Some(name) = name.to_str() else { return false };
    name != "AWS_PAGER"
        && (name.starts_with("AWS_") || ["HOME", "SSL_CERT_FILE", "SSL_CERT_DIR"].contains(&name) || is_about_proxies(name))
}

#[cfg(test)]
mod tests {
    use std::os::unix::ffi::OsStringExt;

    use clap::CommandFactory;

    use super::*;
    use crate::args::Cli;

    fn of(variables: &[(&str, &str)]) -> Environment {
        Environment::of(variables.iter().map(|(name, value)| (name.into(), value.into())), ".".into()).unwrap()
    }

    fn value(variable: Option<Variable>) -> Option<(String, String)> {
        variable.map(|Variable { name, value }| (name, value))
    }

    #[test]
    fn an_empty_variable_is_an_unset_one() {
        let names = ["CARTCTL_STAGE", "AWS_REGION", "AWS_DEFAULT_REGION", "AWS_PROFILE", "AWS_ENDPOINT_URL", "S3_BUCKET"];
        let empty = of(&names.map(|name| (name, "")));
        let Environment { stage, region, profile, endpoint_url, bucket, .. } = empty;
        assert_eq!([stage, region, profile, endpoint_url, bucket], [const { None }; 5]);
        assert_eq!(of(&[("AWS_ENDPOINT_URL_S3", "")]).service_urls, []);
        let region = |variables: &[(&str, &str)]| value(of(variables).region);
        let as_text = |name: &str, value: &str| Some((name.to_owned(), value.to_owned()));
        let default = ("AWS_DEFAULT_REGION", "eu-west-1");
        assert_eq!(region(&[("AWS_REGION", ""), default]), as_text("AWS_DEFAULT_REGION", "eu-west-1"));
        assert_eq!(region(&[default, ("AWS_REGION", "eu-west-2")]), as_text("AWS_REGION", "eu-west-2"));
    }

    #[test]
    fn some_variables_are_removed_if_they_are_empty() {
        let names = "AWS_PROFILE AWS_ENDPOINT_URL AWS_ENDPOINT_URL_S3 AWS_CONFIG_FILE AWS_CA_BUNDLE AWS_ROLE_ARN AWS_A_NEW_ONE HOME https_proxy";
        for name in names.split(' ') {
            assert!(is_unset_if_empty(OsStr::new(name)), "{name}");
        }
        // The first has a meaning while empty, and the others are none of cartctl's business.
        for name in ["AWS_PAGER", "RUSTFLAGS", "PATH", "AWS", "MY_AWS_PROFILE"] {
            assert!(!is_unset_if_empty(OsStr::new(name)), "{name}");
        }
    }

    #[test]
    fn a_value_is_text() {
        let broken = |name: &str| (OsString::from(name), OsString::from_vec(vec![b'e', 0xff]));
        for name in ["AWS_REGION", "AWS_CONFIG_FILE", "AWS_SECRET_ACCESS_KEY", "CARTCTL_STAGE", "S3_BUCKET", "GITHUB_OUTPUT"] {
            let error = Environment::of([broken(name)].into_iter(), ".".into()).unwrap_err();
            assert_eq!(error.to_string(), format!("{name} is not UTF-8"));
        }
        assert!(Environment::of([broken("PS1")].into_iter(), ".".into()).is_ok(), "nobody reads it");
    }

    #[test]
    fn github_counts_only_where_it_says_so() {
        let file = ("GITHUB_OUTPUT", "/tmp/output");
        assert!(of(&[file]).github.is_none());
        let github = of(&[file, ("GITHUB_ACTIONS", "true"), ("GITHUB_STEP_SUMMARY", "")]).github.unwrap();
        assert_eq!((github.output, github.step_summary), (Some("/tmp/output".into()), None));
    }

    #[test]
    fn a_terminal_without_a_name_cannot_be_drawn_on() {
        let dumb = |variables: &[(&str, &str)]| of(variables).dumb;
        assert!(dumb(&[]) && dumb(&[("TERM", "")]) && dumb(&[("TERM", "dumb")]));
        assert!(!dumb(&[("TERM", "xterm-256color")]));
    }

    #[test]
    fn the_help_names_every_variable_that_is_read() {
        let mut cli = Cli::command();
        cli.build();
        let pages: String = std::iter::once(&mut cli.clone())
            .chain(cli.get_subcommands_mut())
            .map(|command| command.render_long_help().to_string())
            .collect();
        let unnamed: Vec<_> = READ.into_iter().filter(|name| !pages.contains(name)).collect();
        assert_eq!(unnamed, ["TERM", "GITHUB_ACTIONS", "GITHUB_STEP_SUMMARY"], "which are not for people to set");
    }
}
