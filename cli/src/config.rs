//! Settles what a command works with: flags over environment over `cartctl.toml` over defaults. Knows nothing of AWS. [`load`] looks at the
//! file and at what runs of the local cloud; everything else is decided from what is passed in.

use std::collections::BTreeMap;

use camino::{Utf8Path, Utf8PathBuf};
use cart_infra::{Architecture, Code, CookieScope, Endpoints, LogRetention, Monitoring, Names, Origin, Region, Settings};
use cfn::resource::iam::RoleTerms;

use self::{
    file::File,
    merge::Sources,
    regional::{Misfit, Regional},
};
use crate::{
    args,
    build::inherited::Inherited,
    domain::{
        bucket::BucketName,
        command::Command,
        connection::{Connection, Endpoint},
    },
    local::{self, Ports},
};

pub(crate) use self::{
    environment::{Environment, GitHub, Variable, unset_empty_variables},
    local_cloud::{LocalChoice, LocalSettings},
};

mod check;
mod environment;
mod file;
mod local_cloud;
mod merge;
mod origin;
mod regional;
mod tags;

/// The name of the configuration file.
const FILE_NAME: &str = "cartctl.toml";

/// Everything a command needs to know before it starts.
#[derive(Clone, Debug)]
#[expect(clippy::struct_excessive_bools, reason = "each is a setting of its own")]
pub(crate) struct Config {
    /// The folder with `Cargo.toml`, `templates/` and `frontend/`.
    pub workspace: Utf8PathBuf,
    pub names: Names,
    /// Whether people's data is kept when this stage is deleted.
    pub protected: bool,
    allowed_origin: AllowedOrigin,
    /// Why the stage cannot be deployed with the origin that its section names.
    refused_origin: Option<file::Misplaced>,
    /// Allowed by a stage that allows no page yet.
    nobody: Origin,
    pub architecture: Architecture,
    log_retention: LogRetention,
    reserved_concurrency: Option<u32>,
    monitoring: Option<Monitoring>,
    waf: bool,
    /// What every role has.
    pub roles: RoleTerms,
    /// The tags of every stack.
    pub tags: BTreeMap<String, String>,
    /// The only account and region this stage may be in, if the file names them. Never for the local cloud, which has neither.
    pub pin: Option<Pin>,
    pub connection: Connection,
    /// The variable whose region gives way to that of the stage's own section.
    pub ignored_region: Option<Variable>,
    /// A bucket for code, if the environment names one. `--bucket` wins over it.
    pub bucket: Option<BucketName>,
    /// The file the frontend reads its variables from.
    pub env_file: Utf8PathBuf,
    /// The folder of the frontend.
    pub shop: Utf8PathBuf,
    pub local: LocalSettings,
    /// What build tools and local programs are told of the environment.
    pub inherited: Inherited,
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
    /// In a protected stage, in whose place an origin of all stages would be unfit: that of its own site, and nobody until it has one.
    SiteOnly {
        instead_of: Origin,
    },
}

/// Where a stage belongs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Pin {
    pub account: AccountId,
    /// None, if the file names no region.
    pub region: Option<Region>,
}

cfn::parsed! {
    /// An account's number.
    AccountId is "an AWS account": "write its twelve digits in quotes, without hyphens", cfn::is_account_id;
}

impl Config {
    /// The one origin whose sites may call the APIs, given that of this stage's own site, if it has one. The stage's own section wins:
    /// it is about this stage. A setting for all stages gives way, since no two of them have the same site, and is not taken by a
    /// protected stage that it does not suit.
    pub(crate) fn allowed_origin<'a>(&'a self, site: Option<&'a Origin>) -> &'a Origin {
        match &self.allowed_origin {
            AllowedOrigin::OfStage(origin) => origin,
            AllowedOrigin::OfAll(origin) => site.unwrap_or(origin),
            AllowedOrigin::SiteOnly { .. } => site.unwrap_or(&self.nobody),
        }
    }

