//! Settles what a command works with: flags over environment over `cartctl.toml` over defaults. Knows nothing of AWS. [`load`] looks at the
//! file and at what runs of the local cloud; everything else is decided from what is passed in.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use cart_infra::{Architecture, Code, Endpoints, LogRetention, Monitoring, Names, Origin, Settings};
use serde::Deserialize;

use self::{file::File, merge::Sources};
use crate::{
    args,
    domain::connection::{Connection, Endpoint},
    local::{self, Ports},
};

pub(crate) use self::{
    environment::{Environment, GitHub},
    local_cloud::{LocalChoice, LocalSettings},
};

mod check;
mod environment;
mod file;
mod local_cloud;
mod merge;

/// The name of the configuration file.
const FILE_NAME: &str = "cartctl.toml";

/// Everything a command needs to know before it starts.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// The folder with `Cargo.toml`, `templates/` and `frontend/`.
    pub workspace: Utf8PathBuf,
    pub names: Names,
    /// Whether people's data is kept when this stage is deleted.
    pub protected: bool,
    allowed_origin: AllowedOrigin,
    pub architecture: Architecture,
    log_retention: LogRetention,
    reserved_concurrency: Option<u32>,
    monitoring: Option<Monitoring>,
    /// The tags of every stack.
    pub tags: BTreeMap<String, String>,
    /// The only account and region this stage may be in, if the file names them. Never for the local cloud, which has neither.
    pub pin: Option<Pin>,
    pub connection: Connection,
    /// A bucket for code, if the environment names one. `--bucket` wins over it.
    pub bucket: Option<String>,
    /// The file the frontend reads its variables from.
    pub env_file: Utf8PathBuf,
    /// The folder of the frontend.
    pub shop: Utf8PathBuf,
    pub local: LocalSettings,
    /// Whether nobody is asked.
    pub yes: bool,
    pub verbose: bool,
}

/// The one origin whose sites may call the APIs, and for which stages that is said.
#[derive(Clone, Debug, PartialEq, Eq)]
enum AllowedOrigin {
    OfStage(Origin),
    /// Under `[defaults]`, or by default.
    OfAll(Origin),
}

/// Where a stage belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pin {
    pub account: AccountId,
    /// None, if the file names no region.
    pub region: Option<String>,
}

/// An account's number: twelve digits.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct AccountId(String);

impl AccountId {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }
}

impl TryFrom<String> for AccountId {
    type Error = String;

    fn try_from(text: String) -> Result<Self, Self::Error> {
        if text.len() == 12 && text.bytes().all(|byte| byte.is_ascii_digit()) {
            Ok(Self(text))
        } else {
            Err(format!("`{text}` is not an AWS account: that is twelve digits, in quotes"))
        }
    }
}

impl Config {
    /// The one origin whose sites may call the APIs, given that of this stage's own site, if it has one. The stage's own section wins:
    /// it is about this stage. A setting for all stages gives way, since no two of them have the same site.
    pub(crate) fn allowed_origin<'a>(&'a self, site: Option<&'a Origin>) -> &'a Origin {
        match &self.allowed_origin {
            AllowedOrigin::OfStage(origin) => origin,
            AllowedOrigin::OfAll(origin) => site.unwrap_or(origin),
        }
    }

    /// Whether the stage's own section names an origin.
    pub(crate) fn has_own_origin(&self) -> bool {
        matches!(self.allowed_origin, AllowedOrigin::OfStage(_))
    }

    /// What the templates are made from, given where the code is.
    pub(crate) fn settings(&self, code: Code) -> Settings {
        Settings {
            names: self.names.clone(),
            protected: self.protected,
            allowed_origin: self.allowed_origin(None).clone(),
            architecture: self.architecture,
            code,
            endpoints: match &self.connection.endpoint {
                Endpoint::Local(base_url) => Endpoints::Local { base_url: base_url.clone() },
                Endpoint::Aws | Endpoint::Url(_) => Endpoints::Aws,
            },
            log_retention: self.log_retention,
            reserved_concurrency: self.reserved_concurrency,
            monitoring: self.monitoring.clone(),
        }
    }

