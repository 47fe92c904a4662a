//! What a command line and the file mean for the local cloud, given what runs of it already. Looks at nothing itself.

use camino::{Utf8Path, Utf8PathBuf};
use cart_infra::{Invalid, NotAnOrigin, Origin};

use super::{AllowedOrigin, Error, file::LocalSection, merge::Sources};
use crate::{
    domain::connection::{Connection, Endpoint},
    local::{DEFAULT_PORT, DEFAULT_SITE_PORT, Ports, REGION},
};

/// Where the local cloud keeps its state, relative to the workspace.
const DIRECTORY: &str = ".cartctl/local";

/// What a command line says about the local cloud.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum LocalChoice {
    /// AWS is meant.
    Aws,
    /// `--local`: the local cloud, which has to run.
    Running,
    /// `cartctl local`: the local cloud, which is about to run.
    Starting {
        /// `--port`
        port: Option<u16>,
        /// Whether the site is wanted, as far as the command line says.
        site: bool,
    },
}

/// Where the local cloud listens and keeps its state.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct LocalSettings {
    /// The port on 127.0.0.1.
    pub port: u16,
    /// The folder for its logs, for what it keeps and for what says that it runs.
    pub directory: Utf8PathBuf,
    /// The port of `localhost` on which the shop's site is served. None, if it is left out.
    pub site: Option<u16>,
    /// What runs already.
    pub running: Option<Ports>,
}

pub(super) fn directory(section: &LocalSection, workspace: &Utf8Path) -> Utf8PathBuf {
    workspace.join(section.directory.as_ref().map_or(Utf8Path::new(DIRECTORY), |directory| &directory.0.0))
}

/// The settings for this choice, unless it cannot be meant.
pub(super) fn settings(
    choice: LocalChoice,
    section: &LocalSection,
    directory: Utf8PathBuf,
    running: Option<Ports>,
) -> Result<LocalSettings, Error> {
    let port = section.port.map_or(DEFAULT_PORT, |port| port.0.0.get());
    let running_site = running.and_then(|ports| ports.site);
    let (port, site) = match choice {
        LocalChoice::Aws => (port, None),
        LocalChoice::Running => (running.ok_or(Error::NotRunning)?.cloud, running_site),
        LocalChoice::Starting { port: asked, site } => {
            let port = running.map(|ports| ports.cloud).or(asked).unwrap_or(port);
            let wanted = site && section.shop.unwrap_or(true);
            (port, wanted.then(|| running_site.unwrap_or(site_port(section))))
        }
    };
    if site == Some(port) {
        let reason = format!("the local cloud is to listen on {port} as well");
        return Err(Error::Value { name: "local.site-port".to_owned(), reason });
    }
    Ok(LocalSettings { port, directory, site, running })
}

pub(super) fn connection(settings: &LocalSettings) -> Result<Connection, Error> {
    let wrong = |reason: String| Error::Value { name: "--port".to_owned(), reason };
    let origin = Origin::http("127.0.0.1", settings.port).map_err(|error| wrong(error.to_string()))?;
    let region = REGION.parse().map_err(|error: Invalid| wrong(error.to_string()))?;
    Ok(Connection { region: Some(region), endpoint: Endpoint::Local(origin), ..Connection::default() })
}

/// The origin that the local cloud allows: that of the site beside it, since no other site shares its cookies. Without one, whatever
/// the file says, for a site that somebody else serves.
pub(super) fn allowed_origin(
    settings: &LocalSettings,
    section: &LocalSection,
    sources: &Sources<'_>,
) -> Result<AllowedOrigin, Error> {
    let served = settings.running.and_then(|ports| ports.site).or(settings.site);
    let origin = match (served, sources.origin_of_file()) {
        (None, Some(origin)) => origin,
        (port, _) => origin(port.unwrap_or(site_port(section)))?,
    };
    Ok(if sources.stage.allowed_origin.is_some() { AllowedOrigin::OfStage(origin) } else { AllowedOrigin::OfAll(origin) })
}

fn site_port(section: &LocalSection) -> u16 {
    section.site_port.map_or(DEFAULT_SITE_PORT, |port| port.0.0.get())
}

/// The origin of a site on this machine.
fn origin(port: u16) -> Result<Origin, Error> {
    let wrong = |error: NotAnOrigin| Error::Value { name: "local.site-port".to_owned(), reason: error.to_string() };
    Origin::http("localhost", port).map_err(wrong)
}
