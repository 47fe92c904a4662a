//! `cartctl.toml`, as written. Knows nothing of flags, of the environment and of defaults.

use std::{collections::BTreeMap, fmt::Display, io::ErrorKind, num::NonZeroU16, str::FromStr};

use camino::{Utf8Path, Utf8PathBuf};
use cart_infra::{Architecture, GivenTopicArn, LogRetention, Origin, ParameterRoot, StackPrefix, StageName};
use serde::{Deserialize, Deserializer, de::Error as _};

use super::{AccountId, Error};

/// Everything a file may say.
#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct File {
    pub prefix: StackPrefix,
    pub parameter_root: ParameterRoot,
    pub defaults: StageSection,
    pub stages: BTreeMap<StageName, StageSection>,
    pub local: LocalSection,
    pub frontend: FrontendSection,
}

/// What may differ from stage to stage. Under `[defaults]` it holds for all of them.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct StageSection {
    pub account: Option<AccountId>,
    pub region: Option<String>,
    pub profile: Option<String>,
    pub protected: Option<bool>,
    #[serde(deserialize_with = "parsed")]
    pub allowed_origin: Option<Origin>,
    pub architecture: Option<Architecture>,
    pub log_retention_days: Option<LogRetention>,
    pub reserved_concurrency: Option<u32>,
    pub monitoring: Option<bool>,
    pub alarm_topic: Option<GivenTopicArn>,
    pub tags: BTreeMap<String, String>,
}

/// Reads a type that has a parser and no `Deserialize`, because its crate has no dependencies.
fn parsed<'de, D: Deserializer<'de>, T: FromStr<Err: Display>>(deserializer: D) -> Result<Option<T>, D::Error> {
    String::deserialize(deserializer)?.parse().map(Some).map_err(D::Error::custom)
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct LocalSection {
    pub port: Option<NonZeroU16>,
    pub site_port: Option<NonZeroU16>,
    pub directory: Option<Utf8PathBuf>,
    pub shop: Option<bool>,
}

#[derive(Debug, Default, Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields, default)]
pub(super) struct FrontendSection {
    pub env_file: Option<Utf8PathBuf>,
    pub directory: Option<Utf8PathBuf>,
}

impl File {
    /// The file at `path`. A file that nobody named need not exist.
    pub(super) fn read(path: &Utf8Path, named: bool) -> Result<Self, Error> {
        match std::fs::read_to_string(path) {
            Ok(text) => Self::parse(path, &text),
            Err(error) if error.kind() == ErrorKind::NotFound && !named => Ok(Self::default()),
            Err(source) => Err(Error::Read { path: path.to_owned(), source }),
        }
    }

    pub(super) fn parse(path: &Utf8Path, text: &str) -> Result<Self, Error> {
        let failed =
            |error: toml::de::Error| Error::Parse { path: path.to_owned(), message: error.to_string().trim_end().to_owned() };
        toml::from_str(text).map_err(failed)
    }
}