    /// The folder of the tools that `make setup` installs.
    pub(crate) fn tools(&self) -> Utf8PathBuf {
        self.workspace.join(".venv/bin")
    }

    /// The name of the stage in messages.
    pub(crate) fn stage(&self) -> String {
        self.names.stage.to_string()
    }
}

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The file cannot be read, or was named and does not exist.
    #[error("reading {path} failed")]
    Read { path: Utf8PathBuf, source: std::io::Error },
    /// The message is the parser's, with line and column.
    #[error("{path} cannot be used:\n{message}")]
    Parse { path: Utf8PathBuf, message: String },
    /// A stage that the file does not have.
    #[error("{path} has no stage `{stage}`")]
    UnknownStage {
        stage: String,
        path: Utf8PathBuf,
        /// The stages that the file has.
        known: Vec<String>,
    },
    #[error("the local cloud is not running")]
    NotRunning,
    /// A value that does not parse, or cannot be meant.
    #[error("{name}: {reason}")]
    Value {
        /// The flag or the key.
        name: &'static str,
        /// With the value.
        reason: String,
    },
    /// Called outside a checkout of the project.
    #[error("no cartctl workspace in {start} or above it")]
    NoWorkspace { start: Utf8PathBuf },
}

impl Error {
    /// The next thing to try.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownStage { stage, path, known } if known.is_empty() => {
                Some(format!("add a line `[stages.{stage}]` to {path}, or omit `--stage` for the default stage"))
            }
            Self::UnknownStage { stage, path, known } => {
                Some(format!("its stages are {}; for a new one add a line `[stages.{stage}]` to {path}", known.join(", ")))
            }
            Self::NotRunning => Some("start it with `cartctl local --detach` (or `make local` in another terminal)".to_owned()),
            Self::NoWorkspace { .. } => Some("run cartctl inside a checkout of the project".to_owned()),
            Self::Read { .. } => Some(format!("name another file, or omit `--config` to read {FILE_NAME} of the workspace")),
            Self::Parse { .. } | Self::Value { .. } => None,
        }
    }
}

/// Finds and reads `cartctl.toml`, observes the local cloud, and settles everything.
pub(crate) fn load(global: &args::Global, choice: LocalChoice, environment: &Environment) -> Result<Config, Error> {
    let workspace = find_workspace(&environment.current_dir)?;
    let path = global.config.clone().unwrap_or_else(|| workspace.join(FILE_NAME));
    let file = File::read(&path, global.config.is_some())?;
    let running = local::running_ports(&local_cloud::directory(&file.local, &workspace));
    resolve(global, choice, environment, running, workspace, &path, file)
}

fn resolve(
    global: &args::Global,
    choice: LocalChoice,
    environment: &Environment,
    running: Option<Ports>,
    workspace: Utf8PathBuf,
    path: &Utf8Path,
    file: File,
) -> Result<Config, Error> {
    let (stage, section) = check::stage(merge::stage(global, environment), &file, path)?;
    let sources = Sources { flags: global, environment, stage: &section, defaults: &file.defaults };
    let is_local = choice != LocalChoice::Aws;
    let local = local_cloud::settings(choice, &file.local, local_cloud::directory(&file.local, &workspace), running)?;
    let (connection, allowed_origin) = if is_local {
        (local_cloud::connection(&local)?, local_cloud::allowed_origin(&local, &file.local, &sources)?)
    } else {
        (sources.connection(), sources.allowed_origin())
    };
    let env_file = if is_local { "frontend/.env.local" } else { "frontend/.env" };
    Ok(Config {
        protected: sources.protected(),
        allowed_origin,
        architecture: sources.architecture(),
        log_retention: sources.log_retention(),
        reserved_concurrency: sources.reserved_concurrency(),
        monitoring: sources.monitoring(),
        tags: sources.tags(),
        pin: if is_local { None } else { sources.pin() },
        connection,
        bucket: environment.bucket.clone().filter(|_| !is_local),
        env_file: workspace.join(file.frontend.env_file.as_deref().unwrap_or(env_file.into())),
        shop: workspace.join(file.frontend.directory.as_deref().unwrap_or("frontend".into())),
        local,
        yes: global.yes,
        verbose: global.verbose > 0,
        names: Names { prefix: file.prefix, parameter_root: file.parameter_root, stage },
        workspace,
    })
}