    /// The pages that send the cookie of an anonymous cart: those of the stage's own site, if only they may call. One address is in front
    /// of that site and of the APIs.
    pub(crate) fn cart_cookie(&self, site: Option<&Origin>) -> CookieScope {
        if site == Some(self.allowed_origin(site)) { CookieScope::OwnHost } else { CookieScope::AnySite }
    }

    /// Fails if the stage's own section names an origin that a protected stage does not allow.
    pub(crate) fn check_origin(&self) -> Result<(), Error> {
        self.refused_origin.clone().map_or(Ok(()), |misplaced| Err(misplaced.into()))
    }

    /// The origin of all stages, if it is unfit for this one, so that it has to have a site.
    pub(crate) fn unfit_origin(&self) -> Option<&Origin> {
        if let AllowedOrigin::SiteOnly { instead_of } = &self.allowed_origin { Some(instead_of) } else { None }
    }

    /// Whether the stage's own section names an origin.
    pub(crate) fn has_own_origin(&self) -> bool {
        matches!(self.allowed_origin, AllowedOrigin::OfStage(_))
    }

    /// What the templates are made from, given where the code is and what the origin of the stage's own site is.
    pub(crate) fn settings(&self, code: Code, site: Option<&Origin>) -> Settings {
        Settings {
            names: self.names.clone(),
            protected: self.protected,
            allowed_origin: self.allowed_origin(site).clone(),
            cart_cookie: self.cart_cookie(site),
            architecture: self.architecture,
            code,
            endpoints: match &self.connection.endpoint {
                Endpoint::Local(base_url) => Endpoints::Local { base_url: base_url.clone() },
                Endpoint::Aws | Endpoint::Url(_) => Endpoints::Aws,
            },
            log_retention: self.log_retention,
            reserved_concurrency: self.reserved_concurrency,
            monitoring: self.monitoring.clone(),
            waf: self.waf,
            roles: self.roles.clone(),
        }
    }

