//! Settles what a command works with: flags over environment over `cartctl.toml` over defaults. The only reader of the environment.
//! Knows nothing of AWS; [`resolve`] is a pure function of what was typed, what the environment says and what the file holds.

use std::{collections::BTreeMap, str::FromStr};

use camino::{Utf8Path, Utf8PathBuf};
use cart_infra::{
    Architecture, Code, Endpoints, LogRetention, Monitoring, Names, Origin, ParameterRoot, Settings, StackPrefix, Stage, StageName,
    TopicArn,
};
use serde::Deserialize;

use crate::{
    args,
    domain::connection::{Connection, Endpoint, Profile},
    local,
};

/// The name of the configuration file.
pub(crate) const FILE_NAME: &str = "cartctl.toml";

/// Everything a command needs to know before it starts.
#[derive(Clone, Debug)]
pub(crate) struct Config {
    /// The folder of the workspace: where `Cargo.toml`, `templates/` and `frontend/` are.
    pub workspace: Utf8PathBuf,
    /// What the templates are made from, except the code, which is known once it is packaged.
    pub names: Names,
    /// Whether people's data is kept when this stage is deleted.
    pub protected: bool,
    allowed_origin: AllowedOrigin,
    /// The processor the functions run on.
    pub architecture: Architecture,
    log_retention: LogRetention,
    reserved_concurrency: Option<u32>,
    monitoring: Option<Monitoring>,
    /// The tags of every stack.
    pub tags: BTreeMap<String, String>,
    /// The only account and region this stage may be in, where it says so. The local cloud is neither.
    pub pin: Option<Pin>,
    /// How to reach AWS, or the local cloud.
    pub connection: Connection,
    /// The file the frontend reads its configuration from.
    pub env_file: Utf8PathBuf,
    /// The folder of the shop.
    pub shop: Utf8PathBuf,
    /// Where the local cloud listens and keeps its state.
    pub local: LocalSettings,
    /// How the answer is written.
    pub output: args::Output,
    /// Whether nobody is asked.
    pub yes: bool,
    /// Whether more is told than most want to know.
    pub verbose: bool,
}

/// The one origin whose pages may call the APIs, and for which stages that is said.
#[derive(Clone, Debug, PartialEq, Eq)]
enum AllowedOrigin {
    /// For this one.
    OfStage(Origin),
    /// For all of them, or by default.
    OfAll(Origin),
}

/// Where a stage belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pin {
    /// The account.
    pub account: AccountId,
    /// The region, where the file names one.
    pub region: Option<String>,
}

/// An account's number: twelve digits.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct AccountId(String);

impl AccountId {
    /// It as text.
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

/// Where the local cloud listens and keeps its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LocalSettings {
    /// The port on 127.0.0.1.
    pub port: u16,
    /// The folder for its logs, for what it keeps and for what says that it runs.
    pub directory: Utf8PathBuf,
    /// The port of `localhost` on which the shop's page is, unless it is left out: that of the allowed origin.
    pub page: Option<u16>,
}

impl Config {
    /// The one origin whose pages may call the APIs, given that of the page of this stage, if it has one. What the stage's own section
    /// says wins: somebody means this stage. What is said for all stages gives way, since no two of them have one page.
    pub(crate) fn allowed_origin<'a>(&'a self, page: Option<&'a Origin>) -> &'a Origin {
        match &self.allowed_origin {
            AllowedOrigin::OfStage(origin) => origin,
            AllowedOrigin::OfAll(origin) => page.unwrap_or(origin),
        }
    }

    /// Whether the stage's own section says which origin.
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

    /// Where the tools are that `make setup` installs.
    pub(crate) fn tools(&self) -> Utf8PathBuf {
        self.workspace.join(".venv/bin")
    }

    /// What the stage is called in messages.
    pub(crate) fn stage(&self) -> String {
        self.names.stage.to_string()
    }
}