fn find_workspace(start: &Utf8Path) -> Result<Utf8PathBuf, Error> {
    start
        .ancestors()
        .find(|folder| folder.join("lambdas/contract/Cargo.toml").is_file())
        .map(Utf8Path::to_owned)
        .ok_or_else(|| Error::NoWorkspace { start: start.to_owned() })
}

#[cfg(test)]
pub(crate) mod tests {
    use clap::Parser;

    use super::*;
    use crate::domain::connection::Profile;

    fn resolved_for(
        choice: LocalChoice,
        running: Option<Ports>,
        arguments: &[&str],
        environment: &Environment,
        text: &str,
    ) -> Result<Config, Error> {
        let cli = args::Cli::parse_from([&["cartctl", "status"], arguments].concat());
        let path = Utf8Path::new("/shop/cartctl.toml");
        resolve(&cli.global, choice, environment, running, "/shop".into(), path, File::parse(path, text)?)
    }

    fn resolved(arguments: &[&str], environment: &Environment, text: &str) -> Result<Config, Error> {
        resolved_for(LocalChoice::Aws, None, arguments, environment, text)
    }

    /// The settings of the default stage, with code that is not packaged.
    pub(crate) fn settings() -> Settings {
        resolved(&[], &Environment::default(), "").unwrap().settings(Code::not_packaged(cart_infra::packages::ALL))
    }

    const FILE: &str = "
        [defaults]
        region = 'eu-central-1'
        log-retention-days = 14
        [stages.production]
        region = 'eu-west-1'
        protected = true
    ";

    #[test]
    fn flags_win_over_environment_over_stage_over_file() {
        let region =
            |arguments: &[&str], environment: &Environment, text| resolved(arguments, environment, text).unwrap().connection.region;
        let none = Environment::default();
        let set = Environment { region: Some("us-west-2".to_owned()), ..Environment::default() };
        assert_eq!(region(&["--region", "us-east-1", "--stage", "production"], &set, FILE).as_deref(), Some("us-east-1"));
        assert_eq!(region(&["--stage", "production"], &set, FILE).as_deref(), Some("us-west-2"));
        assert_eq!(region(&["--stage", "production"], &none, FILE).as_deref(), Some("eu-west-1"));
        assert_eq!(region(&[], &none, FILE).as_deref(), Some("eu-central-1"));
        assert_eq!(region(&[], &none, ""), None);
    }

    #[test]
    fn only_a_profile_on_the_command_line_wins_over_credentials_in_the_environment() {
        let profile = |arguments: &[&str], environment: &Environment| {
            resolved(arguments, environment, "defaults.profile = 'file'").unwrap().connection.profile
        };
        let set = Environment { profile: Some("environment".to_owned()), ..Environment::default() };
        assert_eq!(profile(&["--profile", "flag"], &set), Some(Profile::Asked("flag".to_owned())));
        assert_eq!(profile(&[], &set), Some(Profile::Fallback("environment".to_owned())));
        assert_eq!(profile(&[], &Environment::default()), Some(Profile::Fallback("file".to_owned())));
    }

    #[test]
    fn a_stage_inherits_what_it_does_not_say() {
        let config = resolved(&["--stage", "production"], &Environment::default(), FILE).unwrap();
        assert!(config.protected);
        assert_eq!(config.names.stack_name(cart_infra::stacks::AUTH), "aws-serverless-shopping-cart-production-auth");
        assert_eq!(config.log_retention, toml::Value::Integer(14).try_into().unwrap());
    }