    /// Fails if settings cannot hold in this region, which only a profile may have named.
    pub(crate) fn check_region(&self, region: &str) -> Result<(), Error> {
        let Ok(region) = region.parse::<Region>() else { return Ok(()) };
        let regional = Regional::of(&self.roles, self.monitoring.as_ref(), &self.connection);
        match regional.misfit(&region).filter(|_| !self.connection.endpoint.is_local()) {
            Some(Misfit { setting, reason }) => Err(Error::Value { name: setting.name().to_owned(), reason }),
            None => Ok(()),
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
        /// The flag or the variable.
        named_by: String,
        path: Utf8PathBuf,
        /// The stages that the file has.
        known: Vec<String>,
    },
    #[error("the local cloud is not running")]
    NotRunning,
    /// A value that does not parse, or cannot be meant.
    #[error("{name}: {reason}")]
    Value {
        /// The flag, the variable or the key.
        name: String,
        /// With the value.
        reason: String,
    },
    /// Values of the file that do not fit together.
    #[error(transparent)]
    Misplaced(#[from] file::Misplaced),
    /// A variable, or a path.
    #[error("{name} is not UTF-8")]
    NotUtf8 { name: String },
    /// The process could not be started again without them.
    #[error("{} set, but empty, which libraries would take for a value", are(names))]
    EmptyVariables { names: Vec<String>, source: std::io::Error },
    /// Called outside a checkout of the project.
    #[error("no cartctl workspace in {start} or above it")]
    NoWorkspace { start: Utf8PathBuf },
}

impl Error {
    /// The next thing to try.
    pub(crate) fn hint(&self) -> Option<String> {
        match self {
            Self::UnknownStage { stage, named_by, path, known } if known.is_empty() => {
                let omit = if named_by.starts_with('-') { format!("omit `{named_by}`") } else { format!("unset {named_by}") };
                Some(format!("add a line `[stages.{stage}]` to {path}, or {omit} for the default stage"))
            }
            Self::UnknownStage { stage, path, known, .. } => {
                Some(format!("its stages are {}; for a new one add a line `[stages.{stage}]` to {path}", known.join(", ")))
            }
            Self::NotRunning => {
                Some(format!("start it with {} (or `make local` in another terminal)", Command::cartctl("local --detach")))
            }
            Self::NoWorkspace { .. } => Some("run cartctl inside a checkout of the project".to_owned()),
            Self::Read { .. } => Some(format!("name another file, or omit `--config` to read {FILE_NAME} of the workspace")),
            Self::EmptyVariables { names, .. } => Some(format!("unset {} and run the same command again", names.join(", "))),
            Self::NotUtf8 { .. } | Self::Parse { .. } | Self::Misplaced(_) | Self::Value { .. } => None,
        }
    }
}

fn are(names: &[String]) -> String {
    format!("{} {}", names.join(", "), if names.len() == 1 { "is" } else { "are" })
}

/// Finds and reads `cartctl.toml`, observes the local cloud, and settles everything.
pub(crate) fn load(global: &args::Global, choice: LocalChoice, environment: &Environment) -> Result<Config, Error> {
    let workspace = find_workspace(&environment.current_dir)?;
    let path = global.config.clone().unwrap_or_else(|| workspace.join(FILE_NAME));
    let file = File::read(&path, global.config.is_some())?;
    let directory = local_cloud::directory(&file.local, &workspace);
    let running = local::running_ports(&directory);
    let mut config = resolve(global, choice, environment, running, workspace, &path, &file)?;
    if config.connection.endpoint.is_local() {
        // Those of the run, or for the run that this command starts.
        config.connection.local_keys = if running.is_some() { local::keys::read(&directory) } else { Some(local::keys::new()) };
    }
    Ok(config)
}

fn resolve(
    global: &args::Global,
    choice: LocalChoice,
    environment: &Environment,
    running: Option<Ports>,
    workspace: Utf8PathBuf,
    path: &Utf8Path,
    file: &File,
) -> Result<Config, Error> {
    let (stage, section) = check::stage(merge::stage(global, environment), file, path)?;
    let sources = Sources { flags: global, environment, stage: &section, defaults: &file.defaults, file, path };
    let is_local = choice != LocalChoice::Aws;
    let local = local_cloud::settings(choice, &file.local, local_cloud::directory(&file.local, &workspace), running)?;
    let (connection, allowed_origin) = if is_local {
        (local_cloud::connection(&local)?, local_cloud::allowed_origin(&local, &file.local, &sources)?)
    } else {
        (sources.connection()?, sources.allowed_origin())
    };
    if let Some(region) = connection.region.as_ref().filter(|_| !is_local) {
        sources.fit(region, &connection)?;
    }
    // Nobody is asked for credentials of the local cloud.
    let connection = Connection { stage: Some(stage.to_string()).filter(|_| !is_local), ..connection };
    let env_file = if is_local { "frontend/.env.local" } else { "frontend/.env" };
    Ok(Config {
        protected: sources.protected(),
        allowed_origin,
        refused_origin: sources.refused_origin().filter(|_| !is_local),
        nobody: Origin::nobody(),
        architecture: sources.architecture(),
        log_retention: sources.log_retention(),
        reserved_concurrency: sources.reserved_concurrency(),
        monitoring: sources.monitoring(),
        waf: sources.waf(),
        roles: sources.roles(),
        tags: sources.tags()?,
        pin: if is_local { None } else { sources.pin() },
        connection,
        ignored_region: sources.ignored_region().filter(|_| !is_local).cloned(),
        bucket: if is_local { None } else { sources.bucket()? },
        env_file: workspace.join(file.frontend.env_file.as_ref().map_or(env_file.into(), |path| path.0.0.as_path())),
        shop: workspace.join(file.frontend.directory.as_ref().map_or("frontend".into(), |path| path.0.0.as_path())),
        local,
        inherited: environment.inherited.clone(),
        yes: global.yes,
        verbose: global.verbose > 0,
        names: Names { prefix: file.prefix.0.clone(), parameter_root: file.parameter_root.0.clone(), stage },
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
pub(crate) mod tests;