/// Why the configuration cannot be used.
#[derive(Debug, thiserror::Error)]
pub(crate) enum Error {
    /// The file is there and cannot be read, or was named and is not there.
    #[error("reading {path} failed")]
    Read {
        /// The file.
        path: Utf8PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// The file is not what we understand.
    #[error("{path} cannot be used:\n{message}")]
    Parse {
        /// The file.
        path: Utf8PathBuf,
        /// What is wrong and where, as the parser tells it.
        message: String,
    },
    /// A stage that the file does not have.
    #[error("there is no stage `{stage}` in {path}")]
    UnknownStage {
        /// What was asked for.
        stage: String,
        /// The file.
        path: Utf8PathBuf,
        /// The stages the file has.
        known: Vec<String>,
    },
    /// The local cloud was asked for and does not run.
    #[error("the local cloud is not running")]
    NotRunning,
    /// A value does not parse.
    #[error("{name} cannot be `{value}`: {reason}")]
    Value {
        /// Where the value came from.
        name: &'static str,
        /// What it is.
        value: String,
        /// What is wrong with it.
        reason: String,
    },
    /// Called from somewhere else than a checkout of the project.
    #[error("no cartctl workspace in {start} or above it")]
    NoWorkspace {
        /// Where the search began.
        start: Utf8PathBuf,
    },
}

impl Error {
    /// The next thing to try.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownStage { stage, path, known } if known.is_empty() => {
                Some(format!("add a line `[stages.{stage}]` to {path}, or leave `--stage` out for the default stage"))
            }
            Self::UnknownStage { stage, path, known } => {
                Some(format!("it has {}; for a new one add a line `[stages.{stage}]` to {path}", known.join(", ")))
            }
            Self::NotRunning => Some("start it with `cartctl local --detach` (or `make local` in another terminal)".to_owned()),
            Self::NoWorkspace { .. } => Some("run cartctl inside a checkout of the project".to_owned()),
            Self::Read { .. } => Some(format!("name another file, or leave `--config` out to read {FILE_NAME} of the workspace")),
            Self::Parse { .. } | Self::Value { .. } => None,
        }
    }
}

/// What the environment says, apart from what clap reads for the flags.
#[derive(Clone, Debug, Default)]
pub(crate) struct Environment {
    /// `AWS_DEFAULT_REGION`, which every AWS tool reads after `AWS_REGION`.
    pub default_region: Option<String>,
    /// `AWS_PROFILE`, which gives way to credentials in the environment. So it is not the same as `--profile`.
    pub profile: Option<String>,
    /// The folder cartctl was called in.
    pub current_dir: Utf8PathBuf,
    /// What GitHub Actions reads, if this is a step of it.
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
        let variable = |name| std::env::var(name).ok().filter(|value| !value.is_empty());
        Self {
            default_region: variable("AWS_DEFAULT_REGION"),
            profile: variable("AWS_PROFILE"),
            current_dir: current_dir.unwrap_or_else(|| ".".into()),
            github: variable("GITHUB_ACTIONS").filter(|says| says == "true").map(|_| GitHub {
                step_summary: variable("GITHUB_STEP_SUMMARY").map(Utf8PathBuf::from),
                output: variable("GITHUB_OUTPUT").map(Utf8PathBuf::from),
            }),
        }
    }
}

/// `cartctl.toml`, as written.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct File {
    prefix: StackPrefix,
    parameter_root: ParameterRoot,
    defaults: StageSection,
    stages: BTreeMap<StageName, StageSection>,
    local: LocalSection,
    frontend: FrontendSection,
}

/// What may differ from stage to stage. Under `[defaults]` it holds for all of them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct StageSection {
    account: Option<AccountId>,
    region: Option<String>,
    profile: Option<String>,
    protected: Option<bool>,
    allowed_origin: Option<Origin>,
    architecture: Option<Architecture>,
    log_retention_days: Option<LogRetention>,
    reserved_concurrency: Option<u32>,
    monitoring: Option<bool>,
    alarm_topic: Option<TopicArn>,
    tags: BTreeMap<String, String>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct LocalSection {
    port: Option<u16>,
    directory: Option<Utf8PathBuf>,
    shop: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
struct FrontendSection {
    env_file: Option<Utf8PathBuf>,
    directory: Option<Utf8PathBuf>,
}

/// Finds and reads `cartctl.toml`, then settles everything.
pub(crate) fn load(global: &args::Global, local: LocalChoice, environment: &Environment) -> Result<Config, Error> {
    let workspace = find_workspace(&environment.current_dir)?;
    let path = global.config.clone().unwrap_or_else(|| workspace.join(FILE_NAME));
    let text = match std::fs::read_to_string(&path) {
        Ok(text) => text,
        Err(error) if error.kind() == std::io::ErrorKind::NotFound && global.config.is_none() => String::new(),
        Err(source) => return Err(Error::Read { path, source }),
    };
    resolve(global, local, environment, workspace, &path, &text)
}

/// What a command line says about the local cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LocalChoice {
    /// AWS is meant.
    Aws,
    /// `--local`: the local cloud, which has to run.
    Running,
    /// `cartctl local`: the local cloud, which is about to run, on this port if one was given.
    Starting(Option<u16>),
}