    #[test]
    fn a_protected_stage_is_watched_unless_it_says_otherwise() {
        const TOPIC: &str = "arn:aws:sns:eu-west-1:123456789012:alarms";
        let watched = |defaults: &str, stage: &str| {
            let text = format!("[defaults]\n{defaults}\n[stages.it]\n{stage}");
            let monitoring = resolved(&["--stage", "it"], &Environment::default(), &text).unwrap().monitoring;
            monitoring.map(|monitoring| monitoring.alarm_topic.map(|topic| topic.to_string()))
        };
        assert_eq!(watched("", ""), None);
        assert_eq!(watched("", "protected = true"), Some(None));
        assert_eq!(watched("", "monitoring = true"), Some(None));
        assert_eq!(watched("monitoring = true", "protected = true\nmonitoring = false"), None);
        let topic = format!("alarm-topic = '{TOPIC}'");
        assert_eq!(watched(&topic, "protected = true"), Some(Some(TOPIC.to_owned())));
        assert_eq!(watched(&topic, ""), None, "a topic for all stages makes none of them watched");
    }

    const STARTING: LocalChoice = LocalChoice::Starting { port: None, site: true };

    /// The origin that is allowed, the port of the site, and that of the cloud.
    fn local(choice: LocalChoice, running: Option<Ports>, text: &str) -> (String, Option<u16>, u16) {
        let config = resolved_for(choice, running, &[], &Environment::default(), text).unwrap();
        (config.allowed_origin(None).to_string(), config.local.site, config.local.port)
    }

    #[test]
    fn the_local_cloud_allows_the_site_beside_it() {
        let starting = |text: &str| local(STARTING, None, text);
        assert_eq!(starting(""), ("http://localhost:8080".to_owned(), Some(8080), 4566));
        assert_eq!(starting("local.site-port = 3000"), ("http://localhost:3000".to_owned(), Some(3000), 4566));
        assert_eq!(starting("local.site-port = 80").0, "http://localhost");
        let elsewhere = "defaults.allowed-origin = 'https://shop.example'";
        assert_eq!(starting(elsewhere), ("http://localhost:8080".to_owned(), Some(8080), 4566));
        assert_eq!(
            resolved(&[], &Environment::default(), elsewhere).unwrap().allowed_origin(None).as_str(),
            "https://shop.example"
        );
    }

    #[test]
    fn without_a_site_the_local_cloud_allows_another_one() {
        let left_out = LocalChoice::Starting { port: None, site: false };
        let own = "defaults.allowed-origin = 'http://localhost:3000'";
        assert_eq!(local(left_out, None, own), ("http://localhost:3000".to_owned(), None, 4566));
        assert_eq!(local(left_out, None, "local.site-port = 3000"), ("http://localhost:3000".to_owned(), None, 4566));
        assert_eq!(local(STARTING, None, &format!("{own}\nlocal.shop = false")).0, "http://localhost:3000");
        let running = Some(Ports { cloud: 4566, site: Some(8081) });
        assert_eq!(local(left_out, running, own).0, "http://localhost:8081", "the site that runs goes on working");
    }

    #[test]
    fn what_runs_says_on_which_ports() {
        let running = Some(Ports { cloud: 5000, site: Some(8081) });
        let text = "local.port = 4567\nlocal.site-port = 3000";
        for choice in [LocalChoice::Running, STARTING, LocalChoice::Starting { port: Some(4568), site: true }] {
            assert_eq!(local(choice, running, text), ("http://localhost:8081".to_owned(), Some(8081), 5000), "{choice:?}");
        }
        assert_eq!(local(LocalChoice::Starting { port: Some(4568), site: true }, None, text).2, 4568);
        let without_site = Some(Ports { cloud: 5000, site: None });
        assert_eq!(local(LocalChoice::Running, without_site, text), ("http://localhost:3000".to_owned(), None, 5000));
        let stopped = resolved_for(LocalChoice::Running, None, &[], &Environment::default(), text).unwrap_err();
        assert!(matches!(stopped, Error::NotRunning), "{stopped}");
    }

