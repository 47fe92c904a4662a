//! How AWS or the local cloud is reached. Does not know where that is configured.

use cart_contract::Origin;

/// A region, a profile and an endpoint.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Connection {
    /// None, if only the profile can say.
    pub region: Option<String>,
    pub profile: Option<Profile>,
    pub endpoint: Endpoint,
}

/// A profile in `~/.aws` that credentials are taken from.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Profile {
    /// Named on the command line: the only source of credentials.
    Asked(String),
    /// Used if the environment holds no credentials, as every AWS tool does.
    Fallback(String),
}

/// Where requests go.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) enum Endpoint {
    /// AWS itself.
    #[default]
    Aws,
    /// A service at this URL that behaves like AWS.
    Url(String),
    /// The local cloud, which accepts any credentials.
    Local(Origin),
}

impl Endpoint {
    /// None for AWS itself.
    pub(crate) fn url(&self) -> Option<&str> {
        match self {
            Self::Aws => None,
            Self::Url(url) => Some(url),
            Self::Local(origin) => Some(origin.as_str()),
        }
    }

    pub(crate) fn is_local(&self) -> bool {
        matches!(self, Self::Local(_))
    }
}