fn resolve(
    global: &args::Global,
    local: LocalChoice,
    environment: &Environment,
    workspace: Utf8PathBuf,
    path: &Utf8Path,
    text: &str,
) -> Result<Config, Error> {
    let file: File = toml::from_str(text)
        .map_err(|error| Error::Parse { path: path.to_owned(), message: error.to_string().trim_end().to_owned() })?;
    let (stage, section) = match global.stage.as_deref() {
        None | Some("" | "default") => (Stage::Default, StageSection::default()),
        Some(name) => {
            let unknown = || Error::UnknownStage {
                stage: name.to_owned(),
                path: path.to_owned(),
                known: file.stages.keys().map(ToString::to_string).collect(),
            };
            let name = StageName::from_str(name).map_err(|error| Error::Value {
                name: "--stage",
                value: name.to_owned(),
                reason: error.to_string(),
            })?;
            let section = file.stages.get(&name).ok_or_else(unknown)?.clone();
            (Stage::Named(name), section)
        }
    };
    let common = &file.defaults;
    let mut allowed_origin = section.allowed_origin.clone().or_else(|| common.allowed_origin.clone()).unwrap_or_default();
    let directory = workspace.join(file.local.directory.as_deref().unwrap_or(Utf8Path::new(".cartctl/local")));
    let with_page = match local {
        LocalChoice::Aws => false,
        LocalChoice::Running => local::page_runs(&directory),
        LocalChoice::Starting(_) => file.local.shop.unwrap_or(true),
    };
    if with_page && page_port(&allowed_origin).is_none() {
        // Where the page is in AWS is not where it can be here.
        allowed_origin = Origin::default();
    }
    let mut settings = LocalSettings {
        port: file.local.port.unwrap_or(local::DEFAULT_PORT),
        directory,
        page: page_port(&allowed_origin).filter(|_| with_page),
    };
    let connection = match local {
        LocalChoice::Aws => Connection {
            region: global
                .region
                .clone()
                .or_else(|| environment.default_region.clone())
                .or_else(|| section.region.clone())
                .or_else(|| common.region.clone()),
            profile: global.profile.clone().map(Profile::Asked).or_else(|| {
                let fallback = environment.profile.as_ref().or(section.profile.as_ref()).or(common.profile.as_ref());
                fallback.cloned().map(Profile::Fallback)
            }),
            endpoint: global.endpoint_url.clone().map_or(Endpoint::Aws, Endpoint::Url),
        },
        LocalChoice::Running => {
            settings.port = local::running_port(&settings.directory).ok_or(Error::NotRunning)?;
            local_connection(&settings)?
        }
        LocalChoice::Starting(port) => {
            settings.port = local::running_port(&settings.directory).or(port).unwrap_or(settings.port);
            local_connection(&settings)?
        }
    };
    let env_file = match (&file.frontend.env_file, connection.endpoint.is_local()) {
        (Some(path), _) => workspace.join(path),
        (None, false) => workspace.join("frontend/.env"),
        (None, true) => workspace.join("frontend/.env.local"),
    };
    let shop = workspace.join(file.frontend.directory.as_deref().unwrap_or(Utf8Path::new("frontend")));
    // A tag of the stage wins over one of all stages.
    let tags = common.tags.iter().chain(&section.tags).map(|(key, value)| (key.clone(), value.clone())).collect();
    let account = section.account.as_ref().or(common.account.as_ref()).filter(|_| !connection.endpoint.is_local());
    let pin =
        account.map(|account| Pin { account: account.clone(), region: section.region.clone().or_else(|| common.region.clone()) });
    let protected = section.protected.or(common.protected).unwrap_or(false);
    // Alarms cost money and want somebody to look at them, which a stage is worth whose data is.
    let monitored = section.monitoring.or(common.monitoring).unwrap_or(protected);
    let alarm_topic = section.alarm_topic.or_else(|| common.alarm_topic.clone());
    Ok(Config {
        tags,
        pin,
        names: Names { prefix: file.prefix, parameter_root: file.parameter_root, stage },
        protected,
        monitoring: monitored.then_some(Monitoring { alarm_topic }),
        allowed_origin: if section.allowed_origin.is_some() {
            AllowedOrigin::OfStage(allowed_origin)
        } else {
            AllowedOrigin::OfAll(allowed_origin)
        },
        architecture: section.architecture.or(common.architecture).unwrap_or_default(),
        log_retention: section.log_retention_days.or(common.log_retention_days).unwrap_or_default(),
        reserved_concurrency: section.reserved_concurrency.or(common.reserved_concurrency),
        workspace,
        connection,
        env_file,
        shop,
        local: settings,
        output: global.output,
        yes: global.yes,
        verbose: global.verbose > 0,
    })
}