    #[test]
    fn the_site_and_the_local_cloud_are_on_two_ports() {
        let text = "local.port = 8080";
        let error = resolved_for(STARTING, None, &[], &Environment::default(), text).unwrap_err();
        assert_eq!(error.to_string(), "local.site-port: the local cloud is to listen on 8080 as well");
        assert!(resolved(&[], &Environment::default(), text).is_ok(), "AWS is meant");
    }

    #[test]
    fn the_local_cloud_takes_nothing_that_is_for_aws() {
        let environment = Environment {
            endpoint_url: Some("http://127.0.0.1:1".to_owned()),
            region: Some("eu-west-1".to_owned()),
            profile: Some("work".to_owned()),
            bucket: Some("code".to_owned()),
            ..Environment::default()
        };
        let file = "[defaults]\naccount = '123456789012'";
        let local = resolved_for(STARTING, None, &[], &environment, file).unwrap();
        let expected = Connection {
            region: Some(local::REGION.to_owned()),
            profile: None,
            endpoint: Endpoint::Local("http://127.0.0.1:4566".parse().unwrap()),
        };
        assert_eq!((local.connection, local.bucket, local.pin), (expected, None, None));
        let aws = resolved(&[], &environment, file).unwrap();
        assert_eq!(aws.connection.endpoint, Endpoint::Url("http://127.0.0.1:1".to_owned()));
        assert_eq!((aws.bucket.as_deref(), aws.pin.is_some()), (Some("code"), true));
    }

    #[test]
    fn a_flag_wins_over_its_variable() {
        let environment = Environment {
            stage: Some("production".to_owned()),
            endpoint_url: Some("http://127.0.0.1:1".to_owned()),
            ..Environment::default()
        };
        let stage = |arguments: &[&str]| resolved(arguments, &environment, FILE).unwrap().stage();
        assert_eq!([stage(&[]), stage(&["--stage", "default"]), stage(&["--stage", ""])], ["production", "default", "default"]);
        let asked = resolved(&["--endpoint-url", "http://127.0.0.1:2"], &environment, FILE).unwrap();
        assert_eq!(asked.connection.endpoint.url(), Some("http://127.0.0.1:2"));
    }

    #[test]
    fn the_stages_own_site_may_call_unless_the_stage_says_otherwise() {
        let allowed = |text: &str, site: Option<&str>| {
            let config = resolved(&["--stage", "it"], &Environment::default(), text).unwrap();
            let site = site.map(|site| site.parse().unwrap());
            config.allowed_origin(site.as_ref()).to_string()
        };
        let (site, common) = (Some("https://d1.cloudfront.net"), "[defaults]\nallowed-origin = 'https://a.example'\n[stages.it]\n");
        assert_eq!(allowed("[stages.it]", None), "http://localhost:8080");
        assert_eq!(allowed("[stages.it]", site), "https://d1.cloudfront.net");
        assert_eq!(allowed(common, None), "https://a.example");
        assert_eq!(allowed(common, site), "https://d1.cloudfront.net");
        assert_eq!(allowed(&format!("{common}allowed-origin = 'https://b.example'"), site), "https://b.example");
    }

    #[test]
    fn an_unknown_stage_names_the_known_ones() {
        let error = resolved(&["--stage", "prodution"], &Environment::default(), FILE).unwrap_err();
        assert_eq!(error.to_string(), "/shop/cartctl.toml has no stage `prodution`");
        assert!(error.hint().unwrap().starts_with("its stages are production;"), "{:?}", error.hint());
    }

    #[test]
    fn a_misspelt_key_is_an_error_that_says_where() {
        let error = resolved(&[], &Environment::default(), "regoin = 'eu-west-1'").unwrap_err();
        assert!(error.to_string().contains("line 1"), "{error}");
        assert!(error.to_string().contains("regoin"), "{error}");
    }
}