/// The port of an origin that a page on this machine can have: the site of the local cloud's APIs, without whose cookies there is no cart.
fn page_port(origin: &Origin) -> Option<u16> {
    match origin.as_str().strip_prefix("http://localhost")? {
        "" => Some(80),
        port => port.strip_prefix(':')?.parse().ok(),
    }
}

fn local_connection(settings: &LocalSettings) -> Result<Connection, Error> {
    let url = format!("http://127.0.0.1:{}", settings.port);
    let invalid =
        |error: cart_infra::Invalid| Error::Value { name: "--port", value: settings.port.to_string(), reason: error.to_string() };
    let origin = url.parse().map_err(invalid)?;
    Ok(Connection { region: Some(local::REGION.to_owned()), profile: None, endpoint: Endpoint::Local(origin) })
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

    fn resolved(arguments: &[&str], environment: &Environment, text: &str) -> Result<Config, Error> {
        let cli = args::Cli::parse_from([&["cartctl", "status"], arguments].concat());
        resolve(&cli.global, LocalChoice::Aws, environment, "/shop".into(), "/shop/cartctl.toml".into(), text)
    }

    /// The settings of the default stage, with code that is not packaged.
    pub(crate) fn settings() -> Settings {
        resolved(&[], &Environment::default(), "").unwrap().settings(Code::not_packaged())
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
        let set = Environment { default_region: Some("us-west-2".to_owned()), ..Environment::default() };
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
        assert_eq!(config.names.stack_name(cart_infra::StackId::Auth), "aws-serverless-shopping-cart-production-auth");
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

    #[test]
    fn the_local_page_is_where_its_origin_says_if_that_is_here() {
        let local = |text: &str| {
            let cli = args::Cli::parse_from(["cartctl", "local"]);
            let (folder, file) = ("/shop".into(), "/shop/cartctl.toml".into());
            let config = resolve(&cli.global, LocalChoice::Starting(None), &Environment::default(), folder, file, text).unwrap();
            (config.allowed_origin(None).to_string(), config.local.page)
        };
        assert_eq!(local(""), ("http://localhost:8080".to_owned(), Some(8080)));
        assert_eq!(local("defaults.allowed-origin = 'http://localhost:3000'"), ("http://localhost:3000".to_owned(), Some(3000)));
        assert_eq!(local("defaults.allowed-origin = 'http://localhost'"), ("http://localhost".to_owned(), Some(80)));
        assert_eq!(local("defaults.allowed-origin = 'https://shop.example'"), ("http://localhost:8080".to_owned(), Some(8080)));
        assert_eq!(local("local.shop = false"), ("http://localhost:8080".to_owned(), None));
        let aws = resolved(&[], &Environment::default(), "defaults.allowed-origin = 'https://shop.example'").unwrap();
        assert_eq!(aws.allowed_origin(None).as_str(), "https://shop.example");
    }

    #[test]
    fn the_stages_own_page_may_call_unless_the_stage_says_otherwise() {
        let allowed = |text: &str, page: Option<&str>| {
            let config = resolved(&["--stage", "it"], &Environment::default(), text).unwrap();
            let page = page.map(|page| page.parse().unwrap());
            config.allowed_origin(page.as_ref()).to_string()
        };
        let (page, common) = (Some("https://d1.cloudfront.net"), "[defaults]\nallowed-origin = 'https://a.example'\n[stages.it]\n");
        assert_eq!(allowed("[stages.it]", None), "http://localhost:8080");
        assert_eq!(allowed("[stages.it]", page), "https://d1.cloudfront.net");
        assert_eq!(allowed(common, None), "https://a.example");
        assert_eq!(allowed(common, page), "https://d1.cloudfront.net");
        assert_eq!(allowed(&format!("{common}allowed-origin = 'https://b.example'"), page), "https://b.example");
    }

    #[test]
    fn an_unknown_stage_names_the_known_ones() {
        let error = resolved(&["--stage", "prodution"], &Environment::default(), FILE).unwrap_err();
        assert_eq!(error.to_string(), "there is no stage `prodution` in /shop/cartctl.toml");
        assert!(error.hint().unwrap().starts_with("it has production;"), "{:?}", error.hint());
    }

    #[test]
    fn a_misspelt_key_is_an_error_that_says_where() {
        let error = resolved(&[], &Environment::default(), "regoin = 'eu-west-1'").unwrap_err();
        assert!(error.to_string().contains("line 1"), "{error}");
        assert!(error.to_string().contains("regoin"), "{error}");
    }
}
